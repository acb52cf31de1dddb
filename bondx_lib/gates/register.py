"""All gates, and the door through which the loop evaluates them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import pandas as pd

from bondx_lib.artefacts import canonical_json
from bondx_lib.errors import BadInput, nearest
from bondx_lib.gates.base import Finding, Gate
from bondx_lib.gates.completeness import Coverage, EsgMissing
from bondx_lib.gates.liquidity import LiquidityMedian
from bondx_lib.gates.structure import MaturityAnomalies, NegativeSpreads
from bondx_lib.parameters import Parameters

GATES: Final[tuple[Gate, ...]] = (
    Coverage(),
    EsgMissing(),
    LiquidityMedian(),
    NegativeSpreads(),
    MaturityAnomalies(),
)


def get(name: str) -> Gate:
    """Return a gate by name.

    Raises
    ------
    BadInput
        When no gate has that name; the error names the nearest.
    """
    for gate in GATES:
        if gate.name == name:
            return gate
    known = [gate.name for gate in GATES]
    raise BadInput(
        "is not a gate", key=name, admissible=", ".join(known), nearest=nearest(name, known)
    )


class QualityGateManager:
    """Evaluates the gates with the thresholds of a run.

    Parameters
    ----------
    parameters
        The run's parameters; only ``quality_gates`` is read.

    Examples
    --------
    >>> from bondx_lib import market, parameters
    >>> chosen = parameters.default()
    >>> panel = market.simulate(chosen, "example", bonds=20).panel
    >>> [finding.verdict for finding in QualityGateManager(chosen).evaluate(panel)]
    ['pass', 'pass', 'pass', 'pass', 'pass']
    """

    def __init__(self, parameters: Parameters) -> None:
        self._limits = parameters.quality_gates

    def evaluate(self, panel: pd.DataFrame) -> tuple[Finding, ...]:
        """Return the findings of all gates, in the order of the register."""
        return tuple(finding for gate in GATES for finding in gate.evaluate(panel, self._limits))

    @staticmethod
    def blocked(findings: Sequence[Finding]) -> bool:
        """Say whether a blocking gate did not pass."""
        return any(f.severity == "block" and f.verdict != "pass" for f in findings)

    def thresholds(self) -> dict[str, float]:
        """Return the limit of each gate."""
        return {gate.name: gate.threshold(self._limits) for gate in GATES}

    def digest(self) -> str:
        """Return the SHA-256 of all gate names and thresholds, fixed before a run begins."""
        return hashlib.sha256(canonical_json(self.thresholds()).encode()).hexdigest()
