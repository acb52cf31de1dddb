"""Ways to spoil a document that was good: its structure, or its bytes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

NASTY = (
    "", " ", "..", "../../etc/passwd", "/", "~", "\x00", "\n", "<script>alert(1)</script>", "=1+1",
    "{{ x }}", "null", "NaN", "1e999", "-0", "1_000", "0x10", "2026-02-30", "é" * 300, "!!python/x",
)  # fmt: skip
NUMBERS = (0, -1, 2**63, -(2**70), 10**400, 1e308, -1e-320, float("nan"), float("inf"))
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.integers() | st.floats()
    | st.sampled_from(NASTY) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(NASTY) | st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
"""Any value that YAML or JSON can hold, the unpleasant ones often."""


@st.composite
def documents(draw: st.DrawFn, good: dict[str, Any]) -> Any:
    """Return a document of which one to three places were replaced, renamed, added or left out."""
    spoilt = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from([*_places(spoilt)] or [(None, None)]))
        if holder is None:
            return draw(ODD)
        match draw(st.sampled_from(("replace", "rename", "add", "leave out"))):
            case "replace":
                holder[key] = draw(ODD)
            case "rename" if isinstance(holder, dict):
                holder[draw(st.sampled_from(NASTY) | st.text(max_size=8))] = holder.pop(key)
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=8))] = draw(ODD)
            case _:
                del holder[key]
    return spoilt


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each holder with each of its keys, from the outside in."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


@st.composite
def contents(draw: st.DrawFn, good: bytes) -> bytes:
    """Return bytes of which up to three stretches were changed, doubled, added or cut out."""
    spoilt = bytearray(good)
    for _ in range(draw(st.integers(1, 3))):
        first = draw(st.integers(0, len(spoilt)))
        last = min(len(spoilt), first + draw(st.integers(0, 40)))
        match draw(st.sampled_from(("change", "double", "add", "cut out", "end here"))):
            case "change":
                spoilt[first:last] = draw(st.binary(min_size=last - first, max_size=last - first))
            case "double":
                spoilt[first:first] = spoilt[first:last]
            case "add":
                spoilt[first:first] = draw(
                    st.binary(max_size=12) | st.sampled_from([one.encode() for one in NASTY])
                )
            case "cut out":
                del spoilt[first:last]
            case _:
                del spoilt[first:]
    return bytes(spoilt)
