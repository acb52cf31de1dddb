"""Standard errors by the delta method: each gradient is that of the estimate it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bondx_lib.gates import sectors
from bondx_lib.gates.tallies import Estimate, Moments, grouped, pair_sums

ISSUERS = 30


def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return issuer, x, y and m of rows; the values go together and are far from centred."""
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(ISSUERS), rng.integers(2, 9, ISSUERS))
    x, y, m = rng.standard_normal((3, ISSUERS))[:, codes] + rng.standard_normal((3, len(codes)))
    m, y = 0.6 * x + m - 1.5, 0.8 * x + 0.5 * m + y + 2.0
    return codes, x + 3.0, y, m


def pair() -> Moments:
    """Return the sums of a pair of values."""
    codes, x, y, _m = rows()
    found = pair_sums(codes, x, y)
    assert found is not None
    return found


def beside() -> Moments:
    """Return the sums of a slope beside a third value, which passes through the origin."""
    codes, x, y, m = rows()
    columns = [np.ones(len(x)), x * x, x * y, x * m, m * m, m * y]
    return Moments.of(grouped(codes, np.column_stack(columns)))


def pairs() -> Moments:
    """Return the sums of two pairs of values that have one slope."""
    codes, x, y, m = rows()
    columns = [np.ones(len(x))]
    for expected, seen in ((x, y), (m, x - m)):
        columns += [expected, seen, expected**2, expected * seen]
    return Moments.of(grouped(codes, np.column_stack(columns)))


def by_differences(sums: Moments, estimate: Callable[[Moments], Estimate]) -> float:
    """Return the standard error whose gradient is taken by differences."""
    gradient = np.zeros(len(sums.total))
    for place, total in enumerate(sums.total):
        step = 1e-6 * max(abs(total), 1.0)
        ends = []
        for sign in (1, -1):
            moved = sums.total.copy()
            moved[place] += sign * step
            ends.append(estimate(replace(sums, total=moved)).value)
        gradient[place] = (ends[0] - ends[1]) / (2 * step)
    variance = gradient @ sums.product @ gradient
    return float(np.sqrt(variance * sums.clusters / (sums.clusters - 1)))


@pytest.mark.parametrize(
    ("sums", "estimate"),
    [
        pytest.param(pair(), Moments.correlation, id="correlation"),
        pytest.param(pair(), Moments.slope, id="slope"),
        pytest.param(pair(), lambda sums: sums.ratio(2, 1), id="ratio"),
        pytest.param(beside(), sectors._partial_slope, id="slope beside another value"),
        pytest.param(pairs(), sectors._profile, id="slope over two pairs"),
    ],
)
def test_the_gradient_is_that_of_the_estimate(sums, estimate):
    """Known answer: the same error with the gradient taken by differences."""
    found = estimate(sums)
    assert found.standard_error == pytest.approx(by_differences(sums, estimate), rel=1e-5)
    assert found.clusters == ISSUERS


def test_a_slope_beside_another_value_is_that_of_least_squares():
    """Known answer: numpy's, without an intercept, in percent."""
    _, x, y, m = rows()
    known = np.linalg.lstsq(np.column_stack([x, m]), y, rcond=None)[0][0]
    assert sectors._partial_slope(beside()).value == pytest.approx(100 * known)


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_a_slope_does_not_depend_on_the_unit_of_the_other_value(unit):
    """Nor does its standard error: thousandths or thousands are the same beside it."""
    scale = np.array([1.0, 1.0, 1.0, unit, unit**2, unit])
    sums = beside()
    scaled = Moments(sums.total * scale, sums.product * np.outer(scale, scale), sums.clusters)
    one, other = sectors._partial_slope(sums), sectors._partial_slope(scaled)
    assert other.value == pytest.approx(one.value)
    assert other.standard_error == pytest.approx(one.standard_error)


def test_without_the_other_value_the_slope_is_the_plain_one():
    """Where the other value is zero throughout, its sums say nothing and take nothing away."""
    codes, x, y, _ = rows()
    none = np.zeros(len(x))
    columns = [np.ones(len(x)), x * x, x * y, none, none, none]
    sums = Moments.of(grouped(codes, np.column_stack(columns)))
    found = sectors._partial_slope(sums)
    assert found.value == pytest.approx(100 * (x @ y) / (x @ x))
    through_origin = Moments.of(grouped(codes, np.column_stack([x * x, x * y]))).ratio(1, 0)
    assert found.standard_error == pytest.approx(100 * through_origin.standard_error)
