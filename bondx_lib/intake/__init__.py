"""Tables from outside: read batch by batch, taken in their types, laid into parts on disk.

What scoring and validation share. Neither knows the other; what is an error to one may be a finding
to the other, so nothing here decides that.
"""

from bondx_lib.intake.sources import Source, check_suffix, open_file

__all__ = ["Source", "check_suffix", "open_file"]
