"""What lies in a run's ``control`` folder, its lock and its heartbeat; and files to be scored."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib import dashboard, market, parameters, runlog, scoring
from bondx_lib.errors import BadInput
from bondx_lib.runner import control, pulse

from ..faults import here
from ..unit import report_factory
from . import damage
from .test_readers import often, one_sentence, seldom

LONGEST = 80
"""Lines: a list of every column that is missing, at worst."""
NAMES = (*control.WISHES, pulse.NAME, "continue", "..pause", "é", "a" * 200)


def _nothing(path: Path) -> None:
    """Leave the place empty."""


def _folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _outside(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _unreadable(path: Path) -> None:
    path.write_bytes(b"\xff\x00")
    path.chmod(0)


FORMS: tuple[Callable[[Path], None], ...] = (
    _nothing, _folder, _dangling, _loop, _outside, _pipe, _unreadable, Path.touch,
)  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that says that it runs, and whose process is gone."""
    run_dir = report_factory.write(tmp_path_factory.mktemp("runs") / "one", epochs=1)
    log = run_dir / runlog.LOG_NAME
    whole, _, _ = log.read_bytes().partition(b'"event":"assessed"')
    log.write_bytes(whole[: whole.rindex(b"\n") + 1])
    return run_dir


LOCKS = (
    st.none() | st.binary(max_size=40) | damage.contents(b'{"pid": 1, "start": "7"}')
    | damage.ODD.map(lambda one: repr(one).encode("utf-8", "replace"))
)  # fmt: skip


def test_control_folder_and_lock(running: Path) -> None:
    """Pipes, loops, folders in the place of files, locks of nonsense: no view stumbles or waits."""
    folder, lock_file = running / control.FOLDER, running / runlog.LOCK_NAME

    @often
    @given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(FORMS)), LOCKS)
    def look(forms: dict[str, Callable[[Path], None]], lock: bytes | None) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        lock_file.unlink(missing_ok=True)
        folder.mkdir()
        for name, make in forms.items():
            make(folder / name)
        if lock is not None:
            lock_file.write_bytes(lock)
        before = sorted(running.rglob("*"))
        runlog.RunLock.owner(running)
        assert runlog.RunLock.holder(running) is None
        age = pulse.age_seconds(running)
        assert age is None or age >= 0
        for wish in control.WISHES:
            assert control.asked(running, wish) == (folder / wish).exists()
            with pytest.raises(BadInput, match="no process"):
                control.ask(running, wish)
        dashboard.Watcher(running).look()
        assert dashboard.status(running)["state"] == "lost"
        dashboard.list_runs(running.parent)
        assert sorted(running.rglob("*")) == before

    look()


@pytest.fixture(scope="module")
def champions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a champion."""
    with pytest.MonkeyPatch.context() as patch:
        here.without_kernels(patch)
        return here.run(here.chosen(tmp_path_factory.mktemp("runs"), **here.FEW))


@pytest.fixture(scope="module")
def bonds() -> pd.DataFrame:
    """A few rows to be scored."""
    chosen = parameters.load(None, {"dataset_size": 20})
    drawn = market.simulate(chosen, "fuzz", bonds=4, worlds=1)
    rows = drawn.panel.groupby("bond_id").head(4).drop_duplicates(["bond_id", "date"])
    return rows.reset_index(drop=True)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_files_to_score(suffix: str, champions: Path, bonds: pd.DataFrame, tmp_path: Path) -> None:
    """A spoilt file is scored whole or refused in a sentence, and then nothing is written."""
    given_file, output = tmp_path / "in" / f"bonds{suffix}", tmp_path / "out" / "scores.csv"
    given_file.parent.mkdir()
    output.parent.mkdir()
    (bonds.to_csv if suffix == ".csv" else bonds.to_parquet)(given_file, index=False)

    @seldom
    @given(damage.contents(given_file.read_bytes()))
    def score(content: bytes) -> None:
        given_file.write_bytes(content)
        made = None
        with one_sentence(given_file.parent, lines=LONGEST):
            made = scoring.score(champions, given_file, output, overwrite=True)
        assert [path.name for path in output.parent.iterdir()] == (["scores.csv"] if made else [])
        if made:
            assert len(pd.read_csv(output)) == made.rows
            output.unlink()

    score()
