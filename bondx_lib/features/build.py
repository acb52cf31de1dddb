"""Build the feature matrix: panel in, one aligned matrix out, no look-ahead.

A row's features come from that row, from earlier months of the same bond or issuer, and from peers
of the same month; never from later months, from labels or from the truth.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from bondx_lib import pricing
from bondx_lib.errors import BadInput
from bondx_lib.features import cross_section
from bondx_lib.features.columns import FEATURES
from bondx_lib.features.cross_section import CrossSection
from bondx_lib.features.grid import Grid
from bondx_lib.schema import KEYS, LABELS, PANEL, REGIMES, SECTORS, SENIORITIES

HARD_LIMITS: Final = {
    "price_gap": 1.0, "maturity_gap": 0.1, "bid_ask_gap": 1.0, "volume_jump": 4.0,
    "spread_jump": 1.2,
}  # fmt: skip
"""Beyond these a row is not merely unusual: % a year, years, bp, log ratios."""
INPUTS: Final = tuple(c.name for c in PANEL if c.name not in (*LABELS, "synthetic", "issuer_name"))
SMALL: Final = 1e-9
LONGEST_CALM: Final = 60


def build(panel: pd.DataFrame, market: CrossSection | None = None) -> pd.DataFrame:
    """Return the feature matrix of a panel.

    Parameters
    ----------
    panel
        Rows in any order; labels may be absent. All rows of an issuer must be there.
    market
        Medians of the whole market, if the panel is a part of it; else they are taken from the
        panel.

    Returns
    -------
    DataFrame of float32, same index and row order as ``panel``, columns
    :data:`~bondx_lib.features.columns.FEATURES`.

    Raises
    ------
    BadInput
        When an input column is missing.
    """
    for name in INPUTS:
        if name not in panel.columns:
            raise BadInput("is missing; features need it", key=name)
    market = cross_section.measure(panel) if market is None else market
    order = np.lexsort((panel["bond_id"].to_numpy(str), panel["month"], panel["world"]))
    rows = panel.iloc[order]
    grid = Grid(rows)
    columns: dict[str, np.ndarray] = {
        **_terms(rows),
        **_credit(rows, grid, market),
        **_equity(rows, grid, market),
        **_economy(rows, grid, market),
        **_liquidity(rows, grid),
        **_disclosure(rows, grid),
        **_spreads(rows, grid, market),
    }
    columns["checks_failed"] = _checks_failed(columns)
    matrix = np.empty((len(rows), len(FEATURES)), np.float32)
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    for place, name in enumerate(FEATURES):
        matrix[:, place] = np.asarray(columns[name], np.float32)[back]
    return pd.DataFrame(matrix, index=panel.index, columns=list(FEATURES))


def _terms(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    years = rows["maturity_years"].to_numpy(float)
    return {
        "coupon_pct": rows["coupon_pct"].to_numpy(float),
        "maturity_years": years,
        "log_maturity": np.log(np.maximum(years, 1 / 24)),
        "age_years": rows["age_years"].to_numpy(float),
        "log_amount": _log(rows["amount_outstanding_usd"]),
        "callable_flag": rows["callable"].to_numpy(float),
        "seniority_code": _code(rows["seniority"], SENIORITIES),
    }


def _credit(rows: pd.DataFrame, grid: Grid, market: CrossSection) -> dict[str, np.ndarray]:
    rating = rows["rating_number"].to_numpy(float)
    age, last, leverage, margin, cash, size, coverage = (
        rows[name].to_numpy(float)
        for name in ("months_since_rating_change", "last_rating_move", "leverage",
                     "operating_margin_pct", "cash_flow_margin_pct", "size_log_assets",
                     "interest_coverage")
    )  # fmt: skip
    log_coverage = np.log(np.maximum(coverage + 2, 0.1))
    log_current = _log(rows["current_ratio"])
    issuer, peers = grid.issuer, cross_section.rating_key(rows)
    sector = rows["sector"].to_numpy(object)
    return {
        "rating_number": rating,
        "rating_to_norm": grid.to_norm(rating, issuer),
        "months_since_rating_change": age,
        "last_rating_move": last,
        "recent_downgrade": cross_section.recent_downgrade(rows),
        "notches_12m": grid.change(rating, issuer, 12),
        **{f"sector_{place}": (sector == name).astype(float) for place, name in enumerate(SECTORS)},
        "leverage": leverage,
        "log_coverage": log_coverage,
        "operating_margin_pct": margin,
        "log_current_ratio": log_current,
        "size_log_assets": size,
        "cash_flow_margin_pct": cash,
        "leverage_6m": grid.change(leverage, issuer, 6),
        "log_coverage_6m": grid.change(log_coverage, issuer, 6),
        "operating_margin_pct_6m": grid.change(margin, issuer, 6),
        "leverage_to_norm": grid.to_norm(leverage, issuer),
        "log_coverage_to_norm": grid.to_norm(log_coverage, issuer),
        "operating_margin_to_norm": grid.to_norm(margin, issuer),
        "cash_flow_margin_to_norm": grid.to_norm(cash, issuer),
        "log_current_ratio_to_norm": grid.to_norm(log_current, issuer),
        "size_to_norm": grid.to_norm(size, issuer),
        "leverage_to_peers": leverage - market.at("leverage", peers),
        "margin_to_peers": margin - market.at("margin", peers),
        "coverage_to_peers": coverage - market.at("coverage", peers),
        "months_seen": grid.seen(issuer),
    }


def _equity(rows: pd.DataFrame, grid: Grid, market: CrossSection) -> dict[str, np.ndarray]:
    returns = rows["equity_return_3m"].to_numpy(float)
    volatility = _log(rows["equity_volatility"])
    year = sum(grid.lagged(returns, grid.issuer, lag) for lag in (3, 6, 9))
    return {
        "equity_return_3m": returns,
        "log_equity_volatility": volatility,
        "equity_return_12m": returns + year,
        "equity_return_to_market": returns
        - market.at("equity_return", cross_section.month_key(rows)),
        "equity_volatility_to_norm": grid.to_norm(volatility, grid.issuer),
    }


def _economy(rows: pd.DataFrame, grid: Grid, market: CrossSection) -> dict[str, np.ndarray]:
    world = pd.factorize(rows["world"])[0].astype(np.int64)
    plain = ("treasury_2y_pct", "treasury_5y_pct", "treasury_10y_pct", "curve_slope_pct",
             "equity_index_volatility", "funding_spread_bps")  # fmt: skip
    values = {name: rows[name].to_numpy(float) for name in plain}
    spread = _log(rows["market_spread_bps"])
    return {
        **values,
        "log_market_spread": spread,
        "regime_code": _code(rows["regime_observed"], REGIMES),
        "log_market_spread_3m": grid.change(spread, world, 3),
        "funding_spread_bps_3m": grid.change(values["funding_spread_bps"], world, 3),
        "market_downgrades": market.at("downgrades", cross_section.month_key(rows)),
    }


def _liquidity(rows: pd.DataFrame, grid: Grid) -> dict[str, np.ndarray]:
    bond = grid.bond
    volume, depth = _log(rows["volume_usd"] + 1e3), _log(rows["depth_usd"] + 1e3)
    trades = np.log1p(rows["trade_count"].to_numpy(float))
    cost = _log(rows["bid_ask_bps"].abs())
    zero, index, shock = (
        rows[name].to_numpy(float)
        for name in ("zero_trading_days_pct", "liquidity_index", "liquidity_shock")
    )
    return {
        "log_volume": volume,
        "log_trades": trades,
        "log_bid_ask": cost,
        "log_depth": depth,
        "zero_trading_days_pct": zero,
        "days_since_trade": rows["days_since_trade"].to_numpy(float),
        "liquidity_index": index,
        "shock_now": shock,
        "log_volume_mean3": grid.rolling(volume, bond, 3),
        "log_bid_ask_mean3": grid.rolling(cost, bond, 3),
        "log_bid_ask_1m": grid.change(cost, bond, 1),
        "log_depth_1m": grid.change(depth, bond, 1),
        "zero_trading_days_pct_mean3": grid.rolling(zero, bond, 3),
        "liquidity_index_mean6": grid.rolling(index, bond, 6),
        "liquidity_index_sd6": grid.deviation(index, bond, 6),
        "shocks_3m": 3 * grid.rolling(shock, bond, 3),
        "shocks_12m": 12 * grid.rolling(shock, bond, 12),
        "months_since_shock": grid.months_since(shock, bond, LONGEST_CALM),
        "volume_jump": volume - grid.lagged(grid.rolling(volume, bond, 6), bond, 1),
        "volume_to_trades": volume - trades,
    }


def _disclosure(rows: pd.DataFrame, grid: Grid) -> dict[str, np.ndarray]:
    issuer = grid.issuer
    raters = rows[["esg_rater_a", "esg_rater_b", "esg_rater_c"]].to_numpy(float)
    esg, traffic, load, tone = (
        rows[name].to_numpy(float)
        for name in ("esg_score", "web_traffic_index", "utility_load_index", "news_sentiment")
    )
    return {
        "esg_score": esg,
        "esg_missing": np.isnan(esg).astype(float),
        "esg_dispersion": raters.max(axis=1) - raters.min(axis=1),
        "web_traffic_index": traffic,
        "utility_load_index": load,
        "news_sentiment": tone,
        "log_buzz": np.log1p(rows["buzz_volume"].to_numpy(float)),
        "news_missing": np.isnan(tone).astype(float),
        "web_traffic_mean3": grid.rolling(traffic, issuer, 3),
        "utility_load_mean3": grid.rolling(load, issuer, 3),
        "sentiment_mean3": grid.rolling(tone, issuer, 3),
        "sentiment_mean6": grid.rolling(tone, issuer, 6),
    }


def _spreads(rows: pd.DataFrame, grid: Grid, market: CrossSection) -> dict[str, np.ndarray]:
    bond, issuer = grid.bond, grid.issuer
    spread = rows["spread_bps"].to_numpy(float)
    log_spread = cross_section.log_spread(rows)
    month = cross_section.month_key(rows)
    level = _median_of_issuer(log_spread, grid)
    to_rating = level - market.at("log_spread", cross_section.rating_key(rows))
    jump = grid.change(log_spread, bond, 1)
    price, yield_pct = rows["clean_price"].to_numpy(float), rows["yield_pct"].to_numpy(float)
    bid, ask = rows["bid_price"].to_numpy(float), rows["ask_price"].to_numpy(float)
    mid = np.maximum((bid + ask) / 2, SMALL)
    gap = cross_section.risk_free_gap(rows)
    peer_gap = market.at("risk_free", cross_section.maturity_key(rows))
    years = pricing.years_30_360(rows["date"], rows["maturity_date"])
    return {
        "log_spread": level,
        "log_spread_1m": grid.change(level, issuer, 1),
        "log_spread_6m": grid.change(level, issuer, 6),
        "log_spread_to_norm": grid.to_norm(level, issuer),
        "spread_to_rating": to_rating,
        "spread_to_rating_to_norm": grid.to_norm(to_rating, issuer),
        "spread_to_rating_3m": grid.change(to_rating, issuer, 3),
        "price_gap": np.abs(gap - peer_gap),
        "spread_jump": np.abs(jump - market.at("spread_jump", month)),
        "spread_to_issuer": np.abs(log_spread - level),
        "spread_negative": (spread <= 0).astype(float),
        "bid_ask_order": (bid > ask).astype(float),
        "bid_ask_gap": np.abs(1e4 * (ask - bid) / mid - rows["bid_ask_bps"].to_numpy(float)),
        "maturity_gap": np.abs(years - rows["maturity_years"].to_numpy(float)),
        "stale_price": (np.abs(grid.change(price, bond, 1)) < SMALL).astype(float),
        "stale_spread": (np.abs(grid.change(yield_pct, bond, 1)) < SMALL).astype(float),
        "repeated_row": rows.duplicated(list(KEYS)).to_numpy(float),
    }


def _checks_failed(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Count the checks that an ordinary row never fails."""
    flags = ("spread_negative", "bid_ask_order", "stale_price", "stale_spread", "repeated_row")
    failed = np.sum([columns[name] for name in flags], axis=0)
    for name, limit in HARD_LIMITS.items():
        failed = failed + (np.nan_to_num(columns[name]) > limit)
    return np.asarray(failed)


def _median_of_issuer(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the median of each issuer's bonds in the month."""
    keys = grid.issuer * max(grid.months, 1) + grid.month
    return np.asarray(pd.Series(values).groupby(keys).transform("median"), float)


def _log(series: pd.Series) -> np.ndarray:
    return np.asarray(np.log(np.maximum(series.to_numpy(float), SMALL)))


def _code(series: pd.Series, values: tuple[str, ...]) -> np.ndarray:
    return pd.Categorical(series, categories=list(values)).codes.astype(float)
