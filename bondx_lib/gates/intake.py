"""Intake: could the cells of a file be read at all?

A reader of files takes every cell in its column's type. What it could not take is missing in the
rows; the column :data:`UNREADABLE` says what stood there. Rows that were never read from a file
have no such column, and nothing to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from bondx_lib import schema
from bondx_lib.gates.base import Bools, Context, Finding, Gate, nothing
from bondx_lib.gates.part import Part
from bondx_lib.gates.structure import ColumnsGate
from bondx_lib.gates.tallies import Shares, Tally

UNREADABLE: Final = "unreadable"
"""Column of a part: null, or the cells of the row that could not be read, as :func:`said`."""
BETWEEN: Final = "\x1f"


def said(cells: Mapping[str, str]) -> str:
    """Return how unreadable cells are noted: columns, each with what stood there.

    >>> noted(said({"spread_bps": "n/a", "date": "31/12/2030"}))
    {'spread_bps': 'n/a', 'date': '31/12/2030'}
    """
    return BETWEEN.join(f"{name} {text}" for name, text in cells.items())


def noted(text: str) -> dict[str, str]:
    """Return column and content of the unreadable cells of a row."""
    pairs = (cell.partition(" ") for cell in text.split(BETWEEN))
    return {name: content for name, _, content in pairs}


class UnreadableCells(ColumnsGate):
    """Share of rows with a cell that is not of its column's type: a word for a number, no date."""

    name = "unreadable_cells"
    catches = "words among numbers, and dates that are none"
    what = "have a cell that cannot be read"
    limit = 1.0
    severity = "block"
    false_alarm = 0.0
    watched = schema.names("panel")

    def count(self, part: Part) -> Tally[Shares]:
        """Count rows with an unreadable cell at all, then by column."""
        return super().count(part) if UNREADABLE in part.rows.columns and len(part) else Tally()

    def departures(self, part: Part) -> dict[str, Bools]:
        """Mark the rows whose cell could not be read, by column."""
        texts = part.rows[UNREADABLE].to_numpy(object)
        found: dict[str, Bools] = {}
        for row in np.flatnonzero(pd.notna(texts)):
            for name in noted(str(texts[row])):
                found.setdefault(name, np.zeros(len(part), bool))[row] = True
        return found

    def evaluate(self, context: Context) -> tuple[Finding, ...]:
        """Return the finding, or that no file was read."""
        tally = context.tallies.get(self.name)
        if tally is None or not tally.slices:
            reason = "The rows were not read from a file."
            return (nothing(self.name, context.setting(self), reason),)
        return super().evaluate(context)


GATES: Final[tuple[Gate, ...]] = (UnreadableCells(),)
