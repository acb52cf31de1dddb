"""What drives a model: importance, contributions, and effects held against the law."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bondx_lib import features, market, models, parameters
from bondx_lib.errors import BadInput
from bondx_lib.market import constants, laws, liquidity, spreads
from bondx_lib.models import explain
from bondx_lib.models.learners.base import Lesson
from bondx_lib.models.learners.linear import Linear

CHOSEN = parameters.load(None, {"evaluation.branches": 16})
LABELLED = ("spread", "downgrade", "liquidity_shock")


@pytest.fixture(scope="module")
def pool():
    """A training pool."""
    return models.Panel.of(market.simulate(CHOSEN, "test/explain", bonds=80, worlds=10).panel)


@pytest.fixture(scope="module")
def judge():
    """An evaluation market: panel and truth."""
    drawn = market.simulate(CHOSEN, "test/explained", bonds=60, worlds=8, truth="full")
    return SimpleNamespace(panel=models.Panel.of(drawn.panel), truth=drawn.truth)


@pytest.fixture(scope="module")
def fitted(pool):
    """All models."""
    return {name: trained(models.get(name), pool) for name in models.MODELS}


def trained(law, pool, chosen=CHOSEN):
    """Train a model on the pool."""
    splits = models.split(pool.rows, 0.8, law.task.horizon_months, chosen.history_months)
    return law.train(pool, splits, chosen, np.random.default_rng(5))


class Known:
    """A model that says what its one rule says, whatever it is taught."""

    name, title = "known", "Known"
    task = models.get("spread").task
    columns = ("leverage", "log_maturity", "log_market_spread", "esg_score")
    facts: dict = {}

    def __init__(self, rule):
        self.rule = rule

    def predict(self, panel):
        """Return the rule's answer."""
        return self.rule(panel.features).to_numpy(float)


def sd_of(columns, judge):
    """Return the standard deviation of some features."""
    return judge.panel.features[list(columns)].astype(float).std()


def test_what_a_model_does_not_look_at_has_no_importance(judge):
    """Only the family that the rule reads can lose anything, and an exact one loses most."""
    truth = judge.truth.assign(log_spread_mean=judge.panel.features["leverage"].to_numpy(float))
    model = Known(lambda f: f["leverage"])
    found = explain.importance(model, judge.panel, truth, np.random.default_rng(1))
    found = found.set_index("group")
    assert set(found.index) == {"credit", "terms", "economy", "ESG"}
    assert_array_equal(found.loc[["terms", "economy", "ESG"], "rise"], 0.0)
    # Two independent draws differ by twice the variance: the whole gain, twice.
    credit = found.loc["credit"]
    assert credit["low"] < credit["rise"] < credit["high"]
    assert credit["share"] == pytest.approx(2.0, abs=0.35)


def test_the_economy_is_exchanged_between_worlds(judge):
    """Within a month it is the same for all, so only another month can show what it is worth."""
    economy = judge.panel.features["log_market_spread"].to_numpy(float)
    truth = judge.truth.assign(log_spread_mean=economy)
    model = Known(lambda f: f["log_market_spread"])
    found = explain.importance(model, judge.panel, truth, np.random.default_rng(1))
    assert found["group"].iloc[0] == "economy"
    assert found["rise"].iloc[0] > 0.5 * economy.var()


def test_rows_are_exchanged_among_issuers_of_one_month(judge):
    """Each row gives once, to a row of its month and of another issuer; months give to worlds."""
    rows = judge.panel.rows
    others, months = explain._donors(rows, np.random.default_rng(2))
    assert sorted(others) == list(range(len(rows)))
    for name in ("world", "month"):
        assert_array_equal(rows[name].to_numpy()[others], rows[name].to_numpy())
    issuer, world = rows["issuer_id"].to_numpy(), rows["world"].to_numpy()
    month = rows.groupby(["world", "month"])["issuer_id"]
    largest = month.transform(lambda names: names.value_counts().iloc[0] / len(names))
    assert (issuer[others] != issuer)[largest <= 0.5].all()
    assert (world[months] != world).all()
    one = rows[rows["world"] == 0]
    assert len(explain._donors(one, np.random.default_rng(2))[1]) == len(one)


@pytest.mark.parametrize("name", tuple(models.MODELS))
def test_every_model_has_importance(judge, fitted, name):
    """Its own families, of which at least one matters; a model of one family goes by feature."""
    model = fitted[name]
    before = judge.panel.features.copy()
    found = explain.importance(
        model, judge.panel, judge.truth, np.random.default_rng(3), repeats=1, replicates=50
    )
    pd.testing.assert_frame_equal(judge.panel.features, before)
    families = {features.family_of(column) for column in model.columns}
    assert set(found["group"]) == (families if len(families) > 1 else set(model.columns))
    assert found["low"].iloc[0] > 0
    assert (found["low"] <= found["high"]).all()
    assert found["rise"].is_monotonic_decreasing


@pytest.mark.parametrize("name", LABELLED)
def test_contributions_add_up_to_the_raw_answer(judge, fitted, name):
    """Base and families make the log spread or the log-odds, to rounding."""
    some = judge.panel.take(np.arange(0, len(judge.panel), 97))
    found = explain.contributions(fitted[name], some, judge.panel)
    assert_allclose(found["raw"], fitted[name].raw(some))
    assert_allclose(found["rest"], 0, atol=2e-5)
    assert_allclose(found.drop(columns="raw").sum(axis=1), found["raw"])
    assert list(found.index) == list(some.rows.index)
    families = {features.family_of(column) for column in fitted[name].columns}
    assert set(found.columns) == families | {"base", "rest", "raw"}
    whole = explain.contributions(fitted[name], judge.panel.take(np.arange(50)), judge.panel)
    one = explain.contributions(fitted[name], judge.panel.take(np.array([7])), judge.panel)
    assert_allclose(one.iloc[0], whole.iloc[7], atol=1e-5)
    assert explain.contributions(fitted[name], judge.panel.take(np.arange(0))).empty


def test_every_learner_can_be_taken_apart(pool, judge):
    """An ensemble of all learners adds up too, with the weights that it has."""
    chosen = parameters.load(None, {
        "advanced.enable_ensemble_methods": True,
        "advanced.base_models": ["linear", "xgboost", "random_forest", "gradient_boosting"],
    })  # fmt: skip
    model = trained(models.get("spread"), pool, chosen)
    some = judge.panel.take(np.arange(0, len(judge.panel), 997))
    found = explain.contributions(model, some, judge.panel)
    assert_allclose(found["rest"], 0, atol=2e-5)


def test_a_line_is_taken_apart_into_its_terms():
    """What a family adds is slope times distance from the mean, whatever the others are."""
    rng = np.random.default_rng(4)
    rows = rng.normal(2, 1, (500, 3)).astype(np.float32)
    target = rows @ np.array([1.0, -2.0, 0.5])
    lesson = Lesson("value", ("a", "b", "c"), rows, target, rows[:0], target[:0])
    line = Linear.fit(lesson, {"penalty": 1e-6}, rng)
    found = explain._of_line(line, rows, {"first": [0], "others": [1, 2]})
    centred = rows - rows.mean(axis=0)
    inside = (np.abs(centred / rows.std(axis=0)) < 4).all(axis=1)
    assert_allclose(found[inside, 1], centred[inside, 0], atol=1e-4)
    assert_allclose(found[inside, 2], (centred @ [0, -2, 0.5])[inside], atol=1e-4)


def test_shapley_shares_an_interplay_equally():
    """Of a product of two families each gets half of what is beyond its own share."""
    rows = np.array([[3.0, 5.0, 9.0]], np.float32)
    product = SimpleNamespace(raw=lambda x: x[:, 0].astype(float) * x[:, 1] + 0 * x[:, 2])
    found = explain._shapley(
        product, rows, {"a": [0], "b": [1], "c": [2]}, np.array([1.0, 1.0, 1.0], np.float32)
    )
    assert_allclose(found, [[1.0, 2 + 4.0, 4 + 4.0, 0.0]])


def test_a_damaged_row_is_explained_by_its_check(judge, fitted):
    """The score of a row with bid above ask falls most when that is put right."""
    model = fitted["anomaly"]
    swapped = np.flatnonzero(judge.truth["corruption_kind"].to_numpy(object) == "swapped_bid_ask")
    found = explain.contributions(model, judge.panel.take(swapped))
    assert_allclose(found["raw"], model.predict(judge.panel.take(swapped)))
    checks = found[list(model.columns)].mean()
    assert set(checks.nlargest(2).index) <= {"bid_ask_order", "checks_failed", "bid_ask_gap"}
    assert_allclose(found.drop(columns="raw").sum(axis=1), found["raw"])


def test_a_model_without_learners_cannot_be_taken_apart(judge):
    """The error names it."""
    with pytest.raises(BadInput, match="known: cannot be taken apart"):
        explain.contributions(Known(lambda f: f["leverage"]), judge.panel)


def test_effects_of_a_known_rule_are_found(judge):
    """Sizes, signs and what holds only for some rows; words say how they agree."""
    line = Known(lambda f: 0.5 * f["log_maturity"] - f["esg_score"].fillna(0) / 100)
    doubled = {"log_maturity": float(np.log(2))}
    known = [
        laws.Law("right", 0.5 * np.log(2), 1, added=doubled),
        laws.Law("too small", 2 * np.log(2), 1, added=doubled),
        laws.Law("too large", 0.1 * np.log(2), 1, added=doubled),
        laws.Law("other way", -0.5, -1, added=doubled),
        laws.Law("sign", None, 1, before={"log_maturity": 0.0}, after={"log_maturity": 1.0}),
        laws.Law("other sign", None, -1, before={"log_maturity": 0.0}, after={"log_maturity": 1.0}),
        laws.Law("none", 0.0, 0, added={"leverage": 1.0}),
        laws.Law("not seen", 1.0, 1, added={"leverage": 1.0}),
        laws.Law("one too many", 0.0, 0, added={"esg_score": 15.0}),
        laws.Law("nobody", 1.0, 1, added=doubled, where="rating_number > 99"),
    ]
    found = explain.effects(line, judge.panel, known, np.random.default_rng(1)).set_index("effect")
    assert found.loc["right", "model"] == pytest.approx(0.5 * np.log(2), abs=1e-5)
    assert found.loc["sign", "model"] == pytest.approx(0.5, abs=1e-5)
    assert -0.15 < found.loc["one too many", "model"] < -0.12
    assert found.loc["nobody", "rows"] == 0
    assert list(found["agrees"]) == [
        "yes", "in sign, smaller", "in sign, larger", "no, other sign", "yes, in sign",
        "no, other sign", "yes", "no, sees none", "no, sees one", "no such rows",
    ]  # fmt: skip


def test_effects_of_events_are_on_the_scale_of_the_hazard(judge):
    """A hazard that doubles is an effect of the logarithm of two, however small it is."""
    event = Known(lambda f: -np.expm1(-0.05 * np.exp(f["leverage"])))
    event.task = replace(event.task, kind="event")
    law = laws.Law("one more", 1.0, 1, added={"leverage": 1.0})
    found = explain.effects(event, judge.panel, [law], np.random.default_rng(1))
    assert found["model"].iloc[0] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", LABELLED)
def test_models_learn_the_strongest_effects(judge, fitted, name):
    """What is strong and seen directly has the right sign; what is not there is small."""
    found = explain.effects(
        fitted[name], judge.panel, laws.known(name), np.random.default_rng(1), rows=400
    ).set_index("effect")
    assert (found["rows"] > 0).all()
    strong = {
        "spread": ["market's spread half as high again", "4 to 8 years, A", "BBB to BB"],
        "downgrade": ["market in stress", "leverage 0.1 above peers"],
        "liquidity_shock": ["funding one unit tighter", "a shock this month"],
    }[name]
    assert (np.sign(found.loc[strong, "model"]) == found.loc[strong, "sign"]).all()
    assert (found.loc[found["sign"] == 0, "model"].abs() < 0.1).all()


def test_effects_need_a_law_and_a_known_feature(judge, fitted):
    """Damage follows no law, an unknown feature and an unknown task are named."""
    rng = np.random.default_rng(1)
    with pytest.raises(BadInput, match="anomaly: has no effects"):
        explain.effects(fitted["anomaly"], judge.panel, [], rng)
    with pytest.raises(BadInput, match="levrage: is missing from the features"):
        explain.effects(
            fitted["spread"], judge.panel, [laws.Law("typo", 0.0, 0, added={"levrage": 1.0})], rng
        )
    with pytest.raises(BadInput, match="anomaly: has no law"):
        laws.known("anomaly")


@pytest.mark.parametrize("name", LABELLED)
def test_laws_speak_of_features_and_rows_that_there_are(judge, name):
    """Every law changes features that its model sees, and says where it holds in panel columns."""
    for law in laws.known(name):
        changed = {*law.before, *law.after, *law.added}
        assert changed
        assert changed <= set(models.get(name).columns), law.effect
        assert set(law.before) == set(law.after)
        assert law.size is None or np.sign(law.size) == law.sign
        if law.where:
            assert judge.panel.rows.eval(law.where).dtype == bool


def test_laws_are_those_of_the_mechanisms(judge):
    """Sizes follow from the constants; where they can be measured in the truth, they are there."""
    known = {law.effect: law.size for law in laws.known("spread")}
    level = constants.array("spread.level_bps")
    assert known["BBB to BB"] == pytest.approx(np.log(level[4] / level[3]))
    assert known["secured, investment"] == spreads.SENIORITY_LEVEL[0, 0]
    with constants.using({"spread.level_bps": np.exp(np.arange(8.0))}):
        assert {law.effect: law.size for law in laws.known("spread")}["A to BBB"] == 1.0
    shock = {law.effect: law.size for law in laws.known("liquidity_shock")}
    assert shock["a shock this month"] == liquidity.BY_SHOCK * liquidity.SHOCK_SIZE
    # In the truth itself: by how much the log hazard rises in a calm bond's month of shock.
    since = judge.panel.features["months_since_shock"].to_numpy()
    table = judge.panel.rows[["world", "month", "bond_id"]].assign(
        hazard=np.log(-np.log1p(-judge.truth["shock_probability"])), now=(since == 0) * 1.0
    )
    table = table[~judge.panel.rows.duplicated(["world", "bond_id", "month"])]
    before = table.groupby(["world", "bond_id"])["hazard"].shift()
    table["rise"] = table["hazard"] - before
    calm = (since > 12)[table.index]
    bond = [table["world"], table["bond_id"]]
    was_calm = pd.Series(calm * 1.0, table.index).groupby(bond).shift() == 1
    table = table[was_calm & (calm | (table["now"] == 1))].dropna()
    centred = table[["rise", "now"]] - table.groupby(["world", "month"])[["rise", "now"]].transform(
        "mean"
    )
    slope = (centred["rise"] * centred["now"]).sum() / (centred["now"] ** 2).sum()
    assert slope == pytest.approx(shock["a shock this month"], abs=0.05)
