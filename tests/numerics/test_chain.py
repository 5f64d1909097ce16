"""What removal loses, against a chain solved again for every removal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from attribution.numerics import chain
from tests.strategies import examples


@st.composite
def chains(draw, most=9):
    """Return q, start and reward of a chain that ends from every state."""
    m = draw(st.integers(1, most))
    weight = draw(
        st.lists(
            st.lists(st.sampled_from([0, 0, 0, 1, 2, 50]), min_size=m + 1, max_size=m + 1),
            min_size=m,
            max_size=m,
        )
    )
    table = np.array(weight, float)
    table[:, -1] += draw(st.sampled_from([1.0, 0.01]))  # every state can end
    q = (table / table.sum(axis=1, keepdims=True))[:, :-1]
    start = np.array(draw(st.lists(st.integers(0, 3), min_size=m, max_size=m)), float) + 0.01
    reward = np.array(draw(st.lists(st.integers(0, 5), min_size=2 * m, max_size=2 * m)), float)
    return q, start / start.sum(), reward.reshape(m, 2) * (1 - q.sum(axis=1))[:, None]


def visits(q, start):
    return np.linalg.solve(np.eye(len(q)) - q.T, start)


def worth_without(q, start, reward, removed):
    keep = ~removed
    if not keep.any():
        return np.zeros(reward.shape[1])
    inner = np.eye(keep.sum()) - q[np.ix_(keep, keep)]
    return start[keep] @ np.linalg.solve(inner, reward[keep])


def losses(q, start, reward, sets):
    whole = worth_without(q, start, reward, np.zeros(len(q), bool))
    return np.array([whole - worth_without(q, start, reward, s) for s in sets])


def by_state(q, start, reward):
    return chain.losses_by_state(csr_array(q), visits(q, start), reward)


@pytest.fixture(params=["dense", "hubs"])
def route(request):
    """Send small chains along the routes of small and of large ones."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "hubs":
            patch.setattr(chain, "_DENSE", 3)
            patch.setattr(chain, "_HUBS", 2)
        yield request.param


class TestByState:
    @pytest.mark.parametrize("hubs", [0, 1, 2, 3])
    @examples(100)
    @given(given_chain=chains())
    def test_equals_deleting_the_state(self, hubs, given_chain):
        q, start, reward = given_chain
        expected = losses(q, start, reward, np.eye(len(q), dtype=bool))
        with pytest.MonkeyPatch.context() as patch:
            if hubs:
                patch.setattr(chain, "_DENSE", hubs)
                patch.setattr(chain, "_HUBS", hubs)
            assert np.abs(by_state(q, start, reward) - expected).max() <= 1e-9

    @pytest.mark.parametrize("length", [2, 3, 4, 5, 6, 7, 11])
    def test_long_cycles_among_rare_states_return(self, length, route):
        # Nothing returns in fewer steps than the cycle has.
        m = length + 4
        q = np.zeros((m, m))
        ring = np.arange(4, m)
        q[ring, np.append(ring[1:], ring[0])] = 0.9
        q[:4, :4] = 0.2
        q[0, 4] = 0.05
        start = np.full(m, 1 / m)
        start[:4] += 5
        start /= start.sum()
        reward = (1 - q.sum(axis=1))[:, None]
        expected = losses(q, start, reward, np.eye(m, dtype=bool))
        assert np.abs(by_state(q, start, reward) - expected).max() <= 1e-12

    def test_reward_in_a_tiny_unit_keeps_its_digits(self, route):
        rng = np.random.default_rng(0)
        q = rng.random((12, 12))
        q *= 0.9 / q.sum(axis=1, keepdims=True)
        start, reward = np.full(12, 1 / 12), rng.random((12, 1))
        one, tiny = by_state(q, start, reward), by_state(q, start, reward * 1e-12)
        assert tiny * 1e12 == pytest.approx(one, rel=1e-10)

    def test_reward_in_a_tiny_unit_where_nothing_leads_back(self, route):
        # From the two most visited states one only leaves: the rewards alone say when to stop.
        q = np.zeros((22, 22))
        q[:2, 2:] = 1 / 20
        q[2:, 2:] = 1 / 40
        start = np.array([0.45, 0.45, *[0.1 / 20] * 20])
        assert visits(q, start)[2:].max() < 0.45
        reward = np.array([[0.0], [0.0], *[[0.5]] * 20])
        one, tiny = by_state(q, start, reward), by_state(q, start, reward * 1e-12)
        expected = losses(q, start, reward, np.eye(22, dtype=bool))
        assert one == pytest.approx(expected, rel=1e-10)
        assert tiny * 1e12 == pytest.approx(expected, rel=1e-10)

    def test_a_series_that_converges_slowly_is_solved_instead(self, route, monkeypatch):
        monkeypatch.setattr(chain, "_SERIES", 3)
        rng = np.random.default_rng(0)
        q = rng.random((10, 10))
        q *= 0.999 / q.sum(axis=1, keepdims=True)
        start, reward = np.full(10, 0.1), np.full((10, 1), 0.001)
        expected = losses(q, start, reward, np.eye(10, dtype=bool))
        assert by_state(q, start, reward) == pytest.approx(expected, rel=1e-9)


@st.composite
def runs(draw):
    """Return a chain of pairs (before, last): a step leads to a pair that begins with `last`."""
    symbols = draw(st.integers(2, 3))
    pairs = [(a, b) for a in range(symbols) for b in range(symbols)]
    q = np.zeros((len(pairs), len(pairs)))
    for i, (_, b) in enumerate(pairs):
        weight = draw(st.lists(st.sampled_from([0, 1, 2, 30]), min_size=symbols, max_size=symbols))
        whole = sum(weight) + draw(st.sampled_from([1, 0.01]))
        for j, (c, d) in enumerate(pairs):
            if c == b:
                q[i, j] = weight[d] / whole
    start = (
        np.array(draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs))), float)
        + 0.01
    )
    reward = draw(st.lists(st.integers(0, 5), min_size=len(pairs), max_size=len(pairs)))
    ends = np.array(pairs).T
    return q, start / start.sum(), (np.array(reward) * (1 - q.sum(axis=1)))[:, None], ends


@pytest.mark.parametrize(
    "change",
    [{}, {"_GROUPS": 1}, {"_GROUPS": 2}, {"_BLOCK": 1}, {"_CYCLES": 0}, {"_CYCLES": 3}],
    ids=repr,
)
@examples(60)
@given(given_runs=runs())
def test_by_set_equals_deleting_the_set(change, given_runs):
    q, start, reward, ends = given_runs
    sets = [(ends == symbol).any(axis=0) for symbol in range(4)]  # the last one is empty
    expected = losses(q, start, reward, sets)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in change.items():
            patch.setattr(chain, name, value)
        found = chain.losses_by_set(
            csr_array(q),
            start,
            visits(q, start),
            reward,
            csr_array(np.array(sets, float).T),
            (ends[0], ends[1]),
        )
    assert np.abs(found - expected).max() <= 1e-9
