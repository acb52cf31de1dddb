"""All models: the project's own, one line each; others from entry points or for this process.

A package adds a model by an entry point of the group ``bondx.models`` whose name is the model's; a
notebook adds one with :func:`register`. Both obey the same law and pass the same contract tests.
"""

from __future__ import annotations

from importlib import metadata
from typing import Final

from bondx_lib.errors import BadInput, nearest
from bondx_lib.models.anomaly import Anomaly
from bondx_lib.models.base import Model
from bondx_lib.models.downgrade import Downgrade
from bondx_lib.models.liquidity_shock import LiquidityShock
from bondx_lib.models.spread import Spread
from bondx_lib.schema import MODELS as NAMES

GROUP: Final = "bondx.models"
LAW: Final = (
    "name", "title", "task", "columns", "inputs", "train", "predict", "baseline", "answer", "save",
    "load", "card",
)  # fmt: skip

MODELS: Final[dict[str, type[Model]]] = {
    Spread.name: Spread,
    Downgrade.name: Downgrade,
    LiquidityShock.name: LiquidityShock,
    Anomaly.name: Anomaly,
}
assert tuple(MODELS) == NAMES

_added: dict[str, type[Model]] = {}


def known() -> tuple[str, ...]:
    """Return the names of all models: the project's own, then those added."""
    outside = metadata.entry_points(group=GROUP).names
    return (*MODELS, *sorted({*_added, *outside} - set(MODELS)))


def get(name: str) -> type[Model]:
    """Return a model class by name.

    Raises
    ------
    BadInput
        When no model has that name, naming the nearest, or when what a package offers under it is
        no model.
    """
    if name in MODELS:
        return MODELS[name]
    if name in _added:
        return _added[name]
    for entry in metadata.entry_points(group=GROUP, name=name):
        return _checked(entry.load(), f"entry point {entry.value}", name)
    raise BadInput(
        "is not a model", key=name, admissible=", ".join(known()), nearest=nearest(name, known())
    )


def register(model: type[Model]) -> type[Model]:
    """Add a model for this process and return it; a later one of the same name replaces it.

    Raises
    ------
    BadInput
        When it does not offer all that a model must, or takes the name of one of the project's.
    """
    name = str(getattr(model, "name", ""))
    if name in MODELS:
        raise BadInput("is a model of the project; choose another name", key=name)
    _added[name] = _checked(model, "register", name)
    return model


def _checked(model: type[Model], source: str, name: str) -> type[Model]:
    missing = [part for part in LAW if not hasattr(model, part)]
    if missing:
        raise BadInput(
            f"is no model: it lacks {', '.join(missing)}", source=source, key=name or None,
            admissible="a class that obeys bondx_lib.models.Model",
        )  # fmt: skip
    if model.name != name:
        raise BadInput("has another name than it is offered under", source=source, key=name,
                       value=model.name)  # fmt: skip
    return model
