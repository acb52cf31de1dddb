"""The command line: ``bondx run`` and what one wants to know of a run.

Exit codes: 0 the run converged, reached a plateau or its epoch limit, or was asked to stop; 1 it
failed; 2 bad input; 3 a blocking gate; 130 interrupted. Modules are imported by the command that
needs them, so ``bondx --help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from bondx_lib.errors import BadInput, BondXError, EpochFailed, nearest

INTERRUPTED: Final = 130
SHOW_SECONDS: Final = 5.0
"""How long the last state may take to be shown after the run has ended."""
EPILOG: Final = """\
exit codes: 0 converged, plateaued, stopped by the epoch limit or on request
            1 failed   2 bad input   3 refused by a blocking gate   130 interrupted

example: bondx run -f parameters/smoke.yaml --set dataset_size=50
"""

Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(message, source=self.prog, admissible=f"see `{self.prog} --help`")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        chosen = _parser().parse_args(_known(sys.argv[1:] if arguments is None else arguments))
        code: int = chosen.command(chosen)
        sys.stdout.flush()
        return code
    except EpochFailed as failure:
        print(failure.traceback, f"error: {failure}", sep="\n", file=sys.stderr)
        return failure.exit_code
    except BondXError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _known(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments, or refuse a first word that is no command, naming the nearest."""
    if arguments and not arguments[0].startswith("-") and arguments[0] not in _COMMANDS:
        raise BadInput(
            "is not a command", source="bondx", value=arguments[0],
            admissible=", ".join(_COMMANDS), nearest=nearest(arguments[0], _COMMANDS),
        )  # fmt: skip
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bondx",
        description="Train models on a synthetic corporate-bond market until they stop improving.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_overview)
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)
    for name, (command, summary, example, options) in _COMMANDS.items():
        sub = commands.add_parser(
            name, help=summary, description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example: {example}",
        )  # fmt: skip
        options(sub)
        sub.set_defaults(command=command)
    return parser


def _overview(options: argparse.Namespace) -> int:
    _parser().print_help()
    return 0


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--file", metavar="FILE", help="parameters file; the defaults if not given"
    )
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="values",
        help="override one parameter, for example quality_gates.coverage_min=95; may be repeated",
    )  # fmt: skip
    parser.add_argument("--output", metavar="DIR", help="folder that holds the runs")
    parser.add_argument("--name", help="name of the run")
    _quiet_option(parser)


def _quiet_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")


def _folder_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_dir", nargs="?", metavar="RUN",
        help="run folder, or the name of one in --output; the newest run if not given",
    )  # fmt: skip
    _base_option(parser)


def _base_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", metavar="DIR", default="runs", help="folder that holds the runs (default: runs)"
    )


def _resume_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    _quiet_option(parser)


def _watch_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    parser.add_argument("--once", action="store_true", help="show the present state and end")
    _json_option(parser)


def _status_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    _json_option(parser)


def _report_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    _json_option(parser, "print the summary as JSON and render nothing")


def _list_options(parser: argparse.ArgumentParser) -> None:
    _base_option(parser)
    _json_option(parser)


def _json_option(parser: argparse.ArgumentParser, meaning: str = "print JSON") -> None:
    parser.add_argument("--json", action="store_true", dest="as_json", help=meaning)


def _run(options: argparse.Namespace) -> int:
    from bondx_lib import parameters

    overrides: dict[str, Any] = dict(parameters.parse_override(text) for text in options.values)
    for key, value in (("output.base_directory", options.output), ("name", options.name)):
        if value is not None:
            overrides[key] = json.dumps(value)
    chosen = parameters.load(options.file, overrides)

    from bondx_lib import trainer

    return _work(options, lambda on_open: trainer.run(chosen, on_open))


def _resume(options: argparse.Namespace) -> int:
    folder = _run_folder(options)

    from bondx_lib import trainer

    return _work(options, lambda on_open: trainer.resume(folder, on_open))


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
        print(f"go on with: bondx resume {opened[0]}")
        return INTERRUPTED
    return int(state.exit_code or 0)


def _show(run_dir: Path) -> threading.Thread:
    """Follow a run's log on the terminal, beside the run, until it ends."""
    from bondx_lib import dashboard

    print(f"run folder: {run_dir}", flush=True)
    thread = threading.Thread(target=dashboard.watch, args=(run_dir,), daemon=True)
    thread.start()
    return thread


def _point_to(opened: Sequence[Path]) -> None:
    from bondx_lib import evidence

    for run_dir in opened:
        if (run_dir / "report.html").is_file():
            print(f"report: {run_dir / 'report.html'}")
        if (pack := evidence.pack_id(run_dir)) is not None:
            print(f"pack id: {pack}")


def _watch(options: argparse.Namespace) -> int:
    from bondx_lib import dashboard

    return int(dashboard.watch(_run_folder(options), once=options.once, as_json=options.as_json))


def _status(options: argparse.Namespace) -> int:
    from bondx_lib import dashboard

    status = dashboard.status(_run_folder(options))
    if options.as_json:
        _print_json(status)
    else:
        print(dashboard.status_text(status))
    return 0


def _report(options: argparse.Namespace) -> int:
    from bondx_lib import report

    folder = _run_folder(options)
    if options.as_json:
        _print_json(report.summarise(folder))
    else:
        print(report.render(folder))
    return 0


def _list(options: argparse.Namespace) -> int:
    from bondx_lib import dashboard

    rows = dashboard.list_runs(Path(options.output))
    if options.as_json:
        _print_json(rows)
    elif rows:
        _print_table(rows)
    else:
        print(f"there are no runs in {options.output}")
    return 0


def _params(options: argparse.Namespace) -> int:
    from bondx_lib import parameters

    rows = parameters.describe()
    if options.as_json:
        _print_json(rows)
    else:
        _print_table(rows)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from bondx_lib import evidence

    folder = _run_folder(options)
    problems = evidence.verify(folder)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{folder}: nothing has changed since it was sealed")
    return 1 if problems else 0


def _run_folder(options: argparse.Namespace) -> Path:
    """Return the run folder that was named, or the newest one."""
    from bondx_lib import dashboard

    return dashboard.find_run(Path(options.output), options.run_dir)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False))


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under their headings, each column as wide as its widest value."""
    headings = list(rows[0])
    cells = [["" if row[name] is None else str(row[name]) for name in headings] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for line in [headings, *cells]:
        print("  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip())


_COMMANDS: Final[dict[str, tuple[Command, str, str, Callable[[argparse.ArgumentParser], None]]]] = {
    "run": (_run, "train until a stopping rule speaks and write a report",
            "bondx run -f parameters/smoke.yaml --set dataset_size=50", _run_options),
    "resume": (_resume, "go on with a run that was interrupted", "bondx resume", _resume_options),
    "watch": (_watch, "follow a run from a second terminal", "bondx watch", _watch_options),
    "status": (_status, "say where a run is", "bondx status --json", _status_options),
    "report": (_report, "render the report of a run again", "bondx report --json", _report_options),
    "list": (_list, "list the runs", "bondx list --output runs", _list_options),
    "params": (_params, "print every parameter with type, unit, range and default",
               "bondx params --json", _json_option),
    "verify": (_verify, "check a finished run against its seal", "bondx verify", _folder_option),
}  # fmt: skip
