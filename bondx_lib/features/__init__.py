"""Feature matrices without look-ahead: panel in, one aligned matrix out."""

from bondx_lib.features.build import HARD_LIMITS, INPUTS, build
from bondx_lib.features.columns import FAMILIES, FEATURES, columns_for, family_of
from bondx_lib.features.cross_section import CrossSection, measure

__all__ = [
    "FAMILIES",
    "FEATURES",
    "HARD_LIMITS",
    "INPUTS",
    "CrossSection",
    "build",
    "columns_for",
    "family_of",
    "measure",
]
