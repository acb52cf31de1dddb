"""Other ways to learn what the models learn, each with the same rows and features.

A contender is a function: an exercise in, a predictor out. None of them knows the market; ours are
the models of :mod:`bondx_lib.models`. See ``benchmarks/README.md``.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final, Literal

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Predictor = Callable[[Matrix], Floats]

SEED: Final = 1
AUTOML: Final = "flaml"
FOLDS: Final = 5
FEW_ROWS: Final = 20_000
"""Up to here the AutoML package can afford to validate on every fold."""
STARTS: Final = {"value": "data", "event": "static"}
"""Where its search starts beyond: from its stored settings, or from its small plain ones."""
AUTOML_LOSS: Final = {"value": "mse", "event": "log_loss"}
AUTOML_TASK: Final = {"value": "regression", "event": "classification"}


@dataclass(frozen=True)
class Exercise:
    """What a contender is taught.

    Attributes
    ----------
    kind
        ``value``, ``event``, or ``damage``: find odd rows.
    matrix, target
        Shape (rows, features) and (rows,). Missing features are NaN. For ``damage`` the target says
        which rows are damaged, which no real market tells.
    issuers
        Which rows rise and fall together, shape (rows,).
    seconds
        For a contender that goes on searching as long as it may.
    """

    kind: Literal["value", "event", "damage"]
    matrix: Matrix
    target: Floats
    issuers: NDArray[Any]
    seconds: float


def boosting(exercise: Exercise) -> Predictor:
    """Learn by scikit-learn's histogram gradient boosting as it comes."""
    if exercise.kind == "value":
        trees = HistGradientBoostingRegressor(random_state=SEED)
    else:
        trees = HistGradientBoostingClassifier(random_state=SEED)
    return _predictor(trees.fit(exercise.matrix, exercise.target), exercise.kind)


def linear(exercise: Exercise) -> Predictor:
    """Learn by ridge or logistic regression as they come, on standardised features."""
    line = Ridge() if exercise.kind == "value" else LogisticRegression(max_iter=1000)
    steps = (SimpleImputer(keep_empty_features=True), StandardScaler(), line)
    # In double precision: sums of so many single ones lose what the standardising needs.
    fitted = make_pipeline(*steps).fit(exercise.matrix.astype(float), exercise.target)
    return _predictor(fitted, exercise.kind)


def automl(exercise: Exercise) -> Predictor:
    """Learn by FLAML within the seconds of the exercise: it picks method and settings.

    Features come to it standardised and without gaps, or its linear methods would fail; it judges
    its trials by the very loss of the benchmark, on issuers that a trial has not been taught. The
    kind of validation and the start of the search are those that served it best on our tasks.
    """
    from flaml import AutoML

    logging.getLogger("flaml").setLevel(logging.ERROR)
    ready = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    few = len(exercise.target) <= FEW_ROWS
    validation = (
        {"eval_method": "cv", "n_splits": FOLDS}
        if few
        else {
            "eval_method": "holdout",
            "split_ratio": 1 / FOLDS,
            "starting_points": STARTS[exercise.kind],
        }
    )
    search = AutoML()
    search.fit(
        X_train=ready.fit_transform(exercise.matrix.astype(float)), y_train=_target(exercise),
        task=AUTOML_TASK[exercise.kind], metric=AUTOML_LOSS[exercise.kind],
        time_budget=exercise.seconds, n_jobs=1, seed=SEED, verbose=0, log_file_name="",
        split_type="group", groups=exercise.issuers, **validation,
    )  # fmt: skip
    return _predictor(Pipeline([("ready", ready), ("search", search)]), exercise.kind)


def odd_rows(exercise: Exercise) -> Predictor:
    """Look for odd rows by scikit-learn's isolation forest as it comes, without labels."""
    steps = (SimpleImputer(keep_empty_features=True), IsolationForest(random_state=SEED))
    fitted = make_pipeline(*steps).fit(exercise.matrix)
    return lambda matrix: -np.asarray(fitted.score_samples(matrix), float)


def told_which(exercise: Exercise) -> Predictor:
    """Learn damage by LightGBM from rows of which it is told which are damaged."""
    trees = LGBMClassifier(random_state=SEED, n_jobs=1, verbosity=-1)
    return _predictor(trees.fit(exercise.matrix, exercise.target), exercise.kind)


def automl_version() -> str | None:
    """Return the version of the AutoML package, None where it is not installed."""
    if importlib.util.find_spec(AUTOML) is None:
        return None
    return metadata.version(AUTOML)


def _target(exercise: Exercise) -> NDArray[Any]:
    return exercise.target if exercise.kind == "value" else exercise.target.astype(int)


def _predictor(fitted: Any, kind: str) -> Predictor:
    if kind == "value":
        return lambda matrix: np.asarray(fitted.predict(matrix), float)
    return lambda matrix: np.asarray(fitted.predict_proba(matrix)[:, 1], float)
