"""QuantLib, which shares no line with this project, reprices the bonds that a market draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import QuantLib as ql  # noqa: N813

from bondx_lib import market, parameters, pricing

BONDS = 400
WITHIN = 1e-6
# Our days accrued are 180 less the days left. That is 30E/360, in which the 31st is the 30th. The
# American rule counts the days accrued and takes the rest as left: on a 31st it is a day further.
DAYS = ql.Thirty360(ql.Thirty360.European)
AMERICAN = ql.Thirty360(ql.Thirty360.BondBasis)
FIGURES = ("clean_price", "accrued_interest", "duration_years", "convexity")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """One undamaged row of each bond of a market, at any of its dates."""
    drawn = market.simulate(parameters.default(), "test/quantlib", bonds=BONDS)
    clean = drawn.panel[~drawn.truth["corrupted"]]
    return clean.sample(frac=1, random_state=0).drop_duplicates("bond_id").reset_index(drop=True)


@pytest.fixture(scope="module")
def repriced(rows) -> pd.DataFrame:
    """What QuantLib makes of their terms and yields."""
    return reprice(rows)


def date(day: pd.Timestamp) -> ql.Date:
    """Return a date of QuantLib."""
    return ql.Date(day.day, day.month, day.year)


def reprice(rows: pd.DataFrame, days: ql.DayCounter = DAYS) -> pd.DataFrame:
    """Return the figures that QuantLib derives from dates, coupon and yield alone."""
    terms = ["coupon_pct", "issue_date", "maturity_date", "date", "yield_pct"]
    found = [figures(*row, days) for row in rows[terms].itertuples(index=False)]
    return pd.DataFrame(found, columns=list(FIGURES))


def figures(
    coupon: float,
    issued: pd.Timestamp,
    matures: pd.Timestamp,
    day: pd.Timestamp,
    yield_pct: float,
    days: ql.DayCounter,
) -> tuple[float, ...]:
    """Return clean price, accrued interest, modified duration and convexity of one bond."""
    schedule = ql.Schedule(
        date(issued), date(matures), ql.Period(ql.Semiannual), ql.NullCalendar(),
        ql.Unadjusted, ql.Unadjusted, ql.DateGeneration.Backward, False,
    )  # fmt: skip
    bond = ql.FixedRateBond(0, 100.0, schedule, [coupon / 100], days)
    law = ql.InterestRate(yield_pct / 100, days, ql.Compounded, ql.Semiannual)
    settled = date(day)
    return (
        ql.BondFunctions.cleanPrice(bond, law, settled),
        ql.BondFunctions.accruedAmount(bond, settled),
        ql.BondFunctions.duration(bond, law, ql.Duration.Modified, settled),
        ql.BondFunctions.convexity(bond, law, settled),
    )


def gaps(mine: pd.DataFrame, theirs: pd.DataFrame) -> pd.Series:
    """Return the largest difference of each figure; of convexity, which is large, the share."""
    scale = pd.Series({"convexity": theirs["convexity"]})
    return pd.Series(
        {
            name: float(((mine[name] - theirs[name]) / scale.get(name, 1.0)).abs().max())
            for name in FIGURES
        }
    )


def test_the_sample_is_large_and_various(rows):
    """Hundreds of bonds; short and long, above and below face, on 28th, 30th and 31st."""
    assert len(rows) >= 300
    assert rows["maturity_years"].min() < 1
    assert rows["maturity_years"].max() > 20
    assert rows["clean_price"].min() < 90
    assert rows["clean_price"].max() > 105
    assert {28, 30, 31} <= set(rows["date"].dt.day)


def test_quantlib_finds_the_same_figures(rows, repriced):
    """Clean price, accrued interest, modified duration and convexity of every bond agree."""
    assert (gaps(rows, repriced) < WITHIN).all(), gaps(rows, repriced)


def test_pricing_alone_agrees_too(rows, repriced):
    """The functions of the pricing module say what the panel says."""
    terms = (rows["coupon_pct"], rows["date"], rows["maturity_date"])
    duration, convexity = pricing.duration_and_convexity(rows["yield_pct"], *terms)
    mine = pd.DataFrame(
        {
            "clean_price": pricing.clean_price(rows["yield_pct"], *terms),
            "accrued_interest": pricing.accrued_interest(*terms),
            "duration_years": duration,
            "convexity": convexity,
        }
    )
    assert (gaps(mine, repriced) < WITHIN).all()


@pytest.mark.parametrize("name", FIGURES)
def test_a_changed_figure_is_noticed(rows, repriced, name):
    """Negative control: one bond's figure, wrong by 1e-4, is told from the others."""
    changed = rows.copy()
    scale = changed.loc[5, name] if name == "convexity" else 1.0
    changed.loc[5, name] += 1e-4 * scale
    wrong = gaps(changed, repriced) >= WITHIN
    assert wrong[wrong].index.tolist() == [name]


@pytest.mark.parametrize("term", ["coupon_pct", "yield_pct"])
def test_other_terms_are_noticed(rows, term):
    """Negative control: a coupon or yield wrong by a hundredth of a basis point shows in prices."""
    changed = rows.copy()
    changed[term] += 1e-4
    assert gaps(rows, reprice(changed))["clean_price"] > WITHIN


def test_the_american_rule_differs_on_the_31st_only(rows):
    """There it accrues one day more and discounts one day less; elsewhere all figures agree."""
    american = reprice(rows, AMERICAN)
    last = (rows["date"].dt.day == 31).to_numpy()
    assert (gaps(rows[~last], american[~last]) < WITHIN).all()
    more = american["accrued_interest"] - rows["accrued_interest"]
    np.testing.assert_allclose(more[last], rows["coupon_pct"][last] / 360, atol=WITHIN)
    dirty = american["clean_price"] + american["accrued_interest"]
    later = (1 + rows["yield_pct"] / 200) ** (1 / 180)
    mine = rows["clean_price"] + rows["accrued_interest"]
    np.testing.assert_allclose(dirty[last], (mine * later)[last], atol=WITHIN)
