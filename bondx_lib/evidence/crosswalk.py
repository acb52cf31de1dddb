"""What is asked of a model, by whom, and which file of a pack answers it.

Kept as data in ``crosswalk.yaml``, with the version of each text, because texts move.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from bondx_lib.errors import BadInput

SOURCE: Final = Path(__file__).with_name("crosswalk.yaml")
STATUSES: Final = {
    "auto": "the run makes it",
    "stub": "the run writes a form that a person completes",
    "out": "no run can show it",
}
UNMADE: Final = {"unmade": "the run ended before it could be made"}
SEAL: Final = "SHA256SUMS"
"""It is written after the crosswalk, which it covers."""
OF_FAMILIES: Final = {
    "completeness": ("data", "testing"), "range": ("data", "testing"),
    "liquidity": ("data", "testing"), "correlation": ("data", "testing"),
    "statistics": ("data", "testing"), "logic": ("data", "testing"),
    "realism": ("synthetic", "testing"), "model": ("testing", "segments", "outcomes"),
    "reproducibility": ("process",),
}  # fmt: skip
"""Rows of the crosswalk that a family of gates speaks to."""


def rows(models: Iterable[str]) -> dict[str, Any]:
    """Return the crosswalk of a run with these models.

    Returns
    -------
    ``checked``: date of the texts; ``texts``: their names and versions; ``statuses``: what they
    mean; ``rows``: requirement, where it is asked, whom it applies to, artefacts, status.
    """
    source = _read(SOURCE)
    found = [
        {**row, "artefacts": [name for pattern in row["artefacts"]
                              for name in _named(pattern, models)]}
        for row in source["rows"]
    ]  # fmt: skip
    return {**source, "statuses": STATUSES, "rows": found}


@functools.cache
def _read(source: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    return content


def check(run_dir: Path, content: Mapping[str, Any], later: Collection[str] = ()) -> None:
    """Hold the crosswalk against the files that are there.

    Parameters
    ----------
    run_dir, content
        The run folder and its crosswalk.
    later
        Files that are written after it.

    Raises
    ------
    BadInput
        When an artefact that it points to was not written.
    """
    for row in content["rows"]:
        for name in row["artefacts"]:
            if not _there(run_dir, name, later):
                raise BadInput(
                    "points to a file that the run did not write", source=SOURCE.name,
                    key=row["id"], value=name,
                )  # fmt: skip


def without_models(
    run_dir: Path, content: Mapping[str, Any], later: Collection[str] = ()
) -> dict[str, Any]:
    """Return the crosswalk of a run that ended before it had a model: what is there is named."""
    rows = [
        {**row, "artefacts": [name for name in row["artefacts"] if _there(run_dir, name, later)]}
        for row in content["rows"]
    ]
    rows = [row if row["artefacts"] or row["status"] == "out" else {**row, "status": "unmade"}
            for row in rows]  # fmt: skip
    return {**content, "statuses": {**STATUSES, **UNMADE}, "rows": rows}


def _there(run_dir: Path, name: str, later: Collection[str]) -> bool:
    return name == SEAL or name in later or (run_dir / name).is_file()


def _named(pattern: str, models: Iterable[str]) -> list[str]:
    return [pattern.format(model=name) for name in models] if "{" in pattern else [pattern]
