"""Gates on ranks, ratings and sectors: estimates whose value is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates
from bondx_lib.gates import sectors
from bondx_lib.gates.base import Setting
from bondx_lib.gates.sectors import LEVERAGE, LEVERAGE_SD, MARGIN, MARGIN_SD, Floor, at_least
from bondx_lib.gates.tallies import Estimate, Moments
from bondx_lib.market.issuers import SECTOR_LEVERAGE, SECTOR_MARGIN
from bondx_lib.schema import LETTERS, RATING_NUMBER, SECTORS, SENIORITIES

from .hand_made import asked, framed, marked, months, only, rows_of

NONE = float("nan")
USUAL = {letter: (LEVERAGE[k], MARGIN[k]) for k, letter in enumerate(LETTERS)}


class TestAtLeast:
    """An estimate that must reach a limit with its whole interval, else the finding is open."""

    @staticmethod
    def judged(value: float, half: float, usual: float = 10.0, limit: float = 4.0) -> gates.Finding:
        """Return the finding on an estimate."""
        floor = Floor("It", Estimate(value, half / 2, 30), half, usual, 99)
        return at_least("gate", "all rows", Setting(limit, "warn"), floor)

    @pytest.mark.parametrize(
        ("value", "half", "verdict", "used"),
        [(12.0, 2.0, "pass", 0.0), (10.0, 2.0, "pass", 0.0), (4.0, 2.0, "pass", 0.75),
         (3.0, 2.0, "inconclusive", 7 / 8), (2.0, 2.0, "inconclusive", 1.0),
         (1.9, 2.0, "fail", 8.1 / 8), (4.0, 0.0, "pass", 1.0)],
    )  # fmt: skip
    def test_verdict_and_used_tolerance(self, value, half, verdict, used):
        """None is used at the usual value, all of it where the interval leaves the limit."""
        found = self.judged(value, half)
        assert found.verdict == verdict
        assert found.used == pytest.approx(used)
        assert found.interval == (value - half, value + half)
        assert (found.n, found.threshold) == (99, 4.0)
        assert ("cannot tell" in found.message) == (verdict == "inconclusive")

    def test_a_limit_above_what_is_usual(self):
        """As the parameters may set one: then no tolerance is used at the limit."""
        assert self.judged(12.0, 2.0, limit=12.0).used == 0.0
        assert self.judged(11.0, 2.0, limit=12.0).used == pytest.approx(0.5)
        assert self.judged(11.0, 0.0, limit=12.0).used == pytest.approx(1.0)

    @pytest.mark.parametrize(("value", "half"), [(NONE, 1.0), (5.0, np.inf)])
    def test_what_cannot_be_estimated_is_not_judged(self, value, half):
        """Without a value, or with too few issuers for an interval."""
        assert self.judged(value, half).verdict == "not_applicable"


def ranked(per_rank: float, per_maturity: float = 0.0, issuers: int = 20) -> pd.DataFrame:
    """Return three bonds of each issuer, one of each rank and maturity, with log-linear spreads."""
    rows = []
    for issuer in range(issuers):
        for rank, word in enumerate(SENIORITIES):
            for years in (2.0, 8.0):
                log = 4.5 + 0.03 * issuer + per_rank * rank + per_maturity * np.log(years)
                rows += [
                    {"bond_id": f"XZ{issuer}-{rank}-{years}", "issuer_id": f"SX-{issuer}",
                     "date": date, "seniority": word, "maturity_years": years,
                     "spread_bps": np.exp(log)}
                    for date in months("2020-01", 3)
                ]  # fmt: skip
    return framed(rows)


class TestSeniorityOrder:
    """The slope of the log spread in the rank, beside that in maturity."""

    @pytest.mark.parametrize(("slope", "verdict"), [(0.14, "pass"), (0.01, "pass"), (-0.1, "fail")])
    def test_an_exact_slope_is_found(self, slope, verdict):
        """Whatever the issuer's level and maturity add."""
        found = only("seniority_order", ranked(slope, per_maturity=0.2))
        assert found.observed == pytest.approx(100 * slope, abs=1e-6)
        assert found.n == 20 * 6 * 3
        assert found.verdict == verdict

    def test_maturity_is_taken_out(self):
        """Junior bonds that run longer have wider spreads for that alone."""
        rows = ranked(0.05, per_maturity=0.4)
        short_senior = (rows["seniority"] == SENIORITIES[0]) == (rows["maturity_years"] == 2.0)
        found = only("seniority_order", rows[short_senior])
        assert found.observed == pytest.approx(5.0, abs=1e-6)

    def test_rank_and_maturity_that_go_together_cannot_be_told_apart(self):
        """Nothing to judge if each rank has its own maturity; with one maturity there is."""
        rows = ranked(0.05, per_maturity=0.4)
        tied = rows.assign(maturity_years=np.exp(rows["seniority"].map(SENIORITIES.index)))
        assert only("seniority_order", tied).verdict == "not_applicable"
        level = rows[rows["maturity_years"] == 2.0]
        assert only("seniority_order", level).observed == pytest.approx(5.0, abs=1e-6)

    def test_damaged_rows_are_left_out(self):
        """A slipped decimal, a negative spread, an unknown rank, no maturity, no date."""
        rows = ranked(0.14)
        rows.loc[0, "spread_bps"] *= 10
        rows.loc[7, "spread_bps"] *= -1
        rows.loc[20, "seniority"] = "preferred"
        rows.loc[25, "maturity_years"] = NONE
        rows.loc[30, "date"] = pd.NaT
        found = only("seniority_order", rows)
        assert (found.observed, found.n) == (pytest.approx(14.0, abs=1e-6), len(rows) - 5)

    def test_issuers_of_one_rank_say_nothing(self):
        """Nor do rows without a spread, nor four issuers."""
        one_rank = ranked(0.14).assign(seniority=SENIORITIES[1])
        assert only("seniority_order", one_rank).verdict == "not_applicable"
        assert only("seniority_order", ranked(0.14).assign(spread_bps=NONE)).n == 0
        assert only("seniority_order", ranked(0.14, issuers=4)).verdict == "not_applicable"


@pytest.mark.parametrize(
    ("count", "verdict"), [(0, "pass"), (500, "pass"), (510, "inconclusive"), (600, "fail")]
)
def test_half_of_the_rows_may_be_of_bonds_that_are_not_callable(count, verdict):
    """A flag that is missing is not judged."""
    rows = rows_of({"callable": True}, {place: {"callable": False} for place in range(count)})
    found = only("callable_share", rows)
    assert (found.verdict, found.observed) == (verdict, count / 10)
    rows["callable"] = rows["callable"].astype(object)
    rows.loc[999, "callable"] = None
    assert only("callable_share", rows).n == 999


class TestRatiosAtRating:
    """Accounts that contradict the rating in both ratios."""

    @pytest.mark.parametrize(
        ("number", "leverage", "margin", "bad"),
        [(10, 0.70, 5.0, True), (10, 0.68, 5.0, False), (10, 0.70, 6.0, False),
         (11, 0.70, 5.0, False), (11, 0.37, 15.2, True), (11, 0.39, 15.2, False),
         (21, 0.10, 15.1, False), (1, 0.10, 30.0, False)],
    )  # fmt: skip
    def test_both_ratios_must_say_otherwise(self, number, leverage, margin, bad):
        """Worse than CCC and B with investment grade, better than A without."""
        change = {"rating_number": number, "leverage": leverage, "operating_margin_pct": margin}
        row = {"rating_number": 9, "leverage": 0.42, "operating_margin_pct": 12.0}
        assert marked("ratios_at_rating", rows_of(row, {2: change}, 6)) == ((2,) if bad else (), 6)

    def test_what_is_missing_is_not_judged(self):
        """Any of the three."""
        row = {"rating_number": 9.0, "leverage": 0.9, "operating_margin_pct": 1.0}
        rows = rows_of(row, {k: {name: NONE} for k, name in enumerate(row)}, 6)
        assert marked("ratios_at_rating", rows) == ((3, 4, 5), 3)

    def test_a_sample_must_be_far_past_eight_percent(self):
        """At the limit it passes, just past it cannot tell."""
        row = {"rating_number": 9, "leverage": 0.42, "operating_margin_pct": 12.0}
        worse = {"leverage": 0.9, "operating_margin_pct": 1.0}
        for count, verdict in ((80, "pass"), (90, "inconclusive"), (120, "fail")):
            found = only("ratios_at_rating", rows_of(row, dict.fromkeys(range(count), worse)))
            assert found.verdict == verdict


def rated(ratios: dict[str, tuple[float, float, float]], each: int = 6) -> pd.DataFrame:
    """Return issuers of some letters with leverage, interest coverage and margin."""
    return framed([
        {"bond_id": f"{letter}{k}", "issuer_id": f"{letter}{k}", "rating": letter,
         "date": date, "leverage": leverage + 0.01 * (k % 3), "interest_coverage": coverage,
         "operating_margin_pct": margin + 0.1 * (k % 3)}
        for letter, (leverage, coverage, margin) in ratios.items() for k in range(each)
        for date in months("2020-01", 2)
    ])  # fmt: skip


class TestRatioOrder:
    """Mean ratios of letters at least two apart."""

    RIGHT = {"A": (0.3, 10.0, 15.0), "BBB": (0.4, 6.0, 12.0), "BB": (0.5, 3.0, 9.0),
             "CCC": (0.7, 1.0, 4.0)}  # fmt: skip

    def test_the_pair_least_in_order_is_shown(self):
        """The difference of its means; neighbours are not compared."""
        found = {one.slice: one for one in asked("ratio_order", rated(self.RIGHT))}
        assert {one.verdict for one in found.values()} == {"pass"}
        assert found["leverage"].observed == pytest.approx(0.2)
        assert found["operating margin"].observed == pytest.approx(5.0)
        assert found["leverage"].n == 12
        # The pairs are A-BB, A-CCC, BBB-CCC and BB-CCC; A-BB is the least apart.
        assert found["interest coverage (log)"].observed == pytest.approx(np.log(12 / 5))

    def test_a_wrong_order_fails_for_its_ratio_alone(self):
        """Leverage of BB lies below that of A."""
        wrong = {**self.RIGHT, "BB": (0.1, 3.0, 9.0)}
        found = {one.slice: one for one in asked("ratio_order", rated(wrong))}
        assert found["leverage"].verdict == "fail"
        assert found["leverage"].observed == pytest.approx(-0.2)
        assert "The leverage of BB against A" in found["leverage"].message
        assert found["operating margin"].verdict == "pass"

    def test_each_issuer_counts_once_a_month(self):
        """However many bonds it has."""
        rows = rated(self.RIGHT)
        many = rows[rows["issuer_id"] == "BB1"]
        more = pd.concat([rows, *(many.assign(bond_id=f"more{k}") for k in range(20))])
        before, after = (asked("ratio_order", each) for each in (rows, more))
        assert [one.observed for one in after] == pytest.approx([one.observed for one in before])

    def test_too_few_issuers_or_neighbours_alone_are_not_judged(self):
        """Four of a letter, or two letters side by side; one ratio may lack all values."""
        few = asked("ratio_order", rated(self.RIGHT, each=4))
        assert {one.verdict for one in few} == {"not_applicable"}
        beside = rated({name: self.RIGHT[name] for name in ("A", "BBB")})
        assert {one.verdict for one in asked("ratio_order", beside)} == {"not_applicable"}
        lacking = rated(self.RIGHT).assign(interest_coverage=NONE)
        found = {one.slice: one.verdict for one in asked("ratio_order", lacking)}
        assert found["interest coverage (log)"] == "not_applicable"
        assert found["leverage"] == "pass"

    def test_letters_without_any_scatter(self):
        """A difference known exactly is in order, or fails."""
        exact = rated(self.RIGHT)
        exact["leverage"] = exact["rating"].map({"A": 0.3, "BBB": 0.4, "BB": 0.5, "CCC": 0.7})
        found = {one.slice: one for one in asked("ratio_order", exact)}
        assert found["leverage"].verdict == "pass"


def of_sectors(
    leverage: dict[str, float], margin: dict[str, float], each: int = 8, letter: str = "BBB"
) -> pd.DataFrame:
    """Return issuers of all sectors, whose ratios are the usual ones and what is added."""
    usual = USUAL[letter]
    return framed([
        {"bond_id": f"{name}{k}", "issuer_id": f"{name}{k}", "sector": name, "date": date,
         "rating_number": RATING_NUMBER[letter],
         "leverage": usual[0] + leverage.get(name, 0.0) + 0.001 * (k % 3 - 1),
         "operating_margin_pct": usual[1] + margin.get(name, 0.0) + 0.01 * (k % 3 - 1),
         "utility_load_index": 100.0}
        for name in SECTORS for k in range(each) for date in months("2020-01", 3)
    ])  # fmt: skip


class TestSectorTraits:
    """What sets one sector apart from the others."""

    @pytest.mark.parametrize(
        ("name", "sector", "added", "verdict"),
        [("sector_technology", "Technology", 4.0, "pass"),
         ("sector_technology", "Technology", -1.0, "fail"),
         ("sector_industrial", "Industrial", -3.0, "pass"),
         ("sector_industrial", "Industrial", 2.0, "fail"),
         ("sector_consumer_goods", "Consumer Goods", 2.0, "fail")],
    )  # fmt: skip
    @pytest.mark.parametrize("letter", ["AA", "BBB", "CCC"])
    def test_margins_less_the_usual_one_of_the_rating(self, name, sector, added, verdict, letter):
        """The difference from the others, positive where it is as it should be."""
        sign = 1 if name == "sector_technology" else -1
        found = only(name, of_sectors({}, {sector: added}, letter=letter))
        assert found.observed == pytest.approx(sign * added, abs=0.01)
        assert found.verdict == verdict

    @pytest.mark.parametrize(
        ("name", "sector", "sign"),
        [("sector_finance", "Finance", 1), ("sector_healthcare", "Healthcare", -1)],
    )
    def test_leverages(self, name, sector, sign):
        """Finance borrows more than others at its rating, healthcare less."""
        for added, verdict in ((0.1 * sign, "pass"), (-0.1 * sign, "fail")):
            found = only(name, of_sectors({sector: added}, {}))
            assert (found.verdict, found.observed) == (
                verdict, pytest.approx(sign * added, abs=0.001),
            )  # fmt: skip

    def test_the_rating_explains_what_is_usual_for_it(self):
        """A sector of poor ratings does not owe more for its kind than they do."""
        poor, rest = (of_sectors({}, {}, letter=letter) for letter in ("CCC", "A"))
        for sector in ("Finance", "Technology"):
            rows = pd.concat([poor[poor["sector"] == sector], rest[rest["sector"] != sector]])
            for name in ("sector_finance", "sector_technology"):
                assert only(name, rows).observed == pytest.approx(0.0, abs=1e-9)

    @pytest.mark.parametrize(("slipped", "capped"), [(300.0, 3.0), (-2.0, 0.0)])
    def test_slipped_leverages_are_capped(self, slipped, capped):
        """At three, and at nothing."""
        rows = of_sectors({}, {})
        own = rows["sector"] == "Finance"
        found = only("sector_finance", rows.assign(leverage=rows["leverage"].where(~own, slipped)))
        assert found.observed == pytest.approx(capped - USUAL["BBB"][0], abs=0.001)

    def test_slipped_losses_are_capped(self):
        """A margin of minus a thousand counts as minus fifty."""
        found = only("sector_technology", of_sectors({}, {"Technology": -1000.0}))
        assert found.observed == pytest.approx(-50 - USUAL["BBB"][1], abs=0.01)

    def test_the_power_load_of_energy_swings_for_long(self):
        """The product of two months' deviations: ten percent twice is a hundred."""
        rows = of_sectors({}, {})
        others = rows["sector"] != "Energy"
        for above, observed, verdict in ((~others, 100.0, "pass"), (others, -100.0, "fail")):
            load = np.where(above, 100 * np.exp(0.1), 100.0)
            found = only("sector_energy", rows.assign(utility_load_index=load))
            assert found.observed == pytest.approx(observed)
            assert (found.verdict, found.n) == (verdict, 6 * 8)

    def test_a_load_needs_the_month_before(self):
        """A gap, a zero and a missing load leave nothing of the rows they touch."""
        rows = of_sectors({}, {})
        gate = gates.get("sector_energy")
        gap = rows[rows["date"].dt.month != 2]
        assert gate.count(gates.Part(gap)).slices == {}
        for value in (0.0, -5.0, NONE):
            worse = rows.assign(utility_load_index=value)
            assert gate.count(gates.Part(worse)).slices == {}

    def test_nothing_to_judge(self):
        """Without the sector, without others, with too few issuers of it, or without a rating."""
        rows = of_sectors({}, {"Technology": 4.0})
        name, own = "sector_technology", rows["sector"] == "Technology"
        for without in (rows[own], rows[~own], rows.assign(rating_number=NONE)):
            assert only(name, without).verdict == "not_applicable"
        few = rows[~own | rows["issuer_id"].isin([f"Technology{k}" for k in range(4)])]
        assert only(name, few).verdict == "not_applicable"

    def test_slipped_ratios_are_capped(self):
        """A margin of a thousand counts as sixty."""
        found = only("sector_technology", of_sectors({}, {"Technology": 1000.0}))
        assert found.observed == pytest.approx(60 - USUAL["BBB"][1], abs=0.01)


class TestSectorProfile:
    """The share of what sets sectors apart that is there."""

    LAW = (
        dict(zip(SECTORS, SECTOR_LEVERAGE, strict=True)),
        dict(zip(SECTORS, SECTOR_MARGIN, strict=True)),
    )

    @pytest.mark.parametrize("share", [1.0, 0.5, -1.0])
    def test_the_law_is_one_and_its_opposite_minus_one(self, share):
        """Sectors that add what the market's law says, half of it, or the opposite."""
        scaled = [{name: share * value for name, value in each.items()} for each in self.LAW]
        found = only("sector_profile", of_sectors(*scaled))
        assert found.observed == pytest.approx(share, abs=0.01)
        assert found.verdict == ("fail" if share < 0 else "pass")

    def test_it_is_the_slope_over_both_ratios(self):
        """By least squares in units of the scatter between issuers, as numpy has it."""
        rows = of_sectors({"Finance": 0.3}, {"Energy": -4.0})
        place = rows["sector"].map(SECTORS.index).to_numpy()
        e = [SECTOR_LEVERAGE[place] / LEVERAGE_SD, SECTOR_MARGIN[place] / MARGIN_SD]
        y = [(rows["leverage"] - USUAL["BBB"][0]) / LEVERAGE_SD,
             (rows["operating_margin_pct"] - USUAL["BBB"][1]) / MARGIN_SD]  # fmt: skip
        top = sum(np.cov(a, b, bias=True)[0, 1] for a, b in zip(e, y, strict=True))
        expected = top / sum(np.var(a) for a in e)
        assert only("sector_profile", rows).observed == pytest.approx(expected)

    def test_nothing_to_judge(self):
        """Without any known sector, or with one alone."""
        rows = of_sectors(*self.LAW)
        assert only("sector_profile", rows.assign(sector="Mining")).verdict == "not_applicable"
        one = rows[rows["sector"] == "Energy"]
        assert only("sector_profile", one).verdict == "not_applicable"

    def test_its_error_is_that_of_issuers_drawn_again(self):
        """The standard error is near the deviation over many draws of the issuers."""
        rng, found, errors = np.random.default_rng(2), [], []
        rows = of_sectors(*self.LAW)
        issuer = pd.factorize(rows["issuer_id"])[0]
        for _ in range(200):
            scatter = rng.standard_normal((48, 2))[issuer]
            drawn = rows.assign(
                leverage=rows["leverage"] + LEVERAGE_SD * scatter[:, 0],
                operating_margin_pct=rows["operating_margin_pct"] + MARGIN_SD * scatter[:, 1],
            )
            tally = gates.get("sector_profile").count(gates.Part(drawn))
            estimate = sectors._profile(tally.slices["all rows"])
            found.append(estimate.value)
            errors.append(estimate.standard_error)
        assert np.mean(found) == pytest.approx(1.0, abs=4 * np.std(found) / 200**0.5)
        assert np.mean(errors) == pytest.approx(np.std(found), rel=0.15)


def test_a_difference_has_as_many_clusters_as_its_smaller_group():
    """And the errors of both, added in squares."""
    first = Moments.of(np.array([[1.0, 2.0], [1.0, 4.0], [1.0, 6.0]]))
    second = Moments.of(np.array([[1.0, 1.0], [1.0, 1.0]]))
    found = sectors.difference(first, second, -1)
    assert (found.value, found.clusters) == (-3.0, 2)
    assert found.standard_error == pytest.approx(first.ratio(1, 0).standard_error)


def half_of(found: gates.Finding) -> float:
    """Return half of the interval of a finding."""
    assert found.interval is not None
    return (found.interval[1] - found.interval[0]) / 2


class TestSharedConfidence:
    """Where several are judged at once the risk of a false alarm is shared out between them."""

    @pytest.mark.parametrize(("name", "word"), [("technology", "over"), ("industrial", "below")])
    def test_of_sectors(self, name, word):
        """One in twenty over six sectors; the message says on which side it must lie."""
        rows = of_sectors({}, {"Technology": 4.0, "Industrial": -3.0})
        found = only(f"sector_{name}", rows)
        gate = gates.get(f"sector_{name}")
        own, others = gate.count(gates.Part(rows)).slices.values()
        estimate = sectors.difference(own, others)
        assert half_of(found) == pytest.approx(estimate.half_width(1 - 0.05 / 6))
        assert f"of {name.title()}, {word} that of other sectors, is" in found.message
        assert f"({found.interval[0]:.3g} to {found.interval[1]:.3g}) over 8 iss" in found.message

    def test_of_pairs_of_letters(self):
        """One in twenty over three ratios of four pairs: A, BBB, BB and CCC without neighbours."""
        rows = rated(TestRatioOrder.RIGHT)
        found = {one.slice: one for one in asked("ratio_order", rows)}
        means = gates.get("ratio_order").count(gates.Part(rows)).slices
        estimate = sectors.difference(means["leverage, BB"], means["leverage, A"])
        assert half_of(found["leverage"]) == pytest.approx(estimate.half_width(1 - 0.05 / 12))
        assert found["leverage"].used == 0.0

    def test_of_the_share_of_a_profile(self):
        """One estimate keeps its plain interval, and names itself."""
        rows = of_sectors(*TestSectorProfile.LAW)
        found = only("sector_profile", rows)
        tally = gates.get("sector_profile").count(gates.Part(rows))
        estimate = sectors._profile(tally.slices["all rows"])
        assert half_of(found) == pytest.approx(estimate.half_width())
        assert found.message.startswith("The share of what sets sectors apart that is there is 1 ")
        assert found.n == 48


def test_sectors_count_each_issuer_once_a_month():
    """However many bonds it has."""
    rows = of_sectors(*TestSectorProfile.LAW)
    rows.loc[rows["issuer_id"] == "Energy1", "leverage"] += 0.3
    rows.loc[rows["issuer_id"] == "Energy1", "operating_margin_pct"] += 9.0
    many = rows[rows["issuer_id"] == "Energy1"]
    more = pd.concat([rows, *(many.assign(bond_id=f"more{k}") for k in range(9))])
    for name in ("sector_profile", "sector_technology"):
        before, after = only(name, rows), only(name, more)
        assert after.observed == pytest.approx(before.observed)
        assert half_of(after) == pytest.approx(half_of(before))


@pytest.mark.parametrize(("load", "capped"), [(1.0, 20.0), (9000.0, 500.0)])
def test_a_slipped_power_load_is_capped(load, capped):
    """A load of a hundredth or ninety times the norm counts as a fifth or five times."""
    rows = of_sectors({}, {})
    own = rows["sector"] == "Energy"
    found = only("sector_energy", rows.assign(utility_load_index=np.where(own, load, 100.0)))
    assert found.observed == pytest.approx((100 * np.log(capped / 100)) ** 2)
