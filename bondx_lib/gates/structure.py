"""Range and structure: can these values be right?"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from bondx_lib import pricing
from bondx_lib.gates.base import Gate, RowGate

DATE_TOLERANCE_YEARS: Final = 10 / 360
LONGEST_YEARS: Final = 100.0


class NegativeSpreads(RowGate):
    """Share of rows with a spread below zero."""

    name = "negative_spreads"
    family = "structure"
    catches = "credit spreads with the wrong sign"
    what = "have a negative spread"
    parameter = "negative_spreads_max_pct"
    severity = "block"
    false_alarm = 0.001
    columns = ("spread_bps",)

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows with a negative spread."""
        return rows["spread_bps"] < 0


class MaturityAnomalies(RowGate):
    """Share of rows whose maturity cannot be right.

    A row is anomalous if the bond matures before the row's date or its own issue, in more than a
    century, never, or at a date that disagrees with the stated remaining time by over ten days.
    """

    name = "maturity_anomalies"
    family = "structure"
    catches = "maturity dates that contradict issue date, row date or remaining time"
    what = "have an impossible maturity"
    parameter = "maturity_anomalies_max_pct"
    severity = "block"
    columns = ("date", "issue_date", "maturity_date", "maturity_years")

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows whose maturity cannot be right."""
        return maturity_anomalies(rows)


def maturity_anomalies(panel: pd.DataFrame) -> pd.Series:
    """Mark the rows whose maturity cannot be right."""
    maturity = panel["maturity_date"]
    remaining = pricing.years_30_360(panel["date"], maturity)
    disagrees = (panel["maturity_years"] - remaining).abs() > DATE_TOLERANCE_YEARS
    return (
        maturity.isna()
        | panel["maturity_years"].isna()
        | (maturity <= panel["date"])
        | (maturity <= panel["issue_date"])
        | (remaining > LONGEST_YEARS)
        | disagrees
    )


GATES: Final[tuple[Gate, ...]] = (NegativeSpreads(), MaturityAnomalies())
