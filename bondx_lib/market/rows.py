"""From a block's arrays to the rows of panel and truth: what is seen, and what is true.

Every column is one array with one entry per row, rows in order of month and slot; words are kept
as codes into their list until a table is made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib import pricing, schema
from bondx_lib.market import (
    bonds,
    corruption,
    disclosure,
    issuers,
    liquidity,
    macro,
    spreads,
    truth,
)
from bondx_lib.market.streams import BLOCK, Streams

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CALL_LAG_MONTHS: Final = 3
LONGEST_RATING_AGE: Final = 120
SHORTEST_DAYS: Final = 30
"""Bonds leave the market when so many days (30/360) or fewer are left."""
FUNDING_UNIT_BPS: Final = 28.0
"""By how much the published funding spread rises with a unit of funding tightness."""


_SECTORS, _SENIORITIES, _REGIMES, _RATINGS, _CORRUPTION_KINDS = (
    np.array(words, dtype=object)
    for words in (
        schema.SECTORS, schema.SENIORITIES, schema.REGIMES, schema.RATINGS, schema.CORRUPTION_KINDS
    )
)  # fmt: skip


class Words(NamedTuple):
    """A column of words: the list they come from, and of each row its place in it, −1 for none."""

    codes: Ints
    values: NDArray[Any]

    def to_categorical(self) -> Any:
        """Return the column as pandas keeps it."""
        return pd.Categorical.from_codes(self.codes, categories=pd.Index(self.values))


class Piece(NamedTuple):
    """Some rows of one of several blocks that stand together."""

    part: int
    rows: slice


@dataclass(frozen=True)
class Block:
    """A block of seats with all that happens to it, before it becomes rows.

    Attributes
    ----------
    economy
        From the first observation on.
    indicators
        What is published of the economy, by month.
    days_left
        30/360 days to maturity, months first, then slot.
    """

    streams: Streams
    economy: macro.State
    indicators: dict[str, Any]
    issuers: issuers.Issuers
    bonds: bonds.Bonds
    liquidity: liquidity.Liquidity
    spreads: spreads.Spreads
    days_left: Ints
    days_old: Ints

    @property
    def months(self) -> int:
        """Return the number of months observed."""
        return len(self.days_left)


class _Place(NamedTuple):
    """Where the rows come from: cells of (month, slot), (month, seat), and bond."""

    month: Ints
    bond: Ints
    cell: Ints
    seat: Ints
    issuer: Ints
    before: Ints


def columns(
    block: Block, keep: Bools, world: int, chances: Floats
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns of panel and truth.

    Parameters
    ----------
    block
        The block.
    keep
        Which of its bonds are wanted.
    world
        Number of the world.
    chances
        True downgrade probabilities by month and seat; NaN where they are not known.
    """
    listed = _listed(block, keep)
    rng = block.streams.common("damage", block.issuers.first // BLOCK)
    kind = corruption.kinds(rng.random(listed.shape))
    detail = rng.random(listed.shape)
    place, kind = _places(block, listed, kind)
    panel: dict[str, Any] = {
        "synthetic": np.ones(len(place.cell), bool),
        "world": np.full(len(place.cell), world, np.int32),
        **_dates(block, place),
        **_names(block, place),
        **_terms(block, place),
        **_quotes(block, place),
    }
    panel |= {
        name: values.ravel()[place.cell]
        for name, values in block.liquidity.observed.items()
        if name != "bid_ask_bps"
    }
    panel["liquidity_shock"] = block.liquidity.shock.ravel()[place.cell]
    by_issuer = issuers.accounts(block.streams, block.issuers)
    by_issuer |= disclosure.esg(block.streams, block.issuers)
    by_issuer |= disclosure.alternative(block.streams, block.issuers, block.economy)
    by_issuer |= _ratings(block) | {"downgrade_12m": downgrade_label(block.issuers)}
    panel |= {name: values.ravel()[place.seat] for name, values in by_issuer.items()}
    panel["rating"] = Words(panel["rating_number"].astype(np.int64) - 1, _RATINGS)
    for name, values in block.indicators.items():
        panel[name] = (
            Words(values.codes[place.month], values.values)
            if isinstance(values, Words)
            else values[place.month]
        )
    panel["liquidity_shock_1m"] = _shock_label(block, listed).ravel()[place.cell]
    facts = _facts(block, place, panel, kind, chances)
    corruption.apply(panel, kind, place.before, detail.ravel()[place.cell])
    return panel, facts


def by_month(months: Sequence[NDArray[np.int32]]) -> list[Piece]:
    """Return the pieces of several blocks in the order of months, then blocks.

    Each block has its rows in the order of months already, so a sort has only pieces to move.
    """
    last = max(int(month[-1]) for month in months if len(month))
    edges = [np.searchsorted(month, np.arange(last + 2)) for month in months]
    return [
        Piece(part, slice(*edge[month : month + 2]))
        for month in range(last + 1)
        for part, edge in enumerate(edges)
    ]


def stacked(parts: Sequence[dict[str, Any]], pieces: Sequence[Piece]) -> dict[str, Any]:
    """Return the columns of several blocks as one, put together from the given pieces."""
    columns = {name: [part[name] for part in parts] for name in parts[0]}
    words = {name: _one_list(each) for name, each in columns.items() if isinstance(each[0], Words)}
    codes = {name: [part.codes for part in each] for name, each in words.items()}
    return {
        name: Words(values, words[name][0].values) if name in words else values
        for name, values in _joined(columns | codes, pieces).items()
    }


def _joined(
    columns: dict[str, list[NDArray[Any]]], pieces: Sequence[Piece]
) -> dict[str, NDArray[Any]]:
    """Return the pieces of each column one behind the other.

    Columns of one type lie in one array: the system hands out a large one in far fewer pages.
    """
    total = sum(piece.rows.stop - piece.rows.start for piece in pieces)
    alike: dict[np.dtype[Any], list[str]] = {}
    for name, parts in columns.items():
        alike.setdefault(parts[0].dtype, []).append(name)
    places = {
        name: place
        for dtype, names in alike.items()
        for name, place in zip(names, np.empty((len(names), total), dtype), strict=True)
    }
    for name, place in places.items():
        parts = columns[name]
        np.concatenate([parts[piece.part][piece.rows] for piece in pieces], out=place)
    return places


def _one_list(parts: list[Words]) -> list[Words]:
    """Return columns of words over one list, without the words that no row has."""
    if all(part.values is parts[0].values for part in parts):
        return parts
    values, places = np.unique(np.concatenate([part.values for part in parts]), return_inverse=True)
    own = np.split(places, np.cumsum([len(part.values) for part in parts])[:-1])
    used = np.zeros(len(values), bool)
    for part, place in zip(parts, own, strict=True):
        used[place[np.bincount(part.codes + 1, minlength=len(place) + 1)[1:] > 0]] = True
    number = np.cumsum(used) - 1
    return [
        Words(np.append(number[place], -1)[part.codes], values[used])
        for part, place in zip(parts, own, strict=True)
    ]


def downgrade_label(firms: issuers.Issuers) -> Floats:
    """Return 1 where the issuer is downgraded or defaults within the horizon, months first.

    Missing where the horizon passes the end of the history; what happens to a later issuer in the
    same seat does not count.
    """
    rated, generation = firms.downgraded[issuers.BURN_IN :], firms.generation[issuers.BURN_IN :]
    months = len(rated)
    label = np.full(rated.shape, np.nan)
    known = max(months - truth.HORIZON, 0)
    label[:known] = 0.0
    for ahead in range(1, truth.HORIZON + 1):
        later = slice(ahead, ahead + known)
        hit = rated[later] & (generation[later] == generation[:known])
        label[:known][hit] = 1.0
    return label


def _listed(block: Block, keep: Bools) -> Bools:
    """Say which cells are on the market and wanted."""
    current = block.bonds.current
    wanted = np.append(keep, False)
    return np.asarray(wanted[current] & (block.days_left > SHORTEST_DAYS))


def _places(block: Block, listed: Bools, kind: Ints) -> tuple[_Place, Ints]:
    """Return where each row comes from, and the kind of its damage.

    A stale quote without a month before it is taken back; a duplicated row is there twice, and only
    the second is marked.
    """
    slots = listed.shape[1]
    follows = np.zeros_like(listed)
    same = block.bonds.current[1:] == block.bonds.current[:-1]
    follows[1:] = listed[1:] & listed[:-1] & same
    kind = np.where((kind == corruption.KIND["stale_quote"]) & ~follows, -1, kind)
    cell = np.flatnonzero(listed)
    twice = kind.ravel()[cell] == corruption.KIND["duplicated_row"]
    position = np.cumsum(1 + twice) - 1 - twice
    row_of = np.full(listed.size, -1)
    row_of[cell] = position
    cell = np.repeat(cell, 1 + twice)
    kind = kind.ravel()[cell]
    kind[position[twice]] = -1
    month, slot = np.divmod(cell, slots)
    before = np.where(follows.ravel()[cell], row_of[np.maximum(cell - slots, 0)], -1)
    seat = block.bonds.slot_seat[slot]
    bond = block.bonds.current.ravel()[cell]
    issuer = block.bonds.generation[bond] * BLOCK + seat
    return _Place(month, bond, cell, month * BLOCK + seat, issuer, before), kind


def _dates(block: Block, place: _Place) -> dict[str, Any]:
    paper = block.bonds
    issued = bonds.dates(paper.issue_month, paper.late).astype("datetime64[ns]")
    redeemed = bonds.dates(paper.maturity_month, paper.late).astype("datetime64[ns]")
    return {
        "date": bonds.month_ends(block.months).astype("datetime64[ns]")[place.month],
        "month": place.month.astype(np.int32),
        "issue_date": issued[place.bond],
        "maturity_date": redeemed[place.bond],
    }


def _names(block: Block, place: _Place) -> dict[str, Any]:
    streams, paper = block.streams, block.bonds
    keys = bonds.issuer_keys(block.issuers).ravel()
    names, called = np.unique(bonds.issuer_names(block.issuers).ravel(), return_inverse=True)
    return {
        "issuer_id": Words(
            place.issuer, bonds.identifiers(streams.path, streams.seed, keys, "issuer")
        ),
        "issuer_name": Words(called[place.issuer], names),
        "bond_id": Words(
            place.bond, bonds.identifiers(streams.path, streams.seed, paper.key, "bond")
        ),
        "sector": Words(block.issuers.sector[paper.seat][place.bond], _SECTORS),
    }


def _terms(block: Block, place: _Place) -> dict[str, Any]:
    paper = block.bonds
    return {
        "seniority": Words(paper.seniority[place.bond], _SENIORITIES),
        "callable": paper.callable[place.bond],
        "coupon_pct": paper.coupon_pct[place.bond],
        "amount_outstanding_usd": paper.amount[place.bond],
        "maturity_years": block.days_left.ravel()[place.cell] / 360.0,
        "age_years": np.maximum(block.days_old.ravel()[place.cell], 0) / 360.0,
    }


def _ratings(block: Block) -> dict[str, Any]:
    firms = block.issuers
    age = np.minimum(firms.rating_age[issuers.BURN_IN :], LONGEST_RATING_AGE)
    return {
        "rating_number": firms.rating[issuers.BURN_IN :].astype(np.int16),
        "months_since_rating_change": age.astype(float),
        "last_rating_move": firms.last_move[issuers.BURN_IN :].astype(np.int16),
    }


def _quotes(block: Block, place: _Place) -> dict[str, Any]:
    """Return spread, yield, price and risk figures that agree with one another."""
    spread = block.spreads.spread_bps.ravel()[place.cell]
    days = block.days_left.ravel()[place.cell]
    curve = block.economy.curve[place.month]
    yield_pct = macro.risk_free_pct(curve, days / 360.0) + spread / 100
    quote = pricing.quote(yield_pct, block.bonds.coupon_pct[place.bond], days)
    bid_ask = block.liquidity.observed["bid_ask_bps"].ravel()[place.cell]
    half = quote.clean_price * (bid_ask / 2e4)
    return {
        "clean_price": quote.clean_price,
        "accrued_interest": quote.accrued_interest,
        "yield_pct": yield_pct,
        "spread_bps": spread,
        "duration_years": quote.duration_years,
        "convexity": quote.convexity,
        "bid_price": quote.clean_price - half,
        "ask_price": quote.clean_price + half,
        "bid_ask_bps": bid_ask,
    }


def indicators(economy: macro.State, burn_in: int, streams: Streams) -> dict[str, Any]:
    """Return what is published of the economy, by month of observation."""
    now = macro.since(economy, burn_in)
    months = len(now.regime)
    noise = streams.common("market indicators").standard_normal((months, 3))
    tenors = {
        years: macro.risk_free_pct(now.curve, np.full(months, float(years))) for years in (2, 5, 10)
    }
    called = economy.regime[burn_in - CALL_LAG_MONTHS :][:months]
    return {
        **{f"treasury_{years}y_pct": values for years, values in tenors.items()},
        "curve_slope_pct": tenors[10] - tenors[2],
        "market_spread_bps": np.exp(np.log(190) + now.premium + 0.01 * noise[:, 0]),
        "equity_index_volatility": np.exp(
            np.log(17) + 0.75 * now.premium + 0.10 * now.funding + 0.10 * noise[:, 1]
        ),
        "funding_spread_bps": 30 + FUNDING_UNIT_BPS * now.funding + 6 * noise[:, 2],
        "regime_observed": Words(called, _REGIMES),
    }


def _shock_label(block: Block, listed: Bools) -> Floats:
    """Return whether a shock follows next month; missing where the bond is gone by then."""
    label = np.full(listed.shape, np.nan)
    current = block.bonds.current
    known = listed[1:] & (current[1:] == current[:-1])
    label[:-1][known] = block.liquidity.shock[1:][known]
    return label


def _facts(
    block: Block, place: _Place, panel: dict[str, Any], kind: Ints, chances: Floats
) -> dict[str, Any]:
    return {
        "world": panel["world"],
        "bond_id": panel["bond_id"],
        "date": panel["date"],
        "log_spread_mean": block.spreads.log_mean.ravel()[place.cell],
        "log_spread_variance": np.full(len(kind), spreads.NOISE_VARIANCE),
        "downgrade_probability": chances.ravel()[place.seat],
        "shock_probability": block.liquidity.shock_probability.ravel()[place.cell],
        "corrupted": kind >= 0,
        "corruption_kind": Words(kind, _CORRUPTION_KINDS),
        "regime": Words(block.economy.regime[place.month], _REGIMES),
        "liquidity_premium": block.spreads.liquidity_premium.ravel()[place.cell],
    }
