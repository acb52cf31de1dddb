"""Ctrl-C, also twice; a closed terminal; a second runner: whatever comes, the run can go on."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bondx_lib import cli, evidence, runlog, trainer
from bondx_lib.runner import control

from . import here, killing

IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv("/bin/sh", ["sh", "-c", sys.argv[1]])
"""
ALL = os.environ.get("BONDX_FAULTS") == "all"


def _goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resume a run in this process, to its end."""
    here.without_kernels(monkeypatch)
    state = trainer.resume(folder)
    assert (state.status, state.exit_code) == ("epoch_limit", 0)
    assert here.left_over(folder) == []
    assert evidence.verify(folder) == []


@pytest.mark.skipif(not ALL, reason="a minute: make test-faults")
@pytest.mark.parametrize("names", [("SIGINT", "SIGINT"), ("SIGINT",), ("SIGTERM",), ("SIGHUP",)])
def test_a_signal_ends_a_run_that_can_go_on(
    names: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """130 after one or two; while it worked, a second runner was refused with its process id."""
    process = killing.start(*killing.words_of_run(tmp_path, **here.FEW))
    killing.until(killing.has_begun(tmp_path, "generate"), process)
    folder = killing.run_folder(tmp_path)
    assert cli.main(["resume", "-q", str(folder)]) == 2
    assert f"process {process.pid} is already working on this run" in capsys.readouterr().err
    for name in names:
        process.send_signal(signal.Signals[name])
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not runlog.RunLock.held(folder)
    state = runlog.replay(runlog.read(folder / runlog.LOG_NAME))
    if len(names) == 1:
        assert (state.status, state.reason) == ("interrupted", f"interrupted by {names[0]}")
    _goes_on(folder, monkeypatch)


def test_a_terminal_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run in the foreground ends cleanly and can go on; the detached one does not notice."""
    program = [sys.executable, "-m", "bondx_lib"]
    detached = killing.words_of_run(tmp_path / "detached", **here.FEW | {"max_epochs": 50})
    foreground = killing.words_of_run(tmp_path / "foreground", **here.FEW)
    script = f"{shlex.join([*program, *detached, '--detach'])} && " + shlex.join(
        [*program, *foreground]
    )
    terminal, theirs_too = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, script], stdin=theirs_too, stdout=theirs_too,
        stderr=theirs_too, start_new_session=True, cwd=here.ROOT, env=killing.environment(),
    )  # fmt: skip
    os.close(theirs_too)
    killing.until(killing.has_begun(tmp_path / "foreground", "generate"))
    ours = killing.run_folder(tmp_path / "foreground")
    theirs = killing.run_folder(tmp_path / "detached")
    os.close(terminal)
    shell.wait(60)
    killing.until(lambda: not runlog.RunLock.held(ours))
    state = runlog.replay(runlog.read(ours / runlog.LOG_NAME))
    assert (state.status, state.reason) == ("interrupted", "interrupted by SIGHUP")
    written = _events(theirs)
    killing.until(lambda: _events(theirs) > written + 3)
    assert control.abort(theirs) == "abort"
    _goes_on(ours, monkeypatch)


def _events(folder: Path) -> int:
    return len(runlog.read(folder / runlog.LOG_NAME))
