"""All learners: one line each; others can be added at run time."""

from __future__ import annotations

from typing import Final

from bondx_lib.errors import BadInput, nearest
from bondx_lib.models.learners.base import Learner
from bondx_lib.models.learners.gradient_boosting import GradientBoosting
from bondx_lib.models.learners.linear import Linear
from bondx_lib.models.learners.random_forest import RandomForest
from bondx_lib.models.learners.xgboost import XGBoost

LEARNERS: Final[dict[str, type[Learner]]] = {
    Linear.name: Linear,
    XGBoost.name: XGBoost,
    RandomForest.name: RandomForest,
    GradientBoosting.name: GradientBoosting,
}


def get(name: str) -> type[Learner]:
    """Return a learner class by name.

    Raises
    ------
    BadInput
        When no learner has that name; the error names the nearest.
    """
    if name not in LEARNERS:
        raise BadInput(
            "is not a learner", key=name, admissible=", ".join(LEARNERS),
            nearest=nearest(name, LEARNERS),
        )  # fmt: skip
    return LEARNERS[name]


def register(learner: type[Learner]) -> type[Learner]:
    """Add a learner for this process, so that ensembles can name it; return it."""
    LEARNERS[learner.name] = learner
    return learner
