"""What removal loses, against a chain solved again for every removal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from attribution.errors import ModelError
from attribution.numerics import chain, even, hubs
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


def take_hubs(patch, few=2):
    """Send small chains along the route of those that few states dominate."""
    patch.setattr(chain, "_DENSE", few)
    patch.setattr(chain, "_RATE", 1e-9)  # an inverse seems to take years
    patch.setattr(hubs, "_FEW", few)
    patch.setattr(hubs, "_SMALL", few)
    patch.setattr(even, "estimate", lambda q: np.inf)


def take_even(patch, rank=2):
    """Send small chains along the route of those that no state dominates."""
    patch.setattr(chain, "_DENSE", 2)
    patch.setattr(even, "estimate", lambda q: -1.0)
    patch.setattr(even, "_RANK", rank)
    patch.setattr(even, "_SMALL", np.inf)


def count_calls(patch, module, name):
    """Return a list that grows with each call."""
    calls, function = [], getattr(module, name)

    def counted(*arguments):
        calls.append(name)
        return function(*arguments)

    patch.setattr(module, name, counted)
    return calls


@pytest.fixture(params=["dense", "hubs", "even"])
def route(request):
    """Send small chains along the routes of small and of large ones."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "hubs":
            take_hubs(patch)
        if request.param == "even":
            take_even(patch)
        yield request.param


class TestByState:
    @pytest.mark.parametrize("few", [0, 1, 2, 3])
    @examples(100)
    @given(given_chain=chains())
    def test_equals_deleting_the_state(self, few, given_chain):
        q, start, reward = given_chain
        expected = losses(q, start, reward, np.eye(len(q), dtype=bool))
        with pytest.MonkeyPatch.context() as patch:
            if few:
                take_hubs(patch, few)
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
        assert one == pytest.approx(expected, rel=1e-9)
        assert tiny * 1e12 == pytest.approx(expected, rel=1e-9)

    def test_a_series_that_converges_slowly_is_solved_instead(self, route, monkeypatch):
        monkeypatch.setattr(hubs, "_SERIES", 3)
        monkeypatch.setattr(even, "_SERIES", 3)
        rng = np.random.default_rng(0)
        q = rng.random((10, 10))
        q *= 0.999 / q.sum(axis=1, keepdims=True)
        start, reward = np.full(10, 0.1), np.full((10, 1), 0.001)
        expected = losses(q, start, reward, np.eye(10, dtype=bool))
        assert by_state(q, start, reward) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("rank", [1, 3, 30])
    @examples(60)
    @given(given_chain=chains())
    def test_of_low_rank_equals_deleting_the_state(self, rank, given_chain):
        q, start, reward = given_chain
        expected = losses(q, start, reward, np.eye(len(q), dtype=bool))
        with pytest.MonkeyPatch.context() as patch:
            take_even(patch, rank)
            assert by_state(q, start, reward) == pytest.approx(expected, rel=1e-8, abs=1e-9)


def counted_chain(m, popularity, journeys, seed=0):
    """Return q, start, visits and reward of the chain of random counts between states."""
    rng = np.random.default_rng(seed)
    share = popularity / popularity.sum()
    steps = rng.poisson(journeys * 3 * share[:, None] * share).astype(float)
    begun = rng.poisson(journeys * share).astype(float) + 1
    passed = begun + steps.sum(axis=0)
    # A state that more leave than arrive at ends nothing: let what is missing begin there.
    more = np.maximum(steps.sum(axis=1) - passed + 1, 0)
    begun, passed = begun + more, passed + more
    reward = (passed - steps.sum(axis=1)) / passed * rng.random(m)
    return steps / passed[:, None], begun / begun.sum(), passed / begun.sum(), reward[:, None]


def inverted(q, visited, reward):
    """Return the losses by an inverse of the whole chain."""
    fundamental = np.linalg.inv(np.eye(len(q)) - q)
    return visited[:, None] * (fundamental @ reward) / fundamental.diagonal()[:, None]


@pytest.fixture(scope="module")
def popular():
    """Return a chain of 800 states that few dominate."""
    return counted_chain(800, 1.0 / np.arange(1, 801) ** 1.1, 40_000)


@pytest.fixture(scope="module")
def alike():
    """Return a chain of 800 states that are all as frequent."""
    return counted_chain(800, np.ones(800), 400_000)


class TestManyStates:
    def test_hubs_are_close_to_an_inverse_of_all(self, popular, monkeypatch):
        q, start, visited, reward = popular
        take_hubs(monkeypatch, 60)
        inverses = count_calls(monkeypatch, chain, "_inverted")
        found = chain.losses_by_state(csr_array(q), visited, reward)
        assert not inverses
        assert found == pytest.approx(inverted(q, visited, reward), rel=1e-8)
        assert visits(q, start) == pytest.approx(visited)

    def test_a_low_rank_is_close_to_an_inverse_of_all(self, alike, monkeypatch):
        q, _, visited, reward = alike
        take_even(monkeypatch, 4)
        monkeypatch.setattr(even, "_SMALL", 0.1)
        monkeypatch.setattr(even, "_ROWS", 300)
        inverses = count_calls(monkeypatch, chain, "_inverted")
        found = chain.losses_by_state(csr_array(q), visited, reward)
        assert not inverses
        assert found == pytest.approx(inverted(q, visited, reward), rel=1e-8)

    def test_without_a_low_rank_the_chain_is_inverted(self, popular, monkeypatch):
        q, _, visited, reward = popular
        take_even(monkeypatch, 1)
        monkeypatch.setattr(even, "_SMALL", 1e-3)
        monkeypatch.setattr(hubs, "plan", lambda q, visits: hubs.Plan(q.shape[0], np.inf))
        inverses = count_calls(monkeypatch, chain, "_inverted")
        found = chain.losses_by_state(csr_array(q), visited, reward)
        assert inverses
        assert found == pytest.approx(inverted(q, visited, reward), rel=1e-10)

    def test_three_thousand_that_are_alike_are_inverted(self, monkeypatch):
        m = 3_000
        rng = np.random.default_rng(0)
        q = csr_array(
            (np.full(m * 600, 7e-4), (np.repeat(np.arange(m), 600), rng.integers(0, m, m * 600)))
        )
        assert chain._sparsely(q, np.ones(m), np.ones((m, 1))) is None
        assert hubs.plan(q, np.ones(m)).seconds > m**3 / chain._RATE

    @pytest.mark.parametrize(("take", "module", "name"), [
        (take_hubs, hubs, "_without_hubs"),
        (take_hubs, hubs, "_excursions"),
        (take_even, even, "_powers"),
    ])  # fmt: skip
    def test_exact_columns_find_a_wrong_approximation(
        self, take, module, name, popular, monkeypatch
    ):
        q, _, visited, reward = popular
        take(monkeypatch, 40)
        rightly = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: rightly(*given) * (1 + 1e-4))
        inverses = count_calls(monkeypatch, chain, "_inverted")
        found = chain.losses_by_state(csr_array(q), visited, reward)
        assert inverses
        assert found == pytest.approx(inverted(q, visited, reward), rel=1e-10)

    def test_a_chain_too_large_for_an_inverse_is_refused_rather_than_guessed(
        self, popular, monkeypatch
    ):
        q, _, visited, reward = popular
        take_hubs(monkeypatch, 40)
        monkeypatch.setattr(chain, "_LARGEST", 100)
        monkeypatch.setattr(hubs, "_SERIES", 1)
        with pytest.raises(ModelError, match="800 channels"):
            chain.losses_by_state(csr_array(q), visited, reward)

    def test_ways_back_are_bounded(self, popular):
        q, _, visited, _ = popular
        rest = q[50:, 50:] * (1 - np.eye(750))
        exact = np.linalg.inv(np.eye(750) - rest).diagonal()
        found, error = hubs._short_ways(csr_array(rest), visited[50:])
        assert (found <= exact * (1 + 1e-13)).all()
        assert (exact - found <= error + 1e-13).all()
        assert error.max() < 1e-3

    def test_states_whose_ways_back_are_long_are_solved_or_get_hubs(self, popular, monkeypatch):
        q, _, visited, _ = popular
        rest = q[50:, 50:] * (1 - np.eye(750))
        exact = np.linalg.inv(np.eye(750) - rest).diagonal()
        for solved in (750, 0):
            monkeypatch.setattr(hubs, "_SMALL", 100)
            monkeypatch.setattr(hubs, "_FEW", 50)
            monkeypatch.setattr(hubs, "_SOLVED", solved)
            monkeypatch.setattr(hubs, "_TOLERANCE", 1e-14 if solved else 1e-12)
            found = hubs._without_hubs(csr_array(rest), visited[50:])
            assert found == pytest.approx(exact, rel=1e-11)
