"""Gates on liquidity: medians with what is uncertain of them, trades and crossed quotes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates
from bondx_lib.gates.liquidity import PER_FUNDING_BP, STEPS, USUAL, LiquidityMedian, median
from bondx_lib.gates.tallies import Shares, wilson

from .hand_made import Case, asked, check_exceptions, framed, marked, months, only, rows_of

NONE = float("nan")
TRADED = {"trade_count": 3.0, "zero_trading_days_pct": 80.0}


def indexed(value: float, issuers: int = 60, number: int = 36, **fixed: object) -> pd.DataFrame:
    """Return rows of as many issuers and months with one liquidity index."""
    return framed([
        {"bond_id": f"XZ{k}", "issuer_id": f"SX-{k}", "date": date, "liquidity_index": value,
         "rating": "BBB", "sector": "Energy", **fixed}
        for k in range(issuers) for date in months("2020-01", number)
    ])  # fmt: skip


class TestMedian:
    """The median of rows counted into bins."""

    def test_known_medians(self):
        """Of three bins; the interval is that of Wilson around one half."""
        counts = np.zeros((90, STEPS))
        for row in range(90):
            counts[row, (100, 500, 900)[row % 3]] = 1
        shares = Shares.of(counts.cumsum(axis=1), counts.sum(axis=1))
        middle, (low, high) = median(shares)
        assert (middle, low, high) == pytest.approx((50.05, 50.05, 50.05))
        assert wilson(0.5, 90)[0] > 1 / 3
        assert median(shares, 0.9999)[1] == pytest.approx((10.05, 90.05))

    @pytest.mark.parametrize(("value", "seen"), [(0.0, 0.05), (42.31, 42.35), (100.0, 99.95)])
    def test_a_median_is_known_to_a_bin(self, value, seen):
        """Also at the ends of what can be seen; beyond them it is at the end."""
        assert only("liquidity_index_median", indexed(value)).observed == pytest.approx(seen)
        beyond = indexed(value).assign(liquidity_index=1e6 if value > 50 else -1e6)
        end = only("liquidity_index_median", beyond).observed
        assert end == pytest.approx(99.95 if value > 50 else 0.05)

    def test_missing_values_are_not_judged(self):
        """The median is that of the others; without any there is nothing to judge."""
        rows = indexed(40.0)
        rows.loc[::2, "liquidity_index"] = [NONE, np.inf] * (len(rows) // 4)
        found = only("liquidity_index_median", rows)
        assert (found.n, found.observed) == (len(rows) // 2, pytest.approx(40.05))
        empty = rows.assign(liquidity_index=NONE)
        assert only("liquidity_index_median", empty).verdict == "not_applicable"


class TestMarket:
    """The median of all rows against the least that is needed."""

    def test_the_interval_allows_for_the_path(self):
        """All rows alike, so that nothing but the macro path is uncertain: six points at 36 months.

        Four times the months, or two worlds, halve or take a part of it.
        """
        for number, worlds, points in ((36, 1, 6.0), (144, 1, 6 / 2**0.5), (36, 2, 6 / 2**0.5)):
            rows = indexed(60.0, number=number)
            rows["world"] = np.arange(len(rows)) // number % worlds
            found = only("liquidity_index_median", rows)
            half = 1.96 * points
            assert found.interval == pytest.approx((60.05 - half, 60.05 + half), abs=0.01)

    def test_verdicts_around_the_limit(self):
        """At the limit it passes, just below it cannot tell, far below it blocks."""
        limit = only("liquidity_index_median", indexed(60.0)).threshold
        for value, verdict in ((limit + 0.5, "pass"), (limit - 5, "inconclusive"),
                               (limit - 20, "fail")):  # fmt: skip
            found = only("liquidity_index_median", indexed(value))
            assert found.verdict == verdict
            assert found.blocks == (verdict == "fail")
        assert found.interval[0] >= 0
        doubtful = only("liquidity_index_median", indexed(limit - 5)).message
        assert doubtful.endswith("but so few issuers and months cannot tell.")

    def test_tolerance_is_used_up_from_the_typical_index_on(self):
        """None at fifty or more, all of it at the limit."""
        limit = only("liquidity_index_median", indexed(60.0)).threshold
        assert only("liquidity_index_median", indexed(LiquidityMedian.typical)).used == 0.0
        assert only("liquidity_index_median", indexed(limit)).used == pytest.approx(1.0, abs=0.01)


class TestAdjusted:
    """The index less what is usual at the rating and in such funding."""

    @pytest.mark.parametrize(("letter", "usual"), USUAL.items())
    def test_the_usual_index_of_a_letter_is_zero(self, letter, usual):
        """And funding takes some points from all of them, but only if it is tight."""
        rows = indexed(usual, rating=letter)
        assert only("liquidity_index_adjusted", rows).observed == pytest.approx(0.1)
        calm = rows.assign(funding_spread_bps=20.0)
        assert only("liquidity_index_adjusted", calm).observed == pytest.approx(0.1)
        tight = rows.assign(funding_spread_bps=50.0)
        tight["liquidity_index"] -= 20 * PER_FUNDING_BP
        assert only("liquidity_index_adjusted", tight).observed == pytest.approx(0.1, abs=0.2)

    def test_funding_that_is_not_known_counts_as_calm(self):
        """A rating that is not known leaves nothing to judge."""
        rows = indexed(USUAL["BBB"], funding_spread_bps=NONE)
        assert only("liquidity_index_adjusted", rows).observed == pytest.approx(0.1)
        unknown = rows.assign(rating="Baa2")
        assert only("liquidity_index_adjusted", unknown).verdict == "not_applicable"

    def test_a_market_far_below_is_noticed(self):
        """Twenty points under what is usual, though the median itself may pass."""
        found = only("liquidity_index_adjusted", indexed(USUAL["BBB"] - 20))
        assert (found.verdict, found.severity) == ("fail", "warn")
        assert found.observed == pytest.approx(-19.9)


class TestBySector:
    """The same within each sector, at a confidence shared out between them."""

    def test_the_poor_sector_is_named(self):
        """One sector of three lies thirty points below."""
        rows = pd.concat([
            indexed(USUAL["BBB"] - 30 * (name == "Finance"), sector=name).assign(
                issuer_id=lambda frame, name=name: name + frame["issuer_id"],
                bond_id=lambda frame, name=name: name + frame["bond_id"],
            )
            for name in ("Energy", "Finance", "Technology")
        ])  # fmt: skip
        found = {one.slice: one for one in asked("liquidity_by_sector", rows)}
        assert {name: one.verdict for name, one in found.items()} == {
            "sector=Energy": "pass", "sector=Finance": "fail", "sector=Technology": "pass",
        }  # fmt: skip
        assert found["sector=Finance"].used > 1
        assert found["sector=Energy"].used == 0.0
        alone = only("liquidity_by_sector", rows[rows["sector"] == "Finance"])
        assert np.diff(alone.interval) < np.diff(found["sector=Finance"].interval)

    def test_a_sector_of_two_issuers_says_nothing(self):
        """However poor; three of equal size say something."""
        for issuers, verdict in ((2, "inconclusive"), (3, "fail")):
            found = only("liquidity_by_sector", indexed(1.0, issuers=issuers))
            assert found.verdict == verdict
        assert only("liquidity_by_sector", indexed(1.0, issuers=2)).interval == (-100.0, 100.0)


CASES = [
    Case(
        "untraded", TRADED,
        bad=({"trade_count": 0.0}, {"zero_trading_days_pct": 100.0}),
        good=({"trade_count": 1.0}, {"trade_count": NONE}, {"zero_trading_days_pct": NONE}),
    ),
    Case(
        "quotes_crossed", {"bid_price": 99.0, "ask_price": 101.0},
        bad=({"bid_price": 101.5}, {"ask_price": 98.0}),
        good=({"bid_price": 101.0}, {"bid_price": NONE}, {"ask_price": NONE}),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.gate for case in CASES])
def test_what_is_bad_and_what_is_not(case):
    """One of six rows; equal prices do not cross, and what is missing says nothing."""
    check_exceptions(case)
    for change in case.bad:
        assert marked(case.gate, rows_of(case.row, {2: change}, 6)) == ((2,), 6)


def test_untraded_rows_are_a_sample():
    """At the limit they pass, just past it they cannot tell, far past it they fail."""
    for count, verdict in ((100, "pass"), (110, "inconclusive"), (200, "fail")):
        rows = rows_of(TRADED, {place: {"trade_count": 0.0} for place in range(count)})
        assert only("untraded", rows).verdict == verdict
    assert only("untraded", rows.drop(columns="zero_trading_days_pct")).observed == 20.0


@pytest.mark.parametrize(("count", "verdict"), [(10, "pass"), (11, "fail")])
def test_one_percent_of_quotes_may_be_crossed(count, verdict):
    """Of a thousand."""
    row = {"bid_price": 99.0, "ask_price": 101.0}
    found = only("quotes_crossed", rows_of(row, {k: {"bid_price": 102.0} for k in range(count)}))
    assert (found.verdict, found.observed) == (verdict, count / 10)
    assert found.severity == gates.get("quotes_crossed").severity
