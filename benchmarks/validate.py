"""How fast a file is validated, and in how much memory, against reading the same file.

``python benchmarks/validate.py`` draws a market of about a million rows and one of ten million, and
lets ``bondx validate`` judge each, every time in a process of its own. The reference reads the same
file and does nothing with it: Parquet batch by batch, CSV with pandas. See
``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from score import BATCH_ROWS, Taken, as_csv, machine, run

from bondx_lib import artefacts, parameters
from bondx_lib.market import generation

RESULT: Final = Path(__file__).parent / "results" / "validate.json"
FILE: Final = "bonds"
"""Name of the file that there is as CSV too."""
READS: Final = {".parquet": "read Parquet", ".csv": "read CSV with pandas"}


@dataclass(frozen=True)
class Size:
    """How much is measured: bonds of the file, and of the long file; how often the first."""

    bonds: int
    bonds_long: int
    repetitions: int


FULL: Final = Size(bonds=42_900, bonds_long=430_000, repetitions=3)
SMALL: Final = Size(bonds=100, bonds_long=300, repetitions=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description="Measure bondx validate.")
    parser.add_argument("--small", action="store_true", help="some seconds, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--draw", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bonds", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.read or chosen.draw:
        _read(chosen.read) if chosen.read else _draw(chosen.draw, chosen.bonds)
        return
    output = chosen.output or (None if chosen.small else RESULT)
    result = measure(SMALL if chosen.small else FULL)
    show(result)
    if output is not None:
        artefacts.write_json(output, result)


def measure(size: Size) -> dict[str, Any]:
    """Return all that is measured, in plain types."""
    before = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long = drawn(folder, "long", size.bonds_long)
        taken = {"long": _taken({"read Parquet": _reader(long), "validate": _judge(long, 1)}, 1)}
        rows = {"long": pq.ParquetFile(long).metadata.num_rows}
        long.unlink()
        table = drawn(folder, FILE, size.bonds)
        text = table.with_suffix(".csv")
        calls = {
            "read Parquet": _reader(table),
            "validate": _judge(table, 1),
            "validate, 2 workers": _judge(table, 2),
            "read CSV with pandas": _reader(text),
            "validate, CSV": _judge(text, 1),
        }
        taken["file"] = _taken(calls, size.repetitions)
        rows["file"] = pq.ParquetFile(table).metadata.num_rows
        size_of = {path.suffix: path.stat().st_size for path in (table, text)}
    return {
        "machine": before,
        "size": {**asdict(size), "rows": rows, "bytes": size_of},
        "measures": {
            name: {call: _summary(call, found, rows[name]) for call in found}
            for name, found in taken.items()
        },
    }


def drawn(folder: Path, name: str, bonds: int) -> Path:
    """Draw a market and return it as one file.

    In a process of its own: on Linux the peak memory of a process is never less than what the one
    that started it held.
    """
    path = folder / f"{name}.parquet"
    run([__file__, "--draw", path, "--bonds", bonds])
    return path


def _draw(path: Path, bonds: int) -> None:
    """Draw a market into one Parquet file."""
    folder, writer = path.with_suffix(".market"), None
    generation.generate(parameters.default(), folder, bonds=bonds)
    for part in sorted((folder / "panel").glob("*.parquet")):
        table = pa.Table.from_pandas(pd.read_parquet(part), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table.cast(writer.schema))
        part.unlink()
    assert writer is not None
    writer.close()
    shutil.rmtree(folder)
    if path.stem == FILE:
        as_csv(path)


def _judge(source: Path, workers: int) -> list[Any]:
    return ["-m", "bondx_lib", "validate", source, "--quiet", "--workers", workers, "--json"]


def _reader(source: Path) -> list[Any]:
    return [__file__, "--read", source]


def _read(source: Path) -> None:
    """Read a file and forget it."""
    if source.suffix == ".csv":
        pd.read_csv(source)
        return
    with pq.ParquetFile(source, pre_buffer=False) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            batch.to_pandas()


def _taken(calls: dict[str, list[Any]], repetitions: int) -> dict[str, list[Taken]]:
    """Make all calls by turns, and return what each took each time."""
    taken: dict[str, list[Taken]] = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            taken[name].append(run(call))
    return taken


def _summary(call: str, found: dict[str, list[Taken]], rows: int) -> dict[str, float]:
    """Return times, memory, and the ratio to the read of the same file in the same turn."""
    reference = found[READS[".csv" if "CSV" in call else ".parquet"]]
    seconds = np.array([one.seconds for one in found[call]])
    processor = np.array([one.processor_seconds for one in found[call]])
    return {
        "seconds": float(np.median(seconds)),
        "least_seconds": float(seconds.min()),
        "largest_seconds": float(seconds.max()),
        "processor_seconds": float(np.median(processor)),
        "rows_a_processor_second": float(rows / np.median(processor)),
        "peak_bytes": max(one.peak_bytes for one in found[call]),
        "ratio_to_read": float(
            np.median(processor / np.array([one.processor_seconds for one in reference]))
        ),
    }


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    for name, found in result["measures"].items():
        print(f"{name}: {result['size']['rows'][name]:,} rows")
        print(f"{'':<22} {'seconds':>8} {'least':>7} {'cpu s':>7} {'rows/cpu s':>11} "
              f"{'peak MiB':>9} {'cpu/read':>8}")  # fmt: skip
        for call, row in found.items():
            print(f"{call:<22} {row['seconds']:8.1f} {row['least_seconds']:7.1f} "
                  f"{row['processor_seconds']:7.1f} {row['rows_a_processor_second']:11,.0f} "
                  f"{row['peak_bytes'] / 2**20:9.0f} {row['ratio_to_read']:8.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
