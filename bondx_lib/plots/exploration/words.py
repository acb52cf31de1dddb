"""Numbers as figures say them."""

from __future__ import annotations

import pandas as pd


def share(value: float) -> str:
    """Return a share in percent: a dash where nobody knows, and no zero that is none."""
    if pd.isna(value):
        return "–"
    return "0" if value == 0 else f"{value:.1f}" if value >= 0.05 else "<0.1"


def number(value: float, digits: int = 0) -> str:
    """Return a number in words: "unknown" where nobody knows."""
    return "unknown" if pd.isna(value) else f"{value:,.{digits}f}"
