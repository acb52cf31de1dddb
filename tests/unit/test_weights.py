"""Weights of rows: a row of weight two is the row twice, and what is learnt is the plain law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bondx_lib import market, models, parameters
from bondx_lib.errors import BadInput
from bondx_lib.models import combination, learners, tuning
from bondx_lib.models.conformal import FEWEST_ISSUERS, Intervals
from bondx_lib.models.learners import Lesson, gradient_boosting, xgboost
from bondx_lib.models.supervised import lesson_of
from bondx_lib.models.weights import effective_rows, weights_of

CHOSEN = parameters.default()
LEARNERS = tuple(learners.LEARNERS)
LABELLED = ("spread", "downgrade", "liquidity_shock")
LABELS = {
    "spread": "spread_bps", "downgrade": "downgrade_12m", "liquidity_shock": "liquidity_shock_1m"
}  # fmt: skip
MIX = market.Mix({"rating=CCC": 10.0})


def taught(name: str, one: Lesson, **settings):
    """Teach a learner, always with the same random numbers."""
    return learners.get(name).fit(one, settings, np.random.default_rng(5))


def drawn(kind: str, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of few values each, and a target that two of them tell something about."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 12, (rows, 4)).astype(np.float32)
    raw = 0.3 * matrix[:, 0] - 0.2 * matrix[:, 1] - 0.5
    if kind == "value":
        # Sums of quarters are exact, so trees cannot differ by a last digit.
        return matrix, np.round(4 * (raw + rng.normal(size=rows))) / 4
    return matrix, (rng.random(rows) < 1 / (1 + np.exp(-raw))).astype(float)


def lesson(kind: str, weighted: bool, unit: float = 1.0) -> Lesson:
    """Return rows of which a third count twice: by weight, or standing there twice.

    A unit other than one keeps the weights of the second form, too.
    """
    counts = np.where(np.arange(3000) % 3 == 0, 2, 1)
    sides, weights = [], []
    for seed in (0, 1):
        matrix, target = drawn(kind, len(counts), seed)
        times = np.ones_like(counts) if weighted else counts
        sides += [np.repeat(matrix, times, axis=0), np.repeat(target, times)]
        weights.append(unit * counts if weighted else np.full(counts.sum(), unit))
    return Lesson(kind, ("a", "b", "c", "d"), *sides, weight=weights[0], check_weight=weights[1])


class TestColumn:
    """What the column of weights may hold."""

    def test_absent_or_all_one_is_none(self):
        """Rows that all count once have no weights, whatever the type of the column."""
        rows = pd.DataFrame({"month": [0, 1]})
        assert weights_of(rows) is None
        for ones in ([1, 1], [1.0, 1.0], pd.array([1, 1], "Int64"), ["1", "1.0"]):
            assert weights_of(rows.assign(weight=ones)) is None
        assert weights_of(rows.iloc[:0].assign(weight=[])) is None

    def test_weights_are_returned_in_the_order_of_the_rows(self):
        """Numbers of any type come back as floats, by place and not by index."""
        rows = pd.DataFrame({"weight": pd.array([2, 1, 3], "Int64")}, index=[5, 5, 2])
        found = weights_of(rows)
        assert found.dtype == float
        assert found.tolist() == [2.0, 1.0, 3.0]

    @pytest.mark.parametrize("bad", [0, -1.0, np.nan, np.inf, None, pd.NA, "heavy"])
    def test_what_is_no_weight_is_refused_and_named(self, bad):
        """Nothing, no number, no finite one, none above zero: the error says which."""
        rows = pd.DataFrame({"weight": pd.Series([1.0, bad, 2.0], dtype=object)})
        with pytest.raises(BadInput, match=r"weight: is no weight of a row.*a positive number"):
            weights_of(rows)
        if bad is pd.NA:
            with pytest.raises(BadInput, match="is no weight"):
                weights_of(rows.astype("Float64"))

    def test_effective_rows_are_those_of_equal_weight(self):
        """Equal weights of any size count all rows; a dominant one counts alone; none is none."""
        assert effective_rows(np.full(7, 0.2)) == 7
        assert effective_rows(np.array([1e6, 1.0, 1.0])) == 1
        assert effective_rows(np.array([3.0, 1.0])) == 2  # 16 / 10
        assert effective_rows(np.zeros(0)) == 0


class TestLesson:
    """The weights of a lesson."""

    def test_weights_of_one_are_dropped_and_others_are_joined(self):
        """Ones on both sides are none; the whole lesson has those of both sides, in order."""
        one = lesson("value", weighted=True)
        bare = replace(one, weight=np.ones(3000), check_weight=np.ones(3000))
        assert bare.weight is None
        assert bare.check_weight is None
        half = replace(one, check_weight=np.ones(3000))
        assert half.check_weight is not None
        whole = half.whole()
        np.testing.assert_array_equal(whole.weight, np.append(one.weight, np.ones(3000)))
        assert whole.check_weight.shape == (0,)
        assert whole.whole().weight.shape == (6000,)

    def test_weights_of_one_side_or_another_length_are_refused(self):
        """Both sides or neither, and one for each row."""
        one = lesson("value", weighted=True)
        with pytest.raises(ValueError, match="or neither"):
            replace(one, check_weight=None)
        with pytest.raises(ValueError, match="each row"):
            replace(one, weight=one.weight[:-1])

    @pytest.mark.parametrize("outcome", [0.0, 1.0])
    def test_the_constant_counts_by_weight(self, outcome):
        """Ten rows of weight two without a difference are twenty such rows."""
        empty = np.zeros((0, 1), np.float32), np.zeros(0)
        ten = Lesson(
            "event", ("a",), np.zeros((10, 1), np.float32), np.full(10, outcome), *empty,
            weight=np.full(10, 2.0), check_weight=np.zeros(0),
        )  # fmt: skip
        twenty = Lesson(
            "event", ("a",), np.zeros((20, 1), np.float32), np.full(20, outcome), *empty
        )
        assert ten.constant == twenty.constant


@pytest.mark.parametrize("kind", ["value", "event"])
class TestLearners:
    """One contract for every learner."""

    @pytest.mark.parametrize("name", LEARNERS)
    def test_a_row_of_weight_two_is_the_row_twice(self, monkeypatch, name, kind):
        """Where rows are not drawn and not counted, trees and lines are the same.

        The forest draws rows by their weight: half of it everywhere draws from the same law.
        """
        for settings, exact in (
            (xgboost.SETTINGS, {"subsample": 1.0}),
            (gradient_boosting.SETTINGS, {"bagging_fraction": 1.0, "min_data_in_leaf": 1}),
        ):
            for key, value in exact.items():
                monkeypatch.setitem(settings, key, value)
        unit = 0.5 if name == "random_forest" else 1.0
        own = {"min_samples_leaf": 1} if name == "random_forest" else {}
        by_weight, by_row = (taught(name, lesson(kind, which, unit), **own) for which in (1, 0))
        fresh, _ = drawn(kind, 500, seed=2)
        np.testing.assert_allclose(by_weight.raw(fresh), by_row.raw(fresh), atol=1e-3)
        assert by_weight.chosen == by_row.chosen
        once = replace(lesson(kind, weighted=True), weight=None, check_weight=None)
        assert np.abs(taught(name, once, **own).raw(fresh) - by_row.raw(fresh)).max() > 0.02

    @pytest.mark.parametrize("name", LEARNERS)
    def test_weights_of_one_change_no_byte(self, tmp_path, name, kind):
        """The same file as without weights."""
        bare = replace(lesson(kind, weighted=True), weight=None, check_weight=None)
        ones = replace(bare, weight=np.ones(3000), check_weight=np.ones(3000))
        for place, one in enumerate((bare, ones)):
            taught(name, one).save(tmp_path / f"{place}")
        assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()

    @pytest.mark.parametrize("name", LEARNERS)
    def test_a_sample_of_too_many_of_some_gives_the_plain_mean(self, name, kind):
        """Rows that no column tells apart, one sort drawn five times as often: weights undo it."""
        rng = np.random.default_rng(3)
        often = rng.random(8000) < 5 / 6
        target = np.where(often, 3.0, 1.0) + rng.normal(size=8000)
        plain = 2.0
        if kind == "event":
            target = (rng.random(8000) < np.where(often, 0.6, 0.2)).astype(float)
            plain = np.log(0.4 / 0.6)
        matrix = rng.normal(size=(8000, 4)).astype(np.float32)
        weight = np.where(often, 0.6, 3.0)
        sides = matrix[:6000], target[:6000], matrix[6000:], target[6000:]
        biased = Lesson(kind, ("a", "b", "c", "d"), *sides)
        fair = replace(biased, weight=weight[:6000], check_weight=weight[6000:])
        fresh = rng.normal(size=(2000, 4)).astype(np.float32)
        off = [taught(name, one).raw(fresh).mean() - plain for one in (fair, biased)]
        assert abs(off[0]) < 0.1
        assert off[1] > 0.5


def cases(issuers: int, seed: int = 0):
    """Return log-odds, events and issuers, twelve rows each."""
    rng = np.random.default_rng(seed)
    raw = np.repeat(rng.normal(-1, 1.5, issuers), 12) + 0.2 * rng.normal(size=issuers * 12)
    label = (rng.random(len(raw)) < 1 / (1 + np.exp(-raw))).astype(float)
    return raw, label, np.repeat(np.arange(issuers), 12)


class TestCombination:
    """Members' weights and calibration."""

    @pytest.mark.parametrize("kind", ["value", "event"])
    def test_an_issuer_of_weight_two_is_two_issuers(self, kind):
        """The same members' weights and the same line as with a namesake for every third issuer."""
        raw, label, issuers = cases(90)
        target = label if kind == "event" else raw + np.random.default_rng(1).normal(size=len(raw))
        both = np.stack([raw, np.random.default_rng(2).normal(size=len(raw))], axis=1)
        twice = issuers % 3 == 0
        again = [np.concatenate([part, part[twice]]) for part in (both, target)]
        named = np.concatenate([issuers, issuers[twice] + 1000])
        count = np.where(twice, 2.0, 1.0)
        found = combination.weights("stacking", kind, both, target, issuers, (), count)
        known = combination.weights("stacking", kind, *again, named)
        assert found == pytest.approx(known, abs=1e-4)
        assert found != pytest.approx(
            combination.weights("stacking", kind, both, target, issuers), abs=1e-4
        )
        if kind == "event":
            line = combination.calibration(2 * raw, target, issuers, count)
            assert line == pytest.approx(
                combination.calibration(2 * again[0][:, 0], again[1], named), abs=1e-4
            )

    def test_weights_of_one_change_nothing_and_few_issuers_stay_few(self):
        """Ones are no weights; heavy rows do not make ten issuers out of five."""
        raw, label, issuers = cases(60)
        ones = np.ones(len(raw))
        assert combination.calibration(raw, label, issuers, ones) == combination.calibration(
            raw, label, issuers
        )
        few = issuers < 5
        heavy = np.full(few.sum(), 9.0)
        assert combination.calibration(raw[few], label[few], issuers[few], heavy) == (0.0, 1.0)

    def test_calibration_on_a_steered_sample_is_that_of_all(self):
        """Issuers with more events than their log-odds say are drawn five times as often."""
        raw, _, issuers = cases(6000, seed=4)
        rng = np.random.default_rng(5)
        odd = rng.random(6000)[issuers] < 0.5
        label = (rng.random(len(raw)) < 1 / (1 + np.exp(-raw - odd))).astype(float)
        chance = np.where(odd, 1.0, 0.2)
        kept = rng.random(6000)[issuers] < chance
        sample = raw[kept], label[kept], issuers[kept]
        # As many issuers as are kept, so that the prior weighs as much.
        some = issuers < 3600
        plain = combination.calibration(raw[some], label[some], issuers[some])
        line = combination.calibration(*sample, 0.6 / chance[kept])
        assert line == pytest.approx(plain, abs=0.06)
        assert combination.calibration(*sample)[0] > plain[0] + 0.2


class TestIntervals:
    """Quantiles by weight."""

    def test_the_quantile_is_the_one_counted_by_hand(self):
        """Twenty errors of 1 to 20, the last of weight eleven: half of 30 + 11 lies at the last."""
        errors, codes = np.arange(1.0, 21.0), np.arange(20)
        letters = np.full(20, "BBB")

        def reached(weight, level):
            found = Intervals.fit(errors, codes, letters, level, weight)
            return found.half_width(np.array(["BBB"]))[0]

        assert FEWEST_ISSUERS == 20
        assert reached(None, 0.5) == pytest.approx(11)  # 11 of 21
        last, first = np.ones(20), np.ones(20)
        last[-1], first[0] = 11.0, 11.0
        assert reached(last, 0.45) == pytest.approx(19)  # 19 of 41 are more than 0.45
        assert reached(last, 0.5) == pytest.approx(20)
        assert reached(first, 0.25) == pytest.approx(1)  # 11 of 41
        assert np.isinf(reached(first, 0.74))  # all twenty are 30 of 41
        assert reached(first, 0.73) == pytest.approx(20)

    def test_the_scale_of_a_grade_counts_by_weight(self):
        """Errors of 1 and 3 in a grade: the heavier they are the nearer its scale is to theirs."""
        errors = np.tile([1.0, 3.0], 200)
        letters = np.full(400, "BB")
        scales = [
            Intervals.fit(errors, np.arange(400), letters, 0.9, weight).scales["BB"]
            for weight in (np.tile([1.9, 0.1], 200), None, np.tile([0.1, 1.9], 200))
        ]
        assert scales == pytest.approx([np.sqrt(1.4), np.sqrt(5), np.sqrt(8.6)])

    @pytest.mark.parametrize("factor", [5.0, 0.2])
    def test_intervals_from_a_steered_sample_hold_on_the_plain_law(self, factor):
        """A fifth of the issuers errs three times as much and is drawn more, or less, often."""
        covered = {True: [], False: []}
        for seed in range(120):
            rng = np.random.default_rng(seed)
            hard = rng.random(160) < 0.2 * factor / (0.2 * factor + 0.8)
            errors = np.where(hard, 3.0, 1.0) * rng.normal(size=160)
            chance = np.where(hard, factor, 1.0)
            fresh = np.where(rng.random(4000) < 0.2, 3.0, 1.0) * rng.normal(size=4000)
            for weighted, seen in covered.items():
                weight = (0.8 + 0.2 * factor) / chance if weighted else None
                found = Intervals.fit(
                    errors, np.arange(160), np.full(160, "B"), 0.9, weight
                ).half_width(np.array(["B"]))
                seen.append((np.abs(fresh) <= found).mean())
        with_weights, without = np.mean(covered[True]), np.mean(covered[False])
        assert 0.895 < with_weights < 0.93
        assert without > 0.95 if factor > 1 else without < 0.87


@pytest.fixture(scope="module")
def pool():
    """Six small histories."""
    return models.Panel.of(market.simulate(CHOSEN, "test/weights", bonds=60, worlds=6).panel)


@pytest.fixture(scope="module")
def steered():
    """Six histories with more of the worst grade: rows, their features, weights."""
    one = market.simulate(CHOSEN, "test/weights", bonds=60, worlds=6, mix=MIX)
    return weighted(models.Panel.of(one.panel), one.weights.to_numpy())


def weighted(panel: models.Panel, weight) -> models.Panel:
    """Return the panel with a column of weights."""
    return models.Panel(panel.rows.assign(weight=weight), panel.features)


def sides(panel: models.Panel, name: str) -> np.ndarray:
    """Return the side of each row."""
    return models.split(panel.rows, 0.6, models.get(name).task.horizon_months, 36)


def trained(panel: models.Panel, name: str):
    """Train a model, always with the same random numbers."""
    rng = np.random.default_rng(7)
    return models.get(name).train(panel, sides(panel, name), CHOSEN, rng)


def saved(model, folder) -> dict[str, bytes]:
    """Return the files that a model writes."""
    model.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def fitted(steered):
    """A model of each kind that counts by weight."""
    return {name: trained(steered, name) for name in LABELLED}


class TestModels:
    """Whole models on rows with weights."""

    @pytest.mark.parametrize("name", models.known())
    def test_weights_of_one_change_no_byte(self, pool, tmp_path, name):
        """Files, facts and card are those of a pool without the column."""
        bare = trained(pool, name)
        ones = trained(weighted(pool, 1.0), name)
        assert saved(bare, tmp_path / "bare") == saved(ones, tmp_path / "ones")
        assert "effective_rows" not in bare.facts
        assert bare.card() == ones.card()
        assert "effective_rows" not in bare.card()

    def test_the_column_is_no_feature(self, steered):
        """Features and sides are the same with it; no model asks for it."""
        rows = steered.rows.drop(columns="weight")
        pd.testing.assert_frame_equal(models.Panel.of(steered.rows).features, steered.features)
        for name in models.known():
            law = models.get(name)
            assert "weight" not in (*law.columns, *law.inputs)
            without = models.Panel(rows, steered.features)
            np.testing.assert_array_equal(sides(steered, name), sides(without, name))

    @pytest.mark.parametrize("name", LABELLED)
    def test_a_model_of_a_steered_draw_says_so_and_is_saved_and_loaded(
        self, steered, fitted, tmp_path, name
    ):
        """Fewer effective rows than rows, in facts and card; the loaded one answers the same."""
        model = fitted[name]
        assert 0 < model.facts["effective_rows"] < model.facts["rows"]
        assert model.card()["effective_rows"] == model.facts["effective_rows"]
        model.save(tmp_path)
        loaded = models.get(name).load(tmp_path)
        np.testing.assert_array_equal(loaded.predict(steered), model.predict(steered))
        # A prediction asks for no weights.
        bare = models.Panel(steered.rows.drop(columns="weight"), steered.features)
        np.testing.assert_array_equal(loaded.predict(bare), model.predict(steered))

    def test_what_calibrates_and_promises_counts_by_weight(self, steered, fitted):
        """Known answer: line and intervals are those of the calibration rows and their weights."""
        for name, model in fitted.items():
            label, used = models.get(name).sides(steered, sides(steered, name))
            held = steered.take(used.calibrate)
            weight, issuers = held.rows["weight"].to_numpy(), held.rows["issuer_id"].to_numpy()
            sure, label = model.raw(held), label[used.calibrate]
            if name == "spread":
                asked = label - sure, issuers, models.base.letters(held.rows), 0.9
                found = Intervals.fit(*asked, weight)
                assert np.isfinite(found.quantile)
                assert model.facts["intervals"] == found.to_dict()
                assert found != Intervals.fit(*asked)
            else:
                line = combination.calibration(sure, label, issuers, weight)
                assert (model.facts["intercept"], model.facts["slope"]) == line
                assert line != combination.calibration(sure, label, issuers)

    def test_members_and_the_guess_of_the_rating_count_by_weight(
        self, monkeypatch, steered, fitted, tmp_path
    ):
        """Stacking gets the weights of the rows that tune; the guess is another than without."""
        given = []
        own = combination.weights
        monkeypatch.setattr(combination, "weights", lambda *a: given.append(a[-1]) or own(*a))
        model = trained(steered, "downgrade")
        _, used = models.get("downgrade").sides(steered, sides(steered, "downgrade"))
        known = steered.rows["weight"].to_numpy()
        np.testing.assert_array_equal(given[0], known[used.tune])
        assert model.facts == fitted["downgrade"].facts
        assert model.facts["target_mean"] == pytest.approx(
            np.average(steered.rows["downgrade_12m"].to_numpy(float)[used.train],
                       weights=known[used.train])
        )  # fmt: skip
        bare = trained(weighted(steered, 1.0), "downgrade")
        files = [saved(one, tmp_path / word) for word, one in (("with", model), ("bare", bare))]
        assert files[0]["shadow.json"] != files[1]["shadow.json"]

    def test_the_anomaly_model_does_not_look_at_them(self, steered, tmp_path):
        """The same bytes with weights as without."""
        bare = models.Panel(steered.rows.drop(columns="weight"), steered.features)
        files = [
            saved(trained(one, "anomaly"), tmp_path / word)
            for word, one in (("with", steered), ("without", bare))
        ]
        assert files[0] == files[1]

    @pytest.mark.parametrize("name", LABELLED)
    def test_weights_of_rows_that_do_not_teach_do_not_matter(self, steered, fitted, name):
        """Second copies and rows of no side may have any weight, even none."""
        known, used = models.get(name).sides(steered, sides(steered, name))
        idle = np.ones(len(known), bool)
        idle[np.concatenate([used.train, used.tune, used.calibrate])] = False
        assert (idle & steered.rows.duplicated(["world", "bond_id", "month"])).any()
        other = steered.rows["weight"].where(~idle, np.nan)
        again = trained(weighted(steered, other), name)
        assert again.facts == fitted[name].facts
        np.testing.assert_array_equal(again.raw(steered), fitted[name].raw(steered))

    @pytest.mark.parametrize("side", ["train", "tune", "calibrate"])
    def test_a_bad_weight_of_a_row_that_teaches_is_refused(self, steered, side):
        """On each side the error names the column."""
        _, used = models.get("spread").sides(steered, sides(steered, "spread"))
        wrong = steered.rows["weight"].to_numpy(copy=True)
        wrong[getattr(used, side)[0]] = -1.0
        with pytest.raises(BadInput, match="weight: is no weight of a row"):
            trained(weighted(steered, wrong), "spread")

    def test_copies_of_damaged_rows_weigh_what_their_bond_weighs(self, steered):
        """Every row of an issuer in a world, damaged or not, has one weight."""
        keys = ["world", "issuer_id"]
        assert (steered.rows.groupby(keys)["weight"].nunique() == 1).all()

    @pytest.mark.parametrize("name", LABELLED)
    def test_a_biased_sample_with_weights_teaches_the_plain_law(self, pool, name):
        """Rows of a hidden sort have other labels and are drawn 2.5 times as often.

        The line is near at once; trees that fit heavy rows closely need more of them.
        """
        rng = np.random.default_rng(8)
        odd = rng.random(len(pool)) < 0.5
        label = pool.rows[LABELS[name]].to_numpy(float, copy=True)
        if name == "spread":
            label[odd] *= 2.7
        else:
            label[odd & np.isfinite(label) & (rng.random(len(label)) < 0.5)] = 1.0
        whole = models.Panel(pool.rows.assign(**{LABELS[name]: label}), pool.features)
        chance = np.where(odd, 1.0, 0.4)
        kept = np.flatnonzero(rng.random(len(pool)) < chance)
        sample = whole.take(kept)
        fair = weighted(sample, 0.7 / chance[kept])
        taught_on = [trained(one, name) for one in (whole, sample, fair)]
        for ask, most in (("baseline", 0.25), ("predict", 0.5)):
            plain, off, near = (float(getattr(one, ask)(whole).mean()) for one in taught_on)
            assert off > plain + 0.05
            assert abs(near - plain) < most * (off - plain)

    def test_the_search_judges_by_weight(self, steered):
        """Known answer: the loss of a line's trial is the weighted mean over the rows that tune."""
        asked = parameters.load(None, {
            "advanced.enable_hyperparameter_tuning": True, "advanced.tuning_method": "random",
            "advanced.trials_per_epoch": 1, "advanced.enable_ensemble_methods": True,
            "advanced.base_models": ["linear"],
        })  # fmt: skip
        law = models.get("liquidity_shock")
        split = sides(steered, law.name)
        trial = tuning.search(law, steered, split, asked, [], 1, np.random.default_rng(1))[0]
        one = lesson_of(law, steered, split, np.random.default_rng(1))
        raw = learners.get("linear").fit(one, {}, np.random.default_rng(1)).raw(one.check_matrix)
        losses = combination.losses("event", one.check_target, raw)
        assert trial.loss == pytest.approx(np.average(losses, weights=one.check_weight))
        assert trial.loss != pytest.approx(losses.mean(), rel=1e-3)
