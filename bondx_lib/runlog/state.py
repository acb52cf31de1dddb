"""What a log says: the state of a run, replayed from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, get_args

from bondx_lib.errors import BadInput, RunLogDamaged
from bondx_lib.events import Ending
from bondx_lib.runlog.lines import LOG_NAME, Event, read
from bondx_lib.runlog.lock import RunLock

ENDED: Final[tuple[str, ...]] = get_args(Ending)


@dataclass(frozen=True)
class EpochView:
    """What the log says of one epoch.

    Attributes
    ----------
    number, attempt, kernel, stage
        Which epoch, which try, cold or warm kernel, last stage begun.
    committed
        Whether its results count.
    draw, quality, band, findings, rejected
        The accepted draw, its quality score and the worst finding of each gate; how many draws
        were refused.
    model_findings, refused
        The worst finding of each gate on the challengers, and by model the blocking gates that
        refuse its challenger.
    mix
        What the next draw should hold more of: segment to factor.
    skills
        Skill of the champion of each model after the epoch.
    scores
        Model to role (champion, challenger) to scores.
    promotions
        Model to the promotion event's fields, with ``promoted``.
    seconds
        Training time of each challenger.
    artefacts
        Path to SHA-256 of what the epoch wrote.
    began, ended
        Times of first and last event.
    """

    number: int
    attempt: int = 1
    kernel: str = ""
    stage: str = ""
    committed: bool = False
    draw: int | None = None
    rows: int = 0
    quality: float | None = None
    band: str | None = None
    findings: tuple[Mapping[str, Any], ...] = ()
    rejected: int = 0
    model_findings: tuple[Mapping[str, Any], ...] = ()
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mix: Mapping[str, float] = field(default_factory=dict)
    skills: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    promotions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    artefacts: Mapping[str, str] = field(default_factory=dict)
    began: str = ""
    ended: str = ""


@dataclass(frozen=True)
class RunState:
    """What the log says of a run.

    Attributes
    ----------
    status
        ``running``, ``paused``, ``interrupted``, ``failed``, ``blocked``, ``converged``,
        ``plateaued``, ``epoch_limit`` or ``stopped``; ``empty`` for an empty log. Whether a running
        run is ``lost`` depends on its process: see :func:`live_status`.
    reason
        Why it ended, in words.
    name, parameters, parameters_digest, gates_digest, gates, version
        From the first event; ``gates`` holds threshold and severity of each that is on.
    code, computed_with
        Digest of each file of code, and versions of libraries, that the run began with.
    parent
        The run that this one was forked from, with the digest of its last line then.
    epoch, max_epochs, stage, attempt
        Where it is: the last epoch begun, 0 before the first.
    epochs
        One view per epoch begun, in order.
    verdict
        The last assessment's fields.
    markets
        Name of evaluation market to its rows and digest.
    options
        What each option of the models was worth on the benchmark market, once compared.
    examined
        What the gates found of the champions on a close look at the end, once taken.
    audit
        Champion scores on the audit market, once opened.
    files
        Final files to SHA-256.
    pid, process_start
        The process that runs it, as last recorded.
    error
        The last failure's fields.
    began, ended
        Times of first and last event.
    events
        How many there are.
    """

    status: str = "empty"
    reason: str = ""
    name: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parameters_digest: str = ""
    gates_digest: str = ""
    gates: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    code: Mapping[str, str] = field(default_factory=dict)
    computed_with: Mapping[str, str] = field(default_factory=dict)
    parent: Mapping[str, Any] | None = None
    epoch: int = 0
    max_epochs: int = 0
    stage: str = ""
    attempt: int = 0
    epochs: tuple[EpochView, ...] = ()
    verdict: Mapping[str, Any] | None = None
    markets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    options: tuple[Mapping[str, Any], ...] | None = None
    examined: tuple[Mapping[str, Any], ...] | None = None
    audit: Mapping[str, Any] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    exit_code: int | None = None
    pid: int | None = None
    process_start: str | None = None
    error: Mapping[str, Any] | None = None
    began: str = ""
    ended: str = ""
    events: int = 0

    @property
    def committed(self) -> tuple[EpochView, ...]:
        """Return the epochs whose results count, in order."""
        return tuple(view for view in self.epochs if view.committed)

    def refused_champions(self, epoch: int) -> dict[str, Sequence[str]]:
        """Return the champions after an epoch that blocking gates refused, with those gates."""
        champions: dict[str, EpochView] = {}
        for view in self.committed:
            if view.number <= epoch:
                promoted = [name for name, one in view.promotions.items() if one["promoted"]]
                champions |= dict.fromkeys(promoted, view)
        return {
            name: view.refused[name] for name, view in champions.items() if name in view.refused
        }

    @property
    def finished(self) -> bool:
        """Say whether the run has ended for good."""
        return self.status in ENDED


def replay(
    events: Iterable[Event], state: RunState | None = None, *, whole: bool = True
) -> RunState:
    """Return the state of a run after the events, starting from an earlier state if given.

    Parameters
    ----------
    events, state
        What happened, and what was known before it.
    whole
        Whether none is left out, so that each must follow from those before.

    Raises
    ------
    RunLogDamaged
        When one cannot have come after those before it.
    """
    state = RunState() if state is None else state
    for event in events:
        if whole and (wrong := _out_of_order(state, event)):
            raise RunLogDamaged(LOG_NAME, event.seq + 1, wrong)
        state = _apply(state, event)
    return state


def state_of(run_dir: Path) -> RunState:
    """Return the state of the run whose log lies in a folder.

    Raises
    ------
    RunLogDamaged
        When the log cannot be read, as :func:`read` and :func:`replay` say.
    """
    return replay(read(run_dir / LOG_NAME))


def live_status(state: RunState, run_dir: Path) -> str:
    """Return the status, or ``lost`` when it says running but nobody holds the run's lock."""
    if state.status in ("running", "paused") and not RunLock.held(run_dir):
        return "lost"
    return state.status


def must_have_ended(state: RunState, run_dir: Path, wish: str) -> None:
    """Refuse a run that goes on, or that was left before it came to a verdict.

    Parameters
    ----------
    wish
        What cannot be done with it yet, as a participle: "replayed".

    Raises
    ------
    BadInput
        When it has not ended; says how it stands and what would end it.
    """
    if state.finished:
        return
    status = live_status(state, run_dir)
    after = "it has ended: bondx watch" if status in ("running", "paused") else "bondx resume"
    raise BadInput(
        f"has not ended, so it cannot be {wish}", source=str(run_dir), value=status,
        admissible=f"a run that has ended; this one can be {wish} after {after}",
    )  # fmt: skip


def _apply(state: RunState, event: Event) -> RunState:
    state = replace(state, ended=event.at, events=event.seq + 1)
    if event.kind in _RUN_EVENTS:
        return replace(state, **_RUN_EVENTS[event.kind](state, event))
    if event.kind == "epoch_started":
        return _begin_epoch(state, event)
    if event.kind in _EPOCH_EVENTS and state.epochs:
        *before, view = state.epochs
        view = replace(view, ended=event.at, **_EPOCH_EVENTS[event.kind](view, event))
        return replace(state, epochs=(*before, view), stage=view.stage)
    return state


def _out_of_order(state: RunState, event: Event) -> str | None:
    """Return why an event cannot have come now, None if it can."""
    number, next_one = event.fields.get("epoch"), len(state.committed) + 1
    if event.kind == "epoch_started" and number != next_one:
        return f"begins epoch {number} where epoch {next_one} is next"
    if event.kind not in _EPOCH_EVENTS:
        return None
    if state.epoch != number or state.epochs[-1].committed:
        return f"speaks of epoch {number}, which is not at work"
    decided = event.kind in ("champion_promoted", "champion_kept")
    if decided and event["model"] not in state.epochs[-1].scores:
        return f"decides on {event['model']}, which has no scores"
    return None


def _begin_epoch(state: RunState, event: Event) -> RunState:
    """Open a view of the epoch; a new attempt replaces the one before."""
    number = event["epoch"]
    view = EpochView(number, event["attempt"], event["kernel"], began=event.at, ended=event.at)
    kept = tuple(one for one in state.epochs if one.number < number)
    return replace(
        state, epochs=(*kept, view), epoch=number, attempt=event["attempt"], stage="",
        status="running",
    )  # fmt: skip


_RUN_EVENTS: Final[dict[str, Any]] = {
    "run_started": lambda state, e: {
        "status": "running",
        "name": e["name"],
        "parameters": e["parameters"],
        "parameters_digest": e["parameters_digest"],
        "gates_digest": e["gates_digest"],
        "gates": e["gates"],
        "version": e["version"],
        "code": e.fields.get("code", {}),
        "computed_with": e.fields.get("computed_with", {}),
        "parent": e.fields.get("parent"),
        "max_epochs": e["parameters"].get("max_epochs", 0),
        "pid": e["pid"],
        "process_start": e["process_start"],
        "began": e.at,
    },
    "market_drawn": lambda state, e: {
        "markets": {**state.markets, e["market"]: {"rows": e["rows"], "digest": e["digest"]}}
    },
    "epoch_failed": lambda state, e: {
        "error": dict(e.fields),
        "status": "running" if e["retry"] else "failed",
        "reason": "" if e["retry"] else f"epoch {e['epoch']}: {e['error']}: {e['message']}",
    },
    "assessed": lambda state, e: {"verdict": dict(e.fields)},
    "paused": lambda state, e: {"status": "paused"},
    "continued": lambda state, e: {"status": "running"},
    "options_compared": lambda state, e: {"options": tuple(e["gains"])},
    "champions_examined": lambda state, e: {
        "examined": tuple(e["findings"]),
        "files": {**state.files, **e["artefacts"]},
    },
    "audit_opened": lambda state, e: {"audit": e["scores"]},
    "datasets_written": lambda state, e: {"files": e["files"]},
    "run_interrupted": lambda state, e: {
        "status": "interrupted",
        "reason": f"interrupted by {e['signal']}",
    },
    "run_resumed": lambda state, e: {
        "status": "running",
        "reason": "",
        "error": None,
        "exit_code": None,
        "pid": e["pid"],
        "process_start": e["process_start"],
    },
    "run_finished": lambda state, e: {
        "status": e["status"],
        "reason": e["reason"],
        "exit_code": e["exit_code"],
        "files": {**state.files, **e["artefacts"]},
    },
    "pack_failed": lambda state, e: {
        "status": "failed",
        "reason": f"report or evidence could not be written: {e['error']}: {e['message']}",
        "exit_code": 1,
        "error": dict(e.fields),
    },
}
_EPOCH_EVENTS: Final[dict[str, Any]] = {
    "stage_started": lambda view, e: {"stage": e["stage"]},
    "dataset_rejected": lambda view, e: {
        "rejected": view.rejected + 1,
        "findings": tuple(e["findings"]),
    },
    "dataset_accepted": lambda view, e: {
        "draw": e["draw"],
        "rows": e["rows"],
        "quality": e["quality"],
        "band": e["band"],
        "findings": tuple(e["findings"]),
    },
    "model_trained": lambda view, e: {"seconds": {**view.seconds, e["model"]: e["seconds"]}},
    "model_scored": lambda view, e: {
        "scores": {
            **view.scores,
            e["model"]: {**view.scores.get(e["model"], {}), e["role"]: e["scores"]},
        }
    },
    "models_judged": lambda view, e: {
        "model_findings": tuple(e["findings"]),
        "refused": e["refused"],
    },
    "draw_steered": lambda view, e: {"mix": e["mix"]},
    "champion_promoted": lambda view, e: {
        "promotions": {**view.promotions, e["model"]: {**e.fields, "promoted": True}}
    },
    "champion_kept": lambda view, e: {
        "promotions": {**view.promotions, e["model"]: {**e.fields, "promoted": False}}
    },
    "epoch_committed": lambda view, e: {
        "committed": True,
        "quality": e["quality"],
        "skills": e["skills"],
        "artefacts": e["artefacts"],
    },
    "epoch_blocked": lambda view, e: {"findings": tuple(e["findings"])},
}
