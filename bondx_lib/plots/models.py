"""Figures of the finished models: skill, calibration, segments, recall by kind of damage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bondx_lib.plots.style import (
    INK,
    MODEL_COLOURS,
    MODEL_TITLES,
    MUTED,
    panels,
    styled,
)
from bondx_lib.schema import LETTERS, MODELS


@styled
def audit_skill(scores: pd.DataFrame) -> Figure:
    """Draw the skill of the four champions on the audit market between floor and ceiling.

    Parameters
    ----------
    scores
        ``model``, ``skill``, ``skill_low``, ``skill_high``; one row a model.
    """
    rows = scores.set_index("model").loc[[name for name in MODELS if name in set(scores["model"])]]
    figure, (ax,) = panels(1, 1, 0.9 + 0.48 * len(rows))
    lowest = float(np.clip(np.nanmin([*rows["skill_low"], -0.05]) - 0.03, -1.0, None))
    ax.set(xlim=(lowest, 1.08), ylim=(len(rows) - 0.4, -0.75), xlabel="skill, with 95 % interval")
    for position, (model, row) in enumerate(rows.iterrows()):
        _skill_dot(ax, position, row, MODEL_COLOURS[str(model)])
    for limit in (0.0, 1.0):
        ax.axvline(limit, color=MUTED, linewidth=1.0, linestyle=":")
    ax.set_yticks(range(len(rows)), [MODEL_TITLES[str(name)] for name in rows.index])
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0\nfloor", "0.25", "0.5", "0.75", "1\nceiling"])
    ax.tick_params(axis="y", length=0)
    ax.grid(False)
    return figure


def describe_audit_skill(scores: pd.DataFrame) -> str:
    """Say what :func:`audit_skill` shows."""
    parts = [f"{MODEL_TITLES[row['model']]} {_skill_words(row)}" for _, row in scores.iterrows()]
    return (
        "Skill on the audit market with 95 % intervals, where 0 is the floor and 1 the ceiling: "
        + ", ".join(parts)
        + "."
    )


@styled
def calibration(deciles: pd.DataFrame) -> Figure:
    """Draw observed frequencies against predicted probabilities, decile by decile.

    Parameters
    ----------
    deciles
        ``model``, ``predicted`` (mean of the decile), ``observed`` (share of events), ``low``,
        ``high``; probabilities between 0 and 1.
    """
    names = [name for name in MODELS if name in set(deciles["model"])]
    figure, axes = panels(1, len(names), 3.2)
    for model, ax in zip(names, axes, strict=True):
        _calibration_panel(ax, deciles[deciles["model"] == model], model)
    axes[0].set_ylabel("observed frequency, %")
    return figure


def describe_calibration(deciles: pd.DataFrame) -> str:
    """Say what :func:`calibration` shows."""
    parts = []
    for model in [name for name in MODELS if name in set(deciles["model"])]:
        rows = deciles[deciles["model"] == model].sort_values("predicted")
        inside = int(
            ((rows["low"] <= rows["predicted"]) & (rows["predicted"] <= rows["high"])).sum()
        )
        top = rows.iloc[-1]
        parts.append(
            f"{MODEL_TITLES[model]}: {inside} of {len(rows)} deciles have the prediction within "
            f"the interval of what happened; the highest decile predicts "
            f"{100 * top['predicted']:.1f} % and {100 * top['observed']:.1f} % happened"
        )
    return "Observed against predicted frequency by decile. " + ". ".join(parts) + "."


@styled
def loss_by_rating(segments: pd.DataFrame) -> Figure:
    """Draw each champion's loss by letter grade, with intervals.

    Parameters
    ----------
    segments
        ``model``, ``rating`` (letter), ``loss``, ``low``, ``high``, ``loss_name``.
    """
    names = [name for name in MODELS if name in set(segments["model"])]
    figure, axes = panels(-(-len(names) // 2), min(2, len(names)), 4.6)
    for model, ax in zip(names, axes, strict=False):
        rows = segments[segments["model"] == model].set_index("rating")
        rows = rows.loc[[letter for letter in LETTERS if letter in rows.index]]
        places = np.arange(len(rows))
        ax.vlines(places, rows["low"], rows["high"], color=MODEL_COLOURS[model], alpha=0.4,
                  linewidth=5)  # fmt: skip
        ax.plot(places, rows["loss"], "o", color=MODEL_COLOURS[model])
        ax.set_xticks(places, list(rows.index), fontsize=8.5)
        ax.set(title=MODEL_TITLES[model], ylabel=_short(str(rows["loss_name"].iloc[0])))
        ax.set_ylim(bottom=0 if float(rows["low"].min()) >= 0 else None)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    return figure


def describe_loss_by_rating(segments: pd.DataFrame) -> str:
    """Say what :func:`loss_by_rating` shows."""
    parts = []
    for model in [name for name in MODELS if name in set(segments["model"])]:
        rows = segments[segments["model"] == model]
        ordered = rows.sort_values("loss")
        best, worst = ordered.iloc[0], ordered.iloc[-1]
        parts.append(
            f"{MODEL_TITLES[model]} is worst for {worst['rating']} ({worst['loss']:.3g}) and best "
            f"for {best['rating']} ({best['loss']:.3g})"
        )
    return "Loss on the audit market by letter grade. " + "; ".join(parts) + "."


@styled
def recall_by_corruption(recalls: pd.DataFrame) -> Figure:
    """Draw which share of each kind of damage the anomaly model finds.

    Parameters
    ----------
    recalls
        ``kind``, ``recall``, ``low``, ``high`` (fractions), ``rows``.
    """
    rows = recalls.sort_values("recall", ascending=False).reset_index(drop=True)
    figure, (ax,) = panels(1, 1, 0.9 + 0.38 * len(rows))
    percent = rows.assign(recall=100 * rows["recall"])
    sns.barplot(percent, x="recall", y="kind", ax=ax, color="#c9a3bd", errorbar=None, width=0.62)
    ax.hlines(range(len(rows)), 100 * rows["low"], 100 * rows["high"],
              color=MODEL_COLOURS["anomaly"], linewidth=1.6)  # fmt: skip
    for place, row in rows.iterrows():
        ax.annotate(f"{100 * row['recall']:.0f} % of {row['rows']:.0f}", (1.0, float(str(place))),
                    xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                    va="center", fontsize=9, color=INK)  # fmt: skip
    ax.set(xlim=(0, 100), xlabel="found, % of damaged rows", ylabel="")
    ax.set_yticks(range(len(rows)), [kind.replace("_", " ") for kind in rows["kind"]])
    ax.tick_params(axis="y", length=0)
    return figure


def describe_recall_by_corruption(recalls: pd.DataFrame) -> str:
    """Say what :func:`recall_by_corruption` shows."""
    rows = recalls.sort_values("recall", ascending=False)
    parts = ", ".join(
        f"{row['kind'].replace('_', ' ')} {100 * row['recall']:.0f} %" for _, row in rows.iterrows()
    )
    return f"Share of the damaged rows that the anomaly model finds, by kind of damage: {parts}."


def _skill_dot(ax: Axes, position: int, row: pd.Series, colour: str) -> None:
    """Draw one skill and its interval; what lies outside the axes ends at their edge."""
    left, right = ax.get_xlim()
    if np.isnan(row["skill"]):
        ax.annotate("draw too small to say", (0.5, position), ha="center", va="center",
                    fontsize=9.5, color=MUTED)  # fmt: skip
        return
    ends = np.clip([row["skill_low"], row["skill_high"]], left, right)
    ax.plot(ends, [position] * 2, color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
    inside = float(np.clip(row["skill"], left, right))
    ax.plot(inside, position, "o", color=colour, markersize=8, clip_on=False)
    ax.annotate(f"{row['skill']:.2f}".replace("-", "−"), (inside, position), xytext=(0, 8),
                textcoords="offset points", ha="center", fontsize=9.5, color=INK)  # fmt: skip


def _skill_words(row: pd.Series) -> str:
    if np.isnan(row["skill"]):
        return "not known, because the draw is too small"
    return f"{row['skill']:.2f} ({row['skill_low']:.2f} to {row['skill_high']:.2f})"


def _calibration_panel(ax: Axes, rows: pd.DataFrame, model: str) -> None:
    percent = 100 * rows[["predicted", "observed", "low", "high"]].sort_values("predicted")
    top = 1.08 * float(percent[["predicted", "high"]].to_numpy().max())
    ax.plot([0, top], [0, top], color=MUTED, linewidth=1.0, linestyle=":")
    ax.vlines(percent["predicted"], percent["low"], percent["high"],
              color=MODEL_COLOURS[model], alpha=0.4, linewidth=3)  # fmt: skip
    ax.plot(percent["predicted"], percent["observed"], "o", color=MODEL_COLOURS[model])
    ax.set(title=MODEL_TITLES[model], xlabel="predicted, %", xlim=(0, top), ylim=(0, top))


def _short(loss_name: str) -> str:
    return loss_name.replace("mean squared error of the", "MSE,")
