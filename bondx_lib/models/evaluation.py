r"""Scores against floor, simplest method and ceiling, and the comparison that decides a promotion.

Cases are judged once each: a downgrade once per issuer-month, a shock once per bond-month, the
spread on undamaged rows, anomalies on every row. Truth is read here and nowhere else on the way of
a model.

Where the truth is known, a loss is the *expected* loss under it: with the true mean :math:`m`,
variance :math:`v` or probability :math:`q` of a case,

.. math:: (m - \hat m)^2 + v \qquad\text{or}\qquad
          -q \ln \hat q - (1 - q) \ln(1 - \hat q)

which is what the loss against outcomes is on average, without the luck of the outcomes. The usual
measures beside it (AUC, Brier score, calibration, coverage) are against what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, roc_auc_score

from bondx_lib import ceilings, metrics
from bondx_lib.models.base import (
    Bools,
    Comparison,
    Floats,
    Model,
    Panel,
    Scores,
    Task,
    Words,
    letters,
)
from bondx_lib.schema import CORRUPTION_KINDS, LETTERS, REGIMES, SECTORS

LOSS_NAMES: Final = {
    "value": "mean squared error", "event": "log loss", "damage": "1 - average precision",
}  # fmt: skip
LEAST_SEGMENT: Final = 30
FEWEST_ISSUERS: Final = 5
SEGMENTS: Final = {"rating": LETTERS, "sector": SECTORS, "regime": REGIMES}


@dataclass(frozen=True)
class Judged:
    """The cases a model is judged on, each array of their number.

    Attributes
    ----------
    rows
        Positions in the market.
    issuer
        Cluster of each case.
    segments
        Letter grade, sector and regime.
    label
        What happened: value, 0/1, or whether the row is damaged.
    mean, variance
        What was to be expected: from the truth where it is known, else what happened, and 0.
    """

    task: Task
    rows: NDArray[np.int64]
    issuer: Words
    segments: dict[str, Words]
    label: Floats
    mean: Floats
    variance: Floats

    def losses(self, predicted: Floats) -> Floats:
        """Return the expected loss of each case."""
        if self.task.kind == "value":
            return np.asarray((self.mean - predicted) ** 2 + self.variance)
        return metrics.log_loss_rows(self.mean, predicted)

    def floor(self) -> Floats:
        """Return the losses of the best constant."""
        return self.losses(np.full(len(self.mean), self.mean.mean()))

    def full_state(self) -> Floats | None:
        """Return the losses of the true law, None where the simulator does not say."""
        return self.losses(self.mean) if self.task.true_mean else None

    def ceiling(self) -> Floats | None:
        """Return the best losses that the permitted features allow, None where nobody knows."""
        full = self.full_state()
        if full is None or not self.task.ceiling:
            return None
        floor = self.floor()
        return np.asarray(floor - ceilings.share(self.task.ceiling) * (floor - full))


def judged(model: Model | type[Model], panel: Panel, truth: pd.DataFrame) -> Judged:
    """Return the cases of a market that a model is judged on."""
    task, rows = model.task, panel.rows
    damaged = truth["corrupted"].to_numpy(bool)
    if task.kind == "damage":
        label = damaged.astype(float)
        keep = np.ones(len(rows), bool)
    else:
        label = task.label(rows)
        keep = np.isfinite(label) & ~rows.duplicated(list(task.unit)).to_numpy()
        if task.undamaged:
            keep &= ~damaged
    which = np.flatnonzero(keep)
    mean, variance = label, np.zeros(len(label))
    if task.true_mean:
        known = truth[task.true_mean].to_numpy(float)
        mean = np.where(np.isfinite(known), known, label)
    if task.true_variance:
        variance = np.nan_to_num(truth[task.true_variance].to_numpy(float))
    segments = {
        "rating": letters(rows), "sector": rows["sector"].to_numpy(str),
        "regime": truth["regime"].to_numpy(str),
    }  # fmt: skip
    return Judged(
        task, which, rows["issuer_id"].to_numpy(str)[which],
        {name: values[which] for name, values in segments.items()},
        label[which], mean[which], variance[which],
    )  # fmt: skip


def evaluate(
    model: Model,
    predictions: Floats,
    panel: Panel,
    truth: pd.DataFrame,
    rng: Generator,
    replicates: int,
) -> Scores:
    """Score a model's predictions on a market.

    Parameters
    ----------
    model
        The model, for its task, its simplest rival, its intervals and its alerts.
    predictions
        One per row of the market.
    panel, truth
        The market, of equal row order.
    rng, replicates
        For the issuer-cluster bootstrap.
    """
    cases = judged(model, panel, truth)
    simplest = model.baseline(panel)
    codes, counts = metrics.resample_weights(cases.issuer, replicates, rng)
    if model.task.kind == "damage":
        return _damage_scores(model, cases, predictions, simplest, panel, truth, codes, counts)
    predicted = predictions[cases.rows]
    losses, floor, ceiling = cases.losses(predicted), cases.floor(), cases.ceiling()
    best = np.zeros(len(losses)) if ceiling is None else ceiling
    full = cases.full_state()
    stacked = np.stack([losses, floor, cases.losses(simplest[cases.rows]), best], axis=1)
    drawn = metrics.cluster_means(stacked, codes, counts)
    segments = _segments(losses, floor, cases, codes, counts)
    return _bounded(
        model, stacked.mean(axis=0), drawn, known=ceiling is not None,
        full_state=float("nan") if full is None else float(full.mean()),
        rows=len(losses), segments=segments,
        coverage=_coverage(model, predictions, panel, cases, codes, counts),
        **_usual(cases, predicted),
    )  # fmt: skip


def compare(
    model: Model,
    champion: Floats | None,
    challenger: Floats,
    panel: Panel,
    truth: pd.DataFrame,
    rng: Generator,
    replicates: int,
) -> Comparison:
    """Decide whether a challenger replaces the champion.

    It does if the 95 % issuer-cluster interval of its gain on the same rows lies above zero, or if
    there is no champion yet.
    """
    if champion is None:
        return Comparison(None, None, None, True, "there was no champion yet")
    difference, low, high = gain(model, champion, challenger, panel, truth, rng, replicates)
    promote = low > 0
    words = "lies above zero" if promote else "does not lie above zero"
    reason = f"the gain of {difference:+.2g} [{low:+.2g}, {high:+.2g}] {words}"
    return Comparison(difference, low, high, promote, reason)


def gain(
    model: Model | type[Model],
    before: Floats,
    after: Floats,
    panel: Panel,
    truth: pd.DataFrame,
    rng: Generator,
    replicates: int,
) -> tuple[float, float, float]:
    """Return by how much the loss falls from one set of predictions to another, with interval."""
    cases = judged(model, panel, truth)
    old, new = before[cases.rows], after[cases.rows]
    if model.task.kind != "damage":
        return metrics.paired_difference(
            cases.losses(old), cases.losses(new), cases.issuer, replicates, rng
        )
    codes, counts = metrics.resample_weights(cases.issuer, replicates, rng)
    gains = metrics.average_precision(cases.label, new, codes, counts)
    gains = gains - metrics.average_precision(cases.label, old, codes, counts)
    low, high = metrics.interval(gains)
    whole = metrics.average_precision(cases.label, new)[0]
    return float(whole - metrics.average_precision(cases.label, old)[0]), low, high


def _bounded(model: Model, means: Floats, drawn: Floats, *, known: bool, **more: Any) -> Scores:
    """Return scores from means and bootstrap means of loss, floor, simplest method, ceiling."""
    loss, floor, linear, ceiling = (float(value) for value in means)
    ends: dict[str, float] = {}
    for place, name in enumerate(("loss", "floor", "linear", "ceiling")):
        low, high = metrics.interval(drawn[:, place])
        ends |= {f"{name}_low": low, f"{name}_high": high}
    skill_low, skill_high = metrics.interval(metrics.skill(drawn[:, 0], drawn[:, 1], drawn[:, 3]))
    scores: dict[str, Any] = {
        "loss": loss, "floor": floor, "linear": linear, "ceiling": ceiling, **ends,
        "skill": float(metrics.skill(loss, floor, ceiling)), "skill_low": skill_low,
        "skill_high": skill_high, "linear_skill": float(metrics.skill(linear, floor, ceiling)),
    }  # fmt: skip
    if not known:
        scores |= dict.fromkeys(("ceiling", "ceiling_low", "ceiling_high"), float("nan"))
    return Scores(model=model.name, loss_name=LOSS_NAMES[model.task.kind], **scores, **more)


def _usual(cases: Judged, predicted: Floats) -> dict[str, Any]:
    """Return the usual measures against what happened."""
    label = cases.label
    error = (label - predicted) ** 2
    if cases.task.kind == "value":
        line = metrics.regression_line(label, predicted, cases.issuer)
        total = float(((label - label.mean()) ** 2).sum())
        return {
            "events": 0,
            "mse": float(error.mean()),
            "r2": 1 - float(error.sum()) / total if total > 0 else None,
            **_line(line),
        }
    share = float(label.mean())
    both = 0 < share < 1
    return {
        "events": int(label.sum()),
        "accuracy": float(((predicted >= 0.5) == (label == 1)).mean()),
        "base_rate": max(share, 1 - share),
        "auc": float(roc_auc_score(label, predicted)) if both else None,
        "log_loss": float(metrics.log_loss_rows(label, predicted).mean()),
        "mse": float(error.mean()),
        "brier": float(brier_score_loss(label, np.clip(predicted, 0, 1))) if both else None,
        "average_precision": float(metrics.average_precision(label, predicted)[0])
        if both
        else None,
        **_line(metrics.calibration_line(label, predicted, cases.issuer)),
        "deciles": _deciles(label, predicted),
    }


def _line(line: metrics.Line) -> dict[str, float | None]:
    """Return intercept and slope with their ends under the names of the scores."""
    return {
        f"calibration_{name}": value if np.isfinite(value) else None
        for name, value in line._asdict().items()
    }


def _damage_scores(
    model: Model,
    cases: Judged,
    predicted: Floats,
    simplest: Floats,
    panel: Panel,
    truth: pd.DataFrame,
    codes: NDArray[np.int64],
    counts: Floats,
) -> Scores:
    once = np.ones((1, counts.shape[1]))
    open_ = 1 - ceilings.share(model.task.ceiling)

    def bounds(counts: Floats) -> Floats:
        share = metrics.cluster_means(cases.label[:, None], codes, counts)[:, 0]
        found, simple = (
            metrics.average_precision(cases.label, said, codes, counts)
            for said in (predicted, simplest)
        )
        empty = 1 - share
        return np.stack([1 - found, empty, 1 - simple, open_ * empty], axis=1)

    prevalence = float(cases.label.mean())
    both = 0 < prevalence < 1
    alerts = alerted(model, panel, predicted)
    return _bounded(
        model, bounds(once)[0], bounds(counts), known=True, full_state=0.0,
        rows=len(predicted), events=int(cases.label.sum()),
        accuracy=float((alerts == (cases.label == 1)).mean()),
        base_rate=max(prevalence, 1 - prevalence),
        auc=float(roc_auc_score(cases.label, predicted)) if both else None,
        average_precision=float(metrics.average_precision(cases.label, predicted)[0]),
        alert_rate=float(alerts.mean()),
        recalls=_recalls(alerts, truth),
    )  # fmt: skip


def alerted(model: Model, panel: Panel, predicted: Floats) -> Bools:
    """Return which rows raise an alert; a model without thresholds raises none."""
    alerts = getattr(model, "alerts", None)
    return np.zeros(len(predicted), bool) if alerts is None else alerts(panel, predicted)


def _segments(
    losses: Floats, floor: Floats, cases: Judged, codes: NDArray[np.int64], counts: Floats
) -> tuple[dict[str, Any], ...]:
    segments = []
    for by, names in SEGMENTS.items():
        for name in names:
            here = cases.segments[by] == name
            if here.sum() < LEAST_SEGMENT:
                continue
            low, high = _share_interval(losses, here, codes, counts)
            segments.append(
                {"by": by, "segment": name, "rows": int(here.sum()),
                 "loss": float(losses[here].mean()), "low": low, "high": high,
                 "floor": float(floor[here].mean())}
            )  # fmt: skip
    return tuple(segments)


def _share_interval(
    values: Floats, here: Bools, codes: NDArray[np.int64], counts: Floats
) -> tuple[float | None, float | None]:
    """Return the interval of the mean of values over some of the cases, resampling issuers.

    Fewer than five issuers say nothing of others: there is none then.
    """
    if len(np.unique(codes[here])) < FEWEST_ISSUERS:
        return None, None
    inside = np.stack([np.where(here, values, 0.0), here.astype(float)], axis=1)
    drawn = metrics.cluster_means(inside, codes, counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = metrics.interval(drawn[:, 0] / drawn[:, 1])
    return (low, high) if np.isfinite(low) else (None, None)


def _coverage(
    model: Model,
    predictions: Floats,
    panel: Panel,
    cases: Judged,
    codes: NDArray[np.int64],
    counts: Floats,
) -> tuple[dict[str, Any], ...]:
    """Return how often the label lies inside the prediction interval, overall and by rating."""
    interval = getattr(model, "interval", None)
    ends = None if interval is None else interval(panel, predictions)
    if ends is None:
        return ()
    low, high = (end[cases.rows] for end in ends)
    inside = ((cases.label >= low) & (cases.label <= high)).astype(float)
    width = high - low
    rows = []
    for name in ("all", *LETTERS):
        here = np.ones(len(inside), bool) if name == "all" else cases.segments["rating"] == name
        if here.sum() < LEAST_SEGMENT:
            continue
        ends_of = _share_interval(inside, here, codes, counts)
        mean_width = float(width[here].mean())
        rows.append(
            {"rating": name, "rows": int(here.sum()), "coverage": float(inside[here].mean()),
             "low": ends_of[0], "high": ends_of[1],
             "width": mean_width if np.isfinite(mean_width) else None}
        )  # fmt: skip
    return tuple(rows)


def _deciles(target: Floats, predicted: Floats) -> tuple[dict[str, Any], ...]:
    """Compare frequency with prediction in each tenth; equal predictions stay together."""
    bins = pd.qcut(pd.Series(predicted), 10, labels=False, duplicates="drop")
    table = []
    for _, rows in pd.DataFrame({"p": predicted, "y": target}).groupby(bins.to_numpy()):
        hits, n = int(rows["y"].sum()), len(rows)
        spread = binomtest(hits, n).proportion_ci(0.95, method="wilson")
        table.append(
            {"predicted": float(rows["p"].mean()), "observed": hits / n, "low": float(spread.low),
             "high": float(spread.high), "rows": n}
        )  # fmt: skip
    return tuple(table)


def _recalls(alerts: NDArray[np.bool_], truth: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    kinds = truth["corruption_kind"].to_numpy(object)
    table = []
    for kind in CORRUPTION_KINDS:
        here = kinds == kind
        hits, n = int(alerts[here].sum()), int(here.sum())
        if n:
            spread = binomtest(hits, n).proportion_ci(0.95, method="wilson")
            table.append(
                {"kind": kind, "recall": hits / n, "low": float(spread.low),
                 "high": float(spread.high), "rows": n}
            )  # fmt: skip
    return tuple(table)
