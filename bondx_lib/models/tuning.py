"""Hyper-parameter search that goes on from epoch to epoch.

In each epoch a model tries a few settings that it has not tried, beside its defaults and the best
so far, on the rows that tune. The pool grows, so losses of different epochs cannot be compared;
what is kept of a trial is its loss over that of the defaults in the same epoch. All trials so far
are the study: the search reads them, and they lie in the run folder, one file for each epoch and
model.
Source of the sampler: Bergstra et al. [24].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.random import Generator
from sklearn.model_selection import ParameterGrid

from bondx_lib.artefacts import read_json
from bondx_lib.errors import BadInput
from bondx_lib.models import combination, learners
from bondx_lib.models.base import Floats, Panel, Words
from bondx_lib.models.learners.base import Lesson, seed_of
from bondx_lib.models.supervised import Supervised, lesson_of, settings_for
from bondx_lib.parameters import Advanced, ParameterRanges, Parameters

METHODS: Final = ("grid_search", "random", "optuna")
LINE: Final = "linear"

Settings = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes
    ----------
    epoch
        In which epoch.
    settings
        ``n_estimators``, ``max_depth``, ``learning_rate``; empty for the model's defaults.
    loss, ratio
        Loss on the rows that tune, and the same over the loss of the defaults in that epoch.
    """

    epoch: int
    settings: Settings
    loss: float
    ratio: float

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the trial that was written."""
        return cls(
            int(content["epoch"]), dict(content["settings"]), float(content["loss"]),
            float(content["ratio"]),
        )  # fmt: skip


def read(paths: Sequence[Path]) -> list[Trial]:
    """Return the trials of earlier epochs, in order; a file that does not exist has none.

    Raises
    ------
    BadInput
        When a file holds no trials.
    """
    trials: list[Trial] = []
    for path in paths:
        if not path.is_file():
            continue
        try:
            trials += [Trial.from_dict(one) for one in read_json(path)]
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"holds no trials: {error!r}", source=str(path)) from error
    return trials


def best(trials: Sequence[Trial]) -> Settings:
    """Return the settings to use: the best of the last epoch's trials, the defaults if none.

    The best so far is tried again in every epoch, so the last epoch's trials hold it.
    """
    if not trials:
        return {}
    last = [trial for trial in trials if trial.epoch == trials[-1].epoch]
    return dict(min(last, key=lambda trial: trial.loss).settings)


def search(
    law: type[Supervised],
    panel: Panel,
    splits: Words,
    parameters: Parameters,
    before: Sequence[Trial],
    epoch: int,
    rng: Generator,
) -> list[Trial]:
    """Try the defaults, the best so far and some new settings; return the trials of this epoch.

    Parameters
    ----------
    law
        The model whose settings are sought.
    panel, splits
        Pool and sides, as for training.
    before
        Trials of earlier epochs.
    epoch
        Number of this one.
    rng
        Draws settings, and teaches the learners.
    """
    advanced = parameters.advanced
    lesson = lesson_of(law, panel, splits, rng)
    if not lesson.checked or lesson.constant is not None:
        return []
    members = advanced.base_models if advanced.enable_ensemble_methods else law.members
    # No setting changes a line, so what it says is found once.
    known = {
        name: learners.get(name).fit(lesson, {}, rng).raw(lesson.check_matrix)
        for name in members
        if name == LINE
    }
    seed = seed_of(rng)

    def loss(settings: Settings) -> float:
        return _loss(law, lesson, members, settings, known, np.random.default_rng(seed))

    new = ask(advanced, before, advanced.trials_per_epoch, rng)
    incumbent = best(before)
    tried = [{}, *([incumbent] if incumbent else []), *(one for one in new if one != incumbent)]
    losses = [loss(settings) for settings in tried]
    return [
        Trial(epoch, settings, found, found / losses[0] if losses[0] > 0 else 1.0)
        for settings, found in zip(tried, losses, strict=True)
    ]


def ask(advanced: Advanced, before: Sequence[Trial], number: int, rng: Generator) -> list[Settings]:
    """Return settings to try next: fewer than asked for when a grid has none left.

    ``grid_search`` goes through all combinations in order, ``random`` draws from those not tried,
    ``optuna`` lets a tree-structured Parzen estimator propose values between the ends of the
    ranges.
    """
    if advanced.tuning_method == "optuna":
        return _proposed(advanced.parameter_ranges, before, number, seed_of(rng))
    ranges = {name: list(values) for name, values in advanced.parameter_ranges.model_dump().items()}
    tried = [trial.settings for trial in before]
    left = [dict(one) for one in ParameterGrid(ranges) if dict(one) not in tried]
    if advanced.tuning_method == "random":
        left = [left[place] for place in rng.permutation(len(left))]
    return left[:number]


def _proposed(
    ranges: ParameterRanges, before: Sequence[Trial], number: int, seed: int
) -> list[Settings]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        "n_estimators": optuna.distributions.IntDistribution(
            min(ranges.n_estimators), max(ranges.n_estimators)
        ),
        "max_depth": optuna.distributions.IntDistribution(
            min(ranges.max_depth), max(ranges.max_depth)
        ),
        "learning_rate": optuna.distributions.FloatDistribution(
            min(ranges.learning_rate), max(ranges.learning_rate), log=True
        ),
    }
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=6)
    study = optuna.create_study(direction="minimize", sampler=sampler)
    for trial in before:
        if trial.settings:
            study.add_trial(
                optuna.trial.create_trial(
                    params=trial.settings, distributions=space, value=trial.ratio
                )
            )
    return [dict(study.ask(space).params) for _ in range(number)]


def _loss(
    law: type[Supervised],
    lesson: Lesson,
    members: Sequence[str],
    settings: Settings,
    known: Mapping[str, Floats],
    rng: Generator,
) -> float:
    """Return the loss on the rows that tune of the members, each with an equal say."""
    said = [
        known[name] if name in known
        else learners.get(name).fit(lesson, settings_for(law, name, settings), rng)
        .raw(lesson.check_matrix)
        for name in members
    ]  # fmt: skip
    raw = np.mean(said, axis=0)
    losses = combination.losses(lesson.kind, lesson.check_target, raw)
    return float(np.average(losses, weights=lesson.check_weight))
