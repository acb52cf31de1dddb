"""Feature selection: keep the features that say most about the label, one at a time.

Mutual information is estimated from nearest neighbours on a bounded sample of training rows, spread
over the issuers. It sees each feature alone: what two tell only together is lost.
Source: Kraskov, Stögbauer and Grassberger [23].
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import Generator
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from bondx_lib.models.learners.base import Lesson, seed_of

METHODS: Final = ("mutual_info",)
MOST_ROWS: Final = 2000


def select(lesson: Lesson, most: int, rng: Generator) -> tuple[str, ...]:
    """Return the names of the features to keep, in the lesson's order.

    Parameters
    ----------
    lesson
        Training rows.
    most
        How many to keep.
    rng
        Picks the sample and breaks ties between equal values.
    """
    if most >= len(lesson.columns) or lesson.constant is not None:
        return lesson.columns
    rows = np.sort(rng.permutation(len(lesson.target))[:MOST_ROWS])
    matrix, target = lesson.matrix[rows].astype(float), lesson.target[rows]
    middle = np.nan_to_num(np.array([_median(column) for column in matrix.T]))
    matrix = np.where(np.isnan(matrix), middle, matrix)
    measure = mutual_info_regression if lesson.kind == "value" else mutual_info_classif
    told = measure(matrix, target, discrete_features=False, random_state=seed_of(rng), n_jobs=1)
    kept = set(np.argsort(-told, kind="stable")[:most].tolist())
    return tuple(name for place, name in enumerate(lesson.columns) if place in kept)


def _median(column: np.ndarray) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0
