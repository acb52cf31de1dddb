"""One browser and one laboratory for all tests of a file; a page for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from . import chromium
from .controller_page import ControllerPage
from .laboratory import Laboratory

Open = Callable[..., ControllerPage]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; without one the tests are skipped, or fail where it is required."""
    if chromium.find() is None and not chromium.required():
        pytest.skip("no Chromium on this machine: install your system's package `chromium`")
    with sync_playwright() as playwright:
        one = chromium.launch(playwright)
        yield one
        one.close()


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A JupyterLab with the project's notebooks."""
    with Laboratory(tmp_path_factory.mktemp("lab") / "house") as one:
        yield one


@pytest.fixture
def visit(browser: Browser, lab: Laboratory) -> Iterator[Open]:
    """Open the notebook; afterwards nothing may have left the machine or failed in the page."""
    opened = []

    def make(width: int = 1180) -> ControllerPage:
        opened.append(ControllerPage(browser, lab, width))
        return opened[-1].open()

    yield make
    for one in opened:
        one.close()
