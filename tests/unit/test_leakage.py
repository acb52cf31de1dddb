"""Features that know too much are found; labels that say nothing teach nothing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from bondx_lib import market, models, parameters
from bondx_lib.models import leakage
from bondx_lib.schema import LABELS, TRUTH

CHOSEN = parameters.load(None, {"evaluation.branches": 16})
NAMES = tuple(models.MODELS)
LABEL = {
    "spread": "spread_bps", "downgrade": "downgrade_12m", "liquidity_shock": "liquidity_shock_1m"
}  # fmt: skip


@pytest.fixture(scope="module")
def pool():
    """A training pool with its truth."""
    drawn = market.simulate(CHOSEN, "test/leak", bonds=80, worlds=12, truth="full")
    return SimpleNamespace(panel=models.Panel.of(drawn.panel), truth=drawn.truth)


@pytest.fixture(scope="module")
def judge():
    """An evaluation market."""
    drawn = market.simulate(CHOSEN, "test/leaked", bonds=60, worlds=8, truth="full")
    return SimpleNamespace(panel=models.Panel.of(drawn.panel), truth=drawn.truth)


def sides_of(pool, name):
    """Return the sides of the pool's rows."""
    horizon = models.get(name).task.horizon_months
    return models.split(pool.panel.rows, 0.8, horizon, CHOSEN.history_months)


def scanned(pool, name, smuggled=None):
    """Scan a model's features, or smuggled ones."""
    panel = pool.panel
    if smuggled is not None:
        panel = models.Panel(panel.rows, panel.features.assign(**smuggled))
    columns = None if smuggled is None else tuple(smuggled)
    rng = np.random.default_rng(1)
    return leakage.scan(models.get(name), panel, pool.truth, sides_of(pool, name), rng, columns)


@pytest.mark.parametrize("name", NAMES)
def test_no_feature_of_the_project_knows_too_much(pool, name):
    """Every feature of every model's list passes on a drawn market."""
    assert scanned(pool, name) == []


def test_truth_with_a_little_noise_is_caught(pool):
    """The mean of the log spread under an innocent name, with more noise than the market's own."""
    noise = np.random.default_rng(2).normal(0, 0.1, len(pool.truth))
    smuggled = {"web_mood": pool.truth["log_spread_mean"].to_numpy() + noise}
    (leak,) = scanned(pool, "spread", smuggled)
    assert (leak.feature, leak.kind) == ("web_mood", "too telling")
    assert leak.allowed < leak.low < leak.reached < 1
    assert "alone goes 0.9" in leak.reason


def test_the_true_chance_is_caught(pool):
    """The probability of a downgrade, blurred, is more than the features can tell together."""
    noise = np.random.default_rng(2).normal(0, 0.02, len(pool.truth))
    smuggled = {"of_interest": pool.truth["downgrade_probability"].to_numpy() + noise}
    (leak,) = scanned(pool, "downgrade", smuggled)
    assert leak.kind == "too telling"


@pytest.mark.parametrize("name", ["downgrade", "liquidity_shock"])
def test_the_outcome_is_caught(pool, name):
    """A blurred label tells what will happen, though it says less of the true chance than it."""
    label = pool.panel.rows[LABEL[name]].fillna(0).to_numpy()
    smuggled = {"hint": label + np.random.default_rng(2).normal(0, 0.15, len(label))}
    (leak,) = scanned(pool, name, smuggled)
    assert leak.kind == "too telling"
    assert "by what happened" in leak.reason


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_caught_under_any_name(pool, name):
    """Truth and labels are known again if they are only scaled; noise and constants are not."""
    noise = np.random.default_rng(2).normal(size=len(pool.truth))
    smuggled = {
        "scaled": 3 - 2 * pool.truth["shock_probability"].to_numpy(),
        "flag": pool.truth["corrupted"].to_numpy(float),
        "innocent": noise, "constant": 1.0,
    }  # fmt: skip
    found = {leak.feature: leak.kind for leak in scanned(pool, name, smuggled)}
    assert found == {"scaled": "copy", "flag": "copy"}
    if name in LABEL:
        own = models.get(name).task.label(pool.panel.rows)
        (leak,) = scanned(pool, name, {"own": own})
        assert leak.kind == "copy"


def test_names_of_truth_and_labels_are_forbidden(pool):
    """Whatever stands in them."""
    secret = ("log_spread_mean", "corrupted", *LABELS)
    found = scanned(pool, "spread", dict.fromkeys(secret, 0.0))
    assert [(leak.feature, leak.kind) for leak in found] == [(name, "forbidden") for name in secret]
    assert set(leakage.FORBIDDEN) >= {column.name for column in TRUTH} - {
        "world", "bond_id", "date", "row"
    }  # fmt: skip


@pytest.mark.parametrize("name", tuple(LABEL))
def test_shuffled_labels_teach_nothing(pool, judge, name):
    """A model that was taught labels of other rows has no skill."""
    rows = pool.panel.rows.copy()
    column = LABEL[name]
    known = rows[column].notna().to_numpy()
    order = np.random.default_rng(3).permutation(known.sum())
    rows.loc[known, column] = rows.loc[known, column].to_numpy()[order]
    law = models.get(name)
    panel = models.Panel(rows, pool.panel.features)
    model = law.train(panel, sides_of(pool, name), CHOSEN, np.random.default_rng(4))
    scores = models.evaluate(
        model, model.predict(judge.panel), judge.panel, judge.truth, np.random.default_rng(5), 200
    )
    assert scores.skill_low < 0.02
    assert abs(scores.skill) < 0.12


@pytest.mark.parametrize("name", tuple(LABEL))
def test_a_constant_has_no_skill(judge, name):
    """The best constant scores nothing at all, and no other scores more."""
    law = models.get(name)
    constant = float(models.evaluation.judged(law, judge.panel, judge.truth).mean.mean())
    for shift in (0.0, 0.02):
        said = np.full(len(judge.panel), constant + shift)
        cases = models.evaluation.judged(law, judge.panel, judge.truth)
        gained = cases.floor().mean() - cases.losses(said[cases.rows]).mean()
        assert gained == pytest.approx(0, abs=1e-12) if shift == 0 else gained < 0
