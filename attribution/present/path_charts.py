"""Rows of charts for key paths: a ratio around one, and what a channel opens against closes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from attribution.present.markup import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attribution.present.charts import Scale

__all__ = ["RatioScale", "ends_marks", "legend_unsure", "ratio_axis", "ratio_marks", "ratio_scale"]

_ROW = 22
_PAD = 3.0  # per cent of the width kept free at either side
_WIDEST = 16.0  # ratios beyond it, or its inverse, stop at the edge


@dataclass(frozen=True)
class RatioScale:
    """A logarithmic axis around one, with ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, ratio: float) -> float:
        """Return where a ratio stands, in per cent of the width; at the edge if beyond."""
        inside = min(max(ratio, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return _PAD + share * (100 - 2 * _PAD)


def ratio_scale(ratios: Iterable[float]) -> RatioScale:
    """Return an axis over ratios, one included, with ticks at halves and doubles."""
    found = [min(max(each, 1 / _WIDEST), _WIDEST) for each in ratios]
    low, high = min([*found, 0.8]), max([*found, 1.25])
    first, last = math.floor(math.log2(low)), math.ceil(math.log2(high))
    ticks = tuple(t for n in range(first, last + 1) if low <= (t := 2.0**n) <= high)
    return RatioScale(low, high, ticks)


def ratio_axis(scale: RatioScale) -> Markup:
    """Return the tick labels that stand above a column of rows: ×½, ×1, ×2."""
    return Markup('<svg height="16" aria-hidden="true">{}</svg>').format(
        joined(
            Markup('<text x="{:.2f}%" y="13" text-anchor="middle">×{:g}</text>').format(
                scale.at(tick), tick
            )
            for tick in scale.ticks
        )
    )


def ratio_marks(
    scale: RatioScale, ratio: float, low: float, high: float, label: str, *, sure: bool
) -> Markup:
    """Return one row: a dot, solid if the finding is sure, on its interval, and a line at one."""
    parts = [_line("axis" if t == 1 else "grid", scale.at(t)) for t in scale.ticks]
    parts.append(
        Markup('<line class="interval{}" x1="{:.2f}%" x2="{:.2f}%" y1="{y}" y2="{y}"/>').format(
            "" if sure else " unsure", scale.at(low), scale.at(high), y=_ROW / 2
        )
    )
    kind = ("mark" if ratio >= 1 else "mark loss") if sure else "hollow filled"
    parts.append(_dot(kind, scale.at(ratio)))
    return _svg(parts, label)


def legend_unsure() -> Markup:
    """Return a legend's mark of a ratio that is not told from chance."""
    return Markup(
        '<svg height="12" viewBox="0 5 22 12" aria-hidden="true">'
        '<line class="interval unsure" x1="0" x2="100%" y1="{0}" y2="{0}"/>{1}</svg>'
    ).format(_ROW / 2, _dot("hollow filled", 50))


def ends_marks(scale: Scale, opened: float, closed: float, label: str) -> Markup:
    """Return one row: ◀ at what a channel opened, ▶ at what it closed, and the way between."""
    a, b = scale.at(opened), scale.at(closed)
    parts = [_line("axis" if t == 0 else "grid", scale.at(t)) for t in scale.ticks]
    parts.append(
        Markup('<rect class="band" x="{:.2f}%" width="{:.2f}%" y="{}" height="6"/>').format(
            min(a, b), abs(b - a), _ROW / 2 - 3
        )
    )
    for x, path in ((a, "M-5 0 L3 -4.5 L3 4.5 Z"), (b, "M5 0 L-3 -4.5 L-3 4.5 Z")):
        parts.append(
            Markup(
                '<svg x="{:.2f}%" y="{}" overflow="visible" width="1" height="1">'
                '<path class="edge" d="{}"/></svg>'
            ).format(x, _ROW / 2, path)
        )
    return _svg(parts, label)


def _svg(parts: Sequence[Markup], label: str) -> Markup:
    return Markup('<svg height="{}" role="img" aria-label="{}">{}</svg>').format(
        _ROW, label, joined(parts)
    )


def _line(kind: str, x: float) -> Markup:
    return Markup('<line class="{}" x1="{:.2f}%" x2="{:.2f}%" y1="0" y2="{}"/>').format(
        kind, x, x, _ROW
    )


def _dot(kind: str, x: float) -> Markup:
    return Markup('<circle class="{}" cx="{:.2f}%" cy="{}" r="4.5"/>').format(kind, x, _ROW / 2)
