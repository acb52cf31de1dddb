r"""Agency ratings: 21 notches, default and withdrawal, with memory and a cycle.

Each month an issuer of rating :math:`r` and credit quality :math:`q` (both in notches, larger is
worse) faces four competing hazards

.. math::
    h_{down} &= a_{down}(r)\,\exp(\beta_g g + \beta_m m - \beta_c c) \\
    h_{up}   &= a_{up}(r)\,\exp(-\beta_u g + \beta_v c) \\
    h_{D}    &= a_{D}(r)\,\exp(\beta_d g - \beta_e c), \qquad h_{NR} = a_{NR}(r)

with the gap :math:`g = q - r` held within bounds, the memory :math:`m` of the last downgrade (1 in
the month after it, fading) and the credit cycle :math:`c`. Base rates follow the published
one-year letter-grade transitions (facts ``transition_1y``); momentum follows Lando and Skødeberg
[3].
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bondx_lib.market import constants
from bondx_lib.schema import FIRST_SPECULATIVE, RATING_NUMBER, RATINGS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DEFAULTED: Final = len(RATINGS) + 1
WITHDRAWN: Final = 0

_CENTRES: Final = [RATING_NUMBER[r] for r in ("AAA", "AA", "A", "BBB", "BB", "B", "CCC", "C")]
_NUMBERS: Final = np.arange(len(RATINGS) + 2, dtype=float)


def base_hazards(name: str) -> Floats:
    """Return the monthly base hazards of an event by notch, interpolated in logs.

    Parameters
    ----------
    name
        A constant: yearly percentages at the centres of the letter grades and at C.
    """
    return _monthly(constants.array(name).tobytes())


@functools.lru_cache(maxsize=64)
def _monthly(yearly_pct: bytes) -> Floats:
    """Return monthly hazards by notch; kept, because every month of every block asks for them."""
    yearly = np.minimum(np.frombuffer(yearly_pct) / 100, 0.99)
    hazards = np.exp(np.interp(_NUMBERS, _CENTRES, np.log(-np.log1p(-yearly) / 12)))
    hazards.setflags(write=False)
    return np.asarray(hazards)


GAP_DOWN, GAP_UP, GAP_DEFAULT = 0.95, 0.80, 0.70
MEMORY_FADES: Final = 0.93
CYCLE_DEFAULT: Final = 0.45
GAP_LIMIT: Final = 4.0
DOWN_STEPS: Final = np.array([[0.58, 0.85, 0.95, 0.98], [0.36, 0.70, 0.87, 0.95]])
"""Cumulated shares of downgrades by one notch, two, ... of investment and of speculative grade."""
UP_STEPS: Final = np.array([0.76, 0.94])


class Hazards(NamedTuple):
    """Monthly probabilities of the four competing events, each of the issuers' shape."""

    downgrade: Floats
    upgrade: Floats
    default: Floats
    withdrawal: Floats


def hazards(quality: Floats, rating: Ints, memory: Floats, cycle: Floats) -> Hazards:
    """Return the probabilities of each event in the month, given the state."""
    gap = np.minimum(np.maximum(quality - rating, -GAP_LIMIT), GAP_LIMIT)
    memory_down = constants.scalar("ratings.memory") * memory
    down = base_hazards("ratings.downgrade_pct")[rating] * np.exp(
        GAP_DOWN * gap + memory_down - constants.scalar("ratings.cycle_down") * cycle
    )
    up = base_hazards("ratings.upgrade_pct")[rating] * np.exp(
        -GAP_UP * gap + constants.scalar("ratings.cycle_up") * cycle
    )
    default = base_hazards("ratings.default_pct")[rating] * np.exp(
        GAP_DEFAULT * gap - CYCLE_DEFAULT * cycle
    )
    down = np.where(rating == len(RATINGS), 0.0, down)
    up = np.where(rating <= 1, 0.0, up)
    withdrawal = base_hazards("ratings.withdrawal_pct")[rating]
    total = down + up + default + withdrawal
    share = -np.expm1(-total) / total
    return Hazards(down * share, up * share, default * share, withdrawal * share)


def move(
    rating: Ints, chances: Hazards, uniform: Floats, size: Floats, *, may_leave: bool
) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the next rating and whether the issuer was downgraded or defaulted.

    Parameters
    ----------
    rating
        Current notches; issuers that defaulted or were withdrawn stay as they are.
    chances
        Probabilities of the month's events.
    uniform, size
        Uniform numbers that pick the event and the number of notches.
    may_leave
        False during the burn-in, in which nobody defaults or is withdrawn.
    """
    alive = (rating != DEFAULTED) & (rating != WITHDRAWN)
    down_to = chances.downgrade
    up_to = down_to + chances.upgrade
    default_to = up_to + chances.default
    leave_to = default_to + chances.withdrawal
    downgraded = alive & (uniform < down_to)
    upgraded = alive & (uniform >= down_to) & (uniform < up_to)
    moved = rating.astype(np.int64)
    moved[downgraded] = _worse(rating[downgraded], size[downgraded])
    moved[upgraded] = np.maximum(rating[upgraded] - 1 - UP_STEPS.searchsorted(size[upgraded]), 1)
    if not may_leave:
        return moved, downgraded
    defaulted = alive & (uniform >= up_to) & (uniform < default_to)
    moved[defaulted] = DEFAULTED
    moved[alive & (uniform >= default_to) & (uniform < leave_to)] = WITHDRAWN
    return moved, downgraded | defaulted


def _worse(rating: Ints, size: Floats) -> Ints:
    steps = np.where(
        rating < FIRST_SPECULATIVE,
        DOWN_STEPS[0].searchsorted(size), DOWN_STEPS[1].searchsorted(size),
    )  # fmt: skip
    return np.asarray(np.minimum(rating + 1 + steps, len(RATINGS)))
