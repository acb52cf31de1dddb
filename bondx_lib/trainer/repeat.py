"""Draw again and answer again: what a run wrote must come out the same once more."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bondx_lib import artefacts, epoch, models, runlog
from bondx_lib.parameters import Parameters


def once_more(run_dir: Path, parameters: Parameters, state: runlog.RunState) -> dict[str, Any]:
    """Repeat what is cheap to repeat before a run is closed, and compare.

    Both evaluation draws and the last variation are drawn again, and the champions asked again
    about the benchmark market. Training is not repeated here: ``bondx verify --replay`` does it.

    Returns
    -------
    ``computed_with``: versions and machine; ``checks``: what was compared, what was stated, what
    came out, whether they are equal.
    """
    checks = [
        *_drawn_again(run_dir, parameters, state),
        *_answered_again(run_dir, parameters, state),
    ]
    return {
        "computed_with": dict(state.computed_with),
        "checks": checks,
        "equal": all(check["equal"] for check in checks),
        "training": "repeated by `bondx verify --replay all`",
    }


def _drawn_again(
    run_dir: Path, parameters: Parameters, state: runlog.RunState
) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="bondx-") as name:
        folder = Path(name)
        epoch.write_market(folder, "benchmark", parameters)
        yield _check(
            "benchmark market", state.markets["benchmark"]["digest"],
            epoch.market_digest(folder, "benchmark"),
        )  # fmt: skip
    last = state.committed[-1]
    again = epoch.draw_again(parameters, state, last.number)
    stated = artefacts.read_parquet(epoch.epoch_folder(run_dir, last.number) / "dataset.parquet")
    yield _check(
        f"variation of epoch {last.number}", artefacts.frame_digest(stated),
        artefacts.frame_digest(again.panel),
    )  # fmt: skip


def _answered_again(
    run_dir: Path, parameters: Parameters, state: runlog.RunState
) -> Iterator[dict[str, Any]]:
    panel, _ = epoch.read_market(run_dir, "benchmark")
    for name in parameters.models:
        since = epoch.champion_epoch(state, name)
        if since is None:
            continue
        stated = epoch.champion_predictions(run_dir, name, since)
        said = models.get(name).load(run_dir / "models" / name).predict(panel)
        check = _check(f"answers of {name}", _digest(stated), _digest(said))
        yield check | {"largest_difference": float(np.nanmax(np.abs(stated - said), initial=0.0))}


def _check(what: str, stated: str, found: str) -> dict[str, Any]:
    return {"what": what, "stated": stated, "found": found, "equal": stated == found}


def _digest(values: Any) -> str:
    return artefacts.sha256_bytes(np.ascontiguousarray(values, np.float64).tobytes())
