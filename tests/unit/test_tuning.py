"""Tuning: what is tried, what is kept, and that the search goes on from epoch to epoch."""

from __future__ import annotations

import numpy as np
import pytest

from bondx_lib import market, models, parameters
from bondx_lib.artefacts import write_json
from bondx_lib.errors import BadInput
from bondx_lib.models import tuning

RANGES = {"advanced.enable_hyperparameter_tuning": True,
          "advanced.parameter_ranges": {"n_estimators": [5, 60], "max_depth": [2, 4],
                                        "learning_rate": [0.1]},
          "advanced.trials_per_epoch": 2}  # fmt: skip


def chosen(method: str) -> parameters.Parameters:
    """Return parameters that tune over four combinations, two in an epoch."""
    return parameters.load(None, {**RANGES, "advanced.tuning_method": method})


@pytest.fixture(scope="module")
def pool():
    """Four small histories."""
    return models.Panel.of(
        market.simulate(parameters.default(), "test/tune", bonds=40, worlds=4).panel
    )


def searched(pool, method: str, epochs: int, name: str = "spread") -> list[tuning.Trial]:
    """Return the trials of some epochs on the same pool."""
    law = models.get(name)
    sides = models.split(pool.rows, 0.6, law.task.horizon_months, 36)
    trials: list[tuning.Trial] = []
    for epoch in range(1, epochs + 1):
        rng = np.random.default_rng(epoch)
        trials += tuning.search(law, pool, sides, chosen(method), trials, epoch, rng)
    return trials


def test_a_grid_is_gone_through_once_and_the_best_is_tried_again(pool):
    """Two new combinations an epoch, four in all; then only defaults and the best."""
    trials = searched(pool, "grid_search", 3)
    by_epoch = [[t.settings for t in trials if t.epoch == epoch] for epoch in (1, 2, 3)]
    seen: list[dict] = []
    for epoch, new in ((1, 2), (2, 2), (3, 0)):
        tried = by_epoch[epoch - 1]
        assert tried[0] == {}
        assert tuning.best([t for t in trials if t.epoch < epoch]) in tried
        assert len([one for one in tried if one and one not in seen]) == new
        seen += tried
    assert len({tuple(sorted(one.items())) for one in seen if one}) == 4


def test_sixty_trees_beat_five(pool):
    """Known answer: five small steps cannot reach the spread."""
    trials = searched(pool, "grid_search", 2)
    assert tuning.best(trials).get("n_estimators", 60) == 60
    short = [t.ratio for t in trials if t.settings.get("n_estimators") == 5]
    assert min(short) > 1


@pytest.mark.parametrize("method", ["grid_search", "random", "optuna"])
def test_the_same_seed_tries_the_same(pool, method):
    """Two searches from the same numbers have equal trials; settings stay within the ranges."""
    trials = searched(pool, method, 2)
    assert trials == searched(pool, method, 2)
    for trial in trials:
        if trial.settings:
            assert 5 <= trial.settings["n_estimators"] <= 60
            assert 2 <= trial.settings["max_depth"] <= 4
            assert trial.settings["learning_rate"] == pytest.approx(0.1)


def test_optuna_learns_from_earlier_epochs():
    """Where few trees did badly so far, it proposes many."""
    advanced = chosen("optuna").advanced
    before = [
        tuning.Trial(1, {"n_estimators": trees, "max_depth": 3, "learning_rate": 0.1}, 1.0,
                     2.0 - trees / 60)
        for trees in range(5, 61, 5)
    ]  # fmt: skip
    asked = tuning.ask(advanced, before, 12, np.random.default_rng(1))
    assert np.mean([one["n_estimators"] for one in asked]) > 40


def test_random_draws_without_repeating():
    """All four combinations, each once, in another order than the grid's."""
    advanced = chosen("random").advanced
    asked = tuning.ask(advanced, [], 10, np.random.default_rng(2))
    assert len(asked) == 4
    left = tuning.ask(advanced, [tuning.Trial(1, asked[0], 1.0, 1.0)], 10,
                      np.random.default_rng(2))  # fmt: skip
    assert asked[0] not in left


def test_trials_are_written_and_read(tmp_path):
    """A file per epoch; none where nothing was tried; nonsense is named."""
    trial = tuning.Trial(3, {"max_depth": 4}, 0.5, 0.9)
    path = tmp_path / "spread.json"
    write_json(path, [vars(trial)])
    assert tuning.read([tmp_path / "none.json", path]) == [trial]
    path.write_text('[{"epoch": 1}]')
    with pytest.raises(BadInput, match=r"spread\.json: holds no trials"):
        tuning.read([path])


def test_tuned_settings_reach_the_model(pool):
    """What the search found is what the members were taught with."""
    law = models.get("spread")
    sides = models.split(pool.rows, 0.6, 0, 36)
    tuned = {"n_estimators": 7, "max_depth": 2, "learning_rate": 0.1}
    model = law.train(pool, sides, chosen("random"), np.random.default_rng(1), tuned)
    assert model.facts["members"][0]["chosen"]["n_estimators"] == 7
    assert model.facts["tuned"] == tuned


def test_a_pool_without_rows_to_tune_on_is_not_searched(pool):
    """Nothing to compare on: no trial."""
    law = models.get("liquidity_shock")
    sides = np.full(len(pool), "train")
    assert tuning.search(law, pool, sides, chosen("random"), [], 1, np.random.default_rng(1)) == []
    assert tuning.best([]) == {}


@pytest.mark.parametrize(
    ("overrides", "check"),
    [
        ({"advanced.enable_ensemble_methods": True}, "voting"),
        ({"advanced.enable_ensemble_methods": True, "advanced.ensemble_strategy": "stacking"},
         "stacking"),
        ({"advanced.enable_feature_selection": True, "advanced.max_features": 12}, "selection"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["spread", "downgrade", "liquidity_shock"])
def test_options_do_what_they_say(pool, tmp_path, name, overrides, check):
    """Base models are combined as told; the features kept are told; saved and loaded the same."""
    law = models.get(name)
    sides = models.split(pool.rows, 0.6, law.task.horizon_months, 36)
    options = parameters.load(None, overrides)
    model = law.train(pool, sides, options, np.random.default_rng(1))
    members = [member["learner"] for member in model.facts["members"]]
    if check == "selection":
        assert len(model.facts["selected"]) == 12
        assert set(model.facts["selected"]) < set(law.columns)
    else:
        assert members == list(options.advanced.base_models)
        assert model.facts["strategy"] == check
    model.save(tmp_path)
    again = law.load(tmp_path)
    np.testing.assert_array_equal(again.predict(pool), model.predict(pool))
