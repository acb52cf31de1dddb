"""Statistics that show published figures in rows: what of a part adds up, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import stats

from bondx_lib.gates.published import FEWEST_ISSUERS, Fact, Floats, View, of
from bondx_lib.gates.tallies import (
    Estimate,
    Interval,
    Moments,
    Shares,
    grouped,
    pair_sums,
    wilson,
)

BINS: Final = 256
AUC_BINS: Final = 40
UNKNOWN: Final = (float("nan"), (float("nan"), float("nan")))


def quantile(
    name: str, values: Callable[[View], Floats], low: float, high: float,
    part: float = 0.5, log: bool = False,
) -> Fact:  # fmt: skip
    """Return a fact on a quantile, read from a histogram.

    Parameters
    ----------
    name
        Of the fact.
    values
        From a view to the value of each row, NaN where the row does not count.
    low, high
        Ends of the histogram, whose bins are equal in the logarithm; values beyond count at its
        ends.
    part
        Which quantile.
    log
        Whether scatter is in proportion.
    """
    edges = np.geomspace(low, high, BINS + 1)

    def count(view: View) -> Shares | None:
        found = values(view)
        known = np.isfinite(found)
        if not known.any():
            return None
        place = np.log(np.maximum(found[known], low) / low) * (BINS / np.log(high / low))
        bins = np.minimum(place, BINS - 1).astype(np.int64)
        cells = view.part.issuer[known] * BINS + bins
        size = BINS * (int(view.part.issuer.max()) + 1)
        counts = np.bincount(cells, view.part.weight[known], size).reshape(-1, BINS)
        return Shares.of(counts.cumsum(axis=1), counts.sum(axis=1))

    def read(sums: Shares, confidence: float) -> tuple[float, Interval]:
        share = np.append(0.0, sums.share)
        rows = sums.effective_rows()[min(int(np.searchsorted(sums.share, part)), BINS - 1)]
        ends = student_wilson(part, rows, sums.clusters, confidence)
        at = [float(np.interp(p, share, edges)) for p in (part, *ends)]
        return at[0], (at[1], at[2])

    return Fact(name, count, read, log)


def share(
    name: str, hit: Callable[[View], Any], among: Callable[[View], Any],
    weight: str | None = None, lasting: bool = False,
) -> Fact:  # fmt: skip
    """Return a fact on a percentage of rows, or of the sum of a column over them.

    Parameters
    ----------
    name
        Of the fact.
    hit, among
        From a view to the rows that have the property, and to those that are asked.
    weight
        Column that weighs the rows.
    lasting
        Whether an issuer mostly has the property for good, so that its rows tell as much as one.
        Where next to none has it, that cannot be seen from the rows.
    """

    def count(view: View) -> Moments | None:
        size = view.part.weight * (1.0 if weight is None else view[weight])
        about = np.asarray(among(view), bool) & np.isfinite(size) & (size > 0)
        if not about.any():
            return None
        weights = size[about]
        hits = weights * np.asarray(hit(view), bool)[about]
        sums = np.column_stack([np.ones(len(weights)), hits, weights])
        return Moments.of(grouped(view.part.issuer[about], sums))

    return Fact(name, count, lambda sums, confidence: _percentage(sums, confidence, lasting))


def _percentage(sums: Moments, confidence: float, lasting: bool) -> tuple[float, Interval]:
    """Return a weighted share and its Wilson interval at its effective number of rows, percent.

    A share of 0 or 1 has no variance of its own: it tells as much as so many evenly large issuers.
    """
    estimate = sums.ratio(1, 2)
    value, error = min(estimate.value, 1.0), estimate.standard_error
    rows = evenly_large = float(sums.total[2] ** 2 / sums.product[2, 2])
    if 0 < value < 1 and error > 0:
        most = evenly_large if lasting else sums.total[0]
        rows = float(np.clip(value * (1 - value) / error**2, 1, most))
    low, high = student_wilson(value, rows, sums.clusters, confidence)
    return 100 * value, (100 * low, 100 * high)


def student_wilson(value: float, rows: float, issuers: int, confidence: float) -> Interval:
    """Return a Wilson interval that is as much wider as Student's t is with so few issuers.

    >>> low, high = student_wilson(0.5, 100, 8, 0.95)
    >>> round(low, 3), round(high, 3)
    (0.385, 0.615)
    """
    part = (1 + confidence) / 2
    wider = stats.t.ppf(part, max(issuers - 1, 1)) / stats.norm.ppf(part)
    return wilson(value, rows / float(wider) ** 2, confidence)


def mean_ratio(
    name: str, values: Callable[[View], Floats], above: Callable[[View], Any],
    below: Callable[[View], Any], weight: str,
) -> Fact:  # fmt: skip
    """Return a fact on the weighted mean over some rows as a multiple of that over others.

    Parameters
    ----------
    name
        Of the fact.
    values
        From a view to the value of each row, NaN where the row does not count.
    above, below
        From a view to the rows whose mean is asked, and to those whose mean is the measure.
    weight
        Column that weighs the rows.
    """

    def count(view: View) -> Moments | None:
        found, size = values(view), view.part.weight * view[weight]
        known = np.isfinite(found) & np.isfinite(size) & (size > 0)
        sides = [known & np.asarray(side(view), bool) for side in (above, below)]
        here = sides[0] | sides[1]
        if not here.any():
            return None
        parts = [of(side, one)[here] for side in sides for one in (size * found, size)]
        sums = np.column_stack([sides[0][here], *parts, sides[1][here]])
        by_issuer = grouped(view.part.issuer[here], np.nan_to_num(sums))
        by_issuer[:, -1] = by_issuer[:, -1] > 0
        return Moments.of(by_issuer)

    def read(sums: Moments, confidence: float) -> tuple[float, Interval]:
        top, top_size, bottom, bottom_size, measures = sums.total[1:]
        if measures < FEWEST_ISSUERS:
            return UNKNOWN
        value = float((top / top_size) / (bottom / bottom_size))
        inverse = np.array([1 / top, -1 / top_size, -1 / bottom, 1 / bottom_size])
        gradient = np.concatenate([[0.0], value * inverse, [0.0]])
        return symmetric(Estimate(value, sums.standard_error(gradient), sums.clusters), confidence)

    return Fact(name, count, read, log=True)


def pair(
    name: str, x: Callable[[View], Floats], y: Callable[[View], Floats],
    slope: bool = False,
) -> Fact:  # fmt: skip
    """Return a fact on the correlation of two values, or on the slope of the second in the first.

    Parameters
    ----------
    name
        Of the fact.
    x, y
        From a view to the values of each row, NaN where the row does not count.
    slope
        Whether the slope is meant.
    """

    def count(view: View) -> Moments | None:
        return pair_sums(view.part.issuer, x(view), y(view), view.part.weight)

    def read(sums: Moments, confidence: float) -> tuple[float, Interval]:
        if slope:
            return symmetric(sums.slope(), confidence)
        estimate = sums.correlation()
        return estimate.value, estimate.fisher_interval(confidence)

    return Fact(name, count, read)


def smaller(
    name: str, values: Callable[[View], Floats], event: Callable[[View], Floats],
    low: float, high: float,
) -> Fact:  # fmt: skip
    """Return a fact on how often a value is smaller before an event than before none.

    It is the area under the receiver operating characteristic, read from two histograms.

    Parameters
    ----------
    name
        Of the fact.
    values
        From a view to the value of each row, NaN where the row does not count.
    event
        From a view to 1 before an event, 0 before none, NaN where it is not known.
    low, high
        Ends of the histograms, whose bins are equally wide.
    """

    def count(view: View) -> Moments | None:
        found, came = values(view), event(view)
        known = np.isfinite(found) & np.isfinite(came)
        if not known.any():
            return None
        place = np.clip((found[known] - low) / (high - low) * AUC_BINS, 0, AUC_BINS - 1)
        marks = np.zeros((int(known.sum()), 2 + 2 * AUC_BINS))
        marks[:, 0] = 1
        column = 1 + place.astype(np.int64) + AUC_BINS * (came[known] <= 0)
        marks[np.arange(len(column)), column] = view.part.weight[known]
        marks[:, -1] = came[known] > 0
        by_issuer = grouped(view.part.issuer[known], marks)
        by_issuer[:, -1] = by_issuer[:, -1] > 0
        return Moments.of(by_issuer)

    def read(sums: Moments, confidence: float) -> tuple[float, Interval]:
        before, none = sums.total[1 : 1 + AUC_BINS], sums.total[1 + AUC_BINS : -1]
        if sums.total[-1] < FEWEST_ISSUERS:
            return UNKNOWN
        larger = (none.sum() - none.cumsum() + none / 2) / none.sum()
        less = (before.cumsum() - before / 2) / before.sum()
        value = float(before @ larger / before.sum())
        gradient = [[0.0], (larger - value) / before.sum(), (less - value) / none.sum(), [0.0]]
        error = sums.standard_error(np.concatenate(gradient))
        return symmetric(Estimate(value, error, sums.clusters), confidence)

    return Fact(name, count, read)


def symmetric(estimate: Estimate, confidence: float) -> tuple[float, Interval]:
    """Return an estimate's value and its interval by Student's t."""
    half = estimate.half_width(confidence)
    return estimate.value, (estimate.value - half, estimate.value + half)
