"""Run a sweep: each run is a process of its own, so many at a time, and none stops another.

The folder is the only memory: what has ended is kept, what was interrupted goes on, what is missing
is started. A sweep that was killed is therefore resumed by the same steps that start one.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from bondx_lib import artefacts, evidence, runlog
from bondx_lib.dashboard import Watcher
from bondx_lib.errors import BadInput, ExitCode, RunLogDamaged
from bondx_lib.sweep import comparison, text
from bondx_lib.sweep import plan as plans

POLL_SECONDS: Final = 0.2
LOGS_NAME: Final = "logs"
PROGRAM: Final = (sys.executable, "-m", "bondx_lib")
LOST: Final = ExitCode.FAILED
WORST_FIRST: Final = (
    ExitCode.FAILED, ExitCode.BAD_INPUT, ExitCode.INTERRUPTED, ExitCode.REFUSED,
)  # fmt: skip
"""Exit codes of runs, worst first: failed, bad input, interrupted, blocked."""
STOP_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")

Say = Callable[[str], None]


def start(plan: plans.Plan, say: Say, on_open: Callable[[Path], None] | None = None) -> int:
    """Run a plan in a new folder and return the exit code.

    Parameters
    ----------
    plan
        What to run.
    say
        Takes one line for each change of state.
    on_open
        Called with the folder as soon as it holds the plan.

    Raises
    ------
    BadInput
        When the folder of runs cannot be written to.
    """
    folder = artefacts.new_folder(plan.base.output.base_directory, f"sweep-{plan.name}")
    plans.write(plan, folder)
    if on_open is not None:
        on_open(folder)
    return _work(folder, plan, say)


def resume(folder: Path, say: Say, workers: int | None = None) -> int:
    """Go on with a sweep and return the exit code; where all runs have ended, nothing is done.

    Raises
    ------
    BadInput
        When the folder holds no sweep, its plan no longer fits a run that was started, or a run
        is still at work.
    """
    return _work(folder, plans.read(folder / plans.FILE_NAME, workers=workers), say)


def worst(codes: Iterable[int]) -> int:
    """Return the exit code of a sweep from those of its runs.

    >>> worst([0, 3, 1, 0]), worst([0, 0])
    (1, 0)
    """
    found = set(codes)
    return int(next((code for code in WORST_FIRST if code in found), LOST if found - {0} else 0))


@dataclass
class _Stop:
    """How often a signal has asked to stop."""

    times: int = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        self.times += 1


@dataclass
class _Child:
    """A run at work: its process, and what was last said of it."""

    name: str
    process: subprocess.Popen[bytes]
    sweep_dir: Path
    models: tuple[str, ...]
    told: int = 0
    watcher: Watcher | None = None
    shown: int = 0

    def stop(self, times: int) -> None:
        """Pass on how often to stop was asked: once is clean, twice at once."""
        while self.told < times:
            self.told += 1
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGINT)

    def tell(self, say: Say) -> None:
        """Say what has changed since it was last looked at."""
        if self.watcher is None:
            folder = comparison.run_folder(self.sweep_dir, self.name)
            if folder is None:
                return
            self.watcher = Watcher(folder)
        with contextlib.suppress(RunLogDamaged):
            seen = self.watcher.look()
            if seen.committed > self.shown:
                self.shown = seen.committed
                say(text.progress(self.name, seen, self.models))


def _work(folder: Path, plan: plans.Plan, say: Say) -> int:
    with runlog.RunLock(folder), _signals() as asked:
        before = comparison.of_sweep(folder, plan)
        _check(before, plan)
        codes = {run.name: int(run.state.exit_code or 0) for run in before.runs if _done(run)}
        waiting = [run for run in plan.runs if run.name not in codes]
        for name in codes:
            say(text.event(name, "has ended before, and is kept"))
        if waiting:
            say(text.heading(before.models))
        begin = functools.partial(_begin, folder, models=before.models, say=say)
        for name, code in _drive(waiting, plan.workers, begin, asked, say):
            codes[name] = _ended(folder, name, code, say)
            comparison.write(comparison.of_sweep(folder, plan))
        comparison.write(comparison.of_sweep(folder, plan))
    unfinished = len(codes) < len(plan.runs) or ExitCode.INTERRUPTED in codes.values()
    return ExitCode.INTERRUPTED if asked.times and unfinished else worst(codes.values())


def _drive(
    waiting: list[plans.PlannedRun], workers: int,
    begin: Callable[[plans.PlannedRun], _Child], asked: _Stop, say: Say,
) -> Iterator[tuple[str, int]]:  # fmt: skip
    """Keep so many runs at work until none waits; yield name and exit code of each that ends."""
    at_work: list[_Child] = []
    try:
        while at_work or (waiting and not asked.times):
            while waiting and len(at_work) < workers and not asked.times:
                at_work.append(begin(waiting.pop(0)))
            for child in [*at_work]:
                child.stop(asked.times)
                code = child.process.poll()
                child.tell(say)
                if code is not None:
                    at_work.remove(child)
                    yield child.name, code
            time.sleep(POLL_SECONDS if at_work else 0)
    finally:
        for child in at_work:
            child.stop(1)
            child.process.wait()


def _done(run: comparison.ComparedRun) -> bool:
    """Say whether nothing is left to do of a run, its report and seal included."""
    return run.finished and run.folder is not None and evidence.pack_id(run.folder) is not None


def _check(before: comparison.Comparison, plan: plans.Plan) -> None:
    """Refuse to go on where a run is at work elsewhere or was started from other parameters."""
    for run, planned in zip(before.runs, plan.runs, strict=True):
        if run.folder is None:
            continue
        pid = runlog.RunLock.holder(run.folder)
        if pid is not None:
            raise BadInput(f"is still at work in process {pid}", source=str(run.folder),
                           admissible="wait until it has ended")  # fmt: skip
        if run.record and run.state.parameters_digest != planned.parameters.digest():
            raise BadInput(
                "was started from other parameters than the sweep now states",
                source=str(run.folder), admissible=f"{plans.FILE_NAME} as it was written",
            )  # fmt: skip


def _begin(folder: Path, run: plans.PlannedRun, models: tuple[str, ...], say: Say) -> _Child:
    """Start or resume a run in a session of its own, where only we send it signals."""
    found = comparison.run_folder(folder, run.name)
    arguments = _resumed(found) if found else _started(folder, run)
    say(text.event(run.name, "goes on" if found else "starts"))
    log = folder / LOGS_NAME / f"{run.name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    return _Child(run.name, process, folder, models)


def _started(folder: Path, run: plans.PlannedRun) -> list[str]:
    changes = [f"--set={key}={plans.as_text(value)}" for key, value in run.changes.items()]
    base = str(folder / plans.BASE_NAME)
    return ["run", "-q", "-f", base, f"--output={folder}", f"--name={run.name}", *changes]


def _resumed(run_dir: Path) -> list[str]:
    return ["resume", "-q", str(run_dir)]


def _ended(folder: Path, name: str, code: int, say: Say) -> int:
    """Say how a run has ended, and return its exit code."""
    code = ExitCode.INTERRUPTED if code == -signal.SIGINT else code if code >= 0 else LOST
    found = comparison.run_folder(folder, name)
    early = code == ExitCode.INTERRUPTED
    stopped = "interrupted before it had begun" if early else "has no run folder"
    try:
        say(text.event(name, stopped if found is None else Watcher(found).look().state_text))
    except RunLogDamaged as error:
        say(text.event(name, str(error)))
    if code not in (0, ExitCode.REFUSED, ExitCode.INTERRUPTED):
        log = folder / LOGS_NAME / f"{name}.log"
        say(text.event(name, f"exit code {code}, see {log}"))
        say(text.event(name, _last_line(log)))
    return code


def _last_line(log: Path) -> str:
    """Return the last line that a run has said, which is its error if it had one."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


@contextlib.contextmanager
def _signals() -> Iterator[_Stop]:
    """Count the signals that ask to stop, in place of what they do by themselves."""
    asked = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    names = [getattr(signal, name) for name in STOP_SIGNALS if hasattr(signal, name)]
    before = {name: signal.signal(name, asked.note) for name in names}
    try:
        yield asked
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
