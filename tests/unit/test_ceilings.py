"""The ceilings: between floor and full state, learned to the end, and not out of date."""

from __future__ import annotations

import numpy as np
import pytest

from bondx_lib import ceilings, cli, reference
from bondx_lib.market import constants
from bondx_lib.schema import MODELS

LOSSES = {"spread": "mse", "downgrade": "log_loss", "liquidity_shock": "log_loss"}
FEW = dict.fromkeys(MODELS, 16)
SIZE = {"test_worlds": 4, "bonds": 24}


@pytest.fixture(scope="module")
def made():
    """Ceilings of a draw far too small to be worth keeping."""
    said: list[str] = []
    document = reference.make(FEW, **SIZE, workers=2, progress=said.append)
    return document, said


@pytest.mark.parametrize("task", MODELS)
def test_stored_ceiling_lies_between_floor_and_full_state(task):
    """The share is a share with an interval around it, and every score is in order."""
    stored = ceilings.stored()["tasks"][task]
    assert 0 < stored["share_low"] <= stored["share"] <= stored["share_high"] <= 1
    assert stored["share"] == ceilings.share(task)
    if task in LOSSES:
        measure = LOSSES[task]
        floor, ceiling, full = (stored[k][measure] for k in ("floor", "ceiling", "full_state"))
        assert floor > ceiling > full
        assert stored["share"] == pytest.approx((floor - ceiling) / (floor - full))


@pytest.mark.parametrize("task", MODELS)
def test_more_worlds_would_help_little(task):
    """The learning curve has flattened: the last doubling is worth a fraction of the interval."""
    stored = ceilings.stored()["tasks"][task]
    shares = [step["share"] for step in stored["learning_curve"]]
    width = stored["share_high"] - stored["share_low"]
    assert abs(shares[-1] - shares[-2]) < max(0.02, 0.75 * width)
    assert shares[-1] - shares[-2] < shares[1] - shares[0] + 0.01


def test_ceilings_are_not_out_of_date():
    """Market and features are still those that the ceilings were made with."""
    assert reference.changed_since_made() == [], "run `make ceilings`"


def test_a_changed_market_is_noticed():
    """Negative control: spreads one per cent wider make the ceilings stale."""
    wider = {"spread.level_bps": 1.01 * constants.array("spread.level_bps")}
    with constants.using(wider):
        assert "log_spread_mean" in reference.changed_since_made()


def test_making_them_says_what_it_does_and_keeps_the_order(made):
    """All tasks, a curve with as many worlds as asked for, floors above ceilings above truth."""
    document, said = made
    assert set(document["tasks"]) == set(MODELS)
    assert len(said) == len(MODELS)
    for task, measure in LOSSES.items():
        result = document["tasks"][task]
        assert [step["worlds"] for step in result["learning_curve"]] == [2, 4, 8, 16]
        assert result["floor"][measure] > result["full_state"][measure]
        assert result["share"] < 1
    assert document["tasks"]["anomaly"]["ceiling"]["average_precision"] > 0.5


def test_workers_change_nothing(made):
    """Two processes or this one: the same numbers."""
    task = "downgrade"
    assert reference._of_task(task, FEW[task], *SIZE.values()) == made[0]["tasks"][task]


def test_a_guess_that_knows_the_truth_has_share_one():
    """Known answer: the full state itself goes the whole way, the constant none of it."""
    rng = np.random.default_rng(1)
    chance = rng.uniform(0.01, 0.6, 500)
    cases = reference.Cases(
        np.zeros((500, 1), np.float32), chance, np.zeros(500), np.zeros(500, np.int64)
    )
    for guess, expected in ((chance, 1.0), (reference._constant(cases), 0.0)):
        losses = reference._losses("downgrade", cases, guess)
        assert reference._share("downgrade", losses, np.ones(500)) == pytest.approx(expected)


def test_command_writes_what_was_made(made, tmp_path, monkeypatch, capsys):
    """The file is where the package reads it."""
    document, _ = made
    monkeypatch.setattr(ceilings, "__file__", str(tmp_path / "ceilings.py"))
    monkeypatch.setattr(reference, "make", lambda **named: document)
    assert cli.main(["ceilings"]) == 0
    assert str(tmp_path / ceilings.FILE_NAME) in capsys.readouterr().out
    assert (tmp_path / ceilings.FILE_NAME).is_file()
