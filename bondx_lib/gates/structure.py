"""Range and structure: can these values be right?"""

from __future__ import annotations

from typing import Final

import pandas as pd

from bondx_lib import pricing
from bondx_lib.gates.base import Finding, at_most
from bondx_lib.parameters import QualityGates

DATE_TOLERANCE_YEARS: Final = 10 / 360
LONGEST_YEARS: Final = 100.0


class NegativeSpreads:
    """Share of rows with a spread below zero."""

    name = "negative_spreads"
    catches = "credit spreads with the wrong sign"

    def threshold(self, limits: QualityGates) -> float:
        """Return the largest share of such rows, in percent."""
        return limits.negative_spreads_max_pct

    def evaluate(self, panel: pd.DataFrame, limits: QualityGates) -> tuple[Finding, ...]:
        """Return one finding over all rows."""
        negative = panel["spread_bps"] < 0
        limit = limits.negative_spreads_max_pct
        return (at_most(self.name, "have a negative spread", negative, limit),)


class MaturityAnomalies:
    """Share of rows whose maturity cannot be right.

    A row is anomalous if the bond matures before the row's date or its own issue, in more than a
    century, never, or at a date that disagrees with the stated remaining time by over ten days.
    """

    name = "maturity_anomalies"
    catches = "maturity dates that contradict issue date, row date or remaining time"

    def threshold(self, limits: QualityGates) -> float:
        """Return the largest share of such rows, in percent."""
        return limits.maturity_anomalies_max_pct

    def evaluate(self, panel: pd.DataFrame, limits: QualityGates) -> tuple[Finding, ...]:
        """Return one finding over all rows."""
        limit = limits.maturity_anomalies_max_pct
        wrong = maturity_anomalies(panel)
        return (at_most(self.name, "have an impossible maturity", wrong, limit),)


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
