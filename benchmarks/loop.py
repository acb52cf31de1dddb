"""What a run takes beside the work of its epochs, and whether that grows with their number.

``python benchmarks/loop.py`` makes whole runs, each in a process of its own, and reads their logs:
one whose pool grows, one whose pool has a constant size, one whose kernels are not started ahead of
time. The reference of each is the time inside its own epochs, from the first stage to the commit.
While a run works, the files, threads and memory of its process are counted at every commit.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import psutil  # type: ignore[import-untyped]
import yaml
from scipy import stats
from score import THREADS, machine

from bondx_lib import artefacts, cli, engine, events, runlog

RESULT: Final = Path(__file__).parent / "results" / "loop.json"
POLL_SECONDS: Final = 0.05
FLAT_FROM: Final = 10
"""The epoch from which on times are asked to be flat: the pool is full by then."""
ENDLESS: Final = {"improvement_patience": 1000}
"""Lets no rule but the number of epochs end a run."""
STAGES: Final[tuple[str, ...]] = get_args(events.Stage)


@dataclass(frozen=True)
class Course:
    """A run that is made: how many epochs, what differs from the defaults, how kernels start."""

    epochs: int
    changed: Mapping[str, Any] = field(default_factory=dict)
    prewarmed: bool = True


@dataclass(frozen=True)
class Sample:
    """What the runner's process held when an epoch was committed."""

    files: int
    threads: int
    memory_bytes: int


FULL: Final = {
    "growing pool": Course(50),
    "constant pool": Course(100, {"epoch": {"pool_limit": 5}}),
    "constant pool, cold kernels": Course(15, {"epoch": {"pool_limit": 5}}, prewarmed=False),
}
TINY: Final = {
    "dataset_size": 30, "models": ["anomaly"], "quality_gates": {"profile": "exploratory"},
    "evaluation": {"worlds": 2, "bonds_per_world": 30, "branches": 16, "bootstrap_replicates": 50},
}  # fmt: skip
SMALL: Final = {
    "growing pool": Course(2, TINY),
    "constant pool": Course(2, {**TINY, "epoch": {"pool_limit": 1}}),
    "constant pool, cold kernels": Course(2, TINY, prewarmed=False),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description="Measure the loop around the epochs.")
    parser.add_argument("--small", action="store_true", help="half a minute, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--from", type=Path, dest="source", help="show this result, measure none")
    parser.add_argument("--cold", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.cold:
        engine.OneShotPool.prepare = lambda self: None  # type: ignore[method-assign]
        raise SystemExit(cli.main(["run", "-f", str(chosen.cold), "--quiet"]))
    if chosen.source:
        show(artefacts.read_json(chosen.source))
        return
    output = chosen.output or (None if chosen.small else RESULT)
    result = measure(SMALL if chosen.small else FULL)
    show(result)
    if output is not None:
        artefacts.write_json(output, result)


def measure(courses: Mapping[str, Course]) -> dict[str, Any]:
    """Return all that is measured, in plain types."""
    before = machine()
    measures = {}
    for name, course in courses.items():
        print(f"{name}: {course.epochs} epochs", file=sys.stderr)
        measures[name] = measured(course)
    return {
        "machine": before,
        "courses": {name: asdict(course) for name, course in courses.items()},
        "measures": measures,
    }


def measured(course: Course) -> dict[str, Any]:
    """Make a run, watch its process, and return what its log says about time."""
    with tempfile.TemporaryDirectory() as name:
        file, runs = Path(name) / "parameters.yaml", Path(name) / "runs"
        chosen = {
            **ENDLESS, **course.changed, "max_epochs": course.epochs,
            "output": {"base_directory": str(runs)},
        }  # fmt: skip
        file.write_text(yaml.safe_dump(chosen), encoding="utf-8")
        words = ["-m", "bondx_lib", "run", "-f", file, "--quiet"]
        if not course.prewarmed:
            words = [__file__, "--cold", file]
        started = time.perf_counter()
        samples, processor_seconds = _watched(words, runs)
        seconds = time.perf_counter() - started
        (run_dir,) = runs.iterdir()
        events = runlog.read(run_dir / runlog.LOG_NAME)
        log_bytes = (run_dir / runlog.LOG_NAME).stat().st_size
    return {
        **_times(events, seconds),
        "processor_seconds": processor_seconds,
        "busy_cores": processor_seconds / seconds,
        "log_bytes_an_epoch": log_bytes / course.epochs,
        "held": {
            name: [getattr(one, name) for one in samples]
            for name in ("files", "threads", "memory_bytes")
        },
    }  # fmt: skip


def _watched(words: Sequence[Any], runs: Path) -> tuple[list[Sample], float]:
    """Let a process run to its end; return a sample at each commit, and its processor time."""
    command = [sys.executable, *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **THREADS})
    seen, follower = psutil.Process(process.pid), None
    samples: list[Sample] = []
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        logs = list(runs.glob(f"*/{runlog.LOG_NAME}"))
        if logs:
            follower = follower or runlog.Follower(logs[0])
            commits = sum(event.kind == "epoch_committed" for event in follower.new())
            samples += [_sample(seen)] * commits
        time.sleep(POLL_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return samples, usage.ru_utime + usage.ru_stime


def _sample(process: psutil.Process) -> Sample:
    return Sample(process.num_fds(), process.num_threads(), process.memory_info().rss)


def _times(events: Sequence[runlog.Event], seconds: float) -> dict[str, Any]:
    """Return where the time of a run went, in seconds."""
    moments: dict[int, dict[str, float]] = {}
    for event in events:
        number = event.fields.get("epoch")
        if event.kind in ("epoch_started", "stage_started", "epoch_committed"):
            word = event.fields.get("stage") or event.kind
            moments.setdefault(int(number or 0), {})[word] = _second(event)
    epochs = [moments[number] for number in sorted(moments)]
    starts = np.array([one["epoch_started"] for one in epochs])
    first = np.array([one[STAGES[0]] for one in epochs])
    ends = np.array([one["epoch_committed"] for one in epochs])
    whole = np.diff(np.append(starts, ends[-1]))
    inside = ends - first
    order = [*STAGES, "epoch_committed"]
    return {
        "seconds": seconds,
        "seconds_inside": float(inside.sum()),
        "seconds_of_the_loop": float(ends[-1] - starts[0]),
        "overhead": seconds / float(inside.sum()),
        "overhead_of_the_loop": float((ends[-1] - starts[0]) / inside.sum()),
        "epochs_a_minute": 60 * len(epochs) / float(ends[-1] - starts[0]),
        "seconds_until_the_first_stage": float(np.median((first - starts)[1:])),
        "seconds_of_an_epoch": whole.tolist(),
        "seconds_inside_an_epoch": inside.tolist(),
        "stages": {
            stage: float(np.median([one[after] - one[stage] for one in epochs]))
            for stage, after in zip(STAGES, order[1:], strict=True)
        },
        "flat": _flatness(whole),
    }  # fmt: skip


def _second(event: runlog.Event) -> float:
    return datetime.fromisoformat(event.at).timestamp()


def _flatness(seconds: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float] | None:
    """Return how an epoch's time changes over a hundred epochs, as a share of the median time.

    The slope is Theil's and Sen's with its 95 % interval, from the epoch on that has a full pool.
    """
    late = seconds[FLAT_FROM - 1 : -1]
    if len(late) < FLAT_FROM:
        return None
    scale = 100 / float(np.median(late))
    slope, _, low, high = stats.theilslopes(late, np.arange(len(late)), alpha=0.95)
    change, low, high = (float(value) * scale for value in (slope, low, high))
    return {"change": change, "low": low, "high": high}


def show(result: dict[str, Any]) -> None:
    """Print the result as tables."""
    for name in FULL:
        course, found = result["courses"][name], result["measures"][name]
        print(f"{name}: {course['epochs']} epochs in {found['seconds']:.0f} s, "
              f"{found['epochs_a_minute']:.1f} a minute")  # fmt: skip
        print(f"  whole run over time inside the epochs {found['overhead']:.3f}, "
              f"loop alone {found['overhead_of_the_loop']:.3f}, "
              f"busy cores {found['busy_cores']:.2f}")  # fmt: skip
        stages = "  ".join(f"{stage} {found['stages'][stage]:.2f}" for stage in STAGES)
        print(f"  until the first stage {found['seconds_until_the_first_stage']:.2f} s; {stages}")
        if found["flat"]:
            flat = found["flat"]
            print(f"  time of an epoch over 100 epochs {flat['change']:+.1%} "
                  f"({flat['low']:+.1%} to {flat['high']:+.1%})")  # fmt: skip
        for word in ("files", "threads", "memory_bytes"):
            values = np.array(found["held"][word]) / (2**20 if word == "memory_bytes" else 1)
            first, second = (f"{half.min():.0f} to {half.max():.0f}"
                             for half in np.array_split(values, 2))  # fmt: skip
            print(f"  {word.replace('_bytes', ' in MiB')}: "
                  f"{first} in the first half, {second} in the second")  # fmt: skip


if __name__ == "__main__":
    main()
