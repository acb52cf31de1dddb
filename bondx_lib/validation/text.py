"""What was found, for a terminal: what is open, worst first, then families and the verdict."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bondx_lib.validation.document import open_findings
from bondx_lib.vocabulary import VERDICTS

MOST_NAMES: Final = 12
MOST_EXAMPLES: Final = 2
TONES: Final = {"fail": "bold red", "inconclusive": "yellow", "pass": "green"}


def as_text(found: Mapping[str, Any], *, every: bool = False, width: int = 80) -> str:
    """Return a document as lines of text."""
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(rendered(found, every=every))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def rendered(found: Mapping[str, Any], *, every: bool = False) -> RenderableType:
    """Return a document as a terminal shows it.

    Parameters
    ----------
    found
        As :func:`~bondx_lib.validation.document` returns it.
    every
        Whether gates that passed are listed too.
    """
    return Group(_heading(found), "", _open(found), _families(found), *_passed(found, every),
                 "", *_columns(found), _verdict(found))  # fmt: skip


def _heading(found: Mapping[str, Any]) -> Text:
    return Text(f"{cell_text(found['file']['name'])}: {size(found)}")


def size(found: Mapping[str, Any]) -> str:
    """Return how much data there is, in words; issuers only where they are named."""
    said = f"{found['rows']:,} rows, {found['bonds']:,} bonds"
    if found["issuers"] is not None:
        said += f", {found['issuers']:,} issuers"
    if found["first_month"] is not None:
        said += f", {found['first_month']} to {found['last_month']}"
    return said


def _open(found: Mapping[str, Any]) -> RenderableType:
    shown = open_findings(found)
    if not shown:
        return Text("Nothing is open: every gate that applies has passed.\n")
    parts: list[RenderableType] = []
    for one in shown:
        parts.append(_line(one))
        more = sum(other["gate"] == one["gate"] and other["verdict"] == one["verdict"]
                   for other in found["findings"]) - 1  # fmt: skip
        message = one["message"] + (f" The same of {more} more: --all." if more else "")
        parts.append(Padding(Text(message), (0, 0, 0, 2)))
        parts += [Padding(Text(text, style="dim"), (0, 0, 0, 4)) for text in _examples(one)]
    return Group(*parts, "")


def _line(one: Mapping[str, Any]) -> Text:
    """Return verdict, gate, slice, observed value and threshold on one line."""
    text = Text()
    word = verdict(one)
    text.append(f"{word:<13}", TONES.get(one["verdict"], ""))
    text.append(one["gate"], "bold")
    if one["slice"] != "all rows":
        text.append(f" ({one['slice']})")
    text.append(f"  {number(one['observed'])} against {limit(one['threshold'])} {one['unit']}")
    return text


def verdict(one: Mapping[str, Any]) -> str:
    """Return the word for a finding: what it does to the file.

    >>> verdict({"verdict": "fail", "severity": "block"})
    'BLOCKS'
    >>> verdict({"verdict": "fail", "severity": "info"})
    'differs'
    """
    if one["verdict"] != "fail":
        return str(one["verdict"]).replace("_", " ")
    return {"block": "BLOCKS", "warn": "warns", "info": "differs"}[one["severity"]]


def _examples(one: Mapping[str, Any]) -> list[str]:
    return [f"{key_text(row)}: {cells_text(row)}" for row in one["examples"][:MOST_EXAMPLES]]


def key_text(row: Mapping[str, Any]) -> str:
    """Return bond and date of an example, and the world unless it is the first."""
    key = row["key"]
    words = [cell_text(key.get(name)) for name in ("bond_id", "date")]
    return " ".join(words + ([f"world {key['world']:g}"] if key.get("world") else []))


def cells_text(row: Mapping[str, Any]) -> str:
    """Return the cells of an example, each with its column."""
    return ", ".join(f"{name} {cell_text(value)}" for name, value in row["cells"].items())


def cell_text(value: Any) -> str:
    r"""Return a cell as a reader should see it; in quotes where blanks or controls would mislead.

    >>> cell_text("n/a"), cell_text(" 1 200\x1b"), cell_text(4.5), cell_text(None)
    ('n/a', "' 1 200\\x1b'", '4.5', 'missing')
    """
    if value is None:
        return "missing"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value.isprintable() and " " not in value and value else repr(value)


def _families(found: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Family")
    for word in VERDICTS:
        table.add_column(word.replace("_", " "), justify="right")
    for family, counts in found["families"].items():
        table.add_row(family, *(str(counts[word]) if counts[word] else "·" for word in VERDICTS))
    return table


def _passed(found: Mapping[str, Any], every: bool) -> list[RenderableType]:
    if not every:
        return []
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Gate", overflow="fold")
    for name in ("Observed", "Threshold", "Used"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for one in sorted(found["findings"], key=lambda one: -one["used"]):
        if one["verdict"] == "pass":
            where = "" if one["slice"] == "all rows" else f" ({one['slice']})"
            values = number(one["observed"]), limit(one["threshold"]), f"{100 * one['used']:.0f} %"
            table.add_row(Text(one["gate"] + where), *values, verdict(one))
    return ["", table]


def _columns(found: Mapping[str, Any]) -> list[Text]:
    columns = found["columns"]
    gone = sum(counts["not_applicable"] for counts in found["families"].values())
    said = []
    if columns["absent"]:
        said.append(f"absent columns ({len(columns['absent'])}): {_names(columns['absent'])}")
    if gone:
        many = "1 gate does" if gone == 1 else f"{gone} gates do"
        said.append(f"{many} not apply, for want of columns or of anything to judge")
    if columns["derived"]:
        words = ", ".join(f"{name} {how}" for name, how in columns["derived"].items())
        said.append(f"worked out: {words}")
    if columns["ignored"]:
        said.append(f"ignored columns ({len(columns['ignored'])}): {_names(columns['ignored'])}")
    return [Text(one) for one in said]


def _names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(map(cell_text, names[:MOST_NAMES])) + (f" and {more} more" if more > 0 else "")


def _verdict(found: Mapping[str, Any]) -> Text:
    blocking = [one["gate"] for one in open_findings(found)
                if one["verdict"] == "fail" and one["severity"] == "block"]  # fmt: skip
    text = Text(
        f"quality score {found['quality_score']:.3f} ({found['quality_band']}), profile "
        f"{found['profile']}: "
    )
    if blocking:
        text.append(f"REFUSED by {', '.join(blocking)}", "bold red")
    else:
        text.append("accepted", "bold green")
    return text


def number(value: float | None) -> str:
    """Return a number in up to four digits, a dash where there is none.

    >>> number(12345.678), number(-0.51234), number(None), number(0.0)
    ('12,346', '−0.5123', '–', '0')
    """
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return text.replace("-", "−")


def limit(threshold: Any) -> str:
    """Return a threshold, or the two ends of a range."""
    return " to ".join(map(number, threshold)) if isinstance(threshold, list) else number(threshold)
