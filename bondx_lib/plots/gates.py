"""A figure of the gates: how much damage of its own kind each notices."""

from __future__ import annotations

import textwrap
from typing import Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bondx_lib.plots.style import GOOD, MODEL_COLOURS, MUTED, margin_label, panels, styled

ENOUGH: Final = 0.8
WORDS_WIDE: Final = 36
COLOUR: Final = MODEL_COLOURS["spread"]


@styled
def power(curves: pd.DataFrame) -> Figure:
    """Draw how often each gate fails by the amount of damage.

    Parameters
    ----------
    curves
        ``gate``, ``what`` and ``unit`` of the damage, ``amount``, and ``noticed``, the share of
        damaged variations in which the gate failed; one row a gate and amount.
    """
    names = list(dict.fromkeys(curves["gate"]))
    columns = min(2, len(names))
    lines = -(-len(names) // columns)
    figure, axes = panels(lines, columns, 0.4 + 2.5 * lines, sharey=True)
    for ax, name in zip(axes, names, strict=False):
        rows = curves[curves["gate"] == name].sort_values("amount", ignore_index=True)
        ax.axhline(ENOUGH, color=GOOD, linewidth=1, linestyle="--", zorder=1)
        ax.plot(rows.index, rows["noticed"], "o-", color=COLOUR, clip_on=False, zorder=3)
        ax.set_xticks(rows.index, [f"{amount:g}" for amount in rows["amount"]])
        words = textwrap.fill(f"{rows['what'][0]} ({rows['unit'][0]})", WORDS_WIDE)
        ax.set_title(name, fontsize=10.5)
        ax.set_ylim(0, 1)
        ax.set_xlabel(words, fontsize=8.5, color=MUTED)
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    for ax in axes[: len(names) : columns]:
        ax.set_ylabel("noticed")
    margin_label(axes[min(columns, len(names)) - 1], ENOUGH, "80 %", GOOD)
    return figure


def describe_power(curves: pd.DataFrame) -> str:
    """Say what :func:`power` shows."""
    parts = []
    for name, rows in curves.groupby("gate", sort=False):
        steps = ", ".join(
            f"{row['amount']:g} in {row['noticed']:.0%}"
            for _, row in rows.sort_values("amount").iterrows()
        )
        first = rows.iloc[0]
        parts.append(f"{name}, {first['what']} ({first['unit']}): {steps}")
    return "Share of damaged variations in which a gate fails. " + "; ".join(parts) + "."
