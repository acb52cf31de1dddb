"""One epoch, stage by stage.

An epoch is a pure function of the parameters, its number and the artefacts of earlier epochs: run
again, it writes the same bytes. Clock times go to the run log alone.
"""

from bondx_lib.epoch.champions import champion_epoch, champion_predictions, place_champions
from bondx_lib.epoch.folders import (
    FINDINGS_NAME,
    PARAMETERS_NAME,
    PARENT_NAME,
    PREDICTIONS_NAME,
    WEIGHTS_NAME,
    epoch_folder,
)
from bondx_lib.epoch.markets import (
    draw_again,
    draw_market,
    market_digest,
    read_market,
    rng_of,
    write_market,
)
from bondx_lib.epoch.pool import fit, pooled, sides, study, study_path
from bondx_lib.epoch.session import (
    RUNNER_VARIABLE,
    Session,
    code,
    open_run,
    open_session,
    run_parameters,
    take_up,
)
from bondx_lib.epoch.stages import (
    Accepted,
    Decision,
    Judged,
    Variation,
    assess,
    commit,
    evaluate,
    findings_table,
    gate,
    generate,
    history,
    judge,
    promote,
    train,
)

__all__ = [
    "FINDINGS_NAME", "PARAMETERS_NAME", "PARENT_NAME", "PREDICTIONS_NAME", "RUNNER_VARIABLE",
    "WEIGHTS_NAME", "Accepted", "Decision", "Judged", "Session", "Variation", "assess",
    "champion_epoch", "champion_predictions", "code", "commit", "draw_again", "draw_market",
    "epoch_folder", "evaluate", "findings_table", "fit", "gate", "generate", "history", "judge",
    "market_digest", "open_run", "open_session", "place_champions", "pooled", "promote",
    "read_market", "rng_of", "run_parameters", "sides", "study", "study_path", "take_up", "train",
    "write_market",
]  # fmt: skip
