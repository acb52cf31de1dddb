"""The measurement of the gates, run small; and the page that is made of the committed one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from bondx_lib import artefacts, gates, market, parameters
from bondx_lib.gates import register, trials
from bondx_lib.gates.base import DataGate

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gates.py"
COMMITTED = ROOT / "benchmarks" / "results" / "gates.json"
PAGE = ROOT / "docs" / "gates.md"
MEASURED = {name for name, gate in gates.GATES.items() if isinstance(gate, DataGate)}
MOST_BLOCKED = 0.05
SEEN_AT_LAST = 0.4


def test_a_small_run_measures_every_gate_on_data(call, tmp_path):
    """False alarms, doubts, the tolerance used, and a curve for each, on its page too."""
    target, page = tmp_path / "gates.json", tmp_path / "gates.md"
    printed = call("--small", "--output", target, "--page", page)
    result = artefacts.read_json(target)
    assert printed == page.read_text()
    assert set(result["gates"]) == MEASURED
    for row in result["gates"].values():
        assert 0 <= row["failed"] + row["inconclusive"] <= 2 * result["clean"]
        assert all(0 <= share <= 1 for share in row["noticed"].values())
    assert all(f"| `{name}` |" in printed for name in gates.GATES)


def test_the_page_is_made_of_the_committed_result(shown):
    """Made again, it is the same."""
    assert shown(COMMITTED) == PAGE.read_text()


def test_the_committed_result_is_of_these_gates():
    """Gates and thresholds are those that were measured."""
    result = artefacts.read_json(COMMITTED)
    table = gates.QualityGateManager(parameters.default()).table()
    assert set(result["gates"]) == MEASURED
    assert result["thresholds"] == {name: table[name]["threshold"] for name in MEASURED}
    assert result["reference"] == table["reference"]


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_false_alarms_are_no_more_often_than_they_may(name):
    """Over hundreds of clean variations, and every gate notices some amount of damage."""
    result = artefacts.read_json(COMMITTED)
    row = result["gates"][name]
    assert result["clean"] >= 200
    share, low, _ = trials.rate(row["failed"], result["clean"])
    assert low <= gates.GATES[name].false_alarm
    assert share <= max(gates.GATES[name].false_alarm, 0.01)
    assert max(row["noticed"].values()) >= SEEN_AT_LAST


def test_clean_variations_are_rarely_refused():
    """Of clean variations the whole set refuses less than one in twenty, surely."""
    result = artefacts.read_json(COMMITTED)
    assert trials.rate(result["blocked"], result["clean"])[2] < MOST_BLOCKED


def blocks(language):
    """Return the blocks of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_gate_on_the_page_works(monkeypatch):
    """Ten lines, executed as they stand: it passes what is clean and refuses what is not."""
    monkeypatch.setattr(sys.modules[register.__module__].REGISTER, "added", {})
    (code,) = blocks("python")
    exec(compile(code, "docs/gates.md", "exec"), {})
    manager = gates.QualityGateManager(parameters.default())
    panel = market.simulate(parameters.default(), "page", bonds=30).panel
    dear = panel.assign(clean_price=300.0)
    said = [
        next(one.verdict for one in manager.evaluate(rows) if one.gate == "dear_bonds")
        for rows in (panel, dear)
    ]
    assert said == ["pass", "fail"]
    assert manager.blocked(manager.evaluate(dear))


def test_the_parameters_on_the_page_are_accepted(tmp_path):
    """Profile, thresholds, severities and what is disabled."""
    (text,) = blocks("yaml")
    path = tmp_path / "own.yaml"
    path.write_text(text)
    chosen = parameters.load(path).quality_gates
    written = yaml.safe_load(text)["quality_gates"]["thresholds"]
    assert set(chosen.thresholds) == set(written)
    assert list(chosen.thresholds["correlation_rating_spread"]) == [0.5, 0.98]
    assert gates.settings(chosen)["month_ends"].on is False
