r"""The frozen reference: how columns are distributed, and how far clean variations stray from it.

A large clean market is drawn once, pooled over many macro paths: percentiles of each numeric column
and the shares of each category are kept in ``reference.json``. Then clean variations of several
sizes are held against it. A variation of 150 bonds is one macro path and a few dozen issuers, so it
is never distributed like the pool; how far it strays is measured, not derived.

Many columns are looked at together, so critical values are those of the largest of all (max-T of
Westfall and Young). Columns of the economy stray far and rarely, those of bonds little and often,
so each statistic is first put on a scale :math:`h` of log-odds or logarithms, where they are spread
alike. With :math:`m_j` the median of :math:`h(T_j)` in clean variations, :math:`w_j` the distance
of its 95 % quantile from there, and :math:`c` the 99 % quantile of the largest of all columns'
:math:`(h(T_j) - m_j) / w_j`, the critical value of column :math:`j` is

.. math:: h^{-1}(m_j + c\,w_j)

and at most 1 % of clean variations pass that of any column.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import resources
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from bondx_lib import market, parameters
from bondx_lib.artefacts import write_json
from bondx_lib.gates.base import Extent
from bondx_lib.gates.distances import (
    CATEGORIES,
    MEASURES,
    NUMERIC,
    SCALES,
    Grid,
    counted,
    stray,
    values,
    words,
)
from bondx_lib.gates.part import Ints, Part
from bondx_lib.gates.tallies import Floats
from bondx_lib.market import realism
from bondx_lib.schema import SCENARIOS

FILE_NAME: Final = "reference.json"
PERCENTILES: Final = np.arange(1, 100) / 100
DIGITS: Final = 6

POOL_WORLDS, POOL_BONDS, POOL_MONTHS = 240, 150, 36
BONDS, MONTHS = (30, 100, 150, 500, 1500), (24, 36, 60)
USUAL_CELL: Final = (150, 36)
DRAWS, DRAWS_LARGE = 300, 150
"""Clean variations behind each cell: up to 150 bonds, and above."""
CHUNK: Final = 20
OWN_QUANTILE, ALARMS = 0.95, 0.01


@dataclass(frozen=True)
class Null:
    """How far clean variations stray.

    Attributes
    ----------
    bonds, months
        Their size.
    critical
        By column, what the statistic may reach.
    usual
        Median of the largest share of its critical value that any column reaches.
    """

    bonds: int
    months: int
    critical: Mapping[str, float]
    usual: float


def null(gate: str, extent: Extent) -> Null | None:
    """Return how far clean variations of such an extent stray; None if it is too small to say.

    The largest cell that is not larger than the data. In a scenario each critical value is raised
    by the factor measured at 150 bonds and 36 months; because what a scenario does to all bonds
    alike does not average out over more of them, it falls no lower than there.
    """
    size = extent.effective_bonds + 1e-6
    bonds = max((one for one in BONDS if one <= size), default=None)
    months = max((one for one in MONTHS if one <= extent.months), default=None)
    if bonds is None or months is None:
        return None
    cells, times = stored()["cells"], _times(gate, extent.scenario)
    here, least = cells[_cell(bonds, months)][gate], cells[_cell(*USUAL_CELL)][gate]["critical"]
    critical = {
        name: value if name not in times
        else times[name] * max(value, least[name]) for name, value in here["critical"].items()
    }  # fmt: skip
    return Null(bonds, months, critical, here["usual"])


def _times(gate: str, scenario: str) -> dict[str, float]:
    """Return by column the factor above 1 of a scenario, the largest of a combination."""
    known = stored()["scenarios"]
    each = [known[word][gate] for word in scenario.split("+") if word in known]
    largest = {name: max(one.get(name, 1.0) for one in each) for one in each for name in one}
    return {name: factor for name, factor in largest.items() if factor > 1}


@functools.cache
def stored() -> dict[str, Any]:
    """Return the reference as it was last made."""
    document: dict[str, Any] = json.loads(_file())
    return document


@functools.cache
def grids() -> dict[str, Grid]:
    """Return how each column is distributed in the stored reference."""
    return _grids(stored()["columns"])


@functools.cache
def digest() -> str:
    """Return the SHA-256 of the stored file."""
    return hashlib.sha256(_file()).hexdigest()


def out_of_date() -> bool:
    """Say whether published facts or fitted constants have changed since the reference was made."""
    return bool(stored()["depends_on"] != realism.digest())


def make(
    workers: int = 1,
    progress: Callable[[str], None] = lambda text: None,
    pool_worlds: int = POOL_WORLDS,
    draws: int = DRAWS,
    draws_large: int = DRAWS_LARGE,
) -> dict[str, Any]:
    """Return the reference as it is stored, whatever the number of workers.

    Parameters
    ----------
    workers
        Processes.
    progress
        Called with a sentence after each step.
    pool_worlds
        Macro paths of the pool.
    draws, draws_large
        Clean variations behind each cell, up to 150 bonds and above.
    """
    columns = _pool(pool_worlds)
    progress(f"reference: {pool_worlds} worlds of {POOL_BONDS} bonds pooled")
    jobs = [(bonds, months, SCENARIOS[0]) for bonds in BONDS for months in MONTHS]
    jobs += [(*USUAL_CELL, scenario) for scenario in SCENARIOS[1:]]
    counts = [draws if bonds <= USUAL_CELL[0] else draws_large for bonds, _, _ in jobs]
    found = []
    for job, strays in zip(jobs, _strays(columns, jobs, counts, workers), strict=True):
        found.append({gate: _critical(gate, matrix) for gate, matrix in strays.items()})
        progress(f"{job[2]}: {job[0]} bonds, {job[1]} months")
    cells = len(BONDS) * len(MONTHS)
    usual = found[jobs.index((*USUAL_CELL, SCENARIOS[0]))]
    return {
        "made_by": "make reference",
        "depends_on": realism.digest(),
        "pool": {"worlds": pool_worlds, "bonds": POOL_BONDS, "months": POOL_MONTHS},
        "draws": {"small": draws, "large": draws_large},
        "columns": columns,
        "cells": {_cell(*job[:2]): one for job, one in zip(jobs[:cells], found, strict=False)},
        "scenarios": {
            job[2]: {gate: _factors(one[gate]["critical"], usual[gate]["critical"]) for gate in one}
            for job, one in zip(jobs[cells:], found[cells:], strict=True)
        },
    }  # fmt: skip


def write(document: Mapping[str, Any]) -> Path:
    """Write the reference into the package and return the file's path."""
    path = Path(__file__).with_name(FILE_NAME)
    write_json(path, document)
    return path


def _file() -> bytes:
    return resources.files("bondx_lib.gates").joinpath(FILE_NAME).read_bytes()


def _cell(bonds: int, months: int) -> str:
    return f"{bonds} bonds, {months} months"


def _grids(columns: Mapping[str, Any]) -> dict[str, Grid]:
    return {
        name: Grid(np.array(one["edges"], float), np.array(one["shares"], float))
        for name, one in columns.items()
    }


def _pool(worlds: int) -> dict[str, Any]:
    """Draw the pool and return edges and shares of each column."""
    chosen = parameters.load(None, {"history_months": POOL_MONTHS})
    scaled: dict[str, list[Floats]] = {name: [] for name in NUMERIC}
    numbers: dict[str, list[Ints]] = {name: [] for name in CATEGORIES}
    for number in range(worlds):
        part = Part(market.simulate(chosen, f"reference/pool/{number}", bonds=POOL_BONDS).panel)
        for name in NUMERIC:
            found = values(part, name)
            assert found is not None
            scaled[name].append(found)
        for name in CATEGORIES:
            codes = words(part, name)
            assert codes is not None
            numbers[name].append(codes)
    columns = {name: _column(np.concatenate(found)) for name, found in scaled.items()}
    for name, known in CATEGORIES.items():
        hits = np.bincount(np.concatenate(numbers[name]), minlength=len(known) + 1)
        columns[name] = {"edges": [], "shares": _rounded(hits / hits.sum())}
    return columns


def _column(found: Floats) -> dict[str, Any]:
    """Return percentiles, each once, and the share of all values in each bin."""
    there = np.sort(found[~np.isnan(found)])
    ranks = np.ceil(PERCENTILES * len(there)).astype(int) - 1
    edges = np.unique(_rounded(there[ranks][np.isfinite(there[ranks])]))
    up_to = np.append(np.searchsorted(there, edges, side="right"), len(there))
    hits = np.append(np.diff(up_to, prepend=0), len(found) - len(there))
    return {"edges": edges.tolist(), "shares": _rounded(hits / len(found))}


def _rounded(found: Floats) -> list[float]:
    return [float(f"{one:.{DIGITS}g}") for one in found]


def _strays(
    columns: dict[str, Any], jobs: Sequence[tuple[int, int, str]], counts: Sequence[int],
    workers: int,
) -> Iterator[dict[str, Floats]]:  # fmt: skip
    """Yield for each job the statistics of its clean variations, of shape (draws, columns)."""
    pieces = [
        [(columns, *job, first, min(CHUNK, count - first)) for first in range(0, count, CHUNK)]
        for job, count in zip(jobs, counts, strict=True)
    ]
    flat = [one for piece in pieces for one in piece]
    if workers == 1:
        yield from _joined(map(_chunk, flat), pieces)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from _joined(pool.map(_chunk, flat), pieces)


def _joined(done: Iterator[Any], pieces: Sequence[Sequence[Any]]) -> Iterator[dict[str, Floats]]:
    for piece in pieces:
        parts = [next(done) for _ in piece]
        yield {gate: np.concatenate([one[gate] for one in parts]) for gate in MEASURES}


def _chunk(job: tuple[dict[str, Any], int, int, str, int, int]) -> dict[str, Floats]:
    """Return the statistics of some clean variations; NaN where a column has none."""
    columns, bonds, months, scenario, first, count = job
    chosen = parameters.load(None, {"history_months": months, "scenario": scenario})
    known = _grids(columns)
    rows: dict[str, list[list[float]]] = {gate: [] for gate in MEASURES}
    for number in range(first, first + count):
        stream = f"reference/{scenario}/{bonds}/{months}/{number}"
        part = Part(market.simulate(chosen, stream, bonds=bonds).panel)
        tallies = counted(part, tuple(known), known)
        for gate, (_, names) in MEASURES.items():
            found = stray(gate, tallies, known)
            rows[gate].append([found.get(name, np.nan) for name in names])
    return {gate: np.array(each) for gate, each in rows.items()}


def _critical(gate: str, strays: Floats) -> dict[str, Any]:
    """Return the critical value of each column, and what share of it is usual."""
    scale, back = SCALES[gate]
    names = np.array(MEASURES[gate][1])
    known = ~np.isnan(strays).all(axis=0)
    names, strays = names[known], strays[:, known]
    scaled = scale(strays)
    middle = np.nanmedian(scaled, axis=0)
    width = np.nanquantile(scaled, OWN_QUANTILE, axis=0) - middle
    varies = width > 0
    largest = np.sort(np.nanmax((scaled - middle)[:, varies] / width[varies], axis=1))
    # The rank at which a further draw lies above with at most the chance of an alarm.
    rank = min(math.ceil((1 - ALARMS) * (len(largest) + 1)), len(largest))
    critical = np.array(_rounded(back((middle + largest[rank - 1] * width)[varies])))
    usual = np.median(np.nanmax(strays[:, varies] / critical, axis=1))
    return {
        "critical": dict(zip(names[varies].tolist(), critical.tolist(), strict=True)),
        "usual": round(float(usual), 4),
    }


def _factors(raised: Mapping[str, float], usual: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value / usual[name], 4) for name, value in raised.items() if name in usual}
