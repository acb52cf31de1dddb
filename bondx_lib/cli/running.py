"""Commands that start, steer and go on with runs and sweeps."""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bondx_lib.cli import shown
from bondx_lib.cli.options import DEBUG, NEWEST
from bondx_lib.errors import BadInput, BondXError, ExitCode

SHOW_SECONDS: Final = 5.0
"""How long the last state may take to be shown after the run has ended."""


def run(options: argparse.Namespace) -> int:
    """Train until a stopping rule speaks."""
    named = {"output.base_directory": options.output, "name": options.name}
    chosen = shown.chosen_parameters(options, named)

    from bondx_lib import trainer

    parent = None if options.parent is None else trainer.parentage(_named(options, options.parent))
    if options.detach:
        return _detach(trainer.prepare(chosen, parent), options)
    if parent is not None:
        child = trainer.prepare(chosen, parent)
        return _work(
            options, lambda on_open: trainer.resume(child, on_open, **_log_options(options))
        )
    return _work(options, lambda on_open: trainer.run(chosen, on_open, **_log_options(options)))


def _named(options: argparse.Namespace, name: str) -> Path:
    from bondx_lib import dashboard

    return dashboard.find_run(Path(options.output or "runs"), name)


def resume(options: argparse.Namespace) -> int:
    """Go on with a run, or fork it."""
    from bondx_lib import trainer

    named = Path(options.run_dir or "")
    folder = named if trainer.is_prepared(named) else shown.run_folder(options)
    if options.fork:
        folder = _forked(options, folder)
    elif options.file is not None or options.values:
        raise BadInput(
            "a run goes on with the parameters that it began with", source="bondx resume",
            admissible="--fork, to start a new run with others",
        )  # fmt: skip
    if options.detach:
        return _detach(folder, options)
    return _work(options, lambda on_open: trainer.resume(folder, on_open, **_log_options(options)))


def _forked(options: argparse.Namespace, parent: Path) -> Path:
    """Return the prepared folder of a new run beside its parent."""
    from bondx_lib import trainer

    options.file = options.file or str(parent / "parameters.yaml")
    beside = {"output.base_directory": str(parent.resolve().parent)}
    return trainer.fork(parent, shown.chosen_parameters(options, beside))


def _log_options(options: argparse.Namespace) -> dict[str, str]:
    """Return what is to be another way in the run's log file than the parameters say."""
    return {"log_level": "DEBUG"} if options.debug else {}


def _detach(folder: Path, options: argparse.Namespace) -> int:
    """Go on with a run in a process of its own, and say how to watch and to end it."""
    from bondx_lib.runner import detach

    pid = detach.go_on(folder, [DEBUG] if options.debug else [])
    print(f"run folder: {folder}", f"process: {pid}", f"watch it: bondx watch {folder}",
          f"stop it: bondx stop {folder}", f"what it says: {detach.console(folder)}",
          sep="\n")  # fmt: skip
    return 0


def pause(options: argparse.Namespace) -> int:
    """Let a run wait after its present epoch."""
    return _ask(options, "pause", "waits after this epoch until: bondx continue")


def go_on(options: argparse.Namespace) -> int:
    """Let a paused run go on."""
    return _ask(options, "continue", "goes on")


def stop(options: argparse.Namespace) -> int:
    """Let a run end after its present epoch."""
    return _ask(options, "stop", "ends after this epoch, with its report")


def _ask(options: argparse.Namespace, wish: str, then: str) -> int:
    from bondx_lib.runner import control

    folder = shown.run_folder(options)
    control.ask(folder, wish)
    print(f"{folder}: {then}")
    return 0


def abort(options: argparse.Namespace) -> int:
    """End the process of a run."""
    from bondx_lib.runner import control

    folder = shown.run_folder(options)
    took = control.abort(folder)
    print(f"{folder}: its process has ended" + ("" if took == "abort" else f", by {took}"))
    print(f"go on with: bondx resume {folder}")
    return 0


def _work(options: argparse.Namespace, job: Callable[[Callable[[Path], None]], Any]) -> int:
    """Run a training job while its log is shown, then say how it ended."""
    opened: list[Path] = []
    threads: list[threading.Thread] = []

    def on_open(run_dir: Path) -> None:
        opened.append(run_dir)
        if not options.quiet:
            threads.append(_show(run_dir))

    try:
        state = job(on_open)
        print(f"{state.status}: {state.reason}")
    finally:
        for thread in threads:
            thread.join(SHOW_SECONDS)
        _point_to(opened)
    if state.status == "interrupted":
        for folder in opened:
            print(f"go on with: bondx resume {folder}")
        return ExitCode.INTERRUPTED
    return int(state.exit_code or 0)


def _show(run_dir: Path) -> threading.Thread:
    """Follow a run's log on the terminal, beside the run, until it ends."""
    from bondx_lib import dashboard

    print(f"run folder: {run_dir}", flush=True)

    def follow() -> None:
        with contextlib.suppress(BondXError):  # the run itself says what befell it
            dashboard.watch(run_dir, beside=True)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


def _point_to(opened: Sequence[Path]) -> None:
    from bondx_lib import evidence

    for run_dir in opened:
        if (run_dir / "report.html").is_file():
            print(f"report: {run_dir / 'report.html'}")
        if (pack := evidence.pack_id(run_dir)) is not None:
            print(f"pack id: {pack}")


def sweep_runs(options: argparse.Namespace) -> int:
    """Run several parameter sets, go on with them, or show what they came to."""
    from bondx_lib import parameters, sweep

    _refuse_idle(options)
    if options.file is None:
        named = options.resume or options.show
        base = Path(options.output or "runs")
        folder = sweep.find(base, None if named == NEWEST else named)
        if options.show is not None:
            return _show_sweep(folder, options.as_json)
    say = (lambda line: None) if options.quiet else shown.say_now
    if options.file is None:
        code = sweep.resume(folder, say, options.workers)
    else:
        overrides = dict(parameters.parse_override(text) for text in options.values)
        if options.output is not None:
            overrides["output.base_directory"] = json.dumps(options.output)
        plan = sweep.read(options.file, overrides, options.workers)
        opened: list[Path] = []
        code = sweep.start(plan, say, lambda made: _opened_sweep(made, opened))
        (folder,) = opened
    _show_sweep(folder, as_json=False)
    if code == ExitCode.INTERRUPTED:
        print(f"go on with: bondx sweep --resume {folder}")
    return int(code)


def _refuse_idle(options: argparse.Namespace) -> None:
    """Refuse options that what is asked of a sweep has no use for."""
    starts, resumes = options.file is not None, options.resume is not None
    for name, given, useful in (
        ("--set", bool(options.values), starts),
        ("--workers", options.workers is not None, starts or resumes),
        ("--json", options.as_json, not (starts or resumes)),
    ):
        if given and not useful:
            raise BadInput(
                "does not go with what is asked", source="bondx sweep", key=name,
                admissible="--set with -f, --workers with -f or --resume, --json with --show",
            )  # fmt: skip


def _opened_sweep(folder: Path, opened: list[Path]) -> None:
    opened.append(folder)
    print(f"sweep folder: {folder}", flush=True)


def _show_sweep(folder: Path, as_json: bool) -> int:
    from bondx_lib import sweep

    compared = sweep.of_sweep(folder)
    if as_json:
        shown.print_json(sweep.rows(compared))
    else:
        sweep.show(compared)
    return 0
