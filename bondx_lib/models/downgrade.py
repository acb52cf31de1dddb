"""Downgrade model: a random forest with a linear model and boosted trees, on issuer-months.

A downgrade happens to an issuer, so each issuer-month is one case however many bonds it has. The
three members err differently: the law of the hazards is nearly a straight line in the log-odds,
which a forest can only build in steps; the trees find where the line bends. Their log-odds are
averaged with weights that stay near shares found on other pools unless many issuers say otherwise,
then calibrated. All see how far the rating that the accounts suggest is from the one the agencies
gave.
"""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
import pandas as pd

from bondx_lib import features
from bondx_lib.models.base import Floats, Panel, Task, stored
from bondx_lib.models.supervised import INPUTS, Supervised
from bondx_lib.schema import LABEL_HORIZON_MONTHS, SECTORS

LABEL: Final = "downgrade_12m"
TASK: Final = Task(
    kind="event", label=stored(LABEL), unit=("world", "issuer_id", "month"),
    horizon_months=LABEL_HORIZON_MONTHS[LABEL], true_mean="downgrade_probability",
    ceiling="downgrade",
)  # fmt: skip


class Downgrade(Supervised):
    """Predicts the probability of a downgrade or default within twelve months."""

    name: ClassVar[str] = "downgrade"
    title: ClassVar[str] = "Downgrade"
    task: ClassVar[Task] = TASK
    columns: ClassVar[tuple[str, ...]] = features.columns_for("downgrade")
    inputs: ClassVar[tuple[str, ...]] = (*INPUTS, LABEL)
    members: ClassVar[tuple[str, ...]] = ("random_forest", "linear", "gradient_boosting")
    strategy: ClassVar[str] = "stacking"
    shares: ClassVar[tuple[float, ...]] = (0.2, 0.5, 0.3)
    shadow: ClassVar[tuple[str, ...]] = (
        "leverage", "log_coverage", "operating_margin_pct", "cash_flow_margin_pct",
        "log_current_ratio", "log_equity_volatility", "size_log_assets",
        *(f"sector_{place}" for place in range(len(SECTORS))),
    )  # fmt: skip
    purpose: ClassVar[str] = (
        "probability that the issuer is downgraded or defaults within twelve months"
    )
    not_for: ClassVar[str] = "rating decisions, or any market but the simulated one"

    def predict(self, panel: Panel) -> Floats:
        """Return the probability of each row's issuer-month, asked once for all its bonds."""
        panel.need(TASK.unit)
        codes, names = pd.factorize(pd.MultiIndex.from_frame(panel.rows[list(TASK.unit)]))
        first = np.zeros(len(names), np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        return super().predict(panel.take(first))[codes]
