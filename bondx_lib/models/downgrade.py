"""Downgrade model: a random forest on issuer-months.

A downgrade happens to an issuer, so each issuer-month is one row however many bonds it has; all of
them get its probability. The forest is bounded (leaf size, depth, sample), so its cost does not run
away as the pool grows, and large leaves keep its probabilities calibrated.
Source: Breiman [8].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.random import Generator
from sklearn.ensemble import RandomForestClassifier

from bondx_lib import features as feature_lists
from bondx_lib.models import forest
from bondx_lib.models.base import Floats, Words, matrix, read_card, write_card
from bondx_lib.models.split import TRAIN
from bondx_lib.parameters import Parameters

FILE: Final = "forest.npz"
SETTINGS: Final[dict[str, Any]] = {
    "n_estimators": 120,
    "max_depth": 10,
    "min_samples_leaf": 10,
    "max_features": 0.15,
    "bootstrap": True,
}
MOST_SAMPLES: Final = 8000
EVERY_MONTHS: Final = 2
UNKNOWN: Final = np.float32(-999.0)
"""Stands for a missing feature; below every real value, so a tree can split it off."""


class Downgrade:
    """Predicts the probability of a downgrade or default within twelve months."""

    name: ClassVar[str] = "downgrade"
    target: ClassVar[str] = "downgrade_12m"
    columns: ClassVar[tuple[str, ...]] = feature_lists.columns_for("downgrade")
    horizon_months: ClassVar[int] = 12

    def __init__(self, trees: forest.Forest, facts: dict[str, Any]) -> None:
        self._forest = trees
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
        """Return a model trained on issuer-months of the training issuers."""
        train = (
            (split == TRAIN)
            & panel[cls.target].notna().to_numpy()
            & ~panel.duplicated(["issuer_id", "month"]).to_numpy()
            & (panel["month"].to_numpy() % EVERY_MONTHS == 0)
        )
        rows = _known(matrix(features[train], cls.columns))
        label = panel.loc[train, cls.target].to_numpy(float)
        samples = min(len(rows), MOST_SAMPLES)
        estimator = RandomForestClassifier(
            **SETTINGS, max_samples=samples, n_jobs=1, random_state=int(rng.integers(2**31))
        ).fit(rows, label)
        trees = forest.same_trees(estimator.estimators_)
        shares = tuple(_event_share(tree, estimator.classes_) for tree in trees)
        facts = {
            "rows": len(rows),
            "events": int(label.sum()),
            "target_mean": float(label.mean()),
            "trees": len(trees),
            "settings": {**SETTINGS, "max_samples": samples},
        }
        return cls(forest.Forest(trees, shares), facts)

    def predict(self, features: pd.DataFrame, panel: pd.DataFrame) -> Floats:
        """Return the probability of each row's issuer-month."""
        first = ~panel.duplicated(["issuer_id", "month"]).to_numpy()
        keys = pd.MultiIndex.from_frame(panel[["issuer_id", "month"]])
        chance = self._forest.predict(_known(matrix(features[first], self.columns)))
        return chance[pd.MultiIndex.from_frame(panel.loc[first, ["issuer_id", "month"]])
                      .get_indexer(keys)]  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write the forest as arrays."""
        self._forest.save(folder / FILE)
        write_card(folder, self.name, self.columns, self.facts, FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the forest back."""
        facts = read_card(folder, cls.name, cls.columns, FILE)
        return cls(forest.load(folder / FILE, len(cls.columns)), facts)

    def card(self) -> dict[str, Any]:
        """Return what a reader should know of the model."""
        return {
            "purpose": "probability that the issuer is downgraded or defaults within twelve months",
            "not for": "rating decisions, or any market but the simulated one",
            "method": "random forest on issuer-months",
            "features": len(self.columns),
            **{key: self.facts[key] for key in ("rows", "events", "trees")},
        }


def _event_share(tree: Any, classes: np.ndarray) -> Floats:
    """Return the share of events in each node."""
    counts = tree.value[:, 0, :]
    if 1.0 not in classes:
        return np.zeros(len(counts))
    event = counts[:, list(classes).index(1.0)]
    return np.asarray(event / counts.sum(axis=1))


def _known(rows: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(rows), UNKNOWN, rows).astype(np.float32)
