"""Random-forest learner, bounded so that its cost does not run away as the pool grows.

Each tree sees a small sample: rows of one issuer are nearly the same for months, and trees that see
all of them learn names instead of causes. Leaves are large and their shares of events are drawn a
little towards the overall share. Rows with a weight are drawn in proportion to it; a leaf's least
number of rows is of rows. Source: Breiman [8].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.random import Generator
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from bondx_lib.models.learners import forest
from bondx_lib.models.learners.base import (
    EDGE,
    Floats,
    Kind,
    Lesson,
    Matrix,
    Settings,
    seed_of,
)

SETTINGS: Final[dict[str, Any]] = {
    "n_estimators": 80, "max_depth": 14, "min_samples_leaf": 20, "max_features": 0.4,
}  # fmt: skip
LEAST_SAMPLES, MOST_SAMPLES, SAMPLES_TO_ROWS = 1500, 2500, 10
"""A tree sees a tenth of the rows, within these bounds."""
UNKNOWN: Final = np.float32(-999.0)
"""Stands for a missing feature; below every real value, so a tree can split it off."""
PRIOR_ROWS: Final = 5.0
"""A leaf counts as if it held so many more rows with the overall share of events."""


class RandomForest:
    """Trees on random samples of rows and features."""

    name: ClassVar[str] = "random_forest"
    suffix: ClassVar[str] = ".npz"

    def __init__(self, trees: forest.Forest, kind: Kind) -> None:
        self._forest = trees
        self._kind = kind
        self.chosen: dict[str, Any] = {"n_estimators": len(trees.trees)}

    @classmethod
    def fit(cls, lesson: Lesson, settings: Settings, rng: Generator) -> Self:
        """Return a forest."""
        own = {name: settings.get(name, value) for name, value in SETTINGS.items()}
        rows, target, weight = _known(lesson.matrix), lesson.target, lesson.weight
        if len(target) == 0:
            rows, target = np.zeros((1, len(lesson.columns)), np.float32), np.zeros(1)
            weight = None
        law = RandomForestRegressor if lesson.kind == "value" else RandomForestClassifier
        estimator = law(
            **own, max_samples=_samples(len(rows)), n_jobs=1,
            random_state=seed_of(rng),
        ).fit(rows, target, sample_weight=weight)  # fmt: skip
        trees = forest.same_trees(estimator.estimators_)
        if lesson.kind == "value":
            return cls(forest.Forest(trees, tuple(tree.value[:, 0, 0] for tree in trees)), "value")
        counted = np.ones(len(target)) if weight is None else weight
        share = ((counted * target).sum() + 0.5) / (counted.sum() + 1)
        leaves = tuple(_event_share(tree, estimator.classes_, share) for tree in trees)
        return cls(forest.Forest(trees, leaves), "event")

    def raw(self, matrix: Matrix) -> Floats:
        """Return the mean of the leaves, as log-odds where it is a share of events."""
        mean = self._forest.predict(_known(matrix))
        if self._kind == "value":
            return mean
        share = np.clip(mean, EDGE, 1 - EDGE)
        return np.asarray(np.log(share / (1 - share)))

    def save(self, path: Path) -> None:
        """Write the forest as arrays."""
        self._forest.save(path, event=self._kind == "event")

    @classmethod
    def load(cls, path: Path, features: int) -> Self:
        """Read the forest back."""
        trees, event = forest.load(path, features)
        return cls(trees, "event" if event else "value")


def _samples(rows: int) -> int:
    return min(rows, max(LEAST_SAMPLES, min(rows // SAMPLES_TO_ROWS, MOST_SAMPLES)))


def _event_share(tree: Any, classes: Floats, share: float) -> Floats:
    """Return the share of events in each node, drawn towards the overall share."""
    counts = tree.value[:, 0, :] * tree.weighted_n_node_samples[:, None]
    if 1.0 not in classes:
        return np.full(len(counts), share)
    event = counts[:, list(classes).index(1.0)]
    return np.asarray((event + PRIOR_ROWS * share) / (counts.sum(axis=1) + PRIOR_ROWS))


def _known(rows: Matrix) -> Matrix:
    return np.where(np.isnan(rows), UNKNOWN, rows).astype(np.float32)
