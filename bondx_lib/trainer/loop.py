"""The loop: one notebook per epoch until a stopping rule speaks, then the closing steps.

The log decides everything. Each step first asks it what is already done, so a run that was killed
at any moment goes on from its last committed epoch and ends in the same bytes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, engine, epoch, evidence, runlog
from bondx_lib import parameters as parameter_files
from bondx_lib.errors import BadInput, EpochFailed, ExitCode, GateBlocked
from bondx_lib.parameters import Parameters
from bondx_lib.runner import control, logs, pulse, signals, storage
from bondx_lib.trainer import closing, opening

log = logging.getLogger("bondx")

EXIT_CODES: Final = {
    **dict.fromkeys(("converged", "plateaued", "epoch_limit", "stopped"), ExitCode.DONE),
    "failed": ExitCode.FAILED, "blocked": ExitCode.REFUSED, "interrupted": ExitCode.INTERRUPTED,
}  # fmt: skip
PAUSE_POLL_SECONDS: Final = 0.5

OnOpen = Callable[[Path], None]


class Interrupted(BaseException):
    """A signal asked the run to stop."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class BondXAIAutonomousTrainer:
    """Trains the models epoch after epoch until a stopping rule speaks.

    Parameters
    ----------
    config
        Parameters, or the path of a parameters file, or None for the defaults.
    run_dir
        A run to go on with; a new one is made if not given.
    on_open
        Called with the run folder as soon as it exists.
    log_level
        Least severe message that the log file keeps, in place of the parameters' level.

    Examples
    --------
    >>> trainer = BondXAIAutonomousTrainer("parameters/smoke.yaml")  # doctest: +SKIP
    >>> trainer.run_autonomous_training_loop().status  # doctest: +SKIP
    'epoch_limit'
    """

    def __init__(
        self,
        config: Parameters | str | Path | None = None,
        run_dir: str | Path | None = None,
        on_open: OnOpen | None = None,
        log_level: str | None = None,
    ) -> None:
        self.parameters = config if isinstance(config, Parameters) else self._load_config(config)
        self.run_dir = Path(run_dir) if run_dir is not None else None
        self._on_open = on_open
        self._log_level = log_level or self.parameters.logging.level
        self._log: logs.RunLog | None = None
        self._read: runlog.Follower | None = None
        self._kernel: engine.Kernel | None = None
        self._signal: str | None = None
        self._wish: str | None = None
        self._pulse: pulse.Pulse | None = None
        self._heeds_signals = False
        self._pool = engine.OneShotPool({epoch.RUNNER_VARIABLE: str(os.getpid())})

    def run_autonomous_training_loop(self) -> runlog.RunState:
        """Run to a verdict and return the final state.

        When a signal asks to stop, the state says ``interrupted`` and the run can be resumed.

        Raises
        ------
        GateBlocked
            When a blocking gate refused every draw of an epoch.
        EpochFailed
            When an epoch's notebook failed.
        StorageFailed
            When the disk took no more; the run can be resumed.
        """
        opening.check_names(self.parameters)
        folder = self._folder()
        with (
            storage.explained(folder), runlog.RunLock(folder),
            logs.RunLog(folder, self._log_level) as self._log,
            signals.heeded(self._interrupt) as self._heeds_signals,
        ):  # fmt: skip
            try:
                with pulse.Pulse(folder, self._abort) as self._pulse, threadpool_limits(1):
                    return self._until_verdict()
            except Interrupted as interruption:
                return self._interrupted(interruption.name)
            except (OSError, storage.StorageFailed) as error:
                self._note_failed_disk(error)
                raise
            finally:
                self._pool.close()

    def _until_verdict(self) -> runlog.RunState:
        """Train until a stopping rule speaks or a request comes, and close the run."""
        try:
            self._open()
            self._generate_initial_datasets()
            while not self._check_convergence():
                if self._asked_to_stop():
                    return self._finalize_training("stopped", "stopped on request")
                self._train_all_models()
                self._validate_quality()
                self._update_convergence_status()
            verdict = self._state().verdict or {}
            return self._finalize_training(verdict["status"], verdict["reason"])
        except GateBlocked as blocked:
            self._finalize_training("blocked", str(blocked))
            raise
        except EpochFailed as failure:
            log.error("%s\n%s", failure, failure.traceback)
            self._finish("failed", str(failure))
            raise

    def _load_config(self, path: str | Path | None) -> Parameters:
        """Return the parameters of a file, or the defaults."""
        return parameter_files.load(path)

    def _open(self) -> None:
        """Begin the run in its log, or take it up again, and tell whoever wants to watch."""
        folder = self._folder()
        if epoch.take_up(folder):
            self._reopen()
        else:
            epoch.open_run(folder, self.parameters)
        if self._on_open is not None:
            self._on_open(folder)

    def _generate_initial_datasets(self) -> None:
        """Draw the benchmark market, unless that is done, while the first kernel starts."""
        state = self._state()
        if len(state.committed) < self.parameters.max_epochs:
            self._pool.prepare()
        if "benchmark" not in state.markets:
            epoch.draw_market(self._folder(), "benchmark", self.parameters, self._journal())

    def _train_all_models(self) -> None:
        """Execute the next epoch's notebook, trying again when its kernel is lost."""
        state = self._state()
        number = len(state.committed) + 1
        first = 1 + (state.attempt if state.epoch == number else 0)
        last = first + self.parameters.execution.retries
        self._note_epoch(number)
        for attempt in range(first, last + 1):
            try:
                return self._execute(number, attempt)
            except engine.KernelLost as lost:
                if len(self._state().committed) == number:
                    log.warning("epoch %d: %s, after it was committed", number, lost)
                    return None
                self._blame_disk(number, "KernelLost", str(lost))
                again = attempt < last
                self._journal().append(
                    "epoch_failed", epoch=number, attempt=attempt, error="KernelLost",
                    message=str(lost), retry=again,
                )  # fmt: skip
                log.warning("epoch %d, attempt %d: %s", number, attempt, lost)
                if not again:
                    raise EpochFailed(number, "KernelLost", str(lost)) from lost
        return None

    def _validate_quality(self) -> tuple[tuple[dict[str, Any], ...], float]:
        """Return findings and quality score of the last committed variation."""
        view = self._state().committed[-1]
        log.info("epoch %d: quality %.4f (%s)", view.number, view.quality or 0, view.band)
        return tuple(dict(finding) for finding in view.findings), float(view.quality or 0)

    def _update_convergence_status(self) -> dict[str, Any]:
        """Return the verdict on the last committed epoch, logging it if the epoch could not."""
        state = self._state()
        verdict = state.verdict
        if verdict is None or verdict["epoch"] != state.committed[-1].number:
            epoch.assess(state, self._journal(), self.parameters)
            verdict = self._state().verdict
        return dict(verdict or {})

    def _check_convergence(self) -> bool:
        """Say whether a stopping rule has spoken."""
        if not self._state().committed:
            return False
        return bool(self._update_convergence_status()["status"] != "running")

    def _finalize_training(self, status: str, reason: str) -> runlog.RunState:
        """Open the audit market, export the final dataset, close the log, report, seal."""
        folder = self._folder()
        state = self._state()
        self._note_epoch(None)
        self._pool.prepare()
        if state.committed:
            epoch.place_champions(folder, state)
            if self.parameters.advanced.options and state.options is None:
                closing.compare_options(folder, self.parameters, self._journal(), state)
            if state.examined is None:
                closing.examine_champions(folder, self.parameters, self._journal(), state)
            if state.audit is None:
                closing.open_audit(folder, self.parameters, self._journal())
            if refusal := closing.refusal(self._state()):
                status, reason = "blocked", refusal
            closing.write_cards(folder, self.parameters, self._state())
            if not any(name.startswith("datasets/") for name in state.files):
                files = closing.export_datasets(folder, self.parameters, state)
                self._journal().append("datasets_written", files=files)
        return self._finish(status, reason)

    def _finish(self, status: str, reason: str) -> runlog.RunState:
        folder = self._folder()
        digests = artefacts.tree_digests(folder / "models", folder)
        self._journal().append(
            "run_finished", status=status, reason=reason, exit_code=EXIT_CODES[status],
            artefacts=digests,
        )  # fmt: skip
        if self._pulse is not None:
            self._pulse.end()
        closing.close(folder, self._log, lambda: self._pool.take()[0])
        return self._state()

    def _folder(self) -> Path:
        if self.run_dir is None:
            self.run_dir = opening.new_run_folder(self.parameters)
        return self.run_dir

    def _state(self) -> runlog.RunState:
        return self._follower().state()

    def _journal(self) -> runlog.Journal:
        return runlog.Journal(self._folder() / runlog.LOG_NAME, self._follower())

    def _follower(self) -> runlog.Follower:
        if self._read is None:
            self._read = runlog.Follower(self._folder() / runlog.LOG_NAME)
        return self._read

    def _reopen(self) -> None:
        """Check a run that was left, and say in its log that it goes on."""
        folder = self._folder()
        state = self._state()
        if state.finished:
            raise BadInput(
                f"the run has ended ({state.status}): there is nothing to resume",
                source=str(folder),
            )
        self.parameters = epoch.run_parameters(folder, state)
        opening.check_code(folder, state, self.parameters)
        opening.check_artefacts(folder, state)
        self._journal().append(
            "run_resumed", epoch=len(state.committed), pid=os.getpid(),
            process_start=runlog.process_start(os.getpid()),
        )  # fmt: skip

    def _execute(self, number: int, attempt: int) -> None:
        """Run one epoch's notebook in a kernel of its own while the next kernel warms up."""
        folder = self._folder()
        kernel, temperature = self._pool.take()
        self._journal().append("epoch_started", epoch=number, attempt=attempt, kernel=temperature)
        log.info("epoch %d, attempt %d: %s kernel %s", number, attempt, temperature, kernel.pid)
        if number < self.parameters.max_epochs:
            self._pool.prepare()
        self._kernel = kernel
        try:
            engine.execute(
                engine.notebook_path("epoch"),
                epoch.epoch_folder(folder, number) / "epoch.ipynb",
                {"run_dir": str(folder.resolve()), "epoch": number, "attempt": attempt},
                kernel,
                self.parameters.execution.epoch_timeout_seconds,
            )
        except engine.KernelLost:
            runlog.repair_tail(folder / runlog.LOG_NAME)  # it may have died while it wrote
            if self._signal is None:
                raise
        except engine.CellFailed as error:
            self._cell_failed(number, attempt, error)
        finally:
            self._kernel = None
        if self._signal is not None:
            raise Interrupted(self._signal)

    def _interrupt(self, name: str) -> None:
        """Break off what runs: a notebook by ending its kernel, anything else at once."""
        self._signal = self._wish or name
        if self._kernel is None:
            raise Interrupted(self._signal)
        self._kernel.stop()

    def _abort(self) -> None:
        """Obey ``control/abort``, from the thread that saw it: break off the thread that works."""
        self._wish = "abort"
        if self._heeds_signals:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self._signal = self._wish
        if (kernel := self._kernel) is not None:
            kernel.stop()

    def _cell_failed(self, number: int, attempt: int, error: engine.CellFailed) -> None:
        events = runlog.read(self._folder() / runlog.LOG_NAME)
        if events[-1].kind == "epoch_blocked":
            failing = tuple(
                f["gate"]
                for f in events[-1]["findings"]
                if f["severity"] == "block" and f["verdict"] == "fail"
            )
            raise GateBlocked(error.message, failing) from None
        self._blame_disk(number, error.error, error.message)
        self._journal().append(
            "epoch_failed", epoch=number, attempt=attempt, error=error.error,
            message=error.message, retry=False,
        )  # fmt: skip
        raise EpochFailed(number, error.error, error.message, error.traceback) from None

    def _note_epoch(self, number: int | None) -> None:
        """Name the epoch at work in the log file's lines."""
        if self._log is not None:
            self._log.current_epoch = number

    def _blame_disk(self, number: int, error: str, message: str) -> None:
        """Break off where an epoch failed for want of a disk: the run itself has not failed."""
        failure = storage.blamed(self._folder(), f"epoch {number}", f"{error}: {message}")
        if failure is not None:
            raise failure

    def _note_failed_disk(self, error: OSError | storage.StorageFailed) -> None:
        """Say in the logs that the disk broke the run off, as far as it still takes a line."""
        log.error("%s", error, exc_info=error)
        name = storage.name_of(error)
        with contextlib.suppress(OSError, BadInput):
            state = self._state()
            if name is not None and state.events and not state.finished:
                self._journal().append("run_interrupted", signal=name)

    def _interrupted(self, name: str) -> runlog.RunState:
        """Note that a signal broke the run off, if it had begun; return its state."""
        folder = self._folder()
        if opening.is_prepared(folder):
            raise KeyboardInterrupt
        state = self._state()
        if not state.finished:
            self._journal().append("run_interrupted", signal=name)
            return self._state()
        if evidence.pack_id(folder) is not None:
            return state
        reason = f"interrupted by {name}; it has ended ({state.status}), without report and seal"
        return replace(
            state, status="interrupted", reason=reason, exit_code=EXIT_CODES["interrupted"]
        )

    def _asked_to_stop(self) -> bool:
        """Obey the control files between epochs: wait while paused, say whether to stop."""
        folder = self._folder()
        if control.asked(folder, "pause"):
            number = len(self._state().committed)
            self._journal().append("paused", epoch=number)
            while control.asked(folder, "pause") and not control.asked(folder, "stop"):
                self._heed()
                threading.Event().wait(PAUSE_POLL_SECONDS)
            self._journal().append("continued", epoch=number)
        self._heed()
        return control.asked(folder, "stop")

    def _heed(self) -> None:
        """Break off here if that was asked for where no signal could."""
        if self._signal is not None:
            raise Interrupted(self._signal)


def run(
    parameters: Parameters, on_open: OnOpen | None = None, log_level: str | None = None
) -> runlog.RunState:
    """Start a new run and bring it to a verdict; parameters as of the trainer."""
    trainer = BondXAIAutonomousTrainer(parameters, on_open=on_open, log_level=log_level)
    return trainer.run_autonomous_training_loop()


def resume(
    run_dir: str | Path, on_open: OnOpen | None = None, log_level: str | None = None
) -> runlog.RunState:
    """Go on with a run that was interrupted or lost, or begin one that is prepared.

    Raises
    ------
    BadInput
        When the folder is no run, has ended, or its parameters or artefacts were changed.
    """
    folder = Path(run_dir)
    prepared = opening.is_prepared(folder)
    if not prepared and not (folder / runlog.LOG_NAME).is_file():
        raise BadInput(
            "is no run folder: it has no events.jsonl", source=str(folder),
            admissible="a folder that `bondx list` names",
        )  # fmt: skip
    state = runlog.RunState() if prepared else runlog.state_of(folder)
    parameters = parameter_files.load(folder / epoch.PARAMETERS_NAME)
    if state.finished and evidence.pack_id(folder) is None:
        closing.close_late(folder, log_level or parameters.logging.level)
        return state
    trainer = BondXAIAutonomousTrainer(parameters, folder, on_open, log_level)
    return trainer.run_autonomous_training_loop()
