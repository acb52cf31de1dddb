"""Which columns of a file are read, which are worked out from others, and which are not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from bondx_lib import pricing, schema
from bondx_lib.errors import BadInput, nearest
from bondx_lib.intake import Source, sources
from bondx_lib.validation.column_map import COLUMNS, ColumnMap

KEYS: Final = ("bond_id", "date")
"""Without these, rows have nothing to do with one another."""
OWN_MARKS: Final = ("synthetic", "world", "month", "issuer_name")
"""What a simulated panel has and a file from elsewhere need not have."""
NOT_CHECKED: Final = "nothing was checked (--map says what a column is called in the file)"


@dataclass(frozen=True)
class Derivation:
    """How a column is worked out where a file lacks it.

    Attributes
    ----------
    needs
        The columns that it is made of.
    compute
        From rows with these to the column.
    words
        How, for a reader.
    moot
        Gates that would hold the column against what it was made of.
    """

    needs: tuple[str, ...]
    compute: Callable[[pd.DataFrame], Any]
    words: str
    moot: tuple[str, ...]


def _bid_ask_bps(rows: pd.DataFrame) -> Any:
    bid, ask = rows["bid_price"].to_numpy(float), rows["ask_price"].to_numpy(float)
    with np.errstate(all="ignore"):
        return 2e4 * (ask - bid) / (ask + bid)


DERIVED: Final[dict[str, Derivation]] = {
    "rating_number": Derivation(
        ("rating",), lambda rows: rows["rating"].astype(object).map(schema.RATING_NUMBER),
        "from rating", ("rating_number",),
    ),
    "maturity_years": Derivation(
        ("date", "maturity_date"),
        lambda rows: pricing.years_30_360(rows["date"], rows["maturity_date"]),
        "from date and maturity_date, 30/360", (),
    ),
    "age_years": Derivation(
        ("date", "issue_date"), lambda rows: pricing.years_30_360(rows["issue_date"], rows["date"]),
        "from issue_date and date, 30/360", ("age",),
    ),
    "bid_ask_bps": Derivation(
        ("bid_price", "ask_price"), _bid_ask_bps, "from bid_price and ask_price", ("bid_ask",)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What is done with the columns of a file.

    Attributes
    ----------
    read
        Our name to theirs, of the columns that are read, in the order of the panel.
    derived
        Columns that the file lacks and that are worked out.
    absent
        Columns of the panel that the file has no values for.
    ignored
        Columns of the file that nothing is done with.
    """

    read: dict[str, str]
    derived: tuple[str, ...]
    absent: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def moot(self) -> frozenset[str]:
        """Return the gates that would hold a derived column against what it was made of."""
        return frozenset(gate for name in self.derived for gate in DERIVED[name].moot)

    def with_derived(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows with the columns that the file lacks and others give."""
        made = {name: np.asarray(DERIVED[name].compute(rows), float) for name in self.derived}
        return rows.assign(**made)


def plan(source: Source, names: ColumnMap) -> Layout:
    """Return what to do with the columns of a file.

    Raises
    ------
    BadInput
        When a column stands there twice, the map names one that is not there, or bond or date is
        missing.
    """
    sources.check_header(source)
    _check_map(source, names)
    read = {name: names.theirs(name) for name in COLUMNS if names.theirs(name) in source.columns}
    free = [name for name in source.columns if name not in read.values()]
    missing = [name for name in KEYS if name not in read]
    if missing:
        meant = {name: nearest(name, free) for name in missing}
        raise sources.missing_columns(source, meant, NOT_CHECKED)
    derived = tuple(
        name for name, how in DERIVED.items()
        if name not in read and all(need in read for need in how.needs)
    )  # fmt: skip
    absent = [name for name in COLUMNS if name not in (*read, *derived, *OWN_MARKS)]
    return Layout(read, derived, tuple(absent), tuple(free))


def _check_map(source: Source, names: ColumnMap) -> None:
    """Check that what is mapped is there."""
    for ours, theirs in names.columns.items():
        if theirs not in source.columns:
            raise BadInput(
                f"is no column of {source.name}", source=names.source, key=f"columns.{ours}",
                value=theirs, nearest=nearest(theirs, source.columns),
            )  # fmt: skip
    for block, entries in (("scale", names.scale), ("values", names.values)):
        for ours in entries:
            if names.theirs(ours) not in source.columns:
                raise BadInput(
                    f"is no column of {source.name}", source=names.source, key=f"{block}.{ours}",
                    nearest=nearest(ours, source.columns),
                )  # fmt: skip
