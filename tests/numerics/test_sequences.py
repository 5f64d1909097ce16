from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics import sequences
from tests.strategies import examples

ragged = st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=20)


def packed(lists):
    offsets = sequences.offsets_of(np.array([len(part) for part in lists], np.int64))
    return offsets, np.array([code for part in lists for code in part], np.int32)


@examples(150)
@given(ragged)
def test_group_finds_equal_sequences(lists):
    first, inverse = sequences.group(*packed(lists))
    assert len(first) == len({tuple(part) for part in lists})
    assert len(inverse) == len(lists)
    for i, part in enumerate(lists):
        assert lists[first[inverse[i]]] == part
        assert first[inverse[i]] <= i


@examples(60)
@given(ragged, st.randoms(use_true_random=False))
def test_groups_stand_in_an_order_of_their_own(lists, random):
    first, _ = sequences.group(*packed(lists))
    shuffled = list(lists)
    random.shuffle(shuffled)
    other, _ = sequences.group(*packed(shuffled))
    assert [lists[i] for i in first] == [shuffled[i] for i in other]


def test_group_tells_apart_what_sums_alike():
    lists = [[0, 1], [1, 0], [0], [0, 0], [], [1], [2], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    first, _ = sequences.group(*packed(lists))
    assert len(first) == len(lists)


def test_group_survives_a_collision(monkeypatch):
    calls = []

    def collide_once(words):
        calls.append(1)
        return words * np.uint64(0) if len(calls) == 1 else real(words)

    real = sequences._mix
    monkeypatch.setattr(sequences, "_mix", collide_once)
    lists = [[0, 1], [1, 0], [0, 1]]
    _, inverse = sequences.group(*packed(lists))
    assert inverse[0] == inverse[2] != inverse[1]
    assert len(calls) == 2


def test_group_never_answers_wrong(monkeypatch):
    monkeypatch.setattr(sequences, "_mix", lambda words: words * np.uint64(0))
    with pytest.raises(AssertionError):
        sequences.group(*packed([[0, 1], [1, 0]]))


@examples(100)
@given(ragged, st.data())
def test_take_chooses_sequences(lists, data):
    offsets, codes = packed(lists)
    rows = data.draw(
        st.lists(st.integers(0, len(lists) - 1), max_size=10) if lists else st.just([])
    )
    new, where = sequences.take(offsets, np.array(rows, int))
    found = [codes[where][a:b].tolist() for a, b in pairwise(new)]
    assert found == [lists[i] for i in rows]


@examples(100)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5))))
def test_expand_concatenates_ranges(ranges):
    starts, lengths = (np.array([r[i] for r in ranges], np.int64) for i in (0, 1))
    assert sequences.expand(starts, lengths).tolist() == [
        start + i for start, length in ranges for i in range(length)
    ]


@examples(60)
@given(ragged)
def test_positions_count_from_zero(lists):
    offsets, _ = packed(lists)
    assert sequences.positions(offsets).tolist() == [i for part in lists for i in range(len(part))]


@examples(60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9), st.integers(-9, 9))))
def test_sum_by_adds_rows(entries):
    groups = np.array([e[0] for e in entries], np.int64)
    amounts = np.array([e[1:] for e in entries], float).reshape(-1, 2)
    expected = np.zeros((4, 2))
    for which, *row in entries:
        expected[which] += row
    assert (sequences.sum_by(groups, amounts, 4) == expected).all()


@pytest.mark.parametrize("table", [0, 1 << 26], ids=["sorted", "looked_up"])
@examples(60)
@given(keys=st.lists(st.integers(0, 40)))
def test_distinct_keys_and_where_each_stands(table, keys):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequences, "_DIRECT", table)
        found, place = sequences.distinct(np.array(keys, np.int64), 41)
    assert found.tolist() == sorted(set(keys))
    assert found[place].tolist() == keys
