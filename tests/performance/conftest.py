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
def small(request, tmp_path_factory):
    """What a small run of the module's script prints, and the result that it writes."""
    script = request.module.SCRIPT
    path = tmp_path_factory.mktemp("benchmark") / f"{script.stem}.json"
    call = [sys.executable, script, "--small", "--output", path]
    done = subprocess.run(call, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, artefacts.read_json(path)


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
