"""Completeness: is enough of the data there?"""

from __future__ import annotations

import pandas as pd

from bondx_lib.gates.base import Finding, at_most, nothing, share_interval
from bondx_lib.parameters import QualityGates
from bondx_lib.schema import LABELS, names

ESG = ("esg_rater_a", "esg_rater_b", "esg_rater_c", "esg_score")
REQUIRED = tuple(name for name in names("panel") if name not in (*ESG, *LABELS))


class Coverage:
    """Share of required cells that are filled; ESG scores have a gate of their own."""

    name = "coverage"
    catches = "missing values in required columns"

    def threshold(self, limits: QualityGates) -> float:
        """Return the least share of filled cells, in percent."""
        return limits.coverage_min

    def evaluate(self, panel: pd.DataFrame, limits: QualityGates) -> tuple[Finding, ...]:
        """Return one finding over all required cells, naming the emptiest column."""
        limit = limits.coverage_min
        filled = panel.reindex(columns=list(REQUIRED)).notna()
        if filled.empty:
            return (nothing(self.name, limit),)
        hits, n = int(filled.to_numpy().sum()), filled.size
        observed = 100 * hits / n
        low, high = share_interval(hits, n)
        passed = observed >= limit
        room = 100 - limit
        used = (100 - observed) / room if room > 0 else (0.0 if hits == n else 101 - observed)
        worst = filled.mean().idxmin()
        message = (
            f"{observed:.2f} % of required cells are filled, at least {limit:g} % needed; "
            f"emptiest column: {worst} ({100 * filled[worst].mean():.1f} %)."
        )
        return (
            Finding(self.name, "all rows", observed, low, high, limit, used, n, "block",
                    "pass" if passed else "fail", message),
        )  # fmt: skip


class EsgMissing:
    """Share of rows without any ESG score."""

    name = "esg_missing"
    catches = "rows that no ESG rater covers"

    def threshold(self, limits: QualityGates) -> float:
        """Return the largest share of rows without a score, in percent."""
        return limits.esg_missing_max

    def evaluate(self, panel: pd.DataFrame, limits: QualityGates) -> tuple[Finding, ...]:
        """Return one finding over all rows."""
        missing = panel["esg_score"].isna()
        return (at_most(self.name, "have no ESG score", missing, limits.esg_missing_max),)
