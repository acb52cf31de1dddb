"""Every table of the project, declared once: column, type, unit, range, meaning.

The declarations are pandera's, so ``TABLES["panel"].validate(frame, lazy=True)`` says all that is
wrong with a frame. The generator writes these columns, features and gates read them, the data
dictionary is printed from them. Nothing else in the package spells out a column list.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import pandas as pd
import pandera.pandas as pa

from bondx_lib.errors import BadInput, nearest
from bondx_lib.vocabulary import (
    CORRUPTION_KINDS,
    DEFAULT,
    FIRST_SPECULATIVE,
    KEYS,
    LABEL_HORIZON_MONTHS,
    LABELS,
    LETTERS,
    MODELS,
    RATING_NUMBER,
    RATINGS,
    REGIMES,
    SCENARIOS,
    SCHEMA_VERSION,
    SECTORS,
    SENIORITIES,
    letter,
    title,
)

__all__ = [
    "CORRUPTION_KINDS", "DEFAULT", "FIRST_SPECULATIVE", "KEYS", "LABELS",
    "LABEL_HORIZON_MONTHS", "LETTERS", "MODELS", "PANDAS_DTYPES", "PANEL", "RATINGS",
    "RATING_NUMBER", "REGIMES", "SCENARIOS", "SCHEMA_VERSION", "SECTORS", "SENIORITIES",
    "TABLES", "TRUTH", "Dtype", "conform", "data_dictionary", "describe", "letter", "names",
    "range_violations", "title", "violations",
]  # fmt: skip

Dtype = Literal["bool", "int16", "int32", "int64", "float64", "string", "date"]
PANDAS_DTYPES: Final[dict[str, str]] = {"string": "str", "date": "datetime64[ns]"}


def _column(
    name: str, dtype: Dtype, unit: str, meaning: str, *checks: pa.Check, nullable: bool = False
) -> pa.Column:
    return pa.Column(
        PANDAS_DTYPES.get(dtype, dtype),
        checks=list(checks),
        nullable=nullable,
        name=name,
        description=meaning,
        metadata={"type": dtype, "unit": unit},
    )


def _number(
    name: str,
    unit: str,
    meaning: str,
    minimum: float | None = None,
    maximum: float | None = None,
    nullable: bool = False,
    dtype: Dtype = "float64",
) -> pa.Column:
    if maximum is not None:
        checks = [pa.Check.in_range(minimum, maximum)]
    else:
        checks = [] if minimum is None else [pa.Check.ge(minimum)]
    return _column(name, dtype, unit, meaning, *checks, nullable=nullable)


def _category(
    name: str, meaning: str, values: tuple[str, ...], nullable: bool = False
) -> pa.Column:
    return _column(name, "string", "", meaning, pa.Check.isin(values), nullable=nullable)


def _text(name: str, meaning: str, prefix: str) -> pa.Column:
    return _column(name, "string", "", meaning, pa.Check.str_startswith(prefix))


PANEL: Final = (
    _column("synthetic", "bool", "", "the row describes a simulated market", pa.Check.eq(True)),
    _number("world", "", "which macro path the row belongs to", 0, dtype="int32"),
    _column("date", "date", "", "month end of the observation"),
    _number("month", "months", "months since the first observation of the world", 0, dtype="int32"),
    _text("issuer_id", "issuer, unique within a draw", "SX-"),
    _text("issuer_name", "invented name", "SX-"),
    _text("bond_id", "12 characters in the form of an ISIN, prefix for private use", "XZ"),
    _category("sector", "industry of the issuer", SECTORS),
    _category("rating", "agency rating of the issuer at the month end", RATINGS),
    _number("rating_number", "notches", "AAA = 1 … C = 21", 1, 21, dtype="int16"),
    _number("months_since_rating_change", "months", "age of the rating, capped at 120", 0, 120),
    _number(
        "last_rating_move", "", "direction of the last move: 1 = downgrade", -1, 1, dtype="int16"
    ),
    _category("seniority", "rank of the claim", SENIORITIES),
    _column("callable", "bool", "", "the issuer may redeem early"),
    _number("coupon_pct", "% a year", "fixed coupon, paid twice a year", 0, 25),
    _column("issue_date", "date", "", "first settlement date"),
    _column("maturity_date", "date", "", "redemption date"),
    _number("maturity_years", "years", "remaining time to maturity, 30/360", 0, 100),
    _number("age_years", "years", "time since issue, 30/360", 0, 100),
    _number("amount_outstanding_usd", "USD", "face amount outstanding", 1e6, 1e11),
    _number("clean_price", "% of face", "mid price without accrued interest", 0, 400),
    _number("accrued_interest", "% of face", "interest accrued since the last coupon", 0, 15),
    _number("yield_pct", "% a year", "yield to maturity, semi-annual compounding", -10, 200),
    _number("spread_bps", "bp", "yield less risk-free yield at the remaining maturity", 0, 20000),
    _number("duration_years", "years", "modified duration", 0, 60),
    _number("convexity", "years²", "convexity", 0, 3000),
    _number("volume_usd", "USD", "face amount traded in the month", 0, 1e11),
    _number("trade_count", "trades", "trades in the month", 0, 1e6),
    _number("bid_price", "% of face", "dealers' bid", 0, 400),
    _number("ask_price", "% of face", "dealers' offer", 0, 400),
    _number("bid_ask_bps", "bp of price", "offer less bid over mid", 0, 5000),
    _number("depth_usd", "USD", "face amount quoted at the best price", 0, 1e10),
    _number("zero_trading_days_pct", "% of days", "business days without a trade", 0, 100),
    _number("days_since_trade", "days", "business days since the last trade", 0, 400),
    _number("liquidity_index", "", "0 = frozen, 100 = as liquid as bonds get", 0, 100),
    _column("liquidity_shock", "bool", "", "the bond's liquidity broke down during the month"),
    _number("leverage", "ratio", "long-term debt over capital, last published quarter", 0, 3),
    _number("interest_coverage", "ratio", "EBIT over interest, last published quarter", -50, 200),
    _number("operating_margin_pct", "% of sales", "last published quarter", -200, 100),
    _number("current_ratio", "ratio", "current assets over current liabilities", 0, 20),
    _number("size_log_assets", "log USD", "natural logarithm of total assets", 10, 35),
    _number("cash_flow_margin_pct", "% of sales", "operating cash flow over sales", -200, 200),
    _number("equity_return_3m", "fraction", "issuer's equity return over three months", -1, 10),
    _number("equity_volatility", "fraction a year", "issuer's equity volatility", 0, 5),
    _number("esg_rater_a", "score", "ESG score of rater A", 0, 100, True),
    _number("esg_rater_b", "score", "ESG score of rater B", 0, 100, True),
    _number("esg_rater_c", "score", "ESG score of rater C", 0, 100, True),
    _number("esg_score", "score", "mean of the raters that score the issuer", 0, 100, True),
    _number(
        "web_traffic_index", "index", "visits to the issuer's sites, 100 = own norm", 0, 2000, True
    ),
    _number(
        "utility_load_index", "index", "power drawn by its plants, 100 = own norm", 0, 2000, True
    ),
    _number("news_sentiment", "score", "mean tone of the month's news", -1, 1, True),
    _number("buzz_volume", "items", "news items and posts in the month", 0, 1e6),
    _number("treasury_2y_pct", "% a year", "risk-free yield, 2 years", -5, 30),
    _number("treasury_5y_pct", "% a year", "risk-free yield, 5 years", -5, 30),
    _number("treasury_10y_pct", "% a year", "risk-free yield, 10 years", -5, 30),
    _number("curve_slope_pct", "% a year", "10-year less 2-year risk-free yield", -20, 20),
    _number("market_spread_bps", "bp", "published spread of the BBB index", 0, 10000),
    _number(
        "equity_index_volatility", "% a year", "implied volatility of the equity index", 0, 300
    ),
    _number("funding_spread_bps", "bp", "interbank funding over risk-free", -100, 3000),
    _category("regime_observed", "business cycle as officially called, three months late", REGIMES),
    _number("downgrade_12m", "0/1", "label: downgraded or defaulted within 12 months", 0, 1, True),
    _number("liquidity_shock_1m", "0/1", "label: liquidity shock in the next month", 0, 1, True),
)

TRUTH: Final = (
    _number("world", "", "which macro path the row belongs to", 0, dtype="int32"),
    _text("bond_id", "bond of the row before any corruption", "XZ"),
    _column("date", "date", "", "month end of the observation"),
    _number("row", "", "position of the row in the panel", 0, dtype="int64"),
    _number("log_spread_mean", "log bp", "mean of the log spread given the full state"),
    _number("log_spread_variance", "log bp²", "variance of the log spread given the full state", 0),
    _number(
        "downgrade_probability", "", "probability of downgrade_12m given the state", 0, 1, True
    ),
    _number(
        "shock_probability", "", "probability of liquidity_shock_1m given the state", 0, 1, True
    ),
    _column("corrupted", "bool", "", "the panel's row was damaged on purpose"),
    _category("corruption_kind", "how it was damaged", CORRUPTION_KINDS, nullable=True),
    _category("regime", "true regime of the month", REGIMES),
)

TABLES: Final[dict[str, pa.DataFrameSchema]] = {
    name: pa.DataFrameSchema(
        {column.name: column for column in columns},
        strict=True,
        ordered=True,
        name=name,
        description=meaning,
    )
    for name, columns, meaning in (
        ("panel", PANEL, "one row per bond and month: what anyone may see"),
        ("truth", TRUTH, "one row per panel row: what only the simulator knows; never a feature"),
    )
}


def names(table: str) -> tuple[str, ...]:
    """Return the column names of a table in order."""
    return tuple(TABLES[table].columns)


def describe(table: str) -> list[dict[str, str]]:
    """Return name, type, unit, admissible values, nullability and meaning of each column."""
    return [_described(column) for column in TABLES[table].columns.values()]


def conform(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the frame with exactly the table's columns, in order and in their types.

    Ranges are not asked here, because damaged rows belong to a market: see :func:`violations`.

    Parameters
    ----------
    frame
        Any frame that holds the table's columns.
    table
        ``"panel"`` or ``"truth"``.

    Raises
    ------
    BadInput
        When a column is missing, is not known to the table, or cannot take its type.
    """
    wanted = names(table)
    for name in frame.columns:
        if name not in wanted:
            raise BadInput(
                f"the {table} table has no such column",
                key=str(name),
                nearest=nearest(str(name), wanted),
            )
    for name in wanted:
        if name not in frame.columns:
            raise BadInput(f"the {table} table lacks a column", key=name)
    return pd.DataFrame(
        {name: _typed(frame[name], column) for name, column in TABLES[table].columns.items()},
        index=frame.index,
    )


def _typed(series: pd.Series, column: pa.Column) -> pd.Series:
    dtype = _metadata(column)["type"]
    try:
        return series.astype(PANDAS_DTYPES.get(dtype, dtype))  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError) as error:
        raise BadInput(f"cannot be read as {dtype}: {error}", key=str(column.name)) from error


def violations(frame: pd.DataFrame, table: str = "panel") -> pd.DataFrame:
    """Return everything in which a frame departs from its declaration, as data.

    Returns
    -------
    DataFrame with one row per departure: ``column``, ``check``, ``value`` and ``row``, the position
    in ``frame``; missing where the departure concerns the column as a whole.
    """
    return _departures(frame, TABLES[table])


def range_violations(frame: pd.DataFrame, table: str = "panel") -> pd.DataFrame:
    """Mark the cells that are null, out of range or not an admissible value.

    Returns
    -------
    DataFrame of bool, same index; one column per declared column present in ``frame``.
    """
    present = [name for name in names(table) if name in frame.columns]
    departures = _departures(frame[present], TABLES[table].select_columns(present))
    marks = pd.DataFrame(False, index=frame.index, columns=present)
    for name, cells in departures.dropna(subset=["row"]).groupby("column"):
        marks.iloc[cells["row"].astype(int), present.index(str(name))] = True
    return marks


def _departures(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    try:
        schema.validate(frame.reset_index(drop=True), lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        cases = pd.DataFrame(columns=["schema_context", "column", "check", "failure_case", "index"])
    # A column that is missing, unknown or out of order is named as the value, not as the column.
    whole = cases["schema_context"] == "DataFrameSchema"
    return pd.DataFrame(
        {
            "column": cases["column"].where(~whole, cases["failure_case"]).astype("str"),
            "check": cases["check"].astype("str"),
            "value": cases["failure_case"].astype(object).where(~whole, None),
            "row": cases["index"].astype("Int64"),
        }
    ).reset_index(drop=True)


def data_dictionary() -> str:
    """Return every table as Markdown."""
    parts = [
        "# Data dictionary\n\n",
        f"Schema version {SCHEMA_VERSION}. Every value is simulated. ",
        "Ranges hold for undamaged rows; a small share of rows is damaged on purpose.\n",
    ]
    for name, table in TABLES.items():
        parts.append(f"\n## {name}: {table.description}\n\n")
        parts.append(
            "| column | type | unit | range | null | meaning |\n|---|---|---|---|---|---|\n"
        )
        parts.extend(
            f"| `{row['name']}` | {row['type']} | {row['unit']} | {row['range']} | {row['null']} "
            f"| {row['meaning']} |\n"
            for row in describe(name)
        )
    return "".join(parts)


def _described(column: pa.Column) -> dict[str, str]:
    return {
        "name": str(column.name),
        **_metadata(column),
        "range": ", ".join(_admissible(check.statistics) for check in column.checks),
        "null": "yes" if column.nullable else "",
        "meaning": str(column.description),
    }


def _metadata(column: pa.Column) -> dict[str, str]:
    return dict(column.metadata or {})


def _admissible(statistics: dict[str, Any]) -> str:
    """Say in words what a check admits."""
    if "allowed_values" in statistics:
        return ", ".join(statistics["allowed_values"])
    if "string" in statistics:
        return f"{statistics['string']}…"
    if "value" in statistics:
        return str(statistics["value"]).lower()
    low, high = (statistics.get(end) for end in ("min_value", "max_value"))
    return f"{low:g} … " + ("" if high is None else f"{high:g}")
