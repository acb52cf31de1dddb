"""`bondx watch` in a real terminal, at two sizes: what stands on the screen, and what stays."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

import pyte
import pytest

from bondx_lib import runlog
from bondx_lib.dashboard import picture, terminal

from ..unit import report_factory

SIZES: Final = ((80, 24), (140, 45))
SOON_SECONDS: Final = 20.0
LEAVES_FULL_SCREEN: Final = "\x1b[?1049l"


class Screen:
    """A command in a terminal of its own, and what its screen shows."""

    def __init__(self, size: tuple[int, int], *words: str) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self._master, slave = pty.openpty()
        self.resize(*size)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bondx_lib", *words], stdin=slave, stdout=slave, stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""},
        )  # fmt: skip
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._process.kill()
        self._process.wait()
        self._reader.join(5)
        os.close(self._master)

    @property
    def lines(self) -> list[str]:
        """Return the lines of the screen as they are now."""
        return [line.rstrip() for line in self._screen.display]

    def resize(self, width: int, height: int) -> None:
        """Make the window another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._screen.resize(height, width)

    def until(self, shown: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the screen is as it should be."""
        until = time.monotonic() + SOON_SECONDS
        while not shown(self.lines):
            assert time.monotonic() < until, "\n".join(self.lines)
            time.sleep(0.05)
        return self.lines

    def signal(self, one: signal.Signals) -> None:
        """Send the process a signal."""
        self._process.send_signal(one)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit code and everything that was written."""
        code = self._process.wait(SOON_SECONDS)
        self._reader.join(SOON_SECONDS)
        return code, self.written.decode()

    def _read(self) -> None:
        while True:
            try:
                content = os.read(self._master, 65_536)
            except OSError:  # the other end is closed
                return
            if not content:
                return
            self.written += content
            self._stream.feed(content)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run in the middle of its second epoch."""
    path = tmp_path / "runs" / "20260101T000000Z-watched-abcdef"
    report_factory.begin(path)
    return path


@pytest.fixture
def journal(run_dir: Path) -> Iterator[runlog.Journal]:
    """Its log, written on by this process, which holds the run."""
    with runlog.RunLock(run_dir):
        follower = runlog.Follower(run_dir / runlog.LOG_NAME)
        follower.new()
        yield runlog.Journal(run_dir / runlog.LOG_NAME, follower)


def is_whole(lines: list[str]) -> bool:
    """Say whether the picture fills the screen: title, state, champions, foot."""
    return (
        lines[0].startswith("BondX  20260101T000000Z-watched-abcdef")
        and lines[1].startswith("▶ running   epoch 2 of at most 100")
        and [line for line in lines if line][-1] == terminal.LEAVE
        and any(line.startswith("Liquidity shock") for line in lines)
    )


@pytest.mark.parametrize("size", SIZES)
def test_live_picture_fills_the_terminal_and_follows(
    size: tuple[int, int], run_dir: Path, journal: runlog.Journal
) -> None:
    """New events appear, another size is drawn anew, and the end stays on the screen."""
    with Screen(size, "watch", str(run_dir)) as screen:
        lines = screen.until(is_whole)
        assert "training" in lines[1]
        beside = any(line.startswith("Spread ") and "coverage" in line for line in lines)
        assert beside is (size[0] >= picture.WIDE)
        journal.append("stage_started", epoch=2, stage="evaluate")
        screen.until(lambda lines: is_whole(lines) and "scoring" in lines[1])
        for other in (SIZES[0], SIZES[1], size):
            screen.resize(*other)
            screen.until(is_whole)
        journal.append(
            "run_finished", status="stopped", reason="stopped on request", exit_code=0, artefacts={}
        )
        code, written = screen.end()
    assert code == 0
    after = written.partition(LEAVES_FULL_SCREEN)[2]
    assert "stopped on request" in after
    assert "Liquidity shock" in after
    assert "Traceback" not in written


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_viewer_leaves_and_the_run_goes_on(
    name: str, run_dir: Path, journal: runlog.Journal
) -> None:
    """The terminal is given back with the last picture and a word about the run."""
    with Screen(SIZES[0], "watch", str(run_dir)) as screen:
        screen.until(is_whole)
        screen.signal(signal.Signals[name])
        code, written = screen.end()
    assert code == 0
    after = written.partition(LEAVES_FULL_SCREEN)[2]
    assert "▶ running" in after
    assert "left. The run goes on: bondx watch" in after
    assert "Traceback" not in written


def test_run_deleted_while_watched(run_dir: Path, journal: runlog.Journal) -> None:
    """The last picture stays, the message says what is gone, the exit code is 2."""
    with Screen(SIZES[0], "watch", str(run_dir)) as screen:
        screen.until(is_whole)
        shutil.rmtree(run_dir)
        code, written = screen.end()
    assert code == 2
    after = written.partition(LEAVES_FULL_SCREEN)[2]
    assert "▶ running" in after
    assert "the run folder is gone" in after.replace("\r\n", " ")
    assert "Traceback" not in written


def test_log_damaged_while_watched(run_dir: Path, journal: runlog.Journal) -> None:
    """The line is named."""
    with Screen(SIZES[0], "watch", str(run_dir)) as screen:
        screen.until(is_whole)
        with (run_dir / runlog.LOG_NAME).open("ab") as log:
            log.write(b'{"torn": true}\n')
        code, written = screen.end()
    assert code == 2
    assert "is no event" in written.partition(LEAVES_FULL_SCREEN)[2]
    assert "Traceback" not in written


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda log: log.write_bytes(b"{no json\n"), "is no event"),
        (lambda log: _renumber(log), "log version 999"),
        (lambda log: log.unlink(), "is no run folder"),
    ],
    ids=["damaged", "newer", "no run"],
)
def test_what_is_no_readable_run_is_refused_before_anything_is_drawn(
    damage: Callable[[Path], object], said: str, run_dir: Path
) -> None:
    """The terminal is not taken; the exit code is 2."""
    damage(run_dir / runlog.LOG_NAME)
    with Screen(SIZES[0], "watch", str(run_dir)) as screen:
        code, written = screen.end()
    assert code == 2
    assert said in written.replace("\r\n", " ")
    assert LEAVES_FULL_SCREEN not in written
    assert "Traceback" not in written


@pytest.mark.parametrize("size", SIZES)
def test_list_fits_the_terminal(size: tuple[int, int], run_dir: Path) -> None:
    """Whole names, a word for the state, no broken lines."""
    report_factory.write(run_dir.parent / "20260102T000000Z-other-abcdef", epochs=1)
    with Screen(size, "list", "--output", str(run_dir.parent)) as screen:
        assert screen.end()[0] == 0
        lines = [line for line in screen.lines if line]
    assert [line.split()[0] for line in lines] == [
        "Run", "20260101T000000Z-watched-abcdef", "20260102T000000Z-other-abcdef"
    ]  # fmt: skip
    assert "✖ lost" in lines[1]
    assert "✔ converged" in lines[2]


def _renumber(log: Path) -> None:
    """Make it the log of a version to come."""
    present = f'"log_version":{runlog.LOG_VERSION}'.encode()
    assert present in log.read_bytes()
    log.write_bytes(log.read_bytes().replace(present, b'"log_version":999'))
