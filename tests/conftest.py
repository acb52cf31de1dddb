"""What every test runs under: no display, no user settings, no chance, no outside network."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import settings

FOLDERS = ("integration", "performance", "faults", "fuzz", "browser", "quality")

SLOW_FIRST = (
    "test_documents.py", "test_controller_page.py", "test_loop.py", "test_loop_benchmark.py",
    "test_sweep.py", "test_ceilings.py", "test_pack.py", "test_report_html.py",
    "test_asked_to_end.py", "test_refinement_benchmark.py", "test_explore_notebook.py",
    "test_disk.py", "test_score_command.py", "test_law.py", "test_controller.py", "test_options.py",
)  # fmt: skip
"""Files that take longest: begun last, they would keep one process at work while others rest."""

HEAVY = (
    "test_ceilings.py", "test_law.py", "test_models.py", "test_tuning.py", "test_realism.py",
    "test_trials.py", "test_reference.py", "test_steered_rows.py", "test_mix.py", "test_market.py",
    "test_statistics.py", "test_explain.py", "test_learners.py",
)  # fmt: skip
"""Files of unit tests that calculate for long what others come through too: not measured."""

MEASURES_CHILDREN = "COVERAGE_PROCESS_CONFIG"
"""Tells the processes that a measured one starts to measure themselves too."""

_HOME = tempfile.mkdtemp(prefix="bondx-tests-")

# Set before anything is imported, because kernels and subprocesses inherit it too. More threads
# would only wait for one another: the test processes fill all cores already.
os.environ.update(
    OMP_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    MPLBACKEND="Agg",
    MPLCONFIGDIR=f"{_HOME}/matplotlib",
    IPYTHONDIR=f"{_HOME}/ipython",
    JUPYTER_CONFIG_DIR=f"{_HOME}/jupyter",
)

# As from a terminal: a shell lets what it starts in the background ignore Ctrl-C, and so would
# every process that a test starts and then interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("bondx", deadline=None, derandomize=True, database=None)
settings.load_profile("bondx")

_connect = socket.socket.connect


def _connect_at_home(self: socket.socket, address: Any) -> None:
    """Connect to this machine and nowhere else."""
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] != "localhost":
        try:
            at_home = ipaddress.ip_address(address[0]).is_loopback
        except ValueError:
            at_home = False
        if not at_home:
            raise OSError(f"tests stay off the network: {address[0]}")
    _connect(self, address)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _connect_at_home)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by its folder, and begin with slow files; doctests are unit tests."""
    for item in items:
        parts = Path(item.path).parts
        kind = next((name for name in FOLDERS if name in parts), "unit")
        item.add_marker(kind)
        if kind == "unit" and Path(item.path).name in HEAVY:
            item.add_marker("heavy")
    items.sort(key=lambda item: _place(Path(item.path).name))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Measure coverage only where it tells most: what it costs elsewhere is half of the time."""
    kinds = {mark.name for mark in item.iter_markers()}
    if "measured" in kinds or kinds & {"unit", "heavy"} == {"unit"}:
        return (yield)
    with _unmeasured():
        return (yield)


@contextlib.contextmanager
def _unmeasured() -> Iterator[None]:
    """Measure neither this process, if it is, nor those that it starts."""
    measuring = Coverage.current()
    if measuring is None:
        yield
        return
    children = os.environ.pop(MEASURES_CHILDREN, None)
    measuring.stop()
    try:
        yield
    finally:
        measuring.start()
        if children is not None:
            os.environ[MEASURES_CHILDREN] = children


def _place(name: str) -> int:
    return SLOW_FIRST.index(name) if name in SLOW_FIRST else len(SLOW_FIRST)
