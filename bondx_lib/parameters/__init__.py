"""The parameters of a run: typed, frozen, strict.

A parameters file states only what differs from the defaults. Every key is known, every value has a
type and a range; anything else is refused with the file, the key, the value and what would do.
"""

from bondx_lib.parameters.blocks import (
    NOT_IDENTITY,
    Advanced,
    ParameterRanges,
    Parameters,
    QualityGates,
    as_number,
)
from bondx_lib.parameters.reading import default, load, parse_override, read_mapping, read_value
from bondx_lib.parameters.table import describe

__all__ = [
    "NOT_IDENTITY", "Advanced", "ParameterRanges", "Parameters", "QualityGates", "as_number",
    "default", "describe", "load", "parse_override", "read_mapping", "read_value",
]  # fmt: skip
