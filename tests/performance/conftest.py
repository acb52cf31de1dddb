"""What tests of benchmarks share: each names its ``SCRIPT``."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from bondx_lib import artefacts

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def call(request):
    """What the module's script, run with some words, prints."""

    def run(*words):
        command = [sys.executable, request.module.SCRIPT, *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def small(request, call, tmp_path_factory):
    """What a small run of the module's script prints, and the result that it writes."""
    path = tmp_path_factory.mktemp("benchmark") / f"{request.module.SCRIPT.stem}.json"
    printed = call("--small", "--output", path)
    return printed, artefacts.read_json(path)


@pytest.fixture(scope="module")
def script(request):
    """The module's script as a module itself; it looks for others beside itself."""
    path = request.module.SCRIPT
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(path.parent))
        yield importlib.import_module(path.stem)
        sys.modules.pop(path.stem)


@pytest.fixture
def shown(script, capsys):
    """What the module's script prints of a result."""

    def show(result):
        script.main(["--from", str(result)])
        return capsys.readouterr().out

    return show
