"""A log that grows: one process appends to it, others follow."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from bondx_lib.artefacts import canonical_json
from bondx_lib.errors import RunBusy, RunLogDamaged
from bondx_lib.runlog.lines import FIRST, GENESIS, NOT_FIRST, Event, check_fields, parse
from bondx_lib.runlog.state import RunState, replay


class Follower:
    """Reads a growing log piece by piece, checking the chain as it goes.

    Attributes
    ----------
    seq, head, size
        Events read so far, the digest of the last one, and their bytes.
    torn
        Whether a line that is cut off came after them when it was last looked at.
    known
        What they say together.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seq = 0
        self.head = GENESIS
        self.size = 0
        self.torn = False
        self.known = RunState()

    def new(self) -> list[Event]:
        """Return the events written since the last call; none while there is no log."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.size)
                content = file.read()
        except FileNotFoundError:
            return []
        events, rest = parse(content, str(self.path), self.seq, self.head)
        self.torn = bool(rest)
        if events:
            self.size += len(content) - len(rest)
            self.seq, self.head = events[-1].seq + 1, events[-1].digest
            self.known = replay(events, self.known)
        return events

    def state(self) -> RunState:
        """Return what all events say together, new ones included."""
        self.new()
        return self.known


class Journal:
    """A log open for appending.

    Each append checks that the log still ends where this journal left it, so a process that was
    left behind (a kernel whose runner was killed and replaced) can never write again.

    Parameters
    ----------
    path
        The log file; created if it does not exist.
    follower
        Has read the log before, so that only what is new need be read.

    Raises
    ------
    RunLogDamaged
        When an existing log is damaged or its last line is cut off.
    """

    def __init__(self, path: Path, follower: Follower | None = None) -> None:
        self.path = path
        reader = follower or Follower(path)
        reader.state()
        if reader.torn:
            raise RunLogDamaged(str(path), reader.seq + 1, "is cut off")
        self._seq, self._head, self._size = reader.seq, reader.head, reader.size

    @property
    def head(self) -> str:
        """Return the digest of the last line."""
        return self._head

    def append(self, event: str, **fields: Any) -> Event:
        """Write one event, flush it to disk and return it.

        Raises
        ------
        ValueError
            When the kind is unknown or out of place, its fields are not those of the kind, or a
            value is no strict JSON.
        RunBusy
            When another process has written to the log in the meantime.
        """
        if (event == FIRST) != (self._seq == 0):
            raise ValueError(NOT_FIRST)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = {"seq": self._seq, "at": at, "event": event, "prev": self._head, **fields}
        line = (canonical_json(record) + "\n").encode()
        check_fields(event, json.loads(canonical_json(fields)))
        with self.path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_size != self._size:
                raise RunBusy(str(self.path), None)
            _write_whole(file, line, self._size)
        written = Event(self._seq, at, event, fields, self._head, hashlib.sha256(line).hexdigest())
        self._seq, self._head, self._size = self._seq + 1, written.digest, self._size + len(line)
        return written


def _write_whole(file: FileIO, line: bytes, size: int) -> None:
    """Write a line to the end of a log and flush it to disk, or leave the log as it was."""
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            file.truncate(size)
        raise
