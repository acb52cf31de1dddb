"""Report, verify, export and compare of what is no ended run: one sentence, exit code 2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bondx_lib import artefacts, cli, runlog

from . import report_factory

COMMANDS = {
    "report": ["report", "RUN"],
    "verify": ["verify", "RUN"],
    "replay": ["verify", "RUN", "--replay"],
    "export": ["export", "RUN"],
    "compare": ["compare", "RUN", "RUN"],
}


def _going(folder: Path, still: ExitStack) -> None:
    report_factory.begin(folder)
    still.enter_context(runlog.RunLock(folder))


def _lost(folder: Path, still: ExitStack) -> None:
    report_factory.begin(folder)


def _newer(folder: Path, still: ExitStack) -> None:
    report_factory.write(folder, epochs=1)
    log = folder / runlog.LOG_NAME
    first = json.loads(log.read_bytes().splitlines()[0]) | {"log_version": 999}
    log.write_text(json.dumps(first) + "\n")


def _no_run(folder: Path, still: ExitStack) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing\n")


UNFIT: dict[str, tuple[Callable[[Path, ExitStack], None], tuple[str, ...]]] = {
    "going": (_going, ("has not ended", "'running'", "bondx watch")),
    "lost": (_lost, ("has not ended", "'lost'", "bondx resume")),
    "newer": (_newer, ("is of log version 999",)),
    "no run": (_no_run, ("is no run folder",)),
}


@pytest.fixture(params=UNFIT)
def unfit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A folder, and what has to be said of it."""
    make, said = UNFIT[request.param]
    with ExitStack() as still:
        make(tmp_path / "one", still)
        yield tmp_path / "one", said


@pytest.mark.parametrize("command", COMMANDS)
def test_unfit_run_is_one_sentence_and_nothing_is_written(
    command: str, unfit: tuple[Path, tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Which folder, how it stands, what to do; the folder stays as it was."""
    folder, expected = unfit
    before = artefacts.tree_digests(folder, folder)
    words = [str(folder) if word == "RUN" else word for word in COMMANDS[command]]
    code = cli.main([*words, *(["--output", str(folder.parent)] if command == "compare" else [])])
    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert len(said.err.splitlines()) == 1
    assert folder.name in said.err
    assert [word for word in expected if word not in said.err] == []
    assert before == artefacts.tree_digests(folder, folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name]
