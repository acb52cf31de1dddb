"""What there is to see of a run, as plain data: the only place that reads a log for display.

Terminal, widgets, status and lists all show these views, so they cannot disagree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from bondx_lib import runlog
from bondx_lib.dashboard.words import (
    ADVICE,
    STAGE_WORDS,
    STATE_WORDS,
    VERDICTS,
    WISH_WORDS,
    duration,
    sentence,
    time_of,
)
from bondx_lib.errors import BadInput
from bondx_lib.runner import control, pulse
from bondx_lib.vocabulary import SEVERITIES

RECENT_EPOCHS: Final = 5
"""The time left is told from so many."""
MOST_DECISIONS: Final = 40


@dataclass(frozen=True)
class View:
    """A run at one moment, ready to be shown.

    Attributes
    ----------
    run, name, scenario
        Folder name, and what the parameters call it and draw.
    state, state_text, reason, advice
        Status, the status in words, why, and what a viewer may do.
    asked
        What the run was asked to do and has not done yet.
    epoch, attempt, max_epochs, committed, stage, stage_text, fraction
        Progress; ``fraction`` of the epoch limit, 1 when ended.
    exit_code
        Of the run; None as long as it has not ended.
    began, last_event
        Times of the first event and of the last, ISO 8601, UTC; empty before them.
    elapsed_seconds, left_low_seconds, left_high_seconds
        Time since the start, and between which bounds the rest lies.
    event_seconds, heartbeat_seconds
        Age of the last event, and of the process's last sign of life; None when there is none.
    quality, band, mean_skill
        Of the last committed epoch.
    patience, patience_left
        Epochs without improvement after which the champions count as converged, and what is left.
    gates, models, rules, decisions, audit
        Rows of the tables; the decisions are sentences, oldest first.
    quality_history, skill_history
        One number per committed epoch, the latter by model.
    """

    run: str
    name: str
    scenario: str
    state: str
    state_text: str
    reason: str
    advice: str
    asked: tuple[str, ...]
    epoch: int
    attempt: int
    max_epochs: int
    committed: int
    stage: str
    stage_text: str
    fraction: float
    exit_code: int | None
    began: str
    last_event: str
    elapsed_seconds: float
    left_low_seconds: float | None
    left_high_seconds: float | None
    event_seconds: float
    heartbeat_seconds: float | None
    quality: float | None
    band: str | None
    mean_skill: float | None
    patience: int | None
    patience_left: int | None
    gates: tuple[dict[str, Any], ...]
    models: tuple[dict[str, Any], ...]
    rules: tuple[dict[str, Any], ...]
    decisions: tuple[str, ...]
    audit: tuple[dict[str, Any], ...]
    quality_history: tuple[float | None, ...]
    skill_history: Mapping[str, tuple[float, ...]]

    @property
    def ended(self) -> bool:
        """Say whether nothing more will come by itself."""
        return self.state in (*runlog.ENDED, "interrupted", "lost")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class Watcher:
    """Follows one run, reading only what is new in its log.

    Parameters
    ----------
    run_dir
        The run folder; its log need not exist yet.
    """

    def __init__(self, run_dir: str | Path) -> None:
        self.run_dir = Path(run_dir)
        self._follower = runlog.Follower(self.run_dir / runlog.LOG_NAME)
        self._decisions: deque[str] = deque(maxlen=MOST_DECISIONS)

    def look(self) -> View:
        """Return the view of this moment.

        Raises
        ------
        RunLogDamaged
            When the log cannot be trusted.
        BadInput
            When the log was there and is there no more, or is shorter than it was.
        """
        self._decisions.extend(filter(None, map(sentence, self._follower.new())))
        self._refuse_vanished()
        return view(self.run_dir, self.state, tuple(self._decisions))

    @property
    def state(self) -> runlog.RunState:
        """Return the state as of the last look."""
        return self._follower.known

    def _refuse_vanished(self) -> None:
        """Say so if what was read is gone: a frozen picture would look like a healthy run."""
        path = self._follower.path
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            if self._follower.size or not self.run_dir.is_dir():
                raise BadInput("the run folder is gone", source=str(self.run_dir)) from None
            return
        if size < self._follower.size:
            raise BadInput("is shorter than it was: it was replaced", source=str(path))


def view(run_dir: Path, state: runlog.RunState, decisions: Sequence[str] = ()) -> View:
    """Return the view of a run from its state, and what it decided so far."""
    status = live_state(state, run_dir)
    now = datetime.now(UTC)
    ended = status in (*runlog.ENDED, "interrupted", "lost")
    last_event = time_of(state.ended, now)
    elapsed = (last_event if ended else now) - time_of(state.began, now)
    low, high = (None, None) if ended else time_left(state, now)
    last = state.committed[-1] if state.committed else None
    verdict = state.verdict or {}
    return View(
        run=run_dir.name,
        name=state.name,
        scenario=str(state.parameters.get("scenario", "")),
        state=status,
        state_text=STATE_WORDS[status],
        reason=state.reason,
        advice=ADVICE.get(status, ""),
        asked=() if ended else asked(run_dir),
        epoch=state.epoch,
        attempt=state.attempt,
        max_epochs=state.max_epochs,
        committed=len(state.committed),
        stage=state.stage,
        stage_text=stage_text(status, state),
        fraction=1.0 if status in runlog.ENDED else len(state.committed) / max(state.max_epochs, 1),
        exit_code=state.exit_code,
        began=state.began,
        last_event=state.ended,
        elapsed_seconds=elapsed.total_seconds(),
        left_low_seconds=low,
        left_high_seconds=high,
        event_seconds=max((now - last_event).total_seconds(), 0.0),
        heartbeat_seconds=None if ended else pulse.age_seconds(run_dir),
        quality=last.quality if last else None,
        band=last.band if last else None,
        mean_skill=mean_skill(last),
        patience=state.parameters.get("improvement_patience"),
        patience_left=verdict.get("patience_left"),
        gates=gate_rows(state),
        models=model_rows(state),
        rules=tuple(dict(rule) for rule in verdict.get("rules", ())),
        decisions=tuple(decisions),
        audit=audit_rows(state),
        quality_history=tuple(one.quality for one in state.committed),
        skill_history={
            name: tuple(one.skills[name] for one in state.committed if name in one.skills)
            for name in model_names(state)
        },
    )


def live_state(state: runlog.RunState, run_dir: Path) -> str:
    """Return the status as it is now: ``lost`` without a process, ``silent`` with a mute one."""
    status = runlog.live_status(state, run_dir)
    if status not in ("running", "paused"):
        return status
    age = pulse.age_seconds(run_dir)
    return "silent" if age is not None and age > pulse.LATE_SECONDS else status


def mean_skill(epoch: runlog.EpochView | None) -> float | None:
    """Return the mean skill of the champions after an epoch, None where there is none."""
    return float(np.mean(list(epoch.skills.values()))) if epoch and epoch.skills else None


def stage_text(status: str, state: runlog.RunState) -> str:
    """Say what a run does at the moment."""
    if status in runlog.ENDED:
        return "done"
    if status in ("interrupted", "lost", "empty"):
        return STATE_WORDS[status].partition(":")[0]
    if status == "paused":
        return "waiting between two epochs"
    if state.verdict and state.verdict["status"] != "running":
        return "opening the audit market, writing report and evidence"
    return STAGE_WORDS[state.stage]


def asked(run_dir: Path) -> tuple[str, ...]:
    """Return the wishes that wait to be obeyed."""
    return tuple(wish for wish in control.WISHES if control.asked(run_dir, wish))


def asked_text(one: View) -> str:
    """Say what a run was asked for and has not done yet; empty if nothing.

    A paused run has obeyed the wish to pause.
    """
    open_ones = [wish for wish in one.asked if (wish, one.state) != ("pause", "paused")]
    return ", ".join(WISH_WORDS[wish] for wish in open_ones)


def reason_text(one: View) -> str:
    """Say why a run is in its state; empty where that would only say the state again."""
    return one.reason if one.reason != one.state_text else ""


def time_left(state: runlog.RunState, now: datetime) -> tuple[float | None, float | None]:
    """Return bounds of the time left: the patience left, and all epochs to the limit.

    A run stops when nothing improves any more, which nobody knows beforehand, so a single number
    would be a guess.
    """
    done = state.committed
    if not done:
        return None, None
    recent = done[-RECENT_EPOCHS:]
    each = float(
        np.mean([(time_of(v.ended, now) - time_of(v.began, now)).total_seconds() for v in recent])
    )
    patience = int((state.verdict or {}).get("patience_left", 0))
    most = max(state.max_epochs - len(done), 0)
    return each * min(patience, most), each * most


def gate_rows(state: runlog.RunState) -> tuple[dict[str, Any], ...]:
    """Return the gates on the latest data and models, what a reader must see first."""
    data = [one.findings for one in state.epochs if one.findings]
    model = [one.model_findings for one in state.epochs if one.model_findings]
    found = [*(data[-1] if data else ()), *(model[-1] if model else ())]
    keep = ("gate", "slice", "observed", "interval", "threshold", "used", "severity", "verdict",
            "message")  # fmt: skip
    order = sorted(found, key=lambda one: (*_urgency(one), -one["used"]))
    return tuple({key: finding.get(key) for key in keep} for finding in order)


def _urgency(finding: Mapping[str, Any]) -> tuple[int, int]:
    return VERDICTS.index(finding["verdict"]), SEVERITIES.index(finding["severity"])


def model_rows(state: runlog.RunState) -> tuple[dict[str, Any], ...]:
    """Return for each model how its champion stands on the benchmark market, and how it got there.

    ``loss`` stands between ``floor`` (no model) and ``ceiling`` (the true law), None where no
    ceiling is known.
    """
    rows = []
    for name in model_names(state):
        promoted = [v for v in state.committed if v.promotions.get(name, {}).get("promoted")]
        if not promoted:
            continue
        scores = promoted[-1].scores[name]["challenger"]
        latest = state.committed[-1]
        rows.append(
            {
                "model": name,
                "skill": scores["skill"],
                "low": scores["skill_low"],
                "high": scores["skill_high"],
                "loss_name": scores["loss_name"],
                "loss": scores["loss"],
                "floor": scores["floor"],
                "ceiling": scores["ceiling"],
                "calibration_slope": scores.get("calibration_slope"),
                "calibration_low": scores.get("calibration_slope_low"),
                "calibration_high": scores.get("calibration_slope_high"),
                "champion_since": promoted[-1].number,
                "promotions": len(promoted),
                "training_seconds": latest.seconds.get(name),
            }
        )
    return tuple(rows)


def audit_rows(state: runlog.RunState) -> tuple[dict[str, Any], ...]:
    """Return the champions' scores on the audit market; none before it was opened."""
    opened = state.audit or {}
    return tuple(
        {"model": name, "skill": opened[name]["skill"], "low": opened[name]["skill_low"],
         "high": opened[name]["skill_high"]}
        for name in model_names(state)
        if name in opened
    )  # fmt: skip


def model_names(state: runlog.RunState) -> tuple[str, ...]:
    """Return the models of a run in the order of its parameters."""
    return tuple(state.parameters.get("models", ()))


def left_text(one: View) -> str:
    """Say how long the run may still take."""
    if one.ended:
        return "none"
    if one.left_low_seconds is None or one.left_high_seconds is None:
        return "unknown until the first epoch is done"
    low, high = duration(one.left_low_seconds), duration(one.left_high_seconds)
    return f"{low} if nothing improves, {high} at most"


def beat_text(one: View) -> str:
    """Say when the run was last heard of; empty once it has ended."""
    if one.ended or one.state == "empty":
        return ""
    event = f"last event {duration(one.event_seconds)} ago"
    if one.heartbeat_seconds is None:
        return event
    return f"{event}, heartbeat {duration(one.heartbeat_seconds)} ago"
