"""Gates on logic within a row: what is right, what is wrong, and how much of it is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from bondx_lib.gates import figures, logic
from bondx_lib.market import facts, liquidity

from .hand_made import Case, check_exceptions, check_threshold, day, only, rows_of

NONE, NEVER = float("nan"), day("NaT")
DATES = {"date": day("2021-06-30"), "maturity_date": day("2023-06-30")}
AT_PAR = {"yield_pct": 5.0, "coupon_pct": 5.0, **DATES}
MATURED = {"maturity_date": day("2021-06-30")}

# Two years of 2.5 every half year and 100 at the end, at 2.5 % a half year, are worth 100.
FLOWS = np.array([2.5, 2.5, 2.5, 102.5]) / 1.025 ** np.arange(1, 5)
HALVES = np.arange(1, 5)
DURATION_YEARS = float((HALVES / 2 * FLOWS).sum() / 100 / 1.025)
CONVEXITY = float((HALVES * (HALVES + 1) / 4 * FLOWS).sum() / 100 / 1.025**2)

FLAT = {f"treasury_{tenor}y_pct": 4.0 for tenor in (2, 5, 10)}
INDEX = float(liquidity.index(np.array([50.0]), np.array([5e6]), np.array([0.6]))[0])
BBB_BPS = facts.value("oas_level.BBB.p50")
"""Where the market stands at this spread, it is what is usual at BBB."""

CASES = [
    Case(
        "price_yield", {"clean_price": 100.0, **AT_PAR},
        bad=({"clean_price": 100.51}, {"clean_price": 99.49}, {"clean_price": 102.5},
             {"yield_pct": 5.5}, {"clean_price": np.inf}),
        good=({"clean_price": 100.49}, {"clean_price": 99.51}),
        unjudged=({"clean_price": NONE}, {"yield_pct": NONE}, {"coupon_pct": NONE}, MATURED,
                  {"maturity_date": NEVER}, {"date": NEVER}),
    ),
    # Half way through a coupon period of six percent a year 1.50 are due; six days are 0.10.
    Case(
        "accrued_interest",
        {"accrued_interest": 1.5, "coupon_pct": 6.0, "date": day("2021-03-30"),
         "maturity_date": day("2023-06-30")},
        bad=({"accrued_interest": 1.61}, {"accrued_interest": 1.39}, {"accrued_interest": 0.0}),
        good=({"accrued_interest": 1.6}, {"accrued_interest": 1.4}),
        unjudged=({"accrued_interest": NONE}, {"coupon_pct": NONE}, {"maturity_date": NEVER}),
    ),
    # On the day of a coupon nothing is due; the day before nearly all of it was.
    Case(
        "accrued_interest", {"accrued_interest": 0.0, "coupon_pct": 6.0, **DATES},
        bad=({"accrued_interest": 0.11}, {"accrued_interest": 2.89}, {"accrued_interest": 3.2},
             {"accrued_interest": -0.2}),
        good=({"accrued_interest": 0.1}, {"accrued_interest": 2.9}, {"accrued_interest": 3.0}),
    ),
    Case(
        "duration", {"duration_years": DURATION_YEARS, **AT_PAR},
        bad=({"duration_years": 1.02 * DURATION_YEARS + 0.101},
             {"duration_years": 0.98 * DURATION_YEARS - 0.101}, {"yield_pct": 60.0}),
        good=({"duration_years": 1.02 * DURATION_YEARS + 0.099},
              {"duration_years": 1.025 * DURATION_YEARS}),
        unjudged=({"duration_years": NONE}, {"yield_pct": NONE}, MATURED),
    ),
    Case(
        "convexity", {"convexity": CONVEXITY, **AT_PAR},
        bad=({"convexity": 1.02 * CONVEXITY + 0.501}, {"convexity": 0.98 * CONVEXITY - 0.501},
             {"convexity": CONVEXITY / 100}),
        good=({"convexity": 1.02 * CONVEXITY + 0.499},),
        unjudged=({"convexity": NONE}, {"coupon_pct": NONE}, MATURED),
    ),
    Case(
        "price_within_quotes", {"clean_price": 100.0, "bid_price": 99.0, "ask_price": 101.0},
        bad=({"clean_price": 101.02}, {"clean_price": 98.98},
             {"bid_price": 101.0, "ask_price": 99.0}),
        good=({"clean_price": 101.009}, {"clean_price": 98.991}, {"bid_price": 100.0}),
        unjudged=({"clean_price": NONE}, {"bid_price": NONE}, {"ask_price": NONE}),
    ),
    # Two points over a mid of 100 are 200 bp, give or take five.
    Case(
        "bid_ask", {"bid_ask_bps": 200.0, "bid_price": 99.0, "ask_price": 101.0},
        bad=({"bid_ask_bps": 205.1}, {"bid_ask_bps": 194.9}, {"bid_ask_bps": 100.0},
             {"bid_price": 101.0, "ask_price": 99.0}),
        good=({"bid_ask_bps": 204.9}, {"bid_ask_bps": 195.1},
              {"bid_price": 101.0, "ask_price": 99.0, "bid_ask_bps": -200.0}),
        unjudged=({"bid_ask_bps": NONE}, {"bid_price": NONE},
                  {"bid_price": 0.0, "ask_price": 0.0}),
    ),
    # A flat curve is known everywhere, and read alike; the tolerance outside the tenors stays.
    Case(
        "spread_over_curve",
        {"spread_bps": 100.0, "yield_pct": 5.0, "maturity_years": 5.0, **FLAT},
        bad=({"spread_bps": 116.0}, {"spread_bps": 85.0}, {"spread_bps": -100.0},
             {"spread_bps": 500.0}, {"maturity_years": 0.25, "spread_bps": 254.0},
             {"maturity_years": 20.0, "spread_bps": 165.0}),
        good=({"spread_bps": 115.0}, {"spread_bps": 86.0}, {"yield_pct": 6.5, "spread_bps": 250.0},
              {"maturity_years": 0.25, "spread_bps": 252.0},
              {"maturity_years": 20.0, "spread_bps": 163.0}),
        unjudged=({"spread_bps": NONE}, {"yield_pct": NONE}, {"maturity_years": NONE},
                  {"treasury_5y_pct": NONE}),
    ),
    Case(
        "curve_slope",
        {"curve_slope_pct": 1.0, "treasury_2y_pct": 3.0, "treasury_10y_pct": 4.0},
        bad=({"curve_slope_pct": 1.051}, {"curve_slope_pct": 0.949}, {"curve_slope_pct": -1.0}),
        good=({"curve_slope_pct": 1.049}, {"curve_slope_pct": 0.951}),
        unjudged=({"curve_slope_pct": NONE}, {"treasury_2y_pct": NONE}),
    ),
    Case(
        "age",
        {"age_years": 1.0, "date": day("2021-06-30"), "issue_date": day("2020-06-30")},
        bad=({"age_years": 1.029}, {"age_years": 0.971}, {"age_years": 12.0}),
        good=({"age_years": 1.027}, {"age_years": 0.0, "issue_date": day("2021-07-15")}),
        unjudged=({"age_years": NONE}, {"date": NEVER}, {"issue_date": NEVER}),
    ),
    Case(
        "rating_number", {"rating": "BBB", "rating_number": 9.0},
        bad=({"rating_number": 10.0}, {"rating": "BBB-"}, {"rating": "AAA"}),
        good=({"rating": "C", "rating_number": 21.0}, {"rating": "AAA", "rating_number": 1.0}),
        unjudged=({"rating": None}, {"rating": "Baa2"}, {"rating_number": NONE}),
    ),
    Case(
        "esg_mean",
        {"esg_rater_a": 40.0, "esg_rater_b": 50.0, "esg_rater_c": 60.0, "esg_score": 50.0},
        bad=({"esg_score": 50.6}, {"esg_score": 49.4}, {"esg_score": NONE},
             {"esg_rater_a": NONE, "esg_rater_b": NONE, "esg_rater_c": NONE},
             {"esg_rater_c": NONE}),
        good=({"esg_score": 50.5}, {"esg_rater_c": NONE, "esg_score": 45.0},
              {"esg_rater_a": NONE, "esg_rater_b": NONE, "esg_score": 60.0}),
        unjudged=(
            {"esg_rater_a": NONE, "esg_rater_b": NONE, "esg_rater_c": NONE, "esg_score": NONE},
        ),
    ),
    Case(
        "liquidity_index_agrees",
        {"liquidity_index": INDEX, "bid_ask_bps": 50.0, "volume_usd": 5e6,
         "zero_trading_days_pct": 60.0},
        bad=({"liquidity_index": INDEX + 1.01}, {"liquidity_index": INDEX - 1.01},
             {"zero_trading_days_pct": 0.6}),
        good=({"liquidity_index": INDEX + 0.99},),
        unjudged=({"liquidity_index": NONE}, {"bid_ask_bps": NONE}, {"bid_ask_bps": 0.0},
                  {"bid_ask_bps": -50.0}, {"volume_usd": NONE}, {"zero_trading_days_pct": NONE}),
    ),
    Case(
        "coupon_steps", {"coupon_pct": 5.125},
        bad=({"coupon_pct": 5.0005}, {"coupon_pct": 0.0}, {"coupon_pct": -1.0}),
        good=({"coupon_pct": 5.001}, {"coupon_pct": 5 + 1 / 64}, {"coupon_pct": 5 + 3 / 16},
              {"coupon_pct": 0.1 + 0.2}),
        unjudged=({"coupon_pct": NONE},),
    ),
    Case(
        "amount_steps", {"amount_outstanding_usd": 5e8},
        bad=({"amount_outstanding_usd": 5e8 + 1}, {"amount_outstanding_usd": 5e8 + 500},
             {"amount_outstanding_usd": 0.0}, {"amount_outstanding_usd": -1e6}),
        good=({"amount_outstanding_usd": 123_456_000.0}, {"amount_outstanding_usd": 5e8 + 0.4}),
        unjudged=({"amount_outstanding_usd": NONE},),
    ),
    Case(
        "volume_within_amount", {"volume_usd": 1e6, "amount_outstanding_usd": 3e8},
        bad=({"volume_usd": 3e8 + 1}, {"amount_outstanding_usd": 300.0}),
        good=({"volume_usd": 3e8}, {"volume_usd": 0.0}),
        unjudged=({"volume_usd": NONE}, {"amount_outstanding_usd": NONE}),
    ),
    Case(
        "trades_volume",
        {"volume_usd": 1e6, "trade_count": 3.0, "zero_trading_days_pct": 85.0},
        bad=({"volume_usd": 0.0}, {"trade_count": 0.0}, {"zero_trading_days_pct": 100.0},
             {"volume_usd": 0.0, "trade_count": 0.0}),
        good=({"volume_usd": 0.0, "trade_count": 0.0, "zero_trading_days_pct": 100.0},),
        unjudged=({"volume_usd": NONE}, {"trade_count": NONE}, {"zero_trading_days_pct": NONE}),
    ),
    Case(
        "spread_at_rating",
        {"spread_bps": BBB_BPS, "rating": "BBB+", "market_spread_bps": BBB_BPS},
        bad=({"spread_bps": 12.1 * BBB_BPS}, {"spread_bps": BBB_BPS / 12.1},
             {"market_spread_bps": 13 * BBB_BPS}),
        good=({"spread_bps": 11.9 * BBB_BPS}, {"spread_bps": BBB_BPS / 11.9},
              {"spread_bps": 20 * BBB_BPS, "market_spread_bps": 5 * BBB_BPS},
              {"spread_bps": facts.value("oas_level.CCC.p50"), "rating": "C"}),
        unjudged=({"spread_bps": NONE}, {"spread_bps": 0.0}, {"spread_bps": -BBB_BPS},
                  {"rating": None}, {"rating": "Baa1"}, {"market_spread_bps": NONE}),
    ),
]  # fmt: skip
IDS = [case.gate for case in CASES]


def test_every_rule_about_a_row_has_a_case():
    """Those on prices, yields and the curve, and those on other figures."""
    of_rows = [gate.name for gate in logic.GATES if type(gate).__module__ == logic.__name__]
    assert {*of_rows, *(gate.name for gate in figures.GATES)} == set(IDS)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_as_much_as_is_allowed_passes_and_one_row_more_fails(case):
    """Of a thousand rows; the observed share, the rows and the used tolerance are exact."""
    check_threshold(case)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_is_right_and_what_cannot_be_judged(case):
    """Figures within the tolerance are right; rows that lack one are left out."""
    check_exceptions(case)


def test_a_flat_curve_is_flat_and_the_tenors_are_met():
    """Nelson and Siegel's curve through three yields gives them back, whatever else it does."""
    years = np.array([0.1, 2.0, 5.0, 10.0, 30.0])
    np.testing.assert_allclose(logic.risk_free_pct(np.full((5, 3), 4.0), years), 4.0)
    tenors = np.tile([3.0, 3.5, 4.5], (5, 1))
    np.testing.assert_allclose(logic.risk_free_pct(tenors, years)[1:4], [3.0, 3.5, 4.5])


def test_a_message_says_how_many_rows_and_how_many_may_be():
    """Count, share and threshold stand in one sentence."""
    rows = rows_of({"volume_usd": 1e6, "amount_outstanding_usd": 3e8}, {0: {"volume_usd": 4e8}}, 8)
    assert only("volume_within_amount", rows).message == (
        "1 of 8 rows (12.5 %) trade more than their amount outstanding in a month; at most 1 % "
        "would be allowed."
    )
