"""What a warning asks for: more of the segments that it names, in the next draw.

A segment is a sector or a rating letter that a finding's slice names. Segments past their
threshold, surely or not, are drawn more often in the next epoch; the rows' weights undo it, so
nothing that is learnt or measured is biased by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from bondx_lib.gates.base import Finding

FACTOR: Final = 2.0
"""How much more often a segment is drawn that a warning names."""
MOST_SEGMENTS: Final = 3
STEERABLE: Final = ("sector=", "rating=")


@dataclass(frozen=True)
class Steering:
    """What the next draw should hold more of.

    Attributes
    ----------
    mix
        Segment to how many times as often its issuers are drawn; empty: as they come.
    reasons
        One sentence per segment.
    """

    mix: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"mix": dict(self.mix), "reasons": list(self.reasons)}


def steer(findings: Iterable[Finding]) -> Steering:
    """Return what the next draw should hold more of, from the findings of an epoch.

    The segments whose findings use up most of their tolerance come first; no more than a few are
    steered at a time. Findings for information only steer nothing.
    """
    wanted: dict[str, Finding] = {}
    for finding in findings:
        past = finding.used > 1 and finding.verdict in ("fail", "inconclusive")
        if finding.severity == "info" or not past:
            continue
        for segment in segments(finding.slice):
            if segment not in wanted or finding.used > wanted[segment].used:
                wanted[segment] = finding
    chosen = sorted(wanted, key=lambda segment: (-wanted[segment].used, segment))[:MOST_SEGMENTS]
    reasons = tuple(_reason(segment, wanted[segment]) for segment in sorted(chosen))
    return Steering(dict.fromkeys(sorted(chosen), FACTOR), reasons)


def _reason(segment: str, finding: Finding) -> str:
    rest = [part.split("=")[-1] for part in finding.slice.split(", ") if part != segment]
    of = f" ({', '.join(rest)})" if rest else ""
    return (
        f"{segment.replace('=', ' ')}: {finding.gate.replace('_', ' ')}{of} {finding.verdict}. "
        f"{finding.message}"
    )


def segments(slice_name: str) -> list[str]:
    """Return the sectors and rating letters that a slice names.

    >>> segments("model=spread, rating=CCC"), segments("all rows")
    (['rating=CCC'], [])
    """
    return [part for part in slice_name.split(", ") if part.startswith(STEERABLE)]
