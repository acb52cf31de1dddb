r"""Linear learner: ridge and logistic regression on standardised, bounded features.

.. math:: raw = b_0 + \sum_j b_j z_j, \qquad
          z_j = \mathrm{clip}\Big(\frac{x_j - m_j}{s_j}, -4, 4\Big)

with mean :math:`m` and deviation :math:`s` of the rows learnt from, and :math:`z = 0` where a
feature is missing. The rating, whose effect no straight line describes, is joined by its way
through each letter grade, so that every grade may have a slope of its own. Where the answer may
only rise or fall with a feature, slopes of the wrong sign are taken out and the rest is fitted
again. The penalty holds the size of the coefficients, so that many features may share what a few
hundred issuers can teach. With ``squares`` each feature bends once. Source: Hoerl and Kennard [19].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from bondx_lib.artefacts import read_json, write_json
from bondx_lib.errors import BadInput
from bondx_lib.models.learners.base import Floats, Lesson, Matrix, Settings

PENALTY: Final = {"value": 300.0, "event": 160.0}
BOUND: Final = 4.0
KINKED: Final = "rating_number"
KINKS: Final = (1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0)
"""Where the letter grades begin; the last ends with the ladder."""
END: Final = 22.0
CHUNK: Final = 65_536
PARTS: Final = ("centre", "scale", "coefficients")


class Linear:
    """A straight line in every feature."""

    name: ClassVar[str] = "linear"
    suffix: ClassVar[str] = ".json"

    def __init__(
        self,
        kinked: int,
        intercept: float,
        centre: Floats,
        scale: Floats,
        coefficients: Floats,
        *,
        squares: bool = False,
    ) -> None:
        self._kinked, self._intercept, self._squares = kinked, intercept, squares
        self._centre, self._scale, self._coefficients = centre, scale, coefficients
        self.chosen: dict[str, Any] = {}

    @property
    def coefficients(self) -> Floats:
        """Return the slope of each column of :meth:`design`."""
        return self._coefficients

    @classmethod
    def fit(cls, lesson: Lesson, settings: Settings, rng: Generator) -> Self:
        """Return the line that fits best under the penalty; no randomness is used."""
        kinked = lesson.columns.index(KINKED) if KINKED in lesson.columns else -1
        design = _design(lesson.matrix, kinked)
        constant = lesson.constant
        if constant is not None:
            empty = np.zeros(design.shape[1])
            return cls(kinked, constant, empty, empty + 1, empty)
        centre, scale = _moments(design, lesson.weight)
        squares = bool(settings.get("squares", False))
        rows = _bent(_standard(design, centre, scale), squares)
        penalty = float(settings.get("penalty", PENALTY[lesson.kind]))
        intercept, slopes = _fitted(rows, lesson, penalty, _signs(lesson, kinked, squares))
        return cls(kinked, intercept, centre, scale, slopes, squares=squares)

    def raw(self, matrix: Matrix) -> Floats:
        """Return the line's value, or its log-odds."""
        parts = [
            # Row by row, so that a row's answer does not depend on those beside it.
            self._intercept
            + np.einsum("ij,j->i", self.design(matrix[first : first + CHUNK]), self._coefficients)
            for first in range(0, len(matrix), CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def design(self, matrix: Matrix) -> Floats:
        """Return what the coefficients are multiplied with."""
        rows = _standard(_design(matrix, self._kinked), self._centre, self._scale)
        return _bent(rows, self._squares)

    def save(self, path: Path) -> None:
        """Write the coefficients as JSON."""
        values = (self._centre, self._scale, self._coefficients)
        write_json(
            path,
            {"kinked": self._kinked, "intercept": self._intercept, "squares": self._squares}
            | {name: value.tolist() for name, value in zip(PARTS, values, strict=True)},
        )

    @classmethod
    def load(cls, path: Path, features: int) -> Self:
        """Read the coefficients back."""
        content = read_json(path)
        try:
            kinked, intercept = int(content["kinked"]), float(content["intercept"])
            squares = bool(content["squares"])
            centre, scale, coefficients = (np.array(content[name], float) for name in PARTS)
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"is no linear learner: {error}", source=str(path)) from error
        wanted = features + (len(KINKS) if kinked >= 0 else 0)
        shapes = [part.shape for part in (centre, scale, coefficients)]
        if kinked >= features or shapes != [(wanted,), (wanted,), (wanted * (1 + squares),)]:
            raise BadInput("is not a line over its model's features", source=str(path))
        return cls(kinked, intercept, centre, scale, coefficients, squares=squares)


def _signs(lesson: Lesson, kinked: int, squares: bool) -> Floats:
    """Return the sign that each slope must have, 0 where it may have any."""
    signs = [float(lesson.monotone.get(name, 0)) for name in lesson.columns]
    if kinked >= 0:
        signs += [signs[kinked]] * len(KINKS)
    return np.array(signs + [0.0] * len(signs) * squares)


def _fitted(rows: Floats, lesson: Lesson, penalty: float, signs: Floats) -> tuple[float, Floats]:
    """Return intercept and slopes, those of a wrong sign taken out until there are none."""
    kept = np.ones(rows.shape[1], bool)
    while True:
        if lesson.kind == "value":
            line = Ridge(penalty)
        else:
            line = LogisticRegression(C=1 / penalty, solver="newton-cholesky", max_iter=100)
        line.fit(rows[:, kept], lesson.target, sample_weight=lesson.weight)
        slopes = np.zeros(rows.shape[1])
        slopes[kept] = np.ravel(line.coef_)
        wrong = signs * slopes < 0
        if not wrong.any():
            return float(np.ravel(line.intercept_)[0]), slopes
        kept &= ~wrong


def _design(matrix: Matrix, kinked: int) -> Floats:
    rows = matrix.astype(np.float64)
    if kinked < 0:
        return rows
    begin = np.array(KINKS)
    way = np.clip(rows[:, [kinked]] - begin, 0, np.append(begin[1:], END) - begin)
    return np.concatenate([rows, way], axis=1)


def _moments(design: Floats, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """Return mean and deviation of the known values of each column."""
    known = ~np.isnan(design)
    count = _total(known, weight)
    count = np.where(count > 0, count, 1)
    centre = _total(np.where(known, design, 0), weight) / count
    square = _total(np.where(known, (design - centre) ** 2, 0), weight) / count
    return centre, np.where(square > 1e-18, np.sqrt(square), 1.0)


def _total(values: NDArray[Any], weight: Floats | None) -> Floats:
    """Return the sum of each column, by weight if there is one."""
    # Not a product of matrices: its last digits may depend on the number of threads.
    if weight is None:
        return np.asarray(values.sum(axis=0))
    return np.asarray(np.einsum("i,ij->j", weight, values))


def _standard(design: Floats, centre: Floats, scale: Floats) -> Floats:
    return np.nan_to_num(np.clip((design - centre) / scale, -BOUND, BOUND), nan=0.0)


def _bent(rows: Floats, squares: bool) -> Floats:
    return np.concatenate([rows, rows**2], axis=1) if squares else rows
