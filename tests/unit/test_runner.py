"""The process of a run, seen from outside: wishes, signals, pulse, detaching."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bondx_lib import artefacts, cli, runlog, trainer
from bondx_lib.errors import BadInput, BondXError, RunBusy
from bondx_lib.runner import control, detach, pulse

from . import report_factory
from .log_lines import START

POPEN = subprocess.Popen
HOLD = """
import signal, sys, time
from pathlib import Path
from bondx_lib import runlog
from bondx_lib.runner import pulse

if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
folder = Path(sys.argv[1])
with runlog.RunLock(folder):
    if "obedient" in sys.argv:
        asked = []
        with pulse.Pulse(folder, lambda: asked.append(1)):
            print("held", flush=True)
            while not asked:
                time.sleep(0.02)
    else:
        print("held", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run that began and has not ended."""
    folder = tmp_path / "20260101T000000Z-tiny-abcdef"
    folder.mkdir()
    runlog.Journal(folder / runlog.LOG_NAME).append("run_started", **START)
    return folder


Holding = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def holding() -> Iterator[Holding]:
    """Start a process that holds a run's lock and does as it is told."""
    started: list[subprocess.Popen[str]] = []

    def hold(folder: Path, *manners: str) -> subprocess.Popen[str]:
        one = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder), *manners], stdout=subprocess.PIPE, text=True
        )
        started.append(one)
        assert one.stdout is not None
        assert one.stdout.readline() == "held\n"
        return one

    yield hold
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a process that will not obey the file little time; others end long before."""
    monkeypatch.setattr(control, "FIRST_PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(control, "PATIENCE_SECONDS", 3.0)


def test_wishes_are_files_and_can_be_taken_back(run_dir: Path) -> None:
    """Pause, continue and stop leave and remove what the loop looks for."""
    with runlog.RunLock(run_dir):
        control.ask(run_dir, "pause")
        assert control.asked(run_dir, "pause")
        control.ask(run_dir, "continue")
        assert not control.asked(run_dir, "pause")
        control.ask(run_dir, "stop")
        assert control.asked(run_dir, "stop")
        control.forget(run_dir)
        assert not control.asked(run_dir, "stop")


@pytest.mark.parametrize("wish", ["pause", "continue", "stop", "abort"])
def test_nobody_is_asked_where_nobody_works(wish: str, run_dir: Path) -> None:
    """A lost run is named as one to be resumed; no file is left for a later process."""
    with pytest.raises(BadInput, match=r"no process works on this run.*bondx resume"):
        control.abort(run_dir) if wish == "abort" else control.ask(run_dir, wish)
    assert not (run_dir / "control").exists()


def test_an_ended_run_is_asked_nothing(tmp_path: Path) -> None:
    """The error says how it ended."""
    with pytest.raises(BadInput, match=r"the run has ended \(converged\)"):
        control.ask(report_factory.write(tmp_path / "ended"), "stop")


def test_abort_is_obeyed_by_a_process_with_a_pulse(run_dir: Path, holding: Holding) -> None:
    """The file is enough, and is gone afterwards."""
    process = holding(run_dir, "obedient")
    assert control.abort(run_dir) == "abort"
    assert process.wait(10) == 0
    assert not (run_dir / "control").exists()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("manner", "took"), [("rude", "SIGTERM"), ("deaf", "SIGKILL")])
def test_abort_goes_as_far_as_it_must(
    manner: str, took: str, run_dir: Path, holding: Holding
) -> None:
    """SIGTERM for who looks at no file, SIGKILL for who is deaf to it."""
    process = holding(run_dir, manner)
    assert control.abort(run_dir) == took
    assert process.wait(10) == -signal.Signals[took]
    assert not control.asked(run_dir, "abort")
    assert not runlog.RunLock.held(run_dir)


@pytest.mark.usefixtures("impatient")
def test_abort_ends_a_suspended_process(run_dir: Path, holding: Holding) -> None:
    """What is stopped can obey neither file nor SIGTERM."""
    process = holding(run_dir, "obedient")
    process.send_signal(signal.SIGSTOP)
    assert control.abort(run_dir) == "SIGKILL"
    assert process.wait(10) == -9


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("start", ["1", None])
def test_a_process_of_another_start_is_sent_no_signal(
    start: str | None, run_dir: Path, holding: Holding
) -> None:
    """If the id in the lock belongs to somebody else by now, nobody is hurt."""
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    holding(run_dir)
    record = {"pid": bystander.pid, "start": start}
    (run_dir / runlog.LOCK_NAME).write_text(artefacts.canonical_json(record))
    try:
        with pytest.raises(BondXError, match=f"process {bystander.pid}.* was sent no signal"):
            control.abort(run_dir)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_stale_lock_with_a_used_process_id_stops_nobody(run_dir: Path) -> None:
    """A lock file that names a living stranger is no lock: the run is lost and can be taken up."""
    record = {"pid": os.getppid(), "start": "1"}
    (run_dir / runlog.LOCK_NAME).write_text(artefacts.canonical_json(record))
    assert runlog.RunLock.holder(run_dir) is None
    state = runlog.replay(runlog.read(run_dir / runlog.LOG_NAME))
    assert runlog.live_status(state, run_dir) == "lost"
    with runlog.RunLock(run_dir):
        assert runlog.RunLock.owner(run_dir) == (os.getpid(), runlog.process_start(os.getpid()))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"start": 1}'])
def test_a_lock_file_of_nonsense_names_nobody(content: str, run_dir: Path) -> None:
    """Held, by whom is not known: the second comer is refused all the same."""
    with runlog.RunLock(run_dir):
        (run_dir / runlog.LOCK_NAME).write_text(content)
        assert runlog.RunLock.owner(run_dir) == (None, None)
        with pytest.raises(RunBusy, match="another process"), runlog.RunLock(run_dir):
            pass


def test_the_pulse_beats_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's time moves while work goes on; afterwards neither file nor folder is there."""
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(pulse, "POLL_SECONDS", 0.01)
    assert pulse.age_seconds(tmp_path) is None
    with pulse.Pulse(tmp_path, pytest.fail) as one:
        _until(lambda: pulse.path(tmp_path).exists())
        os.utime(pulse.path(tmp_path), (0, 0))
        _until(lambda: pulse.path(tmp_path).stat().st_mtime > 0)
        age = pulse.age_seconds(tmp_path)
        assert age is not None
        assert 0 <= age < 10
        one.end()
        assert list(tmp_path.iterdir()) == []
        one.end()


def test_a_clock_set_back_makes_no_negative_age(tmp_path: Path) -> None:
    """A beat of the future counts as one of now."""
    pulse.path(tmp_path).parent.mkdir()
    pulse.path(tmp_path).touch()
    os.utime(pulse.path(tmp_path), (time.time() + 3600, time.time() + 3600))
    assert pulse.age_seconds(tmp_path) == 0


def test_the_pulse_obeys_abort_once_and_no_wish_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that lay there from earlier is taken away; a new one is obeyed and removed."""
    monkeypatch.setattr(pulse, "POLL_SECONDS", 0.01)
    asked: list[int] = []
    pulse.path(tmp_path).parent.mkdir()
    (tmp_path / "control" / "abort").touch()
    with pulse.Pulse(tmp_path, lambda: asked.append(1)):
        time.sleep(0.1)
        assert asked == []
        for _ in range(2):
            (tmp_path / "control" / "abort").touch()
            time.sleep(0.1)
    assert asked == [1]


def test_a_folder_that_takes_no_file_has_no_pulse(tmp_path: Path) -> None:
    """The thread lives on where it cannot write."""
    (tmp_path / "control").write_text("no folder")
    with pulse.Pulse(tmp_path, pytest.fail):
        time.sleep(0.3)
        assert any(one.name == "pulse" for one in threading.enumerate())
    assert pulse.age_seconds(tmp_path) is None


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put other code in the place of the detached process; it gets the run folder last."""

    def replace(code: str) -> None:
        def start(command: list[str], **settings: Any) -> subprocess.Popen[bytes]:
            assert command[1:5] == ["-m", "bondx_lib", "resume", "--quiet"]
            assert settings["start_new_session"]
            assert settings["stdin"] == subprocess.DEVNULL
            return POPEN([sys.executable, "-c", code, command[-1]], **settings)

        monkeypatch.setattr(detach.subprocess, "Popen", start)

    return replace


RESUMED = """
import os, sys
from pathlib import Path
from bondx_lib import runlog
journal = runlog.Journal(Path(sys.argv[1]) / runlog.LOG_NAME)
journal.append("run_resumed", epoch=0, pid=os.getpid(), process_start=None)
"""


def test_detaching_returns_when_the_log_names_the_process(
    run_dir: Path, program: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints folder, process, and how to watch and stop it."""
    program(RESUMED)
    assert cli.main(["resume", "--detach", str(run_dir)]) == 0
    detach._started[-1].wait()
    pid = runlog.replay(runlog.read(run_dir / runlog.LOG_NAME)).pid
    shown = capsys.readouterr().out
    for line in (
        f"run folder: {run_dir}", f"process: {pid}", f"bondx watch {run_dir}",
        f"bondx stop {run_dir}", f"{run_dir}/control/console.log",
    ):  # fmt: skip
        assert line in shown


def test_a_detached_run_that_does_not_open_says_why(
    run_dir: Path, program: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own words and its own exit code; words of an earlier process are not repeated."""
    detach.console(run_dir).parent.mkdir()
    detach.console(run_dir).write_text("words of yesterday\n")
    program("import sys; print('error: the moon is full', file=sys.stderr); sys.exit(2)")
    assert cli.main(["resume", "--detach", str(run_dir)]) == 2
    assert capsys.readouterr().err == "error: the moon is full\n"
    program("import os; os.kill(os.getpid(), 9)")
    assert cli.main(["resume", "--detach", str(run_dir)]) == 1
    assert "ended without a word" in capsys.readouterr().err


def test_a_detached_run_that_never_opens_is_not_awaited_for_ever(
    run_dir: Path, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is named, so that it can be looked at."""
    monkeypatch.setattr(detach, "OPEN_SECONDS", 0.3)
    program("import time; time.sleep(5)")
    with pytest.raises(detach.NotOpened, match=r"process \d+ has not begun after"):
        detach.go_on(run_dir)
    detach._started[-1].kill()
    detach._started[-1].wait()


def test_run_detach_prepares_a_folder_that_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder holds the parameters before the process starts, and counts as prepared."""
    seen: list[Path] = []
    monkeypatch.setattr(detach, "go_on", lambda folder, options: seen.append(folder) or 1)
    assert cli.main(["run", "--detach", "--output", str(tmp_path), "--name", "later"]) == 0
    (folder,) = tmp_path.iterdir()
    assert seen == [folder]
    assert trainer.is_prepared(folder)
    assert not trainer.is_prepared(tmp_path)
    assert cli.main(["run", "--detach", "--set", "models=[nonesuch]"]) == 2


def test_the_commands_leave_wishes(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pause, continue and stop say what will happen."""
    with runlog.RunLock(run_dir):
        for word, left in (("pause", ["pause"]), ("continue", []), ("stop", ["stop"])):
            assert cli.main([word, str(run_dir)]) == 0
            assert [path.name for path in (run_dir / "control").iterdir()] == left
            assert str(run_dir) in capsys.readouterr().out
    assert cli.main(["abort", str(run_dir)]) == 2
    assert "no process works" in capsys.readouterr().err


def test_the_abort_command_says_how_to_go_on(
    run_dir: Path, holding: Holding, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process is gone when the command returns."""
    process = holding(run_dir, "obedient")
    assert cli.main(["abort", str(run_dir)]) == 0
    assert process.wait(10) == 0
    assert f"bondx resume {run_dir}" in capsys.readouterr().out


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.01)
