"""The data card: how the data of a run came to be, what they hold, and how real they are."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from bondx_lib import schema
from bondx_lib.market import facts, realism
from bondx_lib.report import Record
from bondx_lib.report.markdown import inline
from bondx_lib.report.record import final_panel

Summary = Mapping[str, Any]

MECHANISMS: Final = (
    "macro", "issuers", "ratings", "bonds", "spreads", "liquidity", "disclosure", "corruption",
    "truth",
)  # fmt: skip
DRAWN_BY: Final = ("scenario", "random_seed", "dataset_size", "history_months")
"""Parameters that decide what is drawn; which variation it is, the epoch does."""
LIMITS: Final = (
    "Every bond, issuer, price, rating and event is invented; likeness to a real name is chance.",
    "The market is calibrated to averages that were published. What was never published, and every "
    "dependence that no figure speaks of, is the mechanisms' own.",
    "A model that is good on these data has learned these mechanisms. Whether they hold in a real "
    "market cannot be found out from simulated data.",
    "Segments with few bonds, the lowest ratings above all, are small in a single variation.",
    "The data are monthly: nothing within a month exists.",
)
USES: Final = (
    "developing, comparing and testing methods and the code around them",
    "teaching, and rehearsing a validation",
    "not: pricing, trading, rating, capital, or any decision about a real bond or firm",
)


def data_card(record: Record, summary: Summary) -> str:
    """Return the card of the final dataset as Markdown.

    Parameters
    ----------
    record
        The run.
    summary
        From :func:`bondx_lib.report.summarise`.
    """
    panel = final_panel(record)
    return "\n".join(
        [
            "# Data card\n",
            "**Synthetic.** " + LIMITS[0] + "\n",
            "## What it is\n",
            _table(("item", "value"), _identity(record, summary, panel)),
            "## What it is for, and what not\n",
            _list(USES),
            "## How it was made\n",
            "A monthly simulation, from the economy down to the quote. Constants are fitted to "
            f"{len(facts.table())} published figures; their digest is "
            f"`{realism.digest()[:16]}`.\n",
            _table(("mechanism", "what it draws"), [(name, _purpose(name)) for name in MECHANISMS]),
            "## What decides the draw\n",
            _table(("parameter", "value"), _decisive(record)),
            "## Columns\n",
            _table(("column", "type", "unit", "range", "missing", "meaning"), _columns(panel)),
            "## How close it is to the real market\n",
            *_realism(),
            "## Limits\n",
            _list(LIMITS),
        ]
    )


def _identity(record: Record, summary: Summary, panel: pd.DataFrame) -> list[tuple[str, str]]:
    rows = [
        ("variation", f"the last accepted one, of epoch {summary['epochs_committed']}"),
        ("rows", f"{len(panel):,}"),
    ]
    if len(panel):
        rows += [
            ("bonds", f"{panel['bond_id'].nunique():,}"),
            ("issuers", f"{panel['issuer_id'].nunique():,}"),
            ("months", f"{panel['date'].min():%Y-%m} to {panel['date'].max():%Y-%m}"),
        ]
    quality = summary["quality"]
    rows += [
        ("quality score", "–" if quality is None else f"{quality:.3f} ({summary['quality_band']})"),
        ("draws refused by gates", f"{len(summary['rejections']):,}"),
        ("schema version", summary["versions"]["table schema"]),
        ("parameters", f"`{summary['digests']['parameters']}`"),
    ]
    return rows + [
        (name, f"`{digest}`")
        for name, digest in summary["digests"].items()
        if name.startswith("datasets/")
    ]


def _purpose(name: str) -> str:
    said = importlib.import_module(f"bondx_lib.market.{name}").__doc__ or ""
    return " ".join(said.split("\n\n")[0].split())


def _decisive(record: Record) -> list[tuple[str, str]]:
    known = record.state.parameters
    return [(f"`{name}`", inline(known[name])) for name in DRAWN_BY]


def _columns(panel: pd.DataFrame) -> list[tuple[str, ...]]:
    return [
        (f"`{one['name']}`", one["type"], one["unit"], inline(one["range"]),
         f"{panel[one['name']].isna().mean():.1%}" if one["name"] in panel else "–",
         inline(one["meaning"]))
        for one in schema.describe("panel")
    ]  # fmt: skip


def _realism() -> Iterable[str]:
    lines, known = realism.saved(), facts.table()
    sources = dict(zip(known.index, known["source"] + ", " + known["date"], strict=True))
    counts = {verdict: sum(one.verdict == verdict for one in lines) for verdict in realism.VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    yield (
        f"Of {len(lines)} published figures: {told}. The scorecard is that of the mechanisms, many "
        "histories of 25 years; this run's data are one short piece of one. `bondx realism` draws "
        "it again. What does not pass:\n"
    )
    yield _table(
        ("figure", "slice", "published", "simulated", "95 % interval", "verdict", "source"),
        [
            (one.statistic, one.slice, f"{one.published:g} ± {one.tolerance:g} {one.unit}",
             "–" if one.simulated is None else f"{one.simulated:.4g}",
             "–" if one.low is None else f"{one.low:.4g} to {one.high:.4g}", one.verdict,
             inline(sources.get(one.fact, "")))
            for one in lines
            if one.verdict != "pass"
        ],
    )  # fmt: skip


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _list(items: Sequence[str]) -> str:
    return "".join(f"- {item}\n" for item in items)
