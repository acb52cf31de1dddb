"""Where a run writes: every file that appears whole and every line of the log, seen from a test.

The package knows nothing of this. A test wraps its ways of writing and is told, with a name that is
the same in every run, when a write is half done and when it is done.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

HALF, DONE = "half", "done"
FOLDERS: Final = ("epochs", "models", "markets", "datasets", "evidence")
Reach = Callable[[str, str, Path, int], None]
"""Told the name of a write, how far it is, what holds it, and the size of that before."""


def of_file(path: Path) -> str:
    """Return a file's name below its run folder."""
    parts = path.parts
    start = next((index for index, part in enumerate(parts) if part in FOLDERS), len(parts) - 1)
    return "/".join(parts[start:])


def of_event(event: str, fields: dict[str, Any]) -> str:
    """Return an event's kind with what tells it from others of its kind."""
    told = [str(fields[name]) for name in ("epoch", "stage", "model", "market") if name in fields]
    return " ".join([event, *told])


def halve(path: Path, before: int = 0) -> None:
    """Leave of what was written only half: of a file's new bytes, or of a folder's files."""
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
        for one in files[len(files) // 2 :]:
            one.unlink()
        return
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(before + (size - before) // 2)


def wrap(artefacts: ModuleType, runlog: ModuleType, reach: Reach) -> Callable[[], None]:
    """Tell ``reach`` of every write from now on, in this process; return how to end that."""
    whole, append, rename, copytree = (
        artefacts.whole, runlog.Journal.append, Path.rename, shutil.copytree,
    )  # fmt: skip
    seen: Counter[str] = Counter()

    def numbered(name: str) -> str:
        seen[name] += 1
        return name if seen[name] == 1 else f"{name} #{seen[name]}"

    @contextlib.contextmanager
    def watched_whole(path: Path) -> Iterator[Path]:
        name = numbered(of_file(path))
        with whole(path) as partial:
            yield partial
            reach(name, HALF, partial, 0)
        reach(name, DONE, path, 0)

    def watched_append(self: Any, event: str, **fields: Any) -> Any:
        name = numbered(of_event(event, fields))
        before = self.path.stat().st_size if self.path.exists() else 0
        written = append(self, event, **fields)
        for phase in (HALF, DONE):
            reach(name, phase, self.path, before)
        return written

    def watched_rename(self: Path, target: Path) -> Path:
        renamed = rename(self, target)
        reach(numbered(f"{of_file(self)} to {of_file(target)}"), DONE, renamed, 0)
        return renamed

    def watched_copytree(source: Path, target: Path, *nested: Any, **settings: Any) -> Any:
        copied = copytree(source, target, *nested, **settings)
        if "ignore" not in settings:  # a copy within a copy
            return copied
        reach(numbered(f"copy to {of_file(target)}"), HALF, target, 0)
        return copied

    def put(new_whole: Any, new_append: Any, new_rename: Any, new_copytree: Any) -> None:
        for module in _holding(artefacts.whole):
            module.whole = new_whole  # type: ignore[attr-defined]
        runlog.Journal.append = new_append
        Path.rename = new_rename  # type: ignore[method-assign]
        shutil.copytree = new_copytree

    put(watched_whole, watched_append, watched_rename, watched_copytree)
    return lambda: put(whole, append, rename, copytree)


def _holding(whole: Any) -> list[ModuleType]:
    """Return the package's modules that hold the function under its name."""
    modules = [one for name, one in sys.modules.items() if name.startswith("bondx_lib")]
    return [one for one in modules if getattr(one, "whole", None) is whole]
