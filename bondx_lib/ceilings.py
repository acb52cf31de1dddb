r"""The ceilings: how much of what the simulator knows can be known from what a model may see.

The full-state ceiling of a score is the loss of the true law, hidden causes included; no model that
sees the panel alone can reach it. The share of the way from the floor to it that the permitted
features allow is estimated once, on a very large draw, by a reference learner
(:mod:`bondx_lib.reference`) and kept in ``ceilings.json`` with the digest of everything it depends
on. The ceiling of a score on any market is then

.. math:: c = f - \\rho\\,(f - c_{full})

with the floor :math:`f` and the full-state ceiling :math:`c_{full}` of that very market.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

FILE_NAME: Final = "ceilings.json"
DEPENDS_ON: Final = (
    "market/constants.json", "market/facts.csv", "market/bonds.py", "market/corruption.py",
    "market/disclosure.py", "market/issuers.py", "market/liquidity.py", "market/macro.py",
    "market/ratings.py", "market/rows.py", "market/simulation.py", "market/spreads.py",
    "market/streams.py", "market/truth.py", "features.py", "pricing.py", "reference.py",
)  # fmt: skip


@functools.cache
def stored() -> dict[str, Any]:
    """Return the ceilings as they were last made: by task, with intervals and learning curves."""
    text = resources.files("bondx_lib").joinpath(FILE_NAME).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def share(task: str) -> float:
    """Return which share of the way from the floor to the full-state ceiling can be gone.

    >>> 0 < share("downgrade") <= 1
    True
    """
    return float(stored()["tasks"][task]["share"])


def digest() -> str:
    """Return a digest of all that the ceilings depend on; comments and docstrings do not count."""
    total = hashlib.sha256()
    for name in DEPENDS_ON:
        total.update(f"{name}\n".encode())
        total.update(_meaning(resources.files("bondx_lib").joinpath(*name.split("/"))))
    return total.hexdigest()


def stale() -> bool:
    """Say whether the market or the features have changed since the ceilings were made."""
    return bool(stored()["digest"] != digest())


def _meaning(file: Traversable) -> bytes:
    text = file.read_text(encoding="utf-8")
    if not file.name.endswith(".py"):
        return text.encode()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree).encode()
