"""The frozen reference: distances with known answers, how it is made, and that it is not stale."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bondx_lib import cli, gates, market, parameters
from bondx_lib.gates import distances, reference
from bondx_lib.gates.base import Extent
from bondx_lib.gates.distances import Grid
from bondx_lib.gates.part import Part
from bondx_lib.market import realism

CHOSEN = parameters.default()
EDGES = stats.norm.ppf(np.arange(1, 100) / 100)
NORMAL = Grid(EDGES, np.append(np.full(100, 0.01), 0.0))


def shifted(by: float = 0.0, times: float = 1.0, missing: float = 0.0) -> np.ndarray:
    """Return the shares by bin of a normal column that is moved and stretched."""
    up_to = stats.norm.cdf((EDGES - by) / times)
    return np.append((1 - missing) * np.diff(up_to, prepend=0, append=1), missing)


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """An ordinary variation."""
    return market.simulate(CHOSEN, "test/reference").panel


def extent(bonds: int, months: int, scenario: str = "baseline") -> Extent:
    """Return the extent of so many bonds, one row each month."""
    return Extent(bonds=bonds, first=0, last=months - 1, scenario=scenario)


def test_identical_shares_have_no_distance():
    """All statistics are 0 where a column is distributed as the reference is."""
    for measure in (distances.psi, distances.kolmogorov_smirnov, distances.wasserstein,
                    distances.tails, distances.category_mix):  # fmt: skip
        assert measure(NORMAL.shares, NORMAL) == pytest.approx(0, abs=1e-12)


def test_psi_of_disjoint_shares_is_large_and_of_known_ones_known():
    """All in one decile: 0.9 ln 10 and nine times what an empty one adds."""
    one = np.append(np.full(100, 0.0), 0.0)
    one[:10] = 0.1
    empty = distances.LEAST_SHARE
    expected = 0.9 * np.log(10) + 9 * (empty - 0.1) * np.log(empty / 0.1)
    assert distances.psi(one, NORMAL) == pytest.approx(expected)
    assert distances.psi(one, NORMAL) > 5


def test_psi_notices_gaps():
    """Half the values missing: the eleventh group holds them."""
    empty = distances.LEAST_SHARE
    expected = 10 * (0.05 - 0.1) * np.log(0.5) + (0.5 - empty) * np.log(0.5 / empty)
    assert distances.psi(shifted(missing=0.5), NORMAL) == pytest.approx(expected)
    assert distances.kolmogorov_smirnov(shifted(missing=0.5), NORMAL) == pytest.approx(0)


@pytest.mark.parametrize("shift", [0.1, -0.5, 1.0])
def test_kolmogorov_smirnov_of_a_shifted_normal(shift):
    """It is 2 Φ(|δ|/2) − 1, but for the grid."""
    found = distances.kolmogorov_smirnov(shifted(shift), NORMAL)
    assert found == pytest.approx(2 * stats.norm.cdf(abs(shift) / 2) - 1, abs=1e-3)


@pytest.mark.parametrize("shift", [0.1, -0.5, 1.0])
def test_wasserstein_of_a_shifted_normal(shift):
    """It is |δ| over the interquartile range, less what lies beyond the outer percentiles."""
    found = distances.wasserstein(shifted(shift), NORMAL)
    assert NORMAL.middle_half == pytest.approx(2 * stats.norm.ppf(0.75), rel=1e-3)
    assert 0.9 * abs(shift) / NORMAL.middle_half < found < abs(shift) / NORMAL.middle_half


def test_tails_of_a_stretched_normal():
    """Twice as wide: Φ(z₀.₀₁ / 2) on each side, less one percent; narrower: none."""
    expected = 100 * (stats.norm.cdf(EDGES[0] / 2) - 0.01)
    assert distances.tails(shifted(times=2.0), NORMAL) == pytest.approx(expected)
    assert distances.tails(shifted(times=0.5), NORMAL) == 0


def test_a_point_where_many_rows_stand_is_no_tail():
    """A side that holds a tenth of the reference is left out; without sides there is nothing."""
    heaped = Grid(np.array([0.0, 1.0]), np.array([0.1, 0.89, 0.01, 0.0]))
    assert distances.tails(np.array([0.5, 0.49, 0.01, 0.0]), heaped) == 0
    assert distances.tails(np.array([0.1, 0.88, 0.02, 0.0]), heaped) == pytest.approx(1)
    assert np.isnan(distances.tails(heaped.shares, Grid(heaped.edges, np.full(4, 0.25))))


def test_category_mix_is_the_total_variation():
    """A fifth of the rows has another word: 20 %."""
    grid = Grid(np.empty(0), np.array([0.5, 0.3, 0.2, 0.0]))
    assert distances.category_mix(np.array([0.3, 0.5, 0.2, 0.0]), grid) == pytest.approx(20)


def test_distances_without_values_are_not_defined():
    """All missing: no distribution function, so no statistic but the index of gaps."""
    gone = np.append(np.zeros(100), 1.0)
    assert np.isnan(distances.kolmogorov_smirnov(gone, NORMAL))
    assert np.isnan(distances.wasserstein(gone, NORMAL))
    assert np.isnan(distances.tails(gone, NORMAL))
    assert distances.psi(gone, NORMAL) > 1


def test_logarithms_put_what_is_not_positive_below_all(panel):
    """Zero, a negative spread and −∞ lie lowest; missing stays missing; +∞ lies highest."""
    rows = panel.iloc[:5].assign(volume_usd=[0.0, -1.0, np.nan, np.inf, np.e])
    found = distances.values(Part(rows.assign(bond_id=list("abcde"))), "volume_usd")
    assert found is not None
    np.testing.assert_array_equal(found, [-np.inf, -np.inf, np.nan, np.inf, 1.0])
    bins = distances.places(Part(rows.assign(bond_id=list("abcde"))), "volume_usd", NORMAL)
    assert bins is not None
    assert bins.tolist() == [0, 0, 100, 99, np.searchsorted(EDGES, 1.0)]


def test_words_that_are_not_known_count_as_other(panel):
    """Null, a strange word and a strange grade are the last word."""
    rows = panel.iloc[:4].assign(
        bond_id=list("abcd"), rating=["AA-", "Baa1", None, "CC"],
        callable=pd.array([True, None, False, True], dtype="boolean"),
    )  # fmt: skip
    part = Part(rows)
    assert distances.words(part, "rating") == pytest.approx([1, 7, 7, 6])
    assert distances.words(part, "callable") == pytest.approx([1, 2, 0, 1])
    assert distances.words(Part(rows.drop(columns="sector")), "sector") is None


def test_counts_follow_the_weights(panel):
    """A row of weight two counts as if it stood there twice."""
    part = panel.iloc[:300]
    twice = pd.concat([part, part.iloc[:100]])
    weighted = part.assign(weight=np.where(np.arange(300) < 100, 2.0, 1.0))
    grids = reference.grids()
    first = distances.counted(Part(twice), ["yield_pct", "rating"], grids)
    second = distances.counted(Part(weighted), ["yield_pct", "rating"], grids)
    for name in first:
        np.testing.assert_allclose(first[name].share, second[name].share)


def test_cell_is_the_largest_not_above():
    """Bonds and months are rounded down; what is too small has no cell."""

    def cell(bonds: int, months: int) -> tuple[int, int] | None:
        null = reference.null("psi", extent(bonds, months))
        return None if null is None else (null.bonds, null.months)

    assert cell(30, 24) == (30, 24)
    assert cell(149, 35) == (100, 24)
    assert cell(150, 36) == (150, 36)
    assert cell(10**6, 600) == (1500, 60)
    assert cell(29, 36) is None
    assert cell(150, 23) is None


def test_cell_follows_the_effective_number_of_bonds():
    """Steered rows of unequal weight tell as little as fewer bonds."""
    even = replace(extent(150, 36), rows=100, weight=100.0, weight_squares=100.0)
    uneven = replace(even, weight_squares=200.0)
    assert even.effective_bonds == pytest.approx(150)
    null = reference.null("psi", even)
    assert null is not None
    assert null.bonds == 150
    null = reference.null("psi", uneven)
    assert null is not None
    assert null.bonds == 30


def test_a_scenario_raises_critical_values():
    """None falls below the baseline's, a combination takes the larger, an unknown word nothing."""
    usual, one, other, both, strange = (
        reference.null("wasserstein", extent(150, 36, name))
        for name in ("baseline", "recession", "rate_shock", "recession+rate_shock", "boom")
    )
    assert usual is not None
    assert one is not None
    assert other is not None
    assert both is not None
    assert strange == usual
    for name, value in usual.critical.items():
        assert value <= one.critical[name]
        assert both.critical[name] == max(one.critical[name], other.critical[name])
    assert one.critical != usual.critical


def test_a_scenario_does_not_average_out():
    """With more bonds its critical values fall no lower than where they were measured."""
    small = reference.null("wasserstein", extent(150, 36, "recession"))
    large = reference.null("wasserstein", extent(1500, 36, "recession"))
    clean = reference.null("wasserstein", extent(1500, 36))
    assert small is not None
    assert large is not None
    assert clean is not None
    raised = {name for name, value in large.critical.items() if value > clean.critical[name]}
    assert raised
    assert all(large.critical[name] >= 0.999 * small.critical[name] for name in raised)


def test_reference_is_not_out_of_date():
    """Facts and constants are still those that it was made with."""
    assert not reference.out_of_date(), "run `make reference`"


def test_reference_goes_out_of_date(monkeypatch):
    """Negative control: other constants make it stale."""
    monkeypatch.setattr(realism, "digest", lambda: "another")
    assert reference.out_of_date()


def test_stored_file_is_whole_and_small():
    """Every column, cell and scenario; fewer than 400 kB; percentiles ascend, shares add up."""
    path = Path(reference.__file__).with_name(reference.FILE_NAME)
    assert path.stat().st_size < 400_000
    assert reference.digest() == hashlib.sha256(path.read_bytes()).hexdigest()
    document = reference.stored()
    assert set(document["columns"]) == {*distances.NUMERIC, *distances.CATEGORIES}
    assert len(document["cells"]) == len(reference.BONDS) * len(reference.MONTHS)
    assert set(document["scenarios"]) == set(reference.SCENARIOS[1:])
    for grid in reference.grids().values():
        assert (np.diff(grid.edges) > 0).all()
        assert grid.shares.sum() == pytest.approx(1, abs=1e-3)
        assert len(grid.shares) == len(grid.edges) + 2 or not len(grid.edges)


def test_digest_is_among_the_thresholds():
    """Another reference is another digest of the gates."""
    assert gates.QualityGateManager(CHOSEN).table()["reference"] == reference.digest()


@pytest.fixture(scope="module")
def made() -> dict[str, object]:
    """A reference of very few draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "BONDS", (30, 150))
        patch.setattr(reference, "MONTHS", (36,))
        return reference.make(pool_worlds=3, draws=4, draws_large=2)


def test_making_does_not_depend_on_workers(made, monkeypatch):
    """Two processes give the same bytes, from small pieces too."""
    monkeypatch.setattr(reference, "BONDS", (30, 150))
    monkeypatch.setattr(reference, "MONTHS", (36,))
    monkeypatch.setattr(reference, "CHUNK", 3)
    again = reference.make(workers=2, pool_worlds=3, draws=4, draws_large=2)
    assert json.dumps(again) == json.dumps(made)


def test_command_writes_what_was_made(made, tmp_path, monkeypatch, capsys):
    """The file is where the package reads it, and is what was made."""
    monkeypatch.setattr(reference, "__file__", str(tmp_path / "reference.py"))
    monkeypatch.setattr(reference, "make", lambda **named: made)
    assert cli.main(["reference"]) == 0
    path = tmp_path / reference.FILE_NAME
    assert str(path) in capsys.readouterr().out
    assert json.loads(path.read_text()) == json.loads(json.dumps(made))


@pytest.mark.parametrize("gate", list(distances.MEASURES))
def test_critical_values_hold_for_the_largest_of_all_columns(gate):
    """Of clean draws one in a hundred passes any column's, however far the columns stray."""
    scale, back = distances.SCALES[gate]
    many = len(distances.MEASURES[gate][1])
    noise = np.random.default_rng(1).normal(size=(4000, many))
    strays = back(noise * np.linspace(0.2, 0.6, many) - 2)
    found = reference._critical(gate, strays)
    limits = np.array(list(found["critical"].values()))
    assert (strays > limits).any(axis=1).mean() == pytest.approx(0.01, abs=0.001)
    far = (scale(limits) + 2) / np.linspace(0.2, 0.6, many)
    assert far == pytest.approx(np.full(many, far.mean()), rel=0.1)
    assert 0 < found["usual"] < 1


def test_a_column_that_never_strays_has_no_critical_value():
    """All equal, or never measured: left out, and the others are not held back by it."""
    strays = np.abs(np.random.default_rng(1).normal(size=(300, len(distances.NUMERIC))))
    strays[:, 0], strays[:, 1] = 0.5, np.nan
    found = reference._critical("psi", strays)
    assert set(found["critical"]) == set(distances.NUMERIC[2:])


@pytest.mark.parametrize("gate", list(distances.MEASURES))
def test_scales_have_a_way_back(gate):
    """There and back again is the same, and larger stays larger."""
    scale, back = distances.SCALES[gate]
    found = np.array([0.01, 0.2, 0.9])
    assert back(scale(found)) == pytest.approx(found)
    assert (np.diff(scale(found)) > 0).all()
