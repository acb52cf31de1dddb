r"""Credit spreads: log-linear in credit, market, maturity, sector, liquidity and the issuer itself.

.. math::
    \ln s = a(r) + \lambda\,(q - r) + x + \beta_g g + \gamma(r, x)\,\ln(\tau/6)
            + \sigma_{sen} + \ell + u_{issuer} + v_{bond} + \varepsilon

with the level by rating :math:`a`, the hidden gap :math:`q - r`, the market's risk premium
:math:`x` (the same for all, so volatility is proportional to level), the sector's stress
:math:`g`, a slope in remaining maturity :math:`\tau` that flattens and inverts in a crisis, a
liquidity premium :math:`\ell`, a persistent issuer effect (most of the cross-section within a
rating), a small bond effect, and heavy-tailed noise :math:`\varepsilon` (Student t). The mean
without :math:`\varepsilon` and the variance of :math:`\varepsilon` are the truth of the row.

Sources: facts ``oas_level``, ``oas_maturity``, ``oas_change``, ``liquidity_share``; the common
factor: Collin-Dufresne, Goldstein and Martin [5].
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bondx_lib.market import macro
from bondx_lib.market.bonds import Bonds
from bondx_lib.market.issuers import BURN_IN, Issuers
from bondx_lib.market.streams import Streams

Floats = NDArray[np.float64]

_CENTRES: Final = [1, 3, 6, 9, 12, 15, 18, 21]
LEVEL_BPS: Final = np.array([62.0, 78, 107, 178, 325, 500, 980, 1900])
SLOPE: Final = np.array([0.30, 0.30, 0.29, 0.26, 0.14, 0.03, -0.10, -0.2])
SLOPE_FALLS, SLOPE_KINK = 0.55, 0.25
GAP_LOADING, GAP_LIMIT = 0.11, 3.0
SECTOR_LOADING: Final = 1.0
SECTOR_LEVEL: Final = np.array([-0.03, 0.02, 0.10, -0.02, -0.02, -0.05])
SENIORITY_LEVEL: Final = np.array([-0.22, 0.0, 0.22])
LIQUIDITY_LOADING, LIQUIDITY_IN_STRESS = 0.04, 0.06
ISSUER_SD, ISSUER_KEEP = 0.30, 0.97
BOND_SD, BOND_KEEP = 0.06, 0.93
NOISE_SCALE, NOISE_DEGREES = 0.025, 5.0
NOISE_VARIANCE: Final = NOISE_SCALE**2 * NOISE_DEGREES / (NOISE_DEGREES - 2)
LOWEST_BPS, HIGHEST_BPS = 3.0, 9000.0


class Spreads(NamedTuple):
    """Spreads of a world, months first, then bond."""

    spread_bps: Floats
    log_mean: Floats


def simulate(
    streams: Streams,
    issuers: Issuers,
    bonds: Bonds,
    economy: macro.State,
    illiquidity: Floats,
    maturity_years: Floats,
) -> Spreads:
    """Return observed spreads and their conditional means; the economy begins at month 0."""
    months, number = maturity_years.shape
    rating = np.clip(issuers.rating[BURN_IN:][:, bonds.issuer], 1, 21)
    gap = np.clip(issuers.quality[BURN_IN:][:, bonds.issuer] - rating, -GAP_LIMIT, GAP_LIMIT)
    premium, funding = economy.premium[:, None], economy.funding[:, None]
    sector = issuers.sector[bonds.issuer]
    slope = np.interp(rating, _CENTRES, SLOPE) - SLOPE_FALLS * np.maximum(premium - SLOPE_KINK, 0)
    loading = LIQUIDITY_LOADING + LIQUIDITY_IN_STRESS * np.maximum(funding, 0)
    own = ar1(streams.normal("issuer effect", 0, issuers.count, months), ISSUER_SD, ISSUER_KEEP)
    bond = ar1(streams.normal("bond effect", 0, number, months), BOND_SD, BOND_KEEP)
    mean = (
        np.interp(rating, _CENTRES, np.log(LEVEL_BPS))
        + GAP_LOADING * gap
        + premium
        + SECTOR_LEVEL[sector]
        + SECTOR_LOADING * economy.sectors[:, sector]
        + slope * np.log(np.maximum(maturity_years, 0.25) / 6)
        + SENIORITY_LEVEL[bonds.seniority]
        + loading * illiquidity
        + own[:, bonds.issuer]
        + bond
    )
    mean = np.clip(mean, np.log(LOWEST_BPS), np.log(HIGHEST_BPS))
    uniform = np.clip(streams.uniform("spread noise", 0, number, months).T, 1e-9, 1 - 1e-9)
    noise = NOISE_SCALE * stdtrit(NOISE_DEGREES, uniform)
    return Spreads(np.exp(mean + noise), mean)


def ar1(normal: Floats, stationary_sd: float, keep: float) -> Floats:
    """Return stationary first-order autoregressions, months first, from normals with keys first."""
    path = np.empty(normal.shape[::-1])
    fresh = stationary_sd * np.sqrt(1 - keep**2)
    value = stationary_sd * normal[:, 0]
    path[0] = value
    for month in range(1, normal.shape[1]):
        value = keep * value + fresh * normal[:, month]
        path[month] = value
    return path
