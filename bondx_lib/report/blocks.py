"""The three things a report is made of besides prose: tables, notes and pictures.

Each is plain data that a notebook shows through its own media type; the HTML template renders the
types it knows and nothing else, and escapes every text in them.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLE_TYPE: Final = "application/vnd.bondx.table+json"
NOTE_TYPE: Final = "application/vnd.bondx.note+json"
NUMBER: Final = re.compile(r"[-+−]?\d[\d,]*(\.\d+)?(e[-+−]?\d+)?( ?%)?( \(.*\))?|–|")

Kind = Literal["text", "heading", "lead", "list", "code", "verdict", "banner"]
Tone = Literal["good", "bad", "unsure", ""]
Summary = Mapping[str, Any]
"""What :func:`~bondx_lib.report.summary.summarise` returns."""


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first cell of each row is its header."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers only and are set flush right."""
        return tuple(
            place > 0 and all(NUMBER.fullmatch(row[place]) for row in self.rows)
            for place in range(len(self.columns))
        )

    def __str__(self) -> str:
        """Return the table as lines of text."""
        lines = [self.caption, " | ".join(self.columns)]
        lines += [" | ".join(row) for row in self.rows]
        return "\n".join([*lines, self.note] if self.note else lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {TABLE_TYPE: {**asdict(self), "numeric": self.numeric}, "text/plain": str(self)}


@dataclass(frozen=True)
class Note:
    """A few sentences that are made from the run's own numbers."""

    lines: tuple[str, ...]
    kind: Kind = "text"
    tone: Tone = ""

    def __str__(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self.lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {NOTE_TYPE: asdict(self), "text/plain": str(self)}


@dataclass(frozen=True)
class Picture:
    """A figure as PNG with the text that stands in for it and a caption."""

    png: bytes
    alternative: str
    caption: str

    def __str__(self) -> str:
        """Return the alternative text."""
        return self.alternative

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        content = {"image/png": base64.b64encode(self.png).decode(), "text/plain": str(self)}
        return content, {"image/png": {"alt": self.alternative, "caption": self.caption}}


def picture(
    draw: Callable[..., Figure],
    describe: Callable[..., str],
    caption: str,
    frame: pd.DataFrame,
    *settings: Any,
) -> Picture | Note:
    """Draw and describe a frame; where it has no rows, say so instead.

    Parameters
    ----------
    draw, describe
        A figure of :mod:`bondx_lib.plots` and the function that puts it into words.
    caption
        What the reader should see in it.
    frame, settings
        What both functions are called with.
    """
    if frame.empty:
        return Note((f"Not shown, because this run has nothing to show here: {caption}",))
    from bondx_lib import plots  # a second to import, and only the report's kernel draws

    return Picture(plots.png(draw(frame, *settings)), describe(frame, *settings), caption)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits, a dash where there is none.

    >>> number(0.3), number(1234567.0), number(None), number(12.04), number(0.0000123)
    ('0.300', '1,230,000', '–', '12.0', '1.23e−05')
    """
    if value is None:
        return "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    exponent = math.floor(math.log10(abs(rounded)))
    if exponent < -digits:
        return f"{rounded:.{digits - 1}e}".replace("-", "−")
    return f"{rounded:,.{max(digits - 1 - exponent, 0)}f}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """Return a fraction as a percentage.

    >>> percent(0.1234), percent(None)
    ('12.3 %', '–')
    """
    return "–" if value is None else f"{100 * value:z.{digits}f} %".replace("-", "−")


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a score with its interval, two digits after the point.

    >>> interval(0.5, 0.41, 0.62), interval(-0.001, -0.5, 0.5)
    ('0.50 (0.41 to 0.62)', '0.00 (−0.50 to 0.50)')
    """
    if value is None:
        return "–"
    if low is None or high is None:
        return f"{value:z.2f}".replace("-", "−")
    return f"{value:z.2f} ({low:z.2f} to {high:z.2f})".replace("-", "−")


def table(
    caption: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], note: str = ""
) -> Table | Note:
    """Return a table, or a sentence where it would have no rows."""
    return Table(caption, columns, rows, note) if rows else Note((f"{caption}: none in this run.",))


def span(row: Mapping[str, Any]) -> str:
    """Return from where to where an interval goes.

    >>> span({"low": 0.1, "high": 0.25}), span({"low": None, "high": None})
    ('0.100 to 0.250', '–')
    """
    if row.get("low") is None or row.get("high") is None:
        return "–"
    return f"{number(row['low'])} to {number(row['high'])}"


def plain(value: Any) -> str:
    """Return a plain value as a reader would write it.

    >>> plain({"max_depth": 5, "tried": [0.1, 0.25]}), plain(None)
    ('max depth 5; tried 0.1, 0.25', '–')
    """
    if isinstance(value, Mapping):
        return "; ".join(f"{words(str(key))} {plain(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(inner) for inner in value)
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None else str(value)


def words(name: str) -> str:
    """Return a name with spaces.

    >>> words("esg_missing")
    'esg missing'
    """
    return name.replace("_", " ")
