r"""What drives a model: what it loses without a family of features, what each adds to one answer,
and whether its effects are those of the law.

*Importance* exchanges all columns of a family between rows and measures by how much the expected
loss rises. A row takes them from another issuer of the same month, so the market's month stays what
it was; the economy, which all rows of a month share, is taken from a month of another world. What
two families both tell counts for neither, so the rises need not add up.

*Contributions* split one raw answer :math:`f(x)` (a log spread, or log-odds before calibration)

.. math:: f(x) = \phi_0 + \sum_{g} \phi_g(x)

over families :math:`g`: exactly for boosted trees (TreeSHAP) and for a line (its terms); for any
other learner by Shapley's rule over all combinations of families, those left out taking typical
values. Members of an ensemble are weighted as the model weighs them.

*Effects* change a feature alone, row by row, and hold the mean change of the answer against what
the market's mechanisms say it should be. Sources: Breiman [8], Lundberg and Lee [25], Friedman
[26].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from bondx_lib import features, metrics
from bondx_lib.errors import BadInput
from bondx_lib.models.base import Floats, Model, Panel
from bondx_lib.models.evaluation import Judged, judged
from bondx_lib.models.learners.base import Learner, Matrix
from bondx_lib.models.learners.linear import Linear
from bondx_lib.models.supervised import GAP, Supervised

Ints = NDArray[np.int64]
Groups = dict[str, tuple[str, ...]]

ECONOMY: Final = "economy"
OF_GAP: Final = "credit"
"""The guessed rating is made of accounts, and to a small part of equity volatility."""
ROWS: Final = 2000
CLOSE, NEAR = 0.25, 0.03
"""An effect agrees with the law within this share of it, or this much."""
EDGE: Final = 1e-9


class Law(Protocol):
    """An effect that is known; see :class:`bondx_lib.market.laws.Law`."""

    @property
    def effect(self) -> str:
        """Return its name."""

    @property
    def size(self) -> float | None:
        """Return its size, None where only the sign is known."""

    @property
    def sign(self) -> int:
        """Return its sign, 0 where there is none."""

    @property
    def before(self) -> Mapping[str, float]:
        """Return what features are set to before."""

    @property
    def after(self) -> Mapping[str, float]:
        """Return what features are set to after."""

    @property
    def added(self) -> Mapping[str, float]:
        """Return what is added from before to after."""

    @property
    def where(self) -> str:
        """Return for which rows it holds, as a query."""

    @property
    def note(self) -> str:
        """Return why a model may say something else."""


def importance(
    model: Model,
    panel: Panel,
    truth: pd.DataFrame,
    rng: Generator,
    repeats: int = 2,
    replicates: int = 200,
) -> pd.DataFrame:
    """Return by how much the expected loss rises when a family's features are exchanged.

    Parameters
    ----------
    model
        Any model. One whose features are all of one family is taken apart by feature.
    panel, truth
        A market that it was not taught on, of equal row order.
    rng, repeats
        For the exchanges, and how many are averaged.
    replicates
        Of the issuer-cluster bootstrap.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``rise`` with ``low`` and ``high``, and each of the three over what the model
        gains on the best constant (``share``, ``share_low``, ``share_high``); largest first.
    """
    cases = judged(model, panel, truth)
    here = panel.take(cases.rows)
    groups = _families(model.columns)
    changed: dict[str, list[Floats]] = {name: [] for name in groups}
    for _ in range(repeats):
        others, months = _donors(here.rows, rng)
        for name, columns in groups.items():
            donors = months if name == ECONOMY else others
            changed[name].append(model.predict(_exchanged(here, columns, donors)))
    mean_loss = _mean_loss(cases, replicates, rng)
    loss, floor = (
        mean_loss(predicted)
        for predicted in (model.predict(here), np.full(len(here), cases.mean.mean()))
    )
    rows = []
    for name, predictions in changed.items():
        rises = np.mean([mean_loss(predicted) for predicted in predictions], axis=0) - loss
        rows.append({"group": name, **_rise(rises, float(floor[0] - loss[0]))})
    return pd.DataFrame(rows).sort_values("rise", ascending=False, ignore_index=True)


def contributions(model: Model, panel: Panel, background: Panel | None = None) -> pd.DataFrame:
    """Return what each family of features adds to each row's raw answer.

    For a supervised model the raw answer is a log spread or log-odds; the probability is that of
    ``intercept + slope × raw``. For a model of damage it is the score: a check adds what the score
    falls by when it takes its typical value, and what several checks only tell together is the
    ``rest``.

    Parameters
    ----------
    model
        A supervised model, or one of damage.
    panel
        The rows to explain.
    background
        Rows whose medians are the typical values, where a method needs them; the rows to explain
        if not given. One row alone is nothing but typical.

    Returns
    -------
    pandas.DataFrame
        ``base`` (the answer that every row starts from), a column for each family (for a model of
        one family, each feature), ``rest`` and ``raw``, of the panel's index; ``raw`` is the sum of
        those before it. For supervised models the rest is rounding.

    Raises
    ------
    BadInput
        When the model is of another kind.
    """
    typical = (background or panel).features
    if isinstance(model, Supervised):
        parts, raw = _of_members(model, panel, background or panel), model.raw(panel)
    elif model.task.kind == "damage":
        known = model.facts.get("typical") or typical[list(model.columns)].median()
        parts, raw = _of_checks(model, panel, known), model.predict(panel)
    else:
        raise BadInput("cannot be taken apart: it has no learners", key=model.name)
    parts["rest"] = raw - parts.sum(axis=1)
    return parts.assign(raw=raw)


def effects(
    model: Model,
    panel: Panel,
    laws: Iterable[Law],
    rng: Generator,
    rows: int = ROWS,
    replicates: int = 200,
) -> pd.DataFrame:
    r"""Hold what a model says of one change alone against the law of the market.

    The change is made in every row of a sample, all else in it left as it is, and the change of the
    answer is averaged: a log spread, or the log of the event's hazard,
    :math:`\ln(-\ln(1 - p))`, in which the laws of events are written. Rows of a sample may never
    have looked like that; trees answer as for the nearest they have seen.

    Parameters
    ----------
    model
        A model of a value or an event.
    panel
        A market.
    laws
        From :func:`bondx_lib.market.laws.known`.
    rng, rows, replicates
        For the sample of cases and the issuer-cluster bootstrap.

    Returns
    -------
    pandas.DataFrame
        ``effect``, ``law`` (NaN where only the sign is known), ``sign``, ``model`` with ``low`` and
        ``high``, ``rows``, ``agrees`` (in words) and ``note``. The interval is over issuers; it
        says how much the effect differs between them, not what another training would find.

    Raises
    ------
    BadInput
        When the model ranks damage, which follows no law.
    """
    if model.task.kind == "damage":
        raise BadInput("has no effects to hold against a law: it ranks damage", key=model.name)
    cases = np.flatnonzero(~panel.rows.duplicated(list(model.task.unit)).to_numpy())
    here = panel.take(cases)
    found = [_effect(model, here, law, rng, rows, replicates) for law in laws]
    return pd.DataFrame(found)


def _families(columns: Iterable[str]) -> Groups:
    """Return the features of each family, or each feature by itself where all are of one."""
    columns = tuple(columns)
    by_family: Groups = {
        name: tuple(c for c in columns if features.family_of(c) == name)
        for name in (*features.FAMILIES, "other")
    }
    found = {name: members for name, members in by_family.items() if members}
    return found if len(found) > 1 else {name: (name,) for name in columns}


def _donors(rows: pd.DataFrame, rng: Generator) -> tuple[Ints, Ints]:
    """Return for each row another issuer's row of its month, and a row of another world's month.

    Both are exchanges: every row, and every month, gives once.
    """
    cell, _ = pd.factorize(rows["world"].to_numpy(np.int64) * 4096 + rows["month"].to_numpy())
    issuer, _ = pd.factorize(rows["issuer_id"])
    others = np.empty(len(rows), np.int64)
    order = np.argsort(cell, kind="stable")
    edges = np.cumsum(np.bincount(cell))
    for places in np.split(order, edges[:-1]):
        others[places] = places[_passed_on(issuer[places], rng)]
    first = order[np.concatenate([[0], edges[:-1]])]
    world, _ = pd.factorize(rows["world"].to_numpy()[first])
    return others, first[_passed_on(world, rng)][cell]


def _passed_on(groups: Ints, rng: Generator) -> Ints:
    """Return from whom each takes, so that every one gives once and, if it can be, to no relative.

    All stand in a ring, relatives side by side, and take from the one so many places on: at least
    as many as the largest group has members.
    """
    number, largest = len(groups), int(np.bincount(groups).max(initial=0))
    shuffled = rng.permutation(groups.max(initial=0) + 1)[groups]
    ring = np.lexsort((rng.random(number), shuffled))
    longest = number - largest
    step = int(rng.integers(largest, longest + 1)) if largest <= longest else number // 2
    takes = np.empty(number, np.int64)
    takes[ring] = np.roll(ring, -step)
    return takes


def _exchanged(panel: Panel, columns: tuple[str, ...], donors: Ints) -> Panel:
    changed = panel.features.copy()
    changed[list(columns)] = changed[list(columns)].to_numpy()[donors]
    return Panel(panel.rows, changed)


def _mean_loss(cases: Judged, replicates: int, rng: Generator) -> Callable[[Floats], Floats]:
    """Return what gives the mean loss of predictions, and after it that of each replicate."""
    codes, counts = metrics.resample_weights(cases.issuer, replicates, rng)
    counts = np.concatenate([np.ones((1, counts.shape[1])), counts])
    if cases.task.kind == "damage":
        return lambda predicted: np.asarray(
            1 - metrics.average_precision(cases.label, predicted, codes, counts)
        )
    return lambda predicted: metrics.cluster_means(cases.losses(predicted)[:, None], codes, counts)[
        :, 0
    ]


def _rise(rises: Floats, gained: float) -> dict[str, float]:
    low, high = metrics.interval(rises[1:])
    ends = {"rise": float(rises[0]), "low": low, "high": high}
    shares = {"share": "rise", "share_low": "low", "share_high": "high"}
    return ends | {
        name: ends[key] / gained if gained > 0 else float("nan") for name, key in shares.items()
    }


def _of_members(model: Supervised, panel: Panel, background: Panel) -> pd.DataFrame:
    """Return base and families of a supervised model, its members weighted."""
    matrix, columns = model.matrix(panel)
    groups = _families(name for name in columns if name != GAP)
    if GAP in columns:
        groups[OF_GAP] = (*groups.get(OF_GAP, ()), GAP)
    places = {name: [columns.index(c) for c in group] for name, group in groups.items()}
    total = np.zeros((len(matrix), 1 + len(places)))
    for member, learner in zip(model.facts["members"], model.taught, strict=True):
        if member["weight"] > 0 and len(matrix):
            shares = _of_learner(learner, matrix, places, lambda: model.matrix(background)[0])
            total += member["weight"] * shares
    return pd.DataFrame(total, index=panel.rows.index, columns=["base", *places])


def _of_learner(
    learner: Learner, rows: Matrix, places: dict[str, list[int]], background: Callable[[], Matrix]
) -> Floats:
    """Return base and families of a learner, shape (rows, 1 + families)."""
    exact = getattr(learner, "contributions", None)
    if exact is not None:
        found = exact(rows)
        return np.stack([found[:, -1], *(found[:, p].sum(axis=1) for p in places.values())], axis=1)
    if isinstance(learner, Linear):
        return _of_line(learner, rows, places)
    return _shapley(learner, rows, places, _medians(background()))


def _of_line(learner: Linear, rows: Matrix, places: dict[str, list[int]]) -> Floats:
    """Return the terms of a line: it takes a missing feature for its mean, which adds nothing."""
    whole = learner.raw(rows)
    shares = [learner.raw(np.full_like(rows, np.nan))]
    for family in places.values():
        lacking = rows.copy()
        lacking[:, family] = np.nan
        shares.append(whole - learner.raw(lacking))
    return np.stack(shares, axis=1)


def _shapley(
    learner: Learner, rows: Matrix, places: dict[str, list[int]], typical: Matrix
) -> Floats:
    """Return Shapley values of families over all combinations, the others at typical values."""
    number, families = len(places), list(places.values())
    told: dict[frozenset[int], Floats] = {}
    for size in range(number + 1):
        for chosen in itertools.combinations(range(number), size):
            mixed = np.tile(typical, (len(rows), 1))
            for place in chosen:
                mixed[:, families[place]] = rows[:, families[place]]
            told[frozenset(chosen)] = learner.raw(mixed)
    shares = np.zeros((len(rows), 1 + number))
    shares[:, 0] = told[frozenset()]
    for known, answer in told.items():
        size = len(known)
        for place in known:
            orders = math.factorial(size - 1) * math.factorial(number - size)
            gain = answer - told[known - {place}]
            shares[:, 1 + place] += orders / math.factorial(number) * gain
    return shares


def _medians(rows: Matrix) -> Matrix:
    """Return the median of each column, NaN where nothing is known."""
    table = pd.DataFrame(rows).median()
    return table.to_numpy(np.float32)


def _of_checks(model: Model, panel: Panel, typical: Iterable[float]) -> pd.DataFrame:
    """Return the score of a typical row, and by how much a row's falls without each check."""
    whole, values = model.predict(panel), dict(zip(model.columns, typical, strict=True))
    base = model.predict(Panel(panel.rows, panel.features.assign(**values)))
    parts = {
        name: whole - model.predict(Panel(panel.rows, panel.features.assign(**{name: value})))
        for name, value in values.items()
    }
    return pd.DataFrame({"base": base, **parts}, index=panel.rows.index)


def _effect(
    model: Model, panel: Panel, law: Law, rng: Generator, rows: int, replicates: int
) -> dict[str, object]:
    asked = [*law.before, *law.after, *law.added]
    unknown = [name for name in asked if name not in panel.features]
    if unknown:
        raise BadInput("is missing from the features", key=unknown[0])
    which = (
        np.flatnonzero(np.asarray(panel.rows.eval(law.where)))
        if law.where
        else np.arange(len(panel))
    )
    which = np.sort(rng.permutation(which)[:rows])
    found = {"effect": law.effect, "law": float("nan") if law.size is None else law.size,
             "sign": law.sign, "rows": len(which), "note": law.note}  # fmt: skip
    if len(which) == 0:
        none = dict.fromkeys(("model", "low", "high"), float("nan"))
        return found | none | {"agrees": "no such rows"}
    here = panel.take(which)
    answers = [
        _on_scale(model, Panel(here.rows, _moved(here.features, law, values, part)))
        for values, part in ((law.before, -0.5), (law.after, 0.5))
    ]
    issuers = here.rows["issuer_id"].to_numpy()
    mean, low, high = metrics.paired_difference(answers[1], answers[0], issuers, replicates, rng)
    return found | {"model": mean, "low": low, "high": high,
                    "agrees": _agreement(law.size, law.sign, mean, low, high)}  # fmt: skip


def _moved(
    matrix: pd.DataFrame, law: Law, values: Mapping[str, float], part: float
) -> pd.DataFrame:
    added = {name: matrix[name] + part * amount for name, amount in law.added.items()}
    return matrix.assign(**added, **values).astype(np.float32)


def _on_scale(model: Model, panel: Panel) -> Floats:
    """Return log spreads, or the log hazards of probabilities."""
    predicted = model.predict(panel)
    if model.task.kind == "value":
        return predicted
    return np.asarray(np.log(-np.log1p(-np.clip(predicted, EDGE, 1 - EDGE))))


def _agreement(size: float | None, sign: int, mean: float, low: float, high: float) -> str:
    if size is None:
        return "yes, in sign" if sign * mean > 0 else "no, other sign"
    if low <= size <= high or abs(mean - size) <= max(CLOSE * abs(size), NEAR):
        return "yes"
    if size == 0:
        return "no, sees one"
    if abs(mean) < NEAR:
        return "no, sees none"
    if size * mean < 0:
        return "no, other sign"
    return "in sign, smaller" if abs(mean) < abs(size) else "in sign, larger"
