"""The form of most rules of business logic: figures that must agree, within a tolerance."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from bondx_lib.gates.base import DataGate, Extent, Finding, Setting, at_most
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import ALL_ROWS, Shares, Tally, first, shares_by


class Agreement(DataGate):
    """A gate on the share of rows in which figures that must agree do not.

    Attributes
    ----------
    what
        What is wrong with a bad row, as a predicate.
    """

    family = "logic"
    unit = "% of rows"
    what: ClassVar[str]

    @abstractmethod
    def excess(self, part: Part) -> Any:
        """Return by how much each row is past its tolerance, above 0 is bad, NaN not judged."""

    def count(self, part: Part) -> Tally[Shares]:
        """Count rows past their tolerance among those that can be judged."""
        with np.errstate(all="ignore"):
            excess = np.asarray(self.excess(part), float)
        bad, about = excess > 0, ~np.isnan(excess)
        weight = part.weight if self.basis == "sample" else None
        shares = shares_by(bad[:, None].astype(float), part.issuer, [(ALL_ROWS, about)], weight)
        return Tally(shares, first(part.positions, bad))

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding over all rows that can be judged."""
        return (
            at_most(self.name, ALL_ROWS, tally.slices[ALL_ROWS], setting, self.what, self.basis,
                    tally.examples),
        )  # fmt: skip
