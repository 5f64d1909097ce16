"""Hundreds of channels as a dozen nodes of the channel tree, and a node as its children.

A channel's name holds its way down the tree: "抖音 · 直播 · 晚晴". The heaviest nodes are taken
out of the tree one after the other, so that a large streamer stands beside "抖音 · 直播", which
then is all other rooms; what is taken out nowhere is one node, too. Every channel is in one node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.journeys.definition import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MOST", "OTHERS", "rolled_nodes"]

MOST = 12
OTHERS = "(other channels)"
_ALONE = 2.0  # a channel by itself tells more than a group as heavy


def rolled_nodes(
    channels: Sequence[str], weights: NDArray[np.float64], most: int = MOST
) -> pd.DataFrame:
    """Return which node each channel is drawn as, at most `most` of them.

    Parameters
    ----------
    channels
        Names that hold their way down the tree.
    weights
        (channels,) how much each counts; none is negative.

    Returns
    -------
    DataFrame
        One row per channel, as given: channel; node, the name of a node of the tree, or `OTHERS`;
        channels, how many the node stands for; rest, whether some that lie below it in the tree
        are drawn beside it.
    """
    ways = [_way_down(name) for name in channels]
    root = OTHERS
    while any(root in way for way in ways):
        root = f"({root})"
    heavy: dict[str, float] = {}
    members: dict[str, list[int]] = {}
    for place, way in enumerate(ways):
        for name in way:
            heavy[name] = heavy.get(name, 0.0) + float(weights[place])
            members.setdefault(name, []).append(place)
    above = {name: up for way in ways for up, name in zip([root, *way], way, strict=False)}
    inner = set(above.values())
    worth = {name: weight * (1.0 if name in inner else _ALONE) for name, weight in heavy.items()}
    # The lowest node taken so far that each channel lies below, and how many it still holds.
    held = [root] * len(ways)
    size = {root: len(ways)}
    for name in sorted(worth, key=lambda each: (-worth[each], len(_way_down(each)), each)):
        up = above[name]
        while up not in size:
            up = above[up]
        inside = [place for place in members[name] if held[place] == up]
        one_more = size[up] > len(inside)
        if not inside or sum(count > 0 for count in size.values()) + one_more > most:
            continue
        size[up] -= len(inside)
        size[name] = len(inside)
        for place in inside:
            held[place] = name
    counts = [size[node] for node in held]
    # What is left of a node may be one channel: it is drawn under its own name.
    nodes = [
        channels[place] if count == 1 else node
        for place, (node, count) in enumerate(zip(held, counts, strict=True))
    ]
    parted = {name for node, way in zip(held, ways, strict=True) for name in way if name != node}
    parted |= {root} if len(set(held)) > 1 else set()
    return pd.DataFrame(
        {
            "channel": pd.Series(list(channels), dtype="str"),
            "node": pd.Series(nodes, dtype="str"),
            "channels": np.array(counts, dtype=np.int64),
            "rest": [
                count > 1 and node in parted for node, count in zip(held, counts, strict=True)
            ],
        }
    )


def _way_down(name: str) -> list[str]:
    """Return the names of the nodes from the root to a channel, itself the last."""
    parts = name.split(SEPARATOR)
    return [SEPARATOR.join(parts[: depth + 1]) for depth in range(len(parts))]
