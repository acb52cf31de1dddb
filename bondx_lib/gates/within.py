"""Within a group of rows, such as a bond: the odd value out, and the distance from those around."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REACH: Final = 3
"""Rows before and after a row whose values, with its own, make the median it is held against."""

LEAST_KNOWN: Final = 4
"""Known values among them below which the median says too little."""

NORMAL: Final = 1.4826
"""Standard deviation of a normal law over the median of its absolute deviations."""


def odd_ones(groups: Ints, values: pd.Series) -> Bools:
    """Mark the rows whose known value is not the most common one of their group.

    Of two values that are equally common the one seen first counts as right.

    >>> odd_ones(np.array([0, 0, 0, 1]), pd.Series(["a", "b", "a", "c"])).tolist()
    [False, True, False, False]
    """
    codes = pd.factorize(values)[0]
    odd, known = np.zeros(len(codes), bool), np.flatnonzero(codes >= 0)
    order = known[np.argsort(groups[known], kind="stable")]
    own, code = groups[order], codes[order]
    changes = (own[1:] == own[:-1]) & (code[1:] != code[:-1])
    mixed = np.isin(own, np.unique(own[1:][changes]))
    if mixed.any():
        own, code, order = own[mixed], code[mixed], order[mixed]
        pairs = pd.Series(own * (int(codes.max()) + 1) + code)
        times = pairs.map(pairs.value_counts()).to_numpy()
        ranked = pd.DataFrame({"own": own, "pair": pairs, "times": times})
        right = ranked.sort_values("times", ascending=False, kind="stable").drop_duplicates("own")
        odd[order] = ~pairs.isin(right["pair"]).to_numpy()
    return odd


def distances(groups: Ints, values: Floats, least_scale: float) -> Floats:
    """Return how far each value is from the median of those around it in its group.

    Parameters
    ----------
    groups
        Of shape (rows,), from 0; the rows of a group stand together and in order.
    values
        Of shape (rows,), NaN where there is none.
    least_scale
        What a distance of one is, at least; more in a group that moves more.

    Returns
    -------
    Of shape (rows,); 0 where too little is known.

    Examples
    --------
    >>> distances(np.zeros(6, np.int64), np.array([1.0, 1, 3, 1, 1, 1]), 0.5).tolist()
    [0.0, 0.0, 4.0, 0.0, 0.0, 0.0]
    """
    centre, known = around(groups, values)
    apart = np.abs(values - centre)
    scale = np.maximum(NORMAL * medians(groups, apart), least_scale)
    usable = np.isfinite(apart) & (known >= LEAST_KNOWN)
    return np.where(usable, apart / scale, 0.0)


def around(groups: Ints, values: Floats) -> tuple[Floats, Ints]:
    """Return the median of the known values around each row in its group, and their number."""
    size = len(values)
    near = np.full((size, 2 * REACH + 1), np.inf)
    for place, shift in enumerate(range(-REACH, REACH + 1)):
        here = np.arange(max(-shift, 0), min(size - shift, size))
        there = here + shift
        usable = (groups[here] == groups[there]) & np.isfinite(values[there])
        near[here[usable], place] = values[there[usable]]
    near.sort(axis=1)
    known = np.isfinite(near).sum(axis=1)
    rows = np.arange(size)
    low, high = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, 2 * REACH)
    centre = np.full(size, np.nan)
    some = known > 0
    centre[some] = (near[rows, low][some] + near[rows, high][some]) / 2
    return centre, known


def medians(groups: Ints, values: Floats) -> Floats:
    """Return for each row the median of its group's known values, NaN without any.

    >>> medians(np.array([0, 0, 0, 1]), np.array([1.0, np.nan, 2, 7])).tolist()
    [1.5, 1.5, 1.5, 7.0]
    """
    number = int(groups.max(initial=0)) + 1
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.lexsort((values[known], groups[known]))]
    counts = np.bincount(groups[known], minlength=number)
    begin = np.cumsum(counts) - counts
    some = counts > 0
    found = np.full(number, np.nan)
    low, high = (begin + (counts - 1) // 2)[some], (begin + counts // 2)[some]
    found[some] = (values[order[low]] + values[order[high]]) / 2
    return np.asarray(found[groups])
