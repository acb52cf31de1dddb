"""Stopping: four rules, and never the word converged where it is not earned."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib import parameters
from bondx_lib.convergence import EpochRecord, assess, idle_epochs

CHOSEN = parameters.load(None, {"improvement_patience": 3, "max_epochs": 20})


def flat(n: int, **changes) -> list[EpochRecord]:
    """Epochs in which nothing moves."""
    values = {"quality": 0.97, "skills": {"spread": 0.8, "anomaly": 0.5}, "passed": True, **changes}
    return [EpochRecord(number, **values) for number in range(1, n + 1)]


def learning(n: int, gain: float = 0.01) -> list[EpochRecord]:
    """Epochs that each gain the same."""
    return [EpochRecord(k, 0.97, {"spread": 0.1 + gain * k}, True) for k in range(1, n + 1)]


def test_a_run_converges_after_the_patience_and_not_before():
    """The first epoch gains by definition; then three idle ones are needed."""
    assert [assess(flat(n), CHOSEN).status for n in (1, 2, 3, 4)] == ["running"] * 3 + ["converged"]
    assert [assess(flat(n), CHOSEN).patience_left for n in (1, 2, 3, 4)] == [3, 2, 1, 0]


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
    jumpy = [EpochRecord(k, 0.95 + 0.04 * (k % 2), {"a": 0.5}, True) for k in range(1, 5)]
    assert assess(jumpy, strict).status == "running"
    assert assess(flat(4), strict).status == "converged"


def test_every_rule_explains_itself():
    """Four rules, each with a sentence; before the window is full, quality is not judged."""
    rules = assess(flat(2), CHOSEN).rules
    assert [rule.name for rule in rules] == [
        "model convergence", "quality stability", "plateau", "epoch limit"
    ]  # fmt: skip
    assert all(rule.sentence.endswith(".") for rule in rules)
    assert rules[1].observed is None
    assert assess([], CHOSEN).status == "running"


records = st.lists(
    st.builds(
        EpochRecord,
        st.integers(1, 30),
        st.floats(0, 1),
        st.fixed_dictionaries({"a": st.floats(-1, 1), "b": st.floats(-1, 1)}),
        st.booleans(),
    ),
    max_size=20,
)


@given(records)
def test_converged_always_means_what_it_says(history):
    """Whatever the history: converged implies settled models, good quality, gates and skill."""
    verdict = assess(history, CHOSEN)
    if verdict.status != "converged":
        return
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
