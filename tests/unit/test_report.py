"""Summaries, tables and the page, from run folders with invented numbers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from bondx_lib import artefacts, engine, plots, report, runlog
from bondx_lib.errors import BadInput, RunLogDamaged
from bondx_lib.report import proofs, scores, tables
from bondx_lib.report import summary as summaries
from bondx_lib.report.blocks import Note, Picture, Table, interval, number, percent, picture
from bondx_lib.schema import MODELS, SECTORS

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


def test_the_gap_between_the_markets_is_shown(summary: dict[str, Any]) -> None:
    """Known answer by hand; no line where one of the two has no interval."""
    skills = {"skill": 0.9, "skill_low": 0.87, "skill_high": 0.94}
    less = {"skill": 0.8, "skill_low": 0.77, "skill_high": 0.84}
    gap = scores.flattery(skills, less)
    assert gap == pytest.approx((0.1, 0.1 - 0.05, 0.1 + 0.05))
    assert scores.flattery(skills, None) is None
    assert scores.flattery({**skills, "skill_low": None}, less) is None
    assert "benchmark less audit" in str(scores.benchmark_scores(summary, "spread"))
    without = {**summary, "benchmark_scores": {}}
    assert "benchmark less audit" not in str(scores.benchmark_scores(without, "spread"))


def test_rejected_draws_are_listed_with_the_reason(summary: dict[str, Any]) -> None:
    """The draw that a gate refused appears with the finding's message."""
    assert summary["rejections"] == [
        {"epoch": 2, "draw": 0, "message": "The coverage gate looked at 5400 rows."}
    ]


def test_worst_segment_is_worst_against_its_floor(summary: dict[str, Any]) -> None:
    """CCC loses most, but so does a constant there; a sector is worse for its own floor."""
    worst = {row["model"]: row for row in summary["worst_segments"]}
    loss = {row["segment"]: row["loss"] for row in summary["segments"] if row["model"] == "spread"}
    assert max(loss, key=lambda name: loss[name]) == "CCC"
    assert [worst["spread"][name] for name in ("by", "segment", "measure")] == [
        "sector", SECTORS[-1], "loss / floor",
    ]  # fmt: skip
    assert worst["spread"]["value"] == pytest.approx(loss[SECTORS[-1]] / 0.3)
    assert worst["spread"]["low"] < worst["spread"]["value"] < worst["spread"]["high"]
    assert (worst["anomaly"]["by"], worst["anomaly"]["segment"]) == (
        "kind of damage",
        "volume_unit",
    )


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


@pytest.mark.parametrize(("margin", "verdict"), [(0.0, "inconclusive"), (0.1, "fail")])
def test_a_model_that_a_simpler_one_equals_is_a_finding(
    margin: float, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal losses are inconclusive, intervals that are apart fail; the sentence says so too."""
    real = report_factory.scores

    def beaten(model: str, epoch: int = 50) -> dict[str, Any]:
        strong = real(model, epoch)
        linear = strong["loss"] - margin
        weak = {"linear": linear, "linear_low": linear - 0.01, "linear_high": linear + 0.01}
        return strong | (weak if model in ("downgrade", "anomaly") else {})

    monkeypatch.setattr(report_factory, "scores", beaten)
    made = report.summarise(report_factory.write(tmp_path / "run"))
    assert [(row["subject"], row["severity"], row["verdict"]) for row in made["findings"]] == [
        ("downgrade", "warn", verdict), ("anomaly", "warn", verdict),
    ]  # fmt: skip
    said = scores.in_plain_words(made).lines  # type: ignore[union-attr]
    assert "does not beat the simplest method: a linear model loses" in said[1]
    assert "does not beat the simplest method: the count of failed checks loses" in said[3]
    assert "simplest" not in said[0]


def test_a_fifth_model_is_in_every_table_and_figure_in_its_place(tmp_path: Path) -> None:
    """The order is that of the parameters; a model of another package needs no list of ours."""
    folder = report_factory.write(tmp_path / "run", epochs=2, models=["bid_ask", "spread"])
    made, run = report.summarise(folder), report.read(folder)
    assert run.models == ("bid_ask", "spread")
    assert [score["model"] for score in made["scores"]] == ["bid_ask", "spread"]
    for table in (
        scores.audit_scores(made), scores.companion_scores(made), scores.calibration(made),
        scores.worst_segments(made), tables.promotions(made),
        tables.training_times(report.record.training_seconds(run)),
    ):  # fmt: skip
        assert "Bid ask" in str(table)
        assert "Downgrade" not in str(table)
    assert isinstance(scores.benchmark_scores(made, "bid_ask"), Table)
    assert str(scores.about(made, "bid_ask")) == "Bid ask"
    for frame in (report.record.audit_skills, report.record.skills, report.record.segments):
        assert list(dict.fromkeys(frame(run)["model"])) == ["bid_ask", "spread"]


def test_without_a_ceiling_skill_is_a_share_of_the_floor(tmp_path: Path) -> None:
    """Sentence and table say so, and the ceiling is a dash; with ceilings nothing is said."""
    folder = report_factory.write(tmp_path / "run", epochs=1, models=["spread", "bid_ask"])
    made = report.summarise(folder)
    spread, foreign = made["scores"]
    assert "of what there is to know" in spread["sentence"]
    assert "of the floor's loss is gone" in foreign["sentence"]
    assert "no share of a ceiling" in foreign["sentence"]
    table = scores.audit_scores(made)
    assert isinstance(table, Table)
    assert table.rows[1][table.columns.index("Ceiling")] == "–"
    assert "share of the floor's loss" in table.note
    own = report_factory.write(tmp_path / "own", epochs=1)
    assert "nobody knows" not in str(scores.audit_scores(report.summarise(own)))


def test_a_model_that_is_not_installed_has_a_note_for_a_card(tmp_path: Path) -> None:
    """The report of a run outlives the package that brought a model."""
    folder = report_factory.write(tmp_path / "run", epochs=1, models=["spread", "bid_ask"])
    (folder / "models" / "bid_ask").mkdir(parents=True)
    made = report.summarise(folder)
    assert "not installed" in made["cards"]["bid_ask"]["note"]
    assert "not installed" in str(scores.model_card(made, "bid_ask"))
    assert "none in this run" in str(scores.model_card(made, "spread"))


def test_a_card_shows_what_it_states(converged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that does not apply is left out; another package's purpose becomes its words."""
    champion = SimpleNamespace(
        facts={}, card=lambda: {"purpose": "next month's spread", "interval": None}
    )
    monkeypatch.setattr(summaries, "champions", lambda record: {"bid_ask": champion})
    made = report.summarise(converged)
    assert made["cards"] == {"bid_ask": {"purpose": "next month's spread"}}
    assert str(scores.about(made, "bid_ask")) == "Bid ask\nNext month's spread."


def test_simplest_method_stands_beside_the_model(summary: dict[str, Any]) -> None:
    """Loss and skill of the simplest method are those of the log."""
    table, logged = scores.audit_scores(summary), report_factory.scores("spread")
    assert isinstance(table, Table)
    cell = table.rows[0][table.columns.index("Simplest (skill)")]
    assert cell == f"{number(logged['linear'])} ({logged['linear_skill']:.2f})"
    assert "mean squared error of the log spread" in table.note


def test_calibration_says_whether_0_and_1_are_inside(summary: dict[str, Any]) -> None:
    """The invented line has its slope and its intercept outside; the anomaly model has none."""
    table = scores.calibration(summary)
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["Spread", "Downgrade", "Liquidity shock"]
    assert table.rows[0][1:4] == (
        "0.02 (0.01 to 0.03)", "0.95 (0.94 to 0.96)", "intercept and slope outside",
    )  # fmt: skip
    right = {"calibration_intercept_low": -1.0, "calibration_slope_high": 1.0}
    inside = {**summary, "scores": [{**summary["scores"][0], **right}]}
    assert "both inside" in str(scores.calibration(inside))


def test_prediction_intervals_stand_beside_their_level(summary: dict[str, Any]) -> None:
    """The level is the run's parameter; an interval without bounds is called so."""
    table = scores.prediction_intervals(summary)
    assert isinstance(table, Table)
    assert table.caption == "Prediction intervals of the spread"
    assert table.rows[0] == ("all", "900", "91.0 %", "80.0 % to 95.0 %", "1.10")
    assert table.rows[-1][-1] == "unbounded"
    assert table.note.startswith("90 % of the cases")


def test_alerts_are_held_against_the_plain_checks(summary: dict[str, Any]) -> None:
    """Alert rate, share found, share of alerts that are right, and the checks without a model."""
    table, logged = scores.alerts(summary), report_factory.scores("anomaly")
    assert isinstance(table, Table)
    found = sum(row["recall"] * row["rows"] for row in logged["recalls"])
    assert table.rows == (
        (
            "Anomaly", "6.0 %", percent(1300 / 24000), percent(round(found) / 1300),
            percent(round(found) / (0.06 * 24000)), number(1 - logged["loss"]),
            number(1 - logged["linear"]),
        ),
    )  # fmt: skip


def test_losses_by_sector_and_regime_are_held_against_the_floor(summary: dict[str, Any]) -> None:
    """Each cell holds loss and its share of the floor; too small a segment is a dash."""
    table = scores.losses_by(summary, "sector")
    assert isinstance(table, Table)
    assert table.columns == ("Sector", "Spread", "Downgrade", "Liquidity shock")
    assert table.rows[0] == (SECTORS[0], "0.100 (33 %)", "0.100 (29 %)", "0.100 (25 %)")
    fewer = [row for row in summary["segments"] if row["segment"] != "stress"]
    fewer += [row for row in summary["segments"] if row["model"] == "spread"][-1:]
    gone = scores.losses_by({**summary, "segments": fewer}, "regime")
    assert isinstance(gone, Table)
    assert gone.rows[-1][2:] == ("–", "–")


def test_no_option_no_table(summary: dict[str, Any]) -> None:
    """Without options the report says so, and shows no settings and no features."""
    assert "No option was on" in str(scores.options(summary))
    assert scores.settings_in_use(summary) == scores.features_in_use(summary) == Note(())


def test_options_have_a_verdict_in_words(tmp_path: Path) -> None:
    """The interval of the gain decides: above zero, below, across, or nothing changed at all."""
    bounds = [(0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1), (0.0, 0.0)]
    gains = [
        {"model": model, "option": "tuning", "gain": (low + high) / 2, "low": low, "high": high}
        for model, (low, high) in zip(MODELS, bounds, strict=True)
    ]
    folder = report_factory.write(
        tmp_path / "run", epochs=1, gains=gains,
        **{"advanced.enable_hyperparameter_tuning": True},
    )  # fmt: skip
    table = scores.options(report.summarise(folder))
    assert isinstance(table, Table)
    assert [row[-1] for row in table.rows] == ["better", "worse", "undecided", "no change"]
    assert table.rows[0][:4] == ("Spread", "hyper-parameter tuning", "0.200", "0.100 to 0.300")


def test_options_that_were_not_compared_are_named(tmp_path: Path) -> None:
    """A run that ended early says which options were on, and that nothing was compared."""
    on = {"advanced.enable_ensemble_methods": True, "advanced.enable_feature_selection": True}
    folder = report_factory.write(tmp_path / "run", epochs=1, opened=False, **on)
    said = str(scores.options(report.summarise(folder)))
    assert "ensemble of base models and feature selection" in said
    assert "before they could be compared" in said


def test_what_options_chose_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learners with their share, settings found, number of settings tried, features kept."""
    on = ("hyperparameter_tuning", "ensemble_methods", "feature_selection")
    flags = {f"advanced.enable_{name}": True for name in on}
    folder = report_factory.write(tmp_path / "run", epochs=2, gains=[], **flags)
    for epoch, depths in ((1, (None, 3, 5)), (2, (None, 5, 7))):
        trials = [
            {"epoch": epoch, "settings": {"max_depth": depth} if depth else {}, "loss": 0.1,
             "ratio": 1.0}
            for depth in depths
        ]  # fmt: skip
        path = folder / "epochs" / f"{epoch:04d}" / "tuning" / "spread.json"
        artefacts.write_json(path, trials)
    member = {"learner": "random_forest", "weight": 0.25, "chosen": {"n_estimators": 80}}
    facts = {
        "strategy": "voting", "members": [member, {**member, "weight": 0.75, "chosen": {}}],
        "tuned": {"max_depth": 5}, "selected": ["leverage", "log_trades"],
    }  # fmt: skip
    champion = SimpleNamespace(facts=facts, card=dict)
    counted = SimpleNamespace(facts={"trees": 9}, card=dict)
    found = {"spread": champion, "anomaly": counted, "bid_ask": None}
    monkeypatch.setattr(summaries, "champions", lambda record: found)
    made = report.summarise(folder)
    settings, kept = scores.settings_in_use(made), scores.features_in_use(made)
    assert isinstance(settings, Table)
    assert isinstance(kept, Table)
    assert settings.rows == (
        ("Spread", "voting", "25 % random forest (trees 80); 75 % random forest", "depth 5", "4"),
    )
    assert kept.rows == (("Spread", "2", "leverage, log_trades"),)


def test_no_skill_where_the_true_law_loses_to_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With floor below ceiling the ratio is meaningless: no skill is reported, and a finding is."""
    real = report_factory.scores

    def unlucky(model: str, epoch: int = 50) -> dict[str, Any]:
        odd = {"floor": 0.21, "ceiling": 0.25, "loss": 0.27, "linear": 0.28, "skill": 1.5}
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
    assert "none in this run" in str(scores.audit_scores(made))
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


def test_champions_keep_their_scores_until_another_is_promoted(tmp_path: Path) -> None:
    """The figure, the summary and the log's commits name the same skills, epoch by epoch."""
    folder = report_factory.write(tmp_path / "run")
    run, made = report.read(folder), report.summarise(folder)
    drawn = report.record.skills(run).set_index(["epoch", "model"])["skill"]
    for view in run.state.committed:
        assert {name: drawn[view.number, name] for name in run.models} == view.skills
    last = run.state.committed[-1]
    assert not any(one["promoted"] for one in last.promotions.values())
    assert {name: made["benchmark_scores"][name]["skill"] for name in run.models} == last.skills
    assert (
        made["benchmark_scores"]["spread"]["skill"] != last.scores["spread"]["challenger"]["skill"]
    )


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
        tables.stopping_rules(summary), scores.audit_scores(summary),
        scores.companion_scores(summary), tables.gates(summary), scores.worst_segments(summary),
        scores.calibration(summary), scores.prediction_intervals(summary), scores.alerts(summary),
        scores.losses_by(summary, "sector"), scores.losses_by(summary, "regime"),
        tables.market_numbers(summary), tables.rejections(summary), tables.promotions(summary),
        tables.digests(summary), tables.versions(summary, {}), tables.parameters(summary),
        *(scores.benchmark_scores(summary, model) for model in MODELS),
    ]  # fmt: skip
    for table in made:
        assert isinstance(table, Table), table
        assert table.caption
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_accuracy_never_stands_alone(summary: dict[str, Any]) -> None:
    """The accuracy column is followed by the accuracy of no model at all."""
    table = scores.companion_scores(summary)
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
        Note((SCRIPT,)), Note((SCRIPT, SCRIPT), "heading"), Note((SCRIPT,), "list"),
        Note((SCRIPT, SCRIPT), "verdict"),
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


def test_a_champion_that_gains_nothing_has_no_shares(tmp_path: Path) -> None:
    """What is measured in shares of its gain is left out; another's stays, in numbers."""
    folder = report_factory.write(tmp_path / "run", epochs=1)
    nothing = dict.fromkeys(("share", "share_low", "share_high"))
    some = {"share": 0.5, "share_low": 0.4, "share_high": 0.6}
    for rest, shown in ((nothing, []), (some, [0.5])):
        found = {
            model: {"importance": [{"group": "prices", "rise": 0.1, **shares}]}
            for model, shares in (("spread", nothing), ("downgrade", rest))
        }
        artefacts.write_json(folder / "evidence" / "explain.json", found)
        frame = proofs.importance(report.read(folder))
        assert frame["share"].tolist() == shown
        assert frame["share"].dtype == float
