r"""What gates count: sums that add up over parts of a file, and still give clustered intervals.

A file may be larger than memory, so a gate counts part by part. All rows of an issuer stand in one
part; with :math:`h_c` hits among :math:`n_c` rows of issuer :math:`c`, the sums

.. math:: \sum h_c,\ \sum n_c,\ \sum h_c^2,\ \sum h_c n_c,\ \sum n_c^2

are all that the share :math:`R = \sum h_c / \sum n_c` and its variance between issuers need,

.. math:: \operatorname{Var} R = \frac{C}{C-1} \frac{\sum (h_c - R\,n_c)^2}{(\sum n_c)^2},

and they are few, however many rows there are. A correlation is the same with six sums and their
products [11].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONFIDENCE: Final = 0.95
ALL_ROWS: Final = "all rows"
MOST_EXAMPLES: Final = 10

Interval = tuple[float, float]


@dataclass(frozen=True)
class Shares:
    """How often each of k things is true of the rows of one slice.

    Attributes
    ----------
    hits, squares, cross
        Of shape (k,): sums over issuers of hits, of their squares, and of hits times rows.
    rows, row_squares
        Sums over issuers of rows and of their squares.
    clusters
        Issuers.
    """

    hits: Floats
    squares: Floats
    cross: Floats
    rows: float
    row_squares: float
    clusters: int

    @classmethod
    def of(cls, hits: Floats, rows: Floats) -> Self:
        """Return the sums.

        Parameters
        ----------
        hits
            Of shape (issuers, k).
        rows
            Of shape (issuers,).
        """
        return cls(
            hits.sum(axis=0), (hits**2).sum(axis=0), (hits * rows[:, None]).sum(axis=0),
            float(rows.sum()), float((rows**2).sum()), int((rows > 0).sum()),
        )  # fmt: skip

    def __add__(self, other: Shares) -> Shares:
        """Return the sums over the issuers of both."""
        return Shares(
            self.hits + other.hits, self.squares + other.squares, self.cross + other.cross,
            self.rows + other.rows, self.row_squares + other.row_squares,
            self.clusters + other.clusters,
        )  # fmt: skip

    @property
    def share(self) -> Floats:
        """Return each share as a fraction; NaN without rows."""
        return self.hits / self.rows if self.rows else np.full(len(self.hits), np.nan)

    def variance(self) -> Floats:
        """Return the variance of each share between issuers; NaN with fewer than two."""
        if self.clusters < 2:
            return np.full(len(self.hits), np.nan)
        share = self.share
        squared = self.squares - 2 * share * self.cross + share**2 * self.row_squares
        scale = self.clusters / (self.clusters - 1) / self.rows**2
        return np.asarray(np.maximum(squared, 0) * scale)

    def effective_rows(self) -> Floats:
        """Return how many independent rows would tell as much of each share.

        Between the number of issuers and that of rows; a share of 0 or 1 tells no more than the
        issuers do.
        """
        share, variance = self.share, self.variance()
        with np.errstate(all="ignore"):
            found = share * (1 - share) / variance
        usable = np.isfinite(found) & (variance > 0)
        return np.clip(np.where(usable, found, self.clusters), self.clusters, self.rows)

    def interval(self, which: int = 0, confidence: float = CONFIDENCE) -> Interval:
        """Return the Wilson interval of one share at its effective number of rows, fractions.

        >>> alike = Shares.of(np.full((50, 1), 2.0), np.full(50, 10.0))
        >>> low, high = alike.interval()
        >>> round(low, 3), round(high, 3)
        (0.112, 0.33)
        """
        if self.rows == 0:
            return 0.0, 1.0
        return wilson(float(self.share[which]), float(self.effective_rows()[which]), confidence)


@dataclass(frozen=True)
class Moments:
    """Sums of some columns over the rows of one slice, and their products between issuers.

    Attributes
    ----------
    total
        Of shape (m,): sums over all rows.
    product
        Of shape (m, m): sum over issuers of the outer product of the issuer's own sums.
    clusters
        Issuers.
    """

    total: Floats
    product: Floats
    clusters: int

    @classmethod
    def of(cls, sums: Floats) -> Self:
        """Return the sums from those of each issuer, of shape (issuers, m)."""
        return cls(sums.sum(axis=0), sums.T @ sums, int((sums[:, 0] != 0).sum()))

    def __add__(self, other: Moments) -> Moments:
        """Return the sums over the issuers of both."""
        return Moments(
            self.total + other.total, self.product + other.product, self.clusters + other.clusters
        )

    def standard_error(self, gradient: Floats) -> float:
        """Return the standard error between issuers of a function with this gradient by totals.

        The function must not change when all totals grow in proportion, as a mean or a correlation.
        """
        if self.clusters < 2:
            return float("nan")
        variance = float(gradient @ self.product @ gradient)
        return float(np.sqrt(max(variance, 0.0) * self.clusters / (self.clusters - 1)))


Sums = TypeVar("Sums", Shares, Moments)


@dataclass(frozen=True)
class Tally(Generic[Sums]):
    """What a gate counted: sums by slice, and the first rows that it would show.

    Attributes
    ----------
    slices
        Name of the slice to its sums.
    examples
        Positions in the source of the first few offending rows.
    """

    slices: Mapping[str, Sums] = field(default_factory=dict)
    examples: tuple[int, ...] = ()

    def __add__(self, other: Tally[Sums]) -> Tally[Sums]:
        """Return the tally of both parts."""
        sums = dict(self.slices)
        for name, more in other.slices.items():
            sums[name] = sums[name] + more if name in sums else more
        examples = tuple(sorted({*self.examples, *other.examples})[:MOST_EXAMPLES])
        return Tally(sums, examples)


def wilson(share: float, rows: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the Wilson interval of a share of so many independent rows.

    >>> low, high = wilson(0.0, 100)
    >>> round(low, 6), round(high, 3)
    (0.0, 0.037)
    """
    z = float(stats.norm.ppf((1 + confidence) / 2))
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    return max(float(centre - half), 0.0), min(float(centre + half), 1.0)


def grouped(codes: Ints, values: Floats) -> Floats:
    """Return the sums of each column of values over the rows of each code.

    Parameters
    ----------
    codes
        Of shape (rows,), from 0.
    values
        Of shape (rows, k).
    """
    size = int(codes.max()) + 1 if len(codes) else 0
    return np.stack([np.bincount(codes, column, size) for column in values.T], axis=1)


def histograms(codes: Ints, bins: Ints, size: int) -> Floats:
    """Return how many rows of each code lie in each bin, of shape (codes, size)."""
    number = int(codes.max()) + 1 if len(codes) else 0
    counts = np.bincount(codes * size + bins, minlength=number * size)
    return counts.reshape(number, size).astype(float)


def first(positions: Ints, bad: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the smallest positions of the rows that are marked, a few of them."""
    return tuple(np.sort(positions[bad])[:MOST_EXAMPLES].tolist())


def shares_by(
    bad: Floats, clusters: Ints, groups: Sequence[tuple[str, NDArray[np.bool_]]]
) -> dict[str, Shares]:
    """Return the shares of some things in some slices.

    Parameters
    ----------
    bad
        Of shape (rows, k), 1 where the thing is true of the row.
    clusters
        Issuer of each row, from 0.
    groups
        Name and rows of each slice; slices without rows are left out.
    """
    found = {}
    for name, here in groups:
        if here.any():
            own = clusters[here]
            sums = grouped(own, np.column_stack([bad[here], np.ones(int(here.sum()))]))
            found[name] = Shares.of(sums[:, :-1], sums[:, -1])
    return found
