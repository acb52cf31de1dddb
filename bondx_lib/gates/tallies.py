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
FEWEST_CLUSTERS: Final = 5
"""With fewer issuers an estimate has no interval."""
NEARLY_ONE: Final = 1 - 1e-9
RESIDUE: Final = 1e-12
"""Share of the mean square below which a variance is rounding."""

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

        >>> half = Shares.of(np.array([[0.0], [4.0]] * 25), np.full(50, 10.0))
        >>> low, high = half.interval()
        >>> round(low, 3), round(high, 3)
        (0.15, 0.262)
        """
        if self.rows == 0:
            return 0.0, 1.0
        return wilson(float(self.share[which]), float(self.effective_rows()[which]), confidence)


@dataclass(frozen=True)
class Estimate:
    """A statistic with its standard error between issuers.

    Attributes
    ----------
    value, standard_error
        In the unit of the statistic; NaN where it is not defined.
    clusters
        Issuers.
    """

    value: float
    standard_error: float
    clusters: int

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Return half the interval by Student's t at one degree less than there are issuers.

        Infinite with fewer than :data:`FEWEST_CLUSTERS`, whose variance is itself unknown.
        """
        if self.clusters < FEWEST_CLUSTERS or not np.isfinite(self.standard_error):
            return float("inf")
        return float(stats.t.ppf((1 + confidence) / 2, self.clusters - 1)) * self.standard_error

    def fisher_interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Return the interval of a correlation, symmetric in Fisher's z.

        >>> low, high = Estimate(0.8, 0.1, 30).fisher_interval()
        >>> round(low, 3), round(high, 3)
        (0.486, 0.931)
        """
        half = self.half_width(confidence)
        if not np.isfinite(half):
            return -1.0, 1.0
        inside = float(np.clip(self.value, -NEARLY_ONE, NEARLY_ONE))
        middle, half = np.arctanh(inside), half / (1 - inside**2)
        return float(np.tanh(middle - half)), float(np.tanh(middle + half))


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

    def ratio(self, above: int, below: int) -> Estimate:
        """Return the ratio of two totals with its standard error; NaN where below is zero."""
        bottom = self.total[below]
        if not bottom > 0:
            return Estimate(float("nan"), float("nan"), self.clusters)
        value = float(self.total[above] / bottom)
        gradient = np.zeros(len(self.total))
        gradient[above], gradient[below] = 1 / bottom, -value / bottom
        return Estimate(value, self.standard_error(gradient), self.clusters)

    def correlation(self) -> Estimate:
        """Return the correlation of a pair, its sums being those of :func:`pair_sums`.

        Its standard error is by the delta method: with standardised values :math:`u, v` a row
        moves the correlation by :math:`(uv - r(u^2 + v^2)/2) / n`.
        """
        found = _pair(self.total)
        if found is None:
            return Estimate(float("nan"), float("nan"), self.clusters)
        n, mean_x, mean_y, deviation_x, deviation_y, r = found
        both = deviation_x * deviation_y
        x, y = mean_x / deviation_x, mean_y / deviation_y
        gradient = np.array([
            x * y - r * (x**2 + y**2) / 2,
            -mean_y / both + r * x / deviation_x,
            -mean_x / both + r * y / deviation_y,
            -r / (2 * deviation_x**2),
            -r / (2 * deviation_y**2),
            1 / both,
        ])  # fmt: skip
        return Estimate(r, self.standard_error(gradient / n), self.clusters)

    def slope(self) -> Estimate:
        """Return the slope of the second value of a pair in the first, by least squares."""
        found = _pair(self.total)
        if found is None:
            return Estimate(float("nan"), float("nan"), self.clusters)
        n, mean_x, mean_y, deviation_x, deviation_y, r = found
        slope = r * deviation_y / deviation_x
        gradient = np.array([
            mean_x * mean_y - slope * mean_x**2, 2 * slope * mean_x - mean_y, -mean_x,
            -slope, 0.0, 1.0,
        ])  # fmt: skip
        error = self.standard_error(gradient / (n * deviation_x**2))
        return Estimate(slope, error, self.clusters)


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
    >>> low, round(high, 3)
    (0.0, 0.037)
    """
    z = float(stats.norm.ppf((1 + confidence) / 2))
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    low, high = float(centre - half), float(centre + half)
    return max(min(low, share), 0.0), min(max(high, share), 1.0)  # rounding puts no share outside


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


def pair_sums(codes: Ints, x: Floats, y: Floats, weight: Floats | None = None) -> Moments | None:
    """Return what a correlation or a slope needs: sums of 1, x, y, x², y² and xy.

    Parameters
    ----------
    codes
        Issuer of each row, from 0.
    x, y
        Of shape (rows,); rows where either is not finite are left out.
    weight
        What each row stands for; each for itself if not given.

    Returns
    -------
    The sums; None if no row is left.
    """
    both = np.isfinite(x) & np.isfinite(y)
    if not both.any():
        return None
    x, y = x[both], y[both]
    sums = np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    if weight is not None:
        sums *= weight[both, None]
    return Moments.of(grouped(codes[both], sums))


def _pair(total: Floats) -> tuple[float, float, float, float, float, float] | None:
    """Return rows, means, standard deviations and correlation; None if a value does not vary."""
    n, x, y, xx, yy, xy = (float(one) for one in total)
    if n <= 0:
        return None
    mean_x, mean_y = x / n, y / n
    variance_x, variance_y = xx / n - mean_x**2, yy / n - mean_y**2
    if variance_x <= RESIDUE * xx / n or variance_y <= RESIDUE * yy / n:
        return None
    deviation_x, deviation_y = float(np.sqrt(variance_x)), float(np.sqrt(variance_y))
    r = (xy / n - mean_x * mean_y) / (deviation_x * deviation_y)
    return n, mean_x, mean_y, deviation_x, deviation_y, float(np.clip(r, -1, 1))


def histograms(codes: Ints, bins: Ints, size: int, weight: Floats | None = None) -> Floats:
    """Return how many rows of each code lie in each bin, of shape (codes, size).

    ``weight`` says what each row stands for; each for itself if not given.
    """
    number = int(codes.max()) + 1 if len(codes) else 0
    counts = np.bincount(codes * size + bins, weight, number * size)
    return counts.reshape(number, size).astype(float)


def first(positions: Ints, bad: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the smallest positions of the rows that are marked, a few of them."""
    return tuple(np.sort(positions[bad])[:MOST_EXAMPLES].tolist())


def shares_by(
    bad: Floats,
    clusters: Ints,
    groups: Sequence[tuple[str, NDArray[np.bool_]]],
    weight: Floats | None = None,
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
    weight
        What each row stands for; each for itself if not given.
    """
    size = np.ones(len(bad)) if weight is None else weight
    found = {}
    for name, here in groups:
        if here.any():
            own, rows = clusters[here], size[here, None]
            sums = grouped(own, np.column_stack([bad[here] * rows, rows]))
            found[name] = Shares.of(sums[:, :-1], sums[:, -1])
    return found
