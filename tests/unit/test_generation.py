"""Markets in parts: the same rows however they are cut and whoever draws them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bondx_lib import artefacts, cli, market, parameters, schema
from bondx_lib.errors import BadInput
from bondx_lib.market import generation

CHOSEN = parameters.load(None, {"history_months": 24})
BONDS = 1500


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A market in one part, with its truth."""
    folder = tmp_path_factory.mktemp("market") / "one"
    manifest = generation.generate(CHOSEN, folder, bonds=BONDS, parts=1, truth=True)
    return folder, manifest


@pytest.mark.parametrize(("parts", "workers"), [(2, 2), (7, 1)])
def test_cut_and_workers_change_no_row(parts, workers, whole, tmp_path):
    """Two and seven parts, by one worker or two, hold the rows of one part."""
    folder, manifest = whole
    again = generation.generate(
        CHOSEN, tmp_path / "m", bonds=BONDS, parts=parts, workers=workers, truth=True
    )
    assert again["rows"] == manifest["rows"] > 10_000
    assert len(list((tmp_path / "m" / "panel").iterdir())) == parts
    assert generation.content_digest(tmp_path / "m") == generation.content_digest(folder)
    for path in (tmp_path / "m" / "panel").iterdir():
        assert pd.read_parquet(path, columns=["date"])["date"].is_monotonic_increasing


def test_digest_notices_one_changed_value(whole, tmp_path):
    """Negative control: one price differs by a cent."""
    folder, _ = whole
    (path,) = (folder / "panel").iterdir()
    frame = pd.read_parquet(path)
    frame.loc[7, "clean_price"] += 0.01
    artefacts.write_parquet(tmp_path / "panel" / path.name, frame)
    assert generation.content_digest(tmp_path) != generation.content_digest(folder)


def test_written_market_is_the_simulated_one(whole):
    """The parts hold what one call of simulate returns, but for the order within a date."""
    folder, _ = whole
    written = schema.conform(pd.read_parquet(folder / "panel"), "panel")
    simulated = market.simulate(CHOSEN, generation.STREAM, bonds=BONDS).panel
    assert written["bond_id"].nunique() == BONDS
    keys = ["date", "bond_id"]
    written, simulated = (
        frame.sort_values(keys, kind="stable").reset_index(drop=True)
        for frame in (written, simulated)
    )
    pd.testing.assert_frame_equal(written, simulated)


def test_file_says_that_it_is_synthetic(whole):
    """The metadata of every file, the categories of its words."""
    folder, manifest = whole
    (path,) = (folder / "panel").iterdir()
    metadata = pq.read_schema(path).metadata
    assert metadata[b"synthetic"] == b"true"
    assert metadata[b"seed"] == b"42"
    assert isinstance(pd.read_parquet(path)["sector"].dtype, pd.CategoricalDtype)
    assert manifest["files"][f"panel/{path.name}"]["sha256"] == artefacts.sha256_file(path)


def test_panel_and_truth_have_equal_row_order(whole):
    """Each row of the truth belongs to the row of the panel beside it."""
    folder, _ = whole
    panel, truth = (pd.read_parquet(folder / name) for name in ("panel", "truth"))
    assert (panel["bond_id"].astype(str) == truth["bond_id"].astype(str)).all()
    residual = np.log(panel["spread_bps"][~truth["corrupted"]]) - truth["log_spread_mean"]
    assert residual.dropna().abs().max() < 0.5


def test_interrupted_market_goes_on(tmp_path, monkeypatch):
    """The parts that were finished stay as they are; the same call draws the others."""
    drawn: list[int] = []
    write = generation._write_part

    def stop_at_second(world, folder, plan, part, *rest):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(part)
        return write(world, folder, plan, part, *rest)

    monkeypatch.setattr(generation, "_write_part", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        generation.generate(CHOSEN, tmp_path / "m", bonds=300, parts=4)
    assert not (tmp_path / "m" / generation.MANIFEST_NAME).exists()
    monkeypatch.setattr(generation, "_write_part", lambda *a: drawn.append(a[3]) or write(*a))
    generation.generate(CHOSEN, tmp_path / "m", bonds=300, parts=4)
    assert drawn == [0, 1, 2, 3]
    whole = generation.generate(CHOSEN, tmp_path / "w", bonds=300, parts=1)
    assert whole["rows"] > 0
    assert generation.content_digest(tmp_path / "m") == generation.content_digest(tmp_path / "w")


def test_full_disk_is_said_and_leaves_whole_files(tmp_path, monkeypatch):
    """Parts are there whole or not at all, and the message says how to go on."""
    write = artefacts.write_parquet

    def fill_up(path: Path, *rest):
        if "part-00001" in path.name:
            with artefacts.whole(path) as partial:
                partial.write_bytes(b"PAR1")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, *rest)

    monkeypatch.setattr(artefacts, "write_parquet", fill_up)
    with pytest.raises(BadInput, match=r"no space left.*goes on"):
        generation.generate(CHOSEN, tmp_path / "m", bonds=300, parts=3)
    (only,) = (tmp_path / "m" / "panel").iterdir()
    assert len(pd.read_parquet(only)) > 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--bonds -5", ["bonds", "(got -5)", "1 to 10000000"]),
        ("--bonds 20 --partitions 30", ["partitions", "(got 30)", "1 to 20"]),
        ("--bonds 20 --workers 0", ["workers", "(got 0)"]),
        ("--bonds 20 --format xls", ["format", "'xls'", "parquet, csv, jsonl"]),
        ("--bonds 20 --set scenario=recesion", ["scenario", "did you mean 'recession'?"]),
        ("--bonds 20 --set history_months=6", ["history_months", "≥ 24"]),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(line, words, tmp_path, capsys):
    """Exit code 2, the key, what was given, what would do; no folder."""
    assert cli.main(["generate", "-o", str(tmp_path / "m"), *line.split()]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert all(word in shown for word in words)
    assert not (tmp_path / "m").exists()


def test_folder_that_holds_something_else_is_refused(tmp_path, capsys):
    """Neither another market nor foreign files are written over."""
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["generate", "-q", "--bonds", "20", "-o", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    arguments = ["generate", "-q", "-o", str(tmp_path / "m")]
    assert cli.main([*arguments, "--bonds", "20"]) == 0
    assert cli.main([*arguments, "--bonds", "21"]) == 2
    assert "holds another market" in capsys.readouterr().err
    target = tmp_path / "mine.txt" / "below"
    assert cli.main(["generate", "-q", "--bonds", "20", "-o", str(target)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_command_writes_text_formats_and_says_how_much(tmp_path, capsys):
    """CSV and JSON lines hold the rows of the Parquet file; the digest is printed."""
    line = "--bonds 40 --format csv --format jsonl --format parquet --digest"
    assert cli.main(["generate", "-o", str(tmp_path / "m"), *line.split()]) == 0
    shown = capsys.readouterr()
    assert "rows of 40 bonds" in shown.out
    assert generation.content_digest(tmp_path / "m") in shown.out
    frames = {path.suffix: path for path in (tmp_path / "m" / "panel").iterdir()}
    rows = len(pd.read_parquet(frames[".parquet"]))
    assert len(pd.read_csv(frames[".csv"])) == rows
    assert len(frames[".jsonl"].read_text().splitlines()) == rows


def test_interruption_is_exit_code_130(tmp_path, capsys, monkeypatch):
    """And the message says that the same command goes on."""

    def interrupt(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(generation, "generate", interrupt)
    assert cli.main(["generate", "--bonds", "20", "-o", str(tmp_path / "m")]) == 130
    assert "goes on" in capsys.readouterr().err


def test_probabilities_are_there_when_branches_are_asked_for(tmp_path):
    """The truth's downgrade probability is known where its horizon is."""
    generation.generate(CHOSEN, tmp_path / "m", bonds=60, branches=8)
    truth = pd.read_parquet(tmp_path / "m" / "truth")
    panel = pd.read_parquet(tmp_path / "m" / "panel")
    known = panel["downgrade_12m"].notna()
    assert (truth["downgrade_probability"].notna() == known).all()
    assert known.any()
