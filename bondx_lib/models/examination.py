"""What is measured of a model beyond its scores, as plain values that gates can judge.

:func:`examine` is cheap enough for every epoch; :func:`examine_closely` takes longer and is for the
champions at the end of a run. Both return a mapping in which a measure that does not apply to the
model is missing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.random import Generator

from bondx_lib import metrics
from bondx_lib.models import leakage, probes
from bondx_lib.models.base import Floats, Model, Panel, Scores, Words
from bondx_lib.models.evaluation import Judged, gain, judged
from bondx_lib.models.splits import CALIBRATE, TRAIN, TUNE
from bondx_lib.models.supervised import Supervised
from bondx_lib.parameters import Parameters

Measured = dict[str, Any]

BINS: Final = 10
SHUFFLED_WORLDS: Final = 6
"""Variations, the latest ones, that a model is taught again on with shuffled labels."""
SCAN_REPLICATES: Final = 100


def examine(
    model: Model,
    panel: Panel,
    truth: pd.DataFrame,
    predictions: Floats,
    scores: Scores,
    *,
    pool: Panel,
    split: Words,
    champion_predictions: Floats | None,
    parameters: Parameters,
    rng: Generator,
) -> Measured:
    """Measure a challenger on the benchmark market.

    Parameters
    ----------
    model, predictions, scores
        The challenger, what it says of the market's rows, and its scores there.
    panel, truth
        The benchmark market.
    pool, split
        What it was taught on, and the side of each row.
    champion_predictions
        What the champion says of the same rows, None if there is none.
    parameters, rng
        Replicates and levels, and random numbers for the bootstrap.

    Returns
    -------
    ``skill``, ``over_linear``: value, low and high; ``overfit``: share of the floor's loss gone on
    rows taught, on rows held out, and the gap; ``calibration``: slope, low, high; ``coverage``:
    share, low, high and the level aimed at; ``segments``; ``drift``: stability index of its
    predictions against the champion's; ``alert_rate``: observed and aimed at; ``forbidden``:
    features that no model may see.
    """
    replicates = parameters.evaluation.bootstrap_replicates
    simplest = model.baseline(panel)
    measured: Measured = {
        "skill": [scores.skill, scores.skill_low, scores.skill_high],
        "over_linear": list(gain(model, simplest, predictions, panel, truth, rng, replicates)),
        "segments": [dict(one) for one in scores.segments],
        "forbidden": [name for name in model.columns if name in leakage.FORBIDDEN],
    }
    if isinstance(model, Supervised):
        measured |= _overfit(model, pool, split)
    if scores.calibration_slope is not None:
        measured["calibration"] = [
            scores.calibration_slope, scores.calibration_slope_low, scores.calibration_slope_high
        ]  # fmt: skip
    if scores.coverage:
        whole = scores.coverage[0]
        level = parameters.evaluation.interval_coverage
        measured["coverage"] = [whole["coverage"], whole["low"], whole["high"], level]
    if champion_predictions is not None:
        measured["drift"] = stability_index(champion_predictions, predictions)
    if scores.alert_rate is not None and "alert_rate" in model.facts:
        measured["alert_rate"] = [scores.alert_rate, float(model.facts["alert_rate"])]
    return measured


def examine_closely(
    model: Model,
    panel: Panel,
    truth: pd.DataFrame,
    *,
    pool: Panel,
    split: Words,
    parameters: Parameters,
    rng: Generator,
) -> Measured:
    """Probe a champion at the end of a run; parameters as for :func:`examine`.

    Returns
    -------
    ``monotonicity``: by feature the share of movement in the wrong direction; ``robust_curve``,
    ``robust_missing``, ``robust_stale``: by how much of the way from floor to ceiling the loss
    rises under a shock, with low and high; ``leaks``: features that know too much;
    ``shuffled_skill``: skill, low and high of the same model taught on shuffled labels.
    """
    cases = judged(model, panel, truth)
    measured: Measured = {"leaks": _leaks(model, panel, truth, rng)}
    if isinstance(model, Supervised):
        if model.monotone:
            measured["monotonicity"] = probes.wrong_way(model, panel, rng)
        measured |= {
            f"robust_{name}": _rise(model, cases, panel, shocked, parameters, rng)
            for name, shocked in probes.shocked(panel.rows, rng).items()
        }
        measured["shuffled_skill"] = _shuffled(model, cases, panel, pool, split, parameters, rng)
    return measured


def stability_index(before: Floats, after: Floats) -> float:
    """Return the population stability index between two sets of predictions of the same rows.

    Deciles of the first, the outer ones open; an empty bin counts as half a row.

    >>> import numpy as np
    >>> stability_index(np.arange(100.0), np.arange(100.0))
    0.0
    >>> stability_index(np.arange(100.0), np.arange(100.0) + 1000) > 2
    True
    """
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = []
    for values in (before, after):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        shares.append(np.maximum(counts, 0.5) / len(values))
    expected, found = shares
    return float(((found - expected) * np.log(found / expected)).sum())


def _overfit(model: Supervised, pool: Panel, split: Words) -> Measured:
    """Return the share of the floor's loss that is gone where it was taught, and where not."""
    label, sides = type(model).sides(pool, split)
    taught = np.concatenate([sides.train, sides.tune])
    if min(len(taught), len(sides.calibrate)) == 0:
        return {}
    shares = []
    for rows in (taught, sides.calibrate):
        known, said = label[rows], model.predict(pool.take(rows))
        losses = [
            _mean_loss(model, known, each) for each in (said, np.full(len(rows), known.mean()))
        ]
        if not losses[1] > 0:
            return {}
        shares.append(1 - losses[0] / losses[1])
    return {"overfit": [shares[0], shares[1], shares[0] - shares[1]]}


def _mean_loss(model: Supervised, known: Floats, said: Floats) -> float:
    losses = (
        (known - said) ** 2 if model.task.kind == "value" else metrics.log_loss_rows(known, said)
    )
    return float(np.mean(losses))


def _leaks(model: Model, panel: Panel, truth: pd.DataFrame, rng: Generator) -> list[str]:
    """Return what a scan of single features says, half of the issuers teaching, half judging."""
    codes = pd.factorize(panel.rows["issuer_id"])[0]
    sides = np.where(codes % 2 == 0, TRAIN, CALIBRATE)
    found = leakage.scan(model, panel, truth, sides, rng, replicates=SCAN_REPLICATES)
    return [f"{leak.feature} {leak.reason}" for leak in found]


def _rise(
    model: Supervised,
    cases: Judged,
    panel: Panel,
    shocked: list[pd.DataFrame],
    parameters: Parameters,
    rng: Generator,
) -> list[float]:
    """Return the rise of the loss over the way from floor to ceiling: the worst of some shocks."""
    before = cases.losses(model.predict(panel)[cases.rows])
    room = _room(cases)
    rises = []
    for rows in shocked:
        after = cases.losses(model.predict(Panel.of(rows))[cases.rows])
        difference, low, high = metrics.paired_difference(
            after, before, cases.issuer, parameters.evaluation.bootstrap_replicates, rng
        )
        rises.append([difference / room, low / room, high / room])
    return max(rises)


def _room(cases: Judged) -> float:
    """Return the way from floor to ceiling, or the floor where nobody knows the ceiling."""
    floor, ceiling = cases.floor(), cases.ceiling()
    return float(floor.mean() if ceiling is None else (floor - ceiling).mean())


def _shuffled(
    model: Supervised,
    cases: Judged,
    panel: Panel,
    pool: Panel,
    split: Words,
    parameters: Parameters,
    rng: Generator,
) -> list[float]:
    """Return the skill of the same model taught on labels that belong to other rows."""
    worlds = pool.rows["world"].to_numpy()
    latest = np.unique(worlds)[-SHUFFLED_WORLDS:]
    which = np.flatnonzero(np.isin(worlds, latest) & np.isin(split, (TRAIN, TUNE, CALIBRATE)))
    part = pool.take(which)
    label = type(model).task.label(part.rows).copy()
    known = np.flatnonzero(np.isfinite(label))
    label[known] = label[rng.permutation(known)]
    task = replace(type(model).task, label=lambda rows: label)
    law: type[Supervised] = type("Shuffled", (type(model),), {"task": task})
    said = law.train(part, split[which], parameters, rng).predict(panel)[cases.rows]
    floor, losses, room = cases.floor(), cases.losses(said), _room(cases)
    difference, low, high = metrics.paired_difference(
        floor, losses, cases.issuer, parameters.evaluation.bootstrap_replicates, rng
    )
    return [difference / room, low / room, high / room]
