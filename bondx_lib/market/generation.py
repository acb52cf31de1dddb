"""Markets of any size: written in parts, by any number of workers, always the same rows.

A part holds whole issuers. What an issuer's rows are depends on (seed, stream, its seat) alone, so
the union of the parts is the same however many there are and whoever draws them. A part's file is
there whole or not at all; drawing again goes on with the parts that are missing.
"""

from __future__ import annotations

import errno
import functools
import json
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib import artefacts, schema
from bondx_lib.errors import BadInput
from bondx_lib.market import rows, simulation
from bondx_lib.parameters import Parameters

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
PaperOf = Callable[[int], simulation.Paper]

STREAM: Final = "generate"
PLAN_NAME: Final = "plan.json"
MANIFEST_NAME: Final = "manifest.json"
MOST_BONDS: Final = 10_000_000
BONDS_PER_PART: Final = 10_000
"""As many as keep a part's memory near a gigabyte at 36 months."""
KEPT_BLOCKS: Final = 32
"""Of so many, a few parts' worth, issuers and bonds stay in memory between cutting and drawing."""
FORMATS: Final = ("parquet", "csv", "jsonl")
_WRITERS: Final = {"csv": artefacts.write_csv, "jsonl": artefacts.write_jsonl}


@dataclass(frozen=True)
class Plan:
    """Which market is written, and where it is cut.

    Attributes
    ----------
    parameters_digest, bonds, months, scenario, seed
        What decides the rows.
    branches
        Futures behind each true downgrade probability; 0 leaves it out.
    formats
        Of the panel's files; the truth is Parquet alone.
    truth
        Whether the truth is written beside the panel.
    edges
        Seats at which the parts begin, and the one after the last.
    last_bonds
        How many bonds of the last seat are wanted.
    """

    parameters_digest: str
    bonds: int
    months: int
    scenario: str
    seed: int
    branches: int
    formats: tuple[str, ...]
    truth: bool
    edges: tuple[int, ...]
    last_bonds: int

    @property
    def parts(self) -> int:
        """Return the number of parts."""
        return len(self.edges) - 1


def generate(
    parameters: Parameters,
    folder: str | Path,
    *,
    bonds: int | None = None,
    parts: int | None = None,
    workers: int = 1,
    formats: tuple[str, ...] = ("parquet",),
    truth: bool = False,
    branches: int = 0,
    progress: Callable[[int, int, int], None] = lambda done, parts, rows: None,
) -> dict[str, Any]:
    """Write a market of one world into a folder and return its manifest.

    Parameters
    ----------
    parameters
        Seed, history length, scenario.
    folder
        Where to; ``panel/part-00000-of-00004.parquet`` and so on, ``manifest.json`` last.
    bonds
        How many; ``parameters.dataset_size`` unless given.
    parts
        How many files; one per ten thousand bonds unless given.
    workers
        Processes that draw.
    formats
        Of the panel's files.
    truth, branches
        Write the truth too, and with so many futures its downgrade probabilities.
    progress
        Called with parts done, all parts, and rows written, after each part.

    Raises
    ------
    BadInput
        When a size is out of range, the folder holds another market or cannot be written, or the
        disk is full; parts that were finished stay.
    """
    count = parameters.dataset_size if bonds is None else bonds
    parts = -(-count // BONDS_PER_PART) if parts is None else parts
    _check(count, parts, workers, formats)
    folder = Path(folder)
    world = simulation.world_of(parameters, STREAM)
    paper_of = functools.lru_cache(KEPT_BLOCKS)(world.paper)
    with _clear_errors(folder):
        plan = Plan(
            parameters.digest(), count, parameters.history_months, parameters.scenario,
            parameters.random_seed, branches, formats, truth or branches > 0,
            *_cut(paper_of, count, parts),
        )  # fmt: skip
        _begin(folder, plan)
        found: dict[int, int] = {}
        progress(0, plan.parts, 0)
        for part, size in _drawn(world, folder, plan, workers, paper_of):
            found[part] = size
            progress(len(found), plan.parts, sum(found.values()))
        return _finish(folder, plan, found)


def content_digest(folder: str | Path, table: str = "panel") -> str:
    """Return a digest of a written market's rows that no order and no cut into parts can change.

    Each row is hashed, and the sum of the hashes is taken, part by part.
    """
    total, count = np.uint64(0), 0
    for path in sorted((Path(folder) / table).glob("*.parquet")):
        frame = pd.read_parquet(path)
        hashes = pd.util.hash_pandas_object(schema.conform(frame, table), index=False)
        total = np.add(total, hashes.to_numpy().sum(dtype=np.uint64), dtype=np.uint64)
        count += len(frame)
    return f"{int(total):016x}-{count}"


def _check(count: int, parts: int, workers: int, formats: tuple[str, ...]) -> None:
    limits = (
        ("bonds", count, MOST_BONDS), ("partitions", parts, count), ("workers", workers, 256)
    )  # fmt: skip
    for key, value, most in limits:
        if not 1 <= value <= most:
            raise BadInput("is out of range", key=key, value=value, admissible=f"1 to {most}")
    for name in formats:
        if name not in FORMATS:
            raise BadInput("is no format", key="format", value=name, admissible=", ".join(FORMATS))


@contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into bad input that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BadInput(
                "has no space left; the finished parts stay, and the same command goes on",
                source=str(folder), admissible="room on the disk",
            ) from error  # fmt: skip
        raise BadInput(
            f"cannot be written: {error.strerror or error}", source=str(folder),
            admissible="a folder that can be written",
        ) from error  # fmt: skip


def _begin(folder: Path, plan: Plan) -> None:
    """Write the plan into the folder, or see that it is the one there."""
    path = folder / PLAN_NAME
    if path.is_file():
        if artefacts.read_json(path) != json.loads(artefacts.canonical_json(asdict(plan))):
            raise BadInput(
                "holds another market, or other parts of this one", source=str(folder),
                admissible="an empty folder, or the parameters and partitions it was begun with",
            )  # fmt: skip
    elif folder.is_dir() and any(folder.iterdir()):
        raise BadInput(
            "is not empty and holds no market", source=str(folder), admissible="an empty folder"
        )
    else:
        artefacts.write_json(path, asdict(plan))


def _cut(paper_of: PaperOf, count: int, parts: int) -> tuple[tuple[int, ...], int]:
    """Return the seats at which parts of about equal size begin, and the last one's bonds."""
    sizes: list[Ints] = []
    total = 0
    while total < count:
        firms, paper = paper_of(len(sizes))
        sizes.append(np.bincount(paper.seat, minlength=len(firms.sector)))
        total += paper.count
    ends = np.cumsum(np.concatenate(sizes))
    wanted = count * np.arange(1, parts + 1) // parts
    edges = (0, *(int(edge) + 1 for edge in np.searchsorted(ends, wanted)))
    before = int(ends[edges[-1] - 2]) if edges[-1] > 1 else 0
    return edges, count - before


def _drawn(
    world: simulation.World, folder: Path, plan: Plan, workers: int, paper_of: PaperOf
) -> Iterator[tuple[int, int]]:
    """Yield each part and its number of rows as soon as its files are there."""
    missing = []
    for part in range(plan.parts):
        size = _size(folder, plan, part)
        if size is None:
            missing.append(part)
        else:
            yield part, size
    if workers == 1 or len(missing) < 2:
        for part in missing:
            yield part, _write_part(world, folder, plan, part, paper_of)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(missing)), context, signal.signal, (signal.SIGINT, signal.SIG_IGN)
    ) as pool:
        futures: dict[Future[int], int] = {
            pool.submit(_write_part, world, folder, plan, part): part for part in missing
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _size(folder: Path, plan: Plan, part: int) -> int | None:
    """Return the rows of a part whose files are all there, or None."""
    paths = _paths(folder, plan, part)
    if not all(path.is_file() for path in paths.values()):
        return None
    counted = paths["rows"].read_text(encoding="utf-8")
    return int(counted)


def _paths(folder: Path, plan: Plan, part: int) -> dict[str, Path]:
    stem = f"part-{part:05d}-of-{plan.parts:05d}"
    paths = {name: folder / "panel" / f"{stem}.{name}" for name in plan.formats}
    if plan.truth:
        paths["truth"] = folder / "truth" / f"{stem}.parquet"
    return {**paths, "rows": folder / "rows" / f"{stem}.txt"}


def _write_part(
    world: simulation.World, folder: Path, plan: Plan, part: int, paper_of: PaperOf | None = None
) -> int:
    """Draw one part, write its files, and return its rows; the count of rows is written last."""
    seats = range(plan.edges[part], plan.edges[part + 1])
    last = plan.last_bonds if seats.stop == plan.edges[-1] else None
    blocks = simulation.blocks_of(world, seats, last, paper_of)
    panel, truth = frames(world, blocks, truth=plan.truth, branches=plan.branches)
    paths = _paths(folder, plan, part)
    words = {"seed": str(plan.seed), "stream": STREAM, "scenario": plan.scenario,
             "part": f"{part} of {plan.parts}"}  # fmt: skip
    for name in plan.formats:
        if name == "parquet":
            artefacts.write_parquet(paths[name], panel, words)
        else:
            _WRITERS[name](paths[name], panel)
    if plan.truth:
        artefacts.write_parquet(paths["truth"], truth, words)
    artefacts.write_text(paths["rows"], f"{len(panel)}\n")
    return len(panel)


def frames(
    world: simulation.World,
    blocks: Iterable[tuple[rows.Block, Bools]],
    *,
    truth: bool = False,
    branches: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return panel and truth of some blocks, sorted by date; the truth is empty unless asked for.

    Parameters
    ----------
    world, blocks
        The world, and of its blocks those that are wanted, with their bonds.
    truth, branches
        As in :func:`generate`.
    """
    return assembled(
        [
            rows.columns(
                block, keep, world.number, simulation.chances(world, block, keep, branches)
            )
            for block, keep in blocks
        ],
        truth=truth,
    )


def assembled(
    drawn: Sequence[tuple[dict[str, Any], dict[str, Any]]], *, truth: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the columns of several blocks as panel and truth, sorted by date."""
    seen, true = ([pair[place] for pair in drawn] for place in (0, 1))
    months = [columns["month"] for columns in seen]
    pieces = rows.by_month(months)
    panel = simulation.table(rows.stacked(seen, pieces), "panel")
    if not truth:
        return panel, pd.DataFrame()
    columns = rows.stacked(true, pieces) | {"row": np.arange(sum(map(len, months)))}
    return panel, simulation.table(columns, "truth")


def _finish(folder: Path, plan: Plan, found: dict[int, int]) -> dict[str, Any]:
    """Write the manifest: what was drawn, and each file with its rows and SHA-256."""
    files = {}
    for part in sorted(found):
        for name, path in _paths(folder, plan, part).items():
            if name != "rows":
                files[path.relative_to(folder).as_posix()] = {
                    "rows": found[part], "sha256": artefacts.sha256_file(path)
                }  # fmt: skip
    manifest = {
        "synthetic": True, "schema_version": schema.SCHEMA_VERSION, "stream": STREAM,
        "rows": sum(found.values()), "partitions": plan.parts, "files": files,
        **{key: value for key, value in asdict(plan).items() if key != "edges"},
    }  # fmt: skip
    artefacts.write_json(folder / MANIFEST_NAME, manifest)
    return manifest
