"""Business logic: do the columns of a row, and the rows of a bond, agree with one another?

Conventions, as everywhere in the project: coupons twice a year counted back from maturity, time by
30/360, yields compounded twice a year and to maturity, duration modified, spread over the risk-free
yield at the remaining maturity, prices per 100 of face. A file by other conventions (yearly
coupons, yield to worst, option-adjusted spreads or durations) fails these gates, and should: models
would read one thing for another.

What two figures may differ by without being at odds stands beside each gate. Here are the rules on
prices, yields and the curve; those on other figures of a row stand in :mod:`.figures`, on paths
through time in :mod:`.paths`, and on sectors, ranks and ratings, judged as samples, in
:mod:`.sectors`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib import pricing
from bondx_lib.gates import figures, paths, sectors
from bondx_lib.gates.agreement import Agreement
from bondx_lib.gates.base import Gate
from bondx_lib.gates.part import Part
from bondx_lib.market import macro

Floats = NDArray[np.float64]

PRICE_TOLERANCE: Final = 0.5
"""Points per 100 of face: a yield to two decimals is worth 0.1 at a duration of ten."""
ACCRUED_DAYS: Final = 6.0
"""Days of interest: other day counts differ by two, settlement comes up to three days later."""
RISK_SHARE, DURATION_YEARS, CONVEXITY_YEARS = 0.02, 0.1, 0.5
"""Share of the figure, and years (squared), that duration and convexity may be off: a month more or
less. Macaulay's duration is off by half the yield."""
QUOTE_POINTS: Final = 0.01
BID_ASK_SHARE, BID_ASK_BPS = 0.02, 1.0
TENORS_YEARS: Final = (2.0, 5.0, 10.0)
SPREAD_SHARE, SPREAD_BPS = 0.05, 10.0
CURVE_YEARS: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 10.0, 15.0, 20.0, 30.0)
CURVE_BPS: Final = (130.0, 105.0, 63.0, 28.0, 0.0, 0.0, 30.0, 45.0, 60.0)
"""How far apart two readings of a curve known at 2, 5 and 10 years are, besides ten basis points
between the tenors: Nelson and Siegel's curve through the three, and straight lines, flat beyond.
99.9 % of 2,160 simulated months lie within; a file whose curve is either reading passes."""
SLOPE_PCT: Final = 0.05


class PriceYield(Agreement):
    """Share of rows whose clean price is not that of their yield, coupon, date and maturity."""

    name = "price_yield"
    catches = "prices that their yield does not explain"
    what = f"have a price more than {PRICE_TOLERANCE:g} points from that of their yield"
    limit = 1.0
    severity = "block"
    false_alarm = 0.001
    columns = ("clean_price", "yield_pct", "coupon_pct", "date", "maturity_date")

    def excess(self, part: Part) -> Any:
        """Return the distance from the price at the yield, less the tolerance."""
        price = pricing.clean_price(
            part.numbers("yield_pct"), part.numbers("coupon_pct"), part.rows["date"],
            part.rows["maturity_date"],
        )  # fmt: skip
        return np.abs(part.numbers("clean_price") - price) - PRICE_TOLERANCE


class AccruedInterest(Agreement):
    """Share of rows whose accrued interest is not that of coupon, date and maturity.

    Just before and just after a coupon are near to one another, so the distance is taken around
    the coupon period.
    """

    name = "accrued_interest"
    catches = "accrued interest that coupon and dates do not explain"
    what = f"have accrued interest more than {ACCRUED_DAYS:g} days off"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.001
    columns = ("accrued_interest", "coupon_pct", "date", "maturity_date")

    def excess(self, part: Part) -> Any:
        """Return the distance around a coupon period, less the tolerance."""
        coupon, stated = part.numbers("coupon_pct"), part.numbers("accrued_interest")
        due = pricing.accrued_interest(coupon, part.rows["date"], part.rows["maturity_date"])
        apart = np.abs(stated - due)
        around = np.where((stated >= 0) & (stated <= coupon / 2), coupon / 2 - apart, apart)
        return np.minimum(apart, around) - (coupon * ACCRUED_DAYS / 360 + 0.005)


class _Risk(Agreement):
    """A gate on a figure of interest rate risk."""

    limit = 1.0
    severity = "warn"
    false_alarm = 0.001
    figure: ClassVar[int]
    slack: ClassVar[float]

    def excess(self, part: Part) -> Any:
        """Return the distance from the figure at the yield, less the tolerance."""
        figures = pricing.duration_and_convexity(
            part.numbers("yield_pct"), part.numbers("coupon_pct"), part.rows["date"],
            part.rows["maturity_date"],
        )  # fmt: skip
        due = figures[self.figure]
        return np.abs(part.numbers(self.columns[0]) - due) - RISK_SHARE * due - self.slack


class Duration(_Risk):
    """Share of rows whose duration is not the modified duration at their yield."""

    name = "duration"
    catches = "durations that yield and coupon do not explain, or of another kind"
    what = "have another duration than their yield and coupon give"
    columns = ("duration_years", "yield_pct", "coupon_pct", "date", "maturity_date")
    figure, slack = 0, DURATION_YEARS


class Convexity(_Risk):
    """Share of rows whose convexity is not that at their yield."""

    name = "convexity"
    catches = "convexities that yield and coupon do not explain, or in another unit"
    what = "have another convexity than their yield and coupon give"
    columns = ("convexity", "yield_pct", "coupon_pct", "date", "maturity_date")
    figure, slack = 1, CONVEXITY_YEARS


class PriceWithinQuotes(Agreement):
    """Share of rows whose price does not lie between bid and offer."""

    name = "price_within_quotes"
    catches = "prices below the bid or above the offer"
    what = "have a price outside bid and offer"
    limit = 2.0
    severity = "block"
    false_alarm = 0.001
    columns = ("clean_price", "bid_price", "ask_price")

    def excess(self, part: Part) -> Any:
        """Return how far the price lies outside, less the tolerance."""
        price = part.numbers("clean_price")
        outside = np.maximum(part.numbers("bid_price") - price, price - part.numbers("ask_price"))
        return outside - QUOTE_POINTS


class BidAsk(Agreement):
    """Share of rows whose bid-ask in basis points is not that of bid and offer."""

    name = "bid_ask"
    catches = "a bid-ask that bid and offer do not give"
    what = "have another bid-ask than their bid and offer give"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.001
    columns = ("bid_ask_bps", "bid_price", "ask_price")

    def excess(self, part: Part) -> Any:
        """Return the distance from offer less bid over mid, less the tolerance."""
        bid, ask = part.numbers("bid_price"), part.numbers("ask_price")
        due = 2e4 * (ask - bid) / (ask + bid)
        return np.abs(part.numbers("bid_ask_bps") - due) - BID_ASK_SHARE * np.abs(due) - BID_ASK_BPS


class SpreadOverCurve(Agreement):
    r"""Share of rows whose spread is not their yield less the risk-free yield at their maturity.

    The risk-free yield is Nelson and Siegel's curve through the three tenors that the panel shows.
    A spread may be off by 10 bp, 5 % of itself, and what another reading of the curve would make of
    it outside the tenors (:data:`CURVE_BPS`).
    """

    name = "spread_over_curve"
    catches = "spreads that yield and risk-free curve do not explain"
    what = "have a spread that their yield and the risk-free curve do not explain"
    limit = 2.0
    severity = "block"
    false_alarm = 0.001
    columns = (
        "spread_bps", "yield_pct", "maturity_years", "treasury_2y_pct", "treasury_5y_pct",
        "treasury_10y_pct",
    )  # fmt: skip

    def excess(self, part: Part) -> Any:
        """Return the distance from yield less curve, less the tolerance."""
        years = part.numbers("maturity_years")
        tenors = np.column_stack([part.numbers(f"treasury_{n}y_pct") for n in (2, 5, 10)])
        own = part.numbers("yield_pct") - risk_free_pct(tenors, years)
        reading = np.interp(years, CURVE_YEARS, CURVE_BPS)
        stated = part.numbers("spread_bps")
        return np.abs(100 * own - stated) - SPREAD_BPS - SPREAD_SHARE * np.abs(stated) - reading


def risk_free_pct(tenors_pct: Floats, years: Floats) -> Floats:
    """Return Nelson and Siegel's yields at some maturities, through 2, 5 and 10 years.

    Parameters
    ----------
    tenors_pct
        Of shape (rows, 3).
    years
        Of shape (rows,).

    Examples
    --------
    >>> risk_free_pct(np.array([[3.0, 3.5, 4.0]]), np.array([5.0])).round(9).tolist()
    [3.5]
    """
    factors = np.linalg.inv(_loadings(np.array(TENORS_YEARS)))
    return np.asarray((_loadings(years) @ factors * tenors_pct).sum(axis=1))


def _loadings(years: Floats) -> Floats:
    units = np.eye(3)[:, None, :]
    return np.stack(
        [macro.risk_free_pct(np.repeat(unit, len(years), axis=0), years) for unit in units], axis=1
    )


class CurveSlope(Agreement):
    """Share of rows whose curve slope is not ten-year less two-year yield."""

    name = "curve_slope"
    catches = "a curve slope that the tenors do not give"
    what = "have another curve slope than ten-year less two-year yield"
    limit = 0.5
    severity = "warn"
    false_alarm = 0.0
    columns = ("curve_slope_pct", "treasury_2y_pct", "treasury_10y_pct")

    def excess(self, part: Part) -> Any:
        """Return the distance from the difference of the tenors, less the tolerance."""
        due = part.numbers("treasury_10y_pct") - part.numbers("treasury_2y_pct")
        return np.abs(part.numbers("curve_slope_pct") - due) - SLOPE_PCT


GATES: Final[tuple[Gate, ...]] = (
    PriceYield(), AccruedInterest(), Duration(), Convexity(), PriceWithinQuotes(), BidAsk(),
    SpreadOverCurve(), CurveSlope(), *figures.GATES, *paths.GATES, *sectors.GATES,
)  # fmt: skip
