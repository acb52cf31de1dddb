"""Killed at any write of an epoch, before it or after, a run ends in the same bytes.

A killed process leaves exactly the files that it had written. So one run is enough: at every write
its folder is copied, with the write half done, and each copy is resumed as if its process had been
killed there. Processes are really killed in ``test_kills.py``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bondx_lib import evidence, runlog, trainer
from bondx_lib.errors import BadInput

from . import here, points

ALL = os.environ.get("BONDX_FAULTS") == "all"
NOTHING_YET = ("parameters.yaml", points.HALF)
"""Killed here a run has left nothing to go on with, and nothing to lose."""


def test_every_write_of_a_run_can_be_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Resumed from half of every write, and with all tests from the whole of it, it ends equal."""
    here.without_kernels(monkeypatch)
    here.computing_once(monkeypatch)
    wanted, changes = ((points.HALF, points.DONE), {}) if ALL else ((points.HALF,), here.FEW)
    snapshots = here.Snapshots(tmp_path / "copies", lambda name, phase: phase in wanted)
    reference = here.digests(here.run(here.chosen(tmp_path / "runs", **changes), snapshots))
    assert len(snapshots.taken) > 40 * len(wanted)
    with pytest.raises(BadInput, match="no run folder"):
        trainer.resume(snapshots.taken.pop(NOTHING_YET))
    for (name, phase), copy in snapshots.taken.items():
        trainer.resume(copy)
        assert here.digests(copy) == reference, (name, phase)
        assert here.left_over(copy) == [], (name, phase)
        assert evidence.verify(copy) == [], (name, phase)
        assert runlog.RunLock.holder(copy) is None
        shutil.rmtree(copy)
    with capsys.disabled():
        print(f"\n{len(snapshots.taken)} copies of a run, one at each write, ended equal")
