"""The journey graph as a picture: fixed layers, at most a dozen nodes, openers left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from attribution.names import CONVERSION, NULL, START
from attribution.present.labels import fitted, isolated
from attribution.present.markup import joined

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    import networkx as nx

    from attribution.journeys import Journeys
    from attribution.present.words import Words

__all__ = ["Flow", "drawn", "flow_among", "flow_of"]

_NODES = 7
_LAYERS = 3
_LEAST_SHARE = 0.015
_WIDTH, _HEIGHT = 640, 380
_ROOM = 160  # px of a node's name


@dataclass(frozen=True)
class Flow:
    """A graph small enough to draw, and what was rolled up or hidden to make it so.

    Attributes
    ----------
    graph
        The journey graph of the rolled-up channels.
    position
        Layer (0 opens, 2 closes) and height (0..1) of each channel node.
    edges
        The steps drawn.
    hidden
        Share of all steps that are not drawn.
    opener, closer
        The channels that begin most journeys and that come last before most orders.
    """

    graph: nx.DiGraph
    position: dict[str, tuple[int, float]]
    edges: list[tuple[str, str]]
    hidden: float
    opener: str
    closer: str


def flow_of(journeys: Journeys, others: str) -> Flow:
    """Roll the journeys up to the most visited channels and lay the graph out."""
    seen = journeys.observed
    weight = (seen.amounts()[:, 0] + seen.weighted_nulls())[seen.rows]
    visits = np.bincount(seen.codes, weights=weight, minlength=len(seen.channels))
    order = np.argsort(-visits, kind="stable")
    rest = order[_NODES:] if len(order) > _NODES + 1 else order[:0]
    return flow_among(journeys, {seen.channels[code]: others for code in rest}, {others})


def flow_among(journeys: Journeys, names: Mapping[str, str], rest: Container[str]) -> Flow:
    """Lay the graph of journeys out in which channels go by these names.

    Parameters
    ----------
    names
        The node of a channel; the others stand for themselves.
    rest
        Nodes that gather what is left over: none of them is called the opener or the closer.
    """
    # A channel may be called like a node of the graph; here it is quoted.
    quoted = {name: f"“{name}”" for name in (START, CONVERSION, NULL)}
    own = {name: names.get(name, name) for name in journeys.channels}
    seen = journeys.observed.rolled_up({c: quoted.get(n, n) for c, n in own.items()})
    graph = seen.graph()
    channels = [name for name in seen.channels if graph.degree(name)]
    begun = max(sum(d["count"] for _, _, d in graph.out_edges(START, data=True)), 1e-12)
    steps = {(a, b): d["count"] for a, b, d in graph.edges(data=True)}
    ordered = sum(c for (_, b), c in steps.items() if b == CONVERSION)
    # Orders are few among journeys: the last step is held against orders.
    inner = {
        (a, b): c
        for (a, b), c in steps.items()
        if a != b and b != NULL and c >= _LEAST_SHARE * (ordered if b == CONVERSION else begun)
    }
    moves = sum(c for (_, b), c in steps.items() if b != NULL)
    starts = {name: steps.get((START, name), 0.0) for name in channels}
    closes = {name: steps.get((name, CONVERSION), 0.0) for name in channels}
    named = [name for name in channels if name not in rest] or channels
    return Flow(
        graph=graph,
        position=_layers(channels, starts, closes),
        edges=sorted(inner, key=lambda edge: inner[edge]),
        hidden=1.0 - sum(inner.values()) / max(moves, 1e-12),
        opener=max(named, key=lambda name: starts[name]),
        closer=max(named, key=lambda name: closes[name]),
    )


def _layers(
    channels: list[str], starts: dict[str, float], closes: dict[str, float]
) -> dict[str, tuple[int, float]]:
    """Place channels by how much more they open than close, spread evenly over the layers."""
    all_starts = max(sum(starts.values()), 1e-12)
    all_closes = max(sum(closes.values()), 1e-12)
    lean = {n: closes[n] / all_closes - starts[n] / all_starts for n in channels}
    ranked = sorted(channels, key=lambda name: (lean[name], name))
    layers = [list(part) for part in np.array_split(np.array(ranked, dtype=object), _LAYERS)]
    return {
        name: (layer, place / (len(part) - 1) if len(part) > 1 else 0.5)
        for layer, part in enumerate(layers)
        for place, name in enumerate(part)
    }


def drawn(flow: Flow, words: Words, label: str) -> Markup:
    """Return the drawing."""
    at = {START: (34.0, _HEIGHT / 2), CONVERSION: (_WIDTH - 34.0, _HEIGHT / 2)}
    for name, (layer, height) in flow.position.items():
        shift = 18.0 if layer == 1 else 0.0  # off the straight line between the two ends
        at[name] = (150.0 + layer * 170.0, 16 + height * (_HEIGHT - 82) + shift)
    counts = {edge: flow.graph.edges[edge]["count"] for edge in flow.edges}
    largest = max(counts.values(), default=1.0)
    lines, labels = [], []
    labelled = set(sorted(flow.edges, key=lambda e: -counts[e])[:14])
    for edge in flow.edges:
        # Near the end that fans out least, so that labels stand apart.
        share = 0.72 if edge[0] == START else 0.3 if edge[1] == CONVERSION else 0.42
        line, middle = _curve(at[edge[0]], at[edge[1]], share)
        width = 1.0 + 11.0 * counts[edge] / largest
        kind = "flow order" if edge[1] == CONVERSION else "flow"
        lines.append(
            Markup('<path class="{}" d="{}" stroke-width="{:.1f}"/>').format(kind, line, width)
        )
        if edge in labelled:
            chance = words.percent(flow.graph.edges[edge]["probability"])
            labels.append(
                Markup(
                    '<text class="halo" x="{:.0f}" y="{:.0f}" text-anchor="middle">{}</text>'
                ).format(middle[0], middle[1] + 4, chance)
            )
    nodes = [_node(flow.graph, name, at[name], words) for name in at]
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>').format(
        _WIDTH, _HEIGHT, label, joined(lines), joined(labels), joined(nodes)
    )


def _curve(
    start: tuple[float, float], end: tuple[float, float], share: float
) -> tuple[str, tuple[float, float]]:
    """Return a path bent to the left of its direction, and the point at that share of it."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
    bend = 0.0 if dx > 120 and abs(dy) < 1 else min(46.0, length * 0.22)
    cx, cy = (x0 + x1) / 2 + bend * dy / length, (y0 + y1) / 2 - bend * dx / length
    mx = (1 - share) ** 2 * x0 + 2 * share * (1 - share) * cx + share**2 * x1
    my = (1 - share) ** 2 * y0 + 2 * share * (1 - share) * cy + share**2 * y1
    return f"M{x0:.0f} {y0:.0f} Q{cx:.0f} {cy:.0f} {x1:.0f} {y1:.0f}", (mx, my)


def _node(graph: nx.DiGraph, name: str, at: tuple[float, float], words: Words) -> Markup:
    x, y = at
    ends = graph.edges[name, NULL]["probability"] if graph.has_edge(name, NULL) else None
    if name in (START, CONVERSION):
        title = words("graph_start" if name == START else "graph_order")
        below = y + 36
        text = Markup(
            '<text class="strong halo" x="{:.0f}" y="{:.0f}" text-anchor="middle">{}</text>'
        ).format(x, below, title)
        kind = "node order" if name == CONVERSION else "node"
        return (
            Markup('<circle class="{}" cx="{:.0f}" cy="{:.0f}" r="20"/>').format(kind, x, y) + text
        )
    small = Markup("")
    if ends is not None:
        small = Markup(
            '<text class="halo" x="{:.0f}" y="{:.0f}" text-anchor="middle">{}</text>'
        ).format(x, y + 38, words("graph_ends", share=words.percent(ends)))
    shown = isolated(fitted(name, _ROOM))
    return Markup(
        '<g><title>{}</title><circle class="node" cx="{:.0f}" cy="{:.0f}" r="9"/>'
        '<text class="strong halo" x="{:.0f}" y="{:.0f}" text-anchor="middle">{}</text>{}</g>'
    ).format(name, x, y, x, y + 24, shown, small)
