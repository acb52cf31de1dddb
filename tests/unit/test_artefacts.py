"""Files are whole, strict and the same every time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bondx_lib import artefacts
from bondx_lib.errors import BadInput

FRAME = pd.DataFrame(
    {
        "date": pd.to_datetime(["2024-01-31", "2024-02-29"]),
        "x": [1.5, np.nan],
        "name": ["a", None],
        "flag": [True, False],
    }
)


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    """When writing breaks off, the old content stands and no temporary file remains."""
    path = tmp_path / "a.txt"
    artefacts.write_text(path, "old")

    def broken() -> None:
        with artefacts.whole(path) as partial:
            partial.write_text("half")
            raise RuntimeError("broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        broken()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_parquet_is_the_same_bytes_and_says_that_it_is_synthetic(tmp_path):
    """Two writes agree byte for byte; the metadata carry flag and version."""
    first, second = (artefacts.write_parquet(tmp_path / name, FRAME) for name in ("a", "b"))
    assert first == second == artefacts.sha256_file(tmp_path / "a")
    metadata = pq.read_schema(tmp_path / "a").metadata
    assert metadata[b"synthetic"] == b"true"
    assert metadata[b"schema_version"] == b"1"
    pd.testing.assert_frame_equal(artefacts.read_parquet(tmp_path / "a"), FRAME)


def test_json_is_strict(tmp_path):
    """NaN and Infinity are refused on the way out, naming the place, and on the way in."""
    with pytest.raises(ValueError, match=r"value\.a\[1\] is nan"):
        artefacts.write_json(tmp_path / "a.json", {"a": [1.0, float("nan")]})
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="has no JSON form"):
        artefacts.canonical_json({"a": object()})
    (tmp_path / "b.json").write_text('{"a": Infinity}')
    with pytest.raises(BadInput, match=r"b\.json: cannot be read as JSON: Infinity"):
        artefacts.read_json(tmp_path / "b.json")


def test_numpy_values_become_plain_json():
    """Numbers, booleans and arrays of NumPy are written as what they mean."""
    value = {"i": np.int64(1), "f": np.float32(0.5), "b": np.bool_(True), "a": np.arange(2)}
    assert artefacts.canonical_json(value) == '{"a":[0,1],"b":true,"f":0.5,"i":1}'
    assert artefacts.finite_or_none(float("inf")) is None
    assert artefacts.finite_or_none(2) == 2.0


def test_csv_and_jsonl_hold_the_same_rows(tmp_path):
    """Missing values are empty or null, dates are ISO dates."""
    artefacts.write_csv(tmp_path / "a.csv", FRAME)
    artefacts.write_jsonl(tmp_path / "a.jsonl", FRAME)
    assert (tmp_path / "a.csv").read_text().splitlines()[1:] == [
        "2024-01-31,1.5,a,True", "2024-02-29,,,False"
    ]  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert lines[0] == {"date": "2024-01-31", "x": 1.5, "name": "a", "flag": True}
    assert lines[1] == {"date": "2024-02-29", "x": None, "name": None, "flag": False}


def test_frame_digest_sees_every_change():
    """Values, names, types and order all count."""
    digest = artefacts.frame_digest(FRAME)
    assert digest == artefacts.frame_digest(FRAME.copy())
    others = [
        FRAME.assign(x=[1.5, 0.0]), FRAME.rename(columns={"x": "y"}), FRAME.iloc[::-1],
        FRAME.astype({"flag": "int8"}),
    ]  # fmt: skip
    assert digest not in {artefacts.frame_digest(other) for other in others}


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", "link/x"])
def test_no_path_leaves_the_run_folder(tmp_path, name):
    """Absolute paths, parents and links to elsewhere are refused."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "link").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="leaves the run folder"):
        artefacts.inside(run_dir, name)
    assert artefacts.inside(run_dir, "epochs/0001/x") == run_dir / "epochs/0001/x"


def test_unreadable_files_are_bad_input(tmp_path):
    """What is no Parquet or JSON is named, without a traceback."""
    (tmp_path / "x").write_bytes(b"nonsense")
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        artefacts.read_parquet(tmp_path / "x")
    with pytest.raises(BadInput, match="cannot be read as JSON"):
        artefacts.read_json(tmp_path / "missing")


def test_new_folders_are_private_and_ones_own(tmp_path):
    """Those of one second get numbers, until there are too many; a base that is a file is named."""
    made = [artefacts.new_folder(tmp_path / "deep" / "runs", "night") for _ in range(3)]
    assert len(set(made)) == 3
    for folder in made:
        assert folder.is_dir()
        assert oct(folder.stat().st_mode & 0o777) == "0o700"
        assert re.fullmatch(r"\d{8}T\d{6}Z-night(-\d)?", folder.name)
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"^output\.base_directory: cannot be written to: "):
        artefacts.new_folder(tmp_path / "file", "night")


def test_a_second_has_room_for_99_folders(tmp_path, monkeypatch):
    """Then somebody else is at work, and that is said."""
    monkeypatch.setattr(Path, "mkdir", taken)
    with pytest.raises(BadInput, match="holds too many runs of this second"):
        artefacts.new_folder(tmp_path, "night")


def taken(path, mode=0o777, parents=False, exist_ok=False):
    """Stand for a folder that is there already, wherever one is wanted."""
    if not exist_ok:
        raise FileExistsError(path)
