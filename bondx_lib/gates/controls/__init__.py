"""Negative controls: for every gate of the project, damage that it must notice."""

from typing import Final

from bondx_lib.gates.controls import (
    completeness,
    correlation,
    intake,
    liquidity,
    logic,
    model,
    realism,
    reproducibility,
    statistics,
    structure,
)
from bondx_lib.gates.controls.base import Control

CONTROLS: Final[dict[str, Control]] = {
    **completeness.CONTROLS,
    **structure.CONTROLS,
    **intake.CONTROLS,
    **liquidity.CONTROLS,
    **correlation.CONTROLS,
    **statistics.CONTROLS,
    **logic.CONTROLS,
    **realism.CONTROLS,
    **model.CONTROLS,
    **reproducibility.CONTROLS,
}

__all__ = ["CONTROLS", "Control"]
