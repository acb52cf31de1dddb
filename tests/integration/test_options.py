"""A run with every option on and a fifth model from another package, from end to end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bondx_lib import BondXAIAutonomousTrainer, artefacts, cli, evidence, parameters, runlog
from bondx_lib.errors import BadInput

pytestmark = pytest.mark.measured
ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ROOT / "tests" / "outside"
MODELS = ["spread", "downgrade", "anomaly", "bid_ask"]
OPTIONS = {
    "models": MODELS,
    "max_epochs": 2,
    "advanced.enable_hyperparameter_tuning": True,
    "advanced.tuning_method": "optuna",
    "advanced.trials_per_epoch": 1,
    "advanced.enable_ensemble_methods": True,
    "advanced.ensemble_strategy": "stacking",
    "advanced.base_models": ["xgboost", "linear"],
    "advanced.enable_feature_selection": True,
}


@pytest.fixture(scope="module")
def outside():
    """Make a package with a model known, to this process and to its kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(OUTSIDE))
        before = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(OUTSIDE), before])))
        yield


@pytest.fixture(scope="module")
def run_dir(outside, tmp_path_factory):
    """A run of two epochs."""
    chosen = parameters.load(
        ROOT / "parameters" / "smoke.yaml",
        {"output.base_directory": str(tmp_path_factory.mktemp("options")), **OPTIONS},
    )
    work = BondXAIAutonomousTrainer(chosen)
    work.run_autonomous_training_loop()
    return work.run_dir


def test_the_fifth_model_is_trained_scored_and_reported(run_dir):
    """It has a champion, an audit score, a card and a place in the report."""
    state = runlog.replay(runlog.read(run_dir / runlog.LOG_NAME))
    assert set(state.audit) == set(MODELS)
    assert state.audit["bid_ask"]["ceiling"] is None
    assert (run_dir / "models" / "bid_ask" / "CARD.md").read_text().startswith("# Bid-ask")
    assert "Bid ask" in (run_dir / "report.html").read_text()
    assert evidence.verify(run_dir) == []


def test_the_search_goes_on_in_the_run_folder(run_dir):
    """The second epoch's trials know the first's; their files are sealed with the epoch."""
    trials = [
        artefacts.read_json(run_dir / "epochs" / f"000{epoch}" / "tuning" / "spread.json")
        for epoch in (1, 2)
    ]
    assert [trial["epoch"] for one in trials for trial in one].count(2) >= 2
    assert not (run_dir / "epochs" / "0001" / "tuning" / "anomaly.json").exists()
    state = runlog.replay(runlog.read(run_dir / runlog.LOG_NAME))
    assert "epochs/0002/tuning/spread.json" in state.committed[-1].artefacts


def test_options_shape_the_models_and_are_compared_with_off(run_dir):
    """Members and features are those asked for; each option has a gain with its interval."""
    facts = json.loads((run_dir / "models" / "spread" / "model.json").read_text())["facts"]
    assert [member["learner"] for member in facts["members"]] == ["xgboost", "linear"]
    assert facts["strategy"] == "stacking"
    assert len(facts["selected"]) == 20
    state = runlog.replay(runlog.read(run_dir / runlog.LOG_NAME))
    compared = {(row["model"], row["option"]) for row in state.options}
    assert compared == {
        (model, option)
        for model in ("spread", "downgrade", "bid_ask")
        for option in ("tuning", "ensemble", "selection")
    }
    assert all(row["low"] <= row["gain"] <= row["high"] for row in state.options)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("models", "[spread, bid_asc]", r"models: is not a model \(got 'bid_asc'\).*'bid_ask'"),
        ("advanced.base_models", "[xgbost]", r"base_models: is not a learner.*'xgboost'"),
    ],
)
def test_an_unknown_name_is_refused_before_anything_is_written(
    outside, tmp_path, capsys, key, value, message
):
    """Exit code 2, the nearest name, and no run folder."""
    assert cli.main(["run", "--output", str(tmp_path / "runs"), "--set", f"{key}={value}"]) == 2
    with pytest.raises(BadInput, match=message):
        raise BadInput(capsys.readouterr().err)
    assert not (tmp_path / "runs").exists()
