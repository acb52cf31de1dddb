"""What a whole market says in a month: medians of peers, for features that look sideways.

Some features compare a bond with its peers. Their medians are taken once over a whole panel, from a
few narrow columns, so that features can then be built part by part, some issuers at a time, and are
the same as if they had been built in one go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.features.grid import Grid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS: Final = (
    "world", "month", "bond_id", "issuer_id", "rating_number", "months_since_rating_change",
    "last_rating_move", "leverage", "operating_margin_pct", "interest_coverage",
    "equity_return_3m", "spread_bps", "yield_pct", "maturity_years",
)  # fmt: skip
"""All that the medians are made of."""
GROUPS: Final = 128
"""No kind of peer group has more groups than this in a month."""
NOTCHES_TO_A_GROUP: Final = 3
MEMORY_MONTHS: Final = 12


@dataclass(frozen=True)
class CrossSection:
    """Medians by month and peer group.

    Attributes
    ----------
    tables
        By name: the sorted keys of the groups, and the value of each.
    """

    tables: dict[str, tuple[Ints, Floats]]

    def at(self, name: str, keys: Ints) -> Floats:
        """Return the value of each key's group, NaN where the group was not seen."""
        known, values = self.tables[name]
        if len(known) == 0:
            return np.full(len(keys), np.nan)
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.where(known[place] == keys, values[place], np.nan)


def month_key(rows: pd.DataFrame) -> Ints:
    """Return one number for each world and month."""
    return np.asarray(
        (rows["world"].to_numpy(np.int64) * 1024 + rows["month"].to_numpy(np.int64)) * GROUPS
    )


def rating_key(rows: pd.DataFrame) -> Ints:
    """Return one number for each world, month and letter grade."""
    letter = rows["rating_number"].to_numpy(np.int64) // NOTCHES_TO_A_GROUP
    return np.asarray(month_key(rows) + letter)


def maturity_key(rows: pd.DataFrame) -> Ints:
    """Return one number for each world, month and rounded remaining maturity."""
    years = np.clip(np.round(rows["maturity_years"].to_numpy(float)), 0, GROUPS - 1)
    return np.asarray(month_key(rows) + np.nan_to_num(years).astype(np.int64))


def log_spread(rows: pd.DataFrame) -> Floats:
    """Return the log spread, NaN where the spread is not positive."""
    spread = rows["spread_bps"].to_numpy(float)
    return np.asarray(np.log(spread, where=spread > 0, out=np.full(len(rows), np.nan)))


def risk_free_gap(rows: pd.DataFrame) -> Floats:
    """Return yield less spread in per cent: the risk-free yield, if the quote agrees in itself."""
    return np.asarray(rows["yield_pct"].to_numpy(float) - rows["spread_bps"].to_numpy(float) / 100)


def recent_downgrade(rows: pd.DataFrame) -> Floats:
    """Return 1 just after a downgrade, fading over the year that follows."""
    last, age = (
        rows[name].to_numpy(float) for name in ("last_rating_move", "months_since_rating_change")
    )
    return np.asarray((last > 0) * np.exp(-age / MEMORY_MONTHS))


def measure(panel: pd.DataFrame) -> CrossSection:
    """Return the medians of a whole panel.

    Parameters
    ----------
    panel
        Rows in any order with at least :data:`COLUMNS`.
    """
    rows = panel[list(COLUMNS)].sort_values("month", kind="stable")
    grid = Grid(rows)
    month, rating = month_key(rows), rating_key(rows)
    logs = log_spread(rows)
    by_rating = {
        "leverage": rows["leverage"], "margin": rows["operating_margin_pct"],
        "coverage": rows["interest_coverage"], "log_spread": logs,
    }  # fmt: skip
    return CrossSection(
        {name: _median(np.asarray(values, float), rating) for name, values in by_rating.items()}
        | {
            "spread_jump": _median(grid.change(logs, grid.bond, 1), month),
            "equity_return": _median(rows["equity_return_3m"].to_numpy(float), month),
            "downgrades": _mean(recent_downgrade(rows), month),
            "risk_free": _median(risk_free_gap(rows), maturity_key(rows)),
        }
    )


def _median(values: Floats, keys: Ints) -> tuple[Ints, Floats]:
    return _table(pd.Series(values).groupby(keys).median())


def _mean(values: Floats, keys: Ints) -> tuple[Ints, Floats]:
    return _table(pd.Series(values).groupby(keys).mean())


def _table(found: pd.Series) -> tuple[Ints, Floats]:
    return np.asarray(found.index, np.int64), np.asarray(found, np.float64)
