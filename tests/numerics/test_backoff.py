from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics.backoff import highest_order, next_logliks, steps_of

START = 4  # of five symbols: a, b, two ends, start
sequences = st.lists(
    st.tuples(st.lists(st.integers(0, 1), max_size=5), st.sampled_from([2, 3]), st.integers(1, 3)),
    min_size=1,
    max_size=6,
)


def steps(rows, order):
    lengths = [len(codes) for codes, _, _ in rows]
    return steps_of(
        np.append(0, np.cumsum(lengths)),
        np.array([code for codes, _, _ in rows for code in codes], np.int64),
        np.array([end for _, end, _ in rows]),
        np.array([weight for _, _, weight in rows], float),
        START,
        order,
    )


def told(rows, order):
    """Every step as (context, next, weight), one at a time."""
    out = []
    for codes, end, weight in rows:
        whole = [START] * order + codes + [end]
        out += [
            (tuple(whole[at - order : at]), whole[at], weight) for at in range(order, len(whole))
        ]
    return out


def chance(known, context, symbol):
    """Witten & Bell's probability, by its recursion."""
    if context is None:
        return 1 / 4
    after: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for full, following, weight in known:
        after[full[len(full) - len(context) :] if context else ()][following] += weight
    seen = after[context]
    lower = chance(known, context[1:] if context else None, symbol)
    size = sum(seen.values()) + len(seen)
    return (seen[symbol] + len(seen) * lower) / size if size else lower


@given(sequences, sequences, st.integers(0, 3))
def test_it_is_the_recursion(known, asked, order):
    found = next_logliks(steps(known, 3), steps(asked, 3), 5, 4)[order]
    expected = [
        np.log(chance(told(known, 3), context[3 - order :], following))
        for context, following, _ in told(asked, 3)
    ]
    assert found == pytest.approx(expected, rel=1e-12)


@given(sequences, st.integers(0, 3))
def test_what_can_come_next_adds_up_to_one(known, order):
    # One step asked for each of the four symbols, all after the same context: a, b.
    asked = steps([([0, 1], 2, 1)] * 4, 3)
    last = np.arange(4) * 3 + 2
    asked = asked._replace(next=asked.next.copy())
    asked.next[last] = [0, 1, 2, 3]
    found = np.exp(next_logliks(steps(known, 3), asked, 5, 4)[order][last])
    assert found.sum() == pytest.approx(1.0, rel=1e-12)


def test_contexts_stop_where_an_integer_is_full():
    assert 1000 ** (highest_order(1000) + 1) < 2**62 <= 1000 ** (highest_order(1000) + 2)
    assert highest_order(2**40) == 0
