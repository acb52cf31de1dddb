r"""Draw more of some segments, and the weights that undo it.

A mix names segments, a sector or a letter grade, and how many times as often their issuers shall be
drawn as others. A seat :math:`i` with sector :math:`s` and letter :math:`l` is kept with the chance

.. math:: \pi_i = \frac{f_s\,f_l}{\max_s f_s \; \max_l f_l}

so the rest is thinned out and nothing is drawn twice. The letter is that of the first observation;
a seat that is empty then has none, and its factor is 1. What a seat holds does not depend on the
mix: only who is kept does, by uniform numbers of a stream of their own. The weight of all rows of a
seat that is kept is

.. math:: w_i = \frac{1}{\pi_i} \cdot \frac{\sum_j b_j\,\pi_j}{\sum_j b_j}

with :math:`b_j` bonds in seat :math:`j`, kept or not, of all blocks gone through. So weights have
the mean 1 over the bonds in expectation, not in every draw. To make it so in every draw would bias
it: a draw of 150 bonds holds some forty issuers, and a ratio of two sums over so few gives steered
segments too much (``docs/decisions/0014``). Source: Horvitz and Thompson [27].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib.errors import BadInput, nearest
from bondx_lib.market.issuers import BURN_IN, Issuers
from bondx_lib.market.streams import BLOCK, Streams
from bondx_lib.schema import LETTERS, RATINGS, SECTORS, letter

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STREAM: Final = "mix"
MOST: Final = 10.0
"""A segment is drawn at most so many times as often."""
SECTOR_SEGMENTS: Final = tuple(f"sector={name}" for name in SECTORS)
LETTER_SEGMENTS: Final = tuple(f"rating={name}" for name in LETTERS)
SEGMENTS: Final = (*SECTOR_SEGMENTS, *LETTER_SEGMENTS)

_LETTER_OF_NOTCH: Final = np.array([LETTERS.index(letter(rating)) for rating in RATINGS])


@dataclass(frozen=True)
class Mix:
    """How many times as often the issuers of some segments are drawn as others.

    Attributes
    ----------
    factors
        From a segment, such as ``rating=CCC`` or ``sector=Energy``, to a factor in [1, 10]; those
        of a sector and a letter multiply. Empty: a plain draw.

    Raises
    ------
    BadInput
        When a segment is not known, naming the nearest, or a factor is out of range.

    Examples
    --------
    >>> Mix({"rating=CCC": 3.0, "sector=Energy": 2}).largest
    6.0
    """

    factors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the factors and keep them in the order of segments."""
        for segment, factor in self.factors.items():
            _check(segment, factor)
        ordered = {name: float(self.factors[name]) for name in SEGMENTS if name in self.factors}
        object.__setattr__(self, "factors", ordered)

    @property
    def largest(self) -> float:
        """Return the largest product of factors that a seat can have."""
        return float(self._of(SECTOR_SEGMENTS).max() * self._of(LETTER_SEGMENTS).max())

    def inclusion(self, firms: Issuers) -> Floats:
        """Return the chance that each seat of a block is kept, in (0, 1]."""
        notch = firms.rating[BURN_IN]
        rated = (notch >= 1) & (notch <= len(RATINGS))
        by_letter = self._of(LETTER_SEGMENTS)[_LETTER_OF_NOTCH[np.where(rated, notch, 1) - 1]]
        factor = self._of(SECTOR_SEGMENTS)[firms.sector] * np.where(rated, by_letter, 1.0)
        return np.asarray(factor / self.largest)

    def kept(self, streams: Streams, firms: Issuers) -> Bools:
        """Say which seats of a block are kept."""
        uniform = streams.common(STREAM, firms.first // BLOCK).random(BLOCK)
        return np.asarray(uniform < self.inclusion(firms))

    def _of(self, segments: tuple[str, ...]) -> Floats:
        return np.array([self.factors.get(segment, 1.0) for segment in segments])


def _check(segment: str, factor: float) -> None:
    if segment not in SEGMENTS:
        raise BadInput(
            "is not a segment that can be drawn more often", source="mix", key=str(segment),
            admissible=", ".join(SEGMENTS), nearest=nearest(str(segment), SEGMENTS),
        )  # fmt: skip
    number = isinstance(factor, (int, float, np.integer, np.floating)) and not isinstance(
        factor, bool
    )
    if not number or not 1 <= factor <= MOST:
        raise BadInput(
            "is no factor of a mix", source="mix", key=segment, value=factor,
            admissible=f"a number from 1 to {MOST:g}",
        )  # fmt: skip
