"""The benchmark of the loop, run small: what it returns; and what was committed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bondx_lib import artefacts, engine
from bondx_lib.runlog import Event

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "loop.py"
COMMITTED = ROOT / "benchmarks" / "results" / "loop.json"


def test_a_small_run_has_the_shape_of_the_committed_one(small):
    """Same courses and measures, a sample for every commit, and nothing that names a machine."""
    printed, result = small
    committed = artefacts.read_json(COMMITTED)
    assert set(result) == set(committed)
    for name, found in committed["measures"].items():
        assert set(result["measures"][name]) == set(found)
        assert f"{name}: {result['courses'][name]['epochs']} epochs" in printed
    for name, course in result["courses"].items():
        held = result["measures"][name]["held"]
        assert {len(values) for values in held.values()} == {course["epochs"]}
        assert all(min(values) > 0 for values in held.values())
    assert "/" not in str(committed["machine"])


def test_what_was_measured_stands_in_the_readme(script, capsys):
    """The printed tables of the committed result, and the claims that are made of them."""
    script.main(["--from", str(COMMITTED)])
    printed = capsys.readouterr().out
    assert printed in (ROOT / "benchmarks" / "README.md").read_text()
    found = artefacts.read_json(COMMITTED)["measures"]
    growing, constant, cold = (found[name] for name in script.FULL)
    assert growing["overhead"] < 1.2
    assert constant["flat"]["low"] < 0.05
    for name in ("files", "threads", "memory_bytes"):
        early, late = np.array_split(constant["held"][name], 2)
        assert max(late) <= max(early) * (1.1 if name == "memory_bytes" else 1), name
    first = "seconds_until_the_first_stage"
    assert cold[first] > 2 * constant[first]


def test_cold_kernels_are_cold(script, monkeypatch):
    """The course without preparation patches what prepares, and asks the command line to run."""
    asked = []
    monkeypatch.setattr(engine.OneShotPool, "prepare", engine.OneShotPool.prepare)
    monkeypatch.setattr(script.cli, "main", lambda words: asked.append(words) or 0)
    with pytest.raises(SystemExit) as ended:
        script.main(["--cold", "own.yaml"])
    assert ended.value.code == 0
    assert asked == [["run", "-f", "own.yaml", "--quiet"]]
    pool = engine.OneShotPool()
    pool.prepare()
    assert pool.ready is None


def event(second, kind, **fields):
    """An event of an epoch at a second of an hour."""
    at = f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}+00:00"
    return Event(seq=0, at=at, kind=kind, prev="", digest="", fields=fields)


def test_times_are_those_of_the_log(script):
    """Known answer: two epochs of 8 s, 7 of them inside; a run of 20 s."""
    events = []
    for number in (1, 2):
        start = 10 * (number - 1)
        events.append(event(start, "epoch_started", epoch=number))
        events += [
            event(start + 1 + place, "stage_started", epoch=number, stage=stage)
            for place, stage in enumerate(script.STAGES)
        ]
        events.append(event(start + 8, "epoch_committed", epoch=number))
    found = script._times(events, 20.0)
    assert found["seconds_inside"] == 14
    assert found["seconds_of_the_loop"] == 18
    assert found["overhead"] == pytest.approx(20 / 14)
    assert found["overhead_of_the_loop"] == pytest.approx(18 / 14)
    assert found["seconds_of_an_epoch"] == [10, 8]
    assert found["seconds_until_the_first_stage"] == 1
    assert set(found["stages"].values()) == {1}
    assert found["flat"] is None


def test_flatness_tells_growth_from_noise(script):
    """Known answer: a tenth of a second each epoch on ten seconds is all of it over a hundred."""
    number = np.arange(100)
    grows = script._flatness(10 + 0.1 * (number - 53.5))
    assert grows["change"] == pytest.approx(1.0)
    assert grows["low"] > 0
    flat = script._flatness(10 + np.where(number % 2, 0.5, -0.5))
    assert flat["low"] <= 0 <= flat["high"]
