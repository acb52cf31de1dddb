"""The terminal's view of a run: live where there is a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bondx_lib.artefacts import canonical_json
from bondx_lib.dashboard.views import View, Watcher, beat_text, left_text
from bondx_lib.dashboard.words import (
    duration,
    gates_text,
    limit_text,
    model_words,
    number,
    verdict_text,
)

REFRESH_SECONDS: Final = 0.5
WIDE: Final = 110
BAR_WIDTH: Final = 24
SPARKS: Final = "▁▂▃▄▅▆▇█"
TONES: Final = {
    "running": "cyan", "paused": "yellow", "converged": "green", "failed": "red", "blocked": "red",
    "lost": "red", "interrupted": "yellow",
}  # fmt: skip

VERDICT_TONES: Final = {
    "pass": "green", "fail": "bold red", "inconclusive": "yellow", "not_applicable": "dim",
}  # fmt: skip
MOST_GATES: Final = 5


def watch(run_dir: str | Path, once: bool = False, as_json: bool = False) -> int:
    """Show a run until it ends or the viewer leaves; return the exit code 0.

    Parameters
    ----------
    run_dir
        The run folder.
    once
        Show the present state and leave.
    as_json
        Print one JSON object per change instead.
    """
    watcher, console = Watcher(run_dir), Console(highlight=False)
    try:
        if as_json:
            _follow_json(watcher, once)
        elif once:
            console.print(render(watcher.look(), console.width))
        elif console.is_terminal:
            _follow_live(watcher, console)
        else:
            _follow_plain(watcher)
    except KeyboardInterrupt:
        pass
    return 0


def render(one: View, width: int) -> RenderableType:
    """Return a view as something rich can print, for narrow and for wide terminals."""
    head = Panel(_head(one), title=f"BondX  {one.run}", title_align="left", border_style="dim")
    if width < WIDE:
        return Group(head, _models(one), _gates(one), _decisions(one, 3))
    tables = Table.grid(expand=True, padding=(0, 2))
    tables.add_column(ratio=3)
    tables.add_column(ratio=2)
    tables.add_row(Group(_models(one), _rules(one)), _gates(one))
    return Group(head, tables, _decisions(one, 8))


def line(one: View) -> str:
    """Return a view as one plain line."""
    skills = " ".join(f"{row['model']} {number(row['skill'])}" for row in one.models)
    quality = "–" if one.quality is None else f"{one.quality:.3f}"
    return (
        f"epoch {one.epoch}/{one.max_epochs} {one.stage_text} | quality {quality} | {skills} "
        f"| elapsed {duration(one.elapsed_seconds)} | left {left_text(one)}"
    )


def sparkline(values: Sequence[float], low: float, high: float, width: int = BAR_WIDTH) -> str:
    """Return numbers between two levels as a row of blocks, the last ones if there are many.

    >>> sparkline([-0.2, 0.0, 0.5, 1.0], 0.0, 1.0)
    '▁▁▄█'
    """
    shares = [(min(max(value, low), high) - low) / (high - low) for value in list(values)[-width:]]
    return "".join(SPARKS[int(share * (len(SPARKS) - 1))] for share in shares)


def _head(one: View) -> Group:
    state = Text(one.state_text, style=f"bold {TONES.get(one.state, 'white')}")
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=1.0, completed=one.fraction, width=BAR_WIDTH),
        Text(f"epoch {one.epoch} of at most {one.max_epochs}: {one.stage_text}"),
    )
    quality = "–" if one.quality is None else f"{one.quality:.3f} ({one.band})"
    said = beat_text(one)
    beat = f" · {said}" if said else ""
    facts = Text(
        f"elapsed {duration(one.elapsed_seconds)} · left {left_text(one)}\n"
        f"quality {quality} {sparkline([v or 0.0 for v in one.quality_history], 0.8, 1.0)}{beat}"
    )
    reason = [Text(one.reason, style="dim")] if one.reason else []
    return Group(state, *reason, bar, facts)


def _models(one: View) -> Table:
    table = _table("Model", "Skill, 0 to 1", "95 % interval", "Since", "History")
    for column in table.columns[:-1]:
        column.no_wrap = True
    for row in one.models:
        table.add_row(
            model_words(row["model"]),
            f"{_bar(row['skill'])} {number(row['skill'], 3)}",
            f"{number(row['low'])} to {number(row['high'])}",
            f"epoch {row['champion_since']}",
            sparkline(one.skill_history[row["model"]], 0.0, 1.0, 12),
        )
    return table


def _gates(one: View) -> Table:
    table = _table("Gate", "Observed", "Threshold", "Verdict")
    table.caption, table.caption_justify = gates_text(one.gates), "left"
    for row in one.gates[:MOST_GATES]:
        observed = "–" if row["observed"] is None else f"{row['observed']:.4g}"
        table.add_row(
            row["gate"].replace("_", " "), observed, limit_text(row["threshold"]),
            Text(verdict_text(row), style=VERDICT_TONES[row["verdict"]]),
        )  # fmt: skip
    return table


def _rules(one: View) -> Table:
    table = _table("Stopping rule", "State")
    for rule in one.rules:
        table.add_row(
            rule["name"], f"{'holds' if rule['holds'] else 'not yet'}: {rule['sentence']}"
        )
    return table


def _decisions(one: View, most: int) -> Text:
    return Text("\n".join(one.decisions[-most:]), style="dim")


def _bar(skill: float | None) -> str:
    full = round(max(min(skill or 0.0, 1.0), 0.0) * 10)
    return "█" * full + "░" * (10 - full)


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold", expand=False)


def _follow_live(watcher: Watcher, console: Console) -> None:
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            one = watcher.look()
            live.update(render(one, console.width), refresh=True)
            if one.ended:
                return
            time.sleep(REFRESH_SECONDS)


def _follow_plain(watcher: Watcher) -> None:
    shown = -1
    while True:
        one = watcher.look()
        if one.committed != shown:
            shown = one.committed
            _say(line(one))
        if one.ended:
            _say(f"{one.state_text}. {one.reason}".strip())
            return
        time.sleep(REFRESH_SECONDS)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _follow_json(watcher: Watcher, once: bool) -> None:
    seen = -1
    while True:
        one = watcher.look()
        if watcher.state.events != seen:
            seen = watcher.state.events
            _say(canonical_json(one.to_dict()))
        if once or one.ended:
            return
        time.sleep(REFRESH_SECONDS)
