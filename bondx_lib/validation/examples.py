"""What a reader sees of a row that a gate points at: its key, and the cells that the gate reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from bondx_lib import gates, schema
from bondx_lib.gates import Part
from bondx_lib.gates.intake import UNREADABLE, UnreadableCells, noted
from bondx_lib.gates.part import ORDER
from bondx_lib.gates.structure import ColumnsGate, Schema, departs
from bondx_lib.gates.tallies import Tally

MOST_CELLS: Final = 8
PANEL: Final = schema.TABLES["panel"].columns

Cell = str | float | None


@dataclass(frozen=True)
class Example:
    """A row: world, bond and date, and some of its cells."""

    key: Mapping[str, Cell]
    cells: Mapping[str, Cell]


def examples(part: Part, tallies: Mapping[str, Tally[Any]]) -> dict[tuple[str, int], Example]:
    """Return the rows that tallies name, by gate and number.

    Parameters
    ----------
    part
        The rows that were counted.
    tallies
        What each gate counted in them.
    """
    wanted = np.array(sorted({row for one in tallies.values() for row in one.examples}), np.int64)
    places = np.flatnonzero(np.isin(part.positions, wanted))
    rows = part.rows.iloc[places].reset_index(drop=True)
    place = {int(number): row for row, number in reversed(list(enumerate(part.positions[places])))}
    return {
        (name, number): _example(name, rows, place[number])
        for name, tally in tallies.items()
        for number in tally.examples
    }


def _example(gate: str, rows: pd.DataFrame, row: int) -> Example:
    key = {name: _plain(rows[name].iat[row]) for name in ORDER if name in rows.columns}
    return Example(key, _cells(gate, rows, row))


def _cells(name: str, rows: pd.DataFrame, row: int) -> dict[str, Cell]:
    """Return what could not be read, what departs from the schema, or what the gate looks at."""
    gate = gates.get(name)
    if isinstance(gate, UnreadableCells):
        text = rows[UNREADABLE].iat[row]
        return dict(noted(str(text))) if isinstance(text, str) else {}
    names = [one for one in getattr(gate, "columns", ()) if one not in ORDER]
    if isinstance(gate, ColumnsGate):
        names += [one for one in gate.watched if one not in names]
    names = [one for one in names if one in rows.columns]
    if isinstance(gate, Schema):
        one_row = rows.iloc[[row]]
        names = [one for one in names if departs(one_row[one], PANEL[one])[0]]
    return {one: _plain(rows[one].iat[row]) for one in names[:MOST_CELLS]}


def _plain(value: Any) -> Cell:
    """Return a cell as JSON can hold it: dates and infinities as words."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, str):
        return value
    number = float(value)
    if np.isnan(number):
        return None
    return number if np.isfinite(number) else str(number)
