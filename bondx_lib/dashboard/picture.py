"""A run as a picture of text that fits its terminal: 80 by 24, and wider and higher ones."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bondx_lib.dashboard.views import View, asked_text, beat_text, left_text, reason_text
from bondx_lib.dashboard.words import (
    SIGNS,
    TONES,
    VERDICT_TONES,
    duration,
    gate_words,
    gates_text,
    limit_text,
    model_words,
    number,
    observed_text,
    verdict_text,
)

WIDE: Final = 132
"""From this width on, models and gates stand side by side."""
HISTORY_WIDTHS: Final = (range(76, WIDE), range(150, 10_000))
"""There each model shows its history."""
SLIM: Final = 70
"""Below this width, skills have no bars."""
MOST_GATES: Final = 8
MOST_DECISIONS: Final = 8
REASON_LINES: Final = 2
SPARKS: Final = "▁▂▃▄▅▆▇█"
SPARK_WIDTH: Final = 24
STYLES: Final = {
    "good": "green", "bad": "bold red", "unsure": "yellow", "waiting": "yellow", "moving": "cyan",
    "quiet": "dim",
}  # fmt: skip
MODEL_HEADINGS: Final = ("Model", "Skill, 0 to 1", "95 % interval", "Since")


def render(one: View, width: int, height: int | None = None, foot: str = "") -> RenderableType:
    """Return a view as something rich can print.

    Parameters
    ----------
    one
        The view.
    width, height
        Columns and lines there are; without a height everything is shown at its length.
    foot
        A last line.
    """
    head, models = _head(one, width, height), _models(one, width)
    rules = _rules(one, width)
    gap, gates, decisions = _shares(
        None if height is None else height - len(head) - _lines(rules, bool(foot)),
        (models.row_count, one.gates, one.decisions), width >= WIDE,
    )  # fmt: skip
    blank = [Text("")] * gap
    parts: list[RenderableType] = [*head, *blank]
    if width >= WIDE:
        tables = Table.grid(expand=True, padding=(0, 2))
        tables.add_column()
        tables.add_column(ratio=1)
        tables.add_row(models, _gates(one, gates))
        parts += [tables, *(blank if rules else []), *rules]
    else:
        parts += [models, *blank, _gates(one, gates), *(blank if rules else []), *rules]
    if decisions and one.decisions:
        parts += [*blank, *_decisions(one, decisions, fit=height is not None)]
    return Group(*parts, *([_quiet(foot)] if foot else []))


def listing(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the rows of :class:`~bondx_lib.dashboard.RunList` as a table."""
    table = _table("Run", "State", "Epochs", "Skill", "Age")
    table.columns[0].min_width = max((len(row["run"]) for row in rows), default=0)
    for row in rows:
        epochs = f"{row['epochs']} of {row['max_epochs']}" if row["max_epochs"] else "–"
        state = signed(row["state_text"], TONES.get(row["state"], ""))
        table.add_row(
            Text(row["run"]), state, epochs, number(row["mean_skill"], 3), row["age"] or "–"
        )
    return table


def sparkline(values: Sequence[float], low: float, high: float, width: int = SPARK_WIDTH) -> str:
    """Return numbers between two levels as a row of blocks, the last ones if there are many.

    >>> sparkline([-0.2, 0.0, 0.5, 1.0], 0.0, 1.0)
    '▁▁▄█'
    """
    shares = [(min(max(value, low), high) - low) / (high - low) for value in list(values)[-width:]]
    return "".join(SPARKS[int(share * (len(SPARKS) - 1))] for share in shares)


def signed(words: str, tone: str) -> Text:
    """Return words in the colour of a tone, with its sign before them."""
    return Text(f"{SIGNS.get(tone, '')} {words}".strip(), style=STYLES.get(tone, ""))


def _shares(
    room: int | None, content: tuple[int, Sequence[Any], Sequence[Any]], wide: bool
) -> tuple[int, int, int]:
    """Return the blank lines between two parts, and how many gates and decisions find room.

    The content is the number of models, the gates and the decisions; ``room`` is what head, rules
    and foot leave, None if there is no end of it.
    """
    models, gates, decisions = content
    most_gates, most_decisions = min(MOST_GATES, len(gates)), min(MOST_DECISIONS, len(decisions))
    if room is None:
        return 1, most_gates, most_decisions
    tables = max(models + 1, 2) if wide else models + 1 + 1
    gaps = 3 if wide else 4
    gap = int(room - tables - gaps >= 4)
    left = max(room - tables - gap * gaps, 0)
    if wide:
        found = min(max(left // 2, models), most_gates)
        left -= max(found + 1 - tables, 0)
        return gap, found, min(left, most_decisions)
    found = min((left + 1) // 2 + max(left // 2 - most_decisions, 0), most_gates)
    return gap, found, min(left - found, most_decisions)


def _lines(rules: Sequence[RenderableType], foot: bool) -> int:
    rows = sum(part.row_count if isinstance(part, Table) else 1 for part in rules)
    return rows + foot


def _head(one: View, width: int, height: int | None) -> list[RenderableType]:
    again = f", attempt {one.attempt}" if one.attempt > 1 else ""
    epoch = f"epoch {one.epoch} of at most {one.max_epochs}{again}: " if one.epoch else ""
    state = signed(one.state_text, TONES.get(one.state, ""))
    state.stylize("bold")
    quality = "–" if one.quality is None else f"{one.quality:.3f} {one.band}"
    history = sparkline([value or 0.0 for value in one.quality_history], 0.8, 1.0)
    left = "" if one.ended else f" · left {left_text(one)}"
    patience = "" if one.patience_left is None or one.ended else (
        f" · patience left {one.patience_left} of {one.patience}")  # fmt: skip
    told = [
        f"elapsed {duration(one.elapsed_seconds)}{left}" if one.began else "",
        beat_text(one),
        f"quality {quality} {history} · mean skill {number(one.mean_skill, 3)}{patience}",
    ]
    return [
        Rule(Text(f"BondX  {one.run}"), align="left", style="dim"),
        _line(Text.assemble(state, "   ", f"{epoch}{one.stage_text}")),
        *_said(one, width, height),
        _progress(one, width),
        *(_line(Text(text)) for text in told if text),
    ]


def _progress(one: View, width: int) -> Table:
    bar = Table.grid()
    bar.add_row(ProgressBar(total=1.0, completed=one.fraction, width=width))
    return bar


def _said(one: View, width: int, height: int | None) -> list[Text]:
    """Return what was asked, the reason of the state and what may be done, in few lines."""
    texts = [text for text in (asked_text(one), reason_text(one), one.advice) if text]
    most = None if height is None else REASON_LINES
    return [
        _quiet(line)
        for text in texts
        for line in textwrap.wrap(text, width, max_lines=most, placeholder=" …")
    ]


def _models(one: View, width: int) -> Table:
    headings = [*MODEL_HEADINGS]
    headings += ["Audit"] if one.audit else []
    roomy = any(width in widths for widths in HISTORY_WIDTHS)
    headings += ["History"] if roomy else []
    table = _table(*headings)
    audit = {row["model"]: number(row["skill"], 3) for row in one.audit}
    for row in one.models:
        cells: list[RenderableType] = [
            Text(model_words(row["model"])),
            Text.assemble(*(_bar(row["skill"]) if width >= SLIM else ()), number(row["skill"], 3)),
            f"{number(row['low'])} to {number(row['high'])}",
            f"epoch {row['champion_since']}",
        ]
        cells += [audit.get(row["model"], "–")] if one.audit else []
        history = sparkline(one.skill_history[row["model"]], 0.0, 1.0, 10)
        table.add_row(*cells, *([history] if roomy else []))
    if not one.models:
        table.add_row("none yet")
    return table


def _gates(one: View, most: int) -> RenderableType:
    if not one.gates:
        return _quiet("no gate has spoken yet")
    title = _line(Text(gates_text(one.gates), style="bold"))
    if not most:
        return title
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for row in one.gates[:most]:
        limit = f"limit {limit_text(row['threshold'])}"
        verdict = signed(verdict_text(row), VERDICT_TONES[row["verdict"]])
        table.add_row(_gate_name(row), observed_text(row["observed"]), limit, verdict)
    return Group(title, table)


def _gate_name(row: Mapping[str, Any]) -> Text:
    return Text(", ".join(filter(None, [gate_words(row["gate"]), row["slice"]])))


def _rules(one: View, width: int) -> list[RenderableType]:
    """Return the stopping rules: a line each where there is room, else one line for all."""
    if not one.rules:
        return []
    if width < WIDE:
        holding = [rule["name"] for rule in one.rules if rule["holds"]]
        said = f"{len(holding)} of {len(one.rules)} stopping rules hold"
        return [_line(Text(": ".join(filter(None, [said, ", ".join(holding)]))))]
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for rule in one.rules:
        holds = signed("holds", "good") if rule["holds"] else Text("not yet")
        table.add_row(Text.assemble(rule["name"], ": ", holds), Text(rule["sentence"]))
    return [table]


def _decisions(one: View, most: int, fit: bool) -> list[RenderableType]:
    """Return the last decisions, each cut to a line where lines are counted."""
    said = one.decisions[-most:]
    return [_quiet(text) if fit else Text(text, style="dim") for text in said]


def _bar(skill: float | None) -> tuple[tuple[str, str], ...]:
    full = round(max(min(skill or 0.0, 1.0), 0.0) * 10)
    return ("█" * full, STYLES["moving"]), ("░" * (10 - full), STYLES["quiet"]), (" ", "")


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    return table


def _line(text: Text) -> Text:
    """Keep a text on one line, cut where the terminal ends."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _quiet(text: str) -> Text:
    return _line(Text(text, style="dim"))
