"""The law of a gate: a named rule that looks at data or models and returns findings.

A gate on data counts part by part (:mod:`.tallies`) and judges the sums, so that a frame in memory
and a file of any size are judged alike. Two ways of judging are told apart:

* *census*: the rows are all there is. What is observed stands for itself; past the threshold is a
  failure. The interval says what a like draw would show.
* *sample*: the rows speak for a market. Past the threshold is a failure only if the whole 95 %
  interval, between issuers, lies past it; else the finding is inconclusive.

Nothing to judge is *not applicable*, never a pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import ALL_ROWS, Interval, Shares, Tally, first, shares_by
from bondx_lib.vocabulary import SEVERITIES, Severity, Verdict

Bools = NDArray[np.bool_]

Limit = float | tuple[float, float]
Basis = Literal["census", "sample"]

FAMILIES: Final = {
    "completeness": "is enough of the data there",
    "structure": "can these values be right",
    "liquidity": "is this a market in which prices mean something",
    "correlation": "do quantities move together as they should",
    "statistics": "is this the distribution that models were made for",
    "logic": "do the columns of a row, and the rows of a bond, agree with one another",
    "realism": "does it show what is published of the real market",
    "model": "can the models be relied upon",
    "reproducibility": "does drawing again give the same bytes",
    "custom": "rules from outside the project",
}


@dataclass(frozen=True)
class Finding:
    """What a gate found in one slice.

    Attributes
    ----------
    gate, slice
        Which rule, over which rows or which model.
    observed
        The statistic; None where there was nothing to judge.
    interval
        Its 95 % interval between issuers; None where there is none.
    threshold
        The limit it is held against, or the two ends of a range.
    n
        Rows or cases judged.
    severity, verdict
        How much a failure matters, and whether it is one.
    message
        One sentence for a reader.
    used
        Share of the tolerance that is used up: 0 is perfect, 1 stands at the threshold.
    rows
        Positions of the first offending rows, from 0; empty where no row is to blame.
    """

    gate: str
    slice: str
    observed: float | None
    interval: Interval | None
    threshold: Limit
    n: int
    severity: Severity
    verdict: Verdict
    message: str
    used: float = 0.0
    rows: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: lists for pairs, null for a number that is not finite."""
        return {name: _plain(value) for name, value in vars(self).items()}

    @property
    def blocks(self) -> bool:
        """Say whether this refuses the data, or the model."""
        return self.severity == "block" and self.verdict == "fail"


@dataclass(frozen=True)
class Setting:
    """A gate's threshold and severity in a run, and whether it is asked at all."""

    threshold: Limit
    severity: Severity
    on: bool = True


@dataclass(frozen=True)
class Extent:
    """How much data there is; adds up over parts of whole issuers.

    Attributes
    ----------
    rows, bonds, issuers, worlds
        Counts; worlds by their number.
    first, last
        First and last month, in months since the year 0; None without dates.
    columns
        Those that the source has.
    scenario
        What happens to the simulated economy, from the parameters.
    weight, weight_squares
        Sums over rows of what each stands for, and of its square.
    """

    rows: int = 0
    bonds: int = 0
    issuers: int = 0
    worlds: frozenset[int] = frozenset()
    first: int | None = None
    last: int | None = None
    columns: frozenset[str] = frozenset()
    scenario: str = "baseline"
    weight: float = 0.0
    weight_squares: float = 0.0

    def __add__(self, other: Extent) -> Extent:
        """Return the extent of both."""
        firsts = [one for one in (self.first, other.first) if one is not None]
        lasts = [one for one in (self.last, other.last) if one is not None]
        return Extent(
            self.rows + other.rows, self.bonds + other.bonds, self.issuers + other.issuers,
            self.worlds | other.worlds, min(firsts, default=None), max(lasts, default=None),
            self.columns | other.columns, self.scenario, self.weight + other.weight,
            self.weight_squares + other.weight_squares,
        )  # fmt: skip

    @classmethod
    def of(cls, part: Part) -> Extent:
        """Return the extent of one part."""
        rows, names = part.rows, frozenset(map(str, part.rows.columns))
        if len(part) == 0:
            return cls(columns=names)
        worlds = frozenset(map(int, rows["world"].dropna().unique())) if "world" in names else {0}
        first_month = last_month = None
        if "date" in names and rows["date"].notna().any():
            months = 12 * rows["date"].dt.year + rows["date"].dt.month - 1
            first_month, last_month = int(months.min()), int(months.max())
        bonds = int(part.bond.max()) + 1 if "bond_id" in names else 0
        return cls(
            len(part), bonds, int(part.issuer.max()) + 1, frozenset(worlds), first_month,
            last_month, names, weight=float(part.weight.sum()),
            weight_squares=float((part.weight**2).sum()),
        )  # fmt: skip

    @property
    def effective_bonds(self) -> float:
        """Return how many evenly drawn bonds would tell as much: Kish's effective size."""
        if self.weight_squares == 0:
            return float(self.bonds)
        return self.bonds * self.weight**2 / (self.rows * self.weight_squares)

    @property
    def months(self) -> int:
        """Return the number of months from the first to the last."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1


@dataclass(frozen=True)
class Context:
    """All that gates may look at.

    Attributes
    ----------
    settings
        Threshold and severity of each gate, by name.
    extent
        How much data there is.
    tallies
        What each gate on data counted, by name; a gate whose columns are not there has none.
    redrawn
        Digests of the data and of the same data drawn again, if that was done.
    models
        What was measured of each model, by name, for the gates on models.
    """

    settings: Mapping[str, Setting]
    extent: Extent = Extent()
    tallies: Mapping[str, Tally[Any]] = field(default_factory=dict)
    redrawn: tuple[str, str] | None = None
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def setting(self, gate: Gate) -> Setting:
        """Return the threshold and severity of a gate."""
        return self.settings[gate.name]


class Gate(ABC):
    """A named rule.

    Attributes
    ----------
    name, family
        Its identity in findings, parameters and counts, and the family it belongs to.
    catches
        What it is there to notice, in a few words.
    asks
        What it looks at: ``data``, ``models`` or ``redrawn``.
    limit
        Its threshold, or the two ends of a range, unless the parameters say otherwise.
    unit
        Of the observed value and the threshold.
    severity
        How much a failure matters, unless the parameters say otherwise.
    essential
        Whether it blocks even in the exploratory profile.
    basis
        Whether rows are judged as a census or as a sample.
    false_alarm
        Share of clean variations in which it may fail, at most.
    parameter
        The key of ``quality_gates`` that sets its threshold; empty: ``thresholds``.
    """

    name: ClassVar[str]
    family: ClassVar[str] = "custom"
    catches: ClassVar[str]
    asks: ClassVar[Literal["data", "models", "redrawn"]] = "data"
    limit: ClassVar[Limit]
    unit: ClassVar[str] = ""
    severity: ClassVar[Severity] = "warn"
    essential: ClassVar[bool] = False
    basis: ClassVar[Basis] = "census"
    false_alarm: ClassVar[float] = 0.01
    parameter: ClassVar[str] = ""

    @abstractmethod
    def evaluate(self, context: Context) -> tuple[Finding, ...]:
        """Return the findings."""


class DataGate(Gate):
    """A gate on data: counts each part of the rows, then judges the sums.

    Attributes
    ----------
    columns
        What it needs; where one is missing the finding is not applicable.
    """

    columns: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def count(self, part: Part) -> Tally[Any]:
        """Return what there is to count in a part of the rows."""

    @abstractmethod
    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return the findings on the sums; the tally holds at least one slice."""

    def evaluate(self, context: Context) -> tuple[Finding, ...]:
        """Return the findings, or that there is nothing to judge."""
        setting, tally = context.setting(self), context.tallies.get(self.name)
        if tally is not None and tally.slices:
            return self.judge(tally, setting, context.extent)
        missing = [name for name in self.columns if name not in context.extent.columns]
        reason = f"The data have no {', no '.join(missing)}." if missing else NOTHING
        return (nothing(self.name, setting, reason),)


class RowGate(DataGate):
    """A gate that allows at most so many percent of bad rows.

    A rule of one's own needs a name, a limit, the columns it reads, and :meth:`bad`.

    Attributes
    ----------
    what
        What is wrong with a bad row, as a predicate: "have a negative spread".
    by
        Slices beside all rows: ``sector``, ``rating``.
    slice_severity
        How much a failure of a slice matters; no more than that of the gate.
    """

    what: ClassVar[str]
    unit: ClassVar[str] = "% of rows"
    by: ClassVar[tuple[str, ...]] = ()
    slice_severity: ClassVar[Severity] = "warn"

    @abstractmethod
    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark the bad rows.

        Parameters
        ----------
        rows
            Whole bonds of whole issuers, in the order of world, bond and date.

        Returns
        -------
        Bool per row; missing counts as not bad.
        """

    def judged(self, rows: pd.DataFrame) -> Any:
        """Mark the rows that the rule is about; all unless a gate says otherwise."""
        return np.ones(len(rows), bool)

    def count(self, part: Part) -> Tally[Shares]:
        """Count bad rows by slice."""
        bad, about = _marks(self.bad(part.rows)), _marks(self.judged(part.rows))
        bad = bad & about
        groups = [(name, here & about) for name, here in part.slices(self.by)]
        weight = part.weight if self.basis == "sample" else None
        shares = shares_by(bad[:, None].astype(float), part.issuer, groups, weight)
        return Tally(shares, first(part.positions, bad))

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Judge each slice against the one limit."""
        return tuple(
            at_most(
                self.name, name, shares, setting if name == ALL_ROWS else self._softer(setting),
                self.what, self.basis, tally.examples if name == ALL_ROWS else (),
            )
            for name, shares in tally.slices.items()
        )  # fmt: skip

    def _softer(self, setting: Setting) -> Setting:
        severity = max(setting.severity, self.slice_severity, key=SEVERITIES.index)
        return Setting(setting.threshold, severity, setting.on)


NOTHING: Final = "There is nothing to judge."


def at_most(
    gate: str,
    slice_name: str,
    shares: Shares,
    setting: Setting,
    what: str,
    basis: Basis = "census",
    rows: tuple[int, ...] = (),
) -> Finding:
    """Return the finding on a share of bad rows that may reach at most a limit in percent."""
    limit = scalar(setting.threshold)
    hits, n = float(shares.hits[0]), float(shares.rows)
    observed = 100 * hits / n
    low, high = (100 * end for end in shares.interval())
    verdict = judged(observed, (low, high), limit, basis, largest=True)
    message = (
        f"{_rows(hits)} of {_rows(n)} rows ({observed:.3g} %) {what}; at most {limit:g} % "
        f"{'are' if observed <= limit else 'would be'} allowed{_doubt(verdict)}."
    )
    used = observed / limit if limit > 0 else (0.0 if hits == 0 else 1.0 + observed)
    return Finding(gate, slice_name, observed, (low, high), limit, round(n), setting.severity,
                   verdict, message, used, rows if hits else ())  # fmt: skip


def _rows(weighed: float) -> str:
    """Return a number of rows: whole, but where weights make parts of it."""
    return f"{weighed:,.0f}" if weighed.is_integer() else f"{weighed:,.1f}"


def judged(
    observed: float,
    interval: Interval | None,
    limit: float,
    basis: Basis,
    *,
    largest: bool,
) -> Verdict:
    """Return the verdict on one value against one limit.

    Parameters
    ----------
    observed, interval, limit
        In the same unit.
    basis
        A sample fails only if its whole interval lies past the limit.
    largest
        Whether the limit is the largest allowed value or the least.

    Examples
    --------
    >>> judged(1.2, (0.8, 1.8), 1.0, "census", largest=True)
    'fail'
    >>> judged(1.2, (0.8, 1.8), 1.0, "sample", largest=True)
    'inconclusive'
    """
    sign = 1 if largest else -1
    if sign * observed <= sign * limit:
        return "pass"
    if basis == "sample" and (
        interval is None or not sign * interval[0 if largest else 1] > sign * limit
    ):
        return "inconclusive"
    return "fail"


def within(
    observed: float, interval: Interval | None, ends: tuple[float, float], basis: Basis
) -> tuple[Verdict, float]:
    """Return the verdict on a value that must lie in a range, and the used share of the tolerance.

    >>> within(0.5, (0.4, 0.6), (0.0, 1.0), "sample")
    ('pass', 0.0)
    >>> within(1.2, (1.1, 1.3), (0.0, 1.0), "sample")[0]
    'fail'
    """
    low, high = ends
    below = judged(observed, interval, low, basis, largest=False)
    above = judged(observed, interval, high, basis, largest=True)
    verdict = below if below != "pass" else above
    half = (high - low) / 2
    used = abs(observed - (low + high) / 2) / half if half > 0 else 1.0 + abs(observed - low)
    return verdict, used


def nothing(
    gate: str, setting: Setting, reason: str = NOTHING, slice_name: str = ALL_ROWS
) -> Finding:
    """Return the finding of a gate that has nothing to judge, which is never a pass."""
    return Finding(gate, slice_name, None, None, setting.threshold, 0, setting.severity,
                   "not_applicable", reason)  # fmt: skip


def scalar(threshold: Limit) -> float:
    """Return a threshold that is one number."""
    if isinstance(threshold, tuple):
        raise TypeError("this gate has one threshold, not a range")
    return float(threshold)


def ends_of(threshold: Limit) -> tuple[float, float]:
    """Return a threshold that is a range."""
    if not isinstance(threshold, tuple):
        raise TypeError("this gate has a range, not one threshold")
    return threshold


def _doubt(verdict: Verdict) -> str:
    return ", but so few issuers cannot tell" if verdict == "inconclusive" else ""


def _marks(values: Any) -> Bools:
    """Return marks as plain bools; what is missing is not marked."""
    series = pd.Series(values)
    return np.asarray(series.astype("boolean").fillna(False).to_numpy(bool))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
