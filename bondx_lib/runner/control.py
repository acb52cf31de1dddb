"""Steer a run from outside: wishes are files in its ``control`` folder, obeyed by its process.

``pause`` and ``stop`` are obeyed between two epochs, ``abort`` at once. Files work wherever the
folder can be seen. A signal is sent only where a file was not enough, and only to the very process
that holds the run's lock: its id *and* its start must be those that the lock names.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

from bondx_lib import runlog
from bondx_lib.errors import BadInput, BondXError

FOLDER: Final = "control"
WISHES: Final = ("pause", "stop", "abort")
FIRST_PATIENCE_SECONDS: Final = 15.0
"""How long a run may take to obey ``abort`` before it is sent a signal."""
PATIENCE_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.1


def ask(run_dir: Path, wish: str) -> None:
    """Leave a wish for the process that works on a run; ``continue`` takes ``pause`` back.

    Raises
    ------
    BadInput
        When no process works on the run.
    """
    _holder(run_dir)
    folder = run_dir / FOLDER
    folder.mkdir(exist_ok=True)
    if wish == "continue":
        (folder / "pause").unlink(missing_ok=True)
    else:
        (folder / wish).touch()


def asked(run_dir: Path, wish: str) -> bool:
    """Say whether a wish is waiting to be obeyed."""
    return (run_dir / FOLDER / wish).exists()


def forget(run_dir: Path, *wishes: str) -> None:
    """Take wishes back; all of them if none is named."""
    for wish in wishes or WISHES:
        with contextlib.suppress(OSError):
            (run_dir / FOLDER / wish).unlink(missing_ok=True)


def abort(run_dir: Path) -> str:
    """End the process that works on a run, and return what it took: ``abort`` or a signal's name.

    The run can be resumed afterwards. Asked first by file, then by SIGTERM; a process that does
    neither, because it is suspended or hangs, is killed.

    Raises
    ------
    BadInput
        When no process works on the run.
    BondXError
        When it cannot be told that the process is the one that took the lock, or it does not end.
    """
    ask(run_dir, "abort")
    try:
        if _gone(run_dir, FIRST_PATIENCE_SECONDS):
            return "abort"
        for number in (signal.SIGTERM, signal.SIGKILL):
            _send(run_dir, number)
            if _gone(run_dir, PATIENCE_SECONDS):
                return number.name
    finally:
        forget(run_dir, "abort")
    raise BondXError(f"{run_dir}: its process does not end")


def _holder(run_dir: Path) -> int | None:
    """Return the process id that the lock names, or refuse if nobody holds it."""
    if runlog.RunLock.held(run_dir):
        return runlog.RunLock.holder(run_dir)
    state = runlog.state_of(run_dir)
    if state.finished:
        raise BadInput(f"the run has ended ({state.status})", source=str(run_dir))
    raise BadInput(
        "no process works on this run", source=str(run_dir),
        admissible=f"go on with it: bondx resume {run_dir}",
    )  # fmt: skip


def _gone(run_dir: Path, patience_seconds: float) -> bool:
    """Wait until nobody holds the run's lock; say whether that came in time."""
    end = time.monotonic() + patience_seconds
    while runlog.RunLock.held(run_dir):
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _send(run_dir: Path, number: signal.Signals) -> None:
    """Send a signal to the holder of the lock, if it is still the process that took it."""
    pid, start = runlog.RunLock.owner(run_dir)
    if pid is None or start is None or runlog.process_start(pid) != start:
        raise BondXError(
            f"{run_dir}: it cannot be told whether process {pid} is the one that works on this "
            "run, so it was sent no signal"
        )
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
