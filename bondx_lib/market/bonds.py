"""Bonds: terms, dates and identifiers, fixed when a bond is issued.

Coupons are set near the par yield at issue and printed in twentieths or eighths. Identifiers have
the form of an ISIN under the prefix ``XZ``, which is assigned to nobody, so they can equal no real
one; names begin with ``SX-``.

Sources: facts ``ig_bond``, ``coupon_step``, ``callable``, ``seniority``, ``issue_size``; check
digit ISO 6166 [4].
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib.market import macro
from bondx_lib.market.issuers import BURN_IN, Issuers
from bondx_lib.market.streams import Streams
from bondx_lib.pricing import par_coupon
from bondx_lib.schema import FIRST_SPECULATIVE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Dates = NDArray[np.datetime64]

FIRST_MONTH: Final = np.datetime64("2021-01", "M")

TERMS_YEARS: Final = np.array([3, 5, 7, 10, 20, 30])
TERM_SHARE: Final = {
    "investment": np.array([0.10, 0.22, 0.12, 0.34, 0.05, 0.17]),
    "speculative": np.array([0.03, 0.30, 0.35, 0.30, 0.01, 0.01]),
}
LONGEST_TERM_MONTHS: Final = 360
LATEST_ISSUE: Final = 0.6
"""Bonds are issued up to this share of the history."""

CALLABLE_SHARE: Final = {"investment": 0.88, "speculative": 0.80}
SECURED_SHARE, SUBORDINATED_SHARE = 0.10, 0.06
SIZE_LOG_MEAN, SIZE_LOG_SD = np.log(4.5e8), 0.65
TWENTIETHS: Final = 0.76


@dataclass(frozen=True)
class Bonds:
    """A world's bonds; every array has one entry per bond, dates are calendar days."""

    issuer: Ints
    issue_month: Ints
    issue_date: Dates
    maturity_date: Dates
    coupon_pct: Floats
    seniority: Ints
    callable: NDArray[np.bool_]
    amount: Floats

    @property
    def count(self) -> int:
        """Return the number of bonds."""
        return len(self.issuer)


def simulate(
    streams: Streams, issuers: Issuers, economy: macro.State, burn_in: int, months: int
) -> Bonds:
    """Return the bonds of all issuers, each on the market for at least one month."""
    issuer = np.repeat(np.arange(issuers.count), issuers.bonds)
    number = len(issuer)
    rating = np.clip(issuers.rating[BURN_IN], 1, 21)[issuer]
    speculative = rating >= FIRST_SPECULATIVE
    uniform = streams.uniform("terms", 0, number, 7)
    term = _term(uniform[:, 0], speculative)
    issue_month = _issue_month(uniform[:, 1], term, issuers, issuer, months)
    day = np.where(uniform[:, 2] < 0.5, 0, 14)
    spread_pct = np.exp(
        np.interp(rating, [1, 6, 9, 12, 15, 18], np.log([0.6, 1.1, 1.7, 3.2, 5, 9]))
    )
    curve = economy.curve[burn_in + issue_month]
    par_yield = macro.risk_free_pct(curve, term / 12) + spread_pct
    noise = streams.normal("bond sizes", 0, number, 2)
    coupon = np.maximum(par_yield + 0.15 * noise[:, 0], 0.25)
    seniority = np.searchsorted(
        [SECURED_SHARE, 1 - SUBORDINATED_SHARE], uniform[:, 4], side="right"
    )
    callable_share = np.where(
        speculative, CALLABLE_SHARE["speculative"], CALLABLE_SHARE["investment"]
    )
    size = SIZE_LOG_MEAN + 0.25 * (issuers.log_assets[issuer] - 22) + SIZE_LOG_SD * noise[:, 1]
    return Bonds(
        issuer=issuer,
        issue_month=issue_month,
        issue_date=_day(issue_month, day),
        maturity_date=_day(issue_month + term, day),
        coupon_pct=np.where(
            uniform[:, 3] < TWENTIETHS, par_coupon(coupon, 0.05), par_coupon(coupon, 0.125)
        ).round(3),
        seniority=seniority,
        callable=uniform[:, 5] < callable_share,
        amount=np.clip(np.round(np.exp(size) / 2.5e7) * 2.5e7, 5e7, 8e9),
    )


def month_ends(months: int) -> Dates:
    """Return the month-end dates of a history."""
    first = FIRST_MONTH + np.arange(months)
    return np.asarray((first + 1).astype("datetime64[D]") - 1)


def identifiers(path: str, seed: int, number: int, kind: str) -> NDArray[np.str_]:
    """Return as many identifiers as asked for, unique within a draw.

    Parameters
    ----------
    path, seed
        Which draw they belong to; another draw has others.
    number
        How many.
    kind
        ``"bond"`` (form of an ISIN) or ``"issuer"`` (prefix ``SX-``).
    """
    salt = hashlib.sha256(f"{seed}|{path}|{kind}".encode()).digest()
    offset = int.from_bytes(salt[:6], "big")
    space = 36**5 if kind == "bond" else 36**4
    stride = 36 * 17 + 1
    head = _base36(offset % 36**4, 4)
    tails = [
        _base36((offset + key * stride) % space, 5 if kind == "bond" else 4)
        for key in range(number)
    ]
    if kind == "issuer":
        return np.array([f"SX-{head}{tail}" for tail in tails], dtype=np.str_)
    return np.array([_with_check_digit(f"XZ{head}{tail}") for tail in tails], dtype=np.str_)


def issuer_names(streams: Streams, issuers: Issuers) -> list[str]:
    """Return invented company names, each beginning with SX-."""
    picks = (streams.uniform("names", 0, issuers.count, 3) * len(_SYLLABLES)).astype(int)
    return [
        f"SX-{_SYLLABLES[a]}{_SYLLABLES[b].lower()} {_SUFFIXES[sector][c % len(_SUFFIXES[sector])]}"
        for (a, b, c), sector in zip(picks, issuers.sector, strict=True)
    ]


def has_valid_check_digit(identifier: str) -> bool:
    """Say whether the last character is the Luhn digit of the others (ISO 6166).

    >>> has_valid_check_digit("US0378331005"), has_valid_check_digit("US0378331006")
    (True, False)
    """
    return _with_check_digit(identifier[:-1]) == identifier


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
    ("Health", "Pharma", "Clinics", "Devices Medical"),
)


def _term(uniform: Floats, speculative: NDArray[np.bool_]) -> Ints:
    investment_pick = np.searchsorted(np.cumsum(TERM_SHARE["investment"]), uniform)
    speculative_pick = np.searchsorted(np.cumsum(TERM_SHARE["speculative"]), uniform)
    pick = np.minimum(
        np.where(speculative, speculative_pick, investment_pick), len(TERMS_YEARS) - 1
    )
    return np.asarray(12 * TERMS_YEARS[pick], dtype=np.int64)


def _issue_month(uniform: Floats, term: Ints, issuers: Issuers, issuer: Ints, months: int) -> Ints:
    """Spread issues over the past term and the first part of the history.

    A bond that its issuer would not live to issue is one of those outstanding from the start.
    """
    latest = int(LATEST_ISSUE * months)
    earliest = 12 - term
    month = np.floor(earliest + uniform * (latest - earliest)).astype(np.int64)
    alive = (issuers.rating[BURN_IN:] >= 1) & (issuers.rating[BURN_IN:] <= 21)
    lives = alive.sum(axis=0)[issuer]
    return np.where(month >= lives, earliest + (month - earliest) % (1 - earliest), month)


def _day(month: Ints, day: Ints) -> Dates:
    return np.asarray((FIRST_MONTH + month).astype("datetime64[D]") + day)


def _base36(number: int, width: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    text = ""
    for _ in range(width):
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text


def _with_check_digit(body: str) -> str:
    digits = "".join(str(int(character, 36)) for character in body)
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value // 10 + value % 10
    return f"{body}{-total % 10}"
