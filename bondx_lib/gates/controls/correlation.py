"""Negative controls of the gates on correlation: values that no longer belong to their rows.

Two kinds: values *exchanged* at random among some rows, which draws a correlation to zero, and,
where zero is allowed or nearly so, values *dealt out* among some rows by those of the other column,
with the wrong sign. Either leaves the column's distribution as it was, so nothing but the relation
is damaged.
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
DEALT_OUT: Final = {
    "rating_equity_volatility": ("equity_volatility", "rating_number", False),
    "spread_equity_volatility": ("equity_volatility", "spread_bps", False),
    "rating_esg": ("esg_score", "rating_number", True),
    "esg_raters_a_b": ("esg_rater_b", "esg_rater_a", False),
    "esg_raters_a_c": ("esg_rater_c", "esg_rater_a", False),
    "esg_raters_b_c": ("esg_rater_c", "esg_rater_b", False),
}
"""Column, by which other it is dealt out, and whether it then rises with it: against its nature."""


def exchanged(column: str) -> Callable[[pd.DataFrame, float, Generator], pd.DataFrame]:
    """Return the damage that exchanges a column's values at random among a share of the rows."""

    def damage(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
        which = some_rows(panel, percent, rng)
        values = panel[column].to_numpy()[which]
        return replaced(panel, column, which, values[rng.permutation(len(which))])

    return damage


def dealt_out(
    column: str, by: str, *, rising: bool
) -> Callable[[pd.DataFrame, float, Generator], pd.DataFrame]:
    """Return the damage that deals a column's values out among a share of the rows by another.

    The largest value goes to the row whose other value is the largest, or the smallest.
    """

    def damage(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
        which = some_rows(panel, percent, rng)
        known = which[panel[[column, by]].notna().all(axis=1).to_numpy()[which]]
        values = np.sort(panel[column].to_numpy()[known])
        order = np.argsort(panel[by].to_numpy()[known], kind="stable")
        dealt = values.copy()
        dealt[order] = values if rising else values[::-1]
        return replaced(panel, column, known, dealt)

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
            f"rows among which {column} is dealt out {'by' if rising else 'against'} {by}",
            "% of rows", AMOUNTS, dealt_out(column, by, rising=rising),
        )
        for name, (column, by, rising) in DEALT_OUT.items()
    },
}  # fmt: skip
