"""The benchmarks run; their times are for people, not for tests."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def numbers(value: object) -> list[float]:
    """Return every number in nested lists and mappings."""
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, int | float) else []


def test_generator_benchmark_measures_all_it_promises(tmp_path):
    """A small run has every ratio with its reference, all finite, and prints them."""
    done = subprocess.run(
        [sys.executable, "benchmarks/generator.py", "--small", "--output", tmp_path / "r.json"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    result = json.loads((tmp_path / "r.json").read_text())
    stored = json.loads((ROOT / "benchmarks" / "results" / "generator.json").read_text())
    assert set(result) == set(stored)
    assert all(math.isfinite(number) for number in numbers(result))
    assert all(number >= 0 for number in numbers(result))
    assert "peak memory" in done.stdout
    assert str(Path.home()) not in json.dumps(stored)
