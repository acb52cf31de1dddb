"""Benchmarks, run small: what they return, not how long they take."""

from __future__ import annotations

from pathlib import Path

import pytest

from bondx_lib import artefacts

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "generator.py"
COMMITTED = ROOT / "benchmarks" / "results" / "generator.json"
SECTIONS = {"machine", "size", "ratios", "linearity", "profile", "memory"}


def test_a_small_run_has_every_measure_with_its_reference(small):
    """Each ratio lies between its least and its largest; strict JSON holds finite numbers alone."""
    printed, result = small
    assert set(result) == SECTIONS
    for ratio in result["ratios"]:
        assert 0 < ratio["minimum"] <= ratio["median"] <= ratio["maximum"]
        assert ratio["measure"] in printed
        assert ratio["reference"] in printed


def test_time_per_row_is_measured_at_four_sizes(small):
    """Each size is twice the one before, and the first is what the others are compared with."""
    steps = small[1]["linearity"]
    bonds = [step["bonds"] for step in steps]
    assert bonds == [bonds[0] * times for times in (1, 2, 4, 8)]
    assert steps[0]["ratio"] == 1
    assert all(step["nanoseconds_per_row"] > 0 for step in steps)


def test_shares_of_the_profile_add_up(small):
    """Every mechanism has a share of the time, and together they have all of it."""
    profile = small[1]["profile"]
    assert sum(row["share"] for row in profile) == pytest.approx(1)
    assert {"issuers", "bonds", "liquidity", "spreads", "pricing", "sorting", "encoding"} <= {
        row["mechanism"] for row in profile
    }


def test_memory_is_that_of_processes_of_their_own(small):
    """A process that writes a market needs more than one that only imports."""
    memory = small[1]["memory"]
    assert 0 < memory["imports_bytes"] < memory["one_part_bytes"]


def test_the_committed_result_has_the_same_shape_and_names_no_machine(small):
    """The result in the repository is of this benchmark, and says no host, user or path."""
    committed = artefacts.read_json(COMMITTED)
    assert set(committed) == set(small[1])
    assert set(committed["machine"]) == set(small[1]["machine"])
    assert "/" not in str(committed["machine"])
