"""One contract for every learner, and what each is known to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bondx_lib.errors import BadInput
from bondx_lib.models import learners
from bondx_lib.models.learners import Lesson
from bondx_lib.models.learners.linear import KINKS, Linear

NAMES = tuple(learners.LEARNERS)
COLUMNS = ("rating_number", "a", "b", "c")


def lesson(kind: str, rows: int = 3000, seed: int = 0) -> Lesson:
    """Return rows whose answer rises with the rating and with a, and falls with b."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 4)).astype(np.float32)
    matrix[:, 0] = rng.integers(1, 22, rows)
    matrix[rng.random(rows) < 0.05, 3] = np.nan
    raw = 0.12 * (matrix[:, 0] - 9) + 0.8 * matrix[:, 1] - 0.5 * matrix[:, 2] - 0.5
    target = raw + 0.3 * rng.normal(size=rows)
    if kind == "event":
        target = (rng.random(rows) < 1 / (1 + np.exp(-raw))).astype(float)
    most = rows * 3 // 4
    return Lesson(
        kind, COLUMNS, matrix[:most], np.asarray(target[:most], float), matrix[most:],
        np.asarray(target[most:], float),
    )  # fmt: skip


def taught(name: str, one: Lesson, **settings):
    """Teach a learner, always with the same random numbers."""
    return learners.get(name).fit(one, settings, np.random.default_rng(5))


def fit_of(kind: str, raw: np.ndarray, target: np.ndarray) -> float:
    """Return which share of the floor's loss is gone."""
    if kind == "value":
        return 1 - float(((target - raw) ** 2).mean() / target.var())
    mean = target.mean()
    floor = -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean))
    return 1 - float((np.logaddexp(0, raw) - target * raw).mean() / floor)


@pytest.mark.parametrize("kind", ["value", "event"])
@pytest.mark.parametrize("name", NAMES)
class TestContract:
    """What every learner does."""

    def test_it_learns_changes_nothing_and_repeats_itself(self, name, kind, tmp_path):
        """Better than a constant on new rows; same seed, same bytes; saved and loaded the same."""
        one = lesson(kind)
        before = one.matrix.copy(), one.target.copy()
        first = taught(name, one)
        np.testing.assert_array_equal(one.matrix, before[0])
        np.testing.assert_array_equal(one.target, before[1])
        fresh = lesson(kind, seed=1)
        assert fit_of(kind, first.raw(fresh.matrix), fresh.target) > (
            0.5 if kind == "value" else 0.1
        )
        first.save(tmp_path / f"a{first.suffix}")
        taught(name, one).save(tmp_path / f"b{first.suffix}")
        loaded = learners.get(name).load(tmp_path / f"a{first.suffix}", 4)
        loaded.save(tmp_path / f"c{first.suffix}")
        contents = {path.read_bytes() for path in tmp_path.iterdir()}
        assert len(contents) == 1
        np.testing.assert_array_equal(loaded.raw(fresh.matrix), first.raw(fresh.matrix))

    @pytest.mark.parametrize("rows", [0, 1, 30])
    def test_nothing_to_tell_apart_gives_a_constant(self, name, kind, rows):
        """No row, one row, or no event: one finite answer for all."""
        one = lesson(kind)
        target = np.zeros(rows) if kind == "event" else one.target[:rows] * 0 + 2.0
        few = replace(
            one, matrix=one.matrix[:rows], target=target, check_matrix=one.matrix[:0],
            check_target=one.target[:0],
        )  # fmt: skip
        raw = taught(name, few).raw(one.matrix[:50])
        assert np.isfinite(raw).all()
        assert np.ptp(raw) < 1e-6

    def test_no_rows_get_no_answer(self, name, kind):
        """An empty matrix is answered by an empty array."""
        one = lesson(kind)
        assert taught(name, one).raw(one.matrix[:0]).shape == (0,)

    def test_what_was_chosen_is_kept_the_second_time(self, name, kind):
        """Taught on all rows with its own choice, a learner chooses the same again."""
        first = taught(name, lesson(kind))
        again = taught(name, lesson(kind).whole(), **first.chosen)
        assert again.chosen == first.chosen

    def test_a_file_of_another_width_is_refused(self, name, kind, tmp_path):
        """A learner of four features is not one of five."""
        first = taught(name, lesson(kind))
        first.save(tmp_path / f"a{first.suffix}")
        with pytest.raises(BadInput, match=f"a{first.suffix}"):
            learners.get(name).load(tmp_path / f"a{first.suffix}", 5)

    def test_a_file_that_is_none_is_refused(self, name, kind, tmp_path):
        """Words in place of a learner are an error that names the file."""
        path = tmp_path / f"a{learners.get(name).suffix}"
        path.write_text("{}" if path.suffix == ".json" else "no learner")
        with pytest.raises(BadInput, match=path.name):
            learners.get(name).load(path, 4)


@pytest.mark.parametrize("name", ["xgboost", "gradient_boosting"])
def test_boosted_trees_obey_monotone_columns(name):
    """Where a column may only rise, no step up lowers the answer, against the data if need be."""
    one = replace(lesson("value"), monotone={"a": -1})
    learner = taught(name, one)
    rows = one.matrix[:200].copy()
    base = learner.raw(rows)
    rows[:, 1] += 1.0
    assert (learner.raw(rows) <= base + 1e-6).all()


@pytest.mark.parametrize("name", ["xgboost", "gradient_boosting"])
def test_contributions_add_up(name):
    """Exact TreeSHAP: features and base together are the raw answer."""
    one = lesson("event")
    learner = taught(name, one)
    parts = learner.contributions(one.matrix[:100])
    assert parts.shape == (100, 5)
    np.testing.assert_allclose(parts.sum(axis=1), learner.raw(one.matrix[:100]), atol=1e-4)


@pytest.mark.parametrize("name", ["xgboost", "random_forest", "gradient_boosting"])
def test_settings_are_obeyed(name):
    """Five trees are five trees."""
    assert taught(name, lesson("value"), n_estimators=5, max_depth=2).chosen["n_estimators"] == 5


def test_a_line_recovers_a_line():
    """Known answer: with hardly a penalty the slopes are those the rows were made with."""
    one = lesson("value")
    line = taught("linear", one, penalty=1e-6)
    step = one.matrix[:10].copy()
    step[:, 1] += 0.5
    rise = line.raw(step) - line.raw(one.matrix[:10])
    assert rise == pytest.approx(0.4, abs=0.02)


def test_a_line_has_kinks_in_the_rating_and_bends_where_told():
    """A step at BBB- that no straight line has; a square that no straight line has."""
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(4000, 4)).astype(np.float32)
    matrix[:, 0] = rng.integers(1, 22, 4000)
    target = np.maximum(matrix[:, 0] - 10.0, 0) + matrix[:, 1] ** 2
    one = Lesson("value", COLUMNS, matrix, target.astype(float), matrix[:0], np.zeros(0))
    straight = taught("linear", one, penalty=0.01)
    bent = taught("linear", one, penalty=0.01, squares=True)
    assert fit_of("value", straight.raw(matrix), target) < 0.96
    assert fit_of("value", bent.raw(matrix), target) > 0.99
    assert straight.design(matrix[:5]).shape == (5, 4 + len(KINKS))
    assert len(straight.coefficients) == 4 + len(KINKS)


def test_learners_can_be_added_and_unknown_ones_are_refused():
    """A learner of one's own is found by name; a misspelt one is named with the nearest."""

    class Mine(Linear):
        name = "mine"

    assert learners.register(Mine) is Mine
    try:
        assert learners.get("mine") is Mine
    finally:
        del learners.LEARNERS["mine"]
    with pytest.raises(BadInput, match="did you mean 'xgboost'"):
        learners.get("xgbost")


def test_a_rows_answer_does_not_depend_on_those_beside_it():
    """Known to the bit: a line says of a row alone what it says of it among others."""
    one = lesson("value")
    line = taught("linear", one)
    together = line.raw(one.matrix)
    apart = np.concatenate([line.raw(one.matrix[first : first + 7]) for first in range(0, 700, 7)])
    np.testing.assert_array_equal(apart, together[:700])


@pytest.mark.parametrize("kind", ["value", "event"])
def test_a_line_obeys_monotone_columns(kind):
    """Against the data a slope of the wrong sign is none, and every grade's slope is checked."""
    one = replace(lesson(kind), monotone={"rating_number": -1, "b": 1, "a": 1})
    line = taught("linear", one)
    slopes = dict(zip(COLUMNS, line.coefficients, strict=False))
    assert slopes["rating_number"] == 0
    assert slopes["b"] == 0
    assert slopes["a"] > 0
    assert (line.coefficients[4:] <= 0).all()
