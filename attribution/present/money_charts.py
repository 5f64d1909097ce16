"""Charts of money as inline SVG: steps of a profit and loss, intervals about zero, minutes.

One encoding everywhere: solid is expected to stay, hatched to come back, an outline was given back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from markupsafe import Markup

from attribution.present.markup import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attribution.present.charts import Scale

__all__ = ["Bar", "Dot", "bar_row", "columns", "day_columns", "dot_plot", "dot_row", "mark"]

Fill = Literal["bar", "hatched", "outline", "cost", "loss"]
_ROW = 22
_HIGH = 150  # of a plot with a vertical axis
_TOP, _FLOOR = 14, 8


class Bar(NamedTuple):
    """A piece of a bar, from one amount to another."""

    start: float
    end: float
    fill: Fill


class Dot(NamedTuple):
    """An estimate with its interval, and what is made of it, as `Roi.verdicts` says."""

    value: float
    low: float
    high: float
    verdict: str


def bar_row(
    scale: Scale, pieces: Sequence[Bar], label: str, whisker: tuple[float, float] | None = None
) -> Markup:
    """Return one row of pieces on a common axis, with an interval at the end of the last."""
    drawn = [_line("axis", scale.at(0.0), scale.at(0.0), 0, _ROW)]
    for piece in pieces:
        start, end = sorted((scale.at(piece.start), scale.at(piece.end)))
        drawn.append(
            Markup('<rect class="{}" x="{:.2f}%" width="{:.2f}%" y="4" height="14"/>').format(
                piece.fill, start, max(end - start, 0.15)
            )
        )
    if whisker is not None:
        drawn += _whisker(scale, *whisker)
    return _svg(_ROW, drawn, label)


def dot_row(scale: Scale, dot: Dot, label: str) -> Markup:
    """Return one row: the estimate and its interval, about a line at zero."""
    low, high = max(dot.low, scale.low), min(dot.high, scale.high)
    zero, middle = scale.at(0.0), _ROW / 2
    drawn = [_line("axis", zero, zero, 0, _ROW)]
    if high > low:
        drawn.append(
            _line(f"interval {dot.verdict}", scale.at(low), scale.at(high), middle, middle)
        )
    return _svg(_ROW, [*drawn, _shape(dot, f"{scale.at(dot.value):.2f}%", middle)], label)


def dot_plot(
    scale: Scale,
    dots: Sequence[Dot],
    names: Sequence[str],
    written: Callable[[float], str],
    label: str,
) -> Markup:
    """Return estimates side by side, each with its interval, on a vertical axis.

    The first and the last carry their names; pointing at another tells its own.
    """
    span = scale.high - scale.low or 1.0

    def y(amount: float) -> float:
        inside = min(max(amount, scale.low), scale.high)
        return _TOP + (_HIGH - _TOP - _FLOOR) * (scale.high - inside) / span

    drawn = []
    for tick in scale.ticks:
        kind = "axis" if tick == 0 else "grid"
        drawn.append(_line(kind, 0, 100, y(tick), y(tick)))
        drawn.append(_text("0", y(tick) - 3, written(tick), "start"))
    for place, (dot, name) in enumerate(zip(dots, names, strict=True)):
        x = 14 + 85 * (place + 0.5) / max(1, len(dots))
        stroke = _line(f"interval {dot.verdict}", x, x, y(dot.low), y(dot.high))
        shape = _shape(dot, f"{x:.2f}%", y(dot.value))
        drawn.append(Markup("<g><title>{}</title>{}{}</g>").format(name, stroke, shape))
    if dots:
        drawn.append(_text("14%", y(dots[0].high) - 6, names[0], "start"))
    if len(dots) > 1:
        drawn.append(_text("100%", _HIGH + 12, names[-1], "end"))
    return _svg(_HIGH + 16, drawn, label)


def columns(
    amounts: Sequence[float], names: Sequence[str], ends: tuple[str, str], peak: str, label: str
) -> Markup:
    """Return columns from zero over time, with what stands at both ends and at the highest.

    `names` are told by pointing at a column.
    """
    top, floor, height = 18, 80, 98
    largest = max([*amounts, 1e-12])
    width = 100 / max(1, len(amounts))
    drawn = []
    for place, (amount, name) in enumerate(zip(amounts, names, strict=True)):
        size = (floor - top) * max(amount, 0.0) / largest
        drawn.append(
            Markup(
                '<rect class="bar" x="{:.3f}%" width="{:.3f}%" y="{:.1f}" height="{:.1f}">'
                "<title>{}</title></rect>"
            ).format(place * width, width * 0.9, floor - size, size, name)
        )
    if amounts:
        x = (list(amounts).index(max(amounts)) + 0.5) * width
        anchor = "start" if x < 20 else "end" if x > 80 else "middle"
        drawn.append(_text(f"{x:.2f}%", top - 5, peak, anchor))
    drawn.append(_line("axis", 0, 100, floor, floor))
    drawn += [_text("0", height - 3, ends[0], "start"), _text("100%", height - 3, ends[1], "end")]
    return _svg(height, drawn, label)


def day_columns(
    days: Sequence[Sequence[float]], names: Sequence[str], ends: tuple[str, str], label: str
) -> Markup:
    """Return a column for each day: what is expected to stay, to come back, and was given back.

    `names` are told by pointing at a column.
    """
    top, floor, height = 8, 92, 110
    largest = max([*(sum(day) for day in days), 1e-12])
    width, drawn = 100 / max(1, len(days)), []
    for place, (day, name) in enumerate(zip(days, names, strict=True)):
        foot, pieces = float(floor), []
        for amount, fill in zip(day, ("bar", "hatched", "outline"), strict=True):
            size = (floor - top) * max(amount, 0.0) / largest
            foot -= size
            pieces.append(
                Markup(
                    '<rect class="{}" x="{:.3f}%" width="{:.3f}%" y="{:.1f}" height="{:.1f}"/>'
                ).format(fill, place * width + width * 0.1, width * 0.8, foot, size)
            )
        drawn.append(Markup("<g><title>{}</title>{}</g>").format(name, joined(pieces)))
    drawn.append(_line("axis", 0, 100, floor, floor))
    drawn += [_text("0", height - 4, ends[0], "start"), _text("100%", height - 4, ends[1], "end")]
    return _svg(height, drawn, label)


def mark(kind: str) -> Markup:
    """Return a legend's mark: a fill of bars, or a verdict."""
    if kind in ("bar", "hatched", "outline", "cost", "loss-bar"):
        fill = kind.removesuffix("-bar")
        inner = Markup('<rect class="{}" x="1" y="7" width="18" height="9"/>').format(fill)
    else:
        inner = _shape(Dot(0.0, 0.0, 0.0, kind), "50%", _ROW / 2)
    return Markup('<svg height="12" viewBox="0 5 22 12" aria-hidden="true">{}</svg>').format(inner)


def _shape(dot: Dot, x: str, y: float) -> Markup:
    """Return a dot; colour never speaks alone: a loss points down, what is unclear is hollow.

    What was never measured is a dash.
    """
    inner = {
        "unseen": Markup('<rect class="dot unseen" x="-5" y="-1" width="10" height="2"/>'),
        "loss": Markup('<path class="dot loss" d="M-5 -4 L5 -4 L0 5 Z"/>'),
        "unclear": Markup('<circle class="dot unclear" r="4"/>'),
        "depends": Markup(
            '<circle class="dot unclear" r="4"/><path class="dot" d="M0 -4 A4 4 0 0 1 0 4 Z"/>'
        ),
    }.get(dot.verdict, Markup('<circle class="dot" r="4.5"/>'))
    return Markup('<svg x="{}" y="{:.1f}" overflow="visible" width="1" height="1">{}</svg>').format(
        x, y, inner
    )


def _whisker(scale: Scale, low: float, high: float) -> list[Markup]:
    middle = _ROW / 2
    ends = [scale.at(max(low, scale.low)), scale.at(min(high, scale.high))]
    caps = [_line("edge-line", end, end, middle - 5, middle + 5) for end in ends]
    return [_line("edge-line", ends[0], ends[1], middle, middle), *caps]


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.2f}%" x2="{:.2f}%" y1="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, x2, y1, y2
    )


def _text(x: str, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _svg(height: float, parts: Sequence[Markup], label: str) -> Markup:
    return Markup('<svg height="{}" role="img" aria-label="{}">{}</svg>').format(
        height, label, joined(parts)
    )
