"""Find runs and say how they stand, without reading whole logs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic_core import from_json

from bondx_lib import events, runlog
from bondx_lib.artefacts import plain
from bondx_lib.dashboard.views import Watcher, left_text, live_state, mean_skill
from bondx_lib.dashboard.words import STATE_WORDS, duration, number, time_of
from bondx_lib.errors import BadInput, nearest

TAIL_BYTES: Final = 65_536
"""So much of a log's end is read at first; more if no committed epoch is in it."""
DAMAGED: Final = "damaged"
_BEGUN: Final = b'"event":"epoch_started"'
_COMMITTED: Final = b'"event":"epoch_committed"'
_TELLING: Final = re.compile(
    rb'"event":"(?:epoch_(?:started|committed|failed)|paused|continued|run_\w+)"'
)
"""The events that say how far a run is."""


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
    """Return one row per run, newest last; see :class:`RunList`."""
    return RunList(base).rows()


_Stamp = tuple[int, int, int]
"""Inode, size and time of change of a log: what tells it from what it was."""


@dataclass(frozen=True)
class _Known:
    """What the list says of a run as long as its log does not change; damaged without a state."""

    stamp: _Stamp | None
    state: runlog.RunState | None = None
    began: datetime | None = None
    epochs: int = 0
    skill: float | None = None


class RunList:
    """The runs of a folder; of each log only the beginning and the end are read, and only once.

    Parameters
    ----------
    base
        Folder that holds the run folders; it need not exist.
    """

    def __init__(self, base: str | Path) -> None:
        self.base = Path(base)
        self._known: dict[Path, _Known] = {}

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per run, oldest first.

        ``state`` is a key of :data:`~bondx_lib.dashboard.words.STATE_WORDS` and ``state_text`` its
        words; ``epochs`` of at most ``max_epochs`` are committed, ``mean_skill`` is that of the
        last. A log whose ends cannot be read has the state ``damaged``.
        """
        now = datetime.now(UTC)
        paths = _runs(self.base)
        self._known = {path: self._glance(path) for path in paths}
        return [_row(path, self._known[path], now) for path in paths]

    def _glance(self, path: Path) -> _Known:
        """Return what the ends of a log say, as it is known already if it has not changed."""
        log = path / runlog.LOG_NAME
        known, stamp = self._known.get(path), None
        try:
            about = log.stat()
            stamp = (about.st_ino, about.st_size, about.st_mtime_ns)
            return known if known and known.stamp == stamp else _known(stamp, _glance(log))
        except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
            return _Known(stamp)


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


def _row(path: Path, known: _Known, now: datetime) -> dict[str, Any]:
    status = live_state(known.state, path) if known.state else DAMAGED
    age = max((now - known.began).total_seconds(), 0.0) if known.began else None
    return {
        "run": path.name,
        "name": known.state.name if known.state else "",
        "state": status,
        "state_text": STATE_WORDS.get(status, "log not readable"),
        "epochs": known.epochs,
        "max_epochs": known.state.max_epochs if known.state else None,
        "mean_skill": known.skill,
        "age": duration(age) if age is not None else "",
        "age_seconds": age,
    }


def _known(stamp: _Stamp, state: runlog.RunState) -> _Known:
    last = state.committed[-1] if state.committed else None
    began = time_of(state.began) if state.began else None
    return _Known(stamp, state, began, last.number if last else 0, mean_skill(last))


def _glance(log: Path) -> runlog.RunState:
    """Return what the first event and the last ones say of a run.

    The chain is not checked, and what lies between is not read: of the epochs only the last are
    known.
    """
    with log.open("rb") as file:
        first = file.readline()
        after = file.tell()
        tail = _tail(file, after, file.seek(0, os.SEEK_END))
    if not first.endswith(b"\n"):
        return runlog.RunState()
    start = _event(first)
    if start.kind != "run_started" or start["log_version"] > runlog.LOG_VERSION:
        raise ValueError("does not begin with the start of a run that can be read")
    telling = [line for line in tail[:-1] if _TELLING.search(line)]
    return runlog.replay([start, *map(_event, [*telling, *tail[-1:]])], whole=False)


def _tail(file: BinaryIO, start: int, end: int) -> list[bytes]:
    """Return the whole lines from the last committed epoch on, all if there is none."""
    size = TAIL_BYTES
    while True:
        begin = max(end - size, start)
        file.seek(begin)
        content = file.read(end - begin)
        begun = content.rfind(_BEGUN, 0, max(content.rfind(_COMMITTED), 0))
        lines = content.split(b"\n")[:-1]
        if begin == start:
            return lines
        if begun >= 0 and content.find(b"\n", 0, begun) >= 0:
            return lines[1:]
        size *= 4


def _event(line: bytes) -> runlog.Event:
    fields = from_json(line)
    seq, at, kind, prev = (fields.pop(name) for name in ("seq", "at", "event", "prev"))
    if wrong := events.problem(kind, fields):
        raise ValueError(wrong)
    return runlog.Event(seq, at, kind, fields, prev, "")
