"""Named random streams whose content does not depend on how much of a market is drawn.

A stream is keyed by (seed, path, name, part). What belongs to issuers is drawn in blocks of
:data:`BLOCK` issuer keys, each block from generators of its own and always whole, so the numbers
of issuer ``k`` are the same whether ten issuers are drawn or a million, in one go, in parts, or by
many workers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

BLOCK: Final = 256


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
        """Return the generator of a stream, at its beginning.

        Parameters
        ----------
        name
            What the numbers are for.
        part
            The block of issuers they belong to, 0 for what all share.
        """
        words = hashlib.sha256(f"{self.path}|{name}|{part}".encode()).digest()
        key = tuple(int.from_bytes(words[i : i + 4], "little") for i in range(0, 32, 4))
        return np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key))
        )
