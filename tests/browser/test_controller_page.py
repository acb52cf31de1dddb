"""The controller in JupyterLab, from the first start to the report, as its users meet it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bondx_lib import dashboard, runlog

from .controller_page import PATIENCE_MS, ControllerPage
from .laboratory import Laboratory

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
Open = Callable[..., ControllerPage]


def run_of(lab: Laboratory, name: str) -> Path:
    (found,) = (path for path in lab.runs.iterdir() if name in path.name)
    return found


@pytest.fixture(scope="module", autouse=True)
def started(lab: Laboratory) -> None:
    """Make the house once; the tests below share its runs, in order."""


def test_values_are_checked_as_one_types_and_a_run_starts_by_keyboard(visit: Open) -> None:
    """No mouse: choose the file, change a value, see it refused, mend it, start."""
    one = visit()
    keys = one.page.keyboard
    one.page.get_by_label("Parameters file").focus()
    keys.press("Control+A")
    keys.type("smoke")
    keys.press("Tab")
    name = one.page.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    expect(name).to_have_value("smoke")
    keys.press("Control+A")
    keys.type("by-keyboard")
    epochs = one.page.get_by_label("Epochs, at most")
    for _ in range(2):
        keys.press("Tab")
    expect(epochs).to_be_focused()
    keys.press("Control+A")
    keys.type("0")
    expect(one.page.get_by_role("alert").first).to_contain_text("integer, ≥ 1")
    expect(one.button("Start")).to_be_disabled()
    one.shoot("form-light")
    assert one.grave() == []
    keys.press("Control+A")
    keys.type("9")
    expect(one.button("Start")).to_be_enabled()
    for _ in range(7):
        keys.press("Tab")
    expect(one.button("Start")).to_be_focused()
    keys.press("Enter")
    one.expect_state("running")
    assert run_of(one.lab, "by-keyboard").is_dir()


def test_progress_moves_while_another_cell_blocks_the_kernel(visit: Open) -> None:
    """The view is refreshed by a thread; a busy kernel does not freeze it."""
    one = visit()
    one.lab.block()
    try:
        one.ask_to_run_all()
        while not one.lab.blocked:
            one.page.wait_for_timeout(100)
        before = one.state.inner_text()
        expect(one.state).not_to_have_text(before, timeout=PATIENCE_MS)
        assert one.kernel_is_busy
    finally:
        one.lab.unblock()


def test_reloaded_page_and_restarted_kernel_find_the_run_as_it_is(visit: Open) -> None:
    """Paused, so that both see the very same: state, epoch, champions."""
    one = visit()
    one.section("Models")
    expect(one.champions).to_be_visible(timeout=PATIENCE_MS)
    one.press("Pause")
    one.expect_state("paused")
    expect(one.button("Continue")).to_be_enabled(timeout=PATIENCE_MS)
    logged = dashboard.Watcher(run_of(one.lab, "by-keyboard")).look().models
    trained = [f"{row['training_seconds']:.1f} s" for row in logged]
    expect(one.champions.locator("td:last-child")).to_have_text(trained, timeout=PATIENCE_MS)
    seen, champions = one.state.inner_text(), one.champions.inner_text()
    for come_back in (one.reload, one.restart):
        come_back()
        one.expect_state("paused")
        expect(one.champions.locator("td:last-child")).to_have_text(trained, timeout=PATIENCE_MS)
        assert one.state.inner_text() == seen
        assert one.champions.inner_text() == champions
    one.shoot("paused-light")
    assert one.grave() == []


def test_sections_say_what_the_run_does_and_why(visit: Open) -> None:
    """Gates, rules, decisions and data stand in real tables and figures with words."""
    one = visit()
    one.expect_state("paused")
    expect(one.section("Quality")).to_contain_text("gates:")
    expect(one.section("Convergence").get_by_role("table", name="Stopping rules")).to_be_visible()
    expect(one.section("Decisions")).to_contain_text("challenger promoted")
    one.shoot("decisions-light")
    data = one.section("Data")
    expect(data.get_by_role("img")).to_be_visible(timeout=PATIENCE_MS)
    one.page.get_by_label("Bond", exact=True).fill("XZNOBOND")
    one.page.keyboard.press("Enter")
    expect(data.get_by_role("alert")).to_contain_text("is no bond of these data")
    assert one.grave() == []


def test_continued_run_stops_when_asked_and_its_report_opens(visit: Open) -> None:
    """The link appears by itself, and leads to the report."""
    one = visit()
    one.press("Continue")
    one.expect_state("running")
    one.shoot("running-light")
    one.press("Stop after this epoch")
    one.expect_state("stopped on request")
    expect(one.report).to_be_visible(timeout=PATIENCE_MS)
    with one.page.context.expect_page() as opened:
        one.report.click()
    report = opened.value
    expect(report.get_by_role("heading", level=1)).to_contain_text("training run")
    report.close()
    expect(one.widgets).to_contain_text("sealed, pack id", timeout=PATIENCE_MS)
    one.press("Verify")
    expect(one.widgets).to_contain_text("Verified: nothing has changed", timeout=PATIENCE_MS)
    one.shoot("finished-light")
    assert one.grave() == []


def test_blocked_run_says_which_gate_and_what_to_do(visit: Open) -> None:
    """Gates that refuse every draw end the run; the reason names the parameter."""
    one = visit()
    one.press("New run …")
    one.fill(name="refused", other="quality_gates.coverage_min=100\nepoch.max_redraws=0")
    one.press("Start")
    one.expect_state("blocked by a gate")
    expect(one.section("Decisions")).to_contain_text("quality_gates.coverage_min")
    one.shoot("blocked-light")


def test_failed_run_shows_why(visit: Open, lab: Laboratory) -> None:
    """The error of the epoch stands below the state, with where to look further."""
    _write_failed(run_of(lab, "refused"), lab.runs / "29990101T000000Z-failing-abcdef")
    one = visit()
    one.choose("failing")
    one.expect_state("failed")
    expect(one.state).to_contain_text("ValueError: something broke")
    expect(one.state).to_contain_text("logs/run.log")
    one.shoot("failed-light")
    assert one.grave() == []


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("torn", b'{"at": 1}\n', "is no event"),
        ("newer", None, "log version 999"),
    ],
)
def test_log_that_cannot_be_read_is_said(
    name: str, damage: bytes | None, said: str, visit: Open, lab: Laboratory
) -> None:
    """A damaged log and one of a newer version are named, not shown half."""
    folder = lab.runs / f"20000101T000000Z-{name}-abcdef"
    shutil.copytree(run_of(lab, "refused"), folder)
    log = folder / runlog.LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    first = json.loads(lines[0]) | {"log_version": 999}
    damaged = [*lines, damage] if damage else [json.dumps(first).encode() + b"\n"]
    log.write_bytes(b"".join(damaged))
    one = visit()
    one.choose(name)
    expect(one.status.filter(has_text=said).first).to_be_visible(timeout=PATIENCE_MS)
    shutil.rmtree(folder)


def test_run_deleted_while_watched_is_said(visit: Open, lab: Laboratory) -> None:
    """Its place in the list goes, and the state says that the folder is gone."""
    folder = lab.runs / "20000102T000000Z-doomed-abcdef"
    shutil.copytree(run_of(lab, "refused"), folder)
    one = visit()
    one.choose("doomed")
    one.expect_state("blocked by a gate")
    shutil.rmtree(folder)
    expect(one.status.filter(has_text="is gone").first).to_be_visible(timeout=PATIENCE_MS)
    expect(one.page.get_by_label("Runs").locator("option", has_text="doomed")).to_have_count(
        0, timeout=PATIENCE_MS
    )


@pytest.mark.parametrize(("theme", "width"), [("Dark", 1180), ("Light", 520), ("Dark", 520)])
def test_readable_in_the_dark_and_on_a_narrow_screen(
    theme: str, width: int, visit: Open, lab: Laboratory
) -> None:
    """Axe measures contrasts; nothing of the controller is wider than the screen."""
    lab.theme(f"JupyterLab {theme}")
    one = visit(width)
    one.choose("by-keyboard")
    one.expect_state("stopped on request")
    size = "narrow" if width < 1000 else "wide"
    for name in ("Models", "Quality", "Convergence", "Decisions"):
        one.section(name)
        one.shoot(f"{name.lower()}-{theme.lower()}-{size}")
        assert size == "narrow" or one.cut() == 0
        assert one.grave() == []
    edge = one.widgets.bounding_box()
    assert edge is not None
    assert edge["x"] + edge["width"] <= width


def _write_failed(model: Path, folder: Path) -> None:
    """Write the log of a run whose first epoch broke, begun as another run was."""
    folder.mkdir()
    shutil.copy(model / "parameters.yaml", folder)
    first = json.loads((model / runlog.LOG_NAME).read_bytes().splitlines()[0])
    fields = {key: first[key] for key in first if key not in ("seq", "at", "event", "prev")}
    journal = runlog.Journal(folder / runlog.LOG_NAME)
    journal.append("run_started", **fields | {"name": "failing"})
    journal.append("epoch_started", epoch=1, attempt=1, kernel="cold")
    failure = {"epoch": 1, "error": "ValueError", "message": "something broke"}
    journal.append("epoch_failed", attempt=1, retry=False, **failure)
    journal.append(
        "run_finished", status="failed", reason="epoch 1: ValueError: something broke",
        exit_code=1, artefacts={},
    )  # fmt: skip
