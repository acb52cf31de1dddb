"""Negative controls of the gates on correlation: values that no longer belong to their rows.

Two kinds: values *exchanged* at random among some rows, which draws a correlation to zero, and
values *reversed* among some rows (the largest goes where the smallest was), which turns its sign.
Either leaves the column's distribution as it was, so nothing but the relation is damaged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, replaced, some_rows

AMOUNTS: Final = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0)

EXCHANGED: Final = {
    "rating_spread": "spread_bps",
    "rating_relative_spread": "spread_bps",
    "maturity_duration": "duration_years",
    "duration_convexity": "convexity",
    "price_yield": "clean_price",
    "rating_coupon": "coupon_pct",
    "coupon_yield": "yield_pct",
    "index_bid_ask": "bid_ask_bps",
    "index_depth": "depth_usd",
    "index_size": "amount_outstanding_usd",
    "size_turnover": "volume_usd",
    "age_turnover": "age_years",
    "volume_zero_days": "zero_trading_days_pct",
    "volume_trades": "trade_count",
    "spread_bid_ask": "bid_ask_bps",
    "rating_leverage": "leverage",
    "rating_coverage": "interest_coverage",
    "rating_margin": "operating_margin_pct",
    "assets_news": "buzz_volume",
}
REVERSED: Final = {
    "rating_equity_volatility": "equity_volatility",
    "spread_equity_volatility": "equity_volatility",
    "rating_esg": "esg_score",
    "esg_raters_a_b": "esg_rater_b",
    "esg_raters_a_c": "esg_rater_c",
    "esg_raters_b_c": "esg_rater_c",
}


def exchanged(column: str) -> Callable[[pd.DataFrame, float, Generator], pd.DataFrame]:
    """Return the damage that exchanges a column's values at random among a share of the rows."""

    def damage(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
        which = some_rows(panel, percent, rng)
        values = panel[column].to_numpy()[which]
        return replaced(panel, column, which, values[rng.permutation(len(which))])

    return damage


def reversed_order(column: str) -> Callable[[pd.DataFrame, float, Generator], pd.DataFrame]:
    """Return the damage that gives the largest value to the row that had the smallest."""

    def damage(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
        which = some_rows(panel, percent, rng)
        known = which[panel[column].notna().to_numpy()[which]]
        values = panel[column].to_numpy()[known]
        order = np.argsort(values, kind="stable")
        turned = values.copy()
        turned[order] = values[order[::-1]]
        return replaced(panel, column, known, turned)

    return damage


CONTROLS: Final[dict[str, Control]] = {
    **{
        f"correlation_{name}": Control(
            f"rows whose {column} is exchanged with that of others", "% of rows", AMOUNTS,
            exchanged(column),
        )
        for name, column in EXCHANGED.items()
    },
    **{
        f"correlation_{name}": Control(
            f"rows whose {column} is reversed in order", "% of rows", AMOUNTS,
            reversed_order(column),
        )
        for name, column in REVERSED.items()
    },
}  # fmt: skip
