"""The engine: truthful notebooks, one-shot kernels, deadlines, and no process left behind."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bondx_lib import engine, runlog
from bondx_lib.errors import BadInput

PARAMETERS = ["factor = 1", "name = ''"]
RUNNER = """
import sys
from bondx_lib import engine
kernel = engine.Kernel(preload=None)
print(kernel.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def kernel() -> Iterator[engine.Kernel]:
    started = engine.Kernel(preload=None)
    yield started
    started.kill()


def notebook(folder: Path, *cells: str) -> Path:
    """Write a notebook of a parameters cell and the given cells."""
    parameters = nbformat.v4.new_code_cell("\n".join(PARAMETERS), metadata={"tags": ["parameters"]})
    written = nbformat.v4.new_notebook(
        cells=[parameters, *(nbformat.v4.new_code_cell(cell) for cell in cells)]
    )
    path = folder / "work.ipynb"
    nbformat.write(written, path)
    return path


def execute(folder: Path, kernel: engine.Kernel, *cells: str, seconds: float = 60) -> None:
    values = {"factor": 3, "name": "{curly} 'quoted' ünicode"}
    engine.execute(notebook(folder, *cells), folder / "done.ipynb", values, kernel, seconds)


def executed(folder: Path) -> list[Any]:
    """Return the code cells of the saved notebook after the two of parameters."""
    return [
        cell for cell in nbformat.read(folder / "done.ipynb", as_version=4).cells
        if cell.cell_type == "code"
    ][2:]  # fmt: skip


def statuses(folder: Path) -> list[str]:
    return [cell.metadata["papermill"]["status"] for cell in executed(folder)]


def gone(pid: int | None) -> bool:
    return pid is None or runlog.process_start(pid) is None


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait until something holds; say whether it did in time."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def test_parameters_reach_the_notebook_and_results_are_saved(
    tmp_path: Path, kernel: engine.Kernel
) -> None:
    """Plain literals arrive with their types, and the saved notebook says what happened."""
    execute(tmp_path, kernel, "print(factor * 2, name)", "factor")
    first, second = executed(tmp_path)
    assert first.outputs[0].text == "6 {curly} 'quoted' ünicode\n"
    assert second.outputs[0].data["text/plain"] == "3"
    assert statuses(tmp_path) == ["completed", "completed"]
    saved = nbformat.read(tmp_path / "done.ipynb", as_version=4).metadata["papermill"]
    assert saved["duration"] > 0


def test_failing_cell_is_marked_and_later_ones_pend(tmp_path: Path, kernel: engine.Kernel) -> None:
    """The error comes with its cell's traceback, and no cell claims what it did not do."""
    with pytest.raises(engine.CellFailed, match="LookupError: nowhere") as caught:
        execute(tmp_path, kernel, "1", "raise LookupError('nowhere')", "3")
    assert "raise LookupError" in caught.value.traceback
    assert statuses(tmp_path) == ["completed", "failed", "pending"]
    assert executed(tmp_path)[1].outputs[-1].ename == "LookupError"


def test_dead_kernel_is_worth_another_try(tmp_path: Path, kernel: engine.Kernel) -> None:
    """A kernel that dies raises KernelLost; the cell it died in is failed, not completed."""
    with pytest.raises(engine.KernelLost, match="died"):
        execute(
            tmp_path, kernel, "1", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "3"
        )
    assert statuses(tmp_path) == ["completed", "failed", "pending"]


def test_deadline_ends_a_notebook(
    tmp_path: Path, kernel: engine.Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook that takes too long is ended with its kernel, also if it ignores interrupts."""
    started = tmp_path / "started"

    class FromTheCell(threading.Timer):
        """Runs from when the cell does, however long the kernel took to start."""

        def run(self) -> None:
            eventually(started.exists, 60)
            super().run()

    monkeypatch.setattr(engine.threading, "Timer", FromTheCell)
    monkeypatch.setattr(engine, "GRACE_SECONDS", 0.5)
    stubborn = (
        "import pathlib, time\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        "while True:\n"
        "    try:\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        pass"
    )
    pid = kernel.pid
    with pytest.raises(engine.KernelLost, match="more than 1 s"):
        execute(tmp_path, kernel, stubborn, "2", seconds=1)
    assert time.time() - started.stat().st_mtime < 10
    assert gone(pid)
    assert statuses(tmp_path) == ["failed", "pending"]


def test_saved_notebook_is_whole_at_any_time(tmp_path: Path, kernel: engine.Kernel) -> None:
    """A reader in the middle of the execution finds a valid notebook."""
    peek = (
        "import nbformat, pathlib\n"
        f"nbformat.read({str(tmp_path / 'done.ipynb')!r}, as_version=4)['nbformat']"
    )
    execute(tmp_path, kernel, "1", peek)
    assert executed(tmp_path)[1].outputs[0].data["text/plain"] == "4"
    assert not list(tmp_path.glob(".partial-*"))


def test_kernels_are_used_once_and_leave_nothing(tmp_path: Path) -> None:
    """Each notebook gets a fresh process; sockets, folders and file handles do not pile up."""
    pool = engine.OneShotPool(preload=None)
    pids, handles = [], []
    try:
        for _ in range(4):
            kernel, _ = pool.take()
            pool.prepare()
            pids.append(kernel.pid)
            execute(tmp_path, kernel, "assert 'seen' not in globals()", "seen = True")
            assert not kernel.folder.exists()
            gc.collect()
            handles.append(len(os.listdir("/proc/self/fd")))
    finally:
        pool.close()
    assert len(set(pids)) == 4
    assert all(gone(pid) for pid in pids)
    assert handles[-1] <= handles[1] + 1, "another use may close late, but none may stay open"


def test_prepared_kernel_is_warm(tmp_path: Path) -> None:
    """A kernel started beforehand is called warm and has its imports done; else it is cold."""
    pool = engine.OneShotPool()
    try:
        pool.prepare()
        kernel, temperature = pool.take()
        execute(tmp_path, kernel, "import sys; 'bondx_lib.epoch' in sys.modules")
        assert temperature == "warm"
        assert executed(tmp_path)[0].outputs[0].data["text/plain"] == "True"
        kernel, temperature = pool.take()
        kernel.kill()
        assert temperature == "cold"
    finally:
        pool.close()


def test_dead_prepared_kernel_is_replaced(tmp_path: Path) -> None:
    """A prepared kernel that died while it waited is not handed out."""
    pool = engine.OneShotPool(preload=None)
    pool.prepare()
    assert pool.ready is not None
    pid = pool.ready.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: gone(pid))
    kernel, temperature = pool.take()
    try:
        assert temperature == "cold"
        execute(tmp_path, kernel, "1")
    finally:
        kernel.kill()


def test_kernel_dies_with_its_runner() -> None:
    """A runner killed without warning takes its kernel with it."""
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with runner:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        assert eventually(lambda: Path(f"/proc/{pid}/stat").exists())
        runner.kill()
    assert eventually(lambda: gone(pid))


def test_kernel_is_this_python_with_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is the running interpreter; its fits take one thread, whatever others take."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    said = "import os, sys; print(sys.executable, os.environ['OMP_NUM_THREADS'])"
    execute(tmp_path, engine.Kernel(preload=None), said)
    assert executed(tmp_path)[0].outputs[0].text == f"{sys.executable} 1\n"


def _addresses(pid: int) -> set[str]:
    """Return the local addresses of a process's sockets of TCP and UDP, in hexadecimal."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            held.add(os.readlink(link))
    tables = [Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6", "udp", "udp6")]
    rows = [line.split() for table in tables if table.exists()
            for line in table.read_text().splitlines()[1:]]  # fmt: skip
    return {row[1].split(":")[0] for row in rows if f"socket:[{row[9]}]" in held}


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="only Linux tells")
@pytest.mark.parametrize(("address", "found"), [(None, set()), ("0.0.0.0", {"00000000"})])
def test_kernels_listen_to_no_network(
    address: str | None, found: set[str], tmp_path: Path, kernel: engine.Kernel
) -> None:
    """A working kernel has no socket that another machine can reach; if it had, we would see it."""
    told = tmp_path / "told"
    execute(
        tmp_path, kernel,
        "import contextlib, os, socket\nfrom pathlib import Path",
        inspect.getsource(_addresses),
        f"one = socket.socket()\none.bind(({address!r}, 0))\none.listen()" if address else "1 + 1",
        f"Path({str(told)!r}).write_text(' '.join(_addresses(os.getpid())))",
    )  # fmt: skip
    assert set(told.read_text().split()) - {"0100007F"} == found


def test_long_temporary_folder_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Socket paths have a short limit; a deep temporary folder must not break them."""
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    kernel = engine.Kernel(preload=None)
    execute(tmp_path, kernel, "1")
    assert statuses(tmp_path) == ["completed"]


def test_missing_notebook_is_bad_input() -> None:
    """A notebook that is not there is named."""
    with pytest.raises(BadInput, match="no such notebook"):
        engine.notebook_path("nonesuch")
