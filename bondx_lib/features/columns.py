"""Which features there are, by family, and which of them each model may see.

The spread model sees nothing that is made of the bond's own price, yield or spread. A model that is
not named here brings a list of its own.
"""

from __future__ import annotations

from typing import Final

from bondx_lib.errors import BadInput, nearest
from bondx_lib.schema import MODELS, SECTORS

TERMS: Final = (
    "coupon_pct", "maturity_years", "log_maturity", "age_years", "log_amount", "callable_flag",
    "seniority_code",
)  # fmt: skip
CREDIT: Final = (
    "rating_number", "rating_to_norm", "months_since_rating_change", "last_rating_move",
    "recent_downgrade", "notches_12m", *(f"sector_{place}" for place in range(len(SECTORS))),
    "leverage", "log_coverage", "operating_margin_pct", "log_current_ratio", "size_log_assets",
    "cash_flow_margin_pct", "leverage_6m", "log_coverage_6m", "operating_margin_pct_6m",
    "leverage_to_norm", "log_coverage_to_norm", "operating_margin_to_norm",
    "cash_flow_margin_to_norm", "log_current_ratio_to_norm", "size_to_norm", "leverage_to_peers",
    "margin_to_peers", "coverage_to_peers", "months_seen",
)  # fmt: skip
EQUITY: Final = (
    "equity_return_3m", "log_equity_volatility", "equity_return_12m", "equity_return_to_market",
    "equity_volatility_to_norm",
)  # fmt: skip
ECONOMY: Final = (
    "treasury_2y_pct", "treasury_5y_pct", "treasury_10y_pct", "curve_slope_pct",
    "log_market_spread", "equity_index_volatility", "funding_spread_bps", "regime_code",
    "log_market_spread_3m", "funding_spread_bps_3m", "market_downgrades",
)  # fmt: skip
LIQUIDITY: Final = (
    "log_volume", "log_trades", "log_bid_ask", "log_depth", "zero_trading_days_pct",
    "days_since_trade", "liquidity_index", "shock_now", "log_volume_mean3", "log_bid_ask_mean3",
    "log_bid_ask_1m", "log_depth_1m", "zero_trading_days_pct_mean3", "liquidity_index_mean6",
    "liquidity_index_sd6", "shocks_3m", "shocks_12m", "months_since_shock",
)  # fmt: skip
ESG: Final = ("esg_score", "esg_dispersion")
DISCLOSURE: Final = (
    "esg_missing", "web_traffic_index", "utility_load_index", "news_sentiment", "log_buzz",
    "news_missing", "web_traffic_mean3", "utility_load_mean3", "sentiment_mean3",
    "sentiment_mean6",
)  # fmt: skip
OWN_SPREAD: Final = (
    "log_spread", "log_spread_1m", "log_spread_6m", "log_spread_to_norm", "spread_to_rating",
    "spread_to_rating_3m", "spread_to_rating_to_norm",
)  # fmt: skip
CONSISTENCY: Final = (
    "price_gap", "spread_jump", "spread_to_issuer", "spread_negative", "bid_ask_order",
    "bid_ask_gap", "maturity_gap", "stale_price", "stale_spread", "repeated_row", "volume_jump",
    "volume_to_trades", "checks_failed",
)  # fmt: skip

FAMILIES: Final = {
    "terms": TERMS, "credit": CREDIT, "equity": EQUITY, "economy": ECONOMY, "liquidity": LIQUIDITY,
    "ESG": ESG, "disclosure": DISCLOSURE, "own spread": OWN_SPREAD, "consistency": CONSISTENCY,
}  # fmt: skip
FEATURES: Final = tuple(name for family in FAMILIES.values() for name in family)

_BY_MODEL: Final = {
    "spread": (*TERMS, *CREDIT, *EQUITY, *ECONOMY, *LIQUIDITY, *ESG, *DISCLOSURE),
    # Scores of raters stay with an issuer for years: on some hundred issuers they are names.
    "downgrade": (*CREDIT, *EQUITY, *ECONOMY, *DISCLOSURE, *OWN_SPREAD),
    "liquidity_shock": (
        *TERMS, *CREDIT, *EQUITY, *ECONOMY, *LIQUIDITY, *ESG, *DISCLOSURE, *OWN_SPREAD
    ),
    "anomaly": CONSISTENCY,
}  # fmt: skip
assert tuple(_BY_MODEL) == MODELS


def columns_for(model: str) -> tuple[str, ...]:
    """Return the feature names that a model of the project may see, in order.

    Raises
    ------
    BadInput
        When there is no such model.
    """
    if model not in _BY_MODEL:
        raise BadInput(
            "is not a model", key=model, admissible=", ".join(_BY_MODEL),
            nearest=nearest(model, _BY_MODEL),
        )  # fmt: skip
    return _BY_MODEL[model]


def family_of(feature: str) -> str:
    """Return the family of a feature, ``"other"`` if it has none.

    >>> family_of("leverage"), family_of("of_my_own")
    ('credit', 'other')
    """
    return next((name for name, family in FAMILIES.items() if feature in family), "other")
