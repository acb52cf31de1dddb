"""Find and start the system's Chromium; Playwright's own download is not asked for."""

from __future__ import annotations

import os
import shutil
from typing import Final

from playwright.sync_api import Browser, Playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
REQUIRED: Final = "BONDX_BROWSER"
QUIET: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""Without these it runs as no root, and asks its maker's hosts for news."""


def find() -> str | None:
    """Return the browser's path, None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def required() -> bool:
    """Say whether a missing browser is a failure."""
    return os.environ.get(REQUIRED) == "required"


def launch(playwright: Playwright) -> Browser:
    """Start it without a window."""
    return playwright.chromium.launch(executable_path=find(), args=list(QUIET))
