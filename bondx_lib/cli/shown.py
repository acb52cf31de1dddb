"""What commands share: which run and parameters are meant, how tables and progress are shown."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def say_now(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


@contextlib.contextmanager
def progress(what: str, quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Yield a function that shows how much is done on standard error: done, all, and a word."""
    if quiet:
        yield lambda done, all_, word: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[word]}"),
    )  # fmt: skip
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task(what, total=None, word="")

    def show(done: int, all_: int, word: str) -> None:
        bar.start()
        bar.update(task, completed=done, total=all_, word=word)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


def run_folder(options: argparse.Namespace) -> Path:
    """Return the run folder that was named, or the newest one."""
    from bondx_lib import dashboard

    return dashboard.find_run(Path(options.output), options.run_dir)


def print_json(value: Any) -> None:
    """Print a value as strict JSON."""
    print(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False))


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under their headings, each column as wide as its widest value."""
    headings = list(rows[0])
    cells = [["" if row[name] is None else str(row[name]) for name in headings] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for line in [headings, *cells]:
        print("  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip())


def chosen_parameters(options: argparse.Namespace, named: Mapping[str, str | None]) -> Any:
    """Return the file's parameters with single values over them, and named options over both."""
    from bondx_lib import parameters

    overrides: dict[str, Any] = dict(parameters.parse_override(text) for text in options.values)
    overrides |= {key: json.dumps(value) for key, value in named.items() if value is not None}
    return parameters.load(options.file, overrides)
