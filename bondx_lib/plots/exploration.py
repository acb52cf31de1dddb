"""Figures of how the market behaves: regimes, curves, transitions, one issuer, scenarios, realism.

They read a panel to which the truth's ``regime`` was added, or the lines of the realism scorecard
as a frame.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from scipy.stats import binomtest

from bondx_lib.plots.market import FEWEST_ROWS, draw_by_letter, medians_through_time
from bondx_lib.plots.style import (
    BAD,
    GOOD,
    INK,
    MUTED,
    RULE,
    date_axis,
    log_basis_points,
    margin_label,
    panels,
    spread_apart,
    styled,
)
from bondx_lib.schema import FIRST_SPECULATIVE, LETTERS, RATING_NUMBER, RATINGS, SCENARIOS

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

ENDS: Final = (*LETTERS, "D", "NR")

LIFE: Final = {
    "spread_bps": "spread, bp",
    "bid_ask_bps": "bid-ask, bp",
    "news_sentiment": "news, −1 to 1",
}
FEWEST_BONDS: Final = 3
"""An issuer with fewer bonds has no median worth a line."""

MEASURES: Final = {
    "bbb_spread_bps": "BBB spread, bp\n(log scale)",
    "bid_ask_bps": "bid-ask, bp\n(log scale)",
    "treasury_5y_pct": "5-year treasury,\n%",
    "downgrades_pct": "downgrades a year\nper 100 issuers",
}
BAND: Final = (0.1, 0.9)
YEAR: Final = 12

MARKS: Final = {"pass": ("o", GOOD), "fail": ("X", BAD), "not enough data": ("o", MUTED)}
CLIP: Final = 3.0
LANES: Final = (0.0, -0.26, 0.26, -0.13, 0.13)
"""Heights within a row of the scorecard that neighbouring dots take in turn."""


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
    _shade(ax, _stressed(panel))
    ax.set_title("shaded: months of stress", fontsize=9, fontweight="normal", color=MUTED)
    return figure


def describe_spread_through_regimes(panel: pd.DataFrame) -> str:
    """Say what :func:`spread_through_regimes` shows."""
    medians = medians_through_time(panel, FEWEST_BONDS_OF_LETTER)
    stressed = _stressed(panel)
    calm = medians[~stressed.reindex(medians.index)].median()
    bad = medians[stressed.reindex(medians.index)].median()
    parts = [
        f"{name} {_number(calm[name])} and {_number(bad[name])}"
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
            f"{CURVE_LABELS[str(name)]} {_number(short)} at {CURVE_NAMES[0]} years, "
            f"{_number(base)} at {CURVE_BASE}, {_number(long)} at 15+"
        )
    return (
        "Median investment-grade spread in basis points by remaining maturity, in expansion, in "
        f"stress and in the worst {100 * (1 - DEAREST):.0f} % of months: " + "; ".join(parts) + "."
    )


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
        texts = shares.map(_share).fillna("–")
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
        f"{name} {_share(row['here'])} ({_share(row['there'])})"
        for name, row in kept.dropna().iterrows()
    )
    begin, end = gap.abs().idxmax()  # type: ignore[misc]
    largest = f"{gap[begin, end]:+.1f}".replace("-", "−")
    return (
        f"One-year letter transitions: {inside} of {len(gap)} simulated shares lie within the "
        f"tolerance of the published ones. Share that keeps its letter in percent, published in "
        f"brackets: {stays}. Largest difference: {begin} to {end}, {largest} percentage points."
    )


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
    life, stressed = _life(panel, issuer_id), _stressed(panel)
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
        _shade(ax, stressed.loc[life.index[0] : life.index[-1]])
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
        f"a year per 100 issuers {_number(row['downgrades_pct'], 1)}"
        for name, row in means.reindex(["baseline", *_told(paths)]).iterrows()
        for name in [str(name)]
    ]
    return (
        f"Medians over {paths['world'].nunique()} worlds of the averages of the twelve months "
        f"after the event at month {event_month}. " + "; ".join(parts) + "."
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


def _stressed(panel: pd.DataFrame) -> pd.Series:
    return panel.groupby("date")["regime"].first() == STRESS


def _shade(ax: Axes, stressed: pd.Series) -> None:
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


def _life(panel: pd.DataFrame, issuer_id: str) -> pd.DataFrame:
    """Return the issuer month by month, empty where it has no bond, and its rating's steps."""
    mine = panel[panel["issuer_id"] == issuer_id]
    life = mine.groupby("date")[["rating_number", *LIFE]].median()
    life["step"] = life["rating_number"].diff().fillna(0)
    return life.asfreq("ME")


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


def _share(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "0" if value == 0 else f"{value:.1f}" if value >= 0.05 else "<0.1"


def _number(value: float, digits: int = 0) -> str:
    return "unknown" if pd.isna(value) else f"{value:,.{digits}f}"
