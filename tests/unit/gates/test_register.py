"""Which gates are asked, with which thresholds; gates from outside."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bondx_lib import gates, market, parameters
from bondx_lib.errors import BadInput
from bondx_lib.gates import reference
from bondx_lib.gates.base import Extent
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import ALL_ROWS

CHOSEN = parameters.default()


class DearBonds(gates.RowGate):
    """Bonds at more than twice their face are rare."""

    name = "dear_bonds"
    catches = "prices far above face"
    what = "cost more than 200 % of face"
    columns = ("clean_price",)
    limit = 0.5

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark dear rows."""
        return rows["clean_price"] > 200


@pytest.fixture
def _alone(monkeypatch):
    monkeypatch.setattr(import_module("bondx_lib.gates.register").REGISTER, "added", {})


def chosen(**quality_gates: Any) -> parameters.Parameters:
    """Return the defaults with other settings of gates."""
    overrides = {f"quality_gates.{name}": value for name, value in quality_gates.items()}
    return parameters.load(None, overrides)


def manager(**quality_gates: Any) -> gates.QualityGateManager:
    """Return a manager with other settings of gates."""
    return gates.QualityGateManager(chosen(**quality_gates))


@pytest.mark.usefixtures("_alone")
def test_a_gate_of_ones_own_takes_part():
    """Registered, it is known, asked, and set by the parameters like any other."""
    gates.register(DearBonds)
    panel = market.simulate(CHOSEN, "test/custom", bonds=30).panel
    panel.loc[:9, "clean_price"] = 250.0
    found = {one.gate: one for one in manager().evaluate(panel)}
    assert found["dear_bonds"].verdict == "fail"
    assert found["dear_bonds"].rows == tuple(range(10))
    wider = manager(thresholds={"dear_bonds": 50.0}, severities={"dear_bonds": "block"})
    assert {one.gate: one for one in wider.evaluate(panel)}["dear_bonds"].severity == "block"
    assert {one.gate: one for one in wider.evaluate(panel)}["dear_bonds"].verdict == "pass"
    assert "dear_bonds" not in {
        one.gate for one in manager(disabled=["dear_bonds"]).evaluate(panel)
    }


@pytest.mark.usefixtures("_alone")
def test_what_is_no_gate_is_refused():
    """A name of the project's, a missing part, an unknown family."""
    with pytest.raises(BadInput, match="is a gate of the project"):
        gates.register(type("Mine", (DearBonds,), {"name": "coverage"}))
    with pytest.raises(BadInput, match="is no gate: it lacks"):
        gates.register(object())
    with pytest.raises(BadInput, match="did you mean 'structure'"):
        gates.register(type("Mine", (DearBonds,), {"family": "structur"}))


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (type("Mine", (DearBonds,), {"name": "coverage"}),
         "coverage: is a gate of the project; choose another name"),
        (object(), "register: is no gate: it lacks name, family, catches, asks, limit, severity, "
         "evaluate; admissible: an instance of bondx_lib.gates.Gate"),
        (type("Mine", (DearBonds,), {"family": "structur"}),
         "register: dear_bonds: family: is not admissible (got 'structur'); admissible: "),
        (type("Mine", (DearBonds,), {"severity": "blocks"}),
         "register: dear_bonds: severity: is not admissible (got 'blocks'); admissible: "
         "block, warn, info; did you mean 'block'?"),
        (type("Mine", (DearBonds,), {"asks": "model"}),
         "register: dear_bonds: asks: is not admissible (got 'model'); admissible: data, models, "
         "redrawn; did you mean 'models'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_gate_is_said(gate, said):
    """Where it came from, which gate, which part, what would do."""
    with pytest.raises(BadInput) as caught:
        gates.register(gate)
    assert str(caught.value).startswith(said)


def test_what_is_wrong_with_a_name_is_said():
    """Which key, which name, what would do."""
    with pytest.raises(BadInput) as caught:
        manager(disabled=["coverages"])
    assert str(caught.value) == (
        "parameters: quality_gates.disabled: is not a gate (got 'coverages'); admissible: the "
        "gates that `bondx gates` lists; did you mean 'coverage'?"
    )


def test_unknown_names_are_refused_with_the_nearest():
    """In each place where the parameters name a gate."""
    for key, value in (
        ("thresholds", {"coverages": 1.0}), ("severities", {"coverages": "warn"}),
        ("disabled", ["coverages"]),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=f"quality_gates.{key}.*did you mean 'coverage'"):
            manager(**{key: value})
    with pytest.raises(BadInput, match="did you mean 'coverage'"):
        gates.get("coverages")


def test_thresholds_that_do_not_fit_are_refused():
    """A range for a number, a number for a range, a second key for a promised one."""
    with pytest.raises(BadInput, match=r"admissible: quality_gates\.coverage_min"):
        manager(thresholds={"coverage": 95.0})
    with pytest.raises(BadInput, match="admissible: one number"):
        manager(thresholds={"redrawn": [0.0, 1.0]})
    ranged = "calibration"
    with pytest.raises(BadInput, match="admissible: two numbers"):
        manager(thresholds={ranged: 1.0})
    with pytest.raises(BadInput, match="not in order"):
        manager(thresholds={ranged: [1.0, 0.0]})


def test_what_is_wrong_with_a_threshold_is_said():
    """Where, which key, which value, what would do."""
    said = {}
    for name, value in (("coverage", 95.0), ("redrawn", (0.0, 1.0)), ("calibration", 1.0)):
        with pytest.raises(BadInput) as caught:
            manager(thresholds={name: value})
        said[name] = str(caught.value)
    key = "parameters: quality_gates.thresholds"
    slopes = gates.get("calibration").unit
    assert said == {
        "coverage": f"{key}.coverage: has a key of its own; admissible: quality_gates.coverage_min",
        "redrawn": f"{key}.redrawn: is not a threshold of this gate (got (0.0, 1.0)); "
        "admissible: one number (draws that differ)",
        "calibration": f"{key}.calibration: is not a threshold of this gate (got 1.0); "
        "admissible: two numbers, [low, high]" + (f" ({slopes})" if slopes else ""),
    }


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("basis", ["sample", "census"])
def test_rows_count_by_weight_where_a_gate_speaks_of_the_market(basis):
    """What was drawn more often counts less; what is said of the file itself counts rows."""
    gates.register(type("Mine", (DearBonds,), {"basis": basis}))
    panel = market.simulate(CHOSEN, "test/weighed", bonds=30).panel.reset_index(drop=True)
    panel.loc[:9, "clean_price"] = 250.0
    weights = pd.Series(1.0, panel.index)
    weights[:10] = 0.25
    for given, bad in ((None, 10), (weights, 2.5 if basis == "sample" else 10)):
        found = {one.gate: one for one in manager().evaluate(panel, weights=given)}["dear_bonds"]
        rows = len(panel) - 10 + bad
        assert found.observed == pytest.approx(100 * bad / rows)
        assert found.message.startswith(f"{bad} of {rows} rows")


def test_some_gates_alone_can_be_asked():
    """For counting and for judging; the others say nothing."""
    part = Part(market.simulate(CHOSEN, "test/some", bonds=20).panel)
    usual = manager()
    assert set(usual.count(part, ["duplicate_rows", "coverage"])) == {"coverage", "duplicate_rows"}
    found = usual.findings(Extent.of(part), usual.count(part), names=["coverage"])
    assert {one.gate for one in found} == {"coverage"}


def test_profiles_move_severities_one_step():
    """Strict blocks on warnings; exploring blocks only on what makes data unusable."""
    by_profile = {
        name: manager(profile=name).settings for name in ("exploratory", "standard", "strict")
    }
    for name, gate in gates.GATES.items():
        mild, usual, hard = (by_profile[each][name].severity for each in by_profile)
        assert usual == gate.severity
        assert hard == ("info" if gate.severity == "info" else "block")
        if gate.severity == "block":
            assert mild == ("block" if gate.essential else "warn")
        else:
            assert mild == "info"
    own = manager(profile="strict", severities={"coverage": "info"})
    assert own.settings["coverage"].severity == "info"


def test_the_digest_names_every_threshold_and_severity():
    """Any change of what decides gives another digest."""
    usual = manager()
    digests = {
        usual.digest(), manager(esg_missing_max=0.0).digest(), manager(profile="strict").digest(),
        manager(disabled=["redrawn"]).digest(), manager(severities={"coverage": "warn"}).digest(),
    }  # fmt: skip
    assert len(digests) == 5
    assert usual.digest() == manager().digest() == gates.digest_of(usual.table())
    assert usual.table()["coverage"] == {"threshold": 90.0, "severity": "block"}
    assert usual.table()["reference"] == reference.digest()
    robust = [gate for name, gate in gates.GATES.items() if name.startswith("robust_")]
    assert [(gate.name, gate.measure) for gate in robust] == [
        (name, name) for name in ("robust_curve", "robust_missing", "robust_stale")
    ]
    assert robust[0].catches == "models that fail when the risk-free curve moves by 100 bp"


@pytest.mark.parametrize(
    ("second", "differs", "message"),
    [
        ("a", 0.0, "Drawn again, the data have the same digest aaaaaaaaaaaa."),
        ("b", 1.0, "Drawn again, the data have the digest bbbbbbbbbbbb instead of aaaaaaaaaaaa."),
    ],
)
def test_a_second_draw_that_differs_blocks(second, differs, message):
    """The gate on reproducibility compares digests; those on data are asked beside it."""
    panel = market.simulate(CHOSEN, "test/redrawn", bonds=20).panel
    found = {one.gate: one for one in manager().evaluate(panel, (64 * "a", 64 * second))}
    assert found["redrawn"] == gates.Finding(
        "redrawn", ALL_ROWS, differs, None, 0.0, 2, "block", "fail" if differs else "pass", message,
        2 * differs,
    )  # fmt: skip
    assert found.keys() - {"redrawn"} == {one.gate for one in manager().evaluate(panel)}


def test_what_was_not_drawn_again_is_not_judged():
    """It is no pass."""
    (asked,) = gates.get("redrawn").evaluate(gates.Context(manager().settings))
    assert (asked.gate, asked.verdict) == ("redrawn", "not_applicable")
    assert asked.message == "The data were not drawn again."


def test_a_gate_of_another_package_takes_part_until_it_is_disabled(monkeypatch):
    """Found by its entry point; disabled, its package is not even asked for it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "outside"))
    assert "wide_bid_ask" in gates.known()
    panel = market.simulate(CHOSEN, "test/outside", bonds=20).panel
    found = {one.gate: one for one in manager().evaluate(panel)}
    assert found["wide_bid_ask"].verdict == "pass"
    panel.loc[:99, "bid_ask_bps"] = 2000.0
    assert {one.gate: one for one in manager().evaluate(panel)}["wide_bid_ask"].verdict == "fail"
    assert "wide_bid_ask" not in manager(disabled=["wide_bid_ask"]).settings
