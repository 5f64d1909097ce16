"""Curves of cost over size as an SVG of its own, readable on light and dark pages."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LEFT, TOP, WIDE, HIGH, NAMES = 56, 40, 420, 280, 280
COLOURS = ("#0b6e99", "#c2571a", "#6b7280", "#6b7280", "#6b7280")
APART = 15  # between two names

STYLE = Markup("""<style>
text { font: 12px system-ui, sans-serif; fill: #374151 }
.grid { stroke: #d1d5db; stroke-width: 1 }
.curve { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #d1d5db } .grid { stroke: #4b5563 } }
</style>""")


class Curve(NamedTuple):
    """One curve: sizes in journeys, and CPU in µs per journey."""

    name: str
    sizes: tuple[int, ...]
    costs: tuple[float, ...]


def draw(curves: Sequence[Curve], file: Path) -> None:
    """Write the curves, on logarithmic axes, each named at its right end."""
    curves = [curve for curve in curves if curve.sizes]
    low_x, high_x = _decades([size for curve in curves for size in curve.sizes])
    low_y, high_y = _decades([cost for curve in curves for cost in curve.costs])

    def x(size: float) -> float:
        return LEFT + WIDE * (log10(size) - low_x) / (high_x - low_x)

    def y(cost: float) -> float:
        return TOP + HIGH * (high_y - log10(cost)) / (high_y - low_y)

    parts = [_text(LEFT - 44, 20, "CPU in µs per journey, by number of journeys; imports apart")]
    for power in range(low_x, high_x + 1):
        at = x(10**power)
        parts += [
            _line(at, TOP, at, TOP + HIGH),
            _text(at, TOP + HIGH + 18, f"{10**power:,}", "middle"),
        ]
    for power in range(low_y, high_y + 1):
        at = y(10.0**power)
        parts += [
            _line(LEFT, at, LEFT + WIDE, at),
            _text(LEFT - 6, at + 4, f"{10.0**power:g}", "end"),
        ]
    lowest = -1e9
    ends = sorted(zip(curves, COLOURS, strict=False), key=lambda each: y(each[0].costs[-1]))
    for curve, colour in ends:
        points = [(x(size), y(cost)) for size, cost in zip(curve.sizes, curve.costs, strict=True)]
        parts.append(Markup('<polyline class="curve" stroke="{}" points="{}"/>').format(
            colour, " ".join(f"{a:.1f},{b:.1f}" for a, b in points)))  # fmt: skip
        parts += [_dot(a, b, colour) for a, b in points]
        lowest = max(points[-1][1] + 4, lowest + APART)
        parts.append(_dot(LEFT + WIDE + 14, lowest - 4, colour))
        parts.append(_text(LEFT + WIDE + 24, lowest, curve.name))
    size = Markup('width="{0}" height="{1}" viewBox="0 0 {0} {1}"').format(
        LEFT + WIDE + NAMES, TOP + HIGH + 30
    )
    body = Markup("\n").join([STYLE, *parts])
    page = Markup('<svg xmlns="http://www.w3.org/2000/svg" {}>\n{}\n</svg>\n').format(size, body)
    file.write_text(page, encoding="utf-8")


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = floor(log10(min(values))), floor(log10(max(values))) + 1
    return low, high


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        x1, y1, x2, y2
    )


def _dot(x: float, y: float, colour: str) -> Markup:
    return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>').format(x, y, colour)


def _text(x: float, y: float, text: str, anchor: str = "start") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, text
    )
