"""The controller of the notebook: start, attach, watch, steer. Core widgets only.

The run is a process of its own that survives kernel and browser; everything shown is read from its
log, everything asked of it is a file in its ``control`` folder. A thread refreshes the view, so it
moves while another cell runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import ipywidgets as widgets

from bondx_lib import parameters as parameter_files
from bondx_lib import runlog
from bondx_lib.dashboard import html, runs
from bondx_lib.dashboard.views import View, Watcher
from bondx_lib.errors import BadInput, BondXError
from bondx_lib.schema import SCENARIOS

REFRESH_SECONDS: Final = 0.7
COMMON: Final = ("max_epochs", "dataset_size", "random_seed", "name")
WIDE_LABEL: Final = {"description_width": "7rem"}


class Controller:
    """Widgets over one run at a time.

    Parameters
    ----------
    base
        Folder that holds the runs.
    parameter_folder
        Folder of the parameters files to choose from.
    """

    def __init__(
        self, base: str | Path = "runs", parameter_folder: str | Path = "parameters"
    ) -> None:
        self.base = Path(base)
        self._watcher: Watcher | None = None
        self._view: View | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        files = sorted(
            str(path) for path in Path(parameter_folder).glob("*.yaml")
            if not path.name.endswith("_example.yaml")
        )  # fmt: skip
        usual = [file for file in files if Path(file).name == "default.yaml"] or files[:1]
        self._file = widgets.Dropdown(
            options=[(Path(file).stem, file) for file in files],
            value=usual[0] if usual else None,
            description="parameters", style=WIDE_LABEL,
        )  # fmt: skip
        self._fields = {
            name: widgets.Text(description=name, placeholder="as in the file", style=WIDE_LABEL)
            for name in COMMON
        }
        self._scenario = widgets.Dropdown(
            options=[("as in the file", ""), *((s, s) for s in SCENARIOS)],
            description="scenario", style=WIDE_LABEL,
        )  # fmt: skip
        self._check = widgets.HTML()
        self._runs = widgets.Dropdown(
            description="Run", options=[], layout=widgets.Layout(width="32rem")
        )
        self._status = widgets.HTML("<div role='status'>No run is attached.</div>")
        self._progress = widgets.FloatProgress(
            min=0, max=1, description="Epochs", layout=widgets.Layout(width="40rem")
        )
        self._message = widgets.HTML()
        self._buttons = {
            name: widgets.Button(description=name, tooltip=tip)
            for name, tip in (
                ("Start", "start a new run as a process of its own"),
                ("Attach", "show the chosen run"),
                ("Refresh list", "look for runs again"),
                ("Pause", "wait after this epoch"),
                ("Continue", "go on after a pause"),
                ("Stop", "end after this epoch, with report"),
                ("Abort", "end at once; can be resumed"),
                ("Resume", "go on with an interrupted or lost run"),
            )
        }
        self._wire()
        self.refresh_runs()

    def panel(self) -> widgets.VBox:
        """Return the whole controller to be displayed; showing it again changes nothing."""
        b = self._buttons
        start = widgets.VBox(
            [self._file, *self._fields.values(), self._scenario, self._check, b["Start"]]
        )
        wrap = widgets.Layout(flex_flow="row wrap")
        attach = widgets.HBox([self._runs, b["Attach"], b["Refresh list"]], layout=wrap)
        b["Start"].button_style, b["Abort"].button_style = "primary", "danger"
        steer = widgets.HBox(
            [b[n] for n in ("Pause", "Continue", "Stop", "Abort", "Resume")], layout=wrap
        )
        forms = widgets.Accordion([start], titles=["New run"])
        return widgets.VBox([forms, attach, steer, self._message, self._progress, self._status])

    def chosen(self) -> dict[str, str]:
        """Return the values typed into the form, those left empty not among them."""
        values = {name: field.value.strip() for name, field in self._fields.items()}
        values["scenario"] = self._scenario.value
        return {name: value for name, value in values.items() if value}

    def start(self) -> Path:
        """Start a run detached from this kernel and attach to it.

        Raises
        ------
        BadInput
            When the parameters do not hold.
        """
        values: dict[str, Any] = {**self.chosen(), "output.base_directory": str(self.base)}
        parameter_files.load(self._file.value, values)
        before = {str(row["run"]) for row in runs.list_runs(self.base)}
        command = [sys.executable, "-m", "bondx_lib", "run", "--quiet"]
        if self._file.value:
            command += ["--file", str(self._file.value)]
        for key, value in values.items():
            command += ["--set", f"{key}={value}"]
        self._launch(command)
        run_dir = self._await_folder(before)
        self.attach(run_dir)
        return run_dir

    def attach(self, run_dir: str | Path) -> None:
        """Show a run; attaching again to the same run changes nothing.

        Raises
        ------
        BadInput
            When the folder is no run.
        """
        folder = runs.find_run(self.base, str(run_dir))
        self._watcher = Watcher(folder)
        self.refresh_runs()
        if folder.name in dict(self._runs.options).values():
            self._runs.value = folder.name
        self.update()
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._thread = threading.Thread(target=self._poll, daemon=True)
            self._thread.start()

    def detach(self) -> None:
        """Stop refreshing; the run goes on."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def update(self) -> None:
        """Read what is new and show it."""
        if self._watcher is None:
            return
        one = self._watcher.look()
        self._view = one
        page = html.page(one)
        if page != self._status.value:
            with self._status.hold_sync():
                self._status.value = page
        self._progress.value = one.fraction
        link = self._report_link(one)
        if link != self._message.value and one.ended:
            self._message.value = link

    def snapshot(self) -> str:
        """Return the present view as static HTML, for places where widgets do not live."""
        self.update()
        return str(self._status.value)

    def refresh_runs(self) -> None:
        """Fill the list of runs."""
        rows = runs.list_runs(self.base)
        chosen = self._runs.value
        self._runs.options = [(f"{row['run']} – {row['state']}", row["run"]) for row in rows[::-1]]
        names = [row["run"] for row in rows]
        self._runs.value = chosen if chosen in names else names[-1] if names else None

    def ask(self, wish: str) -> None:
        """Ask the attached run to ``pause``, ``continue`` or ``stop``, by a control file."""
        control = self._folder() / "control"
        control.mkdir(exist_ok=True)
        if wish == "continue":
            (control / "pause").unlink(missing_ok=True)
        else:
            (control / wish).touch()
        self._say(f"Asked to {wish}; the run obeys between two epochs.")

    def abort(self) -> None:
        """End the attached run's process at once, after checking that it is that very process."""
        state = self._state()
        pid = state.pid
        token = None if pid is None else runlog.process_start(pid)
        if pid is None or token is None or token != state.process_start:
            raise BadInput("its process is gone already", source=str(self._folder()))
        os.kill(pid, signal.SIGTERM)
        self._say("Asked the process to end.")

    def resume(self) -> None:
        """Go on with the attached run in a process of its own."""
        folder = self._folder()
        (folder / "control" / "stop").unlink(missing_ok=True)
        self._launch([sys.executable, "-m", "bondx_lib", "resume", "--quiet", str(folder)])
        self._say("Resumed.")

    def _wire(self) -> None:
        actions = {
            "Start": self.start,
            "Attach": self._attach_chosen,
            "Refresh list": self.refresh_runs,
            "Pause": lambda: self.ask("pause"),
            "Continue": lambda: self.ask("continue"),
            "Stop": lambda: self.ask("stop"),
            "Abort": self.abort,
            "Resume": self.resume,
        }
        for name, action in actions.items():
            self._buttons[name].on_click(lambda _, action=action: self._try(action))
        for field in (*self._fields.values(), self._scenario, self._file):
            field.observe(self._validate, names="value")

    def _attach_chosen(self) -> None:
        if self._runs.value is None:
            raise BadInput("there are no runs yet", source=str(self.base), admissible="start one")
        self.attach(self._runs.value)

    def _try(self, action: Any) -> None:
        """Run an action of a button; what goes wrong is said beside the buttons."""
        try:
            action()
        except BondXError as error:
            self._say(str(error))

    def _validate(self, change: Mapping[str, Any]) -> None:
        try:
            parameter_files.load(self._file.value, self.chosen())
        except BondXError as error:
            self._check.value = f"<div role='alert'>{html.escape(str(error))}</div>"
        else:
            self._check.value = "<div>These parameters hold.</div>"

    def _poll(self) -> None:
        while not self._stop.wait(REFRESH_SECONDS):
            try:
                self.update()
            except BondXError as error:
                self._say(str(error))
                return
            except Exception as error:  # a frozen view would hide it
                self._say(f"{type(error).__name__}: {error}")
                return
            if self._view is not None and self._view.state in runlog.ENDED:
                return

    def _launch(self, command: list[str]) -> None:
        """Start a process that outlives this kernel; it is kept to be reaped when it ends."""
        self.base.mkdir(parents=True, exist_ok=True)
        self._processes = [one for one in self._processes if one.poll() is None]
        with (self.base / "last-start.log").open("wb") as output:
            self._processes.append(
                subprocess.Popen(  # noqa: S603
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )  # fmt: skip

    def _await_folder(self, before: set[str]) -> Path:
        """Return the folder of the run that was just started."""
        for _ in range(300):
            fresh = {str(row["run"]) for row in runs.list_runs(self.base)} - before
            if fresh:
                return self.base / sorted(fresh)[-1]
            if self._processes[-1].poll() is not None:
                break
            self._stop.wait(0.2)
        reason = (self.base / "last-start.log").read_text(encoding="utf-8", errors="replace")
        raise BadInput(f"the run did not start: {reason.strip() or 'no message'}")

    def _report_link(self, one: View) -> str:
        """Return a link to the report; the notebook lies one folder below the server's root."""
        report = self._folder() / "report.html"
        if not report.is_file():
            return ""
        place = html.escape(os.path.relpath(report, Path.cwd().parent))
        return f'<a href="/files/{place}" target="_blank">Open the report</a> ({place})'

    def _say(self, text: str) -> None:
        self._message.value = f"<div role='status'>{html.escape(text)}</div>"

    def _folder(self) -> Path:
        if self._watcher is None:
            raise BadInput("no run is attached", admissible="start or attach one first")
        return self._watcher.run_dir

    def _state(self) -> runlog.RunState:
        self._folder()
        assert self._watcher is not None
        return self._watcher.state
