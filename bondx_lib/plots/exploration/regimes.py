"""Figures of calm and stress: spreads through time, and their curve over maturities."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bondx_lib.plots.exploration.words import number
from bondx_lib.plots.market import FEWEST_ROWS, draw_by_letter, medians_through_time
from bondx_lib.plots.style import (
    BAD,
    GOOD,
    MUTED,
    margin_label,
    panels,
    spread_apart,
    styled,
)
from bondx_lib.schema import FIRST_SPECULATIVE, LETTERS, RATING_NUMBER

SHADE: Final = "#eceff2"
LINE: Final = "#0072b2"
STRESS: Final = "stress"
FEWEST_BONDS_OF_LETTER: Final = 10
"""Over decades, a letter's last few bonds say more about themselves than about the letter."""
CURVE_EDGES_YEARS: Final = (1.0, 3.0, 5.0, 7.0, 10.0, 15.0, 100.0)
CURVE_NAMES: Final = ("1–3", "3–5", "5–7", "7–10", "10–15", "15+")
CURVE_BASE: Final = "7–10"
DEAREST: Final = 0.98
"""Months with a median spread above this quantile are the depth of a crisis."""
CURVE_COLOURS: Final = {"expansion": GOOD, STRESS: LINE, "crisis": BAD}
CURVE_LABELS: Final = {"expansion": "calm", STRESS: "stress", "crisis": "worst"}


@styled
def spread_through_regimes(panel: pd.DataFrame) -> Figure:
    """Draw the median spread of each letter grade with the months of stress shaded.

    Parameters
    ----------
    panel
        ``date``, ``rating``, ``spread_bps``, and ``regime`` from the truth.
    """
    figure, (ax,) = panels(1, 1, 3.8)
    draw_by_letter(ax, medians_through_time(panel, FEWEST_BONDS_OF_LETTER))
    ax.margins(x=0)
    shade(ax, stress_months(panel))
    ax.set_title("shaded: months of stress", fontsize=9, fontweight="normal", color=MUTED)
    return figure


def describe_spread_through_regimes(panel: pd.DataFrame) -> str:
    """Say what :func:`spread_through_regimes` shows."""
    medians = medians_through_time(panel, FEWEST_BONDS_OF_LETTER)
    stressed = stress_months(panel)
    calm = medians[~stressed.reindex(medians.index)].median()
    bad = medians[stressed.reindex(medians.index)].median()
    parts = [
        f"{name} {number(calm[name])} and {number(bad[name])}"
        for name in LETTERS
        if name in medians.columns
    ]
    return (
        f"Monthly median spread in basis points by letter grade over {len(stressed)} months, "
        f"{int(stressed.sum())} of them in stress; median month outside and in stress: "
        + ", ".join(parts)
        + "."
    )


@styled
def curve_by_regime(panel: pd.DataFrame) -> Figure:
    """Draw spreads of investment grade by remaining maturity: their level and their shape.

    Parameters
    ----------
    panel
        ``date``, ``rating``, ``maturity_years``, ``spread_bps``, and ``regime`` from the truth.
    """
    level = _curves(panel)
    shape = 100 * level.div(level[CURVE_BASE], axis=0)
    figure, (left, right) = panels(1, 2, 3.1)
    for ax, curves in ((left, level), (right, shape)):
        for (name, curve), mark in zip(curves.iterrows(), "osD", strict=False):
            ax.plot(range(len(CURVE_NAMES)), curve, mark + "-", color=CURVE_COLOURS[str(name)])
        ax.set_xticks(range(len(CURVE_NAMES)), CURVE_NAMES, fontsize=7.8)
        ax.set_xlabel("remaining maturity, years")
    left.set(title="Level", ylabel="median spread, bp")
    left.set_ylim(bottom=0)
    right.set(title="Shape", ylabel=f"% of the {CURVE_BASE}-year spread")
    right.axhline(100, color=MUTED, linewidth=1.0, linestyle=":")
    low, high = right.get_ylim()
    ends = [float(curve.dropna().iloc[-1]) for _, curve in shape.iterrows()]
    for name, height in zip(shape.index, spread_apart(ends, 0.07 * (high - low)), strict=True):
        margin_label(right, height, CURVE_LABELS[name], CURVE_COLOURS[name])
    return figure


def describe_curve_by_regime(panel: pd.DataFrame) -> str:
    """Say what :func:`curve_by_regime` shows."""
    parts = []
    for name, curve in _curves(panel).iterrows():
        short, base, long = (curve[place] for place in (CURVE_NAMES[0], CURVE_BASE, "15+"))
        parts.append(
            f"{CURVE_LABELS[str(name)]} {number(short)} at {CURVE_NAMES[0]} years, "
            f"{number(base)} at {CURVE_BASE}, {number(long)} at 15+"
        )
    return (
        "Median investment-grade spread in basis points by remaining maturity, in expansion, in "
        f"stress and in the worst {100 * (1 - DEAREST):.0f} % of months: " + "; ".join(parts) + "."
    )


def stress_months(panel: pd.DataFrame) -> pd.Series:
    """Return for each month whether it is one of stress."""
    return panel.groupby("date")["regime"].first() == STRESS


def shade(ax: Axes, stressed: pd.Series) -> None:
    """Shade the months of stress, each from the end of the month before to its own."""
    spell = (stressed != stressed.shift()).cumsum()[stressed]
    for _, dates in spell.groupby(spell):
        begin = dates.index[0] - pd.offsets.MonthEnd(1)
        ax.axvspan(begin, dates.index[-1], color=SHADE, linewidth=0, zorder=0)


def _curves(panel: pd.DataFrame) -> pd.DataFrame:
    """Return the median over months of the month's median spread, by regime and maturity."""
    number = panel["rating"].map(RATING_NUMBER)
    grade = panel[number < FIRST_SPECULATIVE]
    bucket = pd.cut(grade["maturity_years"], list(CURVE_EDGES_YEARS), labels=list(CURVE_NAMES),
                    right=False)  # fmt: skip
    months = grade.groupby([grade["date"], bucket], observed=False)["spread_bps"]
    medians = months.median().where(months.size() >= FEWEST_ROWS).unstack()
    level = grade.groupby("date")["spread_bps"].median()
    regime = grade.groupby("date")["regime"].first()
    picked = {
        "expansion": regime == "expansion",
        STRESS: regime == STRESS,
        "crisis": level >= level.quantile(DEAREST),
    }
    curves = {name: medians[when].median() for name, when in picked.items() if when.any()}
    return pd.DataFrame(curves).T.dropna(how="all")
