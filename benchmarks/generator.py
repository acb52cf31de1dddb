"""How fast markets are drawn and written, against references measured in the same run.

``make benchmark`` runs it on one core. Times say little away from the machine they were taken on,
so each stands beside a reference of the same minute: copying memory, filling arrays of the same
shape with normal draws, encoding the same table. See ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import scipy
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bondx_lib import artefacts, parameters, pricing
from bondx_lib.market import disclosure, generation, issuers, liquidity, rows, simulation, spreads

Floats = NDArray[np.float64]

RESULT: Final = Path(__file__).parent / "results" / "generator.json"
PARTS: Final = 4
DOUBLINGS: Final = (1, 2, 4, 8)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    bonds: int
    memory_bonds: int
    copy_bytes: int
    repetitions: int


FULL: Final = Size(bonds=8_000, memory_bonds=40_000, copy_bytes=2**28, repetitions=5)
SMALL: Final = Size(bonds=200, memory_bonds=400, copy_bytes=2**22, repetitions=2)


@dataclass(frozen=True)
class Ratio:
    """A measure over its reference: the median of the repetitions, the least and the largest."""

    measure: str
    reference: str
    unit: str
    measured: float
    referred: float
    median: float
    minimum: float
    maximum: float
    aim: float | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description="Measure the market generator on one core.")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--memory-of", type=int, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    size = SMALL if chosen.small else FULL
    output = chosen.output or (None if chosen.small else RESULT)
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    pa.set_cpu_count(1)
    if chosen.memory_of:
        _write_and_tell(*chosen.memory_of)
        return
    with threadpool_limits(1):
        result = measure(size)
    show(result)
    if output is not None:
        artefacts.write_json(output, result)


def measure(size: Size) -> dict[str, Any]:
    """Return all that is measured, in plain types."""
    # Memory comes first: a child's peak begins at what its parent holds when it is started.
    memory = memory_of_parts(size)
    drawn(size.bonds)
    return {
        "machine": machine(),
        "size": asdict(size),
        "ratios": [asdict(ratio) for ratio in (*drawing_ratios(size), writing_ratio(size))],
        "linearity": linearity(size),
        "profile": profile(size),
        "memory": memory,
    }


def machine() -> dict[str, Any]:
    """Return what the times depend on, without naming the machine."""
    libraries = (np, scipy, pd, pa)
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{library.__name__: library.__version__ for library in libraries},
    }


def drawn(bonds: int) -> pd.DataFrame:
    """Return the panel of a market in memory, without the true probabilities of futures."""
    world = simulation.world_of(parameters.default(), generation.STREAM)
    kept = simulation.chosen(world, bonds)
    blocks = ((world.block(firms, paper), keep) for firms, paper, keep in kept)
    panel, _ = generation.frames(world, blocks)
    return panel


def drawing_ratios(size: Size) -> list[Ratio]:
    """Compare drawing with copying memory and with filling arrays by normal draws."""
    panel = drawn(size.bonds)
    count, width = panel.shape
    volume = int(panel.memory_usage(index=False).sum())
    source = np.ones(size.copy_bytes // 8)
    target = np.empty_like(source)
    rng = np.random.default_rng(0)
    runs = repeated(
        size.repetitions,
        lambda: drawn(size.bonds),
        lambda: rng.standard_normal((width, count)),
        lambda: np.copyto(target, source),
    )
    draw, fill, copy = runs
    return [
        compared("rows drawn", "the same cells filled with standard normals", "rows/s",
                 count / draw, count / fill, aim=0.5),
        compared("bytes drawn", "memory copied", "bytes/s",
                 volume / draw, source.nbytes / copy, aim=None),
    ]  # fmt: skip


def writing_ratio(size: Size) -> Ratio:
    """Compare drawing and writing Parquet with encoding the very same table alone."""
    table = pa.Table.from_pandas(drawn(size.bonds), preserve_index=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        market = iter(range(1 + size.repetitions))
        draw, encode = repeated(
            size.repetitions,
            lambda: written(folder / str(next(market)), size.bonds),
            lambda: pq.write_table(table, folder / "bare.parquet", compression="zstd"),
        )
    return compared(
        "rows drawn and written as Parquet", "the same table encoded alone", "rows/s",
        table.num_rows / draw, table.num_rows / encode, aim=0.6,
    )  # fmt: skip


def written(folder: Path, bonds: int, parts: int = 1) -> dict[str, Any]:
    """Write a market and return its manifest."""
    return generation.generate(parameters.default(), folder, bonds=bonds, parts=parts)


def linearity(size: Size) -> list[dict[str, float]]:
    """Return the time per row at n, 2n, 4n and 8n bonds, and its ratio to that at n."""
    steps = []
    for bonds in (times * size.bonds for times in DOUBLINGS):
        count = len(drawn(bonds))
        (taken,) = repeated(size.repetitions, functools.partial(drawn, bonds))
        seconds = float(np.median(taken))
        steps.append({"bonds": bonds, "rows": count, "seconds": seconds,
                      "nanoseconds_per_row": 1e9 * seconds / count})  # fmt: skip
    first = steps[0]["nanoseconds_per_row"]
    return [{**step, "ratio": step["nanoseconds_per_row"] / first} for step in steps]


def profile(size: Size) -> list[dict[str, Any]]:
    """Return how the time of drawing and encoding divides among the mechanisms."""
    runs = [_profiled(size.bonds) for _ in range(size.repetitions)]
    seconds = {name: float(np.median([run[name] for run in runs])) for name in runs[0]}
    total = sum(seconds.values())
    return [
        {"mechanism": name, "seconds": taken, "share": taken / total}
        for name, taken in seconds.items()
    ]


def _profiled(bonds: int) -> dict[str, float]:
    """Return the seconds of each mechanism in one pass over the blocks of a market."""
    clock = Clock()
    world = clock("economy", simulation.world_of, parameters.default(), generation.STREAM)
    parts, number, missing = [], 0, bonds
    while missing > 0:
        firms = clock("issuers", world.issuers, number)
        paper = clock("bonds", world.bonds, firms)
        block = world.block(firms, paper)
        clock("liquidity", liquidity.simulate, world.streams, firms, paper, block.economy,
              block.days_old / 360.0)  # fmt: skip
        clock("spreads", spreads.simulate, world.streams, firms, paper, block.economy,
              block.liquidity.illiquidity, np.maximum(block.days_left, 30) / 360.0)  # fmt: skip
        keep = np.arange(paper.count) < missing
        parts.append(_columns(clock, world, block, keep))
        number, missing = number + 1, missing - paper.count
    panel, _ = clock("sorting", generation.assembled, parts)
    table = clock("conversion", pa.Table.from_pandas, panel, preserve_index=False)
    clock("encoding", pq.write_table, table, pa.BufferOutputStream(), compression="zstd")
    return clock.seconds


def _columns(clock: Clock, world: simulation.World, block: rows.Block, keep: Any) -> Any:
    """Return the columns of a block; the assembly of rows is what is left of their time."""
    firms, streams = block.issuers, block.streams
    known = simulation.chances(world, block, keep, 0)
    columns = clock("row assembly", rows.columns, block, keep, world.number, known)
    panel = columns[0]
    days = 360 * panel["maturity_years"]
    parts = Clock()
    parts("pricing", pricing.quote, panel["yield_pct"], panel["coupon_pct"], days)
    parts("accounts", issuers.accounts, streams, firms)
    parts("disclosure", disclosure.esg, streams, firms)
    parts("disclosure", disclosure.alternative, streams, firms, block.economy)
    for name, seconds in parts.seconds.items():
        clock.add(name, seconds)
        clock.add("row assembly", -seconds)
    return columns


class Clock:
    """Seconds by name, of the calls that went through it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, function: Callable[..., Any], *values: Any, **more: Any) -> Any:
        """Call a function, note its time under a name, and return what it returns."""
        start = time.perf_counter()
        result = function(*values, **more)
        self.add(name, time.perf_counter() - start)
        return result

    def add(self, name: str, seconds: float) -> None:
        """Add to the time under a name."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def memory_of_parts(size: Size) -> dict[str, Any]:
    """Return the peak memory of processes that write a market in one part and in several."""
    idle = _peak_bytes(0, 1)
    one, several = (_peak_bytes(size.memory_bonds, parts) for parts in (1, PARTS))
    return {
        "bonds": size.memory_bonds,
        "parts": PARTS,
        "imports_bytes": idle,
        "one_part_bytes": one,
        "several_parts_bytes": several,
        "ratio_beyond_imports": max(several - idle, 0) / max(one - idle, 1),
    }


def _peak_bytes(bonds: int, parts: int) -> int:
    """Return the peak memory of a process of its own that writes a market, or none of it."""
    call = [sys.executable, __file__, "--memory-of", str(bonds), str(parts)]
    return int(subprocess.run(call, check=True, capture_output=True, text=True).stdout)


def _write_and_tell(bonds: int, parts: int) -> None:
    """Write a market and print this process's peak memory in bytes."""
    if bonds:
        with tempfile.TemporaryDirectory() as folder:
            written(Path(folder) / "market", bonds, parts)
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def repeated(times: int, *functions: Callable[[], Any]) -> Floats:
    """Return the seconds of each function in each repetition; they take turns, so that whatever
    else the machine does falls on all of them.
    """
    seconds = np.empty((len(functions), times))
    for turn in range(times):
        for place, function in enumerate(functions):
            start = time.perf_counter()
            function()
            seconds[place, turn] = time.perf_counter() - start
    return seconds


def compared(
    measure: str, reference: str, unit: str, measured: Floats, referred: Floats, aim: float | None
) -> Ratio:
    """Return a measure over its reference, repetition by repetition."""
    ratio = measured / referred
    return Ratio(
        measure, reference, unit, float(np.median(measured)), float(np.median(referred)),
        float(np.median(ratio)), float(ratio.min()), float(ratio.max()), aim,
    )  # fmt: skip


def show(result: dict[str, Any]) -> None:
    """Print the result as tables."""
    print(f"{'measure / reference':<76} {'measured':>9} {'reference':>9} {'ratio':>6}  range, aim")
    for row in result["ratios"]:
        name = f"{row['measure']} / {row['reference']}, {row['unit']}"
        aim = "none" if row["aim"] is None else f"{row['aim']:.2f}"
        print(f"{name:<76} {row['measured']:9.3g} {row['referred']:9.3g} {row['median']:6.3f}"
              f"  {row['minimum']:.3f} to {row['maximum']:.3f}, {aim}")  # fmt: skip
    print(f"\n{'bonds':>8} {'rows':>9} {'ns per row':>11} {'ratio':>6}")
    for row in result["linearity"]:
        print(f"{row['bonds']:>8} {row['rows']:>9} {row['nanoseconds_per_row']:11.0f}"
              f" {row['ratio']:6.3f}")  # fmt: skip
    print(f"\n{'mechanism':<16} {'ms':>7} {'share':>6}")
    for row in result["profile"]:
        print(f"{row['mechanism']:<16} {1e3 * row['seconds']:7.1f} {row['share']:6.1%}")
    memory = result["memory"]
    one, several, imports = (
        memory[f"{name}_bytes"] / 2**20 for name in ("one_part", "several_parts", "imports")
    )
    print(f"\npeak memory of {memory['bonds']} bonds: {one:.0f} MiB in one part, {several:.0f} MiB"
          f" in {memory['parts']}, {imports:.0f} MiB before the first row")  # fmt: skip


if __name__ == "__main__":
    main()
