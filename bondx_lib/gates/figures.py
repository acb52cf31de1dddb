"""Business logic within a row: figures that others define, and figures that must be in keeping."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from bondx_lib import pricing
from bondx_lib.gates.agreement import Agreement
from bondx_lib.gates.base import Gate
from bondx_lib.gates.part import Part
from bondx_lib.gates.structure import DATE_TOLERANCE_YEARS
from bondx_lib.market import facts, liquidity
from bondx_lib.schema import LETTERS, RATING_NUMBER

ESG_POINTS: Final = 0.5
INDEX_POINTS: Final = 1.0
COUPON_STEPS: Final = (0.001, 1 / 64)
AMOUNT_STEP_USD: Final = 1000.0
REACH: Final = 12.0
"""Factor by which a spread may lie above or below what is usual at its letter."""


class Age(Agreement):
    """Share of rows whose age is not the time since issue, by more than ten days."""

    name = "age"
    catches = "ages that issue date and row date do not give"
    what = "have another age than their dates give"
    limit = 0.5
    severity = "warn"
    false_alarm = 0.0
    columns = ("age_years", "date", "issue_date")

    def excess(self, part: Part) -> Any:
        """Return the distance from the time since issue, less the tolerance."""
        known = (part.rows["date"].notna() & part.rows["issue_date"].notna()).to_numpy()
        due = pricing.years_30_360(part.rows["issue_date"], part.rows["date"])
        apart = np.abs(part.numbers("age_years") - np.maximum(due, 0))
        return np.where(known, apart - DATE_TOLERANCE_YEARS, np.nan)


class RatingNumber(Agreement):
    """Share of rows whose number is not that of their rating, AAA = 1 to C = 21."""

    name = "rating_number"
    catches = "rating and its number out of step"
    what = "have a rating number that is not that of their rating"
    limit = 0.5
    severity = "block"
    false_alarm = 0.0
    columns = ("rating", "rating_number")

    def excess(self, part: Part) -> Any:
        """Return the distance in notches; a rating that is not known is not judged."""
        due = part.rows["rating"].astype(object).map(RATING_NUMBER).to_numpy(float, na_value=np.nan)
        return np.abs(part.numbers("rating_number") - due)


class EsgMean(Agreement):
    """Share of rows whose ESG score is not the mean of the raters that are there."""

    name = "esg_mean"
    catches = "ESG scores that the raters do not give"
    what = "have an ESG score that is not the mean of their raters"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.0
    columns = ("esg_score", "esg_rater_a", "esg_rater_b", "esg_rater_c")

    def excess(self, part: Part) -> Any:
        """Return the distance from the mean, less the tolerance; one without the other is bad."""
        raters = np.column_stack([part.numbers(f"esg_rater_{one}") for one in "abc"])
        there, score = ~np.isnan(raters), part.numbers("esg_score")
        many = there.sum(axis=1)
        apart = np.abs(score - np.where(there, raters, 0).sum(axis=1) / many) - ESG_POINTS
        alone = np.isnan(score) != (many == 0)
        return np.where(alone, np.inf, apart)


class LiquidityIndexAgrees(Agreement):
    """Share of rows whose liquidity index is not that of bid-ask, volume and days without trade."""

    name = "liquidity_index_agrees"
    catches = "a liquidity index that bid-ask, volume and trading days do not give"
    what = "have another liquidity index than bid-ask, volume and trading days give"
    limit = 2.0
    severity = "warn"
    false_alarm = 0.001
    columns = ("liquidity_index", "bid_ask_bps", "volume_usd", "zero_trading_days_pct")

    def excess(self, part: Part) -> Any:
        """Return the distance from the definition, less the tolerance; crossed quotes aside."""
        bid_ask = part.numbers("bid_ask_bps")
        due = liquidity.index(
            np.where(bid_ask > 0, bid_ask, np.nan), part.numbers("volume_usd"),
            part.numbers("zero_trading_days_pct") / 100,
        )  # fmt: skip
        return np.abs(part.numbers("liquidity_index") - due) - INDEX_POINTS


class CouponSteps(Agreement):
    """Share of rows whose coupon is not positive, or in no step that coupons are printed in.

    Thousandths, or sixty-fourths, which hold eighths and their halves. A bond without coupons does
    not belong among bonds that pay twice a year.
    """

    name = "coupon_steps"
    catches = "coupons that nobody prints"
    what = "have a coupon that is not positive or not in thousandths or sixty-fourths"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.0
    columns = ("coupon_pct",)

    def excess(self, part: Part) -> Any:
        """Return the distance from the nearest step, less what rounding leaves."""
        coupon = part.numbers("coupon_pct")
        apart = [np.abs(coupon - np.round(coupon / step) * step) for step in COUPON_STEPS]
        return np.where(coupon <= 0, np.inf, np.minimum(*apart) - 1e-6)


class AmountSteps(Agreement):
    """Share of rows whose amount outstanding is not in whole thousands, or not positive."""

    name = "amount_steps"
    catches = "amounts outstanding that are no face amounts"
    what = "have an amount outstanding that is not in whole thousands"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.0
    columns = ("amount_outstanding_usd",)

    def excess(self, part: Part) -> Any:
        """Return the distance from whole thousands, less what rounding leaves."""
        amount = part.numbers("amount_outstanding_usd")
        apart = np.abs(amount - np.round(amount / AMOUNT_STEP_USD) * AMOUNT_STEP_USD)
        return np.where(amount <= 0, np.inf, apart - 0.5)


class VolumeWithinAmount(Agreement):
    """Share of rows in which more was traded in the month than is outstanding."""

    name = "volume_within_amount"
    catches = "volumes in another unit than amounts"
    what = "trade more than their amount outstanding in a month"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.001
    columns = ("volume_usd", "amount_outstanding_usd")

    def excess(self, part: Part) -> Any:
        """Return volume less amount."""
        return part.numbers("volume_usd") - part.numbers("amount_outstanding_usd")


class TradesVolume(Agreement):
    """Share of rows with volume but no trade, or trades but no volume, or trades on no day."""

    name = "trades_volume"
    catches = "volume without trades, and trades without volume"
    what = "have volume without trades, trades without volume, or either on no day"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.0
    columns = ("volume_usd", "trade_count", "zero_trading_days_pct")

    def excess(self, part: Part) -> Any:
        """Return 1 where the three do not agree on whether there was a trade."""
        figures = [part.numbers(name) for name in self.columns]
        traded = [figures[0] > 0, figures[1] > 0, figures[2] < 100]
        unlike = (traded[0] != traded[1]) | (traded[1] != traded[2])
        return np.where(np.isnan(figures).any(axis=0), np.nan, unlike)


class SpreadAtRating(Agreement):
    """Share of rows whose spread is out of reach of their rating.

    Usual is the published median by letter, moved with the market; issuers and crises scatter by a
    factor of five around it.
    """

    name = "spread_at_rating"
    catches = "spreads that belong to another rating"
    what = f"have a spread more than {REACH:g} times or less than 1/{REACH:g} of what is usual"
    limit = 3.0
    severity = "warn"
    false_alarm = 0.01
    columns = ("spread_bps", "rating", "market_spread_bps")

    def excess(self, part: Part) -> Any:
        """Return the distance of the logarithms, less that of the factor."""
        levels = dict(zip(LETTERS, facts.by_letter("oas_level.{}.p50", LETTERS), strict=True))
        usual = pd.Series(part.letters).map(levels).to_numpy(float, na_value=np.nan)
        usual = usual * part.numbers("market_spread_bps") / levels["BBB"]
        spread = part.numbers("spread_bps")
        apart = np.abs(np.log(np.where(spread > 0, spread, np.nan) / usual))
        return apart - np.log(REACH)


GATES: Final[tuple[Gate, ...]] = (
    Age(), RatingNumber(), EsgMean(), LiquidityIndexAgrees(), CouponSteps(), AmountSteps(),
    VolumeWithinAmount(), TradesVolume(), SpreadAtRating(),
)  # fmt: skip
