"""Where findings go: files that are written whole or not at all, and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from bondx_lib import artefacts
from bondx_lib.errors import BadInput
from bondx_lib.intake.parts import clear_errors
from bondx_lib.validation import text

Targets = Mapping[str, str | Path | None]
"""Form, ``json`` or ``html``, to the file that is to hold it; None for none."""


def check_targets(source: str | Path, targets: Targets, *, overwrite: bool = False) -> None:
    """Check that outputs can be written, before any work is done.

    Raises
    ------
    BadInput
        When one is there already and may not be replaced, is the input, has no folder, or is named
        twice.
    """
    named = [Path(target) for target in targets.values() if target is not None]
    for place, target in enumerate(named):
        if not target.parent.is_dir():
            raise BadInput("is no folder", source=str(target), value=str(target.parent))
        if target.is_dir() or (target.exists() and not overwrite):
            raise BadInput(
                "is there already", source=str(target), admissible="another name, or --force"
            )
        if target.exists() and Path(source).exists() and target.samefile(source):
            raise BadInput("is the input", source=str(target), admissible="another name")
        if target in named[:place]:
            raise BadInput("is named twice", source=str(target), admissible="two names")


def write(found: Mapping[str, Any], targets: Targets) -> list[Path]:
    """Write a document in each form that is asked for, and return the files.

    Raises
    ------
    BadInput
        When the file system refuses.
    """
    written = []
    for form, target in targets.items():
        if target is not None:
            path = Path(target)
            with clear_errors(str(path)):
                if form == "json":
                    artefacts.write_json(path, found)
                else:
                    artefacts.write_text(path, _page(found))
            written.append(path)
    return written


def _page(found: Mapping[str, Any]) -> str:
    """Return the page; what it is made with takes seconds to import, so that only it waits."""
    from bondx_lib.validation.page import page

    return page(found)


def show(found: Mapping[str, Any], *, every: bool = False) -> None:
    """Print a document as a table, as wide as the terminal."""
    Console(highlight=False).print(text.rendered(found, every=every))
