from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ModelError
from attribution.numerics.largest_remainder import split
from attribution.numerics.sequences import offsets_of
from tests.strategies import examples

LARGEST = 2**62 - 1
amounts = st.integers(-LARGEST, LARGEST) | st.integers(-1000, 1000)
whole = st.integers(0, 5) | st.integers(0, 10**12)
groups = st.lists(st.tuples(amounts, st.lists(whole, min_size=1, max_size=20)), max_size=12)
reals = st.floats(0, 1e300, allow_subnormal=False) | st.floats(0, 1)
real_groups = st.lists(st.tuples(amounts, st.lists(reals, min_size=1, max_size=20)), max_size=12)


def naive(amount, weights):
    """Split one amount, with whole numbers and fractions only."""
    if not any(weights):
        weights = [1] * len(weights)
    quotas = [Fraction(abs(amount)) * Fraction(w) / sum(map(Fraction, weights)) for w in weights]
    parts = [int(quota) for quota in quotas]
    left = abs(amount) - sum(parts)
    by_rest = sorted(range(len(parts)), key=lambda i: (parts[i] - quotas[i], i))
    for i in by_rest[:left]:
        parts[i] += 1
    return [part if amount >= 0 else -part for part in parts]


def parts_of(listed):
    offsets = offsets_of(np.array([len(weights) for _, weights in listed], np.int64))
    flat = np.array([w for _, weights in listed for w in weights], np.float64)
    parts = split(np.array([amount for amount, _ in listed], np.int64), flat, offsets)
    assert parts.dtype == np.int64
    return [parts[a:b].tolist() for a, b in pairwise(offsets)]


@examples(300)
@given(groups)
def test_whole_weights_are_split_as_whole_numbers_are(listed):
    assert parts_of(listed) == [naive(amount, weights) for amount, weights in listed]


@examples(200)
@given(real_groups)
def test_real_weights_add_up_and_stay_by_their_quota(listed):
    for (amount, weights), parts in zip(listed, parts_of(listed), strict=True):
        assert sum(parts) == amount
        if any(weights):
            total = sum(map(Fraction, weights))
            for weight, part in zip(weights, parts, strict=True):
                quota = Fraction(amount) * Fraction(weight) / total
                assert abs(part - quota) <= 1 + abs(amount) * Fraction(len(weights), 2**48)


@examples(100)
@given(real_groups)
def test_a_reversal_is_split_as_what_it_reverses(listed):
    there = parts_of(listed)
    back = parts_of([(-amount, weights) for amount, weights in listed])
    assert back == [[-part for part in parts] for parts in there]


@examples(100)
@given(real_groups)
def test_groups_do_not_look_at_each_other(listed):
    assert parts_of(listed) == [parts_of([one])[0] for one in listed]


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (5, [0, 0], [3, 2]),
        (1, [0.1, 0.1, 0.1], [1, 0, 0]),
        (10, [0.3, 0, 0.7], [3, 0, 7]),
        (7, [3], [7]),
        (7, [0], [7]),
        (0, [1, 2], [0, 0]),
        (1, [1, 2, 2], [0, 1, 0]),
        (3, [5e-324, 5e-324], [2, 1]),
        (10, [1e-300, 1], [0, 10]),
        (LARGEST, [1, 1], [LARGEST // 2 + 1, LARGEST // 2]),
    ],
)
def test_known_splits(amount, weights, parts):
    assert parts_of([(amount, weights)]) == [parts]


def test_nothing_to_split():
    empty = np.zeros(0, np.int64)
    assert split(empty, np.zeros(0), np.zeros(1, np.int64)).tolist() == []
    offsets = np.array([0, 0, 2, 2], np.int64)
    assert split(np.array([0, 5, 0]), np.ones(2), offsets).tolist() == [3, 2]


def test_an_amount_without_parts_is_refused():
    with pytest.raises(ModelError, match="no parts"):
        split(np.array([1]), np.zeros(0), np.array([0, 0]))


@pytest.mark.parametrize("amount", [2**62, -(2**62), -(2**63)])
def test_an_amount_beyond_all_money_is_refused(amount):
    with pytest.raises(ModelError, match="no sum of money"):
        split(np.array([amount]), np.ones(2), np.array([0, 2]))


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_weights_that_are_none_are_refused(weight):
    with pytest.raises(ModelError, match="negative or no number"):
        split(np.array([1]), np.array([1.0, weight]), np.array([0, 2]))


def test_one_amount_among_very_many_parts():
    weights = np.arange(100_000, dtype=np.float64)
    parts = split(np.array([123_456_789]), weights, np.array([0, 100_000]))
    assert parts.sum() == 123_456_789
    assert np.abs(parts - 123_456_789 * weights / weights.sum()).max() < 1
