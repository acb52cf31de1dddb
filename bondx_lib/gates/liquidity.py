"""Liquidity: is this a market in which prices mean something?"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bondx_lib.gates.base import DataGate, Extent, Finding, Gate, Setting, judged, scalar
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import ALL_ROWS, Interval, Shares, Tally, histograms, wilson

STEPS: Final = 1000
"""Bins of the liquidity index; its median is known to a tenth of a point."""


class LiquidityMedian(DataGate):
    """Median of the liquidity index."""

    name = "liquidity_index_median"
    family = "liquidity"
    catches = "a market too illiquid for its prices to be trusted"
    parameter = "liquidity_index_median_min"
    unit = "index"
    severity = "block"
    basis = "sample"
    columns = ("liquidity_index",)

    def count(self, part: Part) -> Tally[Shares]:
        """Count the rows up to each tenth of a point."""
        index = part.numbers("liquidity_index")
        known = np.isfinite(index)
        bins = np.clip(index[known] / 100 * STEPS, 0, STEPS - 1).astype(np.int64)
        counts = histograms(part.issuer[known], bins, STEPS)
        if len(counts) == 0:
            return Tally()
        return Tally({ALL_ROWS: Shares.of(counts.cumsum(axis=1), counts.sum(axis=1))})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding over all rows that have an index."""
        limit, shares = scalar(setting.threshold), tally.slices[ALL_ROWS]
        observed, interval = median(shares)
        verdict = judged(observed, interval, limit, self.basis, largest=False)
        used = limit / observed if observed > 0 else (0.0 if limit == 0 else 100.0)
        message = f"The median liquidity index is {observed:.1f}, at least {limit:g} needed."
        return (
            Finding(self.name, ALL_ROWS, observed, interval, limit, int(shares.rows),
                    setting.severity, verdict, message, used),
        )  # fmt: skip


def median(shares: Shares) -> tuple[float, Interval]:
    """Return the median index and its interval, from shares of rows up to each bin."""
    share, rows = shares.share, shares.effective_rows()
    middle = _point(int(np.searchsorted(share, 0.5)))
    half = float(rows[min(int(np.searchsorted(share, 0.5)), STEPS - 1)])
    low, high = wilson(0.5, half)
    return middle, (
        _point(int(np.searchsorted(share, low))),
        _point(int(np.searchsorted(share, high))),
    )


def _point(place: int) -> float:
    return 100 * (place + 0.5) / STEPS


GATES: Final[tuple[Gate, ...]] = (LiquidityMedian(),)
