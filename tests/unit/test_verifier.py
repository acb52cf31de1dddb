"""The pack's own verifier: every kind of change is found, with nothing but the standard library."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bondx_lib import evidence, gates, runlog
from bondx_lib.evidence import verifier

from . import report_factory

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sealed run with all its evidence."""
    run_dir = report_factory.write(tmp_path_factory.mktemp("pack") / "run", epochs=2)
    (run_dir / "datasets").mkdir()
    _write_what_the_log_names(run_dir)
    evidence.write_documents(run_dir)
    (run_dir / "report.html").write_text("<p>report</p>\n")
    evidence.finish(run_dir)
    return run_dir


@pytest.fixture
def pack(made: Path, tmp_path: Path) -> Path:
    """A copy of it to be changed."""
    return Path(shutil.copytree(made, tmp_path / "pack"))


def _write_what_the_log_names(run_dir: Path) -> None:
    """Make the files that an invented log says were written, and let the log have their digests."""
    log = run_dir / runlog.LOG_NAME
    events = runlog.read(log)
    log.unlink()
    journal = runlog.Journal(log)
    for event in events:
        fields = dict(event.fields)
        for key in ("artefacts", "files"):
            if isinstance(fields.get(key), dict):
                fields[key] = {name: _written(run_dir / name) for name in fields[key]}
        if event.kind == "run_started":
            fields["gates_digest"] = gates.digest_of(fields["gates"])
        journal.append(event.kind, **fields)


def _written(path: Path) -> str:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made up\n")
    return verifier.sha256(path)


def alone(run_dir: Path) -> tuple[int, str]:
    """Run the pack's own copy in an isolated interpreter; return exit code and words."""
    script = run_dir / "evidence" / "verify.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", script], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def relined(run_dir: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of the log."""
    log = run_dir / runlog.LOG_NAME
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))


def test_sealed_pack_is_as_it_was(pack: Path) -> None:
    """Alone and through the package, with the pack id."""
    code, said = alone(pack)
    assert code == 0
    assert f"pack id {evidence.pack_id(pack)}" in said
    assert evidence.verify(pack) == []


def test_changed_byte_in_each_file_in_turn(pack: Path) -> None:
    """Every file of the pack, the seal itself among them, by name."""
    files = [path for path in pack.rglob("*") if path.is_file() and path.name != "run.lock"]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        found = evidence.verify(pack)
        name = path.relative_to(pack).as_posix()
        assert any(one.file == name for one in found), name
        path.write_bytes(content)
    assert evidence.verify(pack) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines[:3], lines[3].replace(b'"epoch":1', b'"epoch":7'), *lines[4:]],
         "line 5: does not follow"),
        (lambda lines: [*lines[:3], *lines[4:]], "line 4: does not follow"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "line 2: does not follow"),
        (lambda lines: lines[:-1], "does not end with the end of the run"),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], "is cut off"),
        (lambda lines: [*lines, b"{}\n"], "is no event"),
        (lambda lines: [b"[" * 99_999 + b"\n"], "is no event"),
        (lambda lines: [], "does not begin with the start of a run"),
    ],
    ids=["edited", "dropped", "reordered", "truncated", "torn", "added", "deep", "emptied"],
)  # fmt: skip
def test_change_of_the_log_is_found_even_when_sealed_again(
    change: Callable[[list[bytes]], list[bytes]], said: str, pack: Path
) -> None:
    """The chain tells, whatever the checksums say."""
    relined(pack, change)
    evidence.seal(pack)
    code, words = alone(pack)
    assert code == 1
    assert f"events.jsonl {said}" in words or f": {said}" in words or said in words
    assert any(one.file == runlog.LOG_NAME for one in evidence.verify(pack))


def _rewritten(pack: Path, **changed: object) -> None:
    """Forge a log: change the first event and chain all others to it."""
    log = pack / runlog.LOG_NAME
    events = runlog.read(log)
    log.unlink()
    journal = runlog.Journal(log)
    for number, event in enumerate(events):
        journal.append(event.kind, **{**event.fields, **(changed if number == 0 else {})})


def test_forged_thresholds_and_parameters_contradict_their_digests(pack: Path) -> None:
    """Changed in the first event, with a new chain and a new seal."""
    _rewritten(pack, gates={"coverage": {"threshold": 1.0, "severity": "block"}})
    evidence.seal(pack)
    assert "other thresholds than those fixed in the first event" in alone(pack)[1]
    first = runlog.read(pack / runlog.LOG_NAME)[0]
    _rewritten(pack, parameters={**first["parameters"], "random_seed": 43})
    evidence.seal(pack)
    assert "other parameters than those fixed in the first event" in alone(pack)[1]


@pytest.mark.parametrize(
    ("change", "file", "what"),
    [
        (lambda pack: (pack / "new.txt").touch(), "new.txt", "is not part of"),
        (lambda pack: (pack / "parameters.yaml").unlink(), "parameters.yaml", "is missing"),
        (lambda pack: (pack / "link").symlink_to("/etc"), "link", "symbolic link"),
        (lambda pack: (pack / "evidence/crosswalk.json").write_text("[]"),
         "evidence/crosswalk.json", "is no crosswalk"),
        (lambda pack: (pack / "ro-crate-metadata.json").write_text("{}"),
         "ro-crate-metadata.json", "is no crate"),
        (lambda pack: (pack / "SHA256SUMS").write_text(f"{'0' * 64}  ../outside\n"),
         "SHA256SUMS", "line 1: is no line"),
        (lambda pack: (pack / "SHA256SUMS").unlink(), "SHA256SUMS", "never sealed"),
    ],
    ids=["added", "removed", "link", "crosswalk", "crate", "outside", "unsealed"],
)  # fmt: skip
def test_other_changes_are_named(change: Change, file: str, what: str, pack: Path) -> None:
    """Which file, and what about it."""
    change(pack)
    found = evidence.verify(pack)
    assert any(one.file == file and what in one.what for one in found)
    assert alone(pack)[0] == 1


def test_crate_and_crosswalk_are_held_against_the_files(pack: Path) -> None:
    """Sealed again after a change, they still say what was there."""
    (pack / "report.html").unlink()
    (pack / "extra.csv").write_text("a\n")
    (pack / "parameters.yaml").write_text("name: other\n")
    evidence.seal(pack)
    said = list(map(str, evidence.verify(pack)))
    assert "ro-crate-metadata.json describes report.html, which is not there" in said
    assert "ro-crate-metadata.json does not describe extra.csv" in said
    assert "ro-crate-metadata.json describes another parameters.yaml" in said
    assert "evidence/crosswalk.json points to report.html, which is not there" in said


def _array(values: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(values), allow_pickle=True)
    return file.getvalue()


def _archive(values: object) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", _array(values))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "safe"),
    [
        ("model.pkl", b"", False),
        ("model.bin", b"\x80\x04\x95", False),
        ("a.npy", _array([1.0, 2.0]), True),
        ("a.npy", _array([{}, None]), False),
        ("a.npz", _archive([1, 2]), True),
        ("a.npz", _archive([{}, None]), False),
        ("a.npz", b"no archive", True),
        ("structured.npy", _array(np.zeros(1, [("a", "f8"), ("b", object)])), False),
    ],
)
def test_what_can_run_code_is_named(name: str, content: bytes, safe: bool, pack: Path) -> None:
    """Pickles by name and by content, arrays of objects; plain arrays are let be."""
    (pack / name).write_bytes(content)
    evidence.seal(pack)
    found = [one for one in evidence.verify(pack) if "run code" in one.what]
    assert [one.file for one in found] == ([] if safe else [name])


def test_difference_names_the_event_that_wrote_the_file(pack: Path) -> None:
    """A reader goes on from there."""
    events = runlog.read(pack / runlog.LOG_NAME)
    name = "datasets/final.parquet"
    (pack / name).write_bytes(b"other")
    last = max(event.seq for event in events if name in str(event.fields.get("artefacts", {}))
               or name in str(event.fields.get("files", {})))  # fmt: skip
    found = evidence.verify(pack)
    assert evidence.Difference(name, "has been changed") in found
    assert evidence.Difference(name, "is not what the log says was written", last) in found


def test_folder_that_is_no_run_has_its_own_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word on standard error, and 2."""
    assert verifier.main([str(tmp_path)]) == 2
    assert "is no run folder" in capsys.readouterr().err


def test_main_says_what_differs(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, and a count."""
    assert verifier.main([str(pack)]) == 0
    (pack / "new.txt").touch()
    assert verifier.main([str(pack)]) == 1
    said = capsys.readouterr().out
    assert "new.txt is not part of the sealed pack" in said
    assert "2 differences" in said


def test_crate_of_the_pack_holds_every_file(pack: Path) -> None:
    """With size, type and digest."""
    graph = json.loads((pack / "ro-crate-metadata.json").read_text())["@graph"]
    described = {one["@id"]: one for one in graph if verifier._is_file(one)}
    assert set(described) == set(evidence.files(pack)) - {"ro-crate-metadata.json"}
    for name, one in described.items():
        assert one["sha256"] == verifier.sha256(pack / name)
        assert int(one["contentSize"]) == (pack / name).stat().st_size
        assert "/" in one["encodingFormat"]
