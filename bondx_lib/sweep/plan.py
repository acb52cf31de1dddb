"""What a sweep is to run: a file of few lines becomes a list of named, validated runs.

A sweep file is YAML; all its blocks but ``name`` may be left out, but some run must be named::

    name: sizes
    base: small.yaml                  # beside this file; the defaults if not given
    set: {max_epochs: 20}             # holds for every run
    grid: {random_seed: [42, 43]}     # one run for each combination
    runs: [{name: large, set: {dataset_size: 300}}]
    workers: 2                        # runs side by side

Everything is checked before anything starts. What is written into the folder of a sweep is again a
sweep file, with nothing left to look up.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bondx_lib import artefacts, parameters, trainer
from bondx_lib.errors import BadInput, nearest
from bondx_lib.parameters import Parameters

FILE_NAME: Final = "sweep.yaml"
BASE_NAME: Final = "base.yaml"
BLOCKS: Final = {
    "name": "names the folder of the sweep; the only line that must be there",
    "base": "parameters file that all runs share, its path seen from this file; else the defaults",
    "set": "dotted keys with values that hold for every run",
    "grid": "dotted keys, each with a list of values: one run for each combination",
    "runs": "list of runs besides the grid, each with its name and its own set",
    "workers": "runs side by side, 1 to 64; 1 if not given",
}
"""What a sweep file may hold, and what it is."""
RUN_KEYS: Final = ("name", "set")
MOST_RUNS: Final = 200
MOST_WORKERS: Final = 64
LONGEST_NAME: Final = 40
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
NAME_WORDS: Final = "up to 40 letters, digits, - and _, first a letter or digit"
NOT_FOR_RUNS: Final = {
    "name": "runs are named by the sweep",
    "output.base_directory": "all runs of a sweep lie in its folder",
}


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    Attributes
    ----------
    name
        Unique in the sweep.
    changes
        Dotted key to value, over the base.
    parameters
        All its parameters.
    """

    name: str
    changes: Mapping[str, Any]
    parameters: Parameters


@dataclass(frozen=True)
class Plan:
    """A sweep that can be started.

    Attributes
    ----------
    name
        Of the sweep.
    base
        What all runs share, the common changes included.
    runs
        In the order of the file.
    workers
        How many run side by side.
    """

    name: str
    base: Parameters
    runs: tuple[PlannedRun, ...]
    workers: int = 1


def read(
    path: str | Path, overrides: Mapping[str, str] | None = None, workers: int | None = None
) -> Plan:
    """Return the plan that a sweep file states.

    Parameters
    ----------
    path
        The sweep file.
    overrides
        Dotted key to value as YAML text, over what the file sets for all runs.
    workers
        How many run side by side, in place of what the file says.

    Raises
    ------
    BadInput
        When the file cannot be read, a block or a parameter is not known, a value is not
        admissible, two runs share a name or all their parameters, or there are too many; the error
        names the run and the key.
    """
    source = str(path)
    given = parameters.read_mapping(Path(path))
    for block in given:
        _must_know(block, BLOCKS, source, str(block))
    base_file = _base_file(given.get("base"), Path(path))
    name = _name(given.get("name"), source, "name")
    common = _changes(given.get("set"), source, "set", whole=True)
    common |= _changes(_values(overrides or {}), "--set", "sweep", whole=True)
    base = _checked(f"{source}, base", base_file, {})
    base = _checked(f"{source}, set", base_file, common) if common else base
    named = _named([*_grid(given.get("grid"), source), *_runs(given.get("runs"), source)], source)
    runs = tuple(
        PlannedRun(name, changes, _checked(f"{source}, run {name!r}", base_file,
                                           {**common, **changes, "name": name}))
        for name, changes in named
    )  # fmt: skip
    _refuse_twins(runs, source)
    asked = given.get("workers", 1) if workers is None else workers
    return Plan(name, base.model_copy(update={"name": name}), runs, _workers(asked, source))


def write(plan: Plan, folder: Path) -> None:
    """Write a plan as a sweep file that needs nothing outside its folder."""
    artefacts.write_text(folder / BASE_NAME, plan.base.to_yaml())
    document = {
        "name": plan.name, "base": BASE_NAME, "workers": plan.workers,
        "runs": [{"name": run.name, "set": dict(run.changes)} for run in plan.runs],
    }  # fmt: skip
    artefacts.write_text(
        folder / FILE_NAME, yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    )


def as_text(value: Any) -> str:
    """Return a value as one line of YAML, as a command line takes it.

    >>> as_text(1e-5), as_text(["a", "b"]), as_text("no")
    ('1.0e-05', '[a, b]', "'no'")
    """
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.strip().removesuffix("\n...")


def _checked(source: str, base_file: Path | None, changes: Mapping[str, Any]) -> Parameters:
    """Return parameters of which a run could start, or say of which run what is wrong."""
    try:
        chosen = parameters.load(base_file, {key: as_text(value) for key, value in changes.items()})
        trainer.check_names(chosen)
    except BadInput as error:
        from_base = error.source == str(base_file)
        raise BadInput(
            error.message, source=error.source if from_base else source, key=error.key,
            value=error.value, admissible=error.admissible, nearest=error.nearest,
        ) from error  # fmt: skip
    return chosen


def _base_file(value: Any, sweep_file: Path) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise BadInput("is no file", source=str(sweep_file), key="base", value=value,
                       admissible="a parameters file, its path seen from this file")  # fmt: skip
    return sweep_file.parent / value


def _values(overrides: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that texts of a command line stand for."""
    return {key: parameters.read_value(text, key) for key, text in overrides.items()}


def _changes(value: Any, source: str, key: str, *, whole: bool = False) -> dict[str, Any]:
    """Return a mapping of dotted keys to values; only that of the whole sweep may name its home."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput("is no mapping", source=source, key=key, value=value,
                       admissible="dotted names of parameters, each with its value")  # fmt: skip
    for name, one in value.items():
        if not isinstance(name, str):
            raise BadInput("is no name of a parameter", source=source, key=f"{key}.{name}")
        if isinstance(one, dict):
            raise BadInput(
                "is a mapping", source=source, key=f"{key}.{name}", value=one,
                admissible="one line a parameter, dotted: quality_gates.coverage_min: 95",
            )  # fmt: skip
        if name in NOT_FOR_RUNS and not (whole and name != "name"):
            raise BadInput(f"cannot be set: {NOT_FOR_RUNS[name]}", source=source,
                           key=f"{key}.{name}")  # fmt: skip
    return dict(value)


Entry = tuple[str | None, dict[str, Any]]
"""The name that a run was given, if any, and its changes."""


def _grid(value: Any, source: str) -> list[Entry]:
    """Return one entry for each combination, the last key running fastest."""
    if value is None:
        return []
    axes = _changes(value, source, "grid")
    for key, values in axes.items():
        if not isinstance(values, list) or not values:
            raise BadInput("is no list of values", source=source, key=f"grid.{key}", value=values,
                           admissible="one value or more: [42, 43]")  # fmt: skip
    _must_be_few(math.prod(map(len, axes.values())) if axes else 0, source, "grid")
    for key, values in axes.items():
        for one in values:
            _changes({key: one}, source, "grid")
    combinations = itertools.product(*axes.values()) if axes else ()
    return [(None, dict(zip(axes, values, strict=True))) for values in combinations]


def _runs(value: Any, source: str) -> list[Entry]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadInput("is no list", source=source, key="runs", value=value,
                       admissible="a list of runs, each with name and set")  # fmt: skip
    entries: list[Entry] = []
    for place, one in enumerate(value):
        key = f"runs.{place}"
        if not isinstance(one, dict):
            raise BadInput("is no mapping", source=source, key=key, value=one,
                           admissible="name and set")  # fmt: skip
        for name in one:
            _must_know(name, RUN_KEYS, source, f"{key}.{name}")
        named = None if "name" not in one else _name(one["name"], source, f"{key}.name")
        entries.append((named, _changes(one.get("set"), source, f"{key}.set")))
    return entries


def _named(entries: Sequence[Entry], source: str) -> list[tuple[str, dict[str, Any]]]:
    """Give each run its name: the one stated, or one made of its values."""
    if not entries:
        raise BadInput("names no runs", source=source, admissible="grid, or runs, or both")
    _must_be_few(len(entries), source, "runs")
    made = [name or derived_name(changes) for name, changes in entries]
    often = Counter(word.lower() for word in made)
    named = []
    for place, ((name, changes), word) in enumerate(zip(entries, made, strict=True), start=1):
        fits = name is not None or (len(word) <= LONGEST_NAME and often[word.lower()] == 1)
        named.append((word if fits else f"{word[: LONGEST_NAME - 4]}-{place:03d}", changes))
    for name, count in Counter(name.lower() for name, _ in named).items():
        if count > 1:
            raise BadInput("is the name of two runs", source=source, key="runs", value=name,
                           admissible="names that differ in more than their case")  # fmt: skip
    return named


def derived_name(changes: Mapping[str, Any]) -> str:
    """Return a name made of what a run changes: words as they are, numbers after their key.

    >>> derived_name({"random_seed": 42, "scenario": "baseline"})
    'seed42-baseline'
    >>> derived_name({"models": ["spread", "anomaly"], "convergence_threshold": 0.01})
    'spread_anomaly-threshold0_01'
    """
    return "-".join(_word(key, value) for key, value in changes.items()) or "base"


def _word(key: str, value: Any) -> str:
    last = key.rpartition(".")[2].rpartition("_")[2]
    if isinstance(value, list):
        text = "_".join(map(str, value))
        named = all(isinstance(one, str) for one in value)
    else:
        text, named = value if isinstance(value, str) else as_text(value), isinstance(value, str)
    text = text if named else f"{last}{text}"
    return re.sub(r"[^A-Za-z0-9_-]", "_", text).lstrip("_-") or last


def _refuse_twins(runs: Iterable[PlannedRun], source: str) -> None:
    seen: dict[str, str] = {}
    for run in runs:
        content = run.parameters.model_copy(update={"name": "any"}).to_yaml()
        if content in seen:
            raise BadInput(f"has the same parameters as run {seen[content]!r}",
                           source=f"{source}, run {run.name!r}")  # fmt: skip
        seen[content] = run.name


def _must_be_few(count: int, source: str, key: str) -> None:
    if count > MOST_RUNS:
        raise BadInput("makes too many runs", source=source, key=key, value=count,
                       admissible=f"at most {MOST_RUNS}")  # fmt: skip


def _name(value: Any, source: str, key: str) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise BadInput("is no name", source=source, key=key, value=value, admissible=NAME_WORDS)
    return value


def _workers(value: Any, source: str) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 1 <= value <= MOST_WORKERS:
        raise BadInput("is not admissible", source=source, key="workers", value=value,
                       admissible=f"a whole number from 1 to {MOST_WORKERS}")  # fmt: skip
    return int(value)


def _must_know(name: Any, known: Collection[str], source: str, key: str) -> None:
    if name not in known:
        raise BadInput("is not known", source=source, key=key, admissible=", ".join(known),
                       nearest=nearest(str(name), known))  # fmt: skip
