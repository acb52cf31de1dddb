"""The log file of a run: one JSON object a line, bounded in size, ended before the seal."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from bondx_lib import cli, engine, evidence, parameters, trainer
from bondx_lib.errors import BondXError, EpochFailed, ExitCode
from bondx_lib.evidence import verifier
from bondx_lib.runner import detach, logs, signals, storage

from . import report_factory

LOG = logging.getLogger("bondx")


def without_documents(patch: pytest.MonkeyPatch) -> None:
    """Let a run be closed with a seal, but without crate and documents."""
    patch.setattr(trainer.closing.evidence, "write_documents", lambda run_dir: None)
    patch.setattr(trainer.closing.evidence, "finish", evidence.seal)


def said(run_dir: Path, name: str = logs.NAME) -> list[dict[str, Any]]:
    lines = (run_dir / logs.FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_line_says_when_how_grave_who_what_and_in_which_epoch(tmp_path: Path) -> None:
    """Every message is one object; an error brings its traceback along, line feeds and all."""
    with logs.RunLog(tmp_path, "INFO") as notes:
        LOG.info("no epoch yet")
        notes.current_epoch = 3
        LOG.debug("not asked for")
        LOG.warning("ünlucky %s\nand more", "number")
        try:
            raise ValueError("x")
        except ValueError:
            LOG.exception("failed")
    first, second, third = said(tmp_path)
    assert (first["level"], first["logger"], first["epoch"]) == ("INFO", "bondx", None)
    assert (second["message"], second["epoch"]) == ("ünlucky number\nand more", 3)
    assert third["error"].endswith("ValueError: x")
    assert first["time"].endswith("+00:00")
    assert first["time"] <= second["time"]


def test_a_message_that_cannot_be_put_together_ends_nothing(tmp_path: Path) -> None:
    """A fault of a note is not a fault of the work."""
    with logs.RunLog(tmp_path, "INFO"):
        LOG.info("%d", "no number")
        LOG.info("goes on")
    assert [line["message"] for line in said(tmp_path)] == ["goes on"]


def test_warnings_go_to_the_file(tmp_path: Path) -> None:
    """Warnings of Python are noted as warnings."""
    with warnings.catch_warnings(), logs.RunLog(tmp_path, "INFO"):
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
    (line,) = said(tmp_path)
    assert (line["level"], line["logger"]) == ("WARNING", "py.warnings")
    assert "careful" in line["message"]


def test_what_was_before_is_so_again(tmp_path: Path) -> None:
    """Ended, the file takes nothing more and the loggers are as they were; ending twice is fine."""
    before = [(one.level, one.propagate, list(one.handlers)) for one in _loggers()]
    with logs.RunLog(tmp_path, "DEBUG") as notes:
        assert LOG.level == logging.DEBUG
        notes.end()
        size = (tmp_path / logs.FOLDER / logs.NAME).stat().st_size
        LOG.critical("too late")
        notes.end()
    assert (tmp_path / logs.FOLDER / logs.NAME).stat().st_size == size
    assert [(one.level, one.propagate, list(one.handlers)) for one in _loggers()] == before


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full file gets a number, the oldest goes, no line is cut, all names end in .log."""
    monkeypatch.setattr(logs, "MAX_BYTES", 2_000)
    with logs.RunLog(tmp_path, "INFO"):
        for number in range(200):
            LOG.info("message %d", number)
    names = sorted(path.name for path in (tmp_path / logs.FOLDER).iterdir())
    assert names == ["run.1.log", "run.2.log", "run.3.log", "run.log"]
    assert all((tmp_path / logs.FOLDER / name).stat().st_size <= 2_000 for name in names)
    kept = [line["message"] for name in ("run.1.log", "run.log") for line in said(tmp_path, name)]
    assert kept[-1] == "message 199"
    assert kept == [f"message {number}" for number in range(200 - len(kept), 200)]


def test_a_disk_that_takes_no_note_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work goes on without the line, and nothing is said about it."""

    def full(self: logs.RunLog, record: logging.LogRecord) -> bool:
        raise OSError(28, "No space left on device")

    with logs.RunLog(tmp_path, "INFO"):
        with monkeypatch.context() as patched:
            patched.setattr(logs.RunLog, "shouldRollover", full)
            LOG.info("lost")
        LOG.info("kept")
    assert [line["message"] for line in said(tmp_path)] == ["kept"]


def test_the_log_file_ends_before_the_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What rendering says is kept; what comes after the seal changes nothing that was sealed."""
    run_dir = report_factory.write(tmp_path / "run", epochs=1)
    monkeypatch.setattr(trainer.closing.report, "render", lambda run_dir, _: LOG.info("rendering"))
    without_documents(monkeypatch)
    with logs.RunLog(run_dir, "INFO") as notes:
        trainer.close(run_dir, notes)
        LOG.info("sealed")
    assert [line["message"] for line in said(run_dir)] == ["rendering"]
    assert f"{logs.FOLDER}/{logs.NAME}" in (run_dir / evidence.SUMS_NAME).read_text()
    assert list(verifier._against_sums(run_dir, evidence.files(run_dir))) == []


def test_a_report_whose_kernel_is_lost_is_rendered_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice lost is lost; a cell that fails is not tried again, and a full disk is called so."""
    run_dir = report_factory.write(tmp_path / "run", epochs=1)
    said: list[BondXError] = []

    def fail(run_dir: Path, kernel: object) -> None:
        if said:
            raise said.pop(0)

    lost, failed = engine.KernelLost("the kernel died"), BondXError("the report's notebook failed")
    full = BondXError("the report's notebook failed: OSError: [Errno 28] No space left on device")
    monkeypatch.setattr(trainer.closing.report, "render", fail)
    without_documents(monkeypatch)
    said[:] = [lost]
    trainer.close(run_dir)
    for errors, expected, left in (
        ([lost, lost], engine.KernelLost, 0),
        ([failed, lost], BondXError, 1),
        ([full, lost], storage.StorageFailed, 1),
    ):
        said[:] = errors
        with pytest.raises(expected):
            trainer.close(run_dir)
        assert len(said) == left


@pytest.mark.parametrize(("level", "kept"), [(None, "WARNING"), ("DEBUG", "DEBUG")])
def test_the_level_is_the_parameters_unless_another_is_given(
    level: str | None, kept: str, tmp_path: Path
) -> None:
    """What is written down does not change what the run is: the parameters stay as they are."""
    chosen = parameters.load(None, {"logging.level": "WARNING"})
    work = trainer.BondXAIAutonomousTrainer(chosen, tmp_path, log_level=level)
    assert work._log_level == kept
    assert work.parameters.digest() == chosen.digest()
    assert work.parameters.logging.level == "WARNING"


def test_debug_shows_where_an_expected_error_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence as always, and the traceback above it only on demand."""
    words = ["run", "--set", "nonesuch=1"]
    assert cli.main(words) == 2
    plain = capsys.readouterr().err
    assert cli.main([*words, "--debug"]) == 2
    full = capsys.readouterr().err
    assert plain.count("\n") == 1
    assert full.endswith(plain)
    assert full.startswith("Traceback")
    assert "BadInput" in full


def test_debug_reaches_the_trainer_and_a_detached_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option is handed on as a level, and as itself to a process of its own."""
    seen: list[Any] = []

    def run(chosen: Any, on_open: Any, log_level: str | None = None) -> None:
        seen.append(log_level)
        raise EpochFailed(1, "KeyError", "'x'", "the cell's own")

    monkeypatch.setattr(trainer, "run", run)
    monkeypatch.setattr(detach, "go_on", lambda folder, options: seen.append(options) or 1)
    for words in ([], ["--debug"], ["--detach", "--debug"], ["--detach"]):
        cli.main(["run", "-q", "--output", str(tmp_path), *words])
    assert seen == [None, "DEBUG", ["--debug"], []]
    shown = capsys.readouterr().err
    assert shown.startswith("the cell's own\nerror: epoch 1 failed: KeyError: 'x'\n")
    assert shown.count("Traceback") == 1


HEEDING = """
import os, signal, sys, time
from bondx_lib.runner import signals
class Asked(BaseException): pass
def interrupt(name):
    print(name, flush=True)
    if "slow" in sys.argv:
        time.sleep(30)
    raise Asked
if "nohup" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
try:
    with signals.heeded(interrupt) as heeded:
        print(heeded, flush=True)
        time.sleep(30)
except Asked:
    print("cleaned up", flush=True)
"""


def _heeding(*manners: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-c", HEEDING, *manners]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_signal_is_handed_over(name: str) -> None:
    """Ctrl-C, a request to end and a closed terminal are all asked to clean up."""
    process = _heeding()
    process.send_signal(signal.Signals[name])
    assert process.communicate(timeout=20)[0] == f"{name}\ncleaned up\n"
    assert process.returncode == 0


def test_a_second_signal_ends_at_once() -> None:
    """Whoever asks twice does not wait for the clean-up."""
    process = _heeding("slow")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "SIGINT\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == ExitCode.INTERRUPTED
    process.communicate()


def test_nohup_is_left_in_force() -> None:
    """What was started to outlive its terminal does."""
    process = _heeding("nohup")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20)[0] == "SIGTERM\ncleaned up\n"


def test_no_thread_but_the_first_heeds_signals() -> None:
    """Elsewhere nothing is changed, and that is said."""
    from concurrent.futures import ThreadPoolExecutor

    def entered() -> bool:
        with signals.heeded(pytest.fail) as heeded:
            return heeded

    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(entered).result() is False
    assert signal.getsignal(signal.SIGINT) is before


def test_handlers_are_given_back() -> None:
    """After the block signals do what they did before, even if one came."""
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before, asked = [signal.getsignal(name) for name in names], []
    with signals.heeded(asked.append):
        os.kill(os.getpid(), signal.SIGHUP)
    assert asked == ["SIGHUP"]
    assert [signal.getsignal(name) for name in names] == before


def _loggers() -> list[logging.Logger]:
    return [logging.getLogger(name) for name in logs.LOGGERS]
