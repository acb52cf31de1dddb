"""Negative controls of the gates on realism: what each must notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, altered, replaced, some_of
from bondx_lib.gates.controls.statistics import times
from bondx_lib.schema import LETTERS, letter

SPECULATIVE: Final = LETTERS[LETTERS.index("BB") :]
MOST_OFF: Final = 0.049
"""Coupons are moved by less than the step of a twentieth, so that none is moved to another step."""
MIDDLE_YEARS: Final = 7.0


def dearer_high_yield(panel: pd.DataFrame, factor: float, rng: Generator) -> pd.DataFrame:
    """Multiply the spreads of bonds rated below BBB."""
    speculative = panel["rating"].map(letter).isin(SPECULATIVE)
    spread = panel["spread_bps"]
    return panel.assign(spread_bps=spread.mask(speculative, spread * factor))


def odd_coupons(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Move the coupons of a share of the bonds off the usual steps."""
    rows = some_of(["bond_id"], panel, percent, rng)
    bonds = pd.factorize(panel["bond_id"])[0][rows]
    off = np.round(rng.uniform(0.001, MOST_OFF, int(bonds.max()) + 1), 3)
    return replaced(panel, "coupon_pct", rows, panel["coupon_pct"].to_numpy()[rows] + off[bonds])


def longer(panel: pd.DataFrame, years: float, rng: Generator) -> pd.DataFrame:
    """Add to the time to maturity of every bond."""
    return panel.assign(maturity_years=panel["maturity_years"] + years)


def more_leverage(panel: pd.DataFrame, added: float, rng: Generator) -> pd.DataFrame:
    """Add to the leverage of every issuer."""
    return panel.assign(leverage=panel["leverage"] + added)


def shuffled_ratings(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Exchange the ratings of a share of the issuers' months."""
    keys = ["issuer_id", "date"]
    rows = some_of(keys, panel, percent, rng)
    month = panel.iloc[rows].groupby(keys, sort=False).ngroup().to_numpy()
    rating = panel["rating"].to_numpy(object)[rows]
    each = rating[np.unique(month, return_index=True)[1]]
    return replaced(panel, "rating", rows, rng.permutation(each)[month])


def agreeing_raters(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Let the second rater of a share of the issuers say what the first one says."""
    rows = some_of(["issuer_id"], panel, percent, rng)
    return replaced(panel, "esg_rater_b", rows, panel["esg_rater_a"].to_numpy()[rows])


def telling_news(panel: pd.DataFrame, points: float, rng: Generator) -> pd.DataFrame:
    """Lower the tone of news before a downgrade."""
    tone = panel["news_sentiment"]
    coming = panel["downgrade_12m"].to_numpy(float, na_value=np.nan) > 0
    return panel.assign(news_sentiment=tone.mask(coming, np.maximum(tone - points, -1)))


def tilted_curve(panel: pd.DataFrame, slope: float, rng: Generator) -> pd.DataFrame:
    """Multiply spreads by a power of the time to maturity."""
    tilt = (panel["maturity_years"].clip(lower=1) / MIDDLE_YEARS) ** slope
    return panel.assign(spread_bps=panel["spread_bps"] * tilt)


def _of_issuers(panel: pd.DataFrame, percent: float, rng: Generator) -> np.ndarray:
    return some_of(["issuer_id"], panel, percent, rng)


def _all(word: str) -> Callable[[pd.DataFrame], object]:
    return lambda rows: np.full(len(rows), word, object)


CONTROLS: Final[dict[str, Control]] = {
    "realism_spreads": Control(
        "spreads of bonds rated below BBB multiplied", "×", (1.1, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0),
        dearer_high_yield,
    ),
    "realism_bid_ask": Control(
        "bid-ask spreads multiplied", "×", (1.1, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0),
        times("bid_ask_bps"),
    ),
    "realism_trading": Control(
        "volumes multiplied", "×", (1.1, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0), times("volume_usd")
    ),
    "realism_terms": Control(
        "bonds whose coupon is moved off the usual steps", "% of bonds",
        (2.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0), odd_coupons,
    ),
    "realism_maturities": Control(
        "time to maturity of every bond prolonged", "years",
        (0.1, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0), longer,
    ),
    "realism_ratios": Control(
        "leverage raised", "of capital", (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5), more_leverage
    ),
    "realism_mix": Control(
        "issuers that are all rated BB", "% of issuers",
        (2.0, 15.0, 30.0, 45.0, 60.0, 80.0, 100.0),
        altered("rating", _all("BB"), _of_issuers),
    ),
    "realism_migration": Control(
        "months of issuers whose ratings are exchanged", "% of issuers' months",
        (1.0, 5.0, 10.0, 20.0, 40.0, 70.0, 100.0), shuffled_ratings,
    ),
    "realism_esg": Control(
        "issuers of whom two raters say the same", "% of issuers",
        (2.0, 20.0, 40.0, 60.0, 80.0, 90.0, 100.0), agreeing_raters,
    ),
    "realism_news": Control(
        "tone of news before a downgrade lowered", "points of the tone",
        (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0), telling_news,
    ),
    "realism_curve": Control(
        "spreads multiplied by a power of the time to maturity", "exponent",
        (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.6), tilted_curve,
    ),
}  # fmt: skip
