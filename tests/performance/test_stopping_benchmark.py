"""The measurement of the stopping rules, run small; and the page made of the committed one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bondx_lib import artefacts, convergence, parameters
from bondx_lib.gates import trials
from bondx_lib.market.streams import Streams

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "stopping.py"
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "stopping.md"
UNSEEN = "step late"
"""A step that has not begun is in no history."""
MOST_EARLY = 0.05


@pytest.fixture(scope="module")
def committed():
    """The committed result."""
    return artefacts.read_json(RESULTS / "stopping.json")


def test_a_small_run_measures_every_curve(call, tmp_path, script):
    """Every curve at every level of noise, and some with other patience; on its page too."""
    target, page = tmp_path / "stopping.json", tmp_path / "stopping.md"
    printed = call("--small", "--output", target, "--page", page)
    result = artefacts.read_json(target)
    assert printed == page.read_text()
    seen = {(row["shape"], row["level"], row["patience"]) for row in result["rows"]}
    assert {(shape, level, 10) for shape in script.SHAPES for level in (0.5, 1, 2)} <= seen
    assert {(shape, 1, 3) for shape in script.COMPARED} <= seen
    for row in result["rows"]:
        endings = row["converged"]["stopped"] + row["plateaued"] + row["limited"]
        assert endings == result["runs"]
        assert row["converged"]["stopped"] <= row["patience_alone"]["stopped"]


def test_the_page_is_made_of_the_committed_result(shown):
    """Made again, it is the same."""
    assert shown(RESULTS / "stopping.json") == PAGE.read_text()


def test_the_committed_result_is_of_these_rules(script, committed):
    """Thresholds, noise and real runs are those that were measured, and so is one of the rows."""
    chosen = parameters.default()
    assert committed["threshold"] == chosen.convergence_threshold
    assert (committed["patience"], committed["max_epochs"]) == (10, chosen.max_epochs)
    curves = artefacts.read_json(RESULTS / "curves.json")
    noise = script.noise_of(curves)
    sizes = [one["size"] for one in committed["noise"]]
    assert noise.size == pytest.approx(sizes, rel=1e-6)
    real = [script.replayed(curve, chosen) for curve in curves]
    assert real == committed["real"]


def test_converged_is_rarely_said_too_early(committed):
    """On every curve that shows what it still gains, in at most one run of twenty, or nearly."""
    assert committed["runs"] >= 400
    for row in committed["rows"]:
        if row["shape"] != UNSEEN and row["patience"] == 10 and row["level"] <= 1:
            share, low, _ = trials.rate(row["converged"]["early"], committed["runs"])
            assert low <= MOST_EARLY, row
            assert share <= 1.5 * MOST_EARLY, row


def test_the_bound_beats_patience_alone(committed):
    """Patience alone is too early far more often, and the bound costs a bounded delay."""
    rows = {(one["shape"], one["level"], one["patience"]): one for one in committed["rows"]}
    rising, slow = rows["still rising", 1, 10], rows["slow power law", 1, 10]
    assert rising["patience_alone"]["early"] > 0.5 * committed["runs"]
    assert rising["converged"]["early"] < 0.1 * rising["patience_alone"]["early"]
    assert slow["converged"]["late"][1] <= 50
    assert 20 <= slow["converged"]["epoch"][0] <= 80
    assert rows["flat from the start", 1, 10]["converged"]["epoch"][0] <= 30


def test_what_is_true_of_a_curve_is_known(script):
    """Curves whose last epoch worth the threshold can be worked out by hand."""
    chosen = parameters.default()

    def line(slope):
        return script.Shape("", lambda n: slope * n)

    assert script.settled(line(0.0009), chosen) == 1
    assert script.settled(line(0.001), chosen) is None
    assert script.settled(script.SHAPES["step late"], chosen) == 31
    # 0.9 / n - 0.9 / (n + 10) is below 0.01 from n (n + 10) > 900 on.
    assert script.settled(script.SHAPES["fast power law"], chosen) == 26


def test_simulated_noise_is_as_asked(script):
    """Size falls with the epoch, neighbours are correlated, champions never fall."""
    four = np.full(4, 0.4)
    noise = script.Noise(four, np.array([0.0, 0.0, 0.5, 0.5]), np.full(4, 0.02))
    rng = Streams(0, "test").common("noise")
    flat, chosen = script.SHAPES["flat from the start"], parameters.default()
    runs = [script.simulate(flat, noise, 1.0, chosen, rng) for _ in range(400)]
    tried = np.array([challengers for challengers, _ in runs]) - 0.9
    assert tried[:, 39].std(axis=0) == pytest.approx(four / 40, rel=0.15)
    assert tried[:, 79].std(axis=0) == pytest.approx(four / 80, rel=0.15)
    for model, correlation in enumerate(noise.correlation):
        pairs = np.corrcoef(tried[:, 60, model], tried[:, 61, model])
        assert pairs[0, 1] == pytest.approx(correlation, abs=0.13)
    champions = np.array([kept for _, kept in runs])
    gains = np.diff(champions, axis=1)
    assert ((gains == 0) | (gains > 0.02)).all()


def test_an_outcome_is_the_first_verdict_that_stops(script):
    """Exactly flat: patience alone after eleven epochs, the rules after twenty."""
    chosen = parameters.default()
    still = np.full((40, 2), 0.9)
    assert script.outcome(still, still, chosen) == {
        "status": "converged", "epoch": 2 * chosen.improvement_patience, "idle": 11
    }  # fmt: skip
    rising = np.linspace(0.1, 0.9, 100)[:, None]
    assert script.outcome(rising, rising, chosen)["status"] == "epoch_limit"


def test_noise_is_found_again(script):
    """Collected curves with known noise: size and correlation come out as they went in."""
    rng = Streams(1, "test").common("noise")
    known = script.Noise(np.array([0.4, 0.2]), np.array([0.0, 0.4]), np.array([0.01, 0.02]))
    shape, chosen = script.SHAPES["slow power law"], parameters.default()
    curves = [
        {"challengers": script.simulate(shape, known, 1.0, chosen, rng)[0].tolist(),
         "margins": known.margin.tolist()}
        for _ in range(30)
    ]  # fmt: skip
    found = script.noise_of(curves)
    assert found.size == pytest.approx(known.size, rel=0.1)
    assert found.correlation == pytest.approx(known.correlation, abs=0.12)
    assert found.margin == pytest.approx(known.margin)


def test_one_look_is_wrong_about_as_often_as_nominal(committed):
    """5 % without correlation or less; with as much as real runs have, little more."""
    assert committed["looks"]["0"] <= 0.05
    assert committed["looks"]["0.3"] <= 0.075
    assert committed["lines"] >= 10_000
    assert convergence.CONFIDENCE == 0.95
