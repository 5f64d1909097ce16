"""What the removal of a symbol loses, against a chain solved again for every removal."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from attribution.errors import ModelError
from attribution.numerics import walks
from tests.numerics.test_chain import losses, visits
from tests.strategies import examples


@st.composite
def runs(draw):
    """Return a chain of runs of symbols: a step forgets the first and appends one."""
    order = draw(st.sampled_from([2, 2, 3]))
    symbols = draw(st.integers(2, 3 if order == 2 else 2))
    words = np.array(list(product(range(symbols), repeat=order)))
    place = {tuple(word): i for i, word in enumerate(words.tolist())}
    m = len(words)
    q = np.zeros((m, m))
    for i, word in enumerate(words.tolist()):
        weight = draw(st.lists(st.sampled_from([0, 1, 2, 30]), min_size=symbols, max_size=symbols))
        whole = sum(weight) + draw(st.sampled_from([1, 0.01]))
        for symbol in range(symbols):
            q[i, place[(*word[1:], symbol)]] = weight[symbol] / whole
    start = np.array(draw(st.lists(st.integers(0, 3), min_size=m, max_size=m)), float) + 0.01
    reward = draw(st.lists(st.integers(0, 5), min_size=2 * m, max_size=2 * m))
    gain = np.array(reward, float).reshape(m, 2) * (1 - q.sum(axis=1))[:, None]
    shuffled = np.array(draw(st.permutations(range(m))))
    inner = q[np.ix_(shuffled, shuffled)]
    return inner, (start / start.sum())[shuffled], gain[shuffled], words[shuffled]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"_GROUPS": 1},
        {"_GROUPS": 2},
        {"_NARROW": 1, "_CACHED": 1},
        {"_SLICE": 3},
        {"_SINGLE": 0.0},
        {"_CYCLES": 0},
        {"_CYCLES": 3},
    ],
    ids=repr,
)
@examples(60)
@given(given_runs=runs())
def test_equals_deleting_the_states_of_the_symbol(change, given_runs):
    q, start, reward, words = given_runs
    sets = [(words == symbol).any(axis=1) for symbol in range(4)]  # some have no states
    expected = losses(q, start, reward, sets)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in change.items():
            patch.setattr(walks, name, value)
        found = walks.losses_by_symbol(csr_array(q), start, visits(q, start), reward, words, 4)
    assert np.abs(found - expected).max() <= 1e-9


def test_rare_symbols_keep_their_digits():
    # Symbol 2 is met once in ten million journeys; nothing of it may drown in the others.
    rare = 1e-7
    share = np.array([0.6, 0.4 - rare, rare])
    words = np.array(list(product(range(3), repeat=2)))
    q = np.zeros((9, 9))
    for i, (_, last) in enumerate(words):
        for j, (before, new) in enumerate(words):
            q[i, j] = 0.7 * share[new] * (before == last)
    start = share[words[:, 0]] * share[words[:, 1]]
    reward = np.full((9, 1), 0.3)
    found = walks.losses_by_symbol(csr_array(q), start, visits(q, start), reward, words, 3)
    # Every journey converts, so what is lost is the probability to meet the symbol.
    stays = 1 - share
    met = 1 - stays**2 * 0.3 / (1 - 0.7 * stays)
    assert found[:2, 0] == pytest.approx(met[:2], rel=1e-12)
    assert found[2, 0] == pytest.approx(rare * (2 + 0.7 / 0.3), rel=1e-6)
    assert found[2, 0] == pytest.approx(met[2], rel=1e-8)


def test_a_chain_that_no_journey_leaves_is_refused():
    words = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    q = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    with pytest.raises(ModelError, match="no journey leaves"):
        walks.losses_by_symbol(
            csr_array(q), np.full(4, 0.25), np.ones(4), np.ones((4, 1)), words, 2
        )
