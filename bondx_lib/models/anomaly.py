"""Anomaly model: an isolation forest on consistency checks, with a threshold that holds the alerts.

It learns without labels what ordinary rows look like: price against curve, jumps, order of bid and
ask, maturity against dates, repeated quotes and rows, volume against its own past. The score is the
usual :math:`2^{-E[h]/c}` with the mean path length :math:`h`; the threshold is the score that the
chosen share of training rows exceeds. Source: Liu, Ting and Zhou [10].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from bondx_lib import features as feature_lists
from bondx_lib.models import forest
from bondx_lib.models.base import Floats, Words, matrix, read_card, write_card
from bondx_lib.models.split import TRAIN
from bondx_lib.parameters import Parameters

FILE: Final = "forest.npz"
TREES, SAMPLES = 120, 2048
ALERT_RATE: Final = 0.02
"""Share of training rows that raise an alert."""


class Anomaly:
    """Scores how strange a row is; larger is stranger."""

    name: ClassVar[str] = "anomaly"
    target: ClassVar[str] = "none"
    columns: ClassVar[tuple[str, ...]] = feature_lists.columns_for("anomaly")
    horizon_months: ClassVar[int] = 0

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
        """Return a model trained on all columns of the training issuers' rows, without labels."""
        rows = _filled(matrix(features[split == TRAIN], cls.columns))
        samples = min(SAMPLES, len(rows))
        estimator = IsolationForest(
            n_estimators=TREES, max_samples=samples, n_jobs=1,
            random_state=int(rng.integers(2**31)),
        ).fit(rows)  # fmt: skip
        trees = forest.same_trees(estimator.estimators_)
        lengths = tuple(_path_lengths(tree) for tree in trees)
        facts = {"rows": len(rows), "target_mean": 0.0, "trees": len(trees), "samples": samples}
        model = cls(forest.Forest(trees, lengths), facts)
        facts["alert_rate"] = ALERT_RATE
        facts["threshold"] = float(np.quantile(model._score(rows), 1 - ALERT_RATE))
        return model

    def predict(self, features: pd.DataFrame, panel: pd.DataFrame) -> Floats:
        """Return the anomaly score of each row, in (0, 1)."""
        return self._score(_filled(matrix(features, self.columns)))

    def alerts(self, scores: Floats) -> NDArray[np.bool_]:
        """Say which scores exceed the threshold."""
        return np.asarray(scores > self.facts["threshold"])

    def _score(self, rows: NDArray[np.float32]) -> Floats:
        depth = self._forest.predict(rows)
        return np.asarray(2.0 ** (-depth / average_path(np.array([self.facts["samples"]]))[0]))

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
            "purpose": "find rows that were damaged on their way",
            "not for": "any data that do not follow the schema",
            "method": "isolation forest on consistency checks, threshold by alert rate",
            "features": len(self.columns),
            **{key: self.facts[key] for key in ("rows", "trees", "alert_rate", "threshold")},
        }


def average_path(samples: NDArray[Any]) -> Floats:
    """Return the mean path length of an unsuccessful search in a tree of so many samples.

    >>> average_path(np.array([1, 2])).tolist()
    [0.0, 1.0]
    """
    n = np.asarray(samples, float)
    safe = np.maximum(n, 3)
    long = 2 * (np.log(safe - 1) + np.euler_gamma) - 2 * (safe - 1) / safe
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, long))


def _path_lengths(tree: Any) -> Floats:
    """Return for each node its depth plus the expected rest of the path below it."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth + average_path(tree.n_node_samples)


def _filled(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows with zeros, the value of an unremarkable check, where nothing is known."""
    return np.nan_to_num(rows, nan=0.0).astype(np.float32)
