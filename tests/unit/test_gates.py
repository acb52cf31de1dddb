"""Gates: each catches what it is for just past its threshold and stays quiet just inside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib import gates, market, parameters
from bondx_lib.errors import BadInput
from bondx_lib.gates import quality, structure
from bondx_lib.gates.completeness import REQUIRED

CHOSEN = parameters.default()
MANAGER = gates.QualityGateManager(CHOSEN)
ROWS = 2000


@pytest.fixture(scope="module")
def perfect():
    """Undamaged rows with an ESG score and a middling liquidity index."""
    drawn = market.simulate(CHOSEN, "test/gates", bonds=150)
    panel = drawn.panel[~drawn.truth["corrupted"].to_numpy()].iloc[:ROWS].reset_index(drop=True)
    assert len(panel) == ROWS
    filled = panel.assign(esg_score=50.0, news_sentiment=0.0)
    return filled.assign(liquidity_index=np.linspace(31, 91, ROWS))


def with_share(panel: pd.DataFrame, column: str, value: object, share_pct: float) -> pd.DataFrame:
    """Put a value into a share of the rows."""
    damaged = panel.copy()
    damaged.loc[: round(ROWS * share_pct / 100) - 1, column] = value
    return damaged


def numbers(panel: pd.DataFrame, share: float) -> list[str]:
    """Return so many required numeric columns that they are the share of all required ones."""
    return list(
        panel[list(REQUIRED)].select_dtypes("float").columns[: round(len(REQUIRED) * share)]
    )


def finding(panel: pd.DataFrame, name: str) -> gates.Finding:
    """Return the finding of one gate."""
    (found,) = gates.get(name).evaluate(panel, CHOSEN.quality_gates)
    return found


def test_perfect_data_pass_everything(perfect):
    """The clean control: all gates pass and the score is excellent."""
    findings = MANAGER.evaluate(perfect)
    assert [found.verdict for found in findings] == ["pass"] * 5
    assert not MANAGER.blocked(findings)
    assert gates.band(gates.quality_score(findings)) == "excellent"


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("esg_missing", lambda p, x: with_share(p, "esg_score", np.nan, 20.0 * x)),
        ("negative_spreads", lambda p, x: with_share(p, "spread_bps", -50.0, 1.0 * x)),
        ("maturity_anomalies",
         lambda p, x: with_share(p, "maturity_date", pd.Timestamp("2001-01-01"), 0.1 * x)),
        ("liquidity_index_median", lambda p, x: p.assign(liquidity_index=30.0 / x)),
        ("coverage", lambda p, x: p.assign(**dict.fromkeys(numbers(p, 0.1 * x), np.nan))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_gate_fails_just_past_its_threshold(perfect, name, damage):
    """Just inside passes, just outside fails and blocks, and only this gate fails."""
    inside, outside = damage(perfect, 0.95), damage(perfect, 1.5)
    assert finding(inside, name).verdict == "pass"
    found = finding(outside, name)
    assert (found.verdict, found.severity) == ("fail", "block")
    assert found.used > 1
    assert found.low is not None
    assert found.low <= found.observed <= found.high
    assert MANAGER.blocked(MANAGER.evaluate(outside))
    assert gates.quality_score(MANAGER.evaluate(outside)) < 0.8


@pytest.mark.parametrize(
    "wrong",
    [
        {"maturity_date": pd.NaT},
        {"maturity_years": np.nan},
        {"maturity_date": pd.Timestamp("2150-01-15"), "maturity_years": 129.0},
        {"maturity_years": 77.0},
        {"issue_date": pd.Timestamp("2120-01-15")},
    ],
)
def test_every_way_a_maturity_can_be_wrong_is_seen(perfect, wrong):
    """Missing, too late, contradicting the remaining time, before the issue."""
    damaged = perfect.iloc[:3].copy()
    assert not structure.maturity_anomalies(damaged).any()
    for column, value in wrong.items():
        damaged.loc[1, column] = value
    assert structure.maturity_anomalies(damaged).tolist() == [False, True, False]


def test_nothing_to_judge_is_never_a_pass(perfect):
    """Empty data block the run."""
    findings = MANAGER.evaluate(perfect.iloc[:0])
    assert {found.verdict for found in findings} == {"not_applicable"}
    assert MANAGER.blocked(findings)
    assert gates.quality_score(findings) < 0.8
    assert gates.quality_score(()) == 0.0


def test_thresholds_come_from_the_parameters_and_are_digested():
    """Another threshold gives another digest and another verdict."""
    strict = gates.QualityGateManager(parameters.load(None, {"quality_gates.esg_missing_max": "0"}))
    assert strict.thresholds()["esg_missing"] == 0.0
    assert strict.digest() != MANAGER.digest()
    panel = market.simulate(CHOSEN, "test/gates/2", bonds=60).panel
    assert panel["esg_score"].isna().any()
    assert strict.blocked(strict.evaluate(panel))


def test_unknown_gates_are_refused():
    """The error names the nearest."""
    with pytest.raises(BadInput, match="did you mean 'coverage'"):
        gates.get("coverages")


def test_clean_variations_are_rarely_refused():
    """Of fifty ordinary variations few are drawn again, so the gates do not cry wolf."""
    refused = [
        MANAGER.blocked(MANAGER.evaluate(market.simulate(CHOSEN, f"test/clean/{k}").panel))
        for k in range(50)
    ]
    assert sum(refused) <= 10


@given(st.floats(0, 50), st.floats(0, 50))
def test_the_score_never_rises_when_a_gate_gets_worse(first, second):
    """The score of a finding falls with the used share of its tolerance."""
    low, high = sorted((first, second))
    assert quality.finding_score(low) >= quality.finding_score(high)
    base = gates.Finding("g", "s", 0.0, 0.0, 0.0, 1.0, low, 1, "block", "pass", "m")
    worse = replace(base, used=high, verdict="pass" if high <= 1 else "fail")
    better = replace(base, verdict="pass" if low <= 1 else "fail")
    assert gates.quality_score((better, base)) >= gates.quality_score((worse, base))
    assert 0 <= gates.quality_score((worse,)) <= 1
