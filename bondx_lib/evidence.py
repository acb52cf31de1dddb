"""Seal a run folder and check a sealed one.

``SHA256SUMS`` covers every file but itself and the files that only a working run needs; its own
SHA-256 is the pack id. Whoever runs a run could rewrite all of it before the pack id is published
elsewhere: the seal shows later changes, not honest beginnings.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bondx_lib import artefacts, gates, provenance, runlog
from bondx_lib import parameters as parameter_files
from bondx_lib.errors import BadInput

SUMS_NAME: Final = "SHA256SUMS"
NOT_SEALED: Final = (SUMS_NAME, runlog.LOCK_NAME)
NOT_SEALED_FOLDERS: Final = ("control",)
UNSAFE_SUFFIXES: Final = (".pkl", ".pickle", ".joblib", ".dill")


def write_environment(run_dir: Path) -> None:
    """Write what the run was computed with; no names of people, machines or folders."""
    artefacts.write_json(
        run_dir / "evidence" / "environment.json",
        {
            "python": platform.python_version(),
            "system": platform.system(),
            "machine": platform.machine(),
            "processors": os.cpu_count(),
            "threads_per_fit": 1,
            "libraries": provenance.versions(),
        },
    )


def seal(run_dir: Path) -> str:
    """Write ``SHA256SUMS`` over the run folder and return the pack id."""
    lines = [f"{artefacts.sha256_file(run_dir / name)}  {name}\n" for name in _files(run_dir)]
    return artefacts.write_text(run_dir / SUMS_NAME, "".join(lines))


def pack_id(run_dir: Path) -> str | None:
    """Return the pack id of a sealed run, None if it is not sealed."""
    path = run_dir / SUMS_NAME
    return artefacts.sha256_file(path) if path.is_file() else None


def verify(run_dir: Path) -> list[str]:
    """Return every difference between a sealed run folder and its seal, as sentences.

    Raises
    ------
    BadInput
        When the folder is no run.
    """
    path = run_dir / SUMS_NAME
    if not (run_dir / runlog.LOG_NAME).is_file():
        raise BadInput("is no run folder: it has no events.jsonl", source=str(run_dir))
    if not path.is_file():
        return [f"{SUMS_NAME} is missing: the run was never sealed"]
    return [*_against_sums(run_dir, path), *_against_log(run_dir), *_unsafe(run_dir)]


def _against_sums(run_dir: Path, path: Path) -> list[str]:
    stated: dict[str, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        digest, separator, name = line.removesuffix("\n").partition("  ")
        if not separator or len(digest) != 64 or not line.endswith("\n"):
            return [f"{SUMS_NAME}, line {number}: is no line of a checksum file"]
        stated[name] = digest
    present = set(_files(run_dir))
    problems = [f"{name} is missing" for name in sorted(set(stated) - present)]
    problems += [f"{name} is not part of the sealed pack" for name in sorted(present - set(stated))]
    problems += [
        f"{name} has been changed"
        for name in sorted(present & set(stated))
        if artefacts.sha256_file(run_dir / name) != stated[name]
    ]
    return problems


def _lines(path: Path) -> list[str]:
    """Return the lines, split at line feeds alone as the standard tool does."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        return list(file)


def _against_log(run_dir: Path) -> list[str]:
    """Check the chain, and what the log says of files, parameters and thresholds."""
    try:
        events = runlog.read(run_dir / runlog.LOG_NAME, tolerate_torn=False)
        state = runlog.replay(events)
        parameters = parameter_files.load(run_dir / "parameters.yaml")
    except BadInput as error:
        return [str(error)]
    problems = []
    if not state.finished:
        problems.append("events.jsonl does not end with the end of the run")
    if parameters.digest() != state.parameters_digest:
        problems.append("parameters.yaml is not what the first event says")
    problems += _against_gates(gates.QualityGateManager(parameters).table(), state)
    stated = {name: digest for view in state.committed for name, digest in view.artefacts.items()}
    for name, digest in {**stated, **state.files}.items():
        path = artefacts.inside(run_dir, name)
        if path.is_file() and artefacts.sha256_file(path) != digest:
            problems.append(f"{name} is not what the log says was written")
    return problems


def _against_gates(here: Mapping[str, Any], state: runlog.RunState) -> list[str]:
    """Check the thresholds of the first event; gates that are not installed here are left out."""
    if gates.digest_of(state.gates) != state.gates_digest:
        return ["the gates' thresholds are not those fixed in the first event"]
    changed = [name for name in here.keys() & state.gates.keys() if here[name] != state.gates[name]]
    return [
        f"the gate {name} has another threshold here than when the run began"
        for name in sorted(changed)
    ]


def _unsafe(run_dir: Path) -> list[str]:
    return [
        f"{name} is a kind of file that can run code when read"
        for name in _files(run_dir)
        if name.endswith(UNSAFE_SUFFIXES)
    ]


def _files(run_dir: Path) -> list[str]:
    """Return every file that belongs to the pack, sorted; symbolic links are refused."""
    names = []
    for path in run_dir.rglob("*"):
        relative = path.relative_to(run_dir)
        if path.is_symlink():
            raise BadInput("is a symbolic link, which a pack may not hold", source=str(path))
        if path.is_file() and relative.parts[0] not in NOT_SEALED_FOLDERS:
            names.append(relative.as_posix())
    return sorted(name for name in names if name not in NOT_SEALED)
