"""How journeys run, as a Sankey diagram: fixed layers, bands as wide as what runs through them.

The picture is inline SVG as wide as the page; letters keep their size. Whatever is pointed at or
focused lights up by style rules alone, and a node that stands for several channels is a link to
what is inside it: there is no script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from markupsafe import Markup

from attribution.names import CONVERSION, UNATTRIBUTED, VALUE
from attribution.present.labels import fitted, isolated, width_of
from attribution.present.markup import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from attribution.present.words import Words

    Floats = NDArray[np.float64]

__all__ = ["Measure", "Picture", "drawn"]

Measure = Literal["journeys", "orders", "value"]

_LAYERS = (0.0, 29.0, 58.0, 87.0)  # per cent of the width
_NODE = 10  # px
_TOP, _SLOT = 26.0, 17.0
_HEIGHT, _TALLEST = 430.0, 640.0  # px: of journeys with a touchpoint, and of all
_NARROWEST = 720.0  # px, as the style sheet has it; below, the picture scrolls
_THINNEST = 0.3  # px of a band that is drawn
_GAP = 6.0


@dataclass(frozen=True)
class Picture:
    """What a Sankey shows, beside the flows themselves.

    Attributes
    ----------
    ident
        Of the drawing on its page; letters, digits and hyphens.
    label
        What the picture says, for those who do not see it.
    named
        What a node is called.
    last
        Nodes that stand below the others, such as what is rolled up.
    opens
        Where a node leads to: the ident of what is inside it.
    """

    ident: str
    label: str
    named: Callable[[str], str]
    last: Sequence[str] = ()
    opens: Mapping[str, str] | None = None


class _Link(NamedTuple):
    """What runs from a node to one of the next layer: to orders, and to none."""

    layer: int
    source: str
    target: str
    amounts: tuple[float, float]


@dataclass(frozen=True)
class _Knot:
    """A node of a layer, placed: its order part on top, the rest below."""

    layer: int
    name: str
    orders: float
    rest: float
    top: float
    number: int


def drawn(flows: pd.DataFrame, measure: Measure, words: Words, picture: Picture) -> Markup:
    """Return the drawing of flows as `attribution.decide.flows.flows_of` gives them.

    Parameters
    ----------
    measure
        "journeys": orders in colour, beside journeys without; "orders" or "value": only those
        that ended in an order, by number or money.
    """
    links = _links(flows, measure)
    knots, scale = _placed(links, picture)
    ribbons = _ribbons(links, knots, scale, measure, words, picture)
    heads = [
        Markup('<text class="head" x="{}%" y="12">{}</text>').format(x, title)
        for x, title in zip(_LAYERS, _titles(words), strict=True)
    ]
    nodes = [_node(knot, scale, measure, words, picture) for knot in knots.values()]
    bottom = max([k.top + scale * (k.orders + k.rest) for k in knots.values()] + [_TOP]) + 12
    return Markup(
        '<div class="scroll"><svg id="{}" class="sankey" height="{:.0f}" role="group" '
        'aria-label="{}"><style>{}</style>'
        '<svg viewBox="0 0 1000 {b:.0f}" preserveAspectRatio="none" width="100%" height="{b:.0f}">'
        "{}</svg>{}{}</svg></div>"
    ).format(
        picture.ident,
        bottom,
        picture.label,
        _lighting(picture.ident, len(knots)),
        joined(ribbons),
        joined(heads),
        joined(nodes),
        b=bottom,
    )


def _titles(words: Words) -> tuple[str, str, str, str]:
    return words("flow_first"), words("flow_before"), words("flow_last"), words("flow_end")


def _links(flows: pd.DataFrame, measure: Measure) -> list[_Link]:
    """Return the bands that hold anything."""
    orders = flows[VALUE if measure == "value" else "orders"].clip(lower=0.0)
    rest = flows["nulls"] if measure == "journeys" else flows["nulls"] * 0.0
    rows = zip(flows["step"] - 1, flows["source"], flows["target"], orders, rest, strict=True)
    return [
        _Link(int(layer), str(source), str(target), (float(a), float(b)))
        for layer, source, target, a, b in rows
        if a + b > 0
    ]


def _placed(links: Sequence[_Link], picture: Picture) -> tuple[dict[tuple[int, str], _Knot], float]:
    """Return the nodes by layer and name, and how many pixels one of what is measured takes."""
    sums: dict[tuple[int, str], Floats] = {}
    for link in links:
        ends = [(link.layer, link.source), *([(3, link.target)] if link.layer == 2 else [])]
        for end in ends:
            sums[end] = sums.get(end, np.zeros(2)) + link.amounts
    heavy: dict[str, float] = {}
    for (_, name), amounts in sums.items():
        heavy[name] = heavy.get(name, 0.0) + float(amounts.sum())
    last = [*picture.last, UNATTRIBUTED]

    def rank(end: tuple[int, str]) -> tuple[int, int, float, str]:
        layer, name = end
        if layer == 3:
            return layer, int(name != CONVERSION), 0.0, name
        return layer, last.index(name) + 1 if name in last else 0, -heavy[name], name

    ordered = sorted(sums, key=rank)
    layers = [[end for end in ordered if end[0] == layer] for layer in range(4)]
    scale = min((_scale(layer, sums) for layer in layers if layer), default=0.0)
    knots: dict[tuple[int, str], _Knot] = {}
    for layer in layers:
        y = _TOP
        for end in layer:
            a, b = (float(each) for each in sums[end])
            knots[end] = _Knot(end[0], end[1], a, b, y + _SLOT / 2, len(knots))
            y += scale * (a + b) + _SLOT
    return knots, scale


def _scale(layer: Sequence[tuple[int, str]], sums: Mapping[tuple[int, str], Floats]) -> float:
    """Return the pixels of one of what is measured, so that the layer fits.

    What has no touchpoint may be most of all there is: it makes the picture taller.
    """
    size = {end: float(sums[end].sum()) for end in layer}
    known = sum(amount for (_, name), amount in size.items() if name != UNATTRIBUTED)
    slots = _SLOT * len(layer)
    whole = (_TALLEST - slots) / sum(size.values())
    return min(whole, (_HEIGHT - slots) / known) if layer[0][0] < 3 and known else whole


def _ribbons(
    links: Sequence[_Link],
    knots: Mapping[tuple[int, str], _Knot],
    scale: float,
    measure: Measure,
    words: Words,
    picture: Picture,
) -> list[Markup]:
    """Return the bands; at a node those to orders lie on top, and all in the order they go to."""
    ends = [(knots[a, source], knots[a + 1, target]) for a, source, target, _ in links]
    starts = _stacked(links, [a for a, _ in ends], [b.number for _, b in ends], scale)
    stops = _stacked(links, [b for _, b in ends], [a.number for a, _ in ends], scale)
    ribbons = []
    for place, (link, (source, target)) in enumerate(zip(links, ends, strict=True)):
        title = words(
            "flow_band",
            source=isolated(_end_name(source, words, picture)),
            target=isolated(_end_name(target, words, picture)),
            what=_amount(*link.amounts, measure, words),
        )
        unknown = " unknown" if source.name == UNATTRIBUTED else ""
        for part, kind in ((1, unknown), (0, f" order{unknown}")):
            thick = scale * link.amounts[part]
            if thick < _THINNEST:
                continue
            x = (10 * _LAYERS[link.layer], 10 * _LAYERS[link.layer + 1])
            path = _band(x, (starts[place, part], stops[place, part]), thick)
            ribbons.append(
                Markup('<path class="ribbon{} b{} b{}" d="{}"><title>{}</title></path>').format(
                    kind, source.number, target.number, path, title
                )
            )
    return ribbons


def _stacked(
    links: Sequence[_Link], knots: Sequence[_Knot], others: Sequence[int], scale: float
) -> dict[tuple[int, int], float]:
    """Return where each link's order part (0) and rest (1) begin at one of its ends."""
    free = {knot.number: [knot.top, knot.top + scale * knot.orders] for knot in knots}
    found = {}
    for place in sorted(range(len(links)), key=lambda link: others[link]):
        at = free[knots[place].number]
        for part in (0, 1):
            found[place, part] = at[part]
            at[part] += scale * links[place].amounts[part]
    return found


def _band(x: tuple[float, float], y: tuple[float, float], thick: float) -> str:
    (x0, x1), (y0, y1), middle = x, y, sum(x) / 2
    return (
        f"M{x0:g} {y0:.1f}C{middle:g} {y0:.1f} {middle:g} {y1:.1f} {x1:g} {y1:.1f}v{thick:.1f}"
        f"C{middle:g} {y1 + thick:.1f} {middle:g} {y0 + thick:.1f} {x0:g} {y0 + thick:.1f}Z"
    )


def _node(knot: _Knot, scale: float, measure: Measure, words: Words, picture: Picture) -> Markup:
    size = scale * (knot.orders + knot.rest)
    name = _end_name(knot, words, picture)
    amount = _amount(knot.orders, knot.rest, measure, words)
    figure = _figure(knot.orders + knot.rest, measure, words)
    end = knot.layer == 3
    room = (_LAYERS[1] if not end else 100.0 - _LAYERS[3]) / 100 * _NARROWEST
    room -= _NODE + 2 * _GAP + (0.0 if end else width_of(figure) + _GAP)
    kind = "order" if end and knot.name == CONVERSION else "none" if _muted(knot) else ""
    where = (picture.opens or {}).get(knot.name) if not end else None
    room -= width_of("▸") if where else 0.0
    text = Markup(
        '<text class="halo" x="{}%" dx="{}" y="{:.1f}"><tspan class="strong">{}</tspan>{}</text>'
    ).format(
        _LAYERS[knot.layer],
        _NODE + _GAP,
        knot.top + size / 2 + (-2 if end else 4),
        isolated(fitted(name, room)) + (" ▸" if where else ""),
        Markup('<tspan dx="{}">{}</tspan>').format(_GAP, figure) if not end else "",
    )
    if end:  # there is less room: the figure stands below
        text += Markup('<text class="halo" x="{}%" dx="{}" y="{:.1f}">{}</text>').format(
            _LAYERS[3], _NODE + _GAP, knot.top + size / 2 + 13, figure
        )
    drawing = Markup(
        '<title>{}</title><rect class="knot {}" x="{}%" y="{:.1f}" width="{}" height="{:.1f}"/>{}'
    ).format(
        f"{isolated(name)} · {amount}",
        kind,
        _LAYERS[knot.layer],
        knot.top,
        _NODE,
        max(size, 1.0),
        text,
    )
    if where:
        return Markup('<a class="n{}" href="#{}" aria-label="{}">{}</a>').format(
            knot.number, where, words("flow_open", node=name, what=amount), drawing
        )
    return Markup('<g class="n{}" tabindex="0" role="img" aria-label="{}">{}</g>').format(
        knot.number, f"{name} · {amount}", drawing
    )


def _muted(knot: _Knot) -> bool:
    return knot.layer == 3 or knot.name == UNATTRIBUTED


def _end_name(knot: _Knot, words: Words, picture: Picture) -> str:
    if knot.layer == 3:
        return words("flow_order" if knot.name == CONVERSION else "flow_none")
    return words("flow_unknown") if knot.name == UNATTRIBUTED else picture.named(knot.name)


def _figure(amount: float, measure: Measure, words: Words) -> str:
    return words.money(amount) if measure == "value" else words.count(round(amount, 1))


def _amount(orders: float, rest: float, measure: Measure, words: Words) -> str:
    if measure == "value":
        return words.money(orders)
    count = words("orders", count=words.count(round(orders, 1)))
    if measure == "orders":
        return count
    return words("flow_amount", journeys=words.count(round(orders + rest, 1)), orders=count)


def _lighting(ident: str, nodes: int) -> Markup:
    """Return style rules: while a node is pointed at or focused, bands of others step back."""
    return joined(
        Markup("#{0}:has(.n{1}:is(:hover,:focus)) .ribbon:not(.b{1}){{opacity:.08}}").format(
            ident, number
        )
        for number in range(nodes)
    )
