"""One contract for every registered model, and what is particular to each."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import IsolationForest, RandomForestClassifier

from bondx_lib import ceilings, features, market, models, parameters
from bondx_lib.errors import BadInput
from bondx_lib.models import anomaly, forest
from bondx_lib.models.base import CARD_NAME

CHOSEN = parameters.load(None, {"evaluation.branches": 32})
NAMES = tuple(models.MODELS)
LABELLED = ("spread", "downgrade", "liquidity_shock")


@pytest.fixture(scope="module")
def pool():
    """A training pool: panel, features."""
    panel = market.simulate(CHOSEN, "test/pool", bonds=100, worlds=16).panel
    return SimpleNamespace(panel=panel, features=features.build(panel))


@pytest.fixture(scope="module")
def test_market():
    """An evaluation market: panel, truth, features."""
    drawn = market.simulate(CHOSEN, "test/judge", bonds=80, worlds=24, truth="full")
    return SimpleNamespace(
        panel=drawn.panel, truth=drawn.truth, features=features.build(drawn.panel)
    )


def trained(pool, name: str, seed: int = 7, panel: pd.DataFrame | None = None):
    """Train one model on the pool."""
    law = models.get(name)
    panel = pool.panel if panel is None else panel
    sides = models.split(panel, 0.8, law.horizon_months, CHOSEN.history_months)
    return law.train(pool.features, panel, sides, CHOSEN, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def fitted(pool):
    """All four models."""
    return {name: trained(pool, name) for name in NAMES}


def scored(model, test_market, predictions=None):
    """Score a model on the evaluation market."""
    if predictions is None:
        predictions = model.predict(test_market.features, test_market.panel)
    return models.evaluate(
        model, predictions, test_market.panel, test_market.truth, np.random.default_rng(1), 100
    )


@pytest.mark.parametrize("name", NAMES)
def test_training_and_predicting_change_no_input(pool, test_market, name):
    """Panel and features are as they were."""
    before = pool.panel.copy(), pool.features.copy()
    trained(pool, name).predict(pool.features, pool.panel)
    pd.testing.assert_frame_equal(pool.panel, before[0])
    pd.testing.assert_frame_equal(pool.features, before[1])


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes_and_save_and_load(pool, test_market, fitted, tmp_path, name):
    """Retraining writes equal files; a loaded model predicts and saves the same."""
    fitted[name].save(tmp_path / "a")
    trained(pool, name).save(tmp_path / "b")
    loaded = models.get(name).load(tmp_path / "a")
    loaded.save(tmp_path / "c")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 2
    for other in ("b", "c"):
        for file in files:
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / other / file).read_bytes()
    np.testing.assert_array_equal(
        loaded.predict(test_market.features, test_market.panel),
        fitted[name].predict(test_market.features, test_market.panel),
    )


@pytest.mark.parametrize("name", NAMES)
def test_column_and_row_order_do_not_matter(test_market, fitted, name):
    """Shuffled columns change nothing; shuffled rows are predicted row by row."""
    predictions = fitted[name].predict(test_market.features, test_market.panel)
    mirrored = test_market.features[test_market.features.columns[::-1]]
    np.testing.assert_array_equal(fitted[name].predict(mirrored, test_market.panel), predictions)
    order = np.random.default_rng(2).permutation(len(predictions))
    again = fitted[name].predict(test_market.features.iloc[order], test_market.panel.iloc[order])
    np.testing.assert_allclose(again, predictions[order])


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_feature_is_named(test_market, fitted, name):
    """The error says which."""
    column = fitted[name].columns[3]
    with pytest.raises(BadInput, match=f"{column}: is missing from the features"):
        fitted[name].predict(test_market.features.drop(columns=column), test_market.panel)


@pytest.mark.parametrize("name", NAMES)
def test_only_training_rows_are_learnt_from(pool, fitted, name):
    """Changing targets of the rows that are neither trained on nor held out changes nothing."""
    law = models.get(name)
    sides = models.split(pool.panel, 0.8, law.horizon_months, CHOSEN.history_months)
    unused = sides == models.UNUSED
    assert unused.any()
    if law.target == "none":
        changed = SimpleNamespace(panel=pool.panel, features=pool.features.copy())
        changed.features.loc[unused] = 99.0
        model = trained(changed, name)
    else:
        panel = pool.panel.copy()
        panel.loc[unused, law.target] = 1.0
        model = trained(pool, name, panel=panel)
    assert model.facts == fitted[name].facts
    np.testing.assert_array_equal(
        model.predict(pool.features, pool.panel), fitted[name].predict(pool.features, pool.panel)
    )


@pytest.mark.parametrize("name", NAMES)
def test_models_are_better_than_nothing_and_worse_than_the_truth(test_market, fitted, name):
    """Skill lies between 0 and 1, its interval around it, the usual measures beside it."""
    scores = scored(fitted[name], test_market)
    assert 0.05 < scores.skill < 1
    assert scores.skill_low <= scores.skill <= scores.skill_high
    assert scores.ceiling < scores.loss < scores.floor
    json.dumps(scores.to_dict(), allow_nan=False)
    if name != "spread":
        assert scores.base_rate >= 0.5
        assert 0.55 < scores.auc <= 1


@pytest.mark.parametrize("name", LABELLED)
def test_shuffled_labels_teach_nothing(pool, test_market, name):
    """Negative control: with targets dealt at random the skill is no better than zero."""
    law = models.get(name)
    panel = pool.panel.copy()
    known = panel[law.target].notna().to_numpy()
    values = panel[law.target].to_numpy(copy=True)
    values[known] = np.random.default_rng(3).permutation(values[known])
    panel[law.target] = values
    assert scored(trained(pool, name, panel=panel), test_market).skill < 0.06


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_goes_beyond_the_ceiling_and_a_constant_nowhere(test_market, fitted, name):
    """Known answers of the score: what is hidden is worth one over the share of the ceiling."""
    truth, panel = test_market.truth, test_market.panel
    perfect = {
        "spread": truth["log_spread_mean"], "downgrade": truth["downgrade_probability"].fillna(0.1),
        "liquidity_shock": truth["shock_probability"], "anomaly": truth["corrupted"].astype(float),
    }[name].to_numpy(float)  # fmt: skip
    scores = scored(fitted[name], test_market, perfect)
    assert scores.skill == pytest.approx(1 / ceilings.share(name), abs=0.01)
    assert scores.full_state <= scores.ceiling <= scores.floor
    target = {
        "spread": np.log(panel["spread_bps"].clip(lower=1)), "anomaly": truth["corrupted"],
    }.get(name, panel.get(fitted[name].target))  # fmt: skip
    constant = np.full(len(panel), float(np.nanmean(np.asarray(target, float))))
    assert scored(fitted[name], test_market, constant).skill == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_comparison_promotes_the_better_and_not_the_equal(test_market, fitted, name):
    """No champion: promote. The same predictions: keep. Noise against the model: keep the model."""
    model, panel, truth = fitted[name], test_market.panel, test_market.truth
    good = model.predict(test_market.features, panel)
    noise = np.random.default_rng(4).permutation(good)

    def verdict(champion, challenger):
        rng = np.random.default_rng(5)
        return models.compare(model, champion, challenger, panel, truth, rng, 100)

    assert verdict(None, good).promote
    same = verdict(good, good)
    assert not same.promote
    assert same.difference == 0
    assert verdict(noise, good).promote
    worse = verdict(good, noise)
    assert not worse.promote
    assert worse.high < 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "other"}, "is not the model that was asked for"),
        ({"format": 2}, "is not the model that was asked for"),
        ({"columns": ["x"]}, "was trained on other features"),
        ({"facts": None}, "is no model card"),
    ],
)
def test_a_tampered_card_is_refused(fitted, tmp_path, name, change, message):
    """Name, format, features and facts are checked on loading."""
    fitted[name].save(tmp_path)
    card = json.loads((tmp_path / CARD_NAME).read_text())
    (tmp_path / CARD_NAME).write_text(json.dumps({**card, **change}))
    with pytest.raises(BadInput, match=message):
        models.get(name).load(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_or_missing_model_file_is_refused(fitted, tmp_path, name):
    """Cut in half or gone: a clear error."""
    fitted[name].save(tmp_path)
    (file,) = (path for path in tmp_path.iterdir() if path.name != CARD_NAME)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BadInput, match=file.name):
        models.get(name).load(tmp_path)
    file.unlink()
    with pytest.raises(BadInput, match=file.name):
        models.get(name).load(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_the_model_is_for(fitted, name):
    """Purpose, limits and method are there, in strict JSON."""
    card = fitted[name].card()
    assert {"purpose", "not for", "method", "features", "rows"} <= set(card)
    json.dumps(card, allow_nan=False)


def test_unknown_models_are_refused():
    """The error names the nearest."""
    with pytest.raises(BadInput, match="did you mean 'spread'"):
        models.get("spreads")


def test_the_spread_rises_with_rating_and_leverage(test_market, fitted):
    """A worse rating or more debt never lowers the predicted spread."""
    rows = test_market.features.iloc[:400]
    panel = test_market.panel.iloc[:400]
    base = fitted["spread"].predict(rows, panel)
    for name, step in (("rating_number", 3.0), ("leverage", 0.2)):
        worse = fitted["spread"].predict(rows.assign(**{name: rows[name] + step}), panel)
        assert (worse >= base - 1e-6).all()
        assert worse.mean() > base.mean()


def test_bonds_of_an_issuer_share_the_downgrade_probability(test_market, fitted):
    """One number per issuer-month, a probability."""
    chance = fitted["downgrade"].predict(test_market.features, test_market.panel)
    keys = [test_market.panel[name] for name in ("issuer_id", "month")]
    assert (pd.Series(chance).groupby([k.to_numpy() for k in keys]).nunique() == 1).all()
    assert ((chance >= 0) & (chance <= 1)).all()


def test_alerts_hold_the_rate_and_recalls_are_told_by_kind(test_market, fitted):
    """About the chosen share of rows is flagged, and most damage is among them."""
    model = fitted["anomaly"]
    scores = model.predict(test_market.features, test_market.panel)
    assert model.alerts(scores).mean() == pytest.approx(anomaly.ALERT_RATE, abs=0.02)
    recalls = {row["kind"]: row["recall"] for row in scored(model, test_market).recalls}
    assert recalls["sign_flip"] > 0.8
    assert recalls["swapped_bid_ask"] > 0.8


def test_split_keeps_issuers_and_months_apart(pool):
    """No issuer trains and is held out; held-out months follow the training months."""
    panel = pool.panel
    sides = models.split(panel, 0.8, 12, 36)
    train, holdout = panel[sides == models.TRAIN], panel[sides == models.HOLDOUT]
    assert not set(train["issuer_id"]) & set(holdout["issuer_id"])
    assert train["month"].max() < holdout["month"].min()
    assert holdout["month"].max() < 24
    issuers = panel.loc[panel["month"] <= train["month"].max(), "issuer_id"].nunique()
    assert train["issuer_id"].nunique() / issuers == pytest.approx(0.8, abs=0.1)


class TestForest:
    """Forests as arrays."""

    @pytest.fixture
    def rows(self):
        """Return four hundred rows of five features."""
        return np.random.default_rng(8).normal(size=(400, 5)).astype(np.float32)

    def test_it_predicts_what_scikit_learn_predicts(self, rows, tmp_path):
        """The mean of the leaves' shares is the forest's probability, before and after saving."""
        label = (rows[:, 0] + rows[:, 1] > 0).astype(int)
        fit = RandomForestClassifier(20, max_depth=6, random_state=0).fit(rows, label)
        trees = forest.same_trees(fit.estimators_)
        shares = tuple(tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) for tree in trees)
        made = forest.Forest(trees, shares)
        np.testing.assert_allclose(made.predict(rows), fit.predict_proba(rows)[:, 1], atol=1e-12)
        made.save(tmp_path / "f.npz")
        loaded = forest.load(tmp_path / "f.npz", 5)
        np.testing.assert_array_equal(loaded.predict(rows), made.predict(rows))

    def test_isolation_scores_are_those_of_scikit_learn(self, rows):
        """Path lengths reproduce the library's score."""
        fit = IsolationForest(n_estimators=30, max_samples=64, random_state=0).fit(rows)
        trees = forest.same_trees(fit.estimators_)
        lengths = tuple(anomaly._path_lengths(tree) for tree in trees)
        depth = forest.Forest(trees, lengths).predict(rows)
        ours = 2.0 ** (-depth / anomaly.average_path(np.array([64]))[0])
        np.testing.assert_allclose(ours, -fit.score_samples(rows), rtol=1e-6)

    @pytest.mark.parametrize(
        "change",
        [
            {"node_left_child": lambda a: np.where(a >= 0, 10**9, a)},
            {"node_right_child": lambda a: np.where(a >= 0, 0, a)},
            {"node_feature": lambda a: np.where(a >= 0, 77, a)},
            {"node_threshold": lambda a: a * np.nan},
            {"leaf_values": lambda a: a * np.inf},
            {"leaf_values": lambda a: a[:-1]},
            {"node_counts": lambda a: a[:0]},
            {"node_counts": lambda a: a * 0},
            {"features": lambda a: a + 1},
            {"node_impurity": lambda a: a.astype(np.float32)},
            {"max_depths": lambda a: a[:1]},
            {"node_left_child": lambda a: np.array([{}], dtype=object)},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_a_malformed_forest_is_refused_before_it_is_walked(self, rows, tmp_path, change):
        """Children, features, thresholds, shapes and types are checked on reading."""
        fit = RandomForestClassifier(3, max_depth=4, random_state=0).fit(rows, rows[:, 0] > 0)
        trees = forest.same_trees(fit.estimators_)
        shares = tuple(tree.value[:, 0, 1] for tree in trees)
        forest.Forest(trees, shares).save(tmp_path / "f.npz")
        with np.load(tmp_path / "f.npz") as file:
            arrays = dict(file)
        ((name, damage),) = change.items()
        with np.errstate(all="ignore"):
            arrays[name] = damage(arrays[name])
        np.savez(tmp_path / "bad.npz", **arrays)
        with pytest.raises(BadInput, match=r"bad\.npz: is no well-formed forest"):
            forest.load(tmp_path / "bad.npz", 5)
