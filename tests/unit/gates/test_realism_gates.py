"""Gates on realism: published figures, as one variation shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from bondx_lib import gates, market, parameters
from bondx_lib.gates import published, realism, shown
from bondx_lib.gates.base import Extent, Setting
from bondx_lib.gates.controls import realism as controls
from bondx_lib.gates.published import Fact, Realism, View
from bondx_lib.market import facts, measures
from bondx_lib.schema import LETTERS, RATINGS, REGIMES, SENIORITIES, letter

from .hand_made import asked, framed, months

ISSUERS = 12
EVERY = {fact.name: fact for gate in realism.GATES for fact in gate.facts}
NAMES = [gate.name for gate in realism.GATES]
SUMMED = ("coupon_step.", "callable.", "seniority.", "issuer_mix.", "liquidity.volume_")
READ_FROM_BINS = ("ratio.", "half_spread.", "bid_ask.", "zero_trading", "turnover.q", "issue_size",
                  "equity.")  # fmt: skip


def drawn(seed: int = 1) -> pd.DataFrame:
    """Return rows of a dozen issuers with all that the building blocks of these tests read."""
    rng = np.random.default_rng(seed)
    size = 20 * ISSUERS
    return pd.DataFrame({
        "issuer_id": [f"SX-{k % ISSUERS}" for k in range(size)],
        "bond_id": [f"XZ{k % (2 * ISSUERS)}" for k in range(size)],
        "date": pd.to_datetime("2020-01-31") + pd.to_timedelta(31 * (np.arange(size) // 24), "D"),
        "rating": rng.choice(["BBB", "BB"], size),
        "leverage": rng.lognormal(-0.8, 0.3, size),
        "current_ratio": rng.normal(1.5, 0.3, size),
        "amount": rng.uniform(1, 9, size),
        "tone": (rng.integers(0, shown.AUC_BINS, size) + 0.5) / shown.AUC_BINS * 2 - 1,
        "downgrade_12m": rng.integers(0, 2, size).astype(float),
    })  # fmt: skip


MANY = [drawn(seed) for seed in range(60)]


def lasts(rows: pd.DataFrame, fact: Fact, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return a fact's statistic and the ends of its interval between issuers."""
    sums = fact.count(View(gates.Part(rows)))
    assert sums is not None
    value, (low, high) = fact.read(sums, confidence)
    return value, low, high


MEDIAN = shown.quantile("median", lambda view: view["leverage"], 0.01, 10)
QUARTILE = shown.quantile("quartile", lambda view: view["leverage"], 0.01, 10, 0.25)
SHARE = shown.share("share", lambda view: view["leverage"] > 0.5, lambda view: view["leverage"] > 0)
BY_AMOUNT = shown.share(
    "by amount", lambda view: view["leverage"] > 0.5, lambda view: view["leverage"] > 0, "amount"
)
RATIO = shown.mean_ratio("ratio", lambda view: view["leverage"], lambda view: view.rated("BB"),
                         lambda view: view.rated("BBB"), "amount")  # fmt: skip
CORRELATION = shown.pair("r", lambda view: view["leverage"], lambda view: view["current_ratio"])
SLOPE = shown.pair("slope", lambda view: view["leverage"], lambda view: view["current_ratio"], True)
AUC = shown.smaller("auc", lambda view: view["tone"], lambda view: view["downgrade_12m"], -1, 1)
BLOCKS = (MEDIAN, QUARTILE, SHARE, BY_AMOUNT, RATIO, CORRELATION, SLOPE, AUC)


def in_pandas(name: str, rows: pd.DataFrame) -> float:
    """Return the statistic of a building block, computed from the rows."""
    x, y, size = rows["leverage"], rows["current_ratio"], rows["amount"]
    high = rows["rating"] == "BB"
    return {
        "median": lambda: x.median(),
        "quartile": lambda: x.quantile(0.25),
        "share": lambda: 100 * (x > 0.5).mean(),
        "by amount": lambda: 100 * size[x > 0.5].sum() / size.sum(),
        "ratio": lambda: (
            np.average(x[high], weights=size[high]) / np.average(x[~high], weights=size[~high])
        ),
        "r": lambda: np.corrcoef(x, y)[0, 1],
        "slope": lambda: np.polyfit(x, y, 1)[0],
        "auc": lambda: roc_auc_score(rows["downgrade_12m"], -rows["tone"]),
    }[name]()


class TestShown:
    """What a statistic is, and how far issuers let it be known."""

    @pytest.mark.parametrize("fact", BLOCKS, ids=lambda fact: fact.name)
    def test_it_is_that_of_pandas(self, fact):
        """Quantiles as closely as a bin is wide, all else to the last digits."""
        rows = drawn()
        close = 0.03 if fact in (MEDIAN, QUARTILE) else 1e-9
        assert lasts(rows, fact)[0] == pytest.approx(in_pandas(fact.name, rows), rel=close)

    @pytest.mark.parametrize("fact", BLOCKS, ids=lambda fact: fact.name)
    def test_the_interval_holds_the_statistic(self, fact):
        """And is wider at a higher confidence."""
        value, low, high = lasts(drawn(), fact)
        _, lower, higher = lasts(drawn(), fact, 0.999)
        assert lower < low < value < high < higher

    @pytest.mark.parametrize("fact", BLOCKS, ids=lambda fact: fact.name)
    def test_a_weight_of_two_is_the_row_twice(self, fact):
        """In the statistic."""
        rows = drawn()
        twice = rows["issuer_id"].isin([f"SX-{k}" for k in range(5)])
        weighted = rows.assign(weight=np.where(twice, 2.0, 1.0))
        doubled = pd.concat([rows, rows[twice]], ignore_index=True)
        assert lasts(weighted, fact)[0] == pytest.approx(lasts(doubled, fact)[0], rel=1e-9)
        assert lasts(weighted, fact)[0] != pytest.approx(lasts(rows, fact)[0], rel=1e-9)

    @pytest.mark.parametrize("fact", BLOCKS, ids=lambda fact: fact.name)
    def test_intervals_are_as_wide_as_statistics_scatter(self, fact):
        """Over many draws of a dozen issuers; little narrower, and not twice as wide."""
        found = np.array([lasts(rows, fact, 0.6827) for rows in MANY])
        half = np.sqrt(np.mean((found[:, 2] - found[:, 1]) ** 2)) / 2
        assert 0.85 < half / found[:, 0].std(ddof=1) < 1.7

    def test_lasting_properties_tell_as_much_as_there_are_issuers(self):
        """Where all months of a few issuers show next to none, rows would say too much."""
        rows = drawn().assign(leverage=[0.9] + [0.1] * (20 * ISSUERS - 1))
        lasting = shown.share("share", lambda view: view["leverage"] > 0.5,
                              lambda view: view["leverage"] > 0, lasting=True)  # fmt: skip
        value, _, high = lasts(rows, lasting)
        assert value == lasts(rows, SHARE)[0] == pytest.approx(100 / 240)
        none = lasts(rows.assign(leverage=0.1), SHARE)[2]
        assert lasts(rows, SHARE)[2] < none / 5
        assert high > none

    def test_rows_without_a_value_do_not_count(self):
        """NaN is left out of what is summed, and of the number of issuers."""
        rows = drawn()
        holes = rows.assign(leverage=rows["leverage"].mask(rows["issuer_id"] == "SX-3"))
        rest = rows[rows["issuer_id"] != "SX-3"]
        for fact in (MEDIAN, RATIO, CORRELATION):
            assert lasts(holes, fact) == pytest.approx(lasts(rest, fact))
            assert fact.count(View(gates.Part(holes))).clusters == ISSUERS - 1

    @pytest.mark.parametrize("fact", BLOCKS, ids=lambda fact: fact.name)
    def test_nothing_is_counted_of_nothing(self, fact):
        """Without a value there are no sums."""
        none = dict.fromkeys(("leverage", "current_ratio", "tone", "amount"), np.nan)
        assert fact.count(View(gates.Part(drawn().assign(**none)))) is None

    def test_a_ratio_needs_issuers_on_both_sides(self):
        """The measure of a few issuers has no error that could be trusted."""
        rows = drawn()
        few = rows["issuer_id"].isin([f"SX-{k}" for k in range(published.FEWEST_ISSUERS - 1)])
        assert np.isfinite(lasts(rows, RATIO)[0])
        assert np.isnan(lasts(rows.assign(rating=np.where(few, "BBB", "BB")), RATIO)[0])

    def test_an_area_needs_issuers_with_the_event(self):
        """Downgrades of a few issuers tell little of news."""
        rows = drawn()
        few = rows["issuer_id"].isin([f"SX-{k}" for k in range(published.FEWEST_ISSUERS - 1)])
        assert np.isnan(lasts(rows.assign(downgrade_12m=few.astype(float)), AUC)[0])

    @pytest.mark.parametrize(("value", "expected"), [(0.0, 0.0), (1.0, 100.0)])
    def test_a_share_of_none_or_all_still_has_an_interval(self, value, expected):
        """Of a dozen issuers none with a property may be some of all issuers."""
        rows = drawn().assign(leverage=0.1 if value == 0 else 0.9)
        found, low, high = lasts(rows, SHARE)
        assert found == expected
        assert 15 < high - low < 60


def yearly(words: list[str]) -> pd.DataFrame:
    """Return one issuer's two bonds by month, with these ratings."""
    return framed([
        {"issuer_id": "SX-1", "bond_id": bond, "date": date, "rating": word}
        for bond in ("XZ1", "XZ2")
        for date, word in zip(months("2020-01", len(words)), words, strict=True)
    ])  # fmt: skip


class TestView:
    """What several facts ask of a part of the rows."""

    def test_letters_and_grades(self):
        """Notches count with their letter; an unknown rating with none."""
        words = ["AAA", "A-", "BBB+", "BB", "CCC", "Baa1"]
        rows = framed([{"bond_id": f"XZ{k}", "rating": word} for k, word in enumerate(words)])
        view = View(gates.Part(rows))
        places = [LETTERS.index(one) for one in ("AAA", "A", "BBB", "BB", "CCC")]
        assert view.letter.tolist() == [*places, -1]
        assert view.investment_grade.tolist() == [True, True, True, False, False, False]
        assert view.high_yield.tolist() == [False, False, False, True, True, False]

    def test_one_row_of_each_issuer_and_month(self):
        """Two bonds for a year are a dozen issuer months and two first rows."""
        view = View(gates.Part(yearly(["BBB"] * 12)))
        assert view.once.sum() == 12
        assert np.flatnonzero(view.first_of_bond).tolist() == [0, 12]

    def test_the_letter_a_year_later(self):
        """Twelve months on to the day of the calendar; unknown where the rows end."""
        view = View(gates.Part(yearly(["BBB"] * 12 + ["BB", "BBB", "B-"])))
        later = [LETTERS.index(word) for word in ("BB", "BBB", "B")] + [-1] * 12
        assert view.letter_a_year_later.tolist() == later * 2

    def test_a_gap_of_a_month_is_not_a_year(self):
        """The month twelve on must be there itself."""
        rows = yearly(["BBB"] * 14)
        gap = rows[rows["date"] != rows["date"].unique()[12]]
        assert View(gates.Part(gap)).letter_a_year_later[0] == -1

    def test_values_less_the_mean_of_the_issuer(self):
        """Of the rows that count; alone, a row has no others to be compared with."""
        rows = yearly(["BBB"]).assign(leverage=[1.0, 4.0])
        view = View(gates.Part(rows))
        assert view.within_issuer([True, True], view["leverage"]).tolist() == [-1.5, 1.5]
        assert np.isnan(view.within_issuer([True, False], view["leverage"])).all()

    def test_calm_months(self):
        """Called an expansion, and not among the dearest quarter."""
        dear = facts.value("oas_level.BBB.p75")
        rows = framed([
            {"bond_id": f"XZ{k}", "regime_observed": word, "market_spread_bps": spread}
            for k, (word, spread) in enumerate(
                [("expansion", dear), ("expansion", dear + 1), ("stress", 90.0), (None, 90.0),
                 ("expansion", np.nan)]
            )
        ])  # fmt: skip
        view = View(gates.Part(rows))
        assert view.usual.tolist() == [True, False, True, True, False]
        assert view.calm.tolist() == [True, False, False, False, False]


def gate_on(fact: Fact) -> Realism:
    """Return a gate on one fact."""
    return type("One", (Realism,), {"name": "one", "catches": "one", "facts": (fact,)})()


def fixed(name: str, value: float, half: float, log: bool = False) -> Fact:
    """Return a fact whose statistic and interval are given."""
    ends = (value * np.exp(-half), value * np.exp(half)) if log else (value - half, value + half)
    return Fact(name, MEDIAN.count, lambda sums, confidence: (value, ends), log)


def judged(fact: Fact, extent: Extent | None = None, limit: float = 1.0) -> gates.Finding:
    """Return the finding on one fact."""
    gate, part = gate_on(fact), gates.Part(drawn())
    at = Extent(first=0, last=published.PATH_MONTHS - 1) if extent is None else extent
    (found,) = gate.judge(gate.count(part), Setting(limit, "warn"), at)
    return found


SURE = "callable.IG"
"""A fact whose deviation between paths was too small to be measured."""


class TestJudging:
    """Against the published value, with its tolerance."""

    @pytest.mark.parametrize(
        ("off", "half", "verdict"),
        [(0.0, 5.0, "pass"), (1.0, 0.1, "pass"), (1.5, 0.6, "inconclusive"), (1.5, 0.4, "fail"),
         (-1.5, 0.6, "inconclusive"), (-1.5, 0.4, "fail")],
    )  # fmt: skip
    def test_it_fails_only_if_its_whole_interval_is_outside(self, off, half, verdict):
        """Both in tolerances."""
        middle, tolerance = published._published(SURE)
        found = judged(fixed(SURE, middle + off * tolerance, half * tolerance))
        assert found.verdict == verdict
        assert found.threshold == pytest.approx((middle - tolerance, middle + tolerance))
        assert f"{middle:.3g} ± {tolerance:.3g}" in found.message

    def test_the_threshold_is_in_tolerances(self):
        """Twice the tolerance lets pass what once does not."""
        middle, tolerance = published._published(SURE)
        fact = fixed(SURE, middle - 1.8 * tolerance, 0.1 * tolerance)
        assert judged(fact).verdict == "fail"
        assert judged(fact, limit=2.0).verdict == "pass"

    def test_deviations_add_as_squares(self, monkeypatch):
        """Three between issuers and four between paths are five, at the same confidence."""
        middle, tolerance = published._published(SURE)
        z = 2.5758293035489004
        monkeypatch.setitem(published.PATHS, SURE, 4 / (z * tolerance))
        found = judged(fixed(SURE, middle, 3.0))
        assert found.interval == pytest.approx((middle - 5, middle + 5))

    def test_deviations_of_a_logarithm_are_in_proportion(self, monkeypatch):
        """A fifth up and down by the same factor."""
        middle, _ = published._published("turnover.quarter")
        monkeypatch.setitem(published.PATHS, "turnover.quarter", 0.0)
        found = judged(fixed("turnover.quarter", middle, 0.2, log=True))
        assert found.interval == pytest.approx((middle * np.exp(-0.2), middle * np.exp(0.2)))

    @pytest.mark.parametrize(("extent", "share"), [
        (Extent(first=0, last=published.PATH_MONTHS - 1), 1.0),
        (Extent(first=0, last=16 * published.PATH_MONTHS - 1), 0.5),
        (Extent(first=0, last=published.PATH_MONTHS - 1, worlds=frozenset(range(4))), 0.5),
    ])  # fmt: skip
    def test_longer_and_more_paths_deviate_less(self, monkeypatch, extent, share):
        """Four worlds, or sixteen times the months, halve the deviation."""
        middle, tolerance = published._published(SURE)
        monkeypatch.setitem(published.PATHS, SURE, 1.0)
        low, high = judged(fixed(SURE, middle, 0.0), extent).interval
        assert (high - low) / 2 == pytest.approx(2.5758293035489004 * tolerance * share)

    @pytest.mark.parametrize(("name", "log"), [(SURE, False), ("turnover.quarter", True)])
    def test_used_rises_to_one_where_it_fails(self, name, log):
        """Nothing at the published value; more the farther off; one where the interval leaves."""
        middle, tolerance = published._published(name)
        steps = np.linspace(0, 3, 60)
        values = middle * np.exp(steps) if log else middle + steps * tolerance
        found = [judged(fixed(name, value, 0.2, log)) for value in values]
        used = np.array([one.used for one in found])
        assert used[0] == pytest.approx(0)
        assert (np.diff(used) > 0).all()
        assert [one.verdict == "fail" for one in found] == (used > 1).tolist()

    def test_issuers_that_are_too_few_are_not_judged(self):
        """One fewer than are asked."""
        gate, rows = gate_on(MEDIAN), drawn()
        few = rows["issuer_id"].isin([f"SX-{k}" for k in range(published.FEWEST_ISSUERS - 1)])
        part = gates.Part(rows[few])
        (found,) = gate.judge(gate.count(part), Setting(1.0, "warn"), Extent.of(part))
        assert found.verdict == "not_applicable"
        assert str(published.FEWEST_ISSUERS) in found.message

    def test_figures_of_ordinary_times_are_not_asked_of_others(self):
        """In a recession only what holds in every scenario is judged."""
        panel = market.simulate(parameters.default(), "test/calm/5").panel
        part = gates.Part(panel)
        extent = replace(Extent.of(part), scenario="recession")
        for gate in realism.GATES:
            found = gate.judge(gate.count(part), Setting(1.0, "warn"), extent)
            assert gate.any_times or {one.verdict for one in found} == {"not_applicable"}
        assert {gate.name for gate in realism.GATES if gate.any_times} == {
            "realism_terms", "realism_maturities", "realism_esg", "realism_curve"
        }  # fmt: skip

    def test_those_that_stay_are_counted_among_those_still_rated(self):
        """The published rate is of all, withdrawn and defaulted ones included."""
        stay, gone = 87.33, 0.14 + 5.71
        value, tolerance = published._published("transition_1y.BBB.BBB")
        assert value == pytest.approx(stay / (1 - gone / 100))
        assert tolerance == pytest.approx(3.49 / (1 - gone / 100))
        assert published._published("zero_trading_days") == (61.0, 15.0)


def test_figures_are_in_the_table_and_judged_once():
    """What is measured between paths belongs to a figure, and no figure to two gates."""
    every = [fact.name for gate in realism.GATES for fact in gate.facts]
    assert len(every) == len(set(every))
    assert set(every) <= set(facts.table().index)
    assert set(published.PATHS) <= set(every)


@pytest.fixture(scope="module")
def scored() -> tuple[pd.DataFrame, measures.Measured]:
    """A market of the scorecard as a panel, and what the scorecard measures of it."""
    sample = measures.draw(3, months=132, blocks=1)
    frame = sample.frame
    rows = frame.assign(
        issuer_id="SX-" + frame["issuer"].astype(str),
        bond_id="XZ" + frame["bond"].astype(str),
        date=np.array(months("2015-01", 132), "datetime64[ns]")[frame["month"]],
        rating=np.array(RATINGS, object)[frame["rating_number"] - 1],
        seniority=np.array(SENIORITIES, object)[frame["seniority"]],
        regime_observed=np.array(REGIMES, object)[frame["regime"]],
        market_spread_bps=100.0,
    )
    return rows, measures.measure(sample)


def observed(rows: pd.DataFrame) -> dict[str, float]:
    """Return every statistic of the gates by the id of its fact."""
    return {one.slice: float(one.observed) for name in NAMES for one in asked(name, rows)}


class TestAgreement:
    """With the scorecard, on the same rows."""

    def test_what_is_summed_is_the_same(self, scored):
        """Shares, slopes and correlations."""
        rows, card = scored
        ours = observed(rows)
        compared = [name for name in EVERY if name.startswith(SUMMED)]
        assert len(compared) >= 12
        assert [ours[name] for name in compared] == pytest.approx(
            [card[name] for name in compared], rel=1e-6
        )

    def test_what_is_read_from_bins_is_nearly_the_same(self, scored):
        """Medians, as closely as a bin is wide."""
        rows, card = scored
        ours = observed(rows)
        compared = [name for name in EVERY if name.startswith(READ_FROM_BINS)]
        assert len(compared) >= 20
        assert [ours[name] for name in compared] == pytest.approx(
            [card[name] for name in compared], rel=0.03
        )

    def test_the_rest_lies_within_the_tolerance_of_each_other(self, scored):
        """Computed from other months, or over them instead of month by month."""
        rows, card = scored
        ours = observed(rows)
        for name in EVERY:
            tolerance = published._published(name)[1]
            stays = name.startswith("transition")
            theirs = card[name]
            if stays:
                own = name.split(".")[1]
                gone = card[f"transition_1y.{own}.D"] + card[f"transition_1y.{own}.NR"]
                theirs = theirs / (1 - gone / 100)
            assert abs(ours[name] - theirs) < tolerance, name


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """A variation in whose calm months every gate has something to judge."""
    return market.simulate(parameters.default(), "test/calm/5", bonds=400).panel


class TestVariations:
    """Whole draws."""

    @pytest.mark.parametrize("number", range(4))
    def test_ordinary_draws_do_not_fail(self, number):
        """Whatever their path, and well within what is allowed in the mean."""
        drawn_panel = market.simulate(parameters.default(), f"test/realism/{number}").panel
        found = [one for name in NAMES for one in asked(name, drawn_panel)]
        assert "fail" not in {one.verdict for one in found}
        assert np.mean([one.used for one in found]) < 0.5

    def test_every_gate_passes_something(self, panel):
        """On this draw."""
        for name in NAMES:
            assert "pass" in {one.verdict for one in asked(name, panel)}, name

    def test_intervals_hold_what_is_observed(self, panel):
        """In every slice."""
        for name in NAMES:
            for one in asked(name, panel):
                assert one.interval[0] <= one.observed <= one.interval[1], one.slice

    def test_few_bonds_are_not_judged(self, panel):
        """Of seven issuers no figure is known well enough."""
        seven = panel["issuer_id"].unique()[: published.FEWEST_ISSUERS - 1]
        rows = panel[panel["issuer_id"].isin(seven)]
        for name in NAMES:
            assert {one.verdict for one in asked(name, rows)} == {"not_applicable"}, name

    def test_missing_words_and_dates_are_left_out(self, panel):
        """Rows without a rating, a rank or a date count where they can."""
        third = panel.index % 3 == 0
        holes = panel.assign(**{
            column: panel[column].mask(third) for column in ("rating", "seniority", "date")
        })  # fmt: skip
        for name in NAMES:
            found = asked(name, holes)
            assert all(one.observed is None or np.isfinite(one.observed) for one in found)
        rest = panel[~third]
        for name in ("realism_maturities", "realism_spreads"):
            values = {one.slice: one.observed for one in asked(name, rest)}
            assert {one.slice: one.observed for one in asked(name, holes)} == pytest.approx(values)


class TestControls:
    """What the damage does."""

    def test_high_yield_only_is_dearer(self, panel):
        """Its spreads twice, all others as they were."""
        after = controls.dearer_high_yield(panel, 2.0, np.random.default_rng(0))
        high = panel["rating"].map(letter).isin(["BB", "B", "CCC"])
        times = after["spread_bps"] / panel["spread_bps"]
        assert times[high].dropna().to_numpy() == pytest.approx(2.0)
        assert times[~high].dropna().to_numpy() == pytest.approx(1.0)

    def test_moved_coupons_are_on_no_step(self, panel):
        """All of a bond's rows by the same; none on a twentieth any more."""
        after = controls.odd_coupons(panel, 100.0, np.random.default_rng(0))
        on_step = np.rint(1000 * panel["coupon_pct"]) % 50 == 0
        assert (np.rint(1000 * after["coupon_pct"][on_step]) % 50 != 0).all()
        moved = (after["coupon_pct"] - panel["coupon_pct"]).round(6)
        assert (moved.groupby(panel["bond_id"]).nunique() <= 1).all()

    def test_exchanged_ratings_are_the_same_ratings(self, panel):
        """As many issuer months of each; the bonds of an issuer still share one."""
        one = panel.drop_duplicates(["issuer_id", "date"])
        after = controls.shuffled_ratings(one.reset_index(drop=True), 100.0,
                                          np.random.default_rng(0))  # fmt: skip
        assert after["rating"].value_counts().to_dict() == one["rating"].value_counts().to_dict()
        whole = controls.shuffled_ratings(panel, 100.0, np.random.default_rng(0))
        apart = whole.groupby(["issuer_id", "date"])["rating"].nunique(dropna=False)
        assert (apart == 1).all()

    def test_agreeing_raters_agree(self, panel):
        """Of all issuers: correlation one."""
        after = controls.agreeing_raters(panel, 100.0, np.random.default_rng(0))
        assert after["esg_rater_a"].corr(after["esg_rater_b"]) == pytest.approx(1)

    def test_telling_news_are_worse_before_downgrades_only(self, panel):
        """By as many points, and never below the least tone."""
        after = controls.telling_news(panel, 0.2, np.random.default_rng(0))
        change = after["news_sentiment"] - panel["news_sentiment"]
        coming = (panel["downgrade_12m"] > 0).to_numpy(bool, na_value=False)
        assert change[~coming].dropna().eq(0).all()
        assert change[coming].dropna().between(-0.2 - 1e-9, 0).all()
        assert after["news_sentiment"].min() >= -1

    def test_a_tilt_leaves_the_middle(self, panel):
        """Spreads at seven years stay, longer ones rise."""
        rows = panel.head(2).assign(maturity_years=[7.0, 14.0], spread_bps=[100.0, 100.0])
        after = controls.tilted_curve(rows, 1.0, np.random.default_rng(0))
        assert after["spread_bps"].tolist() == pytest.approx([100, 200])
