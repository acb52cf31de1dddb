"""After the loop: a close look at the champions, the audit market, datasets, report and seal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from bondx_lib import artefacts, engine, epoch, evidence, gates, models, report, runlog
from bondx_lib.errors import BondXError
from bondx_lib.models import tuning
from bondx_lib.parameters import Parameters
from bondx_lib.runner import logs, storage
from bondx_lib.schema import SCHEMA_VERSION, describe
from bondx_lib.trainer import explanation, repeat

log = logging.getLogger("bondx")


def examine_champions(
    run_dir: Path, parameters: Parameters, journal: runlog.Journal, state: runlog.RunState
) -> None:
    """Look closely at the champions before the audit market opens, and log what the gates find.

    What takes too long for every epoch: probes of monotonicity, shocks to the domain, and the
    search for leaks, with models taught anew on shuffled labels; what drives the champions, and
    whether the run's data and answers come out the same once more.
    """
    panel, truth = epoch.read_market(run_dir, "benchmark")
    pool = epoch.pooled(run_dir, parameters, [view.number for view in state.committed])
    measured, explained = {}, {}
    for name in parameters.models:
        law = models.get(name)
        champion = law.load(run_dir / "models" / name)
        measured[name] = models.examine_closely(
            champion, panel, truth, pool=pool,
            split=epoch.sides(law, pool, parameters), parameters=parameters,
            rng=epoch.rng_of(parameters, "examine", name),
        )  # fmt: skip
        explained[name] = explanation.explain(
            champion, panel, truth, epoch.rng_of(parameters, "explain", name),
            parameters.evaluation.bootstrap_replicates,
        )  # fmt: skip
    written = {
        evidence.EXAMINATION: measured,
        evidence.EXPLAINED: explained,
        evidence.REPEATED: repeat.once_more(run_dir, parameters, state),
    }
    digests = {name: artefacts.write_json(run_dir / name, artefacts.plain(content))
               for name, content in written.items()}  # fmt: skip
    findings = gates.QualityGateManager(parameters).judge_models(measured)
    judged = [finding for finding in findings if finding.verdict != "not_applicable"]
    journal.append(
        "champions_examined", findings=[finding.to_dict() for finding in judged],
        artefacts=digests,
    )  # fmt: skip


def refusal(state: runlog.RunState) -> str:
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


def open_audit(run_dir: Path, parameters: Parameters, journal: runlog.Journal) -> None:
    """Draw the audit market, score the champions on it once, and log the scores."""
    if "audit" not in runlog.state_of(run_dir).markets:
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


def close(
    run_dir: Path,
    notes: logs.RunLog | None = None,
    kernel: Callable[[], engine.Kernel] | None = None,
) -> str:
    """Write evidence and report of an ended run, end its log file, seal the folder.

    Parameters
    ----------
    run_dir, notes
        The folder, and its log file if that is open.
    kernel
        Gives the kernel that the report is rendered in; a new one if not given.

    Returns
    -------
    The pack id.

    Raises
    ------
    StorageFailed, OSError
        When the disk failed; the run has ended as it did, and is closed when it is resumed.
    BondXError
        When anything else could not be written: the log says that the run failed.
    """
    try:
        evidence.write_documents(run_dir)
        _render(run_dir, kernel)
        if notes is not None:
            notes.end()
        return evidence.finish(run_dir)
    except (OSError, storage.StorageFailed):
        raise
    except Exception as error:
        _journal(run_dir).append("pack_failed", error=type(error).__name__, message=str(error))
        raise


def _journal(run_dir: Path) -> runlog.Journal:
    follower = runlog.Follower(run_dir / runlog.LOG_NAME)
    follower.new()
    return runlog.Journal(run_dir / runlog.LOG_NAME, follower)


def _render(run_dir: Path, kernel: Callable[[], engine.Kernel] | None) -> None:
    """Render the report, once more if its kernel is lost; say so if it was the disk that failed."""
    for again in (True, False):
        try:
            report.render(run_dir, kernel)
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
        _end_again(run_dir)
        return close(run_dir, notes)


def _end_again(run_dir: Path) -> None:
    """Say once more how a run ended if what came after was that its pack could not be written."""
    events = runlog.read(run_dir / runlog.LOG_NAME)
    if events[-1].kind == "pack_failed":
        ended = next(event for event in reversed(events) if event.kind == "run_finished")
        _journal(run_dir).append("run_finished", **ended.fields)
