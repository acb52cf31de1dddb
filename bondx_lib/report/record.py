"""A run as the report sees it: the replayed log, and frames for the figures.

Nothing is asked of a running process or of the clock. The log says what happened; the panels,
truths and champions in the folder say the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bondx_lib import artefacts, runlog
from bondx_lib.errors import BadInput
from bondx_lib.market import realism
from bondx_lib.schema import MODELS

CHAMPION_COLUMNS: Final = ("skill", "skill_low", "skill_high")


@dataclass(frozen=True)
class Record:
    """A run folder and what its log says.

    Attributes
    ----------
    folder
        The run folder.
    events
        All events in order, chain checked.
    state
        Their replay.
    """

    folder: Path
    events: tuple[runlog.Event, ...]
    state: runlog.RunState

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the fields of all events of a kind, in order."""
        return [event.fields for event in self.events if event.kind == kind]


def read(run_dir: str | Path) -> Record:
    """Read the log of a run folder.

    Raises
    ------
    BadInput
        When there is no log, it is empty, or it is damaged.
    """
    folder = Path(run_dir)
    events = tuple(runlog.read(folder / runlog.LOG_NAME))
    if not events:
        raise BadInput("the log is empty: there is no run to report", source=str(folder))
    return Record(folder, events, runlog.replay(events))


def skills(record: Record) -> pd.DataFrame:
    """Return the champions' skill on the benchmark market after each epoch."""
    rows = [
        _champion_row(view, model)
        for view in record.state.committed
        for model in MODELS
        if view.scores.get(model)
    ]
    return _numbers(pd.DataFrame(rows, columns=["model", "epoch", *CHAMPION_COLUMNS, "promoted"]))


def champion_scores(view: runlog.EpochView, model: str) -> Mapping[str, Any]:
    """Return the benchmark scores of the champion as it stood after an epoch."""
    scores = view.scores[model]
    promoted = bool(view.promotions.get(model, {}).get("promoted"))
    role = "challenger" if promoted or "champion" not in scores else "champion"
    return scores[role]  # type: ignore[no-any-return]


def skill_of(scores: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return skill and interval, None where the draw leaves no room between floor and ceiling.

    In a small draw the true law can by chance lose more than no model at all. The ratio then has a
    denominator of the wrong sign and says nothing.
    """
    if scores["skill"] is None or scores["floor"] <= scores["ceiling"]:
        return None, None, None
    return scores["skill"], scores["skill_low"], scores["skill_high"]


def quality(record: Record) -> pd.DataFrame:
    """Return the quality score of each committed epoch."""
    rows = [(view.number, view.quality) for view in record.state.committed]
    return pd.DataFrame(rows, columns=["epoch", "quality"])


def mean_skill(record: Record) -> pd.DataFrame:
    """Return the mean champion skill of each committed epoch, the score that must converge."""
    rows = [
        (view.number, float(np.mean(list(view.skills.values()))))
        for view in record.state.committed
        if view.skills
    ]
    return pd.DataFrame(rows, columns=["epoch", "score"])


def findings(record: Record) -> pd.DataFrame:
    """Return what every gate found in the data of every epoch."""
    rows = [
        {"epoch": view.number, **{name: finding[name] for name in ("gate", "observed", "verdict")}}
        for view in record.state.epochs
        for finding in view.findings
    ]
    return pd.DataFrame(rows, columns=["epoch", "gate", "observed", "verdict"])


def training_seconds(record: Record) -> pd.DataFrame:
    """Return how long each challenger took to train."""
    rows = [
        (view.number, model, seconds)
        for view in record.state.committed
        for model, seconds in view.seconds.items()
    ]
    return pd.DataFrame(rows, columns=["epoch", "model", "seconds"])


def audit_skills(record: Record) -> pd.DataFrame:
    """Return the champions' skill on the audit market; no rows if it was never opened."""
    rows = [
        (model, *skill_of(record.state.audit[model]))
        for model in MODELS
        if record.state.audit and model in record.state.audit
    ]
    return _numbers(pd.DataFrame(rows, columns=["model", *CHAMPION_COLUMNS]))


def deciles(record: Record) -> pd.DataFrame:
    """Return predicted and observed frequencies of the audit market, by model and decile."""
    return _parts(record, "deciles", ["predicted", "observed", "low", "high", "rows"])


def segments(record: Record) -> pd.DataFrame:
    """Return the champions' loss on the audit market by letter grade."""
    return _parts(record, "segments", ["rating", "loss", "low", "high", "rows"])


def recalls(record: Record) -> pd.DataFrame:
    """Return which share of each kind of damage on the audit market was found."""
    return _parts(record, "recalls", ["kind", "recall", "low", "high", "rows"])


def final_panel(record: Record) -> pd.DataFrame:
    """Return the last accepted variation, which is the final dataset; no rows if there is none."""
    if not record.state.committed:
        return pd.DataFrame({"date": []})
    last = record.state.committed[-1].number
    return artefacts.read_parquet(record.folder / "epochs" / f"{last:04d}" / "dataset.parquet")


def scorecard() -> pd.DataFrame:
    """Return the realism scorecard that the package keeps, one row per published figure."""
    return pd.DataFrame([vars(line) for line in realism.saved()])


def environment(record: Record) -> dict[str, str]:
    """Return what the run was computed with, as it was written down; empty if it was not."""
    path = record.folder / "evidence" / "environment.json"
    if not path.exists():
        return {}
    content = artefacts.read_json(path)
    libraries = content.pop("libraries", {})
    return {str(key): str(value) for key, value in {**content, **libraries}.items()}


def _parts(record: Record, part: str, columns: list[str]) -> pd.DataFrame:
    opened = record.state.audit or {}
    rows = [
        {"model": model, "loss_name": opened[model]["loss_name"], **row}
        for model in MODELS
        for row in opened.get(model, {}).get(part, ())
    ]
    return pd.DataFrame(rows, columns=["model", "loss_name", *columns])


def _champion_row(view: runlog.EpochView, model: str) -> tuple[Any, ...]:
    scores = champion_scores(view, model)
    promoted = bool(view.promotions.get(model, {}).get("promoted"))
    return (model, view.number, *skill_of(scores), promoted)


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(CHAMPION_COLUMNS, float))
