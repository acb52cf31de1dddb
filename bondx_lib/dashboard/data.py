"""The data of a run's latest variation: spreads by rating, and one bond's life on request.

Drawn when asked for, never from the polling thread: matplotlib's settings belong to the whole
kernel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import ipywidgets as widgets
import pandas as pd

from bondx_lib import plots, runlog
from bondx_lib.artefacts import read_parquet
from bondx_lib.dashboard.html import escape, framed
from bondx_lib.errors import BondXError

MOST_SUGGESTED: Final = 500
"""So many bonds are offered by name; any other can be typed."""
COLUMNS: Final = ("date", "bond_id", "issuer_name", "rating", "sector", "maturity_years",
                  "spread_bps", "clean_price", "liquidity_index", "liquidity_shock")  # fmt: skip


class DataPage:
    """Widgets that show the latest accepted variation of a run."""

    def __init__(self) -> None:
        self._shown: tuple[Path, int] | None = None
        self._panel: pd.DataFrame | None = None
        self.spreads = widgets.HTML()
        self.latest = widgets.Button(
            description="Show the latest data", layout=widgets.Layout(width="14rem")
        )
        self.bond = widgets.Combobox(
            description="Bond", placeholder="type or choose one", ensure_option=False,
            continuous_update=False, style={"description_width": "3rem"},
        )  # fmt: skip
        self.life = widgets.HTML()
        self.bond.observe(lambda change: self._show_bond(), names="value")

    def box(self) -> widgets.VBox:
        """Return the page to be displayed."""
        parts = [self.latest, self.spreads, self.bond, self.life]
        return widgets.VBox(parts, layout=widgets.Layout(width="100%"))

    def show(self, run_dir: Path, state: runlog.RunState) -> None:
        """Draw the latest variation of a run; nothing is done if it is shown already."""
        epoch = state.committed[-1].number if state.committed else 0
        if self._shown == (run_dir, epoch):
            return
        self._shown, self.life.value = (run_dir, epoch), ""
        try:
            panel = _variation(run_dir, epoch)
        except (BondXError, OSError) as error:
            self._panel = None
            self.spreads.value = framed(f'<p class="bad" role="alert">{escape(str(error))}</p>')
            return
        self._panel = panel
        if panel is None:
            words = "The first variation is here when the first epoch is done."
            self.spreads.value = framed(f'<p class="quiet">{words}</p>')
            self.bond.options = ()
            return
        self.spreads.value = framed(_spreads(panel, epoch))
        self.bond.options = tuple(panel["bond_id"].unique()[:MOST_SUGGESTED])
        self._show_bond()

    def _show_bond(self) -> None:
        name = self.bond.value.strip()
        if self._panel is None or not name:
            self.life.value = ""
            return
        try:
            self.life.value = framed(_life(self._panel, name))
        except BondXError as error:
            self.life.value = framed(f'<p class="bad" role="alert">{escape(str(error))}</p>')


def _variation(run_dir: Path, epoch: int) -> pd.DataFrame | None:
    """Return the data of a committed epoch; None before the first."""
    if not epoch:
        return None
    path = run_dir / "epochs" / f"{epoch:04d}" / "dataset.parquet"
    return read_parquet(path, list(COLUMNS))


def _spreads(panel: pd.DataFrame, epoch: int) -> str:
    words = plots.describe_spread_by_rating_through_time(panel)
    drawn = plots.themed_svg(plots.spread_by_rating_through_time(panel), words)
    caption = f"Median spread by rating in the variation of epoch {epoch}"
    return f"<figure><figcaption>{caption}</figcaption>{drawn}</figure><p>{escape(words)}</p>"


def _life(panel: pd.DataFrame, bond_id: str) -> str:
    words = plots.describe_bond_life(panel, bond_id)
    drawn = plots.themed_svg(plots.bond_life(panel, bond_id), words)
    row = panel[panel["bond_id"] == bond_id].iloc[-1]
    caption = f"{bond_id}, {row['issuer_name']} (simulated), {row['sector']}"
    return f"<figure><figcaption>{escape(caption)}</figcaption>{drawn}</figure><p>{words}</p>"
