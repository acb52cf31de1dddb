"""How well and at what price the models learn, against other ways to learn the same.

``make bench-models`` runs it on one core and writes ``docs/benchmarks.md``. All methods get the
same rows and features and are judged on the same evaluation market, by the loss that is expected
under its truth. See ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import os
import pstats
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import contenders
import lightgbm
import model_page
import numpy as np
import pandas as pd
import sklearn
import xgboost
from contenders import Exercise, Predictor
from generator import machine
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bondx_lib import artefacts, features, gates, market, models, parameters
from bondx_lib.models import evaluation
from bondx_lib.models.base import Floats, Model, Panel, matrix
from bondx_lib.models.spread import MOST_PRICE_GAP

Result = TypeVar("Result")

ROOT: Final = Path(__file__).parents[1]
RESULT: Final = ROOT / "benchmarks" / "results" / "models.json"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
SEED: Final = 1
SPLIT_COLUMNS: Final = ("world", "month", "issuer_id", "bond_id")
OURS: Final = "ours"
SUPERVISED: Final[dict[str, Callable[[Exercise], Predictor]]] = {
    "scikit-learn histogram boosting": contenders.boosting,
    "ridge or logistic regression": contenders.linear,
    "FLAML": contenders.automl,
}
DAMAGE: Final[dict[str, Callable[[Exercise], Predictor]]] = {
    "scikit-learn isolation forest": contenders.odd_rows,
    "LightGBM with the labels": contenders.told_which,
}
CHECKS: Final = "number of failed checks"
PARTS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "linear": (("linear", "fit"),),
    "trees": (("xgboost", "fit"), ("gradient_boosting", "fit"), ("random_forest", "fit"),
              ("_iforest", "fit")),
    "calibration": (("combination", "weights"), ("combination", "calibration"),
                    ("conformal", "fit")),
}  # fmt: skip
"""Module and name of the functions whose time makes a part."""


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes
    ----------
    bonds
        In each variation.
    compared
        Variations in the pool of the comparison and of the profile.
    curve
        Variations in a pool, and how many pools of that size that share none.
    cost_rows
        Rows of pools whose training is timed; the whole variations nearest to it are taken.
    worlds, bonds_per_world, branches, replicates
        Of the evaluation market, its true probabilities and its intervals.
    automl_seconds
        The least that the AutoML package may search.
    """

    bonds: int
    compared: int
    curve: tuple[tuple[int, int], ...]
    cost_rows: tuple[int, ...]
    worlds: int
    bonds_per_world: int
    branches: int
    replicates: int
    automl_seconds: float


FULL: Final = Size(
    bonds=150, compared=26, curve=((5, 4), (10, 3), (26, 2), (50, 1), (100, 1), (260, 1)),
    cost_rows=(12_500, 25_000, 50_000, 100_000, 200_000), worlds=48, bonds_per_world=100,
    branches=32, replicates=200, automl_seconds=90.0,
)  # fmt: skip
SMALL: Final = Size(
    bonds=30, compared=4, curve=((2, 2), (4, 1)), cost_rows=(1_500, 3_000), worlds=3,
    bonds_per_world=30, branches=8, replicates=20, automl_seconds=3.0,
)  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """Accepted variations, each a world of its own, and which of their rows are damaged."""

    panel: Panel
    damaged: NDArray[np.bool_]
    seconds: float
    """Of building its features."""

    @classmethod
    def of(cls, parts: Sequence[Pool]) -> Pool:
        """Return several pools as one."""
        rows, columns = (
            pd.concat([getattr(part.panel, name) for part in parts], ignore_index=True)
            for name in ("rows", "features")
        )
        damaged = np.concatenate([part.damaged for part in parts])
        return cls(Panel(rows, columns), damaged, sum(part.seconds for part in parts))


@dataclass(frozen=True)
class Trial:
    """The evaluation market."""

    panel: Panel
    truth: pd.DataFrame
    replicates: int

    def scores(self, model: Model, predictions: Floats) -> models.Scores:
        """Return the scores of anyone's predictions of what a model predicts."""
        return models.evaluate(model, predictions, self.panel, self.truth, _rng(), self.replicates)

    def gain(self, model: Model, theirs: Floats, ours: Floats) -> tuple[float, float, float]:
        """Return their loss less ours, with interval."""
        return evaluation.gain(model, theirs, ours, self.panel, self.truth, _rng(), self.replicates)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result and its page."""
    parser = argparse.ArgumentParser(description="Measure the models against other methods.")
    parser.add_argument("--small", action="store_true", help="seconds, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--page", type=Path, help="where its page goes; --small writes none")
    parser.add_argument("--from", type=Path, dest="source", help="show this result, measure none")
    chosen = parser.parse_args(arguments)
    if chosen.source:
        print(model_page.page(artefacts.read_json(chosen.source)), end="")
        return
    output = chosen.output or (None if chosen.small else RESULT)
    page = chosen.page or (None if chosen.small else PAGE)
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with threadpool_limits(1):
        result = measure(SMALL if chosen.small else FULL)
    text = model_page.page(result)
    print(text, end="")
    if output is not None:
        artefacts.write_json(output, result)
    if page is not None:
        artefacts.write_text(page, text)


def measure(size: Size) -> dict[str, Any]:
    """Return all that is measured, in plain types."""
    settings = parameters.default()
    settings = settings.model_copy(
        update={
            "dataset_size": size.bonds,
            "evaluation": settings.evaluation.model_copy(update={"branches": size.branches}),
        }
    )
    needed = max(size.compared, *(count * pools for count, pools in size.curve))
    variations = [variation(settings, number) for number in range(1, 1 + needed)]
    trial = evaluation_market(settings, size)
    compared = Pool.of(variations[: size.compared])
    return {
        "machine": machine()
        | {library.__name__: library.__version__ for library in (sklearn, lightgbm, xgboost)}
        | {contenders.AUTOML: contenders.automl_version()},
        "size": asdict(size) | {"seed": settings.random_seed, "method_seed": SEED},
        "rows": {"pool": len(compared.panel), "evaluation": len(trial.panel),
                 "issuers": int(trial.panel.rows["issuer_id"].nunique())},
        "comparison": [
            row
            for name in models.MODELS
            for row in comparison(name, compared, trial, settings, size.automl_seconds)
        ],
        "curve": learning_curve(variations, trial, settings, size.curve),
        "cost": cost(variations, settings, size.cost_rows),
        "profile": [row for name in models.MODELS for row in profile(name, compared, settings)],
    }  # fmt: skip


def variation(settings: parameters.Parameters, number: int) -> Pool:
    """Return the first variation of an epoch that the gates accept, as a run would."""
    manager = gates.QualityGateManager(settings)
    for draw in range(settings.epoch.max_redraws + 1):
        drawn = market.simulate(settings, f"epoch/{number:04d}/draw/{draw}")
        if not manager.blocked(manager.evaluate(drawn.panel)):
            break
    columns, seconds = timed(functools.partial(features.build, drawn.panel))
    inputs = [name for law in models.MODELS.values() for name in law.inputs]
    rows = drawn.panel[list(dict.fromkeys([*SPLIT_COLUMNS, *inputs]))].assign(world=number)
    return Pool(Panel(rows, columns), drawn.truth["corrupted"].to_numpy(bool), seconds)


def evaluation_market(settings: parameters.Parameters, size: Size) -> Trial:
    """Return a market like a run's evaluation market, only larger."""
    drawn = market.simulate(
        settings, "benchmark", bonds=size.bonds_per_world, worlds=size.worlds, truth="full"
    )
    return Trial(Panel.of(drawn.panel), drawn.truth, size.replicates)


def comparison(
    name: str, pool: Pool, trial: Trial, settings: parameters.Parameters, least: float
) -> list[dict[str, Any]]:
    """Return a row for our model and for each other method, on the same rows."""
    start = time.perf_counter()
    model, seconds = trained(name, pool, settings)
    budget = max(least, time.perf_counter() - start)
    ours = model.predict(trial.panel)
    asked = matrix(trial.panel.features, model.columns)
    task = exercise(model, pool, settings, budget)
    rows = [_row(model, OURS, trial, ours, ours, seconds, seconds)]
    if model.task.kind == "damage":
        checks = model.baseline(trial.panel)
        rows.append(_row(model, CHECKS, trial, checks, ours, 0.0, seconds))
    for title, method in (DAMAGE if model.task.kind == "damage" else SUPERVISED).items():
        if method is contenders.automl and contenders.automl_version() is None:
            rows.append(_absent(model, title))
            continue
        predict, taken = timed(functools.partial(method, task))
        rows.append(_row(model, title, trial, predict(asked), ours, taken, seconds))
    return [{**row, "rows": len(task.target)} for row in rows]


def exercise(model: Model, pool: Pool, settings: parameters.Parameters, seconds: float) -> Exercise:
    """Return all that our model may use: training, tuning and calibration rows alike.

    Each case stands there once. Quotes that contradict themselves are left out where our model
    leaves them out too.
    """
    panel, task = pool.panel, model.task
    usable = sides(model, panel, settings) != models.UNUSED
    usable &= ~panel.rows.duplicated(list(task.unit)).to_numpy()
    label = pool.damaged.astype(float) if task.kind == "damage" else task.label(panel.rows)
    usable &= np.isfinite(label)
    if task.kind == "value":
        usable &= (panel.features["price_gap"] < MOST_PRICE_GAP).to_numpy()
    return Exercise(
        task.kind, matrix(panel.features, model.columns)[usable], label[usable],
        panel.rows["issuer_id"].to_numpy(str)[usable], seconds,
    )  # fmt: skip


def learning_curve(
    variations: Sequence[Pool],
    trial: Trial,
    settings: parameters.Parameters,
    curve: Sequence[tuple[int, int]],
) -> list[dict[str, Any]]:
    """Return the skill of each model by the size of its pool."""
    rows = []
    for name in models.MODELS:
        for count, pools in curve:
            starts = range(0, count * pools, count)
            all_scores, taught = [], 0
            for start in starts:
                pool = Pool.of(variations[start : start + count])
                model, _ = trained(name, pool, settings)
                all_scores.append(trial.scores(model, model.predict(trial.panel)))
                taught = taught or len(pool.panel)
            first, *others = all_scores
            rows.append(
                {"model": name, "variations": count, "rows": taught, **_bounds(first, "skill"),
                 "other_pools": [_finite(scores.skill) for scores in others]}
            )  # fmt: skip
    return rows


def cost(
    variations: Sequence[Pool], settings: parameters.Parameters, wanted: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the time of training by the size of the pool, and what a row costs of it."""
    lengths = np.cumsum([len(part.panel) for part in variations])
    counts = [1 + int(np.argmin(np.abs(lengths - rows))) for rows in wanted]
    pools = [Pool.of(variations[:count]) for count in counts]
    steps = []
    for name in models.MODELS:
        first = None
        for count, pool in zip(counts, pools, strict=True):
            _, seconds = trained(name, pool, settings)
            each = 1e6 * seconds / len(pool.panel)
            first = first or each
            steps.append(
                {"model": name, "variations": count, "rows": len(pool.panel), "seconds": seconds,
                 "microseconds_per_row": each, "ratio": each / first}
            )  # fmt: skip
    return steps


def profile(name: str, pool: Pool, settings: parameters.Parameters) -> list[dict[str, Any]]:
    """Return what the time of a training goes to, and what its features have cost before."""
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    _, total = trained(name, pool, settings)
    profiler.disable()
    # The standard library's types do not know this attribute.
    table = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    spent = {
        part: sum(
            entry[3]
            for (file, _, function), entry in table.items()
            if (Path(file).stem, function) in places
        )
        for part, places in PARTS.items()
    }
    spent["the rest"] = max(total - sum(spent.values()), 0.0)
    return [
        {"model": name, "part": part, "seconds": seconds, "share": seconds / total}
        for part, seconds in spent.items()
    ] + [{"model": name, "part": "features", "seconds": pool.seconds, "share": None}]


def sides(model: Model | type[Model], panel: Panel, settings: parameters.Parameters) -> Any:
    """Return the side of each row of a pool, as an epoch does."""
    horizon = model.task.horizon_months
    return models.split(panel.rows, settings.training_split, horizon, settings.history_months)


def trained(name: str, pool: Pool, settings: parameters.Parameters) -> tuple[Model, float]:
    """Return one of our models trained on a pool, and the seconds it took."""
    law = models.get(name)
    split = sides(law, pool.panel, settings)
    return timed(functools.partial(law.train, pool.panel, split, settings, _rng()))


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """Return what a function returns, and the seconds of processor time that it took.

    Processor time, as other work on the machine does not count into it.
    """
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def _row(
    model: Model,
    method: str,
    trial: Trial,
    theirs: Floats,
    ours: Floats,
    seconds: float,
    our_seconds: float,
) -> dict[str, Any]:
    """Return how a method compares with ours."""
    scores = trial.scores(model, theirs)
    row = {"model": model.name, "method": method, "loss_name": scores.loss_name,
           **_bounds(scores, "skill"), "loss": _finite(scores.loss), "seconds": seconds,
           "seconds_ratio": seconds / our_seconds}  # fmt: skip
    gain = (None, None, None) if method == OURS else trial.gain(model, theirs, ours)
    return row | dict(zip(("difference", "difference_low", "difference_high"), gain, strict=True))


def _absent(model: Model, method: str) -> dict[str, Any]:
    """Return the row of a method that is not installed."""
    names = ("skill", "skill_low", "skill_high", "loss", "seconds", "seconds_ratio", "difference",
             "difference_low", "difference_high")  # fmt: skip
    loss = evaluation.LOSS_NAMES[model.task.kind]
    return {"model": model.name, "method": method, "loss_name": loss, **dict.fromkeys(names)}


def _bounds(scores: models.Scores, name: str) -> dict[str, float | None]:
    """Return a score with its ends."""
    return {end: _finite(getattr(scores, end)) for end in (name, f"{name}_low", f"{name}_high")}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


if __name__ == "__main__":
    main()
