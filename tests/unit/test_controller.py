"""The controller's widgets: they attach, show, allow what makes sense, steer, say what fails."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bondx_lib import evidence, runlog
from bondx_lib.dashboard import controller as controllers
from bondx_lib.dashboard import outside
from bondx_lib.dashboard.controller import Controller, open_controller
from bondx_lib.errors import BondXError

from . import report_factory

PARAMETERS = Path(__file__).resolve().parents[2] / "parameters"
STEERING = ("Pause", "Continue", "Stop after this epoch", "Abort", "Resume", "Render report",
            "Verify")  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Controller]]:
    """Open controllers that refresh no more when the test is over."""
    made = []

    def make(base: Path) -> Controller:
        made.append(Controller(base, PARAMETERS))
        return made[-1]

    yield make
    for one in made:
        one.detach()


Open = Callable[[Path], Controller]


def allowed(one: Controller) -> list[str]:
    return [name for name in STEERING if not one._buttons[name].disabled]


def press(one: Controller, name: str) -> str:
    """Press a button, wait until it is done, and return the message."""
    one._buttons[name].click()
    one.wait()
    return str(one._message.value)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(condition())


def test_nothing_to_show_is_said_and_the_form_is_open(base: Path, opened: Open) -> None:
    """Without runs nothing can be pressed but the start, and steering is answered, not raised."""
    one = opened(base)
    assert one._new.value
    assert allowed(one) == []
    assert "No run is attached" in one.snapshot()
    for name in STEERING:
        assert "no run is attached" in press(one, name), name


def test_newest_run_is_shown_and_may_be_rendered_or_verified(base: Path, opened: Open) -> None:
    """Coming back shows the newest run as it is; the form waits behind its button."""
    report_factory.write(base / "20260101T000000Z-a", epochs=1)
    newest = report_factory.write(base / "20260102T000000Z-b")
    one = opened(base)
    assert not one._new.value
    assert one._list.value == newest.name
    assert "converged" in one._status.value
    assert allowed(one) == ["Resume", "Render report"]
    evidence.seal(newest)
    one.update()
    assert allowed(one) == ["Render report", "Verify"]


def test_run_at_work_comes_before_a_newer_one_that_ended(base: Path, opened: Open) -> None:
    """A viewer who comes back most likely wants what is going on."""
    report_factory.begin(base / "20260101T000000Z-a")
    report_factory.write(base / "20260102T000000Z-b", epochs=1)
    with runlog.RunLock(base / "20260101T000000Z-a"):
        assert opened(base)._list.value == "20260101T000000Z-a"


def test_choosing_from_the_list_attaches(base: Path, opened: Open) -> None:
    """The list says state and age; a choice shows that run, again and again the same."""
    report_factory.write(base / "20260101T000000Z-a", epochs=1, status="failed", reason="it broke")
    report_factory.write(base / "20260102T000000Z-b", epochs=1)
    one = opened(base)
    labels = [label for label, _ in one._list.options]
    assert "converged" in labels[0]
    assert "failed" in labels[1]
    one._list.value = "20260101T000000Z-a"
    assert "it broke" in one._status.value
    first = one._facts.value
    one.attach(base / "20260101T000000Z-a")
    assert one._facts.value == first
    one._go.value = "20260102"
    assert one._list.value == "20260102T000000Z-b"
    one._go.value = "20260103"
    assert "no run folder" in one._message.value
    assert one._list.value == "20260102T000000Z-b"


def test_one_controller_for_a_kernel(base: Path) -> None:
    """Running the cell again shows the same widgets, with the same run."""
    one = open_controller(base, PARAMETERS)
    try:
        assert open_controller(str(base), PARAMETERS) is one
        assert one.panel() is one.panel()
    finally:
        one.detach()
        controllers._open.clear()


def test_buttons_follow_the_state(base: Path, opened: Open) -> None:
    """Running, asked, paused, lost: each allows what makes sense and says what it waits for."""
    journal = report_factory.begin(base / "run")
    with runlog.RunLock(base / "run"):
        one = opened(base)
        assert allowed(one) == ["Pause", "Stop after this epoch", "Abort"]
        press(one, "Pause")
        assert (base / "run" / "control" / "pause").is_file()
        assert "Asked to pause after this epoch" in one._status.value
        assert allowed(one) == ["Continue", "Stop after this epoch", "Abort"]
        journal.append("paused", epoch=2)
        one.update()
        assert "paused" in one._status.value
        assert "Asked" not in one._status.value
        press(one, "Continue")
        assert not (base / "run" / "control" / "pause").exists()
        press(one, "Stop after this epoch")
        assert (base / "run" / "control" / "stop").is_file()
    one.update()
    assert "lost" in one._status.value
    assert allowed(one) == ["Resume", "Render report"]


def test_abort_ends_the_process_and_says_how(base: Path, opened: Open) -> None:
    """A process that heeds no file is sent a signal; the message names it."""
    report_factory.begin(base / "run")
    program = (
        "import sys, time; from pathlib import Path; from bondx_lib import runlog\n"
        "with runlog.RunLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(base / "run")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        one = opened(base)
        (base / "run" / "control").mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bondx_lib.runner.control.FIRST_PATIENCE_SECONDS", 0.2)
            assert "by SIGTERM" in press(one, "Abort")
        assert process.wait(10) == -15


def test_view_moves_by_itself_and_says_what_goes_wrong(base: Path, opened: Open) -> None:
    """The thread shows new events; a damaged log takes the place of the state."""
    journal = report_factory.begin(base / "run")
    with runlog.RunLock(base / "run"):
        one = opened(base)
        journal.append("stage_started", epoch=2, stage="evaluate")
        assert wait_for(lambda: "scoring" in one._facts.value)
        with (base / "run" / runlog.LOG_NAME).open("ab") as log:
            log.write(b"{damaged\n")
        assert wait_for(lambda: "is no event" in one._status.value)
        assert one._facts.value == one._sections["Models"].value == ""
        assert allowed(one) == []


def test_run_deleted_while_watched_is_said(base: Path, opened: Open) -> None:
    """The list forgets it, the status says that it is gone, and the next choice works."""
    report_factory.write(base / "20260101T000000Z-a", epochs=1)
    report_factory.write(base / "20260102T000000Z-b", epochs=1)
    one = opened(base)
    shutil.rmtree(base / "20260102T000000Z-b")
    assert wait_for(lambda: "is gone" in one._status.value)
    one.refresh_runs()
    assert [name for _, name in one._list.options] == ["20260101T000000Z-a"]
    one._list.value = "20260101T000000Z-a"
    assert "converged" in one._status.value


def test_report_link_appears_when_the_report_does(base: Path, opened: Open) -> None:
    """Outside of a Jupyter server it is a download; the pack id stands beside it once sealed."""
    run_dir = report_factory.write(base / "run", epochs=1)
    one = opened(base)
    assert one._report.value == '<div class="bondx"></div>'
    (run_dir / "report.html").write_text("<p>report</p>")
    assert wait_for(lambda: 'download="run-report.html"' in one._report.value)
    assert base64.b64encode(b"<p>report</p>").decode() in one._report.value
    assert "sealed" not in one._report.value
    evidence.seal(run_dir)
    one.update()
    pack = evidence.pack_id(run_dir)
    assert pack is not None
    assert pack[:16] in one._report.value


def test_verify_names_what_changed(base: Path, opened: Open) -> None:
    """Files that were added or changed are named, and a long list is cut."""
    run_dir = report_factory.write(base / "run", epochs=1)
    evidence.seal(run_dir)
    one = opened(base)
    before = press(one, "Verify")
    (run_dir / "parameters.yaml").write_text("name: other\n")
    for number in range(8):
        (run_dir / f"new-{number}").touch()
    assert "not part of the sealed pack" not in before
    after = press(one, "Verify")
    assert 'role="alert"' in after
    assert "new-0 is not part of the sealed pack" in after
    assert "more" in after


def test_sections_are_drawn_as_they_are_seen(base: Path, opened: Open) -> None:
    """Each tab shows its part; what is not looked at costs nothing."""
    report_factory.write(base / "run")
    one = opened(base)
    assert "Champions on the benchmark market" in one._sections["Models"].value
    assert one._sections["Quality"].value == ""
    words = {"Quality": "gates", "Convergence": "Stopping rules", "Decisions": "promoted"}
    for place, (name, word) in enumerate(words.items(), start=1):
        one._choice.index = place
        assert word in one._sections[name].value
    one._choice.index = 4
    assert "cannot be read" in one._data.spreads.value, "the invented data lack prices"


def test_start_that_fails_shows_why(
    base: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dying process leaves its words, bad values never start one, a bug shows its type."""
    one = opened(base)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "ended without a word" in press(one, "Start")
    one._form.fields["max_epochs"].value = 0
    assert one._buttons["Start"].disabled
    monkeypatch.setattr(one, "_folder", lambda: 1 / 0)
    assert "ZeroDivisionError" in press(one, "Pause")


def test_busy_controller_takes_one_wish_at_a_time(base: Path, opened: Open) -> None:
    """While something is carried out, another press does nothing."""
    one = opened(base)
    one._busy = True
    one._buttons["Pause"].click()
    one.wait()
    assert one._message.value == ""


def test_command_that_fails_says_its_last_words(tmp_path: Path) -> None:
    """Exit code and the sentence after ``error:`` are kept."""
    with pytest.raises(outside.CommandFailed, match="holds no runs") as caught:
        outside.command(["status", "--output", str(tmp_path)])
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, BondXError)


def test_address_is_of_the_server_that_owns_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a file below the root of the kernel's own server has one."""
    servers = [
        {"pid": os.getpid(), "root_dir": str(tmp_path / "house"), "base_url": "/lab/"},
        {"pid": 1, "root_dir": "/", "base_url": "/other/"},
    ]
    monkeypatch.setattr("jupyter_server.serverapp.list_running_servers", lambda: iter(servers))
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    inside = tmp_path / "house" / "runs" / "a b" / "report.html"
    assert outside.address(inside) == "/lab/files/runs/a%20b/report.html"
    assert outside.address(tmp_path / "report.html") is None
    monkeypatch.delenv("JPY_PARENT_PID")
    assert outside.address(inside) is None


def test_choice_made_while_the_list_is_filled_counts(base: Path, opened: Open) -> None:
    """What another thread sets on the list at that moment does not hide it."""
    report_factory.write(base / "20260101T000000Z-a", epochs=1)
    report_factory.write(base / "20260102T000000Z-b", epochs=1)
    one = opened(base)
    one._selecting = -1  # the mark of another thread
    one._list.value = "20260101T000000Z-a"
    assert one._folder().name == "20260101T000000Z-a"
