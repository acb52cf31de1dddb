r"""Scores that the libraries lack: issuer-cluster intervals, weighted average precision, skill.

The unit of resampling is the issuer, never the row: rows of one issuer rise and fall together.
With floor, loss and ceiling as mean losses,

.. math:: skill = \frac{floor - loss}{floor - ceiling}

is 0 for no model at all and 1 for the true law. On a draw so small that the true law happens to do
no better than a constant, there is no skill to speak of, and it is NaN.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.special import expit

Floats = NDArray[np.float64]

LEVELS: Final = (2.5, 97.5)
EDGE: Final = 1e-6


def skill(loss: ArrayLike, floor: ArrayLike, ceiling: ArrayLike) -> Floats:
    """Return the skill; NaN where the ceiling is no better than the floor.

    >>> round(float(skill(0.2, 0.3, 0.1)), 9)
    0.5
    """
    found, empty, best = np.broadcast_arrays(
        *(np.asarray(value, float) for value in (loss, floor, ceiling))
    )
    gap = empty - best
    skills = np.full(gap.shape, np.nan)
    return np.asarray(np.divide(empty - found, gap, out=skills, where=gap > 0))


def log_loss_rows(label: ArrayLike, probability: ArrayLike) -> Floats:
    """Return the log loss of each row."""
    p = np.clip(np.asarray(probability, float), EDGE, 1 - EDGE)
    y = np.asarray(label, float)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log1p(-p)))


def resample_weights(
    clusters: ArrayLike, replicates: int, rng: Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Return each row's cluster number and how often each replicate draws each cluster.

    Returns
    -------
    codes
        Shape (rows,): cluster number of each row.
    counts
        Shape (replicates, clusters): multiplicity of each cluster.
    """
    codes, names = pd.factorize(np.asarray(clusters), sort=True)
    number = len(names)
    counts = rng.multinomial(number, np.full(number, 1 / number), size=replicates)
    return codes.astype(np.int64), counts.astype(float)


def cluster_means(losses: Floats, codes: NDArray[np.int64], counts: Floats) -> Floats:
    """Return the mean of each column of losses in each replicate.

    Parameters
    ----------
    losses
        Shape (rows, columns).
    codes, counts
        From :func:`resample_weights`.

    Returns
    -------
    Shape (replicates, columns).
    """
    number = counts.shape[1]
    sums = np.stack([np.bincount(codes, column, number) for column in losses.T], axis=1)
    rows = np.bincount(codes, minlength=number)
    return np.asarray((counts @ sums) / (counts @ rows)[:, None])


def interval(values: Floats) -> tuple[float, float]:
    """Return the 95 % percentile interval of the bootstrap values that are finite."""
    known = np.asarray(values, float)[np.isfinite(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(known, LEVELS)
    return float(low), float(high)


def cluster_bootstrap(
    losses: ArrayLike, clusters: ArrayLike, replicates: int, rng: Generator
) -> tuple[float, float]:
    """Return the 95 % interval of a mean loss, resampling clusters."""
    codes, counts = resample_weights(clusters, replicates, rng)
    return interval(cluster_means(np.asarray(losses, float)[:, None], codes, counts)[:, 0])


def paired_difference(
    first: ArrayLike, second: ArrayLike, clusters: ArrayLike, replicates: int, rng: Generator
) -> tuple[float, float, float]:
    """Return the mean of ``first − second`` with its 95 % interval, resampling clusters."""
    gap = np.asarray(first, float) - np.asarray(second, float)
    low, high = cluster_bootstrap(gap, clusters, replicates, rng)
    return float(gap.mean()), low, high


def independent_difference(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    r"""Return ``first − second`` with its 95 % interval, of two that share no sample.

    .. math:: \Delta - \sqrt{(x_1 - l_1)^2 + (u_2 - x_2)^2}
              \;\text{ to }\; \Delta + \sqrt{(u_1 - x_1)^2 + (x_2 - l_2)^2}

    Parameters
    ----------
    first, second
        Value and the two ends of its 95 % interval. Source: Zou and Donner [28].
    """
    (one, one_low, one_high), (other, other_low, other_high) = first, second
    gap = one - other
    below = float(np.hypot(one - one_low, other_high - other))
    above = float(np.hypot(one_high - one, other - other_low))
    return gap, gap - below, gap + above


def average_precision(
    label: ArrayLike,
    score: ArrayLike,
    codes: NDArray[np.int64] | None = None,
    counts: ArrayLike | None = None,
) -> Floats:
    """Return the average precision, of the rows as they are or in many resamples at once.

    Parameters
    ----------
    label, score
        Shape (rows,); a higher score means more likely positive. Ties count together.
    codes, counts
        From :func:`resample_weights`; each row once if not given.

    Returns
    -------
    Shape (replicates,); NaN where a resample has no positive row.

    Notes
    -----
    Precision is asked only at the scores of positive rows, so rows are first counted by cluster and
    by the positive scores they lie between.

    Examples
    --------
    >>> average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]).round(4).tolist()
    [0.8333]
    """
    positive = np.asarray(label, float) > 0
    ranked = -np.asarray(score, float)
    steps = np.unique(ranked[positive])
    if codes is None or counts is None:
        codes, counts = np.zeros(len(ranked), np.int64), np.ones((1, 1))
    weight = np.asarray(counts, float)
    place = np.searchsorted(steps, ranked)
    shape = (weight.shape[1], len(steps) + 1)

    def counted(which: NDArray[np.bool_]) -> Floats:
        table = coo_array((np.ones(which.sum()), (codes[which], place[which])), shape).tocsr()
        return np.asarray(weight @ table)[:, :-1]

    gained = counted(positive)
    hits, seen = np.cumsum(gained, axis=1), np.cumsum(counted(place < len(steps)), axis=1)
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    total = gained.sum(axis=1)
    area = (precision * gained).sum(axis=1)
    return np.asarray(np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0))


class Line(NamedTuple):
    """Intercept and slope with their 95 % intervals."""

    intercept: float
    intercept_low: float
    intercept_high: float
    slope: float
    slope_low: float
    slope_high: float


NO_LINE: Final = Line(*[float("nan")] * 6)


def calibration_line(label: ArrayLike, probability: ArrayLike, clusters: ArrayLike) -> Line:
    """Return intercept and slope of the logistic regression of the event on the logit.

    A calibrated probability has intercept 0 and slope 1. Newton's method; intervals from the
    cluster-robust (sandwich) variance. NaN if there is nothing to fit.

    Parameters
    ----------
    label, probability, clusters
        Shape (rows,): 0/1, predicted probability, and which rows belong together.
    """
    p = np.clip(np.asarray(probability, float), EDGE, 1 - EDGE)
    y = np.asarray(label, float)
    logit = np.log(p / (1 - p))
    if len(y) == 0 or y.min() == y.max() or np.ptp(logit) < EDGE:
        return NO_LINE
    design = np.stack([np.ones_like(logit), logit], axis=1)
    beta = np.array([0.0, 1.0])
    for _ in range(50):
        fitted = expit(np.clip(design @ beta, -30, 30))
        hessian = (design * (fitted * (1 - fitted))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (y - fitted))
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    return _line(beta, hessian, design * (y - fitted)[:, None], clusters)


def regression_line(label: ArrayLike, prediction: ArrayLike, clusters: ArrayLike) -> Line:
    """Return intercept and slope of the regression of the label on its prediction.

    A calibrated prediction has intercept 0 and slope 1; intervals are cluster-robust. NaN if there
    is nothing to fit.
    """
    x, y = np.asarray(prediction, float), np.asarray(label, float)
    if len(y) < 3 or np.ptp(x) < EDGE:
        return NO_LINE
    design = np.stack([np.ones_like(x), x], axis=1)
    moment = design.T @ design
    beta = np.linalg.solve(moment, design.T @ y)
    return _line(beta, moment, design * (y - design @ beta)[:, None], clusters)


def _line(beta: Floats, hessian: Floats, score: Floats, clusters: ArrayLike) -> Line:
    """Return the line with intervals: inverse Hessian, clustered scores, inverse Hessian."""
    codes, _ = pd.factorize(np.asarray(clusters))
    summed = np.stack([np.bincount(codes, column) for column in score.T], axis=1)
    bread = np.linalg.inv(hessian)
    error = 1.96 * np.sqrt(np.maximum(np.diag(bread @ (summed.T @ summed) @ bread), 0))
    return Line(
        *(float(value) for b, e in zip(beta, error, strict=True) for value in (b, b - e, b + e))
    )
