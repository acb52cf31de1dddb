"""What was changed behind a run's back is named before anything is written; clocks may go back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from bondx_lib import artefacts, cli, evidence, runlog

from . import here, points


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed when its first epoch of two was committed and assessed."""
    base = tmp_path_factory.mktemp("halfway")
    snapshots = here.Snapshots(
        base / "copies", lambda name, phase: (name, phase) == ("assessed 1", points.DONE)
    )
    with pytest.MonkeyPatch.context() as patch:
        here.without_kernels(patch)
        here.run(here.chosen(base / "runs", max_epochs=2, **here.FEW), snapshots)
    (copy,) = snapshots.taken.values()
    return copy


def _replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.unlink()
        path.write_text(text.replace(old, new, 1))

    return replace


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_replaced("parameters.yaml", "random_seed: 42", "random_seed: 43"),
         "parameters.yaml: has been changed since the run was started"),
        (_replaced("parameters.yaml", "random_seed", "random_sed"), "did you mean 'random_seed'?"),
        (lambda folder: (folder / "epochs/0001/dataset.parquet").unlink(),
         "dataset.parquet: is missing since epoch 1"),
        (_replaced("epochs/0001/result.json", "0", "1"),
         "result.json: was changed after epoch 1"),
        (lambda folder: (folder / "markets/benchmark/truth.parquet").unlink(),
         "the benchmark market is not the one that was drawn"),
        (_replaced("events.jsonl", '"stage":"train"', '"stage":"brain"'),
         "events.jsonl: line {after}: does not follow the line before it"),
        (_replaced("events.jsonl", '"event":"stage_started"', '"event":"stage_skipped"'),
         "is no kind of event; nearest: 'stage_started'"),
    ],
)  # fmt: skip
def test_resume_names_what_was_changed_and_stops(
    change: Callable[[Path], None],
    said: str,
    halfway: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Parameters, artefacts, markets, lines of the log: one sentence, and nothing is written."""
    folder = tmp_path / "copy"
    shutil.copytree(halfway, folder)
    lines = (folder / "events.jsonl").read_text().splitlines()
    trained = next(number for number, line in enumerate(lines, 1) if '"stage":"train"' in line)
    change(folder)
    before = (folder / "events.jsonl").read_bytes()
    assert cli.main(["resume", "-q", str(folder)]) == 2
    shown = capsys.readouterr().err
    assert said.format(after=trained + 1) in shown
    assert shown.count("\n") == 1
    assert (folder / "events.jsonl").read_bytes() == before
    assert not runlog.RunLock.held(folder)


def test_what_was_left_half_written_is_cleared_away(
    halfway: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file, half a folder and half a line are no part of the run that goes on."""
    here.without_kernels(monkeypatch)
    folder = tmp_path / "copy"
    shutil.copytree(halfway, folder)
    (folder / "epochs" / "0001" / f"{artefacts.TEMPORARY}half.json").write_text("{")
    (folder / "models" / ".new-spread").mkdir(parents=True)
    with (folder / "events.jsonl").open("ab") as log:
        log.write(b'{"seq": 99, "ev')
    assert cli.main(["resume", "-q", str(folder)]) == 0
    assert here.left_over(folder) == []
    assert evidence.verify(folder) == []


class GoingBack(datetime):
    """A clock that is set back an hour whenever it is looked at."""

    hours = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        """Return the time, an hour before what was last said."""
        cls.hours += 1
        return datetime.now(tz) - timedelta(hours=cls.hours)


def test_a_clock_that_is_set_back_changes_no_byte(
    halfway: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Times are written down, never reckoned with: the rest is equal, and every view can be had."""
    here.without_kernels(monkeypatch)
    for name in ("ahead", "back"):
        shutil.copytree(halfway, tmp_path / name)
        if name == "back":
            monkeypatch.setattr(runlog, "datetime", GoingBack)
        assert cli.main(["resume", "-q", str(tmp_path / name)]) == 0
    times = [event.at for event in runlog.read(tmp_path / "back" / runlog.LOG_NAME)]
    assert sorted(times) != times
    assert here.digests(tmp_path / "back") == here.digests(tmp_path / "ahead")
    capsys.readouterr()
    for words in (["status"], ["watch", "--once"], ["report", "--json"], ["verify"]):
        assert cli.main([*words, str(tmp_path / "back")]) == 0
