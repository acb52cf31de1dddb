"""Negative controls of the gates on completeness: what each must notice."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.completeness import ESG, QUOTE, REQUIRED
from bondx_lib.gates.controls.base import Control, some_of, some_rows
from bondx_lib.gates.part import Part


def emptied_cells(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Empty a random share of all required cells, among the columns whose type has a null."""
    columns = _with_null(panel)
    chance = percent / 100 * len(REQUIRED) / len(columns)
    lost = pd.DataFrame(rng.random((len(panel), len(columns))) < chance, panel.index, columns)
    return panel.assign(**{name: panel[name].mask(lost[name]) for name in columns})


def emptied_columns(panel: pd.DataFrame, count: float, rng: Generator) -> pd.DataFrame:
    """Empty some required columns altogether."""
    names = rng.choice(_with_null(panel), round(count), replace=False)
    return panel.assign(**{name: panel[name].mask(np.ones(len(panel), bool)) for name in names})


def unscored_issuers(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Take all ESG scores from a share of the issuers."""
    without = np.isin(np.arange(len(panel)), some_of(["issuer_id"], panel, percent, rng))
    return panel.assign(**{name: panel[name].mask(without) for name in ESG})


def stale_quotes(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Give a share of the rows the quote of the month before."""
    part = Part(panel)
    before = np.full(len(panel), -1)
    later = part.previous >= 0
    before[part.positions[later]] = part.positions[part.previous[later]]
    which = some_rows(panel, percent, rng)
    which = which[before[which] >= 0]
    changed = panel.copy()
    for name in QUOTE:
        quote = changed[name].to_numpy(copy=True)
        quote[which] = panel[name].to_numpy()[before[which]]
        changed[name] = quote
    return changed


def lost_rows(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Leave out a share of the rows."""
    kept = np.ones(len(panel), bool)
    kept[some_rows(panel, percent, rng)] = False
    return panel[kept].reset_index(drop=True)


def _with_null(panel: pd.DataFrame) -> list[str]:
    keys = ("bond_id", "date", "issuer_id")
    return [
        name for name in REQUIRED
        if name not in keys and panel[name].dtype.kind not in "iub"
    ]  # fmt: skip


CONTROLS: Final[dict[str, Control]] = {
    "coverage": Control(
        "required cells that are emptied", "% of cells", (2, 5, 8, 9, 10, 11, 12, 15), emptied_cells
    ),
    "required_fields": Control(
        "required columns that are emptied", "columns", (1, 2, 4, 8, 16), emptied_columns
    ),
    "esg_missing": Control(
        "issuers that lose all ESG scores", "% of issuers", (2, 10, 20, 30, 40, 50, 60, 80),
        unscored_issuers,
    ),
    "freshness": Control(
        "rows with the quote of the month before", "% of rows",
        (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3), stale_quotes,
    ),
    "month_gaps": Control(
        "rows that are left out", "% of rows", (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3), lost_rows
    ),
}  # fmt: skip
