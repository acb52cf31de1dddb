"""How far the columns of a variation stray from those of a reference, from counts by bin.

Numeric columns are counted between the percentiles of the reference, so that the counts of parts
add up; what follows from distribution functions is therefore known at the percentiles.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from bondx_lib.gates.part import Ints, Part
from bondx_lib.gates.tallies import Floats, Shares
from bondx_lib.schema import LETTERS, SECTORS, SENIORITIES

RELATIVE: Final = "spread_to_market"
"""The logarithm of a row's spread over that of the market in its month."""

PLAIN: Final = (
    "coupon_pct", "age_years", "clean_price", "zero_trading_days_pct", "liquidity_index",
    "leverage", "operating_margin_pct", "cash_flow_margin_pct", "current_ratio", "size_log_assets",
    "equity_return_3m", "esg_score", "news_sentiment", "treasury_2y_pct", "treasury_10y_pct",
    "funding_spread_bps",
)  # fmt: skip
LOGS: Final = (
    "spread_bps", "yield_pct", "maturity_years", "duration_years", "amount_outstanding_usd",
    "volume_usd", "depth_usd", "bid_ask_bps", "interest_coverage", "equity_volatility",
    "web_traffic_index", "utility_load_index", "market_spread_bps", "equity_index_volatility",
)  # fmt: skip
COUNTS: Final = ("trade_count", "days_since_trade", "buzz_volume")
NUMERIC: Final = (RELATIVE, *PLAIN, *LOGS, *COUNTS)
CATEGORIES: Final[dict[str, tuple[Any, ...]]] = {
    "sector": SECTORS, "rating": LETTERS, "seniority": SENIORITIES, "callable": (False, True),
}  # fmt: skip

LEAST_SHARE: Final = 1e-4
"""An empty group counts as this share in the population stability index."""
TAIL_SHARE: Final = 0.02
"""What holds more of the reference is no tail but a point where many rows stand."""


@dataclass(frozen=True)
class Grid:
    """How one column is distributed in the reference.

    Attributes
    ----------
    edges
        Of shape (k,): percentiles, each once; a bin ends with its edge. Empty for a category.
    shares
        Of shape (k + 2,): share of the rows in each bin, the last being missing values; for a
        category that of each word, the last being any other.
    """

    edges: Floats
    shares: Floats

    @functools.cached_property
    def cumulated(self) -> Floats:
        """Return the share of the values that are there up to each edge."""
        return cumulated(self.shares)

    @functools.cached_property
    def decile(self) -> Ints:
        """Return the decile that the middle of each bin lies in; 10 for missing values."""
        there = self.shares[:-1] / self.shares[:-1].sum()
        middle = np.cumsum(there) - there / 2
        return np.append(np.clip(np.floor(10 * middle), 0, 9), 10).astype(np.int64)

    @functools.cached_property
    def middle_half(self) -> float:
        """Return the interquartile range, in the unit of the edges."""
        low, high = np.interp((0.25, 0.75), self.cumulated, self.edges)
        return float(high - low)


def cumulated(shares: Floats) -> Floats:
    """Return the share of the values that are there up to each edge; NaN if none is."""
    there = shares[:-1].sum()
    if not there > 0:
        return np.full(len(shares) - 2, np.nan)
    return np.asarray(np.cumsum(shares[:-2]) / there)


def psi(shares: Floats, grid: Grid) -> float:
    r"""Return the population stability index over deciles and missing values.

    .. math:: \sum_i (a_i - e_i) \ln (a_i / e_i)
    """
    actual, expected = (
        np.maximum(np.bincount(grid.decile, one, 11), LEAST_SHARE) for one in (shares, grid.shares)
    )
    return float(((actual - expected) * np.log(actual / expected)).sum())


def kolmogorov_smirnov(shares: Floats, grid: Grid) -> float:
    """Return the largest distance between the distribution functions, at the percentiles."""
    return float(np.abs(cumulated(shares) - grid.cumulated).max())


def wasserstein(shares: Floats, grid: Grid) -> float:
    """Return the area between the distribution functions from the first percentile to the last.

    In units of the interquartile range of the reference.
    """
    apart = np.abs(cumulated(shares) - grid.cumulated)
    area = float(((apart[1:] + apart[:-1]) / 2 * np.diff(grid.edges)).sum())
    return area / grid.middle_half if grid.middle_half > 0 else float("nan")


def tails(shares: Floats, grid: Grid) -> float:
    """Return how many more percent of the values lie beyond the outer percentiles than should.

    The larger excess of the two sides, 0 if neither has any; NaN if the reference has no tails.
    """
    if not shares[:-1].sum() > 0:
        return float("nan")
    actual, usual = (one[:-1] / one[:-1].sum() for one in (shares, grid.shares))
    excess = [
        100 * float(actual[side] - usual[side]) for side in (0, -1) if usual[side] <= TAIL_SHARE
    ]
    return max(*excess, 0.0) if excess else float("nan")


def category_mix(shares: Floats, grid: Grid) -> float:
    """Return how many percent of the rows would have to change their word (total variation)."""
    return 50 * float(np.abs(shares - grid.shares).sum())


Measure = Callable[[Floats, Grid], float]
Scale = Callable[[Floats], Floats]
ECONOMY: Final = (
    "treasury_2y_pct", "treasury_10y_pct", "market_spread_bps", "equity_index_volatility",
    "funding_spread_bps",
)  # fmt: skip
"""Columns that all rows of a month share. A variation has one path of each, whose tails say how the
economy went and nothing of the data."""

MEASURES: Final[dict[str, tuple[Measure, tuple[str, ...]]]] = {
    "psi": (psi, NUMERIC),
    "kolmogorov_smirnov": (kolmogorov_smirnov, NUMERIC),
    "wasserstein": (wasserstein, NUMERIC),
    "tails": (tails, tuple(name for name in NUMERIC if name not in ECONOMY)),
    "category_mix": (category_mix, tuple(CATEGORIES)),
}


def _odds(whole: float, usual: float = 0.0) -> tuple[Scale, Scale]:
    """Return log-odds of a statistic that lies between 0 and a whole, and the way back."""
    ends = (LEAST_SHARE, 1 - LEAST_SHARE)
    return (
        lambda one: np.asarray(logit(np.clip((one + usual) / (whole + usual), *ends))),
        lambda one: np.asarray(expit(one) * (whole + usual) - usual),
    )


def _logarithm() -> tuple[Scale, Scale]:
    return lambda one: np.asarray(np.log(np.maximum(one, LEAST_SHARE))), np.exp


SCALES: Final[dict[str, tuple[Scale, Scale]]] = {
    "psi": _logarithm(),
    "kolmogorov_smirnov": _odds(1.0),
    "wasserstein": _logarithm(),
    "tails": _odds(100.0, usual=1.0),
    "category_mix": _odds(100.0),
}
"""Where the statistics of clean variations are spread alike for all columns, and the way back."""


def values(part: Part, name: str) -> Floats | None:
    """Return a numeric column on the scale of the reference; None if the part lacks it.

    Logarithms of what is not positive are −∞: such a value lies below all others, it is not
    missing.
    """
    if name == RELATIVE:
        if not part.has(("spread_bps", "market_spread_bps")):
            return None
        whole = _log(part.numbers("market_spread_bps"))
        return _log(part.numbers("spread_bps")) - np.where(np.isfinite(whole), whole, np.nan)
    if name not in part.rows.columns:
        return None
    found = part.numbers(name)
    if name in LOGS:
        return _log(found)
    return _log(found + 1) if name in COUNTS else found


def places(part: Part, name: str, grid: Grid) -> Ints | None:
    """Return the bin of each row; None if the part lacks the column."""
    if name in CATEGORIES:
        return words(part, name)
    found = values(part, name)
    if found is None:
        return None
    bins = np.searchsorted(grid.edges, found, side="left")
    return np.where(np.isnan(found), len(grid.edges) + 1, bins).astype(np.int64)


def counted(part: Part, names: Sequence[str], grids: Mapping[str, Grid]) -> dict[str, Shares]:
    """Return by column what share of the rows, each as its weight, lies in each bin."""
    found: dict[str, Shares] = {}
    if len(part) == 0:
        return found
    issuers = int(part.issuer.max()) + 1
    weights = np.bincount(part.issuer, part.weight, issuers).astype(float)
    for name in names:
        size, bins = len(grids[name].shares), places(part, name, grids[name])
        if bins is not None:
            hits = np.bincount(part.issuer * size + bins, part.weight, issuers * size)
            found[name] = Shares.of(hits.reshape(issuers, size).astype(float), weights)
    return found


def stray(gate: str, tallies: Mapping[str, Shares], grids: Mapping[str, Grid]) -> dict[str, float]:
    """Return the statistic of each column that was counted, if it has one."""
    measure, names = MEASURES[gate]
    found = {
        name: measure(tallies[name].share, grids[name])
        for name in names
        if name in tallies and tallies[name].rows > 0
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def words(part: Part, name: str) -> Ints | None:
    """Return the number of each row's word, the last for any other; None without the column."""
    if name not in part.rows.columns:
        return None
    known = CATEGORIES[name]
    number = {word: place for place, word in enumerate(known)}
    given = pd.Series(part.letters if name == "rating" else part.rows[name].astype(object))
    found = given.map(number).to_numpy(float, na_value=np.nan)
    return np.where(np.isnan(found), len(known), found).astype(np.int64)


def _log(found: Floats) -> Floats:
    with np.errstate(all="ignore"):
        return np.where(found > 0, np.log(found), np.where(np.isnan(found), np.nan, -np.inf))
