"""Sweeps: several runs from one file, so many at a time, and what they have come to side by side.

``read`` turns a sweep file into a plan, ``start`` and ``resume`` run it, ``compare`` reads any runs
back; the frames and tables of a comparison are what the command line and
``notebooks/compare_runs.ipynb`` show.
"""

from bondx_lib.sweep.comparison import (
    Comparison,
    audit,
    compare,
    find,
    learning,
    of_runs,
    of_sweep,
    rows,
)
from bondx_lib.sweep.plan import Plan, PlannedRun, read
from bondx_lib.sweep.tables import by_setting, caution, skills, verdicts
from bondx_lib.sweep.text import show
from bondx_lib.sweep.work import resume, start

__all__ = [
    "Comparison", "Plan", "PlannedRun", "audit", "by_setting", "caution", "compare", "find",
    "learning", "of_runs", "of_sweep", "read", "resume", "rows", "show", "skills", "start",
    "verdicts",
]  # fmt: skip
