"""What was changed behind a run's back is named before anything is written; clocks may go back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from bondx_lib import artefacts, cli, epoch, evidence, parameters, provenance, runlog, trainer
from bondx_lib.errors import BadInput

from . import here, points

CODE, COMPUTED_WITH = epoch.code, provenance.computed_with


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
        (_replaced("events.jsonl", '"stage":"train"', '"stage":"judge"'),
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


@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("code", lambda chosen: {**CODE(chosen), "bondx_lib/market/prices.py": "0" * 16},
         "bondx_lib/market/prices.py"),
        ("computed_with", lambda: {**COMPUTED_WITH(), "numpy": "0.1"}, "numpy"),
    ],
)  # fmt: skip
def test_other_code_is_named_and_refused(
    name: str,
    found: Callable[..., dict[str, str]],
    said: str,
    halfway: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run never goes on with a mixture: file or library is named, and how to begin anew."""
    monkeypatch.setattr(epoch if name == "code" else provenance, name, found)
    before = (halfway / "events.jsonl").read_bytes()
    assert cli.main(["resume", "-q", str(halfway)]) == 2
    shown = capsys.readouterr().err
    assert "was begun with other code" in shown
    assert said in shown
    assert "bondx resume --fork" in shown
    assert (halfway / "events.jsonl").read_bytes() == before


def test_a_gate_with_another_threshold_is_other_code(halfway: Path, tmp_path: Path) -> None:
    """What a run is judged by was fixed in its first event."""
    state = runlog.replay(runlog.read(halfway / "events.jsonl"))
    name = next(iter(state.gates))
    gates = {**state.gates, name: {**state.gates[name], "threshold": -1.0}}
    chosen = parameters.load(halfway / "parameters.yaml")
    trainer.check_code(halfway, state, chosen)
    with pytest.raises(BadInput, match=f"the gate {name} is another"):
        trainer.check_code(halfway, replace(state, gates=gates), chosen)


def test_a_fork_begins_anew_and_names_its_parent(
    halfway: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Other parameters make another run, beside the first, which stays as it was."""
    here.without_kernels(monkeypatch)
    before = here.digests(halfway)
    words = ["resume", "-q", "--fork", "--set", "max_epochs=1", "--set", "random_seed=7"]
    assert cli.main([*words, str(halfway)]) == 0, capsys.readouterr().err
    (child,) = (path for path in halfway.parent.iterdir() if path != halfway)
    first = runlog.read(child / "events.jsonl")[0]
    events = runlog.read(halfway / "events.jsonl")
    assert first["parent"]["run"] == halfway.name
    assert (first["parent"]["digest"], first["parent"]["epochs"]) == (events[-1].digest, 1)
    assert first["parameters"]["random_seed"] == 7
    assert here.digests(halfway) == before
    assert evidence.verify(child) == []


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
            monkeypatch.setattr(runlog.journal, "datetime", GoingBack)
        assert cli.main(["resume", "-q", str(tmp_path / name)]) == 0
    times = [event.at for event in runlog.read(tmp_path / "back" / runlog.LOG_NAME)]
    assert sorted(times) != times
    assert here.digests(tmp_path / "back") == here.digests(tmp_path / "ahead")
    capsys.readouterr()
    for words in (["status"], ["watch", "--once"], ["report", "--json"], ["verify"]):
        assert cli.main([*words, str(tmp_path / "back")]) == 0
