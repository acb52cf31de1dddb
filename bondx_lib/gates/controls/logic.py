"""Negative controls of the gates on logic: figures of a row that no longer agree.

Each damages one figure and leaves those that define it, so that only their agreement is lost.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls import paths, sectors
from bondx_lib.gates.controls.base import Control, altered, replaced, some_of, some_rows

ROWS: Final = "% of rows"
AROUND_HALF: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
AROUND_ONE: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
AROUND_TWO: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0)
AROUND_THREE: Final = (0.5, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 6.0)
BONDS: Final = (0.7, 1.4, 2.0, 3.0, 4.0, 6.0, 10.0)
"""Shares of bonds, of which an ordinary variation has 150."""

some_bonds = partial(some_of, ["bond_id"])


def moved_quotes(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Move price, bid and offer of a share of the rows by three percent, either way."""
    which = some_rows(panel, percent, rng)
    times = np.where(rng.random(len(which)) < 0.5, 0.97, 1.03)
    changed = panel
    for name in ("clean_price", "bid_price", "ask_price"):
        changed = replaced(changed, name, which, panel[name].to_numpy()[which] * times)
    return changed


def quotes_above_price(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Raise bid and offer of a share of the rows until both lie above the price."""
    which = some_rows(panel, percent, rng)
    rows = panel.iloc[which]
    lower = rows[["bid_price", "ask_price"]].min(axis=1)
    times = ((rows["clean_price"] + 0.05) / lower).to_numpy()
    changed = panel
    for name in ("bid_price", "ask_price"):
        changed = replaced(changed, name, which, panel[name].to_numpy()[which] * times)
    return changed


def _a_notch_off(rows: pd.DataFrame) -> pd.Series:
    number = rows["rating_number"]
    return number.where(number > 1, number + 2) - 1


def _toward_the_middle(column: str, rows: pd.DataFrame) -> pd.Series:
    """Return scores of 0 to 100 moved by five points, so that they keep their range."""
    return rows[column] + np.where(rows[column] < 50, 5.0, -5.0)


def _traded(panel: pd.DataFrame, percent: float, rng: Generator) -> np.ndarray:
    """Return the positions of a share of the rows with trades."""
    traded = np.flatnonzero(panel["trade_count"] > 0)
    return np.asarray(traded[some_rows(panel.iloc[traded], percent, rng)])


CONTROLS: Final[dict[str, Control]] = {
    "price_yield": Control(
        "rows whose quote moves by three percent", ROWS, AROUND_ONE, moved_quotes
    ),
    "accrued_interest": Control(
        "rows whose accrued interest is that of a month more", ROWS, AROUND_ONE,
        altered("accrued_interest",
                lambda rows: rows["accrued_interest"] + rows["coupon_pct"] / 12),
    ),
    "duration": Control(
        "rows whose duration is a year too long", ROWS, AROUND_ONE,
        altered("duration_years", lambda rows: rows["duration_years"] + 1),
    ),
    "convexity": Control(
        "rows whose convexity is in hundreds", ROWS, AROUND_ONE,
        altered("convexity", lambda rows: rows["convexity"] / 100),
    ),
    "price_within_quotes": Control(
        "rows whose bid and offer lie above the price", ROWS, AROUND_TWO, quotes_above_price
    ),
    "bid_ask": Control(
        "rows whose bid-ask is taken from the mid", ROWS, AROUND_ONE,
        altered("bid_ask_bps", lambda rows: rows["bid_ask_bps"] / 2),
    ),
    "spread_over_curve": Control(
        "rows whose spread is 500 bp too wide", ROWS, AROUND_TWO,
        altered("spread_bps", lambda rows: rows["spread_bps"] + 500),
    ),
    "curve_slope": Control(
        "rows whose curve slope is a quarter of a percent too high", ROWS, AROUND_HALF,
        altered("curve_slope_pct", lambda rows: rows["curve_slope_pct"] + 0.25),
    ),
    "age": Control(
        "rows whose age is a year too high", ROWS, AROUND_HALF,
        altered("age_years", lambda rows: rows["age_years"] + 1),
    ),
    "rating_number": Control(
        "rows whose rating number is a notch off", ROWS, AROUND_HALF,
        altered("rating_number", _a_notch_off),
    ),
    "esg_mean": Control(
        "rows whose ESG score is five points off", ROWS, AROUND_ONE,
        altered("esg_score", partial(_toward_the_middle, "esg_score")),
    ),
    "liquidity_index_agrees": Control(
        "rows whose liquidity index is five points off", ROWS, AROUND_TWO,
        altered("liquidity_index", partial(_toward_the_middle, "liquidity_index")),
    ),
    "coupon_steps": Control(
        "bonds whose coupon is off by 0.07 bp", "% of bonds", BONDS,
        altered("coupon_pct", lambda rows: rows["coupon_pct"] + 0.0007, some_bonds),
    ),
    "amount_steps": Control(
        "bonds whose amount is off by 300 dollars", "% of bonds", BONDS,
        altered("amount_outstanding_usd", lambda rows: rows["amount_outstanding_usd"] + 300,
                some_bonds),
    ),
    "volume_within_amount": Control(
        "rows that trade half as much again as is outstanding", ROWS, AROUND_ONE,
        altered("volume_usd", lambda rows: 1.5 * rows["amount_outstanding_usd"], _traded),
    ),
    "trades_volume": Control(
        "rows that lose their trades but not their volume", ROWS, AROUND_ONE,
        altered("trade_count", lambda rows: 0.0 * rows["trade_count"], _traded),
    ),
    "spread_at_rating": Control(
        "rows whose spread is in percent", ROWS, AROUND_THREE,
        altered("spread_bps", lambda rows: rows["spread_bps"] / 100),
    ),
    **paths.CONTROLS,
    **sectors.CONTROLS,
}  # fmt: skip
