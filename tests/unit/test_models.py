"""One contract for every registered model, and what is particular to each."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bondx_lib import ceilings, market, models, parameters
from bondx_lib.errors import BadInput
from bondx_lib.models import anomaly
from bondx_lib.models.base import CARD_NAME, letters
from bondx_lib.schema import CORRUPTION_KINDS

CHOSEN = parameters.load(None, {"evaluation.branches": 32})
NAMES = models.known()
LABELLED = ("spread", "downgrade", "liquidity_shock")
LABELS = {
    "spread": "spread_bps", "downgrade": "downgrade_12m", "liquidity_shock": "liquidity_shock_1m"
}  # fmt: skip


@pytest.fixture(scope="module")
def pool():
    """A training pool of sixteen histories."""
    return models.Panel.of(market.simulate(CHOSEN, "test/pool", bonds=100, worlds=16).panel)


@pytest.fixture(scope="module")
def judge():
    """An evaluation market: panel and truth."""
    drawn = market.simulate(CHOSEN, "test/judge", bonds=80, worlds=24, truth="full")
    return SimpleNamespace(panel=models.Panel.of(drawn.panel), truth=drawn.truth)


def split_for(pool, name: str):
    """Return the sides of a pool's rows for a model."""
    horizon = models.get(name).task.horizon_months
    return models.split(pool.rows, 0.8, horizon, CHOSEN.history_months)


def trained(pool, name: str, seed: int = 7):
    """Train one model on the pool."""
    rng = np.random.default_rng(seed)
    return models.get(name).train(pool, split_for(pool, name), CHOSEN, rng)


@pytest.fixture(scope="module")
def fitted(pool):
    """All models."""
    return {name: trained(pool, name) for name in NAMES}


@pytest.fixture(scope="module")
def few():
    """A pool of four small histories, for what holds however good a model is."""
    return models.Panel.of(market.simulate(CHOSEN, "test/few", bonds=40, worlds=4).panel)


@pytest.fixture(scope="module")
def fitted_to_few(few):
    """All models, trained on it."""
    return {name: trained(few, name) for name in NAMES}


def scored(model, judge, predictions=None):
    """Score a model on the evaluation market."""
    if predictions is None:
        predictions = model.predict(judge.panel)
    rng = np.random.default_rng(1)
    return models.evaluate(model, predictions, judge.panel, judge.truth, rng, 100)


@pytest.mark.parametrize("name", NAMES)
def test_training_and_predicting_change_no_input(few, name):
    """Rows and features are as they were."""
    before = few.rows.copy(), few.features.copy()
    model = trained(few, name)
    model.predict(few)
    model.baseline(few)
    model.answer(few)
    pd.testing.assert_frame_equal(few.rows, before[0])
    pd.testing.assert_frame_equal(few.features, before[1])


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes_and_save_and_load(judge, few, fitted_to_few, tmp_path, name):
    """Retraining writes equal files; a loaded model predicts, answers and saves the same."""
    fitted_to_few[name].save(tmp_path / "a")
    trained(few, name).save(tmp_path / "b")
    loaded = models.get(name).load(tmp_path / "a")
    loaded.save(tmp_path / "c")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) >= 2
    for other in ("b", "c"):
        assert sorted(path.name for path in (tmp_path / other).iterdir()) == files
        for file in files:
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / other / file).read_bytes()
    for ask in ("predict", "baseline"):
        np.testing.assert_array_equal(
            getattr(loaded, ask)(judge.panel), getattr(fitted_to_few[name], ask)(judge.panel)
        )
    pd.testing.assert_frame_equal(
        loaded.answer(judge.panel), fitted_to_few[name].answer(judge.panel)
    )


@pytest.mark.parametrize("name", NAMES)
def test_column_and_row_order_do_not_matter(judge, fitted, name):
    """Shuffled columns change nothing; shuffled rows are predicted row by row."""
    rows, features = judge.panel.rows, judge.panel.features
    predictions = fitted[name].predict(judge.panel)
    mirrored = models.Panel(rows[rows.columns[::-1]], features[features.columns[::-1]])
    np.testing.assert_array_equal(fitted[name].predict(mirrored), predictions)
    order = np.random.default_rng(2).permutation(len(predictions))
    np.testing.assert_allclose(fitted[name].predict(judge.panel.take(order)), predictions[order])


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_column_is_named(pool, judge, fitted, name):
    """A feature, or a column of the rows: the error says which."""
    column = fitted[name].columns[3]
    lacking = models.Panel(judge.panel.rows, judge.panel.features.drop(columns=column))
    with pytest.raises(BadInput, match=f"{column}: is missing from the features"):
        fitted[name].predict(lacking)
    lacking = models.Panel(pool.rows.drop(columns="issuer_id"), pool.features)
    with pytest.raises(BadInput, match="issuer_id: is missing from the rows"):
        models.get(name).train(lacking, split_for(pool, name), CHOSEN, np.random.default_rng(1))


@pytest.mark.parametrize("name", NAMES)
def test_only_rows_of_the_three_sides_are_learnt_from(few, fitted_to_few, name):
    """Whatever stands in rows that are not used, the model is the same."""
    unused = split_for(few, name) == models.UNUSED
    assert unused.any()
    features, rows = few.features.copy(), few.rows.copy()
    features.loc[unused] = 99.0
    if name in LABELS:
        rows.loc[unused, LABELS[name]] = 1.0
    model = trained(models.Panel(rows, features), name)
    assert model.facts == fitted_to_few[name].facts
    np.testing.assert_array_equal(model.predict(few), fitted_to_few[name].predict(few))


@pytest.mark.parametrize("name", LABELLED)
def test_calibration_rows_teach_nothing(pool, fitted, name):
    """Labels of the calibration rows move intercept, slope and intervals, but no learner."""
    held = split_for(pool, name) == models.CALIBRATE
    rows = pool.rows.copy()
    rows.loc[held, LABELS[name]] = np.where(rows.loc[held, LABELS[name]] > 0.5, 0.3, 1.0)
    rows.loc[held, LABELS[name]] = rows.loc[held, LABELS[name]].round()
    if name == "spread":
        rows.loc[held, LABELS[name]] = 77.0
    model = trained(models.Panel(rows, pool.features), name)
    np.testing.assert_array_equal(model.raw(pool), fitted[name].raw(pool))
    moved = ("intercept", "slope", "intervals")
    assert [model.facts[key] for key in moved] != [fitted[name].facts[key] for key in moved]


@pytest.mark.parametrize("name", NAMES)
def test_models_are_better_than_nothing_and_worse_than_the_truth(judge, fitted, name):
    """Skill lies between 0 and 1, its interval around it, the usual measures beside it."""
    scores = scored(fitted[name], judge)
    assert 0.2 < scores.skill < 1
    assert scores.skill_low <= scores.skill <= scores.skill_high
    assert scores.ceiling < scores.loss < scores.floor
    assert scores.ceiling < scores.linear < scores.floor
    for bound in ("loss", "floor", "linear", "ceiling"):
        low, high = getattr(scores, f"{bound}_low"), getattr(scores, f"{bound}_high")
        assert low < getattr(scores, bound) < high
    json.dumps(scores.to_dict(), allow_nan=False)
    if name != "spread":
        assert scores.base_rate >= 0.5
        assert 0.55 < scores.auc <= 1


@pytest.mark.parametrize("name", LABELLED)
def test_predictions_are_calibrated(judge, fitted, name):
    """A line through label against prediction is near the diagonal, as 16 histories teach it."""
    scores = scored(fitted[name], judge)
    assert scores.calibration_slope == pytest.approx(1, abs=0.6)
    assert scores.calibration_slope_low < scores.calibration_slope < scores.calibration_slope_high
    assert scores.calibration_intercept_low < scores.calibration_intercept_high


@pytest.mark.parametrize("name", LABELLED)
def test_shuffled_labels_teach_nothing(pool, judge, name):
    """Negative control: with labels dealt at random the skill is no better than zero."""
    rows = pool.rows.copy()
    known = rows[LABELS[name]].notna().to_numpy()
    values = rows[LABELS[name]].to_numpy(copy=True)
    values[known] = np.random.default_rng(3).permutation(values[known])
    rows[LABELS[name]] = values
    scores = scored(trained(models.Panel(rows, pool.features), name), judge)
    assert scores.skill < 0.03
    assert scores.skill_low <= 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_goes_beyond_the_ceiling_and_a_constant_nowhere(judge, fitted, name):
    """Known answers of the score: what is hidden is worth one over the share of the ceiling."""
    task, truth = fitted[name].task, judge.truth
    known = truth[task.true_mean] if task.true_mean else truth["corrupted"].astype(float)
    perfect = known.fillna(0.1).to_numpy(float)
    scores = scored(fitted[name], judge, perfect)
    assert scores.skill == pytest.approx(1 / ceilings.share(name), abs=0.01)
    assert scores.full_state <= scores.ceiling <= scores.floor
    cases = models.evaluation.judged(fitted[name], judge.panel, truth)
    constant = np.full(len(perfect), cases.mean.mean())
    assert scored(fitted[name], judge, constant).skill == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_comparison_promotes_the_better_and_not_the_equal(judge, fitted, name):
    """No champion: promote. The same predictions: keep. Noise against the model: keep the model."""
    model = fitted[name]
    good = model.predict(judge.panel)
    noise = np.random.default_rng(4).permutation(good)

    def verdict(champion, challenger):
        rng = np.random.default_rng(5)
        return models.compare(model, champion, challenger, judge.panel, judge.truth, rng, 100)

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
        ({"format": 1}, "is not the model that was asked for"),
        ({"columns": ["x"]}, "was trained on other features"),
        ({"facts": None}, "is no model card"),
        ({"facts": {}}, "is no model card"),
        ({"files": {}}, "names no file"),
        ({"files": {"../model.json": "0"}}, "leaves the run folder"),
    ],
)
def test_a_tampered_card_is_refused(fitted, tmp_path, name, change, message):
    """Name, format, features, facts and files are checked on loading."""
    fitted[name].save(tmp_path)
    card = json.loads((tmp_path / CARD_NAME).read_text())
    (tmp_path / CARD_NAME).write_text(json.dumps({**card, **change}))
    with pytest.raises(BadInput, match=message):
        models.get(name).load(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_or_missing_model_file_is_refused(fitted, tmp_path, name):
    """Each file cut in half or gone: a clear error that names it."""
    fitted[name].save(tmp_path)
    for file in [path for path in tmp_path.iterdir() if path.name != CARD_NAME]:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        with pytest.raises(BadInput, match=file.name):
            models.get(name).load(tmp_path)
        file.unlink()
        with pytest.raises(BadInput, match=file.name):
            models.get(name).load(tmp_path)
        file.write_bytes(content)
    models.get(name).load(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_the_model_is_for(judge, fitted, name):
    """Purpose, limits and method are there, in strict JSON, and as a page with scores."""
    card = fitted[name].card()
    assert {"purpose", "not for", "method", "features", "rows"} <= set(card)
    json.dumps(card, allow_nan=False)
    page = models.card_text(fitted[name], scored(fitted[name], judge).to_dict())
    for heading in ("# ", "**Purpose.**", "**Not for.**", "## What it sees", "## How good it is",
                    "## Calibration", "## Limits"):  # fmt: skip
        assert heading in page
    assert not re.search(r"\bnan\b", page)
    assert ("## Segments" in page) == (name != "anomaly")


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_stands_beside_each_row(judge, fitted, name):
    """One row per row, same index, named after what it says."""
    answer = fitted[name].answer(judge.panel)
    assert answer.index.equals(judge.panel.rows.index)
    assert len(answer.columns) > 0
    assert answer.iloc[:, 0].notna().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_of_one_small_history_is_enough_to_begin(name):
    """Few rows, perhaps without an event: a model comes out and says something finite."""
    one = models.Panel.of(market.simulate(CHOSEN, "test/one", bonds=12).panel)
    model = trained(one, name)
    assert np.isfinite(model.predict(one)).all()
    assert np.isfinite(model.baseline(one)).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_asked_nothing_said(judge, fitted, name):
    """No rows give no predictions."""
    empty = judge.panel.take(np.zeros(0, np.int64))
    assert len(fitted[name].predict(empty)) == 0
    assert len(fitted[name].answer(empty)) == 0


def test_the_spread_rises_with_rating_and_leverage(judge, fitted):
    """A worse rating or more debt never lowers the predicted spread."""
    some = judge.panel.take(np.arange(400))
    base = fitted["spread"].predict(some)
    for name, step in (("rating_number", 3.0), ("leverage", 0.2)):
        changed = some.features.assign(**{name: some.features[name] + step})
        worse = fitted["spread"].predict(models.Panel(some.rows, changed))
        assert (worse >= base - 1e-6).all()
        assert worse.mean() > base.mean()


def test_intervals_of_the_spread_hold_what_they_say(judge, fitted):
    """About nine in ten new issuers' spreads lie inside, overall and for each common grade."""
    rows = {row["rating"]: row for row in scored(fitted["spread"], judge).coverage}
    assert rows["all"]["coverage"] == pytest.approx(0.9, abs=0.08)
    assert rows["all"]["low"] < rows["all"]["coverage"] < rows["all"]["high"]
    for grade in ("A", "BBB", "BB"):
        assert rows[grade]["coverage"] > 0.7
    answer = fitted["spread"].answer(judge.panel)
    low, middle, high = (answer.iloc[:, place] for place in (1, 0, 2))
    assert ((low < middle) & (middle < high)).all()


def test_bonds_of_an_issuer_share_the_downgrade_probability(judge, fitted):
    """One number per issuer-month, a probability."""
    chance = fitted["downgrade"].predict(judge.panel)
    keys = [judge.panel.rows[name].to_numpy() for name in ("issuer_id", "month")]
    assert (pd.Series(chance).groupby(keys).nunique() == 1).all()
    assert ((chance > 0) & (chance < 1)).all()


def test_alerts_hold_the_rate_in_every_class(judge, fitted):
    """About the chosen share of rows is flagged, of all and of each class, and most damage is."""
    model = fitted["anomaly"]
    flagged = model.alerts(judge.panel, model.predict(judge.panel))
    assert flagged.mean() == pytest.approx(anomaly.ALERT_RATE, abs=0.012)
    cells = anomaly._cells(judge.panel.rows)
    for cell in np.unique(cells):
        assert flagged[cells == cell].mean() < 3 * anomaly.ALERT_RATE
    recalls = {row["kind"]: row["recall"] for row in scored(model, judge).recalls}
    assert recalls["sign_flip"] > 0.8
    assert recalls["swapped_bid_ask"] > 0.8


def test_reasons_name_the_column_that_was_damaged(judge, fitted):
    """A flipped sign is told as such, a swapped quote as that, and only alerts have reasons."""
    answer = fitted["anomaly"].answer(judge.panel)
    assert ((answer["anomaly_reasons"] != "") == answer["anomaly_alert"]).all()
    kinds = judge.truth["corruption_kind"].to_numpy(object)
    words = {
        "sign_flip": "spread_bps", "swapped_bid_ask": "bid_price", "duplicated_row": "repeats",
        "volume_unit": "volume_usd", "stale_quote": "last month", "decimal_slip": "spread_bps",
    }  # fmt: skip
    assert set(words) < set(CORRUPTION_KINDS)
    for kind, word in words.items():
        told = answer["anomaly_reasons"][(kinds == kind) & answer["anomaly_alert"].to_numpy()]
        assert told.str.contains(word).mean() > 0.8, kind


def test_letters_are_those_of_the_ratings(judge):
    """BBB- is a BBB."""
    rows = judge.panel.rows.assign(rating="BBB-")
    assert set(letters(rows)) == {"BBB"}
