"""``bondx score`` with real champions, in processes of its own: any cut, any workers, any end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bondx_lib import evidence, load_champion, market, models, parameters, scoring
from bondx_lib.schema import KEYS

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = parameters.load(None, {"history_months": 24})
ANSWERS = {
    "spread": ["predicted_spread_bps", "predicted_spread_low_bps", "predicted_spread_high_bps"],
    "downgrade": ["downgrade_probability"],
    "liquidity_shock": ["liquidity_shock_probability"],
    "anomaly": ["anomaly_score", "anomaly_alert", "anomaly_reasons"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run folder with a small champion of each kind."""
    folder = tmp_path_factory.mktemp("runs") / "20260101T000000Z-small-abcdef"
    panel = models.Panel.of(market.simulate(CHOSEN, "test/pool", bonds=60, worlds=4).panel)
    for name, law in models.MODELS.items():
        splits = models.split(panel.rows, 0.8, law.task.horizon_months, CHOSEN.history_months)
        place = folder / "models" / name
        place.mkdir(parents=True)
        law.train(panel, splits, CHOSEN, np.random.default_rng(1)).save(place)
    (folder / "events.jsonl").touch()
    evidence.seal(folder)
    return folder


@pytest.fixture(scope="module")
def bonds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of bonds with damaged and repeated rows."""
    path = tmp_path_factory.mktemp("bonds") / "bonds.parquet"
    market.simulate(CHOSEN, "test/bonds", bonds=150).panel.to_parquet(path)
    return path


def command(run: Path, source: Path, output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "bondx_lib", "score", "--run", str(run), "--input", str(source),
            "--output", str(output), "--duplicates", "score", *more]  # fmt: skip


def bondx(run: Path, source: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(run, source, output, *more), cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_answers_are_those_of_the_champions(run: Path, bonds: Path, tmp_path: Path) -> None:
    """In order of the register, and what each says of the panel as a whole."""
    done = bondx(run, bonds, tmp_path / "scores.parquet")
    assert done.returncode == 0, done.stderr
    assert "rows scored by spread, downgrade, liquidity_shock, anomaly in" in done.stdout
    assert "rows" in done.stderr
    found, panel = pd.read_parquet(tmp_path / "scores.parquet"), pd.read_parquet(bonds)
    assert list(found) == [
        *KEYS,
        *(name for names in ANSWERS.values() for name in names),
        "problems",
    ]
    whole = models.Panel.of(panel)
    for name, columns in ANSWERS.items():
        champion = load_champion(run, name)
        # Products of matrices may round the last rows of a panel in another way.
        pd.testing.assert_frame_equal(found[columns], champion.model.answer(whole), rtol=1e-12)
        again = champion.predict(panel, duplicates="score")
        pd.testing.assert_frame_equal(again[columns], found[columns])
    assert found["anomaly_alert"].sum() == (found["anomaly_reasons"] != "").sum() > 0
    assert (found["problems"] != "").any()


def test_neither_parts_nor_workers_change_a_byte(run: Path, bonds: Path, tmp_path: Path) -> None:
    """One part, some parts, and two processes."""
    sizes = {"one": (10**9, 1), "some": (700, 1), "many": (40, 1), "two": (700, 2)}
    for name, (size, workers) in sizes.items():
        scoring.score(
            run, bonds, tmp_path / f"{name}.parquet", duplicates="score", rows_a_part=size,
            workers=workers,
        )  # fmt: skip
    assert len({(tmp_path / f"{name}.parquet").read_bytes() for name in sizes}) == 1


def test_csv_in_csv_out(run: Path, bonds: Path, tmp_path: Path) -> None:
    """The same numbers, to the last digit."""
    pd.read_parquet(bonds).to_csv(tmp_path / "bonds.csv", index=False)
    done = bondx(run, tmp_path / "bonds.csv", tmp_path / "scores.csv", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    scoring.score(run, bonds, tmp_path / "scores.parquet", duplicates="score")
    found = pd.read_csv(tmp_path / "scores.csv")
    same = pd.read_parquet(tmp_path / "scores.parquet")
    for column in (*ANSWERS["spread"], *ANSWERS["downgrade"], "anomaly_score"):
        np.testing.assert_array_equal(found[column], same[column])


def test_a_tampered_champion_is_refused(run: Path, bonds: Path, tmp_path: Path) -> None:
    """Exit code 2, one line, and no file."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    with (copy / "models" / "anomaly" / "forest.npz").open("ab") as file:
        file.write(b" ")
    done = bondx(copy, bonds, tmp_path / "scores.parquet")
    assert done.returncode == 2
    assert "models/anomaly/forest.npz: has been changed since the run was sealed" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interruption_ends_with_130_and_leaves_nothing(
    run: Path, bonds: Path, tmp_path: Path, workers: str
) -> None:
    """SIGINT while it works: no output, no temporary folder, no traceback."""
    many = pd.concat([pd.read_parquet(bonds)] * 40, ignore_index=True)
    many.to_parquet(tmp_path / "many.parquet")
    place = tmp_path / "out"
    place.mkdir()
    process = subprocess.Popen(
        command(run, tmp_path / "many.parquet", place / "scores.parquet", "--workers", workers),
        cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    end = time.monotonic() + 120
    while not any(place.iterdir()) and time.monotonic() < end:
        time.sleep(0.01)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert list(place.iterdir()) == []
