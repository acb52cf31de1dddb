"""Named random streams whose content does not depend on how much of them is asked for.

Every stream is keyed by (seed, path, name). Streams that belong to issuers or bonds are drawn in
blocks of :data:`BLOCK` keys, each block from its own generator and key after key within it, so the
numbers of key ``k`` are the same whether ten keys are drawn or a million, in one go or in parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

BLOCK: Final = 256

Floats = NDArray[np.float64]
Draw = Callable[[Generator, tuple[int, ...]], Floats]


@dataclass(frozen=True)
class Streams:
    """The random numbers of one simulated world.

    Parameters
    ----------
    seed
        The run's one seed.
    path
        Which draw this is, for example ``epoch/0003/draw/0/world/0``.
    """

    seed: int
    path: str

    def common(self, name: str, part: int = 0) -> Generator:
        """Return the generator of a stream that belongs to no issuer."""
        words = hashlib.sha256(f"{self.path}|{name}|{part}".encode()).digest()
        key = tuple(int.from_bytes(words[i : i + 4], "little") for i in range(0, 32, 4))
        return np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key))
        )

    def normal(self, name: str, start: int, stop: int, *shape: int) -> Floats:
        """Return standard normal numbers of the keys ``start`` to ``stop``, key axis first."""
        return self._keyed(name, start, stop, shape, lambda rng, size: rng.standard_normal(size))

    def uniform(self, name: str, start: int, stop: int, *shape: int) -> Floats:
        """Return uniform numbers in [0, 1) of the keys ``start`` to ``stop``, key axis first."""
        return self._keyed(name, start, stop, shape, lambda rng, size: rng.random(size))

    def _keyed(
        self, name: str, start: int, stop: int, shape: tuple[int, ...], draw: Draw
    ) -> Floats:
        parts = []
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first = block * BLOCK
            count = min(stop, first + BLOCK) - first
            drawn = draw(self.common(name, block), (count, *shape))
            parts.append(drawn[max(start - first, 0) :])
        return np.concatenate(parts) if parts else np.empty((0, *shape))
