"""Charts as inline SVG: no script, no request, colours from the style sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from attribution.present.markup import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from attribution.evaluate.causal import Estimate

__all__ = [
    "Scale",
    "axis",
    "bars",
    "claim_bar",
    "claim_days",
    "claim_mark",
    "estimate_row",
    "legend_mark",
    "nice_scale",
    "range_marks",
    "value_bar",
]

_ROW = 22
_PAD = 1.5  # per cent of the width kept free at either side of a row plot


@dataclass(frozen=True)
class Scale:
    """A linear axis: from `low` to `high`, with ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return where a value stands, in per cent of the width."""
        share = (value - self.low) / (self.high - self.low)
        return _PAD + share * (100 - 2 * _PAD)


def nice_scale(low: float, high: float, most: int = 5) -> Scale:
    """Return an axis over the values, zero included, with at most `most` steps of 1, 2 or 5."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return Scale(0.0, 1.0, (0.0,))
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Scale(low, high, tuple(i * step for i in range(first, last + 1)))


def _svg(height: float, parts: Sequence[Markup], label: str = "") -> Markup:
    role = (
        Markup('role="img" aria-label="{}"').format(label)
        if label
        else Markup('aria-hidden="true"')
    )
    return Markup('<svg height="{}" {}>{}</svg>').format(height, role, joined(parts))


def _vertical(kind: str, x: float, top: float, bottom: float) -> Markup:
    return Markup('<line class="{}" x1="{:.2f}%" x2="{:.2f}%" y1="{}" y2="{}"/>').format(
        kind, x, x, top, bottom
    )


def _text(x: str, y: float, text: str, *, anchor: str = "middle", kind: str = "") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, text
    )


def axis(scale: Scale, written: Callable[[float], str]) -> Markup:
    """Return the tick labels that stand above a column of row plots."""
    parts = [_text(f"{scale.at(t):.2f}%", 13, written(t)) for t in scale.ticks]
    return _svg(16, parts)


def _grid(scale: Scale) -> list[Markup]:
    return [
        _vertical("axis" if tick == 0 else "grid", scale.at(tick), 0, _ROW) for tick in scale.ticks
    ]


def _triangle(x: float, *, left: bool) -> Markup:
    d = "M-5 0 L3 -4.5 L3 4.5 Z" if left else "M5 0 L-3 -4.5 L-3 4.5 Z"
    return Markup(
        '<svg x="{:.2f}%" y="{}" overflow="visible" width="1" height="1">'
        '<path class="edge" d="{}"/></svg>'
    ).format(x, _ROW / 2, d)


def _dot(kind: str, x: float, radius: float = 4.5) -> Markup:
    return Markup('<circle class="{}" cx="{:.2f}%" cy="{}" r="{}"/>').format(
        kind, x, _ROW / 2, radius
    )


def range_marks(
    scale: Scale,
    figures: Mapping[str, float],
    first: str | None,
    last: str | None,
    headline: str,
    label: str,
    margin: float | None = None,
    caused: Estimate | None = None,
) -> Markup:
    """Return one row: the band of all models, a mark for each, the headline model's dot on top.

    `figures` by model; `first` and `last` name the models drawn as arrows. One entry only is
    drawn as a hollow dot. The dot carries the headline model's interval, `margin` to either side,
    as far as the axis goes. What is estimated as `caused` is no part of the band: a hollow diamond.
    """
    low, high = min(figures.values()), max(figures.values())
    middle = _ROW / 2
    parts = _grid(scale)
    whisker = _around(scale, figures[headline], margin)
    if len(figures) == 1:
        diamond = _estimated(scale, caused)
        return _svg(_ROW, [*parts, *whisker, _dot("hollow", scale.at(low)), *diamond], label)
    parts.append(
        Markup('<rect class="band" x="{:.2f}%" width="{:.2f}%" y="{}" height="6"/>').format(
            scale.at(low), scale.at(high) - scale.at(low), middle - 3
        )
    )
    parts += [_vertical("cap", scale.at(end), middle - 5, middle + 5) for end in (low, high)]
    parts += [
        _vertical("tick", scale.at(figure), middle - 5, middle + 5)
        for name, figure in figures.items()
        if name not in (first, last, headline)
    ]
    if first is not None:
        parts.append(_triangle(scale.at(figures[first]), left=True))
    if last is not None:
        parts.append(_triangle(scale.at(figures[last]), left=False))
    parts += [*whisker, _dot("mark", scale.at(figures[headline])), *_estimated(scale, caused)]
    return _svg(_ROW, parts, label)


def estimate_row(scale: Scale, caused: Estimate, text: str, label: str) -> Markup:
    """Return one row with nothing but the diamond, and words beside it where there is room.

    Off the axis there are the words alone, at its end.
    """
    parts, x = _grid(scale), scale.at(min(caused.figure, scale.high))
    if caused.figure > scale.high:
        return _svg(_ROW, [*parts, _text(f"{x:.2f}%", 15, text, anchor="end", kind="halo")], label)
    right = x < 50
    words = Markup('<svg x="{:.2f}%" overflow="visible" width="1" height="{}">{}</svg>').format(
        x,
        _ROW,
        _text("10" if right else "-10", 15, text, anchor="start" if right else "end", kind="halo"),
    )
    return _svg(_ROW, [*parts, *_estimated(scale, caused), *([words] if text else [])], label)


def _estimated(scale: Scale, caused: Estimate | None) -> list[Markup]:
    if caused is None:
        return []
    whisker = [] if caused.ends is None else [_whisker(scale, caused.ends, "interval caused")]
    return [*whisker, _diamond(f"{scale.at(caused.figure):.2f}%")]


def _diamond(x: str) -> Markup:
    return Markup(
        '<svg x="{}" y="{}" overflow="visible" width="1" height="1">'
        '<path class="diamond" d="M0 -5 L5 0 L0 5 L-5 0 Z"/></svg>'
    ).format(x, _ROW / 2)


def _around(scale: Scale, middle: float, margin: float | None) -> list[Markup]:
    if margin is None:
        return []
    return [_whisker(scale, (middle - margin, middle + margin), "interval")]


def _whisker(scale: Scale, ends: tuple[float, float], kind: str) -> Markup:
    low, high = (min(max(end, scale.low), scale.high) for end in ends)
    return Markup('<line class="{}" x1="{:.2f}%" x2="{:.2f}%" y1="{y}" y2="{y}"/>').format(
        kind, scale.at(low), scale.at(high), y=_ROW / 2
    )


def single_mark(scale: Scale, value: float, label: str) -> Markup:
    """Return one row with a hollow dot: a figure that is the same in every model."""
    return _svg(_ROW, [*_grid(scale), _dot("hollow", scale.at(value))], label)


def value_bar(scale: Scale, value: float, label: str, margin: float | None = None) -> Markup:
    """Return one row with a bar from zero; with a margin also its interval."""
    start, end = sorted((scale.at(0.0), scale.at(value)))
    bar = Markup('<rect class="bar" x="{:.2f}%" width="{:.2f}%" y="5" height="12"/>').format(
        start, end - start
    )
    return _svg(_ROW, [*_grid(scale), bar, *_around(scale, value, margin)], label)


def legend_mark(kind: str) -> Markup:
    """Return a legend's mark.

    "first", "last", "other", "headline", "interval", "band", "caused" or "caused interval".
    """
    half = _ROW / 2
    drawn = {
        "first": _triangle(50, left=True),
        "last": _triangle(50, left=False),
        "other": _vertical("tick", 50, half - 5, half + 5),
        "headline": _dot("mark", 50),
        "interval": Markup('<line class="interval" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(
            half
        )
        + _dot("mark", 50),
        "band": Markup('<rect class="band" x="0" width="100%" y="{}" height="6"/>').format(half - 3)
        + _vertical("cap", 0, half - 5, half + 5)
        + _vertical("cap", 100, half - 5, half + 5),
        "caused": _diamond("50%"),
        "caused interval": Markup(
            '<line class="interval caused" x1="0" x2="100%" y1="{0}" y2="{0}"/>'
        ).format(half)
        + _diamond("50%"),
    }[kind]
    return Markup('<svg height="12" viewBox="0 5 22 12" aria-hidden="true">{}</svg>').format(drawn)


def bars(shares: Sequence[float], above: Sequence[str], below: Sequence[str], label: str) -> Markup:
    """Return vertical bars from zero with a figure above and a name below each."""
    height, top, floor = 150, 16, 132
    largest = max([*shares, 1e-12])
    width = 100 / max(1, len(shares))
    parts: list[Markup] = []
    for place, share in enumerate(shares):
        size = (floor - top) * share / largest
        x = place * width
        centre = f"{x + width / 2:.2f}%"
        parts.append(
            Markup(
                '<rect class="bar" x="{:.2f}%" width="{:.2f}%" y="{:.1f}" height="{:.1f}"/>'
            ).format(x + width * 0.06, width * 0.88, floor - size, size)
        )
        parts.append(_text(centre, floor - size - 4, above[place]))
        parts.append(_text(centre, floor + 15, below[place]))
    parts.append(Markup('<line class="axis" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(floor))
    return _svg(height, parts, label)


def claim_bar(scale: Scale, says: float, stands: float | None, kept: float, label: str) -> Markup:
    """Return one row: a claim as a bar, solid as far as it stands, and a tick for what was kept.

    Without `stands` the claim cannot be checked, and its outline is broken.
    """
    parts = _grid(scale)
    parts.append(_rect("claimed" if stands is not None else "claimed unchecked", scale, says))
    if stands is not None:
        parts.append(_rect("bar", scale, stands))
    parts.append(_vertical("kept", scale.at(kept), 1, _ROW - 1))
    return _svg(_ROW, parts, label)


def _rect(kind: str, scale: Scale, value: float) -> Markup:
    start, end = sorted((scale.at(0.0), scale.at(value)))
    return Markup('<rect class="{}" x="{:.2f}%" width="{:.2f}%" y="5" height="12"/>').format(
        kind, start, end - start
    )


def claim_mark(kind: str) -> Markup:
    """Return a legend's mark: "bar", "claimed", "claimed unchecked" or "kept"."""
    drawn = (
        _vertical("kept", 50, 6, 16)
        if kind == "kept"
        else Markup('<rect class="{}" x="1" width="20" y="6" height="10"/>').format(kind)
    )
    return Markup('<svg height="12" viewBox="0 5 22 12" aria-hidden="true">{}</svg>').format(drawn)


def claim_days(
    claimed: Sequence[float], kept: Sequence[float], names: Sequence[str], top: str, label: str
) -> Markup:
    """Return vertical bars from zero, a tick across each, and names below where they have room.

    `top` is what the highest of all amounts to.
    """
    height, ceiling, floor = 118, 18, 98
    largest = max([*claimed, *kept, 1e-12])
    width = 100 / max(1, len(names))
    step = -(-len(names) // 7)  # seven names have room on a phone

    def y(amount: float) -> float:
        return floor - (floor - ceiling) * max(amount, 0.0) / largest

    parts = [
        Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(ceiling),
        _text("0%", ceiling - 5, top, anchor="start"),
    ]
    for place, (bar, tick) in enumerate(zip(claimed, kept, strict=True)):
        x = place * width
        parts.append(
            Markup(
                '<rect class="bar" x="{:.2f}%" width="{:.2f}%" y="{:.1f}" height="{:.1f}"/>'
            ).format(x + width * 0.2, width * 0.6, y(bar), floor - y(bar))
        )
        parts.append(
            Markup('<line class="kept" x1="{:.2f}%" x2="{:.2f}%" y1="{y:.1f}" y2="{y:.1f}"/>')
            .format(x + width * 0.06, x + width * 0.94, y=y(tick))
        )  # fmt: skip
        if place % step == 0:
            parts.append(_text(f"{x + width / 2:.2f}%", floor + 15, names[place]))
    parts.append(Markup('<line class="axis" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(floor))
    return _svg(height, parts, label)
