"""Small frames with invented numbers, one for each figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bondx_lib.schema import (
    CORRUPTION_KINDS,
    LETTERS,
    MODELS,
    RATINGS,
    SCENARIOS,
    SECTORS,
)

GATES = (
    "coverage", "esg_missing", "liquidity_index_median", "negative_spreads", "maturity_anomalies",
)  # fmt: skip


def skills(epochs: int = 6) -> pd.DataFrame:
    """Champions that learn fast at first, promoted in every other epoch."""
    rows = []
    for place, model in enumerate(MODELS):
        for epoch in range(1, epochs + 1):
            skill = 0.8 - 0.1 * place - 0.3 / epoch
            rows.append((model, epoch, skill, skill - 0.08, skill + 0.07, epoch % 2 == 1, True))
    columns = ["model", "epoch", "skill", "skill_low", "skill_high", "promoted", "known"]
    return pd.DataFrame(rows, columns=columns)


def learning_by_run(
    runs: int = 4, epochs: int = 6, models: tuple[str, ...] = MODELS
) -> pd.DataFrame:
    """Runs of two settings, each setting with as many seeds as it takes; later runs are longer."""
    rows = [
        (f"run{run}", f"scenario {SCENARIOS[run % 2]}", model, epoch,
         0.7 - 0.1 * place - 0.02 * run - 0.4 / epoch, True)
        for run in range(runs)
        for place, model in enumerate(models)
        for epoch in range(1, epochs + run + 1)
    ]  # fmt: skip
    columns = ["run", "setting", "model", "epoch", "skill", "known"]
    return pd.DataFrame(rows, columns=columns)


def skill_by_run(runs: int = 4, models: tuple[str, ...] = MODELS) -> pd.DataFrame:
    """What the same runs know in the end."""
    last = learning_by_run(runs, 6, models).groupby(["run", "model"], sort=False).tail(1)
    ends = last.assign(skill_low=last["skill"] - 0.2, skill_high=last["skill"] + 0.15)
    return ends.drop(columns="epoch").reset_index(drop=True)


def quality(epochs: int = 6) -> pd.DataFrame:
    """Scores that pass through two bands."""
    return pd.DataFrame(
        {"epoch": range(1, epochs + 1), "quality": np.linspace(0.93, 0.985, epochs)}
    )


def findings(epochs: int = 6) -> pd.DataFrame:
    """One gate fails once and another has nothing to judge once."""
    rows = [
        {"epoch": epoch, "gate": gate, "observed": 10.0 * place + epoch / 7, "verdict": "pass"}
        for epoch in range(1, epochs + 1)
        for place, gate in enumerate(GATES)
    ]
    rows[1]["verdict"], rows[2]["verdict"] = "fail", "not_applicable"
    return pd.DataFrame(rows)


def scores(epochs: int = 6) -> pd.DataFrame:
    """Mean skill that settles; challengers are now a little above it, now below."""
    epoch = np.arange(1, epochs + 1)
    score = 0.7 - 0.3 / epoch**2
    return pd.DataFrame(
        {"epoch": epoch, "score": score, "challenger": score + 0.02 * (-1.0) ** epoch}
    )


def times(epochs: int = 6) -> pd.DataFrame:
    """Training seconds that grow with the pool."""
    return pd.DataFrame(
        [
            {"epoch": epoch, "model": model, "seconds": 0.3 * (place + 1) + 0.05 * epoch}
            for epoch in range(1, epochs + 1)
            for place, model in enumerate(MODELS)
        ]
    )


def audit() -> pd.DataFrame:
    """One score a model."""
    return pd.DataFrame(
        {
            "model": MODELS,
            "skill": [0.86, 0.55, 0.61, 0.74],
            "skill_low": [0.82, 0.38, 0.52, 0.66],
            "skill_high": [0.90, 0.71, 0.70, 0.81],
            "linear_skill": [0.70, 0.50, 0.66, 0.40],
            "known": True,
        }
    )


def deciles() -> pd.DataFrame:
    """Two calibrated models; one decile is off."""
    predicted = np.linspace(0.01, 0.3, 10)
    rows = []
    for model in ("downgrade", "liquidity_shock"):
        for place, level in enumerate(predicted):
            observed = level + (0.08 if place == 7 else 0.005)
            rows.append((model, level, observed, observed - 0.02, observed + 0.02))
    return pd.DataFrame(rows, columns=["model", "predicted", "observed", "low", "high"])


def segments() -> pd.DataFrame:
    """Loss that grows with risk; one sector, which the figure by rating leaves out."""
    rows = [
        (model, by, name, 0.1 + 0.05 * place, 0.07 + 0.05 * place, 0.14 + 0.06 * place,
         0.2 + 0.04 * place, "log loss")
        for model in MODELS
        for by, names in (("rating", LETTERS), ("sector", SECTORS[:1]))
        for place, name in enumerate(names)
    ]  # fmt: skip
    columns = ["model", "by", "segment", "loss", "low", "high", "floor", "loss_name"]
    return pd.DataFrame(rows, columns=columns)


def recalls() -> pd.DataFrame:
    """Some kinds of damage are easier to find than others."""
    share = np.linspace(0.95, 0.2, len(CORRUPTION_KINDS))
    return pd.DataFrame(
        {
            "kind": CORRUPTION_KINDS, "recall": share, "low": share - 0.1,
            "high": np.minimum(share + 0.1, 1), "rows": 40,
        }
    )  # fmt: skip


def panel(bonds: int = 120, months: int = 12) -> pd.DataFrame:
    """A market with only the columns that the figures read."""
    rng = np.random.default_rng(7)
    dates = pd.date_range("2020-01-31", periods=months, freq="ME")
    number = rng.integers(0, len(RATINGS), bonds)
    columns: dict[str, Any] = {
        "bond_id": [f"XZ{bond:010d}" for bond in range(bonds)] * months,
        "issuer_id": [f"SX-{bond // 4:08d}" for bond in range(bonds)] * months,
        "date": np.repeat(dates, bonds),
        "rating": [RATINGS[place] for place in number] * months,
        "sector": [SECTORS[place] for place in rng.integers(0, len(SECTORS), bonds)] * months,
        "maturity_years": np.tile(rng.uniform(1, 25, bonds), months),
    }
    cycle = np.repeat(1 + 0.3 * np.sin(np.arange(months)), bonds)
    columns["spread_bps"] = 40 * np.exp(0.17 * np.tile(number, months)) * cycle
    return pd.DataFrame(columns)


def life() -> pd.DataFrame:
    """The market above with prices and liquidity; ratings change once."""
    market = panel(40)
    month = market.groupby("bond_id").cumcount()
    worse = market["rating"].where(month < 6, "CCC+")
    return market.assign(
        rating=worse, clean_price=100 - month, liquidity_index=50.0 + month,
        liquidity_shock=month == 7,
    )  # fmt: skip


def regimes(bonds: int = 200, months: int = 24) -> pd.DataFrame:
    """The market above with issuers, the truth's regime, and all that a life needs."""
    market = panel(bonds, months)
    rng = np.random.default_rng(8)
    month = np.repeat(np.arange(months), bonds)
    issuer = np.tile(np.arange(bonds) // 4, months)
    number = market["rating"].map(RATINGS.index) + 1
    own = (5 + issuer % 9 + (month > 8) * (issuer % 3)).clip(1, 21)
    return market.assign(
        month=month,
        issuer_id=[f"SX-{one:04d}" for one in issuer],
        rating_number=np.where(issuer % 2, own, number),
        regime=np.where((month >= 10) & (month < 15), "stress", "expansion"),
        bid_ask_bps=30 + rng.uniform(0, 40, len(market)),
        news_sentiment=np.where(rng.uniform(size=len(market)) < 0.2, np.nan, 0.3),
        treasury_5y_pct=3.5 + 0.01 * month,
        last_rating_move=1,
        months_since_rating_change=month % 20,
    )


def paths(worlds: int = 3, months: int = 30) -> pd.DataFrame:
    """Scenarios that widen spreads after a third of the history."""
    rows = []
    for place, scenario in enumerate(SCENARIOS):
        for world in range(worlds):
            for month in range(months):
                hit = 1 + 0.2 * place * (month >= months // 3)
                rows.append(
                    (scenario, world, month, 150.0 * hit + world, 50.0 * hit, 3.5 + place / 9,
                     np.nan if month < 11 else 9.0 * hit)
                )  # fmt: skip
    columns = ["scenario", "world", "month", "bbb_spread_bps", "bid_ask_bps", "treasury_5y_pct",
               "downgrades_pct"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def scorecard() -> pd.DataFrame:
    """Transitions and a few other facts: most pass, some fail, some are open."""
    rows = []
    for begin in LETTERS:
        for end in (*LETTERS, "D", "NR"):
            share = 88.0 if begin == end else 1.5
            rows.append((f"transition_1y.{begin}.{end}", share, 1.0, share + 0.4, "pass"))
    for place, name in enumerate(("oas_level.BBB.p50", "oas_level.BB.p50", "news.auc")):
        verdict = ("pass", "fail", "not enough data")[place]
        rows.append((name, 200.0, 20.0, 210.0 + 90.0 * place, verdict))
    frame = pd.DataFrame(rows, columns=["fact", "published", "tolerance", "simulated", "verdict"])
    return frame.assign(low=frame["simulated"] - 0.5, high=frame["simulated"] + 0.5)


def power(*gates: str) -> pd.DataFrame:
    """Return three amounts for each gate."""
    return pd.DataFrame(
        {"gate": name, "what": "rows damaged", "unit": "% of rows", "amount": amount,
         "noticed": share}
        for name in gates
        for amount, share in ((2.0, 0.25), (0.5, 0.0), (4.0, 1.0))
    )  # fmt: skip
