"""Where journeys begin, what comes before the last touchpoint, and how they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.decide.rollup import MOST, rolled_nodes
from attribution.names import CONVERSION, NULL, UNATTRIBUTED, VALUE
from attribution.numerics.sequences import sum_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = ["Opened", "flows_of", "met_by", "opened", "visits"]


def visits(counts: Journeys) -> NDArray[np.float64]:
    """Return (channels,) how much each channel is met: on the way to orders, and at all.

    Half is its share of the touchpoints before orders, half its share of all: so channels that
    seed count beside those that convert.
    """
    out = np.zeros(len(counts.channels))
    orders = counts.amounts()[:, 0]
    for weight in (orders, orders + counts.weighted_nulls()):
        met = np.bincount(counts.codes, weights=weight[counts.rows], minlength=len(out))
        out += met / max(float(met.sum()), 1e-300) / 2
    return out


def flows_of(counts: Journeys, names: Mapping[str, str]) -> pd.DataFrame:
    """Return how journeys run through nodes, in at most three steps that stand side by side.

    A journey is read from its end: its last node; the one before; and, of three or more, its
    first. So journeys of every length end side by side, and nothing is counted twice in a step.

    Parameters
    ----------
    counts
        Path counts, such as `KeyPaths.counts`.
    names
        The node of each channel; neighbouring touchpoints of one node are one.

    Returns
    -------
    DataFrame
        step (1: from the first to the one before the last; 2: from there to the last; 3: from the
        last to the end), source, target, orders, value, nulls. At step 3 the target is CONVERSION
        or NULL, and the source may be "(unattributed)": no touchpoint is known. The journeys of
        step 3 are all there are.
    """
    seen = counts.rolled_up(names).without_repeats()
    amounts = np.column_stack([seen.amounts()[:, :2], seen.weighted_nulls()])
    size = len(seen.channels)
    last = np.full(len(seen), size)
    some = seen.lengths > 0
    last[some] = seen.codes[seen.offsets[1:][some] - 1]
    three, two = (np.flatnonzero(seen.lengths >= least) for least in (3, 2))
    opener = seen.codes[seen.offsets[three]]
    before = np.zeros(len(seen), np.int64)
    before[two] = seen.codes[seen.offsets[two + 1] - 2]
    ordered, not_ordered = amounts * [1.0, 1.0, 0.0], amounts * [0.0, 0.0, 1.0]
    flat = np.concatenate(
        [
            _summed(1, opener, before[three], amounts[three], size),
            _summed(2, before[two], last[two], amounts[two], size),
            _summed(3, last, np.zeros(len(last), np.int64), ordered, size),
            _summed(3, last, np.ones(len(last), np.int64), not_ordered, size),
        ]
    )
    nodes = np.array([*seen.channels, UNATTRIBUTED], dtype=object)
    ends = np.array([CONVERSION, NULL], dtype=object)
    step, source, target = (flat[:, i].astype(np.int64) for i in range(3))
    at_end = step == 3
    targets = nodes[np.where(at_end, 0, target)]
    targets[at_end] = ends[target[at_end]]
    return pd.DataFrame(
        {
            "step": step,
            "source": pd.Series(nodes[source], dtype="str"),
            "target": pd.Series(targets, dtype="str"),
            "orders": flat[:, 3],
            VALUE: flat[:, 4],
            "nulls": flat[:, 5],
        }
    )


def _summed(
    step: int,
    source: NDArray[np.integer],
    target: NDArray[np.integer],
    amounts: NDArray[np.float64],
    size: int,
) -> NDArray[np.float64]:
    """Return rows of step, source, target and sums, without those that hold nothing."""
    keys, place = np.unique(source.astype(np.int64) * (size + 2) + target, return_inverse=True)
    sums = np.column_stack(
        [np.bincount(place, weights=column, minlength=len(keys)) for column in amounts.T]
    )
    kept = sums.any(axis=1)
    lead = np.column_stack([np.full(len(keys), step), keys // (size + 2), keys % (size + 2)])
    return np.column_stack([lead, sums])[kept]


@dataclass(frozen=True)
class Opened:
    """What is inside one node of a picture: its children, and how journeys run among them.

    Attributes
    ----------
    nodes
        channel, node, channels, rest: as `attribution.decide.rollup.rolled_nodes` gives them.
    flows
        As `flows_of` gives them, of the journeys that meet the node; all that lies outside of it
        is the node `elsewhere`.
    elsewhere
        The name of that node.
    """

    nodes: pd.DataFrame
    flows: pd.DataFrame
    elsewhere: str


def opened(counts: Journeys, channels: Sequence[str], most: int = MOST - 2) -> Opened:
    """Return what is inside a node that stands for these channels.

    Parameters
    ----------
    counts
        Path counts, such as `KeyPaths.counts`.
    channels
        The channels of the node.
    most
        How many nodes it may open into.
    """
    inside = np.isin(np.array(counts.channels, dtype=object), np.array(channels, dtype=object))
    met = np.bincount(counts.rows[inside[counts.codes]], minlength=len(counts)) > 0
    chosen = counts.take(met)
    weights = visits(chosen)
    codes = np.flatnonzero(inside)
    nodes = rolled_nodes([counts.channels[code] for code in codes.tolist()], weights[codes], most)
    elsewhere = "(elsewhere)"
    while elsewhere in counts.channels or (nodes["node"] == elsewhere).any():
        elsewhere = f"({elsewhere})"
    names = dict.fromkeys(counts.channels, elsewhere)
    names |= dict(zip(nodes["channel"], nodes["node"], strict=True))
    return Opened(nodes, flows_of(chosen, names), elsewhere)


def met_by(counts: Journeys, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the journeys that meet each node, once each, most first.

    Returns
    -------
    DataFrame
        node, orders, value, nulls. A journey may meet several nodes: the rows do not add up.
    """
    seen = counts.rolled_up(names)
    amounts = np.column_stack([seen.amounts()[:, :2], seen.weighted_nulls()])
    once = np.flatnonzero(seen.distinct)
    sums = sum_by(seen.codes[once], amounts[seen.rows[once]], len(seen.channels))
    frame = pd.DataFrame(sums, columns=["orders", VALUE, "nulls"])
    frame.insert(0, "node", pd.Series(seen.channels, dtype="str"))
    size = frame["orders"] + frame["nulls"]
    order = np.argsort(-size.to_numpy(), kind="stable")
    return frame.iloc[order[size.to_numpy()[order] > 0]].reset_index(drop=True)
