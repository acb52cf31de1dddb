"""Negative controls of the gates on paths: figures that contradict the months around them."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, altered, some_of, some_rows

ROWS: Final = "% of rows"
AROUND_HALF: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0)
AGES: Final = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)
"""An age that is off contradicts the month before and the month after."""

some_months = partial(some_of, ["issuer_id", "date"])


def turned_labels(column: str) -> Control:
    """Return the control that turns a label around where it is known."""

    def known(panel: pd.DataFrame, percent: float, rng: Generator) -> np.ndarray:
        there = np.flatnonzero(panel[column].notna())
        return np.asarray(there[some_rows(panel.iloc[there], percent, rng)])

    return Control(
        "rows whose label is turned around", "% of labels", AROUND_HALF,
        altered(column, lambda rows: 1 - rows[column], known),
    )  # fmt: skip


def _lower_each_month(rows: pd.DataFrame) -> pd.Series:
    """Return a lower leverage, by another factor than in the months beside."""
    lower: pd.Series = rows["leverage"] * (0.9 - 0.05 * (rows["date"].dt.month % 3))
    return lower


def _half_a_year_off(rows: pd.DataFrame) -> pd.Series:
    age = rows["months_since_rating_change"]
    return age + np.where(age > 60, -6.0, 6.0)


CONTROLS: Final[dict[str, Control]] = {
    "downgrade_path": turned_labels("downgrade_12m"),
    "rating_moves": Control(
        "rows whose rating is six months older or younger", ROWS, AGES,
        altered("months_since_rating_change", _half_a_year_off),
    ),
    "shock_label": turned_labels("liquidity_shock_1m"),
    "accounts_quarterly": Control(
        "months in which an issuer's leverage is a tenth or a fifth lower", "% of issuers' months",
        (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0),
        altered("leverage", _lower_each_month, some_months),
    ),
    "issuer_figures": Control(
        "rows whose current ratio is a tenth lower", ROWS, AROUND_HALF,
        altered("current_ratio", lambda rows: 0.9 * rows["current_ratio"]),
    ),
    "market_figures": Control(
        "rows whose equity index volatility is a tenth lower", ROWS, AROUND_HALF,
        altered("equity_index_volatility", lambda rows: 0.9 * rows["equity_index_volatility"]),
    ),
}  # fmt: skip
