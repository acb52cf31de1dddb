"""The card of a model as a person reads it: what it is, what it is not for, how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bondx_lib import features
from bondx_lib.models.base import Model

CARD_TEXT_NAME: Final = "CARD.md"
LIMITS: Final = (
    "It was trained and judged on a simulated market; nothing here says how it does on real bonds.",
    "Its scores hold for markets drawn by the same law; a scenario that the pool never showed may "
    "be harder.",
    "Intervals and calibration hold on average over issuers and histories, not for each of them.",
)


def card_text(model: Model, scores: Mapping[str, Any]) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    model
        The champion.
    scores
        Of the audit market, as :meth:`~bondx_lib.models.base.Scores.to_dict` gives them.
    """
    card = {key: value for key, value in model.card().items() if value is not None}
    parts = [
        f"# {model.title}\n",
        f"**Purpose.** {_sentence(card.pop('purpose', 'not stated'))}\n",
        f"**Not for.** {_sentence(card.pop('not for', 'not stated'))}\n",
        "Every number here describes a simulated market.\n",
        "## How it was made\n",
        _table(("item", "value"), [(key.replace("_", " "), _cell(v)) for key, v in card.items()]),
        "## What it sees\n",
        _families(tuple(model.facts.get("selected", model.columns))),
        "## How good it is\n",
        f"On the audit market, by {scores['loss_name']} (smaller is better).\n",
        _table(("measure", "value", "95 % interval"), _scores(scores)),
        *_calibration(scores),
        *_segments(scores),
        "## Limits\n",
        "".join(f"- {limit}\n" for limit in LIMITS),
    ]
    return "\n".join(parts)


def _scores(scores: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    names = {
        "skill": "skill: 0 at the floor, 1 at the ceiling", "loss": "loss",
        "floor": "floor: no model", "linear": "simplest method on the same rows",
        "ceiling": "ceiling: best from what it may see",
    }  # fmt: skip
    rows = [
        (words, _cell(scores[name]), _ends(scores[f"{name}_low"], scores[f"{name}_high"]))
        for name, words in names.items()
    ]
    for name in ("auc", "average_precision", "brier", "accuracy", "base_rate", "r2"):
        if scores.get(name) is not None:
            rows.append((name.replace("_", " "), _cell(scores[name]), ""))
    return rows


def _calibration(scores: Mapping[str, Any]) -> list[str]:
    rows = [
        (f"calibration {name}", _cell(scores[f"calibration_{name}"]),
         _ends(scores[f"calibration_{name}_low"], scores[f"calibration_{name}_high"]))
        for name in ("intercept", "slope")
        if scores.get(f"calibration_{name}") is not None
    ]  # fmt: skip
    rows += [
        (f"inside the interval, {one['rating']}", _cell(one["coverage"]),
         _ends(one["low"], one["high"]))
        for one in scores.get("coverage", ())
    ]  # fmt: skip
    rows += [
        (f"found, {one['kind'].replace('_', ' ')}", _cell(one["recall"]),
         _ends(one["low"], one["high"]))
        for one in scores.get("recalls", ())
    ]  # fmt: skip
    return ["## Calibration\n", _table(("measure", "value", "95 % interval"), rows)] if rows else []


def _segments(scores: Mapping[str, Any]) -> list[str]:
    rows = [
        (one["by"], one["segment"], f"{one['rows']:,}", _cell(one["loss"]),
         _ends(one["low"], one["high"]), _cell(one["floor"]))
        for one in scores.get("segments", ())
    ]  # fmt: skip
    heads = ("by", "segment", "cases", "loss", "95 % interval", "floor")
    return ["## Segments\n", _table(heads, rows)] if rows else []


def _families(columns: Sequence[str]) -> str:
    by_family: dict[str, list[str]] = {}
    for name in columns:
        by_family.setdefault(features.family_of(name), []).append(f"`{name}`")
    rows = [(family, str(len(names)), ", ".join(names)) for family, names in by_family.items()]
    return _table(("family", "features", "names"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "–" if value is None else str(value)


def _ends(low: Any, high: Any) -> str:
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
