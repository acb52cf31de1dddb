r"""The economy: regimes, credit cycle, risk premium, funding, sectors, risk-free curve.

Everything that all issuers share. A three-state Markov chain (expansion, slowdown, stress) pulls

* the credit cycle :math:`c` (good times positive),
* the risk premium :math:`x`, which moves all log spreads together,
* the funding tightness :math:`f`,

each mean-reverting to a level of the regime:

.. math:: x_{t+1} = x_t + \kappa_x\,(\bar x_{regime} + \theta\,e - x_t)
          + \sigma_{regime}\,\varepsilon + \rho\,\theta\,e\,1_{begins}

where the severity :math:`e` of a stress is drawn when it begins, half the square of an exponential
number with a bound, so about one in the mean: most are mild, few are deep, and the crisis peaks are
far out. The share :math:`\rho` of it comes at once, so spreads rise faster than they fall. A tilt
:math:`z`, autoregressive with unit variance, moves the ratios between ratings. The curve is
Nelson-Siegel with autoregressive level, slope and curvature, and falls when the premium rises; each
sector has its own stress :math:`g`. One step is one month. All arrays carry the number of parallel
paths first, so that the same law steps the one history and the many futures behind the true
probabilities.

Sources: facts ``recession_share``, ``oas_ar1``, ``oas_change``, ``oas_ratio``, ``crisis_peak``;
Nelson and Siegel [2].
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bondx_lib.market import constants
from bondx_lib.schema import REGIMES, SECTORS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPANSION, SLOWDOWN, STRESS = range(len(REGIMES))
TRANSITION: Final = np.array([[0.98, 0.02, 0.0], [0.10, 0.82, 0.08], [0.0, 0.10, 0.90]])

CYCLE_LEVEL: Final = np.array([0.45, -0.4, -1.7])
CYCLE_PULL, CYCLE_NOISE = 0.12, 0.20
PREMIUM_LEVEL: Final = np.array([-0.10, 0.12, 0.30])
ONSET_SHARE: Final = 0.35
"""How much of a stress's severity comes in its first month."""
DEEPEST_STRESS: Final = 3.5
STRESS_NOISE_TIMES: Final = 2.0
"""The premium's shocks in stress over those in calm."""
TILT_KEEP: Final = 0.975
FUNDING_LEVEL: Final = np.array([-0.35, 0.25, 1.5])
FUNDING_PULL, FUNDING_NOISE = 0.22, 0.30
SECTOR_KEEP, SECTOR_NOISE = 0.95, 0.035
CURVE_MEAN: Final = np.array([4.0, -1.1, -0.6])
CURVE_KEEP: Final = np.array([0.985, 0.96, 0.93])
CURVE_NOISE: Final = np.array([0.21, 0.20, 0.28])
FLIGHT_TO_QUALITY: Final = -0.40
"""Correlation of the shocks of risk-free level and risk premium."""
CURVE_DECAY_YEARS: Final = 1.8
STRESS_CUTS_SLOPE: Final = -0.05

SHOCKED_SECTOR: Final = "Energy"
NOISES: Final = 7 + len(SECTORS)


@dataclass(frozen=True)
class State:
    """The economy at one month end; the first axis of each array is the path."""

    regime: Ints
    severity: Floats
    cycle: Floats
    premium: Floats
    tilt: Floats
    funding: Floats
    curve: Floats
    sectors: Floats


@dataclass(frozen=True)
class Forcing:
    """What a scenario does to the economy in the months from ``begin`` to ``end``."""

    begin: int
    end: int
    regime: int | None = None
    severity: float = 0.0
    cycle: float = 0.0
    premium: float = 0.0
    funding: float = 0.0
    level: float = 0.0
    sector: float = 0.0


Scenario = tuple[Forcing, ...]


def scenario(names: str, months: int) -> Scenario:
    """Return what the named scenarios do to a history of the given length, all at once.

    Every event begins after a third of the history; ``baseline`` forces nothing.

    >>> len(scenario("recession+rate_shock", 36))
    2
    """
    begin = months // 3
    events = {
        "baseline": Forcing(0, 0),
        "recession": Forcing(begin, begin + 10, regime=STRESS, severity=1.5),
        "liquidity_freeze": Forcing(begin, begin + 6, funding=0.4, premium=0.05),
        "downgrade_cascade": Forcing(begin, begin + 12, cycle=-0.35),
        "rate_shock": Forcing(begin, begin + 6, level=0.45),
        "sector_crisis": Forcing(begin, begin + 8, sector=0.16),
    }
    return tuple(events[name] for name in names.split("+"))


def start(paths: int, rng: Generator) -> State:
    """Return a state from which a burn-in begins: everything at its level."""
    return State(
        regime=rng.choice(len(REGIMES), size=paths, p=[0.74, 0.15, 0.11]).astype(np.int64),
        severity=np.ones(paths),
        cycle=np.zeros(paths),
        premium=np.zeros(paths),
        tilt=np.zeros(paths),
        funding=np.zeros(paths),
        curve=np.tile(CURVE_MEAN, (paths, 1)),
        sectors=np.zeros((paths, len(SECTORS))),
    )


def step(state: State, month: int, force: Scenario, rng: Generator) -> State:
    """Return the state one month on; ``month`` is the month that is entered."""
    paths = len(state.regime)
    noise = rng.standard_normal((paths, NOISES))
    uniform = rng.random(paths)
    severity = np.minimum(rng.standard_exponential(paths) ** 2 / 2, DEEPEST_STRESS)
    active = [event for event in force if event.begin <= month < event.end]
    regime = _next_regime(state.regime, uniform)
    for event in active:
        if event.regime is not None:
            regime = np.full(paths, event.regime, dtype=np.int64)
            severity = np.maximum(severity, event.severity)
    stressed = regime == STRESS
    begins = stressed & (state.regime != STRESS)
    severity = np.where(begins, severity, state.severity)
    depth = constants.scalar("macro.severity") * severity * stressed
    premium_level = PREMIUM_LEVEL[regime] + depth
    scale = constants.scalar("macro.premium_noise") * np.where(stressed, STRESS_NOISE_TIMES, 1.0)
    pushes = np.zeros(len(SECTORS))
    pushes[SECTORS.index(SHOCKED_SECTOR)] = sum(event.sector for event in active)
    safe = noise[:, 3:6]
    safe[:, 0] = FLIGHT_TO_QUALITY * noise[:, 1] + np.sqrt(1 - FLIGHT_TO_QUALITY**2) * safe[:, 0]
    curve = CURVE_MEAN + CURVE_KEEP * (state.curve - CURVE_MEAN) + CURVE_NOISE * safe
    curve[:, 0] += sum(event.level for event in active)
    curve[:, 1] += np.where(stressed, STRESS_CUTS_SLOPE, 0.0)
    return State(
        regime=regime,
        severity=severity,
        cycle=_pull(state.cycle, CYCLE_LEVEL[regime], CYCLE_PULL)
        + CYCLE_NOISE * noise[:, 0]
        + sum(event.cycle for event in active),
        premium=_pull(state.premium, premium_level, constants.scalar("macro.premium_pull"))
        + scale * noise[:, 1]
        + ONSET_SHARE * depth * begins
        + sum(event.premium for event in active),
        tilt=TILT_KEEP * state.tilt + np.sqrt(1 - TILT_KEEP**2) * noise[:, 6],
        funding=_pull(state.funding, FUNDING_LEVEL[regime], FUNDING_PULL)
        + FUNDING_NOISE * (0.4 * noise[:, 1] + 0.9 * noise[:, 2])
        + sum(event.funding for event in active),
        curve=curve,
        sectors=SECTOR_KEEP * state.sectors + SECTOR_NOISE * noise[:, 7:] + pushes,
    )


def history(months: int, burn_in: int, force: Scenario, rng: Generator) -> State:
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
    here = {name: values[index : index + 1] for name, values in vars(path).items()}
    if copies > 1:
        here = {name: np.repeat(values, copies, axis=0) for name, values in here.items()}
    return State(**here)


def since(path: State, first: int) -> State:
    """Return a path from one of its months on."""
    return State(**{name: values[first:] for name, values in vars(path).items()})


def risk_free_pct(curve: Floats, years: Floats) -> Floats:
    """Return Nelson-Siegel yields in percent, with the last axis of ``curve`` its three factors."""
    scaled = np.maximum(years, 1 / 12) / CURVE_DECAY_YEARS
    fading = np.exp(-scaled)
    loading = (1 - fading) / scaled
    return np.asarray(curve[..., 0] + curve[..., 1] * loading + curve[..., 2] * (loading - fading))


def _next_regime(regime: Ints, uniform: Floats) -> Ints:
    steps = np.cumsum(TRANSITION, axis=1)[regime]
    return np.asarray((uniform[:, None] >= steps).sum(axis=1), dtype=np.int64)


def _pull(value: Floats, level: Floats, strength: float) -> Floats:
    return value + strength * (level - value)
