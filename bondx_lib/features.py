"""Feature matrices without look-ahead: panel in, one aligned matrix out.

A row's features come from that row and from earlier months of the same bond or issuer, never from
later ones, from labels or from the truth. Lags follow the calendar month, so damaged, doubled or
missing rows neither shift nor break them. The spread model sees nothing that is made of the bond's
own price, yield or spread; the downgrade and shock models may.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from bondx_lib import pricing
from bondx_lib.errors import BadInput
from bondx_lib.schema import KEYS, LABELS, MODELS, PANEL, REGIMES, SECTORS, SENIORITIES

TERMS: Final = (
    "coupon_pct", "maturity_years", "log_maturity", "age_years", "log_amount", "callable_flag",
    "seniority_code",
)  # fmt: skip
CREDIT: Final = (
    "rating_number", "months_since_rating_change", "last_rating_move", "recent_downgrade",
    "notches_12m", *(f"sector_{place}" for place in range(len(SECTORS))),
    "leverage", "interest_coverage", "operating_margin_pct", "current_ratio", "size_log_assets",
    "cash_flow_margin_pct", "leverage_6m", "operating_margin_pct_6m", "interest_coverage_6m",
    "cash_flow_margin_pct_6m", "leverage_to_peers", "margin_to_peers", "coverage_to_peers",
)  # fmt: skip
EQUITY: Final = (
    "equity_return_3m", "equity_volatility", "equity_return_12m", "equity_volatility_6m",
)  # fmt: skip
ECONOMY: Final = (
    "treasury_2y_pct", "treasury_5y_pct", "treasury_10y_pct", "curve_slope_pct",
    "log_market_spread", "equity_index_volatility", "funding_spread_bps", "regime_code",
    "log_market_spread_3m", "funding_spread_bps_3m",
)  # fmt: skip
LIQUIDITY: Final = (
    "log_volume", "log_trades", "log_bid_ask", "log_depth", "zero_trading_days_pct",
    "days_since_trade", "liquidity_index", "shock_now", "log_volume_mean3", "log_bid_ask_mean3",
    "log_bid_ask_1m", "log_depth_1m", "zero_trading_days_pct_mean3", "liquidity_index_mean6",
    "liquidity_index_sd6", "shocks_3m", "shocks_12m", "months_since_shock",
)  # fmt: skip
DISCLOSURE: Final = (
    "esg_score", "esg_missing", "esg_dispersion", "web_traffic_index", "utility_load_index",
    "news_sentiment", "log_buzz", "news_missing", "web_traffic_mean3", "utility_load_mean3",
    "sentiment_mean3", "sentiment_mean6",
)  # fmt: skip
OWN_SPREAD: Final = (
    "log_spread", "log_spread_1m", "log_spread_6m", "spread_to_rating", "spread_to_rating_3m",
)  # fmt: skip
CONSISTENCY: Final = (
    "price_gap", "spread_jump", "spread_to_issuer", "spread_negative", "bid_ask_order",
    "bid_ask_gap", "maturity_gap", "stale_price", "stale_spread", "repeated_row", "volume_jump",
    "volume_to_trades", "checks_failed",
)  # fmt: skip

FEATURES: Final = (
    *TERMS, *CREDIT, *EQUITY, *ECONOMY, *LIQUIDITY, *DISCLOSURE, *OWN_SPREAD, *CONSISTENCY
)  # fmt: skip
FAMILIES: Final = {
    "terms": TERMS, "credit": CREDIT, "equity": EQUITY, "economy": ECONOMY, "liquidity": LIQUIDITY,
    "disclosure": DISCLOSURE, "own spread": OWN_SPREAD, "consistency": CONSISTENCY,
}  # fmt: skip

_BY_MODEL: Final = {
    "spread": (*TERMS, *CREDIT, *EQUITY, *ECONOMY, *LIQUIDITY, *DISCLOSURE),
    "downgrade": (*CREDIT, *EQUITY, *ECONOMY, *DISCLOSURE, *OWN_SPREAD),
    "liquidity_shock": (*TERMS, *CREDIT, *EQUITY, *ECONOMY, *LIQUIDITY, *DISCLOSURE, *OWN_SPREAD),
    "anomaly": CONSISTENCY,
}
assert tuple(_BY_MODEL) == MODELS

HARD_LIMITS: Final = {
    "price_gap": 1.0, "maturity_gap": 0.1, "bid_ask_gap": 1.0, "volume_jump": 4.0,
    "spread_jump": 1.2,
}  # fmt: skip
"""Beyond these a row is not merely unusual: % a year, years, bp, log ratios."""
INPUTS: Final = tuple(c.name for c in PANEL if c.name not in LABELS)
SMALL: Final = 1e-9


def columns_for(model: str) -> tuple[str, ...]:
    """Return the feature names that a model may see, in order.

    Raises
    ------
    BadInput
        When there is no such model.
    """
    if model not in _BY_MODEL:
        raise BadInput("is not a model", key=model, admissible=", ".join(_BY_MODEL))
    return _BY_MODEL[model]


def build(panel: pd.DataFrame) -> pd.DataFrame:
    """Return the feature matrix of a panel.

    Parameters
    ----------
    panel
        Rows in any order; labels may be absent.

    Returns
    -------
    DataFrame of float32, same index and row order as ``panel``, columns :data:`FEATURES`.

    Raises
    ------
    BadInput
        When an input column is missing.
    """
    for name in INPUTS:
        if name not in panel.columns:
            raise BadInput("is missing; features need it", key=name)
    order = np.lexsort((panel["bond_id"].to_numpy(str), panel["month"], panel["world"]))
    rows = panel.iloc[order]
    grid = _Grid(rows)
    columns: dict[str, np.ndarray] = {
        **_terms(rows),
        **_credit(rows, grid),
        **_economy(rows, grid),
        **_liquidity(rows, grid),
        **_disclosure(rows, grid),
        **_spreads(rows, grid),
    }
    columns["checks_failed"] = _checks_failed(columns)
    matrix = np.empty((len(rows), len(FEATURES)), np.float32)
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    for place, name in enumerate(FEATURES):
        matrix[:, place] = np.asarray(columns[name], np.float32)[back]
    return pd.DataFrame(matrix, index=panel.index, columns=list(FEATURES))


class _Grid:
    """Bond-by-month and issuer-by-month positions of the rows, for lags by calendar month.

    Of doubled rows the first counts. Values are laid out as (entity, month); months without a row
    are NaN.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.month = rows["month"].to_numpy(np.int64)
        self.months = int(self.month.max()) + 1 if len(rows) else 0
        world = rows["world"].to_numpy(np.int64)
        self.bond = self._codes(world, rows["bond_id"])
        self.issuer = self._codes(world, rows["issuer_id"])

    @staticmethod
    def _codes(world: np.ndarray, names: pd.Series) -> np.ndarray:
        codes = pd.factorize(names)[0].astype(np.int64)
        return np.asarray(pd.factorize(world * (codes.max(initial=0) + 1) + codes)[0], np.int64)

    def spread_out(self, values: np.ndarray, entity: np.ndarray) -> np.ndarray:
        """Return the values as (entity, month)."""
        laid = np.full((int(entity.max(initial=-1)) + 1, self.months), np.nan)
        laid[entity[::-1], self.month[::-1]] = values[::-1]
        return laid

    def lagged(self, values: np.ndarray, entity: np.ndarray, months: int) -> np.ndarray:
        """Return for each row the value of the same entity some months before."""
        laid = self.spread_out(values, entity)
        shifted = np.full_like(laid, np.nan)
        shifted[:, months:] = laid[:, : self.months - months]
        return np.asarray(shifted[entity, self.month])

    def change(self, values: np.ndarray, entity: np.ndarray, months: int) -> np.ndarray:
        """Return for each row the change of the entity's value over some months."""
        return np.asarray(values - self.lagged(values, entity, months))

    def rolling(
        self, values: np.ndarray, entity: np.ndarray, window: int, *, squares: bool = False
    ) -> np.ndarray:
        """Return the mean (or the mean square) of the last months, this one included."""
        laid = self.spread_out(values, entity)
        laid = laid**2 if squares else laid
        known = ~np.isnan(laid)
        total = _window_sum(np.where(known, laid, 0.0), window)
        count = _window_sum(known.astype(float), window)
        mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        return np.asarray(mean[entity, self.month])

    def deviation(self, values: np.ndarray, entity: np.ndarray, window: int) -> np.ndarray:
        """Return the standard deviation of the last months, this one included."""
        mean = self.rolling(values, entity, window)
        square = self.rolling(values, entity, window, squares=True)
        return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)))


def _window_sum(laid: np.ndarray, window: int) -> np.ndarray:
    total = np.cumsum(laid, axis=1)
    total[:, window:] = total[:, window:] - total[:, :-window].copy()
    return total


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


def _credit(rows: pd.DataFrame, grid: _Grid) -> dict[str, np.ndarray]:
    rating = rows["rating_number"].to_numpy(float)
    age, last = (
        rows[n].to_numpy(float) for n in ("months_since_rating_change", "last_rating_move")
    )
    sector = rows["sector"].to_numpy(object)
    plain = ("leverage", "interest_coverage", "operating_margin_pct", "current_ratio",
             "size_log_assets", "cash_flow_margin_pct", "equity_return_3m",
             "equity_volatility")  # fmt: skip
    values = {name: rows[name].to_numpy(float) for name in plain}
    trends = ("leverage", "operating_margin_pct", "interest_coverage", "cash_flow_margin_pct")
    returns = values["equity_return_3m"]
    year = sum(grid.lagged(returns, grid.issuer, lag) for lag in (3, 6, 9))
    peers = [(rows["world"] * 1000 + rows["month"]).to_numpy(), rating // 3]
    return {
        "rating_number": rating,
        "months_since_rating_change": age,
        "last_rating_move": last,
        "recent_downgrade": (last > 0) * np.exp(-age / 12),
        "notches_12m": grid.change(rating, grid.issuer, 12),
        **{f"sector_{place}": (sector == name).astype(float) for place, name in enumerate(SECTORS)},
        **values,
        **{f"{name}_6m": grid.change(values[name], grid.issuer, 6) for name in trends},
        "leverage_to_peers": _to_peers(values["leverage"], peers),
        "margin_to_peers": _to_peers(values["operating_margin_pct"], peers),
        "coverage_to_peers": _to_peers(values["interest_coverage"], peers),
        "equity_return_12m": returns + year,
        "equity_volatility_6m": grid.change(values["equity_volatility"], grid.issuer, 6),
    }


def _economy(rows: pd.DataFrame, grid: _Grid) -> dict[str, np.ndarray]:
    world = pd.factorize(rows["world"])[0].astype(np.int64)
    plain = ("treasury_2y_pct", "treasury_5y_pct", "treasury_10y_pct", "curve_slope_pct",
             "equity_index_volatility", "funding_spread_bps")  # fmt: skip
    values = {name: rows[name].to_numpy(float) for name in plain}
    market = _log(rows["market_spread_bps"])
    return {
        **values,
        "log_market_spread": market,
        "regime_code": _code(rows["regime_observed"], REGIMES),
        "log_market_spread_3m": grid.change(market, world, 3),
        "funding_spread_bps_3m": grid.change(values["funding_spread_bps"], world, 3),
    }


def _liquidity(rows: pd.DataFrame, grid: _Grid) -> dict[str, np.ndarray]:
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
        "months_since_shock": _months_since(shock, grid),
        "volume_jump": volume - grid.lagged(grid.rolling(volume, bond, 6), bond, 1),
        "volume_to_trades": volume - trades,
    }


def _disclosure(rows: pd.DataFrame, grid: _Grid) -> dict[str, np.ndarray]:
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


def _spreads(rows: pd.DataFrame, grid: _Grid) -> dict[str, np.ndarray]:
    bond, issuer = grid.bond, grid.issuer
    spread = rows["spread_bps"].to_numpy(float)
    usable = np.where(spread > 0, spread, np.nan)
    log_spread = np.log(usable)
    when = (rows["world"] * 1000 + rows["month"]).to_numpy()
    level = _group_median(log_spread, [when, issuer])
    to_rating = level - _group_median(log_spread, [when, rows["rating_number"].to_numpy() // 3])
    jump = grid.change(log_spread, bond, 1)
    typical = _group_median(jump, [when])
    price, yield_pct = rows["clean_price"].to_numpy(float), rows["yield_pct"].to_numpy(float)
    bid, ask = rows["bid_price"].to_numpy(float), rows["ask_price"].to_numpy(float)
    mid = np.maximum((bid + ask) / 2, SMALL)
    gap = rows["yield_pct"].to_numpy(float) - spread / 100
    peer_gap = _group_median(gap, [when, np.round(rows["maturity_years"].to_numpy(float))])
    years = pricing.years_30_360(rows["date"], rows["maturity_date"])
    return {
        "log_spread": level,
        "log_spread_1m": grid.change(level, issuer, 1),
        "log_spread_6m": grid.change(level, issuer, 6),
        "spread_to_rating": to_rating,
        "spread_to_rating_3m": grid.change(to_rating, issuer, 3),
        "price_gap": np.abs(gap - peer_gap),
        "spread_jump": np.abs(jump - typical),
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


def _months_since(shock: np.ndarray, grid: _Grid) -> np.ndarray:
    """Return months since the bond's last shock, 60 if it has had none."""
    laid = np.nan_to_num(grid.spread_out(shock, grid.bond)) > 0
    month = np.arange(grid.months)
    last = np.maximum.accumulate(np.where(laid, month, -60), axis=1)
    return np.asarray(np.minimum(month - last, 60)[grid.bond, grid.month], float)


def _group_median(values: np.ndarray, keys: list[np.ndarray]) -> np.ndarray:
    return np.asarray(pd.Series(values).groupby(keys).transform("median"), float)


def _to_peers(values: np.ndarray, keys: list[np.ndarray]) -> np.ndarray:
    return np.asarray(values - _group_median(values, keys), float)


def _log(series: pd.Series) -> np.ndarray:
    return np.asarray(np.log(np.maximum(series.to_numpy(float), SMALL)))


def _code(series: pd.Series, values: tuple[str, ...]) -> np.ndarray:
    return pd.Categorical(series, categories=list(values)).codes.astype(float)
