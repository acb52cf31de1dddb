"""Views as HTML for the notebook: real tables, text beside every colour, no script.

Colours and fonts are those of the page around it, JupyterLab's light or dark theme, with values of
their own where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape as escape
from typing import Any, Final

from bondx_lib import runlog
from bondx_lib.dashboard import charts, history
from bondx_lib.dashboard.views import View, asked_text, beat_text, left_text, reason_text
from bondx_lib.dashboard.words import (
    TONES,
    VERDICT_TONES,
    duration,
    gate_words,
    gates_text,
    limit_text,
    model_words,
    moment,
    number,
    observed_text,
    verdict_text,
)

STYLE: Final = """
<style>
.bondx { font-family: var(--jp-ui-font-family, system-ui, sans-serif); line-height: 1.45;
  font-size: 13px; color: var(--jp-ui-font-color1, #1a1a1a); max-width: 64rem;
  --bx-quiet: var(--jp-ui-font-color2, #555); --bx-rule: var(--jp-border-color2, #d0d0d0);
  --bx-line: #0a6ebd; --bx-good: #00614a; --bx-bad: #a63600; --bx-unsure: #7a5b00; }
[data-jp-theme-light="false"] .bondx { --bx-line: #6db8f2; --bx-good: #6fd3ae;
  --bx-bad: #ff9b73; --bx-unsure: #e6c266; }
.bondx p { margin: .3em 0; }
.bondx .quiet { color: var(--bx-quiet); }
.bondx .state { font-size: 1.5em; font-weight: 600; line-height: 1.3; }
.bondx .good, .bondx .bad, .bondx .unsure { font-weight: 600; }
.bondx .good { color: var(--bx-good); } .bondx .good::before { content: "\\2714\\00a0"; }
.bondx .bad { color: var(--bx-bad); } .bondx .bad::before { content: "\\2716\\00a0"; }
.bondx .unsure { color: var(--bx-unsure); } .bondx .unsure::before { content: "?\\00a0"; }
.bondx .waiting { color: var(--bx-unsure); } .bondx .waiting::before { content: "\\2016\\00a0"; }
.bondx .moving { color: var(--bx-line); } .bondx .moving::before { content: "\\25B6\\00a0"; }
.bondx .track { background: var(--jp-layout-color3, #ddd); height: .5em; border-radius: .25em;
  min-width: 6em; }
.bondx td .track { margin-top: .5em; }
.bondx .fill { background: var(--bx-line); height: 100%; border-radius: .25em; }
.bondx .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
  gap: .5em 1.5em; margin: .7em 0 .2em; }
.bondx .facts .name { color: var(--bx-quiet); font-size: .92em; display: block; }
.bondx .facts .value { font-size: 1.12em; font-variant-numeric: tabular-nums; }
.bondx .wide { overflow-x: auto; contain: inline-size; }
.bondx .wide.few table { width: auto; }
.bondx .wide.few th, .bondx .wide.few td { padding-right: 2.5em; min-width: 0; }
.bondx table { border-collapse: collapse; width: 100%; font-size: 1em; margin: .2em 0 .8em;
  table-layout: auto; }
.bondx caption { text-align: left; font-weight: 600; padding: .6em 0 .3em; color: inherit; }
.bondx tbody tr, .bondx tbody tr:nth-child(odd), .bondx tbody tr:hover { background: none; }
.bondx th, .bondx td { text-align: left; padding: .32em 1em .32em 0; max-width: none;
  border-bottom: 1px solid var(--bx-rule); vertical-align: top; white-space: normal; }
.bondx td:last-child:not(.n) { min-width: 16em; }
.bondx th { color: var(--bx-quiet); font-weight: 600; }
.bondx td.n, .bondx th.n { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.bondx .charts { display: grid; gap: .4em 1.6em;
  grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); }
.bondx figure { margin: .6em 0 0; max-width: 34rem; }
.bondx figcaption { font-weight: 600; }
.bondx svg { width: 100%; height: auto; display: block; }
.bondx svg text { fill: var(--bx-quiet); font-size: 11px; font-family: inherit; }
.bondx svg .grid { stroke: var(--bx-rule); stroke-width: .7; }
.bondx svg .level { stroke: var(--bx-quiet); stroke-width: 1; stroke-dasharray: 2 3; }
.bondx svg .line { fill: none; stroke: var(--bx-line); stroke-width: 2; }
.bondx svg .dashed { fill: none; stroke: var(--bx-line); stroke-width: 1.4;
  stroke-dasharray: 5 4; }
.bondx svg .band { fill: var(--bx-line); opacity: .18; }
.bondx svg .dot { fill: var(--bx-quiet); opacity: .75; }
.bondx svg .point, .bondx svg .mark { fill: var(--bx-line); }
.bondx ol.log { list-style: none; margin: .4em 0; padding: 0; }
.bondx ol.log li { padding: .22em 0; border-bottom: 1px solid var(--bx-rule); }
.bondx summary { cursor: pointer; padding: .3em 0; color: var(--bx-line); }
.bondx a { color: var(--bx-line); text-decoration: underline; }
</style>
"""


def page(one: View, state: runlog.RunState) -> str:
    """Return the whole view as HTML that stands by itself."""
    parts = [announcement(one), facts(one)]
    for name, section in SECTIONS.items():
        content = section(one, state)
        parts.append(f"<h2>{escape(name)}</h2>{content}" if content else "")
    return STYLE + framed("".join(parts))


def framed(content: str) -> str:
    """Return content with the look of the dashboard; :data:`STYLE` must be on the page."""
    return f'<div class="bondx">{content}</div>'


def announcement(one: View) -> str:
    """Return state and epoch as HTML that screen readers announce; it changes with them only."""
    tone = TONES.get(one.state, "quiet")
    lines = [f'<div class="state"><span class="{tone}">{escape(one.state_text)}</span></div>']
    if one.epoch:
        again = f", attempt {one.attempt}" if one.attempt > 1 else ""
        lines.append(f"<div>epoch {one.epoch} of at most {one.max_epochs}{again}</div>")
    wish = asked_text(one)
    quiet = [text for text in (wish[:1].upper() + wish[1:], reason_text(one), one.advice) if text]
    lines += [f'<p class="quiet">{escape(text)}</p>' for text in quiet]
    return f'<div role="status">{"".join(lines)}</div>'


def facts(one: View) -> str:
    """Return progress, times and scores of the moment."""
    quality = "–" if one.quality is None else f"{one.quality:.3f} ({one.band})"
    patience = "–" if one.patience_left is None else f"{one.patience_left} of {one.patience} epochs"
    told = {
        "Stage": one.stage_text,
        "Elapsed": duration(one.elapsed_seconds) if one.began else "–",
        "Time left": left_text(one),
        "Sign of life": beat_text(one),
        "Quality of the data": quality,
        "Mean skill": number(one.mean_skill, 3),
        "Patience left": "" if one.ended else patience,
        "Began": moment(one.began),
        "Scenario": one.scenario.replace("_", " "),
    }
    cells = "".join(
        f'<div><span class="name">{escape(name)}</span> '
        f'<span class="value">{escape(value)}</span></div>'
        for name, value in told.items()
        if value
    )
    return f'{_bar(one)}<div class="facts">{cells}</div>'


def _bar(one: View) -> str:
    percent = round(100 * one.fraction)
    return (
        f'<div class="track" role="progressbar" aria-label="epochs done" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}">'
        f'<div class="fill" style="width:{percent}%"></div></div>'
    )


def models(one: View, state: runlog.RunState) -> str:
    """Return the champions against floor and ceiling, their course, and the audit once opened."""
    if not one.models:
        return _nothing("The first champions stand when the first epoch is done.")
    rows = [_model(row) for row in one.models]
    heads = ("Model", "From floor to ceiling", "Skill", "95 % interval", "Loss", "Floor",
             "Ceiling", "Calibration slope", "Champion since", "Last training")  # fmt: skip
    drawn = [charts.svg(one) for one in history.skill_charts(state)]
    training = history.training_chart(state)
    drawn += [charts.svg(training)] if training else []
    return (
        table("Champions on the benchmark market", heads, rows, numbers=tuple(range(2, 10)))
        + _audit(one)
        + '<p class="quiet">Skill 0 is the floor, no model at all; 1 is the ceiling, the best that '
        "what a model may see allows. ▲ marks a promotion, dots are challengers.</p>"
        + f'<div class="charts">{"".join(drawn)}</div>'
    )


def _model(row: Mapping[str, Any]) -> list[str]:
    width = 100 * max(min(row["skill"] or 0, 1), 0)
    slope = row["calibration_slope"]
    ends = f" [{number(row['calibration_low'])}, {number(row['calibration_high'])}]"
    seconds = row["training_seconds"]
    return [
        escape(model_words(row["model"])),
        f'<div class="track" aria-hidden="true"><div class="fill" style="width:{width:.0f}%">'
        "</div></div>",
        number(row["skill"], 3),
        f"{number(row['low'])} to {number(row['high'])}",
        number(row["loss"], 4),
        number(row["floor"], 4),
        number(row["ceiling"], 4),
        "–" if slope is None else number(slope) + ends,
        f"epoch {row['champion_since']}",
        "–" if seconds is None else f"{seconds:.1f} s",
    ]


def _audit(one: View) -> str:
    rows = [
        [escape(model_words(row["model"])), number(row["skill"], 3),
         f"{number(row['low'])} to {number(row['high'])}"]
        for row in one.audit
    ]  # fmt: skip
    heads = ("Model", "Skill", "95 % interval")
    return table("Champions on the audit market, opened once", heads, rows, numbers=(1, 2))


def quality(one: View, state: runlog.RunState) -> str:
    """Return the course of the quality score, and the gates: what did not pass, then all."""
    if not one.gates:
        return _nothing("No data have been judged yet.")
    chart = history.quality_chart(state)
    drawn = f'<div class="charts">{charts.svg(chart)}</div>' if chart else ""
    open_ones = [row for row in one.gates if row["verdict"] in ("fail", "inconclusive")]
    heads = ("Gate", "Where", "Observed", "Threshold", "Verdict", "In words")
    first = table("Gates that did not pass", heads, [_gate(row) for row in open_ones],
                  numbers=(2, 3))  # fmt: skip
    everything = table("All gates", heads, [_gate(row) for row in one.gates], numbers=(2, 3))
    return (
        f"<p>On the latest data and models {escape(gates_text(one.gates))}.</p>{drawn}{first}"
        f"<details><summary>All gates</summary>{everything}</details>"
    )


def _gate(row: Mapping[str, Any]) -> list[str]:
    tone = VERDICT_TONES[row["verdict"]]
    return [
        escape(gate_words(row["gate"])),
        escape(row["slice"]),
        observed_text(row["observed"]),
        escape(limit_text(row["threshold"])),
        f'<span class="{tone}">{escape(verdict_text(row))}</span>',
        escape(row["message"]),
    ]


def convergence(one: View, state: runlog.RunState) -> str:
    """Return what must settle, its bound against the threshold, and every stopping rule."""
    if not one.rules:
        return _nothing("The stopping rules are asked when the first epoch is done.")
    found = (history.mean_skill_chart(state), history.bound_chart(state))
    drawn = "".join(charts.svg(chart) for chart in found if chart)
    rows = [_rule(rule) for rule in one.rules]
    heads = ("Rule", "Holds", "Observed", "Threshold", "In words")
    left = f"Patience left: {one.patience_left} of {one.patience} epochs."
    return (
        f"<p>{escape(left)}</p>"
        + table("Stopping rules", heads, rows, numbers=(2, 3))
        + f'<div class="charts">{drawn}</div>'
    )


def _rule(rule: Mapping[str, Any]) -> list[str]:
    holds = '<span class="good">holds</span>' if rule["holds"] else "not yet"
    return [
        escape(rule["name"]), holds, observed_text(rule["observed"]), f"{rule['threshold']:g}",
        escape(rule["sentence"]),
    ]  # fmt: skip


def decisions(one: View, state: runlog.RunState) -> str:
    """Return the latest decisions as a list, newest first."""
    if not one.decisions:
        return _nothing("Nothing has been decided yet.")
    items = "".join(f"<li>{escape(text)}</li>" for text in reversed(one.decisions))
    return f'<ol class="log" reversed>{items}</ol>'


FEW_COLUMNS: Final = 3
"""A table of so few is no wider than what it holds."""
SECTIONS: Final[dict[str, Callable[[View, runlog.RunState], str]]] = {
    "Models": models,
    "Quality": quality,
    "Convergence": convergence,
    "Decisions": decisions,
}
"""The parts of a view below its head, in order."""


def _nothing(text: str) -> str:
    return f'<p class="quiet">{escape(text)}</p>'


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    """Return a table with caption and header scopes; nothing if it has no rows.

    The first cell of each row is its header.
    """
    if not rows:
        return ""
    kinds = [' class="n"' if place in numbers else "" for place in range(len(heads))]
    head = "".join(
        f'<th scope="col"{kind}>{escape(text)}</th>'
        for text, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in rows)
    size = "wide few" if len(heads) <= FEW_COLUMNS else "wide"
    return (
        f'<div class="{size}" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr>"
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    first, *rest = row
    cells = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(rest, kinds[1:], strict=True))
    return f'<th scope="row">{first}</th>{cells}'
