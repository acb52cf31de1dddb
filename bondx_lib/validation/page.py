"""What was found, as one self-contained page in the look of the report.

The page is a notebook that was never executed: prose in its cells, tables and notes as outputs. So
it comes out of the report's own template, which escapes every text that is not ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from bondx_lib.gates.base import FAMILIES
from bondx_lib.report.blocks import Note, Table, Tone, percent, plain, words
from bondx_lib.report.html import to_html
from bondx_lib.validation.document import open_findings
from bondx_lib.validation.text import cell_text, limit, number, size, verdict
from bondx_lib.vocabulary import VERDICTS

Found = Mapping[str, Any]
Block = Note | Table

TITLE: Final = "BondX findings"
FOOTER: Final = "BondX. What gates find in a file; no judgement on any issuer or bond."
MOST_ROWS: Final = 5
HOW: Final = """\
A *census* rule is about the rows themselves and fails where the observed value is past the
threshold. A *sample* rule is about the market behind the rows and fails only where its whole 95 %
interval, between issuers, is past it; otherwise it is inconclusive. What does not apply, for want
of columns or of anything to judge, is no pass.

Gates on correlation, statistics and realism hold the file against the simulated market, or against
published figures of the real one. A sound file of another market differs from both. So these gates
judge one step milder here than in a run and never refuse a file, unless their severity was set by
name."""
SCORE: Final = """\
Tolerance used: 0 % is perfect, 100 % stands at the threshold. The quality score is the mean over
the gates that apply of a score that is 1 at 0 % and 0.8 at 100 %; gates for information only do not
count. Of several slices of a gate the worst counts."""


def page(found: Found) -> str:
    """Return a document, as :func:`~bondx_lib.validation.document` makes it, as HTML."""
    cells: list[NotebookNode] = [
        *_section("# Findings on a file", _lead(found), _verdict(found)),
        *_section("## What is open", *_open(found)),
        *_section("## Rows to look at", *_examples(found)),
        *_section("## Families of gates", _families(found)),
        *_section("## Columns", *_columns(found)),
        *_section(f"## All findings\n\n{SCORE}", *_all(found)),
        *_section(f"## How it was judged\n\n{HOW}", _digests(found)),
    ]
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"
    return to_html(
        nbformat.v4.new_notebook(cells=cells), found["file"]["name"], title=TITLE, footer=FOOTER
    )


def _section(prose: str, *blocks: Block) -> list[NotebookNode]:
    """Return a cell of our own words, and one that shows what was found."""
    outputs = []
    for block in blocks:
        bundle = block._repr_mimebundle_()
        outputs.append(nbformat.v4.new_output("display_data", data=bundle))
    shown = [nbformat.v4.new_code_cell(outputs=outputs)] if outputs else []
    return [nbformat.v4.new_markdown_cell(prose), *shown]


def _lead(found: Found) -> Note:
    return Note((f"File “{found['file']['name']}”: {size(found)}.",), "lead")


def _verdict(found: Found) -> Note:
    refused = [one["gate"] for one in open_findings(found) if verdict(one) == "BLOCKS"]
    warned = sum(verdict(one) == "warns" for one in open_findings(found))
    score = f"Quality score {found['quality_score']:.3f} ({found['quality_band']})."
    profile = f"Judged in the {found['profile']} profile."
    warnings = "No gate warns." if not warned else (
        "One gate warns." if warned == 1 else f"{warned} gates warn."
    )  # fmt: skip
    if not refused:
        tone: Tone = "unsure" if warned else "good"
        return Note(("Accepted", f"{score} {warnings}", profile), "verdict", tone)
    said = "one gate" if len(refused) == 1 else f"{len(refused)} gates"
    lines = (f"Refused by {said}", f"{', '.join(map(words, refused))}.", f"{score} {warnings}")
    return Note((*lines, profile), "verdict", "bad")


def _open(found: Found) -> list[Block]:
    shown = open_findings(found)
    if not shown:
        return [Note(("Nothing is open: every gate that applies has passed.",))]
    rows = tuple(
        (_named(one), _outcome(one), number(one["observed"]), limit(one["threshold"]),
         one["message"])
        for one in shown
    )  # fmt: skip
    return [
        Table(
            "Gates that did not pass, worst first",
            ("Gate", "Outcome", "Observed", "Threshold", "What was found"),
            rows,
            "Of several slices of a gate the worst is shown; all are among all findings.",
        )
    ]


def _examples(found: Found) -> list[Block]:
    tables: list[Block] = []
    for one in open_findings(found):
        rows = one["examples"][:MOST_ROWS]
        if rows:
            columns = list(dict.fromkeys(name for row in rows for name in row["cells"]))
            tables.append(_rows_table(one, rows, columns))
    return tables or [Note(("No gate points at single rows.",))]


def _rows_table(
    one: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> Table:
    worlds = any(row["key"].get("world") for row in rows)
    keys = ["bond_id", "date", *(["world"] if worlds else [])]
    return Table(
        f"{_named(one)}: {one['catches']}",
        (*map(words, keys), *map(words, columns)),
        tuple(
            (
                *(cell_text(row["key"].get(name)) for name in keys),
                *(
                    cell_text(row["cells"][name]) if name in row["cells"] else ""
                    for name in columns
                ),
            )
            for row in rows
        ),
    )


def _families(found: Found) -> Table:
    rows = tuple(
        (family.capitalize(), FAMILIES[family], *(str(counts[word]) for word in VERDICTS))
        for family, counts in found["families"].items()
    )
    columns = ("Family", "Question", "Pass", "Fail", "Inconclusive", "Not applicable")
    return Table("Gates by family and verdict on their worst finding", columns, rows)


def _columns(found: Found) -> list[Block]:
    columns, given = found["columns"], found["column_map"]
    blocks: list[Block] = []
    if columns["absent"]:
        blocks.append(Note((f"Absent: {', '.join(columns['absent'])}.",)))
    if columns["derived"]:
        said = "; ".join(f"{name} {how}" for name, how in columns["derived"].items())
        blocks.append(Note((f"Worked out: {said}.",)))
    if columns["ignored"]:
        blocks.append(Note((f"Ignored: {', '.join(columns['ignored'])}.",)))
    if given:
        rows = tuple(
            (block, name, plain(value))
            for block in ("columns", "scale", "values")
            for name, value in given.get(block, {}).items()
        )
        rows += (("missing", "", plain(given["missing"])),) if "missing" in given else ()
        blocks.append(Table("Column map", ("Block", "Our name", "Theirs"), rows))
    return blocks or [Note(("All columns of the schema are there, and no other.",))]


def _all(found: Found) -> list[Block]:
    tables: list[Block] = []
    for family in found["families"]:
        rows = tuple(
            (_named(one), number(one["observed"]), _interval(one["interval"]),
             limit(one["threshold"]), one["unit"],
             "–" if one["observed"] is None else percent(one["used"], 0), one["severity"],
             words(one["verdict"]))
            for one in found["findings"] if one["family"] == family
        )  # fmt: skip
        headings = ("Gate", "Observed", "95 % interval", "Threshold", "Unit", "Tolerance used",
                    "Severity", "Verdict")  # fmt: skip
        tables.append(Table(family.capitalize(), headings, rows))
    return tables


def _digests(found: Found) -> Table:
    rows = (("The file", found["file"]["sha256"]),
            ("Gates, thresholds and severities", found["gates_digest"]))  # fmt: skip
    return Table("SHA-256 digests", ("What", "Digest"), rows)


def _named(one: Mapping[str, Any]) -> str:
    return words(one["gate"]) + ("" if one["slice"] == "all rows" else f" ({one['slice']})")


def _outcome(one: Mapping[str, Any]) -> str:
    return verdict(one).lower()


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"{number(ends[0])} to {number(ends[1])}"
