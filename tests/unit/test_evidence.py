"""A sealed folder shows every later change."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bondx_lib import artefacts, epoch, evidence, parameters, runlog
from bondx_lib.errors import BadInput


def said(run_dir):
    """Return every difference as a sentence."""
    return list(map(str, evidence.verify(run_dir)))


@pytest.fixture
def sealed(tmp_path):
    """A small sealed run."""
    run_dir = tmp_path / "run"
    journal = epoch.open_run(run_dir, parameters.default())
    digest = artefacts.write_text(run_dir / "datasets/final.csv", "a\n1\n")
    journal.append("datasets_written", files={"datasets/final.csv": digest})
    evidence.write_environment(run_dir)
    journal.append("run_finished", status="stopped", reason="r", exit_code=0, artefacts={})
    evidence.seal(run_dir)
    return run_dir


def test_an_untouched_pack_verifies_with_our_tool_and_with_the_standard_one(sealed):
    """No problems, and sha256sum agrees."""
    assert evidence.verify(sealed) == []
    sha256sum = shutil.which("sha256sum")
    assert sha256sum is not None
    command = [sha256sum, "-c", "--strict", "--quiet", evidence.SUMS_NAME]
    assert subprocess.run(command, cwd=sealed, check=False).returncode == 0
    assert evidence.pack_id(sealed) == artefacts.sha256_file(sealed / evidence.SUMS_NAME)


def test_sealing_twice_gives_the_same_pack_id(sealed):
    """The seal depends on the content alone."""
    assert evidence.seal(sealed) == evidence.seal(sealed)


def test_a_changed_byte_in_any_file_is_noticed(sealed):
    """Each file in turn."""
    names = [path for path in sealed.rglob("*") if path.is_file() and path.name != "run.lock"]
    assert len(names) >= 5
    for path in names:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert evidence.verify(sealed), path
        path.write_bytes(content)
    assert evidence.verify(sealed) == []


def test_added_removed_and_renamed_files_are_noticed(sealed):
    """Each is named."""
    (sealed / "extra.txt").write_text("x")
    assert said(sealed) == ["extra.txt is not part of the sealed pack"]
    (sealed / "extra.txt").unlink()
    (sealed / "datasets/final.csv").rename(sealed / "datasets/other.csv")
    assert said(sealed) == [
        "datasets/final.csv is missing", "datasets/other.csv is not part of the sealed pack",
        "datasets/final.csv is missing, but the log says it was written (event 1)",
    ]  # fmt: skip


def test_resealing_does_not_hide_a_change_from_the_log(sealed):
    """A file, a threshold or a parameter that was changed and sealed again contradicts the log."""
    (sealed / "datasets/final.csv").write_text("a\n2\n")
    evidence.seal(sealed)
    assert said(sealed) == ["datasets/final.csv is not what the log says was written (event 1)"]
    (sealed / "datasets/final.csv").write_text("a\n1\n")
    path = sealed / "parameters.yaml"
    path.write_text(path.read_text().replace("coverage_min: 90.0", "coverage_min: 10.0"))
    evidence.seal(sealed)
    assert said(sealed) == [
        "parameters.yaml is not what the first event says (event 0)",
        "the gate coverage has another threshold here than when the run began (event 0)",
    ]


def test_edited_and_truncated_logs_are_noticed_even_when_resealed(sealed):
    """The chain breaks, or the end is missing."""
    path = sealed / runlog.LOG_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0].replace(b'"seq":0', b'"seq":5'), *lines[1:]]))
    evidence.seal(sealed)
    assert "line 1" in said(sealed)[0]
    path.write_bytes(b"".join(lines[:-1]))
    evidence.seal(sealed)
    assert said(sealed) == ["events.jsonl does not end with the end of the run"]


def test_files_that_can_run_code_are_named(sealed):
    """A pickle has no place in a pack."""
    (sealed / "model.pkl").write_bytes(b"")
    evidence.seal(sealed)
    assert said(sealed) == ["model.pkl is a kind of file that can run code when read"]


def test_links_damaged_sums_and_foreign_folders_are_refused(sealed, tmp_path):
    """Each with a clear word."""
    (sealed / evidence.SUMS_NAME).write_text("nonsense\n")
    assert "line 1: is no line of a checksum file" in said(sealed)[0]
    (sealed / evidence.SUMS_NAME).unlink()
    assert said(sealed) == ["SHA256SUMS is missing: the run was never sealed"]
    (sealed / "link").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="symbolic link"):
        evidence.seal(sealed)
    with pytest.raises(BadInput, match="is no run folder"):
        evidence.verify(tmp_path)


def test_the_environment_names_no_person_or_place(sealed):
    """Versions and processors, but no user, host or path."""
    content = artefacts.read_json(sealed / "evidence/environment.json")
    assert set(content) == {
        "python", "system", "machine", "processors", "threads_per_fit", "libraries"
    }  # fmt: skip
    assert "numpy" in content["libraries"]
    assert "/" not in str(content)
