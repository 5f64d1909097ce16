"""The journey graph: which channel follows which, and how journeys begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import DataError, quoted
from attribution.names import CONVERSION, NULL, START

if TYPE_CHECKING:
    import networkx as nx
    from numpy.typing import NDArray

__all__ = ["journey_graph"]


def journey_graph(
    channels: tuple[str, ...],
    offsets: NDArray[np.int64],
    codes: NDArray[np.integer],
    conversions: NDArray[np.float64],
    nulls: NDArray[np.float64],
) -> nx.DiGraph:
    """Return the order-1 graph, with `count` and `probability` on every edge.

    Nodes are the channels, START, CONVERSION and NULL. `count` is the number of journeys that
    take the step (once per occurrence); `probability` divides it by all steps out of the node.
    Orders without a touchpoint take no step.
    """
    import networkx as nx

    nodes = (*channels, START, CONVERSION, NULL)
    for name in (START, CONVERSION, NULL):
        if name in channels:
            raise DataError(
                f"a channel named {quoted(name)}",
                "a name that is no node of the graph",
                f'Rename that channel, as in journeys.rolled_up({{{name!r}: "unknown"}}).',
            )
    n = len(channels)
    start, conversion, null = n, n + 1, n + 2
    lengths = np.diff(offsets)
    rows = np.flatnonzero(lengths)
    journeys = conversions + nulls
    source = np.append(start, codes)[np.arange(len(codes))]
    source[offsets[rows]] = start
    last = codes[offsets[rows + 1] - 1]
    tail = np.concatenate([source, last, last])
    head = np.concatenate([codes, np.full(len(last), conversion), np.full(len(last), null)])
    weight = np.concatenate([np.repeat(journeys, lengths), conversions[rows], nulls[rows]])
    keys, inverse = np.unique(tail.astype(np.int64) * len(nodes) + head, return_inverse=True)
    count = np.bincount(inverse, weights=weight)
    keys, count = keys[count != 0], count[count != 0]
    out_of = np.bincount(keys // len(nodes), weights=count, minlength=len(nodes))
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(
        (
            nodes[key // len(nodes)],
            nodes[key % len(nodes)],
            {"count": c, "probability": c / out_of[key // len(nodes)]},
        )
        for key, c in zip(keys.tolist(), count.tolist(), strict=True)
    )
    return graph
