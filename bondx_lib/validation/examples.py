"""What a reader sees of a row that a gate points at: its key, and the cells that are to blame."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from bondx_lib import gates
from bondx_lib.gates import Gate, Part
from bondx_lib.gates.intake import UNREADABLE, noted
from bondx_lib.gates.part import ORDER
from bondx_lib.gates.structure import ColumnsGate
from bondx_lib.gates.tallies import Ints, Tally

MOST_CELLS: Final = 8

Cell = str | float | None
Key = tuple[str, int]
"""A gate and the number of a row."""


@dataclass(frozen=True)
class Example:
    """A row: world, bond and date, and some of its cells."""

    key: Mapping[str, Cell]
    cells: Mapping[str, Cell]


def examples(part: Part, tallies: Mapping[str, Tally[Any]]) -> dict[Key, Example]:
    """Return the rows that tallies name, by gate and number.

    Parameters
    ----------
    part
        The rows that were counted.
    tallies
        What each gate counted in them.
    """
    wanted = np.array(sorted({row for one in tallies.values() for row in one.examples}), np.int64)
    places = np.flatnonzero(np.isin(part.positions, wanted))[::-1]
    place = dict(zip(part.positions[places].tolist(), places.tolist(), strict=True))
    rows = dict(zip(places.tolist(), part.rows.iloc[places].to_dict("records"), strict=True))
    return {
        (name, number): _example(rows[place[number]], columns)
        for name, tally in tallies.items()
        if tally.examples
        for number, columns in _blamed(gates.get(name), part, tally.examples, place).items()
    }


def _blamed(
    gate: Gate, part: Part, numbers: tuple[int, ...], place: Mapping[int, int]
) -> dict[int, list[str]]:
    """Return which cells of each row to show: those a gate marks, or all that it looks at."""
    if not isinstance(gate, ColumnsGate):
        read = [name for name in getattr(gate, "columns", ()) if name not in ORDER]
        return dict.fromkeys(numbers, read[:MOST_CELLS])
    around = _of_issuers(part, np.array([place[number] for number in numbers]))
    marks = gate.departures(around)
    return {
        number: [name for name, marked in marks.items()
                 if marked[around.positions == number].any()][:MOST_CELLS]
        for number in numbers
    }  # fmt: skip


def _of_issuers(part: Part, places: Ints) -> Part:
    """Return all rows of the issuers of some rows."""
    here = np.isin(part.issuer, part.issuer[places])
    return Part(part.rows[here], part.positions[here], part.issuer[here])


def _example(row: Mapping[Hashable, Any], columns: list[str]) -> Example:
    unread = row.get(UNREADABLE)
    stood = noted(unread) if isinstance(unread, str) else {}
    key = {name: _plain(row[name]) for name in ORDER if name in row}
    return Example(key, {name: stood.get(name, _plain(row[name])) for name in columns})


def _plain(value: Any) -> Cell:
    """Return a cell as JSON can hold it: dates and infinities as words."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    number = float(value)
    return number if np.isfinite(number) else str(number)
