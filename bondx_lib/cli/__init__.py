"""The command line: ``bondx run`` and what one wants to know of a run.

Exit codes: 0 the run converged, reached a plateau or its epoch limit, or was asked to stop; 1 it
failed; 2 bad input; 3 a blocking gate; 130 interrupted. Modules are imported by the command that
needs them, so ``bondx --help`` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final, NoReturn

from bondx_lib.cli.commands import COMMANDS, EXITS
from bondx_lib.cli.options import DEBUG
from bondx_lib.errors import BadInput, BondXError, EpochFailed, ExitCode, nearest

__all__ = ["COMMANDS", "EXITS", "main"]

EPILOG: Final = """\
exit codes: 0 converged, plateaued, stopped by the epoch limit or on request
            1 failed   2 bad input   3 refused by a blocking gate   130 interrupted

example: bondx run -f parameters/smoke.yaml --set dataset_size=50
"""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(message, source=self.prog, admissible=f"see `{self.prog} --help`")


class _Version(argparse.Action):
    """Looks the version up when it is asked for: every other command starts without it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib import metadata

        print(f"bondx {metadata.version('bondx')}")
        parser.exit()


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
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        raise BadInput(
            "is not a command", source="bondx", value=arguments[0],
            admissible=", ".join(COMMANDS), nearest=nearest(arguments[0], COMMANDS),
        )  # fmt: skip
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bondx",
        description="Train models on a synthetic corporate-bond market until they stop improving.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.set_defaults(command=_overview)
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)
    for name, (command, summary, example, options) in COMMANDS.items():
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
