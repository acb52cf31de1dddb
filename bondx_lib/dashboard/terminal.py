"""Follow a run on the terminal: live where there is one, plain lines or JSON elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live
from rich.measure import Measurement

from bondx_lib.artefacts import canonical_json
from bondx_lib.dashboard.picture import listing, render
from bondx_lib.dashboard.views import View, Watcher, left_text
from bondx_lib.dashboard.words import duration, number

REFRESH_SECONDS: Final = 0.5
LEAVE: Final = "Ctrl-C leaves; the run goes on"


def watch(
    run_dir: str | Path, once: bool = False, as_json: bool = False, beside: bool = False
) -> int:
    """Show a run until it ends or the viewer leaves; return the exit code 0.

    Parameters
    ----------
    run_dir
        The run folder.
    once
        Show the present state and leave.
    as_json
        Print one JSON object per change instead.
    beside
        Draw below what stands on the terminal, where the run itself speaks, instead of taking the
        whole of it.

    Raises
    ------
    RunLogDamaged
        When the log cannot be trusted.
    BadInput
        When the run vanished while it was watched.
    """
    watcher, console = Watcher(run_dir), Console(highlight=False)
    watcher.look()
    try:
        if as_json:
            _follow_json(watcher, once)
        elif once:
            console.print(render(watcher.look(), console.width))
        elif _can_draw(console):
            _follow_live(watcher, console, beside)
        else:
            _follow_plain(watcher)
    except KeyboardInterrupt:
        if not (once or as_json):
            _say(f"left. {_goes_on(watcher)}")
    return 0


def show_list(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the runs, fitted to the terminal if there is one, whole lines elsewhere."""
    console, table = Console(highlight=False), listing(rows)
    if not console.is_terminal:
        console.width = Measurement.get(
            console, console.options.update(width=10_000), table
        ).maximum
    console.print(table)


def line(one: View) -> str:
    """Return a view as one plain line."""
    skills = " ".join(f"{row['model']} {number(row['skill'])}" for row in one.models)
    return (
        f"epoch {one.epoch}/{one.max_epochs} {one.stage_text} | quality {number(one.quality, 3)} "
        f"| {skills} | elapsed {duration(one.elapsed_seconds)} | left {left_text(one)}"
    )


def _can_draw(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only


def _goes_on(watcher: Watcher) -> str:
    one = watcher.look()
    if one.ended:
        return f"The run: {one.state_text}."
    return f"The run goes on: bondx watch {watcher.run_dir}, end it: bondx stop {watcher.run_dir}"


def _follow_live(watcher: Watcher, console: Console, beside: bool) -> None:
    """Draw until the run ends; however it ends, the last picture stays on the terminal."""
    shown = watcher.look()
    try:
        with Live(console=console, auto_refresh=False, screen=not beside, transient=beside,
                  vertical_overflow="crop") as live:  # fmt: skip
            while not shown.ended:
                live.update(_fitted(shown, console.size, beside), refresh=True)
                time.sleep(REFRESH_SECONDS)
                shown = watcher.look()
    finally:
        console.print(render(shown, console.width))


def _fitted(one: View, size: ConsoleDimensions, beside: bool) -> RenderableType:
    """Return the picture that fills the terminal, or leaves the cursor its line beside a run."""
    if beside:
        return render(one, size.width, size.height - 1)
    return render(one, size.width, size.height, LEAVE)


def _follow_plain(watcher: Watcher) -> None:
    """Say a line for each committed epoch, and whenever the state is another."""
    shown: tuple[int, str] = (-1, "running")
    while True:
        one = watcher.look()
        if one.ended:
            _say(line(one))
            _say(f"{one.state_text}. {one.reason or one.advice}".strip())
            return
        if (one.committed, one.state) != shown:
            if one.state != shown[1]:
                _say(f"{one.state_text}. {one.advice}".strip())
            if one.committed != shown[0]:
                _say(line(one))
            shown = (one.committed, one.state)
        time.sleep(REFRESH_SECONDS)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _follow_json(watcher: Watcher, once: bool) -> None:
    seen: tuple[int, str] | None = None
    while True:
        one = watcher.look()
        if (watcher.state.events, one.state) != seen:
            seen = (watcher.state.events, one.state)
            _say(canonical_json(one.to_dict()))
        if once or one.ended:
            return
        time.sleep(REFRESH_SECONDS)
