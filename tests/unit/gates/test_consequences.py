"""What follows from findings: advice when all draws are refused."""

from __future__ import annotations

from bondx_lib import gates, parameters

from .test_quality import finding


def blocking(gate: str, used: float) -> gates.Finding:
    """Return a blocking failure."""
    return finding(gate, used, severity="block")


def test_advice_names_gate_threshold_and_mechanism():
    """How often, how closely, which key, and what in the market decides it."""
    draws = [[blocking("esg_missing", 1.4)], [blocking("esg_missing", 1.2), finding("b", 0.2)]]
    said = gates.advise(draws, parameters.default())
    assert said.startswith("esg_missing refused 2 of 2 draws")
    assert "quality_gates.esg_missing_max" in said
    assert "market/disclosure.py" in said
    assert "scenario" not in said


def test_advice_puts_the_most_frequent_first_and_remarks_upon_the_scenario():
    """Other thresholds have their key under thresholds; warnings are not to blame."""
    draws = [
        [blocking("schema", 2.0), blocking("coverage", 3.0)],
        [blocking("coverage", 1.5), finding("untraded", 5.0)],
    ]
    said = gates.advise(draws, parameters.load(None, {"scenario": "recession"}))
    assert said.index("coverage refused 2 of 2") < said.index("schema refused 1 of 2")
    assert "quality_gates.thresholds.schema" in said
    assert "untraded" not in said
    assert "The scenario is recession" in said
