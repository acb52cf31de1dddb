"""Completeness: is enough of the data there?"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bondx_lib.gates.base import DataGate, Extent, Finding, Gate, RowGate, Setting, judged, scalar
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import ALL_ROWS, Shares, Tally, grouped
from bondx_lib.schema import LABELS, names

ESG: Final = ("esg_rater_a", "esg_rater_b", "esg_rater_c", "esg_score")
REQUIRED: Final = tuple(name for name in names("panel") if name not in (*ESG, *LABELS))


class Coverage(DataGate):
    """Share of required cells that are filled; ESG scores have a gate of their own."""

    name = "coverage"
    family = "completeness"
    catches = "missing values in required columns"
    parameter = "coverage_min"
    unit = "% of cells"
    severity = "block"
    essential = True
    false_alarm = 0.001

    def count(self, part: Part) -> Tally[Shares]:
        """Count filled cells by column; a column that is not there has none."""
        filled = np.zeros((len(part), len(REQUIRED)))
        for place, name in enumerate(REQUIRED):
            if name in part.rows.columns:
                filled[:, place] = part.rows[name].notna()
        sums = grouped(part.issuer, np.column_stack([filled, np.ones(len(part))]))
        return Tally({ALL_ROWS: Shares.of(sums[:, :-1], sums[:, -1])})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding over all required cells, naming the emptiest column."""
        limit, shares = scalar(setting.threshold), tally.slices[ALL_ROWS]
        observed = 100 * float(shares.share.mean())
        worst = int(np.argmin(shares.share))
        room = 100 - limit
        used = (100 - observed) / room if room > 0 else (0.0 if observed == 100 else 101 - observed)
        message = (
            f"{observed:.2f} % of required cells are filled, at least {limit:g} % needed; emptiest "
            f"column: {REQUIRED[worst]} ({100 * shares.share[worst]:.1f} %)."
        )
        verdict = judged(observed, None, limit, "census", largest=False)
        return (
            Finding(self.name, ALL_ROWS, observed, None, limit, int(shares.rows), setting.severity,
                    verdict, message, used),
        )  # fmt: skip


class EsgMissing(RowGate):
    """Share of rows without any ESG score."""

    name = "esg_missing"
    family = "completeness"
    catches = "rows that no ESG rater covers"
    what = "have no ESG score"
    parameter = "esg_missing_max"
    severity = "block"
    basis = "sample"
    columns = ("esg_score",)

    def bad(self, rows: Any) -> Any:
        """Mark rows without a score."""
        return rows["esg_score"].isna()


GATES: Final[tuple[Gate, ...]] = (Coverage(), EsgMissing())
