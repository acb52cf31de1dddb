"""Figures of the finished models: skill, calibration, segments, recall by kind of damage."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bondx_lib.plots.style import INK, MODEL_COLOURS, MUTED, colours, panels, styled
from bondx_lib.schema import LETTERS, title

SIMPLEST: Final[dict[str, Any]] = {
    "marker": "D", "color": INK, "markerfacecolor": "white", "markersize": 6.5,
    "markeredgewidth": 1.3, "zorder": 3,
}  # fmt: skip
"""How the simplest method is marked: a hollow diamond, so that its shape alone tells it apart."""


@styled
def audit_skill(scores: pd.DataFrame) -> Figure:
    """Draw the champions' skill on the audit market, and that of the simplest methods.

    Parameters
    ----------
    scores
        ``model``, ``skill``, ``skill_low``, ``skill_high``, ``linear_skill`` (of the simplest
        method on the same rows) and ``known`` (bool, whether the ceiling is); one row a model.
    """
    rows = scores.set_index("model")
    figure, (ax,) = panels(1, 1, 1.15 + 0.48 * len(rows))
    ends = [*rows["skill_low"], *rows["linear_skill"], -0.05]
    lowest = float(np.clip(np.nanmin(ends) - 0.03, -1.0, None))
    ax.set(xlim=(lowest, 1.08), ylim=(len(rows) - 0.4, -0.75), xlabel="skill on the audit market")
    for limit in (0.0, 1.0):
        ax.axvline(limit, color=MUTED, linewidth=1.0, linestyle=":")
    for position, ((_, row), colour) in enumerate(
        zip(rows.iterrows(), colours(scores["model"]).values(), strict=True)
    ):
        _skill_dot(ax, position, row, colour)
    names = [
        title(str(name)) + ("" if known else "\nno ceiling known")
        for name, known in rows["known"].items()
    ]
    ax.set_yticks(range(len(rows)), names)
    _skill_key(figure)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0\nfloor", "0.25", "0.5", "0.75", "1\nceiling"])
    ax.tick_params(axis="y", length=0)
    ax.grid(False)
    return figure


def describe_audit_skill(scores: pd.DataFrame) -> str:
    """Say what :func:`audit_skill` shows."""
    parts = [f"{title(row['model'])} {_skill_words(row)}" for _, row in scores.iterrows()]
    return (
        "Skill on the audit market with 95 % intervals, where 0 is the floor and 1 the ceiling; "
        "a hollow diamond marks the simplest method on the same rows: " + "; ".join(parts) + "."
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
    shown = colours(deciles["model"])
    lines = -(-len(shown) // 2)
    figure, axes = panels(lines, min(2, len(shown)), 0.2 + 3.0 * lines)
    for (model, colour), ax in zip(shown.items(), axes, strict=False):
        _calibration_panel(ax, deciles[deciles["model"] == model], title(model), colour)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    for ax in axes[:: min(2, len(shown))]:
        ax.set_ylabel("observed frequency, %")
    return figure


def describe_calibration(deciles: pd.DataFrame) -> str:
    """Say what :func:`calibration` shows."""
    parts = []
    for model in colours(deciles["model"]):
        rows = deciles[deciles["model"] == model].sort_values("predicted")
        inside = int(
            ((rows["low"] <= rows["predicted"]) & (rows["predicted"] <= rows["high"])).sum()
        )
        top = rows.iloc[-1]
        parts.append(
            f"{title(model)}: {inside} of {len(rows)} deciles have the prediction within "
            f"the interval of what happened; the highest decile predicts "
            f"{100 * top['predicted']:.1f} % and {100 * top['observed']:.1f} % happened"
        )
    return "Observed against predicted frequency by decile. " + ". ".join(parts) + "."


@styled
def loss_by_rating(segments: pd.DataFrame) -> Figure:
    """Draw each champion's loss by letter grade, with intervals, and what no model loses there.

    Parameters
    ----------
    segments
        ``model``, ``by``, ``segment``, ``loss``, ``low``, ``high``, ``floor``, ``loss_name``; only
        rows by rating are drawn.
    """
    graded = segments[segments["by"] == "rating"]
    shown = colours(graded["model"])
    lines = -(-len(shown) // 2)
    figure, axes = panels(lines, min(2, len(shown)), 0.2 + 2.3 * lines)
    for (model, colour), ax in zip(shown.items(), axes, strict=False):
        rows = graded[graded["model"] == model].set_index("segment")
        rows = rows.loc[[letter for letter in LETTERS if letter in rows.index]]
        places = np.arange(len(rows))
        ax.vlines(places, rows["low"], rows["high"], color=colour, alpha=0.4, linewidth=5)
        ax.plot(places, rows["floor"], "_", color=INK, markersize=13, markeredgewidth=1.4)
        ax.plot(places, rows["loss"], "o", color=colour)
        ax.set_xticks(places, list(rows.index), fontsize=8.5)
        ax.set_xlim(-0.6, len(rows) - 0.4)
        ax.set(title=title(model), ylabel=_short(str(rows["loss_name"].iloc[0])))
        ax.set_ylim(bottom=0 if float(rows["loss"].min()) >= 0 else None)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    return figure


def describe_loss_by_rating(segments: pd.DataFrame) -> str:
    """Say what :func:`loss_by_rating` shows."""
    parts = []
    graded = segments[segments["by"] == "rating"]
    for model in colours(graded["model"]):
        rows = graded[graded["model"] == model]
        ordered = rows.sort_values("loss")
        best, worst = ordered.iloc[0], ordered.iloc[-1]
        above = int((rows["loss"] > rows["floor"]).sum())
        parts.append(
            f"{title(model)} loses most for {worst['segment']} ({worst['loss']:.3g}) and least for "
            f"{best['segment']} ({best['loss']:.3g}), and more than the floor in {above} of "
            f"{len(rows)} grades"
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
    """Draw skill, interval and simplest method; what lies outside the axes ends at their edge."""
    left, right = ax.get_xlim()
    if not np.isnan(row["linear_skill"]):
        ax.plot(np.clip(row["linear_skill"], left, right), position, **SIMPLEST, clip_on=False)
    if np.isnan(row["skill"]):
        ax.annotate("draw too small to say", (0.5, position), ha="center", va="center",
                    fontsize=9.5, color=MUTED)  # fmt: skip
        return
    ends = np.clip([row["skill_low"], row["skill_high"]], left, right)
    ax.plot(ends, [position] * 2, color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
    inside = float(np.clip(row["skill"], left, right))
    ax.plot(inside, position, "o", color=colour, markersize=8, clip_on=False)
    ax.annotate(f"{row['skill']:z.2f}".replace("-", "−"), (inside, position), xytext=(0, 8),
                textcoords="offset points", ha="center", fontsize=9.5, color=INK)  # fmt: skip


def _skill_key(figure: Figure) -> None:
    """Say what the marks mean, above the axes."""
    marks = [
        Line2D([], [], color=MUTED, marker="o", markersize=7, linewidth=4, alpha=0.8),
        Line2D([], [], linestyle="", **SIMPLEST),
    ]
    figure.legend(
        marks, ["champion, with 95 % interval", "simplest method, same rows"], ncols=2,
        loc="outside upper left", frameon=False, fontsize=9, labelcolor=MUTED, handletextpad=0.6,
    )  # fmt: skip


def _skill_words(row: pd.Series) -> str:
    if np.isnan(row["skill"]):
        return "not known, because the draw is too small"
    words = f"{row['skill']:.2f} ({row['skill_low']:.2f} to {row['skill_high']:.2f})"
    if not row["known"]:
        words += " as a share of the floor, because no ceiling is known"
    if not np.isnan(row["linear_skill"]):
        words += f", simplest method {row['linear_skill']:.2f}"
    return words


def _calibration_panel(ax: Axes, rows: pd.DataFrame, name: str, colour: str) -> None:
    percent = 100 * rows[["predicted", "observed", "low", "high"]].sort_values("predicted")
    top = 1.08 * float(percent[["predicted", "high"]].to_numpy().max())
    ax.plot([0, top], [0, top], color=MUTED, linewidth=1.0, linestyle=":")
    ax.vlines(percent["predicted"], percent["low"], percent["high"],
              color=colour, alpha=0.4, linewidth=3)  # fmt: skip
    ax.plot(percent["predicted"], percent["observed"], "o", color=colour)
    ax.set(title=name, xlabel="predicted, %", xlim=(0, top), ylim=(0, top))


def _short(loss_name: str) -> str:
    return loss_name.replace("mean squared error of the", "MSE,")
