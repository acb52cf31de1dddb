"""The program that tests of sweeps run in place of ours: the real command line, no training.

What a run does, its name says: ``bad`` fails, ``blocked`` is refused, ``slow`` and ``stubborn``
work until they are told to stop, once or twice; all others end well. The modules that train and
seal are replaced, since importing them would take longer than all that is tested here.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, ModuleType

from bondx_lib import cli, runlog
from bondx_lib.errors import EpochFailed
from bondx_lib.parameters import Parameters

from . import report_factory

OnOpen = Callable[[Path], None]
NEEDED = {"slow": 1, "stubborn": 2}
ENDS = {"bad": ("failed", 1), "blocked": ("blocked", 3)}


def run(parameters: Parameters, on_open: OnOpen) -> runlog.RunState:
    """Write what a run would have written by the end, or by the moment it was stopped."""
    kind = parameters.name.partition("-")[0]
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-{parameters.name}-{parameters.digest()[:6]}"
    folder = Path(parameters.output.base_directory) / name
    folder.mkdir()
    note(folder, "begins")
    if kind in NEEDED:
        return stopped(folder, parameters, NEEDED[kind])
    status, code = ENDS.get(kind, ("epoch_limit", 0))
    report_factory.write(
        folder, epochs=2, status=status, name=parameters.name, exit_code=code,
        max_epochs=parameters.max_epochs, dataset_size=parameters.dataset_size,
    )  # fmt: skip
    seal(folder)
    note(folder, "ends")
    if kind == "bad":
        raise EpochFailed(2, "ValueError", "no luck")
    return replay(folder)


def resume(folder: Path, on_open: OnOpen) -> runlog.RunState:
    """Say that a stopped run goes on, and end it."""
    journal = runlog.Journal(folder / runlog.LOG_NAME)
    journal.append("run_resumed", epoch=0, pid=1, process_start="1")
    journal.append("run_finished", status="stopped", reason="enough", exit_code=0, artefacts={})
    seal(folder)
    return replay(folder)


def stopped(folder: Path, parameters: Parameters, needed: int) -> runlog.RunState:
    """Begin a run and wait until so many signals have come."""
    told = threading.Semaphore(0)

    def count(number: int, frame: FrameType | None) -> None:
        told.release()

    signal.signal(signal.SIGINT, count)
    with runlog.RunLock(folder):
        journal = runlog.Journal(folder / runlog.LOG_NAME)
        report_factory._start(journal, parameters)
        note(folder, "waits")
        for _ in range(needed):
            assert told.acquire(timeout=60)
        journal.append("run_interrupted", signal="SIGINT")
    note(folder, "ends")
    return replay(folder)


def seal(folder: Path) -> None:
    """Leave what shows that a run was closed."""
    (folder / "SHA256SUMS").write_text("")


def note(folder: Path, word: str) -> None:
    """Add a line to the trace of all runs, in the order of events."""
    with (folder.parent / "trace.txt").open("a") as trace:
        trace.write(f"{folder.name[17:-7]} {word}\n")


def replay(folder: Path) -> runlog.RunState:
    """Return the state that the log tells."""
    return runlog.replay(runlog.read(folder / runlog.LOG_NAME))


def replaced(name: str, **functions: object) -> None:
    """Put functions in place of a module of the package."""
    module = ModuleType(f"bondx_lib.{name}")
    vars(module).update(functions)
    sys.modules[module.__name__] = module


if __name__ == "__main__":
    replaced("trainer", run=run, resume=resume, is_prepared=lambda folder: False)
    replaced("evidence", pack_id=lambda folder: None)
    sys.exit(cli.main())
