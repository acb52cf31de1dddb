r"""Issuers: hidden credit quality, ratings through time, and what their accounts show of it.

The quality :math:`q` (notches, larger is worse) has a persistent trend :math:`d`:

.. math::
    d_{t+1} &= \phi\,d_t + \sigma_d\,\varepsilon \\
    q_{t+1} &= q_t + \kappa(\bar q - q_t) + d_{t+1} - \beta_c\,c_{t+1} + \beta_g\,g_{t+1}
               + \sigma_q\,\eta

with the credit cycle :math:`c` and the sector's stress :math:`g`. Agencies see :math:`q` late
(:mod:`.ratings`). Accounts are published a quarter late and show :math:`q` through the medians of
the ratios by rating, the issuer's own constant habits and noise.

Sources: facts ``issuer_mix``, ``ratio``, ``bonds_per_issuer``, ``one_bond_issuers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bondx_lib.market import facts, macro, ratings
from bondx_lib.market.streams import Streams
from bondx_lib.schema import FIRST_SPECULATIVE, LETTERS, RATING_NUMBER, SECTORS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BURN_IN: Final = 24
"""Months that ratings, trends and memories run before the first observation."""

TREND_KEEP, TREND_NOISE = 0.85, 0.055
QUALITY_PULL, QUALITY_NOISE = 0.03, 0.12
CYCLE_PUSH, SECTOR_PUSH = 0.045, 0.10
ANCHOR_SPREAD: Final = 0.7

_RATED: Final = ("AA", "A", "BBB", "BB", "B", "CCC")
AAA_SHARE: Final = 0.5
"""Per cent of rated issuers; the published counts leave them out."""
LETTER_SHARE: Final = dict(
    zip(("AAA", *_RATED), [AAA_SHARE, *facts.by_letter("issuer_mix.{}", _RATED)], strict=True)
)
NOTCHES: Final = {
    "AAA": ("AAA",), "AA": ("AA+", "AA", "AA-"), "A": ("A+", "A", "A-"),
    "BBB": ("BBB+", "BBB", "BBB-"), "BB": ("BB+", "BB", "BB-"), "B": ("B+", "B", "B-"),
    "CCC": ("CCC+", "CCC", "CCC-"),
}  # fmt: skip
SECTOR_SHARE: Final = np.array([0.14, 0.22, 0.13, 0.20, 0.18, 0.13])

BONDS_LOG_MEAN: Final = {"investment": 1.10, "speculative": 0.50}
BONDS_LOG_SD: Final = {"investment": 1.05, "speculative": 0.75}
MOST_BONDS: Final = 45

_CENTRES: Final = np.array([1.0, 3, 6, 9, 12, 15, 18, 21])
_LEVERAGE: Final = np.append(facts.by_letter("ratio.long_term_debt_capital.{}", LETTERS), 0.80)
_MARGIN: Final = np.append(facts.by_letter("ratio.operating_margin.{}", LETTERS), 0.0)
_CURRENT: Final = np.log(np.append(facts.by_letter("ratio.current_ratio.{}", LETTERS), 1.2))
_CASH: Final = 0.8 * np.append(facts.by_letter("ratio.ebitda_margin.{}", LETTERS), 2.5)
_COVERAGE: Final = np.log(np.array([25.0, 15, 9.0, 5.5, 3.3, 1.7, 0.8, 0.3]) + 2)
"""Log of EBIT over interest plus two; levels by rating from memory, the last for C."""
SECTOR_LEVERAGE: Final = np.array([-0.04, 0.10, 0.02, 0.0, -0.01, -0.03])
SECTOR_MARGIN: Final = np.array([4.0, 3.0, -1.0, -2.0, -2.0, 1.0])


@dataclass(frozen=True)
class Credit:
    """The credit state of issuers in one month; every array has the same shape."""

    quality: Floats
    trend: Floats
    rating: Ints
    memory: Floats


@dataclass(frozen=True)
class Issuers:
    """A world's issuers: what they are, and their paths (months first, then issuer).

    ``rating`` holds 22 from the month of default and 0 from the month of withdrawal; ``moves`` is
    +1 in the month of a downgrade or default, −1 in that of an upgrade. Paths begin ``BURN_IN``
    months before the first observation.
    """

    sector: Ints
    anchor: Floats
    log_assets: Floats
    bonds: Ints
    credit: list[Credit]
    quality: Floats
    rating: Ints
    downgraded: Bools
    equity_return: Floats

    @property
    def count(self) -> int:
        """Return the number of issuers."""
        return len(self.sector)


def bond_counts(streams: Streams, issuers: int) -> Ints:
    """Return how many bonds each issuer has outstanding."""
    speculative = _first_rating(streams, issuers) >= FIRST_SPECULATIVE
    normal = ndtri(np.clip(streams.uniform("bond count", 0, issuers), 1e-12, 1 - 1e-12))
    kinds = np.where(speculative, "speculative", "investment")
    mean = np.array([BONDS_LOG_MEAN[kind] for kind in kinds])
    spread = np.array([BONDS_LOG_SD[kind] for kind in kinds])
    return np.asarray(np.clip(np.rint(np.exp(mean + spread * normal)), 1, MOST_BONDS), np.int64)


def issuers_for(streams: Streams, bonds: int) -> Ints:
    """Return bonds per issuer of as many issuers as it takes to have exactly ``bonds`` bonds."""
    guess = max(8, bonds // 2)
    counts = bond_counts(streams, guess)
    while counts.sum() < bonds:
        guess *= 2
        counts = bond_counts(streams, guess)
    needed = int(np.searchsorted(np.cumsum(counts), bonds)) + 1
    counts = counts[:needed].copy()
    counts[-1] -= counts.sum() - bonds
    return counts


def simulate(streams: Streams, economy: macro.State, burn_in: int, bonds: int) -> Issuers:
    """Return the issuers of a world and their lives under the given economy."""
    counts = issuers_for(streams, bonds)
    number = len(counts)
    months = len(economy.regime) - burn_in + BURN_IN
    first = burn_in - BURN_IN
    sector = np.searchsorted(np.cumsum(SECTOR_SHARE), streams.uniform("sector", 0, number))
    sector = np.minimum(sector, len(SECTORS) - 1)
    rating = _first_rating(streams, number)
    habits = streams.normal("habits", 0, number, 2)
    anchor = rating + ANCHOR_SPREAD * habits[:, 0]
    log_assets = np.log(6e9) - 0.16 * (rating - 9) + 1.1 * habits[:, 1]
    shocks = streams.normal("quality", 0, number, months, 2)
    chances = streams.uniform("rating moves", 0, number, months, 2)
    state = Credit(0.5 * (anchor + rating), np.zeros(number), rating, np.zeros(number))
    states, downgraded = [], np.zeros((months, number), bool)
    for month in range(months):
        here = macro.at(economy, first + month)
        state, downgraded[month] = step(
            state, here, sector, anchor, shocks[:, month], chances[:, month], month > BURN_IN
        )
        states.append(state)
    quality = np.stack([state.quality for state in states])
    return Issuers(
        sector=sector,
        anchor=anchor,
        log_assets=log_assets,
        bonds=counts,
        credit=states,
        quality=quality,
        rating=np.stack([state.rating for state in states]),
        downgraded=downgraded,
        equity_return=_equity(streams, quality, economy.premium[first:]),
    )


def drift(
    state: Credit, here: macro.State, sector: Ints, anchor: Floats, shocks: Floats
) -> tuple[Floats, Floats]:
    """Return next month's quality and trend.

    The state is of shape (issuers,) under one economy or (futures, issuers) under as many
    economies; the last axis of ``shocks`` holds two standard normals.
    """
    common = SECTOR_PUSH * here.sectors[:, sector] - CYCLE_PUSH * here.cycle[:, None]
    trend = TREND_KEEP * state.trend + TREND_NOISE * shocks[..., 0]
    quality = (
        state.quality
        + QUALITY_PULL * (anchor - state.quality)
        + trend
        + (common if state.quality.ndim == 2 else common[0])
        + QUALITY_NOISE * shocks[..., 1]
    )
    return quality, trend


def step(
    state: Credit,
    here: macro.State,
    sector: Ints,
    anchor: Floats,
    shocks: Floats,
    chances: Floats,
    may_leave: bool,
) -> tuple[Credit, Bools]:
    """Return the credit state one month on and who was downgraded or defaulted in it."""
    quality, trend = drift(state, here, sector, anchor, shocks)
    events = ratings.hazards(quality, state.rating, state.memory, here.cycle)
    rating, downgraded = ratings.move(
        state.rating, events, chances[..., 0], chances[..., 1], may_leave=may_leave
    )
    memory = np.where(downgraded, 1.0, ratings.MEMORY_FADES * state.memory)
    return Credit(quality, trend, rating, memory), downgraded


def accounts(streams: Streams, issuers: Issuers, months: int) -> dict[str, Floats]:
    """Return the published ratios and equity figures, months first, then issuer."""
    number = issuers.count
    habits = streams.normal("ratio habits", 0, number, 5)
    noise = streams.normal("ratio noise", 0, number, months + 3, 5)
    rows = np.arange(months)
    quarter = (rows + BURN_IN - 1) // 3 * 3
    seen = issuers.quality[quarter]
    eps = np.moveaxis(noise[:, (quarter - BURN_IN) // 3 + 2], 0, 1)
    level = [
        np.interp(seen, _CENTRES, medians)
        for medians in (_LEVERAGE, _COVERAGE, _MARGIN, _CURRENT, _CASH)
    ]
    sector = issuers.sector
    returns = np.cumsum(issuers.equity_return, axis=0)
    now = rows + BURN_IN
    volatility = np.log(0.30) + 0.055 * (issuers.quality[now] - 9) + 0.10 * habits[:, 3]
    return {
        "leverage": np.clip(
            level[0] + SECTOR_LEVERAGE[sector] + 0.07 * habits[:, 0] + 0.012 * eps[..., 0], 0.01, 2
        ),
        "interest_coverage": np.exp(level[1] + 0.30 * habits[:, 1] + 0.06 * eps[..., 1]) - 2,
        "operating_margin_pct": level[2] + SECTOR_MARGIN[sector] + 3.0 * habits[:, 2]
        + 0.8 * eps[..., 2],
        "current_ratio": np.exp(level[3] + 0.25 * habits[:, 3] + 0.05 * eps[..., 3]),
        "cash_flow_margin_pct": level[4] + 3.5 * habits[:, 4] + 1.2 * eps[..., 4],
        "size_log_assets": issuers.log_assets - 0.01 * (seen - issuers.anchor) + 0.01 * eps[..., 0],
        "equity_return_3m": np.clip(np.expm1(returns[now] - returns[now - 3]), -0.99, 9.0),
        "equity_volatility": np.clip(np.exp(volatility + 0.06 * noise[:, :months, 4].T), 0.03, 4.5),
    }  # fmt: skip


def _first_rating(streams: Streams, issuers: int) -> Ints:
    """Draw a letter by the mix of rated issuers and one of its notches."""
    numbers = [RATING_NUMBER[notch] for notches in NOTCHES.values() for notch in notches]
    shares = [
        LETTER_SHARE[name] / len(notches) for name, notches in NOTCHES.items() for _ in notches
    ]
    edges = np.cumsum(shares) / np.sum(shares)
    picked = np.searchsorted(edges, streams.uniform("first rating", 0, issuers), side="right")
    return np.asarray(numbers)[np.minimum(picked, len(numbers) - 1)]


def _equity(streams: Streams, quality: Floats, premium: Floats) -> Floats:
    """Return monthly log equity returns: worse credit and a dearer risk premium lower them."""
    months, number = quality.shape
    change = np.diff(quality, axis=0, prepend=quality[:1])
    market = np.diff(premium, prepend=premium[:1])[:, None]
    noise = streams.normal("equity", 0, number, months).T
    return np.asarray(0.005 - 0.10 * change - 0.35 * market + 0.065 * noise)
