"""A sweep for the terminal: one line for each change while it runs, two tables at its end."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bondx_lib.dashboard.views import View
from bondx_lib.dashboard.words import number
from bondx_lib.sweep import tables
from bondx_lib.sweep.comparison import Comparison

NAME_WIDE: Final = 20
TONES: Final = {"converged": "green", "failed": "red", "blocked": "red", "damaged": "red"}


def heading(models: Sequence[str]) -> str:
    """Return the line above the lines of progress.

    >>> heading(["spread", "liquidity_shock"])
    'run                     epoch  quality  spread  liquidity'
    """
    columns = "  ".join(_short(model) for model in models)
    return f"{'run':<{NAME_WIDE}}  {'epoch':>7}  quality  {columns}"


def progress(name: str, one: View, models: Sequence[str]) -> str:
    """Return epoch, quality and the champions' skill of a run on one line."""
    skills = {row["model"]: row["skill"] for row in one.models}
    cells = "  ".join(f"{number(skills.get(m)):>{len(_short(m))}}" for m in models)
    epoch = f"{one.committed}/{one.max_epochs}"
    return f"{name:<{NAME_WIDE}}  {epoch:>7}  {number(one.quality, 3):>7}  {cells}".rstrip()


def event(name: str, words: str) -> str:
    """Return what has become of a run.

    >>> event("seed42", "starts")
    'seed42                starts'
    """
    return f"{name:<{NAME_WIDE}}  {words}"


def as_text(comparison: Comparison, width: int = 80) -> str:
    """Return the tables over the runs as lines of text."""
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(rendered(comparison))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def show(comparison: Comparison) -> None:
    """Print the tables over the runs, as wide as the terminal."""
    Console(highlight=False).print(rendered(comparison))


def rendered(comparison: Comparison) -> RenderableType:
    """Return the tables over the runs as a terminal shows them."""
    verdicts, skills = tables.verdicts(comparison), tables.skills(comparison)
    parts: list[RenderableType] = [_verdicts(verdicts), ""]
    if len(skills):
        parts += [Text("Skill on the audit market, with 95 % intervals", style="bold"),
                  _skills(skills), ""]  # fmt: skip
    return Group(*parts, Text(tables.caution(comparison), style="dim"))


def _verdicts(frame: tables.Frame) -> Table:
    table = _table("Run", "What differs", "Verdict", "Epochs", "Quality", "Minutes")
    table.columns[0].overflow = table.columns[1].overflow = "fold"
    table.columns[2].no_wrap = True
    for column in table.columns[3:]:
        column.justify, column.no_wrap = "right", True
    for row in frame.to_dict("records"):
        verdict = Text(row["verdict"], style=TONES.get(row["verdict"], ""))
        quality, took = (_known(row[name]) for name in ("quality", "minutes"))
        table.add_row(row["run"], row["what differs"], verdict, str(row["epochs"]),
                      number(quality, 3), number(took, 1))  # fmt: skip
    return table


def _skills(frame: tables.Frame) -> Table:
    table = _table(*("Run" if name == "run" else name for name in frame.columns))
    table.columns[0].overflow, table.collapse_padding = "fold", True
    rows = [[_on_two_lines(str(cell)) for cell in cells] for cells in frame.itertuples(index=False)]
    for place, column in enumerate(table.columns[1:], start=1):
        column.min_width = max(len(line) for cells in rows for line in cells[place].split("\n"))
    for cells in rows:
        table.add_row(*cells)
    return table


def _on_two_lines(cell: str) -> str:
    r"""Return a number with its interval below it, so that four fit beside one another.

    >>> _on_two_lines("0.50 (0.41 to 0.62)"), _on_two_lines("–")
    ('0.50\n0.41 to 0.62', '–')
    """
    value, _, rest = cell.partition(" (")
    ends, _, words = rest.partition(")")
    return f"{value}{words}\n{ends}" if ends else value


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold", expand=False)


def _short(model: str) -> str:
    return model.partition("_")[0][:9]


def _known(value: float) -> float | None:
    return value if value == value else None
