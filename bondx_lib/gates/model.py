"""Models: can they be relied upon?

The measures come from :mod:`bondx_lib.models.examination` as plain values. A claim, such as that a
model beats the floor, passes only if its whole interval supports it and fails only if the whole
interval contradicts it; in between it is inconclusive.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from bondx_lib.gates.base import (
    Context,
    Finding,
    Gate,
    Setting,
    ends_of,
    nothing,
    scalar,
    within,
)
from bondx_lib.gates.tallies import Interval
from bondx_lib.vocabulary import Verdict

Measured = Mapping[str, Any]


@dataclass(frozen=True)
class Judgement:
    """What a gate says of one model: value, interval, verdict, used tolerance, sentence, cases."""

    observed: float
    interval: Interval | None
    verdict: Verdict
    used: float
    message: str
    segment: str = ""
    n: int = 0


class ModelGate(Gate):
    """A gate that judges each model by one of its measures.

    Attributes
    ----------
    measure
        Key of the measure; a model without it is not applicable.
    """

    family = "model"
    asks = "models"
    false_alarm = 0.02
    measure: ClassVar[str]

    @abstractmethod
    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Yield what there is to say of one model's measure."""

    def evaluate(self, context: Context) -> tuple[Finding, ...]:
        """Return one finding per model, or per segment of one."""
        setting = context.setting(self)
        found = []
        for name, measured in context.models.items():
            value = measured.get(self.measure)
            slice_name = f"model={name}"
            if value is None:
                found.append(nothing(self.name, setting, "It was not measured.", slice_name))
                continue
            found += [
                Finding(
                    self.name, f"{slice_name}{one.segment}", one.observed, one.interval,
                    setting.threshold, one.n, setting.severity, one.verdict, one.message, one.used,
                )
                for one in self.judge(value, setting)
            ]  # fmt: skip
        return tuple(found)


def claimed(low: float, high: float, limit: float) -> Verdict:
    """Return the verdict on the claim that a value is above a limit.

    >>> claimed(0.1, 0.3, 0.0), claimed(-0.1, 0.3, 0.0), claimed(-0.3, -0.1, 0.0)
    ('pass', 'inconclusive', 'fail')
    """
    if low > limit:
        return "pass"
    return "fail" if high < limit else "inconclusive"


class Skill(ModelGate):
    """The skill lies above a limit."""

    name = "skill"
    catches = "models that know less than half of what can be known"
    measure = "skill"
    limit = 0.5
    unit = "of the way from floor to ceiling"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the whole interval."""
        skill, low, high = value
        if any(one is None or one != one for one in value):
            return
        limit = scalar(setting.threshold)
        yield Judgement(
            skill, (low, high), claimed(low, high, limit), max(1 - low, 0.0) / (1 - limit),
            f"Skill is {skill:.2f} ({low:.2f} to {high:.2f}); more than {limit:g} is needed.",
        )  # fmt: skip


class BeatsFloor(Skill):
    """The model is better than the best constant."""

    name = "beats_floor"
    catches = "models that are no better than a constant"
    severity = "block"
    limit = 0.0


class BeatsLinear(ModelGate):
    """The model is better than the simplest method taught on the same rows."""

    name = "beats_linear"
    catches = "models that a line, or a count of failed checks, equals"
    measure = "over_linear"
    limit = 0.0
    unit = "loss"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the gain on the same rows."""
        gain, low, high = value
        limit = scalar(setting.threshold)
        yield Judgement(
            gain, (low, high), claimed(low, high, limit),
            1 - (low - limit) / max(abs(high - limit), abs(low - limit), 1e-12),
            f"The simplest method loses {gain:+.3g} more ({low:+.3g} to {high:+.3g}); more than "
            f"{limit:g} is needed.",
        )  # fmt: skip


class OverfitGap(ModelGate):
    """Little more is explained where the model was taught than elsewhere."""

    name = "overfit_gap"
    catches = "models that have learnt their rows by heart"
    measure = "overfit"
    limit = 0.6
    unit = "of the floor's loss"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the gap between taught and held-out rows."""
        taught, held, gap = value
        limit = scalar(setting.threshold)
        yield Judgement(
            gap, None, "pass" if gap <= limit else "fail", max(gap, 0.0) / limit,
            f"{100 * taught:.0f} % of the floor's loss is gone on rows taught, {100 * held:.0f} % "
            f"on rows held out; at most {100 * limit:g} points may lie between.",
        )  # fmt: skip


class Calibration(ModelGate):
    """The slope of what happened on what was predicted lies near 1."""

    name = "calibration"
    catches = "predictions that are too bold or too timid"
    measure = "calibration"
    limit = (0.67, 1.5)
    unit = "slope"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the slope as a sample."""
        slope, low, high = value
        if low is None or high is None:
            return
        ends = ends_of(setting.threshold)
        verdict, used = within(slope, (low, high), ends, "sample")
        yield Judgement(
            slope, (low, high), verdict, used,
            f"The slope of the calibration line is {slope:.2f} ({low:.2f} to {high:.2f}); "
            f"{ends[0]:g} to {ends[1]:g} is allowed.",
        )  # fmt: skip


class IntervalCoverage(ModelGate):
    """Prediction intervals hold the share of cases that they promise."""

    name = "interval_coverage"
    catches = "prediction intervals that promise too much or too little"
    measure = "coverage"
    limit = 0.07
    unit = "from the level aimed at"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the coverage over all rows as a sample."""
        share, low, high, level = value
        far = scalar(setting.threshold)
        known = None if low is None or high is None else (low, high)
        verdict, used = within(share, known, (level - far, min(level + far, 1.0)), "sample")
        between = "too few issuers for more" if known is None else (
            f"{100 * low:.1f} to {100 * high:.1f}"
        )  # fmt: skip
        yield Judgement(
            share, known, verdict, used,
            f"{100 * share:.1f} % of the cases lie in their interval ({between}); "
            f"{100 * level:g} % is aimed at, {100 * far:g} points are allowed.",
        )  # fmt: skip


class WorstSegment(ModelGate):
    """No segment is predicted worse than by a constant of its own."""

    name = "worst_segment"
    catches = "ratings, sectors or regimes in which a constant would do better"
    measure = "segments"
    limit = 1.05
    unit = "of the segment's floor"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge each segment's loss over its floor; the interval must lie past the limit."""
        limit = scalar(setting.threshold)
        for one in value:
            floor, low, high = one["floor"], one["low"], one["high"]
            if not floor or low is None or high is None:
                continue
            ratio, ends = one["loss"] / floor, (low / floor, high / floor)
            verdict: Verdict = "pass" if ratio <= limit else "inconclusive"
            verdict = "fail" if ends[0] > limit else verdict
            yield Judgement(
                ratio, ends, verdict, ratio / limit,
                f"In {one['by']} {one['segment']} the loss is {ratio:.2f} of its floor "
                f"({ends[0]:.2f} to {ends[1]:.2f}); at most {limit:g} is allowed.",
                f", {one['by']}={one['segment']}", int(one["rows"]),
            )  # fmt: skip


class _AtMost(ModelGate):
    """A measure that is one number, at most a limit."""

    sentence: ClassVar[str]

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the number."""
        limit = scalar(setting.threshold)
        yield Judgement(
            value, None, "pass" if value <= limit else "fail", value / limit,
            f"{self.sentence} {value:.3g}; at most {limit:g} is allowed.",
        )  # fmt: skip


class PredictionDrift(_AtMost):
    """A challenger's predictions are distributed like the champion's."""

    name = "prediction_drift"
    catches = "a challenger that suddenly says something else than the champion"
    measure = "drift"
    limit = 0.25
    unit = "stability index"
    sentence = "The stability index of its predictions against the champion's is"


class AlertRate(ModelGate):
    """Alerts are about as frequent as they were set to be."""

    name = "alert_rate"
    catches = "alerts that drown the reader, or none at all"
    measure = "alert_rate"
    limit = (0.5, 2.0)
    unit = "times the rate aimed at"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the ratio of observed to wanted."""
        rate, wanted = value
        ends, ratio = ends_of(setting.threshold), rate / wanted
        far = max(ratio / ends[1], ends[0] / ratio if ratio > 0 else 10.0)
        yield Judgement(
            ratio, None, "pass" if ends[0] <= ratio <= ends[1] else "fail", far,
            f"{100 * rate:.1f} % of the rows raise an alert, {100 * wanted:.1f} % is aimed at; "
            f"{ends[0]:g} to {ends[1]:g} times is allowed.",
        )  # fmt: skip


class _NoneOf(ModelGate):
    """A measure that is a list of offenders, which must be empty."""

    severity = "block"
    false_alarm = 0.0
    limit = 0.0
    unit = "features"
    fine: ClassVar[str]

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the number of offenders and name them."""
        many, limit = len(value), scalar(setting.threshold)
        message = f"{'; '.join(value)}." if many else self.fine
        yield Judgement(
            float(many), None, "pass" if many <= limit else "fail",
            0.0 if many == 0 else (many / limit if limit > 0 else 1.0 + many), message,
        )  # fmt: skip


class ForbiddenColumns(_NoneOf):
    """No feature is a label or a column of the truth."""

    name = "forbidden_columns"
    catches = "labels or the truth among the features"
    measure = "forbidden"
    fine = "No feature is a label or a column of the truth."


class LeakageFeatures(_NoneOf):
    """No single feature knows more than all together can."""

    name = "leakage_features"
    catches = "a feature that is a label or the truth under another name"
    measure = "leaks"
    fine = "No feature alone knows more than all together can."


class LeakageShuffle(ModelGate):
    """Taught on shuffled labels, the same model knows nothing.

    The interval is that of the market it is judged on. What few months of the pool happen to teach
    is not in it, so the limit leaves room: without any leak the lower end stays below 0.1.
    """

    name = "leakage_shuffle"
    catches = "knowledge that does not come from the labels"
    measure = "shuffled_skill"
    severity = "block"
    limit = 0.2
    unit = "of the way from floor to ceiling"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Fail if the whole interval of the skill lies above the limit."""
        skill, low, high = value
        limit = scalar(setting.threshold)
        verdict: Verdict = "pass" if skill <= limit else "inconclusive"
        yield Judgement(
            skill, (low, high), "fail" if low > limit else verdict, max(skill, 0.0) / limit,
            f"Taught on shuffled labels its skill is {skill:.3f} ({low:.3f} to {high:.3f}); at "
            f"most {limit:g} is allowed.",
        )  # fmt: skip


class Monotonicity(ModelGate):
    """Answers move with a feature in the direction that economics says."""

    name = "monotonicity"
    catches = "answers that fall where a feature says they must rise"
    measure = "monotonicity"
    limit = 0.05
    unit = "of all movement"

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Judge the feature that moves the wrong way most."""
        if not value:
            return
        limit, name = scalar(setting.threshold), max(value, key=lambda one: value[one])
        share, many = value[name], len(value)
        of = f", the most of {many} features" if many > 1 else ""
        yield Judgement(
            share, None, "pass" if share <= limit else "fail", share / limit,
            f"Along {name}, {100 * share:.1f} % of the movement goes the wrong way{of}; at most "
            f"{100 * limit:g} % is allowed.",
        )  # fmt: skip


class Robust(ModelGate):
    """A shock to what the model is shown costs little of what it knows."""

    limit = 0.15
    unit = "of the way from floor to ceiling"

    def __init__(self, name: str, shock: str) -> None:
        self.name = self.measure = name  # type: ignore[misc]
        self.catches = f"models that fail when {shock}"  # type: ignore[misc]
        self._shock = shock

    def judge(self, value: Any, setting: Setting) -> Iterator[Judgement]:
        """Fail if the whole interval of the rise lies above the limit."""
        rise, low, high = value
        limit = scalar(setting.threshold)
        verdict: Verdict = "pass" if rise <= limit else "inconclusive"
        yield Judgement(
            rise, (low, high), "fail" if low > limit else verdict, max(rise, 0.0) / limit,
            f"When {self._shock} its loss rises by {rise:.3f} ({low:.3f} to {high:.3f}) of the way "
            f"from floor to ceiling; at most {limit:g} is allowed.",
        )  # fmt: skip


GATES: Final[tuple[Gate, ...]] = (
    BeatsFloor(),
    BeatsLinear(),
    Skill(),
    OverfitGap(),
    Calibration(),
    IntervalCoverage(),
    WorstSegment(),
    PredictionDrift(),
    AlertRate(),
    ForbiddenColumns(),
    Monotonicity(),
    Robust("robust_curve", "the risk-free curve moves by 100 bp"),
    Robust("robust_missing", "ESG scores and alternative data are missing"),
    Robust("robust_stale", "one quote in ten is stale"),
    LeakageFeatures(),
    LeakageShuffle(),
)
