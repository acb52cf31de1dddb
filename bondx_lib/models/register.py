"""All models: the project's own, one line each; others from entry points or for this process.

A package adds a model by an entry point of the group ``bondx.models`` whose name is the model's; a
notebook adds one with :func:`register`. Both obey the same law and pass the same contract tests.
"""

from __future__ import annotations

from typing import Final

from bondx_lib.models.anomaly import Anomaly
from bondx_lib.models.base import Model
from bondx_lib.models.downgrade import Downgrade
from bondx_lib.models.liquidity_shock import LiquidityShock
from bondx_lib.models.spread import Spread
from bondx_lib.register import Register
from bondx_lib.schema import MODELS as NAMES

MODELS: Final[dict[str, type[Model]]] = {
    Spread.name: Spread,
    Downgrade.name: Downgrade,
    LiquidityShock.name: LiquidityShock,
    Anomaly.name: Anomaly,
}
assert tuple(MODELS) == NAMES

REGISTER: Final[Register[type[Model]]] = Register(
    "model", MODELS, "bondx.models",
    law=("name", "title", "task", "columns", "inputs", "train", "predict", "baseline", "answer",
         "save", "load", "card"),
    admissible="a class that obeys bondx_lib.models.Model",
)  # fmt: skip


def known() -> tuple[str, ...]:
    """Return the names of all models: the project's own, then those added."""
    return REGISTER.known()


def get(name: str) -> type[Model]:
    """Return a model class by name.

    Raises
    ------
    BadInput
        When no model has that name, naming the nearest, or when what a package offers under it is
        no model.
    """
    return REGISTER.get(name)


def register(model: type[Model]) -> type[Model]:
    """Add a model for this process and return it; a later one of the same name replaces it.

    Raises
    ------
    BadInput
        When it does not offer all that a model must, or takes the name of one of the project's.
    """
    return REGISTER.add(model)
