"""What follows from findings: advice when all draws are refused, and what the next draw holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bondx_lib import gates, parameters
from bondx_lib.gates import steering

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


def test_warnings_ask_for_more_of_the_segments_they_name():
    """Sectors and letters of failures and of what could not be decided; each with its reason."""
    found = [
        finding("esg", 1.2, slice="rating=CCC"),
        finding("model", 1.5, slice="model=spread, sector=Energy", verdict="inconclusive"),
        finding("fine", 0.9, slice="rating=AAA"),
        finding("all", 2.0),
        finding("note", 2.0, slice="rating=B", severity="info"),
    ]
    steered = gates.steer(found)
    assert steered.mix == {"rating=CCC": steering.FACTOR, "sector=Energy": steering.FACTOR}
    assert len(steered.reasons) == 2
    assert steered.reasons[1].startswith("sector Energy: model (spread) inconclusive. ")
    assert steered.reasons[0].startswith("rating CCC: esg fail. ")
    assert gates.steer([finding()]) == gates.Steering()
    assert gates.steer([]).to_dict() == {"mix": {}, "reasons": []}


def test_only_the_worst_segments_are_steered():
    """No more than a few at a time, those that use up most."""
    found = [finding("g", 1 + k / 10, slice=f"rating={name}")
             for k, name in enumerate(("AA", "A", "BBB", "BB", "B"))]  # fmt: skip
    assert set(gates.steer(found).mix) == {"rating=B", "rating=BB", "rating=BBB"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("all rows", []), ("rating=B", ["rating=B"]), ("model=spread", []), ("spread_bps", []),
     ("model=x, rating=B", ["rating=B"])],
)  # fmt: skip
def test_segments_of_a_slice(name, expected):
    """Only sectors and letters can be drawn more often."""
    assert steering.segments(name) == expected


def test_advice_is_sentences_about_each_draw_s_worst():
    """Of two findings of one gate in a draw the worse counts; the closest draw is named."""
    worse, better = blocking("coverage", 3.0), blocking("coverage", 2.0)
    draws = [[better, worse, blocking("schema", 1.5)], [worse], [blocking("coverage", 2.5)]]
    draws = [[replace(one, message=f"It is {one.used}.") for one in found] for found in draws]
    said = gates.advise(draws, parameters.load(None, {"scenario": "recession"}))
    assert said.startswith("coverage refused 3 of 3 draws; the closest: It is 2.5. Its threshold ")
    assert ". schema refused 1 of 3 draws; the closest: It is 1.5. " in said
    assert said.endswith(". The scenario is recession; baseline draws a calmer economy.")
    twice = [[blocking("schema", 2.0)], [blocking("schema", 3.0), blocking("schema", 2.5)],
             [blocking("coverage", 2.0), blocking("schema", 2.6)]]  # fmt: skip
    twice = [[replace(one, message=f"It is {one.used}.") for one in found] for found in twice[1:]]
    said = gates.advise(twice, parameters.default())
    assert said.startswith("schema refused 2 of 2 draws; the closest: It is 2.6. ")


def test_what_is_just_at_its_threshold_steers_nothing():
    """Nor does what passed, however it was told; of equals the first is the reason."""
    at, told = finding("g", 1.0, slice="rating=B", verdict="inconclusive"), "rating=BB"
    assert gates.steer([at]) == gates.Steering()
    assert gates.steer([finding("g", 2.0, slice=told, verdict="pass")]) == gates.Steering()
    two = [finding("first_one", 2.0, slice="model=spread, by=x, rating=B"),
           finding("second", 2.0, slice="rating=B")]  # fmt: skip
    assert gates.steer(two).reasons == ("rating B: first one (spread, x) fail. It is so.",)
    assert gates.steer([*two, finding("third", 2.1, slice="rating=B")]).reasons == (
        "rating B: third fail. It is so.",
    )
    assert steering.segments("rating=B, model=my model") == ["rating=B"]
