from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics import game
from tests.strategies import examples


@pytest.mark.parametrize("players", [0, 1, 2, 5, 6, 7, 9])
def test_subset_sums_add_every_subset(players):
    rng = np.random.default_rng(players)
    amounts = rng.integers(0, 9, 1 << players).astype(float)
    expected = [
        sum(amounts[b] for b in range(1 << players) if a & b == b) for a in range(1 << players)
    ]
    before = amounts.copy()
    assert game.subset_sums(amounts).tolist() == expected
    assert (amounts == before).all()


@pytest.mark.parametrize("chunk", [0, 1, 6, 8])
def test_subset_sums_do_not_depend_on_the_chunk(chunk, monkeypatch):
    amounts = np.random.default_rng(0).integers(0, 9, 1 << 10).astype(float)
    expected = game.subset_sums(amounts)
    monkeypatch.setattr(game, "_LOW_BITS", min(6, chunk))
    monkeypatch.setattr(game, "_CHUNK_BITS", chunk)
    assert (game.subset_sums(amounts) == expected).all()


@examples(60)
@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.integers(-20, 20), min_size=1 << n, max_size=1 << n)
    )
)
def test_shapley_is_the_mean_marginal_gain(worth):
    worth = np.array(worth, float)
    n = len(worth).bit_length() - 1
    expected, orders = np.zeros(n), list(permutations(range(n)))
    for order in orders:
        coalition = 0
        for player in order:
            joined = coalition | 1 << player
            expected[player] += worth[joined] - worth[coalition]
            coalition = joined
    assert game.shapley(worth) == pytest.approx(expected / len(orders), abs=1e-12)


def test_shapley_of_no_players():
    assert game.shapley(np.zeros(1)).tolist() == []


@pytest.mark.parametrize("players", [1, 8, 16, 20])
def test_shapley_of_a_sum_is_each_players_own(players):
    own = np.arange(1.0, players + 1)
    amounts = np.zeros(1 << players)
    amounts[1 << np.arange(players)] = own
    assert game.shapley(game.subset_sums(amounts)) == pytest.approx(own, rel=1e-12)


def test_coalition_amounts_are_at_their_bits():
    offsets, codes = np.array([0, 2, 3, 3, 5]), np.array([0, 2, 1, 0, 2])
    found = game.coalition_amounts(offsets, codes, np.array([1.0, 2, 4, 8]), 3)
    assert found.tolist() == [4, 0, 2, 0, 0, 9, 0, 0]


def test_sampling_every_order_of_two_players_is_exact():
    # One pair is an order and its reverse: with two players that is all of them.
    offsets, codes = np.array([0, 1, 3]), np.array([0, 0, 1])
    found = game.shapley_sampled(
        offsets, codes, np.array([[1.0], [0.0]]), np.array([1.0, 1.0]), 2, 4, seed=0
    )
    assert found.values[:, 0].tolist() == [0.75, -0.25]
    assert found.errors.tolist() == [[0], [0]]
