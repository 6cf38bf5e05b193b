"""Plots as SVG, written by hand: figures over N, readable on light and on dark pages.

Pure: numbers in, text out. The x axis is logarithmic; so is y, so that a ratio is a distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH: Final = 720
HEIGHT: Final = 380
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 44, 52
"""Margins: for the figures of y, the names of the lines, the title, the figures of x."""
RADIUS: Final = 4
NAME_GAP: Final = 16
"""Pixels between the names of two lines at least."""

STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.grid { stroke: #d0d7de; stroke-width: 1 }
.axis { stroke: #57606a; stroke-width: 1 }
polyline { fill: none; stroke-width: 2.5 }
.s0 { stroke: #0969da } circle.s0, text.s0 { fill: #0969da; stroke: none }
.s1 { stroke: #bc4c00 } circle.s1, text.s1 { fill: #bc4c00; stroke: none }
.dashed { stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .grid { stroke: #30363d } .axis { stroke: #8b949e }
.s0 { stroke: #58a6ff } circle.s0, text.s0 { fill: #58a6ff }
.s1 { stroke: #f0883e } circle.s1, text.s1 { fill: #f0883e }
}
"""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, its points (x ascending, all above zero), and how it is drawn."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    """0 or 1."""
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    """A logarithmic axis: values from `least` to `most` onto pixels."""

    least: float
    most: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = math.log(self.most / self.least) or 1.0
        share = math.log(value / self.least) / span
        return round(self.start + share * (self.end - self.start), 1)


def plot(title: str, x_title: str, y_title: str, series: Sequence[Series]) -> str:
    """Return the SVG; raises `ValueError` without any point."""
    values = [point for one in series for point in one.points]
    if not values:
        raise ValueError("nothing to plot")
    xs = sorted({x for x, _ in values})
    y_ticks = ticks(min(y for _, y in values), max(y for _, y in values))
    x = _Scale(xs[0], xs[-1], LEFT, WIDTH - RIGHT)
    y = _Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    alternative = escape(f"{title}: {y_title} over {x_title}")
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>',
        f"<title>{alternative}</title>",
        f"<style>{STYLE}</style>",
        _text(LEFT, 24, f"{title}, {y_title}", "title", "start"),
        *_grid(xs, y_ticks, x, y),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_title, "", "middle"),
    ]
    for one in series:
        parts += _line(one, x, y)
    parts += _names(series, x, y)
    return "\n".join([*parts, "</svg>", ""])


def ticks(least: float, most: float) -> list[float]:
    """Return 1, 2, 5, 10, ... from at most `least` to at least `most`."""
    steps = [
        factor * 10.0**power
        for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 2)
        for factor in (1, 2, 5)
    ]
    first = max(number for number, one in enumerate(steps) if one <= least)
    last = min(number for number, one in enumerate(steps) if one >= most)
    return steps[first : max(last, first + 1) + 1]


def _grid(xs: Iterable[float], y_ticks: Iterable[float], x: _Scale, y: _Scale) -> Iterable[str]:
    for value in y_ticks:
        yield _rule("grid", (LEFT, y(value)), (WIDTH - RIGHT, y(value)))
        yield _text(LEFT - 8, y(value) + 4, f"{value:,g}", "", "end")
    bottom = HEIGHT - BOTTOM
    yield _rule("axis", (LEFT, bottom), (WIDTH - RIGHT, bottom))
    for value in xs:
        yield _rule("axis", (x(value), bottom), (x(value), bottom + 5))
        yield _text(x(value), bottom + 20, f"{value:,g}", "", "middle")


def _line(one: Series, x: _Scale, y: _Scale) -> Iterable[str]:
    pixels = [(x(value), y(figure)) for value, figure in one.points]
    style = f"s{one.color}" + (" dashed" if one.dashed else "")
    yield f'<polyline class="{style}" points="{" ".join(f"{px},{py}" for px, py in pixels)}"/>'
    for px, py in pixels:
        yield f'<circle class="s{one.color}" cx="{px}" cy="{py}" r="{RADIUS}"/>'


def _names(series: Sequence[Series], x: _Scale, y: _Scale) -> Iterable[str]:
    """Write each name at the end of its line, none over another."""
    ends = sorted(
        (y(one.points[-1][1]), x(one.points[-1][0]), number) for number, one in enumerate(series)
    )
    lowest = -math.inf
    for py, px, number in ends:
        lowest = max(py + 4, lowest + NAME_GAP)
        yield _text(px + 10, lowest, series[number].name, f"s{series[number].color}", "start")


def _rule(style: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    ends = f'x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"'
    return f'<line class="{style}" {ends}/>'


def _text(x: float, y: float, text: str, style: str, anchor: str) -> str:
    name = f' class="{style}"' if style else ""
    return f'<text{name} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
