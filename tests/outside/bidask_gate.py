"""A gate that lives in a package of its own."""

from bondx_lib import gates


class WideBidAsk(gates.RowGate):
    """Bid and offer are rarely a tenth of the price apart."""

    name = "wide_bid_ask"
    catches = "bonds that nobody makes a market in"
    what = "have a bid-ask of over 1000 bp"
    columns = ("bid_ask_bps",)
    limit = 5.0

    def bad(self, rows):
        """Mark wide rows."""
        return rows["bid_ask_bps"] > 1000
