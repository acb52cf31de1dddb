"""What models learn from: the accepted variations, and settings that a search has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bondx_lib import artefacts, models
from bondx_lib.epoch.folders import WEIGHTS_NAME, epoch_folder
from bondx_lib.models import tuning
from bondx_lib.models.base import Model, Panel, Words
from bondx_lib.models.supervised import Supervised
from bondx_lib.parameters import Parameters

SPLIT_COLUMNS: Final = ("world", "month", "issuer_id", "bond_id")


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


def study(run_dir: Path, name: str, epochs: Sequence[int]) -> list[tuning.Trial]:
    """Return all trials of a model in some epochs, in order."""
    return tuning.read([study_path(run_dir, number, name) for number in epochs])


def study_path(run_dir: Path, number: int, name: str) -> Path:
    """Return where the trials of a model's search in an epoch lie."""
    return epoch_folder(run_dir, number) / "tuning" / f"{name}.json"
