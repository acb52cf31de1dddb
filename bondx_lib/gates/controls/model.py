"""Negative controls of the gates on models: worse measures, of which each gate must notice its own.

They damage what was measured of a model. That a damaged model is measured so is tested end to end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from numpy.random import Generator

from bondx_lib.gates.controls.base import Control

Measured = Mapping[str, Any]
Damage = Callable[[Measured, float, Generator], dict[str, Any]]

FRACTIONS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
RISES: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


def _shifted(measure: str, sign: float = -1.0) -> Damage:
    """Return damage that moves a value and its interval."""

    def damage(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
        return {**measured, measure: [one + sign * amount for one in measured[measure]]}

    return damage


def _scaled(measure: str, first: int) -> Damage:
    """Return damage that multiplies the first few entries of a measure."""

    def damage(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
        value = measured[measure]
        return {**measured, measure: [one * amount for one in value[:first]] + list(value[first:])}

    return damage


def _without_gain(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
    gain, low, high = measured["over_linear"]
    lost = amount * max(high, 0.0)
    return {**measured, "over_linear": [gain - lost, low - lost, high - lost]}


def _learnt_by_heart(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
    taught, held, gap = measured["overfit"]
    return {**measured, "overfit": [taught, held - amount, gap + amount]}


def _uncovered(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
    share, low, high, level = measured["coverage"]
    return {**measured, "coverage": [share - amount, low - amount, high - amount, level]}


def _bad_segment(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
    first, *rest = measured["segments"]
    worse = dict.fromkeys(("loss", "low", "high"), amount * first["floor"])
    return {**measured, "segments": [{**first, **worse}, *rest]}


def _drifted(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
    return {**measured, "drift": amount}


def _wrong_way(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
    return {**measured, "monotonicity": {**measured["monotonicity"], "leverage": amount}}


def _named(measure: str, word: str) -> Damage:
    """Return damage that adds offenders to a list."""

    def damage(measured: Measured, amount: float, rng: Generator) -> dict[str, Any]:
        return {**measured, measure: [f"{word} {number}" for number in range(int(amount))]}

    return damage


def _rise(measure: str) -> Control:
    return Control("rise of the loss", "of the way from floor to ceiling", RISES,
                   _shifted(measure, 1.0))  # fmt: skip


CONTROLS: Final[dict[str, Control]] = {
    "beats_floor": Control("lower skill", "of the way from floor to ceiling", FRACTIONS,
                           _shifted("skill")),
    "beats_linear": Control("less gain", "times the upper end of the gain", FRACTIONS,
                            _without_gain),
    "skill": Control("lower skill", "of the way from floor to ceiling", FRACTIONS,
                     _shifted("skill")),
    "overfit_gap": Control("less explained on rows held out", "of the floor's loss", FRACTIONS,
                           _learnt_by_heart),
    "calibration": Control("slope multiplied", "times", (1.05, 1.2, 1.5, 1.7, 2.0, 3.0),
                           _scaled("calibration", 3)),
    "interval_coverage": Control("lower coverage", "of the cases",
                                 (0.01, 0.03, 0.07, 0.1, 0.15, 0.2, 0.3), _uncovered),
    "worst_segment": Control("loss of a segment", "of its floor", (0.5, 0.9, 1.1, 1.2, 1.5),
                             _bad_segment),
    "prediction_drift": Control("stability index", "", (0.05, 0.1, 0.2, 0.3, 0.5, 1.0), _drifted),
    "alert_rate": Control("alert rate multiplied", "times", (1.1, 1.5, 2.5, 4.0, 8.0),
                          _scaled("alert_rate", 1)),
    "forbidden_columns": Control("forbidden features", "features", (0.0, 1.0, 2.0),
                                 _named("forbidden", "truth")),
    "leakage_features": Control("features that know too much", "features", (0.0, 1.0, 2.0),
                                _named("leaks", "leak")),
    "leakage_shuffle": Control("skill on shuffled labels", "of the way from floor to ceiling",
                               RISES, _shifted("shuffled_skill", 1.0)),
    "monotonicity": Control("movement the wrong way", "of all movement",
                            (0.01, 0.03, 0.06, 0.1, 0.3), _wrong_way),
    **{name: _rise(name) for name in ("robust_curve", "robust_missing", "robust_stale")},
}  # fmt: skip
