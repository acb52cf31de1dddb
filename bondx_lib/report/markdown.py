"""The report as Markdown: the executed notebook's prose, tables and notes, pictures in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import nbformat

from bondx_lib.errors import BadInput
from bondx_lib.report.blocks import NOTE_TYPE, TABLE_TYPE

NOTEBOOK_NAME: Final = "report.ipynb"
MARKUP: Final = re.compile(r"[\\|]|(?<=\])\(")
"""What would end a cell, or make a link."""
BACKTICKS: Final = re.compile("`+")


def markdown(run_dir: str | Path) -> str:
    """Return the report of a run as Markdown.

    Parameters
    ----------
    run_dir
        A run whose report was rendered.

    Raises
    ------
    BadInput
        When there is no report to read.
    """
    path = Path(run_dir) / NOTEBOOK_NAME
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"holds no report: {error}", source=str(path), admissible="a run whose report was "
            "rendered: bondx report RUN",
        ) from error  # fmt: skip
    parts = [part for cell in notebook.cells for part in _cell(cell)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _cell(cell: Any) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
        return
    for output in cell.get("outputs", ()):
        data: Mapping[str, Any] = output.get("data", {})
        if TABLE_TYPE in data:
            yield _table(data[TABLE_TYPE])
        elif NOTE_TYPE in data:
            yield _note(data[NOTE_TYPE])
        elif "image/png" in data:
            about = output.metadata.get("image/png", {})
            yield f"*{inline(about.get('caption', ''))}* {inline(about.get('alt', ''))}"


def _table(table: Mapping[str, Any]) -> str:
    rows = [table["columns"], ["---"] * len(table["columns"]), *table["rows"]]
    lines = ["| " + " | ".join(map(inline, row)) + " |" for row in rows]
    return "\n".join([f"**{inline(table['caption'])}**", "", *lines, "", inline(table["note"])])


def _note(note: Mapping[str, Any]) -> str:
    lines = [str(line) for line in note["lines"]]
    if note["kind"] == "list":
        return "\n".join(f"- {inline(line)}" for line in lines)
    if note["kind"] == "code":
        fence = "`" * max(3, 1 + max(map(len, BACKTICKS.findall("\n".join(lines))), default=0))
        return "\n".join([fence, *lines, fence])
    return "\n\n".join(map(inline, lines))


def inline(text: object) -> str:
    """Return text from data so that it stays text in Markdown, in one line and in its cell."""
    return " ".join(MARKUP.sub(r"\\\g<0>", str(text)).replace("<", "&lt;").split())
