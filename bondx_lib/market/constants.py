"""The market's fitted constants: one generated file, read by the mechanisms, written by the fit.

Every free constant of the market stands in ``constants.json`` with the published figure it was
fitted to and the residual (:mod:`.calibration`). Nobody edits the file by hand: ``make calibrate``
writes it. What the mechanisms fix by their shape stands in their own files.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib.errors import nearest

Floats = NDArray[np.float64]

FILE_NAME: Final = "constants.json"

_changed: ContextVar[Mapping[str, Floats] | None] = ContextVar("constants", default=None)


@functools.cache
def fitted() -> Mapping[str, Floats]:
    """Return all constants as the last fit left them."""
    text = resources.files("bondx_lib.market").joinpath(FILE_NAME).read_text(encoding="utf-8")
    return {
        name: np.asarray(entry["value"], dtype=float)
        for name, entry in json.loads(text)["constants"].items()
    }


def array(name: str) -> Floats:
    """Return a constant as an array.

    >>> array("spread.level_bps").shape
    (8,)
    """
    known = _changed.get() or fitted()
    if name not in known:
        raise KeyError(f"{name!r} is no constant; nearest: {nearest(name, known)!r}")
    return known[name]


def scalar(name: str) -> float:
    """Return a constant that is one number."""
    return float(array(name))


@contextmanager
def using(changed: Mapping[str, Floats]) -> Iterator[None]:
    """Let the mechanisms use other constants for a while; those not named stay as they are."""
    token = _changed.set({**(_changed.get() or fitted()), **changed})
    try:
        yield
    finally:
        _changed.reset(token)
