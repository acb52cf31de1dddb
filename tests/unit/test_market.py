"""The market: reproducible to the byte, consistent with itself, and true to its own truth."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bondx_lib import features, market, parameters, pricing, schema
from bondx_lib.errors import BadInput
from bondx_lib.market import facts, issuers, macro, rows, simulation
from bondx_lib.market.streams import Streams

DEFAULT = parameters.default()
QUICK = parameters.load(None, {"evaluation.branches": 16})


def digest(frame: pd.DataFrame) -> str:
    """Hash every value of a frame."""
    return hashlib.sha256(pd.util.hash_pandas_object(frame).to_numpy().tobytes()).hexdigest()


@pytest.fixture(scope="module")
def drawn():
    """A market of several worlds with full truth."""
    return market.simulate(QUICK, "test/market", bonds=100, worlds=40, truth="full")


@pytest.fixture(scope="module")
def clean(drawn):
    """Its undamaged rows."""
    return drawn.panel[~drawn.truth["corrupted"].to_numpy()]


def test_same_stream_same_bytes_other_stream_or_seed_other_market():
    """A draw is a function of seed and stream name."""
    first, again = (market.simulate(DEFAULT, "test/a", bonds=20) for _ in range(2))
    assert digest(first.panel) == digest(again.panel)
    assert digest(first.truth) == digest(again.truth)
    other_seed = parameters.load(None, {"random_seed": 43})
    assert digest(market.simulate(DEFAULT, "test/b", bonds=20).panel) != digest(first.panel)
    assert digest(market.simulate(other_seed, "test/a", bonds=20).panel) != digest(first.panel)


def test_an_issuers_rows_do_not_depend_on_how_many_others_are_drawn():
    """A larger draw and a draw of more worlds hold the smaller one, row for row."""
    few = market.simulate(DEFAULT, "test/size", bonds=30, worlds=2).panel
    many = market.simulate(DEFAULT, "test/size", bonds=200).panel
    few = few[few["world"] == 0]
    bonds = [frame.groupby("issuer_id")["bond_id"].nunique() for frame in (few, many)]
    whole_issuers = [name for name, count in bonds[0].items() if bonds[1][name] == count]
    assert len(whole_issuers) >= len(bonds[0]) - 2, "only the last seat is cut"
    shared = few[few["issuer_id"].isin(whole_issuers)].reset_index(drop=True)
    same = many[many["issuer_id"].isin(whole_issuers)].reset_index(drop=True)
    assert len(shared) > 300
    pd.testing.assert_frame_equal(shared, same)


def test_streams_are_kept_apart_by_name_part_path_and_seed():
    """Each generator starts where its name says, whoever asked before."""
    first = Streams(1, "x").common("n", 2).standard_normal(9)
    np.testing.assert_array_equal(Streams(1, "x").common("n", 2).standard_normal(9), first)
    for other in (Streams(1, "x").common("m", 2), Streams(1, "x").common("n", 3),
                  Streams(1, "y").common("n", 2), Streams(2, "x").common("n", 2)):  # fmt: skip
        assert not np.array_equal(other.standard_normal(9), first)


def test_every_bond_asked_for_is_there(drawn):
    """Each world has exactly the bonds asked for, each with at least one row."""
    assert (drawn.panel.groupby("world")["bond_id"].nunique() == 100).all()


def test_keys_are_unique_but_for_labelled_duplicates(drawn):
    """Repeated keys are exactly the rows labelled as duplicates."""
    repeated = drawn.panel.duplicated(list(schema.KEYS))
    labelled = drawn.truth["corruption_kind"] == "duplicated_row"
    assert repeated.sum() > 0
    assert (repeated.to_numpy() == labelled.to_numpy(bool)).all()


def test_undamaged_rows_are_within_the_declared_ranges(clean):
    """Nothing leaves its range but by injected damage."""
    violations = schema.range_violations(clean).sum()
    assert violations.sum() == 0, violations[violations > 0]


def test_truth_and_future_are_not_in_the_panel(drawn):
    """No truth column is a panel column, but for the keys."""
    shared = set(drawn.panel.columns) & set(drawn.truth.columns)
    assert shared == set(schema.KEYS)
    assert (drawn.truth["row"] == np.arange(len(drawn.panel))).all()


def test_price_yield_and_terms_agree(clean):
    """Price, accrued interest, yield, duration and convexity follow from one another."""
    terms = (clean["coupon_pct"], clean["date"], clean["maturity_date"])
    np.testing.assert_allclose(
        pricing.yield_from_price(clean["clean_price"], *terms), clean["yield_pct"], atol=1e-6
    )
    np.testing.assert_allclose(pricing.accrued_interest(*terms), clean["accrued_interest"])
    np.testing.assert_allclose(
        pricing.duration_years(clean["yield_pct"], *terms), clean["duration_years"]
    )


def test_spread_is_yield_less_the_risk_free_yield(clean):
    """At five years to maturity the risk-free yield is the published five-year yield."""
    near = clean[(clean["maturity_years"] - 5).abs() < 0.02]
    gap = near["yield_pct"] - near["spread_bps"] / 100 - near["treasury_5y_pct"]
    assert len(near) > 50
    assert gap.abs().max() < 0.02


def test_better_ratings_pay_less_and_longer_bonds_more(clean):
    """Median spreads rise down the ladder; within a calm issuer-month they rise with maturity."""
    letters = clean["rating"].map(schema.letter)
    medians = clean.groupby(letters)["spread_bps"].median()[list(schema.LETTERS)]
    assert medians.is_monotonic_increasing
    calm = clean[(clean["rating_number"] <= 10) & (clean["market_spread_bps"] < 200)]
    logs = np.log(calm["spread_bps"]), np.log(calm["maturity_years"])
    keys = [calm["issuer_id"], calm["date"]]
    spread, years = (series - series.groupby(keys).transform("mean") for series in logs)
    assert 0.15 < (spread * years).sum() / (years**2).sum() < 0.40


def test_log_spread_truth_is_unbiased_with_the_stated_variance(drawn):
    """Standardised residuals of undamaged rows have mean zero and variance one."""
    good = ~drawn.truth["corrupted"].to_numpy()
    residual = (
        np.log(drawn.panel["spread_bps"].to_numpy()[good])
        - drawn.truth["log_spread_mean"].to_numpy()[good]
    ) / np.sqrt(drawn.truth["log_spread_variance"].to_numpy()[good])
    assert abs(residual.mean()) < 4 / np.sqrt(len(residual))
    assert residual.var() == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    ("label", "probability"),
    [
        ("downgrade_12m", "downgrade_probability"),
        ("liquidity_shock_1m", "shock_probability"),
    ],
)
def test_events_happen_as_often_as_their_true_probability_says(drawn, label, probability):
    """In every tenth of the probability the frequency agrees, within errors clustered by world."""
    known = drawn.panel[label].notna().to_numpy()
    rows = pd.DataFrame(
        {
            "world": drawn.panel["world"].to_numpy()[known],
            "miss": (drawn.panel[label] - drawn.truth[probability]).to_numpy()[known],
            "bin": pd.qcut(drawn.truth[probability][known], 10, labels=False).to_numpy(),
        }
    )
    sums = rows.groupby(["bin", "world"])["miss"].sum().unstack(fill_value=0.0)
    z = sums.sum(axis=1) / np.sqrt((sums**2).sum(axis=1))
    assert (z.abs() < 3.5).all(), z


def test_a_biased_probability_would_be_noticed(drawn):
    """Negative control: probabilities a third too high fail the same comparison."""
    known = drawn.panel["liquidity_shock_1m"].notna()
    miss = (drawn.panel["liquidity_shock_1m"] - 1.33 * drawn.truth["shock_probability"])[known]
    sums = miss.groupby(drawn.panel["world"][known]).sum()
    assert abs(sums.sum() / np.sqrt((sums**2).sum())) > 3.5


def test_labels_are_missing_where_the_future_is_unknown(drawn):
    """A label is missing, not zero, when its horizon passes the end of the data."""
    panel = drawn.panel
    last = DEFAULT.history_months - 1
    assert panel.loc[panel["month"] > last - 12, "downgrade_12m"].isna().all()
    assert panel.loc[panel["month"] <= last - 12, "downgrade_12m"].notna().all()
    assert panel.loc[panel["month"] == last, "liquidity_shock_1m"].isna().all()


def test_downgrade_label_follows_the_rating_path(drawn):
    """An issuer whose rating is worse within the year carries the label."""
    path = drawn.panel.drop_duplicates(["issuer_id", "month"]).set_index(["issuer_id", "month"])
    later = path["rating_number"].rename(lambda month: month - 6, level="month")
    both = pd.concat([path[["rating_number", "downgrade_12m"]], later.rename("later")], axis=1)
    worse = both.dropna().query("later > rating_number")
    assert len(worse) > 100
    assert (worse["downgrade_12m"] == 1).all()


def test_damage_is_as_labelled(drawn):
    """Each kind shows in its columns, and unlabelled rows show none of it."""
    panel, kind = drawn.panel, drawn.truth["corruption_kind"]
    assert ((panel["spread_bps"] < 0) == (kind == "sign_flip")).all()
    assert ((panel["bid_price"] > panel["ask_price"]) == (kind == "swapped_bid_ask")).all()
    exact = pricing.years_30_360(panel["date"], panel["maturity_date"])
    assert (((exact - panel["maturity_years"]).abs() > 1) == (kind == "wrong_maturity")).all()
    before = panel.groupby("bond_id")["clean_price"].shift(1)
    stale = (panel["clean_price"] == before) & ~panel.duplicated(list(schema.KEYS))
    assert (stale[kind == "stale_quote"]).all()
    assert set(kind.dropna()) == set(schema.CORRUPTION_KINDS)
    assert (kind.notna() == drawn.truth["corrupted"]).all()


def test_one_year_rating_transitions_are_near_the_published_ones():
    """Investment-grade issuers keep, lose and gain letters about as often as published."""
    path = market.simulate(DEFAULT, "test/ratings", bonds=1500, worlds=8).panel
    path = path.drop_duplicates(["issuer_id", "month"]).set_index(["issuer_id", "month"])
    letters = path["rating"].map(schema.letter)
    ahead = letters.rename(lambda month: month - 12, level="month")
    both = pd.concat([letters.rename("now"), ahead.rename("later")], axis=1).dropna()
    share = pd.crosstab(both["now"], both["later"], normalize="index") * 100
    for now, later in (("BBB", "BBB"), ("BBB", "A"), ("BBB", "BB"), ("A", "A"), ("BB", "B")):
        published = facts.value(f"transition_1y.{now}.{later}")
        rated = 100 - facts.value(f"transition_1y.{now}.NR") - facts.value(f"transition_1y.{now}.D")
        assert share.loc[now, later] == pytest.approx(
            100 * published / rated, abs=4 if now == later else 2.5
        )


@pytest.mark.parametrize(
    ("scenario", "column", "least"),
    [
        ("recession", "market_spread_bps", 1.15),
        ("liquidity_freeze", "bid_ask_bps", 1.2),
        ("rate_shock", "treasury_5y_pct", 1.2),
        ("downgrade_cascade", "downgrade_12m", 1.2),
    ],
)
def test_scenarios_do_what_they_say(scenario, column, least):
    """After the event begins, the column stands above the baseline of the same streams."""
    means = [
        market.simulate(
            parameters.load(None, {"scenario": name}), "test/scenario", bonds=60, worlds=10
        ).panel.query("12 <= month <= 23")[column].abs().mean()
        for name in (scenario, "baseline")
    ]  # fmt: skip
    assert means[0] / means[1] > least


def test_sector_crisis_hits_one_sector_only():
    """The hit sector's spreads widen against the others."""
    panels = [
        market.simulate(parameters.load(None, {"scenario": s}), "test/sector", bonds=80, worlds=4)
        .panel.query("month >= 16 and spread_bps > 0") for s in ("sector_crisis", "baseline")
    ]  # fmt: skip
    hit, calm = (np.log(p["spread_bps"]).groupby(p["sector"]).mean() for p in panels)
    widened = hit - calm
    assert widened[macro.SHOCKED_SECTOR] > 0.4
    assert widened.drop(macro.SHOCKED_SECTOR).abs().max() < 0.05


def test_a_market_of_nothing_is_refused():
    """Sizes below one are bad input."""
    with pytest.raises(BadInput, match="at least one bond"):
        market.simulate(DEFAULT, "x", bonds=0)


def test_facts_are_complete_and_sourced():
    """Every fact has a value, a tolerance, a unit, a source, a date and a confidence."""
    table = facts.table()
    assert table.index.is_unique
    assert table.notna().all(axis=None)
    assert (table["tolerance"] > 0).all()
    assert set(table["confidence"]) == {"high", "medium", "low"}
    memory = table["source"].str.contains("memory")
    assert ((table["confidence"] == "low") <= memory).all()


def test_unknown_fact_is_refused():
    """A misspelt id names the nearest."""
    with pytest.raises(BadInput, match=r"did you mean 'oas_level.BBB.p50'"):
        facts.value("oas_levels.BBB.p50")


def test_seats_are_filled_again_and_bonds_refinanced():
    """Over fifteen years neither the number of bonds, nor their age, nor the mix runs away."""
    chosen = parameters.load(None, {"history_months": 180})
    panel = market.simulate(chosen, "test/long", bonds=1500).panel
    monthly = panel.groupby("month").agg(
        bonds=("bond_id", "size"), age=("age_years", "mean"), rating=("rating_number", "mean")
    )
    early, late = monthly.loc[12:36].mean(), monthly.loc[156:].mean()
    assert late["bonds"] == pytest.approx(early["bonds"], rel=0.2)
    assert late["age"] == pytest.approx(early["age"], rel=0.35)
    assert late["rating"] == pytest.approx(early["rating"], abs=1.2)
    entered = panel.groupby("issuer_id")["month"].min()
    assert (entered > 24).mean() > 0.2


def test_an_entrant_brings_nothing_of_the_issuer_before_it():
    """A seat's next issuer has a name, a rating age and accounts of its own, and no old label."""
    chosen = parameters.load(None, {"history_months": 120})
    world = simulation.world_of(chosen, "test/entrants")
    firms = world.issuers(0)
    month, seat = np.nonzero(firms.entered[issuers.BURN_IN :])
    assert len(month) > 50
    rating = firms.rating[issuers.BURN_IN :]
    assert (firms.last_move[issuers.BURN_IN :][month, seat] == 0).all()
    assert (firms.rating_age[issuers.BURN_IN :][month, seat] == 0).all()
    before = rating[np.maximum(month - issuers.VACANT_MONTHS, 0), seat]
    assert np.isin(before[month >= issuers.VACANT_MONTHS], (0, 22)).all()
    label = rows.downgrade_label(firms)
    leaves = (rating[1:] == 0) & (rating[:-1] > 0) & (rating[:-1] < 22)
    calm = leaves & ~firms.downgraded[issuers.BURN_IN + 1 :]
    last = np.nonzero(calm[: len(label) - 13])
    assert (label[last] == 0).all()


@pytest.mark.parametrize("mixed", ["recession+rate_shock", "liquidity_freeze+sector_crisis"])
def test_scenarios_mix(mixed):
    """Two scenarios at once do what each does."""
    months = 36
    names = mixed.split("+")
    whole, *parts = (
        macro.history(months, 60, macro.scenario(name, months), np.random.default_rng(3))
        for name in (mixed, *names)
    )
    calm = macro.history(months, 60, macro.scenario("baseline", months), np.random.default_rng(3))
    for name in ("funding", "curve", "sectors"):
        effects = [getattr(one, name) - getattr(calm, name) for one in (whole, *parts)]
        largest = max(abs(effect).max() for effect in effects[1:])
        if largest > 0.2:
            assert abs(effects[0]).max() > 0.6 * largest


@pytest.mark.parametrize("label", ["downgrade_12m", "liquidity_shock_1m"])
def test_difficulty_is_that_of_real_studies(label, drawn):
    """A plain logistic regression on what anyone sees ranks about as well as published models."""
    matrix = features.build(drawn.panel)
    known = drawn.panel[label].notna().to_numpy()
    once = known & ~drawn.panel.duplicated(["world", "issuer_id", "month"]).to_numpy()
    keep = once if label == "downgrade_12m" else known
    task = {"downgrade_12m": "downgrade", "liquidity_shock_1m": "liquidity_shock"}[label]
    x = matrix.loc[keep, list(features.columns_for(task))].to_numpy(float)
    y = drawn.panel.loc[keep, label].to_numpy()
    model = make_pipeline(
        SimpleImputer(), StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)
    )
    chance = cross_val_predict(
        model, x, y, groups=drawn.panel.loc[keep, "world"], cv=GroupKFold(4),
        method="predict_proba",
    )[:, 1]  # fmt: skip
    low, high = {"downgrade_12m": (0.60, 0.78), "liquidity_shock_1m": (0.65, 0.80)}[label]
    assert low < roc_auc_score(y, chance) < high


def test_spread_is_as_hard_as_real_spreads(drawn):
    """A ridge regression on plain features explains most of the spread of unseen issuers."""
    matrix = features.build(drawn.panel)
    good = ~drawn.truth["corrupted"].to_numpy()
    x = matrix.loc[good, list(features.columns_for("spread"))].to_numpy(float)
    y = np.log(drawn.panel.loc[good, "spread_bps"].to_numpy())
    model = make_pipeline(SimpleImputer(), StandardScaler(), Ridge(100.0))
    guess = cross_val_predict(model, x, y, groups=drawn.panel.loc[good, "world"], cv=GroupKFold(4))
    assert 0.55 < 1 - ((y - guess) ** 2).sum() / ((y - y.mean()) ** 2).sum() < 0.85


def test_branches_are_enough_for_the_ceiling():
    """What the default number of futures costs in log loss is below 1 % of the gap to the floor."""
    few, many = (
        market.simulate(
            parameters.load(None, {"evaluation.branches": branches}), "test/branches", bonds=100,
            worlds=8, truth="full",
        ).truth["downgrade_probability"].dropna().to_numpy()
        for branches in (DEFAULT.evaluation.branches, 16 * DEFAULT.evaluation.branches)
    )  # fmt: skip
    limits = 1e-9, 1 - 1e-9
    guess, true = np.clip(few, *limits), np.clip(many, *limits)

    def loss(predicted):
        return float(-(true * np.log(predicted) + (1 - true) * np.log(1 - predicted)).mean())

    gap = loss(np.full_like(true, true.mean())) - loss(true)
    assert 0 <= loss(guess) - loss(true) < 0.01 * gap
