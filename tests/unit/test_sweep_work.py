"""Sweeps at work: real processes through the real command line, with invented runs."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from bondx_lib import cli, runlog, sweep
from bondx_lib.errors import BadInput, RunBusy
from bondx_lib.sweep import plan as plans
from bondx_lib.sweep import work

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "tests.unit.sweep_child")


@pytest.fixture(autouse=True)
def _invented_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PROGRAM", PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def planned(base: Path, *names: str, workers: int = 1) -> plans.Plan:
    """Return a plan of runs that differ in their size and do what their names say."""
    runs = [{"name": name, "set": {"dataset_size": 50 + n}} for n, name in enumerate(names)]
    common = {"output.base_directory": str(base / "runs"), "max_epochs": 4}
    file = base / "file.yaml"
    file.write_text(yaml.safe_dump({"name": "s", "set": common, "runs": runs, "workers": workers}))
    return plans.read(file)


def started(plan: plans.Plan) -> tuple[int, list[str], Path]:
    """Run a plan; return exit code, lines and folder."""
    lines: list[str] = []
    opened: list[Path] = []
    return work.start(plan, lines.append, opened.append), lines, opened[0]


def interrupt_when(text: str, base: Path, times: int = 1) -> threading.Thread:
    """Send this process an interrupt as soon as the trace of the runs holds a text."""

    def watch() -> None:
        for time_ in range(times):
            end = time.monotonic() + 60
            while time.monotonic() < end:
                traces = [path.read_text() for path in base.glob("runs/*/trace.txt")]
                if any(text in trace for trace in traces):
                    break
                time.sleep(0.05)
            time.sleep(0.5 * time_)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def at_once(folder: Path) -> int:
    """Return how many runs were at work at the same time, at most."""
    most = now = 0
    for line in (folder / "trace.txt").read_text().splitlines():
        now += {"begins": 1, "ends": -1}.get(line.split()[1], 0)
        most = max(most, now)
    return most


def test_a_failing_run_stops_no_other(tmp_path: Path) -> None:
    """Every run has its turn and its line; the sweep reports the worst; the reason is named."""
    code, lines, folder = started(planned(tmp_path, "bad-one", "good-one", "blocked-one"))
    assert code == 1
    assert [row["status"] for row in sweep.rows(sweep.of_sweep(folder))] == [
        "failed", "epoch_limit", "blocked",
    ]  # fmt: skip
    shown = "\n".join(lines)
    assert "bad-one               error: epoch 2 failed: ValueError: no luck" in shown
    assert "good-one              stopped at the epoch limit" in shown
    assert lines[0].split() == ["run", "epoch", "quality", "spread", "downgrade", "liquidity",
                                "anomaly"]  # fmt: skip
    assert any(line.startswith("good-one                  2/4    0.9") for line in lines)
    assert all(len(line) <= 80 for line in lines if str(folder) not in line)
    document = json.loads((folder / "sweep.json").read_text())
    assert [row["exit_code"] for row in document["runs"]] == [1, 0, 3]
    assert at_once(folder) == 1


def test_no_more_runs_than_workers(tmp_path: Path) -> None:
    """Two workers do work side by side, and never a third run."""
    names = ("good-1", "slow-1", "good-2", "good-3")
    thread = interrupt_when("good-3 ends", tmp_path)
    code, _, folder = started(planned(tmp_path, *names, workers=2))
    thread.join()
    assert code == 130
    assert at_once(folder) == 2


def test_interrupted_sweep_goes_on(tmp_path: Path) -> None:
    """One interrupt stops what is at work; resume keeps, goes on and starts as it must."""
    before = signal.getsignal(signal.SIGINT)
    thread = interrupt_when("slow-1 waits", tmp_path)
    plan = planned(tmp_path, "good-1", "slow-1", "good-2")
    code, _, folder = started(plan)
    thread.join()
    assert code == 130
    assert signal.getsignal(signal.SIGINT) is before
    statuses = [row["status"] for row in sweep.rows(sweep.of_sweep(folder))]
    assert statuses == ["epoch_limit", "interrupted", "waiting"]
    kept = sweep.of_sweep(folder).runs[0].folder
    lines: list[str] = []
    assert work.resume(folder, lines.append) == 0
    assert lines[0] == "good-1                has ended before, and is kept"
    assert "slow-1                goes on" in lines
    assert "good-2                starts" in lines
    after = sweep.of_sweep(folder)
    assert [run.status for run in after.runs] == ["epoch_limit", "stopped", "epoch_limit"]
    assert after.runs[0].folder == kept
    assert "run_resumed" in [event.kind for event in after.runs[1].record.events]
    assert json.loads((folder / "sweep.json").read_text())["runs"] == sweep.rows(after)


def test_second_interrupt_is_passed_on(tmp_path: Path) -> None:
    """A run that does not stop at the first interrupt gets the second one too."""
    thread = interrupt_when("stubborn-1 waits", tmp_path, times=2)
    code, _, folder = started(planned(tmp_path, "stubborn-1", "good-1"))
    thread.join()
    assert code == 130
    statuses = [row["status"] for row in sweep.rows(sweep.of_sweep(folder))]
    assert statuses == ["interrupted", "waiting"]


def test_a_run_may_end_before_it_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted or killed while it still loads, a run leaves no folder; both are told apart."""
    plan = planned(tmp_path, "good-1")
    lines: list[str] = []

    def say_and_interrupt(line: str) -> None:
        lines.append(line)
        if line.endswith("starts"):
            threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()

    monkeypatch.setattr(work, "PROGRAM", (sys.executable, "-c", "import time; time.sleep(60)"))
    assert work.start(plan, say_and_interrupt) == 130
    assert lines[-1] == "good-1                interrupted before it had begun"
    killed = "import os; print('dying'); os.kill(os.getpid(), 9)"
    monkeypatch.setattr(work, "PROGRAM", (sys.executable, "-uc", killed))
    assert work.start(plan, lines.append) == 1
    assert lines[-3:] == [
        "good-1                has no run folder", lines[-2], "good-1                dying",
    ]  # fmt: skip
    assert "exit code 1, see" in lines[-2]


def test_a_log_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """The line in question is named where the run's last state would stand; the code counts."""
    run_dir = tmp_path / "20260101T000000Z-one-abcdef"
    run_dir.mkdir()
    (run_dir / runlog.LOG_NAME).write_text("{}\n")
    lines: list[str] = []
    assert work._ended(tmp_path, "one", 0, lines.append) == 0
    assert lines[0].startswith("one ")
    assert "line 1: is no event" in lines[0]


def test_resuming_what_has_ended_does_nothing(tmp_path: Path) -> None:
    """The exit code is again that of the runs, and no process is started."""
    code, _, folder = started(planned(tmp_path, "good-1", "blocked-1"))
    trace = (folder / "trace.txt").read_text()
    assert code == work.resume(folder, lambda line: None) == 3
    assert (folder / "trace.txt").read_text() == trace


def test_a_run_without_seal_is_closed_on_resume(tmp_path: Path) -> None:
    """A run that ended but was killed before its seal is resumed, not kept."""
    _, _, folder = started(planned(tmp_path, "good-1"))
    run_dir = sweep.of_sweep(folder).runs[0].folder
    assert run_dir is not None
    (run_dir / "SHA256SUMS").unlink()
    lines: list[str] = []
    assert work.resume(folder, lines.append) == 0
    assert "good-1                goes on" in lines
    assert (run_dir / "SHA256SUMS").exists()


def test_resume_refuses_what_it_could_spoil(tmp_path: Path) -> None:
    """A run still at work, a sweep still at work, and a plan that was changed are named."""
    _, _, folder = started(planned(tmp_path, "good-1"))
    run_dir = sweep.of_sweep(folder).runs[0].folder
    assert run_dir is not None
    with runlog.RunLock(run_dir), pytest.raises(BadInput, match="still at work in process"):
        work.resume(folder, lambda line: None)
    with runlog.RunLock(folder), pytest.raises(RunBusy):
        work.resume(folder, lambda line: None)
    file = folder / plans.FILE_NAME
    file.write_text(file.read_text().replace("dataset_size: 50", "dataset_size: 51"))
    with pytest.raises(BadInput, match="started from other parameters"):
        work.resume(folder, lambda line: None)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A base directory that is a file is refused by its key, before anything starts."""
    plan = planned(tmp_path, "good-1")
    (tmp_path / "blocked").touch()
    output = plan.base.output.model_copy(update={"base_directory": str(tmp_path / "blocked")})
    base = plan.base.model_copy(update={"output": output})
    with pytest.raises(BadInput, match=r"output\.base_directory: cannot be written to"):
        work.start(plans.Plan("s", base, plan.runs), lambda line: None)


def test_worst_exit_code_is_told() -> None:
    """Failed before bad input before interrupted before blocked; strange codes count as failed."""
    assert [work.worst(codes) for codes in ([0], [0, 3], [3, 130], [2, 130], [2, 1], [77], [])] == [
        0, 3, 130, 2, 1, 1, 0,
    ]  # fmt: skip


def bondx(*arguments: Any) -> int:
    return cli.main(["sweep", *map(str, arguments)])


def test_command_runs_shows_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, values, folder and workers reach the plan; the tables stand at the end."""
    planned(tmp_path, "good-1", "good-2")
    file, home = tmp_path / "file.yaml", tmp_path / "elsewhere"
    assert bondx("-f", file, "--set", "max_epochs=9", "--output", home, "--workers", 2) == 0
    shown = capsys.readouterr().out
    (folder,) = home.iterdir()
    assert shown.startswith(f"sweep folder: {folder}\n")
    assert "2/9" in shown
    assert "Skill on the audit market" in shown
    assert yaml.safe_load((folder / "sweep.yaml").read_text())["workers"] == 2
    assert bondx("--resume", "--output", home) == 0
    assert "is kept" in capsys.readouterr().out
    assert bondx("--show", folder) == 0
    assert "good-2" in capsys.readouterr().out
    assert bondx("--show", "--json", "--output", home) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    monkeypatch.setattr(sweep, "resume", lambda folder, say, workers: 130)
    assert bondx("-q", "--resume", folder) == 130
    assert f"go on with: bondx sweep --resume {folder}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ["one of the arguments", "--help"]),
        ("-f a.yaml --show", ["not allowed with"]),
        ("-f nowhere.yaml", ["nowhere.yaml", "cannot be read"]),
        ("--show --set max_epochs=1", ["--set", "does not go with"]),
        ("--show --workers 2", ["--workers", "does not go with"]),
        ("--resume --json", ["--json", "does not go with"]),
        ("--resume nosuch --output {base}", ["nosuch", "is no sweep folder"]),
        ("--show --output {base}", ["holds no sweeps", "bondx sweep -f"]),
    ],
)
def test_command_refuses(
    line: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What does not go together, or is not there, is one line and exit code 2."""
    assert bondx(*line.format(base=tmp_path).split()) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(word in said for word in words), said
