"""Bonds whose rows name several issuers: with whom all of their rows are counted.

A part of the rows must hold whole issuers and whole bonds, or gates would judge by how the file was
cut. So a bond that changes its issuer, or names none in some rows, is counted with the one that
most of its rows name; the gate on references still sees what each row says.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bondx_lib.intake.parts import Hashes
from bondx_lib.validation.rows import BOND, ISSUER

MOST_KEPT: Final = 2**20
"""Pairs of bond and issuer after which they are gathered up."""

Ints = NDArray[np.int64]


class Homes:
    """Takes rows batch by batch; in the end it knows where bonds of several issuers belong."""

    def __init__(self) -> None:
        self._bond = np.empty(0, np.uint64)
        self._issuer = np.empty(0, np.uint64)
        self._rows = np.empty(0, np.int64)
        self._new: list[tuple[Hashes, Hashes]] = []

    def add(self, table: pa.Table) -> None:
        """Note the pairs of bond and issuer."""
        self._new.append((table[BOND].to_numpy(), table[ISSUER].to_numpy()))
        if sum(len(bond) for bond, _ in self._new) > MOST_KEPT:
            self._gather()

    def finish(self) -> None:
        """Keep the bonds of several issuers only, each with the issuer of most of its rows."""
        self._gather()
        edges = _starts(self._bond)
        pairs = np.diff(np.append(edges, len(self._bond)))
        several = np.repeat(pairs > 1, pairs) & (self._bond > 0)
        bond, issuer, rows = self._bond[several], self._issuer[several], self._rows[several]
        order = np.lexsort((issuer, -rows, issuer == 0, bond))
        first = _starts(bond[order])
        self._bond, self._issuer = bond[order][first], issuer[order][first]
        self._rows = np.empty(0, np.int64)

    def __len__(self) -> int:
        """Return the number of bonds of several issuers."""
        return len(self._bond)

    def moved(self, table: pa.Table) -> pa.Table:
        """Return rows with the issuer that they are counted with."""
        if len(self) == 0:
            return table
        bond, issuer = table[BOND].to_numpy(), table[ISSUER].to_numpy()
        place = np.minimum(np.searchsorted(self._bond, bond), len(self) - 1)
        home = np.where(self._bond[place] == bond, self._issuer[place], issuer)
        return table.set_column(table.column_names.index(ISSUER), ISSUER, pa.array(home))

    def _gather(self) -> None:
        """Count the rows of each pair."""
        bond = np.concatenate([self._bond, *(one for one, _ in self._new)])
        issuer = np.concatenate([self._issuer, *(one for _, one in self._new)])
        new = np.ones(len(bond) - len(self._rows), np.int64)
        rows = np.concatenate([self._rows, new])
        self._new.clear()
        order = np.lexsort((issuer, bond))
        bond, issuer = bond[order], issuer[order]
        first = np.flatnonzero(
            np.append(True, (bond[1:] != bond[:-1]) | (issuer[1:] != issuer[:-1]))[: len(bond)]
        )
        self._bond, self._issuer = bond[first], issuer[first]
        self._rows = np.add.reduceat(rows[order], first) if len(first) else rows


def _starts(sorted_values: Hashes) -> Ints:
    """Return where each run of equal values begins."""
    changes = np.append(True, sorted_values[1:] != sorted_values[:-1])[: len(sorted_values)]
    return np.flatnonzero(changes)
