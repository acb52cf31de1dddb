"""Summaries, tables and the page, from run folders with invented numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bondx_lib import artefacts, engine, plots, report, runlog
from bondx_lib.errors import BadInput, RunLogDamaged
from bondx_lib.report import tables
from bondx_lib.report.blocks import Note, Picture, Table, interval, number, percent, picture
from bondx_lib.schema import MODELS

from . import report_factory
from .figure_frames import audit

SCRIPT = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def converged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six epochs that converged."""
    return report_factory.write(tmp_path_factory.mktemp("runs") / "converged")


@pytest.fixture(scope="module")
def summary(converged: Path) -> dict[str, Any]:
    """Its summary."""
    return report.summarise(converged)


def test_summary_says_how_it_ended(summary: dict[str, Any]) -> None:
    """Status, reason and size of the run come from the log."""
    assert summary["status"] == "converged"
    assert summary["reason"].startswith("The champions gained less")
    assert summary["epochs_committed"] == 6
    assert summary["quality"] == pytest.approx(0.96)


def test_summary_gives_audit_scores_of_all_models(summary: dict[str, Any]) -> None:
    """Each model has loss, floor, ceiling and skill with its interval, as logged."""
    assert [score["model"] for score in summary["scores"]] == list(MODELS)
    logged = report_factory.scores("spread")
    first = summary["scores"][0]
    for name in ("loss", "floor", "ceiling", "skill", "skill_low", "skill_high"):
        assert first[name] == logged[name]
    assert f"{100 * logged['skill']:.0f} %" in first["sentence"]


def test_summary_is_strict_json_without_clock_times(converged: Path) -> None:
    """The summary holds no time and no process, and does not depend on the folder's name."""
    text = artefacts.canonical_json(report.summarise(converged))
    assert json.loads(text)["synthetic"] is True
    for event in runlog.read(converged / runlog.LOG_NAME):
        assert event.at not in text
    assert "seconds" not in text
    assert converged.name + "/" not in text


def test_summary_writes_nothing(converged: Path) -> None:
    """Summarising leaves the folder as it is."""
    before = artefacts.tree_digests(converged, converged)
    report.summarise(converged)
    assert artefacts.tree_digests(converged, converged) == before


def test_two_equal_runs_have_equal_summaries(tmp_path: Path, summary: dict[str, Any]) -> None:
    """The same run at another time and place, with other workers, has the same summary."""
    place = {"output.base_directory": "elsewhere", "execution.workers": 1}
    again = report_factory.write(tmp_path / "another-name", **place)
    assert report.summarise(again) == summary


def test_promotions_tell_kept_from_promoted(summary: dict[str, Any]) -> None:
    """Every epoch decides on every model; odd epochs of the invented run promote."""
    assert len(summary["promotions"]) == 6 * len(MODELS)
    assert all(row["promoted"] == (row["epoch"] % 2 == 1) for row in summary["promotions"])


def test_benchmark_scores_are_those_of_the_champion(summary: dict[str, Any]) -> None:
    """After an epoch that kept the champion, its own scores count, not the challenger's."""
    kept = report_factory.scores("spread", epoch=5)
    assert summary["benchmark_scores"]["spread"]["skill"] == kept["skill"]


def test_rejected_draws_are_listed_with_the_reason(summary: dict[str, Any]) -> None:
    """The draw that a gate refused appears with the finding's message."""
    assert summary["rejections"] == [
        {"epoch": 2, "draw": 0, "message": "The coverage gate looked at 5400 rows."}
    ]


def test_worst_segment_is_the_one_with_the_highest_loss(summary: dict[str, Any]) -> None:
    """For the anomaly model it is the kind of damage it finds least of."""
    worst = {row["model"]: row["segment"] for row in summary["worst_segments"]}
    assert worst == {
        "spread": "CCC", "downgrade": "CCC", "liquidity_shock": "CCC", "anomaly": "volume_unit",
    }  # fmt: skip


def test_a_clean_run_has_no_open_finding(summary: dict[str, Any]) -> None:
    """Converged, all gates passed, all models above the floor: nothing is open."""
    assert summary["findings"] == []
    assert "No finding is open" in str(tables.open_findings(summary))


def test_a_run_that_did_not_converge_has_an_open_finding(tmp_path: Path) -> None:
    """Stopping at the epoch limit is itself a finding, with the reason."""
    folder = report_factory.write(tmp_path / "run", status="epoch_limit", reason="6 of 6 are done")
    found = report.summarise(folder)["findings"]
    assert [row["subject"] for row in found] == ["convergence"]
    assert "6 of 6 are done" in found[0]["message"]


def test_a_model_without_skill_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interval that reaches zero is inconclusive, a skill at or below zero fails."""
    real = report_factory.scores

    def weak(model: str, epoch: int = 50) -> dict[str, Any]:
        changes = {"spread": (-0.1, -0.3), "downgrade": (0.1, -0.05)}
        skill, low = changes.get(model, (0.5, 0.4))
        return real(model, epoch) | {"skill": skill, "skill_low": low, "skill_high": 0.6}

    monkeypatch.setattr(report_factory, "scores", weak)
    found = report.summarise(report_factory.write(tmp_path / "run"))["findings"]
    assert [(row["subject"], row["verdict"]) for row in found] == [
        ("spread", "fail"),
        ("downgrade", "inconclusive"),
    ]
    assert "not shown to be more than nothing" in found[1]["message"]


def test_no_skill_where_the_true_law_loses_to_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With floor below ceiling the ratio is meaningless: no skill is reported, and a finding is."""
    real = report_factory.scores

    def unlucky(model: str, epoch: int = 50) -> dict[str, Any]:
        odd = {"floor": 0.21, "ceiling": 0.25, "loss": 0.27, "skill": 1.5}
        return real(model, epoch) | (odd if model == "downgrade" else {})

    monkeypatch.setattr(report_factory, "scores", unlucky)
    folder = report_factory.write(tmp_path / "run")
    made = report.summarise(folder)
    assert made["scores"][1]["skill"] is None
    assert "too small" in made["scores"][1]["sentence"]
    assert [row["subject"] for row in made["findings"]] == ["downgrade"]
    shown = report.record.audit_skills(report.read(folder))
    assert shown["skill"].isna().tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("sizes", "small"),
    [
        ({}, False),
        ({"max_epochs": 5, "dataset_size": 50}, False),
        ({"max_epochs": 4}, True),
        ({"dataset_size": 49}, True),
    ],
)
def test_small_runs_are_marked(tmp_path: Path, sizes: dict[str, int], small: bool) -> None:
    """Fewer than five epochs or fifty bonds: not evidence."""
    made = report.summarise(report_factory.write(tmp_path / "run", epochs=1, **sizes))
    assert ("not evidence" in made["banner"]) == small
    assert bool(tables.banner(made).lines) == small  # type: ignore[union-attr]


def test_a_run_without_audit_still_reports(tmp_path: Path) -> None:
    """A run that ended early has no audit scores, and the tables say so in words."""
    folder = report_factory.write(
        tmp_path / "run", epochs=1, status="blocked", reason="coverage failed", opened=False
    )
    made = report.summarise(folder)
    assert made["scores"] == []
    assert "none in this run" in str(tables.audit_scores(made))
    assert report.record.audit_skills(report.read(folder)).empty


def test_a_run_without_an_epoch_still_reports(tmp_path: Path) -> None:
    """Blocked in the first epoch: no frame has rows, and the summary says why it ended."""
    folder = report_factory.write(
        tmp_path / "run", epochs=0, status="blocked", reason="coverage failed", opened=False
    )
    made, run = report.summarise(folder), report.read(folder)
    assert (made["status"], made["reason"]) == ("blocked", "Coverage failed")
    for frame in (
        report.record.final_panel,
        report.record.skills,
        report.record.mean_skill,
        report.record.quality,
        report.record.training_seconds,
        report.record.findings,
    ):
        assert frame(run).empty  # fmt: skip


def test_no_log_is_bad_input(tmp_path: Path) -> None:
    """A folder that is no run is refused by name."""
    with pytest.raises(BadInput, match=r"events\.jsonl"):
        report.summarise(tmp_path)


def test_empty_log_is_bad_input(tmp_path: Path) -> None:
    """A log without a single event is no run."""
    (tmp_path / runlog.LOG_NAME).touch()
    with pytest.raises(BadInput, match="empty"):
        report.render(tmp_path)


def test_damaged_log_names_the_line(tmp_path: Path) -> None:
    """A report is never made from a log whose chain is broken."""
    log = report_factory.write(tmp_path / "run", epochs=1) / runlog.LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([lines[0], *lines[2:]]))
    with pytest.raises(RunLogDamaged, match="line 2"):
        report.summarise(log.parent)


def test_all_tables_can_be_made(summary: dict[str, Any]) -> None:
    """Every table of the report has as many cells in each row as it has columns."""
    made = [
        tables.stopping_rules(summary), tables.audit_scores(summary),
        tables.companion_scores(summary), tables.gates(summary), tables.worst_segments(summary),
        tables.market_numbers(summary), tables.rejections(summary), tables.promotions(summary),
        tables.digests(summary), tables.versions(summary, {}), tables.parameters(summary),
        *(tables.benchmark_scores(summary, model) for model in MODELS),
    ]  # fmt: skip
    for table in made:
        assert isinstance(table, Table), table
        assert table.caption
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_accuracy_never_stands_alone(summary: dict[str, Any]) -> None:
    """The accuracy column is followed by the accuracy of no model at all."""
    table = tables.companion_scores(summary)
    assert isinstance(table, Table)
    place = table.columns.index("Accuracy")
    assert table.columns[place + 1] == "Without a model"
    assert table.rows[1][place : place + 2] == ("95.0 %", "94.0 %")


def test_numeric_columns_are_told_apart() -> None:
    """Columns of numbers are set flush right, columns of words are not."""
    table = Table("t", ("a", "b", "c", "d"), (("1", "2.5", "–", "x"), ("2", "-1,000 %", "3", "4")))
    assert table.numeric == (False, True, True, False)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "0"), (0.1 + 0.2, "0.300"), (-0.04567, "−0.0457"), (123456.0, "123,000"),
     (9.999, "10.0"), (1e-7, "1.00e−07")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    """Three significant digits, a dash where there is no number."""
    assert number(value) == text


def test_percent_and_interval_admit_gaps() -> None:
    """A missing value is a dash, a missing interval is left out."""
    assert percent(None) == "–"
    assert interval(None, 0.1, 0.2) == "–"
    assert interval(0.15, None, 0.2) == "0.15"


def test_a_picture_without_rows_is_a_sentence() -> None:
    """Nothing to draw: the reader is told, and no empty figure is shown."""
    shown = picture(plots.audit_skill, plots.describe_audit_skill, "Skill.", audit().iloc[:0])
    assert isinstance(shown, Note)
    drawn = picture(plots.audit_skill, plots.describe_audit_skill, "Skill.", audit())
    assert isinstance(drawn, Picture)
    assert drawn._repr_mimebundle_()[1]["image/png"]["alt"] == plots.describe_audit_skill(audit())


def test_text_from_data_stays_text() -> None:
    """A table, a note, a picture and a title that hold markup show it and do not run it."""
    notebook = nbformat.v4.new_notebook()
    shown = (
        Table(SCRIPT, (SCRIPT, SCRIPT), ((SCRIPT, SCRIPT),), SCRIPT),
        Note((SCRIPT,)), Note((SCRIPT,), "list"), Note((SCRIPT, SCRIPT), "verdict"),
        Note((SCRIPT,), "code"), Note((SCRIPT,), "banner"),
    )  # fmt: skip
    outputs = [nbformat.v4.new_output("display_data", block._repr_mimebundle_()) for block in shown]
    data, metadata = Picture(b"png", f'"{SCRIPT}', SCRIPT)._repr_mimebundle_()
    outputs.append(nbformat.v4.new_output("display_data", data, metadata=metadata))
    outputs.append(nbformat.v4.new_output("stream", name="stdout", text=SCRIPT))
    outputs.append(nbformat.v4.new_output("display_data", {"text/plain": SCRIPT}))
    notebook.cells.append(nbformat.v4.new_code_cell(outputs=outputs))
    page = report.to_html(notebook, SCRIPT, SCRIPT)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 15


def test_other_output_types_are_left_out() -> None:
    """HTML, SVG and JavaScript in an output never reach the page."""
    notebook = nbformat.v4.new_notebook()
    hostile = {
        "text/html": "<b>hostile</b>", "image/svg+xml": "<svg>hostile</svg>",
        "application/javascript": "hostile()", "text/markdown": "hostile",
        "text/latex": "hostile",
    }  # fmt: skip
    outputs = [nbformat.v4.new_output("display_data", hostile)]
    outputs.append(nbformat.v4.new_output("stream", name="stderr", text="hostile"))
    notebook.cells.append(nbformat.v4.new_code_cell("hostile", outputs=outputs))
    assert "hostile" not in report.to_html(notebook, "name")


def test_notebook_is_a_reading() -> None:
    """Short cells, no definitions, no outputs, prose before code, a parameters cell."""
    notebook = nbformat.read(engine.notebook_path("report"), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.cells[0].cell_type == "markdown"
    assert code[0].metadata.tags == ["parameters"]
    for cell in code:
        assert len(cell.source.splitlines()) <= 12, cell.id
        assert cell.outputs == []
        assert cell.execution_count is None
        assert "def " not in cell.source
