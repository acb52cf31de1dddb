"""The law of a gate: a named rule that looks at a panel and returns findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from bondx_lib.parameters import QualityGates

Verdict = Literal["pass", "fail", "not_applicable"]
Severity = Literal["block", "warn", "info"]

CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Finding:
    """What a gate found in one slice of the data.

    Attributes
    ----------
    gate, slice
        Which rule, over which rows.
    observed, low, high
        The statistic and its 95 % interval if the rows were a sample of such rows.
    threshold
        The limit it is held against.
    used
        Share of the tolerance that is used up: 0 is perfect, 1 stands at the threshold.
    n
        Rows judged.
    severity, verdict
        How much a failure matters, and whether it is one.
    message
        One sentence for a reader.
    """

    gate: str
    slice: str
    observed: float | None
    low: float | None
    high: float | None
    threshold: float
    used: float
    n: int
    severity: Severity
    verdict: Verdict
    message: str

    def to_dict(self) -> dict[str, object]:
        """Return plain values."""
        return dict(vars(self))


class Gate(Protocol):
    """A rule over a panel.

    Attributes
    ----------
    name
        Its identity in findings, parameters and counts.
    catches
        What it is there to notice, in a few words.
    """

    name: str
    catches: str

    def threshold(self, limits: QualityGates) -> float:
        """Return the limit that the parameters set."""
        ...

    def evaluate(self, panel: pd.DataFrame, limits: QualityGates) -> tuple[Finding, ...]:
        """Return the findings on a panel."""
        ...


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the Wilson interval of a share, in percent.

    >>> low, high = share_interval(0, 100)
    >>> round(low, 6), round(high, 1)
    (0.0, 3.7)
    """
    interval = binomtest(hits, n).proportion_ci(CONFIDENCE, method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)


def at_most(
    name: str, what: str, bad: pd.Series | np.ndarray, limit: float, slice_name: str = "all rows"
) -> Finding:
    """Return the finding of a gate that allows at most ``limit`` percent of bad rows."""
    n, hits = len(bad), int(np.sum(bad))
    if n == 0:
        return nothing(name, limit, slice_name)
    observed = 100 * hits / n
    low, high = share_interval(hits, n)
    passed = observed <= limit
    used = observed / limit if limit > 0 else (0.0 if hits == 0 else 1.0 + observed)
    message = (
        f"{hits} of {n} rows ({observed:.3g} %) {what}; at most {limit:g} % "
        f"{'are' if passed else 'would be'} allowed."
    )
    return Finding(name, slice_name, observed, low, high, limit, used, n, "block",
                   "pass" if passed else "fail", message)  # fmt: skip


def nothing(name: str, limit: float, slice_name: str = "all rows") -> Finding:
    """Return the finding of a gate that has nothing to judge, which is never a pass."""
    return Finding(name, slice_name, None, None, None, limit, 1.0, 0, "block", "not_applicable",
                   "There are no rows to judge.")  # fmt: skip
