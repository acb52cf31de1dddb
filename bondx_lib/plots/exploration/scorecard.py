"""The simulated market beside published figures, and chances beside what happened."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.stats import binomtest

from bondx_lib.plots.exploration.regimes import LINE
from bondx_lib.plots.exploration.words import share
from bondx_lib.plots.style import (
    BAD,
    GOOD,
    INK,
    MUTED,
    RULE,
    margin_label,
    panels,
    styled,
)
from bondx_lib.schema import LETTERS

ENDS: Final = (*LETTERS, "D", "NR")
MARKS: Final = {"pass": ("o", GOOD), "fail": ("X", BAD), "not enough data": ("o", MUTED)}
CLIP: Final = 3.0
LANES: Final = (0.0, -0.26, 0.26, -0.13, 0.13)
"""Heights within a row of the scorecard that neighbouring dots take in turn."""


@styled
def transitions(lines: pd.DataFrame) -> Figure:
    """Draw simulated and published one-year transitions, and the difference.

    Parameters
    ----------
    lines
        The realism scorecard: ``fact``, ``simulated``, ``published``, ``tolerance``.
    """
    simulated, published, tolerance = _matrices(lines)
    figure, axes = panels(3, 1, 7.6)
    blues = sns.light_palette(LINE, as_cmap=True)
    for ax, shares, title in ((axes[0], simulated, "Simulated, % of issuers"),
                              (axes[1], published, "Published, % of issuers")):  # fmt: skip
        texts = shares.map(share).fillna("–")
        _heat(ax, shares, texts, title, cmap=blues, norm=PowerNorm(0.4, 0, 100))
    gap = simulated - published
    texts = gap.map(lambda value: f"{value:+.1f}".replace("-", "−"), na_action="ignore")
    texts = texts.replace({"+0.0": "0", "−0.0": "0"}).fillna("–")
    _heat(axes[2], gap / tolerance, texts, "Simulated less published, percentage points",
          cmap=sns.color_palette("vlag", as_cmap=True), vmin=-CLIP, vmax=CLIP)  # fmt: skip
    for row, column in np.argwhere((gap.abs() > tolerance).to_numpy()):
        axes[2].add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=INK, linewidth=1.3))
    axes[2].set_xlabel(
        f"colour: in tolerances, full at ±{CLIP:g}; framed: outside the tolerance", fontsize=9
    )
    return figure


def describe_transitions(lines: pd.DataFrame) -> str:
    """Say what :func:`transitions` shows."""
    simulated, published, tolerance = _matrices(lines)
    gap = (simulated - published).stack().dropna()
    allowed = tolerance.stack().reindex(gap.index)
    inside = int((gap.abs() <= allowed).to_numpy().sum())
    kept = pd.DataFrame({"here": np.diag(simulated), "there": np.diag(published)}, list(LETTERS))
    stays = ", ".join(
        f"{name} {share(row['here'])} ({share(row['there'])})"
        for name, row in kept.dropna().iterrows()
    )
    begin, end = gap.abs().idxmax()  # type: ignore[misc]
    largest = f"{gap[begin, end]:+.1f}".replace("-", "−")
    return (
        f"One-year letter transitions: {inside} of {len(gap)} simulated shares lie within the "
        f"tolerance of the published ones. Share that keeps its letter in percent, published in "
        f"brackets: {stays}. Largest difference: {begin} to {end}, {largest} percentage points."
    )


@styled
def realism(lines: pd.DataFrame) -> Figure:
    """Draw every published fact at its distance from the simulated market, in tolerances.

    Parameters
    ----------
    lines
        The realism scorecard: ``fact``, ``published``, ``tolerance``, ``simulated``, ``low``,
        ``high``, ``verdict``.
    """
    rows = _distances(lines)
    groups = list(dict.fromkeys(rows["group"]))
    figure, (ax,) = panels(1, 1, 1.2 + 0.225 * len(groups))
    ax.axvspan(-1, 1, color="#e6f0ec", linewidth=0, zorder=0)
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.hlines(rows["height"], rows["from"], rows["to"], linewidth=0.7, alpha=0.35,
              color=[MARKS[verdict][1] for verdict in rows["verdict"]])  # fmt: skip
    for verdict in ("not enough data", "pass", "fail"):
        here, (mark, colour) = rows[rows["verdict"] == verdict], MARKS[verdict]
        hollow = verdict == "not enough data"
        ax.plot(here["distance"], here["height"], mark, color=colour, alpha=0.85, clip_on=False,
                markersize=5.5 if verdict == "fail" else 4,
                markerfacecolor="white" if hollow else colour, markeredgewidth=0.8 if hollow else 0,
                label={"fail": "fails", "pass": "passes"}.get(verdict, verdict))  # fmt: skip
    for place, group in enumerate(groups):
        margin_label(ax, place, _counts(rows[rows["group"] == group]), INK)
    ax.set_yticks(range(len(groups)), [_title(group) for group in groups], fontsize=8.5)
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.set(xlim=(-CLIP, CLIP), xlabel="(simulated − published) / tolerance, cut off at ±3")
    ax.set_xticks(range(-3, 4), [f"{tick:g}".replace("-", "−") for tick in range(-3, 4)])
    ax.tick_params(axis="y", length=0)
    ax.grid(color=RULE, linewidth=0.4)
    margin_label(ax, -1.05, "passed")
    handles, names = ax.get_legend_handles_labels()
    figure.legend(handles[1:] + handles[:1], names[1:] + names[:1], loc="outside upper center",
                  ncols=3, frameon=False, fontsize=9, handletextpad=0.1)  # fmt: skip
    return figure


def describe_realism(lines: pd.DataFrame) -> str:
    """Say what :func:`realism` shows."""
    rows = _distances(lines)
    judged = rows[rows["verdict"] != "not enough data"]
    failing = judged[judged["verdict"] == "fail"]
    worst = failing.loc[failing["raw"].abs().sort_values(ascending=False).index[:3]]
    named = ", ".join(
        f"{row['fact']} ({row['raw']:+.1f})".replace("-", "−") for _, row in worst.iterrows()
    )
    return (
        f"{len(rows)} published facts in {rows['group'].nunique()} groups at their distance from "
        f"the simulated market in tolerances: of {len(judged)} with enough data "
        f"{int((judged['verdict'] == 'pass').sum())} pass and {len(failing)} fail"
        + (f", furthest {named}" if named else "")
        + f"; {len(rows) - len(judged)} have not enough data; median distance "
        f"{rows['raw'].abs().median():.2f}."
    )


def chance_deciles(chance: pd.Series, happened: pd.Series) -> pd.DataFrame:
    """Compare true chances with what happened, tenth by tenth: a frame for the calibration figure.

    Parameters
    ----------
    chance
        ``downgrade_probability`` of the truth.
    happened
        ``downgrade_12m`` of the panel, in the same order. Rows that miss either are left out.
    """
    known = pd.DataFrame({"chance": chance, "event": happened}).dropna()
    tenth = pd.qcut(known["chance"], 10, labels=False, duplicates="drop")
    table = known.groupby(tenth).agg(
        predicted=("chance", "mean"), observed=("event", "mean"), rows=("event", "size")
    )
    ends = [
        binomtest(round(row["observed"] * row["rows"]), int(row["rows"])).proportion_ci(
            method="wilson"
        )
        for _, row in table.iterrows()
    ]
    return table.assign(
        model="downgrade", low=[end.low for end in ends], high=[end.high for end in ends]
    ).reset_index(drop=True)


def _matrices(lines: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return simulated shares, published ones and tolerances, letters by ends."""
    cells = lines[lines["fact"].str.startswith("transition_1y.")]
    place = cells["fact"].str.split(".", expand=True)
    cells = cells.assign(begin=place[1], end=place[2])
    simulated, published, tolerance = (
        cells.pivot(index="begin", columns="end", values=name)
        .reindex(index=list(LETTERS), columns=list(ENDS))
        .astype(float)
        for name in ("simulated", "published", "tolerance")
    )
    return simulated, published, tolerance


def _heat(
    ax: Axes, values: pd.DataFrame, texts: pd.DataFrame, title: str, **colours: object
) -> None:
    sns.heatmap(
        values, ax=ax, cbar=False, linewidths=1.2, linecolor="white", annot=texts, fmt="",
        annot_kws={"fontsize": 8.5}, **colours,
    )  # fmt: skip
    ax.set(title=title, xlabel="", ylabel="from  (columns: to)")
    ax.set_yticklabels(ax.get_yticklabels(), rotation=0)
    ax.tick_params(length=0, labelsize=9)
    ax.grid(False)


def _distances(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the facts that were measured with their places on the scorecard."""
    rows = lines.dropna(subset="simulated").reset_index(drop=True)
    rows["group"] = rows["fact"].str.split(".").str[0]
    order = {group: place for place, group in enumerate(dict.fromkeys(rows["group"]))}
    for name, value in (("raw", "simulated"), ("from", "low"), ("to", "high")):
        rows[name] = (rows[value].astype(float) - rows["published"]) / rows["tolerance"]
    rows["distance"] = rows["raw"].clip(-CLIP, CLIP)
    rows[["from", "to"]] = rows[["from", "to"]].clip(-CLIP, CLIP)
    rows = rows.sort_values(["group", "distance"], kind="stable")
    lane = rows.groupby("group").cumcount() % len(LANES)
    rows["height"] = rows["group"].map(order) + lane.map(dict(enumerate(LANES)))
    return rows.sort_index()


def _counts(rows: pd.DataFrame) -> str:
    judged = rows[rows["verdict"] != "not enough data"]
    if judged.empty:
        return f"– ({len(rows)} open)"
    text = f"{int((judged['verdict'] == 'pass').sum())} of {len(judged)}"
    return text + (f" ({len(rows) - len(judged)} open)" if len(rows) > len(judged) else "")


def _title(group: str) -> str:
    known = {"oas": "OAS", "esg": "ESG", "ig": "IG", "hy": "HY", "ar1": "AR(1)"}
    return " ".join(known.get(word, word) for word in group.split("_"))
