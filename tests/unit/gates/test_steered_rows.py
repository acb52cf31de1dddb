"""Rows of steered draws: what speaks for the market counts them by their weights, rules do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates, market, parameters

CHOSEN = parameters.default()
MANAGER = gates.QualityGateManager(CHOSEN)
SAMPLES = ("correlation_rating_spread", "liquidity_index_median", "ratios_at_rating", "esg_missing")


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """An ordinary variation, small."""
    return market.simulate(CHOSEN, "test/steered", bonds=60).panel


def observed(findings: tuple[gates.Finding, ...], name: str) -> float:
    """Return what a gate saw of all rows."""
    return next(one.observed for one in findings if (one.gate, one.slice) == (name, "all rows"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_weight_of_two_counts_as_the_row_twice(panel, name):
    """Some issuers twice, or once with the weight two: the same is observed."""
    some = panel["issuer_id"].isin(panel["issuer_id"].unique()[::3])
    weights = pd.Series(np.where(some, 2.0, 1.0))
    twin = panel[some].assign(
        issuer_id=panel["issuer_id"] + "twin", bond_id=panel["bond_id"] + "twin"
    )
    doubled = MANAGER.evaluate(pd.concat([panel, twin], ignore_index=True))
    weighted = MANAGER.evaluate(panel, weights=weights)
    assert observed(weighted, name) == pytest.approx(observed(doubled, name), rel=1e-9)
    assert observed(weighted, name) != observed(MANAGER.evaluate(panel), name)


def test_weights_of_one_change_nothing(panel):
    """Findings are equal to the bit."""
    assert MANAGER.evaluate(panel, weights=pd.Series(np.ones(len(panel)))) == MANAGER.evaluate(
        panel
    )


def test_rules_about_rows_take_no_weights(panel):
    """A share of wrong rows is one of rows that are there."""
    worse = panel.assign(spread_bps=panel["spread_bps"].mask(panel.index % 20 == 0, -5.0))
    weights = pd.Series(np.where(panel.index % 20 == 0, 5.0, 0.5))
    plain, weighted = MANAGER.evaluate(worse), MANAGER.evaluate(worse, weights=weights)
    assert observed(weighted, "negative_spreads") == observed(plain, "negative_spreads")


def test_steered_draws_look_like_plain_ones():
    """The share of speculative rows is that of plain draws with weights, and is not without."""
    mix = market.Mix({"rating=CCC": 3.0, "rating=B": 3.0, "rating=BB": 3.0})
    plain, steered, raw = [], [], []
    for number in range(30):
        drawn = market.simulate(CHOSEN, f"plain/{number}").panel
        plain.append((drawn["rating_number"] > 10).mean())
        again = market.simulate(CHOSEN, f"steered/{number}", mix=mix)
        speculative = again.panel["rating_number"] > 10
        raw.append(speculative.mean())
        steered.append(np.average(speculative, weights=again.weights))
    error = np.std(plain) * np.sqrt(2 / len(plain))
    assert abs(np.mean(steered) - np.mean(plain)) < 3 * error
    assert np.mean(raw) - np.mean(plain) > 4 * error
