"""Execute one notebook through papermill, truthfully and with a kernel of our own.

Differences from papermill's default engine, each for a measured reason:

* the executed notebook is saved by renaming a whole file, never in place;
* when a kernel dies or an execution is broken off, the cell that ran is marked failed and the cells
  after it stay pending, before the error is raised;
* the kernel may have been started beforehand (its imports done while the previous epoch ran); it is
  used once and then ended, so no state and no file handle passes from epoch to epoch;
* a deadline for the whole notebook;
* the kernel listens on sockets in a private folder, not on TCP ports, runs this very Python, and
  dies with the process that started it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async, run_sync
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from bondx_lib.artefacts import write_text
from bondx_lib.errors import BadInput, BondXError

NAME: Final = "bondx"
START_SECONDS: Final = 90
MESSAGE_SECONDS: Final = 60
GRACE_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 5.0
SAVE_SECONDS: Final = 1.0
LONGEST_BASE: Final = 60
"""Addresses of local sockets hold about 100 bytes, so the folder above them must be short."""
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
PRELOAD: Final = "import bondx_lib.epoch"
ROOT: Final = Path(__file__).resolve().parent.parent
ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}  # fmt: skip


class KernelLost(BondXError):
    """A kernel did not start, died, or passed the deadline: worth another try."""


class CellFailed(BondXError):
    """A cell raised: ``error`` and ``message`` name it, ``traceback`` is the cell's own."""

    def __init__(self, error: str, message: str, traceback: str) -> None:
        super().__init__(error, message, traceback)
        self.error = error
        self.message = message
        self.traceback = COLOURS.sub("", traceback)

    def __str__(self) -> str:
        """Name the error."""
        return f"{self.error}: {self.message}"


class Kernel:
    """A kernel process that is used for one notebook.

    Parameters
    ----------
    preload
        A statement the kernel runs while it starts, so that imports cost nothing later.
    environment
        Variables beside those of this process.

    Raises
    ------
    KernelLost
        When the process cannot be started.
    """

    def __init__(
        self, preload: str | None = PRELOAD, environment: Mapping[str, str] | None = None
    ) -> None:
        base = tempfile.gettempdir()
        self.folder = Path(
            tempfile.mkdtemp(prefix="bondx-", dir=base if len(base) <= LONGEST_BASE else "/tmp")  # noqa: S108
        )
        self.manager = AsyncKernelManager(
            transport="ipc",
            ip=str(self.folder / "k"),
            connection_file=str(self.folder / "kernel.json"),
        )
        self.manager._kernel_spec = _specification(preload)
        try:
            with (self.folder / "stderr").open("wb") as errors:
                run_sync(self.manager.start_kernel)(
                    env=_environment(self.folder, environment or {}),
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
        except Exception as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise KernelLost(f"the kernel did not start: {error}") from error

    @property
    def pid(self) -> int | None:
        """Return the process id, or None once the kernel is gone."""
        process = self._process()
        return None if process is None else int(process.pid)

    def alive(self) -> bool:
        """Say whether the process runs."""
        process = self._process()
        return process is not None and process.poll() is None

    def last_words(self) -> str:
        """Return the last line the process wrote to its standard error."""
        with contextlib.suppress(OSError):
            lines = (self.folder / "stderr").read_text(errors="replace").splitlines()
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    def stop(self) -> None:
        """Ask the process to end, without waiting; whoever executes in it gets KernelLost."""
        if self.alive():
            self._process().terminate()

    def kill(self) -> None:
        """End the process and remove its sockets; safe to call again.

        It is asked first, so that a coverage measurement inside it can be saved; without one it
        ends at once.
        """
        process = self._process()
        if self.alive():
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(FAREWELL_SECONDS)
        with contextlib.suppress(Exception):
            run_sync(self.manager.shutdown_kernel)(now=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _process(self) -> Any:
        return getattr(self.manager.provisioner, "process", None)


class OneShotPool:
    """Keeps one kernel ready for the next notebook; parameters as in :class:`Kernel`."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, preload: str | None = PRELOAD
    ) -> None:
        self._preload = preload
        self._environment = environment
        self.ready: Kernel | None = None

    def take(self) -> tuple[Kernel, str]:
        """Return a kernel and whether it was ``warm`` or had to be started ``cold``."""
        kernel, self.ready = self.ready, None
        if kernel is not None and kernel.alive():
            return kernel, "warm"
        if kernel is not None:
            kernel.kill()
        return Kernel(self._preload, self._environment), "cold"

    def prepare(self) -> None:
        """Start the next kernel; its imports run beside the current work."""
        if self.ready is None:
            self.ready = Kernel(self._preload, self._environment)

    def close(self) -> None:
        """End the kernel that nobody took."""
        if self.ready is not None:
            self.ready.kill()
            self.ready = None


class BondXEngine(Engine):  # type: ignore[misc]
    """The papermill engine; see the module."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        *,
        kernel: Kernel,
        save_to: Path,
        **settings: Any,
    ) -> Any:
        """Execute the notebook in the given kernel and save it whole, however it ends."""
        nb.metadata.papermill["input_path"] = save_to.name
        record = _Record(nb, save_to)
        client = _Client(
            record, km=kernel.manager, timeout=None, startup_timeout=START_SECONDS,
            iopub_timeout=MESSAGE_SECONDS,
        )  # fmt: skip
        record.notebook_start()
        try:
            client.execute(cleanup_kc=True)
        finally:
            record.notebook_complete()
        return nb


class _Record(NotebookExecutionManager):  # type: ignore[misc]
    """The notebook being executed, as it is written down: whole, and true when work breaks off."""

    def __init__(self, notebook: Any, save_to: Path) -> None:
        super().__init__(notebook, progress_bar=False, autosave_cell_every=0)
        self._save_to = save_to
        self._saved = float("-inf")

    def save(self, *, now: bool = False, **settings: Any) -> None:
        """Save, but not more often than once a second unless it must be now."""
        if now or time.monotonic() - self._saved >= SAVE_SECONDS:
            write_text(self._save_to, nbformat.writes(self.nb))
            self._saved = time.monotonic()

    def notebook_complete(self, **settings: Any) -> None:
        """Note the end and save; papermill would call cells completed that never ran."""
        self.end_time = self.now()
        facts = self.nb.metadata.papermill
        facts["end_time"] = self.end_time.isoformat()
        facts["duration"] = (self.end_time - self.start_time).total_seconds()
        self.save(now=True)


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, stopping at the first cell that does not end well."""

    def papermill_execute_cells(self) -> None:
        """Execute the cells in order, marking the one that breaks off as failed."""
        for index, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, index)
            try:
                self.execute_cell(cell, index)
            except BaseException as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                raise
            finally:
                self.nb_man.cell_complete(cell, cell_index=index)

    async def _async_cleanup_kernel(self) -> None:
        """Close the channels; whoever started the kernel ends it."""
        client: Any = getattr(self, "kc", None)
        if client is not None:
            await ensure_async(client.stop_channels())
            self.kc = None

    _cleanup_kernel = run_sync(_async_cleanup_kernel)


papermill_engines.register(NAME, BondXEngine)


class _Deadline:
    """Interrupts a kernel, and then kills it, when a notebook takes too long."""

    def __init__(self, kernel: Kernel, seconds: float) -> None:
        self.passed = False
        self._pid = kernel.pid
        self._over = threading.Event()
        self._timer = threading.Timer(seconds, self._strike)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._timer.cancel()
        self._timer.join()

    def _strike(self) -> None:
        self.passed = True
        for number in (signal.SIGINT, signal.SIGKILL):
            if self._pid is None or self._over.is_set():
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)
            self._over.wait(GRACE_SECONDS)


def notebook_path(name: str) -> Path:
    """Return the path of one of the project's notebooks.

    Raises
    ------
    BadInput
        When the notebooks are not where the package was installed from.
    """
    path = ROOT / "notebooks" / f"{name}.ipynb"
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
        A fresh kernel; it is ended in the end.
    deadline_seconds
        Longest the whole notebook may take.

    Raises
    ------
    KernelLost
        When the kernel died or the deadline passed.
    CellFailed
        When a cell raised.
    """
    source = nbformat.read(notebook, as_version=4)
    deadline = _Deadline(kernel, deadline_seconds)
    try:
        with deadline:
            papermill.execute_notebook(
                source, None, parameters=dict(values), engine_name=NAME, progress_bar=False,
                kernel_name="python3", language="python", kernel=kernel, save_to=output,
            )  # fmt: skip
    except (CellExecutionError, DeadKernelError, TimeoutError, RuntimeError) as error:
        if deadline.passed:
            raise KernelLost(f"the kernel took more than {deadline_seconds:g} s") from error
        if isinstance(error, CellExecutionError):
            raise CellFailed(error.ename, error.evalue, error.traceback) from None
        raise KernelLost(f"the kernel died: {kernel.last_words() or error}") from error
    finally:
        kernel.kill()


def _specification(preload: str | None) -> KernelSpec:
    """Return the running interpreter as a kernel, whatever kernels are installed elsewhere."""
    quiet = ["--HistoryManager.enabled=False", "--IPKernelApp.ignore_cwd=True"]
    lines = [f"--IPKernelApp.exec_lines={preload}"] if preload else []
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return KernelSpec(argv=[*launch, *quiet, *lines], display_name="Python 3", language="python")


def _environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        **ONE_THREAD,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *([inherited] if inherited else [])]),
        "IPYTHONDIR": str(folder),
        **more,
    }
