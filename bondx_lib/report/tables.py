"""Tables and notes of the report, made from the summary and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from bondx_lib.plots import MODEL_TITLES
from bondx_lib.report.blocks import Note, Table, Tone, interval, number, percent

Summary = Mapping[str, Any]

STATUS_TITLES: Final[dict[str, tuple[str, Tone]]] = {
    "converged": ("Converged", "good"),
    "plateaued": ("Stopped on a plateau, not converged", "unsure"),
    "epoch_limit": ("Stopped at the epoch limit, not converged", "unsure"),
    "blocked": ("Blocked by a gate", "bad"),
    "failed": ("Failed", "bad"),
    "interrupted": ("Interrupted", "unsure"),
    "stopped": ("Stopped on request, not converged", "unsure"),
}


def heading(summary: Summary) -> Note:
    """Name the run and what it was made with."""
    chosen = summary["parameters"]
    sentence = (
        f"Run “{summary['name']}”: {chosen['dataset_size']} bonds over {chosen['history_months']} "
        f"months in every epoch, scenario {_words(chosen['scenario'])}, seed "
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
    title, tone = STATUS_TITLES.get(summary["status"], (str(summary["status"]), "unsure"))
    size = f"Epochs: {summary['epochs_committed']}."
    if summary["quality"] is not None:
        size += f" Quality of the last data: {number(summary['quality'])}"
        size += f" ({summary['quality_band']})."
    return Note((title, summary["reason"], size), "verdict", tone)


def stopping_rules(summary: Summary) -> Table | Note:
    """Tabulate the stopping rules as they stood at the last assessment."""
    rows = tuple(
        (_words(rule["name"]), "holds" if rule["holds"] else "does not hold", rule["sentence"])
        for rule in summary["rules"]
    )
    return _table("Stopping rules at the last assessment", ("Rule", "State", "In words"), rows)


def audit_scores(summary: Summary) -> Table | Note:
    """Tabulate loss, floor, ceiling and skill of the champions on the audit market."""
    rows = tuple(
        (
            MODEL_TITLES[score["model"]],
            number(score["loss"]),
            number(score["floor"]),
            number(score["ceiling"]),
            number(score["full_state"]),
            interval(score["skill"], score["skill_low"], score["skill_high"]),
        )
        for score in summary["scores"]
    )
    measures = "; ".join(f"{MODEL_TITLES[s['model']]}: {s['loss_name']}" for s in summary["scores"])
    return _table(
        "The four champions on the audit market",
        ("Model", "Loss", "Floor", "Ceiling", "Full state", "Skill (95 % interval)"),
        rows,
        f"Losses, smaller is better. {measures}. Floor: loss without any model. Ceiling: the best "
        "that can be done from what a model may see. Full state: loss of the true law given all "
        "that the simulator knows, hidden causes too, which no model sees. "
        "Skill: 0 at the floor, 1 at the ceiling. Intervals resample issuers, not rows.",
    )


def in_plain_words(summary: Summary) -> Note:
    """Say in one sentence per model what its score means."""
    return Note(tuple(score["sentence"] for score in summary["scores"]), "list")


def companion_scores(summary: Summary) -> Table | Note:
    """Tabulate the usual measures; accuracy stands beside the base rate."""
    rows = tuple(
        (
            MODEL_TITLES[score["model"]],
            percent(score["accuracy"]),
            percent(score["base_rate"]),
            number(score["auc"]),
            number(score["average_precision"]),
            number(score["log_loss"]),
            number(score["mse"]),
            number(score["r2"]),
            f"{score['rows']:,}",
        )
        for score in summary["scores"]
    )
    return _table(
        "Usual measures on the audit market",
        ("Model", "Accuracy", "Without a model", "AUC", "Avg. precision", "Log loss", "MSE",
         "R²", "Rows"),
        rows,
        "“Without a model” is the accuracy of always naming the commoner outcome: accuracy means "
        "nothing without it. A dash: the measure does not apply to the model.",
    )  # fmt: skip


def gates(summary: Summary) -> Table | Note:
    """Tabulate the gates of the last epoch."""
    rows = tuple(
        (
            _words(finding["gate"]) + _slice(finding),
            number(finding["observed"]),
            _range(finding),
            number(finding["threshold"]),
            percent(finding["used"], 0),
            _words(finding["verdict"]),
        )
        for finding in summary["gates"]
    )
    return _table(
        "Gates on the last data",
        ("Gate", "Observed", "95 % interval", "Threshold", "Tolerance used", "Verdict"),
        rows,
        "Tolerance used: 0 % is perfect, 100 % stands at the threshold.",
    )


def worst_segments(summary: Summary) -> Table | Note:
    """Tabulate where each champion does worst."""
    rows = tuple(
        (
            MODEL_TITLES[row["model"]],
            _words(row["segment"]),
            row["measure"],
            number(row["value"]),
            f"{number(row['low'])} to {number(row['high'])}",
            number(row["overall"]),
            f"{row['rows']:,}",
        )
        for row in summary["worst_segments"]
    )
    return _table(
        "Where each champion does worst on the audit market",
        ("Model", "Segment", "Measure", "Here", "95 % interval", "Overall", "Rows"),
        rows,
        "Segments are letter grades; for the anomaly model they are kinds of damage.",
    )


def open_findings(summary: Summary) -> Table | Note:
    """Tabulate what did not pass, or say that nothing is open."""
    if not summary["findings"]:
        return Note(("No finding is open: every gate passed and every model is above its floor.",))
    rows = tuple(
        (_words(row["subject"]), row["severity"], _words(row["verdict"]), row["message"])
        for row in summary["findings"]
    )
    return _table("Open findings", ("Subject", "Severity", "Verdict", "What was found"), rows)


def market_numbers(summary: Summary) -> Table | Note:
    """Tabulate what was drawn: evaluation markets and variations."""
    rows = tuple(
        (row["name"], f"{row['rows']:,}", row["digest"][:12]) for row in summary["markets"]
    )
    return _table("Data sets that were drawn", ("Draw", "Rows", "Digest (first 12)"), rows)


def rejections(summary: Summary) -> Table | Note:
    """Tabulate the variations that a gate refused."""
    if not summary["rejections"]:
        return Note(("No variation was rejected.",))
    rows = tuple(
        (str(row["epoch"]), str(row["draw"]), row["message"]) for row in summary["rejections"]
    )
    return _table("Variations that were rejected and drawn again", ("Epoch", "Draw", "Why"), rows)


def benchmark_scores(summary: Summary, model: str) -> Table | Note:
    """Tabulate a champion on both evaluation markets."""
    rows = tuple(
        (
            market,
            number(score["loss"]),
            number(score["floor"]),
            number(score["ceiling"]),
            interval(score["skill"], score["skill_low"], score["skill_high"]),
        )
        for market, score in (
            ("benchmark", summary["benchmark_scores"].get(model)),
            ("audit", next((s for s in summary["scores"] if s["model"] == model), None)),
        )
        if score is not None
    )
    return _table(
        f"{MODEL_TITLES[model]}: the champion on both markets",
        ("Market", "Loss", "Floor", "Ceiling", "Skill (95 % interval)"),
        rows,
        "The benchmark market decides promotions, so its score flatters the winner; the audit "
        "market was opened once, at the end.",
    )


def model_card(summary: Summary, model: str) -> Table | Note:
    """Tabulate what the champion's own card says of it."""
    card = summary["cards"].get(model, {})
    rows = tuple((_words(key), _plain(value)) for key, value in card.items())
    return _table(f"{MODEL_TITLES[model]}: card", ("Item", "Value"), rows)


def promotions(summary: Summary) -> Table | Note:
    """Tabulate the challengers that became champions; report.json holds the others too."""
    rows = tuple(
        (
            str(row["epoch"]),
            MODEL_TITLES[row["model"]],
            number(row["difference"]),
            "no champion before" if row["difference"] is None else _range(row),
        )
        for row in summary["promotions"]
        if row["promoted"]
    )
    kept = len(summary["promotions"]) - len(rows)
    return _table(
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
        (title, f"{grouped.sum()[model]:.1f}", f"{grouped.mean()[model]:.2f}",
         f"{grouped.max()[model]:.2f}")
        for model, title in MODEL_TITLES.items()
        if model in set(times["model"])
    )  # fmt: skip
    return _table("Training time in seconds", ("Model", "Total", "Mean", "Longest"), rows)


def digests(summary: Summary) -> Table | Note:
    """Tabulate the digests that a reviewer compares."""
    rows = tuple(sorted(summary["digests"].items()))
    return _table("SHA-256 digests", ("What", "Digest"), rows)


def versions(summary: Summary, environment: Mapping[str, str]) -> Table | Note:
    """Tabulate what the run was made with."""
    rows = tuple({**summary["versions"], **environment}.items())
    return _table("Versions and machine", ("What", "Version"), _words_first(rows))


def parameters(summary: Summary) -> Table | Note:
    """Tabulate every parameter that decides results, as it was run."""
    rows = tuple((key, _plain(value)) for key, value in _leaves(summary["parameters"]))
    return _table(
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


def _table(
    caption: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], note: str = ""
) -> Table | Note:
    """Return a table, or a sentence where it would have no rows."""
    return Table(caption, columns, rows, note) if rows else Note((f"{caption}: none in this run.",))


def _slice(finding: Mapping[str, Any]) -> str:
    return "" if finding["slice"] == "all rows" else f" ({finding['slice']})"


def _range(finding: Mapping[str, Any]) -> str:
    if finding.get("low") is None or finding.get("high") is None:
        return "–"
    return f"{number(finding['low'])} to {number(finding['high'])}"


def _leaves(block: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, value in block.items():
        if isinstance(value, Mapping):
            leaves.extend(_leaves(value, f"{prefix}{key}."))
        else:
            leaves.append((f"{prefix}{key}", value))
    return leaves


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{_words(str(key))} {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_plain(inner) for inner in value)
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None else str(value)


def _words_first(rows: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((_words(name), value) for name, value in rows)


def _words(name: str) -> str:
    return name.replace("_", " ")
