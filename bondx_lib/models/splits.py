r"""Split rows by time and by issuer: train, tune, calibrate; evaluation has markets of its own.

The histories of a pool stand one behind the other and make one calendar: month :math:`m` of history
:math:`k` is the time :math:`(k-1)\,K + m`, with :math:`K` the months of a history whose labels are
known. The first share of the calendar trains. What comes after is held out, by issuer in two
halves: one tunes (number of trees, weights, settings), one calibrates (probabilities, intervals).
In the history that the border falls into, a share of the issuers, chosen by a hash of their
identifier, is on the training side and the others are held out, and rows whose label would look
across the border are left out: the embargo. So no issuer is on two sides, and no label reaches a
held-out month.

A pool of one history keeps at least half of its training months, whatever the horizon.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TRAIN, TUNE, CALIBRATE, UNUSED = "train", "tune", "calibrate", "unused"
SIDES: Final = (TRAIN, TUNE, CALIBRATE)


def split(
    rows: pd.DataFrame, training_split: float, horizon_months: int, history_months: int
) -> NDArray[np.str_]:
    """Return ``train``, ``tune``, ``calibrate`` or ``unused`` for each row.

    Parameters
    ----------
    rows
        ``world`` (which history), ``month`` and ``issuer_id``.
    training_split
        Share of the calendar, and of the issuers at its border, to train on.
    horizon_months
        How far the label looks ahead.
    history_months
        Length of each history; labels are known until ``history_months - horizon_months``.
    """
    known = max(history_months - horizon_months, 1)
    history, worlds = pd.factorize(rows["world"], sort=True)
    month = rows["month"].to_numpy(np.int64)
    edge = round(training_split * len(worlds) * known)
    border, last = divmod(edge, known)
    embargo = min(horizon_months, last // 2) if border == 0 else horizon_months
    position = _positions(rows["issuer_id"])
    here = history == border
    staying = position < training_split
    train = (history < border) | (here & staying & (month < last - embargo))
    held = (history > border) | (here & ~staying & (month >= last))
    sides = np.full(len(rows), UNUSED, dtype="<U9")
    labelled = month < known
    sides[train & labelled] = TRAIN
    # What is left of the position is as random as the whole of it.
    first_half = (position * 1e6) % 1 < 0.5
    sides[held & labelled & first_half] = TUNE
    sides[held & labelled & ~first_half] = CALIBRATE
    return sides


def _positions(issuers: pd.Series) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each row that depends on the issuer's name alone."""
    codes, names = pd.factorize(issuers)
    values = [
        int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8], "big") / 2**64
        for name in names
    ]
    return np.array(values, float)[codes]
