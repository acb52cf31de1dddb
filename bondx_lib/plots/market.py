"""Figures of the simulated market: who is in it and what their spreads do."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bondx_lib.errors import BadInput, nearest
from bondx_lib.plots.style import (
    BAD,
    INK,
    MODEL_COLOURS,
    MUTED,
    date_axis,
    log_basis_points,
    margin_label,
    panels,
    spread_apart,
    styled,
)
from bondx_lib.schema import LETTERS, SECTORS, letter

MATURITY_EDGES_YEARS: Final = (0.0, 3.0, 5.0, 7.0, 10.0, 15.0, 100.0)
MATURITY_NAMES: Final = ("under 3", "3–5", "5–7", "7–10", "10–15", "over 15")
OWN: Final = MODEL_COLOURS["spread"]
"""Of the one bond that a figure is about."""
FEWEST_ROWS: Final = 5
"""A median of fewer bond-months is left out of the figures."""


@styled
def spread_by_rating_through_time(panel: pd.DataFrame) -> Figure:
    """Draw the median spread of each letter grade, month by month.

    Parameters
    ----------
    panel
        The market's panel: ``date``, ``rating``, ``spread_bps``.
    """
    medians = medians_through_time(panel)
    figure, (ax,) = panels(1, 1, 3.5)
    draw_by_letter(ax, medians)
    return figure


def describe_spread_by_rating_through_time(panel: pd.DataFrame) -> str:
    """Say what :func:`spread_by_rating_through_time` shows."""
    medians = medians_through_time(panel)
    parts = []
    for name in [name for name in LETTERS if name in medians.columns]:
        series = medians[name].dropna()
        parts.append(f"{name} {series.min():.0f} to {series.max():.0f}")
    return (
        f"Monthly median spread in basis points by letter grade, {medians.index.min():%B %Y} to "
        f"{medians.index.max():%B %Y}, lowest to highest month: " + ", ".join(parts) + "."
    )


@styled
def spread_by_rating_and_maturity(panel: pd.DataFrame) -> Figure:
    """Draw the median spread by letter grade and remaining maturity.

    Parameters
    ----------
    panel
        The market's panel: ``rating``, ``maturity_years``, ``spread_bps``.
    """
    medians = _medians_by_maturity(panel)
    figure, (ax,) = panels(1, 1, 3.3)
    texts = medians.map(lambda value: f"{value:,.0f}", na_action="ignore").fillna("–")
    sns.heatmap(
        np.log10(medians), ax=ax, cmap=sns.color_palette("crest", as_cmap=True), cbar=False,
        linewidths=1.5, linecolor="white", annot=texts, fmt="", annot_kws={"fontsize": 9.5},
    )  # fmt: skip
    ax.set(xlabel="remaining maturity, years", ylabel="")
    ax.set_yticklabels(ax.get_yticklabels(), rotation=0)
    ax.tick_params(length=0)
    ax.grid(False)
    return figure


def describe_spread_by_rating_and_maturity(panel: pd.DataFrame) -> str:
    """Say what :func:`spread_by_rating_and_maturity` shows."""
    medians = _medians_by_maturity(panel)
    cells = medians.reset_index().melt(id_vars="letter", value_name="median").dropna()
    cells = cells.sort_values("median")
    low, high = cells.iloc[0], cells.iloc[-1]
    return (
        "Median spread in basis points by letter grade and remaining maturity: lowest "
        f"{low['median']:.0f} for {low['letter']} at {low['maturity']} years, highest "
        f"{high['median']:,.0f} for {high['letter']} at {high['maturity']} years."
    )


@styled
def rating_and_sector_mix(panel: pd.DataFrame) -> Figure:
    """Draw the share of bonds by letter grade and by sector, at the last date.

    Parameters
    ----------
    panel
        The market's panel: ``date``, ``bond_id``, ``rating``, ``sector``.
    """
    ratings, sectors = _mix(panel)
    figure, axes = panels(1, 2, 3.0)
    for ax, shares, title in zip(axes, (ratings, sectors), ("Rating", "Sector"), strict=True):
        ax.barh(range(len(shares)), shares, color="#7f9db5", height=0.66)
        ax.set_yticks(range(len(shares)), list(shares.index))
        ax.set_ylim(max(len(shares), 6) - 0.4, -0.6)
        for place, share in enumerate(shares):
            ax.annotate(f"{share:.0f} %", (share, place), xytext=(3, 0),
                        textcoords="offset points", va="center", fontsize=9)  # fmt: skip
        ax.set(title=title, xlim=(0, 1.25 * float(shares.max())), xticks=[])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.grid(False)
    return figure


def describe_rating_and_sector_mix(panel: pd.DataFrame) -> str:
    """Say what :func:`rating_and_sector_mix` shows."""
    ratings, sectors = _mix(panel)
    return (
        "Share of bonds at the last date. By letter grade: "
        + ", ".join(f"{name} {share:.0f} %" for name, share in ratings.items())
        + ". By sector: "
        + ", ".join(f"{name} {share:.0f} %" for name, share in sectors.items())
        + "."
    )


@styled
def bond_life(panel: pd.DataFrame, bond_id: str) -> Figure:
    """Draw one bond's spread, price and liquidity, month by month.

    The spread stands beside the median of all bonds of its letter grade at the time; a change of
    rating is named where it happens, and months of a liquidity shock are marked.

    Parameters
    ----------
    panel
        The market's panel: ``date``, ``bond_id``, ``rating``, ``spread_bps``, ``clean_price``,
        ``liquidity_index``, ``liquidity_shock``.
    bond_id
        A bond of the panel.
    """
    life = _life(panel, bond_id)
    figure, axes = panels(3, 1, 6.0, sharex=True)
    spread, price, liquidity = axes
    spread.plot(life["date"], life["spread_bps"], color=OWN)
    spread.plot(life["date"], life["median_bps"], color=MUTED, linestyle=":", linewidth=1.3)
    price.plot(life["date"], life["clean_price"], color=OWN)
    liquidity.plot(life["date"], life["liquidity_index"], color=OWN)
    shocked = life[life["liquidity_shock"]]
    liquidity.plot(shocked["date"], shocked["liquidity_index"], "v", color=BAD)
    titles = ("Spread, bp (dotted: median of its grade)", "Clean price, per 100",
              "Liquidity index, 0 to 100 (▾ shock)")  # fmt: skip
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title)
    for place in _rating_changes(life):
        row = life.iloc[place]
        spread.annotate(row["rating"], (row["date"], row["spread_bps"]), xytext=(0, 6),
                        textcoords="offset points", ha="center", fontsize=9)  # fmt: skip
        spread.plot(row["date"], row["spread_bps"], "o", color=OWN)
    spread.margins(y=0.18)
    date_axis(liquidity)
    return figure


def describe_bond_life(panel: pd.DataFrame, bond_id: str) -> str:
    """Say what :func:`bond_life` shows."""
    life = _life(panel, bond_id)
    ratings = ", then ".join(str(life["rating"].iloc[place]) for place in _rating_changes(life))
    spread, price = life["spread_bps"], life["clean_price"]
    return (
        f"Bond {bond_id} from {life['date'].iloc[0]:%B %Y} to {life['date'].iloc[-1]:%B %Y}, rated "
        f"{ratings}. Spread {spread.iloc[0]:.0f} to {spread.iloc[-1]:.0f} basis points (lowest "
        f"{spread.min():.0f}, highest {spread.max():.0f}); clean price {price.iloc[0]:.1f} to "
        f"{price.iloc[-1]:.1f}; {int(life['liquidity_shock'].sum())} months of liquidity shock."
    )


def _life(panel: pd.DataFrame, bond_id: str) -> pd.DataFrame:
    """Return the bond's rows in order, each once, with the median spread of its letter grade."""
    letters = panel["rating"].map(letter)
    medians = panel.groupby([panel["date"], letters])["spread_bps"].transform("median")
    own = panel.assign(median_bps=medians)[panel["bond_id"] == bond_id]
    if own.empty:
        raise BadInput("is no bond of these data", key="bond_id", value=bond_id,
                       nearest=nearest(bond_id, panel["bond_id"].unique()))  # fmt: skip
    return own.sort_values("date").drop_duplicates("date").reset_index(drop=True)


def _rating_changes(life: pd.DataFrame) -> list[int]:
    """Return the places where a rating begins, the first one included."""
    return [int(place) for place in np.flatnonzero(life["rating"] != life["rating"].shift())]


def draw_by_letter(ax: Axes, medians: pd.DataFrame) -> None:
    """Draw median spreads by date and letter, each line with its name at the right."""
    present = [name for name in LETTERS if name in medians.columns]
    colours = dict(zip(LETTERS, sns.color_palette("crest", len(LETTERS)), strict=True))
    for name in present:
        ax.plot(medians.index, medians[name], color=colours[name])
    ends = [float(np.log10(medians[name].dropna().iloc[-1])) for name in present]
    log_basis_points(ax)
    low, high = ax.get_ylim()
    gap = 0.06 * float(np.log10(high / low))
    for name, height in zip(present, spread_apart(ends, gap), strict=True):
        margin_label(ax, float(10**height), name, INK)
    ax.set(ylabel="median spread, bp (log scale)", xlabel="")
    date_axis(ax)


def medians_through_time(panel: pd.DataFrame, fewest: int = FEWEST_ROWS) -> pd.DataFrame:
    """Return the median spread by date and letter grade; NaN where bonds are fewer."""
    grouped = panel.groupby(["date", panel["rating"].map(letter).rename("letter")])["spread_bps"]
    medians = grouped.median().where(grouped.size() >= fewest)
    return medians.unstack().dropna(axis=1, how="all")


def _medians_by_maturity(panel: pd.DataFrame) -> pd.DataFrame:
    buckets = pd.cut(panel["maturity_years"], list(MATURITY_EDGES_YEARS), labels=MATURITY_NAMES)
    letters = panel["rating"].map(letter).rename("letter")
    grouped = panel.groupby([letters, buckets.rename("maturity")], observed=False)["spread_bps"]
    medians = grouped.median().where(grouped.size() >= FEWEST_ROWS).unstack()
    return medians.reindex([name for name in LETTERS if name in medians.index]).dropna(how="all")


def _mix(panel: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    bonds = panel[panel["date"] == panel["date"].max()].drop_duplicates("bond_id")
    ratings = bonds["rating"].map(letter).value_counts(normalize=True).mul(100)
    sectors = bonds["sector"].value_counts(normalize=True).mul(100)
    return (
        ratings.reindex([name for name in LETTERS if name in ratings.index]),
        sectors.reindex([name for name in SECTORS if name in sectors.index]),
    )
