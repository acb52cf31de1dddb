"""What the runs of a sweep, or any runs, have come to: read from their logs, side by side.

Nothing is kept that could go stale: where a run stands is replayed from its log each time. Runs
that differ in nothing but their seed are repeats of one *setting*.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bondx_lib import artefacts, report, runlog
from bondx_lib.errors import BadInput, nearest
from bondx_lib.sweep import plan as plans

JSON_NAME: Final = "sweep.json"
CSV_NAME: Final = "sweep.csv"
WAITING: Final = "waiting"
DAMAGED: Final = "damaged"
SEED: Final = "random_seed"
NOT_COMPARED: Final = ("name", "output.base_directory")
NO_SWEEP: Final = "make one: `bondx sweep -f parameters/sweep_example.yaml`"


@dataclass(frozen=True)
class ComparedRun:
    """One run among others.

    Attributes
    ----------
    name
        Unique in the comparison.
    parameters
        All its parameters, dotted.
    status
        As :func:`bondx_lib.runlog.live_status` says, ``waiting`` without a log, or ``damaged``.
    folder, record
        Its folder and what its log says; None before it was started or where the log is damaged.
    """

    name: str
    parameters: Mapping[str, Any]
    status: str = WAITING
    folder: Path | None = None
    record: report.Record | None = None

    @property
    def state(self) -> runlog.RunState:
        """Return what the log says, or the state of a run without events."""
        return runlog.RunState() if self.record is None else self.record.state

    @property
    def finished(self) -> bool:
        """Say whether it has ended for good."""
        return self.status in runlog.ENDED


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes
    ----------
    name
        Of the sweep, or what the runs were asked for as.
    runs
        In the order of the sweep.
    folder
        The sweep's; None where runs were named one by one.
    note
        Why there are no runs, if so.
    """

    name: str
    runs: tuple[ComparedRun, ...]
    folder: Path | None = None
    note: str = ""
    keys: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Find the parameters in which the runs differ."""
        object.__setattr__(self, "keys", _differing([run.parameters for run in self.runs]))

    @property
    def models(self) -> tuple[str, ...]:
        """Return the models of any of the runs, in the order of their parameters."""
        return tuple(dict.fromkeys(m for run in self.runs for m in run.parameters["models"]))

    def changes(self, run: ComparedRun) -> dict[str, Any]:
        """Return in what a run differs from the others."""
        return {key: run.parameters.get(key) for key in self.keys}

    def setting(self, run: ComparedRun) -> str:
        """Return in words in what a run differs from the others besides its seed.

        Where runs differ in nothing but the seed, each is a setting of its own.
        """
        keys = [key for key in self.keys if key != SEED]
        return words({key: run.parameters.get(key) for key in keys}) if keys else run.name


def of_sweep(folder: str | Path, plan: plans.Plan | None = None) -> Comparison:
    """Return the runs of a sweep as they stand.

    Raises
    ------
    BadInput
        When the folder holds no sweep.
    """
    home = Path(folder)
    stated = plans.read(home / plans.FILE_NAME) if plan is None else plan
    runs = (
        _compared(
            one.name, flat(one.parameters.model_dump(mode="json")), run_folder(home, one.name)
        )
        for one in stated.runs
    )
    return Comparison(stated.name, tuple(runs), home)


def of_runs(folders: Iterable[str | Path]) -> Comparison:
    """Return any runs side by side, named as they name themselves where that tells them apart.

    Raises
    ------
    BadInput
        When a folder is no run or its log is damaged, or is named twice.
    """
    records = [report.read(folder) for folder in folders]
    places = Counter(record.folder.resolve() for record in records)
    for place, count in places.items():
        if count > 1:
            raise BadInput("is named twice", source="runs to compare", value=str(place))
    names = [record.state.name for record in records]
    if len(set(names)) < len(names):
        names = [record.folder.resolve().name for record in records]
    runs = (
        _compared(name, flat(record.state.parameters), record.folder)
        for name, record in zip(names, records, strict=True)
    )
    return Comparison("runs", tuple(runs))


def compare(
    sweep_dir: str | Path | None = None, run_dirs: Sequence[str | Path] = (),
    base: str | Path = "runs",
) -> Comparison:  # fmt: skip
    """Return the runs named, or those of a sweep, or of the newest sweep in a folder.

    Where there is no sweep, the comparison holds no runs and a note that says how to make one.

    Raises
    ------
    BadInput
        When what is named is not there.
    """
    if run_dirs:
        return of_runs(run_dirs)
    if sweep_dir or _sweeps(Path(base)):
        return of_sweep(find(Path(base), str(sweep_dir) if sweep_dir else None))
    return Comparison("none", (), note=f"There is no sweep in {base} yet; {NO_SWEEP}.")


def find(base: Path, text: str | None = None) -> Path:
    """Return the latest sweep in a folder, or the one that a path or a name's beginning names.

    Raises
    ------
    BadInput
        When there is none, or several begin so.
    """
    names = [path.name for path in _sweeps(base)]
    if text is None:
        if not names:
            raise BadInput("holds no sweeps", source=str(base), admissible=NO_SWEEP)
        return base / names[-1]
    if (Path(text) / plans.FILE_NAME).is_file():
        return Path(text)
    matching = [name for name in names if name.startswith(Path(text).name)]
    if len(matching) == 1:
        return base / matching[0]
    raise BadInput(
        "names several sweeps" if matching else "is no sweep folder", source=str(base), value=text,
        admissible=f"a folder that holds {plans.FILE_NAME}",
        nearest=nearest(Path(text).name, names),
    )  # fmt: skip


def run_folder(sweep_dir: Path, name: str) -> Path | None:
    """Return the folder of a run of a sweep, the latest if there are several; None if none."""
    shape = re.compile(rf"\d{{8}}T\d{{6}}Z-{re.escape(name)}-[0-9a-f]{{6}}(-\d+)?")
    found = [path for path in sweep_dir.iterdir() if shape.fullmatch(path.name)]
    return max((path for path in found if _begun(path / runlog.LOG_NAME)), default=None)


def _begun(log: Path) -> bool:
    return log.is_file() and log.stat().st_size > 0


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values under dotted keys.

    >>> flat({"a": 1, "b": {"c": [2], "d": {}}})
    {'a': 1, 'b.c': [2]}
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return what each run has come to, as plain values without any clock time."""
    found = []
    for run in comparison.runs:
        last = run.state.committed[-1] if run.state.committed else None
        found.append(
            {
                "run": run.name,
                "changes": comparison.changes(run),
                "setting": comparison.setting(run),
                "status": run.status,
                "reason": run.state.reason,
                "exit_code": run.state.exit_code,
                "epochs": len(run.state.committed),
                "quality": last.quality if last else None,
                "audit_market": run.state.markets.get("audit", {}).get("digest"),
                "skills": _audit_skills(run),
            }
        )
    return artefacts.plain(found)  # type: ignore[no-any-return]


def minutes(run: ComparedRun) -> float | None:
    """Return how long a run was worked on; the time between a stop and a resume is left out."""
    if run.record is None:
        return None
    seconds, began, last = 0.0, None, None
    for event in run.record.events:
        at = datetime.fromisoformat(event.at)
        if event.kind in ("run_started", "run_resumed"):
            seconds += (last - began).total_seconds() if began and last else 0.0
            began = at
        last = at
    seconds += (last - began).total_seconds() if began and last else 0.0
    return seconds / 60


def write(comparison: Comparison) -> None:
    """Write ``sweep.json`` and ``sweep.csv`` into the folder of a sweep."""
    if comparison.folder is None:
        return
    found = rows(comparison)
    took = {run.name: minutes(run) for run in comparison.runs}
    clock = {
        run.name: {"folder": run.folder.name if run.folder else None, "minutes": took[run.name]}
        for run in comparison.runs
    }
    document = {"synthetic": True, "name": comparison.name, "runs": found, "clock": clock}
    artefacts.write_json(comparison.folder / JSON_NAME, document)
    flat_rows = [_flat_row(row, took[row["run"]], comparison) for row in found]
    artefacts.write_csv(comparison.folder / CSV_NAME, pd.DataFrame(flat_rows))


def learning(comparison: Comparison) -> pd.DataFrame:
    """Return the champions' skill on the benchmark market, by run, model and epoch."""
    return _stacked(comparison, report.record.skills)


def audit(comparison: Comparison) -> pd.DataFrame:
    """Return the champions' skill on the audit market, by run and model."""
    return _stacked(comparison, report.record.audit_skills)


def _compared(name: str, parameters: Mapping[str, Any], folder: Path | None) -> ComparedRun:
    if folder is None:
        return ComparedRun(name, parameters)
    try:
        record = report.read(folder)
    except BadInput:
        return ComparedRun(name, parameters, DAMAGED, folder)
    return ComparedRun(name, parameters, runlog.live_status(record.state, folder), folder, record)


def _differing(all_parameters: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the keys whose values are not all equal, the seed last."""
    keys = dict.fromkeys(key for one in all_parameters for key in one)
    found = [
        key for key in keys
        if key not in NOT_COMPARED
        and any(one.get(key) != all_parameters[0].get(key) for one in all_parameters)
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda key: key == SEED))


def words(changes: Mapping[str, Any]) -> str:
    """Return changes as a reader would say them.

    >>> words({"scenario": "baseline", "advanced.max_features": 8})
    'scenario baseline, max features 8'
    """
    named = {key.rpartition(".")[2]: value for key, value in changes.items()}
    clear = named if len(named) == len(changes) else changes
    return ", ".join(f"{report.blocks.words(key)} {report.blocks.plain(value)}"
                     for key, value in clear.items())  # fmt: skip


def _sweeps(base: Path) -> list[Path]:
    """Return the sweep folders in a folder, oldest first."""
    if not base.is_dir():
        return []
    return sorted(path for path in base.iterdir() if (path / plans.FILE_NAME).is_file())


def _audit_skills(run: ComparedRun) -> dict[str, dict[str, Any]]:
    if run.record is None:
        return {}
    frame = report.record.audit_skills(run.record)
    return {
        str(row["model"]): {
            "skill": artefacts.finite_or_none(row["skill"]),
            "low": artefacts.finite_or_none(row["skill_low"]),
            "high": artefacts.finite_or_none(row["skill_high"]),
            "of_ceiling": bool(row["known"]),
        }
        for row in frame.to_dict("records")
    }


def _flat_row(row: Mapping[str, Any], took: float | None, comparison: Comparison) -> dict[str, Any]:
    skills = {
        f"{model}_{name}": row["skills"].get(model, {}).get(name)
        for model in comparison.models
        for name in ("skill", "low", "high")
    }
    changes = {key: report.blocks.plain(value) for key, value in row["changes"].items()}
    kept = {key: row[key] for key in ("status", "epochs", "quality")}
    return {"synthetic": True, "run": row["run"], **changes, **kept, **skills, "minutes": took}


def _stacked(comparison: Comparison, frame_of: Any) -> pd.DataFrame:
    frames = []
    for run in comparison.runs:
        frame = pd.DataFrame() if run.record is None else frame_of(run.record)
        if len(frame):
            frame.insert(0, "run", run.name)
            frame.insert(1, "setting", comparison.setting(run))
            frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
