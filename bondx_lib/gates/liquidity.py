"""Liquidity: is this a market in which prices mean something?"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd
from scipy import stats

from bondx_lib.gates.base import DataGate, Extent, Finding, Gate, RowGate, Setting, judged, scalar
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import (
    CONFIDENCE,
    Floats,
    Interval,
    Shares,
    Tally,
    histograms,
    wilson,
)

STEPS: Final = 1000
"""Bins between the ends of what can be seen; a median is known to one of them."""

LEAST_ROOM: Final = 5.0
"""Points of the index between the limit and where no tolerance is used up, at least."""

USUAL: Final = {"AAA": 65.0, "AA": 60.0, "A": 55.0, "BBB": 49.0, "BB": 45.0, "B": 39.0, "CCC": 28.0}
"""Median index by letter where funding is calm, in 60 baseline draws of 600 bonds and 36 months:
469,000 rows with a funding spread of at most 30 bp, 8,300 issuers. The medians of the sectors lie
within a point of that of all, so that the sector mix matters only through its ratings."""

CALM_BPS, PER_FUNDING_BP = 30.0, 0.46
"""Funding spread up to which the index does not depend on it, and points lost per basis point
above: the pair of least mean absolute error over the 824,000 rows of the same draws."""

LEAST_ISSUERS: Final = 3
"""Issuers of equal size that a slice must be worth: one or two say nothing of the others."""

PATH_MONTHS: Final = 36
"""Months of history at which the deviations between macro paths were measured."""


class MedianGate(DataGate):
    """A gate on the median of the liquidity index, or of the index less what is usual.

    Attributes
    ----------
    ends
        Least and largest value that can be seen.
    typical
        Where no tolerance is used up.
    path_sd
        Standard deviation of the median between macro paths of 36 months, however many bonds. The
        issuers of a world share one path, so the interval between issuers cannot know of it; it is
        added to the interval.
    by
        Slices to judge in place of all rows; each warns only if the whole of its interval, at a
        confidence shared out between the slices, lies below the limit, and uses up what is certain.
    """

    family = "liquidity"
    unit = "index"
    basis = "sample"
    columns: ClassVar[tuple[str, ...]] = ("liquidity_index",)
    what: ClassVar[str] = "median liquidity index"
    ends: ClassVar[Interval] = (0.0, 100.0)
    typical: ClassVar[float] = 50.0
    path_sd: ClassVar[float] = 6.0
    by: ClassVar[tuple[str, ...]] = ()

    def values(self, part: Part) -> Floats:
        """Return the value of each row, NaN where there is none."""
        return part.numbers("liquidity_index")

    def count(self, part: Part) -> Tally[Shares]:
        """Count the rows of each slice up to each bin."""
        values, (low, high) = self.values(part), self.ends
        with np.errstate(invalid="ignore"):
            places = np.clip((values - low) / (high - low) * STEPS, 0, STEPS - 1)
        slices = part.slices(self.by)
        found = {}
        for name, here in slices[1:] if self.by else slices:
            chosen = here & np.isfinite(values)
            if chosen.any():
                issuer = np.unique(part.issuer[chosen], return_inverse=True)[1]
                bins, weight = places[chosen].astype(np.int64), part.weight[chosen]
                counts = histograms(issuer, bins, STEPS, weight)
                found[name] = Shares.of(counts.cumsum(axis=1), counts.sum(axis=1))
        return Tally(found)

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return a finding on each slice."""
        confidence = 1 - (1 - CONFIDENCE) / len(tally.slices)
        # Four times the months halve the variance between paths: cycles outlast most histories.
        years = np.sqrt(PATH_MONTHS / max(extent.months, 1))
        path = self.path_sd * float(np.sqrt(years / max(len(extent.worlds), 1)))
        return tuple(
            self._finding(name, shares, setting, confidence, path)
            for name, shares in tally.slices.items()
        )

    def _finding(
        self, name: str, shares: Shares, setting: Setting, confidence: float, path: float
    ) -> Finding:
        limit, (low, high) = scalar(setting.threshold), self.ends
        middle, between = median(shares, confidence)
        observed, least, most = (low + (high - low) * one / 100 for one in (middle, *between))
        common = path * float(stats.norm.ppf((1 + confidence) / 2))
        least = max(observed - float(np.hypot(observed - least, common)), low)
        most = min(observed + float(np.hypot(most - observed, common)), high)
        if self.by and shares.rows**2 < LEAST_ISSUERS * shares.row_squares:
            least, most = low, high
        verdict = judged(observed, (least, most), limit, self.basis, largest=False)
        best = max(self.typical, limit + LEAST_ROOM)
        used = max(best - (most if self.by else observed), 0.0) / (best - limit)
        doubt = ", but so few issuers and months cannot tell" if verdict == "inconclusive" else ""
        message = (
            f"The {self.what} of {int(shares.rows):,} rows is {observed:.1f}, at least {limit:g} "
            f"needed{doubt}."
        )
        return Finding(self.name, name, observed, (least, most), limit, int(shares.rows),
                       setting.severity, verdict, message, used)  # fmt: skip


class LiquidityMedian(MedianGate):
    """Median of the liquidity index.

    Its deviation between paths was measured in baseline draws of 500 bonds: 6.7 points at 24
    months, 5.9 at 36, 5.0 at 60 and 4.5 at 120, as the fourth root of the months says.
    """

    name = "liquidity_index_median"
    catches = "a market too illiquid for its prices to be trusted"
    parameter = "liquidity_index_median_min"
    severity = "block"
    false_alarm = 0.002


class LiquidityAdjusted(MedianGate):
    r"""Median of the liquidity index less what is usual at the row's rating and funding spread.

    A market of low ratings, or in a month of tight funding, is less liquid without anything being
    wrong. With :math:`u` the usual index at the letter and :math:`f` the funding spread,

    .. math:: x = index - u + 0.46\,\max(f - 30, 0)
    """

    name = "liquidity_index_adjusted"
    catches = "a market less liquid than its ratings and its funding explain"
    limit = -6.0
    severity = "warn"
    what = "median liquidity index, less what is usual at the rating and in such funding,"
    columns: ClassVar[tuple[str, ...]] = ("liquidity_index", "rating")
    ends = (-100.0, 100.0)
    typical = 0.0
    path_sd = 1.2

    def values(self, part: Part) -> Floats:
        """Return the index less what is usual; NaN where the rating is not a known one."""
        usual = pd.Series(part.letters).map(USUAL).to_numpy(float, na_value=np.nan)
        value = part.numbers("liquidity_index") - usual
        if "funding_spread_bps" in part.rows.columns:
            tight = np.maximum(part.numbers("funding_spread_bps") - CALM_BPS, 0.0)
            value += PER_FUNDING_BP * np.where(np.isfinite(tight), tight, 0.0)
        return np.asarray(value)


class LiquidityBySector(LiquidityAdjusted):
    """The same median within each sector."""

    name = "liquidity_by_sector"
    catches = "a sector less liquid than its ratings and the funding explain"
    columns = ("liquidity_index", "rating", "sector")
    limit = -8.0
    by = ("sector",)


class Untraded(RowGate):
    """Share of rows of months in which the bond did not trade."""

    name = "untraded"
    family = "liquidity"
    catches = "prices that no trade supports"
    what = "belong to a month without a trade"
    limit = 10.0
    severity = "warn"
    basis = "sample"
    columns = ("trade_count",)

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows without a trade, or without a day on which one could have been."""
        none = rows["trade_count"] <= 0
        if "zero_trading_days_pct" in rows.columns:
            none |= rows["zero_trading_days_pct"] >= 100
        return none


class QuotesCrossed(RowGate):
    """Share of rows whose bid lies above the offer."""

    name = "quotes_crossed"
    family = "liquidity"
    catches = "bid and offer in each other's place"
    what = "have a bid above the offer"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.001
    columns = ("bid_price", "ask_price")

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows whose bid lies above the offer."""
        return rows["bid_price"] > rows["ask_price"]


def median(shares: Shares, confidence: float = CONFIDENCE) -> tuple[float, Interval]:
    """Return the median and its interval in percent of the way between the ends.

    Parameters
    ----------
    shares
        Of rows up to each of the bins.
    confidence
        Of the interval.
    """
    share, rows = shares.share, shares.effective_rows()
    place = _bin(share, 0.5)
    low, high = wilson(0.5, float(rows[place]), confidence)
    return _point(place), (_point(_bin(share, low)), _point(_bin(share, high)))


def _bin(share: Floats, level: float) -> int:
    return min(int(np.searchsorted(share, level)), STEPS - 1)


def _point(place: int) -> float:
    return 100 * (place + 0.5) / STEPS


GATES: Final[tuple[Gate, ...]] = (
    LiquidityMedian(), LiquidityAdjusted(), LiquidityBySector(), Untraded(), QuotesCrossed(),
)  # fmt: skip
