"""How fast a file is scored, and in how much memory, against reading and writing the same file.

``python benchmarks/score.py`` draws a market of about a million rows, trains a set of champions on
another, and lets ``bondx score`` answer for the whole file, each time in a process of its own. The
reference copies the file batch by batch, also in its own process, in the same minute. See
``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bondx_lib import artefacts, market, models, parameters, runlog
from bondx_lib.market import generation

RESULT: Final = Path(__file__).parent / "results" / "score.json"
BATCH_ROWS: Final = 2**16
AIM_SECONDS: Final = 60.0
THREADS: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    bonds: int
    training_bonds: int
    training_worlds: int
    repetitions: int


FULL: Final = Size(bonds=42_500, training_bonds=200, training_worlds=10, repetitions=3)
SMALL: Final = Size(bonds=100, training_bonds=60, training_worlds=2, repetitions=1)


@dataclass(frozen=True)
class Taken:
    """What a process took.

    Attributes
    ----------
    seconds, processor_seconds, peak_bytes
        Wall clock, processor time of it and its workers, and the largest resident memory of any one
        process.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description="Measure bondx score.")
    parser.add_argument("--small", action="store_true", help="some seconds, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--copy", type=Path, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.copy:
        _copy(*chosen.copy)
        return
    output = chosen.output or (None if chosen.small else RESULT)
    result = measure(SMALL if chosen.small else FULL)
    show(result)
    if output is not None:
        artefacts.write_json(output, result)


def measure(size: Size) -> dict[str, Any]:
    """Return all that is measured, in plain types."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bonds = drawn(folder, size.bonds)
        train(folder / "runs" / "run" / "models", size)
        # A run folder is known by its log.
        (folder / "runs" / "run" / runlog.LOG_NAME).touch()
        calls = {
            "copy": [__file__, "--copy", bonds, folder / "copy.parquet"],
            **{f"score, {n} workers": _score(folder, bonds, n) for n in (1, 2)},
            "score, CSV to CSV": _score(folder, as_csv(bonds), 1, ".csv"),
        }
        taken: dict[str, list[Taken]] = {name: [] for name in calls}
        for _ in range(size.repetitions):
            for name, call in calls.items():
                taken[name].append(run(call))
        count = pq.ParquetFile(bonds).metadata.num_rows
        size_of = {path.suffix: path.stat().st_size for path in folder.glob("bonds.*")}
    return {
        "machine": machine(),
        "size": {**asdict(size), "rows": count, "bytes": size_of},
        "aim_seconds": AIM_SECONDS,
        "measures": {name: _summary(times, taken["copy"]) for name, times in taken.items()},
    }


def machine() -> dict[str, Any]:
    """Return what the times depend on, without naming the machine."""
    libraries = (np, pd, pa)
    return {
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{library.__name__: library.__version__ for library in libraries},
    }


def drawn(folder: Path, bonds: int) -> Path:
    """Draw a market and return it as one file without repeated rows."""
    generation.generate(parameters.default(), folder / "market", bonds=bonds)
    path, writer = folder / "bonds.parquet", None
    for part in sorted((folder / "market" / "panel").glob("*.parquet")):
        table = pa.Table.from_pandas(
            pd.read_parquet(part).drop_duplicates(["bond_id", "date"]), preserve_index=False
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table.cast(writer.schema))
    assert writer is not None
    writer.close()
    return path


def as_csv(bonds: Path) -> Path:
    """Return the same rows as CSV."""
    path = bonds.with_suffix(".csv")
    with path.open("w", encoding="utf-8") as file, pq.ParquetFile(bonds) as rows:
        for place, batch in enumerate(rows.iter_batches(BATCH_ROWS)):
            batch.to_pandas().to_csv(file, index=False, header=place == 0)
    return path


def train(folder: Path, size: Size) -> None:
    """Train every model of the project and save it where a run keeps its champions."""
    chosen = parameters.default()
    panel = models.Panel.of(
        market.simulate(
            chosen, "benchmark/score", bonds=size.training_bonds, worlds=size.training_worlds
        ).panel
    )
    for name, law in models.MODELS.items():
        splits = models.split(panel.rows, 0.8, law.task.horizon_months, chosen.history_months)
        model = law.train(panel, splits, chosen, np.random.default_rng(1))
        place = folder / name
        place.mkdir(parents=True)
        model.save(place)


def _score(folder: Path, bonds: Path, workers: int, suffix: str = ".parquet") -> list[Any]:
    return ["-m", "bondx_lib", "score", "--quiet", "--force", "--runs", folder / "runs",
            "--run", "run", "--input", bonds, "--output", folder / f"scores{suffix}",
            "--workers", workers]  # fmt: skip


def _copy(source: Path, target: Path) -> None:
    """Read a file and write it again, batch by batch."""
    with (
        pq.ParquetFile(source) as file,
        pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer,
    ):
        for batch in file.iter_batches(BATCH_ROWS):
            writer.write_batch(batch)


def run(call: Sequence[Any]) -> Taken:
    """Run Python on something in a process of its own, and return what it took."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, call)], stdout=subprocess.DEVNULL, env={**os.environ, **THREADS}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{call} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Taken(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def _summary(times: list[Taken], reference: list[Taken]) -> dict[str, float]:
    seconds = np.array([one.seconds for one in times])
    ratio = seconds / np.array([one.seconds for one in reference])
    return {
        "seconds": float(np.median(seconds)),
        "least_seconds": float(seconds.min()),
        "largest_seconds": float(seconds.max()),
        "processor_seconds": float(np.median([one.processor_seconds for one in times])),
        "peak_bytes": max(one.peak_bytes for one in times),
        "ratio_to_copy": float(np.median(ratio)),
    }


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    print(f"{result['size']['rows']:,} rows; aim: {result['aim_seconds']:.0f} s")
    print(f"{'':<20} {'seconds':>8} {'least':>7} {'cpu s':>7} {'peak MiB':>9} {'/ copy':>7}")
    for name, row in result["measures"].items():
        print(f"{name:<20} {row['seconds']:8.1f} {row['least_seconds']:7.1f}"
              f" {row['processor_seconds']:7.1f} {row['peak_bytes'] / 2**20:9.0f}"
              f" {row['ratio_to_copy']:7.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
