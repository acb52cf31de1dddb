"""How keen the gates are, and how often they cry wolf: measured on variations of the market.

Two questions, for each gate on data:

* of clean variations, drawn as any epoch draws them, how many does it fail, and is that no more
  than its nominal rate?
* of variations with damage of its own kind (:mod:`.controls`), how much damage does it take until
  it fails in 80 % of them?

and one for all together: how many clean variations does the whole set refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import beta

from bondx_lib import market
from bondx_lib.gates.base import DataGate, Extent, Finding
from bondx_lib.gates.controls import CONTROLS
from bondx_lib.gates.part import Part
from bondx_lib.gates.quality import quality_score
from bondx_lib.gates.register import QualityGateManager, get
from bondx_lib.market.streams import Streams
from bondx_lib.parameters import Parameters

POWER: Final = 0.8
CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Clean:
    """What one clean variation gave.

    Attributes
    ----------
    failed, inconclusive
        Gates with such a finding that is for more than information.
    used
        Largest share of its tolerance that each gate used up.
    blocked, quality
        Whether the whole set refuses it, and its quality score.
    """

    failed: tuple[str, ...]
    inconclusive: tuple[str, ...]
    used: Mapping[str, float]
    blocked: bool
    quality: float


@dataclass(frozen=True)
class Keenness:
    """What a gate notices of its own kind of damage.

    Attributes
    ----------
    gate
        Its name.
    noticed
        Amount to the share of variations in which it failed.
    least
        The smallest amount from which on it fails in 80 % of them; None if no amount did.
    """

    gate: str
    noticed: Mapping[float, float]
    least: float | None


def clean(
    parameters: Parameters, variations: int, workers: int = 1, stream: str = "gates/clean"
) -> list[Clean]:
    """Judge clean variations.

    Parameters
    ----------
    parameters
        Size, scenario, seed and thresholds.
    variations, stream
        How many, and the name they are drawn under.
    workers
        Processes; the result does not depend on it.
    """
    judge = partial(_judged, parameters, stream)
    with _places(workers) as places:
        return list(places(judge, range(variations)))


def keenness(
    parameters: Parameters,
    variations: int,
    names: Sequence[str] | None = None,
    workers: int = 1,
    stream: str = "gates/damaged",
) -> list[Keenness]:
    """Measure how much damage of its own kind each gate on data takes until it fails.

    Parameters
    ----------
    names
        Gates to measure; all on data that have a negative control unless given.
    parameters, variations, workers, stream
        As for :func:`clean`.
    """
    wanted = names or [name for name in CONTROLS if isinstance(get(name), DataGate)]
    notice = partial(_noticed, parameters, stream, tuple(wanted))
    with _places(workers) as places:
        marks = np.array([list(each) for each in places(notice, range(variations))], dtype=object)
    found = []
    for place, name in enumerate(wanted):
        shares = np.mean(np.stack([np.asarray(one, float) for one in marks[:, place]]), axis=0)
        amounts = CONTROLS[name].amounts
        found.append(
            Keenness(name, dict(zip(amounts, shares.tolist(), strict=True)), least(amounts, shares))
        )
    return found


def least(amounts: Sequence[float], shares: Sequence[float] | np.ndarray) -> float | None:
    """Return the smallest amount from which on all larger ones are noticed often enough.

    >>> least((1.0, 2.0, 4.0), (0.2, 0.85, 1.0)), least((1.0, 2.0), (1.0, 0.5))
    (2.0, None)
    """
    enough = None
    for amount, share in reversed(list(zip(amounts, shares, strict=True))):
        if share < POWER:
            break
        enough = float(amount)
    return enough


def curves(measured: Sequence[Keenness]) -> pd.DataFrame:
    """Return one row per gate and amount: gate, what is damaged, unit, amount, share noticed."""
    return pd.DataFrame(
        {
            "gate": one.gate, "what": CONTROLS[one.gate].what, "unit": CONTROLS[one.gate].unit,
            "amount": amount, "noticed": share,
        }
        for one in measured
        for amount, share in one.noticed.items()
    )  # fmt: skip


def rate(hits: int, trials: int) -> tuple[float, float, float]:
    """Return a rate with its exact interval (Clopper and Pearson).

    >>> [round(end, 4) for end in rate(0, 200)]
    [0.0, 0.0, 0.0183]
    """
    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return hits / trials, low, high


def _judged(parameters: Parameters, stream: str, number: int) -> Clean:
    panel = market.simulate(parameters, f"{stream}/{number}").panel
    findings = QualityGateManager(parameters).evaluate(panel)
    used: dict[str, float] = {}
    for finding in findings:
        used[finding.gate] = max(finding.used, used.get(finding.gate, 0.0))
    return Clean(
        _with(findings, "fail"), _with(findings, "inconclusive"), used,
        QualityGateManager.blocked(findings), quality_score(findings),
    )  # fmt: skip


def _with(findings: Sequence[Finding], verdict: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            one.gate for one in findings if one.verdict == verdict and one.severity != "info"
        )
    )


def _noticed(
    parameters: Parameters, stream: str, names: tuple[str, ...], number: int
) -> list[list[bool]]:
    """Say for each gate whether it fails at each amount of its damage, in one variation."""
    panel = market.simulate(parameters, f"{stream}/{number}").panel
    manager = QualityGateManager(parameters)
    streams = Streams(parameters.random_seed, f"{stream}/{number}/damage")
    found = []
    for name in names:
        control = CONTROLS[name]
        marks = []
        for amount in control.amounts:
            damaged = control.damage(panel, amount, streams.common(name))
            marks.append(any(one.verdict == "fail" for one in _asked(manager, name, damaged)))
        found.append(marks)
    return found


def _asked(manager: QualityGateManager, name: str, panel: Any) -> tuple[Finding, ...]:
    """Return the findings of one gate alone."""
    part = Part(panel)
    return manager.findings(Extent.of(part), manager.count(part, [name]), names=[name])


@contextmanager
def _places(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Yield a way to map a function over numbers, here or in processes."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        yield processes.map
