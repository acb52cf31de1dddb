"""The documents of a pack that are plain data: one function each, a record and its summary in.

None holds a clock time, so two runs with the same parameters have the same bytes of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bondx_lib import convergence, epoch, runlog
from bondx_lib.epoch import run_parameters
from bondx_lib.evidence import crosswalk
from bondx_lib.report import Record

Summary = Mapping[str, Any]

ESTIMATES: Final = ("loss", "floor", "linear", "ceiling", "skill")
MEASURES: Final = (
    "full_state", "linear_skill", "auc", "average_precision", "log_loss", "brier", "mse", "r2",
    "accuracy", "base_rate", "calibration_intercept", "calibration_slope", "alert_rate", "rows",
    "events",
)  # fmt: skip
OTHER_THRESHOLDS: Final = (0.5, 1.0, 2.0)
OTHER_PATIENCES: Final = (0.5, 1.0, 1.5)
ROBUST: Final = {
    "robust_curve": "the curve moves by 100 basis points",
    "robust_missing": "fields that may be missing are",
    "robust_stale": "quotes are a month old",
}
CHECKLIST: Final = (
    ("verify", "`bondx verify` or `python3 evidence/verify.py` finds no difference"),
    ("pack_id", "the pack id is the one that was published"),
    ("claims", "what is claimed, and what is not, fits the intended use"),
    ("data", "the data card's limits are acceptable for that use"),
    ("thresholds", "thresholds were fixed before the run and are sensible"),
    ("scores", "skills with their intervals on the audit market are sufficient"),
    ("segments", "the worst segments are acceptable"),
    ("effects", "what drives the models agrees with what is known, or the difference is explained"),
    ("sensitivity", "the verdict does not hang on one threshold"),
    ("findings", "every finding has an owner and a due date, or is accepted"),
    ("stop", "who may stop or roll back a model in use is named"),
)


def tests(summary: Summary) -> dict[str, Any]:
    """Return every gate as it judged the last data and models: estimate, interval, verdict."""
    rows = [
        {
            "id": f"{row['gate']}[{row['slice']}]",
            "gate": row["gate"],
            "family": row["family"],
            "slice": row["slice"],
            "estimate": row["observed"],
            "interval": row["interval"],
            "threshold": row["threshold"],
            "n": row["n"],
            "severity": row["severity"],
            "verdict": row["verdict"],
            "message": row["message"],
            "requirements": list(crosswalk.OF_FAMILIES.get(row["family"], ("testing",))),
        }
        for row in summary["gates"]
    ]
    return {"gates_digest": summary["digests"]["gates"], "tests": rows}


def benchmark(summary: Summary) -> dict[str, Any]:
    """Return floor, simplest method, champion and ceiling side by side, on both markets."""
    audit = {row["model"]: _scores(row) for row in summary["scores"]}
    promoted = {name: _scores(row) for name, row in summary["benchmark_scores"].items()}
    gaps = {
        name: audit[name]["skill"]["estimate"] - promoted[name]["skill"]["estimate"]
        for name in audit.keys() & promoted.keys()
        if None not in (audit[name]["skill"]["estimate"], promoted[name]["skill"]["estimate"])
    }
    return {
        "unit_of_resampling": "issuer",
        "audit": audit,
        "benchmark": promoted,
        "audit_less_benchmark_skill": gaps,
        "segments": summary["segments"],
        "worst_segments": summary["worst_segments"],
    }


def _scores(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "loss_name": row["loss_name"],
        "simplest": row["simplest"],
        **{name: {"estimate": row[name], "low": row.get(f"{name}_low"),
                  "high": row.get(f"{name}_high")} for name in ESTIMATES},
        **{name: row[name] for name in MEASURES},
    }  # fmt: skip


def sensitivity(record: Record, examined: Mapping[str, Any]) -> dict[str, Any]:
    """Return how scores move under shocks, and the verdict under other stopping thresholds.

    Parameters
    ----------
    record
        The run.
    examined
        What was measured of the champions at the end, by model; empty if nothing was.
    """
    shocks = [
        {"model": model, "shock": name, "meaning": meaning, "estimate": measured[name][0],
         "low": measured[name][1], "high": measured[name][2],
         "unit": "share of the way from floor to ceiling by which the loss rises"}
        for model, measured in examined.items()
        for name, meaning in ROBUST.items()
        if name in measured
    ]  # fmt: skip
    wrong_way = [
        {"model": model, "feature": feature, "share_in_the_wrong_direction": share}
        for model, measured in examined.items()
        for feature, share in measured.get("monotonicity", {}).items()
    ]
    return {"shocks": shocks, "monotonicity": wrong_way, "stopping": stopping(record)}


def stopping(record: Record) -> list[dict[str, Any]]:
    """Return when and how the run would have ended under other thresholds, on the same history.

    The history ends where the run did, so a variant that asks for more may not have ended by then.
    """
    history = epoch.history(record.state)
    parameters = run_parameters(record.folder, record.state)
    rows = []
    for threshold in OTHER_THRESHOLDS:
        for patience in OTHER_PATIENCES:
            changed = parameters.model_copy(
                update={
                    "convergence_threshold": parameters.convergence_threshold * threshold,
                    "improvement_patience": max(
                        1, round(parameters.improvement_patience * patience)
                    ),
                }
            )
            ends = (
                (number, convergence.assess(history[:number], changed))
                for number in range(1, len(history) + 1)
            )
            end = next(((n, one.status) for n, one in ends if one.status != "running"), None)
            rows.append(
                {
                    "convergence_threshold": changed.convergence_threshold,
                    "improvement_patience": changed.improvement_patience,
                    "as_run": threshold == patience == 1.0,
                    "ends_after_epoch": end[0] if end else None,
                    "status": end[1] if end else "running",
                }
            )
    return rows


def promotion(summary: Summary) -> dict[str, Any]:
    """Return every comparison of champion and challenger, with its interval and its reason."""
    return {"unit_of_resampling": "issuer", "comparisons": summary["promotions"],
            "steering": summary["steering"]}  # fmt: skip


def findings(summary: Summary) -> dict[str, Any]:
    """Return every failed or inconclusive test as a row; owner and due date are for a person."""
    rows = [
        {"id": f"F{number:03d}", **row, "owner": "", "due": "", "decision": "",
         "restriction_of_use": ""}
        for number, row in enumerate(summary["findings"], start=1)
    ]  # fmt: skip
    return {"findings": rows}


def inventory(record: Record, summary: Summary) -> dict[str, Any]:
    """Return the models of a run as rows of an inventory, and where the run comes from."""
    state = record.state
    since = {name: epoch.champion_epoch(state, name) for name in record.models}
    entries = [
        {
            "id": f"{summary['digests']['parameters'][:12]}/{name}",
            "model": name,
            "version": since[name],
            "folder": f"models/{name}",
            "files": {path: digest for path, digest in summary["digests"].items()
                      if path.startswith(f"models/{name}/")},
            "purpose": summary["cards"].get(name, {}).get("purpose", ""),
            "method": summary["cards"].get(name, {}).get("method", ""),
            "trained_on": [v.number for v in state.committed if v.number <= (since[name] or 0)],
            "tier": "",
            "owner": "",
            "in_use": "",
        }
        for name in record.models
    ]  # fmt: skip
    return {
        "models": entries,
        "parent": dict(state.parent) if state.parent else None,
        "depends_on": dict(state.computed_with),
        "code": dict(state.code),
    }


def signoff(summary: Summary) -> dict[str, Any]:
    """Return the form that a reviewer fills in; nothing in it is filled in by the run."""
    return {
        "parameters_digest": summary["digests"]["parameters"],
        "evidence": not summary["banner"],
        "note": summary["banner"],
        "checklist": [
            {"id": name, "question": question, "answer": "", "remark": ""}
            for name, question in CHECKLIST
        ],
        "reviewers": [
            {"role": role, "name": "", "date": "", "decision": "", "signature": ""}
            for role in ("developer", "independent validator", "model owner")
        ],
    }


def times(events: Sequence[runlog.Event]) -> tuple[str, str]:
    """Return when a run began and ended, as its log says."""
    return events[0].at, events[-1].at
