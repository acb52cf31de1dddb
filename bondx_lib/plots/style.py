"""How every figure of the project looks, said once.

Colours come from the palette of Okabe and Ito, which stays apart for colour-blind readers and in
grey print. Figures are drawn at the width of a phone and printed at twice its density, so one file
serves both. Nothing here touches matplotlib's global state: :func:`styled` opens a context.
"""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, Final, ParamSpec

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

WIDTH_INCHES: Final = 5.6
DOTS_PER_INCH: Final = 180

INK: Final = "#1c2733"
MUTED: Final = "#5b6773"
RULE: Final = "#d5dbe1"
GOOD: Final = "#00614a"
BAD: Final = "#b23b00"
THEME: Final = {
    INK: "--jp-ui-font-color1",
    MUTED: "--jp-ui-font-color2",
    RULE: "--jp-border-color2",
}
"""What JupyterLab calls the colours that change with its theme."""

MODEL_COLOURS: Final = {
    "spread": "#0072b2",
    "downgrade": "#b23b00",
    "liquidity_shock": "#00785a",
    "anomaly": "#8f3f77",
}
SPARE_COLOURS: Final = ("#4a4fb5", "#6b5300", "#00707d", "#a8325e")
"""For models that packages add, in turn."""

STYLE: Final[dict[str, object]] = {
    **sns.axes_style("ticks"),
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.0,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}

Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Let a figure be drawn in the project's style, and leave the caller's style alone."""

    @functools.wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with mpl.rc_context(STYLE):  # type: ignore[arg-type]
            return draw(*args, **kwargs)

    return drawn


def colours(models: Iterable[str]) -> dict[str, str]:
    """Return the models, each once and in order, with their colours.

    >>> colours(["spread", "bid_ask", "spread"])
    {'spread': '#0072b2', 'bid_ask': '#4a4fb5'}
    """
    spare = itertools.cycle(SPARE_COLOURS)
    return {name: MODEL_COLOURS.get(name) or next(spare) for name in dict.fromkeys(models)}


def canvas(height_inches: float) -> Figure:
    """Return an empty figure of the one width."""
    return Figure(figsize=(WIDTH_INCHES, height_inches), dpi=DOTS_PER_INCH, layout="constrained")


def panels(
    rows: int, columns: int, height_inches: float, **sharing: bool
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, row by row."""
    figure = canvas(height_inches)
    grid = figure.subplots(rows, columns, squeeze=False, **sharing)  # type: ignore[call-overload]
    return figure, list(grid.flat)


def png(figure: Figure) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes."""
    target = io.BytesIO()
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure.savefig(target, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return target.getvalue()


def themed_svg(figure: Figure, description: str) -> str:
    """Return the figure as an SVG element whose ink follows the colours of the page around it.

    Paper is transparent; ink, labels and rules take JupyterLab's theme variables, and their own
    colours where there are none.

    Parameters
    ----------
    figure
        Drawn in the project's style.
    description
        What a screen reader says in its place.
    """
    target = io.StringIO()
    settings: dict[Any, Any] = {**STYLE, "svg.fonttype": "none", "svg.hashsalt": "bondx"}
    with mpl.rc_context(settings):
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    content = target.getvalue()
    content = content[content.index("<svg") :]
    for colour, variable in THEME.items():
        content = content.replace(colour, f"var({variable}, {colour})")
    return content.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)


def whole_epochs(axes: Axes) -> None:
    """Tick the epoch axis at whole numbers only."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")


def date_axis(axes: Axes) -> None:
    """Tick a time axis at a few round dates."""
    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)


def log_basis_points(axes: Axes) -> None:
    """Put basis points on a logarithmic axis with plain numbers at 1, 2 and 5."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())


def margin_label(axes: Axes, height: float, text: str, colour: str = MUTED) -> None:
    """Write a word beside a horizontal line, just outside the right edge."""
    axes.annotate(
        text, (1.0, height), xycoords=("axes fraction", "data"), xytext=(4, 0),
        textcoords="offset points", va="center", fontsize=9, color=colour, annotation_clip=False,
    )  # fmt: skip


def spread_apart(heights: list[float], gap: float) -> list[float]:
    """Return the heights, moved up as little as keeps neighbours ``gap`` apart.

    >>> spread_apart([1.0, 1.1, 5.0], 0.5)
    [1.0, 1.5, 5.0]
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed = list(heights)
    for below, above in itertools.pairwise(order):
        placed[above] = max(placed[above], placed[below] + gap)
    return placed
