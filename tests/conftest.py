"""What every test runs under: no display, no user settings, no chance, no outside network."""

from __future__ import annotations

import ipaddress
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

FOLDERS = ("integration", "performance", "faults", "fuzz", "browser", "quality")

_HOME = tempfile.mkdtemp(prefix="bondx-tests-")

# Set before anything is imported, because kernels and subprocesses inherit it too.
os.environ.update(
    MPLBACKEND="Agg",
    MPLCONFIGDIR=f"{_HOME}/matplotlib",
    IPYTHONDIR=f"{_HOME}/ipython",
    JUPYTER_CONFIG_DIR=f"{_HOME}/jupyter",
)

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
    """Mark every test by the folder it lies in; doctests are unit tests."""
    for item in items:
        parts = Path(item.path).parts
        kind = next((name for name in FOLDERS if name in parts), "unit")
        item.add_marker(kind)
