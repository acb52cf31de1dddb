"""The gates on data over a file of any size, in two passes and bounded memory.

1. Read all rows, take them in their types, and lay them into parts by issuer.
2. Let the gates count one part at a time, then judge the sums.

A file that fits into one part never goes to disk again. Nothing that is found depends on the order
of the file, and nothing of one file on the number of processes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, gates
from bondx_lib.errors import BadInput
from bondx_lib.gates import Extent, Finding, QualityGateManager
from bondx_lib.gates.tallies import ALL_ROWS, Tally
from bondx_lib.intake import Source, open_file
from bondx_lib.intake.parts import (
    ROWS_A_PART,
    Parts,
    check_workers,
    clear_errors,
    in_processes,
    number_of_parts,
    part_of,
    temporary,
)
from bondx_lib.intake.sources import CSV_MISSING
from bondx_lib.parameters import Parameters
from bondx_lib.parameters import default as default_parameters
from bondx_lib.validation import column_map, rows
from bondx_lib.validation.column_map import ColumnMap
from bondx_lib.validation.examples import Example, examples
from bondx_lib.validation.homes import Homes
from bondx_lib.validation.layout import Layout, plan

OF_THE_MARKET: Final = ("correlation", "statistics", "realism")
"""Families that hold rows against the simulated or the published market. A file may be of another
market without anything being wrong with it, so on files their severity is one step milder: for
information in the standard profile, a warning in the strict one."""
MILDER: Final = {"block": "warn", "warn": "info", "info": "info"}

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Checked:
    """What the gates found in a file.

    Attributes
    ----------
    name, digest, size_bytes
        Of the file: its name without its folder, its SHA-256.
    profile, gates_digest
        How hard was judged, and the SHA-256 of all thresholds and severities.
    extent
        How much data there is.
    layout, names
        What was done with the columns, and the column map.
    findings
        In the order of the register, then of slices.
    examples
        Gate and row number of a finding to what a reader should see of the row.
    """

    name: str
    digest: str
    size_bytes: int
    profile: str
    gates_digest: str
    extent: Extent
    layout: Layout
    names: ColumnMap
    findings: tuple[Finding, ...]
    examples: Mapping[tuple[str, int], Example]

    @property
    def blocked(self) -> bool:
        """Say whether a blocking gate failed."""
        return QualityGateManager.blocked(self.findings)

    @property
    def score(self) -> float:
        """Return the quality score."""
        return gates.quality_score(self.findings)


@dataclass(frozen=True)
class Job:
    """All that is needed to count a part, in this process or another.

    Attributes
    ----------
    parameters
        Of which the quality gates are read.
    layout
        Which columns to derive.
    names
        The gates to ask.
    """

    parameters: Parameters
    layout: Layout
    names: tuple[str, ...]


@dataclass(frozen=True)
class Counted:
    """What was counted in a part: its extent, tallies, and rows that may become examples."""

    extent: Extent
    tallies: dict[str, Tally[Any]]
    examples: dict[tuple[str, int], Example]


def validate(
    source: str | Path,
    *,
    names: ColumnMap | str | Path | None = None,
    parameters: Parameters | None = None,
    workers: int = 1,
    rows_a_part: int = ROWS_A_PART,
    progress: Progress = lambda done, rows, word: None,
) -> Checked:
    """Let all gates on data judge a file.

    Parameters
    ----------
    source
        Parquet or CSV, by suffix. Bond and date must be there; what else of the panel table is
        missing makes gates not applicable, and is itself a finding.
    names
        A column map or its file, where the file has other names, units or words.
    parameters
        Of which only ``quality_gates`` and the scenario are read.
    workers
        Processes that count.
    rows_a_part
        About how many rows are in memory at a time.
    progress
        Called with rows done, all rows, and what is being done.

    Raises
    ------
    BadInput
        When the file is no table, has no rows, or lacks bond or date; when the column map or the
        parameters cannot be used.
    """
    path = Path(source)
    check_workers(workers)
    known = _map(names)
    opened = open_file(path, (*CSV_MISSING, *known.missing))
    layout = plan(opened, known)
    chosen = for_a_file(parameters or default_parameters())
    manager = QualityGateManager(chosen)
    asked = tuple(name for name in manager.settings if name not in layout.moot)
    job, count = Job(chosen, layout, asked), number_of_parts(opened.rows, rows_a_part)
    with threadpool_limits(1):
        if count == 1:
            counted = _in_memory(opened, known, job, progress)
        else:
            counted = _on_disk(opened, known, job, workers, count, progress)
    findings = manager.findings(counted.extent, counted.tallies, names=asked)
    return Checked(
        path.name, artefacts.sha256_file(path), path.stat().st_size, chosen.quality_gates.profile,
        manager.digest(), counted.extent, layout, known, _ordered(findings), counted.examples,
    )  # fmt: skip


def for_a_file(parameters: Parameters) -> Parameters:
    """Return parameters under which gates on the market's own figures never refuse a file.

    A severity that is set by name stays.
    """
    given = parameters.quality_gates
    milder = {
        name: MILDER[one.severity]
        for name, one in gates.settings(given).items()
        if gates.get(name).family in OF_THE_MARKET and name not in given.severities
    }
    changed = given.model_copy(update={"severities": {**given.severities, **milder}})
    return parameters.model_copy(update={"quality_gates": changed})


def _map(names: ColumnMap | str | Path | None) -> ColumnMap:
    if names is None:
        return ColumnMap()
    return names if isinstance(names, ColumnMap) else column_map.load(names)


def _ordered(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings in the order of the gates; within a gate all rows, then slices by name."""
    place = {name: number for number, name in enumerate(dict.fromkeys(f.gate for f in findings))}
    return tuple(sorted(findings, key=lambda f: (place[f.gate], f.slice != ALL_ROWS, f.slice)))


def _in_memory(source: Source, names: ColumnMap, job: Job, progress: Progress) -> Counted:
    """Read and count rows that make one part."""
    homes = Homes()
    tables = list(_read(source, names, job.layout, homes, progress))
    return count_part(job, homes.moved(pa.concat_tables(tables)))


def _on_disk(
    source: Source, names: ColumnMap, job: Job, workers: int, count: int, progress: Progress
) -> Counted:
    """Read rows and lay them into parts, then count these."""
    homes, read, done = Homes(), 0, 0
    with temporary(None) as folder, clear_errors(str(folder)):
        parts = Parts(folder, count)
        with contextlib.closing(parts):
            for table in _read(source, names, job.layout, homes, progress):
                parts.add(table, part_of(rows.counted_with(table), count))
                read += len(table)
        total = Counted(Extent(), {}, {})
        for one in _each(job, _settled(parts, homes, folder).paths, workers):
            total = _added(total, one)
            done += one.extent.rows
            progress(done, read, "checked")
        return total


def _read(
    source: Source, names: ColumnMap, layout: Layout, homes: Homes, progress: Progress
) -> Iterator[pa.Table]:
    """Yield all rows, noting whose bonds they are.

    Raises
    ------
    BadInput
        When there are none.
    """
    done = 0
    for table in rows.typed(source, layout, names):
        homes.add(table)
        yield table
        done += len(table)
        progress(done, max(source.rows, done), "read")
    if done == 0:
        raise BadInput("has no rows", source=source.name)
    homes.finish()


def _settled(parts: Parts, homes: Homes, folder: Path) -> Parts:
    """Return parts in which every bond of several issuers is whole."""
    if len(homes) == 0:
        return parts
    place = folder / "settled"
    place.mkdir()
    settled = Parts(place, parts.count)
    with contextlib.closing(settled):
        for path in parts.paths:
            table = homes.moved(_rows_of(path))
            settled.add(table, part_of(rows.counted_with(table), parts.count))
            path.unlink()
    return settled


def _each(job: Job, paths: list[Path], workers: int) -> Iterator[Counted]:
    """Yield what is counted in each part, in their order."""
    if workers == 1 or len(paths) == 1:
        yield from (count_file(job, path) for path in paths)
    else:
        yield from in_processes(count_file, [(job, path) for path in paths], workers)


def count_file(job: Job, path: Path) -> Counted:
    """Return what is counted in a part on disk, which is gone afterwards."""
    with threadpool_limits(1):
        found = count_part(job, _rows_of(path))
    path.unlink()
    return found


def count_part(job: Job, table: pa.Table) -> Counted:
    """Return what is counted in some rows."""
    manager = QualityGateManager(job.parameters)
    if missing := [name for name in job.names if name not in manager.settings]:
        raise BadInput("is not known in a process of its own", key=missing[0],
                       admissible="one worker")  # fmt: skip
    part = rows.part_of_rows(table, job.layout)
    tallies = manager.count(part, job.names)
    # What gates noted may hold the part itself, which would then outlive its turn.
    part.noted.clear()
    return Counted(Extent.of(part), tallies, examples(part, tallies))


def _rows_of(path: Path) -> pa.Table:
    with pa.ipc.open_file(str(path)) as reader:
        return reader.read_all()


def _added(first: Counted, second: Counted) -> Counted:
    """Return what was counted in both, with the examples that the tallies still name."""
    tallies = gates.added(first.tallies, second.tallies)
    wanted = {(name, row) for name, tally in tallies.items() for row in tally.examples}
    both = {**first.examples, **second.examples}
    return Counted(
        first.extent + second.extent, tallies, {key: both[key] for key in both if key in wanted}
    )
