"""Execute the report's notebook and turn it into one self-contained page.

The kernel works in the run folder and is the interpreter that renders, with this very package on
its path, so a kernel specification of the same name elsewhere on the machine cannot step in.
Nothing that the clock or chance decides enters the notebook: rendered twice, the page has the same
bytes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode

from bondx_lib import artefacts
from bondx_lib.errors import BondXError
from bondx_lib.report.summary import summarise

PACKAGE: Final = Path(__file__).resolve().parents[1]
NOTEBOOK: Final = PACKAGE.parent / "notebooks" / "report.ipynb"
TEMPLATES: Final = PACKAGE / "templates"
CELL_SECONDS: Final = 300
LARGEST_BYTES: Final = 5 * 1024 * 1024


def render(run_dir: str | Path) -> Path:
    """Write ``report.json``, ``report.ipynb`` and ``report.html`` into a run folder.

    Parameters
    ----------
    run_dir
        Folder of a run whose log has ended.

    Returns
    -------
    The path of ``report.html``.

    Raises
    ------
    BadInput
        When the folder holds no readable run.
    BondXError
        When a cell of the report fails; the notebook is written up to that cell.
    """
    folder = Path(run_dir)
    summary = summarise(folder)
    artefacts.write_json(folder / "report.json", summary)
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    try:
        _execute(notebook, folder)
    finally:
        executed = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
        artefacts.write_text(folder / "report.ipynb", executed + "\n")
    page = to_html(notebook, summary["name"], summary["banner"])
    if len(page.encode()) > LARGEST_BYTES:
        raise BondXError(f"the report has {len(page.encode()):,} bytes, above {LARGEST_BYTES:,}")
    artefacts.write_text(folder / "report.html", page)
    return folder / "report.html"


def to_html(notebook: NotebookNode, name: str, banner: str = "") -> str:
    """Return an executed notebook as one page; code stays out, text from data is escaped."""
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="bondx",
        extra_template_basedirs=[str(TEMPLATES)],
        preprocessors=[],
        exclude_anchor_links=True,
    )
    resources = {
        "title": f"BondX report: {name}",
        "banner": banner.split(".")[0],
        "style": (TEMPLATES / "bondx" / "style.css").read_text(encoding="utf-8").strip(),
        "footer": "BondX. Every bond, issuer and price in this report is simulated.",
    }
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    return page.strip() + "\n"


def _execute(notebook: NotebookNode, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="bondx-") as private:
        manager = AsyncKernelManager(
            kernel_spec_manager=_OwnInterpreter(),
            transport="ipc",
            connection_file=str(Path(private) / "kernel.json"),
            ip=str(Path(private) / "kernel"),
        )
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            record_timing=False,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(folder)}},
        )
        client.km = manager
        try:
            client.execute(env=_environment())
        except CellExecutionError as error:
            raise BondXError(
                f"the report's notebook failed: {error.ename}: {error.evalue}"
            ) from error


def _environment() -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    paths = [str(PACKAGE.parent), *([inherited] if inherited else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


class _OwnInterpreter(KernelSpecManager):
    """Offer one kernel: the interpreter that is running."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the running interpreter under any name."""
        launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        quiet = ["--HistoryManager.enabled=False"]
        settings: dict[str, Any] = {"display_name": "Python 3", "language": "python"}
        return KernelSpec(argv=[*launch, *quiet], **settings)
