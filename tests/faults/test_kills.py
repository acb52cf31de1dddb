"""Processes that are really killed, at chosen writes and at any moment, and taken up again.

The default suite kills two; ``make test-faults`` kills runner and kernel at every write of a run
and 100 times at random moments.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from bondx_lib import evidence

from . import here, killing, points
from .killing import Fault

ALL = os.environ.get("BONDX_FAULTS") == "all"
RANDOM_KILLS = 100
HOURS = 3 * 3600
ORPHAN = Fault("kernel", "epochs/0001/models/spread/model.json", victim="parent")
DONE_AND_DEAD = Fault("kernel", "epoch_committed 1", points.DONE)


def test_two_kills_in_one_run_change_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the runner dies while its kernel writes, then a kernel that has just committed."""
    here.without_kernels(monkeypatch)
    reference = here.digests(here.run(here.chosen(tmp_path / "calm", **here.FEW)))
    words = killing.words_of_run(tmp_path / "runs", **here.FEW)
    assert killing.bondx(*words, fault=ORPHAN, marker=tmp_path / "first").returncode == -9
    folder = killing.run_folder(tmp_path / "runs")
    second = tmp_path / "second"
    done = killing.bondx("resume", "-q", folder, fault=DONE_AND_DEAD, marker=second)
    assert (done.returncode, second.exists()) == (0, True), done.stderr
    assert here.digests(folder) == reference
    assert here.left_over(folder) == []
    assert evidence.verify(folder) == []
    said = (folder / "logs" / "run.log").read_text()
    assert "after it was committed" in said


@pytest.mark.skipif(not ALL, reason="half an hour: make test-faults")
@pytest.mark.timeout(HOURS)
def test_every_kill_at_a_write_changes_no_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A killed runner is resumed, a killed kernel replaced; nothing is lost, doubled or other."""
    trace = tmp_path / "trace"
    calm = killing.bondx(*killing.words_of_run(tmp_path / "calm"), trace=str(trace))
    assert calm.returncode == 0, calm.stderr
    reference = here.digests(killing.run_folder(tmp_path / "calm"))
    faults = [
        Fault(role, name, victim=victim)
        for role, name in killing.writes(trace)
        for victim in (("self", "parent") if role == "kernel" else ("self",))
    ]
    assert len(faults) > 100
    for number, fault in enumerate(faults, start=1):
        _ends_equal(fault, tmp_path / str(number), reference)
        shutil.rmtree(tmp_path / str(number))
        with capsys.disabled():
            print(f"\r{number} of {len(faults)}: {fault}", end="\x1b[K", flush=True)
    with capsys.disabled():
        print(f"\n{len(faults)} processes killed at writes, {len(faults)} runs ended equal")


def _ends_equal(fault: Fault, base: Path, reference: dict[str, str]) -> None:
    """Run with a fault, resume if the runner died of it, and compare what is left."""
    base.mkdir()
    marker = base / "killed"
    words = killing.words_of_run(base / "runs")
    done = killing.bondx(*words, fault=fault, marker=marker)
    assert marker.exists(), f"{fault}: nothing was killed"
    runner_died = fault.role == "runner" or fault.victim == "parent"
    assert done.returncode == (-9 if runner_died else 0), (str(fault), done.stderr)
    folder = killing.run_folder(base / "runs")
    if runner_died:
        done = killing.bondx("resume", "-q", folder)
        if (fault.name, fault.phase) == ("parameters.yaml", points.HALF):
            assert (done.returncode, "no run folder" in done.stderr) == (2, True)
            return
        assert done.returncode == 0, (str(fault), done.stderr)
    assert here.digests(folder) == reference, str(fault)
    assert here.left_over(folder) == [], str(fault)
    assert evidence.verify(folder) == [], str(fault)


@pytest.mark.skipif(not ALL, reason="a quarter of an hour: make test-faults")
@pytest.mark.timeout(HOURS)
def test_kills_at_random_moments_change_no_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runner or kernel, again and again, until the run has come to its end all the same."""
    chance, kills, runs = random.Random(1), {"runner": 0, "kernel": 0}, 0
    calm = killing.bondx(*killing.words_of_run(tmp_path / "calm", max_epochs=3))
    assert calm.returncode == 0, calm.stderr
    reference = here.digests(killing.run_folder(tmp_path / "calm"))
    while sum(kills.values()) < RANDOM_KILLS:
        runs += 1
        folder = _killed_until_it_ends(tmp_path / str(runs), chance, kills)
        assert here.digests(folder) == reference
        assert here.left_over(folder) == []
        assert evidence.verify(folder) == []
        with capsys.disabled():
            print(f"\r{kills}", end="\x1b[K", flush=True)
    with capsys.disabled():
        print(f"\n{sum(kills.values())} kills at random moments {kills}, {runs} runs ended equal")


def _killed_until_it_ends(base: Path, chance: random.Random, kills: dict[str, int]) -> Path:
    """Start a run, kill it, resume it, and so on until it is sealed; return its folder."""
    words = killing.words_of_run(base, max_epochs=3)
    while not _sealed(base):
        if (folder := _begun(base)) is not None:
            words = ["resume", "-q", str(folder)]
        process = killing.start(*words)
        victim = _kill_soon(process, chance)
        process.communicate(timeout=killing.TIMEOUT_SECONDS)
        if victim is not None:
            kills[victim] += 1
    return killing.run_folder(base)


def _kill_soon(process: subprocess.Popen[str], chance: random.Random) -> str | None:
    """Kill the runner, or one of its kernels if it has any, after a while; say which it was."""
    end = time.monotonic() + chance.uniform(0.5, 12.0)
    while time.monotonic() < end:
        if process.poll() is not None:
            return None
        time.sleep(0.01)
    kernels = killing.kernels_of(process.pid)
    if kernels and chance.random() < 0.5:
        killing.kill(chance.choice(kernels))
        return "kernel"
    killing.kill(process.pid)
    return "runner"


def _begun(base: Path) -> Path | None:
    """Return the run folder, if there is one that can be gone on with."""
    for folder in base.glob("*"):
        if (folder / "parameters.yaml").is_file():
            return folder
        shutil.rmtree(folder)
    return None


def _sealed(base: Path) -> bool:
    """Say whether the run has come to its end and is sealed."""
    folder = _begun(base)
    return folder is not None and evidence.pack_id(folder) is not None
