"""Scores against known answers and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss

from bondx_lib import metrics

RNG = np.random.default_rng


def test_skill_is_zero_at_the_floor_and_one_at_the_ceiling():
    """And it is no number where the ceiling is no better than the floor."""
    assert metrics.skill([0.3, 0.1, 0.2], 0.3, 0.1).tolist() == pytest.approx([0, 1, 0.5])
    assert np.isnan(metrics.skill(0.2, 0.1, 0.1))
    assert np.isnan(metrics.skill(0.2, 0.1, 0.3))


def test_log_loss_is_that_of_scikit_learn():
    """Row losses average to the library's figure; certainty that is wrong stays finite."""
    rng = RNG(1)
    label, p = rng.integers(0, 2, 500), rng.uniform(0.01, 0.99, 500)
    assert metrics.log_loss_rows(label, p).mean() == pytest.approx(log_loss(label, p))
    assert np.isfinite(metrics.log_loss_rows([1.0, 0.0], [0.0, 1.0])).all()


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=60).filter(
        lambda rows: any(label for label, _ in rows)
    )
)
def test_average_precision_is_that_of_scikit_learn(rows):
    """Also with ties, and with rows that are drawn more than once."""
    label, score = (np.array(column, float) for column in zip(*rows, strict=True))
    ours = metrics.average_precision(label, score)[0]
    assert ours == pytest.approx(average_precision_score(label, score))
    weights = 1.0 + np.arange(len(label)) % 3
    theirs = average_precision_score(label, score, sample_weight=weights)
    own = np.arange(len(label))
    assert metrics.average_precision(label, score, own, weights[None])[0] == pytest.approx(theirs)


def test_average_precision_without_positives_is_no_number():
    """A replicate that draws no damaged row says nothing."""
    own = np.arange(2)
    assert np.isnan(metrics.average_precision([1, 0], [0.2, 0.1], own, [[0, 1]]))[0]
    assert np.isnan(metrics.average_precision([0, 0], [0.2, 0.1]))[0]


def test_cluster_means_weigh_rows_of_a_cluster_together():
    """A replicate's mean is the mean over the rows of the clusters it drew."""
    codes = np.array([0, 0, 1])
    counts = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    losses = np.array([[1.0], [3.0], [8.0]])
    assert metrics.cluster_means(losses, codes, counts)[:, 0].tolist() == [2.0, 4.0, 8.0]


def test_cluster_interval_covers_where_the_row_interval_does_not():
    """Over many draws with strong clusters, 95 % intervals of clusters cover about that often."""
    covered = {"issuer": 0, "row": 0}
    for trial in range(200):
        rng = RNG(trial)
        level = rng.normal(size=40)
        losses = np.repeat(level, 10) + 0.1 * rng.normal(size=400)
        clusters = np.repeat(np.arange(40), 10)
        for name, keys in (("issuer", clusters), ("row", np.arange(400))):
            low, high = metrics.cluster_bootstrap(losses, keys, 200, rng)
            covered[name] += low <= 0 <= high
    assert covered["issuer"] > 175
    assert covered["row"] < 120


def test_independent_difference_holds_the_truth_as_often_as_it_says():
    """Exact for normal means: the half-widths add up in squares; the order only turns the sign."""
    gap, low, high = metrics.independent_difference((0.9, 0.87, 0.94), (0.5, 0.38, 0.62))
    assert (gap, low, high) == pytest.approx((0.4, 0.4 - np.hypot(0.03, 0.12),
                                              0.4 + np.hypot(0.04, 0.12)))  # fmt: skip
    back = metrics.independent_difference((0.5, 0.38, 0.62), (0.9, 0.87, 0.94))
    assert back == pytest.approx((-gap, -high, -low))
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.3, 0.1, 4000), rng.normal(0.1, 0.2, 4000)
    ends = [
        metrics.independent_difference((a, a - 0.196, a + 0.196), (b, b - 0.392, b + 0.392))
        for a, b in zip(first, second, strict=True)
    ]
    assert np.mean([low <= 0.2 <= high for _, low, high in ends]) == pytest.approx(0.95, abs=0.012)


def test_paired_difference_sees_a_small_but_steady_gain():
    """Pairing removes what both have in common."""
    rng = RNG(3)
    common = np.repeat(rng.normal(size=50), 8)
    second = common + 0.01 * rng.normal(size=400)
    gain, low, high = metrics.paired_difference(
        second + 0.02, second, np.repeat(np.arange(50), 8), 200, rng
    )
    assert gain == pytest.approx(0.02)
    assert 0 < low <= gain + 1e-12 <= high + 1e-11


def test_interval_leaves_out_what_is_no_number():
    """Undefined replicates do not count; none at all give no interval."""
    assert metrics.interval(np.array([np.nan, 1.0, np.inf, 1.0])) == (1.0, 1.0)
    assert np.isnan(metrics.interval(np.array([np.nan]))).all()


def test_calibration_line_of_a_true_probability_is_the_diagonal():
    """Intercept 0 and slope 1; doubled log odds show as slope one half; constants as nothing."""
    rng = RNG(5)
    logit = rng.normal(size=40_000)
    label = rng.random(40_000) < 1 / (1 + np.exp(-logit))
    own = np.arange(40_000)
    line = metrics.calibration_line(label, 1 / (1 + np.exp(-logit)), own)
    assert (line.intercept, line.slope) == pytest.approx((0, 1), abs=0.05)
    assert line.slope_low < 1 < line.slope_high
    half = metrics.calibration_line(label, 1 / (1 + np.exp(-2 * logit)), own)
    assert half.slope == pytest.approx(0.5, abs=0.03)
    assert np.isnan(metrics.calibration_line([0, 1], [0.5, 0.5], [1, 2])).all()
    assert np.isnan(metrics.calibration_line([1, 1], [0.5, 0.6], [1, 2])).all()
    assert np.isnan(metrics.calibration_line([], [], [])).all()


def test_intervals_of_a_line_know_that_rows_of_a_cluster_are_one():
    """Every row ten times over: the same line, the same interval, if the copies are one cluster."""
    rng = RNG(6)
    prediction = rng.normal(size=500)
    label = 1 + 2 * prediction + rng.normal(size=500)
    once = metrics.regression_line(label, prediction, np.arange(500))
    assert (once.intercept, once.slope) == pytest.approx((1, 2), abs=0.2)
    copies = [np.repeat(values, 10) for values in (label, prediction, np.arange(500))]
    assert metrics.regression_line(*copies) == pytest.approx(once)
    naive = metrics.regression_line(*copies[:2], np.arange(5000))
    assert naive.slope_high - naive.slope_low < 0.4 * (once.slope_high - once.slope_low)
    assert np.isnan(metrics.regression_line([1.0, 2.0], [1.0, 1.0], [0, 1])).all()
