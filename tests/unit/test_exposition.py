"""Metrics for Prometheus: read back by its own parser, equal to the view, written whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bondx_lib import cli, dashboard, runlog
from bondx_lib.dashboard import exposition, words
from bondx_lib.errors import BadInput

from . import report_factory

Shown = pytest.CaptureFixture[str]


def parsed(text: str) -> dict[tuple[str, str], float]:
    """Return each sample's value by metric and by the label that is not the run's."""
    return {
        (one.name, next((v for k, v in one.labels.items() if k not in ("run", "name")), "")):
            one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }  # fmt: skip


def test_metrics_are_the_view(tmp_path: Path) -> None:
    """Every number stands in the view too; what has no value has no series."""
    run_dir = report_factory.write(tmp_path / "run")
    one = dashboard.Watcher(run_dir).look()
    found = parsed(exposition.exposition(one))
    assert found["bondx_run_epochs_committed", ""] == one.committed == 6
    assert found["bondx_run_quality_score", ""] == one.quality
    assert found["bondx_run_exit_code", ""] == 0
    assert found["bondx_run_last_event_timestamp_seconds", ""] == pytest.approx(
        words.time_of(one.last_event).timestamp()
    )
    for row in one.models:
        assert found["bondx_model_skill", row["model"]] == row["skill"]
        assert found["bondx_model_ceiling", row["model"]] == row["ceiling"]
        assert found["bondx_model_champion_epoch", row["model"]] == row["champion_since"]
    verdicts = [gate["verdict"] for gate in one.gates]
    for verdict in words.VERDICTS:
        assert found["bondx_run_gates", verdict] == verdicts.count(verdict)
    states = {state: found["bondx_run_state", state] for state in words.STATE_WORDS}
    assert [state for state, value in states.items() if value] == ["converged"]


def test_running_run_has_no_exit_code(tmp_path: Path) -> None:
    """A process that holds the run makes it running; nothing is invented."""
    report_factory.begin(tmp_path / "run")
    with runlog.RunLock(tmp_path / "run"):
        found = parsed(exposition.exposition(dashboard.Watcher(tmp_path / "run").look()))
    assert found["bondx_run_state", "running"] == 1
    assert ("bondx_run_exit_code", "") not in found


def test_names_are_escaped(tmp_path: Path) -> None:
    """A folder's name with quotes and a line break is one label."""
    run_dir = report_factory.write(tmp_path / 'a"b\n# c', epochs=1)
    text = exposition.exposition(dashboard.Watcher(run_dir).look())
    labels = [one.labels for family in text_string_to_metric_families(text)
              for one in family.samples]  # fmt: skip
    assert {each["run"] for each in labels} == {'a"b\n# c'}


def test_command_writes_a_file_or_prints(tmp_path: Path, capsys: Shown) -> None:
    """The file is whole and new each time; nothing else is left beside it."""
    report_factory.write(tmp_path / "runs" / "run", epochs=1)
    target = tmp_path / "metrics" / "bondx.prom"
    call = ["status", "--output", str(tmp_path / "runs"), "--prometheus"]
    for _ in range(2):
        assert cli.main([*call, str(target)]) == 0
    assert [path.name for path in target.parent.iterdir()] == ["bondx.prom"]
    assert capsys.readouterr().out == ""
    assert cli.main([*call, "-"]) == 0
    printed = parsed(capsys.readouterr().out)
    written = parsed(target.read_text())
    assert {key for key, _ in printed} == {key for key, _ in written}
    assert cli.main([*call, str(tmp_path / "metrics.txt")]) == 2
    assert "a name that ends in .prom" in capsys.readouterr().err
    assert not (tmp_path / "metrics.txt").exists()


def test_folder_is_no_file(tmp_path: Path) -> None:
    """A folder of that name is refused."""
    run_dir = report_factory.write(tmp_path / "run", epochs=1)
    (tmp_path / "x.prom").mkdir()
    with pytest.raises(BadInput, match="no text file"):
        exposition.write(dashboard.Watcher(run_dir).look(), tmp_path / "x.prom")
