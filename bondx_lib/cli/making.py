"""Commands about bonds and the market itself: draw, score, validate, and what the package holds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bondx_lib.cli import shown
from bondx_lib.errors import BadInput, ExitCode


def generate_market(options: argparse.Namespace) -> int:
    """Write a market."""
    chosen = shown.chosen_parameters(options, {})

    from bondx_lib.market import generation

    with shown.progress("parts", options.quiet) as show:
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


def score_file(options: argparse.Namespace) -> int:
    """Ask champions about bonds in a file."""
    from bondx_lib import dashboard, scoring

    run = dashboard.find_run(Path(options.runs), options.run)
    names = tuple(name.strip() for name in options.models.split(",") if name.strip())
    with shown.progress("rows", options.quiet) as show:
        summary = scoring.score(
            run, options.input, options.output, names=names, duplicates=options.duplicates,
            overwrite=options.force, workers=options.workers, progress=show,
        )  # fmt: skip
    if summary.ignored:
        print(f"ignored columns: {', '.join(summary.ignored)}", file=sys.stderr)
    print(f"{summary.rows:,} rows scored by {', '.join(summary.models)} in {options.output}; "
          f"{summary.flagged:,} have values out of range")  # fmt: skip
    return 0


def validate_file(options: argparse.Namespace) -> int:
    """Let the gates judge bonds in a file."""
    chosen = shown.chosen_parameters(options, {"quality_gates.profile": options.profile})

    from bondx_lib import validation

    to_screen = options.json == "-"
    targets = {"json": None if to_screen else options.json, "html": options.html}
    validation.check_targets(options.input, targets, overwrite=options.force)
    with shown.progress("rows", options.quiet) as show:
        checked = validation.validate(
            options.input, names=options.map, parameters=chosen, workers=options.workers,
            progress=show,
        )  # fmt: skip
    found = validation.document(checked)
    for path in validation.write(found, targets):
        print(f"written: {path}", file=sys.stderr)
    if to_screen:
        shown.print_json(found)
    else:
        validation.show(found, every=options.all)
    return ExitCode.REFUSED if checked.blocked else 0


def score_realism(options: argparse.Namespace) -> int:
    """Hold the market against published figures."""
    from bondx_lib.market import realism

    for key, least in (("seeds", 2), ("blocks", 1), ("workers", 1)):
        if getattr(options, key) < least:
            raise BadInput(
                "is out of range", source="bondx realism", key=f"--{key}",
                value=getattr(options, key), admissible=f"at least {least}",
            )  # fmt: skip
    with shown.progress("markets", options.quiet) as show:
        lines = realism.scorecard(
            options.seeds, blocks=options.blocks, workers=options.workers,
            progress=lambda done: show(done, options.seeds, ""),
        )  # fmt: skip
    if options.as_json:
        shown.print_json([vars(line) for line in lines])
    else:
        print(realism.as_text(lines, only_failing=options.failing))
    if options.save:
        print(f"written: {realism.save(lines)}", file=sys.stderr)
    return 0 if realism.share_passed(lines) >= realism.AIM else 1


def calibrate(options: argparse.Namespace) -> int:
    """Fit the market's constants again."""
    from bondx_lib.market import calibration

    document = calibration.fit(workers=options.workers, progress=shown.say_now)
    print(f"written: {calibration.write(document)}")
    return 0


def make_ceilings(options: argparse.Namespace) -> int:
    """Make the ceilings again."""
    from bondx_lib import reference

    document = reference.make(workers=options.workers, progress=shown.say_now)
    print(f"written: {reference.write(document)}")
    return 0


def make_reference(options: argparse.Namespace) -> int:
    """Make the reference of the gates again."""
    from bondx_lib.gates import reference

    document = reference.make(workers=options.workers, progress=shown.say_now)
    print(f"written: {reference.write(document)}")
    return 0
