"""Parquet and CSV files as batches of rows, and what is wrong with files that are neither."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from bondx_lib.errors import BadInput, nearest

SUFFIXES: Final = (".parquet", ".csv")
BATCH_ROWS: Final = 2**16
CSV_BLOCK_BYTES: Final = 2**25
CSV_BYTES_A_ROW: Final = 500
"""About so many; only the number of parts depends on it."""
CSV_MISSING: Final = ("", "NA", "NaN", "nan", "null", "NULL", "None")
HEAD_BYTES: Final = 4096
OTHER_ENCODINGS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
OTHER_SEPARATORS: Final = (";", "\t", "|")

Malformed = Callable[[int, int, int], None]
"""Told of a line with another number of fields: its row from 0, fields found, fields expected."""


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
        From the wanted columns to batches of rows; malformed lines are told of and left out.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    batches: Callable[[list[str], Malformed], Iterator[pa.RecordBatch]]


def open_file(path: Path, missing: tuple[str, ...] = CSV_MISSING) -> Source:
    """Return a Parquet or CSV file as a source, by its suffix.

    Parameters
    ----------
    path
        The file.
    missing
        What stands in a CSV file where a value is missing.

    Raises
    ------
    BadInput
        When it is missing, unreadable, or of another kind.
    """
    if path.is_dir():
        raise BadInput("is a folder", source=str(path), admissible="one file, .parquet or .csv")
    check_suffix(path)
    if not path.is_file():
        raise BadInput("is no file", source=str(path))
    try:
        return _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path, missing)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


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


def check_header(source: Source) -> None:
    """Check that each name stands in the header once.

    Raises
    ------
    BadInput
        When one stands there twice.
    """
    present = source.columns
    twice = sorted({name for name in present if present.count(name) > 1})
    if twice:
        raise BadInput("stands twice in the header", source=source.name, key=twice[0])


def missing_columns(source: Source, missing: Mapping[str, str | None], ending: str) -> BadInput:
    """Return the error that columns are missing, each with what may be meant.

    Parameters
    ----------
    source
        The file.
    missing
        Name to the nearest that is there and not otherwise used, if any.
    ending
        What follows from it: "nothing was written".
    """
    lines = [
        f"  {name}" + ("" if near is None else f"; is {near!r} meant to be it?")
        for name, near in missing.items()
    ]
    found = [
        one for one in OTHER_SEPARATORS if len(source.columns) == 1 and one in source.columns[0]
    ]
    lines += [f"  the fields are separated by {one!r}; admissible: ','" for one in found]
    said = "1 column is" if len(missing) == 1 else f"{len(missing)} columns are"
    return BadInput("\n".join([f"{said} missing; {ending}", *lines]), source=source.name)


def unreadable(path: Path, error: Exception) -> BadInput:
    """Return the error that a file cannot be read, naming the line where its encoding ends."""
    if path.suffix.lower() == ".parquet":
        return BadInput(f"cannot be read as Parquet: {error}", source=str(path))
    if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
        line, byte = _first_not_utf8(path)
        return BadInput(
            "is not in UTF-8", source=str(path), key=None if line is None else f"line {line}",
            value=byte, admissible="a CSV file in UTF-8",
        )  # fmt: skip
    return BadInput(f"cannot be read as CSV: {error}", source=str(path))


def _first_not_utf8(path: Path) -> tuple[int | None, str | None]:
    """Return the first line that is not in UTF-8, and the bytes where that shows."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return number, line[max(error.start - 10, 0) : error.start + 1].decode("latin-1")
    return None, None


def _parquet(path: Path) -> Source:
    with pq.ParquetFile(path) as file:
        names, rows = tuple(file.schema_arrow.names), file.metadata.num_rows

    def batches(wanted: list[str], malformed: Malformed) -> Iterator[pa.RecordBatch]:
        # Buffers read ahead are kept until the end: the whole file, in the end.
        with pq.ParquetFile(path, pre_buffer=False) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False)

    return Source(str(path), names, rows, batches)


def _csv(path: Path, missing: tuple[str, ...]) -> Source:
    _check_text(path)
    with _csv_reader(path, [], missing, None) as reader:
        names = tuple(reader.schema.names)

    def batches(wanted: list[str], malformed: Malformed) -> Iterator[pa.RecordBatch]:
        with _csv_reader(path, wanted, missing, malformed) as reader:
            while (batch := _next_batch(reader)) is not None:
                yield batch

    return Source(str(path), names, path.stat().st_size // CSV_BYTES_A_ROW, batches)


@contextlib.contextmanager
def _undecodable_lines_quiet() -> Iterator[None]:
    """Let a line with too many fields that is no UTF-8 be refused without a word to the terminal.

    pyarrow decodes such a line for whoever handles it, outside of anybody's reach; what it cannot
    decode ends the reading, which is all that has to be known.
    """
    before = sys.unraisablehook

    def ignore(found: sys.UnraisableHookArgs) -> None:
        if not isinstance(found.exc_value, UnicodeDecodeError):
            before(found)

    sys.unraisablehook = ignore
    try:
        yield
    finally:
        sys.unraisablehook = before


def _check_text(path: Path) -> None:
    """Check that a file begins like text in UTF-8."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.strip():
        raise BadInput("is empty", source=str(path))
    encoding = OTHER_ENCODINGS.get(head[:2])
    if encoding is not None or b"\0" in head:
        wrong = "is no text" if encoding is None else f"is in {encoding}"
        raise BadInput(wrong, source=str(path), admissible="a CSV file in UTF-8")


@_undecodable_lines_quiet()
def _next_batch(reader: Any) -> pa.RecordBatch | None:
    return next(reader, None)


@_undecodable_lines_quiet()
def _csv_reader(
    path: Path, wanted: list[str], missing: tuple[str, ...], malformed: Malformed | None
) -> Any:
    """Open a CSV file with every field as a string, so that each bad one can be shown."""

    def skip(line: Any) -> str:
        if malformed is not None:
            # Lines are numbered from the header on.
            malformed((line.number or 2) - 2, line.actual_columns, line.expected_columns)
        return "skip"

    csv = pyarrow.csv
    return csv.open_csv(
        path,
        csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
        csv.ParseOptions(invalid_row_handler=skip),
        csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted,
            null_values=list(missing), strings_can_be_null=True,
        ),
    )  # fmt: skip
