"""How long it takes to look: at a run of a hundred epochs, and at a folder of a thousand runs.

``python benchmarks/watching.py`` makes a small run, repeats its last epoch until its log has a
hundred, and looks at it as the terminal and the notebook do. The reference is the same look by
reading and checking the whole log, in the same minute. See ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from loop import machine
from rich.console import Console

from bondx_lib import artefacts, cli, dashboard, runlog
from bondx_lib.dashboard import html

RESULT: Final = Path(__file__).parent / "results" / "watching.json"
PARAMETERS: Final = Path(__file__).parents[1] / "parameters" / "smoke.yaml"
TERMINALS: Final = ((80, 24), (140, 45))


@dataclass(frozen=True)
class Size:
    """How much is measured.

    The last of ``epochs_made`` stands for the rest of ``epochs``, and ``distinct`` logs stand, by
    hard links, for all ``runs``.
    """

    epochs_made: int
    epochs: int
    runs: int
    distinct: int
    repetitions: int


FULL: Final = Size(epochs_made=3, epochs=100, runs=1000, distinct=20, repetitions=15)
SMALL: Final = Size(epochs_made=1, epochs=4, runs=12, distinct=3, repetitions=3)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description="Measure the views of a run.")
    parser.add_argument("--small", action="store_true", help="some seconds, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--from", type=Path, dest="source", help="show this result, measure none")
    chosen = parser.parse_args(arguments)
    if chosen.source:
        show(artefacts.read_json(chosen.source))
        return
    output = chosen.output or (None if chosen.small else RESULT)
    result = measure(SMALL if chosen.small else FULL)
    show(result)
    if output is not None:
        artefacts.write_json(output, result)


def measure(size: Size) -> dict[str, Any]:
    """Return all that is measured, in plain types; times are medians in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_dir = _long_run(folder / "one", size)
        log = run_dir / runlog.LOG_NAME
        return {
            "machine": machine(),
            "size": asdict(size),
            "log_bytes": log.stat().st_size,
            "events": len(runlog.read(log)),
            "one": _of_one(run_dir, size),
            "list": _of_many(folder / "many", log, size),
        }


def _long_run(base: Path, size: Size) -> Path:
    """Make a small run and repeat its last epoch; it is left at work on the next."""
    with contextlib.redirect_stdout(sys.stderr):
        code = cli.main(
            ["run", "-f", str(PARAMETERS), "--output", str(base), "--quiet",
             "--set", f"max_epochs={size.epochs_made}"]
        )  # fmt: skip
    if code:
        raise SystemExit(code)
    (run_dir,) = (path for path in base.iterdir() if path.is_dir())
    log = run_dir / runlog.LOG_NAME
    events = runlog.read(log)
    last = max(event["epoch"] for event in events if event.kind == "epoch_committed")
    begun = [event.kind == "epoch_started" and event["epoch"] == last for event in events]
    start = begun.index(True)
    end = next(n for n in range(start, len(events)) if events[n].kind == "assessed")
    log.unlink()
    journal = runlog.Journal(log)
    for event in events[:start]:
        journal.append(event.kind, **event.fields)
    for epoch in range(last, size.epochs + 1):
        for event in events[start : end + 1]:
            fields = {**event.fields, **({"epoch": epoch} if "epoch" in event.fields else {})}
            fields |= {"status": "running"} if event.kind == "assessed" else {}
            journal.append(event.kind, **fields)
    journal.append("epoch_started", epoch=size.epochs + 1, attempt=1, kernel="warm")
    return run_dir


def _of_one(run_dir: Path, size: Size) -> dict[str, float]:
    """Return what each look at a long run takes, against reading it all."""
    log = run_dir / runlog.LOG_NAME
    with runlog.RunLock(run_dir):
        whole = _median(size, lambda: dashboard.Watcher(run_dir).look())
        watcher = dashboard.Watcher(run_dir)
        view = watcher.look()
        follower = runlog.Follower(log)
        follower.new()
        journal = runlog.Journal(log, follower)
        taken: list[float] = []
        for _ in range(size.repetitions):
            journal.append("stage_started", epoch=view.epoch, stage="train")
            taken.append(_seconds(watcher.look))
        refresh = float(np.median(taken))
        found = {
            "whole_log": whole,
            "refresh": refresh,
            "refresh_over_whole_log": refresh / whole,
            "refresh_without_news": _median(size, watcher.look),
            "page": _median(size, lambda: html.page(view, watcher.state)),
        }
        for width, height in TERMINALS:
            draw = partial(_draw, view, width, height)
            found[f"picture_{width}x{height}"] = _median(size, draw)
    return found


def _of_many(base: Path, log: Path, size: Size) -> dict[str, float]:
    """Return what the list of many runs takes, the first time and again, against reading all."""
    logs = [log]
    for number in range(size.distinct):
        logs.append(base / f"log-{number}")
        artefacts.write_bytes(logs[-1], log.read_bytes())
    for number in range(size.runs):
        run_dir = base / "runs" / f"20260101T000000Z-run{number:04d}-abcdef"
        run_dir.mkdir(parents=True)
        os.link(logs[1 + number % size.distinct], run_dir / runlog.LOG_NAME)
    some = sorted((base / "runs").iterdir())[: size.distinct]
    read_all = _median(size, lambda: [dashboard.Watcher(path).look() for path in some])
    first = _median(size, lambda: dashboard.list_runs(base / "runs"))
    listed = dashboard.RunList(base / "runs")
    listed.rows()
    return {
        "first": first,
        "again": _median(size, listed.rows),
        "first_over_whole_logs": (first / size.runs) / (read_all / len(some)),
    }


def _draw(view: dashboard.View, width: int, height: int) -> None:
    console = Console(width=width, height=height, force_terminal=True, file=_Nowhere())
    console.print(dashboard.render(view, width, height))


class _Nowhere:
    """A file that forgets."""

    def write(self, text: str) -> int:
        """Take what is written."""
        return len(text)

    def flush(self) -> None:
        """Do nothing."""


def _median(size: Size, work: Callable[[], Any]) -> float:
    return float(np.median([_seconds(work) for _ in range(size.repetitions)]))


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def show(result: dict[str, Any]) -> None:
    """Print what was measured."""
    size, one, many = result["size"], result["one"], result["list"]
    print(
        f"a log of {size['epochs']} epochs, {result['events']:,} events, "
        f"{result['log_bytes'] / 2**20:.1f} MiB\n"
        f"  read whole {1e3 * one['whole_log']:.0f} ms; a refresh with a new event "
        f"{1e3 * one['refresh']:.1f} ms, {one['refresh_over_whole_log']:.3f} of it; "
        f"without one {1e3 * one['refresh_without_news']:.1f} ms\n"
        f"  drawn for a terminal of 80x24 in {1e3 * one['picture_80x24']:.1f} ms, of 140x45 in "
        f"{1e3 * one['picture_140x45']:.1f} ms; as a page with all charts in "
        f"{1e3 * one['page']:.0f} ms\n"
        f"a folder of {size['runs']:,} such runs\n"
        f"  listed in {many['first']:.2f} s, {many['first_over_whole_logs']:.4f} of reading all "
        f"logs; again in {many['again']:.3f} s"
    )


if __name__ == "__main__":
    main()
