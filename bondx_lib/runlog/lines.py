"""The lines of a log: what each must be, and how it is held to the one before it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from bondx_lib.errors import BadInput, RunLogDamaged, RunLogNewer, nearest
from bondx_lib.events import KINDS, problem

LOG_NAME: Final = "events.jsonl"
LOG_VERSION: Final = 2
GENESIS: Final = "0" * 64
FIRST: Final = "run_started"
NOT_FIRST: Final = f"a log begins with {FIRST}, and has no other"


@dataclass(frozen=True)
class Event:
    """One line of the log.

    Attributes
    ----------
    seq
        Position in the log, from 0.
    at
        Time of writing, UTC, ISO 8601.
    kind
        One of :data:`bondx_lib.events.KINDS`.
    fields
        What happened, as that kind says it.
    prev, digest
        SHA-256 of the previous line and of this one.
    """

    seq: int
    at: str
    kind: str
    fields: Mapping[str, Any]
    prev: str
    digest: str

    def __getitem__(self, name: str) -> Any:
        """Return one field."""
        return self.fields[name]


def read(path: Path, *, tolerate_torn: bool = True) -> list[Event]:
    """Return all events of a log after checking its chain.

    Parameters
    ----------
    path
        The log file.
    tolerate_torn
        Leave out a last line that was cut off instead of raising.

    Raises
    ------
    RunLogDamaged
        When a line is no event, does not follow the line before, or is of a newer version.
    BadInput
        When the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"cannot be read: {error.strerror}",
            source=str(path),
            admissible="the events.jsonl of a run folder",
        ) from error
    events, rest = parse(content, str(path), 0, GENESIS)
    if rest and not tolerate_torn:
        raise RunLogDamaged(str(path), len(events) + 1, "is cut off")
    return events


def repair_tail(path: Path) -> int:
    """Cut away a last line that was cut off by a crash; return how many bytes went."""
    content = path.read_bytes()
    _, rest = parse(content, str(path), 0, GENESIS)
    if rest:
        with path.open("r+b") as file:
            file.truncate(len(content) - len(rest))
            os.fsync(file.fileno())
    return len(rest)


def parse(content: bytes, source: str, seq: int, head: str) -> tuple[list[Event], bytes]:
    """Return the whole lines as events and the bytes of a last line that is cut off."""
    *lines, rest = content.split(b"\n")
    events: list[Event] = []
    for body in lines:
        event = _event(body + b"\n", source, seq, head)
        events.append(event)
        seq, head = seq + 1, event.digest
    return events, rest


def check_fields(kind: str, fields: Mapping[str, Any]) -> None:
    """Raise ValueError, saying why, unless fields are those of a kind of event."""
    if not isinstance(kind, str) or kind not in KINDS:
        near = nearest(str(kind), KINDS)
        said = f"{kind!r:.60} is no kind of event"
        raise ValueError(f"{said}; nearest: {near!r}" if near else said)
    if wrong := problem(kind, fields):
        raise ValueError(wrong)


def _event(line: bytes, source: str, seq: int, head: str) -> Event:
    number = seq + 1
    try:
        record = from_json(line)
        stated_seq, at, kind, prev = (record.pop(name) for name in ("seq", "at", "event", "prev"))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise RunLogDamaged(source, number, "is no event") from error
    if stated_seq != seq or prev != head:
        raise RunLogDamaged(source, number, "does not follow the line before it")
    version = record.get("log_version")
    if kind == FIRST and isinstance(version, int) and version > LOG_VERSION:
        what = f"is of log version {version}; this one reads {LOG_VERSION}"
        raise RunLogNewer(source, number, what)
    try:
        check_fields(kind, record)
    except ValueError as error:
        raise RunLogDamaged(source, number, str(error)) from error
    if (kind == FIRST) != (seq == 0):
        raise RunLogDamaged(source, number, NOT_FIRST)
    if not _is_time(at):
        raise RunLogDamaged(source, number, f"its time is no time: {at!r:.60}")
    return Event(seq, at, kind, record, prev, hashlib.sha256(line).hexdigest())


def _is_time(stated: Any) -> bool:
    """Say whether something is a time with its zone, as ISO 8601 writes it."""
    try:
        return datetime.fromisoformat(stated).tzinfo is not None
    except (TypeError, ValueError):
        return False
