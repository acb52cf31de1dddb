"""From a file of bonds to a file of scores, in two passes and bounded memory.

1. Read all rows, check them, note the market's medians, and lay the rows into parts by issuer.
2. Ask the models about one part at a time, then put the answers into the order of the input.

All rows of an issuer are in one part, and each part also sees the first row of every month, from
which features take the economy: so answers are the same, to the bit, however many parts there are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, evidence
from bondx_lib.errors import BadInput, nearest
from bondx_lib.intake import Source, check_suffix, open_file
from bondx_lib.intake.parts import (
    ROWS_A_PART,
    Parts,
    check_workers,
    clear_errors,
    hashes,
    in_processes,
    number_of_parts,
    part_of,
    temporary,
)
from bondx_lib.schema import KEYS
from bondx_lib.scoring import champion, intake
from bondx_lib.scoring.champion import Champion
from bondx_lib.scoring.problems import Problems, out_of_range
from bondx_lib.scoring.survey import Duplicates, Facts, Survey

PROBLEMS: Final = "problems"
ROWS_A_CHUNK: Final = 2**17

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Summary:
    """What was written.

    Attributes
    ----------
    rows, flagged
        All rows, and those with something out of range.
    models
        Which were asked, in order.
    ignored
        Columns of the input that nothing was done with.
    """

    rows: int
    flagged: int
    models: tuple[str, ...]
    ignored: tuple[str, ...]


def score(
    run: str | Path,
    source: str | Path,
    output: str | Path,
    *,
    names: Sequence[str] = (),
    duplicates: Duplicates = "refuse",
    overwrite: bool = False,
    workers: int = 1,
    rows_a_part: int = ROWS_A_PART,
    progress: Progress = lambda done, rows, word: None,
) -> Summary:
    """Ask the champions of a run about the bonds in a file.

    Parameters
    ----------
    run
        The run's folder.
    source, output
        Parquet or CSV, by suffix. The output has a row per row, in the same order: world, bond,
        date, answers, and in words what is out of range. It is written whole or not at all.
    names
        Champions to ask; all unless given.
    duplicates
        Whether rows that repeat another are refused or scored.
    overwrite
        Whether the output may be there already.
    workers
        Processes that ask the models.
    rows_a_part
        About how many rows are in memory at a time; no answer depends on it.
    progress
        Called with rows done, all rows, and what is being done.

    Raises
    ------
    BadInput
        When anything about run, input or output is wrong. Nothing has been written then.
    """
    given, target, run = Path(source), Path(output), Path(run)
    _check_target(target, given, overwrite, workers)
    if duplicates not in ("refuse", "score"):
        raise BadInput(
            "is not a way with them",
            key="duplicates",
            value=duplicates,
            admissible="refuse, score",
            nearest=nearest(duplicates, ["refuse", "score"]),
        )
    champions = champion.load_champions(run, names)
    with clear_errors(str(target)), threadpool_limits(1), temporary(target.parent) as folder:
        parts = Parts(folder)
        ignored, facts = _read(open_file(given), parts, duplicates, rows_a_part, progress)
        asked = Asked(run, tuple(one.name for one in champions), facts, parts.count)
        flagged, done = 0, 0
        for found, rows in _answered(asked, champions, parts.paths, workers):
            flagged, done = flagged + found, done + rows
            progress(done, facts.rows, "scored")
        _write(
            target,
            _merged(list(map(_answers_of, parts.paths)), facts.rows),
            _words(run, asked.names),
        )
    return Summary(facts.rows, flagged, asked.names, tuple(ignored))


@dataclass(frozen=True)
class Asked:
    """All that is needed to ask about one part, in this process or another.

    Attributes
    ----------
    run, names
        Whose champions, and which.
    facts
        Of the whole file.
    parts
        How many parts the issuers are spread over.
    """

    run: Path
    names: tuple[str, ...]
    facts: Facts
    parts: int


def _check_target(target: Path, given: Path, overwrite: bool, workers: int) -> None:
    check_suffix(target)
    if not target.parent.is_dir():
        raise BadInput("is no folder", source=str(target), value=str(target.parent))
    if target.is_dir() or (target.exists() and not overwrite):
        raise BadInput(
            "is there already", source=str(target), admissible="another name, or --force"
        )
    if target.exists() and given.exists() and target.samefile(given):
        raise BadInput("is the input", source=str(target), admissible="another name")
    check_workers(workers)


def _read(
    source: Source,
    parts: Parts,
    duplicates: Duplicates,
    rows_a_part: int,
    progress: Progress,
) -> tuple[list[str], Facts]:
    """Read and check all rows, and lay them into parts."""
    wanted, ignored = intake.layout(source)
    problems = Problems(source.name)
    survey = Survey(problems, duplicates)
    parts.count = number_of_parts(source.rows, rows_a_part)
    done = 0
    with contextlib.closing(parts):
        for table in intake.typed(source, wanted, problems):
            survey.add(table)
            if problems.count == 0:
                parts.add(table, _part(table["issuer_id"].to_pandas(), parts.count))
            done += len(table)
            progress(done, max(source.rows, done), "read")
    return ignored, survey.finish()


def _part(issuers: pd.Series, parts: int) -> np.ndarray:
    """Return the part of each issuer."""
    return part_of(hashes(issuers), parts)


def _answered(
    asked: Asked, champions: list[Champion], paths: list[Path], workers: int
) -> Iterator[tuple[int, int]]:
    """Write the answers to each part; yield how many of its rows are flagged, and all of them."""
    if workers == 1 or len(paths) == 1:
        for path in paths:
            yield _ask(asked, champions, path)
        return
    yield from in_processes(_load_and_ask, [(asked, path) for path in paths], workers)


def _load_and_ask(asked: Asked, path: Path) -> tuple[int, int]:
    with threadpool_limits(1):
        return _ask(asked, champion.load_champions(asked.run, asked.names), path)


def _ask(asked: Asked, champions: list[Champion], path: Path) -> tuple[int, int]:
    """Ask the models about a part, and write the answers beside it."""
    rows = _rows_of(path)
    extra = _others(asked, rows)
    count, places = len(rows), rows.pop("row")
    panel = asked.facts.panel(pd.concat([rows, extra], ignore_index=True))
    answers = [one.answer(panel).iloc[:count] for one in champions]
    said = out_of_range(rows)
    keys = rows[list(KEYS)].astype({"world": np.int32})
    words = pd.DataFrame({PROBLEMS: pd.Series(said, dtype="str")})
    found = pd.concat([places, keys, *answers, words], axis=1)
    twice = sorted(found.columns[found.columns.duplicated()])
    if twice:
        raise BadInput("is the name of two columns of the output", key=str(twice[0]))
    table = pa.Table.from_pandas(found, preserve_index=False).replace_schema_metadata(None)
    with pa.ipc.new_file(str(_answers_of(path)), table.schema) as writer:
        writer.write_table(table.combine_chunks())
    path.unlink()
    return int((said != "").sum()), count


def _answers_of(path: Path) -> Path:
    return path.with_suffix(".answers")


def _rows_of(path: Path) -> pd.DataFrame:
    with pa.ipc.open_file(str(path)) as reader:
        rows: pd.DataFrame = reader.read_all().to_pandas()
    return rows


def _others(asked: Asked, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the first rows of the months as far as they belong to issuers of other parts."""
    firsts = asked.facts.firsts
    own = _part(rows["issuer_id"].iloc[:1], asked.parts)[0]
    which = _part(firsts["issuer_id"], asked.parts) != own
    which &= firsts["world"].isin(rows["world"].unique()).to_numpy()
    found: pd.DataFrame = firsts.loc[which, list(rows.columns[1:])]
    return found


def _merged(paths: list[Path], rows: int) -> Iterator[pa.Table]:
    """Yield the answers in the order of the input, some rows at a time."""
    with contextlib.ExitStack() as stack:
        parts = [
            pa.ipc.open_file(stack.enter_context(pa.memory_map(str(path)))).read_all()
            for path in paths
        ]
        places = [part["row"].to_numpy() for part in parts]
        for first in range(0, rows, ROWS_A_CHUNK):
            ends = [np.searchsorted(place, (first, first + ROWS_A_CHUNK)) for place in places]
            pieces = [part.slice(a, b - a) for part, (a, b) in zip(parts, ends, strict=True)]
            chunk = pa.concat_tables(pieces)
            yield chunk.take(np.argsort(chunk["row"].to_numpy())).drop_columns("row")


def _words(run: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Return what the file's metadata say of its origin."""
    pack = evidence.pack_id(run)
    return {
        "run": run.resolve().name, "models": ", ".join(names),
        **({} if pack is None else {"pack_id": pack}),
    }  # fmt: skip


def _write(target: Path, chunks: Iterator[pa.Table], words: dict[str, str]) -> None:
    with artefacts.whole(target) as partial:
        if target.suffix.lower() == ".csv":
            _write_csv(partial, chunks)
        else:
            _write_parquet(partial, chunks, words)


def _write_parquet(path: Path, chunks: Iterator[pa.Table], words: dict[str, str]) -> None:
    first = next(chunks)
    schema = first.schema.with_metadata(words)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        writer.write_table(first.cast(schema))
        for chunk in chunks:
            writer.write_table(chunk.cast(schema))


def _write_csv(path: Path, chunks: Iterator[pa.Table]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for place, chunk in enumerate(chunks):
            chunk.to_pandas().to_csv(
                file, index=False, header=place == 0, lineterminator="\n", date_format="%Y-%m-%d"
            )
