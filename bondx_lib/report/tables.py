"""Tables and notes of the report, made from the summary and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from bondx_lib.plots.style import title
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

ABOUT: Final = {
    "spread": "A bond's spread from everything but its own price: rating, maturity, issuer, "
    "liquidity, the state of the market. The loss is squared error of the logarithm, so a loss of "
    "0.04 is an error of about 20 %.",
    "downgrade": "The probability that the issuer is downgraded or defaults within twelve months. "
    "Most issuers are not, so accuracy says little; log loss and ranking (AUC) say more.",
    "liquidity_shock": "The probability that the bond's liquidity breaks down in the next month, "
    "from lags and rolling windows.",
    "anomaly": "Which rows were damaged on purpose. The model is trained without labels; how much "
    "it finds depends on the kind of damage.",
}
"""What each of the project's own models says; others state their purpose in their card."""
OPTION_WORDS: Final = {
    "tuning": "hyper-parameter tuning", "ensemble": "ensemble of base models",
    "selection": "feature selection",
}  # fmt: skip
SETTING_WORDS: Final = {
    "n_estimators": "trees", "max_depth": "depth", "learning_rate": "step size",
}  # fmt: skip
NOTHING_OPEN: Final = (
    "No finding is open: every gate passed, and every model is above its floor and beats the "
    "simplest method."
)
NO_CEILING: Final = (
    " Where the ceiling is a dash nobody knows it, and skill is the share of the floor's loss that "
    "is gone."
)


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
    """Tabulate loss, floor, simplest method, ceiling and skill of the champions."""
    rows = tuple(
        (
            title(score["model"]),
            number(score["loss"]),
            number(score["floor"]),
            _simplest(score),
            number(score["ceiling"]),
            number(score["full_state"]),
            interval(score["skill"], score["skill_low"], score["skill_high"]),
        )
        for score in summary["scores"]
    )
    measures = "; ".join(f"{title(s['model'])}: {s['loss_name']}" for s in summary["scores"])
    return _table(
        "The champions on the audit market",
        ("Model", "Loss", "Floor", "Simplest (skill)", "Ceiling", "Full state",
         "Skill (95 % interval)"),
        rows,
        f"Losses, smaller is better. {measures}. Floor: loss without any model. Simplest: loss and "
        "skill of a linear model on the same rows; for anomalies, of the count of failed checks. "
        "Ceiling: the best that can be done from what a model may see. Full state: loss of the "
        "true law given all that the simulator knows, hidden causes too, which no model sees. "
        "Skill: 0 at the floor, 1 at the ceiling. Intervals resample issuers, not rows."
        + _without_ceiling(summary["scores"]),
    )  # fmt: skip


def in_plain_words(summary: Summary) -> Note:
    """Say in one sentence per model what its score means."""
    lines = (
        score["sentence"] + (f" On this market {score['beaten_by']}" if score["beaten_by"] else "")
        for score in summary["scores"]
    )
    return Note(tuple(lines), "list")


def companion_scores(summary: Summary) -> Table | Note:
    """Tabulate the usual measures; accuracy stands beside the base rate."""
    rows = tuple(
        (
            title(score["model"]),
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
        "Against what happened. “Without a model” is the accuracy of always naming the commoner "
        "outcome: accuracy means nothing without it. A dash: the measure does not apply to the "
        "model.",
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
            title(row["model"]),
            row["by"],
            _words(row["segment"]),
            row["measure"],
            number(row["value"]),
            _range(row),
            number(row["overall"]),
            f"{row['rows']:,}",
        )
        for row in summary["worst_segments"]
    )
    return _table(
        "Where each champion does worst on the audit market",
        ("Model", "By", "Segment", "Measure", "Here", "95 % interval", "Overall", "Cases"),
        rows,
        "Over all ratings, sectors and regimes with at least 30 cases, the segment with the "
        "highest loss / floor: the champion's loss there, divided by what the best constant "
        "loses there. Loss alone would name the segment that is hardest for anyone. Above 1 the "
        "constant does better; the interval is that of the loss. For anomalies, the kind of damage "
        "that is found least.",
    )


def open_findings(summary: Summary) -> Table | Note:
    """Tabulate what did not pass, or say that nothing is open."""
    if not summary["findings"]:
        return Note((NOTHING_OPEN,))
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
            _simplest(score),
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
        f"{title(model)}: the champion on both markets",
        ("Market", "Loss", "Floor", "Simplest (skill)", "Ceiling", "Skill (95 % interval)"),
        rows,
        "The benchmark market decides promotions, so its score flatters the winner; the audit "
        "market was opened once, at the end.",
    )


def model_card(summary: Summary, model: str) -> Table | Note:
    """Tabulate what the champion's own card says of it."""
    card = summary["cards"].get(model, {})
    rows = tuple((_words(key), _plain(value)) for key, value in card.items())
    return _table(f"{title(model)}: card", ("Item", "Value"), rows)


def about(summary: Summary, model: str) -> Note:
    """Name a model and say what it predicts."""
    purpose = str(summary["cards"].get(model, {}).get("purpose", "")).rstrip(".")
    words = ABOUT.get(model, f"{purpose[:1].upper()}{purpose[1:]}." if purpose else "")
    return Note((title(model), words) if words else (title(model),), "heading")


def calibration(summary: Summary) -> Table | Note:
    """Tabulate the calibration line of each champion, and whether 0 and 1 lie inside."""
    rows = tuple(
        (
            title(score["model"]),
            _with_ends(score, "calibration_intercept"),
            _with_ends(score, "calibration_slope"),
            _line_words(score),
            number(score["brier"]),
        )
        for score in summary["scores"]
        if score["calibration_slope"] is not None
    )
    return _table(
        "Calibration on the audit market",
        ("Model", "Intercept (95 % interval)", "Slope (95 % interval)", "0 and 1", "Brier score"),
        rows,
        "The line through what happened over what was predicted; for probabilities both in log "
        "odds. Right are intercept 0 and slope 1. A slope below 1: the predictions go too far from "
        "the mean; above 1: not far enough. Intervals are by issuer.",
    )


def prediction_intervals(summary: Summary) -> Table | Note:
    """Tabulate how often the value lies inside the prediction interval, by rating."""
    names = dict.fromkeys(row["model"] for row in summary["coverage"])
    rows = tuple(
        (
            (f"{title(row['model'])}, " if len(names) > 1 else "") + row["rating"],
            f"{row['rows']:,}",
            percent(row["coverage"]),
            "–" if row["low"] is None else f"{percent(row['low'])} to {percent(row['high'])}",
            "unbounded" if row["width"] is None else number(row["width"]),
        )
        for row in summary["coverage"]
    )
    level = percent(summary["parameters"]["evaluation"]["interval_coverage"], 0)
    of = " and ".join(title(name).lower() for name in names) or "spread"
    return _table(
        f"Prediction intervals of the {of}",
        ("Rating", "Cases", "Inside", "95 % interval", "Mean width"),
        rows,
        f"{level} of the cases should lie inside. Intervals of the share resample issuers. Width "
        "in the model's own unit, for the spread in logarithms: a width of 1 is a factor of 2.7 "
        "from end to end. Unbounded: too few issuers to calibrate on to promise so much.",
    )


def alerts(summary: Summary) -> Table | Note:
    """Tabulate how many rows raise an alert, how many alerts are right, and the checks alone."""
    rows = tuple(
        (
            title(score["model"]),
            percent(score["alert_rate"]),
            percent(score["events"] / score["rows"]),
            percent(_found(summary, score) / score["events"] if score["events"] else None),
            percent(_precision(summary, score)),
            number(score["average_precision"]),
            number(1 - score["linear"]),
        )
        for score in summary["scores"]
        if score["alert_rate"] is not None
    )
    return _table(
        "Alerts on the audit market",
        ("Model", "Rows alerted", "Rows damaged", "Damaged found", "Alerts that are right",
         "Avg. precision", "Checks alone"),
        rows,
        "Average precision judges the whole ranking, whatever the number of alerts. “Checks alone” "
        "ranks rows by how many plain checks they fail, without any model; the share of damaged "
        "rows is what chance reaches.",
    )  # fmt: skip


def losses_by(summary: Summary, kind: str) -> Table | Note:
    """Tabulate loss, and loss over floor, by sector or regime."""
    here = [row for row in summary["segments"] if row["by"] == kind]
    shown = list(dict.fromkeys(row["model"] for row in here))
    cells = {(row["segment"], row["model"]): row for row in here}
    rows = tuple(
        (segment, *(_over_floor(cells.get((segment, model))) for model in shown))
        for segment in dict.fromkeys(row["segment"] for row in here)
    )
    return _table(
        f"Loss by {kind}",
        (kind.capitalize(), *map(title, shown)),
        rows,
        "On the audit market; in brackets as a share of what the best constant loses there, so "
        "above 100 % the constant does better. A dash: fewer than 30 cases. report.json and the "
        "models' cards hold the intervals.",
    )


def options(summary: Summary) -> Table | Note:
    """Tabulate what each option that was on is worth against all off."""
    on, gains = summary["options"]["on"], summary["options"]["gains"]
    if not on:
        return Note(
            ("No option was on: every model was trained with its own learners and settings, and "
             "on all its features.",)
        )  # fmt: skip
    names = " and ".join(OPTION_WORDS[name] for name in on)
    if gains is None:
        return Note((f"On: {names}. The run ended before they could be compared with off.",))
    rows = tuple(
        (title(row["model"]), OPTION_WORDS[row["option"]], number(row["gain"]), _range(row),
         row["verdict"])
        for row in gains
    )  # fmt: skip
    return _table(
        "What the options are worth",
        ("Model", "Option", "Gain", "95 % interval", "Verdict"),
        rows,
        "Gain: by how much the loss on the benchmark market falls when this option alone is on, "
        "against all off, taught on the same pool with the same random numbers. Better or worse: "
        "the whole interval lies on one side of zero. No change: the option chose what the model "
        "does without it.",
    )


def settings_in_use(summary: Summary) -> Table | Note:
    """Tabulate learners and settings of the champions, where tuning or an ensemble was on."""
    chosen = summary["options"]
    if not {"tuning", "ensemble"} & set(chosen["on"]):
        return Note(())
    rows = tuple(
        (
            title(model),
            used["strategy"] if len(used["members"]) > 1 else "single",
            "; ".join(map(_member, used["members"])),
            _settings(used["tuned"]) if used["tuned"] else "the model's own",
            str(chosen["tried"].get(model, 0)),
        )
        for model, used in chosen["used"].items()
    )
    return _table(
        "Learners and settings in use",
        ("Model", "Combined by", "Learners", "Settings", "Settings tried"),
        rows,
        "Of the final champions: share of each learner in the answer, and settings that the search "
        "found. Every trial lies in epochs/NNNN/tuning.",
    )


def features_in_use(summary: Summary) -> Table | Note:
    """Tabulate the features that selection kept for each champion."""
    if "selection" not in summary["options"]["on"]:
        return Note(())
    rows = tuple(
        (title(model), str(len(used["selected"])), ", ".join(used["selected"]))
        for model, used in summary["options"]["used"].items()
    )
    return _table("Features that selection kept", ("Model", "Number", "Features"), rows)


def promotions(summary: Summary) -> Table | Note:
    """Tabulate the challengers that became champions; report.json holds the others too."""
    rows = tuple(
        (
            str(row["epoch"]),
            title(row["model"]),
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
        (title(model), f"{grouped.sum()[model]:.1f}", f"{grouped.mean()[model]:.2f}",
         f"{grouped.max()[model]:.2f}")
        for model in dict.fromkeys(times["model"])
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


def _simplest(score: Mapping[str, Any]) -> str:
    """Return loss and skill of the simplest method."""
    skill = "" if score["linear_skill"] is None else f" ({score['linear_skill']:.2f})"
    return number(score["linear"]) + skill.replace("-", "−")


def _without_ceiling(scores: Sequence[Mapping[str, Any]]) -> str:
    return NO_CEILING if any(score["ceiling"] is None for score in scores) else ""


def _with_ends(score: Mapping[str, Any], name: str) -> str:
    return interval(score[name], score[f"{name}_low"], score[f"{name}_high"])


def _line_words(score: Mapping[str, Any]) -> str:
    """Say whether the intervals of intercept and slope hold 0 and 1."""
    outside = [
        name
        for name, right in (("intercept", 0.0), ("slope", 1.0))
        if score[f"calibration_{name}_low"] is not None
        and not score[f"calibration_{name}_low"] <= right <= score[f"calibration_{name}_high"]
    ]
    return f"{' and '.join(outside)} outside" if outside else "both inside"


def _found(summary: Summary, score: Mapping[str, Any]) -> int:
    kinds = [row for row in summary["recalls"] if row["model"] == score["model"]]
    return round(float(sum(row["recall"] * row["rows"] for row in kinds)))


def _precision(summary: Summary, score: Mapping[str, Any]) -> float | None:
    raised = score["alert_rate"] * score["rows"]
    return _found(summary, score) / raised if raised else None


def _over_floor(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    share = f" ({100 * row['loss'] / row['floor']:.0f} %)" if row["floor"] > 0 else ""
    return number(row["loss"]) + share


def _member(member: Mapping[str, Any]) -> str:
    chosen = f" ({_settings(member['chosen'])})" if member["chosen"] else ""
    return f"{100 * member['weight']:.0f} % {_words(member['learner'])}{chosen}"


def _settings(settings: Mapping[str, Any]) -> str:
    named = {SETTING_WORDS.get(name, name): value for name, value in settings.items()}
    return ", ".join(f"{_words(name)} {_plain(value)}" for name, value in named.items())


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
