"""Set-up: the locks, the two commands, the conda way in, and what documents point to."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from .. import conftest

ROOT = Path(__file__).parents[2]
PROJECT, SETTINGS = (
    tomllib.loads((ROOT / "pyproject.toml").read_text())[name] for name in ("project", "tool")
)
SETS = {"run": ["build"], "test": ["build", "test"], "dev": ["build", "test", "dev"],
        "benchmark": ["build", "benchmark"]}  # fmt: skip
CONDA_NAMES = {"py-xgboost-cpu": "xgboost-cpu", "pandera-pandas": "pandera"}
PIN = re.compile(
    r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)
PAGE_LINES = 60


def direct(*extras: str) -> list[Requirement]:
    optional = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + [line for extra in extras for line in optional[extra]]
    return [Requirement(line) for line in lines]


def pins(name: str) -> dict[tuple[str, str], str]:
    """Return version by package and marker of one lock."""
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    return {(pin[1], pin[3] or ""): pin[2] for pin in PIN.finditer(text)}


@pytest.mark.parametrize("name", SETS)
def test_a_lock_is_pins_with_digests_and_nothing_else(name: str) -> None:
    """No address, no option, no requirement without a version and a digest."""
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    assert PIN.sub("", text) == ""
    assert len(pins(name)) > 50


@pytest.mark.parametrize("name", SETS)
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    """Every direct dependency of a set is pinned inside its bounds."""
    versions = {package: version for (package, _), version in pins(name).items()}
    for wanted in direct(*SETS[name]):
        assert wanted.specifier.contains(versions[canonicalize_name(wanted.name)]), wanted


def test_every_python_gets_the_same_version() -> None:
    """A package has one version in a lock, so results do not depend on the Python they ran on."""
    names = [name for name, _ in pins("dev")]
    assert len(names) == len(set(names))


def test_sets_lie_inside_one_another() -> None:
    """Going from run to test to dev only adds packages."""
    assert pins("run").items() < pins("test").items() < pins("dev").items()


def test_the_benchmark_set_is_the_run_set_and_one_package() -> None:
    """What the models are compared with changes nothing of what they run on."""
    assert pins("run").items() < pins("benchmark").items()
    assert len(pins("benchmark")) == len(pins("run")) + 1


def test_nothing_is_missing_that_a_package_needs() -> None:
    """Locks are installed as they are, without asking packages what they need."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize(
    ("platform", "machine", "chosen"),
    [
        ("linux", "x86_64", "xgboost-cpu"),
        ("linux", "aarch64", "xgboost-cpu"),
        ("linux", "ppc64le", "xgboost"),
        ("darwin", "arm64", "xgboost"),
    ],
)
def test_one_xgboost_per_platform(platform: str, machine: str, chosen: str) -> None:
    """The small distribution where there is one, the plain one elsewhere, never both."""
    here = {"sys_platform": platform, "platform_machine": machine}
    wanted = [
        requirement.name for requirement in direct()
        if requirement.name.startswith("xgboost")
        and requirement.marker is not None and requirement.marker.evaluate(here)
    ]  # fmt: skip
    assert wanted == [chosen]


def test_conda_and_pip_ask_for_the_same() -> None:
    """environment.yml has the names and bounds of pyproject.toml."""
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = set()
    for line in lines:
        name, _, bounds = line.partition(" ")
        conda.add((canonicalize_name(CONDA_NAMES.get(name, name)), SpecifierSet(bounds)))
    pip = {(canonicalize_name(asked.name), asked.specifier) for asked in direct("build")}
    only_conda = {("python", SpecifierSet(PROJECT["requires-python"])), ("pip", SpecifierSet())}
    assert conda == {pair for pair in pip if pair[0] != "xgboost"} | only_conda


def test_every_import_is_declared() -> None:
    """What the package imports is among its dependencies by name, not there by luck."""
    declared = {canonicalize_name(requirement.name) for requirement in direct()}
    owners = packages_distributions()
    for path in (ROOT / "bondx_lib").rglob("*.py"):
        for module in _imported(path):
            if module not in sys.stdlib_module_names | {"bondx_lib"}:
                found = {canonicalize_name(name) for name in owners[module]}
                assert found & declared, f"{path.name} imports {module}"


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_a_notebook_is_a_reading(path: Path) -> None:
    """Prose first, short cells, no outputs, no definitions but a gate or model of one's own."""
    cells = json.loads(path.read_text())["cells"]
    assert cells[0]["cell_type"] == "markdown"
    for cell in cells:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            assert not cell["outputs"]
            assert cell["execution_count"] is None
            assert len(source.splitlines()) <= 12
            if not source.startswith(("@gates.register", "@models.register")):
                assert not re.search(r"^\s*(def|class|import os|%|!)\b", source, re.M)


def test_links_in_documents_lead_somewhere() -> None:
    """A relative link of any document names a file of the project."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "runs" / "README.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_decisions_are_single_pages() -> None:
    """A decision says what, why and what was refused, on one page, and the index lists it."""
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        text = page.read_text()
        assert page.name in index
        assert len(text.splitlines()) <= PAGE_LINES
        assert all(f"## {part}" in text for part in ("Decision", "Why", "Refused"))


def test_sources_are_listed() -> None:
    """A number in brackets that a docstring cites has its entry in docs/references.md."""
    listed = set(re.findall(r"^(\d+)\. ", (ROOT / "docs" / "references.md").read_text(), re.M))
    cited = {
        number
        for path in (ROOT / "bondx_lib").rglob("*.py")
        for number in re.findall(r"(?<![\w\]])\[(\d+)\]", _prose(path))
    }
    assert cited
    assert cited <= listed


def _prose(path: Path) -> str:
    """Return a module's docstring without the code in it."""
    return re.sub(r"`[^`]*`", "", ast.get_docstring(ast.parse(path.read_text())) or "")


def test_the_network_is_out_of_reach() -> None:
    """A test that reaches for another machine fails; this machine answers as ever."""
    with socket.socket() as reaching, pytest.raises(OSError, match="off the network"):
        reaching.connect(("192.0.2.1", 80))
    with socket.socket() as listener, socket.socket() as caller:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        caller.connect(listener.getsockname())


STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> "{log}"
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """Return a folder with the real Makefile and stubs that note how they are called."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml", "locks"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for tool in ("locks/install", ".venv/bin/python", ".venv/bin/bondx", ".venv/bin/coverage"):
        stub = tmp_path / tool
        stub.write_text(STUB.format(log=tmp_path / "calls"))
        stub.chmod(0o755)
    return tmp_path


def make(folder: Path, *words: str) -> list[str]:
    """Run make and return the calls that its stubs noted."""
    calls = folder / "calls"
    calls.unlink(missing_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    subprocess.run(["make", *words], cwd=folder, env=environment, check=True, capture_output=True)
    return [" ".join(call.split()[:2]) for call in calls.read_text().splitlines()]


def test_run_installs_once(workshop: Path) -> None:
    """The first `make run` installs and runs, the second only runs."""
    assert make(workshop, "run") == ["install run", "bondx run"]
    assert make(workshop, "run") == ["bondx run"]


def test_run_takes_a_parameters_file(workshop: Path) -> None:
    """PARAMETERS names another file; the default is parameters/default.yaml."""
    for words, expected in [((), "parameters/default.yaml"), (("PARAMETERS=my.yaml",), "my.yaml")]:
        make(workshop, "run", *words)
        assert (workshop / "calls").read_text().splitlines()[-1] == f"bondx run -f {expected}"


def test_test_adds_to_run_and_serves_it(workshop: Path) -> None:
    """The test set is installed over the run set, after which run has nothing to do."""
    make(workshop, "run")
    assert make(workshop, "test")[0] == "install test"
    assert make(workshop, "run") == ["bondx run"]
    assert make(workshop, "test") == [
        "coverage erase",
        "coverage run",
        "coverage combine",
        "coverage report",
    ]


def test_every_kind_of_test_has_a_target(workshop: Path) -> None:
    """But for what is a word about tests of other kinds."""
    known = {line.split(":")[0] for line in SETTINGS["pytest"]["ini_options"]["markers"]}
    make(workshop, "test")
    for kind in known - {"measured", "heavy"}:
        assert make(workshop, f"test-{kind}") == ["python -m"]


def test_this_is_not_measured() -> None:
    """Tests of this folder run at full speed under `make test`, and so does what they start."""
    assert sys.gettrace() is None
    assert conftest.MEASURES_CHILDREN not in os.environ


@pytest.mark.parametrize("name", [*conftest.SLOW_FIRST, *conftest.HEAVY])
def test_files_that_are_told_apart_are_there(name: str) -> None:
    """Slow ones and heavy ones are named by file."""
    assert list((ROOT / "tests").rglob(name))


def test_a_changed_lock_is_installed(workshop: Path) -> None:
    """Content counts, not time: another lock installs anew, and so does going back."""
    lock = workshop / "locks" / "run.txt"
    before = lock.read_text()
    make(workshop, "run")
    for text in (before + "\n", before):
        lock.write_text(text)
        assert make(workshop, "run")[0] == "install run"
    lock.touch()
    assert make(workshop, "run") == ["bondx run"]


def test_an_old_python_is_refused(workshop: Path) -> None:
    """A Python that will not do is named, with those that will, before anything is made."""
    shutil.rmtree(workshop / ".venv")
    old = workshop / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 || exit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "run", f"PYTHON={old}"], cwd=workshop, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "needs Python 3.11, 3.12 or 3.13, and found Python 3.9.1" in done.stderr
    assert not (workshop / ".venv").exists()


def test_laboratory_is_bound_to_this_machine() -> None:
    """Whatever address the user's own settings have, and the token stays."""
    (line,) = [
        line for line in (ROOT / "Makefile").read_text().splitlines() if "jupyter lab" in line
    ]
    assert "--ServerApp.ip=127.0.0.1" in line
    assert "token" not in line


def test_slow_files_are_there() -> None:
    """Each that the tests begin with is a file, so none was renamed and forgotten."""
    source = ast.parse((ROOT / "tests" / "conftest.py").read_text())
    (listed,) = (
        ast.literal_eval(node.value) for node in source.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SLOW_FIRST"
    )  # fmt: skip
    files = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(listed) > 5
    assert set(listed) <= files
