"""Read a stranger's rows batch by batch: find the columns, take their types, note what is wrong.

Parquet, CSV and frames come out alike: Arrow tables of the columns that features need, numbers as
floats, dates as nanoseconds, words as strings. A value that cannot take its type becomes null and a
problem with its row, column and value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bondx_lib import schema
from bondx_lib.errors import BadInput, nearest
from bondx_lib.features import INPUTS
from bondx_lib.scoring.problems import Problems

Bools = NDArray[np.bool_]

SUFFIXES: Final = (".parquet", ".csv")
ABSENT: Final = {"world": 0, "month": np.nan}
"""May be absent: all is one world, and months are counted from the dates."""
UNUSED: Final = (*schema.LABELS, "synthetic", "issuer_name")
"""Columns of the panel that no feature needs: neither asked for nor remarked upon."""
BATCH_ROWS: Final = 2**16
CSV_BLOCK_BYTES: Final = 2**25
CSV_BYTES_A_ROW: Final = 500
"""About so many; only the number of parts depends on it."""
CSV_MISSING: Final = ["", "NA", "NaN", "nan", "null", "NULL", "None"]
LARGEST, LARGEST_WHOLE = 1e18, 1e9
"""Beyond them a number is no quantity of this table, and narrow types come to their end."""
FIRST_YEAR, LAST_YEAR = 1900, 2199
TIME: Final = pa.timestamp("ns")

_DESCRIBED: Final = {row["name"]: row for row in schema.describe("panel")}
_NULLABLE: Final = {name for name, row in _DESCRIBED.items() if row["null"]}
_WORDS: Final = {
    "sector": schema.SECTORS, "rating": schema.RATINGS, "seniority": schema.SENIORITIES,
    "regime_observed": schema.REGIMES,
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Where rows come from.

    Attributes
    ----------
    name
        For errors: the file.
    columns
        The names in its header.
    rows
        How many there are, about.
    batches
        From the wanted columns to batches of rows; malformed lines become problems.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    batches: Callable[[list[str], Problems], Iterator[pa.RecordBatch]]


def open_file(path: Path) -> Source:
    """Return a Parquet or CSV file as a source, by its suffix.

    Raises
    ------
    BadInput
        When it is missing, unreadable, or of another kind.
    """
    check_suffix(path)
    if not path.is_file():
        raise BadInput("is no file", source=str(path))
    try:
        return _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def check_suffix(path: Path) -> None:
    """Check that a file's name says a format that is known here.

    Raises
    ------
    BadInput
        When it does not.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(
            "has no suffix that names a format", source=str(path), value=path.suffix,
            admissible=", ".join(SUFFIXES), nearest=nearest(path.suffix.lower(), SUFFIXES),
        )  # fmt: skip


def of_frame(frame: pd.DataFrame) -> Source:
    """Return a frame as a source."""
    try:
        table = pa.Table.from_pandas(
            frame[[name for name in INPUTS if name in frame.columns]], preserve_index=False
        )
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise BadInput(f"cannot be taken as a table: {error}", source="frame") from error

    def batches(wanted: list[str], problems: Problems) -> Iterator[pa.RecordBatch]:
        yield from table.select(wanted).to_batches(BATCH_ROWS)

    return Source("frame", tuple(map(str, frame.columns)), len(frame), batches)


def layout(source: Source) -> tuple[list[str], list[str]]:
    """Return the columns to read, and those that are ignored.

    Raises
    ------
    BadInput
        When a column stands there twice or is missing, naming the nearest that is there.
    """
    present = source.columns
    twice = sorted({name for name in present if present.count(name) > 1})
    if twice:
        raise BadInput("stands twice in the header", source=source.name, key=twice[0])
    extra = [name for name in present if name not in (*INPUTS, *UNUSED)]
    missing = [name for name in INPUTS if name not in (*present, *ABSENT)]
    if missing:
        lines = [f"  {name}{_guess(name, extra)}" for name in missing]
        if len(present) == 1 and ";" in present[0]:
            lines.append("  the fields are separated by ';'; admissible: ','")
        said = "1 column is" if len(missing) == 1 else f"{len(missing)} columns are"
        raise BadInput(
            "\n".join([f"{said} missing; nothing was written", *lines]), source=source.name
        )
    return [name for name in INPUTS if name in present], extra


def _guess(name: str, extra: list[str]) -> str:
    found = nearest(name, extra)
    return "" if found is None else f"; is {found!r} meant to be it?"


def typed(source: Source, wanted: list[str], problems: Problems) -> Iterator[pa.Table]:
    """Yield the rows in the types of the panel table, with their position as ``row``.

    A column that may be absent comes out all the same: the world as 0, the month as missing.

    Raises
    ------
    BadInput
        When a column as a whole has an unusable type or the source ends in the middle.
    """
    first = 0
    try:
        for batch in source.batches(wanted, problems):
            if len(batch):
                yield _typed(batch, first, problems)
                first += len(batch)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(Path(source.name), error) from error


def _typed(batch: pa.RecordBatch, first: int, problems: Problems) -> pa.Table:
    count = len(batch)
    given = {name: _plain(batch.column(name)) for name in batch.schema.names}
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
        return f"{label(table, place)}{name}: {wrong}; admissible: {_admissible(name, value)}"

    problems.note(first + places, words)


def label(table: pa.Table, place: int) -> str:
    """Return bond and date of a row in brackets, as far as they are known."""
    bond, date = (table[name][place].as_py() for name in ("bond_id", "date"))
    known = [str(bond)] if bond is not None else []
    known += [f"{date:%Y-%m-%d}"] if date is not None else []
    return f"({', '.join(known)}) " if known else ""


def _admissible(name: str, value: Any) -> str:
    """Say what a column takes, and which known word is nearest to the one given."""
    kind, allowed = _DESCRIBED[name]["type"], _WORDS.get(name)
    if allowed is not None:
        found = None if value is None else _nearest_word(str(value), allowed)
        words = ", ".join(allowed)
        return words if found is None else f"{words}; did you mean {found!r}?"
    if kind == "date":
        return f"YYYY-MM-DD, years {FIRST_YEAR} to {LAST_YEAR}"
    if kind == "bool":
        return "true, false, 1, 0"
    if kind == "string":
        return "a name"
    return (
        "a whole number"
        if kind.startswith("int")
        else f"a finite number, {_unit(name)}".rstrip(", ")
    )


def _unit(name: str) -> str:
    return _DESCRIBED[name]["unit"]


def _nearest_word(value: str, allowed: tuple[str, ...]) -> str | None:
    plain = {word.casefold().replace("_", " "): word for word in allowed}
    asked = value.strip().casefold().replace("_", " ")
    found = nearest(asked, plain)
    return None if found is None else plain[found]


def _plain(values: pa.Array) -> pa.Array:
    """Return values without dictionaries, words as strings, empty words and NaN as null."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    if pa.types.is_string(values.type):
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _taken(name: str, values: pa.Array, source: str) -> tuple[pa.Array, Bools]:
    """Return a column in its type, and which values cannot take it; these become null."""
    kind = _DESCRIBED[name]["type"]
    take = {"date": _dates, "bool": _bools, "string": _strings}.get(kind, _numbers)
    try:
        usable, bad = _castable(values, take)
    except (pa.ArrowException, TypeError) as error:
        raise BadInput(
            f"is of type {values.type}", source=source, key=name, admissible=_admissible(name, None)
        ) from error
    if take is _numbers:
        bad |= _odd(usable, whole=kind.startswith("int"))
        if name == "world":
            bad |= _marks(pc.fill_null(pc.less(usable, 0), False))
    elif take is _dates:
        bad |= _implausible(usable)
    elif name in _WORDS:
        known = pc.is_in(usable, value_set=pa.array(_WORDS[name]))
        bad |= ~_marks(pc.or_(known, pc.is_null(usable)))
    if bad.any():
        usable = pc.if_else(pa.array(bad), pa.scalar(None, usable.type), usable)
    elif kind.startswith("int") and usable.null_count == 0:
        usable = usable.cast(pa.int64())
    return usable, bad


def _castable(values: pa.Array, take: Callable[[pa.Array], pa.Array]) -> tuple[pa.Array, Bools]:
    """Return the values in another type, and which cannot take it."""
    try:
        return take(values), np.zeros(len(values), bool)
    except pa.ArrowInvalid:
        if not pa.types.is_string(values.type):
            raise
    encoded = values.dictionary_encode()
    distinct = encoded.dictionary
    fails = np.array([_fails(distinct.slice(place, 1), take) for place in range(len(distinct))])
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    bad = np.append(fails, False)[codes]
    return take(pc.if_else(pa.array(bad), pa.scalar(None, values.type), values)), bad


def _fails(value: pa.Array, take: Callable[[pa.Array], pa.Array]) -> bool:
    try:
        take(value)
    except pa.ArrowInvalid:
        return True
    return False


def _numbers(values: pa.Array) -> pa.Array:
    if pa.types.is_boolean(values.type) or pa.types.is_temporal(values.type):
        raise TypeError("is no number")
    return values.cast(pa.float64(), safe=False)


def _bools(values: pa.Array) -> pa.Array:
    if pa.types.is_boolean(values.type):
        return values
    if pa.types.is_string(values.type):
        return values.cast(pa.bool_())
    numbers = _numbers(values)
    known = pc.is_in(numbers, value_set=pa.array([0.0, 1.0]))
    if not pc.all(pc.or_(known, pc.is_null(numbers))).as_py():
        raise TypeError("is neither true nor false")
    return numbers.cast(pa.bool_())


def _strings(values: pa.Array) -> pa.Array:
    if pa.types.is_string(values.type) or pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.string())
    raise TypeError("is no word")


def _dates(values: pa.Array) -> pa.Array:
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        raise TypeError("is no date")
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = pc.local_timestamp(values)
    seconds = values.cast(pa.timestamp("s"), safe=False)
    within = pc.and_(
        pc.greater_equal(pc.year(seconds), FIRST_YEAR), pc.less_equal(pc.year(seconds), LAST_YEAR)
    )
    # Nanoseconds overflow beyond the year 2262, so what is out of bounds is marked by another year.
    kept = pc.if_else(within, seconds, _NO_DATE)
    return pc.floor_temporal(kept, unit="day").cast(TIME)


_NO_DATE: Final = pa.scalar(pd.Timestamp(FIRST_YEAR - 1, 1, 1), pa.timestamp("s"))


def _implausible(dates: pa.Array) -> Bools:
    return _marks(pc.fill_null(pc.less(pc.year(dates), FIRST_YEAR), False))


def _odd(numbers: pa.Array, *, whole: bool) -> Bools:
    """Say which numbers are infinite, beyond all measure, or no whole number where one is due."""
    values = numbers.to_numpy(zero_copy_only=False)
    known = ~np.isnan(values)
    odd = known & ~(np.abs(values) <= (LARGEST_WHOLE if whole else LARGEST))
    if whole:
        odd |= known & (values != np.floor(values))
    return np.asarray(odd)


def _marks(values: pa.Array) -> Bools:
    return np.asarray(values.to_numpy(zero_copy_only=False), bool)


def _parquet(path: Path) -> Source:
    with pq.ParquetFile(path) as file:
        names, rows = tuple(file.schema_arrow.names), file.metadata.num_rows

    def batches(wanted: list[str], problems: Problems) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False)

    return Source(str(path), names, rows, batches)


def _csv(path: Path) -> Source:
    if path.stat().st_size == 0:
        raise BadInput("is empty", source=str(path))
    with _csv_reader(path, [], None) as reader:
        names = tuple(reader.schema.names)

    def batches(wanted: list[str], problems: Problems) -> Iterator[pa.RecordBatch]:
        with _csv_reader(path, wanted, problems) as reader:
            yield from reader

    return Source(str(path), names, path.stat().st_size // CSV_BYTES_A_ROW, batches)


def _csv_reader(path: Path, wanted: list[str], problems: Problems | None) -> Any:
    """Open a CSV file with every field as a string, so that each bad one can be shown."""

    def malformed(line: Any) -> str:
        if problems is not None:
            # Lines are numbered from the header on.
            said = f"has {line.actual_columns} fields; admissible: {line.expected_columns}"
            problems.note(np.array([(line.number or 2) - 2]), lambda _: said)
        return "skip"

    csv = pyarrow.csv
    return csv.open_csv(
        path,
        csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
        csv.ParseOptions(invalid_row_handler=malformed),
        csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted,
            null_values=CSV_MISSING, strings_can_be_null=True,
        ),
    )  # fmt: skip


def _unreadable(path: Path, error: Exception) -> BadInput:
    kind = "Parquet" if path.suffix.lower() == ".parquet" else "CSV"
    return BadInput(f"cannot be read as {kind}: {error}", source=str(path))
