"""Take columns in the types that the panel table declares; say which cells cannot be taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bondx_lib import schema
from bondx_lib.errors import BadInput, nearest

Bools = NDArray[np.bool_]

LARGEST_WHOLE: Final = 1e9
"""Beyond it narrow types come to their end."""
FIRST_YEAR, LAST_YEAR = 1900, 2199
TIME: Final = pa.timestamp("ns")
DESCRIBED: Final = {row["name"]: row for row in schema.describe("panel")}
WORDS: Final = {
    "sector": schema.SECTORS, "rating": schema.RATINGS, "seniority": schema.SENIORITIES,
    "regime_observed": schema.REGIMES,
}  # fmt: skip


def kind(name: str) -> str:
    """Return the declared type of a column of the panel."""
    return DESCRIBED[name]["type"]


def admissible(name: str, value: Any) -> str:
    """Say what a column takes, and which known word is nearest to the one given."""
    allowed = WORDS.get(name)
    if allowed is not None:
        found = None if value is None else nearest_word(str(value), allowed)
        words = ", ".join(allowed)
        return words if found is None else f"{words}; did you mean {found!r}?"
    if kind(name) == "date":
        return f"YYYY-MM-DD, years {FIRST_YEAR} to {LAST_YEAR}"
    if kind(name) == "bool":
        return "true, false, 1, 0"
    if kind(name) == "string":
        return "a name"
    if kind(name).startswith("int"):
        return "a whole number"
    return f"a finite number, {DESCRIBED[name]['unit']}".rstrip(", ")


def nearest_word(value: str, allowed: tuple[str, ...]) -> str | None:
    """Return the known word closest to one that may differ in case and underscores."""
    plain = {word.casefold().replace("_", " "): word for word in allowed}
    asked = value.strip().casefold().replace("_", " ")
    found = nearest(asked, plain)
    return None if found is None else plain[found]


def plain(values: pa.Array) -> pa.Array:
    """Return values without dictionaries, words as strings, empty words and NaN as null."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    if pa.types.is_string(values.type):
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def taken(name: str, values: pa.Array, source: str) -> tuple[pa.Array, Bools]:
    """Return a column in its declared type, and which cells cannot take it; these become null.

    Numbers come out as floats, dates as nanoseconds. A fraction cannot be a whole number, nor a day
    of another age a date.

    Parameters
    ----------
    name
        A column of the panel.
    values
        As :func:`plain` returns them.
    source
        For errors: the file.

    Raises
    ------
    BadInput
        When the column as a whole is of an unusable type.
    """
    take = {"date": _dates, "bool": _bools, "string": _strings}.get(kind(name), _numbers)
    try:
        usable, bad = _castable(values, take)
    except (pa.ArrowException, TypeError) as error:
        raise BadInput(
            f"is of type {values.type}", source=source, key=name, admissible=admissible(name, None)
        ) from error
    if kind(name).startswith("int"):
        bad |= _not_whole(usable)
    elif take is _dates:
        bad |= marks(pc.fill_null(pc.less(pc.year(usable), FIRST_YEAR), False))
    return without(usable, bad), bad


def without(values: pa.Array, bad: Bools) -> pa.Array:
    """Return values with null in place of the marked ones."""
    return pc.if_else(pa.array(bad), pa.scalar(None, values.type), values) if bad.any() else values


def marks(values: pa.Array) -> Bools:
    """Return Arrow's bools as an array."""
    return np.asarray(values.to_numpy(zero_copy_only=False), bool)


def _castable(values: pa.Array, take: Callable[[pa.Array], pa.Array]) -> tuple[pa.Array, Bools]:
    """Return the values in another type, and which cannot take it."""
    try:
        return take(values), np.zeros(len(values), bool)
    except pa.ArrowInvalid:
        if not pa.types.is_string(values.type):
            raise
    encoded = pc.utf8_trim_whitespace(values).dictionary_encode()
    distinct = encoded.dictionary
    fails = np.array([_fails(distinct.slice(place, 1), take) for place in range(len(distinct))])
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    bad = np.append(fails, False)[codes]
    return take(without(encoded.dictionary_decode(), bad)), bad


def _fails(value: pa.Array, take: Callable[[pa.Array], pa.Array]) -> bool:
    try:
        take(value)
    except pa.ArrowInvalid:
        return True
    return False


def _numbers(values: pa.Array) -> pa.Array:
    if pa.types.is_boolean(values.type) or pa.types.is_temporal(values.type):
        raise TypeError("is no number")
    return values.cast(pa.float64(), safe=False)


def _bools(values: pa.Array) -> pa.Array:
    if pa.types.is_boolean(values.type):
        return values
    if pa.types.is_string(values.type):
        return values.cast(pa.bool_())
    numbers = _numbers(values)
    known = pc.is_in(numbers, value_set=pa.array([0.0, 1.0]))
    if not pc.all(pc.or_(known, pc.is_null(numbers))).as_py():
        raise TypeError("is neither true nor false")
    return numbers.cast(pa.bool_())


def _strings(values: pa.Array) -> pa.Array:
    if pa.types.is_string(values.type) or pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.string())
    raise TypeError("is no word")


def _dates(values: pa.Array) -> pa.Array:
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        raise TypeError("is no date")
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = pc.local_timestamp(values)
    seconds = values.cast(pa.timestamp("s"), safe=False)
    within = pc.and_(
        pc.greater_equal(pc.year(seconds), FIRST_YEAR), pc.less_equal(pc.year(seconds), LAST_YEAR)
    )
    # Nanoseconds overflow beyond the year 2262, so what is out of bounds is marked by another year.
    kept = pc.if_else(within, seconds, _NO_DATE)
    return pc.floor_temporal(kept, unit="day").cast(TIME)


_NO_DATE: Final = pa.scalar(pd.Timestamp(FIRST_YEAR - 1, 1, 1), pa.timestamp("s"))


def _not_whole(numbers: pa.Array) -> Bools:
    values = numbers.to_numpy(zero_copy_only=False)
    known = ~np.isnan(values)
    odd = known & ~(np.abs(values) <= LARGEST_WHOLE)
    return np.asarray(odd | (known & (values != np.floor(values))))
