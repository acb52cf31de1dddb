"""Who is champion: as the log says, and as the files of the run hold it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bondx_lib import runlog
from bondx_lib.epoch.folders import PREDICTIONS_NAME, epoch_folder


def champion_epoch(state: runlog.RunState, name: str) -> int | None:
    """Return the committed epoch whose challenger is the champion now, None before the first."""
    promoted = [
        view.number for view in state.committed if view.promotions.get(name, {}).get("promoted")
    ]
    return promoted[-1] if promoted else None


def champion_predictions(run_dir: Path, name: str, number: int) -> NDArray[np.float64]:
    """Return what the champion of an epoch said of the benchmark market."""
    path = epoch_folder(run_dir, number) / "models" / name / PREDICTIONS_NAME
    return np.asarray(np.load(path, allow_pickle=False), np.float64)


def place_champions(run_dir: Path, state: runlog.RunState) -> None:
    """Make ``models/`` hold exactly the champions that the committed log names."""
    for name in state.parameters["models"]:
        epoch = champion_epoch(state, name)
        if epoch is not None:
            source = epoch_folder(run_dir, epoch) / "models" / name
            _replace_folder(source, run_dir / "models" / name)


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
