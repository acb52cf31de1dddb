"""What to expect of a run: its time, memory, disk, epochs and verdict, by the size of the job.

``python benchmarks/sizes.py`` makes the runs of parameter files that come with the project, one
after the other, each in a process of its own, and watches all processes of each until it ends.
See ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]
import yaml
from score import THREADS, machine

from bondx_lib import artefacts, parameters, runlog

RESULT: Final = Path(__file__).parent / "results" / "sizes.json"
PARAMETERS: Final = Path(__file__).parents[1] / "parameters"
POLL_SECONDS: Final = 0.5
JOBS: Final = ("smoke", "small", "default", "large")
TINY: Final = {
    "dataset_size": 30, "max_epochs": 1, "models": ["spread"],
    "quality_gates": {"profile": "exploratory"},
    "evaluation": {"worlds": 2, "bonds_per_world": 30, "branches": 16, "bootstrap_replicates": 50},
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description="Measure whole runs of several sizes.")
    parser.add_argument(
        "--job", choices=JOBS, help="measure this one, and keep what is known of others"
    )
    parser.add_argument("--small", action="store_true", help="seconds, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--from", type=Path, dest="source", help="show this result, measure none")
    chosen = parser.parse_args(arguments)
    if chosen.source:
        show(artefacts.read_json(chosen.source))
        return
    output = chosen.output or (None if chosen.small else RESULT)
    names = (chosen.job,) if chosen.job else JOBS
    jobs = {"tiny": TINY} if chosen.small else {name: parameters_of(name) for name in names}
    known = artefacts.read_json(RESULT) if chosen.job and RESULT.is_file() else {}
    for name, parameters_of_job in jobs.items():
        print(f"{name} ...", file=sys.stderr)
        known[name] = {"machine": machine(), **measured(parameters_of_job)}
        if output is not None:  # now, because the next may take an hour
            artefacts.write_json(output, known)
    show(known)


def parameters_of(name: str) -> dict[str, Any]:
    """Return what a parameter file of the project says."""
    return dict(yaml.safe_load((PARAMETERS / f"{name}.yaml").read_text(encoding="utf-8")))


def measured(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Make one run, watch its processes, and return what it took and how it ended."""
    with tempfile.TemporaryDirectory() as name:
        file, runs = Path(name) / "parameters.yaml", Path(name) / "runs"
        file.write_text(
            yaml.safe_dump({**chosen, "output": {"base_directory": str(runs)}}), encoding="utf-8"
        )
        started = time.perf_counter()
        peak_bytes, processor_seconds = _watched(["run", "-f", str(file), "--quiet"])
        seconds = time.perf_counter() - started
        (run_dir,) = runs.iterdir()
        state = runlog.state_of(run_dir)
        size = sum(path.stat().st_size for path in run_dir.rglob("*") if path.is_file())
        bonds = parameters.load(run_dir / "parameters.yaml").dataset_size
    return {
        "bonds": bonds,
        "seconds": seconds,
        "processor_seconds": processor_seconds,
        "memory_bytes": peak_bytes,
        "disk_bytes": size,
        "epochs": len(state.committed),
        "status": state.status,
        "reason": state.reason,
    }


def _watched(words: Sequence[str]) -> tuple[int, float]:
    """Let a run end; return the most memory of all its processes, and their processor time.

    Pages that processes share count once.
    """
    command = [sys.executable, "-m", "bondx_lib", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **THREADS})
    seen, peak_bytes = psutil.Process(process.pid), 0
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        with contextlib.suppress(psutil.Error):
            peak_bytes = max(peak_bytes, sum(map(_held, [seen, *seen.children(recursive=True)])))
        time.sleep(POLL_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        raise SystemExit(f"{command} ended with {process.returncode}")
    return peak_bytes, usage.ru_utime + usage.ru_stime


def _held(process: psutil.Process) -> int:
    """Return the memory of a process, its share of shared pages only; none once it is gone."""
    try:
        held = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(held, "pss", held.rss))


def show(result: dict[str, Any]) -> None:
    """Print the result as a table, and what it was measured on."""
    print(f"{'job':9}{'bonds':>6}{'epochs':>8}{'minutes':>9}{'processor min':>15}"
          f"{'memory GiB':>12}{'disk MiB':>10}  verdict")  # fmt: skip
    for name in sorted(result, key=lambda name: result[name]["bonds"]):
        found = result[name]
        verdict = found["status"].replace("_", " ")
        print(f"{name:9}{found['bonds']:6}{found['epochs']:8}{found['seconds'] / 60:9.1f}"
              f"{found['processor_seconds'] / 60:15.1f}{found['memory_bytes'] / 2**30:12.2f}"
              f"{found['disk_bytes'] / 2**20:10.0f}  {verdict}")  # fmt: skip
    loads: dict[str, float] = {}
    for made in (found["machine"] for found in result.values()):
        words = "{cores} cores, {architecture}, {system}, Python {python}".format(**made)
        loads[words] = max(loads.get(words, 0.0), made["load_before"])
    for words, load in loads.items():
        print(f"{words}, load before at most {load:.1f}")


if __name__ == "__main__":
    main()
