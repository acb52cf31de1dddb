"""Every command: what does it, what it is for, an example, its options, and its exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final, NamedTuple

from bondx_lib.cli import looking, making, options, running
from bondx_lib.errors import ExitCode


class Command(NamedTuple):
    """A command: its function, what it is for, an example, and what takes its options."""

    work: Callable[[argparse.Namespace], int]
    summary: str
    example: str
    options: Callable[[argparse.ArgumentParser], None]


COMMANDS: Final = {
    "run": Command(
        running.run,
        "train until a stopping rule speaks and write a report",
        "bondx run -f parameters/smoke.yaml --set dataset_size=50",
        options.run_options,
    ),
    "resume": Command(
        running.resume,
        "go on with a run that was interrupted",
        "bondx resume",
        options.resume_options,
    ),
    "pause": Command(
        running.pause,
        "let a run wait after its present epoch",
        "bondx pause",
        options.folder_option,
    ),
    "continue": Command(
        running.go_on, "let a paused run go on", "bondx continue", options.folder_option
    ),
    "stop": Command(
        running.stop,
        "let a run end after its present epoch, with a report",
        "bondx stop",
        options.folder_option,
    ),
    "abort": Command(
        running.abort,
        "end the process of a run at once; it can be resumed",
        "bondx abort",
        options.folder_option,
    ),
    "sweep": Command(
        running.sweep_runs,
        "run several parameter sets and compare them",
        "bondx sweep -f parameters/sweep_example.yaml",
        options.sweep_options,
    ),
    "watch": Command(
        looking.watch, "follow a run from a second terminal", "bondx watch", options.watch_options
    ),
    "status": Command(
        looking.status, "say where a run is", "bondx status --json", options.status_options
    ),
    "report": Command(
        looking.render_report,
        "render the report of a run again",
        "bondx report --json",
        options.report_options,
    ),
    "list": Command(
        looking.list_runs, "list the runs", "bondx list --output runs", options.list_options
    ),
    "params": Command(
        looking.list_parameters,
        "print every parameter with type, unit, range and default",
        "bondx params --json",
        options.json_option,
    ),
    "gates": Command(
        looking.list_gates,
        "list every gate with the threshold and severity in force",
        "bondx gates --set quality_gates.profile=strict",
        options.gates_options,
    ),
    "generate": Command(
        making.generate_market,
        "write a market of any size",
        "bondx generate --bonds 1000000 --workers 4 -o big-market",
        options.generate_options,
    ),
    "score": Command(
        making.score_file,
        "ask a run's champions about bonds of your own; they know only the simulated market",
        "bondx score --run RUN --input bonds.parquet --output scores.parquet",
        options.score_options,
    ),
    "validate": Command(
        making.validate_file,
        "let the gates judge bonds of your own",
        "bondx validate bonds.csv --map MAP.yaml --html findings.html",
        options.validate_options,
    ),
    "realism": Command(
        making.score_realism,
        "hold the market against published figures",
        "bondx realism --failing",
        options.realism_options,
    ),
    "calibrate": Command(
        making.calibrate,
        "fit the market's constants to published figures again",
        "bondx calibrate --workers 2",
        options.workers_option,
    ),
    "ceilings": Command(
        making.make_ceilings,
        "make the ceilings that models are measured against again",
        "bondx ceilings --workers 2",
        options.workers_option,
    ),
    "reference": Command(
        making.make_reference,
        "make the frozen reference of the gates again",
        "bondx reference --workers 2",
        options.workers_option,
    ),
    "verify": Command(
        looking.verify,
        "check a finished run against its seal, or do it again",
        "bondx verify --replay all",
        options.verify_options,
    ),
    "export": Command(
        looking.export,
        "put a sealed run into one archive",
        "bondx export RUN --zip run.zip",
        options.export_options,
    ),
    "compare": Command(
        looking.compare,
        "say what changed from one run to another",
        "bondx compare RUN_A RUN_B",
        options.compare_options,
    ),
}

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
