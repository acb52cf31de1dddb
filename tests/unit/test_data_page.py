"""The data page: the latest variation's spreads, one bond's life, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bondx_lib import artefacts, runlog
from bondx_lib.dashboard.data import DataPage
from bondx_lib.report import record

from . import figure_frames, report_factory


def variation() -> pd.DataFrame:
    return figure_frames.life().assign(issuer_name="SX-<Name>")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = report_factory.write(tmp_path / "run", epochs=2)
    artefacts.write_parquet(folder / "epochs" / "0002" / "dataset.parquet", variation())
    return folder


def state(run_dir: Path) -> runlog.RunState:
    return record.read(run_dir).state


def test_latest_variation_is_drawn_and_described(run_dir: Path) -> None:
    """The figure has its words; the bonds of the data are offered."""
    page = DataPage()
    page.show(run_dir, state(run_dir))
    assert "variation of epoch 2" in page.spreads.value
    assert '<svg role="img" aria-label="Monthly median spread' in page.spreads.value
    assert "XZ0000000003" in page.bond.options
    assert len(page.box().children) == 4


def test_one_bonds_life_on_request(run_dir: Path) -> None:
    """A bond that is typed is shown; one that is not there is answered with the nearest."""
    page = DataPage()
    page.bond.value = "XZ0000000003"
    page.show(run_dir, state(run_dir))
    assert "Bond XZ0000000003 from January 2020" in page.life.value
    assert "SX-&lt;Name&gt; (simulated)" in page.life.value
    page.bond.value = "XZ000000000E3"
    assert "did you mean" in page.life.value
    assert 'role="alert"' in page.life.value
    page.bond.value = ""
    assert page.life.value == ""


def test_same_epoch_is_drawn_once(run_dir: Path) -> None:
    """Showing again what is shown touches nothing, not even a file that is gone."""
    page = DataPage()
    page.show(run_dir, state(run_dir))
    before = page.spreads.value
    (run_dir / "epochs" / "0002" / "dataset.parquet").unlink()
    page.show(run_dir, state(run_dir))
    assert page.spreads.value == before


def test_missing_data_are_said(run_dir: Path) -> None:
    """Before the first epoch, and where the file is gone."""
    page = DataPage()
    page.show(run_dir, runlog.RunState())
    assert "when the first epoch is done" in page.spreads.value
    (run_dir / "epochs" / "0002" / "dataset.parquet").unlink()
    page.show(run_dir, state(run_dir))
    assert "cannot be read as Parquet" in page.spreads.value
    page.bond.value = "XZ0000000003"
    assert page.life.value == ""
