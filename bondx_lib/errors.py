"""The exceptions of the project: one small family, each carrying its evidence."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

_SHORT: Final = reprlib.Repr()
"""Shows a value as it was given, never at length: a few lines of YAML can stand for gigabytes."""
_SHORT.maxlevel = 3
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 120
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxdict = 8


class ExitCode(IntEnum):
    """What every command ends with.

    >>> ExitCode.REFUSED.value, ExitCode.REFUSED.meaning
    (3, 'a blocking gate refused the data or the models')
    """

    meaning: str

    DONE = 0, "done"
    FAILED = 1, "failed, or what was checked is not as it should be"
    BAD_INPUT = 2, "something that was given cannot be used; nothing was written"
    REFUSED = 3, "a blocking gate refused the data or the models"
    INTERRUPTED = 130, "interrupted"

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        """Give a number its meaning."""
        one = int.__new__(cls, value)
        one._value_ = value
        one.meaning = meaning
        return one


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``name``, or None if nothing is close.

    >>> nearest("max_epoch", ["max_epochs", "name"])
    'max_epochs'
    """
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


class BondXError(Exception):
    """Base of all errors that the project raises on purpose."""

    exit_code: int = ExitCode.FAILED


class BadInput(BondXError):
    """Something that a user gave cannot be used; the text says what and what would do.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    source
        The file, option or call the value came from.
    key, value
        The offending name and value.
    admissible
        What would be accepted, in words.
    nearest
        The nearest known name, if a name was wrong.
    """

    exit_code = ExitCode.BAD_INPUT

    def __init__(
        self,
        message: str,
        source: str | None = None,
        key: str | None = None,
        value: object = None,
        admissible: str | None = None,
        nearest: str | None = None,
    ) -> None:
        super().__init__(message, source, key, value, admissible, nearest)
        self.message = message
        self.source = source
        self.key = key
        self.value = value
        self.admissible = admissible
        self.nearest = nearest

    def __str__(self) -> str:
        """Join the evidence into one readable line."""
        text = self.message
        if self.key is not None:
            text = f"{_visible(self.key)}: {text}"
        if self.source is not None:
            text = f"{_visible(self.source)}: {text}"
        if self.value is not None:
            text += f" (got {_SHORT.repr(self.value)})"
        if self.admissible is not None:
            text += f"; admissible: {self.admissible}"
        if self.nearest is not None:
            text += f"; did you mean {self.nearest!r}?"
        return text


def _visible(name: str) -> str:
    """Return a name that somebody else chose so that it stays in its line and can be printed."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in name)


class RunLogDamaged(BadInput):
    """A run log cannot be trusted from one line on."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}", source=path)
        self.args = (path, line, reason)
        self.path = path
        self.line = line
        self.reason = reason


class RunLogNewer(RunLogDamaged):
    """A run log was written by a later version of this package."""


class RunBusy(BadInput):
    """Another process is already writing to the run folder."""

    def __init__(self, path: str, pid: int | None) -> None:
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{holder} is already working on this run", source=path)
        self.args = (path, pid)
        self.path = path
        self.pid = pid


class GateBlocked(BondXError):
    """A blocking gate refused the data and the redraws are used up."""

    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, gates: tuple[str, ...] = ()) -> None:
        super().__init__(message, gates)
        self.message = message
        self.gates = gates

    def __str__(self) -> str:
        """Return the sentence alone."""
        return self.message


class EpochFailed(BondXError):
    """An epoch's notebook ended with an error of its own."""

    def __init__(self, epoch: int, error: str, message: str, traceback: str = "") -> None:
        super().__init__(epoch, error, message, traceback)
        self.epoch = epoch
        self.error = error
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        """Name the epoch and the error."""
        return f"epoch {self.epoch} failed: {self.error}: {self.message}"
