"""The quality score: monotone, without hidden weights, and the worst finding of each gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib import gates

SEVERITIES = st.sampled_from(["block", "warn", "info"])


def finding(gate: str = "g", used: float = 0.0, **other: Any) -> gates.Finding:
    """Return a finding that passes if it uses no more than its tolerance."""
    verdict = "pass" if used <= 1 else "fail"
    fields = {"severity": "warn", "verdict": verdict, "slice": "all rows"} | other
    return gates.Finding(
        gate=gate, observed=used, interval=None, threshold=1.0, n=1, message="It is so.", used=used,
        **fields,
    )  # fmt: skip


findings = st.lists(
    st.builds(
        finding, st.sampled_from("abcde"), st.floats(0, 50), severity=SEVERITIES,
        slice=st.sampled_from(["all rows", "sector=Energy"]),
    ), min_size=1, max_size=12,
)  # fmt: skip


@given(findings, st.integers(0, 11), st.floats(0, 50))
def test_the_score_never_rises_when_a_gate_gets_worse(found, place, more):
    """Any finding may use up more of its tolerance: the score stays or falls, within 0 and 1."""
    place %= len(found)
    worse = finding(found[place].gate, found[place].used + more, severity=found[place].severity)
    before = gates.quality_score(found)
    after = gates.quality_score([*found[:place], worse, *found[place + 1 :]])
    assert 0 <= after <= before <= 1


@given(findings)
def test_the_score_does_not_depend_on_order(found):
    """Reversed findings score the same."""
    assert gates.quality_score(found) == pytest.approx(gates.quality_score(found[::-1]))


def test_known_scores():
    """Perfect, at the threshold, twice past it, and the mean over gates of their worst findings."""
    assert gates.quality_score([finding(used=0.0)]) == 1.0
    assert gates.quality_score([finding(used=1.0)]) == 0.8
    assert gates.quality_score([finding(used=2.0)]) == 0.2
    assert gates.quality_score([finding(used=0.5)]) == pytest.approx(0.95)
    assert gates.quality_score([finding(used=4.0)]) == pytest.approx(0.05)
    two = [finding("a", 0.0), finding("b", 1.0), finding("b", 0.0, slice="sector=Energy")]
    assert gates.quality_score(two) == 0.9
    first_bad = [finding("a", 2.0, severity="block"), *(finding(f"g{k}") for k in range(9))]
    assert gates.quality_score(first_bad) == 0.79


def test_a_blocking_failure_holds_the_score_below_acceptable():
    """However many gates are perfect; a warning does not."""
    good = [finding(f"g{k}") for k in range(50)]
    assert gates.quality_score([*good, finding("bad", 1.1)]) > 0.98
    assert gates.quality_score([*good, finding("bad", 1.1, severity="block")]) == 0.79


def test_what_does_not_count():
    """Information, and what could not be judged; nothing at all is no quality."""
    assert gates.quality_score([]) == 0.0
    assert gates.quality_score([finding(verdict="not_applicable")]) == 0.0
    assert gates.quality_score([finding("a"), finding("b", 9.0, severity="info")]) == 1.0


def test_the_worst_finding_of_each_gate_is_the_one_that_matters_most():
    """A blocking failure before a larger warning, anything judged before what was not."""
    block, warn = finding("a", 1.5, severity="block"), finding("a", 3.0, slice="sector=Energy")
    nothing = replace(finding("b"), verdict="not_applicable")
    judged = finding("b", 0.1, slice="sector=Energy")
    info = finding("c", 9.0, severity="info")
    assert gates.worst([warn, block, nothing, judged, info]) == (block, judged, info)


def test_of_two_findings_the_weightier_is_the_worst():
    """Blocking, then what counts, then what was judged, then what uses up more, then the first."""
    judged, noted = finding("a", 0.5, slice="x"), finding("a", 3.0, severity="info", slice="y")
    blank = finding("a", 9.0, verdict="not_applicable", slice="z")
    more, same = finding("a", 0.7, slice="v"), finding("a", 0.5, slice="w")
    for one, other, expected in (
        (judged, noted, judged), (noted, judged, judged), (noted, blank, noted),
        (blank, noted, noted), (judged, blank, judged), (blank, judged, judged),
        (judged, more, more), (more, judged, more), (judged, same, judged), (same, judged, same),
    ):  # fmt: skip
        assert gates.worst([one, other]) == (expected,)
