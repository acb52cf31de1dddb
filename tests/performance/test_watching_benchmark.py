"""The benchmark of looking, run small: what it returns; and what was committed."""

from __future__ import annotations

from pathlib import Path

from bondx_lib import artefacts

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "watching.py"
COMMITTED = ROOT / "benchmarks" / "results" / "watching.json"


def test_a_small_run_has_the_shape_of_the_committed_one(small):
    """Same measures, all of them positive, and nothing that names a machine."""
    printed, result = small
    committed = artefacts.read_json(COMMITTED)
    assert set(result) == set(committed)
    for part in ("one", "list"):
        assert set(result[part]) == set(committed[part])
        assert all(value > 0 for value in result[part].values())
    assert f"a log of {result['size']['epochs']} epochs" in printed
    assert "/" not in str(committed["machine"])


def test_what_was_measured_stands_in_the_readme(shown):
    """The printed lines of the committed result, and the claims that are made of them."""
    printed = shown(COMMITTED)
    assert printed in (ROOT / "benchmarks" / "README.md").read_text()
    found = artefacts.read_json(COMMITTED)
    assert found["size"]["epochs"] == 100
    assert found["size"]["runs"] == 1000
    assert found["list"]["first"] < 1
    assert found["one"]["refresh_over_whole_log"] < 0.05
