"""Bond mathematics against known answers, finite differences and round trips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib import pricing

DAY = np.datetime64("2024-06-30")


def cash_flow_price(yield_pct: float, coupon: float, days: int) -> float:
    """Price by summing discounted cash flows one by one."""
    count = -(-days // 180)
    times = days / 180 - np.arange(count)[::-1]
    flows = np.full(count, coupon / 2)
    flows[-1] += 100
    dirty = float(np.sum(flows * (1 + yield_pct / 200) ** -times))
    return dirty - coupon / 2 * (1 - times[0])


@pytest.mark.parametrize("yield_pct", [-2.0, 0.0, 1e-8, 0.5, 5.0, 25.0])
@pytest.mark.parametrize(("maturity", "days"), [("2024-08-15", 45), ("2031-01-15", 2355)])
def test_price_is_the_sum_of_discounted_cash_flows(yield_pct, maturity, days):
    """The closed form equals the sum over cash flows, on and off coupon dates."""
    end = np.datetime64(maturity)
    assert pricing.days_30_360(DAY, end) == days
    price = pricing.clean_price(yield_pct, 6.0, DAY, end)
    assert price == pytest.approx(cash_flow_price(yield_pct, 6.0, days), abs=1e-6)


def test_par_bond_is_worth_its_face():
    """On a coupon date a bond that pays its yield is worth 100."""
    assert pricing.clean_price(4.375, 4.375, DAY, np.datetime64("2044-12-30")) == pytest.approx(100)


def test_duration_and_convexity_are_derivatives_of_the_dirty_price():
    """Both agree with central differences."""
    end = np.datetime64("2037-03-15")
    step = 1e-3
    accrued = pricing.accrued_interest(5.0, DAY, end)
    low, mid, high = (
        float(pricing.clean_price(6.0 + shift, 5.0, DAY, end) + accrued)
        for shift in (-step, 0.0, step)
    )
    bump = step / 100
    assert pricing.duration_years(6.0, 5.0, DAY, end) == pytest.approx(
        -(high - low) / (2 * bump) / mid, rel=1e-6
    )
    assert pricing.convexity(6.0, 5.0, DAY, end) == pytest.approx(
        (high - 2 * mid + low) / bump**2 / mid, rel=1e-4
    )


@given(
    yield_pct=st.floats(-3, 60),
    coupon=st.floats(0, 15),
    days=st.integers(31, 365 * 40),
)
def test_yield_and_price_are_inverse(yield_pct, coupon, days):
    """A yield survives the way to a price and back."""
    end = DAY + np.timedelta64(days, "D")
    price = pricing.clean_price(yield_pct, coupon, DAY, end)
    back = pricing.yield_from_price(price, coupon, DAY, end)
    assert pricing.clean_price(back, coupon, DAY, end) == pytest.approx(float(price), abs=1e-7)
    assert back == pytest.approx(yield_pct, abs=1e-5)


@given(coupon=st.floats(0, 15), days=st.integers(31, 365 * 40), low=st.floats(0, 30))
def test_price_falls_as_yield_rises(coupon, days, low):
    """A higher yield means a lower price."""
    end = DAY + np.timedelta64(days, "D")
    cheap, dear = pricing.clean_price(np.array([low + 0.5, low]), coupon, DAY, end)
    assert cheap < dear


def test_impossible_inputs_give_nan():
    """A bond past its maturity, an unknown date or a negative price has no yield."""
    end = np.array(["2024-06-30", "2020-01-15", "NaT", "2030-01-15"], "datetime64[ns]")
    yields = pricing.yield_from_price(np.array([100, 100, 100, -5.0]), 5.0, DAY, end)
    assert np.isnan(yields).all()
    assert np.isnan(pricing.clean_price(5.0, 5.0, DAY, end[:3])).all()


def test_day_count_follows_the_30_360_rule():
    """The 31st counts as the 30th where the rule says so."""
    starts = np.array(["2024-01-31", "2024-01-30", "2024-01-15", "2024-02-29"], "datetime64[D]")
    ends = np.array(["2024-07-31", "2024-07-31", "2024-07-31", "2025-02-28"], "datetime64[D]")
    assert pricing.days_30_360(starts, ends).tolist() == [180, 180, 196, 359]


def test_par_coupon_is_a_positive_eighth():
    """Coupons are printed in eighths and never vanish."""
    assert pricing.par_coupon([4.93, 0.01]).tolist() == [4.875, 0.125]
