"""What to do when gates refuse every draw: which threshold it was, and what decides the value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bondx_lib.gates.base import Finding
from bondx_lib.gates.register import get
from bondx_lib.parameters import Parameters

MECHANISM: Final = {
    "completeness": "which issuers are covered: market/disclosure.py",
    "structure": "the damage that is injected: RATE in market/corruption.py",
    "liquidity": "market/liquidity.py and the scenario",
    "correlation": "how quantities move together: market/spreads.py, market/issuers.py",
    "statistics": "the scenario and the constants of the market",
    "logic": "terms, quotes and labels: market/rows.py, and the damage in market/corruption.py",
    "realism": "the constants of the market; `bondx realism` says more",
    "reproducibility": "randomness outside the named streams, or a library that has changed",
    "custom": "the package that brought the gate",
}
"""What in the market decides whether a gate of a family passes."""


def advise(draws: Sequence[Sequence[Finding]], parameters: Parameters) -> str:
    """Say which gates refused the draws of an epoch, how closely, and what could be changed.

    Parameters
    ----------
    draws
        The findings on each refused draw.
    parameters
        Of the run.
    """
    blocking: dict[str, list[Finding]] = {}
    for findings in draws:
        worst: dict[str, Finding] = {}
        for finding in findings:
            if finding.blocks and finding.used >= worst.get(finding.gate, finding).used:
                worst[finding.gate] = finding
        for name, finding in worst.items():
            blocking.setdefault(name, []).append(finding)
    order = sorted(blocking, key=lambda name: -len(blocking[name]))
    parts = [_of_gate(name, blocking[name], len(draws)) for name in order]
    if parameters.scenario != "baseline":
        parts.append(f"The scenario is {parameters.scenario}; baseline draws a calmer economy.")
    return " ".join(parts)


def _of_gate(name: str, found: Sequence[Finding], draws: int) -> str:
    gate, closest = get(name), min(found, key=lambda finding: finding.used)
    key = gate.parameter or f"thresholds.{name}"
    return (
        f"{name} refused {len(found)} of {draws} draws; the closest: {closest.message} "
        f"Its threshold is quality_gates.{key}, its severity quality_gates.severities.{name}; what "
        f"decides the value: {MECHANISM[gate.family]}."
    )
