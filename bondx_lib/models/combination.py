r"""Put learners together, and put their probabilities right.

*Voting* adds raw answers up with equal weights. *Stacking* finds weights :math:`w \ge 0` on rows
that no learner has seen, drawn towards shares :math:`s` that were known before (equal ones, if
nothing was), so that a few dozen issuers cannot throw a learner out:

.. math:: \min_w \; \sum_i \bar\ell_i(w) + \sum_j \frac{(w_j - s_j)^2}{2\,\sigma_w^2}

with the mean loss :math:`\bar\ell_i` of each issuer. Weights of log-odds then are made to add up to
one: their scale is the business of calibration. Issuers count, not rows, because the rows of
one rise and fall together. Calibration is the same with an intercept and a slope of the log-odds,
drawn towards 0 and 1: the level of events differs from history to history, and what a few held-out
histories show of it is mostly luck. Sources: Wolpert [20], Platt [21].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from bondx_lib.models.learners.base import Kind

Floats = NDArray[np.float64]

WEIGHT_PRIOR: Final = 0.15
INTERCEPT_PRIOR, SLOPE_PRIOR = 0.10, 0.10
FEWEST_ISSUERS: Final = 10

STRATEGIES: Final = ("voting", "stacking")


def weights(
    strategy: str,
    kind: Kind,
    raw: Floats,
    target: Floats,
    issuers: NDArray[np.generic],
    shares: Sequence[float] = (),
    row_weight: Floats | None = None,
) -> Floats:
    """Return the weight of each learner.

    Parameters
    ----------
    strategy
        ``voting`` or ``stacking``.
    raw
        Shape (rows, learners), of rows that no learner has been taught.
    target, issuers
        Shape (rows,).
    shares
        What stacking is drawn towards, adding up to one; equal shares if not given.
    row_weight
        Shape (rows,): how much each row counts, on average once; each once if not given.
    """
    number = raw.shape[1]
    equal = np.full(number, 1 / number)
    if strategy == "voting" or number == 1:
        return equal
    before = np.array(shares, float) if shares else equal
    share = _issuer_share(issuers)
    if share.sum() < FEWEST_ISSUERS:
        return before
    share = share if row_weight is None else share * row_weight
    scale = float(np.average((target - np.average(target, weights=share)) ** 2, weights=share))

    def cost(w: Floats) -> float:
        cost_of = losses(kind, target, raw @ w) / (2 * max(scale, 1e-12) if kind == "value" else 1)
        return float(share @ cost_of + ((w - before) ** 2).sum() / (2 * WEIGHT_PRIOR**2))

    found = _minimum(cost, before, [(0.0, None)] * number)
    return found / found.sum() if kind == "event" and found.sum() > 0 else found


def calibration(
    raw: Floats, target: Floats, issuers: NDArray[np.generic], row_weight: Floats | None = None
) -> tuple[float, float]:
    """Return intercept and slope that put log-odds right on rows that nothing was taught.

    ``row_weight`` says how much each row counts, on average once; each once if not given.
    """
    share = _issuer_share(issuers)
    if share.sum() < FEWEST_ISSUERS:
        return 0.0, 1.0
    share = share if row_weight is None else share * row_weight

    def cost(line: Floats) -> float:
        cost_of = losses("event", target, line[0] + line[1] * raw)
        prior = (line[0] / INTERCEPT_PRIOR) ** 2 + ((line[1] - 1) / SLOPE_PRIOR) ** 2
        return float(share @ cost_of + prior / 2)

    intercept, slope = _minimum(cost, np.array([0.0, 1.0]), [(None, None), (0.05, None)])
    return float(intercept), float(slope)


def _issuer_share(issuers: NDArray[np.generic]) -> Floats:
    """Return for each row one over the rows of its issuer."""
    codes, _ = pd.factorize(issuers)
    return 1 / np.bincount(codes)[codes] if len(codes) else np.zeros(0)


def losses(kind: Kind, target: Floats, raw: Floats) -> Floats:
    """Return squared error, or the log loss of log-odds, of each row."""
    if kind == "value":
        return np.asarray((target - raw) ** 2)
    return np.asarray(np.logaddexp(0, raw) - target * raw)


def _minimum(
    cost: Callable[[Floats], float], start: Floats, bounds: list[tuple[float | None, float | None]]
) -> Floats:
    found = minimize(cost, start, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x, float)


def probability(raw: Floats, intercept: float, slope: float) -> Floats:
    """Return probabilities of calibrated log-odds."""
    return np.asarray(expit(intercept + slope * raw))
