r"""Realism: does one variation show what is published of the real market?

The figures are those of the scorecard (``bondx realism``), as far as one variation of some hundred
bonds and a few years can show them. Each statistic is computed as the scorecard does, from the
panel alone. A figure fails only if its whole interval lies outside the published tolerance. The
interval is that between issuers, at a confidence shared out over the figures of a gate
(Bonferroni), widened for the one macro path: with half widths :math:`h` between issuers and
:math:`z \sigma` between paths, as measured, it is :math:`\sqrt{h^2 + z^2 \sigma^2}`.

Left out are figures of the market in time, which one path of a few years cannot show (regimes,
returns, defaults and their cycle); those of single notches and of AAA and AA, which a variation has
too few issuers for; and those whose deviation between variations, in published tolerances, leaves
no damage short of absurd to notice: spreads of CCC (2.1), margins of B (1.6) and CCC (3.2), and BB
that stay BB (3.5). The mix by value hangs on a few large issuers, and the upper quartile of
maturities lies in the gap between bonds of ten and of thirty years, where its own interval is too
narrow. The coverage by ESG scores is judged by completeness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib.gates.base import Gate
from bondx_lib.gates.published import Fact, Realism, View, of
from bondx_lib.gates.shown import mean_ratio, pair, quantile, share, smaller, symmetric
from bondx_lib.gates.tallies import Moments, grouped
from bondx_lib.market import facts
from bondx_lib.schema import LETTERS

Floats = NDArray[np.float64]

MOST_OF_PUBLISHED: Final = 5.0
"""A spread counts as at most so many times its letter's: a slipped decimal must not make a mean."""
MOST_APART: Final = 0.7
"""Log spreads within an issuer count as at most so far apart, for the same reason."""
LIQUID_USD: Final = 3e8
LIQUID_YEARS: Final = 3.0


def _rated(letter: str) -> Callable[[View], Any]:
    return lambda view: view.rated(letter)


def _relative_spread(letter: str) -> Callable[[View], Floats]:
    """Return spreads over the BBB index of the month, capped by what is published of a letter."""
    published = 1.0 if letter == "BBB" else facts.value(f"oas_ratio.{letter}.p50")
    return lambda view: np.minimum(
        of(view["maturity_years"] >= 1, view["spread_bps"]) / view["market_spread_bps"],
        MOST_OF_PUBLISHED * published,
    )


def _spread_ratio(letter: str) -> Fact:
    own, middle = _relative_spread(letter), _relative_spread("BBB")
    return mean_ratio(
        f"oas_ratio.{letter}.p50",
        lambda view: np.where(view.rated("BBB"), middle(view), own(view)),
        _rated(letter), _rated("BBB"), "amount_outstanding_usd",
    )  # fmt: skip


class Spreads(Realism):
    """Spreads of a letter as a multiple of those of BBB."""

    name = "realism_spreads"
    catches = "spreads that do not rise with the rating as published"
    columns = ("rating", "date", "spread_bps", "market_spread_bps", "maturity_years",
               "amount_outstanding_usd")  # fmt: skip
    facts = (
        _spread_ratio("A"),
        _spread_ratio("BB"),
        _spread_ratio("B"),
    )


def _half_spread(letters: tuple[str, ...]) -> Callable[[View], Floats]:
    def values(view: View) -> Floats:
        here = np.logical_or.reduce([view.rated(letter) for letter in letters])
        return of(here & view.calm, view["bid_ask_bps"] / 2)

    return values


class BidAsk(Realism):
    """Dealers' spreads in calm months, by letter."""

    name = "realism_bid_ask"
    catches = "bonds that are dearer or cheaper to trade than published"
    columns = ("rating", "date", "bid_ask_bps", "market_spread_bps", "regime_observed")
    facts = (
        quantile("half_spread.A", _half_spread(("A",)), 0.5, 2000, log=True),
        quantile("half_spread.BBB", _half_spread(("BBB",)), 0.5, 2000, log=True),
        quantile("half_spread.BB", _half_spread(("BB",)), 0.5, 2000, log=True),
        quantile("half_spread.B", _half_spread(("B",)), 0.5, 2000, log=True),
        quantile("half_spread.CCC", _half_spread(("CCC",)), 0.5, 2000, log=True),
        quantile("bid_ask.weekly_median", lambda view: of(view.calm, view["bid_ask_bps"]),
                 1, 4000, log=True),
    )  # fmt: skip


def _turnover_pct(view: View) -> Floats:
    return 100 * view["volume_usd"] / view["amount_outstanding_usd"]


def _log_turnover(view: View) -> Floats:
    return np.log(of(view["volume_usd"] > 0, view["volume_usd"]) / view["amount_outstanding_usd"])


class Trading(Realism):
    """How often, and how much of it, a bond changes hands."""

    name = "realism_trading"
    catches = "more or less trade than published"
    columns = ("zero_trading_days_pct", "volume_usd", "amount_outstanding_usd", "age_years")
    facts = (
        quantile("zero_trading_days", lambda view: view["zero_trading_days_pct"], 0.5, 100.5),
        quantile("turnover.quarter", lambda view: 3 * _turnover_pct(view), 0.01, 1000,
                 log=True),
        pair("liquidity.volume_by_size", lambda view: np.log(view["amount_outstanding_usd"]),
             lambda view: np.log(of(view["volume_usd"] > 0, view["volume_usd"])), slope=True),
        pair("liquidity.volume_by_age", lambda view: np.log1p(view["age_years"]),
             _log_turnover),
    )  # fmt: skip


def _coupon_of(thousandths: int) -> Callable[[View], Any]:
    return lambda view: np.rint(1000 * view["coupon_pct"]) % thousandths == 0


def _bond_of_grade(view: View) -> Any:
    return view.first_of_bond & view.investment_grade & np.isfinite(view["coupon_pct"])


def _of_seniority(word: str) -> Fact:
    return share(
        f"seniority.{word}",
        lambda view: view.word("seniority") == word,
        lambda view: view.part.rows["seniority"].notna(),
        "amount_outstanding_usd",
    )


class Terms(Realism):
    """Coupons, calls, ranks and sizes of bonds."""

    name = "realism_terms"
    catches = "bonds with other terms than are published"
    any_times = True
    columns = ("bond_id", "rating", "coupon_pct", "callable", "seniority",
               "amount_outstanding_usd")  # fmt: skip
    facts = (
        share("coupon_step.twentieth", _coupon_of(50), _bond_of_grade),
        share("coupon_step.eighth", _coupon_of(125), _bond_of_grade),
        share("callable.IG", lambda view: view["callable"] > 0,
              lambda view: view.first_of_bond & view.investment_grade
              & np.isfinite(view["callable"])),
        share("callable.HY", lambda view: view["callable"] > 0,
              lambda view: view.first_of_bond & view.high_yield & np.isfinite(view["callable"])),
        _of_seniority("senior_unsecured"),
        _of_seniority("senior_secured"),
        _of_seniority("subordinated"),
        quantile("issue_size.p50",
                 lambda view: of(view.first_of_bond, view["amount_outstanding_usd"] / 1e6),
                 1, 1e5, log=True),
    )  # fmt: skip


def _liquid(column: str) -> Callable[[View], Floats]:
    """Return a column of liquid investment-grade bonds, as a published index takes them."""
    return lambda view: of(
        view.investment_grade
        & (view["maturity_years"] >= LIQUID_YEARS)
        & (view["amount_outstanding_usd"] >= LIQUID_USD),
        view[column],
    )


def _maturity(part_pct: int) -> Fact:
    return quantile(f"ig_bond.maturity.p{part_pct:02d}", _liquid("maturity_years"),
                    2.5, 60, part_pct / 100, log=True)  # fmt: skip


class Maturities(Realism):
    """Remaining maturities of liquid investment-grade bonds."""

    name = "realism_maturities"
    catches = "bonds that run longer or shorter than published"
    any_times = True
    columns = ("rating", "maturity_years", "amount_outstanding_usd")
    facts = (
        _maturity(5),
        _maturity(25),
        _maturity(50),
        _maturity(95),
    )


def _once(column: str) -> Callable[[View], Floats]:
    return lambda view: of(view.once, view[column])


def _by_letter(letter: str, column: str) -> Callable[[View], Floats]:
    return lambda view: of(view.once & view.rated(letter), view[column])


def _ratio(fact: str, column: str, low: float, high: float, letters: Sequence[str]) -> list[Fact]:
    return [
        quantile(f"ratio.{fact}.{letter}", _by_letter(letter, column), low, high)
        for letter in letters
    ]


class Ratios(Realism):
    """Balance sheets and margins of issuers, by letter, and the volatility of their equity."""

    name = "realism_ratios"
    catches = "issuers whose accounts do not fit their rating as published"
    columns = ("rating", "date", "leverage", "operating_margin_pct", "current_ratio",
               "equity_volatility")  # fmt: skip
    facts = (
        *_ratio("long_term_debt_capital", "leverage", 0.01, 3, ("A", "BBB", "BB", "B", "CCC")),
        *_ratio("operating_margin", "operating_margin_pct", 0.2, 100, ("A", "BBB", "BB")),
        *_ratio("current_ratio", "current_ratio", 0.05, 20, ("A", "BBB", "BB", "B", "CCC")),
        quantile("equity.volatility.p50", _once("equity_volatility"), 0.02, 5, log=True),
    )


class Mix(Realism):
    """How many issuers have which rating."""

    name = "realism_mix"
    catches = "more or fewer issuers of a rating than published"
    columns = ("rating", "date")
    facts = tuple(
        share(f"issuer_mix.{letter}", _rated(letter), lambda view: view.once & (view.letter > 0),
              lasting=True)
        for letter in ("A", "BBB", "BB", "B")
    )  # fmt: skip


def _raters(first: str, second: str) -> Fact:
    return pair("esg.rater_correlation", _once(f"esg_rater_{first}"),
                _once(f"esg_rater_{second}"))  # fmt: skip


class Esg(Realism):
    """Whether raters agree, and whether better scores go with better ratings."""

    name = "realism_esg"
    catches = "scores that agree, or go with ratings, more or less than published"
    any_times = True
    columns = ("date", "rating_number", "esg_rater_a", "esg_rater_b", "esg_score")
    facts = (
        _raters("a", "b"),
        pair("esg.rating_rank_correlation", _once("esg_score"),
             lambda view: -view["rating_number"]),
    )  # fmt: skip


def _stays(letter: str) -> Fact:
    place = LETTERS.index(letter)
    return share(
        f"transition_1y.{letter}.{letter}",
        lambda view: view.letter_a_year_later == place,
        lambda view: view.once & view.rated(letter) & (view.letter_a_year_later >= 0),
    )


class Migration(Realism):
    """Issuers that keep their letter over a year, among those still rated at its end."""

    name = "realism_migration"
    catches = "ratings that move more or less than published"
    columns = ("rating", "date")
    facts = (_stays("A"), _stays("BBB"), _stays("B"))


class News(Realism):
    """How well the tone of news tells the issuers that will be downgraded."""

    name = "realism_news"
    catches = "news that tell more or less than published"
    columns = ("date", "news_sentiment", "downgrade_12m")
    facts = (
        smaller("news.sentiment_auc", _once("news_sentiment"),
                lambda view: view["downgrade_12m"], -1, 1),
    )  # fmt: skip


def _curve_products(view: View) -> Moments | None:
    here = view.investment_grade & view.usual & (view["maturity_years"] >= 1)
    long = view.within_issuer(here, np.log(view["maturity_years"]))
    own = np.clip(view.within_issuer(here, np.log(view["spread_bps"])), -MOST_APART, MOST_APART)
    known = np.isfinite(long) & np.isfinite(own)
    if not known.any():
        return None
    own, long, weight = own[known], long[known], view.part.weight[known]
    sums = np.column_stack([np.ones(len(own)), weight * own * long, weight * long**2])
    return Moments.of(grouped(view.part.issuer[known], sums))


class Curve(Realism):
    """Spreads of one issuer's bonds by maturity."""

    name = "realism_curve"
    catches = "spreads that rise more or less with maturity than published"
    any_times = True
    columns = ("rating", "date", "market_spread_bps", "spread_bps", "maturity_years")
    facts = (
        Fact("cross_section.slope", _curve_products,
             lambda sums, confidence: symmetric(sums.ratio(1, 2), confidence)),
    )  # fmt: skip


GATES: Final[tuple[Gate, ...]] = (
    Spreads(), BidAsk(), Trading(), Terms(), Maturities(), Ratios(), Mix(), Migration(),
    Esg(), News(), Curve(),
)  # fmt: skip
