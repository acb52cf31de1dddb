"""Published figures of the real market: one table, each with source, date and confidence.

The mechanisms take their constants from here where a figure is one of theirs; tests compare the
simulated market with it. Figures known from memory only say so and carry a wide tolerance.
"""

from __future__ import annotations

import functools
from importlib import resources

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.errors import BadInput, nearest


@functools.cache
def table() -> pd.DataFrame:
    """Return all facts, indexed by id: statistic, slice, value, tolerance, unit, source, ..."""
    file = resources.files("bondx_lib.market").joinpath("facts.csv")
    with file.open(encoding="utf-8") as lines:
        return pd.read_csv(lines, index_col="id", dtype={"date": str})


def value(name: str) -> float:
    """Return the value of one fact.

    >>> value("transition_1y.BBB.BB")
    3.21
    """
    known = table()
    if name not in known.index:
        raise BadInput("is not a fact", key=name, nearest=nearest(name, known.index))
    return float(known["value"].to_numpy(float)[known.index.get_loc(name)])


def by_letter(pattern: str, letters: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the values of one statistic for several letter grades.

    >>> by_letter("oas_level.{}.p50", ("BBB", "BB")).tolist()
    [193.0, 347.0]
    """
    return np.array([value(pattern.format(letter)) for letter in letters])
