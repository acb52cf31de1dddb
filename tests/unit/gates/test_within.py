"""Values within a group of rows, against the same said slowly: row by row."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib.gates.within import LEAST_KNOWN, NORMAL, REACH, around, distances, medians, odd_ones

NONE = float("nan")
GROUPED = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([NONE, 1.0, 2.0, 3.0, 5.0, 8.0])), max_size=24
)
"""Group and value of each row."""


def split(rows: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return groups and values of the rows."""
    groups, values = zip(*rows, strict=True) if rows else ((), ())
    return np.array(groups, np.int64), np.array(values, float)


def median(values: np.ndarray) -> float:
    """Return the median of the known values."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else NONE


@given(GROUPED)
def test_the_odd_ones_are_all_but_the_most_common(rows):
    """Of equally common values the one seen first is right; what is missing is never odd."""
    groups, values = split(rows)
    expected = []
    for group, value in zip(groups, values, strict=True):
        here = Counter(one for one in values[groups == group] if np.isfinite(one))
        right = max(here, key=lambda one: here[one], default=NONE)
        expected.append(bool(np.isfinite(value)) and value != right)
    found = odd_ones(groups, pd.Series(values))
    assert found.dtype == bool
    assert found.tolist() == expected


def test_of_many_equally_common_values_the_first_is_right():
    """Known answer, in groups long enough for sorting to mix them up if it may."""
    values = np.tile(np.arange(40.0), 2)
    groups = np.tile(np.repeat([0, 1], 20), 2)
    found = odd_ones(groups, pd.Series(values))
    assert np.flatnonzero(~found).tolist() == [0, 20, 40, 60]


@given(GROUPED)
def test_medians_are_those_of_numpy(rows):
    """Of the known values of a group, for each of its rows."""
    groups, values = split(rows)
    expected = [median(values[groups == group]) for group in groups]
    np.testing.assert_array_equal(medians(groups, values), expected)


@given(GROUPED)
def test_around_a_row_are_three_before_and_after(rows):
    """In its group, with its own; the median and the number of known ones."""
    groups, values = split(sorted(rows, key=lambda row: row[0]))
    centre, known = around(groups, values)
    for place, group in enumerate(groups):
        near = slice(max(place - REACH, 0), place + REACH + 1)
        own = values[near][groups[near] == group]
        np.testing.assert_equal(centre[place], median(own))
        assert known[place] == np.isfinite(own).sum()


@given(GROUPED)
def test_a_distance_is_in_units_of_what_the_group_moves(rows):
    """Zero where too little is known."""
    groups, values = split(sorted(rows, key=lambda row: row[0]))
    centre, known = around(groups, values)
    apart = np.abs(values - centre)
    found = distances(groups, values, 0.25)
    for place, group in enumerate(groups):
        scale = max(NORMAL * median(apart[groups == group]), 0.25)
        judged = known[place] >= LEAST_KNOWN and np.isfinite(values[place])
        assert found[place] == (pytest.approx(apart[place] / scale) if judged else 0.0)
