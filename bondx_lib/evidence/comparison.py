"""What changed from one run to another: parameters, code, data, scores, findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bondx_lib import provenance, report, runlog

NOTHING: Final = "the same"
PARTS: Final = ("parameters", "code", "computed with", "data", "verdict")


def compare(first: Path, second: Path) -> dict[str, Any]:
    """Return what is different in the second run, as plain data.

    Parameters
    ----------
    first, second
        Runs that have ended.

    Returns
    -------
    ``runs``; ``parameters``: key, first, second; ``code``, ``computed with``, ``data``,
    ``verdict``: sentences; ``scores``: for each model and market skill with interval in both, and
    their difference; ``findings``: those that are new, gone, and stayed.

    Raises
    ------
    BadInput
        When one is no run or has not ended.
    """
    records = [_ended(folder) for folder in (first, second)]
    states = [record.state for record in records]
    summaries = [report.summarise(record) for record in records]
    return {
        "runs": [record.folder.name for record in records],
        "parameters": list(_parameters(states[0].parameters, states[1].parameters)),
        "code": provenance.differences(states[0].code, states[1].code, values=False),
        "computed with": provenance.differences(*(state.computed_with for state in states)),
        "data": provenance.differences(*(_data(one) for one in summaries), values=False),
        "verdict": list(_verdict(*summaries)),
        "scores": list(_scores(*summaries)),
        "findings": _findings(*summaries),
    }


def _ended(folder: Path) -> report.Record:
    record = report.read(folder)
    runlog.must_have_ended(record.state, folder, "compared")
    return record


def _parameters(
    first: Mapping[str, Any], second: Mapping[str, Any], above: str = ""
) -> Iterator[dict[str, Any]]:
    """Return the values that differ, by dotted key."""
    for name in sorted({*first, *second}):
        key, one, other = f"{above}{name}", first.get(name), second.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _parameters(one, other, f"{key}.")
        elif one != other:
            yield {"key": key, "first": one, "second": other}


def _data(summary: Mapping[str, Any]) -> dict[str, str]:
    markets = {one["name"]: one["digest"] for one in summary["markets"]}
    final = {name: digest for name, digest in summary["digests"].items()
             if name.startswith("datasets/")}  # fmt: skip
    return markets | final


def _verdict(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    for name in ("status", "epochs_committed", "quality", "exit_code"):
        if first[name] != second[name]:
            yield f"{name.replace('_', ' ')} is {second[name]}, was {first[name]}"


def _scores(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return skills side by side; a difference is clear where the intervals are apart."""
    for market, (one, other) in {
        "audit": tuple({row["model"]: row for row in each["scores"]} for each in (first, second)),
        "benchmark": (first["benchmark_scores"], second["benchmark_scores"]),
    }.items():
        for model in dict.fromkeys([*one, *other]):
            ends = [_skill(scores.get(model)) for scores in (one, other)]
            yield {
                "market": market, "model": model, "first": ends[0], "second": ends[1],
                "difference": _less(ends[1], ends[0]), "verdict": _apart(*ends),
            }  # fmt: skip


def _skill(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = {"estimate": "skill", "low": "skill_low", "high": "skill_high"}
    return None if row is None else {name: row[key] for name, key in names.items()}


def _less(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> float | None:
    if one is None or other is None or None in (one["estimate"], other["estimate"]):
        return None
    return float(one["estimate"]) - float(other["estimate"])


def _apart(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> str:
    if one is None or other is None:
        return "only in one run"
    if None in (one["low"], one["high"], other["low"], other["high"]):
        return "not known"
    if other["low"] > one["high"]:
        return "better"
    return "worse" if other["high"] < one["low"] else "no clear difference"


def _findings(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[str]]:
    one, other = ({f"{row['subject']}: {row['verdict']}": row["message"]
                   for row in each["findings"]} for each in (first, second))  # fmt: skip
    return {
        "new": [f"{key}. {other[key]}" for key in other if key not in one],
        "gone": [f"{key}. {one[key]}" for key in one if key not in other],
        "stayed": [key for key in one if key in other],
    }


def as_text(found: Mapping[str, Any]) -> str:
    """Return a comparison as lines to be read."""
    lines = [f"first   {found['runs'][0]}", f"second  {found['runs'][1]}", ""]
    lines += _part("parameters", [f"{row['key']}: {row['first']} -> {row['second']}"
                                  for row in found["parameters"]])  # fmt: skip
    for part in PARTS[1:]:
        lines += _part(part, found[part])
    lines += _part("skill", [_line(row) for row in found["scores"]])
    for kind in ("new", "gone"):
        lines += _part(f"findings that are {kind}", found["findings"][kind], "none")
    return "\n".join(lines)


def _part(title: str, rows: list[str], empty: str = NOTHING) -> list[str]:
    return [f"{title}:", *(f"  {row}" for row in rows or [empty])]


def _line(row: Mapping[str, Any]) -> str:
    ends = " -> ".join(_interval(row[name]) for name in ("first", "second"))
    difference = "" if row["difference"] is None else f" ({row['difference']:+.3f})"
    return f"{row['market']:<9} {row['model']:<15} {ends}{difference}: {row['verdict']}"


def _interval(skill: Mapping[str, Any] | None) -> str:
    if skill is None or skill["estimate"] is None:
        return "–"
    if skill["low"] is None:
        return f"{skill['estimate']:.3f}"
    return f"{skill['estimate']:.3f} [{skill['low']:.3f}, {skill['high']:.3f}]"
