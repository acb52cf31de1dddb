"""Write a run's evidence in the right order: documents, then the report, then crate and seal.

The log is closed before anything here is written, so every document is a view of what it says.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bondx_lib import artefacts, engine, provenance, report
from bondx_lib.evidence import cards, crate, croissant, crosswalk, documents, sbom, verifier
from bondx_lib.evidence.seal import files, seal
from bondx_lib.report import Record

FOLDER: Final = "evidence"
EXAMINATION: Final = "examination.json"
EXPLAINED: Final = f"{FOLDER}/explain.json"
REPEATED: Final = f"{FOLDER}/repro.json"


def write_documents(run_dir: Path) -> None:
    """Write every document that the report may speak of.

    Raises
    ------
    BadInput
        When the run's log or an artefact cannot be read.
    """
    record = report.read(run_dir)
    summary = report.summarise(record)
    folder = run_dir / FOLDER
    contents: dict[str, Any] = {
        "tests": documents.tests(summary),
        "benchmark": documents.benchmark(summary),
        "sensitivity": documents.sensitivity(record, _examined(run_dir)),
        "promotion": documents.promotion(summary),
        "findings": documents.findings(summary),
        "inventory": documents.inventory(record, summary),
        "signoff": documents.signoff(summary),
    }
    for name, content in contents.items():
        artefacts.write_json(folder / f"{name}.json", content)
    for view in record.state.committed:
        path = folder / "epochs" / f"{view.number:04d}.json"
        artefacts.write_json(path, report.epochs.metrics(record, view.number))
    write_environment(run_dir)
    artefacts.write_text(folder / "DATACARD.md", cards.data_card(record, summary))
    croissant.write(run_dir, summary, record.events[-1].at)
    sbom.write(run_dir)
    _copy(engine.notebook_path("epoch"), run_dir / crate.WORKFLOW)
    _copy(Path(verifier.__file__), folder / "verify.py")
    _write_crosswalk(run_dir, record)


def finish(run_dir: Path) -> str:
    """Describe every file in the crate, seal the folder, and return the pack id.

    Raises
    ------
    BadInput
        When the folder holds what no pack may hold.
    """
    names = [name for name in files(run_dir) if name != verifier.CRATE]
    crate.write(run_dir, report.read(run_dir), names)
    return seal(run_dir)


def write_environment(run_dir: Path) -> None:
    """Write what the run was computed with; no names of people, machines or folders."""
    artefacts.write_json(
        run_dir / FOLDER / "environment.json",
        {
            "python": platform.python_version(),
            "system": platform.system(),
            "machine": platform.machine(),
            "processors": os.cpu_count(),
            "threads_per_fit": 1,
            "libraries": provenance.versions(),
        },
    )


def _write_crosswalk(run_dir: Path, record: Record) -> None:
    """Write the crosswalk; in a complete run every artefact that it names must be there."""
    made = [name for name in record.models if (run_dir / "models" / name).is_dir()]
    content = crosswalk.rows(made)
    if made:
        crosswalk.check(run_dir, content, later=("report.html",))
    else:
        content = crosswalk.without_models(run_dir, content, later=("report.html",))
    artefacts.write_json(run_dir / verifier.CROSSWALK, content)


def _examined(run_dir: Path) -> Mapping[str, Any]:
    path = run_dir / EXAMINATION
    return artefacts.read_json(path) if path.is_file() else {}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with artefacts.whole(target) as partial:
        shutil.copyfile(source, partial)
