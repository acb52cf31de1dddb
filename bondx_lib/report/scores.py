"""Tables and notes about the models, made from the summary and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bondx_lib.metrics import independent_difference
from bondx_lib.report.blocks import (
    Note,
    Summary,
    Table,
    interval,
    number,
    percent,
    plain,
    span,
    table,
    words,
)
from bondx_lib.schema import title

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
NO_CEILING: Final = (
    " Where the ceiling is a dash nobody knows it, and skill is the share of the floor's loss that "
    "is gone."
)


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
    return table(
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
    return table(
        "Usual measures on the audit market",
        ("Model", "Accuracy", "Without a model", "AUC", "Avg. precision", "Log loss", "MSE",
         "R²", "Rows"),
        rows,
        "Against what happened. “Without a model” is the accuracy of always naming the commoner "
        "outcome: accuracy means nothing without it. A dash: the measure does not apply to the "
        "model.",
    )  # fmt: skip


def worst_segments(summary: Summary) -> Table | Note:
    """Tabulate where each champion does worst."""
    rows = tuple(
        (
            title(row["model"]),
            row["by"],
            words(row["segment"]),
            row["measure"],
            number(row["value"]),
            span(row),
            number(row["overall"]),
            f"{row['rows']:,}",
        )
        for row in summary["worst_segments"]
    )
    return table(
        "Where each champion does worst on the audit market",
        ("Model", "By", "Segment", "Measure", "Here", "95 % interval", "Overall", "Cases"),
        rows,
        "Over all ratings, sectors and regimes with at least 30 cases, the segment with the "
        "highest loss / floor: the champion's loss there, divided by what the best constant "
        "loses there. Loss alone would name the segment that is hardest for anyone. Above 1 the "
        "constant does better; the interval is that of the loss. For anomalies, the kind of damage "
        "that is found least.",
    )


def benchmark_scores(summary: Summary, model: str) -> Table | Note:
    """Tabulate a champion on both evaluation markets, and how much the first one flatters it."""
    found = {
        "benchmark": summary["benchmark_scores"].get(model),
        "audit": next((s for s in summary["scores"] if s["model"] == model), None),
    }
    rows = tuple(
        (
            market,
            number(score["loss"]),
            number(score["floor"]),
            _simplest(score),
            number(score["ceiling"]),
            interval(score["skill"], score["skill_low"], score["skill_high"]),
        )
        for market, score in found.items()
        if score is not None
    )
    gap = flattery(found["benchmark"], found["audit"])
    if gap is not None:
        rows += (("benchmark less audit", "", "", "", "", interval(*gap)),)
    return table(
        f"{title(model)}: the champion on both markets",
        ("Market", "Loss", "Floor", "Simplest (skill)", "Ceiling", "Skill (95 % interval)"),
        rows,
        "The benchmark market decides promotions, so its score flatters the winner; the audit "
        "market was opened once, at the end. The last line is by how much, other luck of the two "
        "markets included.",
    )


def flattery(
    benchmark: Mapping[str, Any] | None, audit: Mapping[str, Any] | None
) -> tuple[float, float, float] | None:
    """Return by how much a champion's skill is higher where it was selected, with its interval."""
    first, second = _skill(benchmark), _skill(audit)
    return None if first is None or second is None else independent_difference(first, second)


def _skill(score: Mapping[str, Any] | None) -> tuple[float, float, float] | None:
    skill, low, high = ((score or {}).get(key) for key in ("skill", "skill_low", "skill_high"))
    return None if skill is None or low is None or high is None else (skill, low, high)


def about(summary: Summary, model: str) -> Note:
    """Name a model and say what it predicts."""
    purpose = str(summary["cards"].get(model, {}).get("purpose", "")).rstrip(".")
    said = ABOUT.get(model, f"{purpose[:1].upper()}{purpose[1:]}." if purpose else "")
    return Note((title(model), said) if said else (title(model),), "heading")


def model_card(summary: Summary, model: str) -> Table | Note:
    """Tabulate what the champion's own card says of it."""
    card = summary["cards"].get(model, {})
    rows = tuple((words(key), plain(value)) for key, value in card.items())
    return table(f"{title(model)}: card", ("Item", "Value"), rows)


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
    return table(
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
    return table(
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
    return table(
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
    return table(
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
        (title(row["model"]), OPTION_WORDS[row["option"]], number(row["gain"]), span(row),
         row["verdict"])
        for row in gains
    )  # fmt: skip
    return table(
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
    return table(
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
    return table("Features that selection kept", ("Model", "Number", "Features"), rows)


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
    return f"{100 * member['weight']:.0f} % {words(member['learner'])}{chosen}"


def _settings(settings: Mapping[str, Any]) -> str:
    named = {SETTING_WORDS.get(name, name): value for name, value in settings.items()}
    return ", ".join(f"{words(name)} {plain(value)}" for name, value in named.items())
