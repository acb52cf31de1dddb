"""What a stranger needs to check a run: a pack of evidence, its seal, and ways to test both."""

from bondx_lib.evidence.comparison import as_text, compare
from bondx_lib.evidence.export import export
from bondx_lib.evidence.pack import (
    EXAMINATION,
    EXPLAINED,
    REPEATED,
    finish,
    write_documents,
    write_environment,
)
from bondx_lib.evidence.seal import SUMS_NAME, files, pack_id, seal, verify
from bondx_lib.evidence.verifier import Difference

__all__ = [
    "EXAMINATION", "EXPLAINED", "REPEATED", "SUMS_NAME", "Difference", "as_text", "compare",
    "export", "files", "finish", "pack_id", "seal", "verify", "write_documents",
    "write_environment",
]  # fmt: skip
