"""Make the ceilings: a reference learner on a very large draw, ``make ceilings``.

The best that any model can do from the permitted features is the conditional expectation of the
truth given them. The reference learner estimates it from the *true* means and probabilities instead
of from events, which removes the noise of the events and makes a million rows worth many more: a
linear model, boosted trees, boosted trees that go on from the linear model, and means of them; what
does best on worlds held out for the choice is kept. It is judged on other worlds by expected losses
under the truth. A learning curve over halved draws shows whether more data would help; intervals
resample worlds.

What the learner misses makes the true ceiling better than stated, never worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import ceilings, features, market
from bondx_lib import parameters as parameter_files
from bondx_lib.artefacts import finite_or_none, write_json
from bondx_lib.models.learners.base import Lesson
from bondx_lib.models.learners.linear import Linear
from bondx_lib.schema import KEYS, MODELS

Floats = NDArray[np.float64]

TRAIN_WORLDS: Final = {"spread": 160, "downgrade": 800, "liquidity_shock": 160, "anomaly": 80}
"""A downgrade has one row per issuer and month, and is the hardest to learn."""
TEST_WORLDS: Final = 120
BONDS: Final = 150
CHUNK: Final = 20
"""Worlds that are drawn in one go."""
TRAIN_BRANCHES, TEST_BRANCHES = 16, 64
HALVINGS: Final = (8, 4, 2, 1)
TREES, STOP_AFTER = 2000, 40
VALIDATION_SHARE: Final = 0.15
REPLICATES: Final = 400
SETTINGS: Final = {
    "learning_rate": 0.04, "num_leaves": 63, "min_data_in_leaf": 150, "feature_fraction": 0.5,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0, "max_bin": 255, "verbose": -1,
    "deterministic": True, "force_row_wise": True, "num_threads": 1, "seed": 1,
}  # fmt: skip
OBJECTIVES: Final = {
    "spread": "regression", "downgrade": "cross_entropy", "liquidity_shock": "cross_entropy",
    "anomaly": "binary",
}  # fmt: skip
PROBABILITY: Final = {
    "downgrade": "downgrade_probability", "liquidity_shock": "shock_probability"
}  # fmt: skip
TINY: Final = 1e-7
LEAST_CHANCE: Final = 1e-4
"""True probabilities are kept so far from 0 and 1 where a line is fitted to their log-odds."""
ALIKE: Final = 1e-5
"""Relative difference below which a fingerprint is the same."""


@dataclass(frozen=True)
class Cases:
    """Rows of one task: what a model may see, what is true, and which world they are of."""

    matrix: NDArray[np.float32]
    truth: Floats
    variance: Floats
    world: NDArray[np.int64]

    def of(self, worlds: int) -> Cases:
        """Return the rows of the first worlds."""
        return self.where(self.world < worlds)

    def where(self, keep: NDArray[np.bool_]) -> Cases:
        """Return some of the rows."""
        return Cases(self.matrix[keep], self.truth[keep], self.variance[keep], self.world[keep])


def make(
    train_worlds: Mapping[str, int] = TRAIN_WORLDS,
    test_worlds: int = TEST_WORLDS,
    bonds: int = BONDS,
    workers: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the ceilings of every task, as they are stored, whatever the number of workers.

    Parameters
    ----------
    train_worlds
        Worlds to learn each task from.
    test_worlds, bonds
        Worlds to judge on, and bonds in each world.
    workers
        Processes; each takes a task, with one thread a fit.
    progress
        Called with a sentence after each task.
    """
    tasks: dict[str, Any] = {}
    jobs = [(task, train_worlds[task], test_worlds, bonds) for task in MODELS]
    for task, found in zip(MODELS, _mapped(_of_task, jobs, workers), strict=True):
        tasks[task] = found
        progress(f"{task}: {found['share']:.3f} of the way from floor to full state")
    return {
        "made_by": "make ceilings",
        "fingerprint": fingerprint(),
        "train_worlds": dict(train_worlds),
        "test_worlds": test_worlds,
        "bonds": bonds,
        "tasks": tasks,
    }


def _mapped(
    function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], workers: int
) -> Iterator[Any]:
    """Yield the result of each job in order, from processes of their own if there are several."""
    if workers == 1:
        yield from (function(*job) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(function, *job) for job in jobs]
        yield from (one.result() for one in waiting)


def _of_task(task: str, worlds: int, test_worlds: int, bonds: int) -> dict[str, Any]:
    """Draw what one task needs and return its ceiling."""
    with threadpool_limits(1):
        train = draw("ceilings/train", {task: worlds}, bonds, TRAIN_BRANCHES)
        test = draw("ceilings/test", {task: test_worlds}, bonds, TEST_BRANCHES)
        return _ceiling(task, train[task], test[task], worlds)


def write(document: dict[str, Any]) -> Path:
    """Write the ceilings into the package and return the file's path."""
    path = Path(ceilings.__file__).with_name(ceilings.FILE_NAME)
    write_json(path, document)
    return path


def fingerprint() -> dict[str, list[float | None]]:
    """Return mean and deviation of every feature and truth of one small draw.

    They change when the market or the features do, but not with the order of a sum, so they can be
    compared between machines.
    """
    chosen = parameter_files.load(None, {"evaluation.branches": 8})
    drawn = market.simulate(chosen, "ceilings/fingerprint", bonds=60, worlds=2, truth="full")
    table = features.build(drawn.panel).astype(float)
    truths = ("log_spread_mean", "log_spread_variance", "downgrade_probability",
              "shock_probability", "corrupted")  # fmt: skip
    whole = pd.concat([table, drawn.truth[list(truths)].astype(float)], axis=1)
    return {
        str(name): [finite_or_none(float(whole[name].mean())),
                    finite_or_none(float(whole[name].std()))]
        for name in whole.columns
    }  # fmt: skip


def changed_since_made() -> list[str]:
    """Return the features and truths that are no longer what the stored ceilings were made with."""
    made, now = ceilings.stored()["fingerprint"], fingerprint()
    close = {
        name: np.allclose(
            np.array(made[name], float), np.array(now[name], float), rtol=ALIKE, atol=ALIKE,
            equal_nan=True,
        )
        for name in set(made) & set(now)
    }  # fmt: skip
    return sorted(set(made) ^ set(now) | {name for name, same in close.items() if not same})


def draw(stream: str, worlds: Mapping[str, int], bonds: int, branches: int) -> dict[str, Cases]:
    """Draw worlds in chunks and return the rows of every task, of as many worlds as it wants."""
    chosen = parameter_files.load(None, {"evaluation.branches": branches})
    parts: dict[str, list[Cases]] = {task: [] for task in worlds}
    most = max(worlds.values())
    for first in range(0, most, CHUNK):
        here = min(CHUNK, most - first)
        drawn = market.simulate(chosen, f"{stream}/{first}", bonds=bonds, worlds=here, truth="full")
        table = features.build(drawn.panel)
        for task in worlds:
            if first < worlds[task]:
                parts[task].append(_cases(task, drawn, table, first).of(worlds[task]))
    return {
        task: Cases(*(np.concatenate([getattr(one, name) for one in found])
                      for name in ("matrix", "truth", "variance", "world")))
        for task, found in parts.items()
    }  # fmt: skip


def _cases(task: str, drawn: market.Market, table: pd.DataFrame, first: int) -> Cases:
    panel, truth = drawn.panel, drawn.truth
    damaged = truth["corrupted"].to_numpy(bool)
    if task == "spread":
        keep, target = ~damaged, truth["log_spread_mean"]
    elif task == "downgrade":
        repeated = panel.duplicated(["world", "issuer_id", "month"]).to_numpy()
        keep, target = (
            panel["downgrade_12m"].notna().to_numpy() & ~repeated,
            truth["downgrade_probability"],
        )
    elif task == "liquidity_shock":
        repeated = panel.duplicated(list(KEYS)).to_numpy()
        keep, target = (
            panel["liquidity_shock_1m"].notna().to_numpy() & ~repeated,
            truth["shock_probability"],
        )
    else:
        keep, target = np.ones(len(panel), bool), truth["corrupted"]
    return Cases(
        table[list(features.columns_for(task))].to_numpy(np.float32)[keep],
        target.to_numpy(float)[keep],
        truth["log_spread_variance"].to_numpy(float)[keep],
        panel["world"].to_numpy(np.int64)[keep] + first,
    )


def _ceiling(task: str, train: Cases, test: Cases, worlds: int) -> dict[str, Any]:
    curve: list[dict[str, Any]] = []
    predicted = test.truth
    for halving in HALVINGS:
        part = train.of(worlds // halving)
        chosen, predicted = _best(task, part, test, worlds // halving)
        losses = _losses(task, test, predicted)
        curve.append({"worlds": worlds // halving, "rows": len(part.truth), "learner": chosen,
                      "share": _share(task, losses, np.ones(len(test.truth)))})  # fmt: skip
    losses = _losses(task, test, predicted)
    low, high = _interval(task, test, losses)
    return {
        "share": curve[-1]["share"], "share_low": low, "share_high": high,
        "last_doubling": curve[-1]["share"] - curve[-2]["share"],
        "learning_curve": curve,
        "floor": _usual(task, test, _constant(test)),
        "ceiling": _usual(task, test, predicted),
        "full_state": _usual(task, test, test.truth),
    }  # fmt: skip


def _best(task: str, train: Cases, test: Cases, worlds: int) -> tuple[str, Floats]:
    """Return the learner that does best on held-out worlds, and what it says of the test rows."""
    border = worlds - max(int(VALIDATION_SHARE * worlds), 1)
    fit, check = train.where(train.world < border), train.where(train.world >= border)
    asked = (check.matrix, test.matrix)
    flat = [np.zeros(len(rows)) for rows in (fit.matrix, *asked)]
    said = {"trees": _boosted(task, fit, check, flat, asked)}
    if task != "anomaly":
        line = _line(task, fit)
        starts = [line.raw(rows) for rows in (fit.matrix, *asked)]
        said["line"] = starts[1:]
        said["line, then trees"] = _boosted(task, fit, check, starts, asked)
        said["mean of trees"] = _mean(said["trees"], said["line, then trees"])
        said["mean of line and trees"] = _mean(said["line"], said["trees"])
    losses = {
        name: float(_loss(task, check, _answer(task, raw[0])).mean())
        if task != "anomaly" else 0.0 for name, raw in said.items()
    }  # fmt: skip
    name = min(losses, key=lambda one: losses[one])
    return name, _answer(task, said[name][1])


def _mean(first: list[Floats], second: list[Floats]) -> list[Floats]:
    return [(one + other) / 2 for one, other in zip(first, second, strict=True)]


def _line(task: str, cases: Cases) -> Linear:
    """Fit a linear model to the true means, or to the log-odds of the true probabilities."""
    guess = np.clip(cases.truth, LEAST_CHANCE, 1 - LEAST_CHANCE)
    target = cases.truth if task == "spread" else np.log(guess / (1 - guess))
    lesson = Lesson(
        "value", features.columns_for(task), cases.matrix, target, cases.matrix[:0], target[:0]
    )
    return Linear.fit(lesson, {"penalty": 50.0}, np.random.default_rng(0))


def _boosted(
    task: str,
    fit: Cases,
    check: Cases,
    starts: list[Floats],
    asked: tuple[NDArray[np.float32], ...],
) -> list[Floats]:
    """Add trees to the raw answers given until held-out worlds no longer gain."""
    settings = {**SETTINGS, "objective": OBJECTIVES[task]}
    known = lgb.Dataset(fit.matrix, fit.truth, init_score=starts[0])
    held = lgb.Dataset(check.matrix, check.truth, reference=known, init_score=starts[1])
    booster = lgb.train(
        settings, known, TREES, valid_sets=[held],
        callbacks=[lgb.early_stopping(STOP_AFTER, verbose=False)],
    )  # fmt: skip
    return [
        start + np.asarray(booster.predict(rows, raw_score=True, num_threads=1), float)
        for start, rows in zip(starts[1:], asked, strict=True)
    ]


def _answer(task: str, raw: Floats) -> Floats:
    return raw if task == "spread" else np.asarray(expit(raw))


def _constant(cases: Cases) -> Floats:
    return np.full(len(cases.truth), cases.truth.mean())


def _losses(task: str, cases: Cases, predicted: Floats) -> Floats:
    """Return expected losses under the truth of floor, prediction and full state, by row."""
    columns = [_loss(task, cases, guess) for guess in (_constant(cases), predicted, cases.truth)]
    return np.stack(columns, axis=1)


def _loss(task: str, cases: Cases, predicted: Floats) -> Floats:
    if task == "spread":
        return np.asarray((cases.truth - predicted) ** 2 + cases.variance)
    if task == "anomaly":
        return predicted
    guess = np.clip(predicted, TINY, 1 - TINY)
    return np.asarray(-cases.truth * np.log(guess) - (1 - cases.truth) * np.log1p(-guess))


def _share(task: str, losses: Floats, weight: Floats) -> float:
    """Return (floor − loss) / (floor − full state); for damage by 1 − average precision."""
    if task == "anomaly":
        known = losses[:, 2]
        precision = float(average_precision_score(known, losses[:, 1], sample_weight=weight))
        prevalence = float(np.average(known, weights=weight))
        return (precision - prevalence) / (1 - prevalence)
    floor, loss, full = np.average(losses, axis=0, weights=weight)
    return float((floor - loss) / (floor - full))


def _interval(task: str, cases: Cases, losses: Floats) -> tuple[float, float]:
    """Return the 95 % interval of the share over resampled worlds."""
    rng = np.random.default_rng(0)
    names, codes = np.unique(cases.world, return_inverse=True)
    shares = []
    for _ in range(REPLICATES if task != "anomaly" else REPLICATES // 8):
        counts = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        shares.append(_share(task, losses, counts[codes].astype(float)))
    low, high = np.quantile(shares, (0.025, 0.975))
    return float(low), float(high)


def _usual(task: str, cases: Cases, predicted: Floats) -> dict[str, float]:
    """Return the expected usual scores of a prediction."""
    if task == "spread":
        loss = float(_loss(task, cases, predicted).mean())
        total = float(cases.truth.var() + cases.variance.mean())
        return {"mse": loss, "r2": 1 - loss / total}
    if task == "anomaly":
        return {"average_precision": float(average_precision_score(cases.truth, predicted))}
    chance = cases.truth
    both = np.concatenate([np.ones(len(chance)), np.zeros(len(chance))])
    weight = np.concatenate([chance, 1 - chance])
    return {
        "log_loss": float(_loss(task, cases, predicted).mean()),
        "brier": float((chance * (1 - predicted) ** 2 + (1 - chance) * predicted**2).mean()),
        "auc": float(roc_auc_score(both, np.tile(predicted, 2), sample_weight=weight)),
    }
