"""Tables over runs, as frames: for the terminal, for the notebook."""

from __future__ import annotations

from typing import Final

import pandas as pd

from bondx_lib.report.blocks import interval
from bondx_lib.schema import title
from bondx_lib.sweep.comparison import SEED, Comparison, audit, minutes, rows, words

Frame = pd.DataFrame
SETTING_COLUMNS: Final = ["setting", "model", "runs", "mean", "lowest", "highest"]
ONE_MARKET: Final = "All champions were judged on the same audit market."
OWN_MARKETS: Final = (
    "The champions were judged on {count} different audit markets, since what differs between the "
    "runs changes the market too; so part of each difference is the market's."
)


def verdicts(comparison: Comparison) -> Frame:
    """Return how each run ended: what differs, verdict, epochs, quality, minutes."""
    found = []
    for run, row in zip(comparison.runs, rows(comparison), strict=True):
        found.append(
            {
                "run": row["run"],
                "what differs": words(row["changes"]) or "nothing",
                "verdict": row["status"].replace("_", " "),
                "epochs": row["epochs"],
                "quality": row["quality"],
                "minutes": minutes(run),
            }
        )
    columns = ["run", "what differs", "verdict", "epochs", "quality", "minutes"]
    return pd.DataFrame(found, columns=columns).astype({"quality": float, "minutes": float})


def skills(comparison: Comparison) -> Frame:
    """Return each champion's skill on the audit market with its interval, a row a run.

    Runs whose audit market was not opened have no row.
    """
    models = {title(model): model for model in comparison.models}
    found = [
        [row["run"], *(_cell(row["skills"].get(model)) for model in models.values())]
        for row in rows(comparison)
        if row["skills"]
    ]
    return pd.DataFrame(found, columns=["run", *models])


def by_setting(comparison: Comparison) -> Frame:
    """Return the mean skill of each setting over its seeds, and between which values they lie.

    How far repeats of one setting lie apart is how much of a difference between settings can be
    chance. No rows where no setting was repeated.
    """
    frame = audit(comparison)
    if frame.empty or SEED not in comparison.keys:
        return pd.DataFrame(columns=SETTING_COLUMNS)
    if comparison.keys == (SEED,):
        frame = frame.assign(setting="all runs")
    grouped = frame.groupby(["setting", "model"], sort=False)["skill"]
    found = grouped.agg(runs="count", mean="mean", lowest="min", highest="max").reset_index()
    repeated = found["runs"].max() > 1
    return found.assign(model=found["model"].map(title)) if repeated else found[:0]


def caution(comparison: Comparison) -> str:
    """Say what the skills of different runs have in common, and what not."""
    markets = {row["audit_market"] for row in rows(comparison) if row["audit_market"]}
    if not markets:
        return "No audit market has been opened yet."
    return ONE_MARKET if len(markets) == 1 else OWN_MARKETS.format(count=len(markets))


def _cell(skill: dict[str, float | None] | None) -> str:
    if skill is None:
        return "–"
    text = interval(skill["skill"], skill["low"], skill["high"])
    return text if skill["of_ceiling"] or skill["skill"] is None else f"{text} of the floor"
