"""Liquidity-shock model: gradient boosting (LightGBM) on lags and rolling windows.

It gives the probability that a bond's liquidity breaks down next month, from the bond's own recent
liquidity, earlier shocks, its terms, its issuer and the market. Trees are added until the held-out
issuers gain nothing. Source: Ke et al. [9].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import lightgbm
import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib import features as feature_lists
from bondx_lib.artefacts import write_text
from bondx_lib.errors import BadInput
from bondx_lib.models.base import Floats, Words, matrix, read_card, write_card
from bondx_lib.models.split import HOLDOUT, TRAIN
from bondx_lib.parameters import Parameters

FILE: Final = "model.txt"
SETTINGS: Final[dict[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 12,
    "min_data_in_leaf": 80,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS, PATIENCE = 250, 15
TRAILER: Final = "\nparameters:"


class LiquidityShock:
    """Predicts the probability of a liquidity shock in the next month."""

    name: ClassVar[str] = "liquidity_shock"
    target: ClassVar[str] = "liquidity_shock_1m"
    columns: ClassVar[tuple[str, ...]] = feature_lists.columns_for("liquidity_shock")
    horizon_months: ClassVar[int] = 1

    def __init__(self, text: str, facts: dict[str, Any]) -> None:
        self._text = text
        self._booster = lightgbm.Booster(model_str=text)
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
        """Return a model trained on the rows of the training issuers."""
        usable = panel[cls.target].notna().to_numpy() & (features["repeated_row"] == 0).to_numpy()
        label = panel[cls.target].to_numpy(float)
        rows = matrix(features, cls.columns)
        train, holdout = usable & (split == TRAIN), usable & (split == HOLDOUT)
        booster = _fit(rows, label, train, holdout, int(rng.integers(2**31)))
        text = booster.model_to_string(num_iteration=booster.best_iteration or None)
        text = text.partition(TRAILER)[0] + "\n"
        facts = {
            "rows": int(train.sum()),
            "events": int(label[train].sum()),
            "target_mean": float(label[train].mean()),
            "trees": booster.best_iteration or booster.num_trees(),
            "settings": dict(SETTINGS),
        }
        return cls(text, facts)

    def predict(self, features: pd.DataFrame, panel: pd.DataFrame) -> Floats:
        """Return the probability of a shock in the month after each row."""
        rows = matrix(features, self.columns)
        return np.asarray(self._booster.predict(rows, num_threads=1), np.float64)

    def save(self, folder: Path) -> None:
        """Write the trees as LightGBM's text, without its list of run-time settings."""
        write_text(folder / FILE, self._text)
        write_card(folder, self.name, self.columns, self.facts, FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the trees back."""
        facts = read_card(folder, cls.name, cls.columns, FILE)
        path = folder / FILE
        try:
            model = cls(path.read_text(encoding="utf-8"), facts)
        except (OSError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
            raise BadInput(f"cannot be loaded: {error}", source=str(path)) from error
        if model._booster.num_feature() != len(cls.columns):
            raise BadInput("has another number of features than its card", source=str(path))
        return model

    def card(self) -> dict[str, Any]:
        """Return what a reader should know of the model."""
        return {
            "purpose": "probability that the bond's liquidity breaks down next month",
            "not for": "trading, or any market but the simulated one",
            "method": "LightGBM on lags and rolling windows",
            "features": len(self.columns),
            **{key: self.facts[key] for key in ("rows", "events", "trees")},
        }


def _fit(
    rows: np.ndarray, label: Floats, train: np.ndarray, holdout: np.ndarray, seed: int
) -> lightgbm.Booster:
    settings = {**SETTINGS, "seed": seed}
    data = lightgbm.Dataset(rows[train], label[train], params=settings, free_raw_data=True)
    if not holdout.any() or label[holdout].max() == 0:
        return lightgbm.train(settings, data, ROUNDS // 3)
    check = lightgbm.Dataset(rows[holdout], label[holdout], reference=data, params=settings)
    return lightgbm.train(
        settings, data, ROUNDS, [check],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )  # fmt: skip
