"""BondX: a synthetic corporate-bond market, and models that train on it until they stop improving.

The names below are imported when they are first used, so ``import bondx_lib`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bondx_lib.dashboard import BondXAIDashboard
    from bondx_lib.gates import QualityGateManager
    from bondx_lib.parameters import Parameters
    from bondx_lib.parameters import load as load_parameters
    from bondx_lib.scoring import load_champion
    from bondx_lib.trainer import BondXAIAutonomousTrainer, resume, run

__all__ = [
    "BondXAIAutonomousTrainer", "BondXAIDashboard", "Parameters", "QualityGateManager",
    "load_champion", "load_parameters", "resume", "run",
]  # fmt: skip

_HOMES: Final = {
    "BondXAIAutonomousTrainer": ("trainer", "BondXAIAutonomousTrainer"),
    "BondXAIDashboard": ("dashboard", "BondXAIDashboard"),
    "Parameters": ("parameters", "Parameters"),
    "QualityGateManager": ("gates", "QualityGateManager"),
    "load_champion": ("scoring", "load_champion"),
    "load_parameters": ("parameters", "load"),
    "resume": ("trainer", "resume"),
    "run": ("trainer", "run"),
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
