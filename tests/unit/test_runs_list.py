"""The list of runs: from the ends of the logs, each read once, and never wrong about the state."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bondx_lib import dashboard, runlog
from bondx_lib.dashboard import runs

from . import report_factory


def rows_of(base: Path) -> dict[str, dict[str, Any]]:
    return {row["run"]: row for row in dashboard.list_runs(base)}


def test_row_says_what_the_view_says(tmp_path: Path) -> None:
    """State, epochs, limit and skill are those of the whole log, finished or not."""
    report_factory.write(tmp_path / "a")
    report_factory.begin(tmp_path / "b")
    report_factory.write(tmp_path / "c", epochs=1, status="failed", exit_code=1)
    for name, row in rows_of(tmp_path).items():
        one = dashboard.Watcher(tmp_path / name).look()
        assert row["state"] == one.state
        assert row["state_text"] == one.state_text
        assert (row["epochs"], row["max_epochs"]) == (one.committed, one.max_epochs)
        assert row["mean_skill"] == pytest.approx(one.mean_skill)
        assert row["age_seconds"] > 0
        assert row["age"]


def test_long_log_is_read_at_its_ends_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the tail, the row is the same; the middle is not looked at."""
    run_dir = report_factory.write(tmp_path / "run", epochs=8)
    (whole,) = dashboard.list_runs(tmp_path)
    log = run_dir / runlog.LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 3
    lines[middle] = b"x" * (len(lines[middle]) - 1) + b"\n"
    log.write_bytes(b"".join(lines))
    for size in (100, 5_000, 20_000):
        monkeypatch.setattr(runs, "TAIL_BYTES", size)
        (cut,) = dashboard.list_runs(tmp_path)
        different = {"age", "age_seconds"}
        assert {k: v for k, v in cut.items() if k not in different} == {
            k: v for k, v in whole.items() if k not in different
        }


def test_last_event_longer_than_the_tail_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred findings make a long line."""
    journal = report_factory.begin(tmp_path / "run")
    findings = report_factory.findings(2, "pass") * 200
    journal.append("models_judged", epoch=2, findings=findings, refused={})
    monkeypatch.setattr(runs, "TAIL_BYTES", 1000)
    (row,) = dashboard.list_runs(tmp_path)
    assert (row["state"], row["epochs"]) == ("lost", 1)


def test_unchanged_log_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed is; whether a process is there is asked every time."""
    journal = report_factory.begin(tmp_path / "run")
    listed = dashboard.RunList(tmp_path)
    assert listed.rows()[0]["state"] == "lost"
    read: list[Path] = []
    glance = runs._glance

    def counted(log: Path) -> runlog.RunState:
        read.append(log)
        return glance(log)

    monkeypatch.setattr(runs, "_glance", counted)
    with runlog.RunLock(tmp_path / "run"):
        assert listed.rows()[0]["state"] == "running"
    assert read == []
    journal.append("run_interrupted", signal="SIGINT")
    assert listed.rows()[0]["state"] == "interrupted"
    assert len(read) == 1
    shutil.rmtree(tmp_path / "run")
    assert listed.rows() == []


@pytest.mark.parametrize(
    "content",
    [
        b"{not json\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b'{"at":"2026-01-01T00:00:00+00:00","event":"paused","prev":"","seq":0}\n',
        b"[" * 100_000 + b"\n",
    ],
    ids=["no JSON", "no text", "list", "empty", "other event", "deep"],
)
def test_log_that_cannot_be_read_hides_no_other(content: bytes, tmp_path: Path) -> None:
    """It has a row of its own."""
    report_factory.write(tmp_path / "whole", epochs=1)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / runlog.LOG_NAME).write_bytes(content)
    (tmp_path / "no-run").mkdir()
    found = rows_of(tmp_path)
    assert found["broken"]["state"] == runs.DAMAGED
    assert found["broken"]["state_text"] == "log not readable"
    assert (found["whole"]["state"], len(found)) == ("converged", 2)


@pytest.mark.parametrize(
    "field", [{"log_version": 999}, {"at": "yesterday"}, {"parameters": []}, {"name": None}]
)
def test_first_event_of_another_kind_of_log_is_told(field: dict[str, Any], tmp_path: Path) -> None:
    """A newer version, or values of other types, break no list."""
    run_dir = report_factory.write(tmp_path / "run", epochs=1)
    first, *rest = (run_dir / runlog.LOG_NAME).read_bytes().splitlines(keepends=True)
    changed = json.dumps(json.loads(first) | field).encode() + b"\n"
    (run_dir / runlog.LOG_NAME).write_bytes(b"".join([changed, *rest]))
    (row,) = dashboard.list_runs(tmp_path)
    assert row["state"] == runs.DAMAGED


def test_log_without_a_whole_line_has_not_started(tmp_path: Path) -> None:
    """A folder just made, and one whose first line is being written."""
    for name, content in (("a", b""), ("b", b'{"at":')):
        (tmp_path / name).mkdir()
        (tmp_path / name / runlog.LOG_NAME).write_bytes(content)
    assert [row["state"] for row in dashboard.list_runs(tmp_path)] == ["empty", "empty"]
