"""What a negative control is: damage of a known kind and amount that one gate must notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator


@dataclass(frozen=True)
class Control:
    """Damage that a gate must notice.

    Attributes
    ----------
    what
        What is done, as a phrase: "rows whose spread changes its sign".
    unit
        Of the amount: "% of rows".
    amounts
        From hardly visible to plain, ascending; the smallest that is noticed in 80 % of variations
        says how keen the gate is.
    damage
        From what the gate looks at (a panel; for gates on models what was measured of one), an
        amount and random numbers to the same, damaged. The argument is not changed.
    """

    what: str
    unit: str
    amounts: tuple[float, ...]
    damage: Callable[[Any, float, Generator], Any]


def some_rows(panel: pd.DataFrame, percent: float, rng: Generator) -> np.ndarray:
    """Return the positions of a random share of the rows, at least one.

    With the same random numbers a larger share holds all of a smaller one.
    """
    count = max(round(len(panel) * percent / 100), 1)
    return np.sort(rng.permutation(len(panel))[:count])


def replaced(panel: pd.DataFrame, column: str, which: np.ndarray, values: Any) -> pd.DataFrame:
    """Return the panel with other values in some rows of a column."""
    changed = panel.copy()
    column_values = changed[column].to_numpy(copy=True)
    column_values[which] = values
    changed[column] = pd.Series(column_values, index=changed.index, dtype=changed[column].dtype)
    return changed


def some_of(keys: Sequence[str], panel: pd.DataFrame, percent: float, rng: Generator) -> np.ndarray:
    """Return the positions of all rows of a random share of the groups, at least one group.

    With the same random numbers a larger share holds all of a smaller one.

    Parameters
    ----------
    keys
        Columns that make a group, such as a bond, or an issuer in a month.
    panel, percent, rng
        As for :func:`some_rows`.
    """
    group = panel.groupby(list(keys), sort=False).ngroup().to_numpy()
    groups = int(group.max()) + 1
    count = max(round(groups * percent / 100), 1)
    return np.flatnonzero(np.isin(group, rng.permutation(groups)[:count]))


def altered(
    column: str,
    change: Callable[[pd.DataFrame], Any],
    pick: Callable[[pd.DataFrame, float, Generator], np.ndarray] = some_rows,
) -> Callable[[pd.DataFrame, float, Generator], pd.DataFrame]:
    """Return the damage that alters one column of a share of the rows.

    Parameters
    ----------
    column
        Whose values are altered.
    change
        From the chosen rows to their new values.
    pick
        From a panel, a percentage and random numbers to the positions of the chosen rows.
    """

    def damage(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
        which = pick(panel, percent, rng)
        return replaced(panel, column, which, np.asarray(change(panel.iloc[which])))

    return damage
