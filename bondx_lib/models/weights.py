"""Weights of rows: how many rows of the market each stands for.

Rows may carry a column ``weight``, as those of steered draws do; it should be one on average, or
penalties and priors would weigh too little or too much beside the rows. Learners, early stopping,
members' weights, calibration, intervals and the search for settings count by it. The selection of
features, the least number of rows of a leaf and the anomaly model do not. Rows without the column
count once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib.errors import BadInput

Floats = NDArray[np.float64]

WEIGHT: Final = "weight"


def weights_of(rows: pd.DataFrame) -> Floats | None:
    """Return how much each row counts, None where each counts once.

    Raises
    ------
    BadInput
        When a weight is missing, no number, infinite or not positive.

    Examples
    --------
    >>> weights_of(pd.DataFrame({"weight": [0.5, 1.5]})).tolist()
    [0.5, 1.5]
    >>> weights_of(pd.DataFrame({"weight": [1.0, 1.0]})) is None
    True
    """
    if WEIGHT not in rows.columns:
        return None
    weight = pd.to_numeric(rows[WEIGHT], errors="coerce").to_numpy(float, na_value=np.nan)
    wrong = ~(np.isfinite(weight) & (weight > 0))
    if wrong.any():
        raise BadInput(
            "is no weight of a row", key=WEIGHT, value=rows[WEIGHT].iloc[int(wrong.argmax())],
            admissible="a positive number",
        )  # fmt: skip
    return None if (weight == 1.0).all() else weight


def effective_rows(weight: Floats) -> int:
    r"""Return how many rows of equal weight tell as much.

    .. math:: n = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}

    >>> effective_rows(np.array([1.0, 1.0, 2.0]))
    3
    """
    return round(float(weight.sum() ** 2 / (weight**2).sum())) if len(weight) else 0
