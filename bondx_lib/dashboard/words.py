"""What a run is called in words: states, stages, events, numbers, times.

Terminal, widgets and lists all speak through these, so one thing has one name everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bondx_lib import runlog

STATE_WORDS: Final = {
    "empty": "not started yet",
    "running": "running",
    "silent": "running, but its process gives no sign of life",
    "paused": "paused",
    "lost": "lost: its process is gone",
    "interrupted": "interrupted",
    "converged": "converged",
    "plateaued": "stopped on a plateau",
    "epoch_limit": "stopped at the epoch limit",
    "stopped": "stopped on request",
    "blocked": "blocked by a gate",
    "failed": "failed",
}
ADVICE: Final = {
    "silent": "The process may be suspended or starved. Wait, or abort it and resume.",
    "lost": "Nothing is lost that was committed: resume it.",
    "interrupted": "It goes on where it stopped: resume it.",
    "paused": "It waits between two epochs: continue it, or stop it.",
    "failed": "The last decision says where. The executed notebook of that epoch and logs/run.log "
    "hold the whole error.",
}
"""What a viewer may do in a state."""
TONES: Final = {
    "running": "moving", "silent": "unsure", "paused": "waiting", "lost": "bad",
    "interrupted": "unsure", "converged": "good", "blocked": "bad", "failed": "bad",
    "damaged": "bad",
}  # fmt: skip
SIGNS: Final = {"good": "✔", "bad": "✖", "unsure": "?", "waiting": "‖", "moving": "▶"}
"""No tone is told by its colour alone."""
VERDICT_TONES: Final = {
    "pass": "good", "fail": "bad", "inconclusive": "unsure", "not_applicable": "quiet",
}  # fmt: skip
STAGE_WORDS: Final = {
    "": "starting", "generate": "drawing data", "gate": "checking data", "train": "training",
    "evaluate": "scoring", "judge": "judging", "promote": "comparing", "commit": "committing",
}  # fmt: skip
WISH_WORDS: Final = {
    "pause": "asked to pause after this epoch",
    "stop": "asked to stop after this epoch",
    "abort": "asked to abort",
}
VERDICTS: Final = ("fail", "inconclusive", "pass", "not_applicable")
"""What a reader must see first."""
SEVERITY_WORDS: Final = {"block": "blocking", "warn": "warning", "info": "information"}


def sentence(event: runlog.Event) -> str | None:
    """Say in a sentence what an event decided, or None if it decided nothing."""
    said = _SENTENCES.get(event.kind)
    text = said(event) if said is not None else None
    if text and "epoch" in event.fields and event.kind not in ("paused", "continued"):
        return f"epoch {event['epoch']}: {text}"
    return text


def _promoted(event: runlog.Event) -> str:
    name = model_words(event["model"])
    if event["difference"] is None:
        return f"{name} challenger promoted, {event['reason']}"
    gain = f"{event['difference']:+.3f} skill [{event['low']:.3f}, {event['high']:.3f}]"
    return f"{name} challenger promoted, {gain}"


def _rejected(event: runlog.Event) -> str:
    refused = [
        f["gate"] for f in event["findings"] if f["severity"] == "block" and f["verdict"] == "fail"
    ]
    by = ", ".join(map(gate_words, refused))
    return f"draw {event['draw']} refused by {by}"


def _steered(event: runlog.Event) -> str | None:
    if not event["mix"]:
        return None
    names = ", ".join(segment.partition("=")[2] for segment in event["mix"])
    why = event["reasons"][0].rstrip(".") if event["reasons"] else "gates warn of it"
    return f"the next draw holds more of {names} because {why}"


def _judged(event: runlog.Event) -> str | None:
    if not event["refused"]:
        return None
    refused = "; ".join(
        f"{model_words(name)} by {', '.join(map(gate_words, found))}"
        for name, found in event["refused"].items()
    )
    return f"challengers refused: {refused}"


def _failed(event: runlog.Event) -> str:
    again = "trying again" if event["retry"] else "giving up"
    return f"{event['error']}: {event['message']}; {again}"


def _examined(event: runlog.Event) -> str:
    failed = sorted({gate_words(f["gate"]) for f in event["findings"] if f["verdict"] == "fail"})
    return f"the champions were examined: {', '.join(failed) or 'nothing'} failed"


def _assessed(event: runlog.Event) -> str | None:
    if event["status"] == "running":
        return None
    return f"the stopping rules say: {STATE_WORDS[event['status']]}"


_SENTENCES: Final[dict[str, Callable[[runlog.Event], str | None]]] = {
    "run_started": lambda event: f"the run {event['name']} began",
    "champion_promoted": _promoted,
    "dataset_rejected": _rejected,
    "draw_steered": _steered,
    "models_judged": _judged,
    "epoch_failed": _failed,
    "epoch_blocked": lambda event: f"every draw was refused by a blocking gate. {event['advice']}",
    "assessed": _assessed,
    "champions_examined": _examined,
    "audit_opened": lambda event: "the audit market was opened, once",
    "datasets_written": lambda event: "the final datasets were written",
    "run_interrupted": lambda event: f"the run was interrupted by {event['signal']}",
    "run_resumed": lambda event: "the run was resumed",
    "paused": lambda event: f"paused after epoch {event['epoch']}",
    "continued": lambda event: f"continued after epoch {event['epoch']}",
    "run_finished": lambda event: f"the run ended: {STATE_WORDS[event['status']]}",
}


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


def gate_words(name: str) -> str:
    """Return what a reader calls a gate.

    >>> gate_words("esg_missing")
    'esg missing'
    """
    return name.replace("_", " ")


def model_words(name: str) -> str:
    """Return what a reader calls a model.

    >>> model_words("liquidity_shock")
    'Liquidity shock'
    """
    return name.replace("_", " ").capitalize()


def duration(seconds: float | None) -> str:
    """Return a duration in words.

    >>> duration(42), duration(125), duration(8000), duration(200_000), duration(None)
    ('42 s', '2 min 05 s', '2 h 13 min', '2 days 7 h', 'unknown')
    """
    if seconds is None:
        return "unknown"
    whole = int(timedelta(seconds=max(seconds, 0)).total_seconds())
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    days = whole // 86_400
    return f"{days} {'day' if days == 1 else 'days'} {whole % 86_400 // 3600} h"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many digits, or a dash where there is none.

    >>> number(0.123), number(None)
    ('0.12', '–')
    """
    return "–" if value is None else f"{value:.{digits}f}"


def observed_text(value: float | None) -> str:
    """Return what a gate observed.

    >>> observed_text(99.85043), observed_text(None)
    ('99.85', '–')
    """
    return "–" if value is None else f"{value:.4g}"


def moment(at: str) -> str:
    """Return when something happened, to the minute.

    >>> moment("2026-01-02T03:04:05.678+00:00"), moment("")
    ('2026-01-02 03:04 UTC', '')
    """
    return f"{time_of(at):%Y-%m-%d %H:%M} UTC" if at else ""


def time_of(text: str, otherwise: datetime | None = None) -> datetime:
    """Return the time that an event carries; now, or what is given, where it carries none."""
    return datetime.fromisoformat(text) if text else otherwise or datetime.now(UTC)
