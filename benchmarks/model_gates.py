"""Measure the gates on models: how many honestly taught models each of them fails.

A pool is taught as an epoch of a run teaches it and judged on a benchmark market; every few pools
also as champions are at the end, and against the models of the pool before its last variation.
Pools share nothing, so that the shares have exact intervals.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bondx_lib import artefacts, epoch, features, gates, market, models, parameters
from bondx_lib.gates import Finding
from bondx_lib.models import Model, Panel
from bondx_lib.parameters import Parameters

RESULT: Final = Path(__file__).parent / "results" / "model_gates.json"
FULL: Final = (200, 16, 10)
SMALL: Final = (1, 2, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result, which ``benchmarks/gates.py`` makes its page of."""
    parser = argparse.ArgumentParser(description="Measure the gates on models.")
    parser.add_argument("--small", action="store_true", help="a minute, to see that it runs")
    parser.add_argument("--output", type=Path, default=RESULT, help="where the result goes")
    parser.add_argument("--workers", type=int, default=2, help="processes; changes no result")
    options = parser.parse_args(arguments)
    size = SMALL if options.small else FULL
    artefacts.write_json(options.output, measure(*size, options.workers))


def measure(pools: int, variations: int, every: int, workers: int) -> dict[str, Any]:
    """Return how often each gate on models failed, was in doubt and had something to judge.

    Parameters
    ----------
    pools, variations
        How many pools, and of how many variations each.
    every
        Every which pool is looked at closely too.
    workers
        Processes; the result does not depend on it.
    """
    judged: dict[str, Counter[str]] = {}
    refused = 0
    for findings in _judged(pools, variations, every, workers):
        refused += any(one.blocks for one in findings)
        for gate, model in {(one.gate, _model(one)) for one in findings}:
            mine = [one for one in findings if (one.gate, _model(one)) == (gate, model)]
            worst = "fail" if any(one.verdict == "fail" for one in mine) else "inconclusive"
            doubtful = any(one.verdict == "inconclusive" for one in mine)
            judged.setdefault(gate, Counter()).update(
                ["judged", *([worst] if worst == "fail" or doubtful else [])]
            )
    return {
        "pools": pools, "variations": variations, "closely": len(range(0, pools, every)),
        "refused": refused,
        "gates": {
            name: {key: judged[name][key] for key in ("judged", "fail", "inconclusive")}
            for name in gates.GATES
            if name in judged
        },
    }  # fmt: skip


def _model(finding: Finding) -> str:
    return finding.slice.split(",")[0]


def _judged(pools: int, variations: int, every: int, workers: int) -> Iterator[list[Finding]]:
    job = partial(_pool, variations, every)
    if workers == 1:
        yield from map(job, range(pools))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        yield from processes.map(job, range(pools))


@cache
def _benchmark() -> tuple[Panel, pd.DataFrame]:
    chosen = parameters.default()
    size = chosen.evaluation
    drawn = market.simulate(
        chosen, "benchmark", bonds=size.bonds_per_world, worlds=size.worlds, truth="full"
    )
    return Panel(drawn.panel, features.build(drawn.panel)), drawn.truth


def _pool(variations: int, every: int, number: int) -> list[Finding]:
    """Return what the gates say of the models that one pool teaches."""
    chosen = parameters.default()
    with threadpool_limits(1):
        pool = _drawn(chosen, number, variations)
        before = _drawn(chosen, number, variations - 1) if number % every == 0 else None
        measured = {name: _measured(chosen, name, pool, before, number) for name in chosen.models}
    findings = gates.QualityGateManager(chosen).judge_models(measured)
    return [one for one in findings if one.verdict != "not_applicable"]


def _drawn(chosen: Parameters, number: int, variations: int) -> Panel:
    rows = [
        market.simulate(chosen, f"gates/models/{number}/{place}").panel
        for place in range(variations)
    ]
    return Panel(
        pd.concat(
            [one.assign(world=place) for place, one in enumerate(rows, 1)], ignore_index=True
        ),
        pd.concat([features.build(one) for one in rows], ignore_index=True),
    )


def _measured(
    chosen: Parameters, name: str, pool: Panel, before: Panel | None, number: int
) -> dict[str, Any]:
    panel, truth = _benchmark()
    law, use = models.get(name), f"gates/models/{number}"
    model, said = _taught(chosen, law, pool, use), None
    if before is not None:
        said = _taught(chosen, law, before, use).predict(panel)
    split, rng = epoch.sides(law, pool, chosen), epoch.rng_of(chosen, f"{use}/judge", name)
    predictions = model.predict(panel)
    scores = models.evaluate(
        model, predictions, panel, truth, epoch.rng_of(chosen, f"{use}/score", name),
        chosen.evaluation.bootstrap_replicates,
    )  # fmt: skip
    found = models.examine(
        model, panel, truth, predictions, scores, pool=pool, split=split,
        champion_predictions=said, parameters=chosen, rng=rng,
    )  # fmt: skip
    if before is not None:
        found |= models.examine_closely(
            model, panel, truth, pool=pool, split=split, parameters=chosen, rng=rng
        )
    return found


def _taught(chosen: Parameters, law: type[Model], pool: Panel, use: str) -> Model:
    rng = epoch.rng_of(chosen, f"{use}/train", law.name)
    return epoch.fit(law, pool, epoch.sides(law, pool, chosen), chosen, rng, {})


if __name__ == "__main__":
    main()
