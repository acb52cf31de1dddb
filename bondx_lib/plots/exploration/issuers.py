"""One issuer, month by month."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from bondx_lib.plots.exploration.regimes import LINE, shade, stress_months
from bondx_lib.plots.style import (
    BAD,
    INK,
    MUTED,
    date_axis,
    log_basis_points,
    panels,
    styled,
)
from bondx_lib.schema import RATINGS

LIFE: Final = {
    "spread_bps": "spread, bp",
    "bid_ask_bps": "bid-ask, bp",
    "news_sentiment": "news, −1 to 1",
}
FEWEST_BONDS: Final = 3
"""An issuer with fewer bonds has no median worth a line."""


def eventful_issuer(panel: pd.DataFrame) -> str:
    """Return the issuer with most rating changes among those with several bonds, and long seen.

    Parameters
    ----------
    panel
        ``issuer_id``, ``bond_id``, ``month``, ``rating_number``.
    """
    months = panel.drop_duplicates(["issuer_id", "month"]).sort_values(["issuer_id", "month"])
    steps = months.groupby("issuer_id")["rating_number"].diff().fillna(0)
    seen = pd.DataFrame(
        {
            "changes": (steps != 0).groupby(months["issuer_id"]).sum(),
            "months": months.groupby("issuer_id").size(),
            "bonds": panel.groupby(["issuer_id", "month"]).size().groupby("issuer_id").median(),
        }
    )
    several = seen[seen["bonds"] >= FEWEST_BONDS]
    seen = several if len(several) else seen
    seen = seen[seen["months"] >= seen["months"].max() / 2]
    return str(seen["changes"].idxmax())


@styled
def issuer_life(panel: pd.DataFrame, issuer_id: str) -> Figure:
    """Draw one issuer's rating, median spread, bid-ask and news on one page.

    Parameters
    ----------
    panel
        ``date``, ``issuer_id``, ``rating_number``, ``spread_bps``, ``bid_ask_bps``,
        ``news_sentiment``, and ``regime`` from the truth.
    issuer_id
        Whose life.
    """
    life, stressed = _life(panel, issuer_id), stress_months(panel)
    figure, axes = panels(4, 1, 6.6, sharex=True)
    axes[0].step(life.index, life["rating_number"], where="post", color=INK)
    falls = life[life["step"] > 0]
    axes[0].plot(falls.index, falls["rating_number"], "v", color=BAD, markersize=6)
    known = life["rating_number"].dropna().astype(int)
    axes[0].set_ylim(known.max() + 0.8, known.min() - 0.8)
    ticks = range(known.min(), known.max() + 1, max(1, (known.max() - known.min()) // 6))
    axes[0].set_yticks(ticks, [RATINGS[number - 1] for number in ticks], fontsize=8.5)
    axes[0].set_ylabel("rating")
    for ax, (name, label) in zip(axes[1:], LIFE.items(), strict=True):
        thin = name == "news_sentiment"
        ax.plot(life.index, life[name], color=LINE, alpha=0.45 if thin else 1,
                linewidth=1.0 if thin else 1.6)  # fmt: skip
        ax.set_ylabel(label)
    smooth = life["news_sentiment"].rolling(6, min_periods=3).mean()
    axes[3].plot(life.index, smooth, color=LINE)
    axes[3].axhline(0, color=MUTED, linewidth=0.8)
    log_basis_points(axes[1])
    log_basis_points(axes[2])
    for ax in axes:
        shade(ax, stressed.loc[life.index[0] : life.index[-1]])
        for when in falls.index:
            ax.axvline(when, color=BAD, linewidth=0.7, alpha=0.6)
    axes[0].set_title(f"{issuer_id}   ▼ downgrade, shaded: stress", fontsize=9,
                      fontweight="normal", color=MUTED)  # fmt: skip
    date_axis(axes[3])
    figure.align_ylabels(axes)
    return figure


def describe_issuer_life(panel: pd.DataFrame, issuer_id: str) -> str:
    """Say what :func:`issuer_life` shows."""
    life = _life(panel, issuer_id)
    known = life.dropna(subset="rating_number")
    names = [RATINGS[int(number) - 1] for number in known["rating_number"].iloc[[0, -1]]]
    spread = known["spread_bps"]
    return (
        f"Life of {issuer_id}, {life.index[0]:%B %Y} to {life.index[-1]:%B %Y}: rating from "
        f"{names[0]} to {names[1]} with {int((life['step'] > 0).sum())} downgrades and "
        f"{int((life['step'] < 0).sum())} upgrades; median spread of its bonds "
        f"{spread.min():,.0f} to {spread.max():,.0f} basis points, median bid-ask "
        f"{known['bid_ask_bps'].min():.0f} to {known['bid_ask_bps'].max():.0f}, news sentiment "
        f"on average {known['news_sentiment'].mean():.2f}.".replace("-0", "−0")
    )


def _life(panel: pd.DataFrame, issuer_id: str) -> pd.DataFrame:
    """Return the issuer month by month, empty where it has no bond, and its rating's steps."""
    mine = panel[panel["issuer_id"] == issuer_id]
    life = mine.groupby("date")[["rating_number", *LIFE]].median()
    life["step"] = life["rating_number"].diff().fillna(0)
    return life.asfreq("ME")
