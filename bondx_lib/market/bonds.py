"""Bonds: terms, dates and identifiers, fixed when a bond is issued.

Each issuer has a number of *slots*. A slot holds one bond at a time; when it is about to mature,
another follows within months, so that a long history stays as full as it began. Coupons are set
near the par yield at issue and mostly printed in twentieths or eighths. Identifiers have the form
of an ISIN under the prefix ``XZ``, which is assigned to nobody, so they can equal no real one;
names begin with ``SX-``.

Sources: facts ``ig_bond``, ``coupon_step``, ``callable``, ``seniority``, ``issue_size``; check
digit ISO 6166 [4].
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bondx_lib.market import constants, macro
from bondx_lib.market.issuers import BURN_IN, MOST_BONDS, Issuers
from bondx_lib.market.streams import BLOCK, Streams
from bondx_lib.pricing import par_coupon
from bondx_lib.schema import FIRST_SPECULATIVE, RATINGS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Dates = NDArray[np.datetime64]

FIRST_MONTH: Final = np.datetime64("2021-01", "M")

TERMS_YEARS: Final = np.array([3, 5, 7, 10, 20, 30])
TERM_SHARE: Final = np.array(
    [[0.10, 0.22, 0.12, 0.34, 0.05, 0.17], [0.03, 0.30, 0.35, 0.30, 0.01, 0.01]]
)
"""Of new bonds, by term, of investment and of speculative grade."""
LONGEST_TERM_MONTHS: Final = 12 * int(TERMS_YEARS[-1])
REFINANCING_MONTHS: Final = 4
"""A slot is empty for less than so many months between two bonds."""
FIRST_ISSUE_MONTHS: Final = 9
"""A new issuer fills its slots within so many months."""
SECOND_DAY: Final = 14
"""Bonds are issued and redeemed on the 1st or so many days later."""

CALLABLE_SHARE: Final = np.array([0.88, 0.80])
SECURED_SHARE, SUBORDINATED_SHARE = 0.10, 0.06
SIZE_BY_ASSETS, SIZE_LOG_SD = 0.25, 0.65
TWENTIETHS, EIGHTHS = 0.69, 0.09
"""Shares of coupons printed so; the others to a thousandth."""
LOWEST_COUPON_PCT, HIGHEST_COUPON_PCT = 0.25, 14.0
ISSUE_SPREAD_CENTRES: Final = np.array([1, 3, 6, 9, 12, 15, 18, 21])

LETTERS_IN_ID: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GENERATIONS: Final = 64
_STRIDE: Final = 9_999_991
_CHARACTERS: Final = {"bond": 9, "issuer": 8}
_PREFIX: Final = {"bond": "XZ", "issuer": "SX-"}

assert MOST_BONDS < _GENERATIONS


@dataclass(frozen=True)
class Bonds:
    """The bonds of a block of seats, in the order of seat, slot, issuer and issue.

    Attributes
    ----------
    seat, generation, key
        Of each bond: the issuer's seat within the block, which issuer of the seat, and a number
        that names the bond within its world.
    issue_month, maturity_month, late
        Months since the first observation, and whether the day is the later of the two.
    coupon_pct, seniority, callable, amount, habit
        Terms, and a constant part of the bond's illiquidity (standard normal).
    current
        Months first, then slot: which bond is on the market, −1 for none.
    slot_seat
        The seat of each slot.
    """

    seat: Ints
    generation: Ints
    key: Ints
    issue_month: Ints
    maturity_month: Ints
    late: Bools
    coupon_pct: Floats
    seniority: Ints
    callable: Bools
    amount: Floats
    habit: Floats
    current: Ints
    slot_seat: Ints

    @property
    def count(self) -> int:
        """Return the number of bonds."""
        return len(self.seat)


@dataclass(frozen=True)
class _Issue:
    """Bonds issued into some slots: for each its slot, its last month on the market, its terms."""

    slot: Ints
    end: Ints
    columns: dict[str, NDArray[np.generic]]


def simulate(streams: Streams, issuers: Issuers, economy: macro.State, burn_in: int) -> Bonds:
    """Return the bonds of a block of seats, each on the market for at least one month."""
    slot_seat = np.repeat(np.arange(BLOCK), issuers.slots)
    place = np.arange(len(slot_seat)) - np.repeat(
        np.cumsum(issuers.slots) - issuers.slots, issuers.slots
    )
    months = len(issuers.rating) - BURN_IN
    issues: list[_Issue] = []
    for generation, begin, end in _lives(issuers):
        rng = streams.common(f"bonds of generation {generation}", issuers.first // BLOCK)
        issues += _chain(
            rng, issuers, economy, burn_in, generation, slot_seat, begin[slot_seat], end[slot_seat]
        )
    slot = np.concatenate([issue.slot for issue in issues])
    columns = {
        name: np.concatenate([issue.columns[name] for issue in issues])
        for name in issues[0].columns
    }
    order = np.lexsort((columns["issue_month"], slot))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    current = np.full((months, len(slot_seat)), -1)
    ends = np.concatenate([issue.end for issue in issues])
    begins = np.maximum(columns["issue_month"], 0).astype(np.int64)
    lengths = ends - begins
    cells = np.repeat(begins * len(slot_seat) + slot, lengths)
    ahead = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    current.ravel()[cells + ahead * len(slot_seat)] = np.repeat(number, lengths)
    columns = {name: values[order] for name, values in columns.items()}
    serial = columns.pop("serial").astype(np.int64)
    seat = slot_seat[slot[order]]
    issuer_key = (issuers.first + seat) * _GENERATIONS + columns["generation"]
    key = (issuer_key * _GENERATIONS + place[slot[order]]) * _GENERATIONS + serial
    return Bonds(seat=seat, key=key, current=current, slot_seat=slot_seat, **columns)


def month_ends(months: int) -> Dates:
    """Return the month-end dates of a history."""
    first = FIRST_MONTH + np.arange(months)
    return np.asarray((first + 1).astype("datetime64[D]") - 1)


def dates(month: Ints, late: Bools) -> Dates:
    """Return the calendar days of issues or redemptions."""
    day = (FIRST_MONTH + month).astype("datetime64[D]")
    return np.asarray(day + np.where(late, SECOND_DAY, 0))


def issuer_keys(issuers: Issuers) -> Ints:
    """Return a number that names each issuer within its world, by generation and seat."""
    generations = len(issuers.habits.rating)
    seats = issuers.first + np.arange(len(issuers.sector))
    return np.asarray(seats * _GENERATIONS + np.arange(generations)[:, None])


def identifiers(path: str, seed: int, keys: Ints, kind: str) -> NDArray[np.str_]:
    """Return an identifier for each key; different keys have different ones.

    Parameters
    ----------
    path, seed
        Which draw they belong to; another draw has others.
    keys
        Whole numbers from 0 to 10**12.
    kind
        ``"bond"`` (form of an ISIN) or ``"issuer"`` (prefix ``SX-``).
    """
    salt = hashlib.sha256(f"{seed}|{path}|{kind}".encode()).digest()
    width = _CHARACTERS[kind]
    space = len(LETTERS_IN_ID) ** width
    number = (int.from_bytes(salt[:6], "big") % space + keys * _STRIDE) % space
    values = np.empty((len(keys), width), np.int64)
    for place in range(width - 1, -1, -1):
        number, values[:, place] = np.divmod(number, len(LETTERS_IN_ID))
    head = [LETTERS_IN_ID.find(character) for character in _PREFIX[kind]]
    if kind == "bond":
        values = np.hstack([np.tile(head, (len(keys), 1)), values])
        values = np.hstack([values, _check_digits(values)[:, None]])
        return _text(values)
    return np.char.add(_PREFIX[kind], _text(values))


def has_valid_check_digit(identifier: str) -> bool:
    """Say whether the last character is the Luhn digit of the others (ISO 6166).

    >>> has_valid_check_digit("US0378331005"), has_valid_check_digit("US0378331006")
    (True, False)
    """
    values = np.array([[LETTERS_IN_ID.index(character) for character in identifier[:-1]]])
    return identifier[-1] == str(_check_digits(values)[0])


def issuer_names(issuers: Issuers) -> NDArray[np.str_]:
    """Return invented company names by generation and seat, each beginning with SX-."""
    first, second, last = np.moveaxis(issuers.habits.name, -1, 0)
    syllables = np.array(_SYLLABLES)
    heads = syllables[(first * len(syllables)).astype(int)]
    tails = np.char.lower(syllables[(second * len(syllables)).astype(int)])
    kinds = np.array(_SUFFIXES)[issuers.sector, (last * len(_SUFFIXES[0])).astype(int)]
    return np.char.add(np.char.add(np.char.add("SX-", np.char.add(heads, tails)), " "), kinds)


_SYLLABLES: Final = (
    "Ar", "Bel", "Cor", "Dan", "El", "Fen", "Gor", "Hal", "Ist", "Jor", "Kal", "Lum", "Mor", "Nor",
    "Ost", "Pel", "Quin", "Ros", "Sol", "Tam", "Ul", "Ver", "Wen", "Xan", "Yor", "Zel",
)  # fmt: skip
_SUFFIXES: Final = (
    ("Systems", "Software", "Devices", "Networks"),
    ("Bank", "Insurance", "Capital", "Credit"),
    ("Energy", "Pipelines", "Petroleum", "Power"),
    ("Industries", "Logistics", "Machinery", "Materials"),
    ("Foods", "Brands", "Retail", "Beverages"),
    ("Health", "Pharma", "Clinics", "Laboratories"),
)


def _lives(issuers: Issuers) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield for each generation the months from which and before which its issuers are rated."""
    rating = issuers.rating[BURN_IN:]
    rated = (rating >= 1) & (rating <= len(RATINGS))
    for generation in range(int(issuers.generation.max()) + 1):
        here = rated & (issuers.generation[BURN_IN:] == generation)
        begin = here.argmax(axis=0)
        yield generation, begin, begin + here.sum(axis=0)


def _chain(
    rng: Generator,
    issuers: Issuers,
    economy: macro.State,
    burn_in: int,
    generation: int,
    seat: Ints,
    begin: Ints,
    end: Ints,
) -> list[_Issue]:
    """Return one issue after the other into the slots of one generation of issuers."""
    issues: list[_Issue] = []
    issue = begin + (FIRST_ISSUE_MONTHS * rng.random(len(seat))).astype(np.int64)
    age = rng.random(len(seat))
    serial = 0
    while True:
        uniform = rng.random((7, len(seat)))
        normal = rng.standard_normal((3, len(seat)))
        speculative = _rating_at(issuers, seat, issue) >= FIRST_SPECULATIVE
        outstanding = (generation == 0) & (serial == 0) & (begin == 0)
        term = _term(uniform[0], speculative, outstanding)
        issue = np.where(outstanding, -np.floor(age * term).astype(np.int64), issue)
        stays = np.minimum(end, issue + term - 1)
        live = (end > begin) & (stays > np.maximum(issue, 0))
        if live.any():
            columns = _terms(issuers, economy, burn_in, seat, issue, term, uniform, normal)
            columns |= {"generation": np.full(len(seat), generation),
                        "serial": np.full(len(seat), serial)}  # fmt: skip
            issues.append(
                _Issue(
                    np.flatnonzero(live), stays[live],
                    {name: values[live] for name, values in columns.items()},
                )
            )  # fmt: skip
        issue = issue + term - 1 + (REFINANCING_MONTHS * uniform[6]).astype(np.int64)
        serial += 1
        if (issue >= end).all():
            return issues


def _terms(
    issuers: Issuers,
    economy: macro.State,
    burn_in: int,
    seat: Ints,
    issue: Ints,
    term: Ints,
    uniform: Floats,
    normal: Floats,
) -> dict[str, NDArray[np.generic]]:
    """Return what is fixed at issue; the economy's months before its burn-in count as its first."""
    rating = _rating_at(issuers, seat, issue)
    when = np.clip(burn_in + issue, 0, len(economy.regime) - 1)
    spread_pct = np.exp(
        np.interp(rating, ISSUE_SPREAD_CENTRES, np.log(constants.array("spread.level_bps") / 100))
        + economy.premium[when]
    )
    par_yield = macro.risk_free_pct(economy.curve[when], term / 12) + spread_pct
    coupon = np.clip(par_yield + 0.15 * normal[0], LOWEST_COUPON_PCT, HIGHEST_COUPON_PCT)
    assets = issuers.habit("log_assets")[np.clip(issue, 0, len(issuers.rating) - BURN_IN - 1), seat]
    size = constants.scalar("bonds.log_size") + SIZE_BY_ASSETS * (assets - 22)
    size = np.exp(size + SIZE_LOG_SD * normal[1])
    return {
        "issue_month": issue,
        "maturity_month": issue + term,
        "late": uniform[1] < 0.5,
        "coupon_pct": np.select(
            [uniform[2] < TWENTIETHS, uniform[2] < TWENTIETHS + EIGHTHS],
            [par_coupon(coupon, 0.05), par_coupon(coupon, 0.125)],
            coupon,
        ).round(3),
        "seniority": np.searchsorted(
            [SECURED_SHARE, 1 - SUBORDINATED_SHARE], uniform[3], side="right"
        ),
        "callable": uniform[4] < CALLABLE_SHARE[(rating >= FIRST_SPECULATIVE).astype(int)],
        "amount": np.clip(np.round(size / 2.5e7) * 2.5e7, 5e7, 8e9),
        "habit": normal[2],
    }


def _rating_at(issuers: Issuers, seat: Ints, month: Ints) -> Ints:
    """Return the rating in a month; before the first observation the one that was first seen."""
    last = len(issuers.rating) - BURN_IN - 1
    rating = issuers.rating[BURN_IN + np.clip(month, 0, last), seat]
    return np.clip(rating, 1, 21)


def _term(uniform: Floats, speculative: Bools, outstanding: Bools) -> Ints:
    """Draw terms in months; of bonds that are outstanding anyway, the longer the more."""
    picks = []
    for share in TERM_SHARE:
        lengths = share * TERMS_YEARS
        fresh, old = (np.cumsum(weights) / weights.sum() for weights in (share, lengths))
        picks.append(
            np.where(outstanding, np.searchsorted(old, uniform), np.searchsorted(fresh, uniform))
        )
    pick = np.minimum(np.where(speculative, picks[1], picks[0]), len(TERMS_YEARS) - 1)
    return np.asarray(12 * TERMS_YEARS[pick], dtype=np.int64)


def _text(values: Ints) -> NDArray[np.str_]:
    """Return rows of base-36 digits as strings."""
    characters = np.array(list(LETTERS_IN_ID), dtype="U1")[values]
    return np.ascontiguousarray(characters).view(f"U{values.shape[1]}")[:, 0]


def _check_digits(values: Ints) -> Ints:
    """Return the Luhn digit of each row of base-36 digits, letters counting as two digits."""
    total = np.zeros(len(values), np.int64)
    double = np.ones(len(values), bool)
    for place in range(values.shape[1] - 1, -1, -1):
        tens, units = np.divmod(values[:, place], 10)
        total += _luhn(units, double)
        total += np.where(tens > 0, _luhn(tens, ~double), 0)
        double = np.where(tens > 0, double, ~double)
    return np.asarray(-total % 10)


def _luhn(digit: Ints, double: Bools) -> Ints:
    twice = 2 * digit
    return np.where(double, twice // 10 + twice % 10, digit)
