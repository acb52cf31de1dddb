"""Figures over several runs: how each learned, and what its champions know in the end.

Runs of one setting, repeats that differ in their seed alone, share a colour and a mark.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bondx_lib.plots.style import (
    INK,
    MODEL_COLOURS,
    MUTED,
    SPARE_COLOURS,
    colours,
    margin_label,
    panels,
    styled,
    whole_epochs,
)
from bondx_lib.schema import title

COLOURS: Final = (*MODEL_COLOURS.values(), *SPARE_COLOURS)
MARKS: Final = ("o", "s", "^", "D", "v", "P", "X", "p")
LOWEST_SKILL: Final = -1.0
"""Skills and intervals below are cut off at the edge of the figure."""
MOST_NAMED: Final = 6
"""Above so many runs the words say best, middle and worst instead of all."""
MOST_ROOMY: Final = 40
"""More runs than these stand closer together."""
WIDEST_PAIR: Final = 38
"""Longer settings stand one a line in the key."""


class Look(NamedTuple):
    """How a setting is drawn."""

    colour: str
    mark: str


@styled
def learning_by_run(skills: pd.DataFrame) -> Figure:
    """Draw the champions' skill on the benchmark market by epoch, one line a run.

    Parameters
    ----------
    skills
        ``run``, ``setting``, ``model``, ``epoch``, ``skill`` of the champion after the epoch and
        ``known`` (bool, whether the model's ceiling is).
    """
    looks = _looks(skills)
    shown = colours(skills["model"])
    lines = -(-len(shown) // 2)
    figure, axes = panels(lines, min(2, len(shown)), 0.6 + 2.3 * lines + _key_height(looks),
                          sharex=True, sharey=True)  # fmt: skip
    for model, ax in zip(shown, axes, strict=False):
        rows = skills[skills["model"] == model]
        _limits(ax, "ceiling" if rows["known"].all() else "no loss")
        for (setting, _), run in rows.groupby(["setting", "run"], sort=False):
            _curve(ax, run.sort_values("epoch"), looks[str(setting)])
        ax.set_title(title(model))
        whole_epochs(ax)
        ax.label_outer()
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    axes[0].set_ylim(_lowest([skills["skill"]]), 1.1)
    figure.supylabel("skill on the benchmark market", fontsize=9.5, color=MUTED)
    _key(figure, looks, joined=True)
    return figure


def describe_learning_by_run(skills: pd.DataFrame) -> str:
    """Say what :func:`learning_by_run` shows."""
    parts = []
    for model in colours(skills["model"]):
        rows = skills[skills["model"] == model].sort_values("epoch").dropna(subset="skill")
        if rows.empty:
            parts.append(f"{title(model)} not known, because the draws are too small")
            continue
        ends = rows.groupby("run", sort=False)["skill"].agg(["first", "last"])
        parts.append(f"{title(model)} begins at {_range(ends['first'])} and ends at "
                     f"{_range(ends['last'])}, best in {ends['last'].idxmax()}")  # fmt: skip
    epochs = skills.groupby("run", sort=False)["epoch"].max()
    return (
        f"Skill of the champions on the benchmark market by epoch, {_runs(len(epochs))} of "
        f"{_range(epochs, 0)} {'epoch' if epochs.max() == 1 else 'epochs'}. "
        + "; ".join(parts)
        + "."
    )


@styled
def skill_by_run(skills: pd.DataFrame) -> Figure:
    """Draw the champions' skill on the audit market with intervals, a row a run.

    Parameters
    ----------
    skills
        ``run``, ``setting``, ``model``, ``skill``, ``skill_low``, ``skill_high`` and ``known``
        (bool, whether the model's ceiling is); one row a run and model.
    """
    looks = _looks(skills)
    order = list(dict.fromkeys(skills.sort_values("setting", key=_first_seen)["run"]))
    shown = colours(skills["model"])
    lines = -(-len(shown) // 2)
    each, size = (0.25, 8.5) if len(order) <= MOST_ROOMY else (0.13, 6.0)
    height = 0.6 + lines * (0.75 + each * len(order)) + _key_height(looks)
    figure, axes = panels(lines, min(2, len(shown)), height, sharex=True, sharey=True)
    lowest = _lowest([skills["skill_low"]])
    for model, ax in zip(shown, axes, strict=False):
        rows = skills[skills["model"] == model].set_index("run")
        ax.set(xlim=(lowest, 1.08), ylim=(len(order) - 0.4, -0.6))
        for limit in (0.0, 1.0):
            ax.axvline(limit, color=MUTED, linewidth=1.0, linestyle=":")
        for place, name in enumerate(order):
            if name in rows.index:
                _dot(ax, place, rows.loc[name], looks)
        ax.set_title(title(model) + ("" if rows["known"].all() else ", no ceiling known"))
        ax.set_yticks(range(len(order)), order, fontsize=size)
        ax.tick_params(axis="y", length=0)
        ax.grid(False)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    figure.supxlabel("skill on the audit market, 0 the floor, 1 the ceiling", fontsize=9.5,
                     color=MUTED)  # fmt: skip
    _key(figure, looks, joined=False)
    return figure


def describe_skill_by_run(skills: pd.DataFrame) -> str:
    """Say what :func:`skill_by_run` shows."""
    parts = []
    for model in colours(skills["model"]):
        rows = skills[skills["model"] == model]
        known = rows.dropna(subset="skill").sort_values("skill", ascending=False)
        if known.empty:
            parts.append(f"{title(model)} not known, because the draws are too small")
            continue
        places = [0, len(known) // 2, len(known) - 1]
        few = known if len(known) <= MOST_NAMED else known.iloc[places]
        named = ", ".join(_words(row) for row in few.to_dict("records"))
        left_out = len(rows) - len(known)
        unknown = f", not known in {left_out}" if left_out else ""
        of = "" if len(few) == len(known) else f"best, middle and worst of {len(known)}: "
        parts.append(f"{title(model)}: {of}{named}{unknown}")
    return (
        f"Skill on the audit market in {_runs(skills['run'].nunique())}, with 95 % intervals, "
        "where 0 is the floor and 1 the ceiling. " + "; ".join(parts) + "."
    )


def _looks(skills: pd.DataFrame) -> dict[str, Look]:
    """Return how each setting is drawn; all alike where there are more than colours."""
    settings = list(dict.fromkeys(skills["setting"]))
    if len(settings) > len(COLOURS):
        return dict.fromkeys(settings, Look(MUTED, "o"))
    return {name: Look(*look) for name, look in zip(settings, zip(COLOURS, MARKS, strict=True),
                                                    strict=False)}  # fmt: skip


def _curve(ax: Axes, run: pd.DataFrame, look: Look) -> None:
    """Draw one run: its line, and a mark where it ended."""
    ax.plot(run["epoch"], run["skill"], color=look.colour, linewidth=1.4, alpha=0.85)
    last = run.dropna(subset="skill").tail(1)
    ax.plot(last["epoch"], last["skill"].clip(lower=LOWEST_SKILL), look.mark, color=look.colour,
            markersize=5.5)  # fmt: skip


def _dot(ax: Axes, place: int, row: pd.Series, looks: dict[str, Look]) -> None:
    """Draw skill and interval; what lies outside the axes ends at their edge."""
    look = looks[row["setting"]]
    if np.isnan(row["skill"]):
        ax.annotate("draw too small to say", (0.5, place), ha="center", va="center", fontsize=8.5,
                    color=MUTED)  # fmt: skip
        return
    left, right = ax.get_xlim()
    ends = np.clip([row["skill_low"], row["skill_high"]], left, right)
    ax.plot(ends, [place] * 2, color=look.colour, linewidth=4, alpha=0.35, solid_capstyle="butt")
    inside = float(np.clip(row["skill"], left, right))
    ax.plot(inside, place, look.mark, color=look.colour, markersize=6, clip_on=False)


def _limits(ax: Axes, top: str) -> None:
    for height, name in ((0.0, "floor"), (1.0, top)):
        ax.axhline(height, color=MUTED, linewidth=0.9, linestyle=":")
        margin_label(ax, height, name)


def _key(figure: Figure, looks: dict[str, Look], *, joined: bool) -> None:
    """Name the settings above the axes, where there is more than one and colours for all."""
    if not _key_lines(looks):
        return
    line: Literal["-", ""] = "-" if joined else ""
    marks = [Line2D([], [], color=one.colour, marker=one.mark, linestyle=line)
             for one in looks.values()]  # fmt: skip
    figure.legend(marks, list(looks), ncols=_key_columns(looks), loc="outside upper left",
                  frameon=False, fontsize=8.5, labelcolor=INK)  # fmt: skip


def _key_columns(looks: dict[str, Look]) -> int:
    return 2 if max(map(len, looks)) <= WIDEST_PAIR else 1


def _key_lines(looks: dict[str, Look]) -> int:
    if not 1 < len(looks) <= len(COLOURS):
        return 0
    return -(-len(looks) // _key_columns(looks))


def _key_height(looks: dict[str, Look]) -> float:
    return 0.21 * _key_lines(looks)


def _lowest(columns: list[Any]) -> float:
    lowest = float(np.nanmin([*np.concatenate([np.asarray(one) for one in columns]), -0.05]))
    return max(lowest - 0.05, LOWEST_SKILL)


def _first_seen(column: pd.Series) -> pd.Series:
    """Return a sort key that keeps the order in which values first appear."""
    return column.map({value: place for place, value in enumerate(dict.fromkeys(column))})


def _words(row: dict[Any, Any]) -> str:
    skill, low, high = (_number(row[name]) for name in ("skill", "skill_low", "skill_high"))
    return f"{row['run']} {skill} ({low} to {high})"


def _range(values: pd.Series, digits: int = 2) -> str:
    """Return from where to where values go, one number where all are equal."""
    low, high = (_number(value, digits) for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def _number(value: float, digits: int = 2) -> str:
    """Return a number without a minus before nothing but zeros."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def _runs(count: int) -> str:
    return "one run" if count == 1 else f"{count} runs"
