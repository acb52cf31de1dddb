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


POOR = {
    "skill": [-0.2, -0.3, -0.1], "over_linear": [-0.02, -0.03, 0.01], "overfit": [0.9, 0.2, 0.7],
    "calibration": [2.0, 1.4, 2.6], "coverage": [0.7, 0.66, 0.75, 0.9],
    "segments": [
        {"by": "rating", "segment": "BBB", "rows": 900, "loss": 1.2, "low": 1.1, "high": 1.4,
         "floor": 1.0},
        {"by": "regime", "segment": "stress", "rows": 300, "loss": 0.5, "low": None, "high": None,
         "floor": 1.0},
        {"by": "sector", "segment": "Energy", "rows": 400, "loss": 2.2, "low": 1.8, "high": 2.8,
         "floor": 2.0},
    ],
    "drift": 0.5, "alert_rate": [0.05, 0.02], "forbidden": ["a is a label", "b is the truth"],
    "leaks": ["c is d by another name"], "shuffled_skill": [0.3, 0.1, 0.5],
    "monotonicity": {"leverage": 0.02, "age": 0.1}, "robust_curve": [0.3, 0.2, 0.4],
    "robust_missing": [0.2, 0.1, 0.3], "robust_stale": [0.15, 0.1, 0.2],
}  # fmt: skip
EDGES = {
    "skill": [0.5, 0.0, 0.6], "over_linear": [0.1, 0.0, 0.2], "overfit": [0.9, 0.3, 0.6],
    "coverage": [0.97, None, None, 0.95], "drift": 0.25, "alert_rate": [0.01, 0.02],
    "calibration": [1.2, None, 2.0], "monotonicity": {"a": 0.05}, "shuffled_skill": [0.2, 0.2, 0.3],
    "robust_curve": [0.15, 0.15, 0.2],
    "segments": [
        {"by": "rating", "segment": "A", "rows": 100, "loss": 1.05, "low": 1.05, "high": 1.1,
         "floor": 1.0},
    ],
}  # fmt: skip
KNOWN = [
    ("beats_floor", GOOD, 0.9, (0.85, 0.95), "pass", 0.15,
     "Skill is 0.90 (0.85 to 0.95); more than 0 is needed."),
    ("beats_floor", POOR, -0.2, (-0.3, -0.1), "fail", 1.3,
     "Skill is -0.20 (-0.30 to -0.10); more than 0 is needed."),
    ("beats_floor", EDGES, 0.5, (0.0, 0.6), "inconclusive", 1.0,
     "Skill is 0.50 (0.00 to 0.60); more than 0 is needed."),
    ("beats_floor", {"skill": [-0.1, -0.2, 0.0]}, -0.1, (-0.2, 0.0), "inconclusive", 1.2,
     "Skill is -0.10 (-0.20 to 0.00); more than 0 is needed."),
    ("beats_linear", {"over_linear": [0.0, 0.0, 0.0]}, 0.0, (0.0, 0.0), "inconclusive", 1.0,
     "The simplest method loses +0 more (+0 to +0); more than 0 is needed."),
    ("interval_coverage", {"coverage": [0.8, 0.75, 0.84, 0.9]}, 0.8, (0.75, 0.84), "inconclusive",
     0.1 / 0.07,
     "80.0 % of the cases lie in their interval (75.0 to 84.0); 90 % is aimed at, 7 points are "
     "allowed."),
    ("interval_coverage", {"coverage": [0.8, 0.75, None, 0.9]}, 0.8, None, "inconclusive",
     0.1 / 0.07,
     "80.0 % of the cases lie in their interval (too few issuers for more); 90 % is aimed at, 7 "
     "points are allowed."),
    ("alert_rate", {"alert_rate": [0.3, 0.2]}, 1.5, None, "pass", 0.75,
     "30.0 % of the rows raise an alert, 20.0 % is aimed at; 0.5 to 2 times is allowed."),
    ("skill", GOOD, 0.9, (0.85, 0.95), "pass", 0.3,
     "Skill is 0.90 (0.85 to 0.95); more than 0.5 is needed."),
    ("skill", POOR, -0.2, (-0.3, -0.1), "fail", 2.6,
     "Skill is -0.20 (-0.30 to -0.10); more than 0.5 is needed."),
    ("beats_linear", GOOD, 0.02, (0.01, 0.03), "pass", 1 - 0.01 / 0.03,
     "The simplest method loses +0.02 more (+0.01 to +0.03); more than 0 is needed."),
    ("beats_linear", POOR, -0.02, (-0.03, 0.01), "inconclusive", 2.0,
     "The simplest method loses -0.02 more (-0.03 to +0.01); more than 0 is needed."),
    ("overfit_gap", GOOD, 0.1, None, "pass", 1 / 6,
     "80 % of the floor's loss is gone on rows taught, 70 % on rows held out; at most 60 points "
     "may lie between."),
    ("overfit_gap", POOR, 0.7, None, "fail", 7 / 6,
     "90 % of the floor's loss is gone on rows taught, 20 % on rows held out; at most 60 points "
     "may lie between."),
    ("overfit_gap", EDGES, 0.6, None, "pass", 1.0,
     "90 % of the floor's loss is gone on rows taught, 30 % on rows held out; at most 60 points "
     "may lie between."),
    ("calibration", GOOD, 1.0, (0.95, 1.05), "pass", 0.085 / 0.415,
     "The slope of the calibration line is 1.00 (0.95 to 1.05); 0.67 to 1.5 is allowed."),
    ("calibration", POOR, 2.0, (1.4, 2.6), "inconclusive", 0.915 / 0.415,
     "The slope of the calibration line is 2.00 (1.40 to 2.60); 0.67 to 1.5 is allowed."),
    ("interval_coverage", GOOD, 0.9, (0.88, 0.92), "pass", 0.0,
     "90.0 % of the cases lie in their interval (88.0 to 92.0); 90 % is aimed at, 7 points are "
     "allowed."),
    ("interval_coverage", POOR, 0.7, (0.66, 0.75), "fail", 0.2 / 0.07,
     "70.0 % of the cases lie in their interval (66.0 to 75.0); 90 % is aimed at, 7 points are "
     "allowed."),
    ("interval_coverage", EDGES, 0.97, None, "pass", 0.5,
     "97.0 % of the cases lie in their interval (too few issuers for more); 95 % is aimed at, 7 "
     "points are allowed."),
    ("prediction_drift", GOOD, 0.01, None, "pass", 0.04,
     "The stability index of its predictions against the champion's is 0.01; at most 0.25 is "
     "allowed."),
    ("prediction_drift", POOR, 0.5, None, "fail", 2.0,
     "The stability index of its predictions against the champion's is 0.5; at most 0.25 is "
     "allowed."),
    ("prediction_drift", EDGES, 0.25, None, "pass", 1.0,
     "The stability index of its predictions against the champion's is 0.25; at most 0.25 is "
     "allowed."),
    ("alert_rate", GOOD, 1.0, None, "pass", 0.5,
     "2.0 % of the rows raise an alert, 2.0 % is aimed at; 0.5 to 2 times is allowed."),
    ("alert_rate", POOR, 2.5, None, "fail", 1.25,
     "5.0 % of the rows raise an alert, 2.0 % is aimed at; 0.5 to 2 times is allowed."),
    ("alert_rate", EDGES, 0.5, None, "pass", 1.0,
     "1.0 % of the rows raise an alert, 2.0 % is aimed at; 0.5 to 2 times is allowed."),
    ("alert_rate", {"alert_rate": [0.04, 0.02]}, 2.0, None, "pass", 1.0,
     "4.0 % of the rows raise an alert, 2.0 % is aimed at; 0.5 to 2 times is allowed."),
    ("alert_rate", {"alert_rate": [0.0, 0.02]}, 0.0, None, "fail", 10.0,
     "0.0 % of the rows raise an alert, 2.0 % is aimed at; 0.5 to 2 times is allowed."),
    ("forbidden_columns", GOOD, 0.0, None, "pass", 0.0,
     "No feature is a label or a column of the truth."),
    ("forbidden_columns", POOR, 2.0, None, "fail", 3.0, "a is a label; b is the truth."),
    ("leakage_features", GOOD, 0.0, None, "pass", 0.0,
     "No feature alone knows more than all together can."),
    ("leakage_features", POOR, 1.0, None, "fail", 2.0, "c is d by another name."),
    ("leakage_shuffle", GOOD, -0.1, (-0.12, -0.05), "pass", 0.0,
     "Taught on shuffled labels its skill is -0.100 (-0.120 to -0.050); at most 0.2 is allowed."),
    ("leakage_shuffle", POOR, 0.3, (0.1, 0.5), "inconclusive", 1.5,
     "Taught on shuffled labels its skill is 0.300 (0.100 to 0.500); at most 0.2 is allowed."),
    ("leakage_shuffle", EDGES, 0.2, (0.2, 0.3), "pass", 1.0,
     "Taught on shuffled labels its skill is 0.200 (0.200 to 0.300); at most 0.2 is allowed."),
    ("monotonicity", GOOD, 0.0, None, "pass", 0.0,
     "Along leverage, 0.0 % of the movement goes the wrong way; at most 5 % is allowed."),
    ("monotonicity", POOR, 0.1, None, "fail", 2.0,
     "Along age, 10.0 % of the movement goes the wrong way, the most of 2 features; at most 5 % is "
     "allowed."),
    ("monotonicity", EDGES, 0.05, None, "pass", 1.0,
     "Along a, 5.0 % of the movement goes the wrong way; at most 5 % is allowed."),
    ("robust_curve", POOR, 0.3, (0.2, 0.4), "fail", 2.0,
     "When the risk-free curve moves by 100 bp its loss rises by 0.300 (0.200 to 0.400) of the way "
     "from floor to ceiling; at most 0.15 is allowed."),
    ("robust_curve", EDGES, 0.15, (0.15, 0.2), "pass", 1.0,
     "When the risk-free curve moves by 100 bp its loss rises by 0.150 (0.150 to 0.200) of the way "
     "from floor to ceiling; at most 0.15 is allowed."),
    ("robust_missing", POOR, 0.2, (0.1, 0.3), "inconclusive", 4 / 3,
     "When ESG scores and alternative data are missing its loss rises by 0.200 (0.100 to 0.300) of "
     "the way from floor to ceiling; at most 0.15 is allowed."),
    ("robust_stale", POOR, 0.15, (0.1, 0.2), "pass", 1.0,
     "When one quote in ten is stale its loss rises by 0.150 (0.100 to 0.200) of the way from "
     "floor to ceiling; at most 0.15 is allowed."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "measured", "observed", "interval", "verdict", "used", "message"), KNOWN
)
def test_known_verdicts(name, measured, observed, interval, verdict, used, message):
    """What was seen, how sure that is, the verdict, how much of the tolerance, and in words."""
    (found,) = judged(measured, name)
    assert found.observed == pytest.approx(observed)
    assert found.interval == interval
    assert found.verdict == verdict
    assert found.used == pytest.approx(used)
    assert found.message == message
    assert found.slice == "model=spread"
    setting = MANAGER.settings[name]
    assert (found.threshold, found.severity) == (setting.threshold, setting.severity)


def test_known_verdicts_by_segment():
    """Past the limit with its whole interval, or only on average; what has no interval is none."""
    worst, unsure = judged(POOR, "worst_segment")
    assert (worst.slice, worst.n, worst.verdict) == ("model=spread, rating=BBB", 900, "fail")
    assert (worst.observed, worst.interval) == (1.2, (1.1, 1.4))
    assert worst.used == pytest.approx(1.2 / 1.05)
    assert worst.message == (
        "In rating BBB the loss is 1.20 of its floor (1.10 to 1.40); at most 1.05 is allowed."
    )
    assert (unsure.slice, unsure.n, unsure.verdict) == (
        "model=spread, sector=Energy", 400, "inconclusive",
    )  # fmt: skip
    assert unsure.observed == pytest.approx(1.1)
    assert unsure.interval == pytest.approx((0.9, 1.4))
    (edge,) = judged(EDGES, "worst_segment")
    assert (edge.verdict, edge.used) == ("pass", 1.0)


def test_half_an_interval_is_none():
    """A calibration line that is known on one side alone is not judged by the other."""
    assert judged(EDGES, "calibration") == []
    (found,) = judged({}, "calibration")
    assert (found.verdict, found.message) == ("not_applicable", "It was not measured.")
    assert found.slice == "model=spread"


@pytest.mark.parametrize(
    ("name", "measured", "verdict", "used"),
    [
        ("beats_linear", {"over_linear": [0.2, 0.1, 0.3]}, "pass", 0.8),
        ("beats_linear", {"over_linear": [0.02, -0.1, 0.1]}, "inconclusive", 2.0),
        ("forbidden_columns", {"forbidden": ["a", "b", "c"]}, "fail", 1.5),
        ("forbidden_columns", {"forbidden": ["a", "b"]}, "pass", 1.0),
        ("forbidden_columns", {"forbidden": ["a"]}, "pass", 0.5),
    ],
)
def test_other_thresholds_scale_the_tolerance(name, measured, verdict, used):
    """More than 0.05 over the simplest method; two forbidden columns allowed."""
    thresholds = {"beats_linear": 0.05, "forbidden_columns": 2.0}
    chosen = parameters.load(None, {"quality_gates.thresholds": thresholds})
    found = gates.QualityGateManager(chosen).judge_models({"spread": measured})
    (one,) = (one for one in found if one.gate == name)
    assert (one.verdict, one.used) == (verdict, pytest.approx(used))


def test_every_model_is_judged_whatever_the_others_lack():
    """In the order of the models, each with findings of its own."""
    found = MANAGER.judge_models({"anomaly": {}, "spread": GOOD, "downgrade": POOR})
    verdicts = [(one.slice, one.verdict) for one in found if one.gate == "beats_floor"]
    assert verdicts == [
        ("model=anomaly", "not_applicable"), ("model=spread", "pass"), ("model=downgrade", "fail"),
    ]  # fmt: skip
