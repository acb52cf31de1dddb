"""Anomaly model: an isolation forest on consistency checks, with thresholds that hold the alerts.

It learns without labels what ordinary rows look like: price against curve, jumps, order of bid and
ask, maturity against dates, repeated quotes and rows, volume against its own past. The score is the
usual :math:`2^{-E[h]/c}` with the mean path length :math:`h`. What is strange depends on the times:
thresholds are set for each regime and rating class so that each raises alerts at the chosen rate.
Beside it stands the plain count of failed checks. Weights of rows are not used: damage hits all
segments alike, and thresholds stand apart by rating class. Source: Liu, Ting and Zhou [10].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from bondx_lib import features
from bondx_lib.errors import BadInput
from bondx_lib.models.base import (
    Bools,
    Floats,
    Panel,
    Task,
    Words,
    matrix,
    read_card,
    write_card,
)
from bondx_lib.models.learners import forest
from bondx_lib.models.learners.base import Matrix, seed_of
from bondx_lib.models.splits import TRAIN, UNUSED
from bondx_lib.parameters import Parameters
from bondx_lib.schema import FIRST_SPECULATIVE, KEYS

FILE: Final = "forest.npz"
TREES, SAMPLES = 120, 2048
ALERT_RATE: Final = 0.02
"""Share of rows that raise an alert."""
FEWEST_ROWS: Final = 250
"""A regime and rating class with fewer rows takes the threshold of all."""
CLASSES: Final = ("investment", "speculative")
MOST_REASONS, LEAST_SHARE = 3, 0.3
"""Reasons named for an alert, and how much of the strongest one a further reason must have."""
REASONS: Final = {
    "price_gap": "yield_pct and spread_bps disagree with the curve",
    "spread_jump": "spread_bps jumped",
    "spread_to_issuer": "spread_bps is far from the issuer's other bonds",
    "spread_negative": "spread_bps is not positive",
    "bid_ask_order": "bid_price is above ask_price",
    "bid_ask_gap": "bid_ask_bps disagrees with bid_price and ask_price",
    "maturity_gap": "maturity_years disagrees with maturity_date",
    "stale_price": "clean_price is last month's",
    "stale_spread": "yield_pct is last month's",
    "repeated_row": "the row repeats another",
    "volume_jump": "volume_usd jumped",
    "volume_to_trades": "volume_usd is out of proportion to trade_count",
    "checks_failed": "several checks fail at once",
}
"""What a reader is told, with the columns of the panel to look at."""


def _unknown(rows: pd.DataFrame) -> Floats:
    return np.full(len(rows), np.nan)


class Anomaly:
    """Scores how strange a row is; larger is stranger."""

    name: ClassVar[str] = "anomaly"
    title: ClassVar[str] = "Anomaly"
    task: ClassVar[Task] = Task(
        kind="damage", label=_unknown, unit=(*KEYS[:2], "month"), ceiling="anomaly"
    )
    columns: ClassVar[tuple[str, ...]] = features.columns_for("anomaly")
    inputs: ClassVar[tuple[str, ...]] = (
        "world", "month", "issuer_id", "bond_id", "rating", "rating_number", "regime_observed"
    )  # fmt: skip

    def __init__(self, trees: forest.Forest, facts: dict[str, Any]) -> None:
        self._forest = trees
        self.facts = facts

    @classmethod
    def train(cls, panel: Panel, splits: Words, parameters: Parameters, rng: Generator) -> Self:
        """Return a model trained on the training rows, without labels.

        Thresholds come from all rows, those held out too: each tree knows so few that it has not
        learnt any by heart.
        """
        panel.need(cls.inputs)
        rows = _filled(matrix(panel.features, cls.columns))
        known = rows[splits == TRAIN]
        if len(known) == 0:
            known = np.zeros((1, len(cls.columns)), np.float32)
        samples = min(SAMPLES, len(known))
        estimator = IsolationForest(
            n_estimators=TREES, max_samples=samples, n_jobs=1, random_state=seed_of(rng)
        ).fit(known)
        trees = forest.same_trees(estimator.estimators_)
        lengths = tuple(_path_lengths(tree) for tree in trees)
        facts = {
            "rows": int((splits == TRAIN).sum()),
            "issuers": int(panel.rows["issuer_id"][splits == TRAIN].nunique()),
            "trees": len(trees),
            "samples": samples,
            "alert_rate": ALERT_RATE,
            "typical": [float(value) for value in np.median(known, axis=0)],
        }
        model = cls(forest.Forest(trees, lengths), facts)
        which = splits != UNUSED
        facts["thresholds"] = _thresholds(model._score(rows[which]), _cells(panel.rows[which]))
        return model

    def predict(self, panel: Panel) -> Floats:
        """Return the anomaly score of each row, in (0, 1)."""
        return self._score(_filled(matrix(panel.features, self.columns)))

    def baseline(self, panel: Panel) -> Floats:
        """Return how many plain consistency checks each row fails."""
        return panel.features["checks_failed"].to_numpy(float)

    def alerts(self, panel: Panel, scores: Floats) -> Bools:
        """Say which scores exceed the threshold of their regime and rating class."""
        panel.need(("rating_number", "regime_observed"))
        overall = self.facts["thresholds"]["all"]
        cells = _cells(panel.rows)
        limit = {
            cell: self.facts["thresholds"].get(cell, overall) for cell in np.unique(cells).tolist()
        }
        return np.asarray(scores > np.array([limit[cell] for cell in cells], float))

    def reasons(self, panel: Panel) -> NDArray[np.object_]:
        """Return in words which columns make each row strange.

        A check is a reason as far as the score falls when it is given its typical value.
        """
        rows = _filled(matrix(panel.features, self.columns))
        scores = self._score(rows)
        falls = np.zeros(rows.shape)
        for place, typical in enumerate(self.facts["typical"]):
            changed = rows.copy()
            changed[:, place] = typical
            falls[:, place] = scores - self._score(changed)
        return np.array([self._in_words(row) for row in falls], dtype=object)

    def answer(self, panel: Panel) -> pd.DataFrame:
        """Return score, alert, and for alerts the reasons."""
        scores = self.predict(panel)
        alerts = self.alerts(panel, scores)
        reasons = np.full(len(scores), "", dtype=object)
        if alerts.any():
            reasons[alerts] = self.reasons(panel.take(np.flatnonzero(alerts)))
        return pd.DataFrame(
            {"anomaly_score": scores, "anomaly_alert": alerts,
             "anomaly_reasons": pd.Series(reasons, dtype="str").to_numpy()},
            index=panel.rows.index,
        )  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write the forest as arrays."""
        self._forest.save(folder / FILE)
        write_card(folder, self.name, self.columns, self.facts, [FILE])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the forest back."""
        facts = read_card(folder, cls.name, cls.columns)
        try:
            typical, thresholds = facts["typical"], facts["thresholds"]
            numbers = [float(v) for v in (*typical, *thresholds.values(), thresholds["all"])]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"is no model card: {error!r}", source=str(folder)) from error
        if len(typical) != len(cls.columns) or not np.isfinite(numbers).all():
            raise BadInput("is no model card of this version", source=str(folder))
        trees, _ = forest.load(folder / FILE, len(cls.columns))
        return cls(trees, facts)

    def card(self) -> dict[str, Any]:
        """Return what a reader should know of the model."""
        return {
            "purpose": "find rows that were damaged on their way",
            "not for": "any data that do not follow the schema",
            "method": "isolation forest on consistency checks; thresholds by regime and rating "
            "class hold the alert rate",
            "features": len(self.columns),
            **{key: self.facts[key] for key in ("rows", "issuers", "trees", "alert_rate")},
        }

    def _score(self, rows: Matrix) -> Floats:
        depth = self._forest.predict(rows)
        return np.asarray(2.0 ** (-depth / average_path(np.array([self.facts["samples"]]))[0]))

    def _in_words(self, falls: Floats) -> str:
        order = np.argsort(-falls, kind="stable")[:MOST_REASONS]
        least = LEAST_SHARE * falls[order[0]]
        named = [self.columns[j] for j in order if falls[j] > 0 and falls[j] >= least]
        return "; ".join(REASONS[name] for name in named) or "unusual altogether"


def average_path(samples: NDArray[Any]) -> Floats:
    """Return the mean path length of an unsuccessful search in a tree of so many samples.

    >>> average_path(np.array([1, 2])).tolist()
    [0.0, 1.0]
    """
    n = np.asarray(samples, float)
    safe = np.maximum(n, 3)
    long = 2 * (np.log(safe - 1) + np.euler_gamma) - 2 * (safe - 1) / safe
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, long))


def _cells(rows: pd.DataFrame) -> Words:
    """Return regime and rating class of each row as one word."""
    speculative = rows["rating_number"].to_numpy(float) >= FIRST_SPECULATIVE
    regime = rows["regime_observed"].to_numpy(str)
    return np.char.add(np.char.add(regime, ", "), np.where(speculative, *CLASSES[::-1]))


def _thresholds(scores: Floats, cells: Words) -> dict[str, float]:
    """Return the score that the chosen share of rows exceeds, of all and of each large cell."""
    limits = {"all": float(np.quantile(scores, 1 - ALERT_RATE)) if len(scores) else 1.0}
    for cell in np.unique(cells).tolist():
        here = scores[cells == cell]
        if len(here) >= FEWEST_ROWS:
            limits[cell] = float(np.quantile(here, 1 - ALERT_RATE))
    return limits


def _path_lengths(tree: Any) -> Floats:
    """Return for each node its depth plus the expected rest of the path below it."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth + average_path(tree.n_node_samples)


def _filled(rows: Matrix) -> Matrix:
    """Return the rows with zeros, the value of an unremarkable check, where nothing is known."""
    return np.nan_to_num(rows, nan=0.0).astype(np.float32)
