r"""Issuers: hidden credit quality, ratings through time, and what their accounts show of it.

The quality :math:`q` (notches, larger is worse) has a persistent trend :math:`d`:

.. math::
    d_{t+1} &= \phi\,d_t + \sigma_d\,\varepsilon \\
    q_{t+1} &= q_t + \kappa(\bar q - q_t) + d_{t+1} - \beta_c\,c_{t+1} + \beta_g\,g_{t+1}
               + \sigma_q\,\eta

with the credit cycle :math:`c` and the sector's stress :math:`g`. Agencies see :math:`q` late
(:mod:`.ratings`). Accounts are published a quarter late and show :math:`q` through the medians of
the ratios by rating, the issuer's own constant habits and noise.

Issuers live in *seats*. When one defaults or has its rating withdrawn, a new issuer of the same
class (investment or speculative grade) takes its seat some months later, so that a long history
neither empties nor changes its mix. A seat's number and the generation together name an issuer.

Sources: facts ``issuer_mix``, ``ratio``, ``bonds_per_issuer``, ``one_bond_issuers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri

from bondx_lib.market import constants, facts, macro, ratings
from bondx_lib.market.streams import BLOCK, Streams
from bondx_lib.schema import FIRST_SPECULATIVE, LETTERS, RATING_NUMBER, SECTORS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BURN_IN: Final = 24
"""Months that ratings, trends and memories run before the first observation."""
VACANT_MONTHS: Final = 3
"""Months that a seat stays empty after its issuer has left."""
OLDEST_FIRST_RATING: Final = 96
"""Ratings are up to so many months old when the burn-in begins."""

TREND_KEEP, TREND_NOISE = 0.85, 0.055
QUALITY_PULL, QUALITY_NOISE = 0.02, 0.12
CYCLE_PUSH, SECTOR_PUSH = 0.045, 0.10
ANCHOR_SPREAD: Final = 0.7
ANCHOR_PULL, ANCHOR_CENTRE = 0.2, 9.0
"""In the long run issuers come nearer to the middle of the ladder, by this share."""
EQUITY_MARKET_SD: Final = 0.040
"""Monthly shocks of the equity market that credit does not share."""

NOTCHES: Final = {
    "AAA": ("AAA",), "AA": ("AA+", "AA", "AA-"), "A": ("A+", "A", "A-"),
    "BBB": ("BBB+", "BBB", "BBB-"), "BB": ("BB+", "BB", "BB-"), "B": ("B+", "B", "B-"),
    "CCC": ("CCC+", "CCC", "CCC-"),
}  # fmt: skip
SECTOR_SHARE: Final = np.array([0.14, 0.22, 0.13, 0.20, 0.18, 0.13])
MOST_BONDS: Final = 45
SPECULATIVE_BONDS_LOG_MEAN: Final = 0.50
BONDS_LOG_SD: Final = (0.75, 1.05)
"""Of speculative and of investment grade."""

_CENTRES: Final = np.array([1.0, 3, 6, 9, 12, 15, 18, 21])
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
class Habits:
    """What stays with an issuer for life; each array is (generation, seat) or has one axis more."""

    rating: Ints
    anchor: Floats
    log_assets: Floats
    ratios: Floats
    alternative: Floats
    esg: Floats
    name: Floats


@dataclass(frozen=True)
class Issuers:
    """A block of seats: what their issuers are, and their paths (months first, then seat).

    Attributes
    ----------
    first
        Number of the block's first seat.
    sector, slots
        Of each seat: its sector, and how many bonds it has outstanding.
    habits
        Of each generation and seat.
    quality, trend, memory
        Hidden state. Paths begin ``BURN_IN`` months before the first observation.
    rating
        Notches; 22 from the month of default and 0 from that of withdrawal, until the next issuer.
    generation
        Which issuer holds the seat.
    entered
        Whether a new issuer takes the seat in the month.
    downgraded
        Downgraded or defaulted in the month.
    rating_age, last_move
        Months since the last change of rating, and its direction, +1 for a downgrade.
    equity_return
        Monthly log returns.
    """

    first: int
    sector: Ints
    slots: Ints
    habits: Habits
    quality: Floats
    trend: Floats
    memory: Floats
    rating: Ints
    generation: Ints
    entered: Bools
    downgraded: Bools
    rating_age: Ints
    last_move: Ints
    equity_return: Floats

    def credit(self, month: int, seats: int) -> Credit:
        """Return the state of the first seats in a month of observation."""
        here = (BURN_IN + month, slice(seats))
        return Credit(self.quality[here], self.trend[here], self.rating[here], self.memory[here])

    def habit(self, name: str) -> Floats:
        """Return a habit of the issuers that hold the seats, by month of observation and seat."""
        values = getattr(self.habits, name)
        return np.asarray(values[self.generation[BURN_IN:], np.arange(len(self.sector))])


def simulate(streams: Streams, block: int, economy: macro.State, burn_in: int) -> Issuers:
    """Return a block of seats and the lives in them under the given economy.

    Parameters
    ----------
    streams, block
        The world's random numbers, and which block of seats.
    economy, burn_in
        One path, of which ``burn_in`` months lie before the first observation.
    """
    months = len(economy.regime) - burn_in + BURN_IN
    begin = burn_in - BURN_IN
    rng = streams.common("seats", block)
    sector = np.searchsorted(np.cumsum(SECTOR_SHARE), rng.random(BLOCK))
    sector = np.minimum(sector, len(SECTORS) - 1)
    speculative = _first_rating(rng.random(BLOCK), None) >= FIRST_SPECULATIVE
    slots = _slots(rng.random(BLOCK), speculative)
    first_age = (OLDEST_FIRST_RATING * rng.random(BLOCK)).astype(np.int64)
    lives = [_habits(streams, block, 0, speculative)]
    paths = streams.common("lives", block)
    shocks = np.moveaxis(paths.standard_normal((months, 2, BLOCK)), 1, -1)
    chances = paths.random((months, 2, BLOCK))
    fresh = [_entering(lives[0])]
    state, anchor = fresh[0], lives[0].anchor
    generation, vacant = np.zeros(BLOCK, np.int64), np.zeros(BLOCK, np.int64)
    record: dict[str, list[NDArray[np.generic]]] = {name: [] for name in _RECORDED}
    for month in range(months):
        here = macro.at(economy, begin + month)
        state, downgraded = step(
            state, here, sector, anchor, shocks[month], chances[month], month > BURN_IN
        )
        gone = (state.rating == ratings.DEFAULTED) | (state.rating == ratings.WITHDRAWN)
        vacant = np.where(gone, vacant + 1, 0)
        entered = vacant > VACANT_MONTHS
        if entered.any():
            generation = generation + entered
            while len(lives) <= generation.max():
                lives.append(_habits(streams, block, len(lives), speculative))
                fresh.append(_entering(lives[-1]))
            state = _seated(state, entered, fresh, generation)
            anchor = np.choose(generation, [life.anchor for life in lives])
            vacant = np.where(entered, 0, vacant)
        values = (state.quality, state.trend, state.memory, state.rating, generation, entered,
                  downgraded)  # fmt: skip
        for name, value in zip(_RECORDED, values, strict=True):
            record[name].append(value)
    path = {name: np.stack(values) for name, values in record.items()}
    age, last = _last_change(path["rating"], path["entered"], lives[0].rating, first_age)
    return Issuers(
        first=block * BLOCK,
        sector=sector,
        slots=slots,
        habits=Habits(
            **{name: np.stack([getattr(life, name) for life in lives]) for name in vars(lives[0])}
        ),
        equity_return=_equity(
            streams, paths, path["quality"], path["entered"], economy.premium[begin:]
        ),
        rating_age=age,
        last_move=last,
        **path,
    )


_RECORDED: Final = (
    "quality",
    "trend",
    "memory",
    "rating",
    "generation",
    "entered",
    "downgraded",
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
        state.rating, events, chances[0], chances[1], may_leave=may_leave
    )
    memory = np.where(downgraded, 1.0, ratings.MEMORY_FADES * state.memory)
    return Credit(quality, trend, rating, memory), downgraded


def accounts(streams: Streams, issuers: Issuers) -> dict[str, Floats]:
    """Return the published ratios and equity figures, months of observation first, then seat."""
    rng = streams.common("accounts", issuers.first // BLOCK)
    months = len(issuers.quality) - BURN_IN
    rows = np.arange(months)
    quarters = (rows + BURN_IN - 1) // 3 - BURN_IN // 3 + 1
    eps = rng.standard_normal((months // 3 + 2, 5, BLOCK))[quarters]
    seen = _seen(issuers, months)
    fitted = [
        constants.array(f"issuers.{name}")
        for name in ("leverage", "operating_margin_pct", "log_current_ratio")
    ]
    medians = (fitted[0], _COVERAGE, fitted[1], fitted[2], _CASH)
    level = [np.interp(seen, _CENTRES, by_rating) for by_rating in medians]
    sector = issuers.sector
    habits = np.moveaxis(issuers.habit("ratios"), -1, 0)
    returns = np.cumsum(issuers.equity_return, axis=0)[BURN_IN - 3 :]
    quality = issuers.quality[BURN_IN:]
    volatility = np.log(0.30) + 0.055 * (quality - 9) + 0.30 * habits[3]
    volatility += 0.06 * rng.standard_normal((months, BLOCK))
    size = issuers.habit("log_assets") - 0.01 * (seen - issuers.habit("anchor"))
    return {
        "leverage": np.clip(
            level[0] + SECTOR_LEVERAGE[sector] + 0.10 * habits[0] + 0.02 * eps[:, 0], 0.01, 2
        ),
        "interest_coverage": np.exp(level[1] + 0.45 * habits[1] + 0.10 * eps[:, 1]) - 2,
        "operating_margin_pct": level[2]
        + SECTOR_MARGIN[sector]
        + 4.5 * habits[2]
        + 1.4 * eps[:, 2],
        "current_ratio": np.exp(level[3] + 0.25 * habits[3] + 0.05 * eps[:, 3]),
        "cash_flow_margin_pct": level[4] + 5.0 * habits[4] + 2.0 * eps[:, 4],
        "size_log_assets": size + 0.01 * eps[:, 0],
        "equity_return_3m": np.clip(np.expm1(returns[3:] - returns[:-3]), -0.99, 9.0),
        "equity_volatility": np.clip(np.exp(volatility), 0.03, 4.5),
    }


def _seen(issuers: Issuers, months: int) -> Floats:
    """Return the quality at the last published quarter's end, or at entry if that is later."""
    rows = np.arange(len(issuers.quality))[:, None]
    entry = np.maximum.accumulate(np.where(issuers.entered, rows, 0), axis=0)[BURN_IN:]
    quarter = (np.arange(months) + BURN_IN - 1) // 3 * 3
    month = np.maximum(quarter[:, None], entry)
    return np.asarray(issuers.quality[month, np.arange(issuers.quality.shape[1])])


def _slots(uniform: Floats, speculative: Bools) -> Ints:
    """Return how many bonds a seat has outstanding, log-normal by class."""
    normal = ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    investment = constants.scalar("issuers.bonds_log_mean")
    mean = np.where(speculative, SPECULATIVE_BONDS_LOG_MEAN, investment)
    spread = np.where(speculative, *BONDS_LOG_SD)
    return np.clip(np.rint(np.exp(mean + spread * normal)), 1, MOST_BONDS).astype(np.int64)


def _habits(streams: Streams, block: int, generation: int, speculative: Bools) -> Habits:
    """Draw what stays with the issuers of one generation for life."""
    rng = streams.common(f"issuers of generation {generation}", block)
    rating = _first_rating(rng.random(BLOCK), speculative)
    normal = rng.standard_normal((2, BLOCK))
    return Habits(
        rating=rating,
        anchor=rating - ANCHOR_PULL * (rating - ANCHOR_CENTRE) + ANCHOR_SPREAD * normal[0],
        log_assets=np.log(6e9) - 0.16 * (rating - 9) + 1.1 * normal[1],
        ratios=rng.standard_normal((BLOCK, 5)),
        alternative=rng.standard_normal((BLOCK, 2)),
        esg=rng.standard_normal((BLOCK, 5)),
        name=rng.random((BLOCK, 3)),
    )


def _entering(life: Habits) -> Credit:
    number = len(life.rating)
    return Credit(
        0.5 * (life.anchor + life.rating), np.zeros(number), life.rating, np.zeros(number)
    )


def _seated(state: Credit, entered: Bools, fresh: list[Credit], generation: Ints) -> Credit:
    """Return the state with the newcomers' in their seats."""
    seats = np.flatnonzero(entered)
    values = {name: value.copy() for name, value in vars(state).items()}
    for which in np.unique(generation[seats]):
        here = seats[generation[seats] == which]
        for name, value in values.items():
            value[here] = getattr(fresh[which], name)[here]
    return Credit(**values)


def _first_rating(uniform: Floats, speculative: Bools | None) -> Ints:
    """Draw a letter by the entrants' mix and one of its notches; of a class where one is given."""
    share = constants.array("issuers.entrant_pct")
    numbers = np.array([RATING_NUMBER[notch] for notches in NOTCHES.values() for notch in notches])
    shares = np.array([
        share[place] / len(notches) for place, notches in enumerate(NOTCHES.values())
        for _ in notches
    ])  # fmt: skip
    edges = np.cumsum(shares) / np.sum(shares)
    if speculative is not None:
        border = edges[np.searchsorted(numbers, FIRST_SPECULATIVE) - 1]
        uniform = np.where(speculative, border + (1 - border) * uniform, border * uniform)
    picked = np.searchsorted(edges, uniform, side="right")
    return np.asarray(numbers[np.minimum(picked, len(numbers) - 1)])


def _last_change(rating: Ints, entered: Bools, first: Ints, first_age: Ints) -> tuple[Ints, Ints]:
    """Return the months since the last change of rating, and its direction, 0 for an entry."""
    month = np.arange(len(rating))[:, None]
    moved = np.sign(np.diff(rating, axis=0, prepend=first[None]))
    changed = np.maximum.accumulate(np.where(moved != 0, month, -1), axis=0)
    age = np.where(changed < 0, first_age + 1 + month, month - changed)
    direction = np.where(entered, 0, moved)
    last = direction[np.maximum(changed, 0), np.arange(rating.shape[1])]
    return age, np.where(changed < 0, 0, last)


def _equity(
    streams: Streams, rng: Generator, quality: Floats, entered: Bools, premium: Floats
) -> Floats:
    """Return monthly log equity returns: worse credit and a dearer risk premium lower them."""
    change = np.diff(quality, axis=0, prepend=quality[:1])
    change[entered] = 0
    market = -0.35 * np.diff(premium, prepend=premium[:1])
    market += EQUITY_MARKET_SD * streams.common("equity market").standard_normal(len(premium))
    noise = rng.standard_normal(quality.shape)
    return np.asarray(0.005 - 0.10 * change + market[:, None] + 0.085 * noise)
