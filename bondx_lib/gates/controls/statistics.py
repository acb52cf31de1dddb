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


def plus(column: str) -> Callable[[pd.DataFrame, float, Generator], pd.DataFrame]:
    """Return a damage that shifts a column."""
    return lambda panel, shift, rng: panel.assign(**{column: panel[column] + shift})


def fatter_tails(panel: pd.DataFrame, factor: float, rng: Generator) -> pd.DataFrame:
    """Multiply each coupon's distance from the median."""
    coupon = panel["coupon_pct"]
    return panel.assign(coupon_pct=coupon.median() + (coupon - coupon.median()) * factor)


def sector_drained(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Drop a share of the issuers of every sector but the largest."""
    issuers = panel.drop_duplicates("issuer_id")
    largest = issuers["sector"].value_counts().index[0]
    others = issuers.loc[issuers["sector"] != largest, "issuer_id"].to_numpy(object)
    gone = rng.permutation(others)[: round(len(others) * percent / 100)]
    return panel[~panel["issuer_id"].isin(gone)].reset_index(drop=True)


def emptied(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Take the liquidity index from a share of the rows."""
    gone = rng.random(len(panel)) < percent / 100
    return panel.assign(liquidity_index=panel["liquidity_index"].mask(gone, np.nan))


CONTROLS: Final[dict[str, Control]] = {}
