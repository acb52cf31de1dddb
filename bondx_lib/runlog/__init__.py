"""The run log: one JSON object per line, each line chained to the one before by its digest.

The log is the only truth about a run's progress; dashboards, report and resume replay it. ``prev``
of a line is the SHA-256 of the previous line's bytes, newline included, and 64 zeros in the first.
A last line that was cut off by a crash is tolerated and cut away on resume; damage anywhere else is
an error that names the line.
"""

from bondx_lib.runlog.journal import Follower, Journal
from bondx_lib.runlog.lines import (
    GENESIS,
    LOG_NAME,
    LOG_VERSION,
    Event,
    read,
    repair_tail,
)
from bondx_lib.runlog.lock import LOCK_NAME, RunLock, process_start
from bondx_lib.runlog.state import (
    ENDED,
    EpochView,
    RunState,
    live_status,
    must_have_ended,
    replay,
    state_of,
)

__all__ = [
    "ENDED", "GENESIS", "LOCK_NAME", "LOG_NAME", "LOG_VERSION", "EpochView",
    "Event", "Follower", "Journal", "RunLock", "RunState", "live_status", "must_have_ended",
    "process_start", "read", "repair_tail", "replay", "state_of",
]  # fmt: skip
