"""Gates on models: verdicts from measures, their controls, and what a run does with them."""

from __future__ import annotations

import numpy as np
import pytest

from bondx_lib import artefacts, gates, market, parameters
from bondx_lib.gates import model
from bondx_lib.gates.controls import CONTROLS

MANAGER = gates.QualityGateManager(parameters.default())
GOOD = {
    "skill": [0.9, 0.85, 0.95],
    "over_linear": [0.02, 0.01, 0.03],
    "overfit": [0.8, 0.7, 0.1],
    "calibration": [1.0, 0.95, 1.05],
    "coverage": [0.9, 0.88, 0.92, 0.9],
    "segments": [
        {"by": "rating", "segment": "BBB", "rows": 900, "loss": 0.2, "low": 0.15, "high": 0.25,
         "floor": 1.0},
    ],
    "drift": 0.01,
    "alert_rate": [0.02, 0.02],
    "forbidden": [],
    "leaks": [],
    "shuffled_skill": [-0.1, -0.12, -0.05],
    "monotonicity": {"leverage": 0.0},
    "robust_curve": [0.0, -0.01, 0.01],
    "robust_missing": [0.01, 0.0, 0.02],
    "robust_stale": [0.0, 0.0, 0.0],
}  # fmt: skip
NAMES = [gate.name for gate in model.GATES]


def judged(measured, name):
    """Return the findings of one gate on one model."""
    return [one for one in MANAGER.judge_models({"spread": measured}) if one.gate == name]


@pytest.mark.parametrize("name", NAMES)
def test_a_good_model_passes(name):
    """Every gate passes, with part of its tolerance left, and names the model."""
    (found,) = judged(GOOD, name)
    assert found.verdict == "pass"
    assert found.used < 1
    assert found.slice.startswith("model=spread")
    assert found.message.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_damage_of_its_own_kind_is_noticed(name):
    """At the top of the ladder the gate fails, at the bottom it does not, and use only rises."""
    control, rng = CONTROLS[name], np.random.default_rng(1)
    before = artefacts.canonical_json(GOOD)
    ladder = [judged(control.damage(GOOD, amount, rng), name)[0] for amount in control.amounts]
    assert ladder[0].verdict != "fail"
    assert ladder[-1].verdict == "fail"
    used = [one.used for one in ladder]
    assert used == sorted(used)
    assert artefacts.canonical_json(GOOD) == before


@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_measured_is_not_applicable(name):
    """A model from outside may lack any measure."""
    (found,) = judged({}, name)
    assert found.verdict == "not_applicable"


def test_a_claim_needs_its_whole_interval():
    """Skill whose interval holds the limit is inconclusive."""
    (found,) = judged({"skill": [0.1, -0.05, 0.3]}, "beats_floor")
    assert found.verdict == "inconclusive"
    assert not found.blocks
    (found,) = judged({"skill": [-0.3, -0.5, -0.1]}, "beats_floor")
    assert found.blocks
    assert judged({"skill": [float("nan")] * 3}, "skill") == []


def test_segments_without_enough_rows_are_left_out():
    """A segment whose interval is not known says nothing; others are judged one by one."""
    segments = [{**GOOD["segments"][0], "low": None}, {**GOOD["segments"][0], "segment": "BB"}]
    (found,) = judged({"segments": segments}, "worst_segment")
    assert found.slice == "model=spread, rating=BB"


def test_redrawing_notices_one_changed_cell():
    """The digests differ in the last digit of one price."""
    panel = market.simulate(parameters.default(), "test/redraw", bonds=20).panel
    control, rng = CONTROLS["redrawn"], np.random.default_rng(1)
    first = artefacts.frame_digest(panel)
    verdicts = []
    for amount in control.amounts:
        second = artefacts.frame_digest(control.damage(panel, amount, rng))
        found = MANAGER.evaluate(panel, (first, second))
        verdicts.append(next(one.verdict for one in found if one.gate == "redrawn"))
    assert verdicts == ["pass", "fail", "fail"]
