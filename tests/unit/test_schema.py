"""Tables are declared once and nothing can slip past the declaration."""

from __future__ import annotations

import pandas as pd
import pytest

from bondx_lib import market, parameters, schema
from bondx_lib.errors import BadInput


@pytest.fixture(scope="module")
def panel():
    """A small market's panel."""
    return market.simulate(parameters.default(), "test/schema", bonds=12).panel


def test_a_market_has_exactly_the_declared_columns(panel):
    """Names, order and types are those of the schema."""
    assert tuple(panel.columns) == schema.names("panel")
    pd.testing.assert_frame_equal(schema.conform(panel, "panel"), panel)


def test_unknown_missing_and_untypable_columns_are_refused(panel):
    """Each is an error that names the column."""
    with pytest.raises(BadInput, match=r"spread_bp: .*did you mean 'spread_bps'"):
        schema.conform(panel.rename(columns={"spread_bps": "spread_bp"}), "panel")
    with pytest.raises(BadInput, match="coupon_pct: the panel table lacks"):
        schema.conform(panel.drop(columns="coupon_pct"), "panel")
    with pytest.raises(BadInput, match="rating_number: cannot be read as int16"):
        schema.conform(panel.assign(rating_number="low"), "panel")


def test_range_violations_mark_the_cell(panel):
    """Out of range, unknown category and forbidden null are each seen, and nothing else."""
    damaged = panel.iloc[:4].copy()
    before = schema.range_violations(damaged)
    damaged["leverage"] = [9.0, 0.5, 0.5, 0.5]
    damaged["sector"] = ["Space", "Energy", "Energy", "Energy"]
    damaged["volume_usd"] = [1e6, None, 1e6, 1e6]
    marks = schema.range_violations(damaged)
    assert marks.to_numpy().sum() == before.to_numpy().sum() + 3
    assert marks.loc[damaged.index[0], ["leverage", "sector"]].all()
    assert marks.loc[damaged.index[1], "volume_usd"]


def test_letters_follow_the_agencies():
    """Every notch has a letter, CC and C count as CCC."""
    assert [schema.letter(r) for r in ("AAA", "AA-", "BBB+", "B", "CCC-", "CC", "C")] == [
        "AAA", "AA", "BBB", "B", "CCC", "CCC", "CCC"
    ]  # fmt: skip
    assert {schema.letter(r) for r in schema.RATINGS} == set(schema.LETTERS)


def test_data_dictionary_in_docs_is_the_generated_one():
    """The document in docs/ equals what the schema prints."""
    with open("docs/data_dictionary.md", encoding="utf-8") as file:
        assert file.read() == schema.data_dictionary()
