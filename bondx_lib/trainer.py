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
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, engine, epoch, evidence, gates, models, provenance, report, runlog
from bondx_lib import parameters as parameter_files
from bondx_lib.errors import BadInput, BondXError, EpochFailed, GateBlocked
from bondx_lib.models import learners, tuning
from bondx_lib.parameters import Parameters
from bondx_lib.runner import control, logs, pulse, signals, storage
from bondx_lib.schema import SCHEMA_VERSION, describe

log = logging.getLogger("bondx")

EXIT_CODES: Final = {
    "converged": 0, "plateaued": 0, "epoch_limit": 0, "stopped": 0, "failed": 1, "blocked": 3,
    "interrupted": signals.INTERRUPTED,
}  # fmt: skip
PAUSE_POLL_SECONDS: Final = 0.5
NAMED: Final = 5
"""How many changed files a refusal names."""
EXAMINATION_NAME: Final = "examination.json"

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
        check_names(self.parameters)
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
            epoch.assess(self._folder(), self._journal(), self.parameters)
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
        if state.committed:
            epoch.place_champions(folder)
            if self.parameters.advanced.options and state.options is None:
                compare_options(folder, self.parameters, self._journal(), state)
            if state.examined is None:
                examine_champions(folder, self.parameters, self._journal(), state)
            if state.audit is None:
                open_audit(folder, self.parameters, self._journal())
            if refusal := _refusal(self._state()):
                status, reason = "blocked", refusal
            write_cards(folder, self.parameters, self._state())
            if not any(name.startswith("datasets/") for name in state.files):
                files = export_datasets(folder, self.parameters, state)
                self._journal().append("datasets_written", files=files)
        return self._finish(status, reason)

    def _finish(self, status: str, reason: str) -> runlog.RunState:
        folder = self._folder()
        digests = artefacts.tree_digests(folder / "models", folder)
        evidence.write_environment(folder)
        self._journal().append(
            "run_finished", status=status, reason=reason, exit_code=EXIT_CODES[status],
            artefacts=digests,
        )  # fmt: skip
        if self._pulse is not None:
            self._pulse.end()
        close(folder, self._log)
        return self._state()

    def _folder(self) -> Path:
        if self.run_dir is None:
            self.run_dir = new_run_folder(self.parameters)
        return self.run_dir

    def _state(self) -> runlog.RunState:
        return runlog.replay(runlog.read(self._folder() / runlog.LOG_NAME))

    def _journal(self) -> runlog.Journal:
        return runlog.Journal(self._folder() / runlog.LOG_NAME)

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
        check_code(folder, state, self.parameters)
        check_artefacts(folder, state)
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
        if is_prepared(folder):
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


def check_names(parameters: Parameters) -> None:
    """Check that every model, learner and gate that the parameters name is there.

    Raises
    ------
    BadInput
        Naming the first that is not, and the nearest that is.
    """
    for key, names, find in (
        ("models", parameters.models, models.get),
        ("advanced.base_models", parameters.advanced.base_models, learners.get),
    ):
        for name in names:
            try:
                find(name)
            except BadInput as error:
                raise BadInput(
                    error.message, source="parameters", key=key, value=name,
                    admissible=error.admissible, nearest=error.nearest,
                ) from error  # fmt: skip
    gates.QualityGateManager(parameters)


def run(
    parameters: Parameters, on_open: OnOpen | None = None, log_level: str | None = None
) -> runlog.RunState:
    """Start a new run and bring it to a verdict; parameters as of the trainer."""
    trainer = BondXAIAutonomousTrainer(parameters, on_open=on_open, log_level=log_level)
    return trainer.run_autonomous_training_loop()


def prepare(parameters: Parameters, parent: Mapping[str, Any] | None = None) -> Path:
    """Make the folder of a new run, to be begun by :func:`resume`, and return it.

    Parameters
    ----------
    parameters
        What to run.
    parent
        The run it was forked from, if any.

    Raises
    ------
    BadInput
        When the base directory cannot be written to, or a name in the parameters is not known.
    """
    check_names(parameters)
    folder = new_run_folder(parameters)
    if parent is not None:
        artefacts.write_json(folder / epoch.PARENT_NAME, dict(parent))
    artefacts.write_text(folder / epoch.PARAMETERS_NAME, parameters.to_yaml())
    return folder


def fork(run_dir: Path, parameters: Parameters) -> Path:
    """Make the folder of a new run with another one as its parent, and return it.

    The new run begins anew, under its own parameters and today's code; its first event names the
    parent and the digest of the last line of the parent's log.

    Raises
    ------
    BadInput
        When the parent is no run, or its log is damaged.
    """
    events = runlog.read(run_dir / runlog.LOG_NAME)
    state = runlog.replay(events)
    if not events:
        raise BadInput("has not begun, so nothing can be its child", source=str(run_dir))
    parent = {
        "run": run_dir.resolve().name, "digest": events[-1].digest, "events": len(events),
        "status": state.status, "epochs": len(state.committed),
        "parameters_digest": state.parameters_digest,
    }  # fmt: skip
    return prepare(parameters, parent)


def is_prepared(run_dir: Path) -> bool:
    """Say whether a folder holds the parameters of a run that has not begun."""
    log = run_dir / runlog.LOG_NAME
    begun = log.is_file() and log.stat().st_size > 0
    return (run_dir / epoch.PARAMETERS_NAME).is_file() and not begun


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
    path = folder / runlog.LOG_NAME
    if not path.is_file() and not is_prepared(folder):
        raise BadInput(
            "is no run folder: it has no events.jsonl", source=str(folder),
            admissible="a folder that `bondx list` names",
        )  # fmt: skip
    state = runlog.RunState() if is_prepared(folder) else runlog.replay(runlog.read(path))
    parameters = parameter_files.load(folder / epoch.PARAMETERS_NAME)
    if state.finished and evidence.pack_id(folder) is None:
        close_late(folder, log_level or parameters.logging.level)
        return state
    trainer = BondXAIAutonomousTrainer(parameters, folder, on_open, log_level)
    return trainer.run_autonomous_training_loop()


def close(run_dir: Path, notes: logs.RunLog | None = None) -> str:
    """Render the report of an ended run, end its log file, seal the folder; return the pack id."""
    _render(run_dir)
    if notes is not None:
        notes.end()
    return evidence.seal(run_dir)


def _render(run_dir: Path) -> None:
    """Render the report, once more if its kernel is lost; say so if it was the disk that failed."""
    for again in (True, False):
        try:
            report.render(run_dir)
        except BondXError as error:
            if failure := storage.blamed(run_dir, "the report", str(error)):
                raise failure from error
            if not (again and isinstance(error, engine.KernelLost)):
                raise
            log.warning("the report is rendered once more: %s", error)
        else:
            return


def close_late(run_dir: Path, log_level: str) -> str:
    """Close a run whose process died, or whose disk failed, after it had come to its verdict."""
    with (
        storage.explained(run_dir), runlog.RunLock(run_dir),
        logs.RunLog(run_dir, log_level) as notes,
    ):  # fmt: skip
        epoch.take_up(run_dir)
        return close(run_dir, notes)


def new_run_folder(parameters: Parameters) -> Path:
    """Create a run folder named after time, name and parameters' digest.

    Raises
    ------
    BadInput
        When the base directory cannot be written to.
    """
    base = Path(parameters.output.base_directory)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-{parameters.name}-{parameters.digest()[:6]}"
    try:
        base.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 100):
            folder = base / (name if attempt == 1 else f"{name}-{attempt}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                return folder
    except OSError as error:
        raise BadInput(
            f"cannot be written to: {error.strerror}", key="output.base_directory",
            value=str(base), admissible="a folder that can be written to",
        ) from error  # fmt: skip
    raise BadInput("holds too many runs of this second", key="output.base_directory")


def check_code(run_dir: Path, state: runlog.RunState, parameters: Parameters) -> None:
    """Check that code, libraries and gates are those that the run began with.

    A run whose log is of a time when code was not recorded is let through.

    Raises
    ------
    BadInput
        Naming what was changed.
    """
    lines = _other_code(state, parameters) if state.code else []
    here = gates.QualityGateManager(parameters).table()
    names = sorted(
        name for name in {*here, *state.gates} if here.get(name) != state.gates.get(name)
    )
    lines += [f"the gate {name} is another" for name in names]
    if lines:
        more = f" and {len(lines) - NAMED} more" if len(lines) > NAMED else ""
        raise BadInput(
            f"was begun with other code: {'; '.join(lines[:NAMED])}{more}", source=str(run_dir),
            admissible="what it began with; to begin anew with this: bondx resume --fork",
        )  # fmt: skip


def _other_code(state: runlog.RunState, parameters: Parameters) -> list[str]:
    """Return what has changed of libraries and code since the run began, one line each."""
    return [
        *provenance.differences(state.computed_with, provenance.computed_with()),
        *provenance.differences(state.code, epoch.code(parameters), values=False),
    ]


def check_artefacts(run_dir: Path, state: runlog.RunState) -> None:
    """Check that the markets and every file of the committed epochs are as their events say.

    Raises
    ------
    BadInput
        Naming the first file that is missing or changed.
    """
    for name, drawn in state.markets.items():
        if epoch.market_digest(run_dir, name) != drawn["digest"]:
            source = str(run_dir / "markets" / name)
            raise BadInput(f"the {name} market is not the one that was drawn", source=source)
    for view in state.committed:
        for name, digest in view.artefacts.items():
            path = artefacts.inside(run_dir, name)
            if not path.is_file():
                raise BadInput(f"is missing since epoch {view.number}", source=str(path))
            if artefacts.sha256_file(path) != digest:
                raise BadInput(f"was changed after epoch {view.number}", source=str(path))


def open_audit(run_dir: Path, parameters: Parameters, journal: runlog.Journal) -> None:
    """Draw the audit market, score the champions on it once, and log the scores."""
    if "audit" not in runlog.replay(runlog.read(journal.path)).markets:
        epoch.draw_market(run_dir, "audit", parameters, journal)
    panel, truth = epoch.read_market(run_dir, "audit")
    scores = {}
    for name in parameters.models:
        champion = models.get(name).load(run_dir / "models" / name)
        scores[name] = models.evaluate(
            champion, champion.predict(panel), panel, truth,
            epoch.rng_of(parameters, "audit", name), parameters.evaluation.bootstrap_replicates,
        ).to_dict()  # fmt: skip
    journal.append("audit_opened", scores=scores)


def examine_champions(
    run_dir: Path, parameters: Parameters, journal: runlog.Journal, state: runlog.RunState
) -> None:
    """Look closely at the champions before the audit market opens, and log what the gates find.

    What takes too long for every epoch: probes of monotonicity, shocks to the domain, and the
    search for leaks, with models taught anew on shuffled labels.
    """
    panel, truth = epoch.read_market(run_dir, "benchmark")
    pool = epoch.pooled(run_dir, parameters, [view.number for view in state.committed])
    measured = {}
    for name in parameters.models:
        law = models.get(name)
        measured[name] = models.examine_closely(
            law.load(run_dir / "models" / name), panel, truth, pool=pool,
            split=epoch.sides(law, pool, parameters), parameters=parameters,
            rng=epoch.rng_of(parameters, "examine", name),
        )  # fmt: skip
    artefacts.write_json(run_dir / EXAMINATION_NAME, artefacts.plain(measured))
    findings = gates.QualityGateManager(parameters).judge_models(measured)
    judged = [finding for finding in findings if finding.verdict != "not_applicable"]
    journal.append(
        "champions_examined", findings=[finding.to_dict() for finding in judged],
        artefacts={EXAMINATION_NAME: artefacts.sha256_file(run_dir / EXAMINATION_NAME)},
    )  # fmt: skip


def _refusal(state: runlog.RunState) -> str:
    """Say which blocking gates refuse the champions on a close look, nothing if none does."""
    blocking = [
        finding
        for finding in state.examined or ()
        if finding["severity"] == "block" and finding["verdict"] == "fail"
    ]
    if not blocking:
        return ""
    names = ", ".join(dict.fromkeys(finding["gate"] for finding in blocking))
    messages = " ".join(finding["message"] for finding in blocking)
    return f"champions are refused by {names}: {messages}"


def compare_options(
    run_dir: Path, parameters: Parameters, journal: runlog.Journal, state: runlog.RunState
) -> None:
    """Log what each option that is on is worth on the benchmark market, against all off.

    Each supervised model is trained again on the final pool, without options and with one of them
    at a time, from the same random numbers.
    """
    epochs = [view.number for view in state.committed]
    pool = epoch.pooled(run_dir, parameters, epochs)
    panel, truth = epoch.read_market(run_dir, "benchmark")
    gains = []
    for name in parameters.models:
        law = models.get(name)
        if not issubclass(law, models.Supervised):
            continue
        split = epoch.sides(law, pool, parameters)
        tuned = tuning.best(epoch.study(run_dir, name, epochs))
        said = {
            option: epoch.fit(
                law, pool, split,
                parameters.model_copy(update={"advanced": parameters.advanced.only(option)}),
                epoch.rng_of(parameters, "options", name), tuned if option == "tuning" else {},
            ).predict(panel)
            for option in (None, *parameters.advanced.options)
        }  # fmt: skip
        for option in parameters.advanced.options:
            difference, low, high = models.gain(
                law, said[None], said[option], panel, truth,
                epoch.rng_of(parameters, "options gain", name),
                parameters.evaluation.bootstrap_replicates,
            )  # fmt: skip
            gains.append({"model": name, "option": option, "gain": difference, "low": low,
                          "high": high})  # fmt: skip
    journal.append("options_compared", gains=gains)


def write_cards(run_dir: Path, parameters: Parameters, state: runlog.RunState) -> None:
    """Write beside each champion a card that a person can read, with its audit scores."""
    for name in parameters.models:
        folder = run_dir / "models" / name
        champion = models.get(name).load(folder)
        text = models.card_text(champion, dict((state.audit or {})[name]))
        artefacts.write_text(folder / models.CARD_TEXT_NAME, text)


def export_datasets(
    run_dir: Path, parameters: Parameters, state: runlog.RunState
) -> dict[str, str]:
    """Write the last accepted variation in every format asked for; return path to SHA-256.

    If some segments were drawn more often, what each row stands for is a file beside it.
    """
    view = state.committed[-1]
    source = epoch.epoch_folder(run_dir, view.number) / "dataset.parquet"
    panel = artefacts.read_parquet(source)
    folder = run_dir / "datasets"
    writers: dict[str, Callable[[Path, pd.DataFrame], str]] = {
        "csv": artefacts.write_csv,
        "jsonl": artefacts.write_jsonl,
        "parquet": artefacts.write_parquet,
        "json": lambda path, frame: artefacts.write_text(path, _with_metadata(frame, view)),
    }
    files = {}
    for kind in parameters.output.export_formats:
        path = folder / f"final.{kind}"
        files[path.relative_to(run_dir).as_posix()] = writers[kind](path, panel)
    if (source.parent / epoch.WEIGHTS_NAME).is_file():
        weights = artefacts.read_parquet(source.parent / epoch.WEIGHTS_NAME)
        path = folder / f"final.{epoch.WEIGHTS_NAME}"
        files[path.relative_to(run_dir).as_posix()] = artefacts.write_parquet(path, weights)
    return files


def _with_metadata(panel: pd.DataFrame, view: runlog.EpochView) -> str:
    """Return metadata and records of a dataset as one JSON object."""
    description = {
        "synthetic": True,
        "schema_version": SCHEMA_VERSION,
        "epoch": view.number,
        "rows": len(panel),
        "quality": view.quality,
        "columns": describe("panel"),
    }
    metadata = artefacts.canonical_json(description)
    return f'{{"metadata":{metadata},"records":{artefacts.frame_json(panel)}}}\n'
