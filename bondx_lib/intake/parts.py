"""Rows of whole groups in files of their own, so that a part of them fits in memory."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from bondx_lib import artefacts
from bondx_lib.errors import BadInput

ROWS_A_PART: Final = 60_000
MOST_PARTS: Final = 512
MOST_WORKERS: Final = 256
COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="lz4")

Hashes = NDArray[np.uint64]
Answer = TypeVar("Answer")


class Parts:
    """Files of rows, in a folder of their own.

    Attributes
    ----------
    count
        Over how many the rows are spread.
    """

    def __init__(self, folder: Path, count: int = 1) -> None:
        self._folder = folder
        self._writers: dict[int, Any] = {}
        self.count = count

    def add(self, table: pa.Table, part: NDArray[np.int64]) -> None:
        """Lay rows into the parts they belong to."""
        order = np.argsort(part, kind="stable")
        table, edges = table.take(order), np.searchsorted(part[order], np.arange(self.count + 1))
        for number in np.flatnonzero(np.diff(edges)):
            rows = table.slice(edges[number], edges[number + 1] - edges[number])
            self._writer(int(number), table.schema).write_table(rows)

    def close(self) -> None:
        """Finish the files."""
        for writer in self._writers.values():
            writer.close()

    @property
    def paths(self) -> list[Path]:
        """Return the files, in order."""
        return [self.path(number) for number in sorted(self._writers)]

    def path(self, number: int) -> Path:
        """Return the file of a part, which need not be there."""
        return self._folder / f"{number}.rows"

    def _writer(self, number: int, schema: pa.Schema) -> Any:
        if number not in self._writers:
            self._writers[number] = pa.ipc.new_file(
                str(self.path(number)), schema, options=COMPRESSED
            )
        return self._writers[number]


def number_of_parts(rows: int, rows_a_part: int) -> int:
    """Return over how many parts to spread about so many rows."""
    return min(-(-max(rows, 1) // rows_a_part), MOST_PARTS)


def hashes(names: pd.Series) -> Hashes:
    """Return a hash of each name, the same everywhere."""
    codes, distinct = pd.factorize(names, use_na_sentinel=False)
    return pd.util.hash_array(np.asarray(distinct, object), categorize=False)[codes]


def part_of(hashed: Hashes, parts: int) -> NDArray[np.int64]:
    """Return the part that each hash belongs to."""
    return (hashed % np.uint64(parts)).astype(np.int64)


@contextlib.contextmanager
def temporary(folder: Path | None) -> Iterator[Path]:
    """Yield a folder that is gone afterwards, however it ends; the system's place if None.

    The name is known before the folder exists, so that an interruption while it is made leaves
    nothing behind either.
    """
    place = Path(folder or tempfile.gettempdir()) / f"{artefacts.TEMPORARY}{uuid.uuid4().hex}"
    try:
        place.mkdir(mode=0o700)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def clear_errors(target: str) -> Iterator[None]:
    """Turn what the file system refuses into bad input that names the place."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise BadInput(
            "has no space left" if full else f"cannot be written: {error.strerror or error}",
            source=target, admissible="a folder with room that can be written",
        ) from error  # fmt: skip


def check_workers(workers: int) -> None:
    """Check a number of processes.

    Raises
    ------
    BadInput
        When it is out of range.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise BadInput("is out of range", key="workers", value=workers,
                       admissible=f"1 to {MOST_WORKERS}")  # fmt: skip


def in_processes(
    function: Callable[..., Answer], calls: Sequence[tuple[Any, ...]], workers: int
) -> Iterator[Answer]:
    """Yield the answers of a function to some calls, in their order, from processes of their own.

    An interruption reaches this process alone: calls that have begun end, others are dropped.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(calls)), context, signal.signal, (signal.SIGINT, signal.SIG_IGN)
    ) as pool:
        futures = [pool.submit(function, *call) for call in calls]
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
