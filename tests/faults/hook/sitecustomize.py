"""Read by every Python process that has this folder on its path: ends one of them at a write.

``BONDX_FAULT`` holds the fault as JSON: ``name`` and ``phase`` of the write, ``role`` of the
process that comes to it (runner or kernel), ``victim`` (self, or parent: then the write goes on),
and ``marker``, a file that is made first, so that it happens once. With an ``error``, a number of
the operating system's, the write fails with it and nobody is killed. ``BONDX_TRACE`` names a file
in which every write is noted.
"""

import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
from pathlib import Path

FAULT = json.loads(os.environ.get("BONDX_FAULT", "null"))
TRACE = os.environ.get("BONDX_TRACE")
ROLE = "kernel" if "BONDX_RUNNER_PID" in os.environ else "runner"


def reach(name, phase, path, before):
    """Note the write, and end the process it is to end."""
    import points

    if TRACE:
        with open(TRACE, "a") as file:
            file.write(f"{ROLE}\t{name}\t{phase}\n")
    if not FAULT or (FAULT["role"], FAULT["name"], FAULT["phase"]) != (ROLE, name, phase):
        return
    try:
        os.close(os.open(FAULT["marker"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    if FAULT["error"]:
        raise OSError(FAULT["error"], os.strerror(FAULT["error"]), str(path))
    if FAULT["victim"] == "parent":
        os.kill(os.getppid(), signal.SIGKILL)
        return
    if phase == points.HALF:
        points.halve(path, before)
    os.kill(os.getpid(), signal.SIGKILL)


class _Loader(importlib.abc.Loader):
    """Loads the run log as ever, and then wraps its writes and those of the module below it."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        import points

        points.wrap(sys.modules["bondx_lib.artefacts"], module, reach)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the run log's module, nothing else."""

    def find_spec(self, fullname, path, target=None):
        if fullname != "bondx_lib.runlog":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        spec.loader = _Loader(spec.loader)
        return spec


if FAULT or TRACE:
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    sys.meta_path.insert(0, _Finder())
