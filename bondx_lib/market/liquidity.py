r"""Liquidity: how easily a bond trades, and the shocks that break it down.

A hidden illiquidity :math:`i` (0 = typical, larger is worse) has a constant part (size, age,
credit, habit), a market part (funding tightness) and a shock part :math:`k`. In each month a shock
arrives with probability

.. math:: p = 1 - \exp\!\big(-\exp(a + b_f f + b_i\, i_{base} + b_k\, k + b_n\, \nu)\big)

given the state of the month before: funding :math:`f`, base illiquidity, the remains of earlier
shocks (self-exciting) and the issuer's credit trend :math:`\nu`. So the probability of a shock next
month is known exactly. A shock raises :math:`k`, which fades by half each month or so. Volume,
trades, bid-ask, depth and trading days all read off :math:`i + k`, each with noise of its own.

The liquidity index is :math:`100\,\Phi(-z)` where :math:`z` averages standardised log bid-ask, log
volume (negative) and days without a trade.

Sources: facts ``half_spread``, ``bid_ask``, ``zero_trading_days``, ``turnover``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from bondx_lib.market import constants, macro
from bondx_lib.market.bonds import Bonds
from bondx_lib.market.issuers import BURN_IN, Issuers
from bondx_lib.market.spreads import ar1
from bondx_lib.market.streams import BLOCK, Streams

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BASE_INTENSITY: Final = np.log(0.042)
BY_FUNDING, BY_BASE, BY_SHOCK, BY_TREND = 0.55, 0.55, 0.85, 1.6
SHOCK_SIZE, SHOCK_KEEP = 1.5, 0.55
FUNDING_PUSH: Final = 0.35
HABIT_SD, WANDER_SD, WANDER_KEEP = 0.45, 0.30, 0.80
BY_AGE, BY_NOTCH, BY_AMOUNT = 0.30, 0.04, -0.45
"""Base illiquidity by log of one year plus age, by notch, and by log of the amount."""

CENTRES: Final = np.array([1.0, 6, 9, 12, 15, 18, 21])
BUSINESS_DAYS: Final = 21
TYPICAL_LOG_BID_ASK, TYPICAL_LOG_VOLUME, TYPICAL_ZERO = np.log(52.0), np.log(7.5e6), 0.61
INDEX_SCALE: Final = np.array([1.05, 1.85, 0.31])


class Liquidity(NamedTuple):
    """Liquidity of a block's bonds, months of observation first, then slot."""

    illiquidity: Floats
    shock: Bools
    shock_probability: Floats
    observed: dict[str, Floats]


def simulate(
    streams: Streams,
    issuers: Issuers,
    bonds: Bonds,
    economy: macro.State,
    age_years: Floats,
) -> Liquidity:
    """Return hidden illiquidity, shocks, their probability next month, and what is observed."""
    rng = streams.common("liquidity", issuers.first // BLOCK)
    months, number = age_years.shape
    rating = np.clip(issuers.rating[BURN_IN:], 1, 21)[:, bonds.slot_seat]
    new = np.diff(bonds.current, axis=0, prepend=bonds.current[:1]) != 0
    base = _base(bonds, rating, age_years)
    wander = ar1(rng.standard_normal((months, number)), WANDER_SD, WANDER_KEEP, new)
    trend = issuers.trend[BURN_IN:][:, bonds.slot_seat]
    uniform = rng.random((months, number))
    level = BASE_INTENSITY + BY_FUNDING * economy.funding[:, None] + BY_BASE * base
    level += BY_TREND * trend
    remains, shock = np.zeros((months, number)), np.zeros((months, number), bool)
    chance = np.zeros((months, number))
    left = np.zeros(number)
    for month in range(months):
        if month:
            shock[month] = (uniform[month] < chance[month - 1]) & ~new[month]
            left = np.where(new[month], 0.0, SHOCK_KEEP * left) + SHOCK_SIZE * shock[month]
        remains[month] = left
        chance[month] = -np.expm1(-np.exp(level[month] + BY_SHOCK * left))
    push = FUNDING_PUSH * np.maximum(economy.funding, 0)[:, None]
    illiquidity = base + wander + push + remains
    wider = constants.scalar("liquidity.bid_ask_in_stress") * np.maximum(economy.funding, 0)
    return Liquidity(
        illiquidity, shock, chance, _observed(rng, bonds, rating, illiquidity, wider[:, None])
    )


def _base(bonds: Bonds, rating: Ints, age_years: Floats) -> Floats:
    of_bond = HABIT_SD * bonds.habit + BY_AMOUNT * np.log(bonds.amount / 5e8)
    return np.asarray(
        BY_AGE * (np.log1p(np.maximum(age_years, 0)) - 1.4)
        + BY_NOTCH * (rating - 9)
        + of_bond[bonds.current]
    )


def _observed(
    rng: Generator, bonds: Bonds, rating: Ints, illiquidity: Floats, wider: Floats
) -> dict[str, Floats]:
    noise = rng.standard_normal((4, *illiquidity.shape))
    amount = bonds.amount[bonds.current]
    by_rating = np.log(constants.array("liquidity.bid_ask_bps"))
    bid_ask = np.interp(np.arange(22), CENTRES, by_rating)[rating]
    bid_ask = np.clip(np.exp(bid_ask + wider + 0.34 * illiquidity + 0.12 * noise[0]), 2, 2500)
    zero = expit(constants.scalar("liquidity.no_trade") + 0.80 * illiquidity + 0.25 * noise[1])
    zero = np.round(zero * BUSINESS_DAYS) / BUSINESS_DAYS
    turnover = constants.scalar("liquidity.turnover") - 0.60 * illiquidity + 0.45 * noise[2]
    volume = amount * np.minimum(np.exp(turnover), 0.6) * (zero < 1)
    trades = np.maximum(np.rint(volume / 4e5), BUSINESS_DAYS * (1 - zero))
    waits = rng.standard_exponential(illiquidity.shape)
    since = np.floor(-waits / np.log(np.clip(zero, 0.02, 0.985)))
    depth = np.exp(np.log(1.2e6) - 0.55 * illiquidity + 0.25 * noise[3])
    return {
        "volume_usd": np.round(volume),
        "trade_count": np.rint(trades),
        "bid_ask_bps": bid_ask,
        "depth_usd": np.round(np.clip(depth, 1e4, 1e9), -3),
        "zero_trading_days_pct": 100 * zero,
        "days_since_trade": np.minimum(since, 250),
        "liquidity_index": index(bid_ask, volume, zero),
    }


def index(bid_ask_bps: Floats, volume_usd: Floats, zero_days: Floats) -> Floats:
    """Return the liquidity index, 0 = frozen to 100 = as liquid as bonds get."""
    parts = (
        np.log(bid_ask_bps) - TYPICAL_LOG_BID_ASK,
        TYPICAL_LOG_VOLUME - np.log(np.maximum(volume_usd, 1e4)),
        zero_days - TYPICAL_ZERO,
    )
    z = sum(part / scale for part, scale in zip(parts, INDEX_SCALE, strict=True)) / 3
    return np.asarray(100 * ndtr(-z))
