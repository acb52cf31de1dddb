"""Commands that look at runs, at what decides them, and at their evidence."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bondx_lib.cli import shown
from bondx_lib.errors import BadInput, ExitCode


def watch(options: argparse.Namespace) -> int:
    """Follow a run."""
    from bondx_lib import dashboard

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal is given back
    folder = shown.run_folder(options)
    return int(dashboard.watch(folder, once=options.once, as_json=options.as_json))


def status(options: argparse.Namespace) -> int:
    """Say where a run is, in words, JSON or metrics."""
    from bondx_lib import dashboard

    folder = shown.run_folder(options)
    if options.prometheus is not None:
        from bondx_lib.dashboard import exposition

        one = dashboard.Watcher(folder).look()
        if options.prometheus == "-":
            print(exposition.exposition(one), end="")
        else:
            exposition.write(one, Path(options.prometheus))
        return 0
    status = dashboard.status(folder)
    if options.as_json:
        shown.print_json(status)
    else:
        print(dashboard.status_text(status))
    return 0


def render_report(options: argparse.Namespace) -> int:
    """Render a report again, or print it or one epoch of it."""
    from bondx_lib import report

    folder = shown.run_folder(options)
    if options.epoch is not None:
        found = report.epochs.metrics(report.read(folder), options.epoch)
        if options.format == "json":
            shown.print_json(found)
        else:
            print(report.epochs.as_markdown(found), end="")
    elif options.format == "json":
        shown.print_json(report.summarise(folder))
    elif options.format == "md":
        print(report.markdown(folder), end="")
    else:
        print(report.render(folder))
    return 0


def list_runs(options: argparse.Namespace) -> int:
    """List the runs of a folder."""
    from bondx_lib import dashboard

    rows = dashboard.list_runs(Path(options.output))
    if options.as_json:
        shown.print_json(rows)
    elif rows:
        dashboard.show_list(rows)
    else:
        print(f"there are no runs in {options.output}")
    return 0


def list_parameters(options: argparse.Namespace) -> int:
    """Print every parameter."""
    from bondx_lib import parameters

    rows = parameters.describe()
    if options.as_json:
        shown.print_json(rows)
    else:
        shown.print_table(rows)
    return 0


def list_gates(options: argparse.Namespace) -> int:
    """Print every gate with threshold and severity."""
    from bondx_lib import gates

    rows = []
    for name, one in gates.settings(shown.chosen_parameters(options, {}).quality_gates).items():
        gate = gates.get(name)
        ends = one.threshold if isinstance(one.threshold, tuple) else (one.threshold,)
        text = " to ".join(f"{end:g}" for end in ends)
        rows.append(
            {"gate": name, "family": gate.family, "severity": one.severity if one.on else "off",
             "threshold": f"{text} {gate.unit}".strip(), "catches": gate.catches}
        )  # fmt: skip
    if options.as_json:
        shown.print_json(rows)
    else:
        shown.print_table(rows)
    return 0


def verify(options: argparse.Namespace) -> int:
    """Check a run against its seal, and do it again if asked to."""
    from bondx_lib import evidence

    folder = shown.run_folder(options)
    number = _epoch_to_replay(options.replay)
    problems = evidence.verify(folder)
    replayed = [] if options.replay is None else _replayed(folder, number, options.as_json)
    same = not problems and all(step.equal for step in replayed)
    if options.as_json:
        shown.print_json(
            {"run": folder.name, "pack_id": evidence.pack_id(folder), "verified": same,
             "differences": [one._asdict() for one in problems],
             "replayed": [asdict(step) for step in replayed]}
        )  # fmt: skip
        return 0 if same else 1
    for problem in problems:
        print(problem)
    for step in replayed:
        print(*step.differences, sep="\n", end="\n" if step.differences else "")
    if not problems:
        print(f"{folder}: nothing has changed since it was sealed")
    if replayed:
        print("done again, all came out the same" if all(step.equal for step in replayed)
              else "done again, it did not come out the same")  # fmt: skip
    return 0 if same else 1


def _epoch_to_replay(text: str | None) -> int | None:
    """Return the epoch that was named, None for all."""
    if text in (None, "all"):
        return None
    if not str(text).isdecimal():
        raise BadInput(
            "is no epoch", source="bondx verify", key="--replay", value=text,
            admissible="a number, or all",
        )  # fmt: skip
    return int(str(text))


def _replayed(folder: Path, number: int | None, quiet: bool) -> list[Any]:
    from bondx_lib import runlog, trainer

    for line in trainer.circumstances(runlog.state_of(folder)):
        print(f"not as it was when the run was made: {line}", file=sys.stderr)
    say = (lambda line: None) if quiet else shown.say_now
    return list(trainer.replay(folder, number, say))


def export(options: argparse.Namespace) -> int:
    """Put a sealed run into one archive."""
    from bondx_lib import evidence

    target = None if options.zip is None else Path(options.zip)
    print(evidence.export(shown.run_folder(options), target, overwrite=options.force))
    return 0


def compare(options: argparse.Namespace) -> int:
    """Say what changed from one run to another."""
    from bondx_lib import dashboard, evidence

    base = Path(options.output)
    first, second = (dashboard.find_run(base, name) for name in (options.first, options.second))
    found = evidence.compare(first, second)
    if options.as_json:
        shown.print_json(found)
    else:
        print(evidence.as_text(found))
    worse = any(row["verdict"] == "worse" for row in found["scores"])
    return ExitCode.FAILED if worse and options.fail_if_worse else ExitCode.DONE
