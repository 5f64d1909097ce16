from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics import packing
from attribution.numerics.packing import Keyed, counted, fits, pack, run_keys, totals, unpack
from attribution.numerics.sequences import offsets_of
from tests.strategies import examples

SYMBOLS = 5
sequences = st.lists(st.lists(st.integers(0, SYMBOLS - 1), max_size=6), max_size=12)


def ragged(found):
    lengths = np.array([len(each) for each in found], np.int64)
    return offsets_of(lengths), np.array([code for each in found for code in each], np.int32)


@examples(100)
@given(sequences, st.integers(6, 9), st.integers(SYMBOLS, 40))
def test_keys_sort_as_sequences_do_and_lead_back(found, width, symbols):
    keys = pack(*ragged(found), symbols, width)
    assert [found[i] for i in np.argsort(keys, kind="stable")] == sorted(found)
    offsets, codes = unpack(keys, symbols, width)
    bounds = pairwise(offsets)
    assert [codes[a:b].tolist() for a, b in bounds] == found
    assert codes.dtype == np.int32


@examples(100)
@given(st.lists(st.integers(0, SYMBOLS - 1), max_size=12), st.data())
def test_keys_of_runs_are_those_of_the_sequences_cut_out(codes, data):
    at = data.draw(st.lists(st.integers(0, len(codes)), max_size=6))
    lengths = [data.draw(st.integers(0, min(4, len(codes) - first))) for first in at]
    cut = [codes[a : a + n] for a, n in zip(at, lengths, strict=True)]
    found = run_keys(
        np.array(codes, np.int64) + 1,
        np.array(at, np.int64),
        np.array(lengths, np.int64),
        SYMBOLS,
        4,
    )
    assert found.tolist() == pack(*ragged(cut), SYMBOLS, 4).tolist()


def test_only_what_stays_exact_fits():
    assert fits(200, 8)
    assert not fits(200, 9)
    widest = unpack(pack(*ragged([[199] * 8, [0] * 8]), 200, 8), 200, 8)
    assert widest[1].tolist() == [199] * 8 + [0] * 8


@examples(100)
@given(st.lists(st.integers(0, 9)))
def test_counted_keys(keys):
    found = counted(np.array(keys, np.int64))
    assert found.keys.tolist() == sorted(set(keys))
    assert found.columns[0].tolist() == [keys.count(key) for key in sorted(set(keys))]


@examples(100)
@given(st.data(), st.booleans())
def test_totals_by_key(data, direct):
    kinds, expected, row = [], defaultdict(lambda: np.zeros(4)), 0
    for columns in ((None,), (1.5, 2.0, None)):
        keys = data.draw(st.lists(st.integers(0, 9), max_size=10))
        kinds.append(
            Keyed(
                np.array(keys, np.int64),
                [None if each is None else np.arange(len(keys)) * each for each in columns],
            )
        )
        for place, key in enumerate(keys):
            for at, each in enumerate(columns):
                expected[key][row + at] += 1 if each is None else place * each
        row += len(columns)
    with pytest.MonkeyPatch.context() as patch:
        if not direct:
            patch.setattr(packing, "_DIRECT", 0)
        keys, sums = totals(kinds, 10)
    kept = {key: value.tolist() for key, value in sorted(expected.items()) if value.any()}
    assert dict(zip(keys.tolist(), sums.tolist(), strict=True)) == kept
    assert keys.tolist() == sorted(kept)
