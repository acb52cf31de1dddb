"""Gates on correlation: known correlations, plausible values, and ranges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates
from bondx_lib.gates import correlation
from bondx_lib.gates.base import Extent, Setting
from bondx_lib.gates.correlation import Correlation, Quantity, used_of_range

from .hand_made import framed

X = Quantity("the first", ("leverage",), -100, 100)
Y = Quantity("the second", ("current_ratio",), -100, 100)


def pairs(first: list[float], second: list[float], copies: int = 10) -> pd.DataFrame:
    """Return rows of as many issuers as there are copies, each with all the pairs."""
    return framed([
        {"bond_id": f"XZ{k}", "issuer_id": f"SX-{k}", "leverage": x, "current_ratio": y}
        for k in range(copies) for x, y in zip(first, second, strict=True)
    ])  # fmt: skip


def judged(
    rows: pd.DataFrame, ends: tuple[float, float] = (0.2, 0.8), usual: float = 0.5
) -> gates.Finding:
    """Return the finding of a gate on the two values."""
    gate = Correlation("test", X, Y, usual, ends)
    part = gates.Part(rows)
    (found,) = gate.judge(gate.count(part), Setting(ends, "warn"), Extent.of(part))
    return found


def scattered(r: float, issuers: int, seed: int = 3) -> pd.DataFrame:
    """Return one row of each issuer, with exactly this correlation."""
    x, noise = np.random.default_rng(seed).standard_normal((2, issuers))
    x -= x.mean()
    noise -= noise.mean()
    noise -= x * (noise @ x) / (x @ x)
    y = r * x / x.std() + np.sqrt(1 - r * r) * noise / noise.std()
    ids = [f"SX-{k}" for k in range(issuers)]
    return pd.DataFrame({"bond_id": ids, "issuer_id": ids, "leverage": x, "current_ratio": y})


class TestCorrelation:
    """One correlation against its range."""

    @pytest.mark.parametrize(
        ("first", "second", "r"),
        [([1, 2, 3], [2, 4, 6], 1.0), ([1, 2, 3], [6, 4, 2], -1.0),
         ([0, 0, 1, 1], [0, 1, 0, 1], 0.0), ([1, 2, 3], [1, 3, 2], 0.5)],
    )  # fmt: skip
    def test_known_correlations(self, first, second, r):
        """Perfect, opposed, none, one half."""
        found = judged(pairs(first, second))
        assert found.observed == pytest.approx(r, abs=1e-9)
        assert found.n == 10 * len(first)
        assert found.verdict == ("pass" if 0.2 <= r <= 0.8 else "fail")

    def test_it_is_that_of_numpy(self):
        """Over all rows, whatever their issuer."""
        rows = scattered(0.3, 50).assign(issuer_id=[f"SX-{k % 7}" for k in range(50)])
        expected = np.corrcoef(rows["leverage"], rows["current_ratio"])[0, 1]
        assert judged(rows).observed == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("r", "issuers", "verdict"),
        [(0.5, 30, "pass"), (0.2001, 30, "pass"), (0.19, 30, "inconclusive"), (-0.4, 30, "fail"),
         (0.85, 30, "inconclusive"), (0.95, 30, "fail"), (-0.9, 4, "inconclusive"),
         (0.195, 40_000, "inconclusive"), (0.17, 40_000, "fail")],
    )  # fmt: skip
    def test_a_sample_fails_only_if_its_whole_interval_is_outside(self, r, issuers, verdict):
        """Near the end it takes many issuers to tell, and of four nothing can be told."""
        found = judged(scattered(r, issuers))
        assert found.observed == pytest.approx(r)
        assert found.verdict == verdict
        assert found.interval[0] <= r <= found.interval[1]
        assert (found.used > 1) == (verdict == "fail")

    def test_rows_of_an_issuer_are_not_independent(self):
        """The same rows of fewer issuers have a wider interval."""
        rows = scattered(0.5, 60)
        rows = rows.sort_values("leverage", ignore_index=True)
        alike = rows.assign(issuer_id=[f"SX-{k // 10}" for k in range(60)])
        assert np.diff(judged(alike).interval) > np.diff(judged(rows).interval)

    def test_values_that_are_missing_or_not_plausible_are_left_out(self):
        """Neither NaN nor infinity nor a slipped decimal moves it."""
        rows = pairs([1, 2, 3], [1, 3, 2])
        worse = pd.concat([
            rows, pairs([np.nan, 1, np.inf, 1e6, 5], [1, np.nan, 1, 1, -1e6], copies=1),
        ], ignore_index=True)  # fmt: skip
        assert judged(worse) == judged(rows)

    def test_a_value_that_does_not_vary_has_no_correlation(self):
        """Nor has none at all; neither is a pass."""
        found = judged(pairs([1, 2, 3], [5, 5, 5]))
        assert found.verdict == "not_applicable"
        assert found.message == "One of the two values does not vary."
        empty = pairs([np.nan], [1.0])
        assert Correlation("test", X, Y, 0.5, (0.2, 0.8)).count(gates.Part(empty)).slices == {}

    def test_it_says_what_it_correlates(self):
        """Name, columns, purpose and message are made of the two quantities."""
        gate = Correlation("test", X, replace(Y, columns=("leverage", "rating")), 0.5, (0.2, 0.8))
        assert gate.name == "correlation_test"
        assert gate.columns == ("leverage", "rating")
        assert gate.catches == "the first and the second out of step"
        assert judged(pairs([1, 2, 3], [1, 3, 2])).message.startswith(
            "The correlation of the first and the second is 0.50 ("
        )


class TestQuantity:
    """What is correlated, row by row."""

    def test_values_outside_the_plausible_range_are_missing(self):
        """The ends are plausible; the logarithm is taken behind."""
        part = gates.Part(pd.DataFrame({"leverage": [0.5, 1.0, 10.0, 11.0, np.nan, -1.0]}))
        plain = Quantity("x", ("leverage",), 1, 10).of(part)
        np.testing.assert_array_equal(plain, [np.nan, 1, 10, np.nan, np.nan, np.nan])
        np.testing.assert_allclose(
            Quantity("x", ("leverage",), 1, 10, log=True).of(part)[1:3], [0, np.log(10)]
        )

    @pytest.mark.parametrize(
        ("quantity", "values", "expected"),
        [
            (correlation.RELATIVE_SPREAD, (300.0, 150.0), np.log(2)),
            (correlation.TURNOVER, (1e7, 5e8), np.log(0.02)),
            (correlation.CARRY, (6.0, 5.0, 4.0), 0.04),
            (correlation.COVERAGE, (80.0,), np.log(50)),
            (correlation.COVERAGE, (-3.0,), np.log(0.2)),
            (correlation.BUZZ, (0.0,), 0.0),
            (correlation.RELATIVE_SPREAD, (300.0, 0.0), np.nan),
        ],
    )
    def test_computed_quantities(self, quantity, values, expected):
        """Ratios, carry, and what is capped before its logarithm."""
        row = pd.DataFrame({name: [value] for name, value in zip(quantity.columns, values,
                                                                 strict=True)})  # fmt: skip
        assert quantity.of(gates.Part(row))[0] == pytest.approx(expected, nan_ok=True)


class TestUsedOfRange:
    """The share of the tolerance on the way from what is usual to where the interval leaves."""

    @pytest.mark.parametrize(
        ("observed", "interval", "used"),
        [(0.7, (0.6, 0.8), 0.0), (0.35, (0.2, 0.5), 35 / 65), (0.05, (-0.1, 0.2), 1.0),
         (0.0, (0.0, 0.0), 1.4), (0.9, (0.8, 1.0), 0.5), (1.1, (1.0, 1.2), 1.0)],
    )  # fmt: skip
    def test_known_shares(self, observed, interval, used):
        """Between 0.2 and 1 with 0.7 usual; half an interval belongs to the tolerance."""
        assert used_of_range(observed, interval, (0.2, 1.0), 0.7) == pytest.approx(used)

    def test_a_usual_value_outside_the_range_is_its_end(self):
        """As when the parameters set another range; without any room a step is past it."""
        assert used_of_range(0.2, (0.2, 0.2), (0.0, 0.2), 0.7) == 0.0
        assert used_of_range(0.3, (0.3, 0.3), (0.0, 0.2), 0.7) == pytest.approx(1.1)
        assert used_of_range(0.1, (0.1, 0.1), (0.0, 0.2), 0.7) == pytest.approx(0.5)


def test_every_usual_value_lies_in_its_range():
    """Else clean variations would use up tolerance."""
    for gate in correlation.GATES:
        low, high = gate.limit
        assert low <= gate.usual <= high
