"""The notebooks that explore market, models and gates, executed as a reader would, only smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from . import headless

ROOT = Path(__file__).resolve().parents[2]
PLACES = {"root": ROOT, "notebooks": ROOT / "notebooks"}
SMALL: dict[str, dict[str, Any]] = {
    "explore_market": {"bonds": 300, "months": 120, "seeds": 2, "worlds": 2},
    "explore_models": {"histories": 4, "bonds": 40, "worlds": 2},
    "explore_gates": {"bonds": 100, "damaged": 2},
}
FIGURES = {"explore_market": 7, "explore_models": 9, "explore_gates": 1}
RUNS = (
    ("explore_market", "root"), ("explore_models", "notebooks"), ("explore_gates", "notebooks"),
)  # fmt: skip


def read(name: str) -> nbformat.NotebookNode:
    """Return a notebook as it is kept."""
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize(("name", "place"), RUNS)
def test_notebook_runs_headless(name: str, place: str) -> None:
    """They execute from their folder and from the root; every figure says what it shows."""
    notebook, small = read(name), SMALL[name]
    (first,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    assert set(small) == {line.split(" = ")[0] for line in first.source.splitlines()}
    first.source = "\n".join(f"{key} = {value}" for key, value in small.items())
    outputs = headless.execute(notebook, PLACES[place], timeout=240)
    kinds = {"display_data", "execute_result"} | ({"stream"} if name == "explore_models" else set())
    assert {output.output_type for output in outputs} <= kinds
    assert not any(output.get("name") == "stderr" for output in outputs)
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == FIGURES[name]
    for picture in pictures:
        alternative = picture.metadata["image/png"]["alt"]
        assert alternative.endswith(".")
        assert "nan" not in alternative.split()


@pytest.mark.parametrize("name", SMALL)
def test_notebook_reads_like_the_others(name: str) -> None:
    """Parameters come first, prose before code, cells stay short and define nothing but a gate."""
    cells = read(name).cells
    assert [cell.cell_type for cell in cells[:3]] == ["markdown", "code", "markdown"]
    assert cells[1].metadata["tags"] == ["parameters"]
    for cell in cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= 13
            if "@gates.register" not in lines:
                assert not any(line.lstrip().startswith(("def ", "class ")) for line in lines)
            assert not cell.outputs
