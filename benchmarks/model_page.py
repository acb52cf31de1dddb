"""The page ``docs/benchmarks.md``: a benchmark of the models in words and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

TITLES: Final = {
    "spread": "spread", "downgrade": "downgrade", "liquidity_shock": "liquidity shock",
    "anomaly": "anomaly",
}  # fmt: skip
OURS: Final = "ours"
NONE: Final = "–"

INTRO: Final = """\
# How the models compare

*Written by `make bench-models`; change `benchmarks/model_page.py`, not this page. The numbers are
those of [`models.json`](../benchmarks/results/models.json).*

Each of our models stands beside other ways to learn the same: scikit-learn's histogram gradient
boosting as it comes, a ridge or logistic regression as it comes on standardised features, and an
AutoML package. Damage is looked for without labels, so its model stands beside the plain count of
failed checks, scikit-learn's isolation forest as it comes, and LightGBM that is told which rows of
the pool are damaged: something that no real market tells.

- **Same rows.** {variations} accepted variations of {bonds} bonds, {pool:,} rows. The others learn
  from all that our model may use for training, tuning and calibration together, one row a case;
  ours keeps its calibration rows back. For spreads, quotes that contradict themselves are left out
  for all, and ours learns from every third month of a bond alone. Features are the same;
  what our models make of them on their own is theirs, above all the rating that the downgrade model
  guesses from the accounts.
- **Same judge.** An evaluation market of {worlds} worlds with {bonds_per_world} bonds each,
  {evaluation:,} rows, {issuers:,} issuers, none of whom is in the pool; true probabilities come
  from {branches} futures of each issuer-month. A loss is what is to be expected under the truth,
  so the luck of the outcomes is not in it. Intervals hold 95 % and come from {replicates} draws of
  issuers. They do not hold the luck of *which* economies were drawn, to learn from and to be judged
  on; see the other pools in the learning curve.
- **Skill** is 0 for the best constant and 1 for the ceiling of what the features allow. Ceilings
  are estimates.
- **Time** is processor time of one training on one thread, given as a ratio to ours. The AutoML
  package had {automl_seconds:.0f} s of the clock, or as long as our model if that took longer.
- **Seeds** are fixed: {seed} for the markets, {method_seed} for every method.
"""

AUTOML: Final = """\
## The AutoML package

{state} It was chosen because it is maintained, installs from a wheel with nothing but NumPy beside
what is here already, needs neither the network nor Java nor a deep-learning library, and runs with
the pinned versions of NumPy, pandas and scikit-learn. It picks among LightGBM, XGBoost, random and
extremely randomised trees and linear methods, with their settings.

It was helped where that was honest. Its features are standardised and without gaps, so that its
linear methods can take part; trials are judged by the benchmark's own loss, on issuers that a trial
was not taught: five folds up to 20,000 rows, a fifth of the issuers beyond.

Its settings were chosen by its score on the evaluation market, which flatters it. Five folds and a
held-out fifth, whole issuers and whole histories, stored and plain starts of the search were tried,
not every mixture on every task. For spreads it starts from the stored settings, which served it
best there in trials. For liquidity shocks it starts plainly: from the stored settings it once took
five times its budget and came out below the best constant. A search ends by the clock, so it is not
the same twice, and on a busy machine it gets less done; the last fit comes on top of the budget.

It is no dependency of the project: `make bench-models` installs `locks/benchmark.txt`, and where it
is missing its rows are empty.
"""

COMPARISON: Final = """\
## Against other methods

Losses: {losses}.
A difference above zero means that ours is better; whether it is clear of zero is said beside it.
"""

CURVE: Final = """\
## Learning curve

Our models by the size of their pool. Other pools have the same size and share no variation with the
first or with one another: what they differ by is the luck of the pool.
"""

COST: Final = """\
## What training costs

Pools of whole variations; *ratio* compares the time of a row with that in the smallest pool, so 1
everywhere would be a cost in proportion to the rows.
"""

SPENT: Final = """\
Where the time of a training on {variations} variations goes. *Calibration* is weights, calibration
and intervals; *the rest* is handing rows about and asking the learners. Features are built once for
each variation, before any training, and serve all models: {features:.1f} s for this pool.
"""


def page(result: Mapping[str, Any]) -> str:
    """Return the page of a result."""
    size, rows = result["size"], result["rows"]
    words = INTRO.format(variations=size["compared"], **size, **rows)
    return "\n".join(
        [
            words,
            _comparison(result["comparison"]),
            _automl(result["machine"]),
            _curve(result["curve"]),
            COST,
            _cost(result["cost"]),
            _profile(result["profile"], size["compared"]),
            _versions(result["machine"]),
        ]
    )


def _comparison(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["model", "method", "skill", "95 % interval", "loss", "their loss less ours", "time"]
    lines = []
    for row in rows:
        lines.append(
            [
                TITLES[row["model"]],
                f"**{row['method']}**" if row["method"] == OURS else row["method"],
                _number(row["skill"], 3), _interval(row, "skill", 3), _number(row["loss"], 4),
                _difference(row), _number(row["seconds_ratio"], 2),
            ]
        )  # fmt: skip
    losses = {TITLES[row["model"]]: row["loss_name"] for row in rows}
    named = "; ".join(f"{title}, {loss}" for title, loss in losses.items())
    return "\n".join([COMPARISON.format(losses=named), _table(head, lines), "", _summary(rows), ""])


def _summary(rows: Iterable[Mapping[str, Any]]) -> str:
    """Say where the others are better, so that nobody has to look for it."""
    words: dict[str, list[str]] = {
        "ours is better": [], "no clear difference": [], "ours is worse": []
    }  # fmt: skip
    for row in rows:
        if row["difference"] is not None:
            words[_verdict(row)].append(f"{TITLES[row['model']]} against {row['method']}")
    return "\n".join(
        f"- {verdict}: {'; '.join(which) if which else 'nowhere'}."
        for verdict, which in words.items()
    )


def _verdict(row: Mapping[str, Any]) -> str:
    if row["difference_low"] > 0:
        return "ours is better"
    return "ours is worse" if row["difference_high"] < 0 else "no clear difference"


def _difference(row: Mapping[str, Any]) -> str:
    if row["difference"] is None:
        return NONE
    ends = f"[{row['difference_low']:+.4f}, {row['difference_high']:+.4f}]"
    return f"{row['difference']:+.4f} {ends}, {_verdict(row)}"


def _automl(machine: Mapping[str, Any]) -> str:
    version = machine["flaml"]
    state = f"FLAML {version}." if version else "FLAML, which was not installed for this run."
    return AUTOML.format(state=state)


def _curve(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["model", "variations", "rows", "skill", "95 % interval", "skill of other pools"]
    lines = [
        [TITLES[row["model"]], str(row["variations"]), f"{row['rows']:,}",
         _number(row["skill"], 3), _interval(row, "skill", 3),
         ", ".join(_number(skill, 3) for skill in row["other_pools"]) or NONE]
        for row in rows
    ]  # fmt: skip
    return f"{CURVE}\n{_table(head, lines)}\n"


def _cost(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["model", "rows", "seconds", "microseconds a row", "ratio"]
    lines = [
        [TITLES[row["model"]], f"{row['rows']:,}", f"{row['seconds']:.2f}",
         f"{row['microseconds_per_row']:.1f}", f"{row['ratio']:.2f}"]
        for row in rows
    ]  # fmt: skip
    return _table(head, lines) + "\n"


def _profile(rows: Sequence[Mapping[str, Any]], variations: int) -> str:
    parts = list(dict.fromkeys(row["part"] for row in rows if row["share"] is not None))
    spent = {(row["model"], row["part"]): row for row in rows}
    names = dict.fromkeys(row["model"] for row in rows)
    lines = [
        [TITLES[name], *(f"{spent[name, part]['share']:.0%}" for part in parts)] for name in names
    ]
    features = next(row["seconds"] for row in rows if row["part"] == "features")
    words = SPENT.format(variations=variations, features=features)
    return f"{words}\n{_table(['model', *parts], lines)}\n"


def _versions(machine: Mapping[str, Any]) -> str:
    versions = ", ".join(
        f"{name} {version}"
        for name, version in machine.items()
        if name not in ("cores", "architecture", "system") and version
    )
    return f"Measured on {machine['system']}, {machine['architecture']}: {versions}.\n"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _interval(row: Mapping[str, Any], name: str, places: int) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return NONE if low is None or high is None else f"{low:.{places}f} to {high:.{places}f}"


def _number(value: float | None, places: int) -> str:
    return NONE if value is None else f"{value:.{places}f}"
