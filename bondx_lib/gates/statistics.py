"""Statistics: is this the distribution that models were made for?

Each column is held against the frozen reference (:mod:`.reference`), and the thresholds are what
clean variations of the same size and scenario do not pass. So the limit is a factor on them: at 1,
a gate fails at most one clean variation in a hundred, over all its columns together.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from bondx_lib.gates import distances, reference
from bondx_lib.gates.base import DataGate, Extent, Finding, Gate, Setting, nothing, scalar
from bondx_lib.gates.part import Part
from bondx_lib.gates.reference import Null
from bondx_lib.gates.tallies import Shares, Tally


class ReferenceGate(DataGate):
    """A gate on the distance of columns from the reference.

    There is one finding on the column that is worst for its critical value, and one on each other
    that is past its own. No tolerance is used up by what the worst column of a clean variation
    usually shows.

    Attributes
    ----------
    what
        The statistic, with a place for the column: "... of {}".
    of
        Unit of the statistic.
    """

    family = "statistics"
    columns: ClassVar[tuple[str, ...]] = ("bond_id", "date")
    limit = 1.0
    unit = "× what clean variations show"
    severity = "warn"
    false_alarm = 0.01
    what: ClassVar[str]
    of: ClassVar[str] = ""

    def count(self, part: Part) -> Tally[Shares]:
        """Count the rows of each column by bin; what another of these gates has counted stands."""
        _, names = distances.MEASURES[self.name]
        known = part.noted.setdefault(self.family, {})
        new = [name for name in names if name not in known]
        known.update(dict.fromkeys(new), **distances.counted(part, new, reference.grids()))
        return Tally({name: known[name] for name in names if known[name] is not None})

    def judge(self, tally: Tally[Any], setting: Setting, extent: Extent) -> tuple[Finding, ...]:
        """Return a finding on the worst column, and on each other that fails."""
        null = reference.null(self.name, extent)
        if null is None:
            return (nothing(self.name, setting, TOO_SMALL),)
        found = distances.stray(self.name, tally.slices, reference.grids())
        times = scalar(setting.threshold)
        ratios = {
            name: _ratio(value, times * null.critical[name])
            for name, value in found.items()
            if name in null.critical
        }
        if not ratios:
            return (nothing(self.name, setting),)
        order = sorted(ratios, key=lambda name: -ratios[name])
        return tuple(
            self._finding(name, found[name], ratios[name], tally.slices[name], setting, null)
            for place, name in enumerate(order)
            if place == 0 or ratios[name] > 1
        )

    def _finding(
        self, name: str, value: float, ratio: float, shares: Shares, setting: Setting, null: Null
    ) -> Finding:
        critical = scalar(setting.threshold) * null.critical[name]
        unit = f" {self.of}" if self.of else ""
        message = (
            f"{self.what.format(name)} is {value:.3g}{unit} over {round(shares.rows):,} rows; at "
            f"most {critical:.3g}{unit} {'is' if ratio <= 1 else 'would be'} expected of a clean "
            f"variation ({null.bonds} bonds, {null.months} months)."
        )
        used = max(ratio - null.usual, 0.0) / (1 - null.usual)
        return Finding(
            self.name, name, value, None, critical, round(shares.rows), setting.severity,
            "pass" if ratio <= 1 else "fail", message, used,
        )  # fmt: skip


TOO_SMALL: Final = (
    f"Clean variations of fewer than {min(reference.BONDS)} bonds or {min(reference.MONTHS)} "
    "months were not measured."
)


class PopulationStability(ReferenceGate):
    """Population stability index over deciles and missing values."""

    name = "psi"
    catches = "columns whose values, or gaps, moved between deciles"
    what = "The population stability index of {}"


class KolmogorovSmirnov(ReferenceGate):
    """Largest distance between the distribution functions."""

    name = "kolmogorov_smirnov"
    catches = "columns that are distributed otherwise somewhere"
    what = "The largest distance of the distribution function of {} from the reference"


class Wasserstein(ReferenceGate):
    """Mean distance that values would have to be moved."""

    name = "wasserstein"
    catches = "columns whose values moved far"
    what = "The mean distance of the values of {} from the reference"
    of = "interquartile ranges"


class Tails(ReferenceGate):
    """Shares beyond the first and the last percentile of the reference."""

    name = "tails"
    catches = "too many extreme values"
    what = "The share of {} beyond an outer percentile of the reference, less what it should be,"
    of = "% of rows"


class CategoryMix(ReferenceGate):
    """Total variation between the shares of the words."""

    name = "category_mix"
    catches = "other sectors, ratings, seniorities or call rights"
    what = "The share of rows whose {} would have to change"
    of = "% of rows"


def _ratio(value: float, critical: float) -> float:
    return value / critical if critical > 0 else (0.0 if value <= 0 else 1.0 + value)


GATES: Final[tuple[Gate, ...]] = (
    PopulationStability(), KolmogorovSmirnov(), Wasserstein(), Tails(), CategoryMix(),
)  # fmt: skip
