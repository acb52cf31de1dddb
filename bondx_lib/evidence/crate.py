"""The crate: what a run is, what it was made from and by what, as linked data.

A Research Object Crate 1.1 [31] under the Workflow Run Crate profiles [32]: the epoch's notebook is
the workflow, the run an action that took the parameters and made the files. Every file of the pack
is described, with its digest.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rocrate.model.computationalworkflow import ComputationalWorkflow
from rocrate.model.contextentity import ContextEntity
from rocrate.model.file import File
from rocrate.rocrate import ROCrate

from bondx_lib import artefacts
from bondx_lib.evidence.verifier import CRATE
from bondx_lib.report import Record
from bondx_lib.report.summary import CLAIMS

WORKFLOW: Final = "evidence/workflow.ipynb"
PARAMETERS: Final = "parameters.yaml"
PROFILES: Final = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS: Final = {
    name: f"https://w3id.org/ro/terms/workflow-run#{name}" for name in ("sha256", "environment")
}
LICENCE: Final = "https://spdx.org/licenses/MIT"
TYPES: Final = {
    ".ipynb": "application/x-ipynb+json", ".parquet": "application/vnd.apache.parquet",
    ".jsonl": "application/jsonl", ".yaml": "application/yaml", ".npy": "application/octet-stream",
    ".npz": "application/zip", ".ubj": "application/octet-stream", ".md": "text/markdown",
    ".log": "application/jsonl",
}  # fmt: skip
FAILED: Final = ("failed", "blocked")
RESULTS: Final = ("datasets/", "models/", "report.html", "report.json")


def write(run_dir: Path, record: Record, files: Sequence[str]) -> None:
    """Write the crate's metadata into a pack.

    Parameters
    ----------
    run_dir
        The run folder.
    record
        The run.
    files
        Every other file of the pack.
    """
    artefacts.write_json(run_dir / CRATE, graph(run_dir, record, files))


def graph(run_dir: Path, record: Record, files: Sequence[str]) -> dict[str, Any]:
    """Return the crate as linked data; see :func:`write`."""
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms.update(TERMS)
    state = record.state
    crate.name = f"BondX run: {state.name}"
    crate.description = f"{CLAIMS[0]} It ended: {state.reason}"
    crate.datePublished = state.ended
    crate.license = crate.add(_thing(crate, LICENCE, "CreativeWork", name="MIT License"))
    described = {name: _file(crate, run_dir, name) for name in files if name != WORKFLOW}
    workflow = _workflow(crate, run_dir)
    crate.mainEntity = workflow
    crate.root_dataset["conformsTo"] = [
        crate.add(_thing(crate, url, "CreativeWork", name=name, version=version))
        for url, (name, version) in PROFILES.items()
    ]
    ended_well = "Failed" if state.status in FAILED else "Completed"
    engine = crate.add(
        _thing(crate, "#bondx", "SoftwareApplication", name="BondX", url="urn:bondx",
               softwareVersion=state.version, version=state.version)
    )  # fmt: skip
    action = crate.add_action(
        workflow, identifier="#run", object=[described[PARAMETERS]],
        result=[one for name, one in described.items() if name.startswith(RESULTS)],
        properties={
            "name": f"run {record.folder.name}", "description": state.reason,
            "startTime": state.began, "endTime": state.ended, "agent": {"@id": engine.id},
            "actionStatus": f"http://schema.org/{ended_well}ActionStatus",
        },
    )  # fmt: skip
    if state.status in FAILED:
        action["error"] = state.reason
    crate.root_dataset["mentions"] = [action]
    return dict(crate.metadata.generate())


def _thing(crate: ROCrate, at: str, kind: str, **properties: Any) -> ContextEntity:
    return ContextEntity(crate, at, properties={"@type": kind, **properties})


def _file(crate: ROCrate, run_dir: Path, name: str) -> File:
    path = run_dir / name
    described = {
        "name": name,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "text/plain",
        "sha256": artefacts.sha256_file(path),
    }
    return crate.add(File(crate, path, name, properties=described))


def _workflow(crate: ROCrate, run_dir: Path) -> ComputationalWorkflow:
    """Describe the notebook that every epoch executes."""
    language = crate.add(
        _thing(crate, "#jupyter", "ComputerLanguage", name="Jupyter Notebook",
               identifier={"@id": "https://jupyter.org"}, url={"@id": "https://jupyter.org"},
               alternateName="Python")
    )  # fmt: skip
    path = run_dir / WORKFLOW
    return crate.add(
        ComputationalWorkflow(
            crate, path, WORKFLOW,
            properties={
                "name": "one epoch: draw, gate, train, evaluate, judge, promote",
                "programmingLanguage": {"@id": language.id},
                "encodingFormat": TYPES[path.suffix],
                "contentSize": str(path.stat().st_size),
                "sha256": artefacts.sha256_file(path),
            },
        )
    )  # fmt: skip
