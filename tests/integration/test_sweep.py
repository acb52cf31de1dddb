"""A small sweep of real runs: interrupted, resumed, equal to one that was not, and its notebook."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from bondx_lib import evidence, runlog, sweep

from . import headless

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "compare_runs.ipynb"
MAX_LINES = 13
BLOCKS = {
    "name": "tiny", "base": str(ROOT / "parameters" / "smoke.yaml"), "workers": 1,
    "set": {"models": ["spread"], "max_epochs": 1}, "grid": {"random_seed": [42, 43]},
}  # fmt: skip


def program(*arguments: str | Path, home: Path) -> subprocess.Popen[str]:
    """Start the command in a session of its own, where the tests' signals reach it alone."""
    file = home / "tiny.yaml"
    file.write_text(yaml.safe_dump(BLOCKS))
    return subprocess.Popen(
        [sys.executable, "-m", "bondx_lib", "sweep", *map(str, arguments)], cwd=home, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def wait_for(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        if reached():
            return
        time.sleep(0.05)
    raise AssertionError("the sweep did not get there")


def without_clock(folder: Path) -> Any:
    document = json.loads((folder / "sweep.json").read_text())
    clock = document.pop("clock")
    assert all(one["minutes"] > 0 for one in clock.values())
    return document


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A sweep that nothing disturbed, two runs side by side, and what it said."""
    home = tmp_path_factory.mktemp("whole")
    process = program("-f", "tiny.yaml", "--workers", "2", "--output", "runs", home=home)
    said, _ = process.communicate(timeout=280)
    assert process.returncode == 0, said
    return sweep.find(home / "runs"), said


def test_sweep_ends_with_runs_table_and_files(whole: tuple[Path, str]) -> None:
    """Each run is a run like any other, sealed, and the tables say what it came to."""
    folder, said = whole
    compared = sweep.of_sweep(folder)
    assert [run.name for run in compared.runs] == ["seed42", "seed43"]
    for run in compared.runs:
        assert run.folder is not None
        assert run.state.parameters["models"] == ["spread"]
        assert evidence.verify(run.folder) == []
    for words in ("seed42", "seed43", "epoch limit", "random seed 43", "different audit markets"):
        assert words in said
    assert max(map(len, said.splitlines()[1:])) <= 80
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        "base.yaml", "sweep.yaml", "sweep.json", "sweep.csv", "run.lock",
    }  # fmt: skip


def test_interrupted_sweep_ends_like_one_that_was_not(
    whole: tuple[Path, str], tmp_path: Path
) -> None:
    """An interrupt leaves no process and resumable runs; resumed, all but the clock is equal."""
    process = program("-f", "tiny.yaml", "--output", "runs", home=tmp_path)

    def training() -> bool:
        logs = tmp_path.glob(f"runs/*/*seed42*/{runlog.LOG_NAME}")
        return any(runlog.replay(runlog.read(log)).stage == "train" for log in logs)

    wait_for(training, process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    folder = sweep.find(tmp_path / "runs")
    assert f"go on with: bondx sweep --resume {Path('runs') / folder.name}" in said
    first, second = sweep.of_sweep(folder).runs
    assert (first.status, second.status) == ("interrupted", "waiting")
    assert first.folder is not None
    assert not runlog.RunLock.holder(first.folder)
    again = program("--resume", folder, home=tmp_path)
    said, _ = again.communicate(timeout=280)
    assert again.returncode == 0, said
    assert without_clock(folder) == without_clock(whole[0])


def shown(notebook: nbformat.NotebookNode, parameters: dict[str, Any]) -> list[Any]:
    (first,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    assert set(parameters) == {line.split(" = ")[0] for line in first.source.splitlines()}
    first.source = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    return headless.execute(notebook, NOTEBOOK.parent, timeout=240)


def test_notebook_shows_the_sweep(whole: tuple[Path, str]) -> None:
    """Both figures with their words, and the tables of verdicts, skills and settings."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    outputs = shown(notebook, {"sweep_dir": str(whole[0]), "run_dirs": []})
    assert {output.output_type for output in outputs} == {"execute_result"}
    pictures = [one for one in outputs if "image/png" in one.data]
    assert len(pictures) == 2
    for picture in pictures:
        assert "2 runs" in picture.metadata["image/png"]["alt"]
    tables = "".join(one.data.get("text/html", "") for one in outputs)
    for words in ("seed43", "epoch limit", "95 %", "all runs"):
        assert words in tables or words in str(pictures)


def test_notebook_without_a_sweep_says_how_to_make_one(tmp_path: Path) -> None:
    """In a place without runs the notebook runs to its end and names the command."""
    place = tmp_path / "notebooks"
    place.mkdir()
    shutil.copy(NOTEBOOK, place)
    outputs = headless.execute(nbformat.read(NOTEBOOK, as_version=4), place, timeout=120)
    texts = [output.data["text/plain"] for output in outputs]
    assert "bondx sweep -f" in texts[0]
    assert sum(text.startswith("Not shown") for text in texts) == 2


def test_notebook_reads_like_the_others() -> None:
    """Parameters come first, prose before code, cells stay short and define nothing."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert [cell.cell_type for cell in cells[:3]] == ["markdown", "code", "markdown"]
    assert cells[1].metadata["tags"] == ["parameters"]
    for cell in cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= MAX_LINES
            assert not any(line.lstrip().startswith(("def ", "class ")) for line in lines)
            assert not cell.outputs
