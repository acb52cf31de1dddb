"""Forests as arrays: the library's predictions, and nothing malformed is walked."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest, RandomForestClassifier

from bondx_lib.errors import BadInput
from bondx_lib.models import anomaly
from bondx_lib.models.learners import forest


class TestForest:
    """Forests as arrays."""

    @pytest.fixture
    def rows(self):
        """Return four hundred rows of five features."""
        return np.random.default_rng(8).normal(size=(400, 5)).astype(np.float32)

    def test_it_predicts_what_scikit_learn_predicts(self, rows, tmp_path):
        """The mean of the leaves' shares is the forest's probability, before and after saving."""
        label = (rows[:, 0] + rows[:, 1] > 0).astype(int)
        fit = RandomForestClassifier(20, max_depth=6, random_state=0).fit(rows, label)
        trees = forest.same_trees(fit.estimators_)
        shares = tuple(tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) for tree in trees)
        made = forest.Forest(trees, shares)
        np.testing.assert_allclose(made.predict(rows), fit.predict_proba(rows)[:, 1], atol=1e-12)
        made.save(tmp_path / "f.npz")
        loaded, event = forest.load(tmp_path / "f.npz", 5)
        assert not event
        np.testing.assert_array_equal(loaded.predict(rows), made.predict(rows))

    def test_isolation_scores_are_those_of_scikit_learn(self, rows):
        """Path lengths reproduce the library's score."""
        fit = IsolationForest(n_estimators=30, max_samples=64, random_state=0).fit(rows)
        trees = forest.same_trees(fit.estimators_)
        lengths = tuple(anomaly._path_lengths(tree) for tree in trees)
        depth = forest.Forest(trees, lengths).predict(rows)
        ours = 2.0 ** (-depth / anomaly.average_path(np.array([64]))[0])
        np.testing.assert_allclose(ours, -fit.score_samples(rows), rtol=1e-6)

    @pytest.mark.parametrize(
        "change",
        [
            {"node_left_child": lambda a: np.where(a >= 0, 10**9, a)},
            {"node_right_child": lambda a: np.where(a >= 0, 0, a)},
            {"node_feature": lambda a: np.where(a >= 0, 77, a)},
            {"node_threshold": lambda a: a * np.nan},
            {"leaf_values": lambda a: a * np.inf},
            {"leaf_values": lambda a: a[:-1]},
            {"node_counts": lambda a: a[:0]},
            {"node_counts": lambda a: a * 0},
            {"features": lambda a: a + 1},
            {"node_impurity": lambda a: a.astype(np.float32)},
            {"max_depths": lambda a: a[:1]},
            {"node_left_child": lambda a: np.array([{}], dtype=object)},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_a_malformed_forest_is_refused_before_it_is_walked(self, rows, tmp_path, change):
        """Children, features, thresholds, shapes and types are checked on reading."""
        fit = RandomForestClassifier(3, max_depth=4, random_state=0).fit(rows, rows[:, 0] > 0)
        trees = forest.same_trees(fit.estimators_)
        shares = tuple(tree.value[:, 0, 1] for tree in trees)
        forest.Forest(trees, shares).save(tmp_path / "f.npz")
        with np.load(tmp_path / "f.npz") as file:
            arrays = dict(file)
        ((name, damage),) = change.items()
        with np.errstate(all="ignore"):
            arrays[name] = damage(arrays[name])
        np.savez(tmp_path / "bad.npz", **arrays)
        with pytest.raises(BadInput, match=r"bad\.npz: is no well-formed forest"):
            forest.load(tmp_path / "bad.npz", 5)
