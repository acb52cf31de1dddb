"""A run that an earlier version sealed can still be looked at, verified, compared and used."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from bondx_lib import dashboard, evidence, load_champion, parameters, report, runlog, trainer
from bondx_lib.report import markdown
from bondx_lib.schema import SCHEMA_VERSION

STORED = Path(__file__).resolve().parents[1] / "stored"
ARCHIVES = sorted(STORED.glob("*.zip"))


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.stem)
def run_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one archive."""
    base = tmp_path_factory.mktemp("stored")
    with zipfile.ZipFile(request.param) as archive:
        archive.extractall(base)
    (folder,) = base.iterdir()
    return folder


def test_there_is_one_of_this_version() -> None:
    """Of this version of the log, and each stands in the table."""
    told = (STORED / "README.md").read_text()
    assert STORED / f"log-version-{runlog.LOG_VERSION}.zip" in ARCHIVES
    rows = re.findall(r"^\| `(\S+)` \| (\d+) \| (\d+) \|", told, re.M)
    assert {name for name, *_ in rows} == {path.name for path in ARCHIVES}
    assert (str(runlog.LOG_VERSION), str(SCHEMA_VERSION)) in {
        (log, schema) for _, log, schema in rows
    }


def test_it_is_as_it_was_sealed(run_dir: Path) -> None:
    """By this version's verifier, and by the one that it carries with it."""
    assert evidence.verify(run_dir) == []
    script = run_dir / "evidence" / "verify.py"
    subprocess.run([sys.executable, "-B", script], check=True, capture_output=True)


def test_a_changed_byte_of_it_is_noticed(run_dir: Path) -> None:
    """Negative control, by both verifiers."""
    path = run_dir / "report.json"
    good = path.read_bytes()
    path.write_bytes(good.replace(b"epoch_limit", b"epoch-limit", 1))
    try:
        assert evidence.verify(run_dir)[0].file == "report.json"
        script = run_dir / "evidence" / "verify.py"
        done = subprocess.run([sys.executable, "-B", script], capture_output=True, check=False)
        assert done.returncode == 1
    finally:
        path.write_bytes(good)


def test_every_view_shows_it(run_dir: Path) -> None:
    """Log, list, status, summary, and the report as text."""
    state = runlog.replay(runlog.read(run_dir / runlog.LOG_NAME))
    assert (state.status, len(state.committed)) == ("epoch_limit", 1)
    (row,) = dashboard.list_runs(run_dir.parent)
    assert row["state"] == dashboard.status(run_dir)["state"] == "epoch_limit"
    summary = report.summarise(run_dir)
    assert summary["status"] == "epoch_limit"
    assert "Spread" in markdown(run_dir)
    assert parameters.load(run_dir / "parameters.yaml").digest() == state.parameters_digest


def test_it_can_be_compared_and_forked(run_dir: Path) -> None:
    """Against itself nothing differs; a child of it knows its pack id."""
    found = evidence.compare(run_dir, run_dir)
    assert found["parameters"] == []
    assert trainer.parentage(run_dir)["pack_id"] == evidence.pack_id(run_dir)


def test_its_champion_still_answers(run_dir: Path) -> None:
    """For the rows of its own final data set."""
    rows = pd.read_csv(run_dir / "datasets" / "final.csv")
    answers = load_champion(run_dir, "spread").predict(rows, duplicates="score")
    assert len(answers) == len(rows)
    assert answers["predicted_spread_bps"].notna().any()
