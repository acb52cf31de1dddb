"""What drives a champion, and whether that is what the market's law says drives the truth."""

from __future__ import annotations

from typing import Any

import pandas as pd
from numpy.random import Generator

from bondx_lib.errors import BadInput
from bondx_lib.market import laws
from bondx_lib.models import Model, Panel
from bondx_lib.models import explain as explaining


def explain(
    model: Model, panel: Panel, truth: pd.DataFrame, rng: Generator, replicates: int
) -> dict[str, Any]:
    """Return what a model loses without each family of features, and its effects beside the law.

    Parameters
    ----------
    model, panel, truth
        The champion and the benchmark market.
    rng, replicates
        Random numbers, and replicates of the issuer-cluster bootstrap.

    Returns
    -------
    ``importance``: rows of :func:`bondx_lib.models.explain.importance`; ``effects``: rows of
    :func:`bondx_lib.models.explain.effects`, empty for a model that no law speaks of; ``agreeing``
    and ``compared``: how many of them agree, and how many could.
    """
    found = explaining.importance(model, panel, truth, rng, replicates=replicates)
    effects = _effects(model, panel, rng, replicates)
    verdicts = [row["agrees"] for row in effects]
    return {
        "importance": _rows(found),
        "effects": effects,
        "agreeing": sum(verdict.startswith("yes") for verdict in verdicts),
        "compared": len(verdicts),
    }


def _effects(model: Model, panel: Panel, rng: Generator, replicates: int) -> list[dict[str, Any]]:
    try:
        known = laws.known(model.name)
        return _rows(explaining.effects(model, panel, known, rng, replicates=replicates))
    except BadInput:
        return []


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame as rows, with None for what has no number."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]
