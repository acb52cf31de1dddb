"""Trials of the gates: rates, intervals, and how much damage is noticed."""

from __future__ import annotations

import pytest

from bondx_lib import parameters
from bondx_lib.gates import trials

SMALL = parameters.load(None, {"dataset_size": 30})


def test_a_rate_has_its_exact_interval():
    """None of 200 leaves room for 1.8 %; one of two for nearly anything."""
    assert trials.rate(0, 200)[2] == pytest.approx(0.0183, abs=1e-4)
    share, low, high = trials.rate(1, 2)
    assert (share, round(low, 4), round(high, 4)) == (0.5, 0.0126, 0.9874)
    assert trials.rate(3, 3)[2] == 1.0


def test_clean_variations_are_counted_alike_by_any_number_of_workers():
    """The same gates, tolerances and scores."""
    alone = trials.clean(SMALL, 3)
    assert alone == trials.clean(SMALL, 3, workers=2)
    assert len(alone) == 3
    assert all(0 < one.quality <= 1 for one in alone)
    assert all(one.used["coverage"] < 0.5 for one in alone)


def test_more_damage_is_noticed_more_often():
    """At the top of its ladder a gate notices every variation, at the bottom fewer."""
    (found,) = trials.keenness(SMALL, 4, ["negative_spreads"])
    shares = list(found.noticed.values())
    assert shares[-1] == 1.0
    assert shares[0] < 1.0
    assert found.least is not None
    assert found.noticed[found.least] >= trials.POWER
