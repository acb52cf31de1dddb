"""The rows of a file in the types of the panel table, with what identifies them.

Beside the columns of the panel come a few of our own: which cells could not be read, and hashes of
bond and issuer, by which rows are kept together whatever the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bondx_lib.errors import BadInput
from bondx_lib.gates.intake import BETWEEN, UNREADABLE
from bondx_lib.gates.part import ORDER, Part
from bondx_lib.intake import Source, cells, sources
from bondx_lib.intake.cells import Bools
from bondx_lib.intake.parts import Hashes, hashes
from bondx_lib.validation.column_map import ColumnMap
from bondx_lib.validation.layout import Layout

BOND, ISSUER = "_bond", "_issuer"
"""Hashes of the bond in its world, and of the issuer that a row is counted with; 0 for none."""
LONGEST_SHOWN: Final = 40
MOST_LINES: Final = 10
MIX: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and far from any pattern: 2⁶⁴ over the golden ratio."""


class Malformed:
    """Lines of a CSV file with another number of fields: the first of them, and how many."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0
        self._first: list[str] = []

    def __call__(self, row: int, found: int, expected: int) -> None:
        """Note a line; the header is line 1."""
        self._count += 1
        if len(self._first) < MOST_LINES:
            self._first.append(f"  line {row + 2} has {found} fields; admissible: {expected}")

    def refuse(self) -> None:
        """Raise if there is any.

        Raises
        ------
        BadInput
            With the number of lines so far and the first ten.
        """
        if self._count:
            said = "1 line has" if self._count == 1 else f"{self._count:,} lines have"
            text = (
                f"{said} another number of fields than the header, as far as was read; nothing was "
                "checked"
            )
            raise BadInput("\n".join([text, *self._first]), source=self._source)


def typed(source: Source, layout: Layout, names: ColumnMap) -> Iterator[pa.Table]:
    """Yield the rows, some at a time.

    Raises
    ------
    BadInput
        When a line has another number of fields, a column as a whole has an unusable type, or the
        source ends in the middle.
    """
    malformed = Malformed(source.name)
    wanted = list(dict.fromkeys(layout.read.values()))
    try:
        for batch in source.batches(wanted, malformed):
            malformed.refuse()
            if len(batch):
                yield _typed(batch, layout, names, source.name)
        malformed.refuse()
    except (OSError, pa.ArrowException) as error:
        raise sources.unreadable(Path(source.name), error) from error


def _typed(batch: pa.RecordBatch, layout: Layout, names: ColumnMap, source: str) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    bad: dict[str, tuple[Bools, pa.Array]] = {}
    for ours, theirs in layout.read.items():
        given = _translated(cells.plain(batch.column(theirs)), ours, names)
        usable, marks = cells.taken(ours, given, source)
        if ours in names.scale:
            usable = pc.multiply(usable, names.scale[ours])
        columns[ours] = usable
        if marks.any():
            bad[ours] = marks, given
    if "world" not in columns:
        columns["world"] = pa.array(np.zeros(len(batch)))
    columns[UNREADABLE] = _noted(bad, len(batch))
    columns[BOND], columns[ISSUER] = _identified(columns)
    return pa.table(columns)


def _translated(values: pa.Array, ours: str, names: ColumnMap) -> pa.Array:
    """Return cells without what stands for a missing value, and with their words turned to ours."""
    words = names.values.get(ours)
    if words is not None and not pa.types.is_string(values.type):
        values = values.cast(pa.string())
    if not pa.types.is_string(values.type):
        return values
    if names.missing:
        gone = pc.is_in(values, value_set=pa.array(names.missing, pa.string()))
        values = cells.without(values, cells.marks(gone))
    if words is None:
        return values
    places = pc.index_in(values, value_set=pa.array(list(words), pa.string()))
    return pc.coalesce(pa.array(list(words.values()), pa.string()).take(places), values)


def _noted(bad: dict[str, tuple[Bools, pa.Array]], count: int) -> pa.Array:
    """Return for each row which of its cells could not be read, as the gate on them wants it."""
    if not bad:
        return pa.nulls(count, pa.string())
    some = np.logical_or.reduce([marks for marks, _ in bad.values()])
    rows = pa.array(np.flatnonzero(some))
    texts = []
    for name, (marks, given) in bad.items():
        shown = given.take(rows).cast(pa.string())
        shown = pc.utf8_slice_codeunits(pc.replace_substring(shown, BETWEEN, " "), 0, LONGEST_SHOWN)
        noted = pc.binary_join_element_wise(f"{name} ", shown, "")
        texts.append(cells.without(noted, ~marks[some]))
    joined = pc.binary_join_element_wise(*texts, BETWEEN, null_handling="skip")
    places = np.full(count, -1)
    places[some] = np.arange(len(rows))
    return joined.take(pa.array(places, mask=places < 0))


def _identified(columns: dict[str, pa.Array]) -> tuple[Hashes, Hashes]:
    """Return hashes of the bond in its world and of the issuer; 0 where none is named."""
    world = pd.util.hash_array(columns["world"].to_numpy(zero_copy_only=False).astype(float))
    bond = _hashed(columns["bond_id"])
    bond = np.where(bond > 0, bond ^ (world * MIX), bond)
    issuer = _hashed(columns["issuer_id"]) if "issuer_id" in columns else np.zeros_like(bond)
    return bond, issuer


def _hashed(names: pa.Array) -> Hashes:
    series = names.to_pandas()
    return np.where(series.isna(), np.uint64(0), hashes(series))


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return rows as a frame; flags are numbers, whether any is missing or not."""
    flags = [
        name for name in table.column_names if pa.types.is_boolean(table.schema.field(name).type)
    ]
    numbers = {name: table[name].cast(pa.int8()).cast(pa.float64()) for name in flags}
    for name, values in numbers.items():
        table = table.set_column(table.column_names.index(name), name, values)
    rows: pd.DataFrame = table.to_pandas()
    return rows


def part_of_rows(table: pa.Table, layout: Layout) -> Part:
    """Return rows as gates want them: columns derived, in an order that the file's does not change.

    Rows of one bond and date are ordered by what they hold. Each row is numbered by a hash of bond
    and date, and where that is not enough to tell it from others, of all it holds.
    """
    rows = frame_of(table)
    bond, issuer = (rows.pop(name).to_numpy(np.uint64) for name in (BOND, ISSUER))
    keys = [name for name in ORDER if name in rows.columns]
    alike = rows.duplicated(keys, keep=False).to_numpy() | (bond == 0)
    content = np.zeros(len(rows), np.uint64)
    if alike.any():
        content[alike] = pd.util.hash_pandas_object(rows[alike], index=False).to_numpy()
    date = rows["date"].to_numpy("datetime64[s]").astype(np.int64).astype(np.uint64)
    number = ((bond ^ (date * MIX)) * MIX ^ content) >> np.uint64(1)
    issuer = np.where(issuer > 0, issuer, np.where(bond > 0, bond, content))
    order = np.argsort(content, kind="stable")
    return Part(
        layout.with_derived(rows.iloc[order].reset_index(drop=True)),
        number[order].astype(np.int64), issuer[order],
    )  # fmt: skip


def counted_with(table: pa.Table) -> Hashes:
    """Return for each row the hash by which it is laid into parts."""
    bond, issuer = (table[name].to_numpy() for name in (BOND, ISSUER))
    found: Hashes = np.where(issuer > 0, issuer, bond)
    nameless = found == 0
    if nameless.any():
        rows = frame_of(table.filter(pa.array(nameless)))
        found[nameless] = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    return found
