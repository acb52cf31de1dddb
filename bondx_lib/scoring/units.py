"""Find columns that a whole file gives in another unit, from medians and inner consistency.

Each column is held against a reference: what other columns of the row say it should be, or what is
usual. The median of the ratio is 1, give or take the market; a column in per cent instead of basis
points has one near 1/100. In logarithms a ratio must have gone most of the way to another unit
before a file is refused, so neither a market in trouble nor damaged rows do that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib import pricing, schema
from bondx_lib.errors import BadInput

Floats = NDArray[np.float64]
Reference = Callable[[pd.DataFrame], "Floats | float"]

SHARE_OF_THE_WAY: Final = 0.65
LEAST_YIELD_PCT: Final = 0.2
LEAST_SPREAD_BPS: Final = 25.0
LEAST_COUPON_PCT: Final = 0.3
LEAST_COUPON_WEIGHT: Final = 0.5
LEAST_YEARS: Final = 0.25
"""References below these are mostly noise, and say nothing of a unit."""

PER_CENT_OF_FRACTION: Final = {100.0: "per cent"}
FRACTION_OF_PER_CENT: Final = {1e-2: "a fraction"}
OF_POINTS: Final = {1e-2: "per cent", 1e-4: "a fraction"}
OF_FACE: Final = {1e-2: "per 1 of face"}
OF_DOLLARS: Final = {1e-3: "thousands of USD", 1e-6: "millions of USD"}
OF_YEARS: Final = {12.0: "months", 360.0: "days"}


def _usual(value: float) -> Reference:
    return lambda rows: value


def _risk_free_pct(rows: pd.DataFrame) -> Floats:
    """Return the risk-free yield at each remaining maturity, flat beyond two and ten years."""
    years = np.clip(rows["maturity_years"].to_numpy(float), 2, 10)
    two, five, ten = (rows[f"treasury_{n}y_pct"].to_numpy(float) for n in (2, 5, 10))
    early, late = two + (five - two) * (years - 2) / 3, five + (ten - five) * (years - 5) / 5
    return np.asarray(np.where(years < 5, early, late))


def _yield_pct(rows: pd.DataFrame) -> Floats:
    return _above(_risk_free_pct(rows) + rows["spread_bps"].to_numpy(float) / 100, LEAST_YIELD_PCT)


def _spread_bps(rows: pd.DataFrame) -> Floats:
    own = 100 * (rows["yield_pct"].to_numpy(float) - _risk_free_pct(rows))
    return _above(own, LEAST_SPREAD_BPS)


def _priced(rows: pd.DataFrame, coupon_pct: Floats) -> Floats:
    with np.errstate(all="ignore"):
        return pricing.clean_price(
            rows["yield_pct"].to_numpy(float), coupon_pct, rows["date"].to_numpy(),
            rows["maturity_date"].to_numpy(),
        )  # fmt: skip


def _price(rows: pd.DataFrame) -> Floats:
    return _priced(rows, rows["coupon_pct"].to_numpy(float))


def _coupon_pct(rows: pd.DataFrame) -> Floats:
    """Return the coupon that yield and price agree on."""
    bare = _priced(rows, np.zeros(len(rows)))
    weight = _above(_priced(rows, np.ones(len(rows))) - bare, LEAST_COUPON_WEIGHT)
    return _above((rows["clean_price"].to_numpy(float) - bare) / weight, LEAST_COUPON_PCT)


def _bid_ask_bps(rows: pd.DataFrame) -> Floats:
    bid, ask = rows["bid_price"].to_numpy(float), rows["ask_price"].to_numpy(float)
    with np.errstate(all="ignore"):
        return np.asarray(2e4 * (ask - bid) / (ask + bid))


def _traded_usd(rows: pd.DataFrame) -> Floats:
    """Return what usual trades, as many as there were, would come to."""
    return 3.5e5 * rows["trade_count"].to_numpy(float)


def _years_left(rows: pd.DataFrame) -> Floats:
    return _above(pricing.years_30_360(rows["date"], rows["maturity_date"]), LEAST_YEARS)


def _years_old(rows: pd.DataFrame) -> Floats:
    return _above(pricing.years_30_360(rows["issue_date"], rows["date"]), LEAST_YEARS)


def _above(values: Floats, least: float) -> Floats:
    return np.where(values >= least, values, np.nan)


@dataclass(frozen=True)
class Unit:
    """How to tell that a column is in another unit.

    Attributes
    ----------
    column, reference
        The column, and about what its size should be, NaN where nobody can tell.
    others
        Other units by their ratio to the right one.
    leans_on
        Columns that the reference is made of; if one of them is wrong, it says nothing.
    """

    column: str
    reference: Reference
    others: Mapping[float, str]
    leans_on: tuple[str, ...] = field(default=())


UNITS: Final = (
    Unit("treasury_10y_pct", _usual(4.0), FRACTION_OF_PER_CENT),
    Unit("equity_index_volatility", _usual(20.0), FRACTION_OF_PER_CENT),
    Unit("market_spread_bps", _usual(200.0), OF_POINTS),
    Unit("leverage", _usual(0.4), PER_CENT_OF_FRACTION),
    Unit("equity_volatility", _usual(0.3), PER_CENT_OF_FRACTION),
    Unit("equity_return_3m", _usual(0.1), PER_CENT_OF_FRACTION),
    Unit("size_log_assets", _usual(22.0), {1e9: "USD instead of their logarithm"}),
    Unit("zero_trading_days_pct", _usual(50.0), FRACTION_OF_PER_CENT),
    Unit("amount_outstanding_usd", _usual(4e8), OF_DOLLARS),
    Unit("depth_usd", _usual(9e5), OF_DOLLARS),
    Unit("volume_usd", _traded_usd, OF_DOLLARS),
    Unit("maturity_years", _years_left, OF_YEARS),
    Unit("age_years", _years_old, OF_YEARS),
    Unit("yield_pct", _yield_pct, FRACTION_OF_PER_CENT, ("treasury_10y_pct",)),
    Unit("spread_bps", _spread_bps, OF_POINTS, ("yield_pct", "treasury_10y_pct")),
    *(
        Unit(name, _price, OF_FACE, ("yield_pct",))
        for name in ("clean_price", "bid_price", "ask_price")
    ),
    Unit("bid_ask_bps", _bid_ask_bps, OF_POINTS, ("bid_price", "ask_price")),
    Unit("coupon_pct", _coupon_pct, FRACTION_OF_PER_CENT, ("yield_pct", "clean_price")),
)
COLUMNS: Final = tuple(
    dict.fromkeys(
        [unit.column for unit in UNITS]
        + ["date", "issue_date", "maturity_date", "treasury_2y_pct", "treasury_5y_pct"]
        + ["trade_count"]
    )
)
"""All that the checks look at."""


@dataclass(frozen=True)
class WrongUnit:
    """A column in another unit: its median, the unit expected, and the one it seems to be in."""

    column: str
    median: float
    expected: str
    likely: str

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.column}: the median is {self.median:.3g}, which looks like {self.likely}; "
            f"expected: {self.expected}"
        )


def find(rows: pd.DataFrame) -> list[WrongUnit]:
    """Return the columns that are in another unit than the panel's.

    Parameters
    ----------
    rows
        With :data:`COLUMNS`; a sample of a file's rows will do.
    """
    found: dict[str, WrongUnit] = {}
    for unit in UNITS:
        if found.keys().isdisjoint(unit.leans_on):
            likely = _likely(unit, rows)
            if likely is not None:
                median = float(np.nanmedian(rows[unit.column].to_numpy(float)))
                expected = EXPECTED[unit.column]
                found[unit.column] = WrongUnit(unit.column, median, expected, likely)
    return list(found.values())


def refuse(found: list[WrongUnit], source: str) -> None:
    """Raise if a column is in another unit.

    Raises
    ------
    BadInput
        Naming every such column, its median, the unit expected and the one it seems to be in.
    """
    if found:
        lines = [f"  {wrong}" for wrong in found]
        said = "1 column is" if len(found) == 1 else f"{len(found)} columns are"
        text = "\n".join([f"{said} in another unit; nothing was written", *lines])
        raise BadInput(text, source=source)


def _likely(unit: Unit, rows: pd.DataFrame) -> str | None:
    """Return the other unit that a column seems to be in, None if it seems right."""
    with np.errstate(all="ignore"):
        ratios = np.abs(rows[unit.column].to_numpy(float)) / np.abs(unit.reference(rows))
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    if len(ratios) == 0:
        return None
    way = np.log(float(np.median(ratios)))
    near = [
        (abs(way - np.log(ratio)), word)
        for ratio, word in unit.others.items()
        if way / np.log(ratio) >= SHARE_OF_THE_WAY
    ]
    return min(near)[1] if near else None


EXPECTED: Final = {row["name"]: row["unit"] for row in schema.describe("panel")}
