"""Sweep files: what they mean, what they refuse, and what is written for others to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib import parameters
from bondx_lib.errors import BadInput
from bondx_lib.sweep import plan as plans

SMALL = {"name": "small", "base": "base.yaml"}


def sweep_file(folder: Path, **blocks: Any) -> Path:
    """Write a sweep file over a small base."""
    (folder / "base.yaml").write_text("name: anything\ndataset_size: 50\nmax_epochs: 3\n")
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump({**SMALL, **blocks}, sort_keys=False))
    return file


def refusal(folder: Path, **blocks: Any) -> str:
    with pytest.raises(BadInput) as refused:
        plans.read(sweep_file(folder, **blocks))
    return str(refused.value)


def test_grid_is_every_combination_and_runs_come_besides(tmp_path: Path) -> None:
    """Two seeds, two scenarios and one named run make five runs over base and common values."""
    grid = {"scenario": ["baseline", "recession"], "random_seed": [1, 2]}
    runs = [{"name": "large", "set": {"dataset_size": 300}}]
    plan = plans.read(sweep_file(tmp_path, set={"max_epochs": 7}, grid=grid, runs=runs, workers=3))
    assert [run.name for run in plan.runs] == [
        "baseline-seed1", "baseline-seed2", "recession-seed1", "recession-seed2", "large",
    ]  # fmt: skip
    assert plan.runs[2].changes == {"scenario": "recession", "random_seed": 1}
    assert {run.parameters.max_epochs for run in plan.runs} == {7}
    assert [run.parameters.dataset_size for run in plan.runs] == [50, 50, 50, 50, 300]
    assert [run.parameters.name for run in plan.runs] == [run.name for run in plan.runs]
    assert (plan.name, plan.workers, plan.base.max_epochs) == ("small", 3, 7)


def test_shipped_example_can_be_read() -> None:
    """The example in parameters/ is a plan of five runs that differ."""
    plan = plans.read("parameters/sweep_example.yaml")
    assert len({run.parameters.digest() for run in plan.runs}) == len(plan.runs) == 5
    assert plan.runs[-1].name == "larger"


def test_no_base_means_the_defaults(tmp_path: Path) -> None:
    """Without a base, a run without changes is the default run under its own name."""
    file = tmp_path / "sweep.yaml"
    file.write_text("name: one\nruns: [{name: plain}]\n")
    (run,) = plans.read(file).runs
    assert run.parameters == parameters.default().model_copy(update={"name": "plain"})


def test_command_line_over_file(tmp_path: Path) -> None:
    """Single values and the number of workers given by hand hold over the file's."""
    file = sweep_file(tmp_path, set={"max_epochs": 7}, grid={"random_seed": [1, 2]}, workers=3)
    plan = plans.read(file, {"max_epochs": "9", "models": "[spread]"}, workers=1)
    assert {run.parameters.max_epochs for run in plan.runs} == {9}
    assert {run.parameters.models for run in plan.runs} == {("spread",)}
    assert plan.workers == 1


def test_what_is_written_reads_as_the_same_plan(tmp_path: Path) -> None:
    """The copy in the folder of a sweep needs neither the base nor the common values."""
    grid = {"convergence_threshold": [1e-5, 0.1], "models": [["spread"], ["anomaly", "spread"]]}
    plan = plans.read(sweep_file(tmp_path, set={"quality_gates.profile": "strict"}, grid=grid))
    home = tmp_path / "home"
    plans.write(plan, home)
    (tmp_path / "base.yaml").unlink()
    assert plans.read(home / plans.FILE_NAME) == plan


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "base"),
        ({"dataset_size": 50}, "size50"),
        ({"quality_gates.coverage_min": 92.5}, "min92_5"),
        ({"advanced.enable_ensemble_methods": True}, "methodstrue"),
        ({"scenario": "recession+rate_shock"}, "recession_rate_shock"),
        ({"models": ["spread", "anomaly"], "random_seed": 7}, "spread_anomaly-seed7"),
    ],
)
def test_names_say_what_differs(changes: dict[str, Any], name: str) -> None:
    """Words stand for themselves, numbers follow the last word of their key."""
    assert plans.derived_name(changes) == name


def test_names_that_clash_or_are_long_are_numbered(tmp_path: Path) -> None:
    """Runs whose values read alike, or at too great length, get their place in the file."""
    long = {"scenario": "recession+liquidity_freeze+rate_shock+downgrade_cascade"}
    changes = ({"quality_threshold": 0.5}, {"convergence_threshold": 0.5}, long)
    runs = [{"set": one} for one in changes]
    names = [run.name for run in plans.read(sweep_file(tmp_path, runs=runs)).runs]
    assert names == [
        "threshold0_5-001", "threshold0_5-002", "recession_liquidity_freeze_rate_shoc-003",
    ]  # fmt: skip


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4), max_leaves=6,
))  # fmt: skip
def test_a_value_survives_the_command_line(value: Any) -> None:
    """What a run is told on its command line is read back as the very value of the plan."""
    text = plans.as_text(value)
    assert "\n" not in text
    assert yaml.safe_load(text) == value
    assert type(yaml.safe_load(text)) is type(value)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ({"girds": {}}, ["girds", "is not known", "did you mean 'grid'?"]),
        ({"name": "up/down"}, ["name", "'up/down'", "letters, digits"]),
        ({"name": None}, ["name", "is no name"]),
        ({}, ["names no runs"]),
        ({"grid": {}}, ["names no runs"]),
        ({"grid": []}, ["grid", "is no mapping"]),
        ({"grid": {"random_seed": 5}}, ["grid.random_seed", "is no list of values", "(got 5)"]),
        ({"grid": {"random_seed": []}}, ["grid.random_seed", "is no list of values"]),
        ({"grid": {"quality_gates": [{"coverage_min": 1}]}}, ["grid.quality_gates", "dotted"]),
        ({"grid": {5: [1]}}, ["grid.5", "is no name of a parameter"]),
        ({"grid": {"random_seed": list(range(15)), "max_epochs": list(range(1, 15))}},
         ["grid", "too many runs", "(got 210)", "at most 200"]),
        ({"grid": {"random_seed": [1, 2, 1]}}, ["same parameters as run"]),
        ({"grid": {"max_epoch": [1]}}, ["run 'epoch1'", "max_epoch", "did you mean 'max_epochs'"]),
        ({"grid": {"max_epochs": [1, 0]}}, ["run 'epochs0'", "max_epochs", "(got 0)", "≥ 1"]),
        ({"grid": {"name": [1]}}, ["grid.name", "runs are named by the sweep"]),
        ({"runs": {}}, ["runs", "is no list"]),
        ({"runs": ["a"]}, ["runs.0", "is no mapping"]),
        ({"runs": [{"sets": {}}]}, ["runs.0.sets", "did you mean 'set'?"]),
        ({"runs": [{"name": "a b"}]}, ["runs.0.name", "'a b'"]),
        ({"runs": [{"name": "a"}, {"name": "A", "set": {"max_epochs": 1}}]},
         ["is the name of two runs"]),
        ({"runs": [{"set": {"output.base_directory": "x"}}]},
         ["runs.0.set.output.base_directory", "lie in its folder"]),
        ({"runs": [{"set": {"models": ["spred"]}}]}, ["run 'spred'", "did you mean 'spread'?"]),
        ({"runs": [{"set": {"quality_gates.disabled": ["coverag"]}}]},
         ["run 'coverag'", "did you mean 'coverage'?"]),
        ({"set": {"name": "x"}, "runs": [{}]}, ["set.name", "cannot be set"]),
        ({"set": {"max_epoch": 5}, "runs": [{}]}, ["sweep.yaml, set: max_epoch"]),
        ({"set": {"quality_gates": {"coverage_min": 5}}, "runs": [{}]}, ["set.quality_gates"]),
        ({"base": 5, "runs": [{}]}, ["base", "is no file"]),
        ({"base": "none.yaml", "runs": [{}]}, ["none.yaml", "cannot be read"]),
        ({"runs": [{}], "workers": 0}, ["workers", "(got 0)", "from 1 to 64"]),
        ({"runs": [{}], "workers": True}, ["workers", "(got True)"]),
        ({"runs": [{}], "workers": "two"}, ["workers", "'two'"]),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused(
    blocks: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    """The error names file, run and key, and what would do."""
    said = refusal(tmp_path, **blocks)
    assert str(tmp_path) in said
    assert all(word in said for word in words), said


def test_a_wrong_base_is_named_itself(tmp_path: Path) -> None:
    """A mistake in the base is looked for there, not in the sweep file."""
    file = sweep_file(tmp_path, runs=[{}])
    (tmp_path / "base.yaml").write_text("dataset_sizes: 5\n")
    with pytest.raises(BadInput, match=r"base\.yaml: dataset_sizes: is not a parameter"):
        plans.read(file)


def test_a_wrong_override_is_named_as_such(tmp_path: Path) -> None:
    """Values given by hand that are no YAML, or name a run, are refused."""
    file = sweep_file(tmp_path, runs=[{}])
    with pytest.raises(BadInput, match="--set: max_epochs: is not valid YAML"):
        plans.read(file, {"max_epochs": "["})
    with pytest.raises(BadInput, match=r"--set: sweep\.name: cannot be set"):
        plans.read(file, {"name": "mine"})
