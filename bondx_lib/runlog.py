"""The run log: one JSON object per line, each line chained to the one before by its digest.

The log is the only truth about a run's progress; dashboards, report and resume replay it. ``prev``
of a line is the SHA-256 of the previous line's bytes, newline included, and 64 zeros in the first.
A last line that was cut off by a crash is tolerated and cut away on resume; damage anywhere else is
an error that names the line.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Final, get_args

from pydantic_core import from_json

from bondx_lib.artefacts import canonical_json
from bondx_lib.errors import BadInput, RunBusy, RunLogDamaged, RunLogNewer, nearest
from bondx_lib.events import KINDS, Ending, Stage, problem

LOG_NAME: Final = "events.jsonl"
LOCK_NAME: Final = "run.lock"
LOG_VERSION: Final = 2
GENESIS: Final = "0" * 64
FIRST: Final = "run_started"
NOT_FIRST: Final = f"a log begins with {FIRST}, and has no other"

STAGES: Final[tuple[str, ...]] = get_args(Stage)
ENDED: Final[tuple[str, ...]] = get_args(Ending)


@dataclass(frozen=True)
class Event:
    """One line of the log.

    Attributes
    ----------
    seq
        Position in the log, from 0.
    at
        Time of writing, UTC, ISO 8601.
    kind
        One of :data:`bondx_lib.events.KINDS`.
    fields
        What happened, as that kind says it.
    prev, digest
        SHA-256 of the previous line and of this one.
    """

    seq: int
    at: str
    kind: str
    fields: Mapping[str, Any]
    prev: str
    digest: str

    def __getitem__(self, name: str) -> Any:
        """Return one field."""
        return self.fields[name]


class Journal:
    """A log open for appending.

    Each append checks that the log still ends where this journal left it, so a process that was
    left behind (a kernel whose runner was killed and replaced) can never write again.

    Parameters
    ----------
    path
        The log file; created if it does not exist.
    follower
        Has read the log before, so that only what is new need be read.

    Raises
    ------
    RunLogDamaged
        When an existing log is damaged or its last line is cut off.
    """

    def __init__(self, path: Path, follower: Follower | None = None) -> None:
        self.path = path
        reader = follower or Follower(path)
        reader.state()
        if reader.torn:
            raise RunLogDamaged(str(path), reader.seq + 1, "is cut off")
        self._seq, self._head, self._size = reader.seq, reader.head, reader.size

    @property
    def head(self) -> str:
        """Return the digest of the last line."""
        return self._head

    def append(self, event: str, **fields: Any) -> Event:
        """Write one event, flush it to disk and return it.

        Raises
        ------
        ValueError
            When the kind is unknown or out of place, its fields are not those of the kind, or a
            value is no strict JSON.
        RunBusy
            When another process has written to the log in the meantime.
        """
        if (event == FIRST) != (self._seq == 0):
            raise ValueError(NOT_FIRST)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = {"seq": self._seq, "at": at, "event": event, "prev": self._head, **fields}
        line = (canonical_json(record) + "\n").encode()
        _check_fields(event, json.loads(canonical_json(fields)))
        with self.path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_size != self._size:
                raise RunBusy(str(self.path), None)
            _write_whole(file, line, self._size)
        written = Event(self._seq, at, event, fields, self._head, hashlib.sha256(line).hexdigest())
        self._seq, self._head, self._size = self._seq + 1, written.digest, self._size + len(line)
        return written


def _write_whole(file: FileIO, line: bytes, size: int) -> None:
    """Write a line to the end of a log and flush it to disk, or leave the log as it was."""
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            file.truncate(size)
        raise


def read(path: Path, *, tolerate_torn: bool = True) -> list[Event]:
    """Return all events of a log after checking its chain.

    Parameters
    ----------
    path
        The log file.
    tolerate_torn
        Leave out a last line that was cut off instead of raising.

    Raises
    ------
    RunLogDamaged
        When a line is no event, does not follow the line before, or is of a newer version.
    BadInput
        When the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"cannot be read: {error.strerror}",
            source=str(path),
            admissible="the events.jsonl of a run folder",
        ) from error
    events, rest = _parse(content, str(path), 0, GENESIS)
    if rest and not tolerate_torn:
        raise RunLogDamaged(str(path), len(events) + 1, "is cut off")
    return events


def repair_tail(path: Path) -> int:
    """Cut away a last line that was cut off by a crash; return how many bytes went."""
    content = path.read_bytes()
    _, rest = _parse(content, str(path), 0, GENESIS)
    if rest:
        with path.open("r+b") as file:
            file.truncate(len(content) - len(rest))
            os.fsync(file.fileno())
    return len(rest)


class Follower:
    """Reads a growing log piece by piece, checking the chain as it goes.

    Attributes
    ----------
    seq, head, size
        Events read so far, the digest of the last one, and their bytes.
    torn
        Whether a line that is cut off came after them when it was last looked at.
    known
        What they say together.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seq = 0
        self.head = GENESIS
        self.size = 0
        self.torn = False
        self.known = RunState()

    def new(self) -> list[Event]:
        """Return the events written since the last call; none while there is no log."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.size)
                content = file.read()
        except FileNotFoundError:
            return []
        events, rest = _parse(content, str(self.path), self.seq, self.head)
        self.torn = bool(rest)
        if events:
            self.size += len(content) - len(rest)
            self.seq, self.head = events[-1].seq + 1, events[-1].digest
            self.known = replay(events, self.known)
        return events

    def state(self) -> RunState:
        """Return what all events say together, new ones included."""
        self.new()
        return self.known


class RunLock:
    """The right to work on a run folder; the operating system takes it back when we die.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder, RunLock(Path(folder)):
    ...     RunLock.holder(Path(folder)) == os.getpid()
    True
    """

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / LOCK_NAME
        self._file: Any = None

    def __enter__(self) -> RunLock:
        """Take the lock or raise RunBusy with the holder's process id."""
        file = self.path.open("a+b")
        if not _lock_soon(file):
            file.close()
            raise RunBusy(str(self.path.parent), _recorded(self.path)[0])
        file.truncate(0)
        file.write(
            canonical_json({"pid": os.getpid(), "start": process_start(os.getpid())}).encode()
        )
        file.flush()
        self._file = file
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the lock back."""
        self._file.close()

    @staticmethod
    def holder(run_dir: Path) -> int | None:
        """Return the process id that holds the lock of a run folder, or None if nobody does.

        What the file says counts only while the lock is held: a process id that was left behind in
        it may belong to somebody else by now.
        """
        return _recorded(run_dir / LOCK_NAME)[0] if RunLock.held(run_dir) else None

    @staticmethod
    def held(run_dir: Path) -> bool:
        """Say whether somebody holds the lock of a run folder."""
        try:
            with (run_dir / LOCK_NAME).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @staticmethod
    def owner(run_dir: Path) -> tuple[int | None, str | None]:
        """Return process id and start of who last took the lock, None for what is not known."""
        return _recorded(run_dir / LOCK_NAME)


def _lock_soon(file: Any) -> bool:
    """Try for a moment: someone who only asks who holds the lock lets go of it at once."""
    for wait in (0.0, 0.02, 0.05, 0.1, 0.2):
        time.sleep(wait)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def process_start(pid: int) -> str | None:
    """Return a token of when a process started, or None if it is gone or cannot be asked.

    Together with the process id it names a process even after its number was used again.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    after_name = status.rpartition(")")[2].split()
    return None if after_name[0] == "Z" else after_name[19]


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


def live_status(state: RunState, run_dir: Path) -> str:
    """Return the status, or ``lost`` when it says running but nobody holds the run's lock."""
    if state.status in ("running", "paused") and RunLock.holder(run_dir) is None:
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


def _parse(content: bytes, source: str, seq: int, head: str) -> tuple[list[Event], bytes]:
    """Return the whole lines as events and the bytes of a last line that is cut off."""
    *lines, rest = content.split(b"\n")
    events: list[Event] = []
    for body in lines:
        event = _event(body + b"\n", source, seq, head)
        events.append(event)
        seq, head = seq + 1, event.digest
    return events, rest


def _event(line: bytes, source: str, seq: int, head: str) -> Event:
    number = seq + 1
    try:
        record = from_json(line)
        stated_seq, at, kind, prev = (record.pop(name) for name in ("seq", "at", "event", "prev"))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise RunLogDamaged(source, number, "is no event") from error
    if stated_seq != seq or prev != head:
        raise RunLogDamaged(source, number, "does not follow the line before it")
    version = record.get("log_version")
    if kind == FIRST and isinstance(version, int) and version > LOG_VERSION:
        what = f"is of log version {version}; this one reads {LOG_VERSION}"
        raise RunLogNewer(source, number, what)
    try:
        _check_fields(kind, record)
    except ValueError as error:
        raise RunLogDamaged(source, number, str(error)) from error
    if (kind == FIRST) != (seq == 0):
        raise RunLogDamaged(source, number, NOT_FIRST)
    if not _is_time(at):
        raise RunLogDamaged(source, number, f"its time is no time: {at!r:.60}")
    return Event(seq, at, kind, record, prev, hashlib.sha256(line).hexdigest())


def _is_time(stated: Any) -> bool:
    """Say whether something is a time with its zone, as ISO 8601 writes it."""
    try:
        return datetime.fromisoformat(stated).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _check_fields(kind: str, fields: Mapping[str, Any]) -> None:
    if not isinstance(kind, str) or kind not in KINDS:
        near = nearest(str(kind), KINDS)
        said = f"{kind!r:.60} is no kind of event"
        raise ValueError(f"{said}; nearest: {near!r}" if near else said)
    if wrong := problem(kind, fields):
        raise ValueError(wrong)


def _recorded(path: Path) -> tuple[int | None, str | None]:
    """Return process id and start that a lock file names."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        start = record.get("start")
        return int(record["pid"]), None if start is None else str(start)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, None


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
