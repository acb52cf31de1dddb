"""BondX: a laboratory for corporate-bond machine learning on a simulated market."""

from __future__ import annotations

import importlib
from typing import Any

_DOORS = {
    "BondXAIAutonomousTrainer": "bondx_lib.trainer",
    "BondXAIDashboard": "bondx_lib.dashboard",
    "QualityGateManager": "bondx_lib.gates",
}

__all__ = ["BondXAIAutonomousTrainer", "BondXAIDashboard", "QualityGateManager"]


def __getattr__(name: str) -> Any:
    """Load a public class when it is first asked for, so that importing the package is cheap."""
    if name not in _DOORS:
        raise AttributeError(f"module 'bondx_lib' has no attribute {name!r}")
    return getattr(importlib.import_module(_DOORS[name]), name)
