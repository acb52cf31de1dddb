"""Small frames with invented numbers for the figures of how models work."""

from __future__ import annotations

import pandas as pd

from bondx_lib.schema import LETTERS, MODELS, REGIMES, SECTORS


def curves() -> pd.DataFrame:
    """Skill that rises with the pool, from below the floor."""
    rows = []
    for place, model in enumerate(MODELS):
        for histories in (2, 4, 8):
            skill = 0.9 - 2.5 / histories + 0.05 * place
            rows.append((model, histories, skill, skill - 0.1, skill + 0.08, skill - 0.05))
    columns = ["model", "histories", "skill", "skill_low", "skill_high", "linear_skill"]
    return pd.DataFrame(rows, columns=columns)


def rises() -> pd.DataFrame:
    """One family carries most, one nothing."""
    groups = {"spread": ("credit", "terms", "ESG"), "anomaly": ("price_gap", "repeated_row")}
    rows = [
        (model, group, 0.6 / (1 + place) - 0.2 * place, 0.5 / (1 + place) - 0.3, 0.7)
        for model, names in groups.items()
        for place, group in enumerate(names)
    ]
    return pd.DataFrame(rows, columns=["model", "group", "share", "share_low", "share_high"])


def effects() -> pd.DataFrame:
    """One effect agrees, one is too small, one is known in sign alone, one has no rows."""
    nan = float("nan")
    rows = [
        ("BBB to BB", 0.7, 1, 0.68, 0.66, 0.7, "yes"),
        ("BB to B", 0.3, 1, 0.12, 0.1, 0.15, "in sign, smaller"),
        ("news", nan, -1, 0.04, 0.03, 0.05, "no, other sign"),
        ("nobody", 1.0, 1, nan, nan, nan, "no such rows"),
    ]
    columns = ["effect", "law", "sign", "model", "low", "high", "agrees"]
    return pd.DataFrame(rows, columns=columns)


def gains() -> pd.DataFrame:
    """Segments of two models, one of them worse than nothing somewhere."""
    names = [("rating", name) for name in LETTERS] + [("sector", name) for name in SECTORS]
    names += [("regime", name) for name in REGIMES]
    rows = [
        (model, by, name, 200, 1 / 3 + place / 20, 0.25 + place / 20, 0.5 + place / 20, 1)
        for model in ("spread", "downgrade")
        for place, (by, name) in enumerate(names)
    ]
    columns = ["model", "by", "segment", "rows", "loss", "low", "high", "floor"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"low": object, "high": object})


def added() -> pd.DataFrame:
    """What families add to two answers, not the same families."""
    rows = [
        ("spread", "terms", -0.3), ("spread", "credit", 0.8), ("spread", "ESG", 0.001),
        ("downgrade", "credit", 1.2), ("downgrade", "economy", -0.4),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["model", "group", "added"])


def coverage() -> pd.DataFrame:
    """Intervals that hold a little less often for the worst."""
    names = ("all", *LETTERS)
    return pd.DataFrame(
        {
            "rating": names, "rows": 100,
            "coverage": [0.95 - 0.01 * place for place in range(len(names))],
            "low": [0.9 - 0.01 * place for place in range(len(names))],
            "high": 0.97, "width": 1.4,
        }
    )  # fmt: skip
