"""What was found, as plain values: the JSON that ``bondx validate`` writes and its pages show.

Numbers are rounded to six digits: sums over parts may differ in the last bits by how many parts
there are, and no reader should see that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bondx_lib import gates, schema
from bondx_lib.gates import Finding
from bondx_lib.validation.check import Checked
from bondx_lib.validation.layout import DERIVED
from bondx_lib.vocabulary import SEVERITIES, VERDICTS

FORMAT: Final = "bondx findings"
FORMAT_VERSION: Final = 1
DIGITS: Final = 6
NOISE: Final = 1e-12


def document(checked: Checked) -> dict[str, Any]:
    """Return all that was found, in plain values that the same file always gives again."""
    extent = checked.extent
    found = [_finding(checked, one) for one in checked.findings]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "schema_version": schema.SCHEMA_VERSION,
        "file": {
            "name": checked.name, "sha256": checked.digest, "size_bytes": checked.size_bytes,
        },
        "rows": extent.rows,
        "bonds": extent.bonds,
        "issuers": extent.issuers if "issuer_id" in checked.layout.read else None,
        "worlds": len(extent.worlds),
        "first_month": _month(extent.first),
        "last_month": _month(extent.last),
        "profile": checked.profile,
        "gates_digest": checked.gates_digest,
        "blocked": checked.blocked,
        "quality_score": _rounded(checked.score),
        "quality_band": gates.band(checked.score),
        "columns": {
            "absent": list(checked.layout.absent),
            "derived": {name: DERIVED[name].words for name in checked.layout.derived},
            "ignored": list(checked.layout.ignored),
        },
        "column_map": checked.names.to_dict(),
        "families": _families(checked.findings),
        "findings": found,
    }  # fmt: skip


def open_findings(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the worst finding of each gate that did not pass, worst first, from a document.

    What blocks comes first, then warnings, what only informs, and what cannot be told.
    """
    worst: dict[str, dict[str, Any]] = {}
    for one in found["findings"]:
        if one["verdict"] in ("fail", "inconclusive"):
            before = worst.get(one["gate"])
            if before is None or _badness(one) < _badness(before):
                worst[one["gate"]] = one
    return sorted(worst.values(), key=_badness)


def _badness(one: dict[str, Any]) -> tuple[bool, int, float]:
    severity = SEVERITIES.index(one["severity"])
    return one["verdict"] != "fail", severity, -one["used"]


def _finding(checked: Checked, finding: Finding) -> dict[str, Any]:
    gate = gates.get(finding.gate)
    plain = {name: _rounded(value) for name, value in finding.to_dict().items() if name != "rows"}
    shown = [checked.examples[finding.gate, row] for row in finding.rows]
    return {
        **plain,
        "family": gate.family,
        "unit": getattr(gate, "unit", ""),
        "catches": gate.catches,
        "examples": [{"key": dict(one.key), "cells": dict(one.cells)} for one in shown],
    }


def _families(findings: Sequence[Finding]) -> dict[str, dict[str, int]]:
    """Count the gates of each family by the verdict on their worst finding."""
    counts: dict[str, Counter[str]] = {}
    for one in gates.worst(findings):
        counts.setdefault(gates.get(one.gate).family, Counter())[one.verdict] += 1
    return {family: {word: found[word] for word in VERDICTS} for family, found in counts.items()}


def _month(month: int | None) -> str | None:
    return None if month is None else f"{month // 12:04d}-{month % 12 + 1:02d}"


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if not isinstance(value, float):
        return value
    return 0.0 if abs(value) < NOISE else float(f"{value:.{DIGITS}g}")
