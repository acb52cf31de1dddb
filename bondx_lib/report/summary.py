"""Summarise a run as plain data: what a reviewer reads first, and every number of page one.

No clock time enters, and no name that holds one, so two runs with the same parameters have the same
``report.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bondx_lib import artefacts, models
from bondx_lib.parameters import NOT_IDENTITY
from bondx_lib.plots import MODEL_TITLES
from bondx_lib.report.record import Record, champion_scores, read, skill_of
from bondx_lib.schema import MODELS

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
    "is known, and each score stands next to the best score that could be reached.",
    "It claims that the models below were trained on simulated data, judged on a market that no "
    "model had seen, and that the run can be repeated from its parameters.",
    "It does not claim that the models work on real bonds, that the simulation is complete, or "
    "that any regulation is met.",
)
MEASURES: Final = (
    "loss_name", "loss", "loss_low", "loss_high", "floor", "ceiling",
    "full_state", "skill", "skill_low",
    "skill_high", "accuracy", "base_rate", "auc", "average_precision", "log_loss", "mse", "brier",
    "r2", "calibration_intercept", "calibration_slope", "rows", "events",
)  # fmt: skip
TARGETS: Final = {
    "spread": "how wide spreads are",
    "downgrade": "who is downgraded within twelve months",
    "liquidity_shock": "whose liquidity breaks down next month",
    "anomaly": "which rows are damaged",
}


def summarise(run_dir: str | Path) -> dict[str, Any]:
    """Return what a run did and found, as plain values that strict JSON can hold.

    Parameters
    ----------
    run_dir
        The run folder; its log and artefacts are read, nothing is written.

    Raises
    ------
    BadInput
        When the log is missing or damaged, or an artefact cannot be read.
    """
    record = read(run_dir)
    summary = {
        **_identity(record),
        **_verdict(record),
        "scores": _audit_scores(record),
        "benchmark_scores": _benchmark_scores(record),
        "gates": _last_gates(record),
        "rejections": _rejections(record),
        "promotions": _promotions(record),
        "worst_segments": _worst_segments(record),
        "markets": _markets(record),
        "cards": _cards(record),
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
        {"model": model, **_measures(opened[model]), "sentence": _sentence(model, opened[model])}
        for model in MODELS
        if model in opened
    ]


def _benchmark_scores(record: Record) -> dict[str, Any]:
    last = record.state.committed[-1] if record.state.committed else None
    if last is None:
        return {}
    return {model: _measures(champion_scores(last, model)) for model in last.scores}


def _measures(scores: Mapping[str, Any]) -> dict[str, Any]:
    known, low, high = skill_of(scores)
    measures = {name: scores.get(name) for name in MEASURES}
    return {**measures, "skill": known, "skill_low": low, "skill_high": high}


def _sentence(model: str, scores: Mapping[str, Any]) -> str:
    title = MODEL_TITLES[model]
    known, low, high = skill_of(scores)
    if known is None or low is None or high is None:
        return (
            f"{title}: the draw is too small to say how much it knows about {TARGETS[model]}; on "
            "it, even the true law does no better than no model."
        )
    share = f"{100 * known:.0f} % of what there is to know about {TARGETS[model]}"
    span = f"(95 % interval {100 * low:.0f} to {100 * high:.0f} %)".replace("-", "−")
    if low <= 0:
        return f"{title}: {share} {span}, which is not shown to be more than nothing."
    return f"{title}: {share} {span}."


def _last_gates(record: Record) -> list[dict[str, Any]]:
    views = [view for view in record.state.epochs if view.findings]
    return [dict(finding) for finding in views[-1].findings] if views else []


def _rejections(record: Record) -> list[dict[str, Any]]:
    return [
        {
            "epoch": fields["epoch"],
            "draw": fields["draw"],
            "message": " ".join(
                finding["message"] for finding in fields["findings"] if finding["verdict"] != "pass"
            ),
        }
        for fields in record.of("dataset_rejected")
    ]


def _promotions(record: Record) -> list[dict[str, Any]]:
    names = ("epoch", "model", "promoted", "difference", "low", "high", "reason")
    return [
        {name: view.promotions[model][name] for name in names}
        for view in record.state.committed
        for model in MODELS
        if model in view.promotions
    ]


def _worst_segments(record: Record) -> list[dict[str, Any]]:
    opened = record.state.audit or {}
    return [
        _worst(model, opened[model])
        for model in MODELS
        if model in opened and (opened[model]["segments"] or opened[model]["recalls"])
    ]


def _worst(model: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    if scores["segments"]:
        worst = max(scores["segments"], key=lambda row: row["loss"])
        names = {"segment": worst["rating"], "measure": scores["loss_name"]}
        value, overall = worst["loss"], scores["loss"]
    else:
        many = [row for row in scores["recalls"] if row["rows"] >= FEWEST_DAMAGED]
        worst = min(many or scores["recalls"], key=lambda row: row["recall"])
        names = {"segment": worst["kind"], "measure": "share found"}
        found = sum(row["recall"] * row["rows"] for row in scores["recalls"])
        value, overall = worst["recall"], found / sum(row["rows"] for row in scores["recalls"])
    spread = {name: worst[name] for name in ("low", "high", "rows")}
    return {"model": model, **names, "value": value, "overall": overall, **spread}


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


def _cards(record: Record) -> dict[str, Any]:
    folders = {model: record.folder / "models" / model for model in MODELS}
    return {
        model: models.get(model).load(folder).card()
        for model, folder in folders.items()
        if folder.is_dir()
    }


def _digests(record: Record) -> dict[str, str]:
    state = record.state
    final = {
        path: digest
        for path, digest in state.files.items()
        if path.startswith(("datasets/", "models/"))
    }
    return {"parameters": state.parameters_digest, "gates": state.gates_digest, **final}


def _open_findings(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    gates = [
        {
            "subject": finding["gate"],
            "severity": finding["severity"],
            "verdict": finding["verdict"],
            "message": finding["message"],
        }
        for finding in summary["gates"]
        if finding["verdict"] != "pass"
    ]
    return [*gates, *_models_without_skill(summary["scores"]), *_unsettled(summary)]


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
