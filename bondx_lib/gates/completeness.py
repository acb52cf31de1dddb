"""Completeness: is enough of the data there, and is it new?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats

from bondx_lib.gates.base import (
    Bools,
    Context,
    DataGate,
    Extent,
    Finding,
    Gate,
    RowGate,
    Setting,
    at_most,
    judged,
    scalar,
)
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import (
    ALL_ROWS,
    CONFIDENCE,
    Interval,
    Shares,
    Tally,
    first,
    grouped,
    wilson,
)
from bondx_lib.schema import LABELS, names

ESG: Final = ("esg_rater_a", "esg_rater_b", "esg_rater_c", "esg_score")
OWN_MARKS: Final = ("synthetic", "world", "month", "issuer_name")
"""What a simulated panel has and a file from elsewhere need not have."""

REQUIRED: Final = tuple(name for name in names("panel") if name not in (*ESG, *LABELS, *OWN_MARKS))
QUOTE: Final = ("clean_price", "yield_pct", "bid_price", "ask_price")
"""What a stale quote repeats. Prices of a bond move with time alone, so that two months with the
same price and the same yield are one quote sent twice."""

CCC_TIMES: Final = 2.0
"""Small issuers of low rating are scored less often: 21 % of the rows at CCC lack a score in
550,000 undamaged rows of 5,471 issuers, 15 % at B, at most 7 % elsewhere. So CCC is held against
twice the limit."""


class Coverage(DataGate):
    """Share of required cells that are filled; ESG scores have a gate of their own."""

    name = "coverage"
    family = "completeness"
    catches = "missing values in required columns"
    parameter = "coverage_min"
    unit = "% of cells"
    severity = "block"
    essential = True
    false_alarm = 0.001

    def count(self, part: Part) -> Tally[Shares]:
        """Count filled cells by column and their share of each row; an absent column has none."""
        filled = np.zeros((len(part), len(REQUIRED)))
        for place, name in enumerate(REQUIRED):
            if name in part.rows.columns:
                filled[:, place] = part.rows[name].notna()
        cells = np.column_stack([filled, filled.mean(axis=1), np.ones(len(part))])
        sums = grouped(part.issuer, cells)
        return Tally({ALL_ROWS: Shares.of(sums[:, :-1], sums[:, -1])})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding over all required cells, naming the emptiest column."""
        limit, shares = scalar(setting.threshold), tally.slices[ALL_ROWS]
        observed = 100 * float(shares.share[-1])
        worst = int(np.argmin(shares.share[:-1]))
        room = 100 - limit
        used = (100 - observed) / room if room > 0 else (0.0 if observed == 100 else 101 - observed)
        message = (
            f"{observed:.2f} % of required cells are filled, at least {limit:g} % needed; emptiest "
            f"column: {REQUIRED[worst]} ({100 * shares.share[worst]:.1f} %)."
        )
        verdict = judged(observed, None, limit, "census", largest=False)
        half = 196 * float(np.sqrt(shares.variance()[-1]))
        ends = (max(observed - half, 0.0), min(observed + half, 100.0))
        return (
            Finding(self.name, ALL_ROWS, observed, ends if np.isfinite(half) else None, limit,
                    int(shares.rows), setting.severity, verdict, message, used),
        )  # fmt: skip


class RequiredFields(DataGate):
    """Number of required columns that are not there or hold nothing at all."""

    name = "required_fields"
    family = "completeness"
    catches = "required columns that are absent or empty, and data without rows"
    unit = "columns"
    limit = 0.0
    severity = "block"
    essential = True
    false_alarm = 0.0

    def count(self, part: Part) -> Tally[Shares]:
        """Note the columns that hold anything in this part."""
        there = [
            name in part.rows.columns and part.rows[name].first_valid_index() is not None
            for name in REQUIRED
        ]
        return Tally({ALL_ROWS: Shares.of(np.array([there], float), np.array([len(part)], float))})

    def evaluate(self, context: Context) -> tuple[Finding, ...]:
        """Return the finding, also for data without any row or column."""
        setting, tally = context.setting(self), context.tallies.get(self.name)
        empty = Tally({ALL_ROWS: Shares.of(np.zeros((1, len(REQUIRED))), np.zeros(1))})
        return self.judge(tally or empty, setting, context.extent)

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding that names the columns."""
        limit, shares = scalar(setting.threshold), tally.slices[ALL_ROWS]
        lacking = [name for name, hits in zip(REQUIRED, shares.hits, strict=True) if hits == 0]
        many = float(len(lacking))
        if shares.rows == 0:
            message = "There are no rows."
        elif lacking:
            shown = ", ".join(lacking[:8]) + (", …" if len(lacking) > 8 else "")
            message = (
                f"{len(lacking)} of {len(REQUIRED)} required columns are absent or empty "
                f"({shown}); at most {limit:g} may be."
            )
        else:
            message = f"All {len(REQUIRED)} required columns hold values."
        verdict = judged(many, None, limit, "census", largest=True)
        used = many / limit if limit > 0 else (0.0 if many == 0 else 1.0 + many)
        if shares.rows == 0:
            verdict, used = "fail", max(used, 1.0 + len(REQUIRED))
        return (
            Finding(self.name, ALL_ROWS, many, None, limit, int(shares.rows), setting.severity,
                    verdict, message, used),
        )  # fmt: skip


class EsgMissing(RowGate):
    """Share of rows without any ESG score, over all rows and by sector and rating.

    A slice has few issuers, and there are a dozen slices. So a slice warns only if the whole of its
    interval, at a confidence shared out between the slices, lies past the limit, and it uses up
    what is certain: the lower end of the interval.
    """

    name = "esg_missing"
    family = "completeness"
    catches = "rows that no ESG rater covers"
    what = "have no ESG score"
    parameter = "esg_missing_max"
    severity = "block"
    basis = "sample"
    by = ("sector", "rating")
    false_alarm = 0.01
    columns = ("esg_score",)

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark rows without a score."""
        return rows["esg_score"].isna()

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Judge all rows, then each slice at a confidence shared out between the slices."""
        confidence = 1 - (1 - CONFIDENCE) / max(len(tally.slices) - 1, 1)
        softer = self._softer(setting)
        return tuple(
            self._finding(name, shares, setting, CONFIDENCE, tally.examples) if name == ALL_ROWS
            else self._slice(name, shares, softer, confidence)
            for name, shares in tally.slices.items()
        )  # fmt: skip

    def _slice(self, name: str, shares: Shares, setting: Setting, confidence: float) -> Finding:
        times = CCC_TIMES if name == "rating=CCC" else 1.0
        limit = min(scalar(setting.threshold) * times, 100.0)
        found = self._finding(name, shares, replace(setting, threshold=limit), confidence)
        low = found.interval[0] if found.interval else 0.0
        return replace(found, used=low / limit if limit > 0 else (0.0 if low == 0 else 1.0 + low))

    def _finding(
        self, name: str, shares: Shares, setting: Setting, confidence: float,
        rows: tuple[int, ...] = (),
    ) -> Finding:  # fmt: skip
        limit = scalar(setting.threshold)
        found = at_most(self.name, name, shares, setting, self.what, "census", rows)
        low, high = (100 * end for end in wary(shares, confidence))
        verdict = judged(found.observed or 0.0, (low, high), limit, self.basis, largest=True)
        doubt = ", but so few issuers cannot tell." if verdict == "inconclusive" else "."
        return replace(found, interval=(low, high), verdict=verdict,
                       message=found.message[:-1] + doubt)  # fmt: skip


def wary(shares: Shares, confidence: float) -> Interval:
    r"""Return the interval of a share where few issuers, or a few large ones, hold the rows.

    An issuer is scored or is not, so that a handful of large ones decides; the variance between
    them is then itself uncertain. The issuers are worth :math:`C = (\sum n_c)^2 / \sum n_c^2` of
    equal size, and the normal quantile gives way to Student's with :math:`C - 1` degrees of
    freedom.
    """
    issuers = shares.rows**2 / shares.row_squares
    level = (1 + confidence) / 2
    wider = stats.t.ppf(level, max(issuers - 1, 1.0)) / stats.norm.ppf(level)
    rows = float(shares.effective_rows()[0]) / float(wider) ** 2
    return wilson(float(shares.share[0]), rows, confidence)


class Freshness(DataGate):
    """Share of rows whose whole quote is that of the month before, among rows that have one."""

    name = "freshness"
    family = "completeness"
    catches = "quotes that are repeated instead of renewed"
    limit = 1.0
    unit = "% of rows"
    severity = "warn"
    false_alarm = 0.001
    columns = ("bond_id", "date", "clean_price", "yield_pct")

    def count(self, part: Part) -> Tally[Shares]:
        """Count stale rows among those with an earlier row of the bond."""
        later, bad = part.previous >= 0, stale(part)
        if not later.any():
            return Tally()
        sums = grouped(part.issuer[later], np.column_stack([bad, np.ones(len(part))])[later])
        return Tally({ALL_ROWS: Shares.of(sums[:, :1], sums[:, 1])}, first(part.positions, bad))

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding over all rows that have one before."""
        return (
            at_most(self.name, ALL_ROWS, tally.slices[ALL_ROWS], setting,
                    "repeat the quote of the month before", self.basis, tally.examples),
        )  # fmt: skip


def stale(part: Part) -> Bools:
    """Mark the rows whose known quote equals that of the bond's row at an earlier date."""
    before = part.previous
    same = before >= 0
    for name in QUOTE:
        if name in part.rows.columns:
            quote = part.numbers(name)
            same &= quote == quote[before]
    return same


class MonthGaps(DataGate):
    """Share of months that are missing between the first and the last row of their bond."""

    name = "month_gaps"
    family = "completeness"
    catches = "holes in the history of bonds"
    limit = 1.0
    unit = "% of months"
    severity = "warn"
    false_alarm = 0.001
    columns = ("bond_id", "date")

    def count(self, part: Part) -> Tally[Shares]:
        """Count missing months, and months between the first and the last, by issuer."""
        date = part.rows["date"]
        month = (12 * date.dt.year + date.dt.month).to_numpy(float, na_value=np.nan)
        step = month - month[part.previous]
        later = (part.previous >= 0) & (step >= 1)
        if not later.any():
            return Tally()
        missing = np.where(later, step - 1, 0.0)
        sums = grouped(part.issuer[later], np.column_stack([missing, step])[later])
        shares = Shares.of(sums[:, :1], sums[:, 1])
        return Tally({ALL_ROWS: shares}, first(part.positions, missing > 0))

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return one finding over the histories of all bonds."""
        found = at_most(self.name, ALL_ROWS, tally.slices[ALL_ROWS], setting, "are missing",
                        self.basis, tally.examples)  # fmt: skip
        return (replace(found, message=found.message.replace(" rows ", " months ", 1)),)


GATES: Final[tuple[Gate, ...]] = (
    Coverage(), RequiredFields(), EsgMissing(), Freshness(), MonthGaps(),
)  # fmt: skip
