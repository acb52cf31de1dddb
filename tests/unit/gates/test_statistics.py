"""Statistics: clean variations pass, other distributions do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates, market, parameters
from bondx_lib.gates import distances, reference, statistics
from bondx_lib.gates.controls.statistics import CONTROLS, emptied
from bondx_lib.parameters import QualityGates

CHOSEN = parameters.default()
NAMES = [gate.name for gate in statistics.GATES]


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """An ordinary variation."""
    return market.simulate(CHOSEN, "test/statistics/ordinary").panel


def asked(
    rows: pd.DataFrame, *names: str, scenario: str = "baseline", **thresholds: float
) -> tuple[gates.Finding, ...]:
    """Return the findings of some gates, with thresholds of one's own."""
    chosen = CHOSEN.model_copy(
        update={"quality_gates": QualityGates(thresholds=thresholds), "scenario": scenario}
    )
    manager, part, wanted = gates.QualityGateManager(chosen), gates.Part(rows), names or NAMES
    return manager.findings(gates.Extent.of(part), manager.count(part, wanted), names=wanted)


def failed(rows: pd.DataFrame, *names: str, **options: str) -> set[str]:
    """Return the gates that fail."""
    return {one.gate for one in asked(rows, *names, **options) if one.verdict == "fail"}


def test_every_gate_has_a_measure():
    """The gates of this family and the distances have equal names."""
    assert set(NAMES) == set(distances.MEASURES) == set(CONTROLS)


def test_clean_variations_rarely_fail():
    """Of forty draws at most two fail any gate, and each uses up little of its tolerance."""
    alarms: dict[str, int] = dict.fromkeys(NAMES, 0)
    used: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(40):
        found = asked(market.simulate(CHOSEN, f"test/statistics/{number}").panel)
        for name in {one.gate for one in found if one.verdict == "fail"}:
            alarms[name] += 1
        for name in NAMES:
            used[name].append(max(one.used for one in found if one.gate == name))
    assert max(alarms.values()) <= 2
    assert all(np.median(each) < 0.2 for each in used.values())


@pytest.mark.parametrize("name", NAMES)
def test_other_distributions_fail(panel, name):
    """The largest amount of a gate's own damage is noticed, the least is not."""
    control, before = CONTROLS[name], panel.copy()
    rng = np.random.default_rng(3)
    assert failed(control.damage(panel, control.amounts[0], rng), name) == set()
    assert failed(control.damage(panel, control.amounts[-1], rng), name) == {name}
    pd.testing.assert_frame_equal(panel, before)


def test_gaps_are_noticed(panel):
    """A column without half its values is another one to the population stability index alone."""
    damaged = emptied(panel, 50.0, np.random.default_rng(3))
    found = asked(damaged, "psi")
    assert (found[0].slice, found[0].verdict) == ("liquidity_index", "fail")
    assert failed(damaged, "tails") == set()


def test_every_column_that_fails_is_named(panel):
    """The worst first, then each other past its own critical value, and no more."""
    damaged = panel.assign(leverage=panel["leverage"] * 5, current_ratio=panel["current_ratio"] * 5)
    found = asked(damaged, "wasserstein")
    assert {one.slice for one in found} == {"leverage", "current_ratio"}
    assert all(one.verdict == "fail" and one.used > 1 for one in found)
    assert found[0].used >= found[1].used
    assert len(asked(panel, "wasserstein")) == 1


@pytest.mark.parametrize("name", NAMES)
def test_boundary_and_factor(panel, name):
    """At its threshold a statistic passes and uses up all; the factor moves the threshold."""
    (found,) = asked(panel, name)
    null = reference.null(name, gates.Extent.of(gates.Part(panel)))
    assert null is not None
    assert found.threshold == null.critical[found.slice]
    ratio = found.observed / found.threshold
    (edge,) = asked(panel, name, **{name: ratio * (1 + 1e-9)})
    assert edge.verdict == "pass"
    assert edge.used == pytest.approx(1, abs=1e-6)
    assert edge.threshold == pytest.approx(found.observed)
    past = asked(panel, name, **{name: ratio * (1 - 1e-9)})[0]
    assert past.verdict == "fail"
    assert past.used == pytest.approx(1, abs=1e-6)


def test_used_grows_with_damage(panel):
    """More of the same damage never uses up less."""
    factors = (1.0, 2.0, 4.0, 8.0, 16.0)
    used = [
        max(one.used for one in asked(panel.assign(leverage=panel["leverage"] * by), "wasserstein"))
        for by in factors
    ]
    assert used == sorted(used)
    assert used[-1] > 1


def test_scenario_is_taken_into_account():
    """A freeze never uses up more of its own tolerance than of the baseline's."""
    chosen = CHOSEN.model_copy(update={"scenario": "liquidity_freeze"})
    less = 0
    for number in range(3):
        rows = market.simulate(chosen, f"test/statistics/freeze/{number}").panel
        for name in NAMES:
            own, other = (
                max(one.used for one in asked(rows, name, scenario=scenario))
                for scenario in ("liquidity_freeze", "baseline")
            )
            assert own <= other + 1e-3
            less += own < other
    assert less > 0


def test_too_little_is_not_judged(panel):
    """Fewer than thirty bonds, or than two years, are no sample that was measured."""
    few = panel[panel["bond_id"].isin(panel["bond_id"].unique()[:29])]
    short = panel[panel["month"] < 23]
    for rows in (few, short):
        for one in asked(rows):
            assert one.verdict == "not_applicable"
            assert "fewer than" in one.message


@pytest.mark.parametrize("name", NAMES)
def test_poor_columns(panel, name):
    """Infinite, missing, all-null and unknown values give a finding, and no warning."""
    numbers = [one for one in distances.NUMERIC if one in panel.columns]
    for damaged in (
        panel.assign(**dict.fromkeys(numbers, np.inf)),
        panel.assign(**dict.fromkeys(numbers, -np.inf)),
        panel.assign(**dict.fromkeys(numbers, np.nan)),
        panel.assign(rating=None, sector="Mining", seniority=None, callable=None),
        panel.drop(columns=[*numbers, *distances.CATEGORIES]),
        panel.drop(columns=["leverage", "sector"]),
        panel.assign(leverage=panel["leverage"].astype(object)),
    ):
        assert len(asked(damaged, name)) >= 1
    (nothing,) = asked(panel.drop(columns=[*numbers, *distances.CATEGORIES]), name)
    assert nothing.verdict == "not_applicable"


def test_parts_add_up(panel):
    """Two halves by issuer give the finding of the whole."""
    half = pd.factorize(panel["issuer_id"])[0] % 2 == 0
    for gate in statistics.GATES:
        whole = gate.count(gates.Part(panel))
        both = gate.count(gates.Part(panel[half])) + gate.count(gates.Part(panel[~half]))
        assert whole.slices.keys() == both.slices.keys()
        for name in whole.slices:
            np.testing.assert_allclose(whole.slices[name].hits, both.slices[name].hits)


def test_weights_put_a_steered_draw_right(panel):
    """A sector drawn three times as often is put right by its weights in the mix."""
    energy = panel[panel["sector"] == panel["sector"].iloc[0]]
    copies = [energy.assign(bond_id=energy["bond_id"] + f"/{copy}") for copy in "ab"]
    steered = pd.concat([panel, *copies], ignore_index=True)
    weight = np.where(steered["sector"] == panel["sector"].iloc[0], 1 / 3, 1.0)
    gate = statistics.CategoryMix()
    plain, put_right = (
        gate.count(gates.Part(rows)).slices["sector"].share
        for rows in (panel, steered.assign(weight=weight))
    )
    np.testing.assert_allclose(plain, put_right)


def test_an_empty_part_has_no_slices(panel):
    """Without rows nothing is counted."""
    part = gates.Part(panel.iloc[:0])
    assert all(gate.count(part).slices == {} for gate in statistics.GATES)


def test_severity_is_that_of_the_parameters(panel):
    """A finding matters as much as the run says."""
    chosen = replace_severity("psi", "block")
    manager = gates.QualityGateManager(chosen)
    found = manager.evaluate(panel.assign(leverage=5.0 + panel["leverage"]))
    assert gates.QualityGateManager.blocked([one for one in found if one.gate == "psi"])


def replace_severity(name: str, severity: str) -> parameters.Parameters:
    """Return the defaults with another severity of one gate."""
    return CHOSEN.model_copy(update={"quality_gates": QualityGates(severities={name: severity})})


@pytest.mark.parametrize(
    ("value", "critical", "used"),
    [(2.0, 4.0, 0.5), (0.3, 0.1, 3.0), (0.0, 0.0, 0.0), (0.5, 0.0, 1.5), (3.0, 0.0, 4.0)],
)
def test_used_tolerance_where_nothing_is_expected(value, critical, used):
    """Of what clean variations show; without any, whatever there is is too much."""
    assert statistics._ratio(value, critical) == pytest.approx(used)
