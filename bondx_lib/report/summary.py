"""Summarise a run as plain data: what a reviewer reads first, and every number of page one.

No clock time enters, and no name that holds one, so two runs with the same parameters have the same
``report.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bondx_lib import artefacts, gates, models
from bondx_lib.models.evaluation import LOSS_NAMES
from bondx_lib.parameters import NOT_IDENTITY, Advanced
from bondx_lib.report.blocks import number
from bondx_lib.report.record import (
    Record,
    champion_scores,
    champions,
    has_room,
    loss_words,
    read,
    skill_of,
    trials,
)
from bondx_lib.schema import title

FEWEST_EPOCHS: Final = 5
FEWEST_BONDS: Final = 50
FEWEST_DAMAGED: Final = 5
BANNER: Final = (
    "Smoke-size run: not evidence. "
    f"It has fewer than {FEWEST_EPOCHS} epochs or {FEWEST_BONDS} bonds."
)
CLAIMS: Final = (
    "These numbers describe a simulated market; they make no claim about a real one.",
    "Every bond, issuer, price and rating is invented. Because the market is simulated, its truth "
    "is known, and each score stands next to the best score that could be reached, where there is "
    "an estimate of it.",
    "It claims that the models below were trained on simulated data, judged on a market that no "
    "model had seen, and that the run can be repeated from its parameters.",
    "It does not claim that the models work on real bonds, that the simulation is complete, or "
    "that any regulation is met.",
)
MEASURES: Final = (
    *(f"{name}{end}" for name in ("loss", "floor", "linear", "ceiling")
      for end in ("", "_low", "_high")),
    "full_state", "accuracy", "base_rate", "auc", "average_precision", "log_loss", "mse", "brier",
    "r2",
    *(f"calibration_{name}{end}" for name in ("intercept", "slope")
      for end in ("", "_low", "_high")),
    "alert_rate", "rows", "events",
)  # fmt: skip
TARGETS: Final = {
    "spread": "how wide spreads are",
    "downgrade": "who is downgraded within twelve months",
    "liquidity_shock": "whose liquidity breaks down next month",
    "anomaly": "which rows are damaged",
}
NOT_INSTALLED_FAMILY: Final = "custom"
"""Of a gate that is not installed here: it came from outside."""
NOT_INSTALLED: Final = (
    "The package that brought this model is not installed where the report was made, so its card "
    "could not be read. CARD.md in the model's folder holds it as text."
)


def summarise(run: str | Path | Record) -> dict[str, Any]:
    """Return what a run did and found, as plain values that strict JSON can hold.

    Parameters
    ----------
    run
        The run folder, or what was read of it; log and artefacts are read, nothing is written.

    Raises
    ------
    BadInput
        When the log is missing or damaged, or an artefact cannot be read.
    """
    record = run if isinstance(run, Record) else read(run)
    loaded = champions(record)
    summary = {
        **_identity(record),
        **_verdict(record),
        "scores": _audit_scores(record),
        "benchmark_scores": _benchmark_scores(record),
        "gates": _last_gates(record),
        "rejections": _rejections(record),
        "steering": [dict(fields) for fields in record.of("draw_steered") if fields["mix"]],
        "promotions": _promotions(record),
        "worst_segments": _worst_segments(record),
        **{name: _rows(record, name) for name in ("segments", "coverage", "recalls")},
        "options": _options(record, loaded),
        "markets": _markets(record),
        "cards": _cards(loaded),
        "digests": _digests(record),
        "how_to_verify": ["bondx verify .", "sha256sum -c --strict --quiet SHA256SUMS"],
        "how_to_rerun": ["bondx run -f parameters.yaml --output ../reruns"],
    }
    summary["findings"] = _open_findings(summary)
    return artefacts.plain(summary)  # type: ignore[no-any-return]


def _identity(record: Record) -> dict[str, Any]:
    state, started = record.state, record.of("run_started")[0]
    small = (
        state.parameters["max_epochs"] < FEWEST_EPOCHS
        or state.parameters["dataset_size"] < FEWEST_BONDS
    )
    return {
        "synthetic": True,
        "name": state.name,
        "models": list(record.models),
        "claims": list(CLAIMS),
        "banner": BANNER if small else "",
        "parameters": {
            key: value for key, value in state.parameters.items() if key not in NOT_IDENTITY
        },
        "versions": {
            "BondX": state.version,
            "log format": str(started["log_version"]),
            "table schema": str(started["schema_version"]),
        },
    }


def _verdict(record: Record) -> dict[str, Any]:
    state = record.state
    last = state.committed[-1] if state.committed else None
    return {
        "status": state.status,
        "reason": state.reason[:1].upper() + state.reason[1:],
        "exit_code": state.exit_code,
        "epochs_committed": len(state.committed),
        "quality": last.quality if last else None,
        "quality_band": last.band if last else None,
        "rules": list(state.verdict["rules"]) if state.verdict else [],
    }


def _audit_scores(record: Record) -> list[dict[str, Any]]:
    opened = record.state.audit or {}
    return [
        {
            "model": model,
            **_measures(model, opened[model]),
            "sentence": _sentence(model, opened[model]),
            "beaten_by": _beaten_by(opened[model]),
        }
        for model in record.models
        if model in opened
    ]


def _benchmark_scores(record: Record) -> dict[str, Any]:
    standing = {model: champion_scores(record, model)[-1:] for model in record.models}
    return {
        model: _measures(model, scores) for model, last in standing.items() for _, scores in last
    }


def _measures(model: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    known, low, high = skill_of(scores)
    return {
        "loss_name": loss_words(model, scores),
        **{name: scores[name] for name in MEASURES},
        "skill": known, "skill_low": low, "skill_high": high,
        "linear_skill": scores["linear_skill"] if has_room(scores) else None,
        "simplest": _simplest(scores),
    }  # fmt: skip


def _simplest(scores: Mapping[str, Any]) -> str:
    """Name the simplest method, which only models of damage have as a count."""
    damage = scores["loss_name"] == LOSS_NAMES["damage"]
    return "the count of failed checks" if damage else "a linear model"


def _sentence(model: str, scores: Mapping[str, Any]) -> str:
    target = TARGETS.get(model, "its label")
    known, low, high = skill_of(scores)
    if known is None or low is None or high is None:
        return (
            f"{title(model)}: the draw is too small to say how much it knows about {target}; on "
            "it, even the true law does no better than no model."
        )
    percent = f"{100 * known:z.0f} %".replace("-", "−")
    span = f"(95 % interval {100 * low:z.0f} to {100 * high:z.0f} %)".replace("-", "−")
    doubt = ", which is not shown to be more than nothing" if low <= 0 else ""
    if scores["ceiling"] is None:
        return (
            f"{title(model)}: {percent} of the floor's loss is gone {span}{doubt}. How much could "
            "be gone nobody knows, so this is no share of a ceiling."
        )
    return f"{title(model)}: {percent} of what there is to know about {target} {span}{doubt}."


def _beaten_by(scores: Mapping[str, Any]) -> str:
    """Say so where the simplest method is as good or better."""
    if scores["linear"] > scores["loss"]:
        return ""
    return (
        f"it does not beat the simplest method: {_simplest(scores)} loses "
        f"{number(scores['linear'])}, the champion {number(scores['loss'])}."
    )


def _last_gates(record: Record) -> list[dict[str, Any]]:
    """Return the gates on the last data and models, and on the champions' close examination."""
    data = [view.findings for view in record.state.epochs if view.findings]
    model = [view.model_findings for view in record.state.epochs if view.model_findings]
    found = [*(data[-1] if data else ()), *(model[-1] if model else ())]
    families = gates.families()
    return [
        {**finding, "family": families.get(finding["gate"], NOT_INSTALLED_FAMILY)}
        for finding in (*found, *(record.state.examined or ()))
    ]


def _rejections(record: Record) -> list[dict[str, Any]]:
    return [
        {"epoch": fields["epoch"], "draw": fields["draw"], "message": fields["reason"]}
        for fields in record.of("dataset_rejected")
    ]


def _promotions(record: Record) -> list[dict[str, Any]]:
    names = ("epoch", "model", "promoted", "difference", "low", "high", "reason")
    return [
        {name: view.promotions[model][name] for name in names}
        for view in record.state.committed
        for model in record.models
        if model in view.promotions
    ]


def _worst_segments(record: Record) -> list[dict[str, Any]]:
    opened = record.state.audit or {}
    found = [_worst(model, opened[model]) for model in record.models if model in opened]
    return [row for row in found if row is not None]


def _worst(model: str, scores: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the segment with the highest loss over floor, or the damage least found.

    Loss alone would always name the segment whose cases are hardest for anyone; its floor says how
    hard they are without a model.
    """
    judged = [row for row in scores["segments"] if row["floor"] > 0]
    if judged:
        worst = max(judged, key=lambda row: row["loss"] / row["floor"])
        known = scores["loss"] is not None and scores["floor"]
        overall = scores["loss"] / scores["floor"] if known else None
        low, high = (worst[end] and worst[end] / worst["floor"] for end in ("low", "high"))
        return {
            "model": model, "by": worst["by"], "segment": worst["segment"],
            "measure": "loss / floor", "value": worst["loss"] / worst["floor"],
            "overall": overall, "low": low, "high": high,
            "rows": worst["rows"],
        }  # fmt: skip
    if not scores["recalls"]:
        return None
    many = [row for row in scores["recalls"] if row["rows"] >= FEWEST_DAMAGED]
    worst = min(many or scores["recalls"], key=lambda row: row["recall"])
    return {
        "model": model, "by": "kind of damage", "segment": worst["kind"],
        "measure": "share found", "value": worst["recall"], "overall": _found(scores["recalls"])[0],
        **{name: worst[name] for name in ("low", "high", "rows")},
    }  # fmt: skip


def _found(recalls: Sequence[Mapping[str, Any]]) -> tuple[float, int]:
    """Return which share of all damaged rows was found, and how many."""
    found = round(sum(row["recall"] * row["rows"] for row in recalls))
    return found / sum(row["rows"] for row in recalls), found


def _rows(record: Record, part: str) -> list[dict[str, Any]]:
    """Return one part of the audit scores of all models as rows."""
    opened = record.state.audit or {}
    return [
        {"model": model, **row}
        for model in record.models
        if model in opened
        for row in opened[model][part]
    ]


def _options(record: Record, loaded: Mapping[str, models.Model | None]) -> dict[str, Any]:
    """Return which options were on, what they are worth, and what they chose."""
    on = Advanced.model_validate(record.state.parameters["advanced"]).options
    facts = {
        model: champion.facts
        for model, champion in loaded.items()
        if champion is not None and "members" in champion.facts
    }
    gains = record.state.options
    return {
        "on": list(on),
        "gains": None if gains is None else [{**row, "verdict": _worth(row)} for row in gains],
        "tried": {model: _tried(record, model) for model in facts} if "tuning" in on else {},
        "used": {model: _used(found) for model, found in facts.items()},
    }


def _worth(row: Mapping[str, Any]) -> str:
    if row["gain"] == row["low"] == row["high"] == 0:
        return "no change"
    return "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "undecided"


def _tried(record: Record, model: str) -> int:
    return len({artefacts.canonical_json(trial.settings) for trial in trials(record, model)})


def _used(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = ("strategy", "members", "tuned", "selected")
    return {name: facts[name] for name in names if name in facts}


def _markets(record: Record) -> list[dict[str, Any]]:
    evaluation = [
        {"name": f"{name} market", "rows": drawn["rows"], "digest": drawn["digest"]}
        for name, drawn in record.state.markets.items()
    ]
    committed = {view.number: view.draw for view in record.state.committed}
    variations = {
        fields["epoch"]: {
            "name": f"variation of epoch {fields['epoch']}",
            "rows": fields["rows"],
            "digest": fields["digest"],
        }
        for fields in record.of("dataset_accepted")
        if committed.get(fields["epoch"]) == fields["draw"]
    }
    return [*evaluation, *variations.values()]


def _cards(loaded: Mapping[str, models.Model | None]) -> dict[str, Any]:
    return {
        model: {"note": NOT_INSTALLED} if champion is None else _stated(champion.card())
        for model, champion in loaded.items()
    }


def _stated(card: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in card.items() if value is not None}


def _digests(record: Record) -> dict[str, str]:
    state = record.state
    final = {
        path: digest
        for path, digest in state.files.items()
        if path.startswith(("datasets/", "models/"))
    }
    return {"parameters": state.parameters_digest, "gates": state.gates_digest, **final}


def _open_findings(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    found = [
        {
            "subject": finding["gate"],
            "severity": finding["severity"],
            "verdict": finding["verdict"],
            "message": _where(finding) + finding["message"],
        }
        for finding in summary["gates"]
        if finding["verdict"] in ("fail", "inconclusive") and finding["severity"] != "info"
    ]
    return [
        *found,
        *_models_without_skill(summary["scores"]),
        *_models_below_simplest(summary["scores"]),
        *_unsettled(summary),
    ]


def _where(finding: Mapping[str, Any]) -> str:
    """Name the slice of a finding that is not about all rows."""
    name = finding["slice"]
    return "" if name == "all rows" else f"{name.replace('model=', '').replace('=', ' ')}: "


def _models_without_skill(scores: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "subject": score["model"],
            "severity": "warn",
            "verdict": "fail"
            if score["skill"] is not None and score["skill"] <= 0
            else "inconclusive",
            "message": score["sentence"],
        }
        for score in scores
        if score["skill_low"] is None or score["skill_low"] <= 0
    ]


def _models_below_simplest(scores: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the models that a simpler method equals: a failure where the intervals are apart."""
    return [
        {
            "subject": score["model"],
            "severity": "warn",
            "verdict": "fail" if score["linear_high"] < score["loss_low"] else "inconclusive",
            "message": f"{title(score['model'])}: {score['beaten_by']}",
        }
        for score in scores
        if score["beaten_by"]
    ]


def _unsettled(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    if summary["status"] == "converged":
        return []
    return [
        {
            "subject": "convergence",
            "severity": "warn",
            "verdict": "fail",
            "message": f"The run is not converged: {summary['reason']}",
        }
    ]
