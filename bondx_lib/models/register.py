"""All models: one line each."""

from __future__ import annotations

from typing import Final

from bondx_lib.errors import BadInput, nearest
from bondx_lib.models.anomaly import Anomaly
from bondx_lib.models.base import Model
from bondx_lib.models.downgrade import Downgrade
from bondx_lib.models.liquidity_shock import LiquidityShock
from bondx_lib.models.spread import Spread
from bondx_lib.schema import MODELS as NAMES

MODELS: Final[dict[str, type[Model]]] = {
    Spread.name: Spread,
    Downgrade.name: Downgrade,
    LiquidityShock.name: LiquidityShock,
    Anomaly.name: Anomaly,
}
assert tuple(MODELS) == NAMES


def get(name: str) -> type[Model]:
    """Return a model class by name.

    Raises
    ------
    BadInput
        When no model has that name; the error names the nearest.
    """
    if name not in MODELS:
        raise BadInput(
            "is not a model", key=name, admissible=", ".join(MODELS), nearest=nearest(name, MODELS)
        )
    return MODELS[name]
