"""Splits: by calendar and issuer, with an embargo, nobody on two sides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import market, models, parameters
from bondx_lib.models.splits import SIDES

MONTHS = 36


def pool(histories: int) -> pd.DataFrame:
    """Return made-up rows: forty issuers in each history, one row a month."""
    return pd.DataFrame(
        [
            (world, month, f"SX-{world}-{issuer}")
            for world in range(1, histories + 1)
            for month in range(MONTHS)
            for issuer in range(40)
        ],
        columns=["world", "month", "issuer_id"],
    )


@pytest.mark.parametrize("horizon", [0, 1, 12])
@pytest.mark.parametrize("histories", [1, 2, 5, 26])
class TestEveryPool:
    """Whatever the pool and the horizon."""

    def test_nobody_is_on_two_sides(self, histories, horizon):
        """An issuer teaches, tunes or calibrates."""
        rows = pool(histories)
        sides = models.split(rows, 0.8, horizon, MONTHS)
        issuers = {side: set(rows["issuer_id"][sides == side]) for side in SIDES}
        assert not issuers["train"] & (issuers["tune"] | issuers["calibrate"])
        assert not issuers["tune"] & issuers["calibrate"]
        assert all(issuers.values())

    def test_no_label_of_a_training_row_reaches_a_held_out_month(self, histories, horizon):
        """Within each history the last label's window ends before the first held-out month."""
        rows = pool(histories)
        sides = models.split(rows, 0.8, horizon, MONTHS)
        if histories == 1 and horizon == 12:
            horizon = 9  # a single short history keeps half of its training months
        for _, here in rows.assign(side=sides).groupby("world"):
            last = here["month"][here["side"] == "train"].max()
            held = here["month"][here["side"].isin(["tune", "calibrate"])]
            if len(held) and not np.isnan(last):
                assert last + horizon < held.min()

    def test_earlier_histories_train_later_ones_are_held_out(self, histories, horizon):
        """At most one history is on both sides of the border."""
        rows = pool(histories)
        sides = models.split(rows, 0.8, horizon, MONTHS)
        train = rows["world"][sides == "train"]
        held = rows["world"][(sides == "tune") | (sides == "calibrate")]
        assert train.max() <= held.min()

    def test_labels_that_are_not_known_yet_are_not_used(self, histories, horizon):
        """The last months of each history have no label."""
        rows = pool(histories)
        sides = models.split(rows, 0.8, horizon, MONTHS)
        assert (sides[rows["month"] >= MONTHS - horizon] == "unused").all()


def test_the_share_governs():
    """With many histories the sides have the shares asked for, the held-out halves alike."""
    rows = pool(50)
    for share in (0.6, 0.8, 0.9):
        sides = models.split(rows, share, 0, MONTHS)
        assert (sides == "train").mean() == pytest.approx(share, abs=0.02)
        assert (sides == "tune").mean() == pytest.approx((1 - share) / 2, abs=0.03)


def test_missing_labels_are_missing_not_zero():
    """Where the horizon passes the end of the data the label is missing, and only there."""
    panel = market.simulate(parameters.default(), "test/labels", bonds=40).panel
    late = panel["month"] >= MONTHS - 12
    assert panel["downgrade_12m"][late].isna().all()
    assert panel["downgrade_12m"][~late].notna().all()
    assert panel["liquidity_shock_1m"][panel["month"] == MONTHS - 1].isna().all()
