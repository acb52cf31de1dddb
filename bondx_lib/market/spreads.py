r"""Credit spreads: log-linear in credit, market, maturity, sector, liquidity and the issuer itself.

.. math::
    \ln s = a(r) + \lambda\,(q - r) + x + \kappa(r)\,z + g + \gamma(r, x)\,\ln(\tau/6)
            + \sigma_{sen} + \ell + u_{issuer} + v_{bond} + \varepsilon

with the level by rating :math:`a`, the hidden gap :math:`q - r`, the market's risk premium
:math:`x` (the same for all, so volatility is proportional to level; in a deep crisis the best
ratings close up to the others), the tilt :math:`z` that moves ratings against one another, the
sector's stress :math:`g`, a slope in remaining maturity :math:`\tau` that flattens and inverts in a
crisis, a liquidity premium :math:`\ell`, a persistent issuer effect (most of the cross-section
within a rating), a small bond effect, and heavy-tailed noise :math:`\varepsilon` (Laplace). The
mean without :math:`\varepsilon` and the variance of :math:`\varepsilon` are the truth of the row.

Sources: facts ``oas_level``, ``oas_ratio``, ``oas_maturity``, ``oas_change``, ``liquidity_share``;
the common factor: Collin-Dufresne, Goldstein and Martin [5].
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bondx_lib.market import constants, macro
from bondx_lib.market.bonds import Bonds
from bondx_lib.market.issuers import BURN_IN, Issuers
from bondx_lib.market.streams import BLOCK, Streams
from bondx_lib.schema import FIRST_SPECULATIVE, RATINGS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CENTRES: Final = np.array([1.0, 3, 6, 9, 12, 15, 18, 21])
NOTCHES: Final = np.arange(len(RATINGS) + 1)
SLOPE_FALLS, SLOPE_KINK, SLOPE_FLOOR = 0.55, 0.25, -0.35
GAP_LOADING, GAP_LIMIT = 0.08, 3.0
SECTOR_LOADING: Final = 1.0
SECTOR_LEVEL: Final = np.array([-0.03, 0.02, 0.10, -0.02, -0.02, -0.05])
SENIORITY_LEVEL: Final = np.array([[-0.10, 0.0, 0.10], [-0.22, 0.0, 0.22]])
"""Secured, unsecured, subordinated; of investment and of speculative grade."""
ISSUER_SD, ISSUER_KEEP = 0.36, 0.98
BOND_SD, BOND_KEEP = 0.03, 0.93
NOISE_SCALE: Final = 0.016
NOISE_VARIANCE: Final = 2 * NOISE_SCALE**2
DEEP_CRISIS: Final = 0.9
"""Risk premium beyond which the best ratings close up."""
CLOSING_UP: Final = np.array([0.9, 0.4, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0])
"""By how much, in log spread per unit of premium; peaks of 2008-2009, fact ``crisis_peak``."""
LOWEST_BPS, HIGHEST_BPS = 3.0, 9000.0


class Spreads(NamedTuple):
    """Spreads of a block, months of observation first, then slot."""

    spread_bps: Floats
    log_mean: Floats
    liquidity_premium: Floats


def simulate(
    streams: Streams,
    issuers: Issuers,
    bonds: Bonds,
    economy: macro.State,
    illiquidity: Floats,
    maturity_years: Floats,
) -> Spreads:
    """Return observed spreads and their conditional means; the economy begins at month 0."""
    block = issuers.first // BLOCK
    months, number = maturity_years.shape
    rating = np.clip(issuers.rating[BURN_IN:], 1, 21)
    gap = np.clip(issuers.quality[BURN_IN:] - rating, -GAP_LIMIT, GAP_LIMIT)
    premium, funding = economy.premium[:, None], economy.funding[:, None]
    own = ar1(
        streams.common("issuer effects", block).standard_normal((months, BLOCK)),
        ISSUER_SD, ISSUER_KEEP, issuers.entered[BURN_IN:],
    )  # fmt: skip
    of_issuer = (
        _by_rating(rating, np.log(constants.array("spread.level_bps")))
        + _by_rating(rating, constants.array("spread.tilt")) * economy.tilt[:, None]
        + GAP_LOADING * gap
        + premium
        + _by_rating(rating, CLOSING_UP) * np.maximum(premium - DEEP_CRISIS, 0)
        + SECTOR_LEVEL[issuers.sector]
        + SECTOR_LOADING * economy.sectors[:, issuers.sector]
        + own
    )
    slope = _by_rating(rating, constants.array("spread.slope"))
    slope = np.maximum(slope - SLOPE_FALLS * np.maximum(premium - SLOPE_KINK, 0), SLOPE_FLOOR)
    calm, tight = (
        _by_rating(rating, constants.array(name))
        for name in ("spread.liquidity", "spread.liquidity_in_stress")
    )
    loading = calm + tight * np.maximum(funding, 0)
    rng = streams.common("spreads", block)
    new = np.diff(bonds.current, axis=0, prepend=bonds.current[:1]) != 0
    bond = ar1(rng.standard_normal((months, number)), BOND_SD, BOND_KEEP, new)
    liquidity = loading[:, bonds.slot_seat] * illiquidity
    mean = of_issuer[:, bonds.slot_seat] + bond + liquidity
    mean += slope[:, bonds.slot_seat] * np.log(np.maximum(maturity_years, 0.25) / 6)
    speculative = (rating >= FIRST_SPECULATIVE).astype(int)[:, bonds.slot_seat]
    mean += SENIORITY_LEVEL[speculative, bonds.seniority[bonds.current]]
    np.clip(mean, np.log(LOWEST_BPS), np.log(HIGHEST_BPS), out=mean)
    noise = rng.laplace(0.0, NOISE_SCALE, (months, number))
    return Spreads(np.exp(mean + noise), mean, liquidity)


def _by_rating(rating: Ints, centres: Floats) -> Floats:
    """Return values that are given at the centres of the letter grades, by notch."""
    return np.asarray(np.interp(NOTCHES, CENTRES, centres)[rating])


def ar1(normal: Floats, stationary_sd: float, keep: float, afresh: Bools | None = None) -> Floats:
    """Return stationary first-order autoregressions from standard normals, months first.

    Parameters
    ----------
    normal
        Shape (months, keys).
    stationary_sd, keep
        Standard deviation, and the share that is left a month later.
    afresh
        Where a path begins anew; shape (months, keys).
    """
    path = np.empty_like(normal)
    fresh = stationary_sd * np.sqrt(1 - keep**2)
    path[0] = stationary_sd * normal[0]
    for month in range(1, len(normal)):
        path[month] = keep * path[month - 1] + fresh * normal[month]
        if afresh is not None:
            begins = afresh[month]
            path[month, begins] = stationary_sd * normal[month, begins]
    return path
