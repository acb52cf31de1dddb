"""What docs/scenarios.md says of events, months and sizes is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bondx_lib import market, parameters, schema
from bondx_lib.market import macro

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
MONTHS = 36


def _tables() -> list[dict[str, list[str]]]:
    """Return the rows of the tables whose first column is a scenario, by scenario."""
    found: list[dict[str, list[str]]] = []
    for table in re.findall(r"^\| scenario \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip("|").split("|")]
                 for line in table.splitlines()]  # fmt: skip
        found.append({line[0].strip("`"): line[1:] for line in lines})
    return found


def test_every_scenario_has_its_months() -> None:
    """No scenario is missing, none is made up, and each lasts as long as the page says."""
    what, sizes = _tables()
    assert tuple(what) == tuple(sizes) == schema.SCENARIOS
    for name, (_, months) in what.items():
        (event,) = macro.scenario(name, MONTHS)
        assert months == (str(event.end - event.begin) if event.end else "–")
        assert event.begin in (0, MONTHS // 3)
    assert macro.SHOCKED_SECTOR in what["sector_crisis"][0]


@pytest.mark.parametrize("name", ["baseline", "recession"])
def test_the_sizes_are_measured(name: str) -> None:
    """Drawn again, two of the scenarios show what the table says, to the last digit or so."""
    chosen = parameters.load(None, {"scenario": name, "history_months": MONTHS})
    drawn = market.simulate(chosen, "scenarios", bonds=150, worlds=32)
    rows = drawn.panel[~drawn.truth["corrupted"]]
    year = rows[rows["month"].between(MONTHS // 3, MONTHS // 3 + 11)]
    by_world = year.groupby("world")
    energy = year[year["sector"] == macro.SHOCKED_SECTOR].groupby("world")
    onset = rows[rows["month"] == MONTHS // 3].groupby("world")
    measured = [
        by_world["spread_bps"].median().median(), energy["spread_bps"].median().median(),
        by_world["yield_pct"].median().median(), by_world["liquidity_index"].median().median(),
        100 * by_world["liquidity_shock_1m"].mean().mean(),
        100 * onset["downgrade_12m"].mean().mean(),
    ]  # fmt: skip
    for told, found in zip(_tables()[1][name], measured, strict=True):
        assert found == pytest.approx(float(told), abs=0.06 if "." in told else 0.6)
