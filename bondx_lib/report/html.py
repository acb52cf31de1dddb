"""Execute the report's notebook and turn it into one self-contained page.

The notebook is executed like any other of the project. Its own clock times are taken out and the
page shows none but those of the log, so rendering a sealed run again changes no byte of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import nbformat
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode

from bondx_lib import artefacts, engine, runlog
from bondx_lib.errors import BondXError
from bondx_lib.report.record import read
from bondx_lib.report.summary import summarise

TEMPLATES: Final = Path(__file__).resolve().parents[1] / "templates"
DEADLINE_SECONDS: Final = 600
LARGEST_BYTES: Final = 5 * 1024 * 1024
FOOTER: Final = "BondX. Every bond, issuer and price in this report is simulated."


def render(run_dir: str | Path, kernel: Callable[[], engine.Kernel] | None = None) -> Path:
    """Write ``report.json``, ``report.ipynb`` and ``report.html`` into a run folder.

    Parameters
    ----------
    run_dir
        Folder of a run whose log has ended.
    kernel
        Gives the kernel that is worked in; a new one if not given.

    Returns
    -------
    The path of ``report.html``.

    Raises
    ------
    BadInput
        When the folder holds no readable run, or one that has not ended.
    BondXError
        When a cell of the report fails, in which case the notebook is there to show where, or when
        the page is too large.
    """
    folder = Path(run_dir).resolve()
    record = read(folder)
    runlog.must_have_ended(record.state, folder, "reported")
    summary = summarise(record)
    artefacts.write_json(folder / "report.json", summary)
    notebook = _executed(folder, kernel or (lambda: engine.Kernel(preload=None)))
    page = to_html(notebook, summary["name"], summary["banner"])
    if len(page.encode()) > LARGEST_BYTES:
        raise BondXError(f"the report has {len(page.encode()):,} bytes, above {LARGEST_BYTES:,}")
    artefacts.write_text(folder / "report.html", page)
    return folder / "report.html"


def to_html(
    notebook: NotebookNode,
    name: str,
    banner: str = "",
    title: str = "BondX report",
    footer: str = FOOTER,
) -> str:
    """Return an executed notebook as one page; code stays out, text from data is escaped.

    Parameters
    ----------
    notebook
        The executed notebook; of its outputs only text, PNG and our own types are shown.
    name
        Name of the run, for the title.
    banner
        Its first sentence is repeated on every page; empty for none.
    title, footer
        What the page is, before the name, and what it ends with.
    """
    exporter = HTMLExporter(
        template_name="bondx",
        extra_template_basedirs=[str(TEMPLATES)],
        preprocessors=[],
        exclude_anchor_links=True,
    )
    resources = {
        "title": f"{title}: {name}",
        "banner": banner.split(".")[0],
        "style": (TEMPLATES / "bondx" / "style.css").read_text(encoding="utf-8").strip(),
        "footer": footer,
    }
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    return str(page).strip() + "\n"


def _executed(folder: Path, kernel: Callable[[], engine.Kernel]) -> NotebookNode:
    output = folder / "report.ipynb"
    try:
        engine.execute(
            engine.notebook_path("report"), output, {"run_dir": str(folder)},
            kernel(), DEADLINE_SECONDS,
        )  # fmt: skip
    except engine.CellFailed as error:
        raise BondXError(f"the report's notebook failed: {error}") from error
    notebook = _timeless(nbformat.read(output, as_version=4))
    artefacts.write_text(output, nbformat.writes(notebook) + "\n")
    return notebook


def _timeless(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook without clock times and chance names: rendered again it is the same."""
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "run"
    notebook.metadata.pop("papermill", None)
    return notebook
