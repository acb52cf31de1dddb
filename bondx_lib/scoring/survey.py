"""What one pass over all rows tells, and later passes need: medians, months, doubled rows.

Only a few narrow columns are kept of each row, with names as numbers, so that a survey of a million
rows takes about a hundred megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from bondx_lib import features
from bondx_lib.errors import BadInput
from bondx_lib.features import CrossSection
from bondx_lib.features.cross_section import COLUMNS
from bondx_lib.models import Panel
from bondx_lib.scoring import units
from bondx_lib.scoring.intake import label
from bondx_lib.scoring.problems import Problems

Ints = NDArray[np.int64]
Duplicates = Literal["refuse", "score"]

MOST_MONTHS: Final = 1000
MOST_SAMPLED: Final = 50_000
BALLAST_ROWS: Final = 32
"""Shown to the models behind the rows of each part and then dropped: products of matrices round the
last few rows of a panel in another way, and which rows are the last depends on the cut."""
NARROW: Final = {"world": np.int32, "rating_number": np.int32, "last_rating_move": np.int32}
DUPLICATES_HINT: Final = (
    'Score them all with --duplicates score (duplicates="score" in Python): a repeated row is a '
    "kind of damage that the anomaly model finds, and panels of a run hold such rows."
)


@dataclass(frozen=True)
class Facts:
    """What is true of a file as a whole.

    Attributes
    ----------
    rows
        How many.
    month_zero
        The month from which months are counted, in months since the year 0.
    market
        Medians of the peers.
    firsts
        The first row of each world and month in the order of bonds, which speaks for the economy
        of that month; columns of the panel.
    """

    rows: int
    month_zero: int
    market: CrossSection
    firsts: pd.DataFrame

    def panel(self, rows: pd.DataFrame) -> Panel:
        """Return rows with their features, and behind them ballast from worlds of its own."""
        ballast = self.firsts.iloc[np.zeros(BALLAST_ROWS, int)]
        worlds = self.firsts["world"].max() + 1 + np.arange(BALLAST_ROWS)
        shown = pd.concat([rows, ballast[rows.columns].assign(world=worlds)], ignore_index=True)
        shown["month"] = months(shown["date"]) - self.month_zero
        return Panel.of(shown, self.market)


class Survey:
    """Takes rows batch by batch; in the end it says what is true of all of them."""

    def __init__(self, problems: Problems, duplicates: Duplicates = "refuse") -> None:
        self._problems = problems
        self._duplicates = duplicates
        self._bonds: dict[str, int] = {}
        self._issuers: dict[str, int] = {}
        self._kept: list[pd.DataFrame] = []
        self._sample: list[pd.DataFrame] = []
        self._stride = 1
        self._days: dict[tuple[int, int], pd.Timestamp] = {}
        self._offsets: dict[int, float] = {}
        self._firsts = pd.DataFrame()
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Take some rows; once a row is unusable only problems matter."""
        self._rows += len(table)
        if self._problems.count:
            return
        rows = table.to_pandas()
        month = months(rows["date"])
        self._check_months(rows, month, table)
        rows["month"] = month
        self._check_days(rows)
        self._take_sample(rows)
        self._take_firsts(rows)
        self._kept.append(self._narrow(rows))

    def finish(self) -> Facts:
        """Return what is true of all rows.

        Raises
        ------
        BadInput
            When a row is unusable or stands there twice, a bond changes its issuer, a month has
            several dates, there are too many months or no row at all, or a column is in another
            unit.
        """
        source = self._problems.source
        self._problems.refuse()
        if self._rows == 0:
            raise BadInput("has no rows", source=source)
        units.refuse(units.find(pd.concat(self._sample)), source)
        kept = pd.concat(self._kept, ignore_index=True)
        self._kept.clear()
        zero = self._check_span(kept["month"])
        self._check_issuers(kept)
        if self._duplicates == "refuse":
            self._check_doubled(kept)
        kept["month"] -= zero
        return Facts(self._rows, zero, features.measure(kept), self._firsts)

    def _narrow(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what the medians are made of, in as few bytes as hold it exactly."""
        kept = rows[list(COLUMNS)].astype({**NARROW, "month": np.int32})
        kept["bond_id"] = _numbered(rows["bond_id"], self._bonds)
        kept["issuer_id"] = _numbered(rows["issuer_id"], self._issuers)
        return kept

    def _check_months(self, rows: pd.DataFrame, month: Ints, table: pa.Table) -> None:
        """Note months that do not go with their dates, as the first one of their world does."""
        offset = (rows["month"] - month).to_numpy(float)
        worlds, first, back = np.unique(
            rows["world"].to_numpy(), return_index=True, return_inverse=True
        )
        starts = [
            self._offsets.setdefault(int(w), offset[f]) for w, f in zip(worlds, first, strict=True)
        ]
        expected = np.array(starts)[back]
        wrong = np.flatnonzero((offset != expected) & ~np.isnan(offset))

        def words(which: int) -> str:
            place = int(wrong[which])
            value, due = rows["month"].iloc[place], month[place] + expected[place]
            return (
                f"{label(table, place)}month: does not go with its date (got {value:g}); "
                f"admissible: {due:g}, as in the rows before"
            )

        self._problems.note(rows["row"].to_numpy()[wrong], words)

    def _check_days(self, rows: pd.DataFrame) -> None:
        """See that each month has one date."""
        found = rows[["world", "month", "date"]].drop_duplicates()
        for world, month, date in found.itertuples(index=False):
            known = self._days.setdefault((int(world), int(month)), date)
            if known != date:
                raise BadInput(
                    f"{known:%Y-%m-%d} and {date:%Y-%m-%d} stand in one month",
                    source=self._problems.source, key="date",
                    admissible="one row per bond and month, at the month's end",
                )  # fmt: skip

    def _check_span(self, month: pd.Series) -> int:
        first, last = int(month.min()), int(month.max())
        if last - first >= MOST_MONTHS:
            raise BadInput(
                "spans too many months", source=self._problems.source, key="date",
                value=f"{_year_month(first)} to {_year_month(last)}",
                admissible=f"at most {MOST_MONTHS} months",
            )  # fmt: skip
        return first

    def _check_issuers(self, kept: pd.DataFrame) -> None:
        """See that a bond has one issuer: histories of both are kept together."""
        pairs = kept[["world", "bond_id", "issuer_id"]].drop_duplicates()
        again = pairs[pairs.duplicated(["world", "bond_id"])]
        names = list(self._bonds) if len(again) else []

        def words(which: int) -> str:
            bond = names[again["bond_id"].iloc[which]]
            return f"({bond}) issuer_id: is not the one that the bond had before"

        self._problems.note(again.index.to_numpy(), words)
        self._problems.refuse()

    def _check_doubled(self, kept: pd.DataFrame) -> None:
        keys = kept[["world", "bond_id", "month"]]
        rows = np.flatnonzero(keys.duplicated().to_numpy())
        names = list(self._bonds) if len(rows) else []

        def words(which: int) -> str:
            world, bond, month = key = keys.iloc[rows[which]]
            before = int((keys == key).all(axis=1).to_numpy().argmax())
            date = self._days[world, month]
            return (
                f"({names[bond]}, {date:%Y-%m-%d}) has the world, bond_id and date of row "
                f"{before + 1}"
            )

        self._problems.note(rows, words)
        self._problems.refuse(DUPLICATES_HINT)

    def _take_sample(self, rows: pd.DataFrame) -> None:
        """Keep every so manieth row for medians, ever fewer as the file goes on."""
        sample = rows.set_index("row")[list(units.COLUMNS)]
        self._sample.append(sample[sample.index % self._stride == 0])
        while sum(map(len, self._sample)) > MOST_SAMPLED:
            self._stride *= 2
            self._sample = [part[part.index % self._stride == 0] for part in self._sample]

    def _take_firsts(self, rows: pd.DataFrame) -> None:
        keys = ["world", "month"]
        low = rows.sort_values([*keys, "bond_id"], kind="stable").drop_duplicates(keys)
        both = pd.concat([self._firsts, low], ignore_index=True)
        both = both.sort_values([*keys, "bond_id"], kind="stable")
        self._firsts = both.drop_duplicates(keys).reset_index(drop=True)


def months(dates: pd.Series) -> Ints:
    """Return the months of dates, counted from the year 0."""
    return np.asarray(12 * dates.dt.year + dates.dt.month - 1, np.int64)


def _year_month(month: Any) -> str:
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def _numbered(names: pd.Series, known: dict[str, int]) -> NDArray[np.int32]:
    """Return a number for each name, the same in all batches."""
    codes, distinct = pd.factorize(names)
    numbers = [known.setdefault(str(name), len(known)) for name in distinct]
    return np.array(numbers, np.int32)[codes]
