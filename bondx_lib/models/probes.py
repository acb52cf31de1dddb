"""Probes of a trained model: features moved along a grid, and shocks to what it is shown."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.models.base import Panel
from bondx_lib.models.supervised import Supervised

ROWS: Final = 300
STEPS: Final = 9
CURVE_SHIFT_PCT: Final = 1.0
STALE_SHARE: Final = 0.10
TREASURIES: Final = ("treasury_2y_pct", "treasury_5y_pct", "treasury_10y_pct")
QUOTE: Final = (
    "clean_price", "yield_pct", "spread_bps", "duration_years", "convexity", "bid_price",
    "ask_price", "bid_ask_bps", "depth_usd",
)  # fmt: skip
"""What a stale quote repeats."""
OPTIONAL: Final = (
    "esg_rater_a", "esg_rater_b", "esg_rater_c", "esg_score", "web_traffic_index",
    "utility_load_index", "news_sentiment",
)  # fmt: skip
"""What may be missing: ESG scores and alternative data."""


def wrong_way(model: Supervised, panel: Panel, rng: Generator) -> dict[str, float]:
    """Return for each feature with a declared direction how much the answer moves against it.

    The feature runs over its quantiles with all others as they are in some rows; the share is the
    sum of moves in the wrong direction over the sum of all moves, 0 where nothing moves.
    """
    which = np.sort(rng.choice(len(panel), min(ROWS, len(panel)), replace=False))
    rows = panel.take(which)
    found = {}
    for name, sign in model.monotone.items():
        known = panel.features[name].dropna().to_numpy(float)
        if name not in model.facts["selected"] or len(known) == 0:
            continue
        grid = np.unique(np.quantile(known, np.linspace(0.02, 0.98, STEPS)))
        answers = [
            model.raw(Panel(rows.rows, rows.features.assign(**{name: value}))) for value in grid
        ]
        moves = sign * np.diff(np.stack(answers), axis=0)
        total = float(np.abs(moves).sum())
        wrong = float(np.abs(moves[moves < 0]).sum())
        found[name] = wrong / total if total > 0 else 0.0
    return found


def shocked(rows: pd.DataFrame, rng: Generator) -> dict[str, list[pd.DataFrame]]:
    """Return rows under shocks to the domain; each kind has one or more.

    ``curve``: risk-free yields 100 bp up and down, yields and prices with them, spreads as they
    are; ``missing``: no ESG score and no alternative data; ``stale``: one row in ten shows the
    quote of the month before.
    """
    return {
        "curve": [_moved_curve(rows, shift) for shift in (CURVE_SHIFT_PCT, -CURVE_SHIFT_PCT)],
        "missing": [rows.assign(**dict.fromkeys(OPTIONAL, np.nan))],
        "stale": [_stale(rows, rng)],
    }


def _moved_curve(rows: pd.DataFrame, shift_pct: float) -> pd.DataFrame:
    shift = shift_pct / 100
    price = 1 - rows["duration_years"] * shift + rows["convexity"] * shift**2 / 2
    moved = {name: rows[name] + shift_pct for name in (*TREASURIES, "yield_pct")}
    moved |= {name: rows[name] * price for name in ("clean_price", "bid_price", "ask_price")}
    return rows.assign(**moved)


def _stale(rows: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    """Give a share of the rows the quote of the row before of the same bond."""
    order = rows.sort_values(["world", "bond_id", "month"], kind="stable")
    before = order.groupby(["world", "bond_id"])[list(QUOTE)].shift(1)
    hit = (rng.random(len(rows)) < STALE_SHARE) & before["clean_price"].notna().to_numpy()
    changed = order.copy()
    changed.loc[hit, list(QUOTE)] = before.loc[hit]
    return changed.loc[rows.index]
