import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics.components import Claims, clashing, components, join


def naive(count, edges, claims=()):
    """Take the edges one by one; return the set of groups."""
    group = {node: {node} for node in range(count)}

    def fits(nodes):
        held = {}
        for owner, kind, value in claims:
            if owner in nodes and held.setdefault(kind, value) != value:
                return False
        return True

    for a, b in edges:
        both = group[a] | group[b]
        if fits(both):
            for node in both:
                group[node] = both
    return {frozenset(nodes) for nodes in group.values()}


def groups(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def arrays(pairs):
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def claim(rows):
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Claims(table[:, 0], table[:, 1], table[:, 2])


NODES = 12
node = st.integers(0, NODES - 1)
pairs = st.lists(st.tuples(node, node), max_size=30)
# One value a node and group, so that no node clashes alone.
held = st.dictionaries(st.tuples(node, st.integers(0, 1)), st.integers(0, 2), max_size=14).map(
    lambda found: [(owner, group, value) for (owner, group), value in found.items()]
)


@given(pairs)
def test_components_are_those_of_the_naive_twin(edges):
    labels = components(NODES, *arrays(edges))
    assert groups(labels) == naive(NODES, edges)
    _, first = np.unique(labels, return_index=True)
    assert (np.diff(first) > 0).all()
    assert labels.max() + 1 == len(first)


@given(pairs, held)
def test_join_is_what_taking_edges_in_turn_gives(edges, claims):
    found = join(NODES, *arrays(edges), claim(claims), (np.arange(len(edges)),))
    # In a component without a clash order does not matter, so one pass over all edges is the twin.
    assert groups(found.labels) == naive(NODES, edges, claims)
    a, b = arrays(edges)
    assert (found.kept == (found.labels[a] == found.labels[b])).all()


@given(pairs, held)
def test_merit_says_which_edge_comes_first(edges, claims):
    a, b = arrays(edges)
    turn = np.arange(len(edges))
    found = join(NODES, a, b, claim(claims), (turn // 3 * 0, -(turn // 2), turn))
    order = sorted(turn, key=lambda i: (-(i // 2), i))
    assert groups(found.labels) == naive(NODES, [edges[i] for i in order], claims)


@given(held.map(lambda rows: [(o % 3, g, v) for o, g, v in rows]))
def test_clashing_finds_two_values_in_one_group(rows):
    found = clashing(4, claim(rows))
    for owner in range(4):
        values = {}
        for o, g, v in rows:
            if o == owner:
                values.setdefault(g, set()).add(v)
        assert found[owner] == any(len(each) > 1 for each in values.values())


def test_a_long_chain_of_clashes_keeps_the_first_edges():
    count = 200
    edges = [(i, i + 1) for i in range(count - 1)]
    claims = [(0, 0, 0), (count - 1, 0, 1)]
    found = join(count, *arrays(edges), claim(claims), (np.arange(len(edges)),))
    assert groups(found.labels) == {frozenset(range(count - 1)), frozenset({count - 1})}
    assert found.kept.tolist() == [True] * (count - 2) + [False]


def test_no_edges():
    empty = np.zeros(0, np.int64)
    assert components(3, empty, empty).tolist() == [0, 1, 2]
    assert join(0, empty, empty, claim([]), (empty,)).labels.tolist() == []
