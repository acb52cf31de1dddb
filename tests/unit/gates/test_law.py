"""The law that every registered gate obeys, whatever it judges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates, market, parameters
from bondx_lib.gates.base import FAMILIES, DataGate
from bondx_lib.gates.controls import CONTROLS
from bondx_lib.gates.tallies import ALL_ROWS
from bondx_lib.vocabulary import SEVERITIES

CHOSEN = parameters.default()
MANAGER = gates.QualityGateManager(CHOSEN)
EVERY = list(gates.GATES)
ON_DATA = [name for name, gate in gates.GATES.items() if isinstance(gate, DataGate)]
VERDICTS = {"pass", "fail", "inconclusive", "not_applicable"}


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """An ordinary variation."""
    return market.simulate(CHOSEN, "test/law").panel


def asked(name: str, rows: pd.DataFrame) -> tuple[gates.Finding, ...]:
    """Return the findings of one gate on data."""
    part = gates.Part(rows)
    return MANAGER.findings(gates.Extent.of(part), MANAGER.count(part, [name]), names=[name])


def alike(first: float | None, second: float | None) -> bool:
    """Say whether two observed values are equal but for rounding, or both are missing."""
    if first is None or second is None:
        return first is second
    return first == pytest.approx(second, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_a_gate_says_what_it_is(name):
    """Name, family, purpose, severity and a nominal rate of false alarms below five percent."""
    gate = gates.get(name)
    assert gate.name == name
    assert gate.family in FAMILIES
    assert gate.severity in SEVERITIES
    assert gate.catches
    assert not gate.catches.endswith(".")
    assert 0 <= gate.false_alarm <= 0.02
    assert type(gate).__doc__


@pytest.mark.parametrize("name", EVERY)
def test_a_gate_has_a_negative_control(name):
    """What a gate must notice is written down, and tried in the tests of the controls."""
    assert name in CONTROLS


def test_every_family_of_the_project_has_gates():
    """Only those from outside are custom."""
    found = {gate.family for gate in gates.GATES.values()}
    assert found <= set(FAMILIES) - {"custom"}
    assert len(found) >= 7


@pytest.mark.parametrize("name", ON_DATA)
def test_findings_are_whole_and_plain(panel, name):
    """They carry the gate's name, setting and a sentence, and can be written as strict JSON."""
    found, setting = asked(name, panel), MANAGER.settings[name]
    assert found
    for one in found:
        assert one.gate == name
        assert one.slice
        assert SEVERITIES.index(one.severity) >= SEVERITIES.index(setting.severity)
        assert one.slice != ALL_ROWS or one.severity == setting.severity
        assert one.slice != ALL_ROWS or one.threshold == setting.threshold
        assert one.n > 0 or one.verdict == "not_applicable"
        assert one.verdict in VERDICTS
        assert one.used >= 0
        assert one.message.endswith(".")
        assert not one.message.endswith("..")
        if one.verdict != "not_applicable":
            assert getattr(gates.get(name), "what", "").partition("{")[0] in one.message
        if one.verdict != "inconclusive":
            assert "cannot tell" not in one.message
        assert (one.observed is None) == (one.verdict == "not_applicable")
        assert one.verdict != "pass" or one.used <= 1
        assert all(0 <= row < len(panel) for row in one.rows)
        if one.interval is not None:
            assert one.interval[0] <= one.interval[1]
        plain = one.to_dict()
        assert isinstance(plain["rows"], list)


@pytest.mark.parametrize("name", ON_DATA)
def test_the_order_of_rows_does_not_matter(panel, name):
    """Shuffled rows give the same findings, but for the numbers of rows."""
    order = np.random.default_rng(1).permutation(len(panel))
    shuffled = panel.iloc[order].reset_index(drop=True)
    for before, after in zip(asked(name, panel), asked(name, shuffled), strict=True):
        assert (before.slice, before.verdict, before.n) == (after.slice, after.verdict, after.n)
        assert alike(after.observed, before.observed)


@pytest.mark.parametrize("name", ON_DATA)
def test_parts_of_whole_issuers_add_up(panel, name):
    """Counted in three parts, the findings are those of the whole."""
    third = pd.factorize(panel["issuer_id"])[0] % 3
    tallies, extent = {}, None
    for number in range(3):
        places = np.flatnonzero(third == number)
        part = gates.Part(panel.iloc[places], places)
        tallies = gates.added(tallies, MANAGER.count(part, [name]))
        extent = gates.Extent.of(part) if extent is None else extent + gates.Extent.of(part)
    whole, parts = asked(name, panel), MANAGER.findings(extent, tallies, names=[name])
    assert {one.slice: one.verdict for one in whole} == {one.slice: one.verdict for one in parts}
    observed = {one.slice: one.observed for one in parts}
    for one in whole:
        assert alike(observed[one.slice], one.observed)
        assert {p.slice: p.rows for p in parts}[one.slice] == one.rows


@pytest.mark.parametrize("name", ON_DATA)
def test_nothing_to_judge_is_never_a_pass(panel, name):
    """Without rows or without columns nothing passes."""
    for rows in (panel.iloc[:0], panel[["world", "bond_id", "date"]].iloc[:0]):
        for one in asked(name, rows):
            assert one.verdict in ("fail", "not_applicable")
            assert (one.gate, one.n) == (name, 0)
            assert one.severity == MANAGER.settings[name].severity
            assert one.slice
            assert one.message.endswith(".")


@pytest.mark.parametrize("name", ON_DATA)
def test_poor_data_raise_no_error(panel, name):
    """One row, one issuer, all null, unknown words and infinities are judged without a warning."""
    columns = list(gates.get(name).columns)
    one_issuer = panel[panel["issuer_id"] == panel["issuer_id"].iloc[0]]
    empty = panel.assign(**{
        column: pd.Series(np.nan, index=panel.index).astype(panel[column].dtype)
        for column in panel.select_dtypes("float").columns
    })  # fmt: skip
    numbers = [column for column in columns if panel[column].dtype == float]
    strange = panel.assign(rating="Baa1", sector="Mining", **dict.fromkeys(numbers, np.inf))
    dateless = panel.assign(**dict.fromkeys(("issue_date", "maturity_date"), pd.NaT)).astype(
        {"issue_date": "datetime64[ns]", "maturity_date": "datetime64[ns]"}
    )
    for rows in (panel.iloc[:1], one_issuer, empty, strange, dateless):
        before = rows.copy()
        assert asked(name, rows)
        pd.testing.assert_frame_equal(rows, before)


def test_clean_variations_are_rarely_refused():
    """Of forty ordinary draws the whole set refuses few: fewer than one in twenty is its aim."""
    refused = [
        MANAGER.blocked(MANAGER.evaluate(market.simulate(CHOSEN, f"test/clean/{k}").panel))
        for k in range(40)
    ]
    assert sum(refused) <= 4
