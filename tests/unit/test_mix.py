"""Steered draws: the same issuers, more of some segments, and weights that undo it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bondx_lib import market, parameters
from bondx_lib.errors import BadInput
from bondx_lib.market import simulation
from bondx_lib.market.issuers import BURN_IN
from bondx_lib.market.mix import MOST, SEGMENTS, Mix
from bondx_lib.schema import LETTERS, RATINGS, SECTORS, letter

DEFAULT = parameters.default()
STEERED = Mix({"rating=CCC": 3.0, "sector=Energy": 2.0})
WORLDS = 80


def letters(panel: pd.DataFrame) -> pd.Series:
    """Return the letter of each row's issuer in the first month it is seen."""
    first = panel.groupby("issuer_id")["rating"].first()
    return panel["issuer_id"].map(first.map(lambda rating: letter(str(rating))))


@pytest.fixture(scope="module")
def pair():
    """Many small draws of the same streams, plain and steered."""
    return [
        market.simulate(DEFAULT, "test/mix", bonds=40, worlds=WORLDS, mix=mix)
        for mix in (None, STEERED)
    ]


@pytest.fixture(scope="module")
def firms():
    """A block of seats."""
    return simulation.world_of(DEFAULT, "test/seats").issuers(0)


def test_factors_multiply_and_the_largest_product_is_always_kept(firms):
    """A seat of CCC in Energy is kept for certain, others by their factor over six."""
    chance = STEERED.inclusion(firms)
    rating = firms.rating[BURN_IN]
    rated = (rating >= 1) & (rating <= 21)
    worst = rated & (rating > RATINGS.index("B-") + 1)
    energy = firms.sector == SECTORS.index("Energy")
    expected = np.where(worst, 3.0, 1.0) * np.where(energy, 2.0, 1.0) / 6.0
    np.testing.assert_allclose(chance, expected)
    assert STEERED.largest == 6.0
    assert len(set(expected)) == 4


def test_a_seat_without_a_rating_has_no_letter(firms):
    """An empty seat is drawn as seats of no named letter are."""
    rating = firms.rating.copy()
    rating[BURN_IN, :2] = (0, 22)
    empty = replace(firms, rating=rating)
    both = Mix({"rating=AAA": 4.0, "rating=CCC": 4.0}).inclusion(empty)
    np.testing.assert_array_equal(both[:2], 0.25)


def test_no_mix_and_an_empty_mix_are_the_plain_draw():
    """The same rows, and every weight exactly one."""
    plain = market.simulate(DEFAULT, "test/empty", bonds=30, worlds=2)
    empty = market.simulate(DEFAULT, "test/empty", bonds=30, worlds=2, mix=Mix())
    pd.testing.assert_frame_equal(plain.panel, empty.panel)
    pd.testing.assert_frame_equal(plain.truth, empty.truth)
    for drawn in (plain, empty):
        assert (drawn.weights == 1.0).all()
        assert drawn.weights.index.equals(drawn.panel.index)


def test_the_same_draw_twice_is_the_same():
    """Rows, truth and weights are a function of stream and mix."""
    first, again = (
        market.simulate(DEFAULT, "test/twice", bonds=40, mix=Mix(dict(factors)))
        for factors in (STEERED.factors, reversed(STEERED.factors.items()))
    )
    pd.testing.assert_frame_equal(first.panel, again.panel)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    pd.testing.assert_series_equal(first.weights, again.weights)


def test_kept_issuers_have_the_rows_of_a_plain_draw():
    """Steering says who is there, not what they are."""
    steered = market.simulate(DEFAULT, "test/kept", bonds=60, truth="full", mix=STEERED)
    plain = market.simulate(DEFAULT, "test/kept", bonds=1500, truth="full")
    assert set(steered.panel["bond_id"]) < set(plain.panel["bond_id"])
    own = plain.panel["bond_id"].isin(steered.panel["bond_id"]).to_numpy()
    for one, other in ((steered.panel, plain.panel), (steered.truth, plain.truth)):
        expected = other[own].reset_index(drop=True)
        if "row" in expected:
            expected["row"] = one["row"]
        pd.testing.assert_frame_equal(one, expected)


def test_every_world_has_as_many_bonds_as_asked_for(pair):
    """A steered draw has the size of a plain one, and one positive weight an issuer."""
    for drawn in pair:
        by_world = drawn.panel.groupby("world")["bond_id"].nunique()
        # A bond counts though it never comes to the market within the months.
        assert (by_world <= 40).all()
        assert by_world.mean() > 30
        assert len(drawn.weights) == len(drawn.panel)
    steered = pair[1]
    assert (steered.weights > 0).all()
    spread = steered.weights.groupby(steered.panel["issuer_id"].to_numpy()).nunique()
    assert (spread == 1).all()


def test_weights_are_in_proportion_to_one_over_the_factor():
    """Within a world two issuers' weights differ by their factors alone."""
    drawn = market.simulate(DEFAULT, "test/ratio", bonds=400, mix=STEERED)
    first = drawn.panel["month"].to_numpy() == 0
    panel, weights = drawn.panel[first], drawn.weights[first]
    factor = np.where(letters(panel) == "CCC", 3.0, 1.0)
    factor *= np.where(panel["sector"] == "Energy", 2.0, 1.0)
    scaled = (weights * factor).to_numpy()
    assert len(set(factor)) == 4
    np.testing.assert_allclose(scaled, scaled[0])


def shares(drawn: market.Market, weight: pd.Series, segment: np.ndarray) -> np.ndarray:
    """Return by world the weighted rows of a segment over a plain draw's mean rows a world."""
    by_world = (weight * segment).groupby(drawn.panel["world"].to_numpy()).sum()
    return by_world.reindex(range(WORLDS), fill_value=0.0).to_numpy()


@pytest.mark.parametrize(
    "segment", ["rating=CCC", "sector=Energy", "rating=BBB", "sector=Technology"]
)
def test_weights_undo_the_steering(pair, segment):
    """Weighted numbers of rows are those of plain draws, within four standard errors."""
    by, name = segment.split("=")
    sums = []
    for drawn in pair:
        here = letters(drawn.panel) if by == "rating" else drawn.panel["sector"]
        sums.append(shares(drawn, drawn.weights, (here == name).to_numpy()))
    gap = sums[1] - sums[0]
    error = gap.std(ddof=1) / np.sqrt(WORLDS)
    assert abs(gap.mean()) < 4 * error
    assert error < 0.35 * sums[0].mean(), "the draw can tell"


def test_a_steered_segment_is_more_frequent_by_about_its_factor(pair):
    """Against the rest, odds of CCC are three times and of Energy twice as high."""
    odds = []
    for drawn in pair:
        ccc, energy = letters(drawn.panel) == "CCC", drawn.panel["sector"] == "Energy"
        odds.append([part.mean() / (1 - part.mean()) for part in (ccc, energy)])
    ratio = np.array(odds[1]) / np.array(odds[0])
    assert 2.0 < ratio[0] < 4.5
    assert 1.4 < ratio[1] < 2.8


def test_segments_are_the_sectors_and_letters():
    """Every sector and every letter can be steered, up to the greatest factor."""
    assert len(SEGMENTS) == len(SECTORS) + len(LETTERS)
    for segment in SEGMENTS:
        assert Mix({segment: MOST}).largest == MOST
    assert Mix().largest == 1.0


@pytest.mark.parametrize("factor", [0.5, 0, -1, MOST + 1, float("nan"), float("inf"), True, "2"])
def test_a_factor_out_of_range_is_refused(factor):
    """The error names the segment and what may stand there."""
    with pytest.raises(BadInput, match="rating=BB") as caught:
        Mix({"rating=BB": factor})
    assert caught.value.key == "rating=BB"
    assert "1 to 10" in caught.value.admissible


def test_an_unknown_segment_is_refused_with_the_nearest():
    """A misspelt sector is told the right one."""
    with pytest.raises(BadInput) as caught:
        Mix({"sector=Energie": 2.0})
    assert caught.value.nearest == "sector=Energy"
    with pytest.raises(BadInput):
        Mix({"rating=BBB-": 2.0})
