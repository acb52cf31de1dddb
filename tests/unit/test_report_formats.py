"""The report for other readers: Markdown of the whole, figures of one epoch."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from bondx_lib import cli, report
from bondx_lib.errors import BadInput
from bondx_lib.report.blocks import Note, Picture, Table
from bondx_lib.schema import MODELS

from . import report_factory

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with invented numbers."""
    return report_factory.write(tmp_path_factory.mktemp("runs") / "20260101T000000Z-tiny-abcdef")


def test_epoch_has_the_figures_of_the_log(run_dir: Path) -> None:
    """Challenger and champion of each model, decision, gates, quality; strict JSON, no clock."""
    record = report.read(run_dir)
    for view in record.state.committed:
        found = report.epochs.metrics(record, view.number)
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert list(found["models"]) == list(MODELS)
        assert sum(found["verdicts"].values()) == len(view.findings) + len(view.model_findings)
        assert (found["quality"], found["rows"]) == (view.quality, view.rows)
        for name, one in found["models"].items():
            assert one["challenger"]["skill"] == view.scores[name]["challenger"]["skill"]
            assert one["promoted"] == view.promotions[name]["promoted"]
        assert not {"seconds", "at", "began"} & set(found)


def test_epoch_as_a_page(run_dir: Path) -> None:
    """One line for each model, and what the next draw holds more of."""
    page = report.epochs.as_markdown(report.epochs.metrics(report.read(run_dir), 3))
    assert page.startswith("# Epoch 3\n")
    assert page.count("\n| ") == 1 + len(MODELS)
    assert "| Spread | " in page
    assert "promoted: " in page


@pytest.mark.parametrize("number", [0, 7, -1])
def test_epoch_that_never_was_is_bad_input(number: int, run_dir: Path) -> None:
    """The range is named."""
    with pytest.raises(BadInput, match="admissible: 1 to 6"):
        report.epochs.metrics(report.read(run_dir), number)


def test_notebook_becomes_markdown(tmp_path: Path) -> None:
    """Prose, tables, notes and pictures; text from data stays text and in its cell."""
    shown = [
        Table("Scores | <b>", ("Model", "Skill"), (("a|b", "0.5"), ("<script>", "1\n2")), "a note"),
        Note(("one", "two"), "list"),
        Note(("bondx verify .",), "code"),
        Note(("```", "[no](link)"), "code"),
        Note(("[no](javascript:link)",)),
        Note(("<i>plain</i>",)),
    ]
    cells = [nbformat.v4.new_markdown_cell("## Title")]
    for block in shown:
        output = nbformat.v4.new_output("display_data", data=block._repr_mimebundle_())
        cells.append(nbformat.v4.new_code_cell("x", outputs=[output]))
    data, about = Picture(b"png", "rises from 1 to 2", "Skill by epoch.")._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data, metadata=about)
    cells.append(nbformat.v4.new_code_cell("x", outputs=[output]))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "report.ipynb")
    text = report.markdown(tmp_path)
    assert text.startswith(
        "## Title\n\n**Scores \\| &lt;b>**\n\n| Model | Skill |\n| --- | --- |\n"
    )
    assert "| a\\|b | 0.5 |\n| &lt;script> | 1 2 |\n\na note" in text
    assert "- one\n- two\n" in text
    assert "```\nbondx verify .\n```" in text
    assert "````\n```\n[no](link)\n````" in text
    assert "[no]\\(javascript:link)" in text
    assert "&lt;i>plain&lt;/i>" in text
    assert text.endswith("*Skill by epoch.* rises from 1 to 2\n")


def test_run_without_a_report_says_how_to_make_one(run_dir: Path, capsys: Shown) -> None:
    """Exit code 2, and the command."""
    assert cli.main(["report", str(run_dir), "--format", "md"]) == 2
    assert "bondx report RUN" in capsys.readouterr().err


def test_command_prints_an_epoch(run_dir: Path, capsys: Shown) -> None:
    """Markdown, or JSON on request."""
    assert cli.main(["report", str(run_dir), "--epoch", "2"]) == 0
    assert capsys.readouterr().out.startswith("# Epoch 2\n")
    assert cli.main(["report", str(run_dir), "--epoch", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epoch"] == 2
