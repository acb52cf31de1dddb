"""The figure of power curves: what it says of a small frame."""

from __future__ import annotations

import pandas as pd

from bondx_lib import plots


def curves(*gates: str) -> pd.DataFrame:
    """Return three amounts for each gate."""
    return pd.DataFrame(
        {"gate": name, "what": "rows damaged", "unit": "% of rows", "amount": amount,
         "noticed": share}
        for name in gates
        for amount, share in ((2.0, 0.25), (0.5, 0.0), (4.0, 1.0))
    )  # fmt: skip


def test_words_hold_the_numbers_of_the_frame() -> None:
    """Amounts come in order, with the share noticed."""
    words = plots.describe_power(curves("keys"))
    assert words.endswith("keys, rows damaged (% of rows): 0.5 in 0%, 2 in 25%, 4 in 100%.")


def test_each_gate_has_its_panel() -> None:
    """One gate, an odd number of gates; the same frame gives the same bytes."""
    for names in (("a",), ("a", "b", "c")):
        figure = plots.power(curves(*names))
        assert [ax.get_title() for ax in figure.axes if ax.get_visible()] == list(names)
        line = figure.axes[0].lines[1]
        assert line.get_ydata().tolist() == [0.0, 0.25, 1.0]
    assert plots.png(plots.power(curves("a"))) == plots.png(plots.power(curves("a")))
