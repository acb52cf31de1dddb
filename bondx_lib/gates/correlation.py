"""Correlation: do quantities move together as they should?

Each gate holds one correlation against a range. The correlation is over all rows, of values that
lie in a plausible range (a damaged row must neither dominate nor break the sum); its interval is
clustered by issuer, since rows of one issuer are alike. A gate fails only if the whole interval
lies outside the range.

The ranges are measured: over 1,100 clean variations of 30 to 1,500 bonds, 24 to 120 months and all
scenarios, no more than a few in a thousand may fail. So they are wide where few issuers say little
(ratings and ESG scores) and narrow where the relation is mechanical (maturity and duration).

Left out: the market's spread and the equity index's volatility, of which one variation has a few
dozen dependent months; news sentiment, whose correlation with anything in the same row is about
0.05, too near zero to be told from none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib.gates.base import (
    DataGate,
    Extent,
    Finding,
    Gate,
    Setting,
    ends_of,
    nothing,
    within,
)
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import ALL_ROWS, Moments, Tally, pair_sums

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """What is correlated: a column, or what is computed of several, row by row.

    Attributes
    ----------
    label
        In words, for messages.
    columns
        What it reads.
    compute
        From these columns to the value.
    low, high
        Plausible values of what is computed, before the logarithm; others are left out.
    log
        Whether the logarithm is correlated.
    """

    label: str
    columns: tuple[str, ...]
    low: float
    high: float
    log: bool = False
    compute: Callable[..., Floats] = lambda value: value

    def of(self, part: Part) -> Floats:
        """Return the value of each row; NaN where it is missing or not plausible."""
        with np.errstate(all="ignore"):
            value = self.compute(*(part.numbers(name) for name in self.columns))
            value = np.where((value >= self.low) & (value <= self.high), value, np.nan)
            return np.log(value) if self.log else value


def _ratio(above: Floats, below: Floats) -> Floats:
    return above / below


def _carry(yield_pct: Floats, coupon_pct: Floats, duration_years: Floats) -> Floats:
    return (yield_pct - coupon_pct) * duration_years / 100


RATING: Final = Quantity("rating (in notches)", ("rating_number",), 1, 21)
SPREAD: Final = Quantity("spread (log)", ("spread_bps",), 1, 20_000, log=True)
RELATIVE_SPREAD: Final = Quantity(
    "spread over that of the market (log)", ("spread_bps", "market_spread_bps"), 0.01, 100,
    log=True, compute=_ratio,
)  # fmt: skip
MATURITY: Final = Quantity("maturity (log)", ("maturity_years",), 0.05, 100, log=True)
DURATION: Final = Quantity("duration (log)", ("duration_years",), 0.02, 60, log=True)
CONVEXITY: Final = Quantity("convexity (log)", ("convexity",), 0.001, 3000, log=True)
INDEX: Final = Quantity("liquidity index", ("liquidity_index",), 0, 100)
BID_ASK: Final = Quantity("bid-ask (log)", ("bid_ask_bps",), 1, 5000, log=True)
DEPTH: Final = Quantity("depth (log)", ("depth_usd",), 1e3, 1e10, log=True)
AMOUNT: Final = Quantity("issue size (log)", ("amount_outstanding_usd",), 1e6, 1e11, log=True)
VOLUME: Final = Quantity("volume (log)", ("volume_usd",), 1e3, 1e10, log=True)
TURNOVER: Final = Quantity(
    "turnover (log)", ("volume_usd", "amount_outstanding_usd"), 1e-5, 1, log=True, compute=_ratio
)
TRADES: Final = Quantity("trades (log)", ("trade_count",), 1, 1e6, log=True)
ZERO_DAYS: Final = Quantity("days without trade", ("zero_trading_days_pct",), 0, 100)
AGE: Final = Quantity("age (log)", ("age_years",), 0.02, 100, log=True)
LEVERAGE: Final = Quantity("leverage", ("leverage",), 0, 3)
COVERAGE: Final = Quantity(
    "interest coverage (log)", ("interest_coverage",), 0.2, 50, log=True,
    compute=lambda coverage: np.clip(coverage, 0.2, 50),
)  # fmt: skip
MARGIN: Final = Quantity("operating margin", ("operating_margin_pct",), -100, 100)
EQUITY: Final = Quantity("equity volatility (log)", ("equity_volatility",), 0.02, 5, log=True)
ESG: Final = Quantity("ESG score", ("esg_score",), 0, 100)
ESG_A, ESG_B, ESG_C = (
    Quantity(f"ESG rater {letter.upper()}", (f"esg_rater_{letter}",), 0, 100) for letter in "abc"
)
COUPON: Final = Quantity("coupon", ("coupon_pct",), 0, 25)
YIELD: Final = Quantity("yield (log)", ("yield_pct",), 0.1, 200, log=True)
PRICE: Final = Quantity("price (log)", ("clean_price",), 2, 400, log=True)
CARRY: Final = Quantity(
    "yield over coupon, times duration", ("yield_pct", "coupon_pct", "duration_years"), -2, 2,
    compute=_carry,
)  # fmt: skip
ASSETS: Final = Quantity("total assets (log)", ("size_log_assets",), 10, 35)
BUZZ: Final = Quantity(
    "news items (log)", ("buzz_volume",), 0, 1e6, compute=lambda items: np.log1p(items)
)


class Correlation(DataGate):
    """One correlation, held against a range that clean variations keep.

    Parameters
    ----------
    name
        Of the gate, without its family.
    first, second
        What is correlated.
    usual
        Mean over clean variations: where none of the tolerance is used up.
    limit
        The range.
    """

    family = "correlation"
    unit = "correlation"
    severity = "warn"
    basis = "sample"
    false_alarm = 0.005

    def __init__(
        self, name: str, first: Quantity, second: Quantity, usual: float,
        limit: tuple[float, float],
    ) -> None:  # fmt: skip
        self.name = f"correlation_{name}"  # type: ignore[misc]
        self.limit = limit  # type: ignore[misc]
        self.catches = f"{first.label} and {second.label} out of step"  # type: ignore[misc]
        self.columns = tuple(dict.fromkeys((*first.columns, *second.columns)))  # type: ignore[misc]
        self.first, self.second, self.usual = first, second, usual

    def count(self, part: Part) -> Tally[Moments]:
        """Sum both values, their squares and their product by issuer."""
        sums = pair_sums(part.issuer, self.first.of(part), self.second.of(part), part.weight)
        return Tally() if sums is None else Tally({ALL_ROWS: sums})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding; a value that does not vary has no correlation to judge."""
        ends, sums = ends_of(setting.threshold), tally.slices[ALL_ROWS]
        estimate, n = sums.correlation(), int(sums.total[0])
        observed = estimate.value
        if not np.isfinite(observed):
            return (nothing(self.name, setting, "One of the two values does not vary."),)
        interval = estimate.fisher_interval()
        verdict, _ = within(observed, interval, ends, self.basis)
        message = (
            f"The correlation of {self.first.label} and {self.second.label} is {observed:.2f} "
            f"({interval[0]:.2f} to {interval[1]:.2f}) over {n:,} rows of {estimate.clusters:,} "
            f"issuers; {ends[0]:g} to {ends[1]:g} is allowed."
        )
        return (
            Finding(self.name, ALL_ROWS, observed, interval, ends, n, setting.severity, verdict,
                    message, used_of_range(observed, interval, ends, self.usual)),
        )  # fmt: skip


def used_of_range(
    observed: float,
    interval: tuple[float, float],
    ends: tuple[float, float],
    usual: float,
) -> float:
    """Return the share of the tolerance used up, measured from the usual value.

    It is 1 where the interval just leaves the range: half an interval belongs to the tolerance,
    because that much is scatter between issuers.

    >>> round(used_of_range(0.6, (0.5, 0.7), (0.5, 1.0), 0.8), 6)
    0.5
    """
    low, high = ends
    usual = min(max(usual, low), high)
    if observed < usual:
        return _share(usual - observed, usual - low + interval[1] - observed)
    return _share(observed - usual, high - usual + observed - interval[0])


def _share(distance: float, room: float) -> float:
    if distance <= 0:
        return 0.0
    return distance / room if room > 0 else 1.0 + distance


GATES: Final[tuple[Gate, ...]] = (
    Correlation("rating_spread", RATING, SPREAD, 0.75, (0.35, 0.95)),
    Correlation("rating_relative_spread", RATING, RELATIVE_SPREAD, 0.76, (0.4, 0.95)),
    Correlation("maturity_duration", MATURITY, DURATION, 1.0, (0.85, 1.0)),
    Correlation("duration_convexity", DURATION, CONVEXITY, 1.0, (0.97, 1.0)),
    Correlation("price_yield", PRICE, CARRY, -1.0, (-1.0, -0.88)),
    Correlation("rating_coupon", RATING, COUPON, 0.79, (0.5, 0.95)),
    Correlation("coupon_yield", COUPON, YIELD, 0.59, (0.2, 0.9)),
    Correlation("index_bid_ask", INDEX, BID_ASK, -0.84, (-0.92, -0.75)),
    Correlation("index_depth", INDEX, DEPTH, 0.81, (0.72, 0.89)),
    Correlation("index_size", INDEX, AMOUNT, 0.6, (0.4, 0.75)),
    Correlation("size_turnover", AMOUNT, TURNOVER, 0.3, (0.15, 0.45)),
    Correlation("age_turnover", AGE, TURNOVER, -0.2, (-0.35, -0.08)),
    Correlation("volume_zero_days", VOLUME, ZERO_DAYS, -0.67, (-0.78, -0.56)),
    Correlation("volume_trades", VOLUME, TRADES, 0.92, (0.85, 0.97)),
    Correlation("spread_bid_ask", RELATIVE_SPREAD, BID_ASK, 0.67, (0.4, 0.88)),
    Correlation("rating_leverage", RATING, LEVERAGE, 0.6, (0.25, 0.92)),
    Correlation("rating_coverage", RATING, COVERAGE, -0.6, (-0.92, -0.3)),
    Correlation("rating_margin", RATING, MARGIN, -0.55, (-0.9, -0.25)),
    Correlation("rating_equity_volatility", RATING, EQUITY, 0.43, (0.1, 0.8)),
    Correlation("spread_equity_volatility", RELATIVE_SPREAD, EQUITY, 0.36, (0.0, 0.8)),
    Correlation("rating_esg", RATING, ESG, -0.21, (-0.6, 0.05)),
    Correlation("esg_raters_a_b", ESG_A, ESG_B, 0.54, (0.0, 0.9)),
    Correlation("esg_raters_a_c", ESG_A, ESG_C, 0.54, (0.0, 0.9)),
    Correlation("esg_raters_b_c", ESG_B, ESG_C, 0.54, (0.0, 0.9)),
    Correlation("assets_news", ASSETS, BUZZ, 0.71, (0.45, 0.88)),
)
