"""Scores against floor and ceiling, and the comparison that decides a promotion.

Rows are judged where they can be: the spread on undamaged rows, a downgrade once per issuer-month
with a known label, a shock once per bond-month with a known label, anomalies on every row. Truth is
read here and nowhere else on the way of a model.
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
from bondx_lib.models.base import Comparison, Floats, Model, Scores
from bondx_lib.schema import CORRUPTION_KINDS, KEYS, LETTERS, letter

LOSS_NAMES: Final = {
    "spread": "mean squared error of the log spread",
    "downgrade": "log loss",
    "liquidity_shock": "log loss",
    "anomaly": "1 - average precision",
}
PROBABILITY: Final = {
    "downgrade": "downgrade_probability",
    "liquidity_shock": "shock_probability",
}
LEAST_SEGMENT: Final = 30


@dataclass(frozen=True)
class Judged:
    """The rows a model is judged on.

    Attributes
    ----------
    rows
        Positions in the market.
    issuer, rating
        Cluster and segment of each row.
    target
        Log spread, 0/1 label or damage flag.
    floor, ceiling, full_state
        Loss of each row without a model, at best from the permitted features, and under the true
        law; for anomalies None.
    """

    rows: NDArray[np.int64]
    issuer: NDArray[Any]
    rating: NDArray[Any]
    target: Floats
    floor: Floats | None
    ceiling: Floats | None
    full_state: Floats | None


def judged(model: Model, panel: pd.DataFrame, truth: pd.DataFrame) -> Judged:
    """Return the rows of a market that a model is judged on, with floor and ceiling."""
    damaged = truth["corrupted"].to_numpy(bool)
    if model.name == "spread":
        keep = ~damaged
    elif model.name == "downgrade":
        keep = panel[model.target].notna().to_numpy() & ~panel.duplicated(
            ["world", "issuer_id", "month"]
        )
    elif model.name == "liquidity_shock":
        keep = panel[model.target].notna().to_numpy() & ~panel.duplicated(list(KEYS))
    else:
        keep = np.ones(len(panel), bool)
    rows = np.flatnonzero(keep)
    target = _target(model, panel, truth)[rows]
    floor, full = _bounds(model.name, target, truth.iloc[rows])
    ceiling = None
    if floor is not None and full is not None:
        ceiling = floor - ceilings.share(model.name) * (floor - full)
    letters = panel["rating"].map({r: letter(r) for r in panel["rating"].unique()})
    return Judged(
        rows, panel["issuer_id"].to_numpy()[rows], letters.to_numpy()[rows], target, floor, ceiling,
        full,
    )  # fmt: skip


def evaluate(
    model: Model,
    predictions: Floats,
    panel: pd.DataFrame,
    truth: pd.DataFrame,
    rng: Generator,
    replicates: int,
) -> Scores:
    """Score a model's predictions on a market.

    Parameters
    ----------
    model
        The model, for its name, target and alert threshold.
    predictions
        One per row of the market.
    panel, truth
        The market, of equal row order.
    rng, replicates
        For the issuer-cluster bootstrap.
    """
    cases = judged(model, panel, truth)
    predicted = predictions[cases.rows]
    if model.name == "anomaly":
        return _anomaly_scores(model, cases, predicted, truth, rng, replicates)
    assert cases.floor is not None
    assert cases.ceiling is not None
    assert cases.full_state is not None
    losses = _row_losses(model.name, cases.target, predicted)
    codes, counts = metrics.resample_weights(cases.issuer, replicates, rng)
    stacked = np.stack([losses, cases.floor, cases.ceiling], axis=1)
    drawn = metrics.cluster_means(stacked, codes, counts)
    loss, floor, ceiling = stacked.mean(axis=0)
    low, high = metrics.interval(drawn[:, 0])
    skill_low, skill_high = metrics.interval(metrics.skill(*drawn.T))
    return Scores(
        model=model.name,
        loss_name=LOSS_NAMES[model.name],
        loss=float(loss),
        loss_low=low,
        loss_high=high,
        floor=float(floor),
        ceiling=float(ceiling),
        full_state=float(cases.full_state.mean()),
        skill=float(metrics.skill(loss, floor, ceiling)),
        skill_low=skill_low,
        skill_high=skill_high,
        rows=len(losses),
        segments=_segments(losses, cases, codes, counts),
        **_usual(model.name, cases.target, predicted, losses),
    )


def compare(
    model: Model,
    champion: Floats | None,
    challenger: Floats,
    panel: pd.DataFrame,
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
    cases = judged(model, panel, truth)
    old, new = champion[cases.rows], challenger[cases.rows]
    if model.name == "anomaly":
        weights = _row_weights(cases, replicates, rng)
        gains = metrics.average_precision(cases.target, new, weights)
        gains = gains - metrics.average_precision(cases.target, old, weights)
        low, high = metrics.interval(gains)
        gain = metrics.average_precision(cases.target, new)[0]
        difference = float(gain - metrics.average_precision(cases.target, old)[0])
    else:
        difference, low, high = metrics.paired_difference(
            _row_losses(model.name, cases.target, old),
            _row_losses(model.name, cases.target, new),
            cases.issuer, replicates, rng,
        )  # fmt: skip
    promote = low > 0
    words = "lies above zero" if promote else "does not lie above zero"
    reason = f"the gain of {difference:+.2g} [{low:+.2g}, {high:+.2g}] {words}"
    return Comparison(difference, low, high, promote, reason)


def _target(model: Model, panel: pd.DataFrame, truth: pd.DataFrame) -> Floats:
    if model.name == "spread":
        return np.asarray(np.log(np.maximum(panel["spread_bps"].to_numpy(float), 1e-3)))
    if model.name == "anomaly":
        return truth["corrupted"].to_numpy(float)
    return panel[model.target].to_numpy(float)


def _bounds(name: str, target: Floats, truth: pd.DataFrame) -> tuple[Floats | None, Floats | None]:
    """Return the row losses of the best constant and of the true law."""
    mean = np.full(len(target), target.mean())
    if name == "spread":
        return (target - mean) ** 2, truth["log_spread_variance"].to_numpy(float)
    if name == "anomaly":
        return None, None
    chance = truth[PROBABILITY[name]].to_numpy(float)
    return metrics.log_loss_rows(target, mean), metrics.log_loss_rows(target, chance)


def _row_losses(name: str, target: Floats, predicted: Floats) -> Floats:
    if name == "spread":
        return np.asarray((target - predicted) ** 2)
    return metrics.log_loss_rows(target, predicted)


def _usual(name: str, target: Floats, predicted: Floats, losses: Floats) -> dict[str, Any]:
    if name == "spread":
        return {
            "events": 0,
            "mse": float(losses.mean()),
            "r2": float(1 - losses.sum() / ((target - target.mean()) ** 2).sum()),
        }
    share = float(target.mean())
    both = 0 < share < 1
    intercept, slope = metrics.calibration_line(target, predicted)
    return {
        "events": int(target.sum()),
        "accuracy": float(((predicted >= 0.5) == (target == 1)).mean()),
        "base_rate": max(share, 1 - share),
        "auc": float(roc_auc_score(target, predicted)) if both else None,
        "log_loss": float(losses.mean()),
        "mse": float(((target - predicted) ** 2).mean()),
        "brier": float(brier_score_loss(target, np.clip(predicted, 0, 1))),
        "average_precision": float(metrics.average_precision(target, predicted)[0])
        if both
        else None,
        "calibration_intercept": intercept if np.isfinite(intercept) else None,
        "calibration_slope": slope if np.isfinite(slope) else None,
        "deciles": _deciles(target, predicted),
    }


def _anomaly_scores(
    model: Model,
    cases: Judged,
    predicted: Floats,
    truth: pd.DataFrame,
    rng: Generator,
    replicates: int,
) -> Scores:
    weights = _row_weights(cases, replicates, rng)
    drawn = 1 - metrics.average_precision(cases.target, predicted, weights)
    empty = 1 - (weights @ cases.target) / weights.sum(axis=1)
    precision = float(metrics.average_precision(cases.target, predicted)[0])
    prevalence = float(cases.target.mean())
    loss, floor = 1 - precision, 1 - prevalence
    low, high = metrics.interval(drawn)
    open_ = 1 - ceilings.share(model.name)
    ceiling = open_ * floor
    skill_low, skill_high = metrics.interval(metrics.skill(drawn, empty, open_ * empty))
    alerts = predicted > float(model.facts["threshold"])
    return Scores(
        model=model.name,
        loss_name=LOSS_NAMES[model.name],
        loss=loss,
        loss_low=low,
        loss_high=high,
        floor=floor,
        ceiling=ceiling,
        full_state=0.0,
        skill=float(metrics.skill(loss, floor, ceiling)),
        skill_low=skill_low,
        skill_high=skill_high,
        rows=len(predicted),
        events=int(cases.target.sum()),
        accuracy=float((alerts == (cases.target == 1)).mean()),
        base_rate=max(prevalence, 1 - prevalence),
        auc=float(roc_auc_score(cases.target, predicted)),
        average_precision=precision,
        recalls=_recalls(alerts, truth),
    )


def _row_weights(cases: Judged, replicates: int, rng: Generator) -> Floats:
    codes, counts = metrics.resample_weights(cases.issuer, replicates, rng)
    return np.asarray(counts[:, codes])


def _segments(
    losses: Floats, cases: Judged, codes: NDArray[np.int64], counts: Floats
) -> tuple[dict[str, Any], ...]:
    segments = []
    for name in LETTERS:
        here = cases.rating == name
        if here.sum() < LEAST_SEGMENT:
            continue
        inside = np.stack([np.where(here, losses, 0.0), here.astype(float)], axis=1)
        drawn = metrics.cluster_means(inside, codes, counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            low, high = metrics.interval(drawn[:, 0] / drawn[:, 1])
        segments.append(
            {"rating": name, "rows": int(here.sum()), "loss": float(losses[here].mean()),
             "low": low, "high": high}
        )  # fmt: skip
    return tuple(segments)


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
