"""Failures of the disk, told from failures of the work: nothing is wrong with the run itself.

A full, read-only or failing disk ends the process with one sentence. The log stays valid, and once
there is room the run goes on where it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bondx_lib.errors import BondXError

NUMBERS: Final = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
        errno.ENOTDIR, errno.ESTALE, errno.EMFILE, errno.ENFILE,
    }
)  # fmt: skip
"""Errors of the operating system that more room, other rights or another disk would cure."""
STATED: Final = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)
LONGEST: Final = 200
"""How much is repeated of what a kernel says."""
ROOM_BYTES: Final = 65_536
"""With less room than this, any failure of an epoch is put down to the disk."""


class StorageFailed(BondXError):
    """A run could not write; it can go on once it can.

    Parameters
    ----------
    run_dir
        The run folder.
    place
        What could not be written to, or what failed because of it.
    reason
        What the operating system says.
    number
        The error's number, one of :data:`NUMBERS`.
    """

    def __init__(self, run_dir: str, place: str, reason: str, number: int) -> None:
        super().__init__(run_dir, place, reason, number)
        self.run_dir = run_dir
        self.place = place
        self.reason = reason
        self.number = number

    def __str__(self) -> str:
        """Say what could not be written, why, and how to go on."""
        return (
            f"{self.place}: {self.reason}; nothing that was committed is lost: make room or give "
            f"rights, then go on with: bondx resume {self.run_dir}"
        )


def name_of(error: OSError | StorageFailed) -> str | None:
    """Return the short name of a failure of the disk, such as ``ENOSPC``; None for other errors."""
    number = error.number if isinstance(error, StorageFailed) else _number_of(error)
    return None if number is None else errno.errorcode[number]


@contextlib.contextmanager
def explained(run_dir: Path) -> Iterator[None]:
    """Turn failures of the disk into :class:`StorageFailed`; any other error is left as it is."""
    try:
        yield
    except OSError as error:
        number = _number_of(error)
        if number is None:
            raise
        place = error.filename2 or error.filename or run_dir
        reason = f"cannot be written to: {os.strerror(number)}"
        raise StorageFailed(str(run_dir), str(place), reason, number) from error


def blamed(run_dir: Path, place: str, message: str) -> StorageFailed | None:
    """Return the failure of the disk behind an error that a kernel reports, None if there is none.

    Parameters
    ----------
    run_dir
        The run folder.
    place
        What failed.
    message
        What was reported. It names the number of the error; if it does not and there is no room
        left, that is the reason: libraries that write their own files raise errors of their own.
    """
    number = _stated(message)
    if number is None and shutil.disk_usage(run_dir).free < ROOM_BYTES:
        number = errno.ENOSPC
    if number is None:
        return None
    reason = f"{os.strerror(number)} ({textwrap.shorten(message, LONGEST)})"
    return StorageFailed(str(run_dir), place, reason, number)


def _number_of(error: OSError) -> int | None:
    """Return the number of a failure of the disk; of several errors in one only the text has it."""
    return _stated(str(error)) if error.errno is None else _known(error.errno)


def _stated(message: str) -> int | None:
    """Return the first number of a failure of the disk that a message names."""
    return next((int(one) for one in STATED.findall(message) if _known(int(one))), None)


def _known(number: int) -> int | None:
    return number if number in NUMBERS else None
