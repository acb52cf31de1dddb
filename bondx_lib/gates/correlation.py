"""Correlation: do quantities move together as they should?"""

from __future__ import annotations

from typing import Final

from bondx_lib.gates.base import Gate

GATES: Final[tuple[Gate, ...]] = ()
