"""The figures of the project: a frame goes in, a Figure comes out, nothing is saved.

Every figure ``name(frame)`` has its alternative text beside it, ``describe_name(frame)``: one or
two sentences that say what the figure shows, with the same numbers. :func:`png` turns a figure into
bytes, always the same ones.
"""

from __future__ import annotations

from bondx_lib.plots.compare import (
    describe_learning_by_run,
    describe_skill_by_run,
    learning_by_run,
    skill_by_run,
)
from bondx_lib.plots.exploration import (
    curve_by_regime,
    describe_curve_by_regime,
    describe_issuer_life,
    describe_realism,
    describe_scenario_fan,
    describe_spread_through_regimes,
    describe_transitions,
    issuer_life,
    realism,
    scenario_fan,
    spread_through_regimes,
    transitions,
)
from bondx_lib.plots.gates import describe_power, power
from bondx_lib.plots.market import (
    describe_rating_and_sector_mix,
    describe_spread_by_rating_and_maturity,
    describe_spread_by_rating_through_time,
    rating_and_sector_mix,
    spread_by_rating_and_maturity,
    spread_by_rating_through_time,
)
from bondx_lib.plots.models import (
    audit_skill,
    calibration,
    describe_audit_skill,
    describe_calibration,
    describe_loss_by_rating,
    describe_recall_by_corruption,
    loss_by_rating,
    recall_by_corruption,
)
from bondx_lib.plots.models_exploration import (
    coverage_by_rating,
    describe_coverage_by_rating,
    describe_effects_against_law,
    describe_gain_by_segment,
    describe_importance,
    describe_learning_curves,
    describe_one_answer,
    effects_against_law,
    gain_by_segment,
    importance,
    learning_curves,
    one_answer,
)
from bondx_lib.plots.style import png
from bondx_lib.plots.training import (
    convergence,
    describe_convergence,
    describe_gates_by_epoch,
    describe_quality_by_epoch,
    describe_skill_by_epoch,
    describe_training_time,
    gates_by_epoch,
    quality_by_epoch,
    skill_by_epoch,
    training_time,
)

__all__ = [
    "audit_skill",
    "calibration",
    "convergence",
    "coverage_by_rating",
    "curve_by_regime",
    "describe_audit_skill",
    "describe_calibration",
    "describe_convergence",
    "describe_coverage_by_rating",
    "describe_curve_by_regime",
    "describe_effects_against_law",
    "describe_gain_by_segment",
    "describe_gates_by_epoch",
    "describe_importance",
    "describe_issuer_life",
    "describe_learning_by_run",
    "describe_learning_curves",
    "describe_loss_by_rating",
    "describe_one_answer",
    "describe_power",
    "describe_quality_by_epoch",
    "describe_rating_and_sector_mix",
    "describe_realism",
    "describe_recall_by_corruption",
    "describe_scenario_fan",
    "describe_skill_by_epoch",
    "describe_skill_by_run",
    "describe_spread_by_rating_and_maturity",
    "describe_spread_by_rating_through_time",
    "describe_spread_through_regimes",
    "describe_training_time",
    "describe_transitions",
    "effects_against_law",
    "gain_by_segment",
    "gates_by_epoch",
    "importance",
    "issuer_life",
    "learning_by_run",
    "learning_curves",
    "loss_by_rating",
    "one_answer",
    "png",
    "power",
    "quality_by_epoch",
    "rating_and_sector_mix",
    "realism",
    "recall_by_corruption",
    "scenario_fan",
    "skill_by_epoch",
    "skill_by_run",
    "spread_by_rating_and_maturity",
    "spread_by_rating_through_time",
    "spread_through_regimes",
    "training_time",
    "transitions",
]
