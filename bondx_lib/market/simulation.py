"""Put the mechanisms together: one call draws a market of one or more independent worlds.

A world is a macro path of its own with issuers and bonds of its own. What anyone may see goes to
the panel, what only the simulator knows to the truth; the two have equal row order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib import schema
from bondx_lib.errors import BadInput
from bondx_lib.market import bonds, issuers, liquidity, macro, rows, spreads, truth
from bondx_lib.market.bonds import Bonds
from bondx_lib.market.issuers import Issuers
from bondx_lib.market.mix import Mix
from bondx_lib.market.streams import BLOCK, Streams
from bondx_lib.parameters import Parameters

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Paper = tuple[Issuers, Bonds]

MACRO_BURN_IN: Final = bonds.LONGEST_TERM_MONTHS


@dataclass(frozen=True)
class Market:
    """A drawn market, row by row.

    Attributes
    ----------
    panel, truth
        What is seen and what is true.
    weights
        How many rows of a plain draw each row stands for: with them sums and means over a steered
        draw are those of a plain one, in expectation. All 1 where nothing was steered.
    """

    panel: pd.DataFrame
    truth: pd.DataFrame
    weights: pd.Series


@dataclass(frozen=True)
class World:
    """What all issuers of a world share.

    Attributes
    ----------
    number, streams
        Which world of the draw, and its random numbers.
    months
        Months observed.
    force
        What the scenario does.
    economy
        One path, ``MACRO_BURN_IN`` months longer than the observation.
    indicators
        What is published of it.
    """

    number: int
    streams: Streams
    months: int
    force: macro.Scenario
    economy: macro.State
    indicators: dict[str, Any]

    def issuers(self, block: int) -> Issuers:
        """Return a block of seats and the lives in them."""
        return issuers.simulate(self.streams, block, self.economy, MACRO_BURN_IN)

    def bonds(self, firms: Issuers) -> Bonds:
        """Return the bonds of a block of seats."""
        return bonds.simulate(self.streams, firms, self.economy, MACRO_BURN_IN)

    def paper(self, block: int) -> Paper:
        """Return a block of seats and its bonds."""
        firms = self.issuers(block)
        return firms, self.bonds(firms)

    def block(self, firms: Issuers, paper: Bonds) -> rows.Block:
        """Return a block of seats with all that happens to it."""
        now = macro.since(self.economy, MACRO_BURN_IN)
        days_left, days_old = _days(paper, self.months)
        flow = liquidity.simulate(self.streams, firms, paper, now, days_old / 360.0)
        quotes = spreads.simulate(
            self.streams, firms, paper, now, flow.illiquidity, np.maximum(days_left, 30) / 360.0
        )
        return rows.Block(
            self.streams, now, self.indicators, firms, paper, flow, quotes, days_left, days_old
        )


def simulate(
    parameters: Parameters,
    stream: str,
    *,
    bonds: int | None = None,
    worlds: int = 1,
    truth: Literal["rows", "full"] = "rows",
    mix: Mix | None = None,
) -> Market:
    """Draw a market.

    Parameters
    ----------
    parameters
        Seed, history length, scenario, number of branches.
    stream
        Which draw this is; another name gives an independent market.
    bonds
        Bonds per world, counting every one that is ever on the market; ``parameters.dataset_size``
        unless given.
    worlds
        Independent macro paths, each with issuers and bonds of its own.
    truth
        ``"full"`` also simulates the true downgrade probability of every row, which costs time.
    mix
        Segments to draw more of; a plain draw if not given. Who is kept has the same rows as in a
        plain draw of the same stream.

    Returns
    -------
    Market
        Rows sorted by world, date and bond.

    Examples
    --------
    >>> from bondx_lib import parameters
    >>> market = simulate(parameters.default(), "example", bonds=10)
    >>> int(market.panel["bond_id"].nunique())
    10
    """
    count = parameters.dataset_size if bonds is None else bonds
    if count < 1 or worlds < 1:
        raise BadInput("a market needs at least one bond and one world", key="bonds", value=count)
    branches = parameters.evaluation.branches if truth == "full" else 0
    drawn = [
        _frames(world_of(parameters, stream, number), count, branches, mix)
        for number in range(worlds)
    ]
    panel = pd.concat([market.panel for market in drawn], ignore_index=True)
    truths = pd.concat([market.truth for market in drawn], ignore_index=True)
    truths["row"] = np.arange(len(truths))
    weights = pd.concat([market.weights for market in drawn], ignore_index=True)
    return Market(schema.conform(panel, "panel"), schema.conform(truths, "truth"), weights)


def world_of(parameters: Parameters, stream: str, number: int = 0) -> World:
    """Return a world before any issuer is drawn."""
    months = parameters.history_months
    streams = Streams(parameters.random_seed, f"{stream}/world/{number}")
    force = macro.scenario(parameters.scenario, months)
    economy = macro.history(months, MACRO_BURN_IN, force, streams.common("economy"))
    return World(
        number, streams, months, force, economy, rows.indicators(economy, MACRO_BURN_IN, streams)
    )


def chosen(
    world: World, count: int, mix: Mix | None = None
) -> Iterator[tuple[Issuers, Bonds, Bools]]:
    """Yield seats with their bonds until so many are there, and which of them are among those.

    Of a block of which a mix keeps nothing, none is.
    """
    number = 0
    while count > 0:
        firms, paper = world.paper(number)
        wanted = (
            np.ones(paper.count, bool)
            if mix is None
            else mix.kept(world.streams, firms)[paper.seat]
        )
        keep = wanted & (np.cumsum(wanted) <= count)
        yield firms, paper, keep
        count -= int(keep.sum())
        number += 1


def blocks_of(
    world: World,
    seats: range,
    last_bonds: int | None = None,
    paper_of: Callable[[int], Paper] | None = None,
) -> Iterator[tuple[rows.Block, Bools]]:
    """Yield the blocks that hold some seats, and which bonds belong to them.

    Parameters
    ----------
    world, seats
        The world, and a range of its seats.
    last_bonds
        How many bonds of the last of them are wanted; all if not given.
    paper_of
        Where issuers and bonds of a block come from, if they may be there already.
    """
    for number in range(seats.start // BLOCK, (seats.stop - 1) // BLOCK + 1):
        firms, paper = (paper_of or world.paper)(number)
        seat = firms.first + paper.seat
        keep = (seat >= seats.start) & (seat < seats.stop)
        if last_bonds is not None:
            own = seat == seats.stop - 1
            keep &= ~own | (np.cumsum(own) <= last_bonds)
        yield world.block(firms, paper), keep


def table(columns: dict[str, Any], name: str) -> pd.DataFrame:
    """Return columns as a frame with words as categories, in the schema's order."""
    return pd.DataFrame(
        {
            column: values.to_categorical() if isinstance(values, rows.Words) else values
            for column in schema.names(name)
            if (values := columns.get(column)) is not None
        },
        copy=False,
    )


def chances(world: World, block: rows.Block, keep: Bools, branches: int) -> Floats:
    """Return the true downgrade probabilities by month and seat, NaN if no branches are asked."""
    known = np.full((world.months, BLOCK), np.nan)
    if branches:
        seats = int(block.bonds.seat[keep].max()) + 1
        known[:, :seats] = truth.downgrade_probability(
            world.streams, block.issuers, seats, world.economy, MACRO_BURN_IN, world.force, branches
        )
    return known


def _frames(world: World, count: int, branches: int, mix: Mix | None) -> Market:
    panels, truths, weights, chance = [], [], [], []
    for firms, paper, keep in chosen(world, count, mix):
        kept = np.ones(paper.count) if mix is None else mix.inclusion(firms)[paper.seat]
        chance.append(kept)
        if not keep.any():
            continue
        block = world.block(firms, paper)
        seen, true = rows.columns(block, keep, world.number, chances(world, block, keep, branches))
        panels.append(table(seen, "panel").astype({"bond_id": "str", "issuer_id": "str",
                                                   "issuer_name": "str"}))  # fmt: skip
        truths.append(table(true, "truth").astype({"bond_id": "str"}))
        weights.append(1 / kept[seen["bond_id"].codes])
    panel = pd.concat(panels, ignore_index=True)
    weight = pd.Series(np.concatenate(weights) * np.concatenate(chance).mean(), name="weight")
    order = np.lexsort((panel["bond_id"].to_numpy(str), panel["month"]))
    truth = pd.concat(truths, ignore_index=True)
    return Market(panel.iloc[order], truth.iloc[order], weight.iloc[order])


def _days(paper: Bonds, months: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return 30/360 days to maturity and since issue, by month and slot."""
    month = np.arange(months)[:, None]
    last_day = bonds.month_ends(months).astype("datetime64[D]")
    day = (last_day - last_day.astype("datetime64[M]")).astype(int)[:, None] + 1
    due = 1 + np.where(paper.late, bonds.SECOND_DAY, 0)
    left = 30 * paper.maturity_month + due
    old = 30 * paper.issue_month + due
    return (
        left[paper.current] - 30 * month - np.minimum(day, 30),
        30 * month + day - old[paper.current],
    )
