"""Gradient-boosting learner: leaf-wise trees by LightGBM.

Trees are added until the rows held out for checking gain nothing. Weights count in every sum, but a
leaf's least number of rows is of rows. Source: Ke et al. [9].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import lightgbm
import numpy as np
from numpy.random import Generator

from bondx_lib.artefacts import write_text
from bondx_lib.errors import BadInput
from bondx_lib.models.learners.base import Floats, Lesson, Matrix, Settings, seed_of

SETTINGS: Final[dict[str, Any]] = {
    "learning_rate": 0.05,
    "num_leaves": 10,
    "min_data_in_leaf": 120,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
OBJECTIVES: Final = {"value": "regression", "event": "binary"}
MOST_TREES, PATIENCE, UNCHECKED_TREES = 400, 25, 100
MOST_LEAVES: Final = 64
TRAILER: Final = "\nparameters:"


class GradientBoosting:
    """Boosted trees by LightGBM."""

    name: ClassVar[str] = "gradient_boosting"
    suffix: ClassVar[str] = ".txt"

    def __init__(self, text: str, chosen: dict[str, Any] | None = None) -> None:
        self._text = text
        self._booster = lightgbm.Booster(model_str=text)
        self.chosen = chosen or {}

    @classmethod
    def fit(cls, lesson: Lesson, settings: Settings, rng: Generator) -> Self:
        """Return boosted trees, as many as the check rows ask for."""
        chosen = {
            **SETTINGS,
            **_own(settings),
            "objective": OBJECTIVES[lesson.kind],
            "seed": seed_of(rng),
        }
        if lesson.constant is not None:
            return cls._of(_constant(lesson.constant, len(lesson.columns)), 1)
        if lesson.monotone:
            chosen["monotone_constraints"] = [lesson.monotone.get(n, 0) for n in lesson.columns]
        known = lightgbm.Dataset(lesson.matrix, lesson.target, weight=lesson.weight, params=chosen)
        trees = settings.get("n_estimators")
        if trees is not None or not lesson.checked:
            return cls._of(lightgbm.train(chosen, known, trees or UNCHECKED_TREES), trees)
        held = lightgbm.Dataset(
            lesson.check_matrix,
            lesson.check_target,
            weight=lesson.check_weight,
            reference=known,
            params=chosen,
        )
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        booster = lightgbm.train(chosen, known, MOST_TREES, [held], callbacks=[stop])
        return cls._of(booster, booster.best_iteration or booster.num_trees())

    @classmethod
    def _of(cls, booster: lightgbm.Booster, trees: int | None) -> Self:
        """Keep the trees as text, without the library's list of run-time settings."""
        text = booster.model_to_string(num_iteration=trees).partition(TRAILER)[0] + "\n"
        return cls(text, {"n_estimators": trees or booster.num_trees()})

    def raw(self, matrix: Matrix) -> Floats:
        """Return the sum of the trees."""
        if len(matrix) == 0:
            return np.zeros(0)
        return np.asarray(self._booster.predict(matrix, raw_score=True, num_threads=1), np.float64)

    def contributions(self, matrix: Matrix) -> Floats:
        """Return what each feature adds to each row's raw answer (exact TreeSHAP), base last."""
        return np.asarray(
            self._booster.predict(matrix, pred_contrib=True, num_threads=1), np.float64
        )

    def save(self, path: Path) -> None:
        """Write the trees as text."""
        write_text(path, self._text)

    @classmethod
    def load(cls, path: Path, features: int) -> Self:
        """Read the trees back."""
        try:
            learner = cls(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
            raise BadInput(f"cannot be loaded: {error}", source=str(path)) from error
        if learner._booster.num_feature() != features:
            raise BadInput("has another number of features than its card", source=str(path))
        return learner


def _constant(raw: float, columns: int) -> lightgbm.Booster:
    """Return a booster of one leaf, for rows that show nothing to tell apart."""
    settings = {**SETTINGS, "objective": "regression"}
    rows = lightgbm.Dataset(np.zeros((2, columns)), np.full(2, raw), params=settings)
    return lightgbm.train(settings, rows, 1)


def _own(settings: Settings) -> dict[str, Any]:
    """Return the settings that all tree learners share, as this library calls them."""
    own = {name: settings[name] for name in ("learning_rate", "max_depth") if name in settings}
    if "max_depth" in own:
        own["num_leaves"] = min(2 ** int(own["max_depth"]), MOST_LEAVES)
    return own
