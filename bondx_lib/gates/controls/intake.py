"""Negative control of the gate on unreadable cells."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, some_rows
from bondx_lib.gates.intake import UNREADABLE, said


def unreadable_spreads(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Let the spread of a share of the rows be a word, as a reader of files notes it."""
    marked = np.zeros(len(panel), bool)
    marked[some_rows(panel, percent, rng)] = True
    note = said({"spread_bps": "n/a"})
    texts = pd.Series(note, panel.index, dtype="str").where(marked)
    return panel.assign(spread_bps=panel["spread_bps"].mask(marked), **{UNREADABLE: texts})


CONTROLS: Final[dict[str, Control]] = {
    "unreadable_cells": Control(
        "rows whose spread is a word", "% of rows", (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
        unreadable_spreads,
    ),
}  # fmt: skip
