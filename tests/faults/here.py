"""A whole run in one process: no kernel, a short report, and what is pure is computed once."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from shutil import copy2, copytree
from typing import Any

import nbformat
import pytest

from bondx_lib import (
    artefacts,
    engine,
    epoch,
    features,
    gates,
    market,
    models,
    parameters,
    report,
    runlog,
    trainer,
)
from bondx_lib.evidence import sbom
from bondx_lib.trainer import explanation

from . import points

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "parameters" / "smoke.yaml"
CLOCKED = (".ipynb", ".log", "events.jsonl", "SHA256SUMS", "run.lock", "report.html",
           "environment.json", "parameters.yaml", "report.json", "ro-crate-metadata.json",
           "croissant.json")  # fmt: skip
FEW = {"models": ["spread"], "evaluation.worlds": 1, "output.export_formats": ["csv"]}
"""Parameters that leave out what is written in the same way as something else."""
LEFT_OVER = (artefacts.TEMPORARY, ".new-", ".old-")
EXECUTE, RENDER = engine.execute, report.render
BILL = functools.cache(sbom.text)
"""The environment stays as it is while tests run, so what it holds is looked up once."""
WRITTEN_TO = (runlog.LOG_NAME, runlog.LOCK_NAME)
"""Files that are written to after they have appeared; any other is replaced, so can be linked."""


def digests(run_dir: Path) -> dict[str, str]:
    """Return the digests of every file that two equal runs share byte for byte."""
    return {
        name: digest
        for name, digest in artefacts.tree_digests(run_dir, run_dir).items()
        if not name.endswith(CLOCKED)
    }


def left_over(run_dir: Path) -> list[str]:
    """Return what only an unfinished run may hold."""
    names = [path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*")]
    return [name for name in names if any(word in name for word in LEFT_OVER)]


def chosen(base: Path, **more: Any) -> parameters.Parameters:
    """Return the smoke parameters with one epoch and runs below a folder."""
    return parameters.load(SMOKE, {"output.base_directory": str(base), "max_epochs": 1, **more})


class NoKernel:
    """Stands where a kernel would."""

    pid = 1

    def stop(self) -> None:
        """Do nothing: there is no process."""


class NoPool:
    """Stands where the pool of kernels would."""

    def __init__(self, *_: Any) -> None:
        """Take what a pool takes."""

    def take(self) -> tuple[NoKernel, str]:
        """Return nothing that runs."""
        return NoKernel(), "warm"

    def prepare(self) -> None:
        """Start nothing."""

    def close(self) -> None:
        """End nothing."""


def execute(notebook: Path, output: Path, values: dict[str, Any], *rest: Any) -> None:
    """Run an epoch's notebook here; an error of a cell is reported as a kernel would."""
    if notebook.stem == "report":
        return EXECUTE(notebook, output, values, *rest)
    names: dict[str, Any] = {}
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            try:
                exec(cell.source, names)
            except Exception as error:
                raise engine.CellFailed(type(error).__name__, str(error), "") from error
            names |= values if "parameters" in cell.metadata.get("tags", ()) else {}
    return artefacts.write_text(output, "{}\n")


def render(run_dir: Path, *_: Any) -> None:
    """Write the files of a report with hardly anything in them."""
    state = runlog.replay(runlog.read(run_dir / runlog.LOG_NAME))
    artefacts.write_json(run_dir / "report.json", {"status": state.status})
    artefacts.write_text(run_dir / "report.html", "<html></html>\n")


def without_kernels(patch: pytest.MonkeyPatch, *, page: bool = False) -> None:
    """Let runs of this process do all their work in it, but for the report if it is wanted."""
    patch.setattr(engine, "OneShotPool", NoPool)
    patch.setattr(engine, "execute", execute)
    patch.setattr(sbom, "text", BILL)
    patch.setattr(report, "render", (lambda run_dir, *_: RENDER(run_dir)) if page else render)


def computing_once(patch: pytest.MonkeyPatch) -> None:
    """Remember what pure functions gave: the same every time, as other tests make sure."""
    for module, name in (
        (market, "simulate"), (epoch.stages, "fit"), (models, "evaluate"), (models, "compare"),
        (models, "examine"), (models, "examine_closely"), (features, "build"),
        (artefacts, "frame_digest"), (gates.QualityGateManager, "evaluate"),
        (explanation, "explain"),
    ):  # fmt: skip
        patch.setattr(module, name, _remembered(getattr(module, name)))


def _remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[str, Any] = {}

    def once(*arguments: Any, **settings: Any) -> Any:
        key = hashlib.sha256(pickle.dumps((arguments, settings))).hexdigest()
        if key not in known:
            known[key] = function(*arguments, **settings)
        return known[key]

    return once


class Snapshots:
    """Copies of a run folder as a kill would leave it, at every write of a run."""

    def __init__(self, folder: Path, wanted: Callable[[str, str], bool]) -> None:
        self.folder = folder
        self.taken: dict[tuple[str, str], Path] = {}
        self._wanted = wanted
        self.run_dir = Path()

    def __call__(self, name: str, phase: str, path: Path, before: int) -> None:
        """Take a copy, in which what is only half done is made so."""
        if not self._wanted(name, phase) or not path.is_relative_to(self.run_dir):
            return  # the second: what is written elsewhere and thrown away
        copy = self.folder / f"{len(self.taken):03d}"
        copytree(self.run_dir, copy, copy_function=_linked)
        if phase == points.HALF:
            points.halve(copy / path.relative_to(self.run_dir), before)
        self.taken[name, phase] = copy


def _linked(source: str, target: str) -> None:
    """Link a file that will only ever be replaced, copy one that is written to."""
    path = Path(source)
    if path.name in WRITTEN_TO or path.suffix == ".log" or artefacts.TEMPORARY in path.name:
        copy2(source, target)
    else:
        os.link(source, target)


def run(parameters_: parameters.Parameters, snapshots: Snapshots | None = None) -> Path:
    """Run to the end and return the run folder, taking copies on the way if asked to."""
    folder = trainer.new_run_folder(parameters_)
    work = trainer.BondXAIAutonomousTrainer(parameters_, folder)
    if snapshots is None:
        work.run_autonomous_training_loop()
        return folder
    snapshots.run_dir = folder
    unwrap = points.wrap(artefacts, runlog, snapshots)
    try:
        work.run_autonomous_training_loop()
    finally:
        unwrap()
    return folder
