"""The benchmark of validation, run small: what it returns, not how fast."""

from __future__ import annotations

from pathlib import Path

from bondx_lib import artefacts

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "validate.py"
COMMITTED = ROOT / "benchmarks" / "results" / "validate.json"


def test_a_small_run_has_the_shape_of_the_committed_one(small):
    """Same parts and measures, and nothing that names a machine."""
    printed, result = small
    committed = artefacts.read_json(COMMITTED)
    assert set(result) == set(committed)
    for name, found in committed["measures"].items():
        assert set(result["measures"][name]) == set(found)
        assert all(call in printed for call in found)
    assert "/" not in str(committed["machine"])


def test_memory_does_not_grow_with_the_rows():
    """As committed: ten times the rows in less than twice the memory, a million in a minute."""
    committed = artefacts.read_json(COMMITTED)
    rows, measures = committed["size"]["rows"], committed["measures"]
    assert rows["long"] > 9_900_000
    assert rows["long"] > 9 * rows["file"]
    assert (
        measures["long"]["validate"]["peak_bytes"] < 2 * measures["file"]["validate"]["peak_bytes"]
    )
    assert measures["file"]["validate"]["processor_seconds"] < 60
