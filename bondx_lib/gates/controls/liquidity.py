"""Negative controls of the gates on liquidity: what each must notice."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, replaced, some_rows


def less_liquid(panel: pd.DataFrame, points: float, rng: Generator) -> pd.DataFrame:
    """Take points off the index of every row, down to zero."""
    return panel.assign(liquidity_index=(panel["liquidity_index"] - points).clip(lower=0))


def one_sector_less_liquid(panel: pd.DataFrame, points: float, rng: Generator) -> pd.DataFrame:
    """Take points off the index of the sector with most issuers, down to zero."""
    sector = panel.drop_duplicates("issuer_id")["sector"].value_counts().index[0]
    which = np.flatnonzero(panel["sector"] == sector)
    fallen = np.maximum(panel["liquidity_index"].to_numpy()[which] - points, 0)
    return replaced(panel, "liquidity_index", which, fallen)


def without_trade(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Take all trades from a share of the rows."""
    which, changed = some_rows(panel, percent, rng), panel
    for name, value in (
        ("volume_usd", 0.0),
        ("trade_count", 0.0),
        ("zero_trading_days_pct", 100.0),
    ):
        changed = replaced(changed, name, which, value)
    return changed


def crossed_quotes(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Put the higher of bid and offer of a share of the rows in the place of the bid."""
    which = some_rows(panel, percent, rng)
    quotes = np.sort(panel[["ask_price", "bid_price"]].to_numpy()[which], axis=1)
    changed = replaced(panel, "ask_price", which, quotes[:, 0])
    return replaced(changed, "bid_price", which, quotes[:, 1])


CONTROLS: Final[dict[str, Control]] = {
    "liquidity_index_median": Control(
        "points taken off the index of every row", "points", (2, 5, 10, 15, 20, 25, 30, 40),
        less_liquid,
    ),
    "liquidity_index_adjusted": Control(
        "points taken off the index of every row", "points", (1, 3, 6, 9, 12, 15, 20, 25),
        less_liquid,
    ),
    "liquidity_by_sector": Control(
        "points taken off the index of one sector", "points", (2, 5, 10, 15, 20, 25, 30, 40),
        one_sector_less_liquid,
    ),
    "untraded": Control(
        "rows that lose their trades", "% of rows", (2, 5, 8, 10, 12, 15, 20, 30), without_trade
    ),
    "quotes_crossed": Control(
        "rows whose bid and offer change places", "% of rows",
        (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0), crossed_quotes,
    ),
}  # fmt: skip
