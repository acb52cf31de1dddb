r"""Business logic between bonds and between issuers: ranks, ratings and sectors, as samples.

What is true of a rank, a letter or a sector is true on average, so these gates fail only if the
whole interval, between issuers, lies on the wrong side. The interval allows for the number of
things that are compared.

Sectors differ less than their issuers do, in the simulated market as in the real one: among the
36 issuers of an ordinary variation a sector has half a dozen, and its own rule can hardly say
anything. So there is one rule more on all sectors together. With an issuer's leverage and
margin, less what is usual at its rating, :math:`y`, and what its sector adds to either by the
market's law, :math:`e`, both in units of their scatter between issuers, it takes the slope

.. math:: b = \frac{\sum_k \operatorname{Cov}(e_k, y_k)}{\sum_k \operatorname{Var}(e_k)}

which is one where labels are right and zero where they have been dealt out at random.

Not asked, because the simulated market does not obey: prices of callable bonds near par (no bond
is redeemed early; one callable row in ten is above 110, as of those that are not callable), and
current ratios of sectors (there is no difference).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.gates.agreement import Agreement
from bondx_lib.gates.base import DataGate, Extent, Finding, Gate, Setting, judged, nothing, scalar
from bondx_lib.gates.part import Part
from bondx_lib.gates.paths import months
from bondx_lib.gates.tallies import (
    ALL_ROWS,
    CONFIDENCE,
    FEWEST_CLUSTERS,
    Estimate,
    Floats,
    Moments,
    Tally,
    grouped,
)
from bondx_lib.gates.within import medians
from bondx_lib.market import facts
from bondx_lib.market.issuers import SECTOR_LEVERAGE, SECTOR_MARGIN
from bondx_lib.schema import FIRST_SPECULATIVE, LETTERS, RATING_NUMBER, SECTORS, SENIORITIES

CENTRES: Final = np.array([RATING_NUMBER[one] for one in LETTERS], float)
LEVERAGE: Final = facts.by_letter("ratio.long_term_debt_capital.{}", LETTERS)
MARGIN: Final = facts.by_letter("ratio.operating_margin.{}", LETTERS)
"""Published medians by letter."""
LEVERAGE_SD, MARGIN_SD = 0.10, 4.7
"""Between issuers of one sector and rating."""
FARTHEST: Final = 1.2
"""Log distance from the issuer's median spread beyond which a row is damage, not rank."""
LETTERS_APART: Final = 2
"""Neighbouring letters differ too little: published margins of AA lie below those of A."""
TOO_FEW: Final = "There are too few issuers to judge."


class Floor(NamedTuple):
    """An estimate that must reach a limit, and how to say so."""

    label: str
    estimate: Estimate
    half: float
    usual: float
    n: int


def at_least(gate: str, slice_name: str, setting: Setting, floor: Floor) -> Finding:
    """Return the finding on an estimate that must be at least the limit.

    It uses up no tolerance at its usual value and all of it where the interval just leaves what
    is allowed.
    """
    limit, value = scalar(setting.threshold), floor.estimate.value
    if not np.isfinite(value) or not np.isfinite(floor.half):
        return nothing(gate, setting, TOO_FEW, slice_name)
    interval = (value - floor.half, value + floor.half)
    verdict = judged(value, interval, limit, "sample", largest=False)
    room = max(floor.usual, limit) - limit + floor.half
    used = max(max(floor.usual, limit) - value, 0.0)
    used = used / room if room > 0 else used
    doubt = ", but so few issuers cannot tell" if verdict == "inconclusive" else ""
    message = (
        f"{floor.label} is {value:.3g} ({interval[0]:.3g} to {interval[1]:.3g}) over "
        f"{floor.estimate.clusters:,} issuers; at least {limit:g} is needed{doubt}."
    )
    return Finding(gate, slice_name, value, interval, limit, floor.n, setting.severity, verdict,
                   message, used)  # fmt: skip


class SeniorityOrder(DataGate):
    """By how much a lower rank widens the spread, within an issuer and month.

    The slope of the log spread in the rank (secured, unsecured, subordinated), in percent, besides
    that in the log of maturity, over months in which an issuer has bonds of several ranks.
    """

    name = "seniority_order"
    family = "logic"
    catches = "junior bonds that yield less than senior ones of their issuer"
    unit = "% of spread per rank"
    basis = "sample"
    limit = 0.0
    severity = "warn"
    false_alarm = 0.01
    columns = ("spread_bps", "seniority", "maturity_years", "issuer_id", "date")
    usual: ClassVar[float] = 14.0

    def count(self, part: Part) -> Tally[Moments]:
        """Sum squares and products of rank, log spread and log maturity, less their means."""
        rank = part.rows["seniority"].astype(object).map(
            {word: place for place, word in enumerate(SENIORITIES)}
        ).to_numpy(float, na_value=np.nan)  # fmt: skip
        with np.errstate(all="ignore"):
            spread, years = np.log(part.numbers("spread_bps")), part.numbers("maturity_years")
            years = np.log(np.maximum(years, 0.25))
        group, month = _issuer_months(part)
        known = np.isfinite(rank + spread + years) & (month >= 0)
        known &= np.abs(spread - medians(group, np.where(known, spread, np.nan))) <= FARTHEST
        if not known.any():
            return Tally()
        group = np.unique(group[known], return_inverse=True)[1]
        apart = _less_mean(group, np.column_stack([rank, spread, years])[known])
        several = (grouped(group, apart[:, :1] ** 2)[:, 0] > 1e-9)[group]
        if not several.any():
            return Tally()
        x, y, m = apart[several].T
        products = np.column_stack([np.ones(len(x)), x * x, x * y, x * m, m * m, m * y])
        return Tally({ALL_ROWS: Moments.of(grouped(part.issuer[known][several], products))})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding on the slope."""
        sums = tally.slices[ALL_ROWS]
        estimate = _partial_slope(sums)
        label = "The spread of a rank over that of the rank before, in percent,"
        floor = Floor(label, estimate, estimate.half_width(), self.usual, int(sums.total[0]))
        return (at_least(self.name, ALL_ROWS, setting, floor),)


def _partial_slope(sums: Moments) -> Estimate:
    """Return the slope of y in x beside m, times 100, from the sums of 1, xx, xy, xm, mm, my."""
    _, xx, xy, xm, mm, my = (float(one) for one in sums.total)
    if mm <= 0:
        xm, mm, my = 0.0, 1.0, 0.0
    bottom, top = xx * mm - xm**2, xy * mm - xm * my
    if bottom <= 1e-9 * xx * mm:
        return Estimate(float("nan"), float("nan"), sums.clusters)
    slope = top / bottom
    gradient = np.array([
        0.0, -slope * mm, mm, -my + 2 * slope * xm, xy - slope * xx, -xm,
    ]) / bottom  # fmt: skip
    return Estimate(100 * slope, 100 * sums.standard_error(gradient), sums.clusters)


def _less_mean(group: NDArray[np.int64], values: Floats) -> Floats:
    sums = grouped(group, np.column_stack([values, np.ones(len(values))]))
    return np.asarray(values - (sums[:, :-1] / sums[:, -1:])[group])


def _issuer_months(part: Part) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a number for issuer and month of each row, and the month."""
    month = months(part)
    both = part.issuer * (int(month.max(initial=0)) + 2) + month + 1
    return np.asarray(np.unique(both, return_inverse=True)[1], np.int64), month


def _even_weights(part: Part) -> Floats:
    """Return weights under which each issuer counts once a month, however many bonds it has."""
    group, _ = _issuer_months(part)
    return np.asarray(1.0 / np.bincount(group)[group])


class CallableShare(Agreement):
    """Share of rows of bonds that are not callable: most corporate bonds are."""

    name = "callable_share"
    catches = "a call flag that has been turned around or lost"
    what = "are of bonds that are not callable"
    basis = "sample"
    limit = 50.0
    severity = "warn"
    false_alarm = 0.005
    columns = ("callable",)

    def excess(self, part: Part) -> Any:
        """Return 1 where the bond is not callable."""
        flag = part.numbers("callable")
        return np.where(np.isnan(flag), np.nan, flag == 0)


class RatiosAtRating(Agreement):
    """Share of rows whose accounts contradict their rating grossly.

    Investment grade with a leverage above the published median of CCC and a margin below that of
    B, or speculative grade with a leverage below and a margin above that of A.
    """

    name = "ratios_at_rating"
    catches = "accounts that belong to another rating"
    what = "have a leverage and a margin that contradict their rating"
    basis = "sample"
    limit = 8.0
    severity = "warn"
    false_alarm = 0.005
    columns = ("rating_number", "leverage", "operating_margin_pct")

    def excess(self, part: Part) -> Any:
        """Return 1 where leverage and margin both say otherwise than the rating."""
        number, leverage, margin = (part.numbers(name) for name in self.columns)
        level = dict(zip(LETTERS, zip(LEVERAGE, MARGIN, strict=True), strict=True))
        poor = (leverage > level["CCC"][0]) & (margin < level["B"][1])
        good = (leverage < level["A"][0]) & (margin > level["A"][1])
        known = np.isfinite(number + leverage + margin)
        return np.where(known, np.where(number < FIRST_SPECULATIVE, poor, good), np.nan)


RATIOS: Final[Mapping[str, tuple[str, int, Callable[[Floats], Floats]]]] = {
    "leverage": ("leverage", 1, lambda value: np.clip(value, 0, 3)),
    "interest coverage (log)": (
        "interest_coverage", -1, lambda value: np.log(np.clip(value, -1, 50) + 2)
    ),
    "operating margin": ("operating_margin_pct", -1, lambda value: np.clip(value, -50, 60)),
}  # fmt: skip
"""Column, +1 if it grows with a worse rating, and the value that is averaged."""


class RatioOrder(DataGate):
    """Whether mean ratios of letters at least two apart are in order, for each of three ratios.

    What is observed is the difference of the two letters least in order, positive where it is
    right, with an interval that allows for all pairs.
    """

    name = "ratio_order"
    family = "logic"
    catches = "ratings whose ratios are in the wrong order"
    unit = "of the ratio"
    basis = "sample"
    limit = 0.0
    severity = "warn"
    false_alarm = 0.01
    columns = ("rating", "issuer_id", "date", *(column for column, _, _ in RATIOS.values()))

    def count(self, part: Part) -> Tally[Moments]:
        """Sum each ratio by letter and issuer."""
        weight, found = _even_weights(part), {}
        for label, (column, _, transform) in RATIOS.items():
            with np.errstate(all="ignore"):
                value = transform(part.numbers(column))
            for letter in LETTERS:
                sums = _mean_sums(
                    part, (part.letters == letter) & np.isfinite(value), value, weight
                )
                if sums is not None:
                    found[f"{label}, {letter}"] = sums
        return Tally(found)

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return a finding on each ratio."""
        return tuple(self._finding(label, tally.slices, setting) for label in RATIOS)

    def _finding(self, label: str, slices: Mapping[str, Moments], setting: Setting) -> Finding:
        means = {one: slices[f"{label}, {one}"] for one in LETTERS if f"{label}, {one}" in slices}
        pairs = [
            (better, worse)
            for better, worse in combinations(means, 2)
            if LETTERS.index(worse) - LETTERS.index(better) >= LETTERS_APART
            and min(means[better].clusters, means[worse].clusters) >= FEWEST_CLUSTERS
        ]
        if not pairs:
            return nothing(self.name, setting, TOO_FEW, label)
        confidence = 1 - (1 - CONFIDENCE) / (len(RATIOS) * len(pairs))
        sign, found = RATIOS[label][1], []
        for better, worse in pairs:
            estimate = difference(means[worse], means[better], sign)
            half = estimate.half_width(confidence)
            found.append(
                (estimate.value / half if half > 0 else np.inf, better, worse, estimate, half)
            )
        _, better, worse, estimate, half = min(found, key=lambda one: one[0])
        n = int(sum(means[one].clusters for one in (better, worse)))
        words = f"The {label} of {worse} against {better}, positive if in order,"
        return at_least(self.name, label, setting, Floor(words, estimate, half, 0.0, n))


def _mean_sums(
    part: Part, here: NDArray[np.bool_], value: Floats, weight: Floats
) -> Moments | None:
    """Return what a mean needs: sums of weights and of weighted values; None without rows."""
    if not here.any():
        return None
    own = weight[here]
    return Moments.of(grouped(part.issuer[here], np.column_stack([own, own * value[here]])))


def difference(first: Moments, second: Moments, sign: int = 1) -> Estimate:
    """Return the difference of two means, with as many clusters as the smaller group has."""
    one, other = first.ratio(1, 0), second.ratio(1, 0)
    error = float(np.hypot(one.standard_error, other.standard_error))
    fewest = min(one.clusters, other.clusters)
    return Estimate(sign * (one.value - other.value), error, fewest)


def _leverage(part: Part) -> Floats:
    usual = np.interp(part.numbers("rating_number"), CENTRES, LEVERAGE)
    return np.clip(part.numbers("leverage"), 0, 3) - usual


def _margin(part: Part) -> Floats:
    usual = np.interp(part.numbers("rating_number"), CENTRES, MARGIN)
    return np.clip(part.numbers("operating_margin_pct"), -50, 60) - usual


def _persistent_load(part: Part) -> Floats:
    """Return the product of this and last month's log power load over the norm, in percent²."""
    load = part.numbers("utility_load_index")
    load = 100 * np.log(np.where(load > 0, np.clip(load, 20, 500), np.nan) / 100)
    before, month = part.previous, months(part)
    follows = (before >= 0) & (month[before] == month - 1)
    return np.where(follows, load * load[before], np.nan)


class SectorTrait(DataGate):
    """What sets one sector apart from the others at the same rating.

    Parameters
    ----------
    sector
        Whose trait it is.
    label
        The trait, in words.
    columns
        What it reads, besides sector and issuer.
    compute
        From a part to the value of each row.
    sign
        +1 if the sector's is the larger.
    usual, limit
        Mean difference over clean variations, and the least, times the sign.
    """

    family = "logic"
    basis = "sample"
    severity = "warn"
    false_alarm = 0.005

    def __init__(
        self, sector: str, label: str, unit: str, columns: tuple[str, ...],
        compute: Callable[[Part], Floats], sign: int, usual: float, limit: float,
    ) -> None:  # fmt: skip
        self.name = f"sector_{sector.lower().replace(' ', '_')}"  # type: ignore[misc]
        self.catches = f"{label} of {sector} not what sets it apart"  # type: ignore[misc]
        self.unit, self.limit = unit, limit  # type: ignore[misc]
        self.columns = ("sector", "issuer_id", "date", *columns)  # type: ignore[misc]
        self.sector, self.label, self.compute = sector, label, compute
        self.sign, self.usual = sign, usual

    def count(self, part: Part) -> Tally[Moments]:
        """Sum the trait within and outside the sector, each issuer once a month."""
        with np.errstate(all="ignore"):
            value = self.compute(part)
        weight, sector = _even_weights(part), part.rows["sector"].to_numpy(object)
        known = np.isfinite(value) & pd.notna(sector)
        slices = {self.sector: sector == self.sector, "others": sector != self.sector}
        sums = {
            name: _mean_sums(part, here & known, value, weight) for name, here in slices.items()
        }
        return Tally({name: one for name, one in sums.items() if one is not None})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding on the difference."""
        if len(tally.slices) < 2:
            return (nothing(self.name, setting, TOO_FEW),)
        own, others = tally.slices[self.sector], tally.slices["others"]
        estimate = difference(own, others, self.sign)
        half = estimate.half_width(1 - (1 - CONFIDENCE) / len(SECTORS))
        order = "over" if self.sign > 0 else "below"
        label = f"The {self.label} of {self.sector}, {order} that of other sectors,"
        floor = Floor(label, estimate, half, self.usual, own.clusters + others.clusters)
        return (at_least(self.name, ALL_ROWS, setting, floor),)


class SectorProfile(DataGate):
    """How much of what sets sectors apart in leverage and margin is there: 1 by the market's law.

    Zero where sectors have been dealt out at random, negative where they have been exchanged.
    """

    name = "sector_profile"
    family = "logic"
    catches = "sector labels that have been mixed up"
    unit = "share of what is expected"
    basis = "sample"
    limit = 0.4
    severity = "warn"
    false_alarm = 0.01
    columns = ("sector", "rating_number", "leverage", "operating_margin_pct", "issuer_id", "date")
    usual: ClassVar[float] = 1.0

    def count(self, part: Part) -> Tally[Moments]:
        """Sum what sectors add and what is there, squares and products, for both ratios."""
        place = pd.Series(part.rows["sector"].astype(object)).map(
            {word: place for place, word in enumerate(SECTORS)}
        ).to_numpy(float, na_value=np.nan)  # fmt: skip
        with np.errstate(all="ignore"):
            leverage, margin = _leverage(part) / LEVERAGE_SD, _margin(part) / MARGIN_SD
        known = np.isfinite(place + leverage + margin)
        if not known.any():
            return Tally()
        sector = place[known].astype(np.int64)
        columns = [np.ones(len(sector))]
        for own, seen in (
            (SECTOR_LEVERAGE[sector] / LEVERAGE_SD, leverage[known]),
            (SECTOR_MARGIN[sector] / MARGIN_SD, margin[known]),
        ):
            columns += [own, seen, own * own, own * seen]
        weighted = np.column_stack(columns) * _even_weights(part)[known, None]
        return Tally({ALL_ROWS: Moments.of(grouped(part.issuer[known], weighted))})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding on the share."""
        sums = tally.slices[ALL_ROWS]
        estimate = _profile(sums)
        label = "The share of what sets sectors apart that is there"
        floor = Floor(label, estimate, estimate.half_width(), self.usual, sums.clusters)
        return (at_least(self.name, ALL_ROWS, setting, floor),)


def _profile(sums: Moments) -> Estimate:
    """Return the common slope of two pairs, from sums of 1 and of e, y, ee, ey of each."""
    n, top, bottom = float(sums.total[0]), 0.0, 0.0
    top_by, bottom_by = np.zeros(9), np.zeros(9)
    for at in (1, 5):
        e, y, ee, ey = sums.total[at : at + 4] / n
        top, bottom = top + ey - e * y, bottom + ee - e * e
        top_by[[0, at, at + 1, at + 3]] += np.array([2 * e * y - ey, -y, -e, 1.0]) / n
        bottom_by[[0, at, at + 2]] += np.array([2 * e * e - ee, -2 * e, 1.0]) / n
    if bottom <= 1e-9:
        return Estimate(float("nan"), float("nan"), sums.clusters)
    share = float(top / bottom)
    error = sums.standard_error((top_by - share * bottom_by) / bottom)
    return Estimate(share, error, sums.clusters)


_BY_LEVERAGE: Final = ("leverage", "rating_number")
_BY_MARGIN: Final = ("operating_margin_pct", "rating_number")

GATES: Final[tuple[Gate, ...]] = (
    SeniorityOrder(), CallableShare(), RatiosAtRating(), RatioOrder(),
    SectorTrait("Technology", "operating margin", "% of sales", _BY_MARGIN, _margin, 1, 4.1, 0.5),
    SectorTrait("Finance", "leverage", "ratio", _BY_LEVERAGE, _leverage, 1, 0.11, 0.03),
    SectorTrait("Energy", "persistent swing of the power load", "%²",
                ("utility_load_index", "bond_id"), _persistent_load, 1, 17.0, 0.0),
    SectorTrait("Industrial", "operating margin", "% of sales", _BY_MARGIN, _margin, -1, 3.1, 0.0),
    SectorTrait("Consumer Goods", "operating margin", "% of sales", _BY_MARGIN, _margin, -1, 3.0,
                0.0),
    SectorTrait("Healthcare", "leverage", "ratio", _BY_LEVERAGE, _leverage, -1, 0.05, 0.0),
    SectorProfile(),
)  # fmt: skip
