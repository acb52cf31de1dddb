"""The law of a model: what it learns, how it is trained, asked, saved, and what a score is.

A model sees a :class:`Panel`: rows as anyone may see them and the features made of them. In
training it also gets a split (:mod:`.splits`). It never sees the truth. Its prediction is one
number per row: a log spread, a probability or an anomaly score (larger is stranger).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol, Self

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from bondx_lib import features
from bondx_lib.artefacts import inside, read_json, sha256_file, write_json
from bondx_lib.errors import BadInput, nearest
from bondx_lib.features import CrossSection
from bondx_lib.parameters import Parameters
from bondx_lib.schema import letter

Floats = NDArray[np.float64]
Words = NDArray[np.str_]
Bools = NDArray[np.bool_]

CARD_NAME: Final = "model.json"
CARD_FORMAT: Final = 2


@dataclass(frozen=True)
class Panel:
    """Rows and their features, of equal order.

    Attributes
    ----------
    rows
        Columns of the panel table, or as many of them as a model needs.
    features
        From :func:`bondx_lib.features.build`.
    """

    rows: pd.DataFrame
    features: pd.DataFrame

    @classmethod
    def of(cls, rows: pd.DataFrame, market: CrossSection | None = None) -> Self:
        """Return the rows with their features."""
        return cls(rows, features.build(rows, market))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def take(self, which: NDArray[np.int64]) -> Panel:
        """Return the rows at some positions."""
        return Panel(self.rows.iloc[which], self.features.iloc[which])

    def need(self, columns: Iterable[str]) -> None:
        """Check that the rows have some columns.

        Raises
        ------
        BadInput
            Naming the first that is missing, and the nearest that is there.
        """
        for name in columns:
            if name not in self.rows.columns:
                raise BadInput(
                    "is missing from the rows", key=name,
                    nearest=nearest(name, map(str, self.rows.columns)),
                )  # fmt: skip


@dataclass(frozen=True)
class Task:
    """What is to be learnt, and how an answer is judged.

    Attributes
    ----------
    kind
        ``value`` (squared error), ``event`` (log loss of a probability) or ``damage`` (average
        precision of a ranking, learnt without labels).
    label
        From rows to the value or 0/1, NaN where it is not known; for ``damage`` all NaN.
    unit
        Columns that name one case: rows that share them are one case, judged once.
    horizon_months
        How far the label looks ahead.
    undamaged
        Whether damaged rows are left out when it is judged.
    true_mean, true_variance
        Columns of the truth with the conditional mean (or probability) and variance of the label;
        empty where the simulator does not say.
    ceiling
        Key of the stored ceiling, empty where there is none.
    """

    kind: Literal["value", "event", "damage"]
    label: Callable[[pd.DataFrame], Floats]
    unit: tuple[str, ...]
    horizon_months: int = 0
    undamaged: bool = False
    true_mean: str = ""
    true_variance: str = ""
    ceiling: str = ""


def stored(column: str) -> Callable[[pd.DataFrame], Floats]:
    """Return the label that stands in a column of the panel."""
    return lambda rows: rows[column].to_numpy(float)


def letters(rows: pd.DataFrame) -> Words:
    """Return the letter grade of each row."""
    known = {rating: letter(str(rating)) for rating in rows["rating"].unique()}
    return rows["rating"].map(known).to_numpy(str)


class Model(Protocol):
    """What every model offers.

    Attributes
    ----------
    name, title
        Its key in the register, and how a reader should call it.
    task
        What it learns.
    columns
        The features it may see, in order.
    inputs
        Columns of the panel that its label, its splits and its answers are made of.
    facts
        What training left behind, as plain values: rows, settings, weights, thresholds.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    task: ClassVar[Task]
    columns: ClassVar[tuple[str, ...]]
    inputs: ClassVar[tuple[str, ...]]
    facts: dict[str, Any]

    @classmethod
    def train(cls, panel: Panel, splits: Words, parameters: Parameters, rng: Generator) -> Self:
        """Return a trained model.

        Parameters
        ----------
        panel
            Pool of accepted variations, labels included.
        splits
            One of ``train``, ``tune``, ``calibrate``, ``unused`` per row; no other row is looked
            at.
        parameters, rng
            Settings and the only source of randomness.
        """
        ...

    def predict(self, panel: Panel) -> Floats:
        """Return one prediction per row: log spread, probability or anomaly score."""
        ...

    def baseline(self, panel: Panel) -> Floats:
        """Return what the simplest method says, trained on the same rows: a linear model."""
        ...

    def answer(self, panel: Panel) -> pd.DataFrame:
        """Return what a user gets for each row: predictions in their units, intervals, reasons."""
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
    loss, floor, linear, ceiling, full_state
        Mean loss of the model, of the best constant (no model at all), of the simplest method
        trained on the same rows (a linear model; for anomalies the number of failed checks), the
        best that the permitted features allow (:mod:`bondx_lib.ceilings`), and of the true law
        given the full state. Each with its 95 % issuer-cluster interval where the name ends in
        ``_low`` and ``_high``. NaN where nobody knows the ceiling.
    skill, linear_skill
        (floor − loss) / (floor − ceiling), and the same of the simplest method; NaN where the draw
        is too small. Without a ceiling it is the share of the floor's loss that is gone.
    rows, events
        Rows judged, and how many of them are events (0 for values).
    mse, r2, accuracy, base_rate, auc, log_loss, brier, average_precision
        The usual measures against what happened, where they apply; ``base_rate`` is the accuracy of
        always naming the commoner outcome.
    calibration_intercept, calibration_slope
        0 and 1 for a calibrated prediction.
    segments
        ``by`` (rating, sector, regime), ``segment``, ``rows``, ``loss``, ``floor`` with ``low`` and
        ``high`` of the loss.
    deciles
        Predicted and observed frequency with interval, by tenth of the prediction.
    coverage
        Share of cases inside the prediction interval with its own interval, overall and by rating.
    recalls
        Recall at the alert rate by kind of damage.
    alert_rate
        Share of rows that raise an alert.
    """

    model: str
    loss_name: str
    loss: float
    loss_low: float
    loss_high: float
    floor: float
    floor_low: float
    floor_high: float
    linear: float
    linear_low: float
    linear_high: float
    ceiling: float
    ceiling_low: float
    ceiling_high: float
    full_state: float
    skill: float
    skill_low: float
    skill_high: float
    linear_skill: float
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
    calibration_intercept_low: float | None = None
    calibration_intercept_high: float | None = None
    calibration_slope: float | None = None
    calibration_slope_low: float | None = None
    calibration_slope_high: float | None = None
    alert_rate: float | None = None
    segments: tuple[dict[str, Any], ...] = ()
    deciles: tuple[dict[str, Any], ...] = ()
    coverage: tuple[dict[str, Any], ...] = ()
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

    def refused(self, gates: str) -> Comparison:
        """Return the same comparison without a promotion, because gates refuse the challenger."""
        return replace(self, promote=False, reason=f"{self.reason}; refused by {gates}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


def write_card(
    folder: Path, name: str, columns: tuple[str, ...], facts: dict[str, Any], files: list[str]
) -> None:
    """Write ``model.json``, which holds the SHA-256 of each of the model's own files."""
    digests = {file: sha256_file(folder / file) for file in files}
    card = {
        "format": CARD_FORMAT, "name": name, "columns": list(columns), "facts": facts,
        "files": digests,
    }  # fmt: skip
    write_json(folder / CARD_NAME, card)


def read_card(folder: Path, name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    """Return the facts of a saved model after checking that it is the one expected.

    The digests are checked before any library parses a file: some end the whole process when they
    meet a damaged one.

    Raises
    ------
    BadInput
        When ``model.json`` is missing, damaged, of another model or of other features, or when a
        file of the model is missing or not the one that was saved.
    """
    path = folder / CARD_NAME
    card = read_json(path)
    if not isinstance(card, dict) or not isinstance(card.get("facts"), dict):
        raise BadInput("is no model card", source=str(path))
    if card.get("format") != CARD_FORMAT or card.get("name") != name:
        raise BadInput(
            "is not the model that was asked for", source=str(path), key="name",
            value=card.get("name"), admissible=f"{name}, format {CARD_FORMAT}",
        )  # fmt: skip
    if card.get("columns") != list(columns):
        raise BadInput("was trained on other features than this version has", source=str(path))
    files = card.get("files")
    if not isinstance(files, dict) or not files:
        raise BadInput("names no file of the model", source=str(path))
    for file, digest in files.items():
        place = inside(folder, str(file))
        if not place.is_file():
            raise BadInput("is missing", source=str(place))
        if sha256_file(place) != digest:
            raise BadInput("is not the file that was saved with its card", source=str(place))
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
