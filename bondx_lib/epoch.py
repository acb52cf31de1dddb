"""One epoch, stage by stage: the only module that knows their order.

``notebooks/epoch.ipynb`` calls one function per cell. An epoch is a pure function of the
parameters, its number and the artefacts of earlier epochs: run again, it writes the same bytes.
Clock times go to the run log alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, convergence, features, gates, market, models, provenance, runlog
from bondx_lib import parameters as parameter_files
from bondx_lib.errors import BadInput, GateBlocked, RunBusy
from bondx_lib.market.streams import Streams
from bondx_lib.models import tuning
from bondx_lib.models.base import Comparison, Floats, Model, Panel, Scores, Words
from bondx_lib.models.examination import Measured
from bondx_lib.models.supervised import Supervised
from bondx_lib.parameters import Parameters
from bondx_lib.schema import SCHEMA_VERSION

RUNNER_VARIABLE: Final = "BONDX_RUNNER_PID"
"""Tells a kernel whose work it does, so that an orphan never takes a run for its own."""
PARAMETERS_NAME: Final = "parameters.yaml"
PARENT_NAME: Final = "parent.json"
"""Written before the first event of a run that was forked from another, which then repeats it."""
PREDICTIONS_NAME: Final = "benchmark.npy"
FINDINGS_NAME: Final = "findings.json"
WEIGHTS_NAME: Final = "weights.parquet"
SPLIT_COLUMNS: Final = ("world", "month", "issuer_id", "bond_id")

Result = TypeVar("Result")


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


@dataclass(frozen=True)
class Variation:
    """A drawn dataset and where it came from; ``mix`` says what it was asked to hold more of."""

    stream: str
    draw: int
    mix: Mapping[str, float]
    market: market.Market


@dataclass(frozen=True)
class Accepted:
    """The variation that the gates let through."""

    variation: Variation
    findings: tuple[gates.Finding, ...]
    quality: float
    digest: str


@dataclass(frozen=True)
class Judged:
    """What the gates found of the challengers."""

    findings: tuple[gates.Finding, ...]

    def refusing(self, name: str) -> tuple[str, ...]:
        """Return the blocking gates that a challenger fails."""
        return tuple(
            finding.gate
            for finding in self.findings
            if finding.blocks and finding.slice.split(", ")[0] == f"model={name}"
        )


@dataclass(frozen=True)
class Decision:
    """What became of a challenger."""

    comparison: Comparison
    challenger: Scores
    champion: Mapping[str, Any]


def epoch_folder(run_dir: Path, number: int) -> Path:
    """Return the folder of an epoch."""
    return run_dir / "epochs" / f"{number:04d}"


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


def draw_market(run_dir: Path, name: str, parameters: Parameters, journal: runlog.Journal) -> None:
    """Draw an evaluation market with full truth and its features, and log its digest."""
    rows = write_market(run_dir, name, parameters)
    journal.append("market_drawn", market=name, rows=rows, digest=market_digest(run_dir, name))


def write_market(run_dir: Path, name: str, parameters: Parameters) -> int:
    """Draw an evaluation market, write its files, and return how many rows it has."""
    folder = run_dir / "markets" / name
    evaluation = parameters.evaluation
    drawn = market.simulate(
        parameters, name, bonds=evaluation.bonds_per_world, worlds=evaluation.worlds, truth="full"
    )
    artefacts.write_parquet(folder / "panel.parquet", drawn.panel)
    artefacts.write_parquet(folder / "truth.parquet", drawn.truth)
    artefacts.write_parquet(folder / "features.parquet", features.build(drawn.panel))
    return len(drawn.panel)


def draw_again(parameters: Parameters, state: runlog.RunState, number: int) -> market.Market:
    """Return the accepted variation of a committed epoch, drawn once more."""
    view, before = state.epochs[number - 1], state.epochs[: number - 1]
    mix = before[-1].mix if before else {}
    return _drawn(parameters, _stream(number, view.draw or 0), mix)


def market_digest(run_dir: Path, name: str) -> str:
    """Return one SHA-256 over the names and digests of an evaluation market's files."""
    files = artefacts.tree_digests(run_dir / "markets" / name, run_dir)
    return hashlib.sha256(artefacts.canonical_json(files).encode()).hexdigest()


def read_market(run_dir: Path, name: str) -> tuple[Panel, pd.DataFrame]:
    """Return panel and truth of an evaluation market."""
    folder = run_dir / "markets" / name
    rows, matrix, truth = (
        artefacts.read_parquet(folder / f"{part}.parquet")
        for part in ("panel", "features", "truth")
    )
    return Panel(rows, matrix), truth


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


def generate(session: Session, draw: int = 0) -> Variation:
    """Draw a new variation: new issuers, new bonds, a new macro path.

    It holds more of the segments that the epoch before asked for, with weights that undo it.
    """
    if draw == 0:
        _stage(session, "generate")
    stream = _stream(session.number, draw)
    mix = session.state.committed[-1].mix if session.state.committed else {}
    return Variation(stream, draw, mix, _drawn(session.parameters, stream, mix))


def gate(session: Session, variation: Variation) -> Accepted:
    """Accept the variation, or draw again while blocking gates refuse it.

    Raises
    ------
    GateBlocked
        When every draw the parameters allow has been refused.
    """
    _stage(session, "gate")
    manager = gates.QualityGateManager(session.parameters)
    refused = []
    while True:
        drawn = variation.market
        again = _drawn(session.parameters, variation.stream, variation.mix)
        digest = artefacts.frame_digest(drawn.panel)
        redrawn = digest, artefacts.frame_digest(again.panel)
        findings = manager.evaluate(drawn.panel, redrawn, drawn.weights)
        if not manager.blocked(findings):
            return _accept(session, variation, findings, digest)
        refused.append(findings)
        _reject(session, variation, findings)
        if variation.draw >= session.parameters.epoch.max_redraws:
            return _give_up(session, refused)
        variation = generate(session, variation.draw + 1)


def train(session: Session) -> dict[str, Model]:
    """Train a challenger of each model on the pool, models side by side in threads."""
    _stage(session, "train")
    pool = session.pool
    trained = _side_by_side(
        session, lambda name: _trained(session, name, pool), _slowest_first(session)
    )
    for model, seconds in (trained[name] for name in session.parameters.models):
        session.journal.append(
            "model_trained", epoch=session.number, model=model.name, seconds=round(seconds, 3),
            rows=int(model.facts["rows"]), digest=_facts_digest(model),
        )  # fmt: skip
    return {name: trained[name][0] for name in session.parameters.models}


def evaluate(
    session: Session, challengers: Mapping[str, Model]
) -> dict[str, tuple[Scores, Floats]]:
    """Score the challengers on the benchmark market; return scores and predictions."""
    _stage(session, "evaluate")
    panel, truth = session.benchmark

    def scores_of(name: str) -> tuple[Scores, Floats]:
        predictions = challengers[name].predict(panel)
        return models.evaluate(
            challengers[name], predictions, panel, truth,
            rng_of(session.parameters, "benchmark", name),
            session.parameters.evaluation.bootstrap_replicates,
        ), predictions  # fmt: skip

    scored = _side_by_side(session, scores_of, challengers)
    for name, (scores, _) in scored.items():
        session.journal.append(
            "model_scored", epoch=session.number, model=name, role="challenger",
            scores=scores.to_dict(),
        )  # fmt: skip
    return scored


def judge(
    session: Session,
    challengers: Mapping[str, Model],
    scored: Mapping[str, tuple[Scores, Floats]],
) -> Judged:
    """Measure the challengers on the benchmark market and ask the gates about them."""
    _stage(session, "judge")
    panel, truth = session.benchmark
    pool = session.pool

    def measures_of(name: str) -> Measured:
        scores, predictions = scored[name]
        return models.examine(
            challengers[name], panel, truth, predictions, scores, pool=pool,
            split=sides(type(challengers[name]), pool, session.parameters),
            champion_predictions=_champion_predictions(
                session, name, champion_epoch(session.state, name)
            ),
            parameters=session.parameters,
            rng=rng_of(session.parameters, f"judge/{session.number:04d}", name),
        )  # fmt: skip

    measured = _side_by_side(session, measures_of, challengers)
    judged = gates.QualityGateManager(session.parameters).judge_models(measured)
    findings = tuple(one for one in judged if one.verdict != "not_applicable")
    session.journal.append(
        "models_judged", epoch=session.number,
        findings=[finding.to_dict() for finding in gates.worst(findings)],
        refused={name: list(found) for name in challengers
                 if (found := Judged(findings).refusing(name))},
    )  # fmt: skip
    return Judged(findings)


def promote(
    session: Session,
    challengers: Mapping[str, Model],
    scored: Mapping[str, tuple[Scores, Floats]],
    judged: Judged,
) -> dict[str, Decision]:
    """Compare champions and challengers; save the challengers that win.

    A challenger that a blocking gate refuses replaces no champion.
    """
    _stage(session, "promote")
    panel, truth = session.benchmark
    decisions = {}
    for name, model in challengers.items():
        scores, predictions = scored[name]
        epoch = champion_epoch(session.state, name)
        comparison = models.compare(
            model, _champion_predictions(session, name, epoch), predictions, panel, truth,
            rng_of(session.parameters, f"compare/{session.number:04d}", name),
            session.parameters.evaluation.bootstrap_replicates,
        )  # fmt: skip
        if epoch is not None and (refusing := judged.refusing(name)):
            comparison = comparison.refused(", ".join(refusing))
        if comparison.promote:
            _save_champion(session, model, predictions)
        champion = scores.to_dict() if comparison.promote else _scores_of(session, name, epoch)
        kind = "champion_promoted" if comparison.promote else "champion_kept"
        session.journal.append(
            kind, epoch=session.number, model=name, difference=comparison.difference,
            low=comparison.low, high=comparison.high, reason=comparison.reason,
        )  # fmt: skip
        decisions[name] = Decision(comparison, scores, champion)
    return decisions


def commit(
    session: Session,
    accepted: Accepted,
    challengers: Mapping[str, Model],
    judged: Judged,
    decisions: Mapping[str, Decision],
) -> dict[str, Any]:
    """Write the epoch's result, commit it to the log, and assess the run; return the result."""
    _stage(session, "commit")
    skills = {name: float(decision.champion["skill"] or 0) for name, decision in decisions.items()}
    result = _result(session, accepted, challengers, decisions, skills)
    artefacts.write_json(session.folder / "result.json", result)
    findings = (*accepted.findings, *judged.findings)
    artefacts.write_json(
        session.folder / FINDINGS_NAME, [finding.to_dict() for finding in findings]
    )
    steered = session.parameters.epoch.steering == "warnings"
    steering = gates.steer(findings) if steered else gates.Steering()
    session.journal.append("draw_steered", epoch=session.number, **steering.to_dict())
    digests = artefacts.tree_digests(session.folder, session.run_dir)
    digests = {path: digest for path, digest in digests.items() if not path.endswith(".ipynb")}
    session.journal.append(
        "epoch_committed", epoch=session.number, quality=accepted.quality, skills=skills,
        artefacts=digests,
    )  # fmt: skip
    assess(session.follower.state(), session.journal, session.parameters)
    place_champions(session.run_dir, session.follower.state())
    if session.lock is not None:
        session.lock.__exit__()
    return result


def findings_table(findings: Sequence[gates.Finding]) -> pd.DataFrame:
    """Return the worst finding of each gate as a table, those that passed left out."""
    shown = [one.to_dict() for one in gates.worst(findings) if one.verdict != "pass"]
    columns = ["gate", "slice", "observed", "threshold", "severity", "verdict"]
    return pd.DataFrame(shown, columns=columns)


def assess(
    state: runlog.RunState, journal: runlog.Journal, parameters: Parameters
) -> convergence.Verdict:
    """Assess the run's history and log the verdict."""
    verdict = convergence.assess(history(state), parameters)
    journal.append(
        "assessed", epoch=state.epoch, status=verdict.status, reason=verdict.reason,
        rules=[rule.to_dict() for rule in verdict.rules], patience_left=verdict.patience_left,
    )  # fmt: skip
    return verdict


def history(state: runlog.RunState) -> list[convergence.EpochRecord]:
    """Return what convergence needs to know of the committed epochs."""
    return [
        convergence.EpochRecord(
            view.number, view.quality or 0.0, view.skills,
            {name: one["challenger"]["skill"] or 0.0 for name, one in view.scores.items()},
            not state.refused_champions(view.number),
        )
        for view in state.committed
    ]  # fmt: skip


def champion_epoch(state: runlog.RunState, name: str) -> int | None:
    """Return the committed epoch whose challenger is the champion now, None before the first."""
    promoted = [
        view.number for view in state.committed if view.promotions.get(name, {}).get("promoted")
    ]
    return promoted[-1] if promoted else None


def place_champions(run_dir: Path, state: runlog.RunState) -> None:
    """Make ``models/`` hold exactly the champions that the committed log names."""
    for name in state.parameters["models"]:
        epoch = champion_epoch(state, name)
        if epoch is not None:
            source = epoch_folder(run_dir, epoch) / "models" / name
            _replace_folder(source, run_dir / "models" / name)


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


def _stage(session: Session, stage: str) -> None:
    session.journal.append("stage_started", epoch=session.number, stage=stage)


def _slowest_first(session: Session) -> list[str]:
    """Return the models, first what took longest in the epoch before: it should not begin last."""
    before = session.state.committed[-1].seconds if session.state.committed else {}
    return sorted(session.parameters.models, key=lambda name: -before.get(name, 0.0))


def _side_by_side(
    session: Session, job: Callable[[str], Result], names: Iterable[str]
) -> dict[str, Result]:
    """Return what a job gives for each model, several in threads at a time, in their order."""
    with ThreadPoolExecutor(session.parameters.execution.workers) as threads:
        futures = {name: threads.submit(job, name) for name in names}
        return {name: future.result() for name, future in futures.items()}


def _stream(number: int, draw: int) -> str:
    return f"epoch/{number:04d}/draw/{draw}"


def _drawn(parameters: Parameters, stream: str, mix: Mapping[str, float]) -> market.Market:
    return market.simulate(parameters, stream, mix=market.Mix(mix) if mix else None)


def _accept(
    session: Session, variation: Variation, findings: tuple[gates.Finding, ...], digest: str
) -> Accepted:
    panel = variation.market.panel
    artefacts.write_parquet(session.folder / "dataset.parquet", panel)
    artefacts.write_parquet(session.folder / "truth.parquet", variation.market.truth)
    artefacts.write_parquet(session.folder / "features.parquet", features.build(panel))
    if variation.mix:
        weights = variation.market.weights.rename("weight").to_frame()
        artefacts.write_parquet(session.folder / WEIGHTS_NAME, weights)
    quality = gates.quality_score(findings)
    session.journal.append(
        "dataset_accepted", epoch=session.number, draw=variation.draw, stream=variation.stream,
        mix=dict(variation.mix), rows=len(panel), bonds=int(panel["bond_id"].nunique()),
        issuers=int(panel["issuer_id"].nunique()), digest=digest,
        findings=[finding.to_dict() for finding in gates.worst(findings)], quality=quality,
        band=gates.band(quality),
    )  # fmt: skip
    return Accepted(variation, findings, quality, digest)


def _reject(session: Session, variation: Variation, findings: tuple[gates.Finding, ...]) -> None:
    blocking = [finding for finding in findings if finding.blocks]
    session.journal.append(
        "dataset_rejected", epoch=session.number, draw=variation.draw, stream=variation.stream,
        findings=[finding.to_dict() for finding in gates.worst(findings)],
        reason=" ".join(finding.message for finding in blocking),
    )  # fmt: skip


def _give_up(session: Session, refused: Sequence[tuple[gates.Finding, ...]]) -> Accepted:
    advice = gates.advise(refused, session.parameters)
    session.journal.append(
        "epoch_blocked", epoch=session.number, advice=advice,
        findings=[finding.to_dict() for finding in gates.worst(refused[-1])],
    )  # fmt: skip
    failing = tuple(dict.fromkeys(f.gate for findings in refused for f in findings if f.blocks))
    raise GateBlocked(
        f"all {len(refused)} draws of epoch {session.number} were refused. {advice}", failing
    )


def pooled(run_dir: Path, parameters: Parameters, epochs: Sequence[int]) -> Panel:
    """Return the accepted variations of some epochs, oldest first, each a world of its own.

    Of more epochs than the parameters' limit, the newest are returned. Of the panel's columns only
    those are read that the run's models need. Rows of a steered variation carry the ``weight`` that
    undoes the steering; without any there is no such column.
    """
    if parameters.epoch.pool_limit is not None:
        epochs = epochs[-parameters.epoch.pool_limit :]
    laws = [models.get(name) for name in parameters.models]
    columns = list(dict.fromkeys([*SPLIT_COLUMNS, *(c for law in laws for c in law.inputs)]))
    folders = [epoch_folder(run_dir, number) for number in epochs]
    rows = [
        artefacts.read_parquet(folder / "dataset.parquet", columns).assign(world=number)
        for number, folder in zip(epochs, folders, strict=True)
    ]
    weights = [folder / WEIGHTS_NAME for folder in folders]
    if any(path.is_file() for path in weights):
        for own, path in zip(rows, weights, strict=True):
            known = path.is_file()
            own["weight"] = artefacts.read_parquet(path)["weight"] if known else 1.0
    matrices = [artefacts.read_parquet(folder / "features.parquet") for folder in folders]
    return Panel(pd.concat(rows, ignore_index=True), pd.concat(matrices, ignore_index=True))


def sides(law: type[Model], pool: Panel, parameters: Parameters) -> Words:
    """Return the side of each row of a pool for a model."""
    return models.split(
        pool.rows, parameters.training_split, law.task.horizon_months, parameters.history_months
    )


def study_path(run_dir: Path, number: int, name: str) -> Path:
    """Return where the trials of a model's search in an epoch lie."""
    return epoch_folder(run_dir, number) / "tuning" / f"{name}.json"


def study(run_dir: Path, name: str, epochs: Sequence[int]) -> list[tuning.Trial]:
    """Return all trials of a model in some epochs, in order."""
    return tuning.read([study_path(run_dir, number, name) for number in epochs])


def _trained(session: Session, name: str, pool: Panel) -> tuple[Model, float]:
    """Return a challenger, and how many seconds it took."""
    started = time.perf_counter()
    law, parameters = models.get(name), session.parameters
    split = sides(law, pool, parameters)
    rng = rng_of(parameters, f"train/{session.number:04d}", name)
    tuned = {}
    if parameters.advanced.enable_hyperparameter_tuning and issubclass(law, Supervised):
        tuned = _searched(session, law, pool, split)
    return fit(law, pool, split, parameters, rng, tuned), time.perf_counter() - started


def fit(
    law: type[Model],
    pool: Panel,
    split: Words,
    parameters: Parameters,
    rng: np.random.Generator,
    tuned: Mapping[str, Any],
) -> Model:
    """Train a model, with settings that a search has found if there are any."""
    if tuned and issubclass(law, Supervised):
        return law.train(pool, split, parameters, rng, tuned)
    return law.train(pool, split, parameters, rng)


def _searched(session: Session, law: type[Supervised], pool: Panel, split: Words) -> dict[str, Any]:
    """Go on with a model's search and write its trials; return the settings to train with."""
    before = study(session.run_dir, law.name, [v.number for v in session.state.committed])
    rng = rng_of(session.parameters, f"tune/{session.number:04d}", law.name)
    trials = tuning.search(law, pool, split, session.parameters, before, session.number, rng)
    path = study_path(session.run_dir, session.number, law.name)
    artefacts.write_json(path, [vars(trial) for trial in trials])
    return tuning.best([*before, *trials])


def rng_of(parameters: Parameters, use: str, name: str) -> np.random.Generator:
    """Return the random numbers of one use for one model."""
    return Streams(parameters.random_seed, use).common(name)


def _facts_digest(model: Model) -> str:
    text = artefacts.canonical_json(model.facts)
    return hashlib.sha256(text.encode()).hexdigest()


def champion_predictions(run_dir: Path, name: str, number: int) -> NDArray[np.float64]:
    """Return what the champion of an epoch said of the benchmark market."""
    path = epoch_folder(run_dir, number) / "models" / name / PREDICTIONS_NAME
    return np.asarray(np.load(path, allow_pickle=False), np.float64)


def _champion_predictions(
    session: Session, name: str, epoch: int | None
) -> NDArray[np.float64] | None:
    return None if epoch is None else champion_predictions(session.run_dir, name, epoch)


def _save_champion(session: Session, model: Model, predictions: Floats) -> None:
    folder = session.folder / "models" / model.name
    model.save(folder)
    with artefacts.whole(folder / PREDICTIONS_NAME) as partial, partial.open("wb") as file:
        np.save(file, predictions, allow_pickle=False)


def _scores_of(session: Session, name: str, epoch: int | None) -> Mapping[str, Any]:
    """Return the scores that the champion got as a challenger; the market has not changed."""
    view = next(view for view in session.state.committed if view.number == epoch)
    scores: Mapping[str, Any] = view.scores[name]["challenger"]
    return scores


def _result(
    session: Session,
    accepted: Accepted,
    challengers: Mapping[str, Model],
    decisions: Mapping[str, Decision],
    skills: Mapping[str, float],
) -> dict[str, Any]:
    panel = accepted.variation.market.panel
    return {
        "epoch": session.number,
        "variation": {
            "stream": accepted.variation.stream,
            "draw": accepted.variation.draw,
            "mix": dict(accepted.variation.mix),
            "rows": len(panel),
            "bonds": int(panel["bond_id"].nunique()),
            "issuers": int(panel["issuer_id"].nunique()),
            "digest": accepted.digest,
        },
        "quality": accepted.quality,
        "band": gates.band(accepted.quality),
        "skills": dict(skills),
        "models": {
            name: {
                "facts": challengers[name].facts,
                "challenger": decision.challenger.to_dict(),
                "champion": dict(decision.champion),
                "comparison": decision.comparison.to_dict(),
            }
            for name, decision in decisions.items()
        },
    }


def _replace_folder(source: Path, target: Path) -> None:
    """Put a copy of a folder in place of another by renaming."""
    fresh, old = target.with_name(f".new-{target.name}"), target.with_name(f".old-{target.name}")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, fresh, ignore=shutil.ignore_patterns(PREDICTIONS_NAME))
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
