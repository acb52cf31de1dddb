"""XGBoost learner: histogram trees, monotone where the model says so.

Trees are added until the rows held out for checking gain nothing. Source: Chen and Guestrin [7].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import xgboost
from numpy.random import Generator

from bondx_lib.artefacts import write_bytes
from bondx_lib.errors import BadInput
from bondx_lib.models.learners.base import Floats, Lesson, Matrix, Settings, seed_of

SETTINGS: Final[dict[str, Any]] = {
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.05,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "max_bin": 256,
    "nthread": 1,
}
OBJECTIVES: Final = {"value": "reg:squarederror", "event": "binary:logistic"}
SAME: Final = {"learning_rate": "eta", "max_depth": "max_depth"}
"""What the settings that all tree learners share are called here."""
MOST_TREES, PATIENCE, UNCHECKED_TREES = 400, 20, 120


class XGBoost:
    """Boosted trees by XGBoost."""

    name: ClassVar[str] = "xgboost"
    suffix: ClassVar[str] = ".ubj"

    def __init__(self, booster: xgboost.Booster) -> None:
        self._booster = booster
        self.chosen: dict[str, Any] = {"n_estimators": booster.num_boosted_rounds()}

    @classmethod
    def fit(cls, lesson: Lesson, settings: Settings, rng: Generator) -> Self:
        """Return boosted trees, as many as the check rows ask for."""
        monotone = tuple(lesson.monotone.get(name, 0) for name in lesson.columns)
        chosen = {
            **SETTINGS,
            **{ours: settings[name] for name, ours in SAME.items() if name in settings},
            "objective": OBJECTIVES[lesson.kind],
            "monotone_constraints": str(monotone),
            "seed": seed_of(rng),
        }
        trees = settings.get("n_estimators")
        if lesson.constant is not None:
            return cls(_constant(chosen, lesson))
        known = _data(lesson.matrix, lesson.target, lesson.weight)
        if trees is not None or not lesson.checked:
            return cls(xgboost.train(chosen, known, trees or UNCHECKED_TREES))
        held = _data(lesson.check_matrix, lesson.check_target, lesson.check_weight, known)
        booster = xgboost.train(
            chosen, known, MOST_TREES, evals=[(held, "check")], early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )  # fmt: skip
        return cls(booster[: booster.best_iteration + 1])

    def raw(self, matrix: Matrix) -> Floats:
        """Return the sum of the trees."""
        if len(matrix) == 0:
            return np.zeros(0)
        return np.asarray(self._booster.inplace_predict(matrix, predict_type="margin"), np.float64)

    def contributions(self, matrix: Matrix) -> Floats:
        """Return what each feature adds to each row's raw answer (exact TreeSHAP), base last."""
        return np.asarray(
            self._booster.predict(xgboost.DMatrix(matrix, nthread=1), pred_contribs=True),
            np.float64,
        )

    def save(self, path: Path) -> None:
        """Write the booster in XGBoost's binary JSON."""
        write_bytes(path, bytes(self._booster.save_raw("ubj")))

    @classmethod
    def load(cls, path: Path, features: int) -> Self:
        """Read the booster back."""
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(bytearray(path.read_bytes()))
        except (OSError, xgboost.core.XGBoostError) as error:
            reason = str(error).splitlines()[0]
            raise BadInput(f"cannot be loaded: {reason}", source=str(path)) from error
        if booster.num_features() != features:
            raise BadInput("has another number of features than its card", source=str(path))
        return cls(booster)


def _data(
    matrix: Matrix,
    target: Floats,
    weight: Floats | None = None,
    like: xgboost.QuantileDMatrix | None = None,
) -> xgboost.QuantileDMatrix:
    return xgboost.QuantileDMatrix(
        matrix, target, weight=weight, ref=like, max_bin=SETTINGS["max_bin"], nthread=1
    )


def _constant(settings: dict[str, Any], lesson: Lesson) -> xgboost.Booster:
    """Return a booster of one leaf, for rows that show nothing to tell apart."""
    raw = float(lesson.constant or 0.0)
    base = raw if lesson.kind == "value" else 1 / (1 + np.exp(-raw))
    rows = np.zeros((1, len(lesson.columns)), np.float32)
    settings = {**settings, "base_score": base, "max_depth": 1, "subsample": 1.0}
    return xgboost.train(
        settings, _data(rows, np.array([base if lesson.kind == "value" else 0.0])), 0
    )
