"""The simulated corporate-bond market: parameters and a stream name in, panel and truth out."""

from bondx_lib.market.mix import Mix
from bondx_lib.market.simulation import Market, simulate

__all__ = ["Market", "Mix", "simulate"]
