"""The controller as its notebook and its buttons use it, on a real run."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from bondx_lib import dashboard
from bondx_lib.dashboard.controller import Controller

from . import headless

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was started, stopped by its button and finished as a process of its own."""
    base = tmp_path_factory.mktemp("house") / "runs"
    one = Controller(base, ROOT / "parameters")
    one._file.value = str(ROOT / "parameters" / "smoke.yaml")
    one._fields["name"].value = "by-button"
    folder = one.start()
    one._buttons["Stop"].click()
    assert one._processes[0].wait(240) == 0
    one.update()
    one.detach()
    assert "stopped on request" in one.snapshot()
    return folder


def test_run_started_by_button_obeys_its_stop(run_dir: Path) -> None:
    """The run stops between two epochs, with report and seal, and is found again by its name."""
    one = dashboard.Watcher(run_dir).look()
    assert one.state == "stopped"
    assert one.committed < 3
    assert (run_dir / "report.html").is_file()
    assert (run_dir / "SHA256SUMS").is_file()
    assert "by-button" in run_dir.name


@pytest.mark.parametrize("filled", [True, False])
def test_notebook_runs_headless(filled: bool, run_dir: Path, tmp_path: Path) -> None:
    """The notebook executes from top to bottom with and without runs, and shows the panel."""
    house = run_dir.parents[1] if filled else tmp_path
    (house / "parameters").mkdir(exist_ok=True)
    notebook = nbformat.read(ROOT / "notebooks" / "controller.ipynb", as_version=4)
    outputs = headless.execute(notebook, house, timeout=120)
    assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in outputs)
    assert not any(output.output_type == "error" for output in outputs)
