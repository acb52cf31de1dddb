"""Business logic: do the columns of a row, and the rows of a bond, agree with one another?"""

from __future__ import annotations

from typing import Final

from bondx_lib.gates.base import Gate

GATES: Final[tuple[Gate, ...]] = ()
