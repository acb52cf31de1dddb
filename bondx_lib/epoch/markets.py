"""What is drawn: evaluation markets of a run, variations of an epoch, and random numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from bondx_lib import artefacts, features, market, runlog
from bondx_lib.market.streams import Streams
from bondx_lib.models.base import Panel
from bondx_lib.parameters import Parameters


def draw_market(run_dir: Path, name: str, parameters: Parameters, journal: runlog.Journal) -> None:
    """Draw an evaluation market with full truth and its features, and log its digest."""
    rows = write_market(run_dir, name, parameters)
    journal.append("market_drawn", market=name, rows=rows, digest=market_digest(run_dir, name))


def write_market(run_dir: Path, name: str, parameters: Parameters) -> int:
    """Draw an evaluation market, write its files, and return how many rows it has."""
    folder = run_dir / "markets" / name
    evaluation = parameters.evaluation
    drawn = market.simulate(
        parameters, name, bonds=evaluation.bonds_per_world, worlds=evaluation.worlds, truth="full"
    )
    artefacts.write_parquet(folder / "panel.parquet", drawn.panel)
    artefacts.write_parquet(folder / "truth.parquet", drawn.truth)
    artefacts.write_parquet(folder / "features.parquet", features.build(drawn.panel))
    return len(drawn.panel)


def read_market(run_dir: Path, name: str) -> tuple[Panel, pd.DataFrame]:
    """Return panel and truth of an evaluation market."""
    folder = run_dir / "markets" / name
    rows, matrix, truth = (
        artefacts.read_parquet(folder / f"{part}.parquet")
        for part in ("panel", "features", "truth")
    )
    return Panel(rows, matrix), truth


def market_digest(run_dir: Path, name: str) -> str:
    """Return one SHA-256 over the names and digests of an evaluation market's files."""
    files = artefacts.tree_digests(run_dir / "markets" / name, run_dir)
    return hashlib.sha256(artefacts.canonical_json(files).encode()).hexdigest()


def draw_again(parameters: Parameters, state: runlog.RunState, number: int) -> market.Market:
    """Return the accepted variation of a committed epoch, drawn once more."""
    view, before = state.epochs[number - 1], state.epochs[: number - 1]
    mix = before[-1].mix if before else {}
    return draw_variation(parameters, stream_name(number, view.draw or 0), mix)


def draw_variation(parameters: Parameters, stream: str, mix: Mapping[str, float]) -> market.Market:
    """Return a variation drawn from a stream of random numbers, some segments more often."""
    return market.simulate(parameters, stream, mix=market.Mix(mix) if mix else None)


def stream_name(number: int, draw: int) -> str:
    """Return the stream of random numbers that a draw of an epoch is made from."""
    return f"epoch/{number:04d}/draw/{draw}"


def rng_of(parameters: Parameters, use: str, name: str) -> np.random.Generator:
    """Return the random numbers of one use for one model."""
    return Streams(parameters.random_seed, use).common(name)
