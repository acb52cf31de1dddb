"""The notebook that explores the market, executed as a reader would, only smaller."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from . import headless

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "explore_market.ipynb"
SMALL = {"bonds": 600, "months": 120, "seeds": 2, "worlds": 2}
FIGURES = 7


@pytest.mark.parametrize("folder", [ROOT, ROOT / "notebooks"], ids=["root", "notebooks"])
def test_notebook_runs_headless(folder: Path) -> None:
    """The notebook executes from either folder, and every figure says what it shows."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (place,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    assert set(SMALL) == {line.split(" = ")[0] for line in place.source.splitlines()}
    place.source = "\n".join(f"{key} = {value}" for key, value in SMALL.items())
    outputs = headless.execute(notebook, folder, timeout=240)
    assert {output.output_type for output in outputs} <= {"display_data", "execute_result"}
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == FIGURES
    for picture in pictures:
        alternative = picture.metadata["image/png"]["alt"]
        assert alternative.endswith(".")
        assert "nan" not in alternative.split()


def test_notebook_reads_like_the_others() -> None:
    """Parameters come first, prose before code, cells stay short and define nothing."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert [cell.cell_type for cell in cells[:3]] == ["markdown", "code", "markdown"]
    assert cells[1].metadata["tags"] == ["parameters"]
    for cell in cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= 13
            assert not any(line.lstrip().startswith(("def ", "class ")) for line in lines)
            assert not cell.outputs
