"""Use the champions of a run on bonds of one's own: files in, files out, or frames in memory.

What comes in is checked as a whole before anything goes out. A row's answers do not depend on how
the file is cut, because all rows of an issuer are asked about together and medians of the market
are taken once.
"""

from bondx_lib.scoring.champion import Champion, load_champion
from bondx_lib.scoring.scores import Summary, score

__all__ = ["Champion", "Summary", "load_champion", "score"]
