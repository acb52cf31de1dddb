"""Execute a notebook without a browser, on the code under test."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]


def execute(notebook: nbformat.NotebookNode, folder: Path, timeout: int) -> list[dict]:
    """Run all cells in a folder and return their outputs."""
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=resources)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        client.execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]
