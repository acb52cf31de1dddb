"""Start a run as a process of its own, which outlives the terminal it was started from."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bondx_lib import runlog
from bondx_lib.errors import BondXError
from bondx_lib.runner import control

CONSOLE_NAME: Final = "console.log"
"""What a detached run says, beside its control files: not sealed, for it is written last of all."""
OPEN_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.1

_started: list[subprocess.Popen[bytes]] = []
"""Kept to be reaped if they end before we do."""


class NotOpened(BondXError):
    """A detached run ended before it had begun; ``exit_code`` is its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message, exit_code)
        self.message = message
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return what it said."""
        return self.message


def console(run_dir: Path) -> Path:
    """Return where a detached run writes what it would have shown."""
    return run_dir / control.FOLDER / CONSOLE_NAME


def go_on(run_dir: Path, options: Sequence[str] = ()) -> int:
    """Resume a run, or begin one that is prepared, in a session of its own; return the process id.

    Parameters
    ----------
    run_dir
        The run folder.
    options
        More words for ``bondx resume``.

    Raises
    ------
    NotOpened
        When the process ended, or took too long, before the run's log named it.
    """
    console(run_dir).parent.mkdir(exist_ok=True)
    program = [sys.executable, "-m", "bondx_lib", "resume", "--quiet", *options, str(run_dir)]
    with console(run_dir).open("ab") as output:
        began = output.tell()
        process = subprocess.Popen(  # noqa: S603 - our own program
            program, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    _started.append(process)
    end = time.monotonic() + OPEN_SECONDS
    while not _has_opened(run_dir, process.pid):
        code = process.poll()
        if code is not None and not _has_opened(run_dir, process.pid):
            if code == 0:  # nothing but report and seal were missing
                break
            raise NotOpened(_said(run_dir, began), max(code, 1))
        if time.monotonic() > end:
            raise NotOpened(f"process {process.pid} has not begun after {OPEN_SECONDS:g} s", 1)
        time.sleep(POLL_SECONDS)
    return process.pid


def _has_opened(run_dir: Path, pid: int) -> bool:
    """Say whether the run's log names the process as the one that works on it."""
    return (run_dir / runlog.LOG_NAME).is_file() and runlog.state_of(run_dir).pid == pid


def _said(run_dir: Path, began: int) -> str:
    """Return what the process said since it began, as one text."""
    words = console(run_dir).read_bytes()[began:].decode("utf-8", errors="replace").strip()
    return words.removeprefix("error: ") or f"{run_dir}: the process ended without a word"
