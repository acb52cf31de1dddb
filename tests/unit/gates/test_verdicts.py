"""Verdicts on one value against one limit or a range: what must hold for any value and interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib.gates import Setting
from bondx_lib.gates.base import at_most, judged, within
from bondx_lib.gates.tallies import Shares

WORSE = {"pass": 0, "inconclusive": 1, "fail": 2}
BASES = st.sampled_from(["census", "sample"])
numbers = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)


@st.composite
def measured(draw: Any) -> tuple[float, tuple[float, float]]:
    """Return a value and an interval around it."""
    low, value, high = sorted(draw(st.tuples(numbers, numbers, numbers)))
    return value, (low, high)


@st.composite
def shares(draw: Any) -> Shares:
    """Return hits and rows of some issuers."""
    rows = draw(st.lists(st.integers(1, 50), min_size=1, max_size=12))
    hits = [draw(st.integers(0, many)) for many in rows]
    return Shares.of(np.array(hits, float)[:, None], np.array(rows, float))


@given(measured(), numbers, numbers, BASES, st.booleans())
def test_a_wider_limit_never_makes_a_verdict_worse(found, limit, other, basis, largest):
    """Whether the limit is the largest value or the least."""
    value, interval = found
    narrow, wide = sorted((limit, other), reverse=not largest)
    first, second = (judged(value, interval, one, basis, largest=largest) for one in (narrow, wide))
    assert WORSE[second] <= WORSE[first]


@given(measured(), numbers, BASES)
def test_least_and_largest_mirror_one_another(found, limit, basis):
    """What must be at most a limit is, turned round, what must be at least its negative."""
    value, (low, high) = found
    above = judged(value, (low, high), limit, basis, largest=True)
    assert judged(-value, (-high, -low), -limit, basis, largest=False) == above


@given(measured(), numbers, st.booleans())
def test_a_sample_fails_only_where_no_value_of_its_interval_would_pass(found, limit, largest):
    """A census knows; a sample may be unable to tell, and says pass where the census does."""
    value, interval = found
    census, sample = (
        judged(value, interval, limit, basis, largest=largest) for basis in ("census", "sample")
    )
    ends = [judged(end, None, limit, "census", largest=largest) for end in interval]
    assert census != "inconclusive"
    assert (sample == "pass") == (census == "pass")
    assert (sample == "fail") == (census == "fail" and ends == ["fail", "fail"])


@given(measured(), st.tuples(numbers, numbers).filter(lambda ends: ends[0] < ends[1]), BASES)
def test_a_range_is_two_limits(found, ends, basis):
    """A value passes inside, its ends included, and there uses no more than its tolerance."""
    value, interval = found
    low, high = min(ends), max(ends)
    verdict, used = within(value, interval, (low, high), basis)
    assert (verdict == "pass") == (low <= value <= high)
    assert used >= 0
    if low < value < high:
        assert used <= 1 + 1e-6


@given(shares(), shares(), st.floats(0, 100))
def test_findings_do_not_depend_on_how_rows_were_parted(first, second, limit):
    """Two parts in either order, and which share of the tolerance they use up."""
    setting = Setting(limit, "warn", on=True)
    one, other = (
        at_most("g", "all rows", sums, setting, "are so")
        for sums in (first + second, second + first)
    )
    assert one == other
    assert (one.verdict == "pass") == (one.observed <= limit)
    assert one.used is not None
    assert (one.used <= 1) == (one.verdict == "pass")
    low, high = one.interval
    assert low <= one.observed <= high
