"""Views of a run log: for the terminal, for the notebook, for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bondx_lib.dashboard.picture import render
from bondx_lib.dashboard.runs import RunList, find_run, list_runs, status, status_text
from bondx_lib.dashboard.terminal import line, show_list, watch
from bondx_lib.dashboard.views import View, Watcher

__all__ = [
    "BondXAIDashboard", "RunList", "View", "Watcher", "find_run", "line", "list_runs", "render",
    "show_list", "status", "status_text", "watch",
]  # fmt: skip


class BondXAIDashboard:
    """Watches one run.

    Parameters
    ----------
    run_dir
        The run folder; the latest in ``runs`` if not given.
    """

    def __init__(self, run_dir: str | Path | None = None) -> None:
        self.run_dir = find_run(Path("runs")) if run_dir is None else Path(run_dir)
        self._watcher = Watcher(self.run_dir)
        self.view = self._watcher.look()

    def start_monitoring(self) -> int:
        """Show the run on the terminal until it ends or the viewer leaves."""
        return watch(self.run_dir)

    def generate_summary_report(self) -> dict[str, Any]:
        """Return how the run stands as plain values, with a readable text under ``text``."""
        row = status(self.run_dir)
        return {**row, "text": status_text(row)}

    def _update_dashboard(self) -> View:
        """Read what is new in the log and return the view."""
        self.view = self._watcher.look()
        return self.view

    def _display_dashboard(self, width: int = 100) -> None:
        """Print the view once."""
        from rich.console import Console

        Console(width=width, highlight=False).print(render(self.view, width))
