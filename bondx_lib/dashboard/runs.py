"""Find runs and say how they stand, without reading whole logs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bondx_lib import runlog
from bondx_lib.artefacts import plain
from bondx_lib.dashboard.views import Watcher, left_text
from bondx_lib.dashboard.words import STATE_WORDS, duration, number
from bondx_lib.errors import BadInput, nearest

TAIL_BYTES: Final = 65_536


def find_run(base: Path, text: str | None = None) -> Path:
    """Return the latest run in a folder, or the one that a name or its beginning names.

    Raises
    ------
    BadInput
        When there is none, or several begin so.
    """
    names = [path.name for path in _runs(base)]
    if text is None:
        if not names:
            raise BadInput("holds no runs", source=str(base), admissible="start one: `bondx run`")
        return base / names[-1]
    if (Path(text) / runlog.LOG_NAME).is_file():
        return Path(text)
    matching = [name for name in names if name.startswith(Path(text).name)]
    if len(matching) == 1:
        return base / matching[0]
    raise BadInput(
        "names several runs" if matching else "is no run folder",
        source=str(base), value=text, admissible="a folder that `bondx list` names",
        nearest=nearest(Path(text).name, names),
    )  # fmt: skip


def list_runs(base: str | Path) -> list[dict[str, Any]]:
    """Return one row per run, newest last: run, name, state, epochs, age.

    Only the beginning and the end of each log are read.
    """
    now = datetime.now(UTC)
    return [_row(path, now) for path in _runs(Path(base))]


def status(run_dir: str | Path) -> dict[str, Any]:
    """Return how a run stands, as plain values for scripts and monitoring.

    Raises
    ------
    BadInput
        When the folder is no run or its log is damaged.
    """
    folder = Path(run_dir)
    if not (folder / runlog.LOG_NAME).is_file():
        raise BadInput(
            "is no run folder: it has no events.jsonl", source=str(folder),
            admissible="a folder that `bondx list` names",
        )  # fmt: skip
    one = Watcher(folder).look()
    row: dict[str, Any] = plain(one.to_dict())
    row["run_dir"] = str(folder)
    row["time_left"] = left_text(one)
    return row


def status_text(row: dict[str, Any]) -> str:
    """Return a few lines that say how a run stands."""
    skills = ", ".join(f"{m['model']} {number(m['skill'])}" for m in row["models"]) or "none yet"
    lines = [
        f"run       {row['run_dir']}",
        f"state     {row['state_text']}" + (f" ({row['reason']})" if row["reason"] else ""),
        f"epoch     {row['epoch']} of at most {row['max_epochs']}, {row['stage_text']}",
        f"elapsed   {duration(row['elapsed_seconds'])}",
        f"left      {row['time_left']}",
        f"quality   {number(row['quality'], 3)} {row['band'] or ''}".rstrip(),
        f"skill     {skills}",
    ]
    return "\n".join(lines)


def _runs(base: Path) -> list[Path]:
    """Return the run folders in a folder, oldest first."""
    if not base.is_dir():
        return []
    with os.scandir(base) as entries:
        folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(path for path in folders if (path / runlog.LOG_NAME).is_file())


def _row(path: Path, now: datetime) -> dict[str, Any]:
    try:
        first, last = _ends(path / runlog.LOG_NAME)
    except (ValueError, KeyError, OSError):
        return {"run": path.name, "name": "", "state": "damaged log", "epochs": 0, "age": ""}
    began = datetime.fromisoformat(first["at"])
    return {
        "run": path.name,
        "name": first["name"],
        "state": STATE_WORDS[_state(path, last)],
        "epochs": next((e["epoch"] for e in last if e["event"] == "epoch_committed"), 0),
        "age": duration((now - began).total_seconds()),
    }


def _ends(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the first event and the last ones, newest first."""
    with path.open("rb") as file:
        first = json.loads(file.readline())
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - TAIL_BYTES, 0))
        lines = file.read().split(b"\n")
    if first["event"] != "run_started":
        raise ValueError("does not begin with the start of a run")
    return first, list(_events(lines[:-1], cut=size > TAIL_BYTES))


def _events(lines: list[bytes], *, cut: bool) -> Iterator[dict[str, Any]]:
    for line in reversed(lines[1:] if cut else lines):
        yield json.loads(line)


def _state(path: Path, last: list[dict[str, Any]]) -> str:
    newest = last[0]
    if newest["event"] == "run_finished":
        return str(newest["status"])
    if newest["event"] == "run_interrupted":
        return "interrupted"
    if runlog.RunLock.holder(path) is None:
        return "lost"
    return "paused" if newest["event"] == "paused" else "running"
