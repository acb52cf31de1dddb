"""Models: can they be relied upon?"""

from __future__ import annotations

from typing import Final

from bondx_lib.gates.base import Gate

GATES: Final[tuple[Gate, ...]] = ()
