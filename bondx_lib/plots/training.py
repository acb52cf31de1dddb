"""Figures of the loop: skill, quality, gates, convergence and time, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from bondx_lib.convergence import judged, trend
from bondx_lib.gates.quality import BANDS
from bondx_lib.plots.style import (
    BAD,
    GOOD,
    INK,
    MUTED,
    RULE,
    colours,
    margin_label,
    panels,
    spread_apart,
    styled,
    whole_epochs,
)
from bondx_lib.schema import title

VERDICT_CODES: Final = {"pass": 0, "not_applicable": 0, "inconclusive": 1, "fail": 2}
CODE_MARKS: Final = ("", "?", "×")
LOWEST_SKILL: Final = -1.0
"""Skills and intervals below are cut off at the edge of the figure."""
MOST_GATES: Final = 16
FEW_GATES: Final = 5
WIDEST_ANNOTATED: Final = 8
"""Above so many epochs a cell of the heat strip is too narrow for a number."""


@styled
def skill_by_epoch(skills: pd.DataFrame) -> Figure:
    """Draw the champions' skill on the benchmark market, epoch by epoch.

    Parameters
    ----------
    skills
        Rows of one model and epoch: ``model``, ``epoch``, ``skill``, ``skill_low``,
        ``skill_high`` of the champion after the epoch, ``promoted`` (bool) and ``known`` (bool,
        whether the model's ceiling is known).
    """
    present = colours(skills["model"])
    lines = -(-len(present) // 2)
    figure, axes = panels(lines, min(2, len(present)), 0.7 + 2.1 * lines, sharex=True, sharey=True)
    for (model, colour), ax in zip(present.items(), axes, strict=False):
        rows = skills[skills["model"] == model].sort_values("epoch")
        _skill_panel(ax, rows, title(model), colour)
    for ax in axes[len(present) :]:
        ax.set_visible(False)
    lowest = float(np.nanmin([*skills["skill_low"], -0.05]))
    axes[0].set_ylim(max(lowest - 0.05, LOWEST_SKILL), 1.1)
    figure.supylabel("skill on the benchmark market  (▲ promoted)", fontsize=9.5, color=MUTED)
    return figure


def describe_skill_by_epoch(skills: pd.DataFrame) -> str:
    """Say what :func:`skill_by_epoch` shows."""
    parts = []
    for model in colours(skills["model"]):
        rows = skills[skills["model"] == model].sort_values("epoch")
        promoted = int(rows["promoted"].sum())
        rows = rows.dropna(subset="skill")
        if rows.empty:
            parts.append(f"{title(model)} not known, because the draw is too small")
            continue
        first, last = rows.iloc[0], rows.iloc[-1]
        parts.append(
            f"{title(model)} from {first['skill']:.2f} in epoch {first['epoch']} to "
            f"{last['skill']:.2f} in epoch {last['epoch']} "
            f"(promoted {_times(promoted)})"
        )
    return "Skill of each champion on the benchmark market by epoch. " + "; ".join(parts) + "."


@styled
def quality_by_epoch(quality: pd.DataFrame) -> Figure:
    """Draw the quality score of each epoch's data with the bands it is judged by.

    Parameters
    ----------
    quality
        ``epoch`` and ``quality`` (0 to 1).
    """
    figure, (ax,) = panels(1, 1, 2.9)
    lowest = min(0.78, float(quality["quality"].min()) - 0.03)
    for lower, name in BANDS:
        ax.axhline(lower, color=RULE, linewidth=1.0)
        margin_label(ax, lower + 0.012, f"{name} ≥ {lower:.2f}")
    ax.plot(quality["epoch"], quality["quality"], color=INK, marker="o", markersize=4)
    ax.set(ylim=(lowest, 1.01), ylabel="quality score")
    ax.grid(False)
    whole_epochs(ax)
    return figure


def describe_quality_by_epoch(quality: pd.DataFrame) -> str:
    """Say what :func:`quality_by_epoch` shows."""
    scores = quality["quality"]
    below = int((scores < BANDS[0][0]).sum())
    return (
        f"Quality score of the accepted data over {len(scores)} epochs: lowest "
        f"{scores.min():.3f}, highest {scores.max():.3f}, last {scores.iloc[-1]:.3f}; "
        f"{below} of {len(scores)} below {BANDS[0][0]:g}, the {BANDS[0][1]} band."
    )


@styled
def gates_by_epoch(findings: pd.DataFrame) -> Figure:
    """Draw the verdicts, epoch by epoch, of the gates that did not always pass.

    Those that failed most often stand first; if all passed always, the first few are drawn.

    Parameters
    ----------
    findings
        ``epoch``, ``gate``, ``observed``, ``verdict``.
    """
    cells = findings.assign(code=findings["verdict"].map(VERDICT_CODES))
    trouble = cells.groupby("gate", sort=False)["code"].sum()
    open_ones = trouble[trouble > 0].sort_values(ascending=False, kind="stable")
    order = list((open_ones if len(open_ones) else trouble[:FEW_GATES]).index[:MOST_GATES])
    grid = cells.groupby(["gate", "epoch"]).agg(code=("code", "max"), observed=("observed", "last"))
    codes = grid["code"].unstack().loc[order]
    observed = grid["observed"].unstack().loc[order]
    marks = codes.map(lambda code: CODE_MARKS[int(code)], na_action="ignore")
    labels = observed.map(lambda value: f"{value:.3g}", na_action="ignore").fillna("")
    narrow = codes.shape[1] > WIDEST_ANNOTATED
    texts = marks.fillna("") if narrow else (labels + " " + marks.fillna(""))
    figure, (ax,) = panels(1, 1, 0.9 + 0.42 * len(codes))
    sns.heatmap(
        codes, ax=ax, cmap=ListedColormap(["#dcefe8", "#f6ebc4", "#f3d3c4"]), vmin=0, vmax=2,
        cbar=False, linewidths=1.5, linecolor="white", annot=texts, fmt="",
        annot_kws={"fontsize": 8.5, "color": INK},
    )  # fmt: skip
    ax.set(ylabel="", xlabel="epoch   (× fails, ? inconclusive)")
    ax.grid(False)
    ax.set_yticklabels([_words(name.get_text()) for name in ax.get_yticklabels()], rotation=0)
    ax.tick_params(length=0)
    return figure


def describe_gates_by_epoch(findings: pd.DataFrame) -> str:
    """Say what :func:`gates_by_epoch` shows."""
    failed = findings[findings["verdict"] == "fail"]
    epochs = findings["epoch"].nunique()
    if failed.empty:
        return f"Verdicts of {findings['gate'].nunique()} gates over {epochs} epochs: none failed."
    counts = failed.groupby("gate")["epoch"].nunique()
    worst = ", ".join(f"{_words(str(gate))} in {count}" for gate, count in counts.items())
    return f"Verdicts of {findings['gate'].nunique()} gates over {epochs} epochs; failed: {worst}."


@styled
def convergence(scores: pd.DataFrame, threshold: float, patience: int) -> Figure:
    """Draw what must settle: the challengers' line, and each epoch's gain over the best so far.

    Parameters
    ----------
    scores
        ``epoch``, and the mean skill of the champions, ``score``, and of the ``challenger``.
    threshold
        Improvement below which an epoch counts as no better.
    patience
        So many epochs in a row without improvement end the training.
    """
    improved = improvements(scores)
    figure, (level, gain) = panels(2, 1, 4.4, sharex=True)
    level.plot(improved["epoch"], improved["score"], color=INK, marker="o", markersize=4)
    level.scatter(improved["epoch"], improved["challenger"], color=MUTED, s=14, zorder=3)
    _judged_line(level, improved, patience)
    level.set_title("Mean skill of champions (line) and challengers (dots)")
    colours = np.where(improved["improvement"] >= threshold, GOOD, "#9aa5b1")
    gain.bar(improved["epoch"], improved["improvement"], color=colours, width=0.7)
    gain.axhline(threshold, color=BAD, linewidth=1.2, linestyle="--")
    margin_label(gain, threshold, f"threshold\n{threshold:g}", BAD)
    first = max(improved["epoch"].max() - patience + 1, improved["epoch"].min())
    gain.axvspan(first - 0.5, improved["epoch"].max() + 0.5, color=RULE, alpha=0.45, zorder=0)
    gain.set_title(f"Improvement over the best before (shaded: last {patience})")
    gain.set_yscale("symlog", linthresh=max(threshold, 1e-6))
    whole_epochs(gain)
    return figure


def _judged_line(axes: Axes, scores: pd.DataFrame, patience: int) -> None:
    """Draw the line through the challengers that are judged, once there are enough for one."""
    heights = judged(scores["challenger"].tolist(), patience)
    if not heights:
        return
    epochs = scores["epoch"].tail(len(heights)).to_numpy()
    line = np.mean(heights) + trend(heights).gain * (epochs - epochs.mean())
    axes.plot(epochs, line, color=BAD, linewidth=1.2, linestyle="--")


def describe_convergence(scores: pd.DataFrame, threshold: float, patience: int) -> str:
    """Say what :func:`convergence` shows."""
    improved = improvements(scores)
    last = improved.tail(patience)
    quiet = int((last["improvement"] < threshold).sum())
    return (
        f"Mean skill of the champions rose from {scores['score'].iloc[0]:.3f} to "
        f"{scores['score'].iloc[-1]:.3f} over {len(scores)} epochs. Of the last {len(last)} "
        f"epochs {quiet} improved by less than {threshold:g}; {patience} in a row are needed "
        f"to stop. {_bound_text(judged(scores['challenger'].tolist(), patience))}"
    )


def _bound_text(heights: Sequence[float]) -> str:
    if not heights:
        return "The challengers are too few yet to judge their gain."
    found = trend(heights)
    return (
        f"The challengers of the last {len(heights)} epochs (dashed line) gained {found.gain:.5f} "
        f"an epoch, with 95 % confidence at most {found.bound:.5f}."
    )


def improvements(scores: pd.DataFrame) -> pd.DataFrame:
    """Add each epoch's improvement over the best score before it; the first has none.

    >>> improvements(pd.DataFrame({"epoch": [1, 2, 3], "score": [0.5, 0.7, 0.6]}))
       epoch  score  improvement
    0      1    0.5          0.0
    1      2    0.7          0.2
    2      3    0.6         -0.1
    """
    ordered = scores.sort_values("epoch").reset_index(drop=True)
    best = ordered["score"].cummax().shift()
    return ordered.assign(improvement=(ordered["score"] - best).fillna(0.0).round(12))


@styled
def training_time(times: pd.DataFrame) -> Figure:
    """Draw how long each model took to train, epoch by epoch.

    Parameters
    ----------
    times
        ``epoch``, ``model``, ``seconds``.
    """
    figure, (ax,) = panels(1, 1, 2.9)
    for model, colour in colours(times["model"]).items():
        rows = times[times["model"] == model].sort_values("epoch")
        ax.plot(rows["epoch"], rows["seconds"], color=colour, marker="o", markersize=3.5)
    _label_line_ends(ax, times, "seconds")
    ax.set(ylabel="seconds", ylim=(0, None))
    whole_epochs(ax)
    return figure


def describe_training_time(times: pd.DataFrame) -> str:
    """Say what :func:`training_time` shows."""
    means = times.groupby("model")["seconds"].mean()
    parts = ", ".join(f"{title(name)} {means[name]:.2f}" for name in colours(times["model"]))
    return f"Mean training time in seconds over {times['epoch'].nunique()} epochs: {parts}."


def _skill_panel(ax: Axes, rows: pd.DataFrame, name_of_model: str, colour: str) -> None:
    top = "ceiling" if rows["known"].all() else "no loss"
    for height, name in ((0.0, "floor"), (1.0, top)):
        ax.axhline(height, color=MUTED, linewidth=0.9, linestyle=":")
        margin_label(ax, height, name)
    ax.fill_between(
        rows["epoch"], rows["skill_low"], rows["skill_high"], color=colour, alpha=0.18, linewidth=0
    )
    ax.plot(rows["epoch"], rows["skill"], color=colour)
    if rows["skill"].max() < LOWEST_SKILL:
        ax.annotate(f"below −{-LOWEST_SKILL:g}", (0.5, 0.08), xycoords="axes fraction", ha="center",
                    fontsize=9.5, color=colour)  # fmt: skip
    promoted = rows[rows["promoted"]]
    ax.plot(promoted["epoch"], promoted["skill"], "^", color=colour, markersize=6.5)
    ax.set(title=name_of_model)
    whole_epochs(ax)
    ax.label_outer()


def _label_line_ends(ax: Axes, frame: pd.DataFrame, value: str) -> None:
    last = frame.sort_values("epoch").groupby("model").tail(1).set_index("model")[value]
    shown = colours(frame["model"])
    gap = 0.08 * float(frame[value].max())
    heights = spread_apart([float(last[name]) for name in shown], gap)
    for (model, colour), height in zip(shown.items(), heights, strict=True):
        margin_label(ax, height, title(model), colour)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
