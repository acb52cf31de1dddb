"""Liquidity-shock model: gradient boosting (LightGBM) and a linear model, on lags and windows.

It gives the probability that a bond's liquidity breaks down next month, from the bond's own recent
liquidity, earlier shocks, its terms, its issuer and the market, calibrated on issuers of its own.
The law of the shocks is close to a straight line in the log-odds, so half of the say is the line's;
the trees find the rest.
"""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from bondx_lib import features
from bondx_lib.models.base import Bools, Panel, Task, stored
from bondx_lib.models.supervised import INPUTS, Supervised
from bondx_lib.schema import KEYS, LABEL_HORIZON_MONTHS

LABEL: Final = "liquidity_shock_1m"
TASK: Final = Task(
    kind="event", label=stored(LABEL), unit=(*KEYS[:2], "month"),
    horizon_months=LABEL_HORIZON_MONTHS[LABEL], true_mean="shock_probability",
    ceiling="liquidity_shock",
)  # fmt: skip


class LiquidityShock(Supervised):
    """Predicts the probability of a liquidity shock in the next month."""

    name: ClassVar[str] = "liquidity_shock"
    title: ClassVar[str] = "Liquidity shock"
    task: ClassVar[Task] = TASK
    columns: ClassVar[tuple[str, ...]] = features.columns_for("liquidity_shock")
    inputs: ClassVar[tuple[str, ...]] = (*INPUTS, LABEL)
    members: ClassVar[tuple[str, ...]] = ("gradient_boosting", "linear")
    purpose: ClassVar[str] = "probability that the bond's liquidity breaks down next month"
    not_for: ClassVar[str] = "trading, or any market but the simulated one"

    @classmethod
    def teaches(cls, panel: Panel) -> Bools:
        """Leave out rows that stand there a second time."""
        return np.asarray((panel.features["repeated_row"] == 0).to_numpy())
