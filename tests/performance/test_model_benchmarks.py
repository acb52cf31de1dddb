"""The benchmark of the models, run small: what it returns, not how good or how fast."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bondx_lib import artefacts
from bondx_lib.schema import MODELS

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "models.py"
COMMITTED = ROOT / "benchmarks" / "results" / "models.json"
PAGE = ROOT / "docs" / "benchmarks.md"
SECTIONS = {"machine", "size", "rows", "comparison", "curve", "cost", "profile"}
AUTOML = "FLAML"
DIFFERENCE = ("difference_low", "difference", "difference_high")


@pytest.fixture(scope="module")
def small(call, tmp_path_factory):
    """The result of a small run, and the page it writes."""
    folder = tmp_path_factory.mktemp("benchmark")
    result, page = folder / "models.json", folder / "benchmarks.md"
    printed = call("--small", "--output", result, "--page", page)
    assert printed == page.read_text()
    return artefacts.read_json(result), printed


def test_a_small_run_has_every_section(small):
    """Each model is compared, has a curve, a cost and a profile."""
    result, page = small
    assert set(result) == SECTIONS
    for section in ("comparison", "curve", "cost", "profile"):
        assert {row["model"] for row in result[section]} == set(MODELS)
    assert "## Learning curve" in page


def test_ours_comes_first_and_is_what_the_others_are_held_against(small):
    """Ours has no difference from itself and a time of one; each other method has both."""
    for name in MODELS:
        ours, *others = [row for row in small[0]["comparison"] if row["model"] == name]
        assert (ours["method"], ours["seconds_ratio"], ours["difference"]) == ("ours", 1, None)
        assert len(others) == 3
        for row in others:
            if row["loss"] is not None:
                low, middle, high = (row[end] for end in DIFFERENCE)
                assert low <= high
                assert middle == pytest.approx(row["loss"] - ours["loss"], abs=1e-9)


def test_labels_of_damage_help(small):
    """Who is told which rows are damaged finds them better than who looks for odd ones."""
    loss = {row["method"]: row["loss"] for row in small[0]["comparison"]}
    assert loss["LightGBM with the labels"] < loss["scikit-learn isolation forest"]


def test_the_automl_package_may_be_missing(small):
    """Its rows are empty then, and the page says so."""
    result, page = small
    rows = [row for row in result["comparison"] if row["method"] == AUTOML]
    assert [row["model"] for row in rows] == list(MODELS[:3])
    if importlib.util.find_spec("flaml") is None:
        assert all(row["loss"] is None for row in rows)
        assert "not installed for this run" in page
    else:
        assert all(row["loss"] > 0 for row in rows)


def test_curve_and_cost_grow(small):
    """Pools get larger; the smallest one is what the cost of a row is compared with."""
    for name in MODELS:
        for section in ("curve", "cost"):
            rows = [row["rows"] for row in small[0][section] if row["model"] == name]
            assert rows == sorted(set(rows))
        first = next(row for row in small[0]["cost"] if row["model"] == name)
        assert first["ratio"] == 1


def test_shares_of_the_profile_add_up(small):
    """The parts of a training have all of its time; features stand beside it."""
    for name in MODELS:
        rows = [row for row in small[0]["profile"] if row["model"] == name]
        shares = [row["share"] for row in rows if row["share"] is not None]
        assert sum(shares) == pytest.approx(1)
        assert next(row for row in rows if row["part"] == "features")["seconds"] > 0


def test_the_page_shows_the_committed_result(small, shown):
    """The page in the repository is that of the result beside it, which names no machine."""
    committed = artefacts.read_json(COMMITTED)
    assert set(committed) == SECTIONS
    assert set(committed["machine"]) == set(small[0]["machine"])
    assert "/" not in str(committed["machine"])
    assert PAGE.read_text() == shown(COMMITTED)
