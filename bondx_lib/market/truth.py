r"""What is really true: the probability of a downgrade within twelve months, given the full state.

Each issuer-month is replicated, stepped through twelve further months, and the chance of a
downgrade is added up along each future: with :math:`S` the chance that nothing has happened yet,

.. math:: p = E\Big[\sum_{k=1}^{12} S_{k-1}\,(h^{down}_k + h^{D}_k)\Big],\qquad
          S_k = S_{k-1}\,(1 - h^{down}_k - h^{D}_k - h^{NR}_k)

so only the economy, the quality and upgrades are random; the downgrade itself is integrated out,
which leaves far less noise than counting events. Futures of the economy are shared by all issuers
of a month.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib.market import macro, ratings
from bondx_lib.market.issuers import Credit, Issuers, drift
from bondx_lib.market.streams import BLOCK, Streams

Floats = NDArray[np.float64]

HORIZON: Final = 12


def downgrade_probability(
    streams: Streams,
    issuers: Issuers,
    seats: int,
    economy: macro.State,
    burn_in: int,
    force: macro.Scenario,
    branches: int,
) -> Floats:
    """Return the probability of a downgrade or default within twelve months, months first.

    Months whose horizon passes the end of the history, and issuers that have left, are NaN. Only
    the first ``seats`` of the block are asked about.
    """
    months = len(economy.regime) - burn_in
    chances = np.full((months, seats), np.nan)
    anchor = issuers.habit("anchor")[:, :seats]
    for month in range(months - HORIZON):
        state = issuers.credit(month, seats)
        alive = (state.rating != ratings.DEFAULTED) & (state.rating != ratings.WITHDRAWN)
        here = macro.at(economy, burn_in + month, branches)
        both = _branch(streams, issuers, anchor[month], state, here, month, force, branches)
        chances[month] = np.where(alive, both.mean(axis=0), np.nan)
    return chances


def _branch(
    streams: Streams,
    issuers: Issuers,
    anchor: Floats,
    state: Credit,
    here: macro.State,
    month: int,
    force: macro.Scenario,
    branches: int,
) -> Floats:
    """Return the chance of a downgrade along each future: futures first, then issuer."""
    number = len(anchor)
    rng = streams.common(f"future economy {month}")
    own = streams.common(f"future quality {month}", issuers.first // BLOCK)
    luck = streams.common(f"future upgrades {month}", issuers.first // BLOCK)
    shocks = own.standard_normal((number, HORIZON, branches, 2))
    uniform = luck.random((number, HORIZON, branches, 2))
    sector = issuers.sector[:number]
    shape = (branches, number)
    quality, trend = np.broadcast_to(state.quality, shape), np.broadcast_to(state.trend, shape)
    rating, memory = np.broadcast_to(state.rating, shape), np.broadcast_to(state.memory, shape)
    chance, nothing_yet = np.zeros(shape), np.ones(shape)
    for ahead in range(HORIZON):
        here = macro.step(here, month + 1 + ahead, force, rng)
        quality, trend = drift(
            Credit(quality, trend, rating, memory), here, sector, anchor,
            np.swapaxes(shocks[:, ahead], 0, 1),
        )  # fmt: skip
        events = ratings.hazards(quality, rating, memory, here.cycle[:, None])
        ends = events.downgrade + events.default
        chance = chance + nothing_yet * ends
        stays = 1 - ends - events.withdrawal
        rating = _upgraded(rating, events.upgrade / stays, np.swapaxes(uniform[:, ahead], 0, 1))
        nothing_yet = nothing_yet * stays
        memory = ratings.MEMORY_FADES * memory
    return chance


def _upgraded(rating: NDArray[np.int64], chance: Floats, uniform: Floats) -> NDArray[np.int64]:
    steps = 1 + np.searchsorted(ratings.UP_STEPS, uniform[..., 1])
    return np.where(uniform[..., 0] < chance, np.maximum(rating - steps, 1), rating)
