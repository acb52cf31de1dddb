"""The page of what refinement adds, made of the result of ``benchmarks/refinement.py`` alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import stdtrit

from bondx_lib import parameters

Ending = tuple[str, str]
"""A variant, and which of its models: ``champions`` or the last ``challengers``."""


@dataclass(frozen=True)
class Ingredient:
    """What is compared with what: the same runs with it and without it."""

    words: str
    with_it: Ending
    without: Ending


INGREDIENTS: Final = {
    "pool": Ingredient(
        "pool of all variations, instead of the latest alone",
        ("plain", "champions"), ("latest", "champions"),
    ),
    "promotion": Ingredient(
        "champions by comparison, instead of the latest challengers",
        ("plain", "champions"), ("plain", "challengers"),
    ),
    "promotion alone": Ingredient(
        "the same where challengers learn from the latest variation alone",
        ("latest", "champions"), ("latest", "challengers"),
    ),
    "tuning": Ingredient(
        "tuning, instead of the models' own settings",
        ("tuned", "champions"), ("plain", "champions"),
    ),
    "warnings": Ingredient(
        "draws steered by warnings, instead of plain draws",
        ("warnings", "champions"), ("plain", "champions"),
    ),
    "losses": Ingredient(
        "draws steered by excess loss over all rows, instead of plain draws",
        ("losses", "champions"), ("plain", "champions"),
    ),
    "losses a row": Ingredient(
        "draws steered by excess loss a row, instead of plain draws",
        ("losses a row", "champions"), ("plain", "champions"),
    ),
    "losses a row, no weights": Ingredient(
        "the same, and no weights at all, instead of plain draws",
        ("weights nowhere", "champions"), ("plain", "champions"),
    ),
    "weights in learners": Ingredient(
        "weights everywhere, instead of in calibration and intervals alone",
        ("losses a row", "champions"), ("weights in calibration", "champions"),
    ),
    "weights in calibration": Ingredient(
        "weights in calibration and intervals, instead of nowhere",
        ("weights in calibration", "champions"), ("weights nowhere", "champions"),
    ),
}  # fmt: skip


ALWAYS, NOWHERE = "always", "not offered"
SWITCHES: Final = {
    "pool": ALWAYS,
    "promotion": ALWAYS,
    "tuning": "advanced.enable_hyperparameter_tuning",
    "warnings": "epoch.steering",
    "losses": NOWHERE,
    "losses a row": NOWHERE,
    "weights in learners": ALWAYS,
    "weights in calibration": ALWAYS,
}
"""Where an ingredient is switched on: a parameter, or nowhere."""


@dataclass(frozen=True)
class Gain:
    """Mean of paired differences with its 95 % interval, and how many there are."""

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def verdict(self) -> str:
        """Say what the interval allows to say."""
        if self.low > 0:
            return "adds"
        return "costs" if self.high < 0 else "cannot be told"


def page(result: Mapping[str, Any]) -> str:
    """Return the page."""
    size, models = result["size"], list(result["settings"]["models"])
    parts = {
        "head": HEAD, "ingredients": _ingredients(result, models), "read": READ,
        "endings": ENDINGS, "ended": _endings(result, models), "steered": STEERED,
        "mixes": _mixes(result), "defaults": DEFAULTS, "switches": _switches(result),
    }  # fmt: skip
    return "\n".join(parts.values()).format(
        seeds=len(result["runs"]), epochs=size["epochs"], worlds=size["fresh_worlds"],
        bonds=result["settings"]["dataset_size"], factor=f"{result['settings']['factor']:g}",
        most=result["settings"]["segments"],
        trials=result["settings"]["advanced"]["trials_per_epoch"],
    )  # fmt: skip


def gain(result: Mapping[str, Any], ingredient: Ingredient, model: str | None = None) -> Gain:
    """Return what an ingredient adds to the skill of one model, or to the mean of all.

    The interval is Student's t of the differences between seeds, each of one and the same seed.
    """
    pairs = [
        (_skill(run, ingredient.with_it, model), _skill(run, ingredient.without, model))
        for run in result["runs"]
        if ingredient.with_it[0] in run["variants"] and ingredient.without[0] in run["variants"]
    ]
    values = np.array([better - other for better, other in pairs])
    half = 0.0 if len(values) else float("nan")
    if len(values) > 1:
        error = float(values.std(ddof=1)) / np.sqrt(len(values))
        half = float(stdtrit(len(values) - 1, 0.975)) * error
    elif len(values):
        half = float("inf")
    mean = float(values.mean()) if len(values) else float("nan")
    return Gain(mean, mean - half, mean + half, len(values))


def _skill(run: Mapping[str, Any], ending: Ending, model: str | None) -> float:
    variant, which = ending
    skills = run["variants"][variant][which]
    return float(np.mean(list(skills.values())) if model is None else skills[model])


def _ingredients(result: Mapping[str, Any], models: Sequence[str]) -> str:
    rows = []
    for one in INGREDIENTS.values():
        whole = gain(result, one)
        each = [_cell(gain(result, one, model)) for model in models]
        rows.append([one.words, f"**{whole.verdict}**", _cell(whole), *each, str(whole.seeds)])
    return _table(["ingredient", "it", "mean of the models", *models, "seeds"], rows)


def _cell(one: Gain) -> str:
    ends = f"{one.low:+.3f} to {one.high:+.3f}" if np.isfinite(one.low) else "one seed"
    return f"{one.mean:+.3f} ({ends})"


def _endings(result: Mapping[str, Any], models: Sequence[str]) -> str:
    rows = []
    for name in (variant["name"] for variant in result["variants"]):
        ends = [run["variants"][name] for run in result["runs"] if name in run["variants"]]
        skills = [np.mean([end["champions"][model] for end in ends]) for model in models]
        promotions = np.mean([np.mean(list(end["promotions"].values())) for end in ends])
        cells = [f"{skill:.3f}" for skill in (np.mean(skills), *skills)]
        rows.append([name, *cells, f"{promotions:.1f}", str(len(ends))])
    return _table(["variant", "mean", *models, "promotions a model", "seeds"], rows)


def _mixes(result: Mapping[str, Any]) -> str:
    rows = []
    for variant in result["variants"]:
        name = variant["name"]
        if variant["steered"] == "none":
            continue
        mixes = [mix for run in result["runs"] for mix in run["variants"][name]["mixes"][1:]]
        asked = Counter(segment for mix in mixes for segment in mix)
        often = ", ".join(f"{segment} {count}" for segment, count in asked.most_common(6))
        steered = sum(bool(mix) for mix in mixes)
        rows.append([name, f"{steered} of {len(mixes)}", often or "none"])
    return _table(["variant", "epochs with a steered draw", "segments asked for most often"], rows)


def _switches(result: Mapping[str, Any]) -> str:
    defaults = {row["key"]: row["default"].strip('"') for row in parameters.describe()}
    rows = []
    for name, switch in SWITCHES.items():
        one = INGREDIENTS[name]
        here = f"`{switch}: {defaults[switch]}`" if switch in defaults else switch
        rows.append([one.words.split(",")[0], here, f"{gain(result, one).verdict}"])
    return _table(["ingredient", "in a run", "it"], rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


HEAD: Final = """\
# Refinement

What each ingredient of the loop adds to the skill of the champions in the end. This page is made by
`make bench-refinement` of `benchmarks/results/refinement.json`.

Runs of {seeds} seeds with the default parameters, {epochs} epochs of {bonds} bonds each, go through
draw, gates, training, scoring, comparison and steering by the functions and with the random numbers
of an epoch; each again with one ingredient changed. Skill is that of the champions after the last
epoch, on a market of {worlds} histories that nobody has selected on: not the benchmark market, on
which champions are compared. What is equal between variants is shared, so differences are of one
and the same seed; their mean stands beside its 95 % interval between seeds (Student's t).
"""
READ: Final = """\
An ingredient **adds** or **costs** if the whole interval of the mean of the models says so. Each
interval holds by itself; of so many, one may well be wrong. Tuning takes longest, and is measured
with fewer seeds.

*Excess loss* is loss over the ceiling, on the benchmark market, of all models with a loss for each
row, in units of skill. Draws steered by it ask in every epoch for the {most} sectors or ratings
that lose most, {factor} times as often; *over all rows* a large segment loses much, *a row* a bad
one does.
Promotion off and the latest variation alone use the draws of the plain runs, the weights those
steered by excess loss a row. Tuning tries {trials} new settings in each epoch.
"""
ENDINGS: Final = """\
## Skill in the end

Means over seeds, on the market that nobody has selected on:
"""
STEERED: Final = """\
## What was drawn more often

The first epoch is never steered.
"""
DEFAULTS: Final = """\
## What follows

What has not been shown to add is off by default or not offered; steering by warnings and tuning can
be asked for ([decision 18](decisions/0018-draws-are-plain-by-default.md)). Champions by comparison
stay: where challengers swing from epoch to epoch they add much, and where the pool grows they only
wait for what is surely better. Weights count wherever a draw is steered, whatever they add: without
them what is learnt, and what the gates say, would be of another market
([decision 14](decisions/0014-steered-draws-keep-the-seats.md)).
"""
