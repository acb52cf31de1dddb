"""Tables and notes about the run, made from the summary and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from bondx_lib.gates.base import FAMILIES
from bondx_lib.report.blocks import (
    Note,
    Summary,
    Table,
    Tone,
    number,
    percent,
    plain,
    span,
    table,
    words,
)
from bondx_lib.vocabulary import VERDICTS, title

STATUS_TITLES: Final[dict[str, tuple[str, Tone]]] = {
    "converged": ("Converged", "good"),
    "plateaued": ("Stopped on a plateau, not converged", "unsure"),
    "epoch_limit": ("Stopped at the epoch limit, not converged", "unsure"),
    "blocked": ("Blocked by a gate", "bad"),
    "failed": ("Failed", "bad"),
    "interrupted": ("Interrupted", "unsure"),
    "stopped": ("Stopped on request, not converged", "unsure"),
}
NOTHING_OPEN: Final = (
    "No finding is open: every gate passed, and every model is above its floor and beats the "
    "simplest method."
)


def heading(summary: Summary) -> Note:
    """Name the run and what it was made with."""
    chosen = summary["parameters"]
    sentence = (
        f"Run “{summary['name']}”: {chosen['dataset_size']} bonds over {chosen['history_months']} "
        f"months in every epoch, scenario {words(chosen['scenario'])}, seed "
        f"{chosen['random_seed']}, BondX {summary['versions']['BondX']}."
    )
    return Note((sentence,), "lead")


def banner(summary: Summary) -> Note:
    """Return the warning of a run too small to be evidence, nothing for others."""
    return Note((summary["banner"],), "banner") if summary["banner"] else Note(())


def claims(summary: Summary) -> Note:
    """Say what the report claims and what it does not."""
    return Note(tuple(summary["claims"]), "list")


def verdict(summary: Summary) -> Note:
    """Say how the run ended and why."""
    ending, tone = STATUS_TITLES.get(summary["status"], (str(summary["status"]), "unsure"))
    size = f"Epochs: {summary['epochs_committed']}."
    if summary["quality"] is not None:
        size += f" Quality of the last data: {number(summary['quality'])}"
        size += f" ({summary['quality_band']})."
    return Note((ending, summary["reason"], size), "verdict", tone)


def stopping_rules(summary: Summary) -> Table | Note:
    """Tabulate the stopping rules as they stood at the last assessment."""
    rows = tuple(
        (words(rule["name"]), "holds" if rule["holds"] else "does not hold", rule["sentence"])
        for rule in summary["rules"]
    )
    return table("Stopping rules at the last assessment", ("Rule", "State", "In words"), rows)


def gates_by_family(summary: Summary) -> Table | Note:
    """Count the verdicts of each family of gates on the last data and the champions."""
    found = summary["gates"]
    rows = tuple(
        (
            words(family).capitalize(),
            FAMILIES[family],
            *(
                str(sum(one["verdict"] == verdict for one in found if one["family"] == family))
                for verdict in VERDICTS
            ),
        )
        for family in dict.fromkeys(one["family"] for one in found)
    )
    return table(
        "Gates on the last data and models, by family",
        ("Family", "Question", "Pass", "Fail", "Inconclusive", "Not applicable"),
        rows,
    )


def gates(summary: Summary) -> Table | Note:
    """Tabulate every gate on the last data and models."""
    rows = tuple(
        (
            words(finding["gate"]) + _slice(finding),
            number(finding["observed"]),
            _interval(finding),
            _limit(finding["threshold"]),
            "–" if finding["observed"] is None else percent(finding["used"], 0),
            finding["severity"],
            words(finding["verdict"]),
        )
        for finding in summary["gates"]
    )
    return table(
        "Gates on the last data and models",
        ("Gate", "Observed", "95 % interval", "Threshold", "Tolerance used", "Severity", "Verdict"),
        rows,
        "Tolerance used: 0 % is perfect, 100 % stands at the threshold. Of several slices the "
        "worst is shown; all are in findings.json of the epoch's folder.",
    )


def steering(summary: Summary) -> Table | Note:
    """Tabulate what the warnings of each epoch asked the next draw for."""
    rows = tuple(
        (str(row["epoch"]), ", ".join(words(name) for name in row["mix"]), " ".join(row["reasons"]))
        for row in summary["steering"]
    )
    return table("Draws steered by warnings", ("After epoch", "More of", "Why"), rows)


def open_findings(summary: Summary) -> Table | Note:
    """Tabulate what did not pass, or say that nothing is open."""
    if not summary["findings"]:
        return Note((NOTHING_OPEN,))
    rows = tuple(
        (words(row["subject"]), row["severity"], words(row["verdict"]), row["message"])
        for row in summary["findings"]
    )
    return table("Open findings", ("Subject", "Severity", "Verdict", "What was found"), rows)


def market_numbers(summary: Summary) -> Table | Note:
    """Tabulate what was drawn: evaluation markets and variations."""
    rows = tuple(
        (row["name"], f"{row['rows']:,}", row["digest"][:12]) for row in summary["markets"]
    )
    return table("Data sets that were drawn", ("Draw", "Rows", "Digest (first 12)"), rows)


def rejections(summary: Summary) -> Table | Note:
    """Tabulate the variations that a gate refused."""
    if not summary["rejections"]:
        return Note(("No variation was rejected.",))
    rows = tuple(
        (str(row["epoch"]), str(row["draw"]), row["message"]) for row in summary["rejections"]
    )
    return table("Variations that were rejected and drawn again", ("Epoch", "Draw", "Why"), rows)


def promotions(summary: Summary) -> Table | Note:
    """Tabulate the challengers that became champions; report.json holds the others too."""
    rows = tuple(
        (
            str(row["epoch"]),
            title(row["model"]),
            number(row["difference"]),
            "no champion before" if row["difference"] is None else span(row),
        )
        for row in summary["promotions"]
        if row["promoted"]
    )
    kept = len(summary["promotions"]) - len(rows)
    return table(
        "Every challenger that became champion",
        ("Epoch", "Model", "Gain", "95 % interval"),
        rows,
        "Gain: by how much the challenger beats the champion on the benchmark market, in the "
        "model's own loss. It is promoted where the whole interval lies above zero. In "
        f"{kept} other comparisons the champion was kept; report.json lists them.",
    )


def training_times(times: pd.DataFrame) -> Table | Note:
    """Tabulate training seconds of each model over the run; clock times, so not in report.json."""
    grouped = times.groupby("model")["seconds"]
    rows = tuple(
        (title(model), f"{grouped.sum()[model]:.1f}", f"{grouped.mean()[model]:.2f}",
         f"{grouped.max()[model]:.2f}")
        for model in dict.fromkeys(times["model"])
    )  # fmt: skip
    return table("Training time in seconds", ("Model", "Total", "Mean", "Longest"), rows)


def digests(summary: Summary) -> Table | Note:
    """Tabulate the digests that a reviewer compares."""
    rows = tuple(sorted(summary["digests"].items()))
    return table("SHA-256 digests", ("What", "Digest"), rows)


def versions(summary: Summary, environment: Mapping[str, str]) -> Table | Note:
    """Tabulate what the run was made with."""
    rows = tuple({**summary["versions"], **environment}.items())
    return table("Versions and machine", ("What", "Version"), _words_first(rows))


def parameters(summary: Summary) -> Table | Note:
    """Tabulate every parameter that decides results, as it was run."""
    rows = tuple((key, plain(value)) for key, value in _leaves(summary["parameters"]))
    return table(
        "Parameters that decide results, as run",
        ("Key", "Value"),
        rows,
        "Where and how the run worked stands in parameters.yaml.",
    )


def how_to_verify(summary: Summary) -> Note:
    """Give the command that checks the folder."""
    return Note(tuple(summary["how_to_verify"]), "code")


def how_to_rerun(summary: Summary) -> Note:
    """Give the command that makes the run again."""
    return Note(tuple(summary["how_to_rerun"]), "code")


def _interval(finding: Mapping[str, Any]) -> str:
    low, high = finding["interval"] or (None, None)
    return span({"low": low, "high": high})


def _limit(threshold: Any) -> str:
    return " to ".join(map(number, threshold)) if isinstance(threshold, list) else number(threshold)


def _slice(finding: Mapping[str, Any]) -> str:
    return "" if finding["slice"] == "all rows" else f" ({finding['slice']})"


def _leaves(block: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, value in block.items():
        if isinstance(value, Mapping):
            leaves.extend(_leaves(value, f"{prefix}{key}."))
        else:
            leaves.append((f"{prefix}{key}", value))
    return leaves


def _words_first(rows: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((words(name), value) for name, value in rows)
