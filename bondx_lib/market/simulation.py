"""Put the mechanisms together: one call draws a market of one or more independent worlds.

A world is a macro path of its own with issuers and bonds of its own. What anyone may see goes to
the panel, what only the simulator knows to the truth; the two have equal row order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib import pricing, schema
from bondx_lib.errors import BadInput
from bondx_lib.market import (
    bonds,
    corruption,
    disclosure,
    issuers,
    liquidity,
    macro,
    ratings,
    spreads,
    truth,
)
from bondx_lib.market.streams import Streams
from bondx_lib.parameters import Parameters

Floats = NDArray[np.float64]

MACRO_BURN_IN: Final = bonds.LONGEST_TERM_MONTHS
CALL_LAG_MONTHS: Final = 3
LONGEST_RATING_AGE: Final = 120


@dataclass(frozen=True)
class Market:
    """A drawn market: what is seen and what is true, row by row."""

    panel: pd.DataFrame
    truth: pd.DataFrame


@dataclass(frozen=True)
class _World:
    """Everything of one world before it becomes rows."""

    streams: Streams
    economy: macro.State
    issuers: issuers.Issuers
    bonds: bonds.Bonds
    liquidity: liquidity.Liquidity
    spreads: spreads.Spreads
    dates: NDArray[np.datetime64]
    maturity_years: Floats
    age_years: Floats


def simulate(
    parameters: Parameters,
    stream: str,
    *,
    bonds: int | None = None,
    worlds: int = 1,
    truth: Literal["rows", "full"] = "rows",
) -> Market:
    """Draw a market.

    Parameters
    ----------
    parameters
        Seed, history length, scenario, number of branches.
    stream
        Which draw this is; another name gives an independent market.
    bonds
        Bonds per world; ``parameters.dataset_size`` unless given.
    worlds
        Independent macro paths, each with issuers and bonds of its own.
    truth
        ``"full"`` also simulates the true downgrade probability of every row, which costs time.

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
    drawn = [
        _draw_world(parameters, stream, world, count, truth == "full") for world in range(worlds)
    ]
    panel = pd.concat([market.panel for market in drawn], ignore_index=True)
    truths = pd.concat([market.truth for market in drawn], ignore_index=True)
    truths["row"] = np.arange(len(truths))
    return Market(schema.conform(panel, "panel"), schema.conform(truths, "truth"))


def _draw_world(parameters: Parameters, stream: str, number: int, count: int, full: bool) -> Market:
    months = parameters.history_months
    streams = Streams(parameters.random_seed, f"{stream}/world/{number}")
    force = macro.forcing(parameters.scenario, months)
    economy = macro.history(months, MACRO_BURN_IN, force, streams.common("economy"))
    firms = issuers.simulate(streams, economy, MACRO_BURN_IN, count)
    world = _world(streams, economy, firms, months)
    chances = (
        truth.downgrade_probability(
            streams, firms, economy, MACRO_BURN_IN, force, parameters.evaluation.branches
        )
        if full
        else np.full((months, firms.count), np.nan)
    )
    panel, facts = _rows(world, number, chances)
    detail = streams.uniform("damage detail", 0, world.bonds.count, months).T
    order = facts.pop("cell").to_numpy()
    return Market(*corruption.apply(panel, facts, detail.ravel()[order]))


def _world(streams: Streams, economy: macro.State, firms: issuers.Issuers, months: int) -> _World:
    paper = bonds.simulate(streams, firms, economy, MACRO_BURN_IN, months)
    dates = bonds.month_ends(months)
    maturity_years = pricing.years_30_360(dates[:, None], paper.maturity_date[None, :])
    age_years = pricing.years_30_360(paper.issue_date[None, :], dates[:, None])
    now = _since(economy, MACRO_BURN_IN)
    flow = liquidity.simulate(streams, firms, paper, now, age_years)
    quotes = spreads.simulate(streams, firms, paper, now, flow.illiquidity, maturity_years)
    return _World(streams, economy, firms, paper, flow, quotes, dates, maturity_years, age_years)


def _since(economy: macro.State, first: int) -> macro.State:
    return macro.State(**{name: values[first:] for name, values in vars(economy).items()})


def _rows(world: _World, number: int, chances: Floats) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Flatten the world's arrays to the rows that are on the market, sorted by date and bond."""
    months = len(world.dates)
    bond_ids = bonds.identifiers(world.streams.path, world.streams.seed, world.bonds.count, "bond")
    month, bond = np.nonzero(_listed(world))
    order = np.lexsort((bond_ids[bond], month))
    month, bond = month[order], bond[order]
    issuer = world.bonds.issuer[bond]
    columns: dict[str, Any] = {"world": np.full(len(month), number)}
    columns |= _terms(world, month, bond, bond_ids)
    columns |= _rating_columns(world, month, issuer)
    columns |= _quotes(world, month, bond)
    columns |= {name: v[month, bond] for name, v in world.liquidity.observed.items()
                if name != "bid_ask_bps"}  # fmt: skip
    columns["liquidity_shock"] = world.liquidity.shock[month, bond]
    by_issuer = issuers.accounts(world.streams, world.issuers, months)
    by_issuer |= disclosure.esg(world.streams, world.issuers, months)
    economy = _since(world.economy, MACRO_BURN_IN)
    by_issuer |= disclosure.alternative(world.streams, world.issuers, economy, months)
    columns |= {name: values[month, issuer] for name, values in by_issuer.items()}
    columns |= {name: values[month] for name, values in _market_columns(world).items()}
    columns |= _labels(world, month, bond, issuer)
    return pd.DataFrame(columns), _facts(world, number, chances, month, bond, bond_ids)


def _listed(world: _World) -> NDArray[np.bool_]:
    """Say which bond-months are on the market: issued, not yet redeemed, issuer rated."""
    rating = world.issuers.rating[issuers.BURN_IN :]
    rated = (rating != ratings.WITHDRAWN) & (rating != ratings.DEFAULTED)
    months = np.arange(len(world.dates))[:, None]
    return np.asarray(
        rated[:, world.bonds.issuer]
        & (months >= world.bonds.issue_month)
        & (world.maturity_years > 1 / 12)
    )


def _terms(
    world: _World, month: NDArray[np.int64], bond: NDArray[np.int64], bond_ids: NDArray[np.str_]
) -> dict[str, Any]:
    paper, firms = world.bonds, world.issuers
    path, seed = world.streams.path, world.streams.seed
    issuer_ids = bonds.identifiers(path, seed, firms.count, "issuer")
    names = np.array(bonds.issuer_names(world.streams, firms), dtype=object)
    issuer = paper.issuer[bond]
    return {
        "synthetic": np.ones(len(bond), bool),
        "date": world.dates[month],
        "month": month,
        "issuer_id": issuer_ids[issuer],
        "issuer_name": names[issuer],
        "bond_id": bond_ids[bond],
        "sector": np.array(schema.SECTORS, dtype=object)[firms.sector[issuer]],
        "seniority": np.array(schema.SENIORITIES, dtype=object)[paper.seniority[bond]],
        "callable": paper.callable[bond],
        "coupon_pct": paper.coupon_pct[bond],
        "issue_date": paper.issue_date[bond],
        "maturity_date": paper.maturity_date[bond],
        "maturity_years": world.maturity_years[month, bond],
        "age_years": np.maximum(world.age_years[month, bond], 0),
        "amount_outstanding_usd": paper.amount[bond],
    }


def _rating_columns(
    world: _World, month: NDArray[np.int64], issuer: NDArray[np.int64]
) -> dict[str, Any]:
    rating = world.issuers.rating
    age, last = np.zeros(rating.shape), np.zeros(rating.shape, np.int64)
    age[0] = issuers.BURN_IN
    for step in range(1, len(rating)):
        change = np.sign(rating[step] - rating[step - 1])
        age[step] = np.where(change != 0, 0, age[step - 1] + 1)
        last[step] = np.where(change != 0, change, last[step - 1])
    here = (month + issuers.BURN_IN, issuer)
    return {
        "rating": np.array(schema.RATINGS, dtype=object)[rating[here] - 1],
        "rating_number": rating[here],
        "months_since_rating_change": np.minimum(age[here], LONGEST_RATING_AGE),
        "last_rating_move": last[here],
    }


def _quotes(world: _World, month: NDArray[np.int64], bond: NDArray[np.int64]) -> dict[str, Any]:
    """Return spread, yield, price and risk figures that agree with one another."""
    spread = world.spreads.spread_bps[month, bond]
    curve = world.economy.curve[MACRO_BURN_IN:][month]
    yield_pct = macro.risk_free_pct(curve, world.maturity_years[month, bond]) + spread / 100
    terms = (world.bonds.coupon_pct[bond], world.dates[month], world.bonds.maturity_date[bond])
    price = pricing.clean_price(yield_pct, *terms)
    duration, convexity = pricing.duration_and_convexity(yield_pct, *terms)
    bid_ask = world.liquidity.observed["bid_ask_bps"][month, bond]
    return {
        "clean_price": price,
        "accrued_interest": pricing.accrued_interest(*terms),
        "yield_pct": yield_pct,
        "spread_bps": spread,
        "duration_years": duration,
        "convexity": convexity,
        "bid_price": price * (1 - bid_ask / 2e4),
        "ask_price": price * (1 + bid_ask / 2e4),
        "bid_ask_bps": bid_ask,
    }


def _market_columns(world: _World) -> dict[str, Any]:
    economy = _since(world.economy, MACRO_BURN_IN)
    months = len(world.dates)
    noise = world.streams.common("market indicators").standard_normal((months, 3))
    tenors = {
        years: macro.risk_free_pct(economy.curve, np.full(months, float(years)))
        for years in (2, 5, 10)
    }
    called = world.economy.regime[MACRO_BURN_IN - CALL_LAG_MONTHS :][:months]
    return {
        **{f"treasury_{years}y_pct": values for years, values in tenors.items()},
        "curve_slope_pct": tenors[10] - tenors[2],
        "market_spread_bps": np.exp(np.log(190) + economy.premium + 0.01 * noise[:, 0]),
        "equity_index_volatility": np.exp(
            np.log(17) + 0.75 * economy.premium + 0.10 * economy.funding + 0.10 * noise[:, 1]
        ),
        "funding_spread_bps": 30 + 28 * economy.funding + 6 * noise[:, 2],
        "regime_observed": np.array(schema.REGIMES, dtype=object)[called],
    }


def _labels(
    world: _World,
    month: NDArray[np.int64],
    bond: NDArray[np.int64],
    issuer: NDArray[np.int64],
) -> dict[str, Any]:
    months = len(world.dates)
    fell = np.cumsum(world.issuers.downgraded[issuers.BURN_IN :], axis=0)
    ahead = np.minimum(month + truth.HORIZON, months - 1)
    downgraded = (fell[ahead, issuer] > fell[month, issuer]).astype(float)
    shock = world.liquidity.shock
    after = np.minimum(month + 1, months - 1)
    known = (month + 1 < months) & _listed(world)[after, bond]
    return {
        "downgrade_12m": np.where(month + truth.HORIZON < months, downgraded, np.nan),
        "liquidity_shock_1m": np.where(known, shock[after, bond], np.nan),
    }


def _facts(
    world: _World,
    number: int,
    chances: Floats,
    month: NDArray[np.int64],
    bond: NDArray[np.int64],
    bond_ids: NDArray[np.str_],
) -> pd.DataFrame:
    months = len(world.dates)
    kind = corruption.kinds(
        world.streams.uniform("damage", 0, world.bonds.count, months).T[month, bond]
    )
    names = np.array([*schema.CORRUPTION_KINDS, None], dtype=object)
    regime = world.economy.regime[MACRO_BURN_IN:]
    return pd.DataFrame(
        {
            "world": np.full(len(month), number),
            "bond_id": bond_ids[bond],
            "date": world.dates[month],
            "row": np.arange(len(month)),
            "log_spread_mean": world.spreads.log_mean[month, bond],
            "log_spread_variance": np.full(len(month), spreads.NOISE_VARIANCE),
            "downgrade_probability": chances[month, world.bonds.issuer[bond]],
            "shock_probability": world.liquidity.shock_probability[month, bond],
            "corrupted": kind >= 0,
            "corruption_kind": names[kind],
            "regime": np.array(schema.REGIMES, dtype=object)[regime[month]],
            "cell": month * world.bonds.count + bond,
        }
    )
