"""What evidence says beside the scores: drivers, robustness, repetition, what reviewers ask.

Everything is read from the run's own files; where one was not made, the report says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pandas as pd

from bondx_lib import artefacts
from bondx_lib.report.blocks import Note, Table, percent, plain, table, words
from bondx_lib.report.record import Record
from bondx_lib.schema import title

FOLDER: Final = "evidence"
SCALES: Final = {"spread": "log spread"}
OTHER_SCALE: Final = "log hazard"
STATUS_WORDS: Final = {
    "auto": "made by the run", "stub": "a form to complete", "out": "not shown by any run",
    "unmade": "the run ended before",
}  # fmt: skip
MEANINGS: Final = {
    "DATACARD.md": "how the final data came to be, what they hold, how real they are",
    "benchmark.json": "floor, simplest method, champion, ceiling, with intervals",
    "croissant.json": "the final dataset for search engines and loaders (Croissant)",
    "crosswalk.json": "requirements and the files that answer them",
    "environment.json": "machine and versions",
    "explain.json": "what drives the champions, beside the law of the market",
    "findings.json": "open findings, with blanks for owner, due date, decision",
    "inventory.json": "the models as rows of an inventory, with blanks for tier and owner",
    "promotion.json": "every comparison of challenger and champion",
    "repro.json": "what was done once more, and came out the same",
    "sbom.cdx.json": "software bill of materials (CycloneDX)",
    "sensitivity.json": "scores under shocks, verdict under other thresholds",
    "signoff.json": "a reviewer's checklist, blank",
    "tests.json": "every gate: estimate, interval, threshold, verdict",
    "verify.py": "checks this folder with nothing but Python",
    "workflow.ipynb": "the notebook that every epoch executed",
}


def importance(record: Record) -> pd.DataFrame:
    """Return what each champion loses without a family of features.

    No rows if not measured, and none of a champion that gains nothing on the best constant: there
    is nothing that its losses could be shares of.
    """
    rows = [
        {"model": model, **row}
        for model, found in _read(record, "explain").items()
        for row in found["importance"]
    ]
    shares = ["share", "share_low", "share_high"]
    frame = pd.DataFrame(rows, columns=["model", "group", *shares])
    return frame.astype(dict.fromkeys(shares, float)).dropna(subset="share", ignore_index=True)


def effects(record: Record, model: str) -> pd.DataFrame:
    """Return a champion's effects beside the law's; no rows where no law speaks of it."""
    found = _read(record, "explain").get(model, {}).get("effects", [])
    columns = ["effect", "law", "sign", "model", "low", "high", "rows", "agrees", "note"]
    numbers = ["law", "model", "low", "high"]
    return pd.DataFrame(found, columns=columns).astype(dict.fromkeys(numbers, float))


def scale(model: str) -> str:
    """Return what a model's effects are changes of."""
    return SCALES.get(model, OTHER_SCALE)


def with_effects(record: Record) -> list[str]:
    """Return the models that a law speaks of."""
    return [model for model in record.models if len(effects(record, model))]


def agreement(record: Record) -> Table | Note:
    """Count for each champion the effects that are the law's."""
    rows = tuple(
        (title(model), f"{found['agreeing']} of {found['compared']}")
        for model, found in _read(record, "explain").items()
        if found["compared"]
    )
    return table(
        "Effects that agree with the law of the market", ("Model", "Agreeing"), rows,
        "In size within a quarter, or in sign where only that is known. What a model cannot see it "
        "reads from what goes along with it, so not every effect can be right.",
    )  # fmt: skip


def shocks(record: Record) -> Table | Note:
    """Say how much of its skill each champion loses when its inputs are shocked."""
    rows = tuple(
        (title(row["model"]), row["meaning"], percent(row["estimate"]),
         f"{percent(row['low'])} to {percent(row['high'])}")
        for row in _read(record, "sensitivity").get("shocks", ())
    )  # fmt: skip
    return table(
        "Loss under shocks, as a share of the way from floor to ceiling",
        ("Model", "Shock", "Rise", "95 % interval"), rows,
    )  # fmt: skip


def wrong_ways(record: Record) -> Table | Note:
    """Say how often an answer moves against what must hold."""
    rows = tuple(
        (title(row["model"]), words(row["feature"]), percent(row["share_in_the_wrong_direction"]))
        for row in _read(record, "sensitivity").get("monotonicity", ())
    )
    return table(
        "Answers that move the wrong way when one input rises", ("Model", "Input", "Share"), rows
    )


def other_thresholds(record: Record) -> Table | Note:
    """Say when the run would have ended under other stopping thresholds."""
    rows = tuple(
        (f"{row['convergence_threshold']:g}", str(row["improvement_patience"]),
         "still going at the end" if row["ends_after_epoch"] is None
         else f"{words(row['status'])} after epoch {row['ends_after_epoch']}",
         "as it was run" if row["as_run"] else "")
        for row in _read(record, "sensitivity").get("stopping", ())
    )  # fmt: skip
    return table(
        "The verdict under other thresholds, on the same history",
        ("Threshold", "Patience", "Would have ended", "Note"), rows,
    )  # fmt: skip


def repeated(record: Record) -> Table | Note:
    """Say what was done once more before the run was closed, and whether it came out the same."""
    rows = tuple(
        (row["what"].replace("_", " "), "equal" if row["equal"] else "not equal",
         row["stated"][:16], row["found"][:16])
        for row in _read(record, "repro").get("checks", ())
    )  # fmt: skip
    return table(
        "Done once more at the end of the run", ("What", "Result", "Digest stated", "Digest found"),
        rows, "“bondx verify --replay all” trains everything again and compares every byte.",
    )  # fmt: skip


def crosswalk(record: Record) -> Table | Note:
    """Say what is asked of a model, by whom, and which file answers."""
    rows = tuple(
        (row["requirement"], plain(row["asked"]), row["applies"], STATUS_WORDS[row["status"]],
         _files(row["artefacts"]))
        for row in _read(record, "crosswalk").get("rows", ())
    )  # fmt: skip
    return table(
        "What supervisors and standards ask for",
        ("Requirement", "Asked in", "Applies to", "In this run", "Where"), rows,
        "Texts move; their versions stand in evidence/crosswalk.json. A row says where an answer "
        "is found, not that it suffices.",
    )  # fmt: skip


def pack(record: Record) -> Table | Note:
    """List the evidence beside this report."""
    folder = record.folder / FOLDER
    names = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else []
    rows = tuple((f"{FOLDER}/{name}", MEANINGS[name]) for name in names if name in MEANINGS)
    return table("Evidence in this folder", ("File", "What it is"), rows)


def _files(names: list[str]) -> str:
    """Return names of files, those of all models as one."""
    short = [f"models/*/{Path(name).name}" if name.startswith("models/") else name
             for name in names]  # fmt: skip
    return ", ".join(dict.fromkeys(short)) or "–"


def _read(record: Record, name: str) -> dict[str, Any]:
    path = record.folder / FOLDER / f"{name}.json"
    return dict(artefacts.read_json(path)) if path.is_file() else {}
