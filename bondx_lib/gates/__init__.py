"""Quality gates: named rules that return findings, and the quality score made of them."""

from bondx_lib.gates.advice import advise
from bondx_lib.gates.base import Context, DataGate, Extent, Finding, Gate, RowGate, Setting
from bondx_lib.gates.part import Part
from bondx_lib.gates.quality import band, quality_score, worst
from bondx_lib.gates.register import (
    GATES,
    QualityGateManager,
    added,
    digest_of,
    families,
    get,
    known,
    register,
    settings,
)
from bondx_lib.gates.steering import Steering, steer

__all__ = [
    "GATES", "Context", "DataGate", "Extent", "Finding", "Gate", "Part", "QualityGateManager",
    "RowGate", "Setting", "Steering", "added", "advise", "band", "digest_of", "families", "get",
    "known", "quality_score", "register", "settings", "steer", "worst",
]  # fmt: skip
