"""Quality gates: named rules that return findings, and the quality score made of them."""

from bondx_lib.gates.base import Finding, Gate
from bondx_lib.gates.quality import band, quality_score
from bondx_lib.gates.register import GATES, QualityGateManager, get

__all__ = ["GATES", "Finding", "Gate", "QualityGateManager", "band", "get", "quality_score"]
