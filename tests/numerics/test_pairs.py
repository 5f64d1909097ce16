from __future__ import annotations

from itertools import accumulate, combinations, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics.pairs import pairs_within, second_order


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8))
def test_pairs_are_all_combinations(lengths):
    bounds = [0, *accumulate(lengths)]
    found = pairs_within(np.array(bounds, np.int64))
    expected = [
        (row, one, other)
        for row, (a, b) in enumerate(pairwise(bounds))
        for one, other in combinations(range(a, b), 2)
    ]
    assert list(zip(*(each.tolist() for each in found), strict=True)) == expected


def test_second_order_adds_half_of_what_pairs_do_differently_to_both():
    found = second_order(
        np.array([[0.5], [0.2], [0.1]]),
        np.array([4.0, 2.0, 1.0]),
        np.array([[0, 1]]),
        np.array([[0.9]]),
        np.array([2.0]),
    )
    # 0.9 - 0.5 - 0.2 = 0.2; half of it, twice shared.
    np.testing.assert_allclose(found[:, 0], [4 * 0.5 + 0.2, 2 * 0.2 + 0.2, 0.1])
