"""What the controller has done by other processes, and where a browser finds what they wrote.

A run is started by the very command that a terminal would use, so it outlives this kernel.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from bondx_lib.errors import BondXError

FOLDER_LINE: Final = "run folder: "


class CommandFailed(BondXError):
    """A command of ours ended with an error; the text is its own."""

    def __init__(self, words: str, exit_code: int) -> None:
        super().__init__(words, exit_code)
        self.words = words
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return what the command said."""
        return self.words


def start(file: str | None, values: Mapping[str, Any], base: Path) -> Path:
    """Start a run that outlives this process; return its folder once it has begun.

    Parameters
    ----------
    file
        Parameters file; the defaults if None.
    values
        Dotted key to value, over the file's.
    base
        Folder that holds the runs.

    Raises
    ------
    CommandFailed
        When the run did not begin; the text says why.
    """
    words = ["run", "--detach", "--quiet", "--output", str(base)]
    words += ["--file", file] if file else []
    for key, value in values.items():
        words += ["--set", f"{key}={value}"]
    said = command(words)
    return Path(next(line for line in said.splitlines() if line.startswith(FOLDER_LINE))
                .removeprefix(FOLDER_LINE))  # fmt: skip


def command(words: Sequence[str]) -> str:
    """Run one ``bondx`` command and return what it printed.

    Raises
    ------
    CommandFailed
        When it ended with an error.
    """
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "bondx_lib", *words], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        last = said.rpartition("error: ")[2] or f"bondx {words[0]} ended without a word"
        raise CommandFailed(last, done.returncode)
    return done.stdout


def address(path: Path) -> str | None:
    """Return where the browser finds a file, on the Jupyter server that this kernel belongs to.

    None where there is no such server, or the file lies outside of what it serves.
    """
    for server in _servers():
        root = Path(server["root_dir"]).resolve()
        if path.resolve().is_relative_to(root):
            place = path.resolve().relative_to(root).as_posix()
            return f"{server['base_url']}files/{quote(place)}"
    return None


def _servers() -> list[dict[str, Any]]:
    """Return the running server that started this kernel."""
    from jupyter_server.serverapp import list_running_servers

    parent = os.environ.get("JPY_PARENT_PID")
    return [one for one in list_running_servers() if str(one["pid"]) == parent]
