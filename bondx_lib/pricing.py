r"""Bond mathematics, vectorised over bonds.

A bond pays :math:`c/2` per 100 of face every six months, counted back from its maturity, and 100 at
maturity. With :math:`n` coupons left, the fraction :math:`w` of a period to the next one and the
semi-annual yield :math:`y`, the street convention discounts at :math:`v = 1/(1+y/2)`:

.. math:: P_{dirty} = v^{w}\left(\frac{c}{2}\,\frac{1-v^{n}}{1-v} + 100\,v^{n-1}\right)

Time between dates is counted 30/360 (US); accrued interest is what is left of a period of 180 days,
which is 30E/360 and differs from the US rule on the 31st. Yields and coupons are in percent a year,
prices per 100 of face. Source: [1] in ``docs/references.md``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FACE: Final = 100.0
DAYS_PER_PERIOD: Final = 180


def days_30_360(start: ArrayLike, end: ArrayLike) -> NDArray[np.int64]:
    """Return the 30/360 (US) day count between dates.

    >>> import numpy as np
    >>> int(days_30_360(np.datetime64("2024-01-31"), np.datetime64("2024-03-31")))
    60
    """
    first_year, first_month, first_day = _civil(start)
    last_year, last_month, last_day = _civil(end)
    first_day = np.minimum(first_day, 30)
    last_day = np.where((last_day == 31) & (first_day == 30), 30, last_day)
    months = 12 * (last_year - first_year) + last_month - first_month
    return np.asarray(30 * months + last_day - first_day, dtype=np.int64)


def years_30_360(start: ArrayLike, end: ArrayLike) -> Floats:
    """Return the 30/360 (US) time between dates in years."""
    return days_30_360(start, end) / 360.0


def accrued_interest(coupon_pct: ArrayLike, settlement: ArrayLike, maturity: ArrayLike) -> Floats:
    """Return the interest accrued since the last coupon, per 100 of face."""
    _, to_next = _schedule(settlement, maturity)
    return np.asarray(coupon_pct, float) / 2 * (1 - to_next)


def clean_price(
    yield_pct: ArrayLike, coupon_pct: ArrayLike, settlement: ArrayLike, maturity: ArrayLike
) -> Floats:
    """Return the price without accrued interest, per 100 of face.

    Parameters
    ----------
    yield_pct, coupon_pct
        Percent a year, semi-annual; any broadcastable shape.
    settlement, maturity
        Dates; settlement before maturity, else the price is NaN.

    Examples
    --------
    A bond that pays its yield is worth its face:

    >>> import numpy as np
    >>> day, end = np.datetime64("2024-06-30"), np.datetime64("2034-06-30")
    >>> round(float(clean_price(5.0, 5.0, day, end)), 9)
    100.0
    """
    coupon = np.asarray(coupon_pct, float)
    count, to_next = _schedule(settlement, maturity)
    dirty, _, _ = _dirty_and_slopes(np.asarray(yield_pct, float), coupon, count, to_next)
    return dirty - coupon / 2 * (1 - to_next)


class Quote(NamedTuple):
    """Price and risk of bonds at given yields; arrays of one shape."""

    clean_price: Floats
    accrued_interest: Floats
    duration_years: Floats
    convexity: Floats


def quote(yield_pct: ArrayLike, coupon_pct: ArrayLike, days: ArrayLike) -> Quote:
    """Return price, accrued interest, duration and convexity in one pass.

    Parameters
    ----------
    yield_pct, coupon_pct
        Percent a year, semi-annual.
    days
        30/360 days from settlement to maturity, positive.
    """
    coupon = np.asarray(coupon_pct, float)
    count, to_next = _periods(np.asarray(days, float))
    dirty, slope, curvature = _dirty_and_slopes(
        np.asarray(yield_pct, float), coupon, count, to_next
    )
    accrued = coupon / 2 * (1 - to_next)
    return Quote(dirty - accrued, accrued, -slope / dirty, curvature / dirty)


def duration_and_convexity(
    yield_pct: ArrayLike, coupon_pct: ArrayLike, settlement: ArrayLike, maturity: ArrayLike
) -> tuple[Floats, Floats]:
    """Return modified duration in years and convexity in years squared."""
    count, to_next = _schedule(settlement, maturity)
    dirty, slope, curvature = _dirty_and_slopes(
        np.asarray(yield_pct, float), np.asarray(coupon_pct, float), count, to_next
    )
    return -slope / dirty, curvature / dirty


def duration_years(
    yield_pct: ArrayLike, coupon_pct: ArrayLike, settlement: ArrayLike, maturity: ArrayLike
) -> Floats:
    """Return the modified duration in years."""
    return duration_and_convexity(yield_pct, coupon_pct, settlement, maturity)[0]


def convexity(
    yield_pct: ArrayLike, coupon_pct: ArrayLike, settlement: ArrayLike, maturity: ArrayLike
) -> Floats:
    """Return the convexity in years squared."""
    return duration_and_convexity(yield_pct, coupon_pct, settlement, maturity)[1]


def yield_from_price(
    price: ArrayLike,
    coupon_pct: ArrayLike,
    settlement: ArrayLike,
    maturity: ArrayLike,
    iterations: int = 60,
) -> Floats:
    """Return the yield in percent a year at which the clean price is reached.

    Newton's method from the current yield, held within (-50 %, 400 %); NaN where the price is not
    positive, a date is missing, or settlement is not before maturity.
    """
    coupon = np.asarray(coupon_pct, float)
    count, to_next = _schedule(settlement, maturity)
    target = np.asarray(price, float) + coupon / 2 * (1 - to_next)
    target = np.where(target > 0, target, np.nan)
    years = np.maximum((count - 1 + to_next) / 2, 1 / 12)
    with np.errstate(all="ignore"):
        guess = np.clip((coupon + (FACE - target) / years) / ((FACE + target) / 200), -20, 150)
        for _ in range(iterations):
            dirty, slope, _ = _dirty_and_slopes(guess, coupon, count, to_next)
            step = (dirty - target) / (slope / 100)
            guess = np.clip(guess - step, -50, 400)
            if not np.any(np.abs(step) > 1e-11):
                break
    return np.where(np.isfinite(target), guess, np.nan)


def par_coupon(par_yield_pct: ArrayLike, step: float = 0.125) -> Floats:
    """Return the coupon that an issuer prints for a par yield: rounded to an eighth, positive."""
    return np.maximum(np.round(np.asarray(par_yield_pct, float) / step) * step, step)


def _civil(dates: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    days = pd.Series(np.atleast_1d(np.asarray(dates, "datetime64[ns]")).ravel())
    shape = np.shape(dates)
    parts = (days.dt.year, days.dt.month, days.dt.day)
    year, month, day = (np.asarray(part.fillna(0), np.int64).reshape(shape) for part in parts)
    return year, month, day


def _schedule(settlement: ArrayLike, maturity: ArrayLike) -> tuple[Floats, Floats]:
    """Return the number of coupons left and the fraction of a period to the next."""
    days = days_30_360(settlement, maturity)
    missing = np.isnat(np.asarray(settlement, "datetime64[ns]")) | np.isnat(
        np.asarray(maturity, "datetime64[ns]")
    )
    return _periods(np.where(missing | (days <= 0), np.nan, days))


def _periods(days: Floats) -> tuple[Floats, Floats]:
    count = np.ceil(days / DAYS_PER_PERIOD)
    return count, days / DAYS_PER_PERIOD - (count - 1)


def _dirty_and_slopes(
    yield_pct: Floats, coupon_pct: Floats, count: Floats, to_next: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the dirty price and its first two derivatives by the yield as a fraction."""
    v = 1 / (1 + yield_pct / 200)
    square = v**2
    level = np.abs(v - 1) < 1e-9
    safe = np.where(level, 0.5, v)
    power = safe**count
    gap = 1 - safe
    annuity = (1 - power) / gap
    annuity_1 = (annuity - count * power / safe) / gap
    annuity_2 = (2 * annuity_1 - count * (count - 1) * power / safe**2) / gap
    annuity = np.where(level, count, annuity)
    annuity_1 = np.where(level, count * (count - 1) / 2, annuity_1)
    annuity_2 = np.where(level, count * (count - 1) * (count - 2) / 3, annuity_2)
    half = coupon_pct / 2
    last = FACE * v ** (count - 1)
    value = half * annuity + last
    value_1 = half * annuity_1 + (count - 1) * last / v
    value_2 = half * annuity_2 + (count - 1) * (count - 2) * last / square
    front = v**to_next
    front_1 = to_next * front / v
    front_2 = to_next * (to_next - 1) * front / square
    dirty = front * value
    by_v = front_1 * value + front * value_1
    by_v_2 = front_2 * value + 2 * front_1 * value_1 + front * value_2
    return dirty, -by_v * square / 2, by_v_2 * v**4 / 4 + by_v * v**3 / 2
