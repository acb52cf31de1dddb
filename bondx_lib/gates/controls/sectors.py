"""Negative controls of the gates on ranks, ratings and sectors: traits that are turned around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib.gates.controls.base import Control, replaced, some_of
from bondx_lib.gates.sectors import LEVERAGE, MARGIN
from bondx_lib.schema import FIRST_SPECULATIVE, LETTERS

SHARES: Final = (5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0)
ISSUERS: Final = "% of issuers"
RATIOS: Final = ("leverage", "interest_coverage", "operating_margin_pct")
OPPOSITE: Final = {
    "Technology": "Industrial", "Industrial": "Technology",
    "Finance": "Healthcare", "Healthcare": "Finance",
    "Energy": "Consumer Goods", "Consumer Goods": "Energy",
}  # fmt: skip
"""Sectors whose ratios lie on either side of the others'."""
OTHER_END: Final = {"senior_secured": "subordinated", "subordinated": "senior_secured"}

Damage = Callable[[pd.DataFrame, float, Generator], pd.DataFrame]


def exchanged_words(column: str, words: dict[str, str], owner: str) -> Damage:
    """Return the damage that exchanges words, in all rows of a share of the bonds or issuers."""

    def damage(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
        which = some_of([owner], panel, percent, rng)
        changed = panel[column].iloc[which].replace(words).to_numpy(object)
        return replaced(panel, column, which, changed)

    return damage


def lost_call_flags(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Take the call flag from a share of the bonds."""
    return replaced(panel, "callable", some_of(["bond_id"], panel, percent, rng), False)


def turned_ratios(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Exchange accounts among a share of the issuers, the best ratios to the poorest.

    Within a month, each ratio for itself, so that its distribution stays as it was.
    """
    which = some_of(["issuer_id"], panel, percent, rng)
    rows = panel.iloc[which]
    changed = panel
    for name in RATIOS:
        ranks = rows.groupby("date")[name].rank(method="first")
        size = rows.groupby("date")[name].transform("size")
        order = pd.MultiIndex.from_arrays([rows["date"], size + 1 - ranks])
        values = pd.Series(rows[name].to_numpy(), pd.MultiIndex.from_arrays([rows["date"], ranks]))
        changed = replaced(changed, name, which, values.reindex(order).to_numpy())
    return changed


def accounts_of_other_grade(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Give a share of the issuers the leverage and margin of a rating far from their own."""
    which = some_of(["issuer_id"], panel, percent, rng)
    strong = panel["rating_number"].to_numpy()[which] < FIRST_SPECULATIVE
    usual = [dict(zip(LETTERS, each, strict=True)) for each in (LEVERAGE, MARGIN)]
    leverage = np.where(strong, 1.2 * usual[0]["CCC"], 0.8 * usual[0]["A"])
    margin = np.where(strong, 0.8 * usual[1]["B"], 1.2 * usual[1]["A"])
    changed = replaced(panel, "leverage", which, leverage)
    return replaced(changed, "operating_margin_pct", which, margin)


def shifted(sector: str, column: str, sign: int, low: float, high: float) -> Damage:
    """Return the damage that moves a ratio of one sector by an amount, in its range."""

    def damage(panel: pd.DataFrame, amount: float, rng: Generator) -> pd.DataFrame:
        which = np.flatnonzero(panel["sector"] == sector)
        moved = panel[column].to_numpy()[which] + sign * amount
        return replaced(panel, column, which, np.clip(moved, low, high))

    return damage


def other_loads_off_norm(panel: pd.DataFrame, percent: float, rng: Generator) -> pd.DataFrame:
    """Raise the power load of all sectors but Energy over its norm."""
    which = np.flatnonzero(panel["sector"] != "Energy")
    load = panel["utility_load_index"].to_numpy()[which] * (1 + percent / 100)
    return replaced(panel, "utility_load_index", which, np.minimum(load, 2000.0))


def _margins(sector: str, direction: str, sign: int) -> Control:
    return Control(
        f"points by which the margin of {sector} is {direction}", "% of sales",
        (1.0, 3.0, 6.0, 9.0, 12.0, 16.0, 20.0, 30.0),
        shifted(sector, "operating_margin_pct", sign, -200.0, 100.0),
    )  # fmt: skip


def _leverages(sector: str, direction: str, sign: int) -> Control:
    return Control(
        f"points by which the leverage of {sector} is {direction}", "ratio",
        (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6),
        shifted(sector, "leverage", sign, 0.0, 3.0),
    )  # fmt: skip


CONTROLS: Final[dict[str, Control]] = {
    "seniority_order": Control(
        "issuers whose secured and subordinated bonds change places", ISSUERS, SHARES,
        exchanged_words("seniority", OTHER_END, "issuer_id"),
    ),
    "callable_share": Control(
        "bonds that lose their call flag", "% of bonds",
        (5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0), lost_call_flags,
    ),
    "ratios_at_rating": Control(
        "issuers whose accounts are those of the other grade", ISSUERS,
        (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0), accounts_of_other_grade,
    ),
    "ratio_order": Control(
        "issuers whose accounts are turned around", ISSUERS, SHARES, turned_ratios
    ),
    "sector_technology": _margins("Technology", "lower", -1),
    "sector_finance": _leverages("Finance", "lower", -1),
    "sector_energy": Control(
        "percent by which the power load of other sectors lies over its norm", "%",
        (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 25.0), other_loads_off_norm,
    ),
    "sector_industrial": _margins("Industrial", "higher", 1),
    "sector_consumer_goods": _margins("Consumer Goods", "higher", 1),
    "sector_healthcare": _leverages("Healthcare", "higher", 1),
    "sector_profile": Control(
        "issuers whose sector is exchanged for its opposite", ISSUERS, SHARES,
        exchanged_words("sector", OPPOSITE, "issuer_id"),
    ),
}  # fmt: skip
