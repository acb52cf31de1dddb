"""Features: no future, no truth, no own price where it is the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import features, market, parameters
from bondx_lib.errors import BadInput
from bondx_lib.schema import LABELS, names


@pytest.fixture(scope="module")
def drawn():
    """A market of two worlds."""
    return market.simulate(parameters.default(), "test/features", bonds=60, worlds=2)


@pytest.fixture(scope="module")
def matrix(drawn):
    """Its features."""
    return features.build(drawn.panel)


def scrambled(panel: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Replace every number that may change in the given rows by another row's."""
    changed = panel.copy()
    fixed = {"world", "month", "date", "bond_id", "issuer_id", "issue_date", "synthetic"}
    free = [name for name in panel.columns if name not in fixed]
    order = np.random.default_rng(0).permutation(np.flatnonzero(rows))
    for name in free:
        values = changed[name].to_numpy(copy=True)
        values[rows] = values[order]
        changed[name] = pd.Series(values, index=changed.index, dtype=changed[name].dtype)
    return changed


def test_one_row_per_row_in_the_same_order(drawn, matrix):
    """Index, length, names and type are as promised."""
    assert matrix.index.equals(drawn.panel.index)
    assert tuple(matrix.columns) == features.FEATURES
    assert set(matrix.dtypes) == {np.dtype("float32")}
    assert len(set(features.FEATURES)) == len(features.FEATURES)


@pytest.mark.parametrize("month", [5, 12, 30])
def test_the_future_does_not_reach_the_past(drawn, matrix, month):
    """Whatever is changed after a month, the features up to it stay as they are."""
    later = (drawn.panel["month"] > month).to_numpy()
    changed = features.build(scrambled(drawn.panel, later))
    pd.testing.assert_frame_equal(changed[~later], matrix[~later])


def test_the_test_for_the_future_can_fail(drawn):
    """Negative control: a feature that looks ahead is noticed by the same comparison."""

    def peek(panel: pd.DataFrame) -> pd.Series:
        return panel.groupby("bond_id")["leverage"].shift(-1)

    later = (drawn.panel["month"] > 12).to_numpy()
    before, after = peek(drawn.panel)[~later], peek(scrambled(drawn.panel, later))[~later]
    assert not before.equals(after)


def test_labels_and_truth_do_not_matter(drawn, matrix):
    """Without labels the features are the same; truth columns are no input."""
    pd.testing.assert_frame_equal(features.build(drawn.panel.drop(columns=list(LABELS))), matrix)
    assert not set(features.INPUTS) & (set(names("truth")) - {"world", "bond_id", "date"})
    assert not set(features.FEATURES) & (set(names("truth")) | set(LABELS))


def test_the_row_order_does_not_matter(drawn, matrix):
    """Shuffled rows get the same features, but for which of two doubled rows is the repetition."""
    order = np.random.default_rng(1).permutation(len(drawn.panel))
    shuffled = features.build(drawn.panel.iloc[order]).sort_index()
    single = ~drawn.panel.duplicated(["world", "bond_id", "month"], keep=False)
    pd.testing.assert_frame_equal(shuffled[single], matrix[single])


def test_the_spread_model_does_not_see_its_answer(drawn, matrix):
    """Changing price, yield, spread and quotes leaves its columns alone."""
    quoted = ["spread_bps", "yield_pct", "clean_price", "bid_price", "ask_price", "duration_years",
              "convexity", "accrued_interest"]  # fmt: skip
    changed = drawn.panel.assign(**{name: drawn.panel[name] * 1.7 + 3 for name in quoted})
    columns = list(features.columns_for("spread"))
    pd.testing.assert_frame_equal(features.build(changed)[columns], matrix[columns])
    others = list(features.columns_for("downgrade"))
    assert not features.build(changed)[others].equals(matrix[others])


def test_lags_follow_the_calendar(drawn, matrix):
    """A change over six months is the value now less the value six months before."""
    panel = drawn.panel.drop_duplicates(["world", "issuer_id", "month"])
    keyed = panel.set_index(["world", "issuer_id", "month"])["leverage"]
    before = keyed.rename(lambda month: month + 6, level="month").reindex(keyed.index)
    expected = (keyed - before).to_numpy(np.float32)
    np.testing.assert_allclose(matrix.loc[panel.index, "leverage_6m"], expected, atol=1e-6)
    assert np.isnan(matrix.loc[(drawn.panel["month"] < 6).to_numpy(), "leverage_6m"]).all()


@pytest.mark.parametrize(
    ("kind", "check", "least"),
    [
        ("decimal_slip", "price_gap", 0.3), ("sign_flip", "spread_negative", 1.0),
        ("stale_quote", "stale_price", 1.0), ("swapped_bid_ask", "bid_ask_order", 1.0),
        ("duplicated_row", "repeated_row", 1.0), ("volume_unit", "volume_to_trades", 17.0),
    ],
)  # fmt: skip
def test_each_kind_of_damage_shows_in_its_check(kind, check, least):
    """Nearly every row damaged in a way fails the check made for it."""
    drawn = market.simulate(parameters.default(), "test/damage", bonds=150, worlds=4)
    hit = (drawn.truth["corruption_kind"] == kind).to_numpy(bool)
    shown = features.build(drawn.panel)[check].to_numpy()[hit] >= least
    assert hit.sum() > 5
    assert shown.mean() > 0.85


def test_tiny_and_incomplete_panels(drawn):
    """One row works, no row works, a missing column is named."""
    assert len(features.build(drawn.panel.iloc[:1])) == 1
    assert features.build(drawn.panel.iloc[:0]).shape == (0, len(features.FEATURES))
    with pytest.raises(BadInput, match="leverage: is missing"):
        features.build(drawn.panel.drop(columns="leverage"))
    with pytest.raises(BadInput, match="admissible: spread"):
        features.columns_for("default")


def test_every_feature_has_a_family():
    """The families cover all features once."""
    listed = [name for family in features.FAMILIES.values() for name in family]
    assert sorted(listed) == sorted(features.FEATURES)


def test_features_of_a_part_are_those_of_the_whole(drawn, matrix):
    """With the market's medians taken once, issuers can be built in any parts: equal to the bit."""
    medians = features.measure(drawn.panel)
    part = pd.factorize(drawn.panel["issuer_id"])[0] % 3
    built = pd.concat([features.build(drawn.panel[part == p], medians) for p in range(3)])
    pd.testing.assert_frame_equal(built.sort_index(), matrix)


def test_a_part_without_the_market_is_another_thing(drawn, matrix):
    """Negative control: medians of a part are not those of the whole."""
    half = pd.factorize(drawn.panel["issuer_id"])[0] % 2 == 0
    assert not features.build(drawn.panel[half]).equals(matrix[half])


def test_a_group_that_was_never_seen_has_no_median(drawn):
    """Peers nobody has met give a missing feature, not an error."""
    early = features.measure(drawn.panel[drawn.panel["month"] < 12])
    built = features.build(drawn.panel, early)
    late = (drawn.panel["month"] >= 12).to_numpy()
    assert built.loc[late, "leverage_to_peers"].isna().all()
    assert built.loc[~late, "leverage_to_peers"].notna().all()


def test_an_issuers_norm_is_its_mean_so_far(drawn, matrix):
    """Known answer: the value less the mean of all months up to it."""
    panel = drawn.panel.drop_duplicates(["world", "issuer_id", "month"])
    ordered = panel.sort_values("month")
    so_far = ordered.groupby(["world", "issuer_id"])["leverage"].transform(
        lambda values: values.expanding().mean()
    )
    expected = (ordered["leverage"] - so_far).reindex(panel.index).to_numpy(np.float32)
    np.testing.assert_allclose(matrix.loc[panel.index, "leverage_to_norm"], expected, atol=1e-5)
    seen = ordered.groupby(["world", "issuer_id"]).cumcount().reindex(panel.index) + 1
    np.testing.assert_array_equal(matrix.loc[panel.index, "months_seen"], seen)


def test_families_are_found_by_name():
    """A feature of the project has its family; another has none."""
    assert features.family_of("log_depth") == "liquidity"
    assert features.family_of("mine") == "other"


@pytest.mark.parametrize("months", [1, 3, 8])
def test_a_short_history_has_features_too(drawn, months):
    """Lags that reach behind the first month are missing, not an error."""
    short = drawn.panel[drawn.panel["month"] < months]
    built = features.build(short)
    assert len(built) == len(short)
    assert built["notches_12m"].isna().all()
