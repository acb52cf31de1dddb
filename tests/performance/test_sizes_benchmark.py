"""The benchmark of whole runs, run small: what it returns; and what was committed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bondx_lib import artefacts, parameters

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "sizes.py"
COMMITTED = ROOT / "benchmarks" / "results" / "sizes.json"


@pytest.fixture(scope="module")
def sizes():
    """The script as a module; it looks for others beside itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        import sizes

        yield sizes
        sys.modules.pop("sizes")


def test_a_small_job_has_the_measures_of_the_committed_ones(tmp_path):
    """Same measures, all of them above zero, and nothing that names a machine."""
    path = tmp_path / "sizes.json"
    call = [sys.executable, SCRIPT, "--small", "--output", path]
    done = subprocess.run(call, check=True, capture_output=True, text=True, cwd=ROOT)
    result, committed = artefacts.read_json(path), artefacts.read_json(COMMITTED)
    (found,) = result["measures"].values()
    assert all(set(one) == set(found) for one in committed["measures"].values())
    assert (found["status"], found["epochs"], found["bonds"]) == ("epoch_limit", 1, 30)
    assert found["memory_bytes"] > 100 * 2**20
    assert 0 < found["processor_seconds"] < 4 * found["seconds"]
    assert found["disk_bytes"] > 2**20
    assert "epoch_limit" in done.stdout
    assert "/" not in str(committed["machine"])


def test_what_was_measured_stands_in_the_documents(sizes, capsys):
    """The printed table of the committed result; each job is a file of the project as it is."""
    sizes.main(["--from", str(COMMITTED)])
    printed = capsys.readouterr().out
    assert printed in (ROOT / "benchmarks" / "README.md").read_text()
    measures = artefacts.read_json(COMMITTED)["measures"]
    assert list(measures) == list(sizes.JOBS)
    for name, found in measures.items():
        chosen = parameters.load(ROOT / "parameters" / f"{name}.yaml")
        assert found["bonds"] == chosen.dataset_size
        assert 0 < found["epochs"] <= chosen.max_epochs
    order = [found["bonds"] for found in measures.values()]
    assert order == sorted(order)


def test_a_job_that_fails_is_no_measure(sizes):
    """Negative control: a run that cannot begin ends the benchmark, and says with which code."""
    with pytest.raises(SystemExit, match="ended with 2"):
        sizes.measured({"dataset_size": -1})


def test_jobs_are_what_the_files_say(sizes):
    """Nothing is changed on the way."""
    for name in sizes.JOBS:
        file = ROOT / "parameters" / f"{name}.yaml"
        assert sizes.parameters_of(name) == yaml.safe_load(file.read_text())
