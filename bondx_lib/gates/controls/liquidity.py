"""Negative controls of the gates on liquidity: what each must notice."""

from __future__ import annotations

from typing import Final

from bondx_lib.gates.controls.base import Control

CONTROLS: Final[dict[str, Control]] = {}
