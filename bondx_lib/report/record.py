"""A run as the report sees it: the replayed log, and frames for the figures.

Nothing is asked of a running process or of the clock. The log says what happened; the panels,
truths and champions in the folder say the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bondx_lib import artefacts, models, runlog
from bondx_lib.errors import BadInput
from bondx_lib.market import realism
from bondx_lib.models import tuning

CHAMPION_COLUMNS: Final = ("skill", "skill_low", "skill_high")
OF_THE_LABEL: Final = {"spread": "log spread"}
"""What the squared error of a model is the error of."""


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

    @property
    def models(self) -> tuple[str, ...]:
        """Return the models of the run, in the order of its parameters."""
        return tuple(self.state.parameters["models"])

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
        _champion_row(view, model, scores)
        for model in record.models
        for view, scores in champion_scores(record, model)
    ]
    columns = ["model", "epoch", *CHAMPION_COLUMNS, "promoted", "known"]
    return _numbers(pd.DataFrame(rows, columns=columns), CHAMPION_COLUMNS)


def champion_scores(record: Record, model: str) -> list[tuple[runlog.EpochView, Mapping[str, Any]]]:
    """Return each committed epoch with the benchmark scores of the champion as it stood after it.

    They are those of the epoch that promoted it: the benchmark market does not change in a run.
    """
    after = []
    standing: Mapping[str, Any] | None = None
    for view in record.state.committed:
        if view.promotions.get(model, {}).get("promoted"):
            standing = view.scores[model]["challenger"]
        if standing is not None:
            after.append((view, standing))
    return after


def skill_of(scores: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return skill and interval, None where the draw leaves no room between floor and ceiling.

    In a small draw the true law can by chance lose more than no model at all. The ratio then has a
    denominator of the wrong sign and says nothing. Where no ceiling is known, the skill is the
    share of the floor's loss that is gone.
    """
    if not has_room(scores):
        return None, None, None
    return scores["skill"], scores["skill_low"], scores["skill_high"]


def has_room(scores: Mapping[str, Any]) -> bool:
    """Say whether there is a way from floor to ceiling to measure a skill on."""
    best = scores["ceiling"] if scores["ceiling"] is not None else 0.0
    return bool(scores["skill"] is not None and scores["floor"] > best)


def loss_words(model: str, scores: Mapping[str, Any]) -> str:
    """Return the name of a model's loss, saying of what it is where that helps a reader."""
    of = OF_THE_LABEL.get(model)
    return f"{scores['loss_name']} of the {of}" if of else str(scores["loss_name"])


def quality(record: Record) -> pd.DataFrame:
    """Return the quality score of each committed epoch."""
    rows = [(view.number, view.quality) for view in record.state.committed]
    return pd.DataFrame(rows, columns=["epoch", "quality"])


def mean_skill(record: Record) -> pd.DataFrame:
    """Return mean skill of champions and challengers of each committed epoch, what must settle."""
    rows = [
        (view.number, float(np.mean(list(view.skills.values()))),
         float(np.mean([one["challenger"]["skill"] or 0.0 for one in view.scores.values()])))
        for view in record.state.committed
        if view.skills
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["epoch", "score", "challenger"])


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
        (view.number, model, view.seconds[model])
        for view in record.state.committed
        for model in record.models
        if model in view.seconds
    ]
    return pd.DataFrame(rows, columns=["epoch", "model", "seconds"])


def audit_skills(record: Record) -> pd.DataFrame:
    """Return the champions' skill on the audit market; no rows if it was never opened."""
    opened = record.state.audit or {}
    rows = [
        (model, *skill_of(opened[model]),
         opened[model]["linear_skill"] if has_room(opened[model]) else None,
         opened[model]["ceiling"] is not None)
        for model in record.models
        if model in opened
    ]  # fmt: skip
    numbers = (*CHAMPION_COLUMNS, "linear_skill")
    return _numbers(pd.DataFrame(rows, columns=["model", *numbers, "known"]), numbers)


def deciles(record: Record) -> pd.DataFrame:
    """Return predicted and observed frequencies of the audit market, by model and decile."""
    return _parts(record, "deciles", ["predicted", "observed", "low", "high", "rows"])


def segments(record: Record) -> pd.DataFrame:
    """Return the champions' loss on the audit market by rating, sector and regime."""
    columns = ["by", "segment", "loss", "low", "high", "floor", "rows"]
    return _numbers(_parts(record, "segments", columns), ("loss", "low", "high", "floor"))


def recalls(record: Record) -> pd.DataFrame:
    """Return which share of each kind of damage on the audit market was found."""
    return _parts(record, "recalls", ["kind", "recall", "low", "high", "rows"])


def champions(record: Record) -> dict[str, models.Model | None]:
    """Load the final champion of each model; None where its model is not installed any more."""
    folders = {model: record.folder / "models" / model for model in record.models}
    return {
        model: _installed(model, folder) for model, folder in folders.items() if folder.is_dir()
    }


def trials(record: Record, model: str) -> list[tuning.Trial]:
    """Return the settings that a model has tried, over all committed epochs."""
    epochs = record.folder / "epochs"
    return tuning.read(
        [epochs / f"{v.number:04d}" / "tuning" / f"{model}.json" for v in record.state.committed]
    )


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
        {"model": model, "loss_name": loss_words(model, opened[model]), **row}
        for model in record.models
        for row in opened.get(model, {}).get(part, ())
    ]
    return pd.DataFrame(rows, columns=["model", "loss_name", *columns])


def _champion_row(view: runlog.EpochView, model: str, scores: Mapping[str, Any]) -> tuple[Any, ...]:
    promoted = bool(view.promotions[model]["promoted"])
    return (model, view.number, *skill_of(scores), promoted, scores["ceiling"] is not None)


def _installed(name: str, folder: Path) -> models.Model | None:
    try:
        law = models.get(name)
    except BadInput:
        return None
    return law.load(folder)


def _numbers(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(columns, float))
