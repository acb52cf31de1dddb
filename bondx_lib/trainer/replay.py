"""Train a finished run again, in a folder of its own, and hold every byte against the log.

On the machine that made the run, with the same versions of everything that computes, all files must
be equal. Elsewhere the last digits of a sum may differ; there the champions' answers about the
benchmark market are compared, within :data:`TOLERANCE`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, epoch, provenance, runlog
from bondx_lib.errors import BadInput
from bondx_lib.trainer import closing, opening

TOLERANCE: Final = 1e-3
"""Largest difference of an answer, a log spread or a probability, on another machine."""
NOT_REPEATED: Final = ("CARD.md",)
"""What is written about a champion after the audit, and checked by its seal alone."""
ANSWERS: Final = epoch.PREDICTIONS_NAME

Progress = Callable[[str], object]


@dataclass(frozen=True)
class Compared:
    """What came out of one step when it was done again.

    Attributes
    ----------
    step
        What was repeated.
    files
        How many were compared.
    differences
        What is not the same, in sentences.
    """

    step: str
    files: int
    differences: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Say whether nothing differs."""
        return not self.differences


def replay(
    run_dir: Path, number: int | None = None, progress: Progress = lambda line: None
) -> list[Compared]:
    """Do a run, or one of its epochs, again.

    Parameters
    ----------
    run_dir
        A run that has ended; nothing in it is changed.
    number
        The epoch; all of them, then audit market and datasets, if not given.
    progress
        Called with a line after each step.

    Raises
    ------
    BadInput
        When the run is still going, has no such epoch, or its parameters were changed.
    """
    events = runlog.read(run_dir / runlog.LOG_NAME)
    state = runlog.replay(events)
    runlog.must_have_ended(state, run_dir, "replayed")
    done = [view.number for view in state.committed]
    if number is not None and number not in done:
        raise BadInput(
            "is no committed epoch of this run", source=str(run_dir), key="--replay", value=number,
            admissible=f"1 to {done[-1]}, or all" if done else "a run that has committed an epoch",
        )  # fmt: skip
    found = []
    with tempfile.TemporaryDirectory(prefix="bondx-replay-") as name, threadpool_limits(1):
        work = _Replay(run_dir, Path(name) / run_dir.name, events, state)
        steps = work.one(number) if number is not None else work.all(done)
        for compared in steps:
            found.append(compared)
            said = f"{compared.files} files equal" if compared.equal else "not the same"
            progress(f"{compared.step}: {said}")
    return found


def circumstances(state: runlog.RunState) -> list[str]:
    """Return what is not as it was when the run was made: code, versions, machine."""
    here = provenance.differences(state.computed_with, provenance.computed_with())
    return [*here, *provenance.differences(state.code, provenance.code(), values=False)]


class _Replay:
    """The folder in which a run is done again."""

    def __init__(
        self,
        run_dir: Path,
        folder: Path,
        events: Sequence[runlog.Event],
        state: runlog.RunState,
    ) -> None:
        self._run_dir, self._folder, self._state = run_dir, folder, state
        self._bytewise = dict(state.computed_with) == provenance.computed_with()
        self._events = events
        self._parameters = epoch.run_parameters(run_dir, state)
        opening.check_names(self._parameters)
        folder.mkdir(mode=0o700)
        shutil.copy(run_dir / epoch.PARAMETERS_NAME, folder)

    def one(self, number: int) -> Iterator[Compared]:
        """Do one epoch again, from what the run had when it began."""
        self._begin(lambda e: e.kind == "epoch_started" and e["epoch"] == number)
        for name in ("markets/benchmark", *(f"epochs/{n:04d}" for n in range(1, number))):
            shutil.copytree(self._run_dir / name, self._folder / name)
        yield self._epoch(number)

    def all(self, numbers: Sequence[int]) -> Iterator[Compared]:
        """Do everything again, from the first event on."""
        self._begin(lambda e: e.kind != "run_started")
        for number in numbers:
            yield self._epoch(number)
        if numbers:
            yield self._market("benchmark")
            yield self._champions()
            yield from self._ending()

    def _begin(self, ends: Callable[[runlog.Event], bool]) -> None:
        """Let the log begin as the run's did, up to an event."""
        count = next(n for n, event in enumerate(self._events) if ends(event))
        with (self._run_dir / runlog.LOG_NAME).open("rb") as log:
            lines = [log.readline() for _ in range(count)]
        (self._folder / runlog.LOG_NAME).write_bytes(b"".join(lines))

    def _epoch(self, number: int) -> Compared:
        session = epoch.open_session(self._folder, number)
        accepted = epoch.gate(session, epoch.generate(session))
        challengers = epoch.train(session)
        scored = epoch.evaluate(session, challengers)
        judged = epoch.judge(session, challengers, scored)
        decisions = epoch.promote(session, challengers, scored, judged)
        epoch.commit(session, accepted, challengers, judged, decisions)
        stated = self._state.committed[number - 1].artefacts
        found = session.follower.state().committed[number - 1].artefacts
        return self._compared(f"epoch {number}", stated, found)

    def _market(self, name: str) -> Compared:
        stated = self._state.markets[name]["digest"]
        found = epoch.market_digest(self._folder, name)
        return self._compared(f"{name} market", {f"markets/{name}": stated},
                              {f"markets/{name}": found})  # fmt: skip

    def _champions(self) -> Compared:
        stated = {
            name: digest
            for name, digest in self._state.files.items()
            if name.startswith("models/") and not name.endswith(NOT_REPEATED)
        }
        found = artefacts.tree_digests(self._folder / "models", self._folder)
        return self._compared("champions", stated, found)

    def _ending(self) -> Iterator[Compared]:
        """Open the audit market again and write the datasets again, if the run did."""
        follower = runlog.Follower(self._folder / runlog.LOG_NAME)
        journal = runlog.Journal(follower.path, follower)
        if self._state.audit is not None:
            follower.new()
            closing.open_audit(self._folder, self._parameters, journal)
            yield self._market("audit")
            found = follower.state().audit or {}
            stated, again = (
                {f"scores of {name}": artefacts.canonical_json(scores)
                 for name, scores in audit.items()}
                for audit in (self._state.audit, found)
            )  # fmt: skip
            yield self._compared("scores on the audit market", stated, again)
        written = {name: digest for name, digest in self._state.files.items()
                   if name.startswith("datasets/")}  # fmt: skip
        if written:
            again = closing.export_datasets(self._folder, self._parameters, follower.state())
            yield self._compared("datasets", written, again)

    def _compared(self, step: str, stated: Mapping[str, str], found: Mapping[str, str]) -> Compared:
        names = sorted({*stated, *found})
        differing = [name for name in names if stated.get(name) != found.get(name)]
        said = [self._difference(name, stated, found) for name in differing]
        return Compared(step, len(names), tuple(filter(None, said)))

    def _difference(self, name: str, stated: Mapping[str, str], found: Mapping[str, str]) -> str:
        """Say what differs, nothing if it may on another machine."""
        if name not in found:
            return f"{name} did not come out again"
        if name not in stated:
            return f"{name} came out besides"
        if self._bytewise:
            return f"{name} has other bytes"
        if not name.endswith(ANSWERS):
            return ""
        here, there = (_answers(folder / name) for folder in (self._folder, self._run_dir))
        largest = float(np.max(np.abs(here - there))) if here.shape == there.shape else np.inf
        if largest <= TOLERANCE:
            return ""
        return f"{name}: answers differ by up to {largest:.3g}, at most {TOLERANCE:g} is allowed"


def _answers(path: Path) -> Any:
    return np.load(path, allow_pickle=False)
