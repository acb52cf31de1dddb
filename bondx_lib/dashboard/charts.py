"""Small charts of a running run, as SVG that follows the colours of the page around it.

The figures of the report come from matplotlib. These do not, because they are drawn again after
every epoch, from a thread beside whatever else the kernel does, and must fit a dark page as well as
a light one; see ``docs/decisions/0019-live-charts-are-svg.md``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from matplotlib.ticker import MaxNLocator

WIDTH: Final = 420
HEIGHT: Final = 190
LEFT: Final = 46
RIGHT: Final = 96
TOP: Final = 10
BOTTOM: Final = 30
LEAST_GAP: Final = 12
"""Names of levels stand at least so far apart."""
STEPS: Final = (1, 2, 5, 10)
"""Ticks stand at multiples of these."""

Point = tuple[float, float | None]


@dataclass(frozen=True)
class Series:
    """Values by epoch, as a line, a dashed line, dots or triangles; None leaves a hole."""

    name: str
    points: Sequence[Point]
    look: Literal["line", "dashed", "dots", "marks"] = "line"


@dataclass(frozen=True)
class Chart:
    """What a chart shows.

    Attributes
    ----------
    title, description
        What a reader sees above it, and what a screen reader says in its place.
    series
        Drawn in order, the last on top.
    band
        Epoch, lower and upper end of an interval.
    levels
        Heights with names, drawn as dotted lines across.
    low, high
        Ends of the vertical axis; what lies beyond is drawn at its edge.
    """

    title: str
    description: str
    series: Sequence[Series]
    low: float
    high: float
    band: Sequence[tuple[float, float | None, float | None]] = ()
    levels: Sequence[tuple[float, str]] = ()


def svg(chart: Chart) -> str:
    """Return a chart as a figure element with its title as the caption."""
    scale = _Scale.of(chart)
    parts = [
        *_grid(chart, scale),
        *_band(chart, scale),
        *itertools.chain.from_iterable(_drawn(one, scale) for one in chart.series),
        *_levels(chart, scale),
    ]
    return (
        f"<figure><figcaption>{escape(chart.title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.description)}">'
        f"{''.join(parts)}</svg></figure>"
    )


@dataclass(frozen=True)
class _Scale:
    """Maps epochs and values to places on the drawing."""

    first: float
    last: float
    low: float
    high: float

    @classmethod
    def of(cls, chart: Chart) -> _Scale:
        epochs = [x for one in chart.series for x, y in one.points if y is not None] or [1.0]
        first, last = min(epochs), max(epochs)
        return cls(first, max(last, first + 1), chart.low, chart.high)

    def x(self, epoch: float) -> float:
        share = (epoch - self.first) / (self.last - self.first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _grid(chart: Chart, scale: _Scale) -> list[str]:
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    heights = MaxNLocator(nbins=4, steps=STEPS).tick_values(chart.low, chart.high)
    inside = [float(v) for v in heights if chart.low <= v <= chart.high]
    digits = max(0, *(_digits(b - a) for a, b in itertools.pairwise(inside)), 0)
    parts = []
    for value in inside:
        y = scale.y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
            f"{_plain(value, digits)}</text>"
        )
    ticks = MaxNLocator(nbins=6, integer=True, steps=STEPS).tick_values(scale.first, scale.last)
    for epoch in [float(e) for e in ticks if scale.first <= e <= scale.last]:
        parts.append(
            f'<text class="tick" x="{scale.x(epoch):.1f}" y="{floor + 14}" text-anchor="middle">'
            f"{epoch:.0f}</text>"
        )
    parts.append(f'<text class="tick" x="{right}" y="{HEIGHT - 3}" text-anchor="end">epoch</text>')
    return parts


def _digits(step: float) -> int:
    """Return how many decimals tell neighbours apart that are ``step`` apart.

    >>> _digits(0.25), _digits(0.0005), _digits(2.0)
    (2, 4, 0)
    """
    return next((d for d in range(8) if math.isclose(round(step, d), step, rel_tol=1e-6)), 8)


def _plain(value: float, digits: int) -> str:
    """Return a number with a true minus sign.

    >>> _plain(-0.5, 1), _plain(-0.0, 1)
    ('−0.5', '0.0')
    """
    return f"{value + 0.0:.{digits}f}".replace("-", "−")


def _band(chart: Chart, scale: _Scale) -> list[str]:
    held = [(x, low, high) for x, low, high in chart.band if low is not None and high is not None]
    if not held:
        return []
    upper = [f"{scale.x(x):.1f},{scale.y(high):.1f}" for x, _, high in held]
    lower = [f"{scale.x(x):.1f},{scale.y(low):.1f}" for x, low, _ in reversed(held)]
    return [f'<polygon class="band" points="{" ".join([*upper, *lower])}"/>']


def _drawn(one: Series, scale: _Scale) -> list[str]:
    held = [(scale.x(x), scale.y(y)) for x, y in one.points if y is not None]
    if one.look == "dots":
        return [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in held]
    if one.look == "marks":
        return [
            f'<path class="mark" d="M{x:.1f} {y - 5.5:.1f}l4.5 8h-9z"/>' for x, y in held
        ]  # fmt: skip
    if len(held) == 1:
        return [f'<circle class="point" cx="{held[0][0]:.1f}" cy="{held[0][1]:.1f}" r="3"/>']
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in held)
    return [f'<polyline class="{one.look}" points="{points}"/>'] if held else []


def _levels(chart: Chart, scale: _Scale) -> list[str]:
    """Draw the levels, their names beside them and apart from one another."""
    right, parts = WIDTH - RIGHT, []
    shown = sorted(((scale.y(value), name) for value, name in chart.levels
                    if chart.low <= value <= chart.high), reverse=True)  # fmt: skip
    free = float(HEIGHT)
    for y, name in shown:
        free = min(y, free - LEAST_GAP)
        parts.append(f'<line class="level" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="name" x="{right + 5}" y="{free + 3.5:.1f}">{escape(name)}</text>'
        )
    return parts
