"""Spread model: gradient-boosted trees (XGBoost) and a line, on the log spread.

It prices a bond from terms, credit, economy, liquidity and disclosure, without ever seeing the
bond's own price, yield or spread. Where theory is clear both are monotone: worse rating and higher
leverage never lower the spread. What a line tells, trees must build in steps; on a few dozen
histories the two together err less than either. Its intervals are conformal, by issuer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np
import pandas as pd

from bondx_lib import features
from bondx_lib.features.cross_section import log_spread
from bondx_lib.models.base import Bools, Panel, Task
from bondx_lib.models.supervised import INPUTS, Supervised
from bondx_lib.schema import KEYS

EVERY_MONTHS: Final = 3
"""A bond's rows are nearly the same month after month: every third teaches as well as all."""
MOST_PRICE_GAP: Final = 1.0
"""Rows whose yield and spread disagree by more, in % a year, are damaged and teach nothing."""


TASK: Final = Task(
    kind="value", label=log_spread, unit=(*KEYS[:2], "month"), undamaged=True,
    true_mean="log_spread_mean", true_variance="log_spread_variance", ceiling="spread",
)  # fmt: skip


class Spread(Supervised):
    """Predicts the log of the spread in basis points."""

    name: ClassVar[str] = "spread"
    title: ClassVar[str] = "Spread"
    task: ClassVar[Task] = TASK
    columns: ClassVar[tuple[str, ...]] = features.columns_for("spread")
    inputs: ClassVar[tuple[str, ...]] = (*INPUTS, "spread_bps")
    members: ClassVar[tuple[str, ...]] = ("xgboost", "linear")
    monotone: ClassVar[Mapping[str, int]] = {"rating_number": 1, "leverage": 1}
    purpose: ClassVar[str] = "log spread of a bond from everything but its own price"
    not_for: ClassVar[str] = "trading, or any market but the simulated one"

    @classmethod
    def teaches(cls, panel: Panel) -> Bools:
        """Leave out damaged quotes, and all but every third month of a bond."""
        sound = (panel.features["price_gap"] < MOST_PRICE_GAP).to_numpy()
        phase = pd.factorize(panel.rows["bond_id"])[0] % EVERY_MONTHS
        turn = panel.rows["month"].to_numpy() % EVERY_MONTHS == phase
        return np.asarray(sound & turn)

    def answer(self, panel: Panel) -> pd.DataFrame:
        """Return the predicted spread and the ends of its interval in basis points."""
        logs = self.predict(panel)
        ends = self.interval(panel, logs)
        low, high = ends if ends is not None else (logs, logs)
        # An interval without bounds is said as such: nothing below zero, no number above.
        return pd.DataFrame(
            {
                "predicted_spread_bps": np.exp(logs),
                "predicted_spread_low_bps": np.exp(low),
                "predicted_spread_high_bps": np.where(np.isfinite(high), np.exp(high), np.nan),
            },
            index=panel.rows.index,
        )
