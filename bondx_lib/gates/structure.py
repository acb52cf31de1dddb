"""Range and structure: can these values be right?"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from bondx_lib import pricing, schema
from bondx_lib.gates.base import Bools, DataGate, Extent, Finding, Gate, RowGate, Setting, at_most
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import ALL_ROWS, Floats, Shares, Tally, first, grouped
from bondx_lib.gates.within import distances, odd_ones

DATE_TOLERANCE_YEARS: Final = 10 / 360
LONGEST_YEARS: Final = 100.0
FIRST_DATE, LAST_DATE = pd.Timestamp("1900-01-01"), pd.Timestamp("2199-12-31")

OF_BOND: Final = (
    "issuer_id", "seniority", "callable", "coupon_pct", "issue_date", "maturity_date",
    "amount_outstanding_usd",
)  # fmt: skip
"""What a bond keeps for life."""

OF_ISSUER: Final = ("issuer_name", "sector")
"""What an issuer keeps for life; the rating it shares among its bonds within a month."""

DISTANCE: Final = 3.5
"""Robust distances beyond this are outliers, the usual choice for a modified z-score."""

LEAST_SCALE: Final = {
    "spread_bps": 0.4, "volume_usd": 1.0, "clean_price": 0.4, "bid_ask_bps": 0.4,
}  # fmt: skip
"""Least scale of the robust distance, in logs, so that a quiet bond does not make a common move an
outlier. Times DISTANCE these are factors of 4 and 33. Of 551,000 baseline rows a few in a million
are that far out undamaged, and 99.9 % of the decimal slips of spreads and of the volumes in the
wrong unit."""

PER_NOTCH: Final = 0.18
"""Rise of the log spread per notch, so that a change of rating is no outlier: the slope of the log
of spread over market spread in 40 baseline draws of 600 bonds is 0.177."""


class ColumnsGate(DataGate):
    """A gate on the share of rows in which at least one column is wrong, naming the worst."""

    family = "structure"
    unit = "% of rows"
    watched: ClassVar[tuple[str, ...]]
    what: ClassVar[str]

    @abstractmethod
    def departures(self, part: Part) -> dict[str, Bools]:
        """Mark the rows that are wrong in each column; columns without any may be left out."""

    def count(self, part: Part) -> Tally[Shares]:
        """Count rows that are wrong at all, then by column."""
        marks = self.departures(part)
        wrong = np.zeros((len(part), 1 + len(self.watched)))
        for place, name in enumerate(self.watched, start=1):
            if name in marks:
                wrong[:, place] = marks[name]
        wrong[:, 0] = wrong.any(axis=1)
        some = np.flatnonzero(wrong.any(axis=0))
        rows = np.bincount(part.issuer).astype(float)
        hits = np.zeros((len(rows), wrong.shape[1]))
        if len(some):
            hits[:, some] = grouped(part.issuer, wrong[:, some])
        return Tally({ALL_ROWS: Shares.of(hits, rows)}, first(part.positions, wrong[:, 0] > 0))

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding over all rows."""
        shares = tally.slices[ALL_ROWS]
        found = at_most(self.name, ALL_ROWS, shares, setting, self.what, self.basis, tally.examples)
        if shares.hits[0] == 0:
            return (found,)
        worst = int(np.argmax(shares.hits[1:]))
        most = f"; most often {self.watched[worst]} ({shares.hits[1 + worst]:,.0f})."
        return (replace(found, message=found.message[:-1] + most),)


class Schema(ColumnsGate):
    """Share of rows with a filled cell outside the declared type, range or words.

    Identifiers' prefixes and the mark of simulated rows are the simulator's own and not asked.
    """

    name = "schema"
    catches = "values of the wrong type, out of range, or not an admissible word"
    what = "have a value outside its declared type, range or words"
    limit = 1.5
    severity = "block"
    false_alarm = 0.001
    watched = schema.names("panel")

    def departures(self, part: Part) -> dict[str, Bools]:
        """Mark the cells that depart from the declaration of their column."""
        found = {}
        for name, column in schema.TABLES["panel"].columns.items():
            if name in part.rows.columns:
                marks = departs(part.rows[name], column)
                if marks.any():
                    found[str(name)] = marks
        return found


def departs(values: pd.Series, column: Any) -> Bools:
    """Mark the filled cells that are not of a declared column's type, range or words."""
    kind = column.metadata["type"]
    words = [one.statistics["allowed_values"] for one in column.checks
             if "allowed_values" in one.statistics]  # fmt: skip
    if kind == "string":
        if not words:
            return np.zeros(len(values), bool)
        codes, known = pd.factorize(values)
        strange = np.append(~pd.Index(known).isin(list(words[0])), False)
        return np.asarray(strange[codes])
    if kind == "date":
        if pd.api.types.is_datetime64_any_dtype(values):
            return np.zeros(len(values), bool)
        return values.notna().to_numpy() & _as_dates(values).isna().to_numpy()
    numbers, filled = _as_numbers(values), values.notna().to_numpy()
    if kind == "bool":
        return np.asarray(filled & ~np.isin(numbers, (0.0, 1.0)))
    low, high = -np.inf, np.inf
    for check in column.checks:
        low = max(low, check.statistics.get("min_value", low))
        high = min(high, check.statistics.get("max_value", high))
    with np.errstate(invalid="ignore"):
        return np.asarray(filled & ~((numbers >= low) & (numbers <= high) & np.isfinite(numbers)))


def _as_numbers(values: pd.Series) -> Floats:
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(float, na_value=np.nan)
    return pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan)


def _as_dates(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values):
        return pd.Series(pd.NaT, index=values.index)
    return pd.to_datetime(values, errors="coerce", format="ISO8601")


class NegativeSpreads(RowGate):
    """Share of rows with a spread below zero."""

    name = "negative_spreads"
    family = "structure"
    catches = "credit spreads with the wrong sign"
    what = "have a negative spread"
    parameter = "negative_spreads_max_pct"
    severity = "block"
    false_alarm = 0.001
    columns = ("spread_bps",)

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows with a negative spread."""
        return rows["spread_bps"] < 0


class MaturityAnomalies(RowGate):
    """Share of rows whose maturity cannot be right.

    A row is anomalous if the bond matures before the row's date or its own issue, in more than a
    century, never, or at a date that disagrees with the stated remaining time by over ten days.
    The limit is so low that a single row of a small file passes it, so it is judged as a sample.
    """

    name = "maturity_anomalies"
    family = "structure"
    catches = "maturity dates that contradict issue date, row date or remaining time"
    what = "have an impossible maturity"
    parameter = "maturity_anomalies_max_pct"
    severity = "block"
    basis = "sample"
    false_alarm = 0.001
    columns = ("date", "issue_date", "maturity_date", "maturity_years")

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows whose maturity cannot be right."""
        return maturity_anomalies(rows)


def maturity_anomalies(panel: pd.DataFrame) -> pd.Series:
    """Mark the rows whose maturity cannot be right."""
    maturity = panel["maturity_date"]
    remaining = pricing.years_30_360(panel["date"], maturity)
    disagrees = (panel["maturity_years"] - remaining).abs() > DATE_TOLERANCE_YEARS
    return (
        maturity.isna()
        | panel["maturity_years"].isna()
        | (maturity <= panel["date"])
        | (maturity <= panel["issue_date"])
        | (remaining > LONGEST_YEARS)
        | disagrees
    )


class DuplicateRows(RowGate):
    """Share of rows that repeat world, bond and date of another."""

    name = "duplicate_rows"
    family = "structure"
    catches = "rows that are there twice"
    what = "repeat the bond and date of another"
    limit = 1.0
    severity = "block"
    false_alarm = 0.001
    columns = ("bond_id", "date")

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows that repeat one before; rows without a date repeat none."""
        keys = [name for name in ("world", "bond_id", "date") if name in rows.columns]
        same = rows["date"].notna() & rows["bond_id"].notna()
        for name in keys:
            same &= rows[name] == rows[name].shift()
        return same


class References(ColumnsGate):
    """Share of rows that disagree with the rest of their bond, or of their issuer.

    A bond keeps its issuer, terms and amount for life and an issuer its sector; the bonds of an
    issuer share a rating in a month. The less common value is the wrong one.
    """

    name = "references"
    catches = "terms that change during a bond's life, or differ within an issuer"
    what = "disagree with other rows of their bond or issuer"
    limit = 0.5
    severity = "warn"
    false_alarm = 0.001
    columns = ("bond_id", "date")
    watched = (*OF_BOND, *OF_ISSUER, "rating")

    def departures(self, part: Part) -> dict[str, Bools]:
        """Mark the rows with the less common value of their group."""
        found = {name: odd_ones(part.bond, part.rows[name])
                 for name in OF_BOND if name in part.rows.columns}  # fmt: skip
        if "issuer_id" not in part.rows.columns:
            return found
        for name in OF_ISSUER:
            if name in part.rows.columns:
                found[name] = odd_ones(part.issuer, part.rows[name])
        if "rating" in part.rows.columns:
            date = part.rows["date"]
            month = pd.factorize(12 * date.dt.year + date.dt.month, use_na_sentinel=False)[0]
            both = part.issuer * (int(month.max(initial=0)) + 1) + month
            found["rating"] = odd_ones(both, part.rows["rating"])
        return found


class ImpossibleDates(RowGate):
    """Share of rows whose dates cannot be right.

    No date at all or one outside 1900 to 2199, an observation not after the issue, an issue not
    before maturity.
    """

    name = "impossible_dates"
    family = "structure"
    catches = "observations before the issue, issues after maturity, dates out of this world"
    what = "have dates that cannot be right"
    limit = 0.5
    severity = "block"
    false_alarm = 0.001
    columns = ("date",)

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows whose dates cannot be right."""
        wrong = rows["date"].isna()
        for name in ("date", "issue_date", "maturity_date"):
            if name in rows.columns:
                wrong |= (rows[name] < FIRST_DATE) | (rows[name] > LAST_DATE)
        if "issue_date" in rows.columns:
            wrong |= rows["date"] <= rows["issue_date"]
            if "maturity_date" in rows.columns:
                wrong |= rows["issue_date"] >= rows["maturity_date"]
        return wrong


class MonthEnds(RowGate):
    """Share of rows that are not dated at the end of a month, by calendar or by business days."""

    name = "month_ends"
    family = "structure"
    catches = "observations that are not of a month end"
    what = "are not dated at the end of a month"
    limit = 1.0
    severity = "warn"
    false_alarm = 0.0
    columns = ("date",)

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows before the last business day of their month."""
        dates = rows["date"].drop_duplicates().dropna()
        last = dates.dt.normalize() + pd.offsets.MonthEnd(0)
        business = last - pd.to_timedelta((last.dt.day_of_week - 4).clip(lower=0), unit="D")
        return rows["date"].isin(dates[dates.dt.normalize() < business])

    def judged(self, rows: pd.DataFrame) -> Any:
        """Mark rows that have a date."""
        return rows["date"].notna()


class Outliers(ColumnsGate):
    r"""Share of rows with a value far from those of the same bond around it.

    With :math:`x` the logarithm of spread, volume, price or bid-ask, and :math:`m` its median from
    three rows before to three rows after, the distance is

    .. math:: \frac{|x - m|}{\max(1.4826 \operatorname{med} |x - m|,\ s)}

    where the outer median is over the bond. A crisis moves the rows around with it; an error of one
    to three months does not. One that lasts longer is a matter for the gates on levels. From the
    spread the market's level and what a change of rating explains are taken out first.
    """

    name = "outliers"
    catches = "decimal slips and wrong units: values far from the bond's own around them"
    what = "have a value far from those of the bond around it"
    limit = 2.0
    severity = "warn"
    false_alarm = 0.001
    columns = ("bond_id",)
    watched = tuple(LEAST_SCALE)

    def departures(self, part: Part) -> dict[str, Bools]:
        """Mark the outliers of each quantity."""
        return {
            name: distances(part.bond, _logs(part, name), scale) > DISTANCE
            for name, scale in LEAST_SCALE.items() if name in part.rows.columns
        }  # fmt: skip


def _logs(part: Part, name: str) -> Floats:
    values = _logarithm(part.numbers(name))
    if name != "spread_bps":
        return values
    if "market_spread_bps" in part.rows.columns:
        values = values - _explains(part, _logarithm(part.numbers("market_spread_bps")))
    if "rating_number" in part.rows.columns:
        values = values - PER_NOTCH * _explains(part, part.numbers("rating_number"))
    return values


def _explains(part: Part, values: Floats) -> Floats:
    """Return what explains spreads: zero for a bond of which nothing is known, else as it is."""
    known = np.isfinite(values)
    some = np.bincount(part.bond, known) > 0
    return np.where(known, values, np.where(some[part.bond], np.nan, 0.0))


def _logarithm(values: Floats) -> Floats:
    with np.errstate(all="ignore"):
        return np.where((values > 0) & np.isfinite(values), np.log(values), np.nan)


GATES: Final[tuple[Gate, ...]] = (
    Schema(), NegativeSpreads(), MaturityAnomalies(), DuplicateRows(), References(),
    ImpossibleDates(), MonthEnds(), Outliers(),
)  # fmt: skip
