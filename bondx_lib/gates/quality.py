r"""The quality score: one number in [0, 1] from the findings, by a rule without hidden weights.

Each finding uses up a share :math:`u` of its tolerance (0 is perfect, 1 stands at the threshold)
and scores

.. math:: s(u) = 1 - 0.2\,u^2 \text{ for } u \le 1, \qquad s(u) = 0.8 / u^2 \text{ beyond,}

so a gate at its threshold scores 0.8. A gate scores what its worst finding does, and the quality
score is the mean over the gates. Findings for information only and findings with nothing to judge
do not count. If a blocking gate fails, the score is held below 0.8. It never rises when a gate gets
worse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from bondx_lib.gates.base import Finding

AT_THRESHOLD: Final = 0.8
BLOCKED: Final = 0.79
BANDS: Final = ((0.95, "excellent"), (0.90, "good"), (0.80, "acceptable"))


def quality_score(findings: Iterable[Finding]) -> float:
    """Return the quality score of a variation; 0 if nothing could be judged."""
    gates: dict[str, float] = {}
    blocked = False
    for finding in findings:
        blocked |= finding.blocks
        if finding.severity != "info" and finding.verdict != "not_applicable":
            score = finding_score(finding.used)
            gates[finding.gate] = min(score, gates.get(finding.gate, 1.0))
    if not gates:
        return 0.0
    score = float(np.mean(list(gates.values())))
    return min(score, BLOCKED) if blocked else score


def worst(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return one finding per gate, in order: the one that matters most and uses up most.

    A blocking failure comes before any other, then what counts towards the score, then what has
    been judged at all.
    """
    found: dict[str, Finding] = {}
    for finding in findings:
        if finding.gate not in found or _weight(finding) > _weight(found[finding.gate]):
            found[finding.gate] = finding
    return tuple(found.values())


def _weight(finding: Finding) -> tuple[bool, bool, bool, float]:
    judged = finding.verdict != "not_applicable"
    return finding.blocks, judged and finding.severity != "info", judged, finding.used


def finding_score(used: float) -> float:
    """Return the score of one finding.

    >>> finding_score(0.0), finding_score(1.0), finding_score(2.0)
    (1.0, 0.8, 0.2)
    """
    return 1 - (1 - AT_THRESHOLD) * used**2 if used <= 1 else AT_THRESHOLD / used**2


def band(score: float) -> str:
    """Return the word for a quality score.

    >>> band(0.95), band(0.91), band(0.8), band(0.79)
    ('excellent', 'good', 'acceptable', 'needs improvement')
    """
    return next((word for least, word in BANDS if score >= least), "needs improvement")
