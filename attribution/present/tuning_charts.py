"""Charts of tuning as inline SVG: a curve of support, and shares along a setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from attribution.present.charts import nice_scale
from attribution.present.markup import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["share_panel", "support_curve"]

_LEFT, _RIGHT = 8.0, 97.0  # per cent of the width between which curves lie
_PANEL_LEFT, _PANEL_RIGHT = 14.0, 92.0


def support_curve(
    places: Sequence[float],
    names: Sequence[str],
    middle: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    *,
    within: Sequence[bool],
    span: tuple[float, float] | None,
    at: float | None,
    label: str,
) -> Markup:
    """Return how well candidates are supported: a curve that is zero at the best, and its band.

    Parameters
    ----------
    places
        (C,) where candidates stand, from 0 to 1.
    names
        (C,) what stands below each; empty for none.
    middle, low, high
        (C,) the curve and its interval, zero or less at the middle.
    within
        (C,) candidates not told worse: filled; the others are hollow.
    span, at
        What is shaded as supported, and a line at the value that stands out; None for none.
    """
    top, floor, height = 14, 150, 172
    scale = nice_scale(min(*low, *middle), max(*high, 0.0), most=4)
    size = floor - top

    def y(value: float) -> float:
        return top + size * (scale.high - value) / ((scale.high - scale.low) or 1.0)

    def x(place: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * min(max(place, 0.0), 1.0)

    def path(values: Sequence[float], order: Sequence[int]) -> str:
        return " L".join(f"{100 * places[i]:.2f} {y(values[i]) - top:.2f}" for i in order)

    forth = range(len(places))
    drawn = []
    if span is not None:
        drawn.append(
            Markup(
                '<rect class="supported" x="{:.2f}%" width="{:.2f}%" y="{}" height="{}"/>'
            ).format(x(span[0]), max(x(span[1]) - x(span[0]), 0.3), top, size)
        )
    for tick in scale.ticks:
        kind = "axis" if tick == 0 else "grid"
        drawn.append(_line(kind, _LEFT, _RIGHT, y(tick), y(tick)))
        drawn.append(_text(_LEFT - 1, y(tick) + 4, f"{tick:g}".replace("-", "−"), "end"))
    drawn.append(
        _inset(
            _LEFT,
            _RIGHT,
            top,
            size,
            Markup('<path class="band" d="M{} L{} Z"/><path class="curve" d="M{}"/>').format(
                path(high, forth), path(low, forth[::-1]), path(middle, forth)
            ),
        )
    )
    if at is not None:
        drawn.append(_line("kept", x(at), x(at), top, floor))
    for place, name, value, good in zip(places, names, middle, within, strict=True):
        kind = "dot" if good else "dot unclear"
        drawn.append(
            Markup('<circle class="{}" cx="{:.2f}%" cy="{:.1f}" r="4"/>').format(
                kind, x(place), y(value)
            )
        )
        drawn.append(_text(x(place), floor + 16, name, "middle"))
    return _svg(height, drawn, label)


def share_panel(
    name: str,
    places: Sequence[float],
    shares: Sequence[float],
    *,
    top: float,
    at: tuple[float, float] | None,
    span: tuple[float, float] | None,
    ends: tuple[str, str],
    percent: Callable[[float], str],
    label: str,
) -> Markup:
    """Return one channel's share along a setting.

    Parameters
    ----------
    places, shares
        (C,) from 0 to 1, and the share there.
    top
        The share that the axis must reach; all panels of a figure have the same.
    at
        A place and the share there, as a dot; None for none.
    span
        What is shaded as supported; None for none.
    ends
        What stands at both ends of the axis.
    """
    ceiling, floor, height = 14, 84, 102
    scale = nice_scale(0.0, max(top, 0.01), most=3)
    size = floor - ceiling

    def y(share: float) -> float:
        return floor - size * min(share, scale.high) / scale.high

    def x(place: float) -> float:
        return _PANEL_LEFT + (_PANEL_RIGHT - _PANEL_LEFT) * min(max(place, 0.0), 1.0)

    drawn = []
    if span is not None:
        drawn.append(
            Markup(
                '<rect class="supported" x="{:.2f}%" width="{:.2f}%" y="{}" height="{}"/>'
            ).format(x(span[0]), max(x(span[1]) - x(span[0]), 0.8), ceiling, size)
        )
    for tick in scale.ticks:
        kind = "axis" if tick == 0 else "grid"
        drawn.append(_line(kind, _PANEL_LEFT, _PANEL_RIGHT, y(tick), y(tick)))
        drawn.append(_text(_PANEL_LEFT - 2, y(tick) + 4, percent(tick).rstrip("%"), "end"))
    points = " L".join(
        f"{100 * place:.2f} {y(share) - ceiling:.2f}"
        for place, share in zip(places, shares, strict=True)
    )
    curve = Markup('<path class="curve" d="M{}"/>').format(points)
    drawn.append(_inset(_PANEL_LEFT, _PANEL_RIGHT, ceiling, size, curve))
    if at is not None:
        drawn.append(
            Markup('<circle class="dot" cx="{:.2f}%" cy="{:.1f}" r="4"/>').format(
                x(at[0]), y(at[1])
            )
        )
        drawn.append(_text(x(at[0]), max(y(at[1]) - 7, 10), percent(at[1]), "middle"))
    drawn.append(_text(_PANEL_LEFT, height - 2, ends[0], "start"))
    drawn.append(_text(_PANEL_RIGHT, height - 2, ends[1], "end"))
    return Markup('<div><p class="name strong" title="{0}">{0}</p>{1}</div>').format(
        name, _svg(height, drawn, label)
    )


def _inset(left: float, right: float, top: float, size: float, drawn: Markup) -> Markup:
    """Return what is drawn from 0 to 100 across, stretched between two edges."""
    return Markup(
        '<svg x="{}%" y="{}" width="{}%" height="{size}" viewBox="0 0 100 {size}" '
        'preserveAspectRatio="none">{}</svg>'
    ).format(left, top, right - left, drawn, size=size)


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.2f}%" x2="{:.2f}%" y1="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, x2, y1, y2
    )


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.2f}%" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, text
    )


def _svg(height: float, parts: Sequence[Markup], label: str) -> Markup:
    return Markup('<svg height="{}" role="img" aria-label="{}">{}</svg>').format(
        height, label, joined(parts)
    )
