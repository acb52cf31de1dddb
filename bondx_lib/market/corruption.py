"""Damage: a small share of rows is spoiled in known, named ways.

Real feeds hold such errors; here each is injected and labelled in the truth, so that an anomaly
model can be scored. Which rows are hit, and how, depends on the bond and the month alone.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib.schema import CORRUPTION_KINDS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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

KIND: Final = {name: place for place, name in enumerate(CORRUPTION_KINDS)}
QUOTE: Final = (
    "clean_price", "yield_pct", "spread_bps", "duration_years", "convexity", "bid_price",
    "ask_price", "bid_ask_bps", "depth_usd",
)  # fmt: skip
WRONG_DAYS: Final = 3653
WRONG_UNIT: Final = 1000


def kinds(uniform: Floats) -> Ints:
    """Return for each uniform number which kind of damage it means, −1 for none."""
    picked = np.searchsorted(np.cumsum(list(RATE.values())), uniform, side="right")
    return np.where(picked < len(RATE), picked, -1).astype(np.int64)


def apply(columns: dict[str, Any], kind: Ints, before: Ints, detail: Floats) -> None:
    """Damage rows in place.

    Parameters
    ----------
    columns
        The panel's columns, rows in order of time.
    kind
        Of each row: which kind hits it, −1 for none.
    before
        Of each row: the row of the same bond a month before, −1 for none; no row that has none is
        marked as a stale quote.
    detail
        Uniform numbers per row that choose among variants of a kind.

    Notes
    -----
    A duplicated row stands directly behind its original and differs in nothing; only the copy is
    labelled, so there is nothing to do for it here.
    """
    _make_stale(columns, np.flatnonzero(kind == KIND["stale_quote"]), before)
    slip = np.flatnonzero(kind == KIND["decimal_slip"])
    columns["spread_bps"][slip] *= np.where(detail[slip] < 0.5, 10.0, 0.1)
    columns["spread_bps"][kind == KIND["sign_flip"]] *= -1
    swapped = kind == KIND["swapped_bid_ask"]
    bid, ask = columns["bid_price"], columns["ask_price"]
    bid[swapped], ask[swapped] = ask[swapped], bid[swapped].copy()
    columns["bid_ask_bps"][swapped] *= -1
    wrong = np.flatnonzero(kind == KIND["wrong_maturity"])
    days = np.where(detail[wrong] < 0.5, -WRONG_DAYS, WRONG_DAYS)
    columns["maturity_date"][wrong] += days.astype("timedelta64[D]")
    columns["volume_usd"][kind == KIND["volume_unit"]] *= WRONG_UNIT


def _make_stale(columns: dict[str, Any], stale: Ints, before: Ints) -> None:
    """Give stale rows the quote of the last row of the bond that is not stale."""
    source = before[stale]
    marked = np.zeros(len(before), bool)
    marked[stale] = True
    while (again := marked[source]).any():
        source = np.where(again, before[source], source)
    for name in QUOTE:
        columns[name][stale] = columns[name][source]
