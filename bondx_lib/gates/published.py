r"""A published figure, and how the rows of one variation show it.

A fact has what adds up over parts of the rows, and how the statistic and its interval between
issuers are read from the sums (:mod:`.shown`). :class:`Realism` holds the facts of one kind against
the published values; which there are, and why others are left out, stands in :mod:`.realism`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from bondx_lib.gates.base import (
    DataGate,
    Extent,
    Finding,
    Setting,
    nothing,
    scalar,
    within,
)
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import (
    Interval,
    Moments,
    Shares,
    Tally,
)
from bondx_lib.market import facts
from bondx_lib.schema import LETTERS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Sums = Shares | Moments

PATHS: Final = {
    "oas_ratio.A.p50": 0.73,
    "oas_ratio.BB.p50": 0.75,
    "oas_ratio.B.p50": 0.92,
    "half_spread.A": 0.13,
    "half_spread.BBB": 0.14,
    "half_spread.BB": 0.16,
    "half_spread.B": 0.18,
    "half_spread.CCC": 0.21,
    "bid_ask.weekly_median": 0.3,
    "zero_trading_days": 0.26,
    "turnover.quarter": 0.25,
    "liquidity.volume_by_age": 0.07,
    "coupon_step.twentieth": 0.08,
    "coupon_step.eighth": 0.23,
    "seniority.senior_unsecured": 0.2,
    "seniority.senior_secured": 0.12,
    "seniority.subordinated": 0.2,
    "issue_size.p50": 0.06,
    "ig_bond.maturity.p25": 0.12,
    "ig_bond.maturity.p50": 0.11,
    "ratio.long_term_debt_capital.A": 0.09,
    "ratio.long_term_debt_capital.BBB": 0.19,
    "ratio.long_term_debt_capital.B": 0.16,
    "ratio.long_term_debt_capital.CCC": 0.19,
    "ratio.operating_margin.BB": 0.21,
    "ratio.current_ratio.BBB": 0.1,
    "ratio.current_ratio.BB": 0.17,
    "ratio.current_ratio.B": 0.05,
    "ratio.current_ratio.CCC": 0.18,
    "equity.volatility.p50": 0.11,
    "issuer_mix.A": 0.58,
    "issuer_mix.BB": 0.34,
    "issuer_mix.B": 0.15,
    "transition_1y.A.A": 1.18,
    "transition_1y.BBB.BBB": 0.91,
    "transition_1y.B.B": 1.62,
    "esg.rater_correlation": 0.55,
    "news.sentiment_auc": 0.39,
    "cross_section.slope": 0.11,
}
"""Standard deviation between macro paths, in units of the tolerance: by how much the deviation of a
statistic over clean variations of 36 months exceeds its error between issuers; the larger of 200
variations of 150 bonds and 150 of 600. Less than 0.05 is left out."""
CONFIDENCE: Final = 0.99
"""Of all intervals of a gate together, so that few clean variations are warned of."""
FEWEST_ISSUERS: Final = 8
"""Fewer say too little of others for an interval at that confidence."""
PATH_MONTHS: Final = 36
"""Months of history at which the deviations between macro paths were measured."""
DEAREST_QUARTER: Final = "oas_level.BBB.p75"
LATEST_MONTH: Final = 12 * 10_000
TINY: Final = 1e-12
FIRST_HIGH_YIELD: Final = LETTERS.index("BB")


class View:
    """A part of the rows, with what several facts ask for."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._numbers: dict[str, Floats] = {}

    def __getitem__(self, column: str) -> Floats:
        """Return a column as floats."""
        if column not in self._numbers:
            self._numbers[column] = self.part.numbers(column)
        return self._numbers[column]

    @cached_property
    def letter(self) -> NDArray[np.int64]:
        """Return the place of each row's letter grade, −1 where it is unknown."""
        return np.asarray(pd.Index(LETTERS).get_indexer(pd.Index(self.part.letters)), np.int64)

    @cached_property
    def investment_grade(self) -> Bools:
        """Mark rows rated BBB or better."""
        return np.asarray((self.letter >= 0) & (self.letter < FIRST_HIGH_YIELD))

    @cached_property
    def high_yield(self) -> Bools:
        """Mark rows rated below BBB."""
        return np.asarray(self.letter >= FIRST_HIGH_YIELD)

    @cached_property
    def usual(self) -> Bools:
        """Mark rows of months whose index spread is none of the dearest quarter, as published."""
        return np.asarray(self["market_spread_bps"] <= facts.value(DEAREST_QUARTER))

    @cached_property
    def calm(self) -> Bools:
        """Mark rows of usual months that were called an expansion, which is done months late."""
        return np.asarray(self.usual & (self.word("regime_observed") == "expansion"))

    @cached_property
    def first_of_bond(self) -> Bools:
        """Mark the first row of each bond."""
        return np.append(True, self.part.bond[1:] != self.part.bond[:-1])

    @cached_property
    def month(self) -> NDArray[np.int64]:
        """Return months since the year 0, −1 where there is no date."""
        date = self.part.rows["date"]
        months = (12 * date.dt.year + date.dt.month - 1).fillna(-1)
        return np.asarray(months.to_numpy(np.int64))

    @cached_property
    def issuer_month(self) -> NDArray[np.int64]:
        """Return one number for issuer and month of each row."""
        return self.part.issuer * LATEST_MONTH + self.month

    @cached_property
    def once(self) -> Bools:
        """Mark one row of each issuer and month."""
        marked = np.zeros(len(self.part), bool)
        marked[np.unique(self.issuer_month, return_index=True)[1]] = True
        return marked

    @cached_property
    def letter_a_year_later(self) -> NDArray[np.int64]:
        """Return the place of the issuer's letter grade twelve months on, −1 where unknown."""
        rows = np.flatnonzero(self.once & (self.month >= 0))
        keys, wanted = self.issuer_month[rows], self.issuer_month + 12
        order = np.argsort(keys)
        place = np.minimum(np.searchsorted(keys[order], wanted), max(len(rows) - 1, 0))
        if len(rows) == 0:
            return np.full(len(self.part), -1)
        found = rows[order][place]
        known = (self.issuer_month[found] == wanted) & (self.month >= 0)
        return np.where(known, self.letter[found], -1)

    def within_issuer(self, here: Any, values: Floats) -> Floats:
        """Return values less the mean of some rows of the same issuer and month; else NaN."""
        known = np.asarray(here, bool) & np.isfinite(values)
        cell = np.unique(self.issuer_month, return_inverse=True)[1].ravel()
        count = np.bincount(cell, known)
        mean = np.bincount(cell, np.where(known, values, 0.0)) / np.maximum(count, 1)
        return of(known & (count[cell] > 1), values - mean[cell])

    def word(self, column: str) -> NDArray[np.object_]:
        """Return a column of words, None where there is none."""
        words = self.part.rows[column].to_numpy(object, copy=True)
        words[pd.isna(words)] = None
        return words

    def rated(self, letter: str) -> Bools:
        """Mark rows of a letter grade."""
        return np.asarray(self.letter == LETTERS.index(letter))


def of(here: Any, values: Floats) -> Floats:
    """Return the values of some rows; NaN elsewhere."""
    return np.where(here, values, np.nan)


@dataclass(frozen=True)
class Fact:
    """A published figure and how the rows show it.

    Attributes
    ----------
    name
        Its id in the table of facts.
    count
        What of a part adds up; None where there is nothing.
    read
        From the sums and a confidence to the statistic and its interval between issuers.
    log
        Whether scatter is in proportion, as of spreads, and intervals are added as logarithms.
    """

    name: str
    count: Callable[[View], Sums | None]
    read: Callable[[Any, float], tuple[float, Interval]]
    log: bool = False


class Realism(DataGate):
    """Published figures of one kind, each a slice, held against one variation.

    Attributes
    ----------
    facts
        The figures.
    any_times
        Whether they hold in every scenario; figures of ordinary times are not asked of others.
    """

    family = "realism"
    limit = 1.0
    unit = "published tolerances"
    severity = "warn"
    basis = "sample"
    false_alarm = 0.01
    facts: ClassVar[tuple[Fact, ...]] = ()
    any_times: ClassVar[bool] = False

    def count(self, part: Part) -> Tally[Any]:
        """Count what each fact needs."""
        with np.errstate(all="ignore"):
            view = part.noted.setdefault(self.family, View(part))
            sums = {fact.name: fact.count(view) for fact in self.facts}
        return Tally({name: one for name, one in sums.items() if one is not None})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding per fact that enough issuers show."""
        if extent.scenario != "baseline" and not self.any_times:
            return (nothing(self.name, setting, "The published figures are of ordinary times."),)
        # Four times the months halve the variance between paths: cycles outlast most histories.
        years = np.sqrt(PATH_MONTHS / max(extent.months, 1))
        scale = float(np.sqrt(years / max(len(extent.worlds), 1)))
        found = [
            self._finding(fact, tally.slices[fact.name], setting, scale)
            for fact in self.facts
            if fact.name in tally.slices and tally.slices[fact.name].clusters >= FEWEST_ISSUERS
        ]
        known = tuple(one for one in found if one is not None)
        return known or (
            nothing(self.name, setting, f"No figure is shown by {FEWEST_ISSUERS} issuers."),
        )

    def _finding(self, fact: Fact, sums: Sums, setting: Setting, scale: float) -> Finding | None:
        confidence = 1 - (1 - CONFIDENCE) / len(self.facts)
        with np.errstate(all="ignore"):
            observed, between_issuers = fact.read(sums, confidence)
        if not np.isfinite(observed) or (fact.log and observed <= 0):
            return None
        published, tolerance = _published(fact.name)
        allowed = scalar(setting.threshold) * tolerance
        ends = (published - allowed, published + allowed)
        path = PATHS.get(fact.name, 0.0) * scale * tolerance
        interval = _widened(fact, observed, between_issuers, published, path, confidence)
        verdict, _ = within(observed, interval, ends, self.basis)
        n = int(sums.rows if isinstance(sums, Shares) else sums.total[0])
        line = facts.table().loc[fact.name]
        message = (
            f"{line['statistic'].capitalize()} ({line['slice']}): {observed:.3g} {line['unit']} "
            f"({interval[0]:.3g} to {interval[1]:.3g}) over {n:,} rows of {sums.clusters:,} "
            f"issuers; published {published:.3g} ± {allowed:.3g}."
        )
        return Finding(self.name, fact.name, observed, interval, ends, n, setting.severity, verdict,
                       message, _used(fact, observed, interval, ends, published))  # fmt: skip


def _published(name: str) -> tuple[float, float]:
    """Return a value and its tolerance; of a share that stays, among those still rated."""
    value, tolerance = facts.value(name), float(facts.table()["tolerance"][name])
    if name.startswith("transition_1y."):
        letter = name.split(".")[1]
        rated = 1 - sum(facts.value(f"transition_1y.{letter}.{end}") for end in ("D", "NR")) / 100
        return value / rated, tolerance / rated
    return value, tolerance


def _widened(
    fact: Fact, observed: float, interval: Interval, published: float, path: float,
    confidence: float,
) -> Interval:  # fmt: skip
    """Return the interval between issuers and macro paths, whose standard deviation is given."""
    allowance = float(stats.norm.ppf((1 + confidence) / 2)) * path
    if not fact.log:
        low, high = (np.hypot(observed - end, allowance) for end in interval)
        return float(observed - low), float(observed + high)
    below, above = (
        np.hypot(np.log(observed / max(end, TINY)), allowance / published) for end in interval
    )
    return float(observed * np.exp(-below)), float(observed * np.exp(above))


def _used(
    fact: Fact, observed: float, interval: Interval, ends: tuple[float, float], published: float
) -> float:
    """Return the share of the tolerance used up: 1 where the interval just leaves it."""
    scale = (lambda x: float(np.log(max(x, TINY)))) if fact.log else float
    value, middle = scale(observed), scale(published)
    side = 1 if value > middle else 0
    distance = abs(value - middle)
    room = abs(scale(ends[side]) - middle) + abs(value - scale(interval[1 - side]))
    return distance / room if room > 0 else (0.0 if distance == 0 else 1.0 + distance)
