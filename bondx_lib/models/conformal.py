r"""Prediction intervals that hold on issuers nobody has seen: conformal, by issuer.

The half-width of an interval is a quantile of the absolute errors on calibration rows. Rows of one
issuer err alike, so each issuer counts once, whatever its number of rows, and one issuer that has
not been seen is added with an infinite error:

.. math:: q = \inf\Big\{t : \sum_{i=1}^{n} \frac{1}{(n+1)\,m_i} \sum_{j=1}^{m_i}
          1\{e_{ij} / s_{g} \le t\} \ge \gamma \Big\}

with :math:`m_i` rows of issuer :math:`i`. The scale :math:`s_g` of a letter grade is its root mean
squared error, drawn towards that of all rows where a grade has few issuers. Where rows have
weights, each issuer counts by them, and the one not seen by the greatest: that errs on the side of
wide intervals. Source: Lee, Barber and Willett [22].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.schema import LETTERS

Floats = NDArray[np.float64]

PRIOR_ISSUERS: Final = 20.0
"""A grade's scale counts as if it had so many more issuers with the overall scale."""
FEWEST_ISSUERS: Final = 20


@dataclass(frozen=True)
class Intervals:
    """Half-widths of prediction intervals.

    Attributes
    ----------
    level
        Share of cases that the interval should hold.
    quantile
        In units of the scale; infinite where there were too few issuers.
    scales
        By letter grade, in units of the prediction.
    issuers
        Calibration issuers.
    """

    level: float
    quantile: float
    scales: dict[str, float]
    issuers: int

    @classmethod
    def fit(
        cls,
        errors: Floats,
        issuers: NDArray[np.generic],
        letters: NDArray[np.generic],
        level: float,
        row_weight: Floats | None = None,
    ) -> Self:
        """Return intervals from calibration errors, shape (rows,) each.

        ``row_weight`` says how much each row counts, on average once; each once if not given.
        """
        codes, names = pd.factorize(issuers)
        number = len(names)
        if number < FEWEST_ISSUERS:
            return cls(level, float("inf"), dict.fromkeys(LETTERS, 1.0), number)
        share = 1 / np.bincount(codes)[codes]
        whole = float(number + 1)
        if row_weight is not None:
            share = share * row_weight
            whole = float(share.sum() + row_weight.max())
        scales = _scales(errors, share, letters)
        relative = np.abs(errors) / np.array([scales[str(name)] for name in letters])
        order = np.argsort(relative, kind="stable")
        reached = np.cumsum(share[order]) / whole
        place = int(np.searchsorted(reached, level))
        quantile = float(relative[order][place]) if place < len(order) else float("inf")
        return cls(level, quantile, scales, number)

    def half_width(self, letters: NDArray[np.generic]) -> Floats:
        """Return the half-width for each row's letter grade."""
        return np.array([self.quantile * self.scales[str(name)] for name in letters], float)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; an infinite quantile is null."""
        finite = self.quantile if np.isfinite(self.quantile) else None
        return {**vars(self), "quantile": finite}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Return the intervals that were written."""
        quantile = content["quantile"]
        return cls(
            float(content["level"]), float("inf") if quantile is None else float(quantile),
            {str(name): float(value) for name, value in content["scales"].items()},
            int(content["issuers"]),
        )  # fmt: skip


def _scales(errors: Floats, share: Floats, letters: NDArray[np.generic]) -> dict[str, float]:
    overall = float((share * errors**2).sum() / share.sum())
    scales = {}
    for name in LETTERS:
        here = letters == name
        squares = float((share[here] * errors[here] ** 2).sum()) + PRIOR_ISSUERS * overall
        scales[name] = float(np.sqrt(max(squares / (share[here].sum() + PRIOR_ISSUERS), 1e-12)))
    return scales
