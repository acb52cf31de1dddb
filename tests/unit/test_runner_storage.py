"""Failures of the disk: told from failures of the work, and never the end of a run."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
from collections import namedtuple
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from bondx_lib import cli, runlog, trainer
from bondx_lib.errors import BadInput
from bondx_lib.runner import storage

from .log_lines import START

Usage = namedtuple("Usage", "total used free")


def test_a_failing_disk_is_explained_in_one_sentence(tmp_path: Path) -> None:
    """The sentence names the file, the reason, and how to go on; the error survives a journey."""
    with pytest.raises(storage.StorageFailed) as caught, storage.explained(tmp_path):
        raise OSError(errno.ENOSPC, "whatever", str(tmp_path / "x.json"))
    failure = caught.value
    assert str(failure) == (
        f"{tmp_path}/x.json: cannot be written to: No space left on device; nothing that was "
        "committed is lost: make room or give rights, then go on with: "
        f"bondx resume {tmp_path}"
    )
    assert failure.exit_code == 1
    assert storage.name_of(failure) == "ENOSPC"
    again = pickle.loads(pickle.dumps(failure))
    assert (str(again), again.number) == (str(failure), errno.ENOSPC)


def test_a_file_without_a_name_is_put_down_to_the_run(tmp_path: Path) -> None:
    """A write to an open file names no path; of a renaming it is the new name that counts."""
    with pytest.raises(storage.StorageFailed) as caught, storage.explained(tmp_path):
        raise OSError(errno.EROFS, "read-only")
    assert caught.value.place == str(tmp_path)
    with pytest.raises(storage.StorageFailed) as caught, storage.explained(tmp_path):
        raise OSError(errno.EDQUOT, "quota", "old", None, "new")
    assert caught.value.place == "new"


def test_several_errors_in_one_have_a_reason_too(tmp_path: Path) -> None:
    """What copies a folder collects its errors; a long list of them is cut."""
    several = shutil.Error([("a", "b", "[Errno 28] No space left on device")] * 20)
    assert several.errno is None
    with pytest.raises(storage.StorageFailed) as caught, storage.explained(tmp_path):
        raise several
    assert caught.value.number == errno.ENOSPC
    assert str(caught.value).startswith(f"{tmp_path}: cannot be written to: No space left")
    reported = storage.blamed(tmp_path, "epoch 1", f"Error: {several}")
    assert reported is not None
    assert len(reported.reason) < 240


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(errno.ENOENT, "gone"), OSError("no number"), BrokenPipeError(32, "pipe"),
     ValueError("x"), BadInput("y"), BlockingIOError(errno.EAGAIN, "again")],
)  # fmt: skip
def test_other_errors_are_left_as_they_are(error: Exception, tmp_path: Path) -> None:
    """A bug is not called a full disk."""
    with pytest.raises(type(error)) as caught, storage.explained(tmp_path):
        raise error
    assert caught.value is error
    if isinstance(error, OSError):
        assert storage.name_of(error) is None


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("OSError: [Errno 28] No space left on device: '/r/x'", errno.ENOSPC),
        ("OSError: [Errno 28] Error writing bytes to file. Detail: [errno 28] x", errno.ENOSPC),
        ("PermissionError: [Errno 13] Permission denied: '/r/epochs'", errno.EACCES),
        ("OSError: [Errno 30] Read-only file system: '/r/epochs'", errno.EROFS),
        ("BadInput: /r/x: cannot be read as Parquet: [Errno 5] Input/output error", errno.EIO),
    ],
)
def test_a_kernels_words_are_understood(message: str, number: int, tmp_path: Path) -> None:
    """What pyarrow, pathlib and our own reading say of a disk names its number."""
    failure = storage.blamed(tmp_path, "epoch 3", message)
    assert failure is not None
    assert failure.number == number
    reason = f"{os.strerror(number)} ({message})"
    assert str(failure).startswith(f"epoch 3: {reason}; nothing that was committed is lost")


@pytest.mark.parametrize(
    "message", ["KeyError: 'x'", "FileNotFoundError: [Errno 2] No such file", "ValueError: 28"]
)
def test_other_words_blame_no_disk_that_has_room(message: str, tmp_path: Path) -> None:
    """An error of the work stays one."""
    assert storage.blamed(tmp_path, "epoch 3", message) is None


def test_without_room_any_failure_is_the_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that cannot save its model has words of its own for it; they are kept."""
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: Usage(1, 1, 100))
    failure = storage.blamed(tmp_path, "epoch 3", "LightGBMError: Model file is not available")
    assert failure is not None
    assert failure.number == errno.ENOSPC
    assert "No space left on device (LightGBMError: Model file" in str(failure)


def test_the_command_line_says_it_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where no run is concerned: exit code 1, no traceback; a bug has its traceback."""

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out.csv")

    monkeypatch.setattr(trainer, "run", full)
    assert cli.main(["run", "-q"]) == 1
    assert capsys.readouterr().err == "error: [Errno 28] No space left on device: 'out.csv'\n"

    def bug(*_: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone")

    monkeypatch.setattr(trainer, "run", bug)
    with pytest.raises(FileNotFoundError):
        cli.main(["run", "-q"])


class Full(FileIO):
    """A file on a disk that has room for a few bytes more, and takes only so many at a time."""

    def __init__(self, path: Path, room: int, most: int = 1_000) -> None:
        super().__init__(path, "ab")
        self._room, self._most = room, most

    def write(self, content: Any) -> int:
        """Write what there is room for."""
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(content[: min(self._room, self._most)])
        self._room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 30])
def test_a_line_that_does_not_fit_leaves_the_log_as_it_was(room: int, tmp_path: Path) -> None:
    """Half a line is taken back, so the log is valid at once and the next line can follow."""
    path = tmp_path / runlog.LOG_NAME
    journal = runlog.Journal(path)
    journal.append("run_started", **START)
    before = path.read_bytes()
    with Full(path, room) as file, pytest.raises(OSError, match="No space left"):
        runlog.journal._write_whole(file, b"x" * 31 + b"\n", len(before))
    assert path.read_bytes() == before
    journal.append("continued", epoch=1)
    assert len(runlog.read(path, tolerate_torn=False)) == 2


def test_a_line_that_fits_is_written_in_as_many_pieces_as_it_takes(tmp_path: Path) -> None:
    """A short write is no failure."""
    path = tmp_path / runlog.LOG_NAME

    with Full(path, room=100, most=3) as file:
        runlog.journal._write_whole(file, b"0123456789\n", 0)
    assert path.read_bytes() == b"0123456789\n"


def test_an_interrupted_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal between writing and flushing leaves no line that its writer does not know of."""
    path = tmp_path / runlog.LOG_NAME
    journal = runlog.Journal(path)
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            journal.append("run_started", **START)
    assert path.read_bytes() == b""
    journal.append("run_started", **START)
    assert len(runlog.read(path)) == 1
