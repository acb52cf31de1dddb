"""Find features that know too much: columns of the truth, labels, and what is nearly one of them.

Three things are looked for among the features of a model:

* *forbidden*: a column of the truth, or a label, under its own name;
* *copy*: a column that is one of them, up to scale, under another name;
* *too telling*: a feature that alone goes further from the floor to the full state than the stored
  ceiling says all features together can.

For the last the feature is cut into bins on the rows that train, and judged on those held out: once
by expected losses, which show what gives away the true law, once by losses against what happened,
which show what gives away the outcome. A column that is a little of the truth and much noise is no
more telling than an honest one, and is not found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from bondx_lib import ceilings, metrics
from bondx_lib.models.base import Floats, Model, Panel, Words, matrix
from bondx_lib.models.evaluation import Judged, judged
from bondx_lib.models.splits import CALIBRATE, TRAIN, TUNE
from bondx_lib.schema import LABELS, TRUTH

FORBIDDEN: Final = tuple(
    column.name for column in TRUTH if column.name not in ("world", "bond_id", "date", "row")
) + LABELS  # fmt: skip
SAME: Final = 0.999
"""Correlation from which a column counts as a copy."""
BINS: Final = 128
PRIOR_ROWS: Final = 5.0
"""A bin counts as if it had so many more rows of the overall mean."""
FEWEST: Final = 30


@dataclass(frozen=True)
class Leak:
    """A feature that knows too much.

    Attributes
    ----------
    feature
        Its name.
    kind
        ``forbidden``, ``copy`` or ``too telling``.
    reached, low
        Share of the way from floor to full state that it goes alone, and the lower end of the
        issuer-cluster interval; NaN where that was not asked.
    allowed
        The share that all features together can go.
    reason
        In words.
    """

    feature: str
    kind: Literal["forbidden", "copy", "too telling"]
    reached: float
    low: float
    allowed: float
    reason: str


def scan(
    model: Model | type[Model],
    panel: Panel,
    truth: pd.DataFrame,
    splits: Words,
    rng: Generator,
    columns: Iterable[str] | None = None,
    replicates: int = 100,
) -> list[Leak]:
    """Return the features of a model that know too much, in order; none is good.

    Parameters
    ----------
    model
        For its task and its features.
    panel, truth
        A market, of equal row order.
    splits
        Which rows train; those that tune or calibrate judge.
    rng, replicates
        For the issuer-cluster bootstrap.
    columns
        Other features to look at than the model's own.
    """
    names = tuple(model.columns if columns is None else columns)
    secrets = _secrets(model, panel, truth)
    cases = judged(model, panel, truth)
    taught = np.flatnonzero(splits[cases.rows] == TRAIN)
    held = np.flatnonzero(np.isin(splits[cases.rows], (TUNE, CALIBRATE)))
    telling = len(taught) > 0 and len(held) > 0
    if telling:
        codes, counts = metrics.resample_weights(cases.issuer[held], replicates, rng)
        counts = np.concatenate([np.ones((1, counts.shape[1])), counts])
    allowed = ceilings.share(model.task.ceiling) if model.task.ceiling else 1.0
    values = matrix(panel.features, names).astype(float)
    leaks = []
    for name, column in zip(names, values.T, strict=True):
        if name in FORBIDDEN:
            why = "is a label or a column of the truth"
            leaks.append(Leak(name, "forbidden", np.nan, np.nan, allowed, why))
        elif twin := _twin(column, secrets):
            leaks.append(Leak(name, "copy", np.nan, np.nan, allowed, f"is {twin} by another name"))
        elif telling:
            reached, low, measure = _reached(cases, column, taught, held, codes, counts)
            if low > allowed:
                why = f"alone goes {reached:.2f} of the way by {measure}, all may go {allowed:.2f}"
                leaks.append(Leak(name, "too telling", reached, low, allowed, why))
    return leaks


def _secrets(model: Model | type[Model], panel: Panel, truth: pd.DataFrame) -> dict[str, Floats]:
    """Return what no feature may be, as numbers: truth, labels and the task's own label."""
    known = pd.concat(
        [truth[[name for name in FORBIDDEN if name in truth and name not in LABELS]],
         panel.rows[[name for name in LABELS if name in panel.rows]].set_axis(truth.index)], axis=1
    )  # fmt: skip
    numbers = known.select_dtypes(["number", "bool"]).astype(float)
    secrets = {str(name): numbers[name].to_numpy() for name in numbers}
    return secrets | {"the label": model.task.label(panel.rows)}


def _twin(column: Floats, secrets: dict[str, Floats]) -> str | None:
    """Return of which secret a column is a copy, if any."""
    return next(
        (name for name, secret in secrets.items() if abs(_correlation(column, secret)) > SAME), None
    )


def _correlation(first: Floats, second: Floats) -> float:
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < FEWEST or np.ptp(first[known]) == 0 or np.ptp(second[known]) == 0:
        return 0.0
    return float(np.corrcoef(first[known], second[known])[0, 1])


def _reached(
    cases: Judged,
    column: Floats,
    taught: NDArray[np.int64],
    held: NDArray[np.int64],
    codes: NDArray[np.int64],
    counts: Floats,
) -> tuple[float, float, str]:
    """Return the larger of two shares of the way to the full state, its lower end, and of what."""
    values = column[cases.rows]
    found = []
    for measure, target in (("expected loss", cases.mean), ("what happened", cases.label)):
        means, floor = target[held], np.full(len(held), target[held].mean())
        said = _alone(values[taught], target[taught], values[held])
        kind = cases.task.kind
        losses = [
            _losses(kind, means, answer, codes, counts)
            for answer in (said, floor, cases.mean[held])
        ]
        shares = metrics.skill(losses[0], losses[1], losses[2])
        low, _ = metrics.interval(shares[1:])
        found.append((float(shares[0]), low, measure))
    return max(found, key=lambda each: np.nan_to_num(each[1], nan=-np.inf))


def _losses(
    kind: str, target: Floats, said: Floats, codes: NDArray[np.int64], counts: Floats
) -> Floats:
    """Return the mean loss, and after it that of each replicate."""
    if kind == "damage":
        return np.asarray(1 - metrics.average_precision(target, said, codes, counts))
    losses = (target - said) ** 2 if kind == "value" else metrics.log_loss_rows(target, said)
    return metrics.cluster_means(losses[:, None], codes, counts)[:, 0]


def _alone(known: Floats, target: Floats, asked: Floats) -> Floats:
    """Return what the mean of the target in the feature's bin says."""
    seen = known[np.isfinite(known)]
    edges = np.unique(np.quantile(seen, np.linspace(0, 1, BINS + 1)[1:])) if len(seen) else seen
    bins = [_bin(values, edges) for values in (known, asked)]
    size = len(edges) + 2
    count = np.bincount(bins[0], minlength=size) + PRIOR_ROWS
    total = np.bincount(bins[0], target, size) + PRIOR_ROWS * target.mean()
    return np.asarray((total / count)[bins[1]])


def _bin(values: Floats, edges: Floats) -> NDArray[np.int64]:
    """Return the bin of each value, the last for what is missing."""
    place = np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), len(edges) + 1, place).astype(np.int64)
