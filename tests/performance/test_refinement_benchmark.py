"""The measurement of refinement, run small; and the page made of the committed one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bondx_lib import artefacts, epoch, parameters, runlog
from bondx_lib.models import Supervised
from bondx_lib.models.weights import WEIGHT

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "refinement.py"
COMMITTED = ROOT / "benchmarks" / "results" / "refinement.json"
PAGE = ROOT / "docs" / "refinement.md"
SEED = 1
EPOCHS = 3


@pytest.fixture(scope="module")
def chosen(script):
    """Parameters of the small measurement."""
    return parameters.load(None, {**script.SMALL.changed, "random_seed": SEED})


@pytest.fixture(scope="module")
def workshop(script, chosen):
    """Markets of the small measurement."""
    return script.Workshop(chosen, 2)


def test_a_course_is_that_of_a_run(script, workshop, chosen, tmp_path):
    """Mixes, champions and skills are those of the epochs of a run with the same parameters."""
    steered = script.Variant(steered="warnings")
    course = script.course(workshop, steered, EPOCHS)
    file = tmp_path / "parameters.yaml"
    changed = {**script.SMALL.changed, "random_seed": SEED, "epoch.steering": "warnings"}
    file.write_text(parameters.load(None, changed).to_yaml())
    for number in range(1, EPOCHS + 1):
        session = epoch.open_session(tmp_path / "run", number, parameters_file=file)
        accepted = epoch.gate(session, epoch.generate(session))
        challengers = epoch.train(session)
        scored = epoch.evaluate(session, challengers)
        judged = epoch.judge(session, challengers, scored)
        decisions = epoch.promote(session, challengers, scored, judged)
        epoch.commit(session, accepted, challengers, judged, decisions)
    state = runlog.replay(runlog.read(tmp_path / "run" / runlog.LOG_NAME))
    asked = [{}, *(dict(view.mix) for view in state.committed[:-1])]
    assert any(asked)
    assert [dict(mix) for mix in course.mixes] == asked
    last = state.committed[-1]
    for name in chosen.models:
        assert course.challengers[name].scores.skill == last.scores[name]["challenger"]["skill"]
        assert course.champions[name].scores.skill == last.skills[name]
        promoted = sum(view.promotions[name]["promoted"] for view in state.committed)
        assert course.promotions[name] == promoted


def test_what_is_equal_between_variants_is_made_once(script, workshop):
    """Weights change nothing of plain draws, tuning nothing of a model without settings."""
    plain = workshop.tried("spread", ((),), script.Variant())
    assert workshop.tried("spread", ((),), script.Variant(weights="nowhere")) is plain
    assert workshop.tried("spread", ((),), script.Variant(latest=True)) is not plain
    marks = workshop.tried("anomaly", ((),), script.Variant())
    assert workshop.tried("anomaly", ((),), script.Variant(tuned=True)) is marks


def test_lost_skill_adds_up_to_what_is_missing(script, workshop):
    """Over the sectors, and over the ratings, to one less the skill; none for damage."""
    one = workshop.tried("spread", ((),), script.Variant())
    panel, truth = workshop.benchmark
    lost = script.lost_skill(one, panel, truth, each_row=False)
    for by in ("sector=", "rating="):
        parts = [value for name, value in lost.items() if name.startswith(by)]
        assert sum(parts) == pytest.approx(1 - one.scores.skill, abs=0.02), by
    cases = panel.rows["rating"].map(lambda rating: rating.rstrip("+-") == "BBB").mean()
    a_row = script.lost_skill(one, panel, truth, each_row=True)
    assert a_row["rating=BBB"] * cases == pytest.approx(lost["rating=BBB"], rel=0.05)
    marks = workshop.tried("anomaly", ((),), script.Variant())
    assert script.lost_skill(marks, panel, truth, each_row=False) == {}


def test_weights_in_calibration_alone_are_those(script, chosen):
    """The same as teaching with weights of one on every row but those that calibrate."""
    larger = chosen.model_copy(update={"dataset_size": 600})
    workshop = script.Workshop(larger, 1)
    mixes = ((), (("rating=BBB", 2.0),))
    bare, calibrated = (
        workshop.tried("downgrade", mixes, script.Variant(weights=where))
        for where in ("nowhere", "calibration")
    )
    law, pool = type(bare.model), workshop.pool(mixes, latest=False)
    assert issubclass(law, Supervised)
    split = epoch.sides(law, pool, larger)
    pool.rows.loc[split != "calibrate", WEIGHT] = 1.0
    rng = epoch.rng_of(larger, "train/0002", "downgrade")
    again = epoch.fit(law, pool, split, larger, rng, {})
    assert again.facts == calibrated.model.facts
    assert again.facts["intercept"] != bare.model.facts["intercept"]
    np.testing.assert_array_equal(again.predict(workshop.benchmark[0]), calibrated.predictions)


def seeds(*differences):
    """A result of runs whose variant ``better`` is better by so much, twice that for one model."""
    return {
        "runs": [
            {"variants": {
                "plain": {"champions": {"spread": 0.5, "downgrade": 0.25}},
                "better": {"champions": {"spread": 0.5, "downgrade": 0.25 + 2 * difference}},
            }}
            for difference in differences
        ]
    }  # fmt: skip


def test_a_gain_is_a_paired_mean_with_students_interval(script):
    """Known answer: 1, 2 and 3 have the mean 2 and the interval 2 ± 4.303 / √3."""
    pages = script.refinement_page
    asked = pages.Ingredient("", ("better", "champions"), ("plain", "champions"))
    found = pages.gain(seeds(1, 2, 3), asked)
    half = 4.302653 / np.sqrt(3)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half), rel=1e-6)
    assert (found.seeds, found.verdict) == (3, "cannot be told")
    assert pages.gain(seeds(1, 2, 3), asked, "downgrade").mean == pytest.approx(4)
    assert pages.gain(seeds(1, 1.1, 0.9), asked).verdict == "adds"
    assert pages.gain(seeds(-1, -1.1, -0.9), asked).verdict == "costs"


def test_seeds_without_a_variant_are_left_out(script):
    """Of one seed alone nothing can be told, and a variant that was not measured has none."""
    pages = script.refinement_page
    asked = pages.Ingredient("", ("better", "champions"), ("plain", "champions"))
    result = seeds(0.5, 0.1)
    del result["runs"][1]["variants"]["better"]
    one = pages.gain(result, asked)
    assert (one.mean, one.seeds, one.verdict) == (0.5, 1, "cannot be told")


def test_a_small_run_measures_every_ingredient(script, call, shown, tmp_path):
    """Every variant with its seeds and epochs, and every ingredient on the page."""
    target, page = tmp_path / "refinement.json", tmp_path / "refinement.md"
    printed = call("--small", "--workers", "1", "--output", target, "--page", page)
    assert printed == page.read_text() == shown(target)
    result, small = artefacts.read_json(target), script.SMALL
    assert [run["seed"] for run in result["runs"]] == list(range(1, small.seeds + 1))
    for run in result["runs"]:
        tuned = {name for name, one in script.VARIANTS.items() if one.tuned}
        left_out = tuned if run["seed"] > small.tuned_seeds else set()
        assert set(run["variants"]) == set(script.VARIANTS) - left_out
        for name, end in run["variants"].items():
            assert len(end["mixes"]) == small.epochs
            own_draws = script.VARIANTS[name].draws or name
            assert end["mixes"] == run["variants"][own_draws]["mixes"]
            assert set(end["champions"]) == set(end["promotions"]) == set(run["first"])
        assert not any(run["variants"]["plain"]["mixes"])
    ingredients = script.refinement_page.INGREDIENTS
    assert all(f"| {one.words} |" in printed for one in ingredients.values())


def test_the_page_is_that_of_the_committed_result(script):
    """Measured at full size with today's settings, and shown as it was measured."""
    result = artefacts.read_json(COMMITTED)
    assert PAGE.read_text() == script.refinement_page.page(result)
    assert result["settings"] == script.settings(parameters.Parameters())
    assert len(result["runs"]) == result["size"]["seeds"] == script.FULL.seeds


def test_only_what_has_been_shown_to_add_is_on_by_default(script):
    """The pool adds; what cannot be told to add is off unless it is asked for."""
    pages, result = script.refinement_page, artefacts.read_json(COMMITTED)
    adds = {
        name for name, one in pages.INGREDIENTS.items() if pages.gain(result, one).verdict == "adds"
    }
    default = parameters.Parameters()
    assert "pool" in adds
    assert (default.epoch.steering == "warnings") == ("warnings" in adds)
    assert default.advanced.enable_hyperparameter_tuning == ("tuning" in adds)
