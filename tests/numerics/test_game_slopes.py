"""How Shapley values of rates move, against differences of naive Shapley values."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest

from attribution.numerics import game_slopes
from attribution.numerics.game_slopes import Part
from attribution.numerics.sequences import offsets_of

PLAYERS = 4


def observed(seed: int) -> list[tuple[frozenset, float, float, float]]:
    """Return (set, conversions, value, trials)."""
    rng = np.random.default_rng(seed)
    out = {}
    for _ in range(6):
        members = frozenset(rng.choice(PLAYERS, rng.integers(1, PLAYERS + 1), replace=False))
        gained = float(rng.integers(0, 5))
        out[members] = (members, gained, gained * 7.0 + 1, gained + float(rng.integers(1, 9)))
    return list(out.values())


def part_of(rows) -> Part:
    codes = [code for row in rows for code in sorted(row[0])]
    return Part(
        offsets_of(np.array([len(row[0]) for row in rows])),
        np.array(codes),
        np.array([row[1:3] for row in rows]),
        np.array([row[3] for row in rows]),
    )


def values_of(rows, orders) -> np.ndarray:
    """Return (players, 2): the mean marginal rate over orders of arrival."""

    def worth(members):
        inside = [row for row in rows if row[0] <= members]
        trials = sum(row[3] for row in inside)
        gained = np.sum([row[1:3] for row in inside], axis=0) if inside else np.zeros(2)
        return gained / trials if trials else np.zeros(2)

    out = np.zeros((PLAYERS, 2))
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            out[player] += worth(before | {player}) - worth(before)
    return out / len(orders)


def differences(blocks, orders, size=1e-6) -> np.ndarray:
    out = []
    for block in blocks:
        ends = []
        for sign in (size, -size):
            scaled = [(row[0], *(sign * amount for amount in row[1:])) for row in block]
            ends.append(values_of([row for each in blocks for row in each] + scaled, orders))
        out.append((ends[0] - ends[1]) / (2 * size))
    return np.array(out)


BLOCKS = [observed(seed) for seed in range(3)]


def test_every_coalition():
    from itertools import permutations

    orders = list(permutations(range(PLAYERS)))
    assert len(orders) == factorial(PLAYERS)
    found = game_slopes.moved([part_of(block) for block in BLOCKS], PLAYERS)
    everything = [row for block in BLOCKS for row in block]
    np.testing.assert_allclose(found.values, values_of(everything, orders), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.slopes, differences(BLOCKS, orders), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.slopes.sum(axis=0), 0, atol=1e-15)  # a rate has no size


@pytest.mark.parametrize("seed", [0, 7])
def test_sampled_orders(seed: int):
    rng = np.random.default_rng(seed)
    orders = []
    for _ in range(3):
        order = rng.permutation(PLAYERS)
        orders += [order.tolist(), order[::-1].tolist()]
    found = game_slopes.moved_sampled([part_of(block) for block in BLOCKS], PLAYERS, 6, seed)
    everything = [row for block in BLOCKS for row in block]
    np.testing.assert_allclose(found.values, values_of(everything, orders), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.slopes, differences(BLOCKS, orders), rtol=1e-5, atol=1e-9)
