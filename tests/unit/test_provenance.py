"""What a run is computed with: every file of code counts, doors do not, changes are named."""

from __future__ import annotations

import importlib
import platform
import sys
from pathlib import Path

import pytest

from bondx_lib import provenance
from bondx_lib.models import spread


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package of the project's shape."""
    root = tmp_path / "bondx_lib"
    for name, text in {
        "epoch.py": "1", "market/facts.csv": "2", "market/__pycache__/facts.pyc": "3",
        "dashboard/html.py": "4", "cli/running.py": "5", "templates/style.css": "6",
        "../notebooks/epoch.ipynb": "7", "../notebooks/explore.ipynb": "8",
    }.items():  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_code_is_what_computes(package: Path) -> None:
    """Sources, their tables and the notebook of an epoch; no caches, styles, or doors."""
    found = provenance.code(package)
    assert sorted(found) == ["bondx_lib/epoch.py", "bondx_lib/market/facts.csv",
                             "notebooks/epoch.ipynb"]  # fmt: skip
    assert found["bondx_lib/epoch.py"] == "6b86b273ff34fce1"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("bondx_lib/epoch.py", "bondx_lib/epoch.py has changed"),
        ("notebooks/epoch.ipynb", "notebooks/epoch.ipynb has changed"),
        ("bondx_lib/market/new.py", "bondx_lib/market/new.py is new"),
    ],
)
def test_a_change_is_named(name: str, line: str, package: Path) -> None:
    """One changed or added file is one line."""
    before = provenance.code(package)
    (package.parent / name).write_text("other")
    assert provenance.differences(before, provenance.code(package), values=False) == [line]


def test_a_door_may_be_mended(package: Path) -> None:
    """What only looks at runs is not compared."""
    before = provenance.code(package)
    (package / "dashboard" / "html.py").write_text("other")
    assert provenance.code(package) == before


def test_our_own_code_is_all_there() -> None:
    """The real package: the loop, the market and its constants, the notebook."""
    found = provenance.code()
    assert {
        "bondx_lib/trainer/loop.py", "bondx_lib/market/constants.json", "bondx_lib/ceilings.json",
        "notebooks/epoch.ipynb",
    } <= set(found)  # fmt: skip
    assert not any("dashboard" in name or "__pycache__" in name for name in found)


def test_models_from_elsewhere_count_by_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class of another file is known by its content; ours and those of no file are left out."""
    (tmp_path / "guest_model.py").write_text("class Guest: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    guest = importlib.import_module("guest_model").Guest
    homeless = type("Homeless", (), {"__module__": "nowhere"})
    found = provenance.foreign({"guest": guest, "spread": spread.Spread, "none": homeless})
    assert list(found) == ["guest"]
    assert len(found["guest"]) == provenance.DIGITS
    monkeypatch.delitem(sys.modules, "guest_model")


def test_versions_are_those_that_are_installed() -> None:
    """Python, the machine and the numerical libraries; what is not installed is not named."""
    found = provenance.computed_with()
    assert found["python"] == platform.python_version()
    assert {"machine", "numpy", "pandas", "lightgbm"} <= set(found)
    assert provenance.versions(("numpy", "no-such-library")) == {"numpy": found["numpy"]}
