"""Gates on completeness: cells, columns, scores, quotes and months that are not there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bondx_lib import gates
from bondx_lib.gates import completeness
from bondx_lib.gates.completeness import ESG, REQUIRED, wary
from bondx_lib.gates.tallies import Shares, wilson

from .hand_made import asked, framed, marked, months, only, rows_of

NONE = float("nan")


@pytest.fixture
def full() -> pd.DataFrame:
    """Eight rows with something in every required column."""
    dates = months("2020-01", 8)
    values = {name: dates if name.endswith("date") else list("abcdefgh") for name in REQUIRED}
    return pd.DataFrame(values)


class TestCoverage:
    """The share of required cells that are filled."""

    def test_empty_cells_are_counted_by_column(self, full):
        """Four empty cells of eight rows, and the column that is the emptiest."""
        full.loc[:2, "leverage"] = None
        full.loc[7, "rating"] = None
        found = only("coverage", full)
        cells = 8 * len(REQUIRED)
        assert found.observed == pytest.approx(100 * (cells - 4) / cells)
        assert (found.verdict, found.n) == ("pass", 8)
        assert found.used == pytest.approx((100 - found.observed) / (100 - found.threshold))
        assert "emptiest column: leverage (62.5 %)" in found.message
        assert found.interval[0] < found.observed < found.interval[1]

    def test_a_column_that_is_absent_is_empty(self, full):
        """Six of the columns, and the share that is left blocks."""
        kept = [name for name in REQUIRED if name not in REQUIRED[10:16]]
        found = only("coverage", full[kept])
        assert found.observed == pytest.approx(100 * len(kept) / len(REQUIRED))
        assert found.blocks == (found.observed < found.threshold)
        assert only("coverage", full[kept[:5]]).blocks

    def test_scores_and_marks_of_the_simulator_are_not_asked_for(self):
        """ESG has a gate of its own, labels are what models are for."""
        assert not {*ESG, "downgrade_12m", "synthetic", "world", "issuer_name"} & set(REQUIRED)

    def test_with_no_room_at_all(self, full):
        """A limit of 100 % uses up nothing of a full file and more than all of another."""
        found = only("coverage", full, coverage_min=100.0)
        assert (found.verdict, found.used) == ("pass", 0.0)
        full.loc[0, "leverage"] = None
        found = only("coverage", full, coverage_min=100.0)
        assert found.blocks
        assert found.used > 1

    def test_one_issuer_has_no_interval(self, full):
        """What differs between issuers cannot be told from one."""
        assert only("coverage", full.assign(issuer_id="SX-1")).interval is None


class TestRequiredFields:
    """Columns that are absent or hold nothing."""

    def test_full_columns_pass(self, full):
        """One value in a column is enough, for the gate on coverage looks at the rest."""
        full.loc[1:, "leverage"] = None
        found = only("required_fields", full)
        assert (found.verdict, found.observed, found.used) == ("pass", 0.0, 0.0)
        assert found.message == f"All {len(REQUIRED)} required columns hold values."

    def test_absent_and_empty_columns_are_named(self, full):
        """One of either kind; a long list is cut off."""
        found = only("required_fields", full.drop(columns="rating").assign(leverage=None))
        assert (found.observed, found.blocks) == (2.0, True)
        assert "(rating, leverage)" in found.message
        many = only("required_fields", full.drop(columns=list(REQUIRED[:9])))
        assert many.message.count(", ") == 8
        assert ", …)" in many.message

    def test_some_may_be_allowed_to_lack(self, full):
        """Up to the limit they pass, and use up their share of it; without one, more than all."""
        for lost, allowed, verdict, used in (
            (1, 2.0, "pass", 0.5), (3, 2.0, "fail", 1.5), (1, 0.5, "fail", 2.0),
            (1, 0.0, "fail", 2.0), (3, 0.0, "fail", 4.0),
        ):  # fmt: skip
            rows = full.drop(columns=list(REQUIRED[10 : 10 + lost]))
            found = only("required_fields", rows, thresholds={"required_fields": allowed})
            assert (found.verdict, found.observed, found.n) == (verdict, lost, 8)
            assert found.used == pytest.approx(used)
            assert found.threshold == allowed

    def test_eight_are_named_and_no_more(self, full):
        """The ninth is left out."""
        for lost, cut in ((8, False), (9, True)):
            rows = full.drop(columns=list(REQUIRED[10 : 10 + lost]))
            assert (", …)" in only("required_fields", rows).message) == cut

    def test_one_row_is_not_none(self, full):
        """It lacks what it lacks."""
        found = only("required_fields", full.iloc[:1].assign(leverage=None))
        assert (found.observed, found.n) == (1.0, 1)
        assert "leverage" in found.message

    def test_no_rows_fail(self, full):
        """Whatever the columns; also without any."""
        for rows in (full.iloc[:0], pd.DataFrame()):
            found = only("required_fields", rows)
            assert found.blocks
            assert found.message == "There are no rows."
            assert found.used == 1 + len(REQUIRED)
            allowed = only("required_fields", rows, thresholds={"required_fields": 1000.0})
            assert (allowed.verdict, allowed.used) == ("fail", 1 + len(REQUIRED))

    def test_parts_complement_one_another(self, full):
        """A column that is empty in one part may be filled in the other."""
        gate = gates.get("required_fields")
        halves = [full.iloc[:4].assign(leverage=None), full.iloc[4:].assign(rating=None)]
        tallies = [gate.count(gates.Part(half)) for half in halves]
        assert (tallies[0].slices["all rows"].hits == 0).sum() == 1
        assert ((tallies[0] + tallies[1]).slices["all rows"].hits > 0).all()


def scored(without: dict[str, int], of: int = 100, letter: str = "BBB") -> pd.DataFrame:
    """Return rows of as many issuers by sector, some of them without a score."""
    rows = [
        {"sector": sector, "rating": letter, "esg_score": NONE if k < lost else 50.0,
         "issuer_id": f"{sector}{k}", "bond_id": f"{sector}{k}"}
        for sector, lost in without.items() for k in range(of)
    ]  # fmt: skip
    return framed(rows)


class TestEsgMissing:
    """Rows without a score, over all and by slice."""

    def test_shares_by_slice(self):
        """All rows, each sector, and each letter that is there."""
        found = {
            one.slice: one for one in asked("esg_missing", scored({"Energy": 10, "Finance": 20}))
        }
        assert {name: one.observed for name, one in found.items()} == {
            "all rows": 15.0, "sector=Energy": 10.0, "sector=Finance": 20.0, "rating=BBB": 15.0,
        }  # fmt: skip
        assert {one.severity for name, one in found.items() if name != "all rows"} == {"warn"}
        assert found["all rows"].severity == "block"
        assert found["all rows"].rows == tuple(range(10))
        assert found["sector=Energy"].rows == ()

    def test_a_sample_fails_only_if_it_is_certain(self):
        """Just past the limit is inconclusive, far past it blocks."""
        limit = only_all(scored({"Energy": 0})).threshold
        near, far = round(limit) + 3, round(limit) + 30
        assert only_all(scored({"Energy": round(limit)})).verdict == "pass"
        found = only_all(scored({"Energy": near}))
        assert (found.verdict, found.observed) == ("inconclusive", near)
        assert found.message.endswith(", but so few issuers cannot tell.")
        assert only_all(scored({"Energy": far})).blocks

    def test_a_slice_warns_at_what_is_certain(self):
        """It uses up the lower end of its interval."""
        found = {
            one.slice: one for one in asked("esg_missing", scored({"Energy": 0, "Finance": 90}))
        }
        finance = found["sector=Finance"]
        assert (finance.verdict, finance.severity) == ("fail", "warn")
        assert finance.used == pytest.approx(finance.interval[0] / finance.threshold)
        assert found["sector=Energy"].used == 0.0

    def test_low_ratings_are_allowed_twice_as_much(self):
        """Small issuers are scored less often."""
        for letter, times in (("CCC-", 2.0), ("B", 1.0)):
            found = asked("esg_missing", scored({"Energy": 10}, letter=letter))
            by_slice = {one.slice: one for one in found}
            limit = by_slice["all rows"].threshold
            assert by_slice[f"rating={letter.rstrip('-')}"].threshold == min(times * limit, 100)

    def test_no_missing_score_allowed(self):
        """With a limit of zero a slice uses up more than all of it only if it lacks any."""
        rows = scored({"Energy": 0, "Finance": 90})
        found = {one.slice: one.used for one in asked("esg_missing", rows, esg_missing_max=0.0)}
        assert found["sector=Energy"] == 0.0
        assert found["sector=Finance"] > 1

    def test_the_risk_is_shared_out_between_slices(self):
        """All rows keep one in twenty; sectors and letters divide it, and widen by it."""
        rows = scored({"Energy": 10, "Finance": 20})
        tally = gates.get("esg_missing").count(gates.Part(rows))
        for one in asked("esg_missing", rows):
            confidence = 0.95 if one.slice == "all rows" else 1 - 0.05 / 3
            expected = [100 * end for end in wary(tally.slices[one.slice], confidence)]
            assert one.interval == pytest.approx(expected)

    def test_the_interval_of_few_issuers(self):
        """Known answer: Wilson's, of rows fewer by Student's quantile over the normal one."""
        shares = Shares.of(np.array([[2.0], [1.0], [0.0], [3.0]]), np.full(4, 3.0))
        wider = stats.t.ppf(0.975, 3) / stats.norm.ppf(0.975)
        expected = wilson(0.5, shares.effective_rows()[0] / wider**2)
        assert wary(shares, 0.95) == pytest.approx(expected)
        narrower = wilson(0.5, shares.effective_rows()[0] * (
            stats.norm.ppf(0.8) / stats.t.ppf(0.8, 3)) ** 2, 0.6)  # fmt: skip
        assert wary(shares, 0.6) == pytest.approx(narrower)

    def test_few_large_issuers_tell_little(self):
        """The same rows of fewer issuers have a wider interval, and one issuer nearly none."""
        even = Shares.of(np.array([[1.0], [0.0]] * 20), np.ones(40))
        few = Shares.of(np.array([[10.0], [0.0]] * 2), np.full(4, 10.0))
        one = Shares.of(np.array([[40.0]]), np.array([40.0]))
        widths = [np.diff(wary(each, 0.95))[0] for each in (even, few, one)]
        assert widths == sorted(widths)
        assert wary(even, 0.95)[0] < wilson(0.5, 40)[0]
        assert wary(one, 0.95)[0] < 0.01


def only_all(rows: pd.DataFrame) -> gates.Finding:
    """Return the finding on all rows."""
    return next(one for one in asked("esg_missing", rows) if one.slice == "all rows")


def quoted(number: int, **values: object) -> pd.DataFrame:
    """Return a bond's rows whose quote moves from month to month."""
    moving = {"clean_price": 100.0, "yield_pct": 5.0, "bid_price": 99.0, "ask_price": 101.0}
    rows = [
        {"bond_id": "XZ1", "issuer_id": "SX-1", "date": date,
         **{name: start + 0.1 * k for name, start in moving.items()}, **values}
        for k, date in enumerate(months("2020-01", number))
    ]  # fmt: skip
    return framed(rows)


class TestFreshness:
    """Quotes that are repeated."""

    def test_a_whole_quote_must_be_repeated(self):
        """A price alone may stay; first months have none before."""
        rows = quoted(6)
        assert marked("freshness", rows) == ((), 5)
        second = rows.copy()
        second.loc[1, list(completeness.QUOTE)] = second.loc[0]
        assert marked("freshness", second) == ((1,), 5)
        assert "repeat the quote of the month before" in only("freshness", second).message
        rows.loc[3, ["clean_price", "bid_price", "ask_price"]] = rows.loc[2]
        assert marked("freshness", rows) == ((), 5)
        rows.loc[3, "yield_pct"] = rows.loc[2, "yield_pct"]
        assert marked("freshness", rows) == ((3,), 5)
        rows.loc[3, "bid_price"] = NONE
        assert marked("freshness", rows) == ((), 5)

    def test_price_and_yield_suffice_where_there_is_no_more(self):
        """A file without bid and offer; a quote two months old is stale too."""
        rows = quoted(5).drop(columns=["bid_price", "ask_price"])
        rows.loc[4, ["clean_price", "yield_pct"]] = rows.loc[2, ["clean_price", "yield_pct"]]
        assert marked("freshness", rows) == ((), 4)
        assert marked("freshness", rows.drop(index=3)) == ((3,), 3)

    def test_one_percent_is_allowed(self):
        """One of a hundred repetitions, and a second; a single row is not judged."""
        rows = quoted(101)
        for places, verdict in (((50,), "pass"), ((50, 70), "fail")):
            for place in places:
                rows.loc[place, list(completeness.QUOTE)] = rows.loc[place - 1]
            found = only("freshness", rows)
            assert (found.verdict, found.observed) == (verdict, len(places))
            assert found.rows == places
        assert only("freshness", rows.iloc[:1]).verdict == "not_applicable"


class TestMonthGaps:
    """Months that are missing between the first and the last of a bond."""

    def test_missing_months_are_counted_once_each(self):
        """Three of eleven; the row behind each gap is shown."""
        rows = quoted(12).drop(index=[3, 7, 8]).reset_index(drop=True)
        found = only("month_gaps", rows)
        assert (found.observed, found.n) == (pytest.approx(300 / 11), 11)
        assert found.rows == (3, 6)
        assert "3 of 11 months (27.3 %) are missing" in found.message
        assert found.message.count("months") == 1

    def test_a_bond_may_begin_and_end_when_it_will(self):
        """Nothing is missing before the first month or after the last; twice is no gap."""
        rows = pd.concat([quoted(12).iloc[2:9], quoted(12).iloc[[5]]])
        assert only("month_gaps", rows).observed == 0.0
        assert only("month_gaps", rows.iloc[:1]).verdict == "not_applicable"
        assert only("month_gaps", rows_of({"date": months("2020-01", 1)[0]})).observed is None

    def test_rows_without_a_date_close_no_gap(self):
        """Nor do they open one."""
        rows = quoted(12)
        rows.loc[4, "date"] = pd.NaT
        assert only("month_gaps", rows).observed == pytest.approx(100 / 11)

    @pytest.mark.parametrize(("lost", "verdict"), [((50,), "pass"), ((50, 70), "fail")])
    def test_one_percent_is_allowed(self, lost, verdict):
        """One of a hundred months, and a second."""
        found = only("month_gaps", quoted(101).drop(index=list(lost)))
        assert (found.verdict, found.observed, found.n) == (verdict, len(lost), 100)
