"""Read a stranger's rows batch by batch: find the columns, take their types, note what is wrong.

Parquet, CSV and frames come out alike: Arrow tables of the columns that features need, numbers as
floats, dates as nanoseconds, words as strings. A value that cannot take its type becomes null and a
problem with its row, column and value.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bondx_lib import schema
from bondx_lib.errors import BadInput, nearest
from bondx_lib.features import INPUTS
from bondx_lib.intake import cells, sources
from bondx_lib.intake.cells import Bools, admissible
from bondx_lib.intake.sources import BATCH_ROWS, Malformed, Source
from bondx_lib.scoring.problems import Problems

ABSENT: Final = {"world": 0, "month": np.nan}
"""May be absent: all is one world, and months are counted from the dates."""
UNUSED: Final = (*schema.LABELS, "synthetic", "issuer_name")
"""Columns of the panel that no feature needs: neither asked for nor remarked upon."""
LARGEST: Final = 1e18
"""Beyond it a number is no quantity of this table."""

_NULLABLE: Final = {name for name, row in cells.DESCRIBED.items() if row["null"]}


def of_frame(frame: pd.DataFrame) -> Source:
    """Return a frame as a source."""
    try:
        table = pa.Table.from_pandas(
            frame[[name for name in INPUTS if name in frame.columns]], preserve_index=False
        )
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise BadInput(f"cannot be taken as a table: {error}", source="frame") from error

    def batches(wanted: list[str], malformed: Malformed) -> Iterator[pa.RecordBatch]:
        yield from table.select(wanted).to_batches(BATCH_ROWS)

    return Source("frame", tuple(map(str, frame.columns)), len(frame), batches)


def layout(source: Source) -> tuple[list[str], list[str]]:
    """Return the columns to read, and those that are ignored.

    Raises
    ------
    BadInput
        When a column stands there twice or is missing, naming the nearest that is there.
    """
    sources.check_header(source)
    present = source.columns
    extra = [name for name in present if name not in (*INPUTS, *UNUSED)]
    missing = [name for name in INPUTS if name not in (*present, *ABSENT)]
    if missing:
        meant = {name: nearest(name, extra) for name in missing}
        raise sources.missing_columns(source, meant, "nothing was written")
    return [name for name in INPUTS if name in present], extra


def typed(source: Source, wanted: list[str], problems: Problems) -> Iterator[pa.Table]:
    """Yield the rows in the types of the panel table, with their position as ``row``.

    A column that may be absent comes out all the same: the world as 0, the month as missing.

    Raises
    ------
    BadInput
        When a column as a whole has an unusable type or the source ends in the middle.
    """

    def malformed(row: int, found: int, expected: int) -> None:
        said = f"has {found} fields; admissible: {expected}"
        problems.note(np.array([row]), lambda _: said)

    first = 0
    try:
        for batch in source.batches(wanted, malformed):
            if len(batch):
                yield _typed(batch, first, problems)
                first += len(batch)
    except (OSError, pa.ArrowException) as error:
        raise sources.unreadable(Path(source.name), error) from error


def _typed(batch: pa.RecordBatch, first: int, problems: Problems) -> pa.Table:
    count = len(batch)
    given = {name: cells.plain(batch.column(name)) for name in batch.schema.names}
    columns = {"row": pa.array(np.arange(first, first + count))}
    bad: dict[str, Bools] = {}
    for name in INPUTS:
        if name in given:
            columns[name], bad[name] = _taken(name, given[name], problems.source)
        else:
            columns[name] = pa.array(np.full(count, ABSENT[name]), from_pandas=True)
    table = pa.table(columns)
    for name, marks in bad.items():
        _note(name, given[name], marks, table, first, problems)
    return table


def _taken(name: str, values: pa.Array, source: str) -> tuple[pa.Array, Bools]:
    """Return a column in its type, and which values cannot be used; these become null."""
    usable, bad = cells.taken(name, values, source)
    if pa.types.is_floating(usable.type):
        numbers = usable.to_numpy(zero_copy_only=False)
        bad = bad | (~np.isnan(numbers) & ~(np.abs(numbers) <= LARGEST))
        if name == "world":
            bad = bad | cells.marks(pc.fill_null(pc.less(usable, 0), False))
    elif name in cells.WORDS:
        known = pc.is_in(usable, value_set=pa.array(cells.WORDS[name]))
        bad = bad | ~cells.marks(pc.or_(known, pc.is_null(usable)))
    usable = cells.without(usable, bad)
    whole = cells.kind(name).startswith("int") and usable.null_count == 0
    return (usable.cast(pa.int64()) if whole else usable), bad


def _note(
    name: str, given: pa.Array, marks: Bools, table: pa.Table, first: int, problems: Problems
) -> None:
    """Note unusable and missing values of a column."""
    missing = np.zeros(len(given), bool)
    if name not in _NULLABLE and given.null_count:
        missing = given.is_null().to_numpy(zero_copy_only=False)
    places = np.flatnonzero(marks | missing)
    if len(places) == 0:
        return

    def words(which: int) -> str:
        place = int(places[which])
        value = given[place].as_py()
        wrong = "is missing" if value is None else f"cannot be used (got {value!r})"
        return f"{label(table, place)}{name}: {wrong}; admissible: {admissible(name, value)}"

    problems.note(first + places, words)


def label(table: pa.Table, place: int) -> str:
    """Return bond and date of a row in brackets, as far as they are known."""
    bond, date = (table[name][place].as_py() for name in ("bond_id", "date"))
    known = [str(bond)] if bond is not None else []
    known += [f"{date:%Y-%m-%d}"] if date is not None else []
    return f"({', '.join(known)}) " if known else ""
