"""The controller of the notebook: start, attach, watch, steer. Core widgets only.

The run is a process of its own that survives kernel and browser; everything shown is read from its
log, everything asked of it is a file in its ``control`` folder. A thread refreshes the view, so it
moves while another cell runs, and a second one carries out what buttons ask for, so that a slow
answer freezes nothing.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import ipywidgets as widgets

from bondx_lib import evidence, runlog
from bondx_lib.dashboard import html, outside, runs
from bondx_lib.dashboard.data import DataPage
from bondx_lib.dashboard.form import StartForm
from bondx_lib.dashboard.html import escape, framed
from bondx_lib.dashboard.views import View, Watcher
from bondx_lib.errors import BadInput, BondXError
from bondx_lib.runner import control, detach

REFRESH_SECONDS: Final = 0.7
LIST_EVERY: Final = 10
"""The list of runs is made anew at every so many-th refresh."""
AT_WORK: Final = ("running", "silent", "paused")
RESTING: Final = ("lost", "interrupted")
WRAP: Final = {"flex_flow": "row wrap"}
MOST_PROBLEMS: Final = 5

_open: dict[Path, Controller] = {}


def open_controller(
    base: str | Path = "runs", parameter_folder: str | Path = "parameters"
) -> Controller:
    """Return this kernel's controller of a folder of runs; asking again gives the same one."""
    place = Path(base).resolve()
    if place not in _open:
        _open[place] = Controller(base, parameter_folder)
    return _open[place]


class Controller:
    """Widgets over one run at a time: at first the newest one at work, or else the newest.

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
        self._run_list = runs.RunList(self.base)
        self._watcher: Watcher | None = None
        self._view: View | None = None
        self._drawn: tuple[Any, ...] = ()
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="controller")
        self._busy = False
        self._build(Path(parameter_folder))
        self.refresh_runs()
        newest = _first_choice(self._rows)
        self._new.value = newest is None
        if newest is not None:
            self._try(lambda: self.attach(newest))

    def panel(self) -> widgets.VBox:
        """Return the whole controller to be displayed; showing it again changes nothing."""
        self._follow()
        return self._panel

    def attach(self, run_dir: str | Path) -> None:
        """Show a run; attaching again to the same run changes nothing.

        Raises
        ------
        BadInput
            When the folder is no run, or its log is damaged.
        """
        folder = runs.find_run(self.base, str(run_dir))
        watcher = Watcher(folder)
        watcher.look()
        with self._lock:
            self._watcher, self._drawn = watcher, ()
            self._select(folder.name)
            self._say("")
            self.update()
        self._follow()

    def detach(self) -> None:
        """Stop refreshing; the run goes on."""
        self._over.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def update(self) -> None:
        """Read what is new and show it."""
        with self._lock:
            if self._watcher is None:
                return
            self._view = one = self._watcher.look()
            _set(self._status, framed(html.announcement(one)))
            _set(self._facts, framed(html.facts(one)))
            _set(self._report, framed(self._report_link()))
            self._allow()
            self._draw_section()

    def snapshot(self) -> str:
        """Return the present view as static HTML, for places where widgets do not live."""
        self.update()
        with self._lock:
            if self._watcher is None or self._view is None:
                return html.STYLE + str(self._status.value)
            return html.page(self._view, self._watcher.state)

    def refresh_runs(self) -> None:
        """Fill the list of runs, the newest first."""
        rows = self._run_list.rows()
        with self._lock:
            self._rows = rows
            options = [(_run_text(row), str(row["run"])) for row in rows[::-1]]
            if options != list(self._list.options):
                chosen = self._watcher.run_dir.name if self._watcher else None
                with self._list.hold_sync():  # no page sees new lines before all is settled
                    with self._not_chosen():
                        self._list.options = options
                    self._select(chosen)
                self._go.options = [name for _, name in options]

    def wait(self) -> None:
        """Wait until everything that buttons asked for is done."""
        self._worker.submit(lambda: None).result()

    def start(self) -> Path:
        """Start a run that outlives this kernel, and attach to it; return its folder.

        Raises
        ------
        BondXError
            When the parameters do not hold, or the run did not begin.
        """
        values = self._form.values()
        folder = outside.start(self._form.path, values, self.base)
        self._new.value = False
        self.refresh_runs()
        self.attach(folder)
        return folder

    def ask(self, wish: str) -> None:
        """Ask the attached run to ``pause``, ``continue`` or ``stop``, by a control file."""
        control.ask(self._folder(), wish)
        self._say("")

    def abort(self) -> None:
        """End the attached run's process at once; it can be resumed."""
        took = control.abort(self._folder())
        self._say("Its process has ended" + ("." if took == "abort" else f", by {took}."))

    def resume(self) -> None:
        """Go on with the attached run in a process of its own."""
        pid = detach.go_on(self._folder())
        self._say(f"Resumed by process {pid}.")

    def render_report(self) -> None:
        """Render the report of the attached run again."""
        outside.command(["report", str(self._folder())])
        self._say("The report is rendered.")

    def verify(self) -> None:
        """Check the attached run against its seal, and say every difference."""
        problems = evidence.verify(self._folder())
        if not problems:
            self._say("Verified: nothing has changed since it was sealed.")
            return
        more = len(problems) - MOST_PROBLEMS
        told = [*map(str, problems[:MOST_PROBLEMS]), *([f"and {more} more"] if more > 0 else [])]
        self._say(f"Not as it was sealed: {'; '.join(told)}.", bad=True)

    def _build(self, parameter_folder: Path) -> None:
        self._buttons = {
            name: widgets.Button(description=name, tooltip=tip, layout=widgets.Layout(width="auto"))
            for name, (_, tip) in self._actions().items()
        }
        self._buttons["Start"].button_style = "primary"
        self._buttons["Start"].layout.width = "12rem"
        for name, (action, _) in self._actions().items():
            self._buttons[name].on_click(lambda _, name=name, action=action: self._do(name, action))
        self._new = widgets.ToggleButton(description="New run …", value=False)
        self._form = StartForm(parameter_folder, self._form_checked)
        asked = widgets.VBox([self._form.box(), self._buttons["Start"]])
        self._new.observe(lambda change: _show(asked, change["new"]), names="value")
        _show(asked, False)
        self._setting = 0
        self._list: Any = widgets.Select(
            description="Runs", rows=5, layout=widgets.Layout(width="auto"),
            style={"description_width": "3rem"},
        )  # fmt: skip
        self._list.observe(self._chosen, names="value")
        self._go: Any = widgets.Combobox(
            description="Go to", placeholder="a run's name, or its beginning",
            continuous_update=False, layout=widgets.Layout(width="30rem"),
            style={"description_width": "3rem"},
        )  # fmt: skip
        self._go.observe(self._named, names="value")
        self._message, self._facts, self._report = (widgets.HTML() for _ in range(3))
        self._status = widgets.HTML(framed('<div role="status">No run is attached.</div>'))
        self._sections = {
            name: widgets.HTML(layout=widgets.Layout(width="100%")) for name in html.SECTIONS
        }
        self._data = DataPage()
        self._data.latest.on_click(lambda _: self._show_data())
        pages = [*self._sections.values(), self._data.box()]
        self._stack: Any = widgets.Stack(pages, selected_index=0)
        self._stack.add_class("bondx-section")
        self._choice: Any = widgets.ToggleButtons(
            options=[*self._sections, "Data"], style={"button_width": "auto"}
        )
        self._choice.observe(lambda change: self._section_chosen(), names="index")
        steering = [name for name in self._buttons if name != "Start"]
        steer = widgets.HBox(
            [self._buttons[name] for name in steering], layout=widgets.Layout(**WRAP)
        )
        self._panel = widgets.VBox(
            [
                widgets.HTML(html.STYLE), self._new, asked, self._list, self._go, self._message,
                self._status, self._facts, steer, self._report, self._choice, self._stack,
            ]
        )  # fmt: skip
        self._allow()

    def _actions(self) -> dict[str, tuple[Callable[[], Any], str]]:
        """Return what each button does, and what its tooltip says."""
        return {
            "Start": (self.start, "start a new run as a process of its own"),
            "Pause": (lambda: self.ask("pause"), "wait after this epoch"),
            "Continue": (lambda: self.ask("continue"), "go on after a pause"),
            "Stop after this epoch": (lambda: self.ask("stop"), "end with a report"),
            "Abort": (self.abort, "end the process at once; it can be resumed"),
            "Resume": (self.resume, "go on with an interrupted or lost run"),
            "Render report": (self.render_report, "render the report of an ended run again"),
            "Verify": (self.verify, "check a sealed run against its seal"),
        }

    def _allow(self) -> None:
        """Let only those buttons be pressed that make sense at the moment."""
        one = self._view
        state = one.state if one else ""
        asked = one.asked if one else ()
        sealed = one is not None and (self._folder() / evidence.SUMS_NAME).is_file()
        sensible = {
            "Pause": state in AT_WORK and state != "paused" and "pause" not in asked,
            "Continue": "pause" in asked,
            "Stop after this epoch": state in AT_WORK and "stop" not in asked,
            "Abort": state in AT_WORK,
            "Resume": state in RESTING or (state in runlog.ENDED and not sealed),
            "Render report": one is not None and one.ended and bool(one.models),
            "Verify": sealed,
        }
        for name, allowed in sensible.items():
            disabled = self._busy or not allowed
            if self._buttons[name].disabled != disabled:
                self._buttons[name].disabled = disabled
        self._buttons["Abort"].button_style = "" if self._buttons["Abort"].disabled else "danger"

    def _form_checked(self, holds: bool) -> None:
        self._buttons["Start"].disabled = not holds

    def _do(self, name: str, action: Callable[[], Any]) -> None:
        """Carry out what a button asks for beside everything else."""
        if self._busy:
            return
        self._busy = True
        self._say(f"{name} …")
        self._worker.submit(self._work, action)

    def _work(self, action: Callable[[], Any]) -> None:
        try:
            self._try(action)
        finally:
            self._busy = False
            self._try(self.update)
            self._try(self.refresh_runs)

    def _try(self, action: Callable[[], Any]) -> None:
        """Do something; what goes wrong is said, for a thread's traceback is seen by nobody."""
        try:
            action()
        except BondXError as error:
            self._say(str(error), bad=True)
        except Exception as error:
            self._say(f"{type(error).__name__}: {error}", bad=True)

    def _chosen(self, change: Mapping[str, Any]) -> None:
        """Attach to what somebody chose: what this thread has just set is no choice."""
        if self._setting != threading.get_ident() and change["new"] is not None:
            self._try(lambda: self.attach(change["new"]))

    def _named(self, change: Mapping[str, Any]) -> None:
        """Attach to the run that was typed: JupyterLab takes the keys of a list for its own."""
        name = change["new"].strip()
        if name:
            self._try(lambda: self.attach(name))
            self._go.value = ""

    def _select(self, name: str | None) -> None:
        with self._not_chosen():
            self._list.value = name if name in {value for _, value in self._list.options} else None

    @contextlib.contextmanager
    def _not_chosen(self) -> Iterator[None]:
        """Let what this thread sets in the list of runs be no choice of anybody's."""
        self._setting = threading.get_ident()
        try:
            yield
        finally:
            self._setting = 0

    def _follow(self) -> None:
        """Begin to refresh, if nothing does."""
        if self._thread is None or not self._thread.is_alive():
            self._over.clear()
            self._thread = threading.Thread(target=self._poll, name="watching", daemon=True)
            self._thread.start()

    def _poll(self) -> None:
        count = 0
        while not self._over.wait(REFRESH_SECONDS):
            count += 1
            try:
                self.update()
            except BadInput as error:
                self._lose(error)
            except Exception as error:  # a frozen view would hide it
                self._say(f"{type(error).__name__}: {error}", bad=True)
            if count % LIST_EVERY == 0 and not self._busy:
                self._try(self.refresh_runs)

    def _lose(self, error: BadInput) -> None:
        """Watch a run no more whose log cannot be read, and say so in place of its state."""
        with self._lock:
            self._watcher = self._view = None
            self._drawn = ()
            text = f'<div role="status" class="bad">{escape(str(error))}</div>'
            _set(self._status, framed(text))
            for one in (self._facts, self._report, *self._sections.values()):
                _set(one, "")
            self._allow()
            self._select(None)

    def _section_chosen(self) -> None:
        self._stack.selected_index, self._drawn = self._choice.index, ()
        if self._choice.index == len(self._sections):
            self._show_data()
        else:
            self._try(self.update)

    def _show_data(self) -> None:
        """Draw the data where a button asks for them, in the kernel's own thread."""
        if self._watcher is not None:
            self._data.show(self._watcher.run_dir, self._watcher.state)

    def _draw_section(self) -> None:
        """Draw the section that is seen, if anything in it can have changed."""
        assert self._watcher is not None
        assert self._view is not None
        place, state = self._choice.index, self._watcher.state
        key = (place, self._watcher.run_dir, state.events)
        if place >= len(self._sections) or key == self._drawn:
            return
        self._drawn = key
        name = list(self._sections)[place]
        _set(self._sections[name], framed(html.SECTIONS[name](self._view, state)))

    def _report_link(self) -> str:
        """Return a link to the report, and the pack id, as soon as they are there."""
        folder = self._folder()
        report = folder / "report.html"
        if not report.is_file():
            return ""
        if place := outside.address(report):
            link = f'<a href="{escape(place)}" target="_blank">Open the report</a>'
        else:
            link = _download(report, report.stat().st_mtime_ns)
        pack = evidence.pack_id(folder)
        sealed = f' <span class="quiet">sealed, pack id {pack[:16]}…</span>' if pack else ""
        return f"<p>{link}{sealed}</p>"

    def _say(self, text: str, bad: bool = False) -> None:
        kind = 'role="alert" class="bad"' if bad else 'role="status" class="quiet"'
        _set(self._message, framed(f"<div {kind}>{escape(text)}</div>") if text else "")

    def _folder(self) -> Path:
        if self._watcher is None:
            raise BadInput("no run is attached", admissible="start one, or choose one of the list")
        return self._watcher.run_dir


@lru_cache(1)
def _download(report: Path, changed: int) -> str:
    """Return a link that holds the report itself, for pages whose server serves no files."""
    content = base64.b64encode(report.read_bytes()).decode()
    name = escape(f"{report.parent.name}-{report.name}")
    return f'<a download="{name}" href="data:text/html;base64,{content}">Download the report</a>'


def _first_choice(rows: list[dict[str, Any]]) -> str | None:
    """Return the newest run at work, or else the newest that can be read."""
    whole = [row for row in rows if row["state"] != runs.DAMAGED]
    at_work = [row for row in whole if row["state"] in AT_WORK]
    return str((at_work or whole)[-1]["run"]) if whole else None


def _run_text(row: Mapping[str, Any]) -> str:
    """Return one run as a line of the list."""
    parts = [row["run"], row["state_text"]]
    if row["max_epochs"]:
        parts.append(f"epoch {row['epochs']} of {row['max_epochs']}")
    if row["mean_skill"] is not None:
        parts.append(f"skill {row['mean_skill']:.2f}")
    return "  ·  ".join(map(str, [*parts, *([f"{row['age']} old"] if row["age"] else [])]))


def _show(widget: Any, visible: bool) -> None:
    widget.layout.display = "" if visible else "none"


def _set(widget: Any, value: str) -> None:
    """Change what a widget shows, if it does: every change goes to the browser."""
    if widget.value != value:
        widget.value = value
