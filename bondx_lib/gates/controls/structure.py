"""Negative controls of the gates on structure: what each must notice."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, replaced, some_rows

AROUND_ONE: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
AROUND_HALF: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
TEN_YEARS: Final = np.timedelta64(3653, "D")


def out_of_range(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Turn the current ratio of a share of the rows negative."""
    which = some_rows(panel, percent, rng)
    values = panel["current_ratio"].to_numpy()[which]
    return replaced(panel, "current_ratio", which, -1.0 - values)


def flipped_spreads(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Turn the spread of a share of the rows negative."""
    which = some_rows(panel, percent, rng)
    return replaced(panel, "spread_bps", which, -np.abs(panel["spread_bps"].to_numpy()[which]))


def moved_maturities(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Move the maturity of a share of the rows ten years away, either way."""
    which = some_rows(panel, percent, rng)
    step = np.where(rng.random(len(which)) < 0.5, -TEN_YEARS, TEN_YEARS)
    moved = panel["maturity_date"].to_numpy()[which] + step
    return replaced(panel, "maturity_date", which, moved)


def repeated_rows(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Repeat a share of the rows."""
    which = np.sort(np.append(np.arange(len(panel)), some_rows(panel, percent, rng)))
    return panel.iloc[which].reset_index(drop=True)


def changed_coupons(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Raise the coupon of a share of the rows by half a percent."""
    which = some_rows(panel, percent, rng)
    return replaced(panel, "coupon_pct", which, panel["coupon_pct"].to_numpy()[which] + 0.5)


def late_issues(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Let a share of the rows be of a month before their bond was issued."""
    which = some_rows(panel, percent, rng)
    late = panel["date"].to_numpy()[which] + np.timedelta64(45, "D")
    return replaced(panel, "issue_date", which, late)


def mid_month(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Date a share of the rows at the middle of their month."""
    which = some_rows(panel, percent, rng)
    middle = panel["date"].to_numpy()[which] - np.timedelta64(14, "D")
    return replaced(panel, "date", which, middle)


def slipped_decimals(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Slip the decimal point of the spread of a share of the rows, either way."""
    which = some_rows(panel, percent, rng)
    times = np.where(rng.random(len(which)) < 0.5, 10.0, 0.1)
    return replaced(panel, "spread_bps", which, panel["spread_bps"].to_numpy()[which] * times)


CONTROLS: Final[dict[str, Control]] = {
    "schema": Control(
        "rows with a value out of range", "% of rows", AROUND_ONE, out_of_range
    ),
    "negative_spreads": Control(
        "rows whose spread turns negative", "% of rows", AROUND_ONE, flipped_spreads
    ),
    "maturity_anomalies": Control(
        "rows whose maturity moves by ten years", "% of rows",
        (0.03, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0), moved_maturities,
    ),
    "duplicate_rows": Control(
        "rows that are there twice", "% of rows", AROUND_ONE, repeated_rows
    ),
    "references": Control(
        "rows with another coupon", "% of rows", AROUND_HALF, changed_coupons
    ),
    "impossible_dates": Control(
        "rows of a month before the issue", "% of rows", AROUND_HALF, late_issues
    ),
    "month_ends": Control(
        "rows dated at the middle of a month", "% of rows", AROUND_ONE, mid_month
    ),
    "outliers": Control(
        "rows whose spread slips by a decimal", "% of rows",
        (0.25, 0.5, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0), slipped_decimals,
    ),
}  # fmt: skip
