"""Reading tables from outside: known cells, then files that are none, then parts on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bondx_lib.errors import BadInput
from bondx_lib.intake import cells, open_file, parts, sources


def none_malformed(row: int, found: int, expected: int) -> None:
    """Fail, because no line should be malformed."""
    raise AssertionError(row, found, expected)


def taken(name: str, values: list[Any]) -> tuple[list[Any], list[bool]]:
    """Return what a column is taken as, and which cells cannot be."""
    usable, bad = cells.taken(name, cells.plain(pa.array(values)), "file")
    return usable.to_pylist(), bad.tolist()


@pytest.mark.parametrize(
    ("name", "values", "expected", "bad"),
    [
        ("spread_bps", ["1.5", " 2 ", "n/a", "", None], [1.5, 2.0, None, None, None], [2]),
        ("spread_bps", ["1,200", "1e3", "inf"], [None, 1e3, np.inf], [0]),
        ("spread_bps", [1.0, float("nan")], [1.0, None], []),
        ("rating_number", ["7", "7.5", "1e12"], [7.0, None, None], [1, 2]),
        ("callable", ["true", "0", "perhaps", " True"], [True, False, None, True], [2]),
        ("callable", [0, 1, None], [False, True, None], []),
        ("rating", ["BBB", "Baa2", ""], ["BBB", "Baa2", None], []),
        ("bond_id", [17, 18], ["17", "18"], []),
    ],
)  # fmt: skip
def test_cells_are_taken_in_their_type(
    name: str, values: list[Any], expected: list[Any], bad: list[int]
) -> None:
    """What cannot be taken is null and marked; blanks around a number do not matter."""
    found, marks = taken(name, values)
    assert found == expected
    assert np.flatnonzero(marks).tolist() == bad


def test_dates_are_days_of_this_age() -> None:
    """Times of day go, and so do the year 9999 and what is no day at all."""
    given = ["2024-02-29", "2024-02-30", "31/12/2030", "9999-12-31", "2024-01-31T12:00:00", None]
    found, bad = taken("date", given)
    assert [None if one is None else f"{one:%Y-%m-%d %H}" for one in found] == [
        "2024-02-29 00", None, None, None, "2024-01-31 00", None,
    ]  # fmt: skip
    assert bad == [False, True, True, True, False, False]


@pytest.mark.parametrize(
    ("name", "values"),
    [("leverage", [True]), ("date", [1.5]), ("sector", [True]), ("callable", [2]),
     ("leverage", [[1.0]])],
)  # fmt: skip
def test_a_column_of_another_kind_is_refused(name: str, values: list[Any]) -> None:
    """As a whole, naming the column and what it takes."""
    with pytest.raises(BadInput, match=f"file: {name}: is of type"):
        taken(name, values)


def test_nearest_words_forgive_case_and_blanks() -> None:
    """What an error proposes is an admissible word."""
    assert "did you mean 'senior_secured'?" in cells.admissible("seniority", "Senior Secured")
    assert cells.nearest_word("zzz", ("AAA",)) is None


NOT_A_TABLE: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b" \n\n", "is empty"),
    "utf16.csv": ("bond_id,date\nX,2020-01-31\n".encode("utf-16"), "is in UTF-16"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is no text"),
    "header.csv": ("bond_id,émetteur\n".encode("latin-1"), "line 1: is not in UTF-8"),
    "picture.parquet": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "cannot be read as Parquet"),
    "cut.parquet": (b"PAR1\x00\x00PAR1", "cannot be read as Parquet"),
}


@pytest.mark.parametrize("name", NOT_A_TABLE)
def test_what_is_no_table_says_why(tmp_path: Path, name: str) -> None:
    """One sentence with the file's name."""
    content, words = NOT_A_TABLE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as error:
        open_file(tmp_path / name)
    assert name in str(error.value)
    assert words in str(error.value)


def test_the_line_of_another_encoding_is_named(tmp_path: Path) -> None:
    """However far down it is, with what stands there."""
    path = tmp_path / "latin.csv"
    path.write_bytes(b"bond_id,sector\n" + b"X,Finance\n" * 5 + "X,Énergie\n".encode("latin-1"))
    source = open_file(path)
    with pytest.raises(pa.ArrowInvalid) as error:
        list(source.batches(["sector"], none_malformed))
    said = str(sources.unreadable(path, error.value))
    assert "line 7: is not in UTF-8" in said
    assert "'X,É'" in said


def test_lines_with_another_number_of_fields_are_told_of(tmp_path: Path) -> None:
    """By their row and both numbers; the others are read."""
    path = tmp_path / "ragged.csv"
    path.write_text("bond_id,date\nA,1\nB\nC,3,4\nD,5\n")
    told: list[tuple[int, int, int]] = []
    batches = list(open_file(path).batches(["bond_id"], lambda *line: told.append(line)))
    assert [one.column("bond_id").to_pylist() for one in batches] == [["A", "D"]]
    assert told == [(1, 1, 2), (2, 3, 2)]


def test_what_has_been_read_is_let_go(tmp_path: Path) -> None:
    """A Parquet file of many row groups takes no more memory at its end than at its beginning."""
    path = tmp_path / "long.parquet"
    values = pa.table({"x": np.random.default_rng(0).random(40 * 2**16)})
    pq.write_table(values, path, row_group_size=2**16)
    size = path.stat().st_size
    del values
    before, held = pa.total_allocated_bytes(), []
    for batch in open_file(path).batches(["x"], none_malformed):
        held.append(pa.total_allocated_bytes() - before)
        del batch
    assert len(held) == 40
    assert max(held) < size / 4


def test_hashes_of_names_do_not_depend_on_company() -> None:
    """Alone or among others, a name has one hash, and so has none."""
    names = pd.Series(["A", None, "B", "A"])
    found = parts.hashes(names)
    assert found[0] == found[3] == parts.hashes(pd.Series(["A"]))[0]
    assert found[1] == parts.hashes(pd.Series([None, "Z"]))[0]
    assert len(set(found.tolist())) == 3


def test_parts_hold_what_was_laid_into_them(tmp_path: Path) -> None:
    """In the order it came, over several rounds; parts without rows have no file."""
    kept = parts.Parts(tmp_path, 4)
    for first in (0, 10):
        table = pa.table({"row": np.arange(first, first + 10)})
        kept.add(table, np.arange(10) % 2 * 3)
    kept.close()
    assert [path.name for path in kept.paths] == ["0.rows", "3.rows"]
    with pa.ipc.open_file(str(kept.path(3))) as reader:
        assert reader.read_all()["row"].to_pylist() == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]


def test_numbers_of_parts_are_bounded() -> None:
    """At least one, at most as many files as may be open."""
    assert [parts.number_of_parts(rows, 100) for rows in (0, 100, 101, 10**9)] == [
        1, 1, 2, parts.MOST_PARTS,
    ]  # fmt: skip


def test_a_full_disk_is_bad_input_that_names_the_place() -> None:
    """Other refusals say what the system says."""
    with pytest.raises(BadInput, match="here: has no space left"), parts.clear_errors("here"):
        raise OSError(28, "No space left on device")
    with (
        pytest.raises(BadInput, match="here: cannot be written: Permission"),
        parts.clear_errors("here"),
    ):
        raise OSError(13, "Permission denied")


def test_processes_answer_in_order() -> None:
    """However long each of them takes."""
    assert list(parts.in_processes(divmod, [(7, 2), (9, 3)], 2)) == [(3, 1), (3, 0)]
    with pytest.raises(ZeroDivisionError):
        list(parts.in_processes(divmod, [(1, 0), (1, 1)], 2))
