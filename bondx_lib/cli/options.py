"""What the commands take: one function for the options of each, from parts that several share."""

from __future__ import annotations

import argparse
from typing import Final

DEBUG: Final = "--debug"
NEWEST: Final = ""
"""Stands for a folder that was left out."""


def run_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx run`` takes."""
    parameter_options(parser)
    parser.add_argument("--output", metavar="DIR", help="folder that holds the runs")
    parser.add_argument("--name", help="name of the run")
    parser.add_argument(
        "--parent", metavar="RUN",
        help="the run that this one follows, named with its pack id in the first event",
    )  # fmt: skip
    detach_option(parser)
    debug_option(parser)
    quiet_option(parser)


def parameter_options(
    parser: argparse.ArgumentParser, file_help: str = "parameters file; the defaults if not given"
) -> None:
    """Take a parameters file and single values over it."""
    parser.add_argument("-f", "--file", metavar="FILE", help=file_help)
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="values",
        help="override one parameter, for example quality_gates.coverage_min=95; may be repeated",
    )  # fmt: skip


def quiet_option(parser: argparse.ArgumentParser) -> None:
    """Take the wish for silence."""
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")


def folder_option(parser: argparse.ArgumentParser) -> None:
    """Take one run, by folder or name."""
    parser.add_argument(
        "run_dir", nargs="?", metavar="RUN",
        help="run folder, or the name of one in --output; the newest run if not given",
    )  # fmt: skip
    base_option(parser)


def base_option(parser: argparse.ArgumentParser) -> None:
    """Take the folder that holds the runs."""
    parser.add_argument(
        "--output", metavar="DIR", default="runs", help="folder that holds the runs (default: runs)"
    )


def resume_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx resume`` takes."""
    folder_option(parser)
    parser.add_argument(
        "--fork", action="store_true",
        help="start a new run, with this one as its parent, under changed parameters or code",
    )  # fmt: skip
    parameter_options(parser, "with --fork, parameters file; the parent's parameters if not given")
    detach_option(parser)
    debug_option(parser)
    quiet_option(parser)


def debug_option(parser: argparse.ArgumentParser) -> None:
    """Take the wish for every message."""
    parser.add_argument(
        DEBUG, action="store_true",
        help="keep every message in the run's log file, and show where an error came from",
    )  # fmt: skip


def detach_option(parser: argparse.ArgumentParser) -> None:
    """Take the wish for a process of its own."""
    parser.add_argument(
        "--detach", action="store_true",
        help="work in a process of its own that outlives this terminal; return once it has begun",
    )  # fmt: skip


def watch_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx watch`` takes."""
    folder_option(parser)
    parser.add_argument("--once", action="store_true", help="show the present state and end")
    json_option(parser)


def status_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx status`` takes."""
    folder_option(parser)
    shape = parser.add_mutually_exclusive_group()
    json_option(shape)
    shape.add_argument(
        "--prometheus", metavar="FILE",
        help="write metrics in Prometheus' text format to FILE.prom; - prints them",
    )  # fmt: skip


def verify_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx verify`` takes."""
    folder_option(parser)
    parser.add_argument(
        "--replay", nargs="?", const="all", metavar="EPOCH",
        help="draw and train again, one epoch or all, and compare every byte (as long as the run)",
    )  # fmt: skip
    json_option(parser)


def export_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx export`` takes."""
    folder_option(parser)
    parser.add_argument(
        "--zip", metavar="FILE", help="the archive (default: the run folder's name with .zip)"
    )
    parser.add_argument("--force", action="store_true", help="replace an archive that is there")


def compare_options(parser: argparse.ArgumentParser) -> None:
    """Take two runs."""
    parser.add_argument("first", metavar="RUN_A", help="run folder, or the name of one in --output")
    parser.add_argument("second", metavar="RUN_B", help="the run to hold against it")
    parser.add_argument(
        "--fail-if-worse", action="store_true",
        help="end with 1 if a skill of the second run is worse, intervals apart",
    )  # fmt: skip
    base_option(parser)
    json_option(parser)


def report_options(parser: argparse.ArgumentParser) -> None:
    """Take a run and the form of its report."""
    folder_option(parser)
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


def generate_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx generate`` takes."""
    parameter_options(parser)
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="an empty folder")
    parser.add_argument("--bonds", type=int, metavar="N", help="bonds; dataset_size if not given")
    parser.add_argument(
        "--partitions", type=int, metavar="N", help="files to cut it into; one per 10,000 bonds"
    )
    workers_option(parser)
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
    quiet_option(parser)


def score_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx score`` takes."""
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
    workers_option(parser)
    quiet_option(parser)


def sweep_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx sweep`` takes."""
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
    json_option(parser, "with --show, print JSON")
    quiet_option(parser)


def validate_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx validate`` takes."""
    parser.add_argument("input", metavar="FILE", help="bonds, as .parquet or .csv")
    parser.add_argument(
        "--map", metavar="MAP", help="column map: the file's own names, units and words, as YAML"
    )
    parser.add_argument(
        "--profile", choices=("exploratory", "standard", "strict"),
        help="how hard all gates judge (default: as the parameters say, standard)",
    )  # fmt: skip
    parameter_options(parser)
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-",
        help="write all findings as JSON; without FILE in place of the table",
    )  # fmt: skip
    parser.add_argument("--html", metavar="FILE", help="write all findings as a page")
    parser.add_argument("--force", action="store_true", help="replace outputs that are there")
    parser.add_argument("--all", action="store_true", help="list the gates that passed too")
    workers_option(parser)
    quiet_option(parser)


def realism_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx realism`` takes."""
    parser.add_argument(
        "--seeds", type=int, default=32, metavar="N", help="markets to draw (default: 32)"
    )
    parser.add_argument(
        "--blocks", type=int, default=4, metavar="N",
        help="blocks of 256 issuers in each (default: 4)",
    )  # fmt: skip
    workers_option(parser)
    parser.add_argument("--failing", action="store_true", help="show only what does not pass")
    parser.add_argument(
        "--save", action="store_true", help="keep the scorecard in the package, for reports"
    )
    json_option(parser)
    quiet_option(parser)


def workers_option(parser: argparse.ArgumentParser) -> None:
    """Take how many processes work."""
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (default: 1)"
    )


def list_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx list`` takes."""
    base_option(parser)
    json_option(parser)


def gates_options(parser: argparse.ArgumentParser) -> None:
    """Take what ``bondx gates`` takes."""
    parameter_options(parser)
    json_option(parser)


def json_option(parser: argparse._ActionsContainer, meaning: str = "print JSON") -> None:
    """Take the wish for JSON."""
    parser.add_argument("--json", action="store_true", dest="as_json", help=meaning)
