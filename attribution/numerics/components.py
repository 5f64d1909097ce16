"""Connected components of large graphs, plain and under claims that keep nodes apart.

A graph is a count of nodes and two arrays `a`, `b` (m,) of the nodes each edge joins. A claim says
that a node holds a `value` in a `group`: no component may hold two values in one group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics.sequences import expand, offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Claims", "Joined", "clashing", "components", "join"]


class Claims(NamedTuple):
    """Who holds which value in which group: three arrays of (c,), whole numbers from 0."""

    owner: NDArray[np.int64]
    group: NDArray[np.int64]
    value: NDArray[np.int64]

    def of(self, owners: NDArray[np.integer]) -> Claims:
        """Return the same claims held by what each owner has become part of: `owners[owner]`."""
        return Claims(owners[self.owner].astype(np.int64), self.group, self.value)

    def where(self, chosen: NDArray[np.bool_]) -> Claims:
        """Return the claims chosen by a mask of (c,)."""
        return Claims(self.owner[chosen], self.group[chosen], self.value[chosen])

    def handed(self, count: int, giver: NDArray[np.integer], taker: NDArray[np.integer]) -> Claims:
        """Return a claim of taker[i] for every claim of giver[i]; `count` bounds the owners."""
        giving = np.zeros(count, bool)
        giving[giver] = True
        owner, group, value = self.where(giving[self.owner])
        order = np.argsort(owner)
        offsets = offsets_of(np.bincount(owner, minlength=count))
        lengths = np.diff(offsets)[giver]
        place = order[expand(offsets[:-1][giver], lengths)]
        return Claims(np.repeat(taker, lengths).astype(np.int64), group[place], value[place])


class Joined(NamedTuple):
    """What edges make of nodes.

    Attributes
    ----------
    labels
        (n,) int64, the component of each node, numbered in the order of their smallest nodes.
    kept
        (m,) whether both ends of an edge are in one component.
    """

    labels: NDArray[np.int64]
    kept: NDArray[np.bool_]


def components(count: int, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the component of each node, (count,), numbered in the order of smallest nodes."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    if not len(a):
        return np.arange(count)
    # Only nodes with an edge: usually most have none.
    touched = np.zeros(count, bool)
    touched[a] = touched[b] = True
    nodes = np.flatnonzero(touched)
    place = np.cumsum(touched, dtype=np.int32) - 1
    graph = csr_array(
        (np.ones(len(a), np.int8), (place[a], place[b])), shape=(len(nodes), len(nodes))
    )
    _, found = connected_components(graph, directed=False)
    # Every node is named by the smallest of its component; then names become numbers.
    smallest = np.full(len(nodes), count, np.int64)
    np.minimum.at(smallest, found, nodes)
    root = np.arange(count)
    root[nodes] = smallest[found]
    return np.asarray((np.cumsum(root == np.arange(count)) - 1)[root])


def clashing(count: int, claims: Claims) -> NDArray[np.bool_]:
    """Return which owners, (count,), hold two values in one group."""
    out = np.zeros(count, bool)
    several = np.bincount(claims.owner, minlength=count) > 1
    owner, group, value = claims.where(several[claims.owner])
    if len(owner):
        groups = int(group.max()) + 1
        key = owner * groups + group
        order = np.argsort(key)
        key, value = key[order], value[order]
        # Of the values in a run some neighbours differ if any two do.
        differs = (key[1:] == key[:-1]) & (value[1:] != value[:-1])
        out[key[1:][differs] // groups] = True
    return out


def join(
    count: int,
    a: NDArray[np.integer],
    b: NDArray[np.integer],
    claims: Claims,
    merit: tuple[NDArray[np.integer], ...],
) -> Joined:
    """Join nodes along edges, as far as claims allow.

    Where all edges of a component can stand, they do. Otherwise its edges are taken one by one,
    and one that would bring two values of a group together is left out.

    Parameters
    ----------
    count
        Number of nodes.
    a, b
        (m,) ends of the edges.
    claims
        What nodes hold; owners are nodes. A node alone may not clash.
    merit
        Arrays of (m,), the most important first: the edge with the smallest numbers is taken
        first. No two edges should be equal in all of them.
    """
    labels = components(count, a, b)
    clash = clashing(int(labels.max(initial=-1)) + 1, claims.of(labels))
    if not clash.any():
        return Joined(labels, np.ones(len(a), bool))
    doubtful = clash[labels]
    edges = np.flatnonzero(doubtful[a])
    edges = edges[np.lexsort([each[edges] for each in reversed(merit)])]
    nodes = np.flatnonzero(doubtful)
    place = np.full(count, -1, np.int64)
    place[nodes] = np.arange(len(nodes))
    held = claims.where(doubtful[claims.owner]).of(place)
    apart = nodes[_in_turn(len(nodes), place[a[edges]], place[b[edges]], held)]
    sure = np.flatnonzero(~doubtful[a])
    # The doubtful nodes are joined to the node their group is named after.
    labels = components(count, np.concatenate([a[sure], nodes]), np.concatenate([b[sure], apart]))
    return Joined(labels, labels[a] == labels[b])


def _in_turn(
    count: int, a: NDArray[np.int64], b: NDArray[np.int64], claims: Claims
) -> NDArray[np.int64]:
    """Take edges in turn and leave out those that clash; return the name of each node's group.

    An edge that comes first among the edges of both its groups can be taken at once: none before
    it touches either. So all such edges are taken together, and the outcome is that of taking
    them one by one.
    """
    into = np.arange(count)  # the group that a group has become part of
    names, rank, left, right = into.copy(), np.arange(len(a)), a, b
    while True:
        apart = left != right
        rank, left, right = rank[apart], left[apart], right[apart]
        if not len(rank):
            break
        # Groups are numbered anew: a round costs what is left to do, not what there was.
        ends, place = np.unique(np.concatenate([left, right]), return_inverse=True)
        names, left, right = names[ends], place[: len(rank)], place[len(rank) :]
        found = np.minimum(np.searchsorted(ends, claims.owner), len(ends) - 1)
        held = ends[found] == claims.owner
        claims = claims._replace(owner=found).where(held)
        edges = np.tile(np.arange(len(rank)), 2)
        allowed = ~clashing(len(rank), claims.handed(len(ends), place, edges))
        rank, left, right = rank[allowed], left[allowed], right[allowed]
        first = np.full(len(ends), len(a))
        np.minimum.at(first, left, rank)
        np.minimum.at(first, right, rank)
        taken = (first[left] == rank) & (first[right] == rank)
        into[names[right[taken]]] = names[left[taken]]
        renamed = np.arange(len(ends))
        renamed[right[taken]] = left[taken]
        left, right, claims = renamed[left], renamed[right], claims.of(renamed)
    while (into[into] != into).any():
        into = into[into]
    return into
