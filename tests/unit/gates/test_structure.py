"""Gates on structure: values that cannot be right, row by row and within bond and issuer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import schema
from bondx_lib.gates.structure import departs

from .hand_made import (
    Case,
    asked,
    check_exceptions,
    check_threshold,
    day,
    framed,
    marked,
    months,
    only,
    rows_of,
)

NONE, NEVER = float("nan"), day("NaT")
BOND = {
    "date": day("2021-06-30"), "issue_date": day("2019-06-30"), "maturity_date": day("2024-06-30"),
    "maturity_years": 3.0,
}  # fmt: skip

CASES = [
    Case(
        "schema",
        {"spread_bps": 100.0, "coupon_pct": 5.0, "rating": "BBB", "sector": "Energy",
         "issuer_name": "any words", "callable": 1.0, "liquidity_shock": 0.0},
        bad=({"spread_bps": -0.01}, {"spread_bps": 20_000.5}, {"spread_bps": np.inf},
             {"coupon_pct": 25.1}, {"rating": "Baa1"}, {"rating": "D"}, {"sector": "Mining"},
             {"callable": 2.0}, {"liquidity_shock": 0.5}, {"spread_bps": -1.0, "rating": "X"}),
        good=({"spread_bps": 0.0}, {"spread_bps": 20_000.0}, {"spread_bps": NONE},
              {"rating": None}, {"callable": NONE}, {"coupon_pct": 0.0}),
    ),
    Case(
        "negative_spreads", {"spread_bps": 100.0},
        bad=({"spread_bps": -1e-6}, {"spread_bps": -np.inf}),
        good=({"spread_bps": 0.0}, {"spread_bps": NONE}),
    ),
    Case(
        "impossible_dates", BOND,
        bad=({"date": NEVER}, {"date": day("1899-12-31")}, {"date": day("2200-01-01")},
             {"issue_date": day("2021-06-30")}, {"issue_date": day("2022-01-01")},
             {"issue_date": day("1850-01-01")}, {"maturity_date": day("2250-01-01")},
             {"maturity_date": day("2019-06-30")}),
        good=({"issue_date": day("2021-06-29")}, {"issue_date": NEVER}, {"maturity_date": NEVER},
              {"maturity_date": day("2199-12-31")}, {"maturity_date": day("2020-01-01")}),
    ),
    Case(
        "month_ends", {"date": day("2021-01-31")},
        bad=({"date": day("2021-01-28")}, {"date": day("2021-03-15")}, {"date": day("2021-06-29")}),
        good=({"date": day("2021-01-30")}, {"date": day("2021-01-29")}, {"date": day("2021-06-30")},
              {"date": day("2021-05-31 17:00")}),
        unjudged=({"date": NEVER},),
    ),
]  # fmt: skip
IDS = [case.gate for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_as_much_as_is_allowed_passes_and_one_row_more_fails(case):
    """Of a thousand rows; the observed share, the rows and the used tolerance are exact."""
    check_threshold(case)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_is_right_and_what_cannot_be_judged(case):
    """The ends of a range are right; a missing value is a matter for completeness."""
    check_exceptions(case)


def test_dates_that_are_not_there_are_not_asked_for():
    """A file may have the date alone, or no maturity, or no issue."""
    row = {"date": day("2021-06-30"), "issue_date": day("2021-07-15"),
           "maturity_date": day("2021-07-01")}  # fmt: skip
    rows = rows_of(row, times=3)
    assert marked("impossible_dates", rows.drop(columns="issue_date")) == ((), 3)
    assert marked("impossible_dates", rows.drop(columns="maturity_date")) == ((0, 1, 2), 3)
    assert marked("impossible_dates", rows[["bond_id", "date"]]) == ((), 3)


class TestSchema:
    """Cells against the declaration of their column."""

    @pytest.mark.parametrize(
        ("name", "values", "wrong"),
        [
            ("spread_bps", ["100", "n/a", None, "-5"], [False, True, False, True]),
            ("callable", [True, False, "yes", None], [False, False, True, False]),
            ("callable", [True, False], [False, False]),
            ("date", ["2021-06-30", "30 June", None], [False, True, False]),
            ("date", [20210630, 20210731], [True, True]),
            ("date", pd.to_datetime(["2021-06-30", None]), [False, False]),
            ("sector", ["Energy", "energy", None], [False, True, False]),
            ("issuer_name", ["SX-1", "other"], [False, False]),
            ("rating_number", [1, 21, 22], [False, False, True]),
        ],
    )
    def test_each_type(self, name, values, wrong):
        """Words for numbers, numbers for dates, and words that are not admissible."""
        column = schema.TABLES["panel"].columns[name]
        assert departs(pd.Series(values), column).tolist() == wrong

    def test_the_worst_column_is_named(self):
        """A row with two wrong cells is one wrong row; the column that is wrong most is named."""
        row = {"spread_bps": 100.0, "rating": "BBB"}
        rows = rows_of(row, {0: {"rating": "X"}, 1: {"rating": "X", "spread_bps": -1.0}}, 10)
        found = only("schema", rows)
        assert (found.observed, found.rows) == (20.0, (0, 1))
        assert found.message.endswith("; most often rating (2).")
        assert "most often" not in only("schema", rows_of(row, times=3)).message


class TestMaturityAnomalies:
    """A maturity that cannot be right, judged as a sample because so little is allowed."""

    @pytest.mark.parametrize(
        "change",
        [{"maturity_date": NEVER}, {"maturity_years": NONE}, {"maturity_years": 3.03},
         {"maturity_years": 2.97}, {"maturity_date": day("2021-06-30"), "maturity_years": 0.0},
         {"issue_date": day("2024-06-30")}, {"maturity_date": day("2122-07-30"),
                                             "maturity_years": 101 + 1 / 12},
         {"maturity_date": day("2014-06-30"), "maturity_years": -7.0}],
    )  # fmt: skip
    def test_what_is_anomalous(self, change):
        """One of six rows, whatever the reason."""
        assert marked("maturity_anomalies", rows_of(BOND, {2: change}, 6)) == ((2,), 6)

    @pytest.mark.parametrize(
        "change",
        [{"maturity_years": 3.027}, {"maturity_years": 2.973}, {"issue_date": NEVER},
         {"maturity_date": day("2121-06-30"), "maturity_years": 100.0}],
    )  # fmt: skip
    def test_what_is_not(self, change):
        """Ten days more or less, a hundred years, an issue that is not known."""
        assert marked("maturity_anomalies", rows_of(BOND, {2: change}, 6)) == ((), 6)

    def test_few_anomalies_of_few_rows_cannot_tell(self):
        """One of a thousand is at the limit, two are past it but inconclusive, ten fail."""
        limit = only("maturity_anomalies", rows_of(BOND)).threshold
        for count, verdict in ((0, "pass"), (1, "pass"), (2, "inconclusive"), (10, "fail")):
            changes = {place: {"maturity_years": 9.0} for place in range(count)}
            found = only("maturity_anomalies", rows_of(BOND, changes))
            assert (found.verdict, found.rows) == (verdict, tuple(range(count)))
            assert found.used == pytest.approx(count / 10 / limit)


class TestDuplicateRows:
    """Rows with world, bond and date of another."""

    def test_each_repetition_counts(self):
        """A row that is there three times is two too many, wherever they stand."""
        rows = rows_of({"date": day("2021-06-30"), "world": 0}, times=8)
        twice = pd.concat([rows, rows.iloc[[5, 2, 5]]], ignore_index=True)
        assert marked("duplicate_rows", twice) == ((8, 9, 10), 11)
        assert marked("duplicate_rows", twice.drop(columns="world")) == ((8, 9, 10), 11)

    def test_other_worlds_and_rows_without_a_key_repeat_nothing(self):
        """The same bond may be in two worlds; without date or bond nothing can be said."""
        rows = rows_of({"date": day("2021-06-30"), "world": 0}, times=4)
        assert marked("duplicate_rows", pd.concat([rows, rows.assign(world=1)]))[0] == ()
        alone = rows.head(1)
        assert marked("duplicate_rows", pd.concat([alone, alone.assign(world=1)]))[0] == ()
        assert marked("duplicate_rows", monthly(world=0)) == ((), 12)
        both = pd.concat([rows, rows], ignore_index=True)
        assert marked("duplicate_rows", both.assign(date=NEVER).astype(rows.dtypes)) == ((), 8)
        assert marked("duplicate_rows", both.assign(bond_id=None)) == ((), 8)

    @pytest.mark.parametrize(("more", "verdict"), [(10, "pass"), (11, "fail")])
    def test_one_percent_is_allowed(self, more, verdict):
        """Ten repetitions among a thousand rows, and one more."""
        rows = rows_of({"date": day("2021-06-30")}, times=1000 - more)
        found = only("duplicate_rows", pd.concat([rows, rows.head(more)], ignore_index=True))
        assert (found.verdict, found.observed, found.n) == (verdict, more / 10, 1000)
        assert found.blocks == (verdict == "fail")


def monthly(bond: str = "XZ1", number: int = 12, **values: object) -> pd.DataFrame:
    """Return a bond's rows, month after month, all alike."""
    row = {"bond_id": bond, "issuer_id": "SX-1", **values}
    return framed([{**row, "date": date} for date in months("2020-01", number)])


class TestReferences:
    """Terms against the rest of the bond, sector against the issuer, rating within the month."""

    TERMS = {"sector": "Energy", "seniority": "subordinated", "callable": True, "coupon_pct": 5.0,
             "issue_date": day("2019-06-30"), "maturity_date": day("2024-06-30"),
             "amount_outstanding_usd": 5e8, "issuer_name": "SX-A", "rating": "BBB"}  # fmt: skip

    @pytest.mark.parametrize(
        ("column", "other"),
        [("issuer_name", "SX-B"), ("sector", "Finance"), ("seniority", "senior_secured"),
         ("callable", False), ("coupon_pct", 5.1), ("issue_date", day("2019-07-30")),
         ("maturity_date", day("2034-06-30")), ("amount_outstanding_usd", 4e8),
         ("rating", "BB+")],
    )  # fmt: skip
    def test_the_odd_value_of_a_bond_is_wrong(self, column, other):
        """One of four bonds has it in one month; missing values disagree with nothing."""
        rows = pd.concat([monthly(f"XZ{k}", **self.TERMS) for k in range(4)], ignore_index=True)
        assert marked("references", rows) == ((), 48)
        rows.loc[17, column] = other
        assert marked("references", rows) == ((17,), 48)
        found = only("references", rows)
        assert found.verdict == "fail"
        assert f"most often {column} (1)" in found.message
        assert marked("references", rows.assign(**{column: None})) == ((), 48)

    def test_a_bond_that_changes_its_issuer(self):
        """The less common issuer is wrong."""
        rows = monthly()
        rows.loc[[2, 5], "issuer_id"] = "SX-2"
        assert marked("references", rows) == ((2, 5), 12)

    def test_a_rating_may_change_with_time(self):
        """And differ between issuers."""
        rows = pd.concat([monthly("XZ1", rating="BBB"), monthly("XZ2", rating="BBB")])
        rows["rating"] = rows["rating"].mask(rows["date"] > day("2020-06-01"), "BB")
        other = monthly("XZ3", rating="AAA", issuer_id="SX-2")
        assert marked("references", pd.concat([rows, other], ignore_index=True)) == ((), 36)

    def test_without_issuers_only_bonds_are_judged(self):
        """Nor without any of the watched columns."""
        rows = monthly(coupon_pct=5.0, sector="Energy", rating="BBB").drop(columns="issuer_id")
        rows.loc[3, "coupon_pct"], rows.loc[4, "sector"] = 5.5, "Finance"
        assert marked("references", rows) == ((3,), 12)
        assert marked("references", rows[["bond_id", "date"]]) == ((), 12)
        assert marked("references", rows[["bond_id", "date"]].assign(issuer_id="SX-1")) == ((), 12)


class TestOutliers:
    """Values far from those of the bond around them, in logarithms."""

    @pytest.mark.parametrize(
        ("column", "usual", "factor"),
        [("spread_bps", 150.0, 4.06), ("volume_usd", 1e6, 33.2), ("clean_price", 95.0, 4.06),
         ("bid_ask_bps", 40.0, 4.06)],
    )  # fmt: skip
    def test_factors_that_are_too_far(self, column, usual, factor):
        """A quiet bond may leap by a factor of four (33 for volumes), and no more, either way."""
        rows = monthly(**{column: usual})
        for leap, bad in ((factor, True), (1 / factor, True), (0.99 * factor, False)):
            changed = rows.assign(**{column: rows[column].where(rows.index != 6, leap * usual)})
            assert marked("outliers", changed) == ((6,) if bad else (), 12)

    def test_a_lasting_change_is_no_outlier(self):
        """Three months are, four are a new level; what is not positive is not judged."""
        for length, bad in ((3, (4, 5, 6)), (4, ())):
            rows = monthly(spread_bps=100.0)
            rows.loc[4 : 3 + length, "spread_bps"] = 1000.0
            assert marked("outliers", rows)[0] == bad
        rows.loc[:, "spread_bps"] = [-100.0, 0.0, NONE, np.inf] * 3
        assert marked("outliers", rows) == ((), 12)

    def test_the_market_and_the_rating_explain_spreads(self):
        """A spread that follows its market or its rating is none; one that does not is."""
        market = np.where(np.arange(12) == 6, 1500.0, 150.0)
        rows = monthly(spread_bps=100.0).assign(market_spread_bps=market)
        assert marked("outliers", rows)[0] == (6,)
        assert marked("outliers", rows.assign(spread_bps=market))[0] == ()
        notches = np.where(np.arange(12) == 6, 19.0, 9.0)
        fallen = monthly(spread_bps=100.0).assign(rating_number=notches)
        fallen.loc[6, "spread_bps"] = 100 * np.exp(0.18 * 10)
        assert marked("outliers", fallen)[0] == ()
        assert marked("outliers", fallen.drop(columns="rating_number"))[0] == (6,)

    @pytest.mark.parametrize("column", ["market_spread_bps", "rating_number"])
    def test_a_row_without_what_explains_its_spread_is_not_judged(self, column):
        """But a bond without any is, by its spreads alone."""
        rows = monthly(spread_bps=100.0, **{column: 12.0})
        rows.loc[3, column] = NONE
        assert marked("outliers", rows) == ((), 12)
        rows.loc[6, "spread_bps"] = 1000.0
        assert marked("outliers", rows) == ((6,), 12)
        assert marked("outliers", rows.assign(**{column: NONE})) == ((6,), 12)

    def test_a_bond_that_moves_more_may_leap_more(self):
        """The scale is the bond's own where that is wider; few rows say nothing."""
        wild = monthly(number=24)
        wild["spread_bps"] = np.where(np.arange(24) % 2 == 0, 50.0, 300.0)
        wild.loc[12, "spread_bps"] = 1000.0
        assert marked("outliers", wild) == ((), 24)
        assert marked("outliers", monthly(number=3).assign(spread_bps=[1.0, 1.0, 1e4])) == ((), 3)

    def test_two_percent_are_allowed(self):
        """Two of a hundred rows, and a third."""
        rows = monthly(number=100, clean_price=100.0)
        for places, verdict in (((20, 50), "pass"), ((20, 50, 80), "fail")):
            rows.loc[list(places), "clean_price"] = 1000.0
            (found,) = asked("outliers", rows)
            assert (found.verdict, found.observed) == (verdict, len(places))
            assert found.rows == places
