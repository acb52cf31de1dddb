"""Stopping: four rules and a bound, and never the word converged where it is not earned."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bondx_lib import parameters
from bondx_lib.convergence import EpochRecord, assess, idle_epochs, trend

CHOSEN = parameters.load(None, {"improvement_patience": 3, "max_epochs": 20})
SKILLS = {"spread": 0.8, "anomaly": 0.5}


def flat(n: int, **changes) -> list[EpochRecord]:
    """Epochs in which nothing moves."""
    values = {"quality": 0.97, "skills": SKILLS, "challengers": SKILLS, "passed": True, **changes}
    return [EpochRecord(number, **values) for number in range(1, n + 1)]


def learning(n: int, gain: float = 0.01) -> list[EpochRecord]:
    """Epochs that each gain the same."""
    skills = [{"spread": 0.1 + gain * k} for k in range(1, n + 1)]
    return [EpochRecord(k, 0.97, one, one, True) for k, one in enumerate(skills, 1)]


def challenged(scores) -> list[EpochRecord]:
    """Epochs whose champions stand still while challengers score as given."""
    return [EpochRecord(k, 0.97, SKILLS, {"a": one}, True) for k, one in enumerate(scores, 1)]


def chosen(**changes) -> parameters.Parameters:
    """Short patience, and what else is asked for."""
    return parameters.load(None, {"improvement_patience": 3, "max_epochs": 20, **changes})


def test_a_run_converges_after_two_patiences_and_not_before():
    """Three idle epochs after the first, and six to judge the challengers' gain by."""
    statuses = [assess(flat(n), CHOSEN).status for n in range(1, 7)]
    assert statuses == ["running"] * 5 + ["converged"]
    assert [assess(flat(n), CHOSEN).patience_left for n in (1, 2, 3, 4)] == [3, 2, 1, 0]


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (5, 10), (10, 20)])
def test_a_flat_run_converges_however_short_its_patience(patience, epochs):
    """Two patiences, and at least the three epochs that a line with an error needs."""
    asked = parameters.load(None, {"improvement_patience": patience})
    statuses = [assess(flat(n), asked).status for n in range(1, epochs + 1)]
    assert statuses == ["running"] * (epochs - 1) + ["converged"]


def test_a_gain_at_the_threshold_resets_the_patience():
    """Gains just below the threshold are none; one at the threshold is."""
    assert idle_epochs([0.5, 0.5009, 0.5018], 0.001) == 2
    assert idle_epochs([0.5, 0.501, 0.5018], 0.001) == 1
    assert idle_epochs([0.5, 0.4, 0.45, 0.5005], 0.001) == 3
    assert idle_epochs([], 0.001) == 0


def test_a_run_that_learns_goes_on_until_the_limit():
    """Steady gains end at max_epochs, which is not convergence."""
    assert assess(learning(19), CHOSEN).status == "running"
    assert assess(learning(20), CHOSEN).status == "epoch_limit"


def test_challengers_that_rise_forbid_every_end_but_the_limit():
    """Champions that stand still are not enough: the next promotion may be on its way."""
    rising = challenged([0.5 + 0.01 * k for k in range(20)])
    six = assess(rising[:6], CHOSEN)
    assert [rule.name for rule in six.rules if rule.holds] == [
        "model convergence",
        "quality stability",
    ]
    assert six.status == "running"
    assert assess(rising[:19], CHOSEN).status == "running"
    assert "epochs (a plateau after 6), but the challengers still rise." in (
        assess(rising[:19], CHOSEN).rules[3].sentence
    )
    ended = assess(rising, CHOSEN)
    assert ended.status == "epoch_limit"
    assert "gained 0.01000 an epoch, with 95 % confidence at most 0.01000" in ended.reason


def test_challengers_that_rise_no_more_end_a_plateau():
    """Slower than the threshold, but not surely so: twice the patience is the end."""
    scores = [0.5, 0.52, 0.49, 0.51, 0.5, 0.52, 0.49]
    assert assess(challenged(scores[:6]), CHOSEN).status == "running"
    ended = assess(challenged(scores), CHOSEN)
    assert ended.status == "plateaued"
    assert ended.reason.startswith("No champion has improved for 6 epochs (a plateau after 6). ")
    assert ended.rules[1].sentence in ended.reason


def test_a_rise_before_the_patience_counts():
    """With a short patience the last twenty epochs are judged, not only those that look flat."""
    calm = [0.6] * 6
    assert assess(challenged(calm), CHOSEN).status == "converged"
    late = assess(challenged([*np.linspace(0.3, 0.6, 8), *calm]), CHOSEN)
    assert late.rules[1].observed > CHOSEN.convergence_threshold
    assert late.status == "plateaued"


def test_noise_that_hides_a_gain_forbids_the_word_converged():
    """A bound, not an estimate: these challengers fall on average, but nobody can be sure."""
    noisy = challenged([0.80, 0.82, 0.79, 0.81, 0.80, 0.79])
    rule = assess(noisy, CHOSEN).rules[1]
    assert not rule.holds
    assert (
        rule.observed
        > CHOSEN.convergence_threshold
        > 0
        > trend([one.challenge for one in noisy]).gain
    )
    assert assess(noisy, chosen(convergence_threshold=0.02)).status == "converged"


@pytest.mark.parametrize("patience", [1, 2])
def test_a_noisy_run_with_short_patience_ends_as_a_plateau(patience):
    """So few epochs cannot tell: the run ends when its user wanted, by another name."""
    asked = parameters.load(None, {"improvement_patience": patience})
    history = challenged([0.80, 0.82, 0.79, 0.81, 0.80][: 2 * patience + 1])
    assert assess(history, asked).status == "plateaued"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"passed": False}, "A blocking gate refuses a champion"),
        ({"skills": {"spread": 0.8, "anomaly": 0.0}}, "No better than the floor: anomaly"),
        ({"quality": 0.94}, ""),
    ],
)
def test_what_is_not_earned_ends_as_a_plateau(changes, words):
    """Failing gates, a useless model or low quality never converge, but they do end."""
    history = flat(6, **changes)
    assert assess(history, CHOSEN).status == "running"
    ended = assess(flat(7, **changes), CHOSEN)
    assert ended.status == "plateaued"
    assert words in ended.reason


def test_unstable_quality_is_not_converged():
    """A quality that jumps has too large a variance."""
    strict = parameters.load(
        None, {"improvement_patience": 3, "quality_variance_max": 1e-5, "quality_threshold": 0.9}
    )
    one = {"a": 0.5}
    jumpy = [EpochRecord(k, 0.95 + 0.04 * (k % 2), one, one, True) for k in range(1, 7)]
    assert assess(jumpy, strict).status == "running"
    assert assess(flat(6), strict).status == "converged"


def test_every_rule_explains_itself():
    """Each with a sentence; before their windows are full, bound and quality are not judged."""
    rules = assess(flat(2), CHOSEN).rules
    assert [rule.name for rule in rules] == [
        "model convergence", "improvement bound", "quality stability", "plateau", "epoch limit"
    ]  # fmt: skip
    assert all(rule.sentence.endswith(".") for rule in rules)
    assert [rule.observed for rule in rules[1:3]] == [None, None]
    assert assess([], CHOSEN).status == "running"


def test_rules_carry_what_they_saw_and_what_they_need():
    """The number that was observed and the one it is held against, for charts and reports."""
    names = ("model convergence", "improvement bound", "quality stability", "plateau",
             "epoch limit")  # fmt: skip
    early, late = assess(learning(2), CHOSEN).rules, assess(learning(8), CHOSEN).rules
    assert [(rule.name, rule.holds) for rule in early] == [(name, False) for name in names]
    assert [rule.threshold for rule in early] == [0.001, 0.001, 0.01, 6.0, 20.0]
    assert [rule.threshold for rule in late] == [0.001, 0.001, 0.01, 6.0, 20.0]
    assert [rule.observed for rule in early] == [pytest.approx(0.01), None, None, 0.0, 2.0]
    assert [rule.name for rule in late] == list(names)
    assert [rule.observed for rule in late] == pytest.approx([0.01, 0.01, 0.0, 0.0, 8.0])
    assert assess(learning(1), CHOSEN).rules[0].observed is None
    assert early[1].sentence == "The challengers' gain is judged over at least 6 epochs."
    assert late[4].to_dict() == {
        "name": "epoch limit", "holds": False, "observed": 8.0, "threshold": 20.0,
        "sentence": "8 of at most 20 epochs are done.",
    }  # fmt: skip


def test_what_lies_before_the_patience_is_forgiven():
    """A refused champion or poor data count for as long as the patience, and no longer."""
    for fault in ({"passed": False}, {"quality": 0.0}):
        history = flat(8)
        history[4] = replace(history[4], **fault)
        assert assess(history, CHOSEN).status == "converged"
        history[5] = replace(history[5], **fault)
        assert assess(history, CHOSEN).status == "plateaued"


def test_limits_are_met_from_the_right_side():
    """What gains just the threshold has gained; what just meets its mean is good enough."""
    quarter = {"convergence_threshold": 0.25}
    assert idle_epochs([0.5, 0.75], 0.25) == 0
    assert assess(flat(4), CHOSEN).rules[0].holds
    line = challenged([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5])
    rules = assess(line, chosen(**quarter)).rules
    assert rules[1].observed == 0.25
    assert not rules[1].holds
    assert not rules[3].holds
    assert "still rise" in rules[3].sentence
    two = flat(6)
    two[4:] = [replace(two[4], quality=0.5), replace(two[5], quality=1.0)]
    short = {"improvement_patience": 2, "quality_threshold": 0.75}
    assert assess(two, chosen(**short, quality_variance_max=0.07)).rules[2].holds
    assert not assess(two, chosen(**short, quality_variance_max=0.0625)).rules[2].holds
    assert assess(two, chosen(**short)).rules[2].observed == 0.0625


def test_reasons_are_whole_sentences():
    """Every objection names all that it speaks of, and sentences stand one after the other."""
    refused = flat(20, passed=False, skills={"a": 0.0, "b": -0.1, "c": 0.4})
    said = assess(refused, CHOSEN).reason
    assert said.endswith(
        "A blocking gate refuses a champion of epochs 18, 19, 20. No better than the floor: a, b."
    )
    rising = assess(learning(20), CHOSEN)
    assert rising.reason == " ".join(rising.rules[place].sentence for place in (4, 0, 1))
    assert assess(flat(3), CHOSEN).reason == "models or quality are still moving"
    last = replace(flat(1)[0], passed=False)
    words = [rule.sentence for rule in assess([last], chosen(max_epochs=1)).rules]
    assert words[0] == "Mean skill has gained 0.001 or more in the last epoch (less needed in 3)."
    assert words[4] == "1 of at most 1 epoch is done."
    assert "champion of epoch 1." in assess([last], chosen(max_epochs=1)).reason
    two = assess([replace(one, passed=False) for one in flat(2)], chosen(max_epochs=2))
    assert "2 of at most 2 epochs are done." in two.reason
    assert "champion of epochs 1, 2." in two.reason
    assert [assess(flat(n), CHOSEN).rules[0].sentence for n in (2, 3)] == [
        "Mean skill has gained less than 0.001 in the last epoch (less needed in 3).",
        "Mean skill has gained less than 0.001 in each of the last 2 epochs (less needed in 3).",
    ]


def test_an_ended_run_says_what_was_missing():
    """Converged names everything that holds, the limit what does not."""
    settled = assess(flat(6), CHOSEN)
    assert settled.reason == " ".join(rule.sentence for rule in settled.rules[:3])
    limited = assess(learning(20), CHOSEN)
    assert limited.reason.startswith("20 of at most 20 epochs are done.")
    assert limited.rules[0].sentence in limited.reason
    assert limited.rules[1].sentence in limited.reason
    assert limited.rules[2].sentence not in limited.reason


def test_the_trend_of_a_line_is_known():
    """Without noise the bound is the slope; an error of known size widens it as it should."""
    exact = trend([1.0, 2.0, 3.0, 4.0])
    assert (exact.gain, exact.bound) == (1.0, 1.0)
    scores = [0.0, 1.0, 0.0]
    # Slope 0, residuals -1/3, 2/3, -1/3: one degree of freedom, t = 6.3138, error 0.57735, and
    # their correlation, -2/3 + (2 - 8/3) / 3, counts as none.
    assert trend(scores).gain == 0
    assert trend(scores).bound == pytest.approx(6.313752 * np.sqrt((2 / 3) / 1 / 2))


def test_the_bound_of_correlated_residuals_is_known():
    """By hand: 0, 0, 1, 1, 0, 0 has slope 0 and residuals -1/3, -1/3, 2/3, 2/3, -1/3, -1/3.

    Neighbours give 1/9 - 2/9 + 4/9 - 2/9 + 1/9 = 2/9 of 4/3 in squares, r = 1/6; six epochs took
    (2 + 4/6) / 6 = 4/9 away, so 11/18, and errors grow by the root of 29/7. t(4) = 2.131847.
    """
    found = trend([0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    error = np.sqrt(4 / 3 / 4 / 17.5 * 29 / 7)
    assert found.gain == pytest.approx(0, abs=1e-12)
    assert found.bound == pytest.approx(2.131847 * error, rel=1e-6)


def test_correlated_noise_makes_the_bound_wider():
    """The same residuals in blocks say less about the slope than alternating ones."""
    alternating = trend([0.0, 1.0] * 10)
    blocks = trend([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 2)
    assert blocks.bound - blocks.gain > 1.5 * (alternating.bound - alternating.gain)


@pytest.mark.parametrize(("correlation", "most"), [(0.0, 0.055), (0.3, 0.07), (0.5, 0.09)])
def test_the_bound_is_below_the_truth_about_as_often_as_it_may(correlation, most):
    """Over 4,000 lines of 20 epochs with known slope and autocorrelated noise: about 5 %."""
    rng = np.random.default_rng(11)
    noise = rng.normal(size=(4000, 20))
    for epoch in range(1, 20):
        noise[:, epoch] *= np.sqrt(1 - correlation**2)
        noise[:, epoch] += correlation * noise[:, epoch - 1]
    wrong = np.mean([trend(0.3 * np.arange(20) + row).bound < 0.3 for row in noise])
    assert 0.02 < wrong < most


skill = st.floats(-1, 1).map(lambda value: round(value, 4))
two = st.fixed_dictionaries({"a": skill, "b": skill})
records = st.lists(
    st.builds(EpochRecord, st.integers(1, 30), st.floats(0, 1), two, two, st.booleans()),
    max_size=20,
)
calm = st.lists(st.floats(-0.0008, 0.0008), min_size=6, max_size=14).map(
    lambda moves: challenged([0.8 + move for move in moves])
)


@given(records | calm)
@example(flat(6))
def test_converged_always_means_what_it_says(history):
    """Whatever the history: converged implies settled models, good quality, gates and skill."""
    verdict = assess(history, CHOSEN)
    if verdict.status != "converged":
        return
    assert all(rule.holds for rule in verdict.rules[:3])
    assert verdict.rules[1].observed < CHOSEN.convergence_threshold
    window = history[-CHOSEN.improvement_patience :]
    assert all(record.passed for record in window)
    assert min(window[-1].skills.values()) > 0
    assert sum(record.quality for record in window) / len(window) >= CHOSEN.quality_threshold
    scores = [record.score for record in history]
    best = [max(scores[:k]) for k in range(1, len(scores))]
    gains = [score - top for score, top in zip(scores[1:], best, strict=True)]
    assert max(gains[-CHOSEN.improvement_patience :]) < CHOSEN.convergence_threshold


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_idle_epochs_grow_by_one_or_fall_to_zero(scores):
    """Each epoch either gains or is one more idle one."""
    counts = [idle_epochs(scores[:k], 0.01) for k in range(1, len(scores) + 1)]
    assert counts[0] == 0
    assert all(later in (0, earlier + 1) for earlier, later in pairwise(counts))


@given(records | calm, st.floats(0.05, 1), st.sampled_from(["skills", "challengers"]))
def test_a_large_gain_never_makes_a_run_converge(history, gain, whose):
    """Whatever came before: an epoch whose champions or challengers leap leaves it unsettled."""
    assume(history)
    best = max(max(record.score, record.challenge) for record in history)
    leaps = EpochRecord(99, 0.97, SKILLS, SKILLS, True)
    leaps = replace(leaps, **{whose: {"a": best + gain, "b": best + gain}})
    assert assess([*history, leaps], CHOSEN).status != "converged"


@given(records | calm, st.floats(1e-6, 0.1), st.floats(1, 100))
def test_a_larger_threshold_never_takes_a_verdict_back(history, threshold, factor):
    """What has converged by a strict threshold has converged by any milder one."""
    strict, mild = (
        assess(history, chosen(convergence_threshold=one)).status
        for one in (threshold, min(threshold * factor, 0.9))
    )
    assert strict != "converged" or mild == "converged"


@given(calm, st.sampled_from(["gate", "floor", "quality"]))
def test_a_run_that_is_refused_never_converges(history, fault):
    """A champion that a gate refuses, a model at the floor, poor data: any one forbids it."""
    changes = {
        "gate": {"passed": False}, "floor": {"skills": {"a": 0.7, "b": 0.0}},
        "quality": {"quality": 0.5},
    }[fault]  # fmt: skip
    spoilt = [EpochRecord(**{**vars(record), **changes}) for record in history]
    assert assess(spoilt, CHOSEN).status in ("running", "plateaued", "epoch_limit")


@given(records)
def test_other_endings_have_other_names(history):
    """Plateau and limit are said where their rules hold, and only where one thing is missing."""
    verdict = assess(history, CHOSEN)
    *needed, plateau, limit = (rule.holds for rule in verdict.rules)
    assert verdict.stops == (verdict.status != "running")
    assert not plateau or verdict.status in ("converged", "plateaued")
    assert not limit or verdict.stops
    if not all(needed):
        assert verdict.status != "converged"


@given(st.lists(skill, min_size=3, max_size=30), st.floats(-1, 1), st.floats(0.01, 10))
def test_the_trend_moves_with_its_scores(scores, shift, scale):
    """A shift changes nothing, a scale scales both, and the bound is never below the gain."""
    found = trend(scores)
    assert found.bound >= found.gain
    moved = trend([shift + scale * one for one in scores])
    assert moved.gain == pytest.approx(scale * found.gain, abs=1e-9)
    assert moved.bound == pytest.approx(scale * found.bound, rel=1e-5, abs=1e-9)
