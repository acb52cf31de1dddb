"""A JupyterLab on loopback over a house of its own: notebooks, parameters, runs."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final

import nbformat

from bondx_lib.errors import BondXError
from bondx_lib.runner import control

ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS: Final = 90
BLOCK: Final = "block"
BLOCKED: Final = "blocked"
"""While this file is there, the last cell of the controller's notebook keeps the kernel busy."""
BLOCKING_CELL: Final = f"""\
import time
while (root / "{BLOCK}").exists():
    (root / "{BLOCKED}").touch()
    time.sleep(0.1)
"""
SETTINGS: Final = Path("lab/user-settings/@jupyterlab/apputils-extension")


class Laboratory:
    """A running JupyterLab.

    Parameters
    ----------
    house
        Folder to make and to serve.
    """

    def __init__(self, house: Path) -> None:
        self.house = house
        self.runs = house / "runs"
        self.token = secrets.token_hex(16)
        self.port = _free_port()

    def __enter__(self) -> Laboratory:
        """Fill the house and start the server."""
        for name in ("notebooks", "parameters"):
            shutil.copytree(ROOT / name, self.house / name)
        self.runs.mkdir()
        self._add_blocking_cell()
        self.theme("JupyterLab Light")
        with (self.house / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), cwd=self.house, env=self._environment(), stdout=log, stderr=log
            )
        self._await()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End the server, its kernels, and every run that was started."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        for folder in self.runs.iterdir():
            try:
                control.abort(folder)
            except (BondXError, OSError):
                continue  # it had ended

    def address(self, path: str) -> str:
        """Return where a document opens alone, without the tabs of the lab."""
        return f"http://127.0.0.1:{self.port}/doc/tree/{path}?token={self.token}"

    def theme(self, name: str) -> None:
        """Choose the theme that the next page load shows, and ask for no news."""
        folder = self.house / "jupyter" / "config" / SETTINGS
        folder.mkdir(parents=True, exist_ok=True)
        write = {"themes": {"theme": name}, "notification": {"fetchNews": "false"}}
        for plugin, values in write.items():
            (folder / f"{plugin}.jupyterlab-settings").write_text(json.dumps(values))

    def block(self) -> None:
        """Let the last cell of the notebook keep the kernel busy once it is run."""
        (self.house / BLOCK).touch()

    def unblock(self) -> None:
        """Let it end."""
        (self.house / BLOCK).unlink(missing_ok=True)

    @property
    def blocked(self) -> bool:
        """Say whether the last cell has come to work."""
        return (self.house / BLOCKED).exists()

    def _add_blocking_cell(self) -> None:
        path = self.house / "notebooks" / "controller.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(BLOCKING_CELL))
        nbformat.write(notebook, path)

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1",
            f"--port={self.port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.house}",
            "--LabApp.expose_app_in_browser=True", "--allow-root",
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        places = {f"JUPYTER_{name.upper()}_DIR": str(self.house / "jupyter" / name)
                  for name in ("config", "data", "runtime")}  # fmt: skip
        return {**os.environ, **places, "PYTHONPATH": str(ROOT), "HOME": str(self.house)}

    def _await(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api", timeout=5).close()
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError((self.house / "server.log").read_text())


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
