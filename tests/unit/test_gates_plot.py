"""The figure of power curves: what it says of a small frame."""

from __future__ import annotations

from bondx_lib import plots

from . import figure_frames as frames


def test_words_hold_the_numbers_of_the_frame() -> None:
    """Amounts come in order, with the share noticed."""
    words = plots.describe_power(frames.power("keys"))
    assert words.endswith("keys, rows damaged (% of rows): 0.5 in 0%, 2 in 25%, 4 in 100%.")


def test_each_gate_has_its_panel() -> None:
    """One gate, an odd number of gates."""
    for names in (("a",), ("a", "b", "c")):
        figure = plots.power(frames.power(*names))
        assert [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()] == list(names)
        line = figure.axes[0].lines[1]
        assert line.get_ydata().tolist() == [0.0, 0.25, 1.0]
