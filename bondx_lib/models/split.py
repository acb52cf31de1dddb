"""Split rows by issuer and by time.

A share of the issuers, chosen by a hash of their identifier, trains in the first share of the
months whose labels are known; the other issuers are held out, in the months after. Rows of training
issuers in later months, of held-out issuers in earlier ones, and rows whose label is not known yet
are not used. The same issuer is on the same side in every epoch.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TRAIN, HOLDOUT, UNUSED = "train", "holdout", "unused"


def split(
    panel: pd.DataFrame, training_split: float, horizon_months: int, history_months: int
) -> NDArray[np.str_]:
    """Return ``train``, ``holdout`` or ``unused`` for each row.

    Parameters
    ----------
    panel
        Rows with ``issuer_id`` and ``month``.
    training_split
        Share of issuers, and of months, to train on.
    horizon_months
        How far the label looks ahead.
    history_months
        Length of the history; labels are known until ``history_months - horizon_months``.
    """
    known = history_months - horizon_months
    edge = round(training_split * known)
    codes, names = pd.factorize(panel["issuer_id"])
    training = np.array([_fraction(str(name)) < training_split for name in names], bool)[codes]
    month = panel["month"].to_numpy()
    sides = np.full(len(panel), UNUSED, dtype="<U7")
    sides[training & (month < edge)] = TRAIN
    sides[~training & (month >= edge) & (month < known)] = HOLDOUT
    return sides


def _fraction(name: str) -> float:
    """Return a number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
