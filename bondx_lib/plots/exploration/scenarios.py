"""What scenarios do to the market, over many worlds."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bondx_lib.plots.exploration.words import number
from bondx_lib.plots.style import (
    BAD,
    INK,
    MUTED,
    log_basis_points,
    panels,
    styled,
)
from bondx_lib.schema import RATING_NUMBER, SCENARIOS

MEASURES: Final = {
    "bbb_spread_bps": "BBB spread, bp\n(log scale)",
    "bid_ask_bps": "bid-ask, bp\n(log scale)",
    "treasury_5y_pct": "5-year treasury,\n%",
    "downgrades_pct": "downgrades a year\nper 100 issuers",
}
BAND: Final = (0.1, 0.9)
YEAR: Final = 12


def scenario_paths(panel: pd.DataFrame) -> pd.DataFrame:
    """Return what each world shows month by month: the frame of :func:`scenario_fan`.

    Parameters
    ----------
    panel
        Panels of several scenarios with ``scenario`` added: ``world``, ``month``,
        ``rating_number``, ``spread_bps``, ``bid_ask_bps``, ``treasury_5y_pct``, ``issuer_id``,
        ``last_rating_move``, ``months_since_rating_change``.

    Returns
    -------
    pandas.DataFrame
        One row a scenario, world and month. Downgrades are those of the twelve months that end
        with the row's, per hundred issuers.
    """
    keys = ["scenario", "world", "month"]
    middle = panel["rating_number"].between(RATING_NUMBER["BBB+"], RATING_NUMBER["BBB-"])
    issuers = panel.drop_duplicates([*keys, "issuer_id"])
    lowered = (issuers["last_rating_move"] == 1) & (issuers["months_since_rating_change"] < 1)
    share = 100 * lowered.groupby([issuers[key] for key in keys]).mean()
    paths = pd.DataFrame(
        {
            "bbb_spread_bps": panel[middle].groupby(keys)["spread_bps"].median(),
            "bid_ask_bps": panel.groupby(keys)["bid_ask_bps"].median(),
            "treasury_5y_pct": panel.groupby(keys)["treasury_5y_pct"].median(),
            "downgrades_pct": share.groupby(keys[:2]).transform(lambda s: s.rolling(YEAR).sum()),
        }
    )
    return paths.reset_index()


@styled
def scenario_fan(paths: pd.DataFrame, event_month: int) -> Figure:
    """Draw what each scenario does against the baseline on the same random numbers.

    Parameters
    ----------
    paths
        From :func:`scenario_paths`.
    event_month
        The month in which the events begin.
    """
    names = _told(paths)
    figure, axes = panels(len(MEASURES), len(names), 6.4, sharex=True, sharey="row")  # type: ignore[arg-type]
    for row, measure in enumerate(MEASURES):
        base, first = _fan(paths, "baseline", measure), axes[row * len(names)]
        for ax, name in zip(axes[row * len(names) :], names, strict=False):
            _band(ax, base, MUTED, "--")
            _band(ax, _fan(paths, name, measure), BAD, "-")
            ax.axvline(event_month, color=INK, linewidth=0.8, linestyle=":")
            ax.tick_params(labelsize=8.5)
        first.set_ylabel(MEASURES[measure], fontsize=9)
        if measure.endswith("_bps"):
            log_basis_points(first)
        else:
            first.yaxis.set_major_locator(MaxNLocator(4))
    for ax, name in zip(axes, names, strict=False):
        ax.set_title(name.replace("_", "\n"), fontsize=9, linespacing=1.1)
    last = int(paths["month"].max())
    for ax in axes:
        ax.set(xlim=(0, last), xticks=range(0, last + 1, max(event_month, 1)))
    figure.supxlabel(
        "month; events begin at the dotted line\nred: scenario, grey: baseline; line: median of "
        f"{paths['world'].nunique()} worlds, band: eight in ten of them", fontsize=9, color=MUTED,
    )  # fmt: skip
    figure.align_ylabels(axes)
    return figure


def describe_scenario_fan(paths: pd.DataFrame, event_month: int) -> str:
    """Say what :func:`scenario_fan` shows."""
    year = paths[paths["month"].between(event_month, event_month + YEAR - 1)]
    means = year.groupby(["scenario", "world"])[list(MEASURES)].mean().groupby("scenario").median()
    parts = [
        f"{name.replace('_', ' ')}: BBB spread {row['bbb_spread_bps']:.0f} bp, bid-ask "
        f"{row['bid_ask_bps']:.0f} bp, 5-year treasury {row['treasury_5y_pct']:.1f} %, downgrades "
        f"a year per 100 issuers {number(row['downgrades_pct'], 1)}"
        for name, row in means.reindex(["baseline", *_told(paths)]).iterrows()
        for name in [str(name)]
    ]
    return (
        f"Medians over {paths['world'].nunique()} worlds of the averages of the twelve months "
        f"after the event at month {event_month}. " + "; ".join(parts) + "."
    )


def _told(paths: pd.DataFrame) -> list[str]:
    here = set(paths["scenario"])
    return [name for name in SCENARIOS if name in here and name != "baseline"]


def _fan(paths: pd.DataFrame, scenario: str, measure: str) -> pd.DataFrame:
    worlds = paths[paths["scenario"] == scenario].groupby("month")[measure]
    return pd.DataFrame(
        {
            "middle": worlds.median(),
            "low": worlds.quantile(BAND[0]),
            "high": worlds.quantile(BAND[1]),
        }
    )


def _band(ax: Axes, fan: pd.DataFrame, colour: str, style: str) -> None:
    ax.fill_between(fan.index, fan["low"], fan["high"], color=colour, alpha=0.2, linewidth=0)
    ax.plot(fan.index, fan["middle"], style, color=colour, linewidth=1.4)
