"""The gates on data over a file of one's own: Parquet or CSV in, findings out.

``validate`` judges; ``document`` puts what was found into plain values, and ``as_text``, ``show``
and ``write`` bring these to a reader.
"""

from bondx_lib.validation.check import Checked, validate
from bondx_lib.validation.column_map import ColumnMap
from bondx_lib.validation.document import document
from bondx_lib.validation.output import check_targets, show, write
from bondx_lib.validation.text import as_text

__all__ = [
    "Checked", "ColumnMap", "as_text", "check_targets", "document", "show", "validate", "write",
]  # fmt: skip
