"""How much data there is adds up over parts, and dates are read as dates alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bondx_lib import gates
from bondx_lib.gates import structure, tallies
from bondx_lib.gates.part import Part

ONE = gates.Extent(
    10, 2, 1, frozenset({0}), 24000, 24010, frozenset({"a", "b"}), "recession", 10.0, 12.0
)
OTHER = gates.Extent(
    5, 3, 2, frozenset({0, 1}), 23999, 24005, frozenset({"b", "c"}), "recession", 4.0, 5.0
)


def frame() -> pd.DataFrame:
    """Return five rows: a bond in two worlds, a second of another issuer in one."""
    return pd.DataFrame(
        {
            "world": [0, 0, 2, 2, 2], "issuer_id": ["I", "I", "I", "J", "J"],
            "bond_id": ["B", "B", "B", "C", "C"], "weight": [1.0, 1.0, 2.0, 0.5, 0.5],
            "date": pd.to_datetime(
                ["2019-12-31", "2020-01-31", "2020-03-31", "2020-02-29", "2020-03-31"]
            ),
        }
    )  # fmt: skip


def test_the_extent_of_a_part():
    """Rows, bonds and issuers within worlds, months since the year 0, sums of weights."""
    rows = frame()
    names = frozenset(rows)
    whole = gates.Extent(
        5, 3, 3, frozenset({0, 2}), 12 * 2019 + 11, 12 * 2020 + 2, names, weight=5.0,
        weight_squares=6.5,
    )  # fmt: skip
    assert gates.Extent.of(Part(rows)) == whole
    first, second = (gates.Extent.of(Part(part)) for _, part in rows.groupby("world"))
    assert first + second == whole
    assert gates.Extent.of(Part(rows[:0])) == gates.Extent(columns=names)
    assert gates.Extent.of(Part(rows[:1])).rows == 1


def test_the_extent_of_columns_that_are_not_there():
    """One world without numbers of worlds, no months without dates, no bonds without names."""
    bare = frame().drop(columns=["world", "date", "bond_id", "weight"])
    assert gates.Extent.of(Part(bare)) == gates.Extent(
        5, 0, 2, frozenset({0}), None, None, frozenset({"issuer_id"}), weight=5.0,
        weight_squares=5.0,
    )  # fmt: skip
    undated = gates.Extent.of(Part(frame().assign(date=pd.NaT)))
    assert (undated.first, undated.last) == (None, None)


def test_two_parts_add_up():
    """Counts are summed, sets united, months span both; the scenario is one."""
    assert gates.Extent(
        15, 5, 3, frozenset({0, 1}), 23999, 24010, frozenset({"a", "b", "c"}), "recession", 14.0,
        17.0,
    ) == ONE + OTHER  # fmt: skip


def test_parts_without_dates_have_no_months():
    """Nor has their sum; beside a dated one its months are those of both."""
    dateless = gates.Extent(1)
    assert (dateless + dateless).first is None
    assert (dateless + dateless).last is None
    assert ((ONE + dateless).first, (dateless + ONE).last) == (24000, 24010)


def test_shares_add_up_issuer_by_issuer():
    """Every sum of both."""
    one = tallies.Shares(*(np.array([float(k), 10.0 * k]) for k in range(1, 7)))
    other = tallies.Shares(*(np.array([100.0 * k, 1.0]) for k in range(1, 7)))
    both = vars(one + other)
    for name, values in vars(one).items():
        np.testing.assert_array_equal(both[name], values + vars(other)[name])


def test_dates_are_read_and_numbers_are_none():
    """ISO dates in whatever precision; a number is no date, and what is none stays in its row."""
    told = pd.Series(["2026-01-31", "2026-01-31T00:00:00", "31/01/2026", None], index=[3, 1, 2, 0])
    dates = structure._as_dates(told)
    assert dates.index.tolist() == [3, 1, 2, 0]
    assert dates.notna().tolist() == [True, True, False, False]
    assert dates.iloc[0] == dates.iloc[1] == pd.Timestamp("2026-01-31")
    numbers = structure._as_dates(pd.Series([20260131, 1.0], index=[7, 5]))
    assert numbers.index.tolist() == [7, 5]
    assert numbers.isna().all()
    assert pd.api.types.is_datetime64_any_dtype(numbers)
