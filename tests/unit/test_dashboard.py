"""Watching: every state is shown and named, in the terminal, as HTML, as JSON; widgets steer."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import pytest
from rich.console import Console

from bondx_lib import BondXAIDashboard, dashboard, evidence, runlog
from bondx_lib.dashboard import html, views, words
from bondx_lib.errors import BadInput
from bondx_lib.schema import MODELS

from . import report_factory

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that converged, with invented numbers."""
    return report_factory.write(tmp_path_factory.mktemp("runs") / "20260101T000000Z-tiny-abcdef")


def paged(run_dir: Path) -> str:
    """Return the page of a run as it is now."""
    watcher = dashboard.Watcher(run_dir)
    return html.page(watcher.look(), watcher.state)


def look(run_dir: Path) -> dashboard.View:
    return dashboard.Watcher(run_dir).look()


def drawn(one: dashboard.View, width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(dashboard.render(one, width))
    return console.export_text()


def text_of(page: str) -> str:
    """Return what a reader sees of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<style>.*?</style>", "", page)))


def test_finished_run_is_wholly_seen(finished: Path) -> None:
    """State, epochs, quality, every champion, gate, rule and decision come out of the log."""
    one = look(finished)
    assert (one.state, one.ended, one.fraction, one.committed) == ("converged", True, 1.0, 6)
    assert [row["model"] for row in one.models] == list(MODELS)
    assert [row["champion_since"] for row in one.models] == [5] * 4
    assert one.quality == pytest.approx(0.96)
    assert one.mean_skill == pytest.approx(
        sum(history[-1] for history in one.skill_history.values()) / 4
    )
    assert len(one.gates) == 6
    assert one.rules[0]["holds"]
    assert any("challenger promoted" in text for text in one.decisions)
    assert (one.left_low_seconds, dashboard.views.left_text(one)) == (None, "none")


def test_models_of_other_packages_are_seen(tmp_path: Path) -> None:
    """Rows stand in the order of the parameters, whatever the models are."""
    run_dir = report_factory.write(tmp_path / "run", epochs=1, models=["bid_ask", "spread"])
    one = look(run_dir)
    assert [row["model"] for row in one.models] == ["bid_ask", "spread"]
    assert list(one.skill_history) == ["bid_ask", "spread"]
    assert any("Bid ask challenger promoted" in text for text in one.decisions)
    for shown in (drawn(one, 100), text_of(paged(run_dir))):
        assert "Bid ask" in shown


@pytest.mark.parametrize(
    ("status", "said"),
    [(status, said) for status, said in words.STATE_WORDS.items() if status in runlog.ENDED],
)
def test_every_ending_is_named(status: str, said: str, tmp_path: Path) -> None:
    """Terminal, page and status say in words how a run ended and why."""
    run_dir = report_factory.write(tmp_path / "run", epochs=1, status=status, reason="so <it> is")
    one = look(run_dir)
    for shown in (drawn(one, 100), dashboard.status_text(dashboard.status(run_dir))):
        assert said in shown
        assert "so <it> is" in shown
    assert "so &lt;it&gt; is" in paged(run_dir)


def test_running_paused_interrupted_and_lost_are_told_apart(tmp_path: Path) -> None:
    """Whether a process still holds the run decides between running and lost."""
    run_dir = tmp_path / "run"
    journal = report_factory.begin(run_dir)
    assert look(run_dir).state == "lost"
    with runlog.RunLock(run_dir):
        one = look(run_dir)
        assert (one.state, one.epoch, one.stage_text) == ("running", 2, "training")
        assert one.left_high_seconds is not None
        assert "at most" in views.left_text(one)
        assert dashboard.list_runs(tmp_path)[0]["state"] == "running"
        journal.append("paused", epoch=2)
        assert look(run_dir).state == "paused"
        assert dashboard.list_runs(tmp_path)[0]["state"] == "paused"
    assert "resume it" in look(run_dir).advice
    assert dashboard.list_runs(tmp_path)[0]["state"] == "lost"
    journal.append("run_interrupted", signal="SIGINT")
    assert look(run_dir).state == "interrupted"
    assert dashboard.list_runs(tmp_path)[0]["state"] == "interrupted"


def test_run_without_events_is_not_started(tmp_path: Path) -> None:
    """A folder whose log is still to come is shown, not refused."""
    one = look(tmp_path)
    assert (one.state, one.fraction, one.models, one.quality) == ("empty", 0.0, (), None)
    assert "not started yet" in drawn(one, 90)
    assert "unknown until the first epoch is done" in text_of(paged(tmp_path))


def test_watcher_reads_on(tmp_path: Path) -> None:
    """A second look sees only what is new, and both together all of it."""
    journal = report_factory.begin(tmp_path / "run")
    watcher = dashboard.Watcher(tmp_path / "run")
    with runlog.RunLock(tmp_path / "run"):
        assert watcher.look().stage_text == "training"
        journal.append("stage_started", epoch=2, stage="evaluate")
        assert watcher.look().stage_text == look(tmp_path / "run").stage_text == "scoring"
    assert watcher.look().stage_text == "lost"


def test_run_that_vanished_is_said(tmp_path: Path) -> None:
    """A folder that is deleted, or a log that is replaced, while it is watched is no quiet run."""
    report_factory.begin(tmp_path / "run")
    watcher = dashboard.Watcher(tmp_path / "run")
    watcher.look()
    log = tmp_path / "run" / runlog.LOG_NAME
    content = log.read_bytes()
    log.write_bytes(content[:100])
    with pytest.raises(BadInput, match="was replaced"):
        watcher.look()
    log.unlink()
    with pytest.raises(BadInput, match="is gone"):
        watcher.look()
    with pytest.raises(BadInput, match="is gone"):
        dashboard.Watcher(tmp_path / "never").look()


def test_mute_process_and_open_wishes_are_seen(tmp_path: Path) -> None:
    """A process that holds the run but does not beat is named; so is a wish not yet obeyed."""
    report_factory.begin(tmp_path / "run")
    control = tmp_path / "run" / "control"
    control.mkdir()
    (control / "heartbeat").touch()
    (control / "pause").touch()
    with runlog.RunLock(tmp_path / "run"):
        one = look(tmp_path / "run")
        assert (one.state, one.asked) == ("running", ("pause",))
        assert "asked to pause" in views.asked_text(one)
        assert one.heartbeat_seconds is not None
        assert "heartbeat" in views.beat_text(one)
        os.utime(control / "heartbeat", (0, 0))
        one = look(tmp_path / "run")
        assert one.state == "silent"
        assert not one.ended
        assert "no sign of life" in one.state_text


def test_decisions_are_sentences_with_numbers_and_reasons(finished: Path) -> None:
    """What was promoted, what refused and what the next draw holds more of, each with its why."""
    said = look(finished).decisions
    assert "epoch 3: Spread challenger promoted, +0.020 skill [0.010, 0.030]" in said
    assert any(text.startswith("epoch 2: draw 0 refused by ") for text in said)
    assert any("holds more of CCC because rating CCC: worst" in text for text in said)
    assert said[-1] == "the run ended: converged"


def test_run_is_found_by_name_beginning_path_and_age(finished: Path) -> None:
    """The newest when nothing is named; a beginning when it names one only."""
    base = finished.parent
    assert dashboard.find_run(base) == finished
    assert dashboard.find_run(base, "20260101") == finished
    assert dashboard.find_run(base, str(finished)) == finished


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, ["holds no runs", "bondx run"]),
        ("2026", ["several"]),
        ("20260101T000000Z-tinny", ["no run folder", "did you mean '20260101T000000Z-tiny'?"]),
    ],
)
def test_run_that_is_not_there_is_bad_input(
    text: str | None, said: list[str], tmp_path: Path
) -> None:
    """The message says where was looked, what would do and what comes near."""
    if text:
        report_factory.write(tmp_path / "20260101T000000Z-tiny", epochs=1)
        report_factory.write(tmp_path / "20260102T000000Z-tony", epochs=1)
    with pytest.raises(BadInput) as caught:
        dashboard.find_run(tmp_path, text)
    assert all(word in str(caught.value) for word in said)
    with pytest.raises(BadInput, match="no run folder"):
        dashboard.status(tmp_path)


def test_status_is_strict_json(finished: Path) -> None:
    """What scripts read parses everywhere and agrees with the text."""
    row = dashboard.status(finished)
    again = json.loads(json.dumps(row, allow_nan=False))
    assert again["quality"] == row["quality"]
    assert f"{row['quality']:.3f}" in dashboard.status_text(row)


def test_page_is_accessible_and_runs_no_script(finished: Path) -> None:
    """Tables have captions and scopes, every verdict is a word, the state is announced."""
    page = paged(finished)
    assert page.count("<table>") == page.count("<caption>") == 4
    assert page.count("<th ") == page.count('<th scope="')
    assert page.count("<svg ") == page.count('role="img" aria-label="') > 5
    assert page.count("<h2>") == len(html.SECTIONS)
    assert page.count('role="status"') == 1
    assert "<script" not in page
    assert text_of(page).count("pass") >= 5


def test_failed_gate_is_marked_by_word_and_sign(tmp_path: Path) -> None:
    """A failing gate does not pass by colour alone."""
    journal = report_factory.begin(tmp_path / "run")
    journal.append(
        "dataset_rejected", epoch=2, draw=0, stream="epoch/0002/draw/0",
        findings=report_factory.findings(2, "fail"), reason="Too much is missing.",
    )  # fmt: skip
    one = look(tmp_path / "run")
    assert 'class="bad">fail' in paged(tmp_path / "run")
    assert any("refused by" in text for text in one.decisions)


def test_dashboard_class_keeps_its_promise(finished: Path, capsys: Shown) -> None:
    """The promised methods show, refresh and summarise."""
    one = BondXAIDashboard(finished)
    one._display_dashboard()
    assert "converged" in capsys.readouterr().out
    assert one._update_dashboard() is one.view
    assert "converged" in one.generate_summary_report()["text"]
    assert one.start_monitoring() == 0


def test_sealed_run_verifies_after_watching(tmp_path: Path) -> None:
    """Watching writes nothing into a run folder."""
    run_dir = report_factory.write(tmp_path / "run", epochs=1)
    evidence.seal(run_dir)
    before = sorted(path for path in run_dir.rglob("*"))
    look(run_dir)
    dashboard.status(run_dir)
    dashboard.list_runs(tmp_path)
    assert sorted(path for path in run_dir.rglob("*")) == before
