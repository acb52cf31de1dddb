"""Negative controls of the gates on paths: figures that contradict the months around them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, altered, replaced, some_of, some_rows

ROWS: Final = "% of rows"
AROUND_HALF: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0)
AGES: Final = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)
"""An age that is off contradicts the month before and the month after."""
ISSUERS: Final = (2.0, 5.0, 8.0, 11.0, 15.0, 20.0, 30.0, 50.0)
"""Shares of issuers, of which an ordinary variation has some 36."""
MONTHLY_CHANGE: Final = 0.02


def turned_labels(column: str) -> Control:
    """Return the control that turns a label around where it is known."""

    def known(panel: pd.DataFrame, percent: float, rng: Generator) -> np.ndarray:
        there = np.flatnonzero(panel[column].notna())
        return np.asarray(there[some_rows(panel.iloc[there], percent, rng)])

    return Control(
        "rows whose label is turned around", "% of labels", AROUND_HALF,
        altered(column, lambda rows: 1 - rows[column], known),
    )  # fmt: skip


def monthly_accounts(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Scale the leverage of a share of the issuers by something that moves each month."""
    which = some_of("issuer_id", panel, percent, rng)
    months, place = np.unique(panel["date"].to_numpy()[which], return_inverse=True)
    times = np.exp(MONTHLY_CHANGE * rng.standard_normal(len(months)))[place]
    scaled = np.minimum(panel["leverage"].to_numpy()[which] * times, 3.0)
    return replaced(panel, "leverage", which, scaled)


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
        "issuers whose leverage moves each month", "% of issuers", ISSUERS, monthly_accounts
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
