"""Measure what each ingredient of refinement adds to the skill of the champions at the end.

Runs of several seeds are gone through epoch by epoch, by the functions that an epoch calls and
with its random numbers, without notebooks and files; each again with one ingredient left out or
changed. What counts is the skill on a market that nobody has selected on. Variants of one seed
share all that is equal between them, so differences are paired by seed. Writes a result and the
page ``docs/refinement.md``.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import refinement_page
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, epoch, features, gates, market, models, parameters
from bondx_lib.gates import Finding, steering
from bondx_lib.models import Model, Panel, Scores, evaluation, tuning
from bondx_lib.models.base import Floats, Words
from bondx_lib.models.supervised import Supervised
from bondx_lib.models.weights import WEIGHT
from bondx_lib.parameters import Parameters

ROOT: Final = Path(__file__).parents[1]
RESULT: Final = ROOT / "benchmarks" / "results" / "refinement.json"
PAGE: Final = ROOT / "docs" / "refinement.md"
FRESH: Final = "audit"
"""Stream of the market that judges in the end: that which a run opens after its last epoch."""
FRESH_REPLICATES: Final = 50
PLAIN: Final = "plain"
ALSO_CHALLENGERS: Final = (PLAIN, "latest")
"""Variants of which the last challengers are judged too, beside the champions."""
EPOCH_BLOCKS: Final = ("dataset_size", "history_months", "training_split", "models", "scenario")

Mix = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Size:
    """How much is measured; the first ``tuned_seeds`` seeds also with tuning."""

    seeds: int
    tuned_seeds: int
    epochs: int
    fresh_worlds: int
    changed: Mapping[str, Any] = field(default_factory=dict)


FULL: Final = Size(seeds=6, tuned_seeds=4, epochs=10, fresh_worlds=24)
SMALL: Final = Size(
    seeds=2, tuned_seeds=1, epochs=2, fresh_worlds=2,
    changed={
        "dataset_size": 40, "evaluation.worlds": 2, "evaluation.bonds_per_world": 40,
        "evaluation.branches": 8, "evaluation.bootstrap_replicates": 50,
        "advanced.trials_per_epoch": 1,
    },
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One way to go through the epochs.

    Attributes
    ----------
    steered
        What steers its draws: ``none``, ``warnings``, ``losses`` or ``losses a row``.
    draws
        The variant whose draws it learns from; empty: its own.
    latest
        Whether challengers learn from the latest variation alone.
    weights
        Where the weights of steered rows count: ``everywhere``, ``calibration`` or ``nowhere``.
    tuned
        Whether settings are searched.
    """

    steered: str = "none"
    draws: str = ""
    latest: bool = False
    weights: str = "everywhere"
    tuned: bool = False


VARIANTS: Final = {
    PLAIN: Variant(),
    "latest": Variant(draws=PLAIN, latest=True),
    "tuned": Variant(draws=PLAIN, tuned=True),
    "warnings": Variant(steered="warnings"),
    "losses": Variant(steered="losses"),
    "losses a row": Variant(steered="losses a row"),
    "weights in calibration": Variant(draws="losses a row", weights="calibration"),
    "weights nowhere": Variant(draws="losses a row", weights="nowhere"),
}


@dataclass(frozen=True)
class Drawn:
    """An accepted variation: rows, features, what each row stands for, and findings."""

    rows: pd.DataFrame
    columns: pd.DataFrame
    weight: Floats
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Tried:
    """A challenger: what it says of the benchmark market, and its scores there."""

    model: Model
    predictions: Floats
    scores: Scores


@dataclass(frozen=True)
class Course:
    """How a variant went: the mix of each epoch, champions and last challengers, promotions."""

    mixes: tuple[Mix, ...]
    champions: Mapping[str, Tried]
    challengers: Mapping[str, Tried]
    promotions: Mapping[str, int]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or show what was measured, and write result and page."""
    parser = argparse.ArgumentParser(description="Measure what refinement adds.")
    parser.add_argument("--small", action="store_true", help="half a minute, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--page", type=Path, help="where its page goes; --small writes none")
    parser.add_argument("--from", type=Path, dest="source", help="show this result, measure none")
    parser.add_argument("--workers", type=int, default=2, help="processes; changes no result")
    options = parser.parse_args(arguments)
    if options.source:
        print(refinement_page.page(artefacts.read_json(options.source)), end="")
        return
    output = options.output or (None if options.small else RESULT)
    target = options.page or (None if options.small else PAGE)
    result: dict[str, Any] = {}
    for result in measured(SMALL if options.small else FULL, options.workers):
        if output is not None:
            artefacts.write_json(output, result)
    text = refinement_page.page(result)
    print(text, end="")
    if target is not None:
        artefacts.write_text(target, text)


def measured(size: Size, workers: int) -> Iterator[dict[str, Any]]:
    """Yield the result of the first seed, of the first two, and so on."""
    runs: list[dict[str, Any]] = []
    for run in _runs(size, workers):
        runs.append(run)
        yield {
            "settings": settings(parameters.load(None, dict(size.changed))),
            "size": {name: value for name, value in asdict(size).items() if name != "changed"},
            "variants": [{"name": name, **asdict(variant)} for name, variant in VARIANTS.items()],
            "runs": list(runs),
        }


def settings(chosen: Parameters) -> dict[str, Any]:
    """Return what decides the course of epochs, and so what was measured."""
    known = chosen.model_dump(mode="json")
    return {
        **{name: known[name] for name in (*EPOCH_BLOCKS, "evaluation", "advanced")},
        "gates": gates.QualityGateManager(chosen).digest(),
        "factor": steering.FACTOR, "segments": steering.MOST_SEGMENTS,
    }  # fmt: skip


def _runs(size: Size, workers: int) -> Iterator[dict[str, Any]]:
    job = partial(run_of, size)
    numbers = range(1, size.seeds + 1)
    if workers == 1:
        yield from map(job, numbers)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        yield from processes.map(job, numbers)


def run_of(size: Size, seed: int) -> dict[str, Any]:
    """Return what each variant comes to with one seed."""
    chosen = parameters.load(None, {**size.changed, "random_seed": seed})
    names = [name for name, one in VARIANTS.items() if seed <= size.tuned_seeds or not one.tuned]
    with threadpool_limits(1):
        workshop = Workshop(chosen, size.fresh_worlds)
        courses: dict[str, Course] = {}
        for name in names:
            given = courses[VARIANTS[name].draws].mixes if VARIANTS[name].draws else None
            courses[name] = course(workshop, VARIANTS[name], size.epochs, given)
        first = {
            name: workshop.tried(name, ((),), Variant()).scores.skill for name in chosen.models
        }
        return {
            "seed": seed, "first": first,
            "variants": {
                name: _ended(workshop, one, both=name in ALSO_CHALLENGERS)
                for name, one in courses.items()
            },
        }  # fmt: skip


def _ended(workshop: Workshop, course: Course, *, both: bool) -> dict[str, Any]:
    """Return how a variant ended, in plain values."""
    sides = {"champions": course.champions} | ({"challengers": course.challengers} if both else {})
    return {
        **{
            side: {name: workshop.skill(one) for name, one in ended.items()}
            for side, ended in sides.items()
        },
        "promotions": dict(course.promotions),
        "mixes": [dict(mix) for mix in course.mixes],
    }


class Workshop:
    """The markets of one seed and all that is drawn and taught there; equal things once."""

    def __init__(self, chosen: Parameters, fresh_worlds: int) -> None:
        self.chosen = chosen
        self.manager = gates.QualityGateManager(chosen)
        self.benchmark = _market(chosen, "benchmark", chosen.evaluation.worlds)
        self.fresh = _market(chosen, FRESH, fresh_worlds)
        self._drawn: dict[tuple[int, Mix], Drawn] = {}
        self._tried: dict[tuple[Any, ...], Tried] = {}
        self._trials: dict[tuple[str, tuple[Mix, ...]], list[tuning.Trial]] = {}
        self._skill: dict[int, tuple[Tried, float]] = {}

    def variation(self, number: int, mix: Mix) -> Drawn:
        """Return the variation of an epoch: the first draw that the gates accept."""
        if (number, mix) not in self._drawn:
            self._drawn[number, mix] = self._accepted(number, mix)
        return self._drawn[number, mix]

    def _accepted(self, number: int, mix: Mix) -> Drawn:
        for draw in range(self.chosen.epoch.max_redraws + 1):
            stream = f"epoch/{number:04d}/draw/{draw}"
            drawn = market.simulate(self.chosen, stream, mix=market.Mix(dict(mix)) if mix else None)
            findings = self.manager.evaluate(drawn.panel, weights=drawn.weights)
            if not self.manager.blocked(findings):
                rows = drawn.panel.assign(world=number)
                weight = drawn.weights.to_numpy(float)
                return Drawn(rows, features.build(drawn.panel), weight, findings)
        raise RuntimeError(f"all draws of epoch {number} were refused")

    def pool(self, mixes: tuple[Mix, ...], *, latest: bool, weighted: bool = True) -> Panel:
        """Return the variations of epochs with these mixes, or the last of them alone."""
        first = len(mixes) if latest else 1
        parts = [self.variation(n, mixes[n - 1]) for n in range(first, len(mixes) + 1)]
        rows = pd.concat([part.rows for part in parts], ignore_index=True)
        if weighted and any(mixes[first - 1 :]):
            rows[WEIGHT] = np.concatenate([part.weight for part in parts])
        return Panel(rows, pd.concat([part.columns for part in parts], ignore_index=True))

    def tried(self, name: str, mixes: tuple[Mix, ...], variant: Variant) -> Tried:
        """Return the challenger of a model after epochs with these mixes."""
        steered, supervised = any(mixes), issubclass(models.get(name), Supervised)
        weights = variant.weights if steered and supervised else "everywhere"
        key = (name, mixes, variant.latest, weights, variant.tuned and supervised)
        if key not in self._tried:
            self._tried[key] = self._taught(name, mixes, variant, weights)
        return self._tried[key]

    def _taught(self, name: str, mixes: tuple[Mix, ...], variant: Variant, weights: str) -> Tried:
        law, number = models.get(name), len(mixes)
        pool = self.pool(mixes, latest=variant.latest, weighted=weights != "nowhere")
        split = epoch.sides(law, pool, self.chosen)
        if weights == "calibration":
            bare = self.tried(name, mixes, Variant(latest=variant.latest, weights="nowhere"))
            return self._judged(settled_again(bare.model, pool, split, self.chosen))
        tuned = {}
        if variant.tuned and issubclass(law, Supervised):
            tuned = self._searched(law, mixes, pool, split)
        rng = epoch.rng_of(self.chosen, f"train/{number:04d}", name)
        return self._judged(epoch.fit(law, pool, split, self.chosen, rng, tuned))

    def _judged(self, model: Model) -> Tried:
        panel, truth = self.benchmark
        predictions = model.predict(panel)
        scores = models.evaluate(
            model, predictions, panel, truth, epoch.rng_of(self.chosen, "benchmark", model.name),
            self.chosen.evaluation.bootstrap_replicates,
        )  # fmt: skip
        return Tried(model, predictions, scores)

    def _searched(
        self, law: type[Supervised], mixes: tuple[Mix, ...], pool: Panel, split: Words
    ) -> dict[str, Any]:
        """Go on with a model's search, as an epoch does."""
        number = len(mixes)
        before = [
            trial for n in range(1, number) for trial in self._trials.get((law.name, mixes[:n]), ())
        ]
        rng = epoch.rng_of(self.chosen, f"tune/{number:04d}", law.name)
        found = tuning.search(law, pool, split, self.chosen, before, number, rng)
        self._trials[law.name, mixes] = found
        return tuning.best([*before, *found])

    def skill(self, tried: Tried) -> float:
        """Return the skill of a model on the market that nobody has selected on."""
        if id(tried) not in self._skill:
            panel, truth = self.fresh
            scores = models.evaluate(
                tried.model, tried.model.predict(panel), panel, truth, np.random.default_rng(0),
                FRESH_REPLICATES,
            )  # fmt: skip
            self._skill[id(tried)] = tried, scores.skill
        return self._skill[id(tried)][1]


def _market(chosen: Parameters, stream: str, worlds: int) -> tuple[Panel, pd.DataFrame]:
    drawn = market.simulate(
        chosen, stream, bonds=chosen.evaluation.bonds_per_world, worlds=worlds, truth="full"
    )
    return Panel(drawn.panel, features.build(drawn.panel)), drawn.truth


def settled_again(model: Model, pool: Panel, split: Words, chosen: Parameters) -> Model:
    """Return the same learners, calibrated anew on rows that carry weights."""
    if not isinstance(model, Supervised):
        return model
    label, sides = type(model).sides(pool, split)
    again = copy.copy(model)
    again.facts = dict(model.facts)
    again._settle(pool.take(sides.calibrate), label[sides.calibrate], chosen)
    return again


def course(
    workshop: Workshop, variant: Variant, epochs: int, given: Sequence[Mix] | None = None
) -> Course:
    """Go through the epochs of a run, with given mixes or with those that it asks for.

    Parameters
    ----------
    workshop
        Where it draws and learns.
    variant
        What is different from a plain run.
    epochs
        How many.
    given
        The mix of each epoch, if another variant has asked for them.
    """
    names = workshop.chosen.models
    mixes: tuple[Mix, ...] = ()
    wish: Mix = ()
    champions: dict[str, Tried] = {}
    tried: dict[str, Tried] = {}
    promotions = dict.fromkeys(names, 0)
    for number in range(1, epochs + 1):
        mixes = (*mixes, wish if given is None else given[number - 1])
        tried = {name: workshop.tried(name, mixes, variant) for name in names}
        pool = workshop.pool(mixes, latest=variant.latest)
        found = _findings(workshop, tried, champions, pool, number)
        for name, one in tried.items():
            if _promoted(workshop, champions.get(name), one, found, number):
                champions[name] = one
                promotions[name] += 1
        on_data = workshop.variation(number, mixes[-1]).findings
        wish = STEERED[variant.steered](workshop, (*on_data, *found), tried)
    return Course(mixes, champions, tried, promotions)


def _findings(
    workshop: Workshop,
    tried: Mapping[str, Tried],
    champions: Mapping[str, Tried],
    pool: Panel,
    number: int,
) -> list[Finding]:
    """Return what the gates say of the challengers of an epoch."""
    panel, truth = workshop.benchmark
    measured = {
        name: models.examine(
            one.model, panel, truth, one.predictions, one.scores, pool=pool,
            split=epoch.sides(type(one.model), pool, workshop.chosen),
            champion_predictions=champions[name].predictions if name in champions else None,
            parameters=workshop.chosen,
            rng=epoch.rng_of(workshop.chosen, f"judge/{number:04d}", name),
        )
        for name, one in tried.items()
    }  # fmt: skip
    judged = workshop.manager.judge_models(measured)
    return [one for one in judged if one.verdict != "not_applicable"]


def _promoted(
    workshop: Workshop, champion: Tried | None, one: Tried, found: Sequence[Finding], number: int
) -> bool:
    """Say whether a challenger replaces the champion, as an epoch decides it."""
    if champion is None:
        return True
    panel, truth = workshop.benchmark
    comparison = models.compare(
        one.model, champion.predictions, one.predictions, panel, truth,
        epoch.rng_of(workshop.chosen, f"compare/{number:04d}", one.model.name),
        workshop.chosen.evaluation.bootstrap_replicates,
    )  # fmt: skip
    return comparison.promote and not epoch.Judged(tuple(found)).refusing(one.model.name)


def _unsteered(workshop: Workshop, found: Sequence[Finding], tried: Mapping[str, Tried]) -> Mix:
    return ()


def _by_warnings(workshop: Workshop, found: Sequence[Finding], tried: Mapping[str, Tried]) -> Mix:
    return tuple(gates.steer(found).mix.items())


def _by_losses(
    each_row: bool, workshop: Workshop, found: Sequence[Finding], tried: Mapping[str, Tried]
) -> Mix:
    """Ask for the segments that lose most of all models' skill, over all rows or a row."""
    total: dict[str, float] = {}
    for one in tried.values():
        for segment, lost in lost_skill(one, *workshop.benchmark, each_row=each_row).items():
            total[segment] = total.get(segment, 0.0) + lost
    most = sorted(total, key=lambda name: (-total[name], name))[: steering.MOST_SEGMENTS]
    return tuple((name, steering.FACTOR) for name in sorted(most) if total[name] > 0)


Steers = Callable[[Workshop, Sequence[Finding], Mapping[str, Tried]], Mix]
STEERED: Final[dict[str, Steers]] = {
    "none": _unsteered,
    "warnings": _by_warnings,
    "losses": partial(_by_losses, False),
    "losses a row": partial(_by_losses, True),
}


def lost_skill(
    one: Tried, panel: Panel, truth: pd.DataFrame, *, each_row: bool
) -> dict[str, float]:
    """Return how much skill a model loses in each sector and rating, by its excess loss there.

    Excess is loss over the ceiling. Over all rows it adds up to one less the skill, over the
    sectors as over the ratings; a row, it is the same over the segment's share of rows. A model
    whose ceiling is not one of cases loses none.
    """
    law = type(one.model)
    if law.task.kind == "damage":
        return {}
    cases = evaluation.judged(law, panel, truth)
    ceiling = cases.ceiling()
    if ceiling is None:
        return {}
    room = float((cases.floor() - ceiling).mean())
    excess = (cases.losses(one.predictions[cases.rows]) - ceiling) / room
    lost = {}
    for by in ("sector", "rating"):
        for name in np.unique(cases.segments[by]):
            here = cases.segments[by] == name
            if here.sum() >= evaluation.LEAST_SEGMENT:
                rows = int(here.sum()) if each_row else len(here)
                lost[f"{by}={name}"] = float(excess[here].sum()) / rows
    return lost


if __name__ == "__main__":
    main()
