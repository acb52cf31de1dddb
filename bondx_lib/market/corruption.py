"""Damage: a small share of rows is spoiled in known, named ways.

Real feeds hold such errors; here each is injected and labelled in the truth, so that an anomaly
model can be scored. Which rows are hit, and how, depends on the bond and the month alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.schema import CORRUPTION_KINDS

RATE: Final = {
    "decimal_slip": 0.0025,
    "sign_flip": 0.0015,
    "stale_quote": 0.0030,
    "swapped_bid_ask": 0.0025,
    "wrong_maturity": 0.0002,
    "duplicated_row": 0.0020,
    "volume_unit": 0.0025,
}
"""Share of rows hit by each kind."""

assert tuple(RATE) == CORRUPTION_KINDS

QUOTE: Final = [
    "clean_price", "yield_pct", "spread_bps", "duration_years", "convexity", "bid_price",
    "ask_price", "bid_ask_bps", "depth_usd",
]  # fmt: skip


def kinds(uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each uniform number which kind of damage it means, −1 for none."""
    picked = np.searchsorted(np.cumsum(list(RATE.values())), uniform, side="right")
    return np.where(picked < len(RATE), picked, -1).astype(np.int64)


def apply(
    panel: pd.DataFrame, truth: pd.DataFrame, detail: NDArray[np.float64]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return panel and truth with the rows damaged that ``truth.corruption_kind`` names.

    Parameters
    ----------
    panel, truth
        Of equal row order, sorted by date and bond; ``truth`` already names the kind per row.
    detail
        Uniform numbers per row that choose among variants of a kind.

    Notes
    -----
    A stale quote needs a month before it: a bond's first row is left alone, and its label taken
    back. A duplicated row stands directly behind its original; only the copy is labelled.
    """
    panel, truth = panel.copy(), truth.copy()
    kind = truth["corruption_kind"]
    first = ~panel.duplicated("bond_id")
    taken_back = (kind == "stale_quote") & first
    truth.loc[taken_back, ["corrupted", "corruption_kind"]] = [False, None]
    hit = {name: (truth["corruption_kind"] == name).to_numpy(bool) for name in CORRUPTION_KINDS}
    panel.loc[hit["stale_quote"], QUOTE] = np.nan
    panel[QUOTE] = panel.groupby("bond_id", sort=False)[QUOTE].ffill()
    slip = np.where(detail < 0.5, 10.0, 0.1)
    panel.loc[hit["decimal_slip"], "spread_bps"] *= slip[hit["decimal_slip"]]
    panel.loc[hit["sign_flip"], "spread_bps"] *= -1
    swapped = hit["swapped_bid_ask"]
    panel.loc[swapped, ["bid_price", "ask_price"]] = panel.loc[
        swapped, ["ask_price", "bid_price"]
    ].to_numpy()
    panel.loc[swapped, "bid_ask_bps"] *= -1
    wrong = hit["wrong_maturity"]
    shift = pd.to_timedelta(np.where(detail < 0.5, -1, 1)[wrong] * 3653, unit="D")
    panel.loc[wrong, "maturity_date"] = panel.loc[wrong, "maturity_date"] + shift
    panel.loc[hit["volume_unit"], "volume_usd"] *= 1000
    return _with_duplicates(panel, truth, hit["duplicated_row"])


def _with_duplicates(
    panel: pd.DataFrame, truth: pd.DataFrame, doubled: NDArray[np.bool_]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    order = np.repeat(np.arange(len(panel)), 1 + doubled)
    copy = np.zeros(len(order), bool)
    copy[1:] = order[1:] == order[:-1]
    truth = truth.iloc[order].reset_index(drop=True)
    original = np.isin(order, np.flatnonzero(doubled)) & ~copy
    truth.loc[original, ["corrupted", "corruption_kind"]] = [False, None]
    return panel.iloc[order].reset_index(drop=True), truth
