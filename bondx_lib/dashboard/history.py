"""The course of a run as charts: skill, quality, and what must settle before it ends.

They show the very numbers that the report's figures show, made from the same frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from bondx_lib import runlog
from bondx_lib.convergence import judged, trend
from bondx_lib.dashboard.charts import Chart, Series
from bondx_lib.dashboard.words import model_words
from bondx_lib.gates.quality import BANDS
from bondx_lib.report import record

LOWEST_SKILL: Final = -1.0
"""Skills below are drawn at the lower edge, as are challengers below what champions span."""
LOWEST_QUALITY: Final = 0.75


def of(state: runlog.RunState) -> record.Record:
    """Return a run's state as the report's frames want it; they need no events."""
    return record.Record(Path(), (), state)


def skill_charts(state: runlog.RunState) -> list[Chart]:
    """Return one chart per model: the champion between floor and ceiling, and its challengers."""
    frame = record.skills(of(state))
    return [_skill(state, str(model), rows) for model, rows in frame.groupby("model", sort=False)]


def _skill(state: runlog.RunState, model: str, rows: pd.DataFrame) -> Chart:
    challengers = [
        (one.number, record.skill_of(one.scores[model]["challenger"])[0])
        for one in state.committed
        if model in one.scores
    ]
    champion = _points(rows, "skill")
    promoted = _points(rows[rows["promoted"]], "skill")
    lowest = min([-0.1, *rows["skill"].dropna(), *rows["skill_low"].dropna()])
    top = "ceiling" if rows["known"].all() else "no loss"
    return Chart(
        title=model_words(model),
        description=_skill_text(model, champion, len(promoted), top),
        series=(
            Series("challengers", challengers, "dots"),
            Series("champion", champion),
            Series("promoted", promoted, "marks"),
        ),
        low=max(lowest - 0.05, LOWEST_SKILL),
        high=1.1,
        band=[(e, _held(a), _held(b)) for e, a, b in
              zip(rows["epoch"], rows["skill_low"], rows["skill_high"], strict=True)],
        levels=((0.0, "floor"), (1.0, top)),
    )  # fmt: skip


def _skill_text(
    model: str, champion: list[tuple[int, float | None]], promoted: int, top: str
) -> str:
    known = [(epoch, value) for epoch, value in champion if value is not None]
    if not known:
        return f"Skill of the {model_words(model)} champion: not known, the draw is too small."
    (first, start), (last, end) = known[0], known[-1]
    return (
        f"Skill of the {model_words(model)} champion between floor 0 and {top} 1: {start:.2f} in "
        f"epoch {first}, {end:.2f} in epoch {last}, promoted {promoted} times."
    )


def quality_chart(state: runlog.RunState) -> Chart | None:
    """Return the quality score by epoch with its bands; None before the first epoch."""
    frame = record.quality(of(state))
    points = _points(frame, "quality")
    held = [value for _, value in points if value is not None]
    if not held:
        return None
    threshold = state.parameters.get("quality_threshold")
    levels = [(lower, f"{name} {lower:g}") for lower, name in BANDS]
    if threshold is not None and threshold not in dict(levels):
        levels.append((threshold, f"needed {threshold:g}"))
    return Chart(
        title="Quality score of the accepted data",
        description=f"Quality score over {len(held)} epochs: lowest {min(held):.3f}, "
        f"highest {max(held):.3f}, last {held[-1]:.3f}.",
        series=(Series("quality", points),),
        low=min(LOWEST_QUALITY, min(held) - 0.03),
        high=1.0,
        levels=levels,
    )


def mean_skill_chart(state: runlog.RunState) -> Chart | None:
    """Return the mean skill of champions and challengers; None before the first epoch."""
    frame = record.mean_skill(of(state))
    if frame.empty:
        return None
    champions, challengers = _points(frame, "score"), _points(frame, "challenger")
    held = [v for _, v in (*champions, *challengers) if v is not None]
    low = max(min(held), LOWEST_SKILL)
    room = max(0.05, 0.1 * (max(held) - low))
    return Chart(
        title="Mean skill: champions (line), challengers (dots)",
        description=f"Mean skill of the champions from {champions[0][1]:.3f} to "
        f"{champions[-1][1]:.3f} over {len(frame)} epochs.",
        series=(
            Series("challengers", challengers, "dots"),
            Series("champions", champions),
        ),
        low=max(low - room, LOWEST_SKILL),
        high=max(held) + room,
    )


def bound_chart(state: runlog.RunState) -> Chart | None:
    """Return the challengers' gain per epoch and its upper bound; None while it is not judged."""
    threshold = float(state.parameters["convergence_threshold"])
    patience = int(state.parameters["improvement_patience"])
    frame = record.mean_skill(of(state))
    heights, epochs = frame["challenger"].tolist(), frame["epoch"].tolist()
    gains, bounds = [], []
    for count in range(1, len(heights) + 1):
        window = judged(heights[:count], patience)
        if window:
            found = trend(window)
            gains.append((epochs[count - 1], found.gain))
            bounds.append((epochs[count - 1], found.bound))
    if not bounds:
        return None
    last = bounds[-1][1]
    high = min(max(value for _, value in bounds), 10 * threshold)
    low = max(min(value for _, value in gains), -5 * threshold)
    return Chart(
        title="Gain per epoch: upper 95 % bound (line), estimate (dashed)",
        description=f"The challengers gain at most {last:.5f} an epoch with 95 % confidence; "
        f"below {threshold:g} is needed to converge.",
        series=(Series("gain", gains, "dashed"), Series("bound", bounds)),
        low=min(low, 0.0) - 0.2 * threshold,
        high=max(high, threshold) + 0.4 * threshold,
        levels=((threshold, f"threshold {threshold:g}"),),
    )


def training_chart(state: runlog.RunState) -> Chart | None:
    """Return the training time of all challengers of an epoch; None before the first epoch."""
    frame = record.training_seconds(of(state))
    if frame.empty:
        return None
    total = frame.groupby("epoch")["seconds"].sum()
    points = [(int(epoch), float(seconds)) for epoch, seconds in total.items()]  # type: ignore[call-overload]
    return Chart(
        title="Training, seconds of all models",
        description=f"Training took {points[0][1]:.1f} s in epoch {points[0][0]} and "
        f"{points[-1][1]:.1f} s in epoch {points[-1][0]}.",
        series=(Series("seconds", points),),
        low=0.0,
        high=1.1 * max(float(total.max()), 0.1),
    )


def _points(frame: pd.DataFrame, column: str) -> list[tuple[int, float | None]]:
    values = zip(frame["epoch"], frame[column], strict=True)
    return [(int(epoch), _held(value)) for epoch, value in values]


def _held(value: float | None) -> float | None:
    """Return a number, or None for a missing one."""
    return None if value is None or value != value else float(value)
