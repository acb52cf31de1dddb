"""Figures of how the market behaves: regimes, curves, transitions, one issuer, scenarios, realism.

They read a panel to which the truth's ``regime`` was added, or the lines of the realism scorecard
as a frame.
"""

from bondx_lib.plots.exploration.issuers import describe_issuer_life, eventful_issuer, issuer_life
from bondx_lib.plots.exploration.regimes import (
    curve_by_regime,
    describe_curve_by_regime,
    describe_spread_through_regimes,
    spread_through_regimes,
)
from bondx_lib.plots.exploration.scenarios import (
    describe_scenario_fan,
    scenario_fan,
    scenario_paths,
)
from bondx_lib.plots.exploration.scorecard import (
    CLIP,
    chance_deciles,
    describe_realism,
    describe_transitions,
    realism,
    transitions,
)

__all__ = [
    "CLIP", "chance_deciles", "curve_by_regime", "describe_curve_by_regime",
    "describe_issuer_life", "describe_realism", "describe_scenario_fan",
    "describe_spread_through_regimes", "describe_transitions", "eventful_issuer", "issuer_life",
    "realism", "scenario_fan", "scenario_paths", "spread_through_regimes", "transitions",
]  # fmt: skip
