"""What is measured of models: known answers, and damaged models end to end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates, market, models, parameters
from bondx_lib.models import examination, probes
from bondx_lib.models.base import Panel

CHOSEN = parameters.load(
    None,
    {"dataset_size": 60, "evaluation.branches": 16, "evaluation.bootstrap_replicates": 50,
     "models": ["spread"]},
)  # fmt: skip


@pytest.fixture(scope="module")
def bench():
    """A small benchmark market with its truth."""
    drawn = market.simulate(CHOSEN, "test/bench", bonds=60, worlds=3, truth="full")
    return Panel.of(drawn.panel), drawn.truth


@pytest.fixture(scope="module")
def pool():
    """Six variations, each a world of its own."""
    parts = [
        market.simulate(CHOSEN, f"test/pool/{k}").panel.assign(world=np.int32(k)) for k in range(6)
    ]
    return Panel.of(pd.concat(parts, ignore_index=True))


def split(law, pool):
    """Return the side of each row."""
    return models.split(pool.rows, 0.8, law.task.horizon_months, CHOSEN.history_months)


@pytest.fixture(scope="module")
def spread(pool):
    """A spread model."""
    law = models.get("spread")
    return law.train(pool, split(law, pool), CHOSEN, np.random.default_rng(1))


def examined(model, bench, pool, champion=None):
    """Return what is measured of a model in an epoch."""
    panel, truth = bench
    said = model.predict(panel)
    rng = np.random.default_rng(2)
    scores = models.evaluate(model, said, panel, truth, rng, 50)
    return models.examine(
        model, panel, truth, said, scores, pool=pool, split=split(type(model), pool),
        champion_predictions=champion, parameters=CHOSEN, rng=rng,
    )  # fmt: skip


def verdicts(measured):
    """Return the verdict of each gate on models, the worst of several."""
    manager = gates.QualityGateManager(CHOSEN)
    return {one.gate: one for one in gates.worst(manager.judge_models({"spread": measured}))}


def test_an_honest_model_is_measured(spread, bench, pool):
    """Every measure of a model of values is there, and nothing blocks."""
    panel, _ = bench
    measured = examined(spread, bench, pool, spread.predict(panel))
    assert set(measured) == {
        "skill", "over_linear", "segments", "forbidden", "overfit", "calibration", "coverage",
        "drift",
    }  # fmt: skip
    assert measured["drift"] == 0.0
    assert measured["forbidden"] == []
    taught, held, gap = measured["overfit"]
    assert taught > held
    assert gap == taught - held
    assert not any(one.blocks for one in verdicts(measured).values())


def test_a_truth_among_the_features_blocks(spread, bench, pool, monkeypatch):
    """A column of the truth under its own name is forbidden."""
    columns = (*type(spread).columns, "log_spread_mean")
    panel, truth = bench
    features = panel.features.assign(log_spread_mean=truth["log_spread_mean"].to_numpy())
    monkeypatch.setattr(type(spread), "columns", columns)
    monkeypatch.setattr(spread, "baseline", lambda panel: np.zeros(len(panel)))
    measured = examined(spread, (Panel(panel.rows, features), truth), pool)
    assert measured["forbidden"] == ["log_spread_mean"]
    assert verdicts(measured)["forbidden_columns"].blocks


def test_a_model_of_shuffled_labels_is_refused(bench, pool):
    """It explains nothing and fails against the floor or cannot be told from it."""
    law = models.get("spread")
    label = law.task.label(pool.rows).copy()
    known = np.flatnonzero(np.isfinite(label))
    label[known] = np.random.default_rng(3).permutation(label[known])
    task = examination.replace(law.task, label=lambda rows: label)
    taught = type("Shuffled", (law,), {"task": task}).train(
        pool, split(law, pool), CHOSEN, np.random.default_rng(1)
    )
    honest = law(taught.taught, taught._baseline, taught._shadow, taught.facts)
    assert verdicts(examined(honest, bench, pool))["beats_floor"].verdict != "pass"


def test_a_close_look_finds_nothing_in_an_honest_model(spread, bench, pool):
    """No leak, no wrong way, small rises under shocks, no skill from shuffled labels."""
    panel, truth = bench
    measured = models.examine_closely(
        spread, panel, truth, pool=pool, split=split(type(spread), pool), parameters=CHOSEN,
        rng=np.random.default_rng(4),
    )  # fmt: skip
    assert measured["leaks"] == []
    assert set(measured["monotonicity"]) == set(type(spread).monotone)
    assert all(0 <= share <= 0.05 for share in measured["monotonicity"].values())
    for name in ("robust_curve", "robust_missing", "robust_stale", "shuffled_skill"):
        value, low, high = measured[name]
        assert low <= value <= high
    assert measured["shuffled_skill"][0] < 0.2


def test_a_leak_under_another_name_is_found(spread, bench, pool, monkeypatch):
    """The true mean as a feature knows more than all may."""
    panel, truth = bench
    known = panel.features.assign(innocent=truth["log_spread_mean"].to_numpy())
    monkeypatch.setattr(type(spread), "columns", (*type(spread).columns, "innocent"))
    found = examination._leaks(spread, Panel(panel.rows, known), truth, np.random.default_rng(1))
    assert any(text.startswith("innocent ") for text in found)


def test_wrong_ways_are_counted(spread, bench, monkeypatch):
    """An answer that falls along a feature that must raise it moves wholly the wrong way."""
    panel, _ = bench
    monkeypatch.setattr(
        spread, "raw", lambda panel: -panel.features["rating_number"].to_numpy(float)
    )
    found = probes.wrong_way(spread, panel, np.random.default_rng(1))
    assert found["rating_number"] == 1.0
    assert set(found.values()) <= {0.0, 1.0}


def test_shocks_do_what_they_say(bench):
    """The curve moves yields and prices, spreads stay; stale rows repeat the last quote."""
    rows = bench[0].rows
    before = rows.copy()
    shocked = probes.shocked(rows, np.random.default_rng(1))
    up, down = shocked["curve"]
    assert np.allclose(up["yield_pct"] - rows["yield_pct"], 1.0)
    assert np.allclose(down["treasury_5y_pct"] - rows["treasury_5y_pct"], -1.0)
    assert (up["clean_price"] < rows["clean_price"]).all()
    assert up["spread_bps"].equals(rows["spread_bps"])
    (missing,) = shocked["missing"]
    assert missing[list(probes.OPTIONAL)].isna().all().all()
    (stale,) = shocked["stale"]
    changed = (stale["clean_price"] != rows["clean_price"]).to_numpy()
    assert 0.05 < changed.mean() < 0.12
    assert stale.index.equals(rows.index)
    pd.testing.assert_frame_equal(rows, before)


def test_the_stability_index_of_a_shift():
    """None for equal predictions, more for a larger shift, finite for disjoint ones."""
    values = np.random.default_rng(1).normal(size=2000)
    found = [examination.stability_index(values, values + shift) for shift in (0, 0.2, 1, 50)]
    assert found[0] == 0.0
    assert found == sorted(found)
    assert 5 < found[-1] < 20
