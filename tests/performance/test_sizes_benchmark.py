"""The benchmark of whole runs, run small: what it returns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bondx_lib import artefacts, parameters

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "sizes.py"


@pytest.fixture(scope="module")
def sizes():
    """The script as a module; it looks for others beside itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        import sizes

        yield sizes
        sys.modules.pop("sizes")


def test_a_small_job_is_measured(tmp_path):
    """Time, memory, disk and verdict, all of them above zero, and nothing that names a machine."""
    path = tmp_path / "sizes.json"
    call = [sys.executable, SCRIPT, "--small", "--output", path]
    done = subprocess.run(call, check=True, capture_output=True, text=True, cwd=ROOT)
    result = artefacts.read_json(path)
    (found,) = result["measures"].values()
    assert (found["status"], found["epochs"], found["bonds"]) == ("epoch_limit", 1, 30)
    assert found["memory_bytes"] > 100 * 2**20
    assert 0 < found["processor_seconds"] < 4 * found["seconds"]
    assert found["disk_bytes"] > 2**20
    assert "epoch_limit" in done.stdout
    assert "/" not in str(result["machine"])


def test_a_job_that_fails_is_no_measure(sizes):
    """Negative control: a run that cannot begin ends the benchmark, and says with which code."""
    with pytest.raises(SystemExit, match="ended with 2"):
        sizes.measured({"dataset_size": -1})


def test_jobs_are_files_of_the_project(sizes):
    """From small to large, and each is read as any parameters file."""
    sizes_of = [
        parameters.load(ROOT / "parameters" / f"{name}.yaml").dataset_size for name in sizes.JOBS
    ]
    assert sizes_of == sorted(sizes_of)
    assert len(set(sizes_of)) == 3
