"""A part of the rows, ready for gates: whole issuers, in order, with what several gates ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.schema import LETTERS, RATINGS, letter

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ORDER: Final = ("world", "bond_id", "date")
_LETTER_OF: Final = {rating: letter(rating) for rating in RATINGS}


class Part:
    """Rows of whole issuers, in the order of world, bond and date.

    Parameters
    ----------
    rows
        Columns of the panel table, or as many of them as there are.
    positions
        A number that tells each row from others; its place, from 0, if not given. Examples are the
        rows of the smallest numbers.
    issuers
        A number for whom each row is counted with; by ``issuer_id`` if not given.

    Attributes
    ----------
    rows
        The same rows in order, with an index from 0.
    positions
        The number of each of them.
    noted
        What one gate has counted and others ask for too, by name.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        positions: Ints | None = None,
        issuers: NDArray[Any] | None = None,
    ) -> None:
        keys = [name for name in ORDER if name in rows.columns]
        places = np.arange(len(rows)) if positions is None else np.asarray(positions, np.int64)
        order = np.arange(len(rows))
        if keys:
            sorted_keys = rows[keys].reset_index(drop=True).sort_values(keys, kind="stable")
            order = sorted_keys.index.to_numpy()
        self.rows = rows.iloc[order].reset_index(drop=True)
        self.positions: Ints = places[order]
        self._issuers = None if issuers is None else pd.Series(issuers[order])
        self.noted: dict[str, Any] = {}

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def has(self, columns: Iterable[str]) -> bool:
        """Say whether the rows have some columns."""
        return all(name in self.rows.columns for name in columns)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column as floats, NaN where it is missing."""
        return self.rows[column].to_numpy(float, na_value=np.nan)

    @cached_property
    def issuer(self) -> Ints:
        """Return a number for the issuer of each row; the bond, or the row, where none is named."""
        if self._issuers is not None:
            return self._codes(self._issuers)
        if "issuer_id" not in self.rows.columns:
            return self.bond if "bond_id" in self.rows.columns else np.arange(len(self))
        named = self.rows["issuer_id"].notna().to_numpy()
        codes = self._codes(self.rows["issuer_id"])
        if not named.all() and "bond_id" in self.rows.columns:
            codes = np.where(named, codes, int(codes.max()) + 1 + self.bond)
            codes = pd.factorize(codes)[0]
        return np.asarray(codes, np.int64)

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        """Return what each row stands for, 1 in the mean: a column ``weight``, or 1.

        Rows of a steered draw carry one. Rules about a row itself need none; what speaks for the
        market does.
        """
        if "weight" not in self.rows.columns:
            return np.ones(len(self))
        return np.nan_to_num(self.numbers("weight"))

    @cached_property
    def bond(self) -> Ints:
        """Return a number for the bond of each row; a row without one is a bond of its own."""
        return self._codes(self.rows["bond_id"])

    @cached_property
    def letters(self) -> NDArray[np.object_]:
        """Return the letter grade of each row, None where the rating is not a known one."""
        found = self.rows["rating"].astype(object).map(_LETTER_OF).to_numpy(object, copy=True)
        found[pd.isna(found)] = None
        return found

    @cached_property
    def previous(self) -> Ints:
        """Return for each row the last row of the same bond at an earlier date, −1 for none."""
        size = len(self)
        if size == 0:
            return np.empty(0, np.int64)
        date = self.rows["date"].to_numpy("datetime64[ns]")
        new_bond = np.append(True, self.bond[1:] != self.bond[:-1])
        new_group = new_bond | np.append(True, date[1:] != date[:-1])
        first = np.flatnonzero(new_group)
        before = np.where(new_bond[first], -1, first - 1)
        return np.asarray(before[np.cumsum(new_group) - 1], np.int64)

    def slices(self, by: Sequence[str] = ()) -> list[tuple[str, Bools]]:
        """Return the slices of all rows, then by sector and rating as asked.

        Parameters
        ----------
        by
            Of ``sector`` and ``rating``; a column that is not there gives no slices.
        """
        found = [("all rows", np.ones(len(self), bool))]
        if "sector" in by and "sector" in self.rows.columns:
            sector = self.rows["sector"].to_numpy(object)
            found += [
                (f"sector={word}", sector == word) for word in pd.unique(sector[pd.notna(sector)])
            ]
        if "rating" in by and "rating" in self.rows.columns:
            found += [(f"rating={word}", self.letters == word) for word in LETTERS]
        return found

    def _codes(self, names: pd.Series) -> Ints:
        """Return a number for each name within its world, from 0; another for each that is null."""
        codes = pd.factorize(names)[0].astype(np.int64)
        nameless = np.flatnonzero(codes < 0)
        codes[nameless] = int(codes.max(initial=-1)) + 1 + np.arange(len(nameless))
        if "world" in self.rows.columns:
            worlds = pd.factorize(self.rows["world"], use_na_sentinel=False)[0].astype(np.int64)
            codes = pd.factorize(codes * (int(worlds.max(initial=0)) + 1) + worlds)[0]
        return np.asarray(codes, np.int64)
