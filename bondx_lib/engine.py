"""Execute one notebook through papermill, truthfully and with a kernel of our own.

Differences from papermill's default engine, each for a measured reason:

* the executed notebook is saved by renaming a whole file, never in place;
* when a kernel dies or an execution is broken off, the cell that ran is marked failed and the cells
  after it pending, before the error is raised;
* the kernel may have been started beforehand (its imports done while the previous epoch ran); it is
  used once and then killed, so no state and no file handle passes from epoch to epoch;
* a deadline for the whole notebook;
* the kernel listens on sockets in a private folder, not on TCP ports, runs this very Python, and
  dies with the process that started it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from bondx_lib.artefacts import write_text
from bondx_lib.errors import BadInput, BondXError

NAME: Final = "bondx"
START_SECONDS: Final = 90
GRACE_SECONDS: Final = 5.0
PRELOAD: Final = "import bondx_lib.epoch"
ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}  # fmt: skip


class KernelLost(BondXError):
    """A kernel did not start, died, or passed the deadline: worth another try."""


class Kernel:
    """A kernel process that is used for one notebook.

    Parameters
    ----------
    preload
        A statement the kernel runs while it starts, so that imports cost nothing later.
    """

    def __init__(self, preload: str | None = PRELOAD) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bondx-"))
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        if preload:
            argv.append(f"--IPKernelApp.exec_lines=['{preload}']")
        self.manager = AsyncKernelManager(
            transport="ipc",
            ip=str(self._folder / "k"),
            connection_file=str(self._folder / "kernel.json"),
        )
        self.manager._kernel_spec = KernelSpec(
            argv=argv, display_name="Python 3", language="python"
        )
        try:
            run_sync(self.manager.start_kernel)(env={**os.environ, **ONE_THREAD})
        except Exception as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise KernelLost(f"the kernel did not start: {error}") from error

    @property
    def pid(self) -> int | None:
        """Return the process id, or None once the kernel is gone."""
        process = getattr(self.manager.provisioner, "process", None)
        return None if process is None else int(process.pid)

    def interrupt(self) -> None:
        """Ask the running cell to stop."""
        run_sync(self.manager.interrupt_kernel)()

    def kill(self) -> None:
        """End the process at once and remove its sockets; safe to call again."""
        with contextlib.suppress(Exception):
            run_sync(self.manager.shutdown_kernel)(now=True)
        self.manager.cleanup_connection_file()
        shutil.rmtree(self._folder, ignore_errors=True)


class OneShotPool:
    """Keeps one kernel ready for the next notebook."""

    def __init__(self) -> None:
        self._ready: Kernel | None = None

    def take(self) -> tuple[Kernel, str]:
        """Return a kernel and whether it was ``warm`` or had to be started ``cold``."""
        kernel, self._ready = self._ready, None
        if kernel is not None and run_sync(kernel.manager.is_alive)():
            return kernel, "warm"
        if kernel is not None:
            kernel.kill()
        return Kernel(), "cold"

    def prepare(self) -> None:
        """Start the next kernel; its imports run beside the current notebook."""
        if self._ready is None:
            self._ready = Kernel()

    def close(self) -> None:
        """Kill the kernel that nobody took."""
        if self._ready is not None:
            self._ready.kill()
            self._ready = None


class _Deadline:
    """Interrupts a kernel, and then kills it, when a notebook takes too long."""

    def __init__(self, kernel: Kernel, seconds: float) -> None:
        self.passed = False
        self._pid = kernel.pid
        self._timer = threading.Timer(seconds, self._strike)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()

    def _strike(self) -> None:
        self.passed = True
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, 9)


class BondXEngine(Engine):
    """The papermill engine; see the module."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        kernel: Kernel,
        output: Path,
        **settings: Any,
    ) -> None:
        """Execute the notebook in the given kernel and save it whole, however it ends."""
        client = _Client(nb_man, km=kernel.manager, timeout=None, startup_timeout=START_SECONDS)
        client.save_to = output
        try:
            client.execute(cleanup_kc=True)
        finally:
            _tell_the_truth(nb_man.nb)
            _save(nb_man.nb, output)


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, saving the notebook whole after each cell."""

    save_to: Path

    def execute_cell(self, cell: Any, cell_index: int, **settings: Any) -> Any:
        """Execute one cell and save."""
        try:
            return super().execute_cell(cell, cell_index, **settings)
        finally:
            _save(self.nb, self.save_to)


papermill_engines.register(NAME, BondXEngine)


def notebook_path(name: str) -> Path:
    """Return the path of one of the project's notebooks.

    Raises
    ------
    BadInput
        When the notebooks are not where the package was installed from.
    """
    path = Path(__file__).resolve().parent.parent / "notebooks" / f"{name}.ipynb"
    if not path.is_file():
        raise BadInput(
            "there is no such notebook", source=str(path),
            admissible="an editable install from a clone of the project",
        )  # fmt: skip
    return path


def execute(
    notebook: Path,
    output: Path,
    values: Mapping[str, str | int],
    kernel: Kernel,
    deadline_seconds: float,
) -> None:
    """Execute a notebook with injected parameters.

    Parameters
    ----------
    notebook, output
        What to execute and where to save the executed notebook.
    values
        Plain literals for the notebook's parameters.
    kernel
        A fresh kernel; it is killed in the end.
    deadline_seconds
        Longest the whole notebook may take.

    Raises
    ------
    KernelLost
        When the kernel died or the deadline passed.
    papermill.PapermillExecutionError
        When a cell raised.
    """
    try:
        source = nbformat.read(notebook, as_version=4)
        with _Deadline(kernel, deadline_seconds) as deadline:
            try:
                papermill.execute_notebook(
                    source, None, parameters=dict(values), engine_name=NAME, progress_bar=False,
                    request_save_on_cell_execute=False, kernel=kernel, output=output,
                    kernel_name="python3", language="python",
                )  # fmt: skip
            except (DeadKernelError, CellTimeoutError, TimeoutError, RuntimeError) as error:
                if isinstance(error, PapermillExecutionError):
                    raise
                what = f"took more than {deadline_seconds:g} s" if deadline.passed else "died"
                raise KernelLost(f"the kernel {what}") from error
    finally:
        kernel.kill()


def _tell_the_truth(notebook: Any) -> None:
    """Mark the cell that was running as failed and the ones that never ran as pending."""
    for cell in notebook.cells:
        state = cell.metadata.get("papermill", {})
        if cell.cell_type != "code" or not state:
            continue
        never_ran = cell.get("execution_count") is None and not cell.get("outputs")
        if state.get("status") == "running" or state.get("exception"):
            state["status"] = "failed"
        elif never_ran:
            state["status"] = "pending"
    failed = [cell for cell in notebook.cells if _status(cell) == "failed"]
    pending = [cell for cell in notebook.cells if _status(cell) == "pending"]
    if pending and not failed:
        pending[0].metadata["papermill"]["status"] = "failed"


def _status(cell: Any) -> str:
    return str(cell.metadata.get("papermill", {}).get("status"))


def _save(notebook: Any, output: Path) -> None:
    write_text(output, nbformat.writes(notebook))
