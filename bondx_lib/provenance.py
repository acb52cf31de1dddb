"""What a run is computed with: a digest of each file of code, and versions of what it stands on.

Equal parameters give equal bytes only under equal code, so the first event of a run records both
and ``resume`` compares them. Files that only look at runs or use them are left out: a dashboard
that was mended changes no run.
"""

from __future__ import annotations

import inspect
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from bondx_lib.artefacts import sha256_file

PACKAGE: Final = Path(__file__).resolve().parent
SUFFIXES: Final = (".py", ".json", ".csv")
NOTEBOOKS: Final = ("notebooks/epoch.ipynb",)
NOT_OF_A_RUN: Final = ("__main__.py", "cli", "dashboard", "scoring", "sweep", "validation")
DIGITS: Final = 16
"""Hexadecimal digits of a file's digest: it tells of changes, it is no proof against forgery."""
LIBRARIES: Final = (
    "bondx", "numpy", "pandas", "scipy", "scikit-learn", "xgboost", "xgboost-cpu", "lightgbm",
    "pyarrow", "papermill", "nbclient", "nbconvert", "ipykernel",
)  # fmt: skip
NUMERICAL: Final = (
    "numpy", "pandas", "scipy", "scikit-learn", "xgboost", "xgboost-cpu", "lightgbm", "optuna",
    "pyarrow",
)  # fmt: skip
"""Libraries whose version may change a result."""


def code(package: Path = PACKAGE) -> dict[str, str]:
    """Return the beginning of the SHA-256 of each file that a run is computed by, by its path."""
    root = package.parent
    files = [path for path in package.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    files += [root / name for name in NOTEBOOKS if (root / name).is_file()]
    return {
        path.relative_to(root).as_posix(): sha256_file(path)[:DIGITS]
        for path in sorted(files)
        if path.relative_to(root).parts[1] not in NOT_OF_A_RUN
    }


def foreign(laws: Mapping[str, type]) -> dict[str, str]:
    """Return the same of the files that classes from elsewhere stand in, by the given names.

    Classes of this package, and those that stand in no file, are left out.
    """
    found = {}
    for name, law in laws.items():
        try:
            path = Path(inspect.getsourcefile(law) or "").resolve()
        except (TypeError, OSError):
            continue
        if path.is_file() and not path.is_relative_to(PACKAGE):
            found[name] = sha256_file(path)[:DIGITS]
    return found


def versions(names: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Return the versions of those libraries that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def computed_with() -> dict[str, str]:
    """Return versions of Python and of the numerical libraries, and the kind of machine."""
    here = {"python": platform.python_version(), "machine": platform.machine()}
    return here | versions(NUMERICAL)


def differences(
    before: Mapping[str, str], now: Mapping[str, str], *, values: bool = True
) -> list[str]:
    """Return what was changed, taken away or added, by name; with ``values``, from what to what.

    >>> differences({"numpy": "2.2", "scipy": "1.15"}, {"numpy": "2.4", "pandas": "3.0"})
    ['numpy is 2.4, was 2.2', 'pandas is new', 'scipy is gone']
    >>> differences({"a.py": "12"}, {"a.py": "13"}, values=False)
    ['a.py has changed']
    """
    lines = []
    for name in sorted({*before, *now}):
        if name not in now:
            lines.append(f"{name} is gone")
        elif name not in before:
            lines.append(f"{name} is new")
        elif before[name] != now[name]:
            change = f"is {now[name]}, was {before[name]}" if values else "has changed"
            lines.append(f"{name} {change}")
    return lines
