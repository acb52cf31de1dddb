"""A log whose chain is sound and whose events say nonsense: as a forger would write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib import events, evidence, runlog

from ..unit import report_factory
from ..unit.log_lines import chained
from . import damage
from .test_readers import TIMES, VIEWS, often, one_sentence

pytestmark = pytest.mark.timeout(300 * TIMES)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended, with an event of almost every kind."""
    run_dir = report_factory.write(
        tmp_path_factory.mktemp("forged") / "one", epochs=2,
        gains=[{"model": "spread", "option": "tuning", "gain": 0.1, "low": 0.0, "high": 0.2}],
    )  # fmt: skip
    evidence.seal(run_dir)
    return run_dir


def test_chaining_is_that_of_the_log(sealed: Path) -> None:
    """Known answer: the events as they are give a log that is read as it was."""
    read = runlog.read(sealed / runlog.LOG_NAME)
    records = [{"at": one.at, "event": one.kind, **one.fields} for one in read]
    path = sealed.parent / runlog.LOG_NAME
    path.write_bytes(chained(records))
    assert [(one.kind, one.fields) for one in runlog.read(path)] == [
        (one.kind, one.fields) for one in read
    ]
    assert len({one.kind for one in read} & set(events.KINDS)) > 12


@dataclass(frozen=True, repr=False)
class Forgery:
    """What stands in the place of one event: nothing, another, or the same and one more."""

    place: int
    kind: str
    instead: tuple[Any, ...]

    def __repr__(self) -> str:
        """Say it in a line; events are long."""
        return f"event {self.place}, {self.kind}: {len(self.instead)} instead"

    def of(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the events with it."""
        return [*records[: self.place], *self.instead, *records[self.place + 1 :]]


@st.composite
def forgeries(draw: st.DrawFn, records: list[dict[str, Any]]) -> Forgery:
    """Return one, of any kind of event as often as of another."""
    kind = draw(st.sampled_from(sorted({one["event"] for one in records})))
    place = draw(st.sampled_from([n for n, one in enumerate(records) if one["event"] == kind]))
    one = records[place]
    match draw(st.sampled_from(("spoil", "spoil", "spoil", "leave out", "repeat"))):
        case "spoil":
            worse = draw(damage.documents(one))
            return Forgery(place, kind, (worse if isinstance(worse, dict) else {"event": worse},))
        case "leave out":
            return Forgery(place, kind, ())
        case _:
            return Forgery(place, kind, (one, draw(st.sampled_from(records))))


def test_forged_log(sealed: Path) -> None:
    """Every view shows what it can, or says in a sentence what is wrong; the verifier notices."""
    log = sealed / runlog.LOG_NAME
    good = log.read_bytes()
    records = [{"at": one.at, "event": one.kind, **one.fields} for one in runlog.read(log)]

    @often
    @given(forgeries(records))
    def look(forgery: Forgery) -> None:
        log.write_bytes(chained(forgery.of(records)))
        for view in VIEWS:
            with one_sentence(sealed):
                view(sealed)

    try:
        look()
    finally:
        log.write_bytes(good)
