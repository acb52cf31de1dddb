"""Negative controls of the gates on statistics: what each must notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control


def times(column: str) -> Callable[[pd.DataFrame, float, Generator], pd.DataFrame]:
    """Return a damage that multiplies a column."""
    return lambda panel, factor, rng: panel.assign(**{column: panel[column] * factor})


def fatter_tails(panel: pd.DataFrame, factor: float, rng: Generator) -> pd.DataFrame:
    """Multiply the distance of each three-month equity return from the median."""
    earned = panel["equity_return_3m"]
    return panel.assign(equity_return_3m=earned.median() + (earned - earned.median()) * factor)


def one_sector(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Put a share of the issuers of other sectors into the sector with most issuers."""
    issuers = panel.drop_duplicates("issuer_id")
    largest = issuers["sector"].value_counts().index[0]
    others = issuers.loc[issuers["sector"] != largest, "issuer_id"].to_numpy(object)
    moved = rng.permutation(others)[: round(len(others) * percent / 100)]
    return panel.assign(sector=panel["sector"].mask(panel["issuer_id"].isin(moved), largest))


def emptied(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Take the liquidity index from a share of the rows."""
    gone = rng.random(len(panel)) < percent / 100
    return panel.assign(liquidity_index=panel["liquidity_index"].mask(gone, np.nan))


CONTROLS: Final[dict[str, Control]] = {
    "psi": Control(
        "times to maturity multiplied", "×", (1.05, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
        times("maturity_years"),
    ),
    "kolmogorov_smirnov": Control(
        "amounts outstanding multiplied", "×", (1.05, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
        times("amount_outstanding_usd"),
    ),
    "wasserstein": Control(
        "spreads multiplied", "×", (1.1, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0), times("spread_bps")
    ),
    "tails": Control(
        "distances of equity returns from their median multiplied", "×",
        (1.05, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0), fatter_tails,
    ),
    "category_mix": Control(
        "issuers of other sectors put into the largest", "% of them",
        (5.0, 20.0, 40.0, 60.0, 75.0, 90.0, 100.0), one_sector,
    ),
}  # fmt: skip
