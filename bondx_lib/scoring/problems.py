"""What is wrong with rows: some things refuse a file, others only need to be said.

A value that cannot be read refuses the file; a number out of range does not, because finding such
rows is what the anomaly model is for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib import schema
from bondx_lib.errors import BadInput
from bondx_lib.features import INPUTS

Ints = NDArray[np.int64]

MOST_SHOWN: Final = 10


@dataclass
class Problems:
    """Rows that refuse a file: how many problems, and the first of them in words."""

    source: str
    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def note(self, rows: Ints, words: Callable[[int], str]) -> None:
        """Note a problem of some rows; ``words`` is asked for the text of a few of them only.

        Parameters
        ----------
        rows
            Positions in the file, ascending from 0.
        words
            From a position in ``rows`` to what is wrong there.
        """
        self.count += len(rows)
        new = [(int(row), words(place)) for place, row in enumerate(rows[:MOST_SHOWN])]
        self.first = sorted([*self.first, *new], key=lambda pair: pair[0])[:MOST_SHOWN]

    def refuse(self, hint: str | None = None) -> None:
        """Raise if there is any.

        Raises
        ------
        BadInput
            With the number of problems and the first ten, row by row.
        """
        if self.count == 0:
            return
        lines = [f"  row {row + 1} {text}" for row, text in self.first]
        if self.count > len(lines):
            lines.append(f"  and {self.count - len(lines):,} more")
        said = "1 problem" if self.count == 1 else f"{self.count:,} problems"
        text = "\n".join([f"{said} in its rows; nothing was written", *lines])
        raise BadInput(text if hint is None else f"{text}\n{hint}", source=self.source)


def out_of_range(rows: pd.DataFrame) -> NDArray[np.object_]:
    """Say in words which numbers of each row are out of range, nothing where none is.

    Parameters
    ----------
    rows
        With the columns that features need, in their types.
    """
    said: dict[int, list[str]] = {}
    for name, low, high, words in _RANGES:
        values = rows[name].to_numpy(float)
        for place in np.flatnonzero((values < low) | (values > high)).tolist():
            text = f"{name} {values[place]:g} is outside {words}"
            said.setdefault(place, []).append(text)
    for place, text in _mismatched(rows):
        said.setdefault(place, []).append(text)
    found = np.full(len(rows), "", dtype=object)
    for place, texts in said.items():
        found[place] = "; ".join(texts)
    return found


def _mismatched(rows: pd.DataFrame) -> list[tuple[int, str]]:
    """Return where the number of a rating is another's."""
    expected = rows["rating"].astype("str").map(schema.RATING_NUMBER).to_numpy(float)
    given = rows["rating_number"].to_numpy(float)
    return [
        (place, f"rating_number {given[place]:g} is not that of {rows['rating'].iloc[place]}")
        for place in np.flatnonzero(given != expected).tolist()
    ]


def _range(name: str, words: str) -> tuple[str, float, float, str] | None:
    for check in schema.TABLES["panel"].columns[name].checks:
        ends: dict[str, Any] = check.statistics
        if "min_value" in ends:
            return name, ends["min_value"], ends.get("max_value", np.inf), words
    return None


_RANGES: Final = tuple(
    found
    for row in schema.describe("panel")
    if row["name"] in INPUTS and (found := _range(row["name"], row["range"])) is not None
)
