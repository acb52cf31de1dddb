"""The controller's notebook in the browser, as somebody at the keyboard sees it.

Every label that a test needs is named here, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, WebSocket, expect
from playwright.sync_api import TimeoutError as TooLong

from .laboratory import ROOT, Laboratory

NOTEBOOK: Final = "notebooks/controller.ipynb"
SCREENSHOTS: Final = ROOT / "build" / "screenshots"
PATIENCE_MS: Final = 60_000
KERNEL: Final = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status"
RUN_ALL: Final = """() => { window.ran = false;
    window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.ran = true; });
}"""
HEARD: Final = b"echo_update"
NOT_OURS: Final = ("ResizeObserver loop", "Could not restore the debugger state")
"""What JupyterLab itself says on the console, the latter when a kernel is restarted at work."""
CUT: Final = """[...document.querySelectorAll('.bondx-section .wide')]
    .filter(one => one.clientWidth && one.scrollWidth > one.clientWidth + 1).length"""
GRAVE: Final = ("serious", "critical")
WIDGETS: Final = ".jp-OutputArea-output .jupyter-widgets"


class ControllerPage:
    """One browser page with the notebook; it notes every request and every error."""

    def __init__(self, browser: Browser, lab: Laboratory, width: int = 1180) -> None:
        self.lab = lab
        self.outside: list[str] = []
        self.errors: list[str] = []
        self._answers = 0
        context = browser.new_context(viewport={"width": width, "height": 1500})
        context.on("request", self._note_request)
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("websocket", self._listen)
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self) -> ControllerPage:
        """Open the notebook and run all its cells."""
        self.page.goto(self.lab.address(NOTEBOOK))
        return self.run_all()

    def reload(self) -> ControllerPage:
        """Load the page again, as after a night; the kernel is still there."""
        self.page.reload()
        return self.run_all()

    def restart(self) -> ControllerPage:
        """Restart the kernel, as after a crash, and run all cells."""
        self._await_kernel()
        self.page.evaluate(
            "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        return self.run_all()

    def run_all(self) -> ControllerPage:
        """Run all cells, wait until the widgets are there and the kernel hears them.

        JupyterLab drops what it is asked for while a kernel that was restarted connects, and now
        and then a kernel loses a message; anybody would ask again, and so does this.
        """
        for last in (False, False, True):
            self.ask_to_run_all()
            try:
                self.page.wait_for_function("window.ran", timeout=PATIENCE_MS / 2)
                expect(self.button("New run …")).to_be_visible(timeout=PATIENCE_MS / 2)
                for _ in ("open", "shut"):
                    self._heard(self.button("New run …").click)
                break
            except (TooLong, AssertionError):
                if last:
                    raise
                self.page.reload()
        return self

    def ask_to_run_all(self) -> None:
        """Ask for all cells to be run, and wait for nothing."""
        self._await_kernel()
        self.page.evaluate(RUN_ALL)

    @property
    def kernel_is_busy(self) -> bool:
        """Say whether a cell is running."""
        return bool(self.page.evaluate(KERNEL) == "busy")

    @property
    def widgets(self) -> Locator:
        """Return the controller itself."""
        return self.page.locator(WIDGETS).first

    @property
    def state(self) -> Locator:
        """Return the state in words, and what stands below it."""
        return self.widgets.locator("[role=status]").filter(has=self.page.locator(".state")).first

    @property
    def status(self) -> Locator:
        """Return everything that is announced."""
        return self.widgets.locator("[role=status], [role=alert]")

    @property
    def champions(self) -> Locator:
        """Return the table of champions."""
        return self.section("Models").get_by_role("table").first

    @property
    def report(self) -> Locator:
        """Return the link to the report."""
        return self.page.get_by_role("link", name="Open the report")

    def button(self, name: str) -> Locator:
        """Return a button by its label."""
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        """Press a button as soon as it may be pressed."""
        expect(self.button(name)).to_be_enabled(timeout=PATIENCE_MS)
        self.button(name).click()

    def section(self, name: str) -> Locator:
        """Choose a section and return its content."""
        self.button(name).click()
        return self.widgets.locator(".bondx-section")

    def choose(self, run: str) -> None:
        """Attach to a run of the list whose name holds the text."""
        for last in (False, True):
            option = self.listed(run).first
            expect(option).to_be_attached(timeout=PATIENCE_MS)
            value = option.get_attribute("value")
            if self.page.get_by_label("Runs").input_value() == value:
                return  # choosing what is chosen tells the kernel nothing
            try:
                self._heard(lambda: self.page.get_by_label("Runs").select_option(value))  # noqa: B023
                break
            except AssertionError:
                if last:
                    raise
                self.reload()

    def listed(self, run: str) -> Locator:
        """Return the lines of the list whose run's name holds the text."""
        return self.page.get_by_label("Runs").locator("option", has_text=run)

    def fill(self, **fields: str) -> None:
        """Fill fields of the form; ``other`` is the field of all other values."""
        labels = {"name": "Name", "epochs": "Epochs, at most", "other": "Other values"}
        self.page.get_by_label("Parameters file").fill("smoke")
        for key, value in fields.items():
            self.page.get_by_label(labels[key], exact=True).fill(value)

    def expect_state(self, words: str) -> None:
        """Wait until the state is what the words say."""
        expect(self.state).to_contain_text(words, timeout=PATIENCE_MS)

    def shoot(self, name: str) -> Path:
        """Keep a picture of the page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def cut(self) -> int:
        """Return how many tables of the section are wider than their place."""
        return int(self.page.evaluate(CUT))

    def grave(self) -> list[str]:
        """Return what axe finds serious or critical in the controller."""
        found: dict[str, Any] = Axe().run(self.page, context=[[WIDGETS]]).response
        return [
            f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:200]})"
            for one in found["violations"]
            if one["impact"] in GRAVE
        ]

    def close(self) -> None:
        """Close the page and say what it heard that it should not have."""
        self.page.context.close()
        assert self.outside == [], self.outside
        assert self.errors == [], self.errors

    def _heard(self, change: Callable[[], Any]) -> None:
        """Change a value and wait until the kernel says that it knows."""
        before, end = self._answers, time.monotonic() + PATIENCE_MS / 6000
        change()
        while self._answers == before:
            if time.monotonic() > end:
                raise AssertionError("the kernel heard nothing")
            self.page.wait_for_timeout(20)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._count)

    def _count(self, frame: str | bytes) -> None:
        self._answers += HEARD in (frame if isinstance(frame, bytes) else frame.encode())

    def _await_kernel(self) -> None:
        self.page.wait_for_function(f"['idle', 'busy'].includes({KERNEL})")

    def _note_request(self, request: Request) -> None:
        place = urlparse(request.url)
        if place.scheme in ("http", "https", "ws", "wss") and place.hostname != "127.0.0.1":
            self.outside.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in NOT_OURS):
            self.errors.append(message.text)
