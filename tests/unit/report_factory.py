"""Write a plausible run folder through the real journal, with invented numbers, for tests only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bondx_lib import artefacts, parameters, runlog
from bondx_lib.schema import CORRUPTION_KINDS, LETTERS, MODELS, REGIMES, SECTORS

from . import figure_frames

DIGEST = "ab" * 32
LOSSES = {
    "spread": "mean squared error",
    "downgrade": "log loss",
    "liquidity_shock": "log loss",
    "anomaly": "1 - average precision",
}


def write(
    run_dir: Path,
    *,
    epochs: int = 6,
    status: str = "converged",
    reason: str = "the champions gained less than the threshold",
    opened: bool = True,
    name: str = "default",
    gains: list[dict[str, Any]] | None = None,
    exit_code: int = 0,
    **overrides: Any,
) -> Path:
    """Write a finished run of so many epochs; ``opened=False`` ends it before the audit.

    ``gains`` are what its options were worth; None if they were not compared.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    chosen = parameters.load(None, overrides).model_copy(update={"name": name})
    artefacts.write_text(run_dir / "parameters.yaml", chosen.to_yaml())
    journal = runlog.Journal(run_dir / runlog.LOG_NAME)
    _start(journal, chosen)
    for epoch in range(1, epochs + 1):
        _epoch(journal, epoch, chosen.models)
        dataset = run_dir / "epochs" / f"{epoch:04d}" / "dataset.parquet"
        artefacts.write_parquet(dataset, figure_frames.panel())
    rules = [
        {"name": "models_converged", "holds": status == "converged", "observed": 0.0002,
         "threshold": 0.001, "sentence": "The last 3 epochs gained less than 0.001."},
    ]  # fmt: skip
    if epochs:
        ended = status in ("converged", "plateaued", "epoch_limit")
        journal.append(
            "assessed", epoch=epochs, status=status if ended else "running", reason=reason,
            rules=rules, patience_left=0,
        )  # fmt: skip
    files: dict[str, str] = {}
    if gains is not None:
        journal.append("options_compared", gains=gains)
    if opened:
        journal.append("champions_examined", findings=_of_models(chosen.models), artefacts={})
        journal.append("audit_opened", scores={model: scores(model) for model in chosen.models})
        files = {"datasets/final.parquet": DIGEST}
        journal.append("datasets_written", files=files)
    journal.append(
        "run_finished", status=status, reason=reason, exit_code=exit_code,
        artefacts=files,
    )  # fmt: skip
    return run_dir


def begin(run_dir: Path, *, pid: int | None = None, start: str | None = None) -> runlog.Journal:
    """Begin a run and leave it in the middle of its second epoch."""
    write(run_dir, epochs=1, opened=False)
    lines = (run_dir / runlog.LOG_NAME).read_bytes().splitlines(keepends=True)
    first = json.loads(lines[0])
    (run_dir / runlog.LOG_NAME).unlink()
    journal = runlog.Journal(run_dir / runlog.LOG_NAME)
    for line in lines[:-2]:
        fields = json.loads(line)
        kind = fields.pop("event")
        fields = {k: v for k, v in fields.items() if k not in ("seq", "at", "prev")}
        if kind == "run_started":
            fields |= {"pid": pid or first["pid"], "process_start": start or first["process_start"]}
        journal.append(kind, **fields)
    journal.append("epoch_started", epoch=2, attempt=1, kernel="warm")
    journal.append("stage_started", epoch=2, stage="train")
    return journal


def scores(model: str, epoch: int = 50) -> dict[str, Any]:
    """Return invented scores that improve with the epoch; a foreign model has no ceiling."""
    place = _place(model)
    skill = 0.8 - 0.1 * place - 0.3 / epoch
    floor, ceiling = 0.3 + 0.05 * place, 0.1 if model in MODELS else None
    loss = floor - skill * (floor - (ceiling or 0))
    linear = floor - 0.9 * (floor - loss)
    events = model in ("downgrade", "liquidity_shock", "anomaly")
    return {
        "model": model, "loss_name": LOSSES.get(model, "mean squared error"),
        **_ends("loss", loss), **_ends("floor", floor), **_ends("linear", linear),
        **_ends("ceiling", ceiling), "full_state": ceiling and 0.9 * ceiling, "skill": skill,
        "skill_low": skill - 0.08, "skill_high": skill + 0.07, "linear_skill": 0.9 * skill,
        "alert_rate": 0.06 if model == "anomaly" else None, "rows": 24000,
        "events": 1300 if events else 0, "mse": None if model == "anomaly" else 0.05,
        "r2": 0.9 if model == "spread" else None, "accuracy": 0.95 if events else None,
        "base_rate": 0.94 if events else None, "auc": 0.78 if events else None,
        "log_loss": loss if model in ("downgrade", "liquidity_shock") else None, "brier": None,
        "average_precision": 1 - loss if model == "anomaly" else 0.31 if events else None,
        **_ends("calibration_intercept", None if model == "anomaly" else 0.02),
        **_ends("calibration_slope", None if model == "anomaly" else 0.95),
        "segments": _segments(model, floor), "deciles": _deciles(model),
        "coverage": _coverage(model), "recalls": _recalls(model),
    }  # fmt: skip


def _place(model: str) -> int:
    return MODELS.index(model) if model in MODELS else len(MODELS)


def _ends(name: str, value: float | None) -> dict[str, float | None]:
    low, high = (None, None) if value is None else (value - 0.01, value + 0.01)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _start(journal: runlog.Journal, chosen: parameters.Parameters) -> None:
    journal.append(
        "run_started", log_version=runlog.LOG_VERSION, name=chosen.name, version="0.0.test",
        schema_version=1, parameters_digest=chosen.digest(), gates_digest=DIGEST,
        gates={"coverage": {"threshold": 90.0, "severity": "block"}},
        parameters=chosen.model_dump(mode="json"), pid=1, process_start="1",
    )  # fmt: skip
    for name in ("benchmark", "audit"):
        journal.append("market_drawn", market=name, rows=28800, digest=DIGEST)


def _epoch(journal: runlog.Journal, epoch: int, models: tuple[str, ...]) -> None:
    journal.append("epoch_started", epoch=epoch, attempt=1, kernel="cold")
    stream = f"epoch/{epoch:04d}/draw/0"
    if epoch == 2:
        refused = findings(epoch, "fail")
        journal.append(
            "dataset_rejected", epoch=epoch, draw=0, stream=stream, findings=refused,
            reason=refused[0]["message"],
        )  # fmt: skip
    draw = int(epoch == 2)
    journal.append(
        "dataset_accepted", epoch=epoch, draw=draw, stream=stream, mix={}, rows=5400, bonds=150,
        issuers=60, digest=DIGEST, findings=findings(epoch), quality=min(0.94 + epoch / 300, 1.0),
        band="excellent",
    )  # fmt: skip
    for model in models:
        _model(journal, epoch, model)
    journal.append("models_judged", epoch=epoch, findings=_of_models(models), refused={})
    steered = ({"rating=CCC": 2.0}, ["rating CCC: worst segment failed."])
    mix, reasons = steered if epoch == 3 else ({}, [])
    journal.append("draw_steered", epoch=epoch, mix=mix, reasons=reasons)
    promoted = epoch - (epoch + 1) % 2
    skills = {model: scores(model, promoted)["skill"] for model in models}
    journal.append(
        "epoch_committed",
        epoch=epoch,
        quality=min(0.94 + epoch / 300, 1.0),
        skills=skills,
        artefacts={},
    )


def _model(journal: runlog.Journal, epoch: int, model: str) -> None:
    seconds = 0.4 + 0.1 * _place(model)
    journal.append(
        "model_trained", epoch=epoch, model=model, seconds=seconds, rows=4000 * epoch,
        digest=DIGEST,
    )  # fmt: skip
    journal.append(
        "model_scored", epoch=epoch, model=model, role="challenger", scores=scores(model, epoch)
    )
    decision = {"epoch": epoch, "model": model}
    if epoch % 2:
        reason = "the gain of +0.02 [+0.01, +0.03] lies above zero"
        gain = {"difference": 0.02, "low": 0.01, "high": 0.03}
        journal.append("champion_promoted", **decision, **gain, reason=reason)
    else:
        reason = "the gain of +0.001 [-0.01, +0.01] does not lie above zero"
        gain = {"difference": 0.001, "low": -0.01, "high": 0.01}
        journal.append("champion_kept", **decision, **gain, reason=reason)


def findings(epoch: int, verdict: str = "pass") -> list[dict[str, Any]]:
    """Return what five gates found; only the first has the verdict that was asked for."""
    return [
        {
            "gate": gate, "slice": "all rows", "observed": 10.0 * place + epoch / 7,
            "interval": [10.0 * place, 10.0 * place + 3], "threshold": 10.0 * place + 4,
            "used": 0.3, "n": 5400, "severity": "block", "rows": [],
            "verdict": verdict if place == 0 else "pass",
            "message": f"The {gate.replace('_', ' ')} gate looked at 5400 rows.",
        }
        for place, gate in enumerate(figure_frames.GATES)
    ]  # fmt: skip


def _of_models(models: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what a gate found of the last model: a range, and no interval."""
    return [
        {"gate": "calibration", "slice": f"model={models[-1]}", "observed": 1.02, "interval": None,
         "threshold": [0.8, 1.25], "used": 0.1, "n": 900, "severity": "warn", "verdict": "pass",
         "rows": [], "message": "The slope of the calibration line is 1.02."}
    ]  # fmt: skip


def _segments(model: str, floor: float) -> list[dict[str, Any]]:
    """Loss grows with risk and its floor with it; worst against the floor is the last sector."""
    if model == "anomaly":
        return []
    return [
        {"by": by, "segment": name, "rows": 900, "loss": 0.1 + 0.04 * place,
         "low": 0.08 + 0.04 * place, "high": 0.13 + 0.05 * place,
         "floor": floor + 0.2 * place if by != "sector" else floor}
        for by, names in (("rating", LETTERS), ("sector", SECTORS), ("regime", REGIMES))
        for place, name in enumerate(names)
    ]  # fmt: skip


def _coverage(model: str) -> list[dict[str, Any]]:
    if model != "spread":
        return []
    return [
        {"rating": name, "rows": 900, "coverage": 0.91 - 0.01 * place, "low": 0.8, "high": 0.95,
         "width": None if name == "CCC" else 1.1 + 0.1 * place}
        for place, name in enumerate(("all", *LETTERS))
    ]  # fmt: skip


def _deciles(model: str) -> list[dict[str, Any]]:
    if model not in ("downgrade", "liquidity_shock"):
        return []
    return [
        {"predicted": float(level), "observed": float(level) * 1.05, "low": float(level) * 0.8,
         "high": float(level) * 1.3, "rows": 2400}
        for level in np.linspace(0.01, 0.3, 10)
    ]  # fmt: skip


def _recalls(model: str) -> list[dict[str, Any]]:
    if model != "anomaly":
        return []
    return [
        {"kind": kind, "recall": 0.95 - 0.12 * place, "low": 0.9 - 0.12 * place,
         "high": 0.99 - 0.12 * place, "rows": 40}
        for place, kind in enumerate(CORRUPTION_KINDS)
    ]  # fmt: skip
