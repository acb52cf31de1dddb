"""Runs in processes of their own, which are killed, and taken up again by another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bondx_lib import runlog

from . import here, points

HOOK = Path(__file__).parent / "hook"
TIMEOUT_SECONDS = 240


@dataclass(frozen=True)
class Fault:
    """Which process is killed at which write.

    Attributes
    ----------
    role
        Whose write it is: ``runner`` or ``kernel``.
    name, phase
        The write, and how far it is.
    victim
        ``self``, or ``parent``: the runner, at a write of its kernel.
    error
        If not 0, nobody is killed: the write fails with this number of the operating system's.
    """

    role: str
    name: str
    phase: str = points.HALF
    victim: str = "self"
    error: int = 0

    def __str__(self) -> str:
        """Name the fault, for the test's name."""
        killed = "runner" if self.victim == "parent" else self.role
        return f"{killed} at {self.phase} of {self.name}"


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process that looks for faults in the variables."""
    path = os.pathsep.join([str(HOOK), str(here.ROOT)])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **variables}


def bondx(
    *words: str | Path, fault: Fault | None = None, marker: Path | None = None, trace: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, killed on the way if a fault is given."""
    told = {"BONDX_TRACE": trace} if trace else {}
    if fault is not None:
        told["BONDX_FAULT"] = json.dumps({**vars(fault), "marker": str(marker)})
    return subprocess.run(
        [sys.executable, "-m", "bondx_lib", *map(str, words)], cwd=here.ROOT,
        env=environment(**told), capture_output=True, text=True, check=False,
        timeout=TIMEOUT_SECONDS,
    )  # fmt: skip


def start(*words: str | Path) -> subprocess.Popen[str]:
    """Start a command and let it run."""
    return subprocess.Popen(
        [sys.executable, "-m", "bondx_lib", *map(str, words)], cwd=here.ROOT, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def words_of_run(base: Path, **changes: Any) -> list[str]:
    """Return the command that runs the smoke parameters, with changes, below a folder."""
    words = ["run", "-q", "-f", str(here.SMOKE), "--output", str(base)]
    for key, value in {"max_epochs": 1, **changes}.items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    return words


def run_folder(base: Path) -> Path:
    """Return the one run folder below a folder."""
    (folder,) = (path for path in base.iterdir() if path.is_dir())
    return folder


def until(reached: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something is so, as long as the process lives that should bring it about."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not reached():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def has_begun(base: Path, stage: str) -> Callable[[], bool]:
    """Return the question whether the run below a folder has begun a stage of its first epoch."""

    def begun() -> bool:
        for log in base.glob(f"*/{runlog.LOG_NAME}"):
            events = runlog.read(log)
            return any(e.kind == "stage_started" and e["stage"] == stage for e in events)
        return False

    return begun


def kernels_of(pid: int) -> list[int]:
    """Return the process ids of a runner's kernels."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except (OSError, IndexError, ValueError):
            continue
        if parent == pid and b"ipykernel_launcher" in words:
            found.append(int(folder.name))
    return sorted(found)


def writes(trace: Path) -> Iterable[tuple[str, str]]:
    """Return role and name of every write that was noted, but for those of the clock's making.

    A notebook is saved as it grows, not more often than once a second: of its saves, only the
    first comes in every run.
    """
    for line in trace.read_text().splitlines():
        role, name, phase = line.split("\t")
        if phase == points.HALF and ".ipynb #" not in name:
            yield role, name


def kill(pid: int) -> None:
    """Kill a process, which may have ended in the meantime."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
