"""Realism: does one variation show what is published of the real market?"""

from __future__ import annotations

from typing import Final

from bondx_lib.gates.base import Gate

GATES: Final[tuple[Gate, ...]] = ()
