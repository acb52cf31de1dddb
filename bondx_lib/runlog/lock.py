"""Who works on a run: one process at a time, named by its id and its start."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, Final

from bondx_lib.artefacts import canonical_json
from bondx_lib.errors import RunBusy

LOCK_NAME: Final = "run.lock"


class RunLock:
    """The right to work on a run folder; the operating system takes it back when we die.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder, RunLock(Path(folder)):
    ...     RunLock.holder(Path(folder)) == os.getpid()
    True
    """

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / LOCK_NAME
        self._file: Any = None

    def __enter__(self) -> RunLock:
        """Take the lock or raise RunBusy with the holder's process id."""
        file = self.path.open("a+b")
        if not _lock_soon(file):
            file.close()
            raise RunBusy(str(self.path.parent), _recorded(self.path)[0])
        file.truncate(0)
        file.write(
            canonical_json({"pid": os.getpid(), "start": process_start(os.getpid())}).encode()
        )
        file.flush()
        self._file = file
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the lock back."""
        self._file.close()

    @staticmethod
    def holder(run_dir: Path) -> int | None:
        """Return the process id that holds the lock of a run folder, or None if nobody does.

        What the file says counts only while the lock is held: a process id that was left behind in
        it may belong to somebody else by now.
        """
        return _recorded(run_dir / LOCK_NAME)[0] if RunLock.held(run_dir) else None

    @staticmethod
    def held(run_dir: Path) -> bool:
        """Say whether somebody holds the lock of a run folder."""
        try:
            with (run_dir / LOCK_NAME).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @staticmethod
    def owner(run_dir: Path) -> tuple[int | None, str | None]:
        """Return process id and start of who last took the lock, None for what is not known."""
        return _recorded(run_dir / LOCK_NAME)


def _lock_soon(file: Any) -> bool:
    """Try for a moment: someone who only asks who holds the lock lets go of it at once."""
    for wait in (0.0, 0.02, 0.05, 0.1, 0.2):
        time.sleep(wait)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def process_start(pid: int) -> str | None:
    """Return a token of when a process started, or None if it is gone or cannot be asked.

    Together with the process id it names a process even after its number was used again.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    after_name = status.rpartition(")")[2].split()
    return None if after_name[0] == "Z" else after_name[19]


def _recorded(path: Path) -> tuple[int | None, str | None]:
    """Return process id and start that a lock file names."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        start = record.get("start")
        return int(record["pid"]), None if start is None else str(start)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, None
