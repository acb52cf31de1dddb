"""Put a sealed run into one archive, always the same bytes for the same pack."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import Final

from bondx_lib import artefacts
from bondx_lib.errors import BadInput
from bondx_lib.evidence.seal import SUMS_NAME, files, verify

MOMENT: Final = (1980, 1, 1, 0, 0, 0)
"""Of every member: the earliest that the format knows."""
MODE: Final = stat.S_IFREG | 0o644
LEVEL: Final = 6


def export(run_dir: Path, target: Path | None = None, *, overwrite: bool = False) -> Path:
    """Write a pack as a ZIP archive: members sorted, without clock times and owners.

    Parameters
    ----------
    run_dir
        A sealed run in which nothing has changed.
    target
        The archive; the run folder's name with ``.zip`` beside it if not given.
    overwrite
        Replace an archive that is there.

    Returns
    -------
    The archive's path.

    Raises
    ------
    BadInput
        When the run is not sealed, was changed, or the archive is there or would lie in the run.
    """
    target = target or run_dir.with_name(f"{run_dir.name}.zip")
    _refuse(run_dir, target, overwrite)
    with artefacts.whole(target) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name in sorted([*files(run_dir), SUMS_NAME]):
            member = zipfile.ZipInfo(f"{run_dir.name}/{name}", MOMENT)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, MODE << 16
            member.create_system = 3
            content = (run_dir / name).read_bytes()
            archive.writestr(member, content, compresslevel=LEVEL)
    return target


def _refuse(run_dir: Path, target: Path, overwrite: bool) -> None:
    if target.resolve().is_relative_to(run_dir.resolve()):
        raise BadInput("lies in the run that it is made of", source=str(target))
    if target.is_dir() or (target.exists() and not overwrite):
        raise BadInput("exists already", source=str(target), admissible="another name, or --force")
    if found := verify(run_dir):
        raise BadInput(
            f"is not as it was sealed: {found[0]}" + (f", and {len(found) - 1} more"
            if len(found) > 1 else ""), source=str(run_dir), admissible="a sealed run; see bondx "
            "verify",
        )  # fmt: skip
