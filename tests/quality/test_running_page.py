"""What docs/running.md says of exit codes, commands, patience and tests is so; and threats.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bondx_lib import cli, trainer
from bondx_lib.errors import BadInput
from bondx_lib.runner import control, logs, pulse, storage

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
RESUME = (ROOT / "docs" / "resume_and_fork.md").read_text(encoding="utf-8")
THREATS = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")


def _rows(title: str, page: str = PAGE) -> list[list[str]]:
    """Return the cells of the table below a title, without its head."""
    part = page.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_exit_codes_are_the_trainers() -> None:
    """Every way to end has its code in the table, and no other."""
    told = {word: int(code) for code, _, words in _rows("Exit codes")
            for word in re.findall(r"`(\w+)`", words)}  # fmt: skip
    assert told.pop("interrupted") == trainer.EXIT_CODES["interrupted"]
    assert {**told, "interrupted": 130} == trainer.EXIT_CODES
    codes = {int(row[0]) for row in _rows("Exit codes")}
    failed_disk = storage.StorageFailed("r", "p", "x", 28).exit_code
    assert codes == {*trainer.EXIT_CODES.values(), BadInput("x").exit_code, failed_disk}


def test_the_commands_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command on the page is one."""
    commands = set(re.findall(r"bondx ([a-z]+)", PAGE))
    assert {"run", "resume", "pause", "continue", "stop", "abort", "status"} <= commands
    for command in commands:
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
    capsys.readouterr()


def test_the_numbers_are_the_constants() -> None:
    """How long things take, and how much is kept."""
    for said in (
        f"after {control.FIRST_PATIENCE_SECONDS:g} s it gets SIGTERM",
        f"{control.PATIENCE_SECONDS:g} s later SIGKILL",
        f"`control/heartbeat` every {pulse.BEAT_SECONDS:g} s",
        f"A beat older than {pulse.LATE_SECONDS:g} s",
        f"At {logs.MAX_BYTES:,} bytes",
        f"the last {logs.OLDER_FILES} are kept",
    ):
        assert said in " ".join(PAGE.split())


@pytest.mark.parametrize(
    ("title", "page", "more_than"),
    [("What each fault does", PAGE, 15), ("What stands against it", THREATS, 10)],
)
def test_every_row_is_tried_by_a_test_that_is_there(title: str, page: str, more_than: int) -> None:
    """The last column names tests, none of which is made up, and no row has none."""
    tests = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    rows = _rows(title, page)
    assert len(rows) > more_than
    for row in rows:
        assert re.findall(r"`(\w+)`", row[-1]), row[0]
        assert set(re.findall(r"`(\w+)`", row[-1])) <= tests, row[0]


def test_what_resume_refuses_is_said_in_its_words() -> None:
    """Every message of the table is one of the code's, whatever stands for names and numbers."""
    source = "".join(path.read_text() for path in (ROOT / "bondx_lib").rglob("*.py"))
    rows = _rows("Resume", RESUME)
    assert len(rows) == 7
    for message, _ in rows:
        words = re.sub(
            r"\w+\.yaml: |\S+\.parquet: | \d+$|: …$| \(.*?\): .*", "", message.strip("`")
        )
        words = re.sub(r"^process \d+|^events\.jsonl: (line) \d+", r"\1", words).strip()
        assert words in source, words
