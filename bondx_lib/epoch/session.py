"""An epoch is opened: its run's folder, parameters and log, and the right to write there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Final

import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, gates, models, provenance, runlog
from bondx_lib import parameters as parameter_files
from bondx_lib.epoch.folders import PARAMETERS_NAME, PARENT_NAME, epoch_folder
from bondx_lib.epoch.markets import draw_market, read_market
from bondx_lib.epoch.pool import pooled
from bondx_lib.errors import BadInput, RunBusy
from bondx_lib.models.base import Panel
from bondx_lib.parameters import Parameters
from bondx_lib.schema import SCHEMA_VERSION

RUNNER_VARIABLE: Final = "BONDX_RUNNER_PID"
"""Tells a kernel whose work it does, so that an orphan never takes a run for its own."""


@dataclass
class Session:
    """One epoch at work: where, which, and the log it writes to."""

    run_dir: Path
    number: int
    parameters: Parameters
    journal: runlog.Journal
    follower: runlog.Follower
    state: runlog.RunState
    lock: runlog.RunLock | None

    @property
    def folder(self) -> Path:
        """Return the epoch's own folder."""
        return epoch_folder(self.run_dir, self.number)

    @cached_property
    def benchmark(self) -> tuple[Panel, pd.DataFrame]:
        """Return panel and truth of the benchmark market."""
        return read_market(self.run_dir, "benchmark")

    @cached_property
    def pool(self) -> Panel:
        """Return all accepted variations; asked for when this epoch's own is among them."""
        accepted = [view.number for view in self.state.committed]
        return pooled(self.run_dir, self.parameters, [*accepted, self.number])


def open_run(run_dir: Path, parameters: Parameters) -> runlog.Journal:
    """Create a run folder with its parameters and the first event of its log."""
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    artefacts.write_text(run_dir / PARAMETERS_NAME, parameters.to_yaml())
    journal = runlog.Journal(run_dir / runlog.LOG_NAME)
    manager = gates.QualityGateManager(parameters)
    parent = run_dir / PARENT_NAME
    journal.append(
        "run_started",
        log_version=runlog.LOG_VERSION,
        name=parameters.name,
        version=metadata.version("bondx"),
        schema_version=SCHEMA_VERSION,
        parameters_digest=parameters.digest(),
        gates_digest=manager.digest(),
        gates=manager.table(),
        parameters=parameters.model_dump(mode="json"),
        code=code(parameters),
        computed_with=provenance.computed_with(),
        parent=artefacts.read_json(parent) if parent.is_file() else None,
        pid=os.getpid(),
        process_start=runlog.process_start(os.getpid()),
    )
    return journal


def code(parameters: Parameters) -> dict[str, str]:
    """Return a digest of each file that a run is computed by, those of foreign models too."""
    laws = {f"model {name}": models.get(name) for name in parameters.models}
    return provenance.code() | provenance.foreign(laws)


def take_up(run_dir: Path) -> bool:
    """Clear away what a killed process left half-written; say whether the run has begun."""
    for partial in run_dir.rglob(f"{artefacts.TEMPORARY}*"):
        partial.unlink(missing_ok=True)
    log = run_dir / runlog.LOG_NAME
    if not log.is_file():
        return False
    runlog.repair_tail(log)
    return log.stat().st_size > 0


def run_parameters(run_dir: Path, state: runlog.RunState) -> Parameters:
    """Return the parameters a run was started with.

    Raises
    ------
    BadInput
        When the file in the run folder has been changed since.
    """
    parameters = parameter_files.load(run_dir / PARAMETERS_NAME)
    if parameters.digest() != state.parameters_digest:
        raise BadInput(
            "has been changed since the run was started", source=str(run_dir / PARAMETERS_NAME),
            admissible="the parameters of the first event; for others: bondx resume --fork",
        )  # fmt: skip
    return parameters


def open_session(
    run_dir: str | Path,
    epoch_number: int,
    attempt: int = 1,
    parameters_file: str | Path | None = None,
) -> Session:
    """Open an epoch of a run, and the run itself if it does not exist yet.

    Parameters
    ----------
    run_dir
        The run folder.
    epoch_number
        Which epoch; all before it must be committed.
    attempt
        Which try.
    parameters_file
        Read only when the run does not exist yet; the defaults if not given.

    Raises
    ------
    RunBusy
        When another process works on the run.
    BadInput
        When the epoch is not the next one.
    """
    threadpool_limits(1)
    run_dir = Path(run_dir)
    lock = _delegated_or_own_lock(run_dir)
    log = run_dir / runlog.LOG_NAME
    if lock is not None and not take_up(run_dir):
        open_run(run_dir, parameter_files.load(parameters_file or None))
    follower = runlog.Follower(log)
    journal, state = runlog.Journal(log, follower), follower.state()
    parameters = run_parameters(run_dir, state)
    _require_next(state, epoch_number, run_dir)
    if "benchmark" not in state.markets:
        draw_market(run_dir, "benchmark", parameters, journal)
    if lock is not None:
        journal.append("epoch_started", epoch=epoch_number, attempt=attempt, kernel="own")
    session = Session(run_dir, epoch_number, parameters, journal, follower, state, lock)
    _clear_leftovers(session)
    return session


def _delegated_or_own_lock(run_dir: Path) -> runlog.RunLock | None:
    """Return None if the runner that started us holds the lock, else a lock of our own.

    A kernel whose runner was killed gets neither: whoever resumes the run does its work again.
    """
    holder = runlog.RunLock.holder(run_dir) if run_dir.exists() else None
    if str(holder) == os.environ.get(RUNNER_VARIABLE, str(os.getpid())):
        return None
    if holder is not None or RUNNER_VARIABLE in os.environ:
        raise RunBusy(str(run_dir), holder)
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return runlog.RunLock(run_dir).__enter__()


def _require_next(state: runlog.RunState, number: int, run_dir: Path) -> None:
    expected = len(state.committed) + 1
    if state.finished:
        raise BadInput(f"the run has ended: {state.status}", source=str(run_dir))
    if number != expected:
        raise BadInput(
            "is not the next epoch", source=str(run_dir), key="epoch", value=number,
            admissible=str(expected),
        )  # fmt: skip


def _clear_leftovers(session: Session) -> None:
    """Remove what an earlier try of this epoch left, but for the notebook being written."""
    if not session.folder.exists():
        return
    for path in session.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".ipynb":
            path.unlink()
