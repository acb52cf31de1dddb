"""What docs/watching.md says of states, metrics, commands, sections and times is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bondx_lib import cli, dashboard
from bondx_lib.dashboard import exposition, html, runs, words
from bondx_lib.runner import pulse

from ..unit import report_factory

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")


def _rows(title: str) -> list[list[str]]:
    """Return the cells of the table below a title, without its head."""
    part = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_state_is_explained_in_its_words() -> None:
    """No state is missing, none is made up."""
    told = {name: row[1] for row in _rows("What each state means")
            for name in re.findall(r"`(\w+)`", row[0])}  # fmt: skip
    assert set(told) == {*words.STATE_WORDS, runs.DAMAGED}
    for state in ("empty", "running", "paused", "interrupted", "blocked", "failed"):
        assert told[state] == words.STATE_WORDS[state]
    assert told["silent"] == f"{words.STATE_WORDS['silent']} for {pulse.LATE_SECONDS:g} s"


def test_every_metric_is_named(tmp_path: Path) -> None:
    """The table holds what a finished run writes, and what a run at work does."""
    named = set()
    for first, _ in _rows("Scripts and monitoring"):
        found = [name.partition("{")[0] for name in re.findall(r"`([\w{}]+)`", first)]
        stem = found[0].removesuffix("_skill")
        named |= {name if name.startswith("bondx") else stem + name for name in found}
    run_dir = report_factory.write(tmp_path / "run")
    text = exposition.exposition(dashboard.Watcher(run_dir).look())
    assert named == set(re.findall(r"^# TYPE (\w+) gauge$", text, re.MULTILINE))


def test_the_commands_and_their_options_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command on the page is one and knows the options that stand beside it."""
    calls = re.findall(r"^bondx ([a-z]+)(.*?)(?:#.*)?$", PAGE, re.MULTILINE)
    assert {name for name, _ in calls} == {"watch", "list", "status"}
    for command, rest in calls:
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        said = capsys.readouterr().out
        assert all(option in said for option in re.findall(r"--\w+", rest))


def test_every_section_is_described() -> None:
    """The table names the controller's sections in their order."""
    told = [row[0] for row in _rows("The controller notebook")]
    assert told == ["above", *html.SECTIONS, "Data"]
