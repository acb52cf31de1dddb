"""Other people's names, units and words: how they become those of the panel table.

A column map is a YAML file; everything in it goes by our names::

    columns: {bond_id: ISIN, spread_bps: oas}
    scale: {spread_bps: 100}
    values: {rating: {Baa1: BBB+}}
    missing: ["-", "#N/A"]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bondx_lib import parameters, schema
from bondx_lib.errors import BadInput, nearest
from bondx_lib.intake import cells

BLOCKS: Final = {
    "columns": "our name: what the column is called in the file; equal names need no line",
    "scale": "our name: the factor that turns their numbers into our unit",
    "values": "our name: their words, each with ours; words that are not listed stay",
    "missing": "texts that stand for a missing value, besides empty cells and the usual words",
}
"""What a column map may hold, and what it is."""
COLUMNS: Final = schema.names("panel")


@dataclass(frozen=True)
class ColumnMap:
    """How a file departs from the panel table.

    Attributes
    ----------
    source
        For errors: the map's file.
    columns
        Our name to theirs, where they differ.
    scale
        Our name to the factor that turns their numbers into our unit.
    values
        Our name to their words and ours.
    missing
        What stands where a value is missing, besides an empty cell and the usual words.
    """

    source: str = "column map"
    columns: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def theirs(self, name: str) -> str:
        """Return what a column of ours is called in the file."""
        return self.columns.get(name, name)

    def to_dict(self) -> dict[str, Any]:
        """Return the map as it would be written, without its file."""
        return {name: getattr(self, name) for name in BLOCKS if getattr(self, name)}


def load(path: str | Path) -> ColumnMap:
    """Return a column map from a YAML file.

    Raises
    ------
    BadInput
        When it cannot be read, names a block or a column that is not known, maps something twice,
        or states a factor or a word that its column cannot take.
    """
    source = str(path)
    given = parameters.read_mapping(Path(path))
    for block in given:
        _must_know(block, BLOCKS, source, str(block))
    columns = _block(given, "columns", source, _name)
    return ColumnMap(
        source,
        columns,
        _block(given, "scale", source, _factor),
        _block(given, "values", source, _words),
        _texts(given.get("missing"), source),
    )


def _block(
    given: Mapping[str, Any], block: str, source: str, read: Callable[[str, str, Any], Any]
) -> dict[str, Any]:
    found = given.get(block)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadInput("is no mapping", source=source, key=block, value=found,
                       admissible="our column names, each with its entry")  # fmt: skip
    for name in found:
        _must_know(name, COLUMNS, source, f"{block}.{name}")
    return {name: read(source, f"{block}.{name}", value) for name, value in found.items()}


def _name(source: str, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadInput("is no name of a column", source=source, key=key, value=value,
                       admissible="a name, in quotes if it looks like a number")  # fmt: skip
    return value


def _factor(source: str, key: str, value: Any) -> float:
    name, value = key.partition(".")[2], parameters.as_number(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if cells.kind(name) != "float64":
        raise BadInput("has no unit to scale", source=source, key=key, value=value,
                       admissible="columns with numbers that are not counted")  # fmt: skip
    if not number or not math.isfinite(value) or value == 0:
        raise BadInput("is no factor", source=source, key=key, value=value,
                       admissible="a finite number other than 0")  # fmt: skip
    return float(value)


def _words(source: str, key: str, value: Any) -> dict[str, str]:
    name = key.partition(".")[2]
    if not isinstance(value, dict) or not value:
        raise BadInput("is no mapping", source=source, key=key, value=value,
                       admissible="their words, each with ours")  # fmt: skip
    found = {}
    for theirs, ours in value.items():
        if not isinstance(theirs, str):
            raise BadInput("is no text", source=source, key=f"{key}.{theirs}", value=theirs,
                           admissible="put it in quotes")  # fmt: skip
        found[theirs] = str(ours).lower() if isinstance(ours, bool) else str(ours)
        allowed = cells.WORDS.get(name)
        if allowed is not None:
            _must_know(found[theirs], allowed, source, f"{key}.{theirs}")
    return found


def _texts(value: Any, source: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput("is no list of texts", source=source, key="missing", value=value,
                       admissible='for example ["-", "#N/A"]')  # fmt: skip
    return tuple(value)


def _must_know(name: Any, known: Iterable[str], source: str, key: str) -> None:
    names = tuple(known)
    if name not in names:
        shown = ", ".join(names) if len(names) < 30 else "the columns of docs/data_dictionary.md"
        raise BadInput("is not known", source=source, key=key, value=name, admissible=shown,
                       nearest=nearest(str(name), names))  # fmt: skip
