"""The benchmark of whole runs, run small: what it returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from bondx_lib import artefacts, parameters

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "sizes.py"
COMMITTED = ROOT / "benchmarks" / "results" / "sizes.json"


def test_a_small_job_is_measured(small):
    """Time, memory, disk and verdict, all of them above zero, and nothing that names a machine."""
    printed, result = small
    (found,) = result.values()
    assert (found["status"], found["epochs"], found["bonds"]) == ("epoch_limit", 1, 30)
    assert found["memory_bytes"] > 100 * 2**20
    assert 0 < found["processor_seconds"] < 4 * found["seconds"]
    assert found["disk_bytes"] > 2**20
    assert "epoch limit" in printed
    assert "/" not in str(found["machine"])


def test_a_job_that_fails_is_no_measure(script):
    """Negative control: a run that cannot begin ends the benchmark, and says with which code."""
    with pytest.raises(SystemExit, match="ended with 2"):
        script.measured({"dataset_size": -1})


def test_jobs_are_files_of_the_project(script):
    """From small to large, and each is read as any parameters file."""
    sizes_of = [
        parameters.load(ROOT / "parameters" / f"{name}.yaml").dataset_size for name in script.JOBS
    ]
    assert sizes_of == sorted(sizes_of)
    assert len(set(sizes_of)) == len(script.JOBS)


def test_what_was_measured_stands_in_the_documents(script, capsys):
    """The printed table of the committed result, and the time that documents promise."""
    script.main(["--from", str(COMMITTED)])
    assert capsys.readouterr().out in (ROOT / "benchmarks" / "README.md").read_text()
    result = artefacts.read_json(COMMITTED)
    assert "/" not in str([one["machine"] for one in result.values()])
    default = result["default"]
    minutes = f"{default['seconds'] / 60:.0f} minutes"
    for page in ("README.md", "docs/tutorial.md", "docs/nightly.md"):
        assert minutes in " ".join((ROOT / page).read_text().split()), page
    nightly = (ROOT / "docs" / "nightly.md").read_text()
    assert f"{default['disk_bytes'] / 2**20:.0f} MiB for {default['epochs']} epochs" in nightly
