"""Show that the process of a run is alive, and obey ``abort`` while it is busy.

The pulse is the time of a file beside the control files, set anew every few seconds. It is no truth
about the run: the lock says whether the process is there, the pulse whether it moves. When work
ends it is taken away, so nothing of it is sealed.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bondx_lib.runner import control

NAME: Final = "heartbeat"
BEAT_SECONDS: Final = 2.0
LATE_SECONDS: Final = 15.0
"""A process whose last beat is older than this is stopped, or starved."""
POLL_SECONDS: Final = 0.25

log = logging.getLogger("bondx")


class Pulse:
    """A thread that beats for the process of a run until it is ended.

    Parameters
    ----------
    run_dir
        The run folder.
    on_abort
        Called once, from the thread, when ``control/abort`` appears; the file is then removed.
    """

    def __init__(self, run_dir: Path, on_abort: Callable[[], None]) -> None:
        self._run_dir = run_dir
        self._on_abort = on_abort
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        """Begin; wishes that were left for an earlier process are not for this one."""
        control.forget(self._run_dir)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop and take the file away; safe to call again."""
        self._over.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            path(self._run_dir).unlink(missing_ok=True)
            path(self._run_dir).parent.rmdir()

    def _beat(self) -> None:
        due, aborted = time.monotonic(), False
        while not self._over.is_set():
            if time.monotonic() >= due:
                due += BEAT_SECONDS
                _touch(self._run_dir)
            if not aborted and control.asked(self._run_dir, "abort"):
                aborted = True
                control.forget(self._run_dir, "abort")
                log.warning("asked to abort")
                self._on_abort()
            self._over.wait(POLL_SECONDS)


def path(run_dir: Path) -> Path:
    """Return the file whose time is that of the last beat."""
    return run_dir / control.FOLDER / NAME


def age_seconds(run_dir: Path) -> float | None:
    """Return how long ago the last beat was, None if there is none; never below 0.

    A clock that was set back makes a beat of the future, which counts as one of now.
    """
    try:
        return max(time.time() - path(run_dir).stat().st_mtime, 0.0)
    except OSError:
        return None


def _touch(run_dir: Path) -> None:
    """Beat; a disk that takes no file leaves the run without a pulse, not without its work."""
    try:
        path(run_dir).parent.mkdir(exist_ok=True)
        path(run_dir).touch()
    except OSError as error:
        log.debug("no heartbeat: %s", error)
