"""The terminal's picture fits every size; elsewhere it is plain lines or JSON."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bondx_lib import cli, dashboard, runlog
from bondx_lib.dashboard import picture, terminal, words

from . import report_factory

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that converged, with invented numbers."""
    return report_factory.write(tmp_path_factory.mktemp("runs") / "20260101T000000Z-tiny-abcdef")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in its second epoch whose process is gone: it needs the most lines."""
    run_dir = tmp_path_factory.mktemp("runs") / "20260101T000000Z-begun-abcdef"
    report_factory.begin(run_dir)
    return run_dir


def drawn(run_dir: Path, width: int, height: int | None = None, foot: str = "") -> list[str]:
    """Return the lines of a run's picture."""
    one = dashboard.Watcher(run_dir).look()
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(picture.render(one, width, height, foot))
    return console.export_text().splitlines()


def follow_while(journal: runlog.Journal, run_dir: Path, steps: list[Callable[[], Any]]) -> None:
    """Follow a run without a terminal while the steps happen, half a second apart, to its end."""
    terminal_thread = threading.Thread(target=dashboard.watch, args=(run_dir,))
    with runlog.RunLock(run_dir):
        terminal_thread.start()
        for step in steps:
            time.sleep(0.15)
            step()
    terminal_thread.join(30)
    assert not terminal_thread.is_alive()


@pytest.mark.parametrize("height", [24, 30, 45, 60])
@pytest.mark.parametrize("width", [80, 100, 131, 132, 150, 200])
def test_picture_fits_and_loses_nothing_that_matters(
    width: int, height: int, begun: Path, finished: Path
) -> None:
    """State, every champion, gates, rules and the last decision are there at any usual size."""
    for run_dir in (begun, finished):
        lines = drawn(run_dir, width, height, "the foot")
        one = dashboard.Watcher(run_dir).look()
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert lines[-1].strip() == "the foot"
        assert one.state_text.partition(":")[0] in lines[1]
        for row in one.models:
            (line,) = [text for text in lines if text.startswith(words.model_words(row["model"]))]
            assert f"{row['skill']:.3f}" in line
        whole = "\n".join(lines)
        assert words.gates_text(one.gates) in whole
        assert one.decisions[-1][:30] in whole
        assert "rules hold" in whole or all(rule["name"] in whole for rule in one.rules)


@pytest.mark.parametrize(("width", "height"), [(60, 15), (40, 10), (20, 5)])
def test_small_terminal_gets_the_state_and_champions_first(
    width: int, height: int, begun: Path
) -> None:
    """Nothing breaks, no line is too long; what does not fit is cut at the end."""
    lines = drawn(begun, width, height)
    assert max(map(len, lines)) <= width
    assert "lost" in lines[1]


def test_more_room_shows_more(finished: Path) -> None:
    """Higher terminals have more gates and decisions, up to a bound."""
    counts = [len(drawn(finished, 80, height)) for height in (20, 24, 30, 45)]
    assert counts == sorted(counts)
    assert len(set(counts)) > 2


def test_names_are_not_read_as_markup(tmp_path: Path) -> None:
    """Brackets in a folder's name stay brackets, and change no colour."""
    run_dir = report_factory.write(tmp_path / "20260101T000000Z-[red]x[bold]-abcdef", epochs=1)
    assert "[red]x[bold]" in drawn(run_dir, 100)[0]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(picture.listing(dashboard.list_runs(tmp_path)))
    assert "[red]x[bold]" in console.export_text()


def test_plain_lines_say_epochs_states_and_the_end(tmp_path: Path, capsys: Shown) -> None:
    """Piped output is a line for each epoch, each change of state, and the end; no colours."""
    run_dir = tmp_path / "run"
    journal = report_factory.begin(run_dir)
    follow_while(journal, run_dir, [
        lambda: journal.append("paused", epoch=1),
        lambda: time.sleep(2 * terminal.REFRESH_SECONDS),
        lambda: journal.append("run_interrupted", signal="SIGINT"),
    ])  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 2/100 training | quality ")
    assert lines[1].startswith("paused. It waits between two epochs")
    assert lines[-1].startswith("interrupted. interrupted by SIGINT")
    assert not any("\x1b" in line for line in lines)


def test_finished_run_is_said_in_two_lines(finished: Path, capsys: Shown) -> None:
    """The scores and the end; JSON is one object per change."""
    assert dashboard.watch(finished) == 0
    plain = capsys.readouterr().out.splitlines()
    assert plain[0].startswith("epoch 6/100 done")
    assert plain[1] == "converged. the champions gained less than the threshold"
    assert dashboard.watch(finished, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "converged"


def test_json_is_an_object_per_change(tmp_path: Path, capsys: Shown) -> None:
    """A change of state without an event, a vanished process, is a change too."""
    journal = report_factory.begin(tmp_path / "run")
    follower = threading.Thread(target=dashboard.watch, args=(tmp_path / "run", False, True))
    with runlog.RunLock(tmp_path / "run"):
        follower.start()
        time.sleep(3 * terminal.REFRESH_SECONDS)
        journal.append("stage_started", epoch=2, stage="evaluate")
        time.sleep(3 * terminal.REFRESH_SECONDS)
    follower.join(30)
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["state"], one["stage"]) for one in seen] == [
        ("running", "train"), ("running", "evaluate"), ("lost", "evaluate")
    ]  # fmt: skip


@pytest.mark.parametrize("beside", [True, False])
def test_last_picture_stays(finished: Path, beside: bool) -> None:
    """On a terminal the last picture stays and names the end."""
    console = Console(width=100, force_terminal=True, record=True, file=io.StringIO())
    terminal._follow_live(dashboard.Watcher(finished), console, beside)
    assert "converged" in console.export_text()


@pytest.mark.parametrize(
    ("settings", "draws"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False)],
)
def test_dumb_terminals_get_lines(settings: dict[str, str], draws: bool) -> None:
    """A terminal that cannot move its cursor gets lines."""
    console = Console(file=io.StringIO(), force_terminal=True, _environ=settings)
    assert terminal._can_draw(console) is draws


def test_viewer_may_leave(begun: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    """Ctrl-C ends the watching, not the run, and says so; scripts get no such line."""

    def leave(*given: Any) -> None:
        raise KeyboardInterrupt

    for name in ("_follow_plain", "_follow_json"):
        monkeypatch.setattr(terminal, name, leave)
    with runlog.RunLock(begun):
        assert dashboard.watch(begun) == 0
    assert "left. The run goes on: bondx watch" in capsys.readouterr().out
    assert dashboard.watch(begun) == 0
    assert "left. The run: lost" in capsys.readouterr().out
    assert dashboard.watch(begun, as_json=True) == 0
    assert capsys.readouterr().out == ""


def test_list_command_prints_whole_lines(finished: Path, tmp_path: Path, capsys: Shown) -> None:
    """Piped, no name is cut; an empty folder is said; JSON holds the keys."""
    assert cli.main(["list", "--output", str(finished.parent)]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["Run", "State", "Epochs", "Skill", "Age"]
    assert row.startswith(f"{finished.name}  ✔ converged  6 of 100  ")
    assert cli.main(["list", "--output", str(finished.parent), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["state"], found["epochs"], found["max_epochs"]) == ("converged", 6, 100)
    assert cli.main(["list", "--output", str(tmp_path / "none")]) == 0
    assert "there are no runs in" in capsys.readouterr().out
