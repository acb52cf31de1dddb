"""Statistics: is this the distribution that models were made for?"""

from __future__ import annotations

from typing import Final

from bondx_lib.gates.base import Gate

GATES: Final[tuple[Gate, ...]] = ()
