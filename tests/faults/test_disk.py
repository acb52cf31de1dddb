"""A disk that is full, read-only or failing: one sentence, a valid log, equal bytes later."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bondx_lib import artefacts, cli, evidence, runlog, trainer
from bondx_lib.runner import storage

from . import here, killing, points
from .killing import Fault

ALL = os.environ.get("BONDX_FAULTS") == "all"
WORDS = ["run", "-q", "-f", str(here.SMOKE), "--set", "max_epochs=1"]
FLAGS = [part for key, value in here.FEW.items() for part in ("--set", f"{key}={value}")]
Remount = Callable[[str], None]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run without kernels, and compute what is pure once."""
    here.without_kernels(monkeypatch)
    here.computing_once(monkeypatch)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, Remount]]:
    """A disk of a few hundred kilobytes, and how to change it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = _mount("-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder))
    if made.returncode:
        pytest.skip(f"no disk of its own can be had here: {made.stderr.strip()}")

    def remount(options: str) -> None:
        done = _mount("-o", f"remount,{options}", str(folder))
        assert done.returncode == 0, done.stderr

    yield folder, remount
    subprocess.run(["umount", str(folder)], check=True)


def _mount(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    return subprocess.run(["mount", *words], capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("quick")
def test_a_disk_that_fills_up_again_and_again(
    tmp_path: Path, small_disk: tuple[Path, Remount], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each time the disk is made a little larger the run comes a little further, to its end."""
    disk, remount = small_disk
    reference = here.digests(here.run(here.chosen(tmp_path / "runs", **here.FEW)))
    code, size, places = cli.main([*WORDS, *FLAGS, "--output", str(disk)]), 200, []
    folder = killing.run_folder(disk)
    while code:
        said = capsys.readouterr().err
        assert code == 1
        assert said.count("\n") == 1, said
        assert "No space left on device" in said
        assert "nothing that was committed is lost" in said
        assert said.endswith(f"go on with: bondx resume {folder}\n")
        places.append(said.split(":")[1].strip())
        runlog.read(folder / runlog.LOG_NAME, tolerate_torn=False)
        size += 100
        remount(f"size={size}k")
        code = cli.main(["resume", "-q", str(folder)])
    assert len(places) > 3
    assert {"epoch 1", str(folder)} <= set(places)
    assert here.digests(folder) == reference
    assert here.left_over(folder) == []
    assert evidence.verify(folder) == []


@pytest.mark.usefixtures("quick")
def test_a_disk_that_takes_no_file_at_all(
    small_disk: tuple[Path, Remount], capsys: pytest.CaptureFixture[str]
) -> None:
    """A run folder that may only be read is named, with how to go on; then it goes on."""
    disk, remount = small_disk
    remount("size=50m")
    folder = trainer.prepare(here.chosen(disk, **here.FEW))
    remount("ro")
    assert cli.main(["resume", "-q", str(folder)]) == 1
    assert "cannot be written to: Read-only file system" in capsys.readouterr().err
    assert cli.main(["run", "-q", "--output", str(disk / "more")]) == 2
    assert "Read-only file system" in capsys.readouterr().err
    remount("rw")
    assert cli.main(["resume", "-q", str(folder)]) == 0
    assert evidence.verify(folder) == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("number", "name", "noted"),
    [
        (errno.EIO, "markets/benchmark/truth.parquet", True),
        (errno.EACCES, "epochs/0001/models/spread/model.json", True),
        (errno.EROFS, "models/.new-spread to models/spread", True),
        (errno.EDQUOT, "datasets/final.csv", True),
        (errno.ENOSPC, "report.html", False),
        (errno.EMFILE, "SHA256SUMS", False),
    ],
)
def test_a_write_that_fails_once(
    number: int, name: str, noted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes, runner or notebook, the run has not failed: it goes on where it was."""
    code = _failing(number, name, [*WORDS, *FLAGS, "--output", str(tmp_path)])
    said = capsys.readouterr().err
    folder = killing.run_folder(tmp_path)
    assert code == 1
    assert said.count("\n") == 1, said
    assert os.strerror(number) in said
    state = runlog.replay(runlog.read(folder / runlog.LOG_NAME, tolerate_torn=False))
    assert (state.status == "interrupted") is noted
    assert (errno.errorcode[number] in state.reason) is noted
    assert os.strerror(number) in (folder / "logs" / "run.log").read_text() or not noted
    assert cli.main(["resume", "-q", str(folder)]) == 0
    assert here.left_over(folder) == []
    assert evidence.verify(folder) == []
    kinds = [event.kind for event in runlog.read(folder / runlog.LOG_NAME)]
    assert "epoch_failed" not in kinds
    assert kinds.count("run_finished") == 1


def _failing(number: int, name: str, words: list[str]) -> int:
    """Run a command in which one write fails, and return its exit code."""

    def reach(written: str, phase: str, path: Path, before: int) -> None:
        if written == name and phase == (points.DONE if " to " in name else points.HALF):
            raise OSError(number, os.strerror(number), str(path))

    unwrap = points.wrap(artefacts, runlog, reach)
    try:
        return cli.main(words)
    finally:
        unwrap()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 1), (trainer.Interrupted("SIGINT"), 130)],
)
def test_a_run_that_does_not_come_to_its_first_line(
    error: BaseException,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No other line takes the place of the first: what is prepared can be begun."""

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(runlog.journal, "_write_whole", _once(fail, runlog.journal._write_whole))
        assert cli.main([*WORDS, *FLAGS, "--output", str(tmp_path)]) == code
    assert capsys.readouterr().err.count("\n") == 1
    folder = killing.run_folder(tmp_path)
    assert trainer.is_prepared(folder)
    assert cli.main(["resume", "-q", str(folder)]) == 0
    assert evidence.verify(folder) == []


def _once(first: Callable[..., None], then: Callable[..., None]) -> Callable[..., None]:
    """Return what calls one function the first time, and another one from then on."""
    calls = iter([first])
    return lambda *arguments: next(calls, then)(*arguments)


@pytest.mark.usefixtures("quick")
def test_an_error_of_the_work_is_still_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not there is nobody's full disk: the run has failed, and says so."""
    code = _failing(errno.ENOENT, "epochs/0001/result.json", [*WORDS, *FLAGS, "--output",
                                                              str(tmp_path)])  # fmt: skip
    folder = killing.run_folder(tmp_path)
    state = runlog.replay(runlog.read(folder / runlog.LOG_NAME))
    assert (code, state.status) == (1, "failed")
    assert "epoch 1 failed: FileNotFoundError" in capsys.readouterr().err


@pytest.mark.skipif(not ALL, reason="with real kernels: make test-faults")
@pytest.mark.parametrize("role", ["kernel", "runner"])
def test_a_write_that_fails_in_a_process_of_its_own(role: str, tmp_path: Path) -> None:
    """What a kernel reports through papermill is understood as what the runner meets itself."""
    name = "epochs/0001/truth.parquet" if role == "kernel" else "epochs/0001/epoch.ipynb"
    fault = Fault(role, name, error=errno.ENOSPC)
    words = killing.words_of_run(tmp_path / "runs", **here.FEW)
    done = killing.bondx(*words, fault=fault, marker=tmp_path / "failed")
    folder = killing.run_folder(tmp_path / "runs")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    assert f"bondx resume {folder}" in done.stderr
    state = runlog.replay(runlog.read(folder / runlog.LOG_NAME, tolerate_torn=False))
    assert (state.status, state.reason) == ("interrupted", "interrupted by ENOSPC")
    assert killing.bondx("resume", "-q", folder).returncode == 0
    calm = killing.bondx(*killing.words_of_run(tmp_path / "calm", **here.FEW))
    assert calm.returncode == 0
    assert here.digests(folder) == here.digests(killing.run_folder(tmp_path / "calm"))


def test_numbers_of_the_disk_are_those_that_another_disk_would_cure() -> None:
    """A missing file or a broken pipe is none of them."""
    assert {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO} <= storage.NUMBERS
    assert not {errno.ENOENT, errno.EPIPE, errno.EAGAIN, errno.EINTR} & storage.NUMBERS
