"""A fifth model that lives in a package of its own, as docs/models.md shows it."""

import numpy as np

from bondx_lib import models


def _log_bid_ask_next_month(rows):
    order = rows.sort_values(["world", "bond_id", "month"])
    later = order.groupby(["world", "bond_id"])[["bid_ask_bps", "month"]].shift(-1)
    follows = (later["month"] == order["month"] + 1) & (later["bid_ask_bps"] > 0)
    return np.log(later["bid_ask_bps"].where(follows)).reindex(rows.index).to_numpy(float)


class BidAsk(models.Supervised):
    """Predicts next month's bid-ask spread."""

    name = "bid_ask"
    title = "Bid-ask"
    task = models.Task(
        kind="value",
        label=_log_bid_ask_next_month,
        unit=("world", "bond_id", "month"),
        horizon_months=1,
        undamaged=True,
    )
    columns = models.get("liquidity_shock").columns
    inputs = (*models.Supervised.inputs, "bid_ask_bps")
    members = ("gradient_boosting", "linear")
    purpose = "log of the bid-ask spread a month ahead"
