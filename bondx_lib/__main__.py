"""``python -m bondx_lib`` is the same as ``bondx``."""

import sys

from bondx_lib.cli import main

if __name__ == "__main__":
    sys.exit(main())
