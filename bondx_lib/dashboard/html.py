"""Views as HTML for the notebook: real tables, text beside every colour, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape as escape
from typing import Any, Final

from bondx_lib.dashboard.views import View, beat_text, left_text
from bondx_lib.dashboard.words import (
    duration,
    gates_text,
    limit_text,
    model_words,
    number,
    verdict_text,
)

STYLE: Final = """
<style>
.bondx { font-family: var(--jp-ui-font-family, system-ui, sans-serif); line-height: 1.45;
  color: var(--jp-ui-font-color1, #1a1a1a); max-width: 62rem; }
.bondx h3 { margin: 1.1em 0 .3em; font-size: 1.05em; }
.bondx table { border-collapse: collapse; width: 100%; font-size: .92em; }
.bondx caption { text-align: left; font-weight: 600; padding: .6em 0 .3em; }
.bondx th, .bondx td { text-align: left; padding: .28em .9em .28em 0;
  border-bottom: 1px solid var(--jp-border-color2, #d0d0d0); vertical-align: top; }
.bondx td.n, .bondx th.n { text-align: right; font-variant-numeric: tabular-nums; }
.bondx .state { font-size: 1.25em; font-weight: 600; }
.bondx .quiet { color: var(--jp-ui-font-color2, #555); }
.bondx .track { background: var(--jp-layout-color3, #ddd); height: .6em; border-radius: .3em;
  min-width: 7em; position: relative; }
.bondx .fill { background: var(--jp-brand-color1, #0a6ebd); height: 100%; border-radius: .3em; }
.bondx .bad { font-weight: 700; }
.bondx .bad::before { content: "\\2716\\00a0"; }
.bondx .good::before { content: "\\2714\\00a0"; }
</style>
"""


def page(one: View) -> str:
    """Return the whole view as HTML."""
    parts = [head(one), models(one), gates(one), rules(one), decisions(one)]
    return f'{STYLE}<div class="bondx">{"".join(parts)}</div>'


def head(one: View) -> str:
    """Return state, progress and time as HTML that screen readers announce."""
    quality = "–" if one.quality is None else f"{one.quality:.3f} ({one.band})"
    reason = f'<div class="quiet">{escape(one.reason)}</div>' if one.reason else ""
    said = beat_text(one)
    beat = f" · {said}" if said else ""
    return (
        f'<div role="status"><div class="state">{escape(one.state_text)}</div>{reason}'
        f"<div>epoch {one.epoch} of at most {one.max_epochs}, {escape(one.stage_text)} · "
        f"elapsed {duration(one.elapsed_seconds)} · left: {left_text(one)} · "
        f"quality {quality}{beat}</div></div>"
    )


def models(one: View) -> str:
    """Return the table of champions."""
    rows = [
        [
            escape(model_words(row["model"])),
            f'<div class="track" aria-hidden="true"><div class="fill" style="width:'
            f'{100 * max(min(row["skill"] or 0, 1), 0):.0f}%"></div></div>',
            number(row["skill"], 3),
            f"{number(row['low'])} to {number(row['high'])}",
            f"{row['champion_since']}",
            "–" if row["training_seconds"] is None else f"{row['training_seconds']:.1f} s",
        ]
        for row in one.models
    ]
    heads = ("Model", "From floor (0) to ceiling (1)", "Skill", "95 % interval",
             "Champion since epoch", "Last training")  # fmt: skip
    return table("Champions on the benchmark market", heads, rows, numbers=(2, 3, 4, 5))


def gates(one: View) -> str:
    """Return the gates: how many passed, what did not, and all of them to unfold."""
    if not one.gates:
        return ""
    open_ones = [row for row in one.gates if row["verdict"] in ("fail", "inconclusive")]
    heads = ("Gate", "Where", "Observed", "Threshold", "Verdict", "In words")
    first = table("Gates that did not pass", heads, [_gate(row) for row in open_ones],
                  numbers=(2, 3))  # fmt: skip
    everything = table("All gates", heads, [_gate(row) for row in one.gates], numbers=(2, 3))
    return (
        f"<h3>Gates on the latest data and models</h3><p>{escape(gates_text(one.gates))}.</p>"
        f"{first}<details><summary>All gates</summary>{everything}</details>"
    )


def _gate(row: Mapping[str, Any]) -> list[str]:
    tone = {"pass": "good", "fail": "bad"}.get(row["verdict"], "quiet")
    return [
        escape(row["gate"].replace("_", " ")),
        escape(row["slice"]),
        "–" if row["observed"] is None else f"{row['observed']:.4g}",
        escape(limit_text(row["threshold"])),
        f'<span class="{tone}">{escape(verdict_text(row))}</span>',
        escape(row["message"]),
    ]


def rules(one: View) -> str:
    """Return the table of stopping rules."""
    rows = [
        [escape(rule["name"]), "holds" if rule["holds"] else "not yet", escape(rule["sentence"])]
        for rule in one.rules
    ]
    return table("Stopping rules", ("Rule", "State", "In words"), rows)


def decisions(one: View) -> str:
    """Return the latest decisions as a list."""
    if not one.decisions:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in reversed(one.decisions))
    return f"<h3>Latest decisions</h3><ul>{items}</ul>"


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    """Return a table with caption and header scopes; nothing if it has no rows."""
    if not rows:
        return ""
    kinds = [' class="n"' if place in numbers else "" for place in range(len(heads))]
    head = "".join(
        f'<th scope="col"{kind}>{escape(text)}</th>'
        for text, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{c}</td>" for c, k in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
