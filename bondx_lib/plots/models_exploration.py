"""Figures of how the models work: learning curves, what drives them, effects, segments, one bond.

They read frames of scores and of :mod:`bondx_lib.models.explain`, with a column ``model`` where
several models are shown side by side.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from bondx_lib.plots.style import (
    BAD,
    GOOD,
    INK,
    MODEL_COLOURS,
    MUTED,
    RULE,
    colours,
    margin_label,
    panels,
    styled,
)
from bondx_lib.schema import LETTERS, REGIMES, SECTORS, title

LOWEST_SKILL: Final = -0.6
MOST_GROUPS: Final = 8
SEGMENTS: Final = {"rating": LETTERS, "sector": SECTORS, "regime": REGIMES}
RAISES, LOWERS = BAD, "#0072b2"
LEAST_SHOWN: Final = 0.015
"""What adds less to an answer is not spoken of."""


@styled
def learning_curves(curves: pd.DataFrame) -> Figure:
    """Draw each model's skill by the number of histories it was taught on.

    Parameters
    ----------
    curves
        ``model``, ``histories``, ``skill``, ``skill_low``, ``skill_high`` and ``linear_skill`` (of
        the simplest method on the same rows); one row a model and pool.
    """
    shown = colours(curves["model"])
    lines = -(-len(shown) // 2)
    figure, axes = panels(lines, min(2, len(shown)), 0.5 + 2.3 * lines, sharex=True)
    for (model, colour), ax in zip(shown.items(), axes, strict=False):
        _curve(ax, curves[curves["model"] == model].sort_values("histories"), colour)
        ax.set_title(title(model))
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    for ax in axes[: len(shown)][-2:]:
        ax.set_xlabel("histories in the pool")
        ax.tick_params(labelbottom=True)
    handles = [
        Line2D([], [], color=MUTED, marker="o", label="model, 95 % interval"),
        Line2D([], [], color=INK, marker="D", markerfacecolor="white", linestyle="--",
               linewidth=1.2, label="simplest method"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure


def describe_learning_curves(curves: pd.DataFrame) -> str:
    """Say what :func:`learning_curves` shows."""
    parts = []
    for model in colours(curves["model"]):
        rows = curves[curves["model"] == model].sort_values("histories")
        steps = ", ".join(
            f"{_signed(row['skill'])} ({_signed(row['linear_skill'])}) with {row['histories']}"
            for _, row in rows.iterrows()
        )
        parts.append(f"{title(model)} {steps}")
    return (
        "Skill by the number of histories in the pool, where 0 is the floor and 1 the ceiling, the "
        "simplest method in brackets: " + "; ".join(parts) + "."
    )


@styled
def importance(rises: pd.DataFrame) -> Figure:
    """Draw what each model loses when a family's features are exchanged between rows.

    Parameters
    ----------
    rises
        ``model``, ``group``, ``share``, ``share_low``, ``share_high``: fractions of what the model
        gains on the best constant.
    """
    shown = colours(rises["model"])
    tallest = [min(MOST_GROUPS, int((rises["model"] == model).sum())) for model in shown]
    rows = [max(tallest[place : place + 2]) for place in range(0, len(tallest), 2)]
    figure, axes = panels(len(rows), min(2, len(shown)), 0.5 + sum(0.8 + 0.24 * n for n in rows))
    for (model, colour), ax in zip(shown.items(), axes, strict=False):
        _rises(ax, rises[rises["model"] == model], colour)
        ax.set_title(title(model))
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    figure.supxlabel("loss without it, % of what the model gains", fontsize=10, color=MUTED)
    return figure


def describe_importance(rises: pd.DataFrame) -> str:
    """Say what :func:`importance` shows."""
    parts = []
    for model in colours(rises["model"]):
        rows = rises[rises["model"] == model].nlargest(3, "share")
        named = ", ".join(f"{r['group'].replace('_', ' ')} {_percent(r['share'])}"
                          for _, r in rows.iterrows())  # fmt: skip
        parts.append(f"{title(model)} {named}")
    return (
        "Loss when features are exchanged between rows, in percent of what the model gains on the "
        "best constant, largest three: " + "; ".join(parts) + "."
    )


@styled
def effects_against_law(effects: pd.DataFrame, scale: str) -> Figure:
    """Draw a model's effects beside those of the market's law.

    Parameters
    ----------
    effects
        From :func:`bondx_lib.models.explain.effects`.
    scale
        What the effects are changes of.
    """
    rows = effects.dropna(subset="model").reset_index(drop=True)
    figure, (ax,) = panels(1, 1, 1.2 + 0.235 * len(rows))
    places = np.arange(len(rows))
    good = rows["agrees"].str.startswith("yes")
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.hlines(places, rows["law"].fillna(0), rows["model"], color=RULE, linewidth=1.2)
    ax.hlines(places, rows["low"], rows["high"], color=INK, linewidth=2.2, alpha=0.35)
    ax.plot(rows["law"], places, "D", color=INK, markerfacecolor="white", markersize=6,
            linestyle="none", label="law")  # fmt: skip
    for agrees, colour, word in ((good, GOOD, "model, agrees"), (~good, BAD, "model, does not")):
        ax.plot(rows["model"][agrees], places[agrees], "o", color=colour, label=word)
    for place, row in rows.iterrows():
        margin_label(ax, float(str(place)), row["agrees"], MUTED)
    ax.set_yticks(places, rows["effect"], fontsize=8.5)
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel=f"change of the {scale}")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    ax.tick_params(axis="y", length=0)
    ax.grid(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9, handletextpad=0.1)
    return figure


def describe_effects_against_law(effects: pd.DataFrame, scale: str) -> str:
    """Say what :func:`effects_against_law` shows."""
    rows = effects.dropna(subset="model")
    good = rows["agrees"].str.startswith("yes")
    others = ", ".join(
        f"{row['effect']} {_signed(row['model'])}"
        + ("" if np.isnan(row["law"]) else f" against {_signed(row['law'])}")
        for _, row in rows[~good].iterrows()
    )
    return (
        f"Effects on the {scale}: {int(good.sum())} of {len(rows)} agree with the law of the market"
        + (f"; not so {others}." if others else ".")
    )


@styled
def gain_by_segment(segments: pd.DataFrame) -> Figure:
    """Draw how much of the floor's loss each model takes away, by rating, sector and regime.

    Parameters
    ----------
    segments
        ``model``, ``by``, ``segment``, ``rows``, ``loss``, ``low``, ``high``, ``floor``.
    """
    shown = colours(segments["model"])
    names = _segments(segments)
    places = _places(names)
    figure, axes = panels(1, len(shown), 0.9 + 0.24 * (len(names) + 2), sharey=True)
    for (model, colour), ax in zip(shown.items(), axes, strict=True):
        rows = _gained(segments[segments["model"] == model])
        heights = [places[key] for key in zip(rows["by"], rows["segment"], strict=True)]
        ax.axvline(0, color=MUTED, linewidth=0.8)
        ax.hlines(heights, rows["from"], rows["to"], color=colour, alpha=0.35, linewidth=4)
        ax.plot(rows["gain"], heights, "o", color=colour)
        ax.set_title(title(model))
        left = max(float(np.nanmin([*rows["from"], 0.0])), -100.0)
        ax.set_xlim(left - 5, float(np.nanmax(rows[["gain", "to"]])) + 5)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(list(places.values()), [segment for _, segment in names], fontsize=8.5)
    axes[0].set_ylim(max(places.values()) + 0.6, -0.6)
    figure.supxlabel("% of the floor's loss that is gone", fontsize=10, color=MUTED)
    return figure


def describe_gain_by_segment(segments: pd.DataFrame) -> str:
    """Say what :func:`gain_by_segment` shows."""
    parts = []
    for model in colours(segments["model"]):
        rows = _gained(segments[segments["model"] == model]).sort_values("gain")
        worst, best = rows.iloc[0], rows.iloc[-1]
        parts.append(
            f"{title(model)} most for {best['segment']} ({_signed(best['gain'], 0)} %) and least "
            f"for {worst['segment']} ({_signed(worst['gain'], 0)} %)"
        )
    return (
        "Share of the best constant's loss that each model takes away, by rating, sector and "
        "regime: " + "; ".join(parts) + "."
    )


@styled
def one_answer(parts: pd.DataFrame) -> Figure:
    """Draw what each family of features adds to the answers for one row.

    Parameters
    ----------
    parts
        ``model``, ``group`` and ``added``: to a log spread or log-odds.
    """
    shown = colours(parts["model"])
    groups = list(dict.fromkeys(parts["group"]))
    figure, axes = panels(1, len(shown), 1.0 + 0.3 * len(groups), sharey=True)
    for model, ax in zip(shown, axes, strict=True):
        added = parts[parts["model"] == model].set_index("group")["added"].reindex(groups)
        signs = [RAISES if value > 0 else LOWERS for value in added]
        ax.barh(range(len(groups)), added.fillna(0), color=signs, height=0.62)
        ax.axvline(0, color=MUTED, linewidth=0.8)
        _bar_labels(ax, added)
        ax.set_title(title(model))
        ax.xaxis.set_major_locator(MaxNLocator(3))
        ax.tick_params(axis="y", length=0)
        ax.grid(False)
    axes[0].set_yticks(range(len(groups)), groups)
    axes[0].set_ylim(len(groups) - 0.4, -0.6)
    figure.supxlabel("added to the log spread or to the log-odds", fontsize=10, color=MUTED)
    return figure


def describe_one_answer(parts: pd.DataFrame) -> str:
    """Say what :func:`one_answer` shows."""
    told = []
    for model in colours(parts["model"]):
        rows = parts[(parts["model"] == model) & (parts["added"].abs() >= LEAST_SHOWN)]
        rows = rows.sort_values("added", key=abs, ascending=False)
        named = ", ".join(f"{row['group']} {_signed(row['added'])}" for _, row in rows.iterrows())
        told.append(f"{title(model)}: {named or 'nothing'}")
    return (
        "What each family of features adds to one bond's log spread or log-odds: "
        + "; ".join(told) + "."
    )  # fmt: skip


@styled
def coverage_by_rating(coverage: pd.DataFrame, level: float) -> Figure:
    """Draw how often prediction intervals hold the truth, and how wide they are.

    Parameters
    ----------
    coverage
        ``rating`` (letter, or ``all``), ``coverage``, ``low``, ``high`` (fractions) and ``width``
        in units of the prediction.
    level
        What the intervals promise.
    """
    rows = coverage.reset_index(drop=True)
    figure, (left, right) = panels(1, 2, 3.0)
    places, colour = np.arange(len(rows)), MODEL_COLOURS["spread"]
    left.axhline(100 * level, color=MUTED, linewidth=1.0, linestyle=":")
    left.vlines(places, 100 * rows["low"], 100 * rows["high"], color=colour, alpha=0.35,
                linewidth=5)  # fmt: skip
    left.plot(places, 100 * rows["coverage"], "o", color=colour)
    left.set(title="Inside the interval", ylabel="% of bond-months")
    left.set_ylim(top=101.5)
    left.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    right.plot(places, np.exp(rows["width"].astype(float) / 2), "o", color=colour, clip_on=False)
    right.set(title="How wide it is", ylabel="factor up or down")
    right.set_ylim(bottom=1)
    right.margins(y=0.15)
    for ax in (left, right):
        ax.set_xticks(places, rows["rating"], fontsize=8.5)
    return figure


def describe_coverage_by_rating(coverage: pd.DataFrame, level: float) -> str:
    """Say what :func:`coverage_by_rating` shows."""
    parts = ", ".join(
        f"{row['rating']} {_percent(row['coverage'])}"
        + ("" if pd.isna(row["width"]) else f" (factor {np.exp(row['width'] / 2):.2f})")
        for _, row in coverage.iterrows()
    )
    return (
        f"Share of bond-months inside the {100 * level:.0f} % prediction interval of the spread, "
        f"and the factor by which it reaches up and down: {parts}."
    )


def _curve(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Draw one model's curve; what lies below the axes ends at their edge."""
    skill, low, high, linear = (
        rows[name].clip(lower=LOWEST_SKILL)
        for name in ("skill", "skill_low", "skill_high", "linear_skill")
    )
    ax.set_xscale("log", base=2)
    for limit in (0.0, 1.0):
        ax.axhline(limit, color=MUTED, linewidth=1.0, linestyle=":")
    ax.fill_between(rows["histories"], low, high, color=colour, alpha=0.2, linewidth=0)
    ax.plot(rows["histories"], linear, "D--", color=INK, markerfacecolor="white", linewidth=1.2)
    ax.plot(rows["histories"], skill, "o-", color=colour)
    ax.set_ylim(min(-0.05, float(np.nanmin([*low, *linear])) - 0.05), 1.08)
    ax.set_yticks([0, 0.5, 1], ["0 floor", "0.5", "1 ceiling"])
    ax.set_xticks(rows["histories"], [str(number) for number in rows["histories"]])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(False)


def _rises(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    rows = rows.nlargest(MOST_GROUPS, "share").reset_index(drop=True)
    percent = 100 * rows[["share", "share_low", "share_high"]]
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.hlines(rows.index, percent["share_low"], percent["share_high"], color=colour, alpha=0.35,
              linewidth=5)  # fmt: skip
    ax.plot(percent["share"], rows.index, "o", color=colour)
    ax.set_yticks(rows.index, [name.replace("_", " ") for name in rows["group"]], fontsize=9)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(axis="y", length=0)
    ax.grid(False)


def _segments(segments: pd.DataFrame) -> list[tuple[str, str]]:
    here = set(zip(segments["by"], segments["segment"], strict=True))
    return [(by, name) for by, names in SEGMENTS.items() for name in names if (by, name) in here]


def _places(names: list[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Return the height of each segment, with a gap between one kind and the next."""
    kinds = list(dict.fromkeys(by for by, _ in names))
    return {key: place + 0.7 * kinds.index(key[0]) for place, key in enumerate(names)}


def _gained(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the segments with their gain in percent of the floor's loss."""
    known = rows.astype({"low": float, "high": float})
    return known.assign(
        **{"gain": 100 * (1 - known["loss"] / known["floor"]),
           "from": 100 * (1 - known["high"] / known["floor"]),
           "to": 100 * (1 - known["low"] / known["floor"])}
    )  # fmt: skip


def _bar_labels(ax: Axes, added: pd.Series) -> None:
    """Write each number beyond the end of its bar, with room for it."""
    reach = max(float(added.abs().max()), 1e-9)
    low, high = min(float(added.min()), 0.0), max(float(added.max()), 0.0)
    ax.set_xlim(low - 0.9 * reach if low < -LEAST_SHOWN else -0.05 * reach, high + 0.7 * reach)
    for place, value in enumerate(added):
        if not np.isnan(value) and abs(value) >= LEAST_SHOWN:
            ax.annotate(
                _signed(value), (value, place), xytext=(3 if value > 0 else -3, 0),
                textcoords="offset points", ha="left" if value > 0 else "right", va="center",
                fontsize=8, color=INK,
            )  # fmt: skip


def _signed(value: float, digits: int = 2) -> str:
    return "unknown" if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def _percent(share: float) -> str:
    return "unknown" if pd.isna(share) else f"{100 * share:.0f} %".replace("-", "−")
