"""Spread model: gradient-boosted trees (XGBoost) on the log spread.

It prices a bond from terms, credit, economy, liquidity and disclosure, without ever seeing the
bond's own price, yield or spread. Where theory is clear the trees are monotone: worse rating and
higher leverage never lower the spread. Trees are added until the held-out issuers gain nothing.
Source: Chen and Guestrin [7].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
import xgboost
from numpy.random import Generator

from bondx_lib import features as feature_lists
from bondx_lib.artefacts import write_bytes
from bondx_lib.errors import BadInput
from bondx_lib.models.base import Floats, Words, matrix, read_card, write_card
from bondx_lib.models.split import HOLDOUT, TRAIN
from bondx_lib.parameters import Parameters

FILE: Final = "model.ubj"
MONOTONE: Final = {"rating_number": 1, "leverage": 1}
SETTINGS: Final[dict[str, Any]] = {
    "objective": "reg:squarederror",
    "tree_method": "hist",
    "max_depth": 5,
    "eta": 0.08,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "max_bin": 64,
    "nthread": 1,
}
ROUNDS, PATIENCE = 300, 20
EVERY_MONTHS: Final = 3
"""A bond's rows are nearly the same month after month: every third trains as well as all."""
MOST_PRICE_GAP: Final = 1.0


class Spread:
    """Predicts the log of the spread in basis points."""

    name: ClassVar[str] = "spread"
    target: ClassVar[str] = "spread_bps"
    columns: ClassVar[tuple[str, ...]] = feature_lists.columns_for("spread")
    horizon_months: ClassVar[int] = 0

    def __init__(self, booster: xgboost.Booster, facts: dict[str, Any]) -> None:
        self._booster = booster
        self.facts = facts

    @classmethod
    def train(
        cls,
        features: pd.DataFrame,
        panel: pd.DataFrame,
        split: Words,
        parameters: Parameters,
        rng: Generator,
    ) -> Self:
        """Return a model trained on usable rows of the training issuers."""
        usable = (panel["spread_bps"] > 0).to_numpy() & (
            features["price_gap"] < MOST_PRICE_GAP
        ).to_numpy()
        phase = pd.factorize(panel["bond_id"])[0] % EVERY_MONTHS
        usable &= panel["month"].to_numpy() % EVERY_MONTHS == phase
        target = np.log(panel["spread_bps"].to_numpy(float), where=usable, out=np.zeros(len(panel)))
        rows = matrix(features, cls.columns)
        train, holdout = usable & (split == TRAIN), usable & (split == HOLDOUT)
        booster = _fit(rows, target, train, holdout, int(rng.integers(2**31)))
        facts = {
            "rows": int(train.sum()),
            "holdout_rows": int(holdout.sum()),
            "target_mean": float(target[train].mean()),
            "trees": booster.num_boosted_rounds(),
            "settings": {**SETTINGS, "monotone": MONOTONE},
        }
        return cls(booster, facts)

    def predict(self, features: pd.DataFrame, panel: pd.DataFrame) -> Floats:
        """Return the predicted log spread of each row."""
        return np.asarray(self._booster.inplace_predict(matrix(features, self.columns)), np.float64)

    def save(self, folder: Path) -> None:
        """Write the booster in XGBoost's binary JSON."""
        write_bytes(folder / FILE, bytes(self._booster.save_raw("ubj")))
        write_card(folder, self.name, self.columns, self.facts, FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the booster back."""
        facts = read_card(folder, cls.name, cls.columns, FILE)
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(bytearray((folder / FILE).read_bytes()))
        except (OSError, xgboost.core.XGBoostError) as error:
            reason = str(error).splitlines()[0]
            raise BadInput(f"cannot be loaded: {reason}", source=str(folder / FILE)) from error
        return cls(booster, facts)

    def card(self) -> dict[str, Any]:
        """Return what a reader should know of the model."""
        return {
            "purpose": "log spread of a bond from everything but its own price",
            "not for": "trading, or any market but the simulated one",
            "method": "XGBoost, histogram trees, monotone in rating and leverage",
            "features": len(self.columns),
            **{key: self.facts[key] for key in ("rows", "trees")},
        }


def _fit(
    rows: np.ndarray, target: Floats, train: np.ndarray, holdout: np.ndarray, seed: int
) -> xgboost.Booster:
    monotone = tuple(MONOTONE.get(name, 0) for name in Spread.columns)
    settings = {**SETTINGS, "seed": seed, "monotone_constraints": str(monotone)}
    data = xgboost.QuantileDMatrix(
        rows[train], target[train], max_bin=SETTINGS["max_bin"], nthread=1
    )
    if not holdout.any():
        return xgboost.train(settings, data, ROUNDS // 3)
    check = xgboost.QuantileDMatrix(
        rows[holdout], target[holdout], ref=data, max_bin=SETTINGS["max_bin"], nthread=1
    )
    booster = xgboost.train(
        settings, data, ROUNDS, evals=[(check, "holdout")], early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )  # fmt: skip
    return booster[: booster.best_iteration + 1]
