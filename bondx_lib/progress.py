"""What a run shows on the terminal while it works: one live block, or plain lines.

A thread follows the run log and nothing else; where the output is no terminal each committed epoch
gets a line of its own.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bondx_lib import runlog

POLL_SECONDS: Final = 0.25
RECENT_EPOCHS: Final = 5


class Display:
    """Follows a run on the terminal.

    Parameters
    ----------
    quiet
        Show nothing at all.
    console
        Where to write; standard error if not given, so that standard output holds results only.
    """

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, run_dir: Path) -> None:
        """Begin to follow the log of a run folder."""
        if self._quiet:
            return
        self._console.print(f"run folder: {run_dir}", soft_wrap=True)
        target = self._live if self._console.is_terminal else self._plain
        self._thread = threading.Thread(target=target, args=(run_dir,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Show the last state and stop following."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _live(self, run_dir: Path) -> None:
        follower, state = runlog.Follower(run_dir / runlog.LOG_NAME), runlog.RunState()
        with Live(view(state), console=self._console, refresh_per_second=4) as live:
            while not self._ended.wait(POLL_SECONDS):
                state = runlog.replay(follower.new(), state)
                live.update(view(state))
            live.update(view(runlog.replay(follower.new(), state)))

    def _plain(self, run_dir: Path) -> None:
        follower, state = runlog.Follower(run_dir / runlog.LOG_NAME), runlog.RunState()
        ended = False
        while not ended:
            ended = self._ended.wait(POLL_SECONDS)
            for event in follower.new():
                state = runlog.replay([event], state)
                line = sentence(event, state)
                if line:
                    self._console.print(line, markup=False, soft_wrap=True)


def view(state: runlog.RunState) -> Group:
    """Return the live block: bar, where the run is, quality and skills, time left."""
    done = len(state.committed)
    head = Table.grid(padding=(0, 1))
    head.add_row(
        Text(f"epoch {state.epoch} of at most {state.max_epochs}"),
        ProgressBar(total=max(state.max_epochs, 1), completed=done, width=30),
        Text(state.stage or state.status),
    )
    lines = [Text(text) for text in (_scores(state), time_left(state)) if text]
    return Group(head, *lines)


def sentence(event: runlog.Event, state: runlog.RunState) -> str:
    """Return what to say of an event where there is no live block; empty for most."""
    if event.kind == "epoch_committed":
        return f"epoch {event['epoch']} of at most {state.max_epochs}: {_scores(state)}"
    if event.kind == "dataset_rejected":
        failing = [f["message"] for f in event["findings"] if f["verdict"] != "pass"]
        return f"epoch {event['epoch']}: draw {event['draw']} refused: {' '.join(failing)}"
    if event.kind == "epoch_failed" and event["retry"]:
        return f"epoch {event['epoch']}: {event['message']}; trying again"
    if event.kind == "paused":
        return "paused; remove control/pause to go on"
    return ""


def time_left(state: runlog.RunState) -> str:
    """Return an honest range: at least the patience that is left, at most all epochs that are left.

    Both ends go by the recent pace; before the first epoch nothing is known.
    """
    seconds = recent_seconds(state.committed)
    if seconds is None or state.finished:
        return ""
    most = state.max_epochs - len(state.committed)
    patience = state.verdict["patience_left"] if state.verdict else 0
    least = min(patience, most)
    span = " to ".join(dict.fromkeys(_clock(n * seconds) for n in (least, most)))
    return f"{seconds:.1f} s an epoch, {span} left"


def recent_seconds(epochs: Sequence[runlog.EpochView]) -> float | None:
    """Return the mean time of the last committed epochs, None before the first."""
    spans = [
        datetime.fromisoformat(view.ended) - datetime.fromisoformat(view.began)
        for view in epochs[-RECENT_EPOCHS:]
    ]
    return sum(spans, timedelta()).total_seconds() / len(spans) if spans else None


def _scores(state: runlog.RunState) -> str:
    if not state.committed:
        return ""
    last = state.committed[-1]
    skills = ", ".join(f"{name} {skill:.3f}" for name, skill in last.skills.items())
    return f"quality {last.quality or 0:.3f} ({last.band}), skill: {skills}"


def _clock(seconds: float) -> str:
    """Return a span in the unit that suits it.

    >>> _clock(40), _clock(200), _clock(8000)
    ('40 s', '3 min', '2.2 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
