r"""The ceilings: how much of what the simulator knows can be known from what a model may see.

The full-state ceiling of a score is the loss of the true law, hidden causes included; no model that
sees the panel alone can reach it. The share of the way from the floor to it that the permitted
features allow is estimated once, on a very large draw, by a reference learner
(:mod:`bondx_lib.reference`) and kept in ``ceilings.json`` with a fingerprint of the market and the
features it was made with. The ceiling of a score on any market is then

.. math:: c = f - \rho\,(f - c_{full})

with the floor :math:`f` and the full-state ceiling :math:`c_{full}` of that very market.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any, Final

FILE_NAME: Final = "ceilings.json"


@functools.cache
def stored() -> dict[str, Any]:
    """Return the ceilings as they were last made: by task, with intervals and learning curves."""
    text = resources.files("bondx_lib").joinpath(FILE_NAME).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def share(task: str) -> float:
    """Return which share of the way from the floor to the full-state ceiling can be gone.

    >>> 0 < share("downgrade") <= 1
    True
    """
    return float(stored()["tasks"][task]["share"])
