"""The command line: ``bondx run`` and what one wants to know of a run.

Exit codes: 0 the run converged, reached a plateau or its epoch limit, or was asked to stop; 1 it
failed; 2 bad input; 3 a blocking gate; 130 interrupted. Modules are imported by the command that
needs them, so ``bondx --help`` answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NoReturn

from bondx_lib.errors import BadInput, BondXError, EpochFailed, ExitCode, nearest

DEBUG: Final = "--debug"
NEWEST: Final = ""
"""Stands for a folder that was left out."""
SHOW_SECONDS: Final = 5.0
"""How long the last state may take to be shown after the run has ended."""
EPILOG: Final = """\
exit codes: 0 converged, plateaued, stopped by the epoch limit or on request
            1 failed   2 bad input   3 refused by a blocking gate   130 interrupted

example: bondx run -f parameters/smoke.yaml --set dataset_size=50
"""

GENERATE_EXAMPLE: Final = "bondx generate --bonds 1000000 --workers 4 -o big-market"

SCORE_EXAMPLE: Final = "bondx score --run RUN --input bonds.parquet --output scores.parquet"

SWEEP_EXAMPLE: Final = "bondx sweep -f parameters/sweep_example.yaml"

VALIDATE_EXAMPLE: Final = "bondx validate bonds.csv --map MAP.yaml --html findings.html"

WORK_EXITS: Final = {
    ExitCode.DONE: "a stopping rule has spoken, it was asked to stop, or --detach began it",
    ExitCode.FAILED: "an epoch's code failed, or the disk, or the evidence could not be written",
    ExitCode.REFUSED: "a blocking gate refused every draw, or the champions",
    ExitCode.INTERRUPTED: "Ctrl-C, SIGTERM, a closed terminal, bondx abort: bondx resume goes on",
}
EXITS: Final[dict[str, dict[ExitCode, str]]] = {
    "run": WORK_EXITS,
    "resume": WORK_EXITS,
    "sweep": {
        ExitCode.DONE: "every run ended by a stopping rule or on request",
        ExitCode.FAILED: "one or more runs failed or died",
        ExitCode.REFUSED: "a blocking gate refused one or more runs, and none failed",
        ExitCode.INTERRUPTED: "interrupted before all runs had ended: bondx sweep --resume",
    },
    "watch": {ExitCode.DONE: "the run has ended, however, or the viewer left"},
    "status": {ExitCode.DONE: "the run was found, however it stands"},
    "validate": {
        ExitCode.DONE: "no blocking gate fails",
        ExitCode.REFUSED: "a blocking gate fails; the findings are written all the same",
    },
    "generate": {ExitCode.INTERRUPTED: "interrupted: the same command goes on"},
    "realism": {ExitCode.FAILED: "less than 90 % of the figures with enough data agree"},
    "verify": {
        ExitCode.DONE: "nothing has changed; with --replay: and all came out the same",
        ExitCode.FAILED: "something has changed, or came out otherwise",
    },
    "compare": {
        ExitCode.DONE: "compared, whatever was found",
        ExitCode.FAILED: "with --fail-if-worse: a skill of the second run is worse",
    },
}
"""What the exit codes of a command mean, where they say more than :class:`ExitCode` does."""

Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(message, source=self.prog, admissible=f"see `{self.prog} --help`")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        chosen = _parser().parse_args(_known(words))
        code: int = chosen.command(chosen)
        sys.stdout.flush()
        return code
    except EpochFailed as failure:
        print(failure.traceback, file=sys.stderr)
        return _report_error(failure, failure.exit_code, words)
    except BondXError as error:
        return _report_error(error, error.exit_code, words)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        from bondx_lib.runner import storage

        if storage.name_of(error) is None:
            raise
        return _report_error(error, 1, words)


def _report_error(error: Exception, exit_code: int, words: Sequence[str]) -> int:
    """Say what went wrong in one sentence, below its traceback if asked for; return the code."""
    if DEBUG in words:
        traceback.print_exception(error)
    print(f"error: {error}", file=sys.stderr)
    return exit_code


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
            epilog=f"example: {example}\n\n{_exit_codes(name)}".rstrip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        options(sub)
        sub.set_defaults(command=command)
    return parser


def _exit_codes(name: str) -> str:
    """Return what the exit codes of a command mean where they say more than everywhere."""
    lines = [f"{code.value:<3} {meaning}" for code, meaning in EXITS.get(name, {}).items()]
    return "\n".join(["exit codes:", *(f"  {line}" for line in lines)]) if lines else ""


def _overview(options: argparse.Namespace) -> int:
    _parser().print_help()
    return 0


def _run_options(parser: argparse.ArgumentParser) -> None:
    _parameter_options(parser)
    parser.add_argument("--output", metavar="DIR", help="folder that holds the runs")
    parser.add_argument("--name", help="name of the run")
    parser.add_argument(
        "--parent", metavar="RUN",
        help="the run that this one follows, named with its pack id in the first event",
    )  # fmt: skip
    _detach_option(parser)
    _debug_option(parser)
    _quiet_option(parser)


def _parameter_options(
    parser: argparse.ArgumentParser, file_help: str = "parameters file; the defaults if not given"
) -> None:
    parser.add_argument("-f", "--file", metavar="FILE", help=file_help)
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="values",
        help="override one parameter, for example quality_gates.coverage_min=95; may be repeated",
    )  # fmt: skip


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
    parser.add_argument(
        "--fork", action="store_true",
        help="start a new run, with this one as its parent, under changed parameters or code",
    )  # fmt: skip
    _parameter_options(parser, "with --fork, parameters file; the parent's parameters if not given")
    _detach_option(parser)
    _debug_option(parser)
    _quiet_option(parser)


def _debug_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        DEBUG, action="store_true",
        help="keep every message in the run's log file, and show where an error came from",
    )  # fmt: skip


def _detach_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detach", action="store_true",
        help="work in a process of its own that outlives this terminal; return once it has begun",
    )  # fmt: skip


def _watch_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    parser.add_argument("--once", action="store_true", help="show the present state and end")
    _json_option(parser)


def _status_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    shape = parser.add_mutually_exclusive_group()
    _json_option(shape)
    shape.add_argument(
        "--prometheus", metavar="FILE",
        help="write metrics in Prometheus' text format to FILE.prom; - prints them",
    )  # fmt: skip


def _verify_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    parser.add_argument(
        "--replay", nargs="?", const="all", metavar="EPOCH",
        help="draw and train again, one epoch or all, and compare every byte (as long as the run)",
    )  # fmt: skip
    _json_option(parser)


def _export_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    parser.add_argument(
        "--zip", metavar="FILE", help="the archive (default: the run folder's name with .zip)"
    )
    parser.add_argument("--force", action="store_true", help="replace an archive that is there")


def _compare_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="RUN_A", help="run folder, or the name of one in --output")
    parser.add_argument("second", metavar="RUN_B", help="the run to hold against it")
    parser.add_argument(
        "--fail-if-worse", action="store_true",
        help="end with 1 if a skill of the second run is worse, intervals apart",
    )  # fmt: skip
    _base_option(parser)
    _json_option(parser)


def _report_options(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--format", choices=("html", "json", "md"), default="html",
        help="html renders the page again; json prints the summary, md the report as Markdown",
    )  # fmt: skip
    shape.add_argument("--json", action="store_const", const="json", dest="format",
                       help="the same as --format json")  # fmt: skip
    parser.add_argument(
        "--epoch", type=int, metavar="N", help="print one epoch instead, as json or md"
    )


def _generate_options(parser: argparse.ArgumentParser) -> None:
    _parameter_options(parser)
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="an empty folder")
    parser.add_argument("--bonds", type=int, metavar="N", help="bonds; dataset_size if not given")
    parser.add_argument(
        "--partitions", type=int, metavar="N", help="files to cut it into; one per 10,000 bonds"
    )
    _workers_option(parser)
    parser.add_argument(
        "--format", action="append", dest="formats", metavar="NAME",
        help="parquet (the default), csv or jsonl; may be repeated",
    )  # fmt: skip
    parser.add_argument("--truth", action="store_true", help="write the truth beside the panel")
    parser.add_argument(
        "--branches", type=int, default=0, metavar="N",
        help="futures behind each true downgrade probability (default: 0, leave it out)",
    )  # fmt: skip
    parser.add_argument(
        "--digest", action="store_true", help="print a digest that no order or cut can change"
    )
    _quiet_option(parser)


def _score_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", metavar="RUN",
        help="run folder, or the name of one in --runs; the newest run if not given",
    )  # fmt: skip
    parser.add_argument(
        "--runs", metavar="DIR", default="runs", help="folder that holds the runs (default: runs)"
    )
    parser.add_argument(
        "-i", "--input", metavar="FILE", required=True, help="bonds, as .parquet or .csv"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="scores, as .parquet or .csv"
    )
    parser.add_argument(
        "--models", metavar="NAME,NAME", default="", help="champions to ask; all if not given"
    )
    parser.add_argument(
        "--duplicates", choices=("refuse", "score"), default="refuse",
        help="what to do with rows of equal world, bond and date (default: refuse)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace an output that is there")
    _workers_option(parser)
    _quiet_option(parser)


def _sweep_options(parser: argparse.ArgumentParser) -> None:
    todo = parser.add_mutually_exclusive_group(required=True)
    todo.add_argument("-f", "--file", metavar="FILE", help="sweep file; see docs/sweeps.md")
    todo.add_argument(
        "--resume", metavar="FOLDER", nargs="?", const=NEWEST,
        help="go on with a sweep; the newest one if no folder is named",
    )  # fmt: skip
    todo.add_argument(
        "--show", metavar="FOLDER", nargs="?", const=NEWEST,
        help="print the tables over the runs of a sweep; of the newest one if no folder is named",
    )  # fmt: skip
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="values",
        help="set one parameter for all runs, over the sweep file; may be repeated",
    )  # fmt: skip
    parser.add_argument("--output", metavar="DIR", help="folder that holds the runs")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="runs side by side, in place of the file's number"
    )
    _json_option(parser, "with --show, print JSON")
    _quiet_option(parser)


def _validate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="FILE", help="bonds, as .parquet or .csv")
    parser.add_argument(
        "--map", metavar="MAP", help="column map: the file's own names, units and words, as YAML"
    )
    parser.add_argument(
        "--profile", choices=("exploratory", "standard", "strict"),
        help="how hard all gates judge (default: as the parameters say, standard)",
    )  # fmt: skip
    _parameter_options(parser)
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-",
        help="write all findings as JSON; without FILE in place of the table",
    )  # fmt: skip
    parser.add_argument("--html", metavar="FILE", help="write all findings as a page")
    parser.add_argument("--force", action="store_true", help="replace outputs that are there")
    parser.add_argument("--all", action="store_true", help="list the gates that passed too")
    _workers_option(parser)
    _quiet_option(parser)


def _realism_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seeds", type=int, default=32, metavar="N", help="markets to draw (default: 32)"
    )
    parser.add_argument(
        "--blocks", type=int, default=4, metavar="N",
        help="blocks of 256 issuers in each (default: 4)",
    )  # fmt: skip
    _workers_option(parser)
    parser.add_argument("--failing", action="store_true", help="show only what does not pass")
    parser.add_argument(
        "--save", action="store_true", help="keep the scorecard in the package, for reports"
    )
    _json_option(parser)
    _quiet_option(parser)


def _workers_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (default: 1)"
    )


def _list_options(parser: argparse.ArgumentParser) -> None:
    _base_option(parser)
    _json_option(parser)


def _gates_options(parser: argparse.ArgumentParser) -> None:
    _parameter_options(parser)
    _json_option(parser)


def _json_option(parser: argparse._ActionsContainer, meaning: str = "print JSON") -> None:
    parser.add_argument("--json", action="store_true", dest="as_json", help=meaning)


def _run(options: argparse.Namespace) -> int:
    named = {"output.base_directory": options.output, "name": options.name}
    chosen = _parameters(options, named)

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


def _parameters(options: argparse.Namespace, named: Mapping[str, str | None]) -> Any:
    """Return the file's parameters with single values over them, and named options over both."""
    from bondx_lib import parameters

    overrides: dict[str, Any] = dict(parameters.parse_override(text) for text in options.values)
    overrides |= {key: json.dumps(value) for key, value in named.items() if value is not None}
    return parameters.load(options.file, overrides)


def _resume(options: argparse.Namespace) -> int:
    from bondx_lib import trainer

    named = Path(options.run_dir or "")
    folder = named if trainer.is_prepared(named) else _run_folder(options)
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
    return trainer.fork(
        parent, _parameters(options, {"output.base_directory": str(parent.resolve().parent)})
    )


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


def _pause(options: argparse.Namespace) -> int:
    return _ask(options, "pause", "waits after this epoch until: bondx continue")


def _continue(options: argparse.Namespace) -> int:
    return _ask(options, "continue", "goes on")


def _stop(options: argparse.Namespace) -> int:
    return _ask(options, "stop", "ends after this epoch, with its report")


def _ask(options: argparse.Namespace, wish: str, then: str) -> int:
    from bondx_lib.runner import control

    folder = _run_folder(options)
    control.ask(folder, wish)
    print(f"{folder}: {then}")
    return 0


def _abort(options: argparse.Namespace) -> int:
    from bondx_lib.runner import control

    folder = _run_folder(options)
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


def _sweep(options: argparse.Namespace) -> int:
    from bondx_lib import parameters, sweep

    _refuse_idle(options)
    if options.file is None:
        named = options.resume or options.show
        base = Path(options.output or "runs")
        folder = sweep.find(base, None if named == NEWEST else named)
        if options.show is not None:
            return _show_sweep(folder, options.as_json)
    say = (lambda line: None) if options.quiet else _say_now
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
        _print_json(sweep.rows(compared))
    else:
        sweep.show(compared)
    return 0


def _watch(options: argparse.Namespace) -> int:
    from bondx_lib import dashboard

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal is given back
    return int(dashboard.watch(_run_folder(options), once=options.once, as_json=options.as_json))


def _status(options: argparse.Namespace) -> int:
    from bondx_lib import dashboard

    folder = _run_folder(options)
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
        _print_json(status)
    else:
        print(dashboard.status_text(status))
    return 0


def _report(options: argparse.Namespace) -> int:
    from bondx_lib import report

    folder = _run_folder(options)
    if options.epoch is not None:
        found = report.epochs.metrics(report.read(folder), options.epoch)
        if options.format == "json":
            _print_json(found)
        else:
            print(report.epochs.as_markdown(found), end="")
    elif options.format == "json":
        _print_json(report.summarise(folder))
    elif options.format == "md":
        print(report.markdown(folder), end="")
    else:
        print(report.render(folder))
    return 0


def _list(options: argparse.Namespace) -> int:
    from bondx_lib import dashboard

    rows = dashboard.list_runs(Path(options.output))
    if options.as_json:
        _print_json(rows)
    elif rows:
        dashboard.show_list(rows)
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


def _gates(options: argparse.Namespace) -> int:
    from bondx_lib import gates

    rows = []
    for name, one in gates.settings(_parameters(options, {}).quality_gates).items():
        gate = gates.get(name)
        ends = one.threshold if isinstance(one.threshold, tuple) else (one.threshold,)
        text = " to ".join(f"{end:g}" for end in ends)
        rows.append(
            {"gate": name, "family": gate.family, "severity": one.severity if one.on else "off",
             "threshold": f"{text} {gate.unit}".strip(), "catches": gate.catches}
        )  # fmt: skip
    if options.as_json:
        _print_json(rows)
    else:
        _print_table(rows)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from bondx_lib import evidence

    folder = _run_folder(options)
    number = _epoch_to_replay(options.replay)
    problems = evidence.verify(folder)
    replayed = [] if options.replay is None else _replayed(folder, number, options.as_json)
    same = not problems and all(step.equal for step in replayed)
    if options.as_json:
        _print_json(
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

    for line in trainer.circumstances(runlog.replay(runlog.read(folder / runlog.LOG_NAME))):
        print(f"not as it was when the run was made: {line}", file=sys.stderr)
    say = (lambda line: None) if quiet else _say_now
    return list(trainer.replay(folder, number, say))


def _export(options: argparse.Namespace) -> int:
    from bondx_lib import evidence

    target = None if options.zip is None else Path(options.zip)
    print(evidence.export(_run_folder(options), target, overwrite=options.force))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from bondx_lib import dashboard, evidence

    base = Path(options.output)
    first, second = (dashboard.find_run(base, name) for name in (options.first, options.second))
    found = evidence.compare(first, second)
    if options.as_json:
        _print_json(found)
    else:
        print(evidence.as_text(found))
    worse = any(row["verdict"] == "worse" for row in found["scores"])
    return ExitCode.FAILED if worse and options.fail_if_worse else ExitCode.DONE


def _generate(options: argparse.Namespace) -> int:
    chosen = _parameters(options, {})

    from bondx_lib.market import generation

    with _progress("parts", options.quiet) as show:
        try:
            manifest = generation.generate(
                chosen, options.output, bonds=options.bonds, parts=options.partitions,
                workers=options.workers, formats=tuple(options.formats or ("parquet",)),
                truth=options.truth, branches=options.branches,
                progress=lambda done, parts, rows: show(done, parts, f"{rows:,} rows"),
            )  # fmt: skip
        except KeyboardInterrupt:
            print("interrupted; the same command goes on where it stopped", file=sys.stderr)
            return ExitCode.INTERRUPTED
    print(f"{manifest['rows']:,} rows of {manifest['bonds']:,} bonds in {options.output}")
    if options.digest:
        print(f"digest: {generation.content_digest(options.output)}")
    return 0


def _score(options: argparse.Namespace) -> int:
    from bondx_lib import dashboard, scoring

    run = dashboard.find_run(Path(options.runs), options.run)
    names = tuple(name.strip() for name in options.models.split(",") if name.strip())
    with _progress("rows", options.quiet) as show:
        summary = scoring.score(
            run, options.input, options.output, names=names, duplicates=options.duplicates,
            overwrite=options.force, workers=options.workers, progress=show,
        )  # fmt: skip
    if summary.ignored:
        print(f"ignored columns: {', '.join(summary.ignored)}", file=sys.stderr)
    print(f"{summary.rows:,} rows scored by {', '.join(summary.models)} in {options.output}; "
          f"{summary.flagged:,} have values out of range")  # fmt: skip
    return 0


def _validate(options: argparse.Namespace) -> int:
    chosen = _parameters(options, {"quality_gates.profile": options.profile})

    from bondx_lib import validation

    to_screen = options.json == "-"
    targets = {"json": None if to_screen else options.json, "html": options.html}
    validation.check_targets(options.input, targets, overwrite=options.force)
    with _progress("rows", options.quiet) as show:
        checked = validation.validate(
            options.input, names=options.map, parameters=chosen, workers=options.workers,
            progress=show,
        )  # fmt: skip
    found = validation.document(checked)
    for path in validation.write(found, targets):
        print(f"written: {path}", file=sys.stderr)
    if to_screen:
        _print_json(found)
    else:
        validation.show(found, every=options.all)
    return ExitCode.REFUSED if checked.blocked else 0


def _realism(options: argparse.Namespace) -> int:
    from bondx_lib.market import realism

    for key, least in (("seeds", 2), ("blocks", 1), ("workers", 1)):
        if getattr(options, key) < least:
            raise BadInput(
                "is out of range", source="bondx realism", key=f"--{key}",
                value=getattr(options, key), admissible=f"at least {least}",
            )  # fmt: skip
    with _progress("markets", options.quiet) as show:
        lines = realism.scorecard(
            options.seeds, blocks=options.blocks, workers=options.workers,
            progress=lambda done: show(done, options.seeds, ""),
        )  # fmt: skip
    if options.as_json:
        _print_json([vars(line) for line in lines])
    else:
        print(realism.as_text(lines, only_failing=options.failing))
    if options.save:
        print(f"written: {realism.save(lines)}", file=sys.stderr)
    return 0 if realism.share_passed(lines) >= realism.AIM else 1


def _calibrate(options: argparse.Namespace) -> int:
    from bondx_lib.market import calibration

    document = calibration.fit(workers=options.workers, progress=_say_now)
    print(f"written: {calibration.write(document)}")
    return 0


def _ceilings(options: argparse.Namespace) -> int:
    from bondx_lib import reference

    document = reference.make(workers=options.workers, progress=_say_now)
    print(f"written: {reference.write(document)}")
    return 0


def _reference(options: argparse.Namespace) -> int:
    from bondx_lib.gates import reference

    document = reference.make(workers=options.workers, progress=_say_now)
    print(f"written: {reference.write(document)}")
    return 0


def _say_now(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def _progress(what: str, quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Yield a function that shows how much is done on standard error: done, all, and a word."""
    if quiet:
        yield lambda done, all_, word: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[word]}"),
    )  # fmt: skip
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task(what, total=None, word="")

    def show(done: int, all_: int, word: str) -> None:
        bar.start()
        bar.update(task, completed=done, total=all_, word=word)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


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
    "pause": (_pause, "let a run wait after its present epoch", "bondx pause", _folder_option),
    "continue": (_continue, "let a paused run go on", "bondx continue", _folder_option),
    "stop": (_stop, "let a run end after its present epoch, with a report", "bondx stop",
             _folder_option),
    "abort": (_abort, "end the process of a run at once; it can be resumed", "bondx abort",
              _folder_option),
    "sweep": (_sweep, "run several parameter sets and compare them", SWEEP_EXAMPLE, _sweep_options),
    "watch": (_watch, "follow a run from a second terminal", "bondx watch", _watch_options),
    "status": (_status, "say where a run is", "bondx status --json", _status_options),
    "report": (_report, "render the report of a run again", "bondx report --json", _report_options),
    "list": (_list, "list the runs", "bondx list --output runs", _list_options),
    "params": (_params, "print every parameter with type, unit, range and default",
               "bondx params --json", _json_option),
    "gates": (_gates, "list every gate with the threshold and severity in force",
              "bondx gates --set quality_gates.profile=strict", _gates_options),
    "generate": (_generate, "write a market of any size", GENERATE_EXAMPLE, _generate_options),
    "score": (_score, "ask a run's champions about bonds of your own; they know only the simulated "
              "market", SCORE_EXAMPLE, _score_options),
    "validate": (_validate, "let the gates judge bonds of your own", VALIDATE_EXAMPLE,
                 _validate_options),
    "realism": (_realism, "hold the market against published figures",
                "bondx realism --failing", _realism_options),
    "calibrate": (_calibrate, "fit the market's constants to published figures again",
                  "bondx calibrate --workers 2", _workers_option),
    "ceilings": (_ceilings, "make the ceilings that models are measured against again",
                 "bondx ceilings --workers 2", _workers_option),
    "reference": (_reference, "make the frozen reference of the gates again",
                  "bondx reference --workers 2", _workers_option),
    "verify": (_verify, "check a finished run against its seal, or do it again",
               "bondx verify --replay all", _verify_options),
    "export": (_export, "put a sealed run into one archive", "bondx export RUN --zip run.zip",
               _export_options),
    "compare": (_compare, "say what changed from one run to another", "bondx compare RUN_A RUN_B",
                _compare_options),
}  # fmt: skip
