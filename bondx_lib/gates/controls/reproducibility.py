"""Negative controls of the gates on reproducibility: what each must notice."""

from __future__ import annotations

from typing import Final

import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, replaced, some_rows


def changed_cells(panel: pd.DataFrame, cells: float, rng: Generator) -> pd.DataFrame:
    """Change the price of so many rows in the last digit; 0 changes nothing."""
    if cells == 0:
        return panel.copy()
    which = some_rows(panel, 100 * cells / len(panel), rng)
    values = panel["clean_price"].to_numpy()[which] * (1 + 1e-12)
    return replaced(panel, "clean_price", which, values)


CONTROLS: Final[dict[str, Control]] = {
    "redrawn": Control("prices changed in the last digit", "cells", (0.0, 1.0, 10.0),
                       changed_cells),
}  # fmt: skip
