"""The benchmark of scoring, run small: what it returns, not how fast."""

from __future__ import annotations

from pathlib import Path

from bondx_lib import artefacts

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "score.py"
COMMITTED = ROOT / "benchmarks" / "results" / "score.json"


def test_a_small_run_has_the_shape_of_the_committed_one(small):
    """Same parts, and nothing that names a machine."""
    printed, result = small
    committed = artefacts.read_json(COMMITTED)
    assert set(result) == set(committed)
    assert printed
    assert "/" not in str(committed["machine"])
