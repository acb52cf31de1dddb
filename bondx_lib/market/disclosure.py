"""Disclosure: three ESG raters who disagree, and alternative data with a weak early signal.

ESG raters see one hidden quality through noise of their own, so that any two correlate by about
0.54; small and low-rated issuers are scored less often. Alternative data see the trend of the
credit quality before the accounts do, through much noise; news is missing for small issuers.

Sources: facts ``esg``, ``news``; Berg, Kölbel and Rigobon [6].
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bondx_lib.market import constants, macro
from bondx_lib.market.issuers import BURN_IN, TREND_KEEP, TREND_NOISE, Issuers
from bondx_lib.market.spreads import ar1
from bondx_lib.market.streams import BLOCK, Streams
from bondx_lib.schema import SECTORS

Floats = NDArray[np.float64]

ESG_MEAN, ESG_SD = 52.0, 14.0
COVERAGE_EDGE: Final = np.array([-1.95, -1.75, -1.55])
POWER_HUNGRY: Final = np.array([0.4, 0.0, 1.0, 1.0, 0.5, 0.3])
VISITED: Final = np.array([1.0, 0.7, 0.2, 0.3, 1.0, 0.5])


def esg(streams: Streams, issuers: Issuers) -> dict[str, Floats]:
    """Return the scores of the three raters and their mean, months of observation first."""
    rng = streams.common("esg", issuers.first // BLOCK)
    rating = np.clip(issuers.rating[BURN_IN:], 1, 21)
    size = (issuers.habit("log_assets") - np.log(6e9)) / 1.1
    draws = np.moveaxis(issuers.habit("esg"), -1, 0)
    by_rating = constants.scalar("disclosure.esg_by_rating") * (rating - 9)
    hidden = (0.25 * size + draws[0]) / np.hypot(0.25, 1) - by_rating
    wander = ar1(rng.standard_normal(rating.shape), 0.12, 0.97, issuers.entered[BURN_IN:])
    covered = 0.55 * size - 0.05 * (rating - 9) + draws[4]
    shared = constants.scalar("disclosure.rater_share")
    scores = {}
    for rater in range(3):
        view = np.sqrt(shared) * (hidden + wander) + np.sqrt(1 - shared) * draws[1 + rater]
        score = np.round(np.clip(ESG_MEAN + ESG_SD * view, 1, 99), 1)
        scores[f"esg_rater_{'abc'[rater]}"] = np.where(
            covered > COVERAGE_EDGE[rater], score, np.nan
        )
    raters = np.stack(list(scores.values()))
    seen = ~np.isnan(raters)
    total = np.where(seen, raters, 0).sum(axis=0)
    count = seen.sum(axis=0)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return {**scores, "esg_score": mean}


def alternative(streams: Streams, issuers: Issuers, economy: macro.State) -> dict[str, Floats]:
    """Return web traffic, utility load, sentiment and buzz, months of observation first."""
    trend_sd = TREND_NOISE / np.sqrt(1 - TREND_KEEP**2)
    trend = issuers.trend[BURN_IN:] / trend_sd
    rng = streams.common("alternative data", issuers.first // BLOCK)
    noise = rng.standard_normal((5, *trend.shape))
    habit = np.moveaxis(issuers.habit("alternative"), -1, 0)
    cycle = economy.cycle[:, None]
    visited, hungry = VISITED[issuers.sector], POWER_HUNGRY[issuers.sector]
    size = (issuers.habit("log_assets") - np.log(6e9)) / 1.1
    traffic = visited * (-0.05 * trend + 0.03 * cycle) + 0.14 * noise[0]
    load = hungry * (-0.04 * trend + 0.04 * cycle) + 0.09 * noise[1]
    tone = -0.25 * trend + 0.15 * cycle + 0.9 * noise[2] + 0.2 * habit[0]
    buzz = 2.6 + 0.9 * size + 0.20 * np.abs(trend) + 0.5 * noise[3] + 0.5 * habit[1]
    silent = ndtr(noise[4]) < 0.30 * ndtr(-0.7 - 0.6 * size)
    return {
        "web_traffic_index": 100 * np.exp(traffic),
        "utility_load_index": 100 * np.exp(load),
        "news_sentiment": np.where(silent, np.nan, np.tanh(0.5 * tone)),
        "buzz_volume": np.where(silent, 0.0, np.rint(np.exp(buzz))),
    }


assert len(POWER_HUNGRY) == len(VISITED) == len(SECTORS)
