"""Reproducibility: does drawing again give the same bytes?"""

from __future__ import annotations

from typing import Final

from bondx_lib.gates.base import Context, Finding, Gate, nothing
from bondx_lib.gates.tallies import ALL_ROWS


class Redrawn(Gate):
    """The variation drawn a second time has the digest of the first."""

    name = "redrawn"
    family = "reproducibility"
    catches = "data that another draw from the same stream does not give again"
    asks = "redrawn"
    limit = 0.0
    unit = "draws that differ"
    severity = "block"
    false_alarm = 0.0

    def evaluate(self, context: Context) -> tuple[Finding, ...]:
        """Return one finding: both digests are equal, or not."""
        setting = context.setting(self)
        if context.redrawn is None:
            return (nothing(self.name, setting, "The data were not drawn again."),)
        first, second = context.redrawn
        same = first == second
        message = (
            f"Drawn again, the data have the same digest {first[:12]}."
            if same
            else f"Drawn again, the data have the digest {second[:12]} instead of {first[:12]}."
        )
        return (
            Finding(self.name, ALL_ROWS, float(not same), None, setting.threshold, 2,
                    setting.severity, "pass" if same else "fail", message, 0.0 if same else 2.0),
        )  # fmt: skip


GATES: Final[tuple[Gate, ...]] = (Redrawn(),)
