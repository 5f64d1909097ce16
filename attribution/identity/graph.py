"""Identifiers as nodes and evidence as pairs of them: what the rules of identity ask of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics.components import Claims, clashing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.identity.evidence import Links
    from attribution.identity.periods import Periods
    from attribution.identity.rules import Rules

    Mask = NDArray[np.bool_]
    Codes = NDArray[np.integer]

__all__ = [
    "ACCOUNT",
    "ADDRESSEE",
    "DEVICE",
    "PHONE",
    "Nodes",
    "Pairs",
    "beside",
    "between",
    "count",
    "find_hubs",
    "find_torn",
    "of_kind",
]

ACCOUNT, PHONE, DEVICE, ADDRESSEE = range(4)


class Pairs(NamedTuple):
    """Distinct pairs of nodes with evidence of one kind, and when it was seen; arrays of (k,)."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def where(self, chosen: Mask) -> Pairs:
        """Return the pairs chosen by a mask of (k,)."""
        return self if chosen.all() else Pairs(*(column[chosen] for column in self))

    def of(self, labels: Codes) -> Pairs:
        """Return the pairs of what the nodes have become part of, without those inside one."""
        a, b = labels[self.a], labels[self.b]
        apart = a != b
        return _paired(a[apart], b[apart], self.first[apart], self.last[apart])

    def touching(self, nodes: Mask) -> Pairs:
        """Return the pairs with an end among the nodes of a mask."""
        return self.where(nodes[self.a] | nodes[self.b])

    def sparing(self, nodes: Mask) -> Pairs:
        """Return the pairs without an end among the nodes of a mask."""
        return self.where(~nodes[self.a] & ~nodes[self.b])

    @property
    def merit(self) -> tuple[NDArray[np.int64], ...]:
        """The evidence seen over the longest time comes first, then the oldest."""
        return self.first - self.last, self.first, self.a, self.b


class Nodes(NamedTuple):
    """What is joined: identifiers, and behind them the later periods of phones.

    Attributes
    ----------
    role, group
        (n,) account, phone, device or addressee; code of id type and namespace.
    claims
        What no two nodes of one person may both hold.
    splits
        (k, 2) pairs of nodes the rules keep apart, the smaller first.
    """

    role: NDArray[np.int8]
    group: NDArray[np.int32]
    claims: Claims
    splits: NDArray[np.int64]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.role)

    def is_account(self, nodes: Codes) -> Mask:
        """Return which of these nodes are accounts."""
        return np.asarray(self.role[nodes] == ACCOUNT)

    def with_later(self, later: Periods) -> Nodes:
        """Return the same with a node for each later period of a phone."""
        if not len(later.phone):
            return self
        new = self.size + np.arange(len(later.phone))
        handed = self.claims.handed(self.size, later.phone, new)
        both = zip(self.claims, handed, strict=True)
        return Nodes(
            np.append(self.role, self.role[later.phone]),
            np.append(self.group, self.group[later.phone]),
            Claims(*(np.append(old, more) for old, more in both)),
            self.splits,
        )


def count(labels: Codes) -> int:
    """Return how many labels there are, numbered from 0."""
    return int(labels.max(initial=-1)) + 1


def _paired(a: Codes, b: Codes, first: NDArray[np.int64], last: NDArray[np.int64]) -> Pairs:
    """Return distinct pairs, the smaller node first, in their order."""
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    size = int(high.max(initial=0)) + 1
    key = low * size + high
    del low, high
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    if not len(starts):
        return Pairs(*np.zeros((4, 0), np.int64))
    low, high = np.divmod(key[starts], size)
    return Pairs(
        low,
        high,
        np.minimum.reduceat(first[order], starts),
        np.maximum.reduceat(last[order], starts),
    )


def of_kind(seen: Links, kind: int) -> Pairs:
    """Return the pairs that one kind of evidence speaks of."""
    chosen = seen.kind == kind
    at = seen.at[chosen]
    return _paired(seen.a[chosen], seen.b[chosen], at, at)


def beside(pairs: Pairs, nodes: Nodes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each phone, device or addressee of the pairs, and what it was seen beside."""
    left, right = ~nodes.is_account(pairs.a), ~nodes.is_account(pairs.b)
    return (
        np.append(pairs.a[left], pairs.b[right]),
        np.append(pairs.b[left], pairs.a[right]),
    )


def find_hubs(nodes: Nodes, evidence: tuple[Pairs, ...], rules: Rules) -> Mask:
    """Return which nodes were seen with too many accounts of one id type and namespace."""
    most = np.array([0, rules.phone_buyers_per_platform, rules.device, rules.addressee])
    rows = []
    for pairs in evidence:
        node, other = beside(pairs, nodes)
        account = nodes.is_account(other)
        rows.append(np.stack([node[account], other[account]]))
    node, other = np.concatenate(rows, axis=1)
    del rows
    many = (np.bincount(node, minlength=nodes.size) > most[nodes.role])[node]
    node, other = np.divmod(np.unique(node[many] * nodes.size + other[many]), nodes.size)
    groups = max(count(nodes.group), 1)
    held, times = np.unique(node * groups + nodes.group[other], return_counts=True)
    node = held // groups
    hub = np.zeros(nodes.size, bool)
    hub[node[times > most[nodes.role[node]]]] = True
    return hub


def find_torn(
    nodes: Nodes,
    met: tuple[NDArray[np.int64], NDArray[np.int64]],
    labels: NDArray[np.int64],
    claims: Claims,
) -> Mask:
    """Return which nodes, (n,), were seen beside groups that cannot be one person."""
    size = count(labels)
    holding = np.zeros(size, bool)
    holding[claims.owner] = True
    node, group = met[0], labels[met[1]]
    node, group = node[holding[group]], group[holding[group]]
    # Few were seen beside more than one group that claims anything.
    low, high = np.full(nodes.size, size), np.full(nodes.size, -1)
    np.minimum.at(low, node, group)
    np.maximum.at(high, node, group)
    several = (low < high)[node]
    held = claims.handed(size, group[several], node[several])
    return clashing(nodes.size, held)


def between(pairs: Pairs, labels: NDArray[np.int64], groups: Pairs) -> Mask:
    """Return which pairs are between two groups that are a pair themselves."""
    a, b = labels[pairs.a], labels[pairs.b]
    size = count(labels)
    key = np.minimum(a, b) * size + np.maximum(a, b)
    return np.isin(key, groups.a * size + groups.b)
