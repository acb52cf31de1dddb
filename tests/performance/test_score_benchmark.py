"""The benchmark of scoring, run small: what it returns, not how fast."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bondx_lib import artefacts

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "score.py"
COMMITTED = ROOT / "benchmarks" / "results" / "score.json"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """What a small run prints and writes."""
    path = tmp_path_factory.mktemp("benchmark") / "score.json"
    call = [sys.executable, SCRIPT, "--small", "--output", path]
    done = subprocess.run(call, check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout, artefacts.read_json(path)


def test_a_small_run_has_the_shape_of_the_committed_one(small):
    """Same parts, and nothing that names a machine."""
    printed, result = small
    committed = artefacts.read_json(COMMITTED)
    assert set(result) == set(committed)
    assert printed
    assert "/" not in str(committed["machine"])
