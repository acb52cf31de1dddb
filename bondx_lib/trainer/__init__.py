"""The trainer: how a run is opened, goes from epoch to epoch, and is closed."""

from bondx_lib.trainer.closing import close
from bondx_lib.trainer.loop import (
    EXIT_CODES,
    BondXAIAutonomousTrainer,
    Interrupted,
    OnOpen,
    resume,
    run,
)
from bondx_lib.trainer.opening import (
    check_code,
    check_names,
    fork,
    is_prepared,
    new_run_folder,
    parentage,
    prepare,
)
from bondx_lib.trainer.replay import circumstances, replay

__all__ = [
    "EXIT_CODES",
    "BondXAIAutonomousTrainer",
    "Interrupted",
    "OnOpen",
    "check_code",
    "check_names",
    "circumstances",
    "close",
    "fork",
    "is_prepared",
    "new_run_folder",
    "parentage",
    "prepare",
    "replay",
    "resume",
    "run",
]
