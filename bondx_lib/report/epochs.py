"""One epoch as plain data and as Markdown: what it drew, learned, compared and decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from bondx_lib.errors import BadInput
from bondx_lib.report.blocks import interval, number, words
from bondx_lib.report.record import Record, champion_scores
from bondx_lib.schema import title

SCORES: Final = ("loss", "floor", "ceiling", "skill", "skill_low", "skill_high")


def metrics(record: Record, epoch: int) -> dict[str, Any]:
    """Return the figures of a committed epoch, for dashboards of others; no clock time is in it.

    Parameters
    ----------
    record
        The run.
    epoch
        Number of the epoch.

    Returns
    -------
    ``epoch``, ``quality``, ``band``, ``rows``, ``draws_refused``, ``verdicts`` (gates by verdict),
    ``models``: for each challenger and champion with interval, promotion and reason;
    ``mean_skill``; ``next_draw``: segments drawn more often.

    Raises
    ------
    BadInput
        When the run has not committed such an epoch.
    """
    known = {view.number: view for view in record.state.committed}
    if epoch not in known:
        raise BadInput(
            "is no committed epoch of this run", source=str(record.folder), key="epoch",
            value=epoch, admissible=f"1 to {max(known)}" if known else "none: it has no epoch yet",
        )  # fmt: skip
    view = known[epoch]
    judged = Counter(one["verdict"] for one in (*view.findings, *view.model_findings))
    return {
        "epoch": epoch,
        "quality": view.quality,
        "band": view.band,
        "rows": view.rows,
        "draws_refused": view.rejected,
        "verdicts": dict(sorted(judged.items())),
        "models": {name: _model(record, view, name) for name in record.models},
        "mean_skill": sum(view.skills.values()) / len(view.skills) if view.skills else None,
        "next_draw": dict(view.mix),
    }


def _model(record: Record, view: Any, name: str) -> dict[str, Any]:
    standing = [scores for one, scores in champion_scores(record, name) if one is view]
    challenger = view.scores.get(name, {}).get("challenger")
    decided = view.promotions.get(name, {})
    return {
        "challenger": _scores(challenger),
        "champion": _scores(standing[0] if standing else None),
        "promoted": decided.get("promoted"),
        "gain": decided.get("difference"),
        "gain_low": decided.get("low"),
        "gain_high": decided.get("high"),
        "reason": decided.get("reason"),
    }


def _scores(scores: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if scores is None else {name: scores[name] for name in SCORES}


def as_markdown(found: Mapping[str, Any]) -> str:
    """Return the figures of an epoch as a page of Markdown."""
    judged = ", ".join(f"{count} {words(name)}" for name, count in found["verdicts"].items())
    lines = [
        f"# Epoch {found['epoch']}", "",
        f"{found['rows'] or 0:,} rows, quality {number(found['quality'])} ({found['band']}), "
        f"{found['draws_refused']} draws refused. Gates: {judged}.", "",
        "| Model | Challenger's skill | Champion's skill | Gain | Decision |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, one in found["models"].items():
        skills = [
            "–" if each is None else interval(each["skill"], each["skill_low"], each["skill_high"])
            for each in (one["challenger"], one["champion"])
        ]
        gain = interval(one["gain"], one["gain_low"], one["gain_high"])
        kept = "promoted" if one["promoted"] else "kept"
        lines.append(f"| {title(name)} | {' | '.join(skills)} | {gain} | {kept}: {one['reason']} |")
    if found["next_draw"]:
        more = ", ".join(segment.partition("=")[2] for segment in found["next_draw"])
        lines += ["", f"The next draw holds more of {more}."]
    return "\n".join(lines) + "\n"
