"""Business logic through time: labels, ratings and figures of a month against those around it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.gates.agreement import Agreement
from bondx_lib.gates.base import Bools, Gate
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import Floats, Ints
from bondx_lib.gates.within import odd_ones
from bondx_lib.schema import LABEL_HORIZON_MONTHS

HORIZON: Final = LABEL_HORIZON_MONTHS["downgrade_12m"]
OLDEST_MONTHS: Final = 120
"""Beyond this the age of a rating is not told apart."""
SAME: Final = 1e-6
"""Relative difference below which two figures are one, written in another number of digits."""

OF_ISSUER: Final = (
    "leverage", "interest_coverage", "operating_margin_pct", "current_ratio", "size_log_assets",
    "cash_flow_margin_pct", "equity_return_3m", "equity_volatility", "esg_score",
)  # fmt: skip
OF_MARKET: Final = (
    "treasury_2y_pct", "treasury_5y_pct", "treasury_10y_pct", "market_spread_bps",
    "equity_index_volatility", "funding_spread_bps",
)  # fmt: skip
MONTHS_OF_TIME: Final = 12 * 10_000


def months(part: Part) -> Ints:
    """Return the month of each row, counted from the year 0; −1 where there is no date."""
    date = part.rows["date"]
    found = (12 * date.dt.year + date.dt.month - 1).to_numpy(float, na_value=-1.0)
    return np.asarray(found, np.int64)


class DowngradePath(Agreement):
    """Share of rows whose downgrade label contradicts the issuer's ratings.

    The label must be 1 if the rating is seen to worsen within the next twelve months and 0 if all
    twelve are seen without. An issuer that is not seen in all of them may have defaulted, or its
    rating may have been withdrawn, so that either is right. The label may be missing only if the
    twelve months pass the end of the data; it may be known from elsewhere even then.
    """

    name = "downgrade_path"
    catches = "downgrade labels that the ratings contradict"
    what = "have a downgrade label that their issuer's ratings contradict"
    limit = 0.5
    severity = "block"
    false_alarm = 0.001
    columns = ("downgrade_12m", "rating_number", "date", "issuer_id")

    def excess(self, part: Part) -> Any:
        """Return 1 where label and ratings contradict one another."""
        month, label = months(part), part.numbers("downgrade_12m")
        worsens, seen = ahead(part, month)
        last = _last_month(part, month)
        missing = np.isnan(label)
        wrong = np.where(label > 0, (seen == HORIZON) & ~worsens, worsens)
        wrong = np.where(missing, month + HORIZON <= last, wrong)
        # A label that may be missing, and is, has not been judged.
        return np.where((month < 0) | (missing & ~wrong), np.nan, wrong)


def ahead(part: Part, month: Ints) -> tuple[Bools, Ints]:
    """Return whether the rating worsens within the horizon, and how many of its months are seen.

    An issuer's rating in a month is the middle one of its rows.
    """
    key = part.issuer * MONTHS_OF_TIME + month
    number = part.numbers("rating_number")
    known = np.flatnonzero(np.isfinite(number) & (month >= 0))
    order = known[np.lexsort((number[known], key[known]))]
    keys, begin, count = np.unique(key[order], return_index=True, return_counts=True)
    rating = number[order][begin + (count - 1) // 2]
    same = keys[1:] // MONTHS_OF_TIME == keys[:-1] // MONTHS_OF_TIME
    worse = np.zeros(len(keys) + 1, np.int64)
    worse[2:] = np.cumsum(same & (rating[1:] > rating[:-1]))
    first, stop = (np.searchsorted(keys, key + step, side="right") for step in (0, HORIZON))
    return worse[stop] > worse[first], np.asarray(stop - first, np.int64)


def _last_month(part: Part, month: Ints) -> Ints:
    """Return the last month of each row's world."""
    world = np.zeros(len(part), np.int64)
    if "world" in part.rows.columns:
        world = pd.factorize(part.rows["world"], use_na_sentinel=False)[0].astype(np.int64)
    last = np.full(int(world.max(initial=0)) + 1, -1)
    np.maximum.at(last, world, month)
    return np.asarray(last[world])


class RatingMoves(Agreement):
    """Share of rows whose last move or age of the rating is not that of the month before, moved on.

    Judged are rows whose bond is there the month before. A change makes the age at most one month
    and the move its direction; without one the age grows by a month and the move stays.
    """

    name = "rating_moves"
    catches = "age or last move of a rating that its path does not give"
    what = "have a last rating move or rating age that the month before does not give"
    limit = 0.5
    severity = "warn"
    false_alarm = 0.001
    columns = (
        "rating_number", "last_rating_move", "months_since_rating_change", "date", "bond_id",
    )  # fmt: skip

    def excess(self, part: Part) -> Any:
        """Return 1 where move or age does not follow."""
        before, follows = _month_before(part)
        rating, move, age = (part.numbers(name) for name in self.columns[:3])
        change = np.sign(rating - rating[before])
        grown = np.abs(age - np.minimum(age[before] + 1, OLDEST_MONTHS)) <= 0.5
        grown |= np.minimum(age, age[before]) >= OLDEST_MONTHS
        fresh = (age >= 0) & (age <= 1)
        right = np.where(change == 0, grown & (move == move[before]), fresh & (move == change))
        return np.where(follows & ~np.isnan(change + move + move[before] + age + age[before]),
                        ~right, np.nan)  # fmt: skip


class ShockLabel(Agreement):
    """Share of rows whose shock label is not the shock of the bond's next month.

    Judged are rows whose bond is there the month after.
    """

    name = "shock_label"
    catches = "liquidity shock labels that the next month contradicts"
    what = "have a shock label that the next month contradicts"
    limit = 0.5
    severity = "block"
    false_alarm = 0.001
    columns = ("liquidity_shock_1m", "liquidity_shock", "date", "bond_id")

    def excess(self, part: Part) -> Any:
        """Return 1 where the label is not the shock of the month after."""
        before, follows = _month_before(part)
        later = np.full(len(part), -1)
        later[before[follows]] = np.flatnonzero(follows)
        label, shock = part.numbers("liquidity_shock_1m"), part.numbers("liquidity_shock")
        return np.where((later >= 0) & ~np.isnan(shock[later]), label != shock[later], np.nan)


def _month_before(part: Part) -> tuple[Ints, Bools]:
    """Return the bond's row at an earlier date, and whether that is the month before."""
    month, before = months(part), part.previous
    return before, (before >= 0) & (month[before] == month - 1) & (month[before] >= 0)


class AccountsQuarterly(Agreement):
    """Share of rows whose leverage changed both this month and the month before.

    Accounts are published by the quarter, so a ratio that moves in two months running has been
    interpolated, or scaled by something that moves each month.
    """

    name = "accounts_quarterly"
    catches = "accounts that change more often than they are published"
    what = "have a leverage that changed two months running"
    limit = 5.0
    severity = "warn"
    false_alarm = 0.0
    columns = ("leverage", "date", "bond_id")

    def excess(self, part: Part) -> Any:
        """Return 1 where both changes are there; NaN without two months before."""
        before, follows = _month_before(part)
        value = part.numbers("leverage")
        moved = np.abs(value - value[before]) > SAME * np.abs(value)
        known = follows & follows[before] & ~np.isnan(value + value[before] + value[before[before]])
        return np.where(known, moved & moved[before], np.nan)


class _Shared(Agreement):
    """A gate on figures that are one for all rows of a month: of the issuer, or of the market."""

    limit = 0.5
    severity = "warn"
    false_alarm = 0.0
    shared: ClassVar[tuple[str, ...]]

    def groups(self, part: Part) -> Ints:
        """Return whom a row belongs to, from 0."""
        raise NotImplementedError

    def excess(self, part: Part) -> Any:
        """Return 1 where a figure is not the most common one of its group and month."""
        month = months(part)
        group = np.unique(self.groups(part) * MONTHS_OF_TIME + month, return_inverse=True)[1]
        there = [name for name in self.shared if name in part.rows.columns]
        odd = np.zeros(len(part), bool)
        for name in there:
            odd |= _odd_numbers(group, part.numbers(name))
        return np.where((month >= 0) & bool(there), odd, np.nan)


class IssuerFigures(_Shared):
    """Share of rows whose accounts, equity figures or ESG score differ within issuer and month."""

    name = "issuer_figures"
    catches = "accounts that belong to another issuer or another month"
    what = "have other accounts, equity figures or ESG score than their issuer in the month"
    columns = ("date", "issuer_id")
    shared = OF_ISSUER

    def groups(self, part: Part) -> Ints:
        """Return the issuer."""
        return part.issuer


class MarketFigures(_Shared):
    """Share of rows whose figures of the market differ from those of others in the month."""

    name = "market_figures"
    catches = "risk-free yields or market indicators that belong to another month"
    what = "have other risk-free yields or market indicators than the rest of the month"
    columns = ("date",)
    shared = OF_MARKET

    def groups(self, part: Part) -> Ints:
        """Return the world."""
        if "world" not in part.rows.columns:
            return np.zeros(len(part), np.int64)
        return pd.factorize(part.rows["world"], use_na_sentinel=False)[0].astype(np.int64)


def _odd_numbers(group: Ints, values: Floats) -> Bools:
    """Mark the known values that are not the most common one of their group.

    Most groups agree, so only those with a range are looked at.
    """
    size = int(group.max(initial=-1)) + 1
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    known = ~np.isnan(values)
    np.minimum.at(low, group[known], values[known])
    np.maximum.at(high, group[known], values[known])
    mixed = known & _apart(low, high)[group]
    odd: NDArray[np.bool_] = np.zeros(len(values), bool)
    where = np.flatnonzero(mixed)
    if len(where):
        odd[where] = odd_ones(group[where], pd.Series(_alike(group[where], values[where])))
    return odd


def _alike(group: Ints, values: Floats) -> Ints:
    """Return a number for each value, one for those of a group that differ in the last digits."""
    order = np.lexsort((values, group))
    own, value = group[order], values[order]
    new = (own[1:] != own[:-1]) | _apart(value[:-1], value[1:])
    number = np.empty(len(values), np.int64)
    number[order] = np.append(0, np.cumsum(new))
    return number


def _apart(low: Floats, high: Floats) -> Bools:
    """Say whether two values differ by more than what digits leave."""
    with np.errstate(invalid="ignore"):
        return np.asarray((high - low) > SAME * np.minimum(np.abs(low), np.abs(high)))


GATES: Final[tuple[Gate, ...]] = (
    DowngradePath(), RatingMoves(), ShockLabel(), AccountsQuarterly(), IssuerFigures(),
    MarketFigures(),
)  # fmt: skip
