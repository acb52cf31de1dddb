"""What all supervised models share: learn on one side, weigh on another, put right on a third.

A model states what is its own (task, columns, members, which rows may teach) and inherits the way:

1. keep the most telling features, if that is asked for;
2. teach each member on the training rows, watching the tuning rows;
3. weigh the members on the tuning rows;
4. teach them again on both, with the settings that were found;
5. put probabilities right, or measure intervals, on the calibration rows.

Beside them a plain linear model is taught on the same rows: the simplest method that a score has to
beat.

Rows that carry weights count by them (:mod:`.weights`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from bondx_lib.errors import BadInput
from bondx_lib.models import combination, learners, selection
from bondx_lib.models.base import (
    Bools,
    Floats,
    Panel,
    Task,
    Words,
    letters,
    matrix,
    read_card,
    write_card,
)
from bondx_lib.models.conformal import Intervals
from bondx_lib.models.learners.base import Learner, Lesson, Matrix
from bondx_lib.models.learners.linear import Linear
from bondx_lib.models.splits import CALIBRATE, TRAIN, TUNE
from bondx_lib.models.weights import effective_rows, weights_of
from bondx_lib.parameters import Parameters

BASELINE, SHADOW = "baseline.json", "shadow.json"
RATING, GAP = "rating_number", "rating_gap"
SHADOW_PENALTY: Final = 10.0
INPUTS: Final = ("world", "month", "issuer_id", "bond_id", "rating")


@dataclass(frozen=True)
class Sides:
    """Positions of the rows that teach, tune and calibrate."""

    train: np.ndarray
    tune: np.ndarray
    calibrate: np.ndarray


class Supervised:
    """A model that learns a label.

    Attributes
    ----------
    inputs
        Columns of the panel that its label, its splits and its answers are made of.
    members
        Its learners, in order.
    strategy
        How they are put together: ``voting`` or ``stacking``.
    shares
        What stacking is drawn towards, in the order of the members; empty: equal shares.
    settings
        The model's own settings of a learner, by its name.
    monotone
        Features in which the answer may only rise (1) or fall (−1).
    shadow
        Features from which a rating is guessed; how far the guess is from the agencies' rating
        joins the features as ``rating_gap``. Every row shows its rating, so that much can be
        learnt without any label. Empty: no guess.
    purpose, not_for
        For its card.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    task: ClassVar[Task]
    columns: ClassVar[tuple[str, ...]]
    inputs: ClassVar[tuple[str, ...]] = INPUTS
    members: ClassVar[tuple[str, ...]]
    strategy: ClassVar[str] = "voting"
    shares: ClassVar[tuple[float, ...]] = ()
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    monotone: ClassVar[Mapping[str, int]] = {}
    shadow: ClassVar[tuple[str, ...]] = ()
    purpose: ClassVar[str]
    not_for: ClassVar[str] = "any market but the simulated one"

    def __init__(
        self,
        taught: tuple[Learner, ...],
        baseline: Linear,
        shadow: Linear | None,
        facts: dict[str, Any],
    ) -> None:
        self._taught = taught
        self._baseline = baseline
        self._shadow = shadow
        self.facts = facts

    @classmethod
    def teaches(cls, panel: Panel) -> Bools:
        """Say which rows may teach, tune and calibrate, apart from their label and their side."""
        return np.ones(len(panel), bool)

    @classmethod
    def train(
        cls,
        panel: Panel,
        splits: Words,
        parameters: Parameters,
        rng: Generator,
        tuned: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return a trained model; ``tuned`` holds settings that a search has found.

        Raises
        ------
        BadInput
            When a feature is missing, or a base model that the parameters name is not known.
        """
        label, sides = cls.sides(panel, splits)
        advanced = parameters.advanced
        kept = cls.columns
        lesson = _lesson(cls, panel, label, sides, kept, None)
        whole = lesson.whole()
        simplest = Linear.fit(whole, {}, rng)
        known: Linear | None = simplest
        if advanced.enable_feature_selection:
            kept = selection.select(lesson, advanced.max_features, rng)
        shadow = _shadow(cls, panel, sides, rng)
        if kept != cls.columns or shadow is not None:
            lesson = _lesson(cls, panel, label, sides, kept, shadow)
            whole, known = lesson.whole(), None
        members, strategy = cls.members, cls.strategy
        if advanced.enable_ensemble_methods:
            members, strategy = advanced.base_models, advanced.ensemble_strategy
        issuers = panel.rows["issuer_id"].to_numpy()
        taught, weights = _taught(
            cls, lesson, whole, members, strategy, issuers[sides.tune], tuned, known, rng
        )
        facts = {
            "rows": len(sides.train),
            "tune_rows": len(sides.tune),
            "calibrate_rows": len(sides.calibrate),
            "issuers": int(pd.unique(issuers[sides.train]).size),
            "events": int(label[sides.train].sum()) if cls.task.kind == "event" else 0,
            "target_mean": float(np.average(lesson.target, weights=lesson.weight))
            if len(sides.train)
            else 0.0,
            **({} if lesson.weight is None else {"effective_rows": effective_rows(lesson.weight)}),
            "selected": list(kept),
            "strategy": strategy,
            "members": [
                {"learner": name, "weight": float(weight), "chosen": learner.chosen}
                for name, weight, learner in zip(members, weights, taught, strict=True)
            ],
            "tuned": dict(tuned or {}),
            "intercept": 0.0,
            "slope": 1.0,
            "intervals": None,
        }
        model = cls(taught, simplest, shadow, facts)
        model._settle(panel.take(sides.calibrate), label[sides.calibrate], parameters)
        return model

    @classmethod
    def sides(cls, panel: Panel, splits: Words) -> tuple[Floats, Sides]:
        """Return the label, and the rows of each side: known label, one row a case."""
        panel.need(cls.inputs)
        label = cls.task.label(panel.rows)
        usable = np.isfinite(label) & cls.teaches(panel)
        usable &= ~panel.rows.duplicated(list(cls.task.unit)).to_numpy()
        found = (np.flatnonzero(usable & (splits == side)) for side in (TRAIN, TUNE, CALIBRATE))
        return label, Sides(*found)

    def predict(self, panel: Panel) -> Floats:
        """Return the value or the probability of each row."""
        return self._answer(self.raw(panel))

    def raw(self, panel: Panel) -> Floats:
        """Return the weighted sum of what the members say: a value or log-odds."""
        rows, _ = self.matrix(panel)
        weights = [member["weight"] for member in self.facts["members"]]
        total = np.zeros(len(rows))
        for weight, learner in zip(weights, self._taught, strict=True):
            if weight > 0:
                total += weight * learner.raw(rows)
        return total

    def matrix(self, panel: Panel) -> tuple[Matrix, tuple[str, ...]]:
        """Return what the members are asked about, and the names of its columns."""
        columns = tuple(self.facts["selected"])
        return _with_gap(panel, columns, self.shadow, self._shadow), _named(columns, self._shadow)

    def baseline(self, panel: Panel) -> Floats:
        """Return what the plain linear model says."""
        raw = self._baseline.raw(matrix(panel.features, self.columns))
        return raw if self.task.kind == "value" else combination.probability(raw, 0.0, 1.0)

    def answer(self, panel: Panel) -> pd.DataFrame:
        """Return the prediction of each row under its name."""
        word = "probability" if self.task.kind == "event" else "prediction"
        return pd.DataFrame({f"{self.name}_{word}": self.predict(panel)}, index=panel.rows.index)

    def interval(self, panel: Panel, predictions: Floats) -> tuple[Floats, Floats] | None:
        """Return the ends of the prediction interval of each row, None for probabilities."""
        if self.facts["intervals"] is None:
            return None
        half = Intervals.from_dict(self.facts["intervals"]).half_width(letters(panel.rows))
        return predictions - half, predictions + half

    def save(self, folder: Path) -> None:
        """Write each member to a file of its own, the linear model, and the card."""
        places = {f"{learner.name}{learner.suffix}": learner for learner in self._taught} | {
            BASELINE: self._baseline
        }
        if self._shadow is not None:
            places[SHADOW] = self._shadow
        for file, learner in places.items():
            learner.save(folder / file)
        write_card(folder, self.name, self.columns, self.facts, list(places))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the model back."""
        facts = read_card(folder, cls.name, cls.columns)
        try:
            selected, names = facts["selected"], [m["learner"] for m in facts["members"]]
            [float(member["weight"]) for member in facts["members"]]
            line = float(facts["intercept"]), float(facts["slope"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"is no model card: {error!r}", source=str(folder)) from error
        if not set(selected) <= set(cls.columns) or not np.isfinite(line).all():
            raise BadInput("was trained on other features than this version has",
                           source=str(folder))  # fmt: skip
        shadow = Linear.load(folder / SHADOW, len(cls.shadow)) if cls.shadow else None
        width = len(_named(tuple(selected), shadow))
        taught = [
            law.load(folder / f"{law.name}{law.suffix}", width) for law in map(learners.get, names)
        ]
        simplest = Linear.load(folder / BASELINE, len(cls.columns))
        return cls(tuple(taught), simplest, shadow, facts)

    def card(self) -> dict[str, Any]:
        """Return what a reader should know of the model."""
        facts = self.facts
        members = [f"{member['learner']} {member['weight']:.2f}" for member in facts["members"]]
        return {
            "purpose": self.purpose,
            "not for": self.not_for,
            "method": f"{facts['strategy']} of {', '.join(members)}"
            if len(members) > 1
            else f"{facts['members'][0]['learner']}",
            "features": len(facts["selected"]),
            **{key: facts[key] for key in ("rows", "tune_rows", "calibrate_rows", "issuers")},
            **{key: facts[key] for key in ("effective_rows",) if key in facts},
            **({"events": facts["events"]} if self.task.kind == "event" else {}),
            "monotone in": list(self.monotone) or None,
            "calibration": f"intercept {facts['intercept']:+.3f}, slope {facts['slope']:.3f}"
            if self.task.kind == "event"
            else None,
            "interval": _interval_words(facts["intervals"]),
        }

    @property
    def taught(self) -> tuple[Learner, ...]:
        """Return the members, in order."""
        return self._taught

    def _answer(self, raw: Floats) -> Floats:
        if self.task.kind == "value":
            return raw
        return combination.probability(raw, self.facts["intercept"], self.facts["slope"])

    def _settle(self, panel: Panel, label: Floats, parameters: Parameters) -> None:
        """Put probabilities right, or measure intervals, on rows that nothing was taught."""
        raw, issuers = self.raw(panel), panel.rows["issuer_id"].to_numpy()
        weight = weights_of(panel.rows)
        if self.task.kind == "event":
            line = combination.calibration(raw, label, issuers, weight)
            self.facts["intercept"], self.facts["slope"] = line
        else:
            level = parameters.evaluation.interval_coverage
            found = Intervals.fit(label - raw, issuers, letters(panel.rows), level, weight)
            self.facts["intervals"] = found.to_dict()


def lesson_of(law: type[Supervised], panel: Panel, splits: Words, rng: Generator) -> Lesson:
    """Return the lesson that a model would be taught."""
    label, sides = law.sides(panel, splits)
    return _lesson(law, panel, label, sides, law.columns, _shadow(law, panel, sides, rng))


def settings_for(law: type[Supervised], name: str, tuned: Mapping[str, Any]) -> dict[str, Any]:
    """Return a learner's settings: the model's own, and over them what a search has found."""
    return {**law.settings.get(name, {}), **tuned}


def _shadow(law: type[Supervised], panel: Panel, sides: Sides, rng: Generator) -> Linear | None:
    """Learn to guess the rating from other features, on the rows that teach and tune."""
    if not law.shadow:
        return None
    which = np.concatenate([sides.train, sides.tune])
    rows, (weight, check_weight) = panel.features.iloc[which], _weights(panel, which, which[:0])
    known, rating = matrix(rows, law.shadow), matrix(rows, (RATING,))[:, 0].astype(float)
    lesson = Lesson(
        "value", law.shadow, known, rating, known[:0], rating[:0], weight=weight,
        check_weight=check_weight,
    )  # fmt: skip
    return Linear.fit(lesson, {"penalty": SHADOW_PENALTY, "squares": True}, rng)


def _named(columns: tuple[str, ...], shadow: Linear | None) -> tuple[str, ...]:
    return columns if shadow is None else (*columns, GAP)


def _with_gap(
    panel: Panel, columns: tuple[str, ...], asked: tuple[str, ...], shadow: Linear | None
) -> Matrix:
    """Return the features in order, with the guessed rating less the agencies' as the last."""
    rows = matrix(panel.features, columns)
    if shadow is None:
        return rows
    guess = shadow.raw(matrix(panel.features, asked))
    gap = guess - matrix(panel.features, (RATING,))[:, 0]
    return np.concatenate([rows, gap[:, None].astype(np.float32)], axis=1)


def _lesson(
    law: type[Supervised],
    panel: Panel,
    label: Floats,
    sides: Sides,
    columns: tuple[str, ...],
    shadow: Linear | None,
) -> Lesson:
    whole = _with_gap(panel, columns, law.shadow, shadow)
    weight, check_weight = _weights(panel, sides.train, sides.tune)
    return Lesson(
        law.task.kind,  # type: ignore[arg-type]
        _named(columns, shadow),
        whole[sides.train], label[sides.train], whole[sides.tune], label[sides.tune],
        {name: sign for name, sign in law.monotone.items() if name in columns},
        weight, check_weight,
    )  # fmt: skip


def _weights(
    panel: Panel, train: NDArray[np.int64], tune: NDArray[np.int64]
) -> tuple[Floats | None, Floats | None]:
    """Return the weights of rows to learn from and to check, looking at no other row."""
    weight = weights_of(panel.rows.iloc[np.concatenate([train, tune])])
    return (None, None) if weight is None else (weight[: len(train)], weight[len(train) :])


def _taught(
    law: type[Supervised],
    lesson: Lesson,
    whole: Lesson,
    members: tuple[str, ...],
    strategy: str,
    issuers: Words,
    tuned: Mapping[str, Any] | None,
    known: Linear | None,
    rng: Generator,
) -> tuple[tuple[Learner, ...], Floats]:
    """Teach the members, weigh them on rows they have not seen, and teach them those too.

    ``known`` is the line through the whole lesson, if there is one already.
    """
    settings = [settings_for(law, name, tuned or {}) for name in members]
    laws = [learners.get(name) for name in members]
    first = [one.fit(lesson, own, rng) for one, own in zip(laws, settings, strict=True)]
    raw = np.stack([learner.raw(lesson.check_matrix) for learner in first], axis=1)
    weights = combination.weights(
        strategy, lesson.kind, raw, lesson.check_target, issuers,
        law.shares if members == law.members else (), lesson.check_weight,
    )  # fmt: skip
    again: list[Learner] = []
    for one, own, before in zip(laws, settings, first, strict=True):
        found = {**own, **before.chosen}
        again.append(known if known and one is Linear and not found else one.fit(whole, found, rng))
    return tuple(again), weights


def _interval_words(intervals: dict[str, Any] | None) -> str | None:
    if intervals is None:
        return None
    level = f"{100 * intervals['level']:.0f} %"
    return f"{level}, conformal by issuer, from {intervals['issuers']} issuers"
