"""Weights, calibration and intervals: known answers, and what few issuers cannot move."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bondx_lib.models import combination
from bondx_lib.models.conformal import Intervals
from bondx_lib.models.learners import Lesson
from bondx_lib.models.selection import select
from bondx_lib.schema import LETTERS


def world(issuers: int, months: int = 12, seed: int = 0):
    """Return log-odds, events and issuers: rows of an issuer share most of their luck."""
    rng = np.random.default_rng(seed)
    raw = np.repeat(rng.normal(-1, 1.5, issuers), months) + 0.2 * rng.normal(size=issuers * months)
    label = (rng.random(issuers * months) < 1 / (1 + np.exp(-raw))).astype(float)
    return raw, label, np.repeat(np.arange(issuers), months)


def test_voting_is_equal_and_stacking_drops_noise():
    """Of the true log-odds and noise, stacking keeps the first; voting both."""
    raw, label, issuers = world(3000)
    noise = np.random.default_rng(1).normal(size=len(raw))
    both = np.stack([raw, noise], axis=1)
    voted = combination.weights("voting", "event", both, label, issuers)
    assert voted.tolist() == [0.5, 0.5]
    stacked = combination.weights("stacking", "event", both, label, issuers)
    assert stacked[0] > 0.85
    assert stacked[1] < 0.1


def test_few_issuers_change_little():
    """A dozen issuers leave the weights near equal, fewer leave them alone."""
    raw, label, issuers = world(12)
    both = np.stack([raw, -raw], axis=1)
    assert combination.weights("stacking", "event", both, label, issuers)[0] < 0.7
    few = issuers < 5
    weights = combination.weights("stacking", "event", both[few], label[few], issuers[few])
    assert weights.tolist() == [0.5, 0.5]


def test_stacking_of_values_does_not_care_for_their_unit():
    """Basis points or per cent: the same weights."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=600)
    said = np.stack([truth + 0.1 * rng.normal(size=600), rng.normal(size=600)], axis=1)
    issuers = np.repeat(np.arange(60), 10)
    one = combination.weights("stacking", "value", said, truth, issuers)
    hundred = combination.weights("stacking", "value", 100 * said, 100 * truth, issuers)
    assert one == pytest.approx(hundred, abs=1e-3)
    assert one[0] > 0.7


def test_calibration_repairs_what_many_issuers_show():
    """Log-odds doubled and shifted come back, as far as the prior lets them."""
    raw, label, issuers = world(6000)
    intercept, slope = combination.calibration(2 * raw + 1, label, issuers)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert intercept == pytest.approx(-0.5, abs=0.08)
    assert combination.calibration(raw[:30], label[:30], issuers[:30]) == (0.0, 1.0)


def errors_of(issuers: int, seed: int, grade_scale: float = 1.0):
    """Return errors with one shared part for each issuer, its rows and its grade."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, 40, issuers)
    codes = np.repeat(np.arange(issuers), rows)
    letters = np.array(LETTERS)[rng.integers(0, len(LETTERS), issuers)][codes]
    scale = np.where(letters == "CCC", grade_scale, 1.0)
    shared = rng.normal(size=issuers)[codes]
    return scale * (shared + 0.1 * rng.normal(size=len(codes))), codes, letters


def test_intervals_hold_on_new_issuers():
    """Over many draws nine in ten errors of issuers never seen lie inside."""
    hits = []
    for seed in range(60):
        found = Intervals.fit(*errors_of(80, seed), 0.9)
        errors, codes, letters = errors_of(200, 1000 + seed)
        share = 1 / np.bincount(codes)[codes]
        hits.append(np.average(np.abs(errors) <= found.half_width(letters), weights=share))
    assert np.mean(hits) == pytest.approx(0.9, abs=0.015)


def test_rows_as_if_independent_would_not_hold():
    """Negative control: errors of known issuers say too little about new ones."""
    hits = []
    for seed in range(20):
        errors, codes, _ = errors_of(12, seed)
        # Seen issuers: what is left of an error after its issuer's mean.
        own = np.bincount(codes, errors) / np.bincount(codes)
        narrow = np.quantile(np.abs(errors - own[codes]), 0.9)
        fresh, _, _ = errors_of(200, 500 + seed)
        hits.append((np.abs(fresh) <= narrow).mean())
    assert np.mean(hits) < 0.5


def test_a_harder_grade_gets_wider_intervals():
    """Three times the error, about three times the width; a grade never seen gets the overall."""
    found = Intervals.fit(*errors_of(1500, 3, grade_scale=3.0), 0.9)
    assert found.scales["CCC"] / found.scales["BBB"] == pytest.approx(3, rel=0.25)
    few = Intervals.fit(*(part[:900] for part in errors_of(1500, 3)), 0.9)
    assert few.scales.keys() == set(LETTERS)


def test_too_few_issuers_promise_nothing():
    """With a handful of issuers the interval has no end, and says so in strict JSON."""
    found = Intervals.fit(*errors_of(5, 4), 0.9)
    assert np.isinf(found.half_width(np.array(["BBB"]))).all()
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert Intervals.from_dict(json.loads(text)) == found


def test_selection_keeps_what_tells_most():
    """Of twenty columns the three that matter are kept, in order, the same each time."""
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(1500, 20)).astype(np.float32)
    matrix[::7, 4] = np.nan
    raw = 2 * matrix[:, 2] + 2 * np.nan_to_num(matrix[:, 4]) ** 2 - 2 * matrix[:, 11]
    columns = tuple(f"x{place}" for place in range(20))
    for kind, target in (("value", raw), ("event", (raw > 2).astype(float))):
        one = Lesson(kind, columns, matrix, target.astype(float), matrix[:0], target[:0])
        kept = select(one, 3, np.random.default_rng(6))
        assert kept == ("x2", "x4", "x11")
        assert kept == select(one, 3, np.random.default_rng(6))
        assert select(one, 50, np.random.default_rng(6)) == columns
