"""Tables are declared once and nothing can slip past the declaration."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
import pytest

from bondx_lib import market, parameters, schema
from bondx_lib.errors import BadInput


@pytest.fixture(scope="module")
def drawn():
    """A small market with its truth."""
    return market.simulate(parameters.default(), "test/schema", bonds=30, worlds=2)


@pytest.fixture(scope="module")
def panel(drawn):
    """Its panel."""
    return drawn.panel


@pytest.fixture(scope="module")
def clean(drawn):
    """The rows of the panel that were not damaged."""
    return drawn.panel[~drawn.truth["corrupted"]]


def test_a_market_has_exactly_the_declared_columns(drawn):
    """Names, order and types are those of the schema."""
    for table, frame in (("panel", drawn.panel), ("truth", drawn.truth)):
        assert tuple(frame.columns) == schema.names(table)
        assert schema.conform(frame, table).equals(frame)


def test_a_market_is_valid(drawn, clean):
    """Pandera finds nothing wrong with the truth or the undamaged rows of the panel."""
    schema.TABLES["panel"].validate(clean, lazy=True)
    schema.TABLES["truth"].validate(drawn.truth, lazy=True)
    assert schema.violations(clean).empty
    assert schema.violations(drawn.truth, "truth").empty


def test_damage_is_noticed(drawn):
    """Negative control: of the damaged rows some are out of range, and no others are."""
    rows = schema.violations(drawn.panel)["row"].unique()
    assert len(rows) > 0
    assert drawn.truth["corrupted"].iloc[rows].all()


def test_every_column_says_what_it_is():
    """Each has a type, a meaning, and if it is a number a unit or a range."""
    for table in schema.TABLES:
        for column in schema.describe(table):
            assert column["type"], column
            assert column["meaning"], column
            if column["type"] == "float64":
                assert column["unit"] or column["range"], column


def test_unknown_missing_and_untypable_columns_are_refused(panel):
    """Each is an error that names the column."""
    with pytest.raises(BadInput, match=r"spread_bp: .*did you mean 'spread_bps'"):
        schema.conform(panel.rename(columns={"spread_bps": "spread_bp"}), "panel")
    with pytest.raises(BadInput, match="coupon_pct: the panel table lacks"):
        schema.conform(panel.drop(columns="coupon_pct"), "panel")
    with pytest.raises(BadInput, match="rating_number: cannot be read as int16"):
        schema.conform(panel.assign(rating_number="low"), "panel")


@pytest.mark.parametrize(
    ("change", "column", "check"),
    [
        (lambda rows: rows.drop(columns="leverage"), "leverage", "column_in_dataframe"),
        (lambda rows: rows.assign(profit=1.0), "profit", "column_in_schema"),
        (lambda rows: rows.assign(world=rows["world"].astype(float)), "world", "dtype('int32')"),
        (lambda rows: rows.assign(callable=1.0), "callable", "dtype('bool')"),
    ],
)
def test_a_wrong_column_is_found(clean, change, column, check):
    """Missing, unknown or of another type: the column and the check are named, and no row."""
    found = schema.violations(change(clean))
    assert found["column"].tolist() == [column]
    assert found["check"].tolist() == [check]
    assert found["row"].isna().all()
    with pytest.raises(pa.errors.SchemaErrors, match=column):
        schema.TABLES["panel"].validate(change(clean), lazy=True)


def test_a_wrong_order_is_found(clean):
    """Two columns that changed places are both named."""
    order = list(clean.columns)
    order[3], order[4] = order[4], order[3]
    found = schema.violations(clean[order])
    assert set(found["column"]) == {order[3], order[4]}
    assert set(found["check"]) == {"column_ordered"}


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("volume_usd", None, "not_nullable"),
        ("issue_date", None, "not_nullable"),
        ("leverage", 3.001, "in_range(0, 3)"),
        ("news_sentiment", -1.001, "in_range(-1, 1)"),
        ("convexity", float("inf"), "in_range(0, 3000)"),
        ("world", -1, "greater_than_or_equal_to(0)"),
        ("rating_number", 22, "in_range(1, 21)"),
        ("regime_observed", "boom", f"isin({schema.REGIMES})"),
        ("bond_id", "US0378331005", "str_startswith('XZ')"),
        ("synthetic", False, "equal_to(True)"),
    ],
)
def test_a_wrong_cell_is_found(clean, column, value, check):
    """A forbidden null, a number out of range, an inadmissible value: that cell, nothing else."""
    damaged = clean.reset_index(drop=True)
    damaged.loc[7, column] = value
    found = schema.violations(damaged)
    assert found[["column", "check", "row"]].to_numpy().tolist() == [[column, check, 7]]
    marks = schema.range_violations(damaged)
    assert marks.loc[7, column]
    assert marks.to_numpy().sum() == 1


def test_all_departures_are_found_at_once(clean):
    """One call lists several departures of several kinds, each where it is."""
    damaged = clean.drop(columns="depth_usd").assign(world=clean["world"].astype("int64"))
    damaged.iloc[2, damaged.columns.get_loc("leverage")] = 9.0
    damaged.iloc[4, damaged.columns.get_loc("sector")] = "Space"
    found = schema.violations(damaged).set_index("column")["row"]
    assert set(found.index) == {"depth_usd", "world", "leverage", "sector"}
    assert found["leverage"] == 2
    assert found["sector"] == 4


def test_the_ends_of_a_range_belong_to_it(clean):
    """A value on the edge is admissible, and a null where nulls are."""
    edge = clean.head(3).assign(leverage=[0.0, 3.0, 1.0], downgrade_12m=[0.0, 1.0, None])
    assert schema.violations(edge).empty


def test_cells_are_marked_where_the_index_repeats(clean):
    """Marks go by position: two rows of one name are told apart."""
    rows = clean.iloc[[0, 1, 2]].set_axis([5, 5, 6])
    rows["leverage"] = [0.5, 9.0, 0.5]
    marks = schema.range_violations(rows[["date", "leverage"]])
    assert marks.columns.tolist() == ["date", "leverage"]
    assert marks["leverage"].tolist() == [False, True, False]
    assert marks.index.equals(rows.index)


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


def test_the_worked_example_declares_a_column():
    """The declaration that docs/schema.md shows is one, and checks what the page says."""
    with open("docs/schema.md", encoding="utf-8") as file:
        (shown,) = (line for line in file if '_number("turnover_pct"' in line)
    (column,) = eval(shown.strip(), {"_number": schema._number})
    table = pa.DataFrameSchema({column.name: column})
    table.validate(pd.DataFrame({"turnover_pct": [0.0, 50.0]}))
    with pytest.raises(pa.errors.SchemaError, match="turnover_pct"):
        table.validate(pd.DataFrame({"turnover_pct": [-1.0]}))
