"""Lags and windows by calendar month: rows laid out as (entity, month).

Damaged, doubled or missing rows neither shift nor break a lag. Of doubled rows the first counts;
months without a row are NaN.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Grid:
    """Bond-by-month and issuer-by-month positions of rows that are in order of month.

    Attributes
    ----------
    month
        Month of each row.
    bond, issuer
        Number of each row's bond and issuer, unique over worlds.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.month = rows["month"].to_numpy(np.int64)
        self.months = int(self.month.max()) + 1 if len(rows) else 0
        world = rows["world"].to_numpy(np.int64)
        self.bond = self._codes(world, rows["bond_id"])
        self.issuer = self._codes(world, rows["issuer_id"])

    @staticmethod
    def _codes(world: Ints, names: pd.Series) -> Ints:
        codes = pd.factorize(names)[0].astype(np.int64)
        return np.asarray(pd.factorize(world * (codes.max(initial=0) + 1) + codes)[0], np.int64)

    def spread_out(self, values: Floats, entity: Ints) -> Floats:
        """Return the values as (entity, month)."""
        laid = np.full((int(entity.max(initial=-1)) + 1, self.months), np.nan)
        laid[entity[::-1], self.month[::-1]] = values[::-1]
        return laid

    def lagged(self, values: Floats, entity: Ints, months: int) -> Floats:
        """Return for each row the value of the same entity some months before."""
        laid = self.spread_out(values, entity)
        shifted = np.full_like(laid, np.nan)
        shifted[:, months:] = laid[:, : max(self.months - months, 0)]
        return np.asarray(shifted[entity, self.month])

    def change(self, values: Floats, entity: Ints, months: int) -> Floats:
        """Return for each row the change of the entity's value over some months."""
        return np.asarray(values - self.lagged(values, entity, months))

    def rolling(
        self, values: Floats, entity: Ints, window: int, *, squares: bool = False
    ) -> Floats:
        """Return the mean (or the mean square) of the last months, this one included."""
        laid = self.spread_out(values, entity)
        return self._window_mean(laid**2 if squares else laid, entity, window)

    def deviation(self, values: Floats, entity: Ints, window: int) -> Floats:
        """Return the standard deviation of the last months, this one included."""
        mean = self.rolling(values, entity, window)
        square = self.rolling(values, entity, window, squares=True)
        return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)))

    def to_norm(self, values: Floats, entity: Ints) -> Floats:
        """Return how far a value is from the entity's mean of all months so far."""
        laid = self.spread_out(values, entity)
        return np.asarray(values - self._window_mean(laid, entity, max(self.months, 1)))

    def seen(self, entity: Ints) -> Floats:
        """Return for how many months the entity has been on record, this one included."""
        known = ~np.isnan(self.spread_out(np.zeros(len(self.month)), entity))
        return np.asarray(np.cumsum(known, axis=1)[entity, self.month], float)

    def months_since(self, event: Floats, entity: Ints, most: int) -> Floats:
        """Return months since the entity's last event, ``most`` if it has had none."""
        laid = np.nan_to_num(self.spread_out(event, entity)) > 0
        month = np.arange(self.months)
        last = np.maximum.accumulate(np.where(laid, month, -most), axis=1)
        return np.asarray(np.minimum(month - last, most)[entity, self.month], float)

    def _window_mean(self, laid: Floats, entity: Ints, window: int) -> Floats:
        known = ~np.isnan(laid)
        total = _window_sum(np.where(known, laid, 0.0), window)
        count = _window_sum(known.astype(float), window)
        mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        return np.asarray(mean[entity, self.month])


def _window_sum(laid: Floats, window: int) -> Floats:
    total = np.cumsum(laid, axis=1)
    total[:, window:] = total[:, window:] - total[:, :-window].copy()
    return total
