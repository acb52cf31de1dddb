"""What there is to see of a run, as plain data: the only place that reads a log for display.

Terminal, widgets, status and lists all show these views, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from bondx_lib import runlog
from bondx_lib.gates import band
from bondx_lib.gates.base import SEVERITIES

STATE_WORDS: Final = {
    "empty": "not started yet",
    "running": "running",
    "paused": "paused",
    "lost": "lost: its process is gone; it can be resumed",
    "interrupted": "interrupted; it can be resumed",
    "converged": "converged",
    "plateaued": "stopped on a plateau",
    "epoch_limit": "stopped at the epoch limit",
    "stopped": "stopped on request",
    "blocked": "blocked by a gate",
    "failed": "failed",
}
STAGE_WORDS: Final = {
    "": "starting", "generate": "drawing data", "gate": "checking data", "train": "training",
    "evaluate": "scoring", "judge": "judging", "promote": "comparing", "commit": "committing",
}  # fmt: skip
RECENT_SECONDS: Final = 5
VERDICTS: Final = ("fail", "inconclusive", "pass", "not_applicable")
"""What a reader must see first."""
SEVERITY_WORDS: Final = {"block": "blocking", "warn": "warning", "info": "information"}


@dataclass(frozen=True)
class View:
    """A run at one moment, ready to be shown.

    Attributes
    ----------
    run, state, state_text, reason
        Folder name, status, the status in words, and why.
    epoch, max_epochs, committed, stage_text, fraction
        Progress; ``fraction`` of the epoch limit, 1 when ended.
    elapsed_seconds, left_low_seconds, left_high_seconds, heartbeat_seconds
        Time since the start; between which bounds the rest lies; age of the last event.
    quality, band, mean_skill
        Of the last committed epoch.
    gates, models, rules, decisions
        Rows of the tables.
    quality_history, skill_history
        One number per committed epoch, the latter by model.
    """

    run: str
    state: str
    state_text: str
    reason: str
    epoch: int
    max_epochs: int
    committed: int
    stage_text: str
    fraction: float
    elapsed_seconds: float
    left_low_seconds: float | None
    left_high_seconds: float | None
    heartbeat_seconds: float
    quality: float | None
    band: str | None
    mean_skill: float | None
    gates: tuple[dict[str, Any], ...]
    models: tuple[dict[str, Any], ...]
    rules: tuple[dict[str, Any], ...]
    decisions: tuple[str, ...]
    quality_history: tuple[float, ...]
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
        self._state = runlog.RunState()
        self._events: list[runlog.Event] = []

    def look(self) -> View:
        """Return the view of this moment.

        Raises
        ------
        RunLogDamaged
            When the log cannot be trusted.
        """
        self._events.extend(self._follower.new())
        self._state = self._follower.known
        return view(self.run_dir, self._state, self._events)

    @property
    def state(self) -> runlog.RunState:
        """Return the state as of the last look."""
        return self._state


def view(run_dir: Path, state: runlog.RunState, events: Sequence[runlog.Event]) -> View:
    """Return the view of a run from its state and events."""
    status = runlog.live_status(state, run_dir)
    now = datetime.now(UTC)
    ended = status in (*runlog.ENDED, "interrupted")
    until = _time(state.ended, now) if ended else now
    low, high = (None, None) if ended or status == "lost" else time_left(state, now)
    last = state.committed[-1] if state.committed else None
    return View(
        run=run_dir.name,
        state=status,
        state_text=STATE_WORDS[status],
        reason=state.reason,
        epoch=state.epoch,
        max_epochs=state.max_epochs,
        committed=len(state.committed),
        stage_text="done" if ended else STAGE_WORDS[state.stage],
        fraction=1.0 if ended else len(state.committed) / max(state.max_epochs, 1),
        elapsed_seconds=(until - _time(state.began, now)).total_seconds(),
        left_low_seconds=low,
        left_high_seconds=high,
        heartbeat_seconds=(now - _time(state.ended, now)).total_seconds(),
        quality=last.quality if last else None,
        band=band(last.quality) if last and last.quality is not None else None,
        mean_skill=float(np.mean(list(last.skills.values()))) if last and last.skills else None,
        gates=gate_rows(state),
        models=model_rows(state),
        rules=tuple(dict(rule) for rule in (state.verdict or {}).get("rules", ())),
        decisions=tuple(filter(None, map(sentence, events)))[-8:],
        quality_history=tuple(v.quality or 0.0 for v in state.committed),
        skill_history={
            name: tuple(v.skills[name] for v in state.committed if name in v.skills)
            for name in model_names(state)
        },
    )


def time_left(state: runlog.RunState, now: datetime) -> tuple[float | None, float | None]:
    """Return bounds of the time left: the patience left, and all epochs to the limit.

    A run stops when nothing improves any more, which nobody knows beforehand, so a single number
    would be a guess.
    """
    done = state.committed
    if not done:
        return None, None
    recent = done[-RECENT_SECONDS:]
    each = float(
        np.mean([(_time(v.ended, now) - _time(v.began, now)).total_seconds() for v in recent])
    )
    patience = int((state.verdict or {}).get("patience_left", 0))
    most = max(state.max_epochs - len(done), 0)
    return each * min(patience, most), each * most


def gate_rows(state: runlog.RunState) -> tuple[dict[str, Any], ...]:
    """Return the gates on the latest data and models, what a reader must see first."""
    data = [one.findings for one in state.epochs if one.findings]
    model = [one.model_findings for one in state.epochs if one.model_findings]
    found = [*(data[-1] if data else ()), *(model[-1] if model else ())]
    keep = ("gate", "slice", "observed", "threshold", "used", "severity", "verdict", "message")
    order = sorted(found, key=lambda one: (*_urgency(one), -one["used"]))
    return tuple({key: finding[key] for key in keep} for finding in order)


def _urgency(finding: Mapping[str, Any]) -> tuple[int, int]:
    return VERDICTS.index(finding["verdict"]), SEVERITIES.index(finding["severity"])


def limit_text(threshold: Any) -> str:
    """Return a threshold, or the ends of a range, as text.

    >>> limit_text(0.1), limit_text([0.2, 0.95])
    ('0.1', '0.2 to 0.95')
    """
    if isinstance(threshold, Sequence):
        return " to ".join(f"{end:g}" for end in threshold)
    return f"{threshold:g}"


def verdict_text(row: Mapping[str, Any]) -> str:
    """Return a verdict in words, and what it means where it is no pass.

    >>> verdict_text({"verdict": "fail", "severity": "warn"}), verdict_text({"verdict": "pass"})
    ('fail (warning)', 'pass')
    """
    words = str(row["verdict"]).replace("_", " ")
    if row["verdict"] != "fail":
        return words
    return f"{words} ({SEVERITY_WORDS[row['severity']]})"


def gates_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Count gates by verdict in words.

    >>> gates_text([{"verdict": "pass"}, {"verdict": "fail"}, {"verdict": "pass"}])
    '3 gates: 1 fail, 2 pass'
    """
    if not rows:
        return ""
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in VERDICTS}
    said = [f"{count} {word.replace('_', ' ')}" for word, count in counts.items() if count]
    return f"{len(rows)} gates: {', '.join(said)}"


def model_rows(state: runlog.RunState) -> tuple[dict[str, Any], ...]:
    """Return for each model the champion's skill, where it came from, and its training time."""
    rows = []
    for name in model_names(state):
        promoted = [v for v in state.committed if v.promotions.get(name, {}).get("promoted")]
        if not promoted:
            continue
        scores = promoted[-1].scores[name]["challenger"]
        rows.append(
            {
                "model": name,
                "skill": scores["skill"],
                "low": scores["skill_low"],
                "high": scores["skill_high"],
                "champion_since": promoted[-1].number,
                "promotions": len(promoted),
                "training_seconds": state.committed[-1].seconds.get(name),
            }
        )
    return tuple(rows)


def model_names(state: runlog.RunState) -> tuple[str, ...]:
    """Return the models of a run in the order of its parameters."""
    return tuple(state.parameters.get("models", ()))


def model_words(name: str) -> str:
    """Return what a reader calls a model.

    >>> model_words("liquidity_shock")
    'Liquidity shock'
    """
    return name.replace("_", " ").capitalize()


def sentence(event: runlog.Event) -> str | None:
    """Say in a sentence what an event decided, or None if it decided nothing."""
    if event.kind == "champion_promoted":
        name = model_words(event["model"])
        return f"epoch {event['epoch']}: {name} challenger promoted, {event['reason']}"
    if event.kind == "dataset_rejected":
        failing = ", ".join(
            f["gate"]
            for f in event["findings"]
            if f["severity"] == "block" and f["verdict"] == "fail"
        )
        return f"epoch {event['epoch']}: draw {event['draw']} refused by {failing}; drawn again"
    if event.kind == "draw_steered" and event["mix"]:
        names = ", ".join(segment.replace("=", " ") for segment in event["mix"])
        return f"epoch {event['epoch']}: the next draw holds more of {names}, for gates warn of it"
    if event.kind == "models_judged" and event["refused"]:
        refused = "; ".join(
            f"{model_words(name)} by {', '.join(found)}" for name, found in event["refused"].items()
        )
        return f"epoch {event['epoch']}: challengers refused: {refused}"
    if event.kind == "epoch_failed":
        again = "trying again" if event["retry"] else "giving up"
        return f"epoch {event['epoch']}: {event['error']}: {event['message']}; {again}"
    if event.kind == "epoch_blocked":
        return f"epoch {event['epoch']}: every draw was refused by a blocking gate"
    if event.kind == "champions_examined":
        failed = sorted({f["gate"] for f in event["findings"] if f["verdict"] == "fail"})
        return f"the champions were examined: {', '.join(failed) or 'nothing'} failed"
    if event.kind == "audit_opened":
        return "the audit market was opened, once"
    if event.kind in ("run_interrupted", "run_resumed", "paused", "continued"):
        return event.kind.replace("_", " ").replace("run ", "the run was ")
    if event.kind == "run_finished":
        return f"the run ended: {STATE_WORDS[event['status']]}"
    return None


def duration(seconds: float | None) -> str:
    """Return a duration in words.

    >>> duration(42), duration(125), duration(8000), duration(None)
    ('42 s', '2 min 05 s', '2 h 13 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    whole = int(timedelta(seconds=max(seconds, 0)).total_seconds())
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many digits, or a dash where there is none.

    >>> number(0.123), number(None)
    ('0.12', '–')
    """
    return "–" if value is None else f"{value:.{digits}f}"


def left_text(one: View) -> str:
    """Say how long the run may still take."""
    if one.ended:
        return "none"
    if one.left_low_seconds is None or one.left_high_seconds is None:
        return "unknown until the first epoch is done"
    low, high = duration(one.left_low_seconds), duration(one.left_high_seconds)
    return f"{low} if nothing improves, {high} at most"


def _time(text: str, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(text) if text else otherwise
