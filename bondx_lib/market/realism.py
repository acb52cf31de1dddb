"""The realism scorecard: what published figures say, and what the simulated market shows.

A large market is drawn for several seeds; each statistic is computed for each seed, and the mean
over seeds with its interval is held against the published value. A fact *passes* if the mean lies
within the fact's tolerance, has *not enough data* if the interval is wider than the tolerance, and
*fails* otherwise. How each statistic is computed stands in :mod:`.measures`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import resources
from itertools import repeat
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bondx_lib.artefacts import write_json
from bondx_lib.market import constants, facts, measures
from bondx_lib.market.measures import BLOCKS, MONTHS, Measured

Floats = NDArray[np.float64]

SEEDS: Final = 32
FILE_NAME: Final = "scorecard.json"
MADE_BY: Final = "bondx realism --save"
VERDICTS: Final = ("pass", "fail", "not enough data")
AIM: Final = 0.90
"""Least share of facts that must pass among those with enough data."""


@dataclass(frozen=True)
class Line:
    """One fact on the scorecard; numbers are None where the market has no such rows."""

    fact: str
    statistic: str
    slice: str
    unit: str
    published: float
    tolerance: float
    confidence: str
    simulated: float | None
    low: float | None
    high: float | None
    verdict: str


def scorecard(
    seeds: int = SEEDS,
    months: int = MONTHS,
    blocks: int = BLOCKS,
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Line]:
    """Draw a large market for several seeds and hold it against every fact that it can show.

    Parameters
    ----------
    seeds, months, blocks
        How much is drawn; a block holds 256 seats of issuers.
    workers
        Processes; the result does not depend on it.
    progress
        Called with the number of seeds done.
    """
    measured: list[Measured] = []
    progress(0)
    each = (range(seeds), repeat(months), repeat(blocks))
    with contextlib.ExitStack() as stack:
        places: Callable[..., Iterator[Measured]] = map
        if workers > 1:
            context = multiprocessing.get_context("spawn")
            places = stack.enter_context(ProcessPoolExecutor(workers, mp_context=context)).map
        for one in places(measures.of_seed, *each):
            measured.append(one)
            progress(len(measured))
    return compare(measured)


def compare(measured: Sequence[Measured]) -> list[Line]:
    """Return one line per fact that any seed could show, in the order of the table."""
    lines = []
    for name, fact in facts.table().iterrows():
        values = np.array([one.get(str(name), np.nan) for one in measured])
        if not any(str(name) in one for one in measured):
            continue
        mean, low, high = _interval(values[np.isfinite(values)])
        lines.append(
            Line(
                str(name), fact["statistic"], fact["slice"], fact["unit"], float(fact["value"]),
                float(fact["tolerance"]), fact["confidence"], mean, low, high,
                verdict(float(fact["value"]), float(fact["tolerance"]), mean, low, high),
            )
        )  # fmt: skip
    return lines


def verdict(
    published: float, tolerance: float, mean: float | None, low: float | None, high: float | None
) -> str:
    """Say whether a simulated value agrees with a published one.

    >>> verdict(10, 2, 11, 10.5, 11.5), verdict(10, 2, 13, 12.5, 13.5), verdict(10, 2, 13, 5, 21)
    ('pass', 'fail', 'not enough data')

    A rare event that no seed has seen says nothing against a small share:

    >>> verdict(0.7, 0.5, 0.0, 0.0, 0.0)
    'not enough data'
    """
    if mean is None or low is None or high is None or (high - low) / 2 > tolerance:
        return "not enough data"
    if abs(mean - published) <= tolerance:
        return "pass"
    return "not enough data" if low == high == 0 else "fail"


def share_passed(lines: Sequence[Line]) -> float:
    """Return the share of facts with enough data that pass."""
    judged = [line for line in lines if line.verdict != "not enough data"]
    return sum(line.verdict == "pass" for line in judged) / max(len(judged), 1)


def save(lines: Sequence[Line]) -> Path:
    """Keep a scorecard in the package, for reports, and return the file's path."""
    path = Path(constants.__file__).with_name(FILE_NAME)
    write_json(path, {"made_by": MADE_BY, "depends_on": digest(),
                      "lines": [vars(line) for line in lines]})  # fmt: skip
    return path


def saved() -> list[Line]:
    """Return the scorecard that was kept last."""
    return [Line(**line) for line in _kept()["lines"]]


def out_of_date() -> bool:
    """Say whether facts or constants have changed since the scorecard was kept."""
    return bool(_kept()["depends_on"] != digest())


def digest() -> str:
    """Return one SHA-256 over the published facts and the fitted constants."""
    total = hashlib.sha256()
    for name in ("facts.csv", constants.FILE_NAME):
        total.update(resources.files("bondx_lib.market").joinpath(name).read_bytes())
    return total.hexdigest()


def _kept() -> dict[str, Any]:
    text = resources.files("bondx_lib.market").joinpath(FILE_NAME).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def as_text(lines: Sequence[Line], *, only_failing: bool = False) -> str:
    """Return the scorecard as a table with its sums.

    Parameters
    ----------
    lines
        From :func:`scorecard`.
    only_failing
        Leave out what passes.
    """
    shown = [line for line in lines if not (only_failing and line.verdict == "pass")]
    table = [f"{'fact':<34} {'published':>10} {'±':>8} {'simulated':>10}  {'interval':<22} verdict"]
    table += [
        f"{line.fact:<34} {line.published:>10.4g} {line.tolerance:>8.3g} "
        f"{_number(line.simulated):>10}  {_number(line.low):>9} to {_number(line.high):<9} "
        f"{line.verdict}{' (published figure from memory)' if line.confidence == 'low' else ''}"
        for line in shown
    ]
    counts = {kind: sum(line.verdict == kind for line in lines) for kind in VERDICTS}
    sums = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    share = share_passed(lines)
    table.append(
        f"{len(lines)} facts: {sums}; {share:.1%} of those with enough data pass (aim: {AIM:.0%})"
    )
    return "\n".join(table)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _interval(values: Floats) -> tuple[float | None, float | None, float | None]:
    """Return mean and 95 % interval over seeds, by Student's t."""
    if len(values) < 2:
        return (float(values[0]) if len(values) else None), None, None
    mean = float(values.mean())
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half
