"""The controller as its notebook and its buttons use it, on a real run."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import pytest

from bondx_lib import dashboard, evidence
from bondx_lib.dashboard.controller import Controller

from . import headless

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was started, stopped by its button and finished as a process of its own."""
    base = tmp_path_factory.mktemp("house") / "runs"
    one = Controller(base, ROOT / "parameters")
    one._form.file.value = "smoke"
    one._form.fields["name"].value = "by-button"
    one._buttons["Start"].click()
    one.wait()
    folder = one._folder()
    one._buttons["Stop after this epoch"].click()
    one.wait()
    until = time.monotonic() + 240
    while evidence.pack_id(folder) is None and time.monotonic() < until:
        time.sleep(0.2)
    one._buttons["Verify"].click()
    one.wait()
    assert "nothing has changed" in one._message.value
    assert "stopped on request" in one.snapshot()
    one._choice.index = 4
    assert "<svg" in one._data.spreads.value
    one.detach()
    return folder


def test_run_started_by_button_obeys_its_stop(run_dir: Path) -> None:
    """The run stops between two epochs, with report and seal, and is found again by its name."""
    one = dashboard.Watcher(run_dir).look()
    assert one.state == "stopped"
    assert one.committed < 3
    assert (run_dir / "report.html").is_file()
    assert (run_dir / "SHA256SUMS").is_file()
    assert "by-button" in run_dir.name


def test_report_is_rendered_again_to_the_same_bytes(run_dir: Path) -> None:
    """The button leaves a sealed run as it was sealed."""
    one = Controller(run_dir.parent, ROOT / "parameters")
    one._buttons["Render report"].click()
    one.wait()
    assert "rendered" in one._message.value
    one.detach()
    assert evidence.verify(run_dir) == []


@pytest.mark.parametrize("filled", [True, False])
def test_notebook_runs_headless(filled: bool, run_dir: Path, tmp_path: Path) -> None:
    """The notebook executes from top to bottom with and without runs, and its outputs are few."""
    house = run_dir.parents[1] if filled else tmp_path
    (house / "parameters").mkdir(exist_ok=True)
    notebook = nbformat.read(ROOT / "notebooks" / "controller.ipynb", as_version=4)
    outputs = headless.execute(notebook, house, timeout=120)
    kinds = [kind for output in outputs for kind in output.get("data", ())]
    assert kinds.count("application/vnd.jupyter.widget-view+json") == 1
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}
    assert sum(len(str(output)) for output in outputs) < 100_000
