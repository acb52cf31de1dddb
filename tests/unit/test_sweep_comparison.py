"""Runs side by side: what differs, what each has come to, and what is said of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from bondx_lib import report, runlog, sweep
from bondx_lib.errors import BadInput
from bondx_lib.schema import MODELS
from bondx_lib.sweep import comparison, tables, text
from bondx_lib.sweep import plan as plans

from . import report_factory

STAMP = "20260101T000000Z"
FILE = """\
name: sizes
grid: {dataset_size: [50, 80], random_seed: [1, 2]}
runs: [{name: damaged, set: {max_epochs: 9}}, {name: missing, set: {max_epochs: 8}}]
"""


def place(home: Path, run: plans.PlannedRun, **how: object) -> Path:
    """Write a run of invented numbers where a sweep would have put it."""
    folder = home / f"{STAMP}-{run.name}-{run.parameters.digest()[:6]}"
    return report_factory.write(folder, name=run.name, **run.changes, **how)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of six: four ended, one has a damaged log, one was never started."""
    base = tmp_path_factory.mktemp("runs")
    (base / "file.yaml").write_text(FILE)
    plan = plans.read(base / "file.yaml")
    folder = base / f"{STAMP}-sweep-sizes"
    plans.write(plan, folder)
    for epochs, run in enumerate(plan.runs[:4], start=2):
        place(folder, run, epochs=epochs)
    log = place(folder, plan.runs[4]) / runlog.LOG_NAME
    log.write_bytes(log.read_bytes().replace(b'"epoch":3', b'"epoch":4', 1))
    return folder


@pytest.fixture(scope="module")
def compared(home: Path) -> comparison.Comparison:
    return sweep.of_sweep(home)


def test_each_run_is_found_and_read(compared: comparison.Comparison) -> None:
    """Status, epochs, quality and skills are those of the run's own log and report."""
    rows = sweep.rows(compared)
    assert [row["status"] for row in rows] == ["converged"] * 4 + ["damaged", "waiting"]
    assert [row["epochs"] for row in rows] == [2, 3, 4, 5, 0, 0]
    first = compared.runs[0]
    assert first.folder is not None
    summary = report.summarise(first.folder)
    assert rows[0]["quality"] == summary["quality"]
    assert rows[0]["reason"] == first.state.reason
    for score in summary["scores"]:
        told = rows[0]["skills"][score["model"]]
        assert [told[key] for key in ("skill", "low", "high")] == [
            score[key] for key in ("skill", "skill_low", "skill_high")
        ]
    assert rows[-1]["skills"] == {}


def test_what_differs_is_what_is_not_the_same_everywhere(
    compared: comparison.Comparison,
) -> None:
    """Keys in the order of the parameters, the seed last; a name is no difference."""
    assert compared.keys == ("max_epochs", "dataset_size", "random_seed")
    assert compared.changes(compared.runs[1]) == {
        "max_epochs": 100, "dataset_size": 50, "random_seed": 2,
    }  # fmt: skip
    settings = [compared.setting(run) for run in compared.runs[:3]]
    assert settings[0] == settings[1] == "max epochs 100, dataset size 50"
    assert settings[2] == "max epochs 100, dataset size 80"


def test_words_fall_back_to_whole_keys_where_short_ones_clash() -> None:
    """Two keys that end in the same word are told apart."""
    assert comparison.words({"a.seed": 1, "b.seed": 2}) == "a.seed 1, b.seed 2"
    assert comparison.words({}) == ""


def test_frames_hold_a_row_a_run_model_and_epoch(compared: comparison.Comparison) -> None:
    """Curves and audit skills of every run that has any, with its setting."""
    curves, known = sweep.learning(compared), sweep.audit(compared)
    assert len(curves) == len(MODELS) * (2 + 3 + 4 + 5)
    assert len(known) == len(MODELS) * 4
    for frame in (curves, known):
        assert list(frame.columns[:3]) == ["run", "setting", "model"]
        assert frame["setting"].nunique() == 2


def test_minutes_leave_out_what_lay_between(tmp_path: Path) -> None:
    """Work before a stop and after a resume counts, the night between does not."""
    times = [
        ("run_started", 0),
        ("run_interrupted", 10),
        ("run_resumed", 600),
        ("run_finished", 605),
    ]
    events = tuple(
        runlog.Event(place, f"2026-01-01T{minute // 60:02d}:{minute % 60:02d}:00.000+00:00", kind,
                     {}, "", "")
        for place, (kind, minute) in enumerate(times)
    )  # fmt: skip
    record = report.Record(tmp_path, events, runlog.RunState())
    run = comparison.ComparedRun("one", {}, "stopped", tmp_path, record)
    assert comparison.minutes(run) == 15
    assert comparison.minutes(comparison.ComparedRun("none", {})) is None


def test_files_hold_the_table_and_only_the_clock_differs(
    home: Path, compared: comparison.Comparison
) -> None:
    """JSON and CSV say the same; times and folders stand apart under their own key."""
    comparison.write(compared)
    document = json.loads((home / "sweep.json").read_text())
    assert document["synthetic"] is True
    assert document["runs"] == sweep.rows(compared)
    assert document["clock"]["missing"] == {"folder": None, "minutes": None}
    assert STAMP not in json.dumps(document["runs"])
    frame = pd.read_csv(home / "sweep.csv")
    assert frame["run"].tolist() == [run.name for run in compared.runs]
    assert frame["spread_skill"][0] == document["runs"][0]["skills"]["spread"]["skill"]
    assert frame["dataset_size"].tolist() == [50, 50, 80, 80, 150, 150]
    assert frame.loc[5, ["quality", "spread_skill", "minutes"]].isna().all()


def test_terminal_tables_fit_eighty_columns(compared: comparison.Comparison) -> None:
    """Every run is there with verdict, epochs and four skills with intervals, none cut off."""
    shown = text.as_text(compared)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    assert all(run.name in shown for run in compared.runs)
    skill = sweep.rows(compared)[0]["skills"]["anomaly"]
    assert f"{skill['low']:.2f} to {skill['high']:.2f}" in shown
    assert "damaged" in shown
    assert "waiting" in shown


def test_four_wide_intervals_stay_whole() -> None:
    """Names of sixteen letters beside four intervals of two negative ends each fit as they are."""
    cell = "−2.05 (−2.71 to −0.18)"
    names = ["run", "Spread", "Downgrade", "Liquidity shock", "Anomaly"]
    frame = pd.DataFrame([["recession-seed42", *[cell] * 4]], columns=names)
    console = Console(file=io.StringIO(), width=80, color_system=None)
    with console.capture() as capture:
        console.print(text._skills(frame))
    *_, values, ends = [line.rstrip() for line in capture.get().splitlines()]
    assert values.split() == ["recession-seed42", *["−2.05"] * 4]
    assert ends.count("−2.71 to −0.18") == 4
    foreign = text._on_two_lines("0.50 (0.41 to 0.62) of the floor")
    assert foreign == "0.50 of the floor\n0.41 to 0.62"


def test_settings_are_means_over_seeds(compared: comparison.Comparison) -> None:
    """Mean, lowest and highest over the repeats; nothing where there are none."""
    table = sweep.by_setting(compared)
    spread = table[table["model"] == "Spread"].set_index("setting")
    values = sweep.audit(compared).query("model == 'spread'").groupby("setting")["skill"]
    assert spread["runs"].tolist() == [2, 2]
    assert spread["mean"].to_dict() == pytest.approx(values.mean().to_dict())
    single = comparison.Comparison("two", compared.runs[:3:2])
    assert sweep.by_setting(single).empty
    seeds = comparison.Comparison("seeds", compared.runs[:2])
    assert sweep.by_setting(seeds)["setting"].unique().tolist() == ["all runs"]
    assert [seeds.setting(run) for run in seeds.runs] == [run.name for run in seeds.runs]


def test_caution_counts_the_audit_markets(compared: comparison.Comparison) -> None:
    """One market, several, or none yet: each is said."""
    assert sweep.caution(compared) == tables.ONE_MARKET
    waiting = comparison.Comparison("none", compared.runs[5:])
    assert "No audit market" in sweep.caution(waiting)


def test_a_foreign_model_is_no_share_of_a_ceiling(tmp_path: Path) -> None:
    """A skill without a known ceiling says of what it is a share; a model not trained is a dash."""
    one = report_factory.write(tmp_path / "one", name="one", models=["spread", "bid_ask"])
    two = report_factory.write(tmp_path / "two", name="two", models=["spread"])
    shown = sweep.skills(sweep.of_runs([one, two])).set_index("run")
    assert shown.loc["one", "Bid ask"].endswith("of the floor")
    assert shown.loc["two", "Bid ask"] == "–"
    assert "floor" not in shown.loc["one", "Spread"]


def test_any_runs_can_be_compared(
    home: Path, compared: comparison.Comparison, tmp_path: Path
) -> None:
    """Run folders are named as they name themselves, or by folder where two share a name."""
    folders = [run.folder for run in compared.runs[:2] if run.folder]
    assert [run.name for run in sweep.of_runs(folders).runs] == ["size50-seed1", "size50-seed2"]
    same = report_factory.write(tmp_path / "same", name="size50-seed1", epochs=2)
    twice = sweep.compare(None, [folders[0], same])
    assert [run.name for run in twice.runs] == [folders[0].name, "same"]
    with pytest.raises(BadInput, match="is named twice"):
        sweep.of_runs([same, tmp_path / "same" / ".." / "same"])
    with pytest.raises(BadInput, match="cannot be read"):
        sweep.of_runs([home / "logs"])


def test_no_sweep_is_a_note_that_says_how(tmp_path: Path) -> None:
    """Without a sweep there is nothing to show, and every table and frame is empty."""
    empty = sweep.compare(base=tmp_path)
    assert "bondx sweep -f" in empty.note
    frames = (sweep.verdicts, sweep.skills, sweep.by_setting, sweep.learning, sweep.audit)
    assert all(frame(empty).empty for frame in frames)


def test_sweeps_are_found_by_age_and_by_name(home: Path) -> None:
    """The newest if none is named; else a path, or the beginning of one name."""
    base = home.parent
    assert sweep.find(base) == home
    assert sweep.find(base, home.name[:20]) == sweep.find(base, str(home)) == home
    assert sweep.compare(None, (), base).name == "sizes"
    with pytest.raises(BadInput, match="is no sweep folder"):
        sweep.find(base, "2025")
    with pytest.raises(BadInput, match="holds no sweeps"):
        sweep.find(base / "nowhere")
    later = base / "20260102T000000Z-sweep-sizes"
    plans.write(plans.read(home / plans.FILE_NAME), later)
    assert sweep.find(base) == later
    with pytest.raises(BadInput, match="names several sweeps"):
        sweep.find(base, "2026")


def test_a_run_is_found_by_its_whole_name(tmp_path: Path) -> None:
    """A name that is part of another finds its own folder, the latest, and only with a log."""
    for name in ("a-deep-000000", "deep-111111", "deep-111111-2", "deep-222222", "deep-333333"):
        folder = tmp_path / f"{STAMP}-{name}"
        folder.mkdir()
        if not name.startswith("deep-3"):
            (folder / runlog.LOG_NAME).write_text("" if name.endswith("222222") else "{")
    found = comparison.run_folder(tmp_path, "deep")
    assert found is not None
    assert found.name == f"{STAMP}-deep-111111-2"
    assert comparison.run_folder(tmp_path, "eep") is None
