"""The law of a model: train, predict, save, load, card; and what a score is.

A model sees a feature matrix and, in training only, a panel with its labels and a split. It never
sees the truth. Its predictions are one number per row of the panel: a log spread, a probability or
an anomaly score (larger is stranger).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, Self

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from bondx_lib.artefacts import read_json, sha256_file, write_json
from bondx_lib.errors import BadInput, nearest
from bondx_lib.parameters import Parameters

Floats = NDArray[np.float64]
Words = NDArray[np.str_]

CARD_NAME: Final = "model.json"


class Model(Protocol):
    """What every model offers.

    Attributes
    ----------
    name
        Its key in the register.
    target
        The panel column it learns, or ``none`` if it learns without a label.
    columns
        The features it sees, in order.
    horizon_months
        How far its label looks ahead.
    """

    name: ClassVar[str]
    target: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    horizon_months: ClassVar[int]

    @property
    def facts(self) -> dict[str, Any]:
        """Return what training left behind: rows, target mean, settings."""
        ...

    @classmethod
    def train(
        cls,
        features: pd.DataFrame,
        panel: pd.DataFrame,
        split: Words,
        parameters: Parameters,
        rng: Generator,
    ) -> Self:
        """Return a model trained on the rows whose split is ``train``.

        Parameters
        ----------
        features
            From :func:`bondx_lib.features.build`; equal row order as ``panel``.
        panel
            Pool of accepted variations, labels included.
        split
            One of ``train``, ``holdout``, ``unused`` per row.
        parameters, rng
            Settings and the only source of randomness.
        """
        ...

    def predict(self, features: pd.DataFrame, panel: pd.DataFrame) -> Floats:
        """Return one prediction per row."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model to a folder, without pickle, the same bytes for the same model."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model back; runs no code from the folder."""
        ...

    def card(self) -> dict[str, Any]:
        """Return what a reader should know of the model."""
        ...


@dataclass(frozen=True)
class Scores:
    """How good a model's predictions are on an evaluation market.

    Attributes
    ----------
    model, loss_name
        Which model, judged by which loss; smaller is better.
    loss, loss_low, loss_high
        Mean loss with its 95 % issuer-cluster interval.
    floor, ceiling, full_state
        Mean loss of the best constant (no model at all), the best that the permitted features
        allow (:mod:`bondx_lib.ceilings`), and that of the true law given the full state.
    skill, skill_low, skill_high
        (floor − loss) / (floor − ceiling) with its interval; NaN where the draw is too small.
    rows, events
        Rows judged, and how many of them are events (0 for the spread).
    mse, r2, accuracy, base_rate, auc, log_loss, brier, average_precision
        The usual measures where they apply; ``base_rate`` is the accuracy of always naming the
        commoner outcome.
    calibration_intercept, calibration_slope
        0 and 1 for a calibrated probability.
    segments
        Loss with interval by letter grade.
    deciles
        Predicted and observed frequency with interval, by tenth of the prediction.
    recalls
        Recall at the alert rate by kind of damage.
    """

    model: str
    loss_name: str
    loss: float
    loss_low: float
    loss_high: float
    floor: float
    ceiling: float
    full_state: float
    skill: float
    skill_low: float
    skill_high: float
    rows: int
    events: int
    mse: float | None = None
    r2: float | None = None
    accuracy: float | None = None
    base_rate: float | None = None
    auc: float | None = None
    log_loss: float | None = None
    brier: float | None = None
    average_precision: float | None = None
    calibration_intercept: float | None = None
    calibration_slope: float | None = None
    segments: tuple[dict[str, Any], ...] = ()
    deciles: tuple[dict[str, Any], ...] = ()
    recalls: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, null for a number that does not exist."""
        return {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class Comparison:
    """Champion against challenger on the same rows.

    ``difference`` is the champion's loss less the challenger's, so positive means that the
    challenger is better; ``low`` and ``high`` bound it with 95 % confidence.
    """

    difference: float | None
    low: float | None
    high: float | None
    promote: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


def write_card(
    folder: Path, name: str, columns: tuple[str, ...], facts: dict[str, Any], file: str
) -> None:
    """Write ``model.json``, which holds the SHA-256 of the model's own file."""
    digest = sha256_file(folder / file)
    card = {"format": 1, "name": name, "columns": list(columns), "facts": facts, "sha256": digest}
    write_json(folder / CARD_NAME, card)


def read_card(folder: Path, name: str, columns: tuple[str, ...], file: str) -> dict[str, Any]:
    """Return the facts of a saved model after checking that it is the one expected.

    The digest is checked before any library parses the file: some end the whole process when they
    meet a damaged one.

    Raises
    ------
    BadInput
        When ``model.json`` is missing, damaged, of another model or of other features, or when the
        model's own file is missing or not the one that was saved.
    """
    path = folder / CARD_NAME
    card = read_json(path)
    if not isinstance(card, dict) or not isinstance(card.get("facts"), dict):
        raise BadInput("is no model card", source=str(path))
    if card.get("format") != 1 or card.get("name") != name:
        raise BadInput(
            "is not the model that was asked for", source=str(path), key="name",
            value=card.get("name"), admissible=name,
        )  # fmt: skip
    if card.get("columns") != list(columns):
        raise BadInput("was trained on other features than this version has", source=str(path))
    if not (folder / file).is_file():
        raise BadInput("is missing", source=str(folder / file))
    if sha256_file(folder / file) != card.get("sha256"):
        raise BadInput("is not the file that was saved with its card", source=str(folder / file))
    return dict(card["facts"])


def matrix(features: pd.DataFrame, columns: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the model's features as an array in the model's own order.

    Raises
    ------
    BadInput
        When a feature is missing.
    """
    for name in columns:
        if name not in features.columns:
            raise BadInput(
                "is missing from the features", key=name,
                nearest=nearest(name, map(str, features.columns)),
            )  # fmt: skip
    return features[list(columns)].to_numpy(np.float32)
