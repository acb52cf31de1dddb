"""A run's state as metrics in Prometheus' text format, for the text-file collector of its exporter.

Times are moments, not ages: the file is read long after it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from bondx_lib.artefacts import write_text
from bondx_lib.dashboard.views import View
from bondx_lib.dashboard.words import STATE_WORDS, VERDICTS, time_of
from bondx_lib.errors import BadInput

SUFFIX: Final = ".prom"
OF_A_RUN: Final = {
    "epochs_committed": ("Epochs whose results count.", "committed"),
    "epoch_limit": ("Epochs after which the run ends.", "max_epochs"),
    "elapsed_seconds": ("Time since the run began, until its end if it has ended.",
                        "elapsed_seconds"),
    "quality_score": ("Quality score of the latest accepted data, 0 to 1.", "quality"),
    "mean_skill": ("Mean skill of the champions, 0 floor, 1 ceiling.", "mean_skill"),
    "patience_left": ("Epochs without improvement that are left.", "patience_left"),
    "exit_code": ("Exit code of the run, once it has ended.", "exit_code"),
}  # fmt: skip
"""Metric to its help and the view's attribute; what has no value yet is left out."""
OF_A_MODEL: Final = {
    "skill": "Skill of the champion on the benchmark market, 0 floor, 1 ceiling.",
    "low": "Lower end of the skill's 95 % interval.",
    "high": "Upper end of the skill's 95 % interval.",
    "loss": "Loss of the champion on the benchmark market.",
    "floor": "Loss of no model.",
    "ceiling": "Loss of the true law.",
    "champion_since": "Epoch in which the champion was promoted.",
    "training_seconds": "Time that the last training took.",
}
NAMES: Final = {"low": "skill_low", "high": "skill_high", "champion_since": "champion_epoch"}


def exposition(one: View) -> str:
    """Return the metrics of a run as text.

    Every state is a series of its own, 1 for the present one and 0 for the others, so that a change
    needs no new series.
    """
    registry = CollectorRegistry()
    for name, (meaning, attribute) in OF_A_RUN.items():
        _add(registry, f"run_{name}", meaning, [({}, getattr(one, attribute))], one)
    _add(registry, "run_state", "1 for the state that the run is in.",
         [({"state": state}, float(state == one.state)) for state in STATE_WORDS], one)  # fmt: skip
    verdicts = [gate["verdict"] for gate in one.gates]
    counts = [({"verdict": name}, float(verdicts.count(name))) for name in VERDICTS]
    _add(registry, "run_gates", "Gates on the latest data and models by verdict.", counts, one)
    for name, at in (("began", one.began), ("last_event", one.last_event)):
        when = time_of(at).timestamp() if at else None
        _add(registry, f"run_{name}_timestamp_seconds", "Moment, Unix time.", [({}, when)], one)
    for key, meaning in OF_A_MODEL.items():
        rows = [({"model": row["model"]}, row[key]) for row in one.models]
        _add(registry, f"model_{NAMES.get(key, key)}", meaning, rows, one)
    _add(registry, "exposition_timestamp_seconds", "When this was written, Unix time.",
         [({}, datetime.now(UTC).timestamp())], one)  # fmt: skip
    return generate_latest(registry).decode()


def write(one: View, path: Path) -> None:
    """Write the metrics whole to a file.

    Raises
    ------
    BadInput
        When the exporter would not read a file of that name, or it is a folder.
    """
    if path.suffix != SUFFIX or path.is_dir():
        raise BadInput(
            "is no text file that the exporter reads", source="--prometheus", value=str(path),
            admissible=f"a name that ends in {SUFFIX}, or - for the terminal",
        )  # fmt: skip
    write_text(path, exposition(one))


def _add(
    registry: CollectorRegistry, name: str, meaning: str,
    rows: Sequence[tuple[dict[str, str], float | None]], one: View,
) -> None:  # fmt: skip
    """Add a metric with one series for each row that has a value."""
    known = [(labels, value) for labels, value in rows if value is not None]
    if not known:
        return
    gauge = Gauge(f"bondx_{name}", meaning, ["run", "name", *known[0][0]], registry=registry)
    for labels, value in known:
        gauge.labels(run=one.run, name=one.name, **labels).set(value)
