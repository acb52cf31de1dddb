"""Sums that add up over parts, and the estimates and intervals that are made of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from bondx_lib.gates.tallies import (
    MOST_EXAMPLES,
    Estimate,
    Moments,
    Shares,
    Tally,
    first,
    grouped,
    pair_sums,
    shares_by,
    wilson,
)


def drawn(issuers: int = 40, seed: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return issuer, x and y of rows; an issuer's rows are alike."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(issuers), rng.integers(1, 9, issuers))
    own = rng.standard_normal((2, issuers))
    x = own[0, codes] + rng.standard_normal(len(codes))
    y = 0.5 * x + own[1, codes] + rng.standard_normal(len(codes))
    return codes, x, y


class TestShares:
    """Shares of rows, with the variance between issuers."""

    def test_share_and_variance_by_hand(self):
        """One of two rows, two of two and none of four."""
        found = Shares.of(np.array([[1.0], [2.0], [0.0]]), np.array([2.0, 2.0, 4.0]))
        assert found.share[0] == 3 / 8
        apart = np.array([1 - 2 * 3 / 8, 2 - 2 * 3 / 8, 0 - 4 * 3 / 8])
        assert found.variance()[0] == pytest.approx(3 / 2 * (apart**2).sum() / 64)
        assert found.clusters == 3

    def test_independent_rows_count_as_rows_and_like_ones_as_issuers(self):
        """Issuers whose rows are all alike tell as much as one row each."""
        alike = Shares.of(np.array([[5.0], [0.0]] * 20), np.full(40, 5.0))
        assert alike.effective_rows()[0] == 40
        spread = Shares.of(np.array([[2.0], [3.0]] * 20), np.full(40, 5.0))
        assert spread.effective_rows()[0] == 200
        assert np.diff(alike.interval()) > np.diff(spread.interval())

    def test_nothing_and_all_tell_no_more_than_the_issuers_do(self):
        """Ten issuers without a hit among a thousand rows."""
        found = Shares.of(np.zeros((10, 1)), np.full(10, 100.0))
        assert found.effective_rows()[0] == 10
        assert found.interval() == pytest.approx(wilson(0.0, 10))

    def test_without_rows_or_with_one_issuer(self):
        """Nothing is known, or not how it differs."""
        none = Shares.of(np.zeros((1, 1)), np.zeros(1))
        assert np.isnan(none.share).all()
        assert none.interval() == (0.0, 1.0)
        assert np.isnan(Shares.of(np.ones((1, 1)), np.ones(1) * 3).variance()).all()

    def test_slices_with_weights(self):
        """A row that stands for three counts three times; a slice without rows is left out."""
        bad = np.array([[1.0], [0.0], [0.0]])
        here = np.array([True, True, False])
        groups = [("some", here), ("none", np.zeros(3, bool))]
        found = shares_by(bad, np.array([0, 0, 1]), groups, np.array([3.0, 1.0, 9.0]))
        assert list(found) == ["some"]
        assert (found["some"].share[0], found["some"].rows) == (0.75, 4.0)
        plain = shares_by(bad, np.array([0, 0, 1]), groups)
        assert plain["some"].share[0] == 0.5


class TestMoments:
    """Means, correlations and slopes of rows, with errors between issuers."""

    def test_they_are_those_of_numpy(self):
        """Correlation, slope and mean."""
        codes, x, y = drawn()
        sums = pair_sums(codes, x, y)
        assert sums.correlation().value == pytest.approx(np.corrcoef(x, y)[0, 1])
        assert sums.slope().value == pytest.approx(np.polyfit(x, y, 1)[0])
        assert sums.ratio(2, 0).value == pytest.approx(y.mean())
        assert sums.clusters == 40

    @pytest.mark.parametrize("statistic", ["correlation", "slope", "mean"])
    def test_the_error_is_the_deviation_over_draws_of_issuers(self, statistic):
        """Of 400 draws; rows are no independent draws."""
        found = []
        for seed in range(400):
            sums = pair_sums(*drawn(seed=seed))
            found.append(sums.ratio(2, 0) if statistic == "mean" else getattr(sums, statistic)())
        deviation = np.std([one.value for one in found])
        assert np.mean([one.standard_error for one in found]) == pytest.approx(deviation, rel=0.15)

    def test_a_weight_of_two_is_the_row_twice(self):
        """For all three."""
        codes, x, y = drawn()
        some = codes % 3 == 0
        weighted = pair_sums(codes, x, y, np.where(some, 2.0, 1.0))
        twice = [np.append(each, each[some]) for each in (codes, x, y)]
        doubled = pair_sums(*twice)
        np.testing.assert_allclose(weighted.total, doubled.total)
        np.testing.assert_allclose(weighted.product, doubled.product)

    def test_what_is_not_defined(self):
        """No rows, a value that does not vary, one issuer, a ratio to nothing."""
        zeros, ones = np.zeros(3, np.int64), np.ones(3)
        assert pair_sums(zeros, np.full(3, np.nan), ones) is None
        level = pair_sums(zeros, ones, np.arange(3.0))
        assert np.isnan([level.correlation().value, level.slope().value]).all()
        nothing = Moments.of(np.zeros((2, 6)))
        assert np.isnan([nothing.ratio(1, 0).value, nothing.correlation().value]).all()
        assert np.isnan(level.ratio(2, 0).standard_error)

    def test_parts_add_up(self):
        """Moments and shares of two halves by issuer."""
        codes, x, y = drawn()
        half = codes % 2 == 0
        both = pair_sums(codes[half], x[half], y[half]) + pair_sums(codes[~half], x[~half],
                                                                    y[~half])  # fmt: skip
        whole = pair_sums(codes, x, y)
        assert both.correlation().value == pytest.approx(whole.correlation().value)
        assert both.correlation().standard_error == pytest.approx(
            whole.correlation().standard_error
        )


class TestEstimate:
    """Intervals of estimates."""

    def test_few_issuers_have_no_interval(self):
        """Four have none, five a wide one, many that of the normal law."""
        assert Estimate(0.5, 0.1, 4).half_width() == np.inf
        assert Estimate(0.5, np.nan, 40).half_width() == np.inf
        assert Estimate(0.5, 0.1, 5).half_width() == pytest.approx(0.2776, abs=1e-4)
        assert Estimate(0.5, 0.1, 100_000).half_width() == pytest.approx(0.196, abs=1e-4)

    def test_a_correlation_keeps_within_its_bounds(self):
        """Also at one, and without a known error."""
        assert Estimate(0.9, 0.2, 3).fisher_interval() == (-1.0, 1.0)
        low, high = Estimate(1.0, 0.01, 30).fisher_interval()
        assert -1 <= low <= high <= 1


def test_examples_are_the_first_rows_of_both_parts():
    """Few, in order, each once."""
    places = np.arange(40)[::-1]
    assert first(places, places % 2 == 0) == tuple(range(0, 20, 2))
    both = Tally(examples=(3, 9)) + Tally(examples=(1, 3, *range(20, 30)))
    assert both.examples == (1, 3, 9, *range(20, 27))
    assert len(both.examples) == MOST_EXAMPLES


def test_slices_of_both_parts_are_kept():
    """Those that only one part has stand as they are."""
    one = Shares.of(np.ones((1, 1)), np.ones(1))
    both = Tally({"a": one}) + Tally({"a": one, "b": one})
    assert (both.slices["a"].rows, both.slices["b"].rows) == (2.0, 1.0)


@pytest.mark.parametrize(("hits", "rows"), [(0, 8), (3, 10), (50, 100), (99, 100)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_an_interval_of_a_share_is_that_of_wilson(hits, rows, confidence):
    """Known answer: scipy's."""
    known = binomtest(hits, rows).proportion_ci(confidence, method="wilson")
    assert wilson(hits / rows, rows, confidence) == pytest.approx(tuple(known), abs=1e-12)


def test_two_issuers_are_enough_for_a_variance():
    """And for an interval at the confidence that is asked for."""
    two = Shares.of(np.array([[1.0], [3.0]]), np.array([4.0, 4.0]))
    assert two.variance()[0] == pytest.approx(2 * (1 + 1) / 64)
    assert np.diff(two.interval(0, 0.5)) < np.diff(two.interval(0, 0.95))


def test_a_negative_correlation_mirrors_a_positive_one():
    """Its interval too."""
    low, high = Estimate(0.6, 0.1, 30).fisher_interval()
    assert Estimate(-0.6, 0.1, 30).fisher_interval() == pytest.approx((-high, -low))
    assert Estimate(-1.0, 0.1, 30).fisher_interval()[0] == pytest.approx(-1.0)


def test_grouped_sums_of_nothing():
    """No rows make no groups."""
    assert grouped(np.empty(0, np.int64), np.empty((0, 2))).shape == (0, 2)
