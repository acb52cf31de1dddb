"""Seal a run folder and check a sealed one.

``SHA256SUMS`` covers every file but itself and the files that only a working run needs; its own
SHA-256 is the pack id. Whoever runs a run could rewrite all of it before the pack id is published
elsewhere: the seal shows later changes, not honest beginnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bondx_lib import artefacts, gates, runlog
from bondx_lib import parameters as parameter_files
from bondx_lib.errors import BadInput, RunLogDamaged, RunLogNewer
from bondx_lib.evidence import verifier
from bondx_lib.evidence.verifier import Difference

SUMS_NAME: Final = verifier.SUMS


def seal(run_dir: Path) -> str:
    """Write ``SHA256SUMS`` over the run folder and return the pack id.

    Raises
    ------
    BadInput
        When the folder holds what no pack may hold.
    """
    lines = [f"{artefacts.sha256_file(run_dir / name)}  {name}\n" for name in files(run_dir)]
    return artefacts.write_text(run_dir / SUMS_NAME, "".join(lines))


def files(run_dir: Path) -> list[str]:
    """Return every file that belongs to the pack, sorted.

    Raises
    ------
    BadInput
        When the folder holds what no pack may hold.
    """
    names, refused = verifier.contents(run_dir)
    refused += [verifier.Difference(name, "has a name of several lines")
                for name in names if "\n" in name or "\\" in name]  # fmt: skip
    if refused:
        raise BadInput(refused[0].what, source=str(run_dir / refused[0].file))
    return names


def pack_id(run_dir: Path) -> str | None:
    """Return the pack id of a sealed run, None if it is not sealed."""
    path = run_dir / SUMS_NAME
    return artefacts.sha256_file(path) if path.is_file() else None


def verify(run_dir: Path) -> list[Difference]:
    """Return every difference between a sealed run folder and its seal.

    What the pack's own ``evidence/verify.py`` checks, and what needs this package: the fields of
    every event, the parameters file, and the thresholds of the gates as they are here.

    Raises
    ------
    BadInput
        When the folder is no run, the run has not ended, or a later version of BondX made it.
    """
    try:
        found = verifier.differences(run_dir)
    except verifier.NotAPack as error:
        raise BadInput("is no run folder: it has no events.jsonl", source=str(run_dir)) from error
    if pack_id(run_dir) is None:
        runlog.must_have_ended(_state(run_dir), run_dir, "verified")
    elif not any(one.file == runlog.LOG_NAME for one in found):
        found += _against_here(run_dir)
    return found


def _state(run_dir: Path, *, tolerate_torn: bool = True) -> runlog.RunState:
    try:
        log = run_dir / runlog.LOG_NAME
        return runlog.replay(runlog.read(log, tolerate_torn=tolerate_torn))
    except RunLogNewer as error:
        raise BadInput(
            error.reason, source=error.path,
            admissible="evidence/verify.py of the run itself, which needs Python alone",
        ) from error  # fmt: skip


def _against_here(run_dir: Path) -> Iterator[Difference]:
    """Read log and parameters as this package does, and compare thresholds."""
    try:
        state = _state(run_dir, tolerate_torn=False)
    except RunLogDamaged as error:
        yield Difference(str(error), "cannot be read")
        return
    try:
        parameters = parameter_files.load(run_dir / "parameters.yaml")
    except BadInput as error:
        yield Difference(str(error), "cannot be read")
        return
    if parameters.digest() != state.parameters_digest:
        yield Difference("parameters.yaml", "is not what the first event says", 0)
    yield from _against_gates(gates.QualityGateManager(parameters).table(), state)


def _against_gates(here: Mapping[str, Any], state: runlog.RunState) -> Iterator[Difference]:
    """Compare the thresholds of the first event; gates that are not installed are left out."""
    for name in sorted(here.keys() & state.gates.keys()):
        if here[name] != state.gates[name]:
            what = "has another threshold here than when the run began"
            yield Difference(f"the gate {name}", what, 0)
