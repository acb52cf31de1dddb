"""Liquidity: is this a market in which prices mean something?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binom

from bondx_lib.gates.base import CONFIDENCE, Finding, nothing
from bondx_lib.parameters import QualityGates


class LiquidityMedian:
    """Median of the liquidity index."""

    name = "liquidity_index_median"
    catches = "a market too illiquid for its prices to be trusted"

    def threshold(self, limits: QualityGates) -> float:
        """Return the least median of the index."""
        return limits.liquidity_index_median_min

    def evaluate(self, panel: pd.DataFrame, limits: QualityGates) -> tuple[Finding, ...]:
        """Return one finding over all rows that have an index."""
        limit = limits.liquidity_index_median_min
        index = np.sort(panel["liquidity_index"].dropna().to_numpy(float))
        if len(index) == 0:
            return (nothing(self.name, limit),)
        observed = float(np.median(index))
        low, high = median_interval(index)
        passed = observed >= limit
        used = limit / observed if observed > 0 else (0.0 if limit == 0 else float(len(index)))
        message = f"The median liquidity index is {observed:.1f}, at least {limit:g} needed."
        return (
            Finding(self.name, "all rows", observed, low, high, limit, used, len(index), "block",
                    "pass" if passed else "fail", message),
        )  # fmt: skip


def median_interval(ordered: np.ndarray) -> tuple[float, float]:
    """Return the order-statistic interval of the median of sorted values."""
    n = len(ordered)
    first = max(int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)) - 1, 0)
    return float(ordered[first]), float(ordered[n - 1 - first])
