"""Before the loop: the folder of a new run, and what must be as it was before one goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bondx_lib import artefacts, epoch, evidence, gates, models, provenance, runlog
from bondx_lib.errors import BadInput
from bondx_lib.models import learners
from bondx_lib.parameters import Parameters

NAMED: Final = 5
"""How many changed files a refusal names."""


def check_names(parameters: Parameters) -> None:
    """Check that every model, learner and gate that the parameters name is there.

    Raises
    ------
    BadInput
        Naming the first that is not, and the nearest that is.
    """
    for key, names, find in (
        ("models", parameters.models, models.get),
        ("advanced.base_models", parameters.advanced.base_models, learners.get),
    ):
        for name in names:
            try:
                find(name)
            except BadInput as error:
                raise BadInput(
                    error.message, source="parameters", key=key, value=name,
                    admissible=error.admissible, nearest=error.nearest,
                ) from error  # fmt: skip
    gates.QualityGateManager(parameters)


def prepare(parameters: Parameters, parent: Mapping[str, Any] | None = None) -> Path:
    """Make the folder of a new run, to be begun by :func:`resume`, and return it.

    Parameters
    ----------
    parameters
        What to run.
    parent
        The run it was forked from, if any.

    Raises
    ------
    BadInput
        When the base directory cannot be written to, or a name in the parameters is not known.
    """
    check_names(parameters)
    folder = new_run_folder(parameters)
    if parent is not None:
        artefacts.write_json(folder / epoch.PARENT_NAME, dict(parent))
    artefacts.write_text(folder / epoch.PARAMETERS_NAME, parameters.to_yaml())
    return folder


def fork(run_dir: Path, parameters: Parameters) -> Path:
    """Make the folder of a new run with another one as its parent, and return it.

    The new run begins anew, under its own parameters and today's code; its first event names the
    parent, see :func:`parentage`.

    Raises
    ------
    BadInput
        When the parent is no run, or its log is damaged.
    """
    return prepare(parameters, parentage(run_dir))


def parentage(run_dir: Path) -> dict[str, Any]:
    """Return what a run says of its parent: name, last line's digest, how it stood, pack id.

    Raises
    ------
    BadInput
        When the parent is no run, or its log is damaged.
    """
    events = runlog.read(run_dir / runlog.LOG_NAME)
    state = runlog.replay(events)
    if not events:
        raise BadInput("has not begun, so nothing can be its child", source=str(run_dir))
    return {
        "run": run_dir.resolve().name, "digest": events[-1].digest, "events": len(events),
        "status": state.status, "epochs": len(state.committed),
        "parameters_digest": state.parameters_digest, "pack_id": evidence.pack_id(run_dir),
    }  # fmt: skip


def is_prepared(run_dir: Path) -> bool:
    """Say whether a folder holds the parameters of a run that has not begun."""
    log = run_dir / runlog.LOG_NAME
    begun = log.is_file() and log.stat().st_size > 0
    return (run_dir / epoch.PARAMETERS_NAME).is_file() and not begun


def new_run_folder(parameters: Parameters) -> Path:
    """Create a run folder named after time, name and parameters' digest.

    Raises
    ------
    BadInput
        When the base directory cannot be written to.
    """
    return artefacts.new_folder(
        parameters.output.base_directory, f"{parameters.name}-{parameters.digest()[:6]}"
    )


def check_code(run_dir: Path, state: runlog.RunState, parameters: Parameters) -> None:
    """Check that code, libraries and gates are those that the run began with.

    A run whose log is of a time when code was not recorded is let through.

    Raises
    ------
    BadInput
        Naming what was changed.
    """
    lines = _other_code(state, parameters) if state.code else []
    here = gates.QualityGateManager(parameters).table()
    names = sorted(
        name for name in {*here, *state.gates} if here.get(name) != state.gates.get(name)
    )
    lines += [f"the gate {name} is another" for name in names]
    if lines:
        more = f" and {len(lines) - NAMED} more" if len(lines) > NAMED else ""
        raise BadInput(
            f"was begun with other code: {'; '.join(lines[:NAMED])}{more}", source=str(run_dir),
            admissible="what it began with; to begin anew with this: bondx resume --fork",
        )  # fmt: skip


def _other_code(state: runlog.RunState, parameters: Parameters) -> list[str]:
    """Return what has changed of libraries and code since the run began, one line each."""
    return [
        *provenance.differences(state.computed_with, provenance.computed_with()),
        *provenance.differences(state.code, epoch.code(parameters), values=False),
    ]


def check_artefacts(run_dir: Path, state: runlog.RunState) -> None:
    """Check that the markets and every file of the committed epochs are as their events say.

    Raises
    ------
    BadInput
        Naming the first file that is missing or changed.
    """
    for name, drawn in state.markets.items():
        if epoch.market_digest(run_dir, name) != drawn["digest"]:
            source = str(run_dir / "markets" / name)
            raise BadInput(f"the {name} market is not the one that was drawn", source=source)
    for view in state.committed:
        for name, digest in view.artefacts.items():
            path = artefacts.inside(run_dir, name)
            if not path.is_file():
                raise BadInput(f"is missing since epoch {view.number}", source=str(path))
            if artefacts.sha256_file(path) != digest:
                raise BadInput(f"was changed after epoch {view.number}", source=str(path))
