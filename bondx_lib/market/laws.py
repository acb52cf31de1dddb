"""What the market's law says of one thing that changes alone, to hold a model's effects against.

Each law names an effect, the features that speak of it, and what the mechanisms say it does: to the
log spread, or to the log of an event's hazard (the complementary log-log of its probability).
Sizes come from the constants and the mechanisms, nothing is repeated here. A model that learns from
the panel need not find them: what it cannot see it reads from proxies, so a say is shared between
features that tell the same, and a feature without any effect of its own may tell of one that has.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bondx_lib.errors import BadInput, nearest
from bondx_lib.market import constants, liquidity, ratings, rows, spreads
from bondx_lib.schema import FIRST_SPECULATIVE, LETTERS, SECTORS

CENTRES: Final = dict(
    zip(LETTERS, spreads.CENTRES[: len(LETTERS)].astype(int).tolist(), strict=True)
)
"""Rating number at the middle of each letter grade."""
CALM_BPS: Final = 240.0
"""Market spread below which the slope in maturity has not begun to flatten."""
SHORT_YEARS, LONG_YEARS = 4.0, 8.0
HALF_AGAIN: Final = float(np.log(1.5))
LONG_AGO_MONTHS: Final = 60.0
YEAR: Final = 12


@dataclass(frozen=True)
class Law:
    """One effect.

    Attributes
    ----------
    effect
        In words.
    size
        The true effect of going from *before* to *after*; None where only its sign is known.
    sign
        1, −1, or 0 where there is none.
    before, after
        Features and the value they are given.
    added
        Features and what is added to them, half of it taken off before and half put on after.
    where
        For which rows it holds, as a query of the panel; empty for all.
    note
        Why a model may say something else.
    """

    effect: str
    size: float | None
    sign: int
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    added: Mapping[str, float] = field(default_factory=dict)
    where: str = ""
    note: str = ""


def known(task: str) -> tuple[Law, ...]:
    """Return the laws of a task of the project.

    Raises
    ------
    BadInput
        When no law is written down for it.

    Examples
    --------
    >>> next(law.size for law in known("spread") if law.effect == "subordinated, speculative")
    0.22
    """
    if task not in _KNOWN:
        raise BadInput(
            "has no law written down", key=task, admissible=", ".join(_KNOWN),
            nearest=nearest(task, _KNOWN),
        )  # fmt: skip
    return _KNOWN[task]()


def _spread() -> tuple[Law, ...]:
    return (*_grades(), *_market(), *_maturity(), *_seniority(), *_sectors(), *_hearsay())


def _grades() -> list[Law]:
    level = np.log(constants.array("spread.level_bps"))
    note = "coupon, bid-ask and accounts tell of the grade and do not move with it"
    return [
        _sized(
            f"{better} to {worse}", float(level[place + 1] - level[place]),
            before={"rating_number": CENTRES[better]}, after={"rating_number": CENTRES[worse]},
            where=f"{CENTRES[better] - 1} <= rating_number <= {CENTRES[worse] + 1}", note=note,
        )
        for place, (better, worse) in enumerate(itertools.pairwise(LETTERS))
    ]  # fmt: skip


def _market() -> list[Law]:
    return [
        _sized(
            "market's spread half as high again", HALF_AGAIN,
            added={"log_market_spread": HALF_AGAIN}, where=f"market_spread_bps < {CALM_BPS}",
            note="equity volatility, funding and the regime tell the same",
        )
    ]  # fmt: skip


def _maturity() -> list[Law]:
    slope = constants.array("spread.slope")
    fall = float(np.log(LONG_YEARS / SHORT_YEARS))
    ends = [
        {"maturity_years": years, "log_maturity": float(np.log(years))}
        for years in (SHORT_YEARS, LONG_YEARS)
    ]
    return [
        _sized(
            f"{SHORT_YEARS:.0f} to {LONG_YEARS:.0f} years, {letter}", float(slope[place] * fall),
            before=ends[0], after=ends[1],
            where=f"market_spread_bps < {CALM_BPS} and {CENTRES[letter] - 1} <= rating_number "
            f"<= {CENTRES[letter] + 1}", note="age and size tell of maturity",
        )
        for place, letter in enumerate(LETTERS)
        if letter in ("A", "BBB", "BB", "B")
    ]  # fmt: skip


def _seniority() -> list[Law]:
    classes = ((f"< {FIRST_SPECULATIVE}", "investment"), (f">= {FIRST_SPECULATIVE}", "speculative"))
    return [
        _sized(
            f"{word}, {name}", float(spreads.SENIORITY_LEVEL[row, code]),
            before={"seniority_code": 1.0}, after={"seniority_code": float(code)},
            where=f"rating_number {limits}", note="against senior unsecured",
        )
        for row, (limits, name) in enumerate(classes)
        for code, word in ((0, "secured"), (2, "subordinated"))
    ]  # fmt: skip


def _sectors() -> list[Law]:
    names = [f"sector_{place}" for place in range(len(SECTORS))]
    first = dict.fromkeys(names, 0.0) | {names[0]: 1.0}
    return [
        _sized(
            f"{SECTORS[place]}, not {SECTORS[0]}",
            float(spreads.SECTOR_LEVEL[place] - spreads.SECTOR_LEVEL[0]),
            before=first, after=dict.fromkeys(names, 0.0) | {name: 1.0},
            note="the stress of a sector in the histories drawn is taken for its level",
        )
        for place, name in enumerate(names)
        if place
    ]  # fmt: skip


def _hearsay() -> list[Law]:
    told = {
        "ESG score 15 points higher": {"esg_score": 15.0},
        "news 0.2 friendlier": dict.fromkeys(_NEWS, 0.2),
        "web traffic 20 points higher": {"web_traffic_index": 20.0, "web_traffic_mean3": 20.0},
        "utility load 10 points higher": {"utility_load_index": 10.0, "utility_load_mean3": 10.0},
    }
    note = "no effect of its own; tells a little of hidden quality"
    return [_sized(effect, 0.0, added=added, note=note) for effect, added in told.items()]


def _shock() -> tuple[Law, ...]:
    calm = {"shock_now": 0.0, "shocks_3m": 0.0, "shocks_12m": 0.0,
            "months_since_shock": LONG_AGO_MONTHS}  # fmt: skip
    now = {"shock_now": 1.0, "shocks_3m": 1.0, "shocks_12m": 1.0, "months_since_shock": 0.0}
    push = liquidity.BY_SHOCK * liquidity.SHOCK_SIZE
    base = liquidity.BY_BASE
    aged = float(np.log1p(10) - np.log1p(1))
    lagging = "volume, bid-ask and depth still show the shock and do not move with it"
    shared = "the bond's own liquidity, which tells of it, does not move with it"
    return (
        _sized("funding one unit tighter", liquidity.BY_FUNDING,
               added={"funding_spread_bps": rows.FUNDING_UNIT_BPS},
               note="published with noise; regime and volatility tell of it"),
        _sized("a shock this month", push, before=calm, after=now, note=lagging),
        _sized("a shock two months ago", push * liquidity.SHOCK_KEEP**2, before=calm,
               after=now | {"shock_now": 0.0, "months_since_shock": 2.0}, note=lagging),
        _sized("issue twice as large", base * liquidity.BY_AMOUNT * float(np.log(2)),
               added={"log_amount": float(np.log(2))}, note=shared),
        _sized("1 to 10 years old", base * liquidity.BY_AGE * aged,
               before={"age_years": 1.0}, after={"age_years": 10.0}, note=shared),
        _sized("BBB to BB", base * liquidity.BY_NOTCH * (CENTRES["BB"] - CENTRES["BBB"]),
               before={"rating_number": float(CENTRES["BBB"])},
               after={"rating_number": float(CENTRES["BB"])}, note=shared),
        _sized("4 to 8 years of maturity", 0.0,
               before={"maturity_years": SHORT_YEARS, "log_maturity": float(np.log(SHORT_YEARS))},
               after={"maturity_years": LONG_YEARS, "log_maturity": float(np.log(LONG_YEARS))}),
        _sized("ESG score 15 points higher", 0.0, added={"esg_score": 15.0}),
        Law("news 0.2 friendlier", None, -1, added=dict.fromkeys(_NEWS, 0.2),
            note="tells of the hidden credit trend"),
    )  # fmt: skip


def _downgrade() -> tuple[Law, ...]:
    long_ago, just_now = (
        {"last_rating_move": 1.0, "months_since_rating_change": months,
         "recent_downgrade": float(np.exp(-months / YEAR)), "notches_12m": notches}
        for months, notches in ((LONG_AGO_MONTHS, 0.0), (1.0, 1.0))
    )  # fmt: skip
    memory = constants.scalar("ratings.memory") * ratings.MEMORY_FADES ** np.arange(YEAR)
    return (
        _sized("downgraded last month", float(np.log(np.exp(memory).mean())),
               before=long_ago, after=just_now,
               note="mean of twelve months in which the memory fades; who was just lowered is "
               "often still rated too high"),
        Law("market in stress", None, 1,
            before={"regime_code": 0.0}, after={"regime_code": 2.0},
            added={"log_market_spread": HALF_AGAIN, "log_market_spread_3m": HALF_AGAIN,
                   "funding_spread_bps": 2 * rows.FUNDING_UNIT_BPS},
            note="the cycle is hidden; spreads, funding and the regime tell of it"),
        Law("leverage 0.1 above peers", None, 1,
            added={"leverage": 0.1, "leverage_to_peers": 0.1}, note="tells of hidden quality"),
        Law("spread 30 % above its rating", None, 1,
            added={"spread_to_rating": 0.3, "log_spread": 0.3},
            note="tells of hidden quality, beside an issuer effect without meaning"),
        Law("news 0.2 friendlier", None, -1, added=dict.fromkeys(_NEWS, 0.2),
            note="tells of hidden quality and its trend"),
    )  # fmt: skip


def _sized(effect: str, size: float, **more: object) -> Law:
    return Law(effect, size, int(np.sign(size)), **more)  # type: ignore[arg-type]


_NEWS: Final = ("news_sentiment", "sentiment_mean3", "sentiment_mean6")
_KNOWN: Final = {"spread": _spread, "downgrade": _downgrade, "liquidity_shock": _shock}
