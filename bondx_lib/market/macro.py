r"""The economy: regimes, credit cycle, risk premium, funding, sectors, risk-free curve.

Everything that all issuers share. A three-state Markov chain (expansion, slowdown, stress) pulls

* the credit cycle :math:`c` (good times positive),
* the risk premium :math:`x`, which moves all log spreads together,
* the funding tightness :math:`f`,

each mean-reverting to a level of the regime; the curve is Nelson-Siegel with autoregressive level,
slope and curvature; each sector has its own stress :math:`g`. One step is one month. All arrays
carry the number of parallel paths first, so that the same law steps the one history and the many
futures behind the true probabilities.

Sources: facts ``recession_share``, ``oas_ar1``, ``oas_change``; Nelson and Siegel [2].
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bondx_lib.schema import REGIMES, SECTORS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPANSION, SLOWDOWN, STRESS = range(len(REGIMES))
TRANSITION: Final = np.array([[0.98, 0.02, 0.0], [0.10, 0.82, 0.08], [0.0, 0.10, 0.90]])

CYCLE_LEVEL: Final = np.array([0.45, -0.4, -1.7])
CYCLE_PULL, CYCLE_NOISE = 0.12, 0.20
PREMIUM_LEVEL: Final = np.array([-0.10, 0.12, 0.62])
PREMIUM_PULL, PREMIUM_NOISE, PREMIUM_STRESS_NOISE = 0.09, 0.060, 0.130
FUNDING_LEVEL: Final = np.array([-0.35, 0.25, 1.5])
FUNDING_PULL, FUNDING_NOISE = 0.22, 0.30
SECTOR_KEEP, SECTOR_NOISE = 0.95, 0.035
CURVE_MEAN: Final = np.array([4.3, -1.1, -0.6])
CURVE_KEEP: Final = np.array([0.985, 0.96, 0.93])
CURVE_NOISE: Final = np.array([0.17, 0.20, 0.28])
CURVE_DECAY_YEARS: Final = 1.8
STRESS_CUTS_SLOPE: Final = -0.05

SHOCKED_SECTOR: Final = "Energy"
NOISES: Final = 6 + len(SECTORS)


@dataclass(frozen=True)
class State:
    """The economy at one month end; the first axis of each array is the path."""

    regime: Ints
    cycle: Floats
    premium: Floats
    funding: Floats
    curve: Floats
    sectors: Floats


@dataclass(frozen=True)
class Forcing:
    """What a scenario does to the economy in the months from ``begin`` to ``end``."""

    begin: int
    end: int
    regime: int | None = None
    cycle: float = 0.0
    premium: float = 0.0
    funding: float = 0.0
    level: float = 0.0
    sector: float = 0.0


def forcing(scenario: str, months: int) -> Forcing:
    """Return the forcing of a scenario in a history of the given length.

    The event begins after a third of the history; ``baseline`` forces nothing.
    """
    begin = months // 3
    events = {
        "baseline": Forcing(0, 0),
        "recession": Forcing(begin, begin + 10, regime=STRESS),
        "liquidity_freeze": Forcing(begin, begin + 6, funding=0.7, premium=0.05),
        "downgrade_cascade": Forcing(begin, begin + 12, cycle=-0.35),
        "rate_shock": Forcing(begin, begin + 6, level=0.45),
        "sector_crisis": Forcing(begin, begin + 8, sector=0.16),
    }
    return events[scenario]


def start(paths: int, rng: Generator) -> State:
    """Return a state from which a burn-in begins: expansion, everything at its level."""
    return State(
        regime=rng.choice(len(REGIMES), size=paths, p=[0.74, 0.15, 0.11]).astype(np.int64),
        cycle=np.zeros(paths),
        premium=np.zeros(paths),
        funding=np.zeros(paths),
        curve=np.tile(CURVE_MEAN, (paths, 1)),
        sectors=np.zeros((paths, len(SECTORS))),
    )


def step(state: State, month: int, force: Forcing, rng: Generator) -> State:
    """Return the state one month on; ``month`` is the month that is entered."""
    paths = len(state.regime)
    noise = rng.standard_normal((paths, NOISES))
    uniform = rng.random(paths)
    forced = force.begin <= month < force.end
    regime = _next_regime(state.regime, uniform)
    if forced and force.regime is not None:
        regime = np.full(paths, force.regime, dtype=np.int64)
    stressed = regime == STRESS
    shift = force if forced else Forcing(0, 0)
    scale = np.where(stressed, PREMIUM_STRESS_NOISE, PREMIUM_NOISE)
    pushes = np.zeros(len(SECTORS))
    pushes[SECTORS.index(SHOCKED_SECTOR)] = shift.sector
    curve = CURVE_MEAN + CURVE_KEEP * (state.curve - CURVE_MEAN) + CURVE_NOISE * noise[:, 3:6]
    curve[:, 0] += shift.level
    curve[:, 1] += np.where(stressed, STRESS_CUTS_SLOPE, 0.0)
    return State(
        regime=regime,
        cycle=_pull(state.cycle, CYCLE_LEVEL[regime], CYCLE_PULL)
        + CYCLE_NOISE * noise[:, 0]
        + shift.cycle,
        premium=_pull(state.premium, PREMIUM_LEVEL[regime], PREMIUM_PULL)
        + scale * noise[:, 1]
        + shift.premium,
        funding=_pull(state.funding, FUNDING_LEVEL[regime], FUNDING_PULL)
        + FUNDING_NOISE * (0.4 * noise[:, 1] + 0.9 * noise[:, 2])
        + shift.funding,
        curve=curve,
        sectors=SECTOR_KEEP * state.sectors + SECTOR_NOISE * noise[:, 6:] + pushes,
    )


def history(months: int, burn_in: int, force: Forcing, rng: Generator) -> State:
    """Return one path: the path axis holds ``burn_in + months`` month ends in order."""
    state = start(1, rng)
    states = []
    for month in range(-burn_in, months):
        state = step(state, month, force, rng)
        states.append(state)
    return State(
        **{
            field.name: np.concatenate([getattr(state, field.name) for state in states])
            for field in fields(State)
        }
    )


def at(path: State, index: int, copies: int = 1) -> State:
    """Return one month of a path, repeated for as many parallel futures."""
    return State(
        **{
            field.name: np.repeat(getattr(path, field.name)[index : index + 1], copies, axis=0)
            for field in fields(State)
        }
    )


def risk_free_pct(curve: Floats, years: Floats) -> Floats:
    """Return Nelson-Siegel yields in percent, with the last axis of ``curve`` its three factors."""
    scaled = np.maximum(years, 1 / 12) / CURVE_DECAY_YEARS
    loading = (1 - np.exp(-scaled)) / scaled
    return np.asarray(
        curve[..., 0] + curve[..., 1] * loading + curve[..., 2] * (loading - np.exp(-scaled))
    )


def _next_regime(regime: Ints, uniform: Floats) -> Ints:
    steps = np.cumsum(TRANSITION, axis=1)[regime]
    return np.asarray((uniform[:, None] >= steps).sum(axis=1), dtype=np.int64)


def _pull(value: Floats, level: Floats, strength: float) -> Floats:
    return value + strength * (level - value)
