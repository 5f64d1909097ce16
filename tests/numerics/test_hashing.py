from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.names import BLOCKS
from attribution.numerics import hashing
from attribution.numerics.hashing import (
    blocks,
    by_hash_and_time,
    hash_integers,
    hash_texts,
    text_keys,
)
from tests.strategies import examples

WHOLE = (1 << 64) - 1
KINDS = (pa.string(), pa.large_string())


def mixed(word: int) -> int:
    """SplitMix64's finaliser, in Python's integers."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & WHOLE
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & WHOLE
    return word ^ (word >> 31)


def twin(text: str) -> tuple[int, int]:
    """Return the two hashes of a text, word by word."""
    data = text.encode()
    one = two = 0
    for place in range((len(data) + 7) // 8):
        word = int.from_bytes(data[8 * place : 8 * place + 8], "little")
        word = (word * 0xD1B54A32D192ED03) & WHOLE
        word ^= word >> 32
        one += word * (mixed(2 * place + 1) | 1)
        two += word * ((mixed(2 * place + 2) & ~1) | (place == 0))
    one = mixed((one + len(data) * 0xD1B54A32D192ED03) & WHOLE)
    return one, ((two + len(data) * 0x9E3779B97F4A7C15) & WHOLE) >> 32


texts = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.text(alphabet="ab\0", max_size=20),
        st.text(alphabet="xyz", min_size=60, max_size=200),
    ),
    max_size=20,
)


@examples(100)
@given(texts, st.sampled_from(KINDS), st.integers(0, 5))
def test_texts_are_hashed_word_by_word(given_texts, kind, skipped):
    array = pa.array(given_texts, kind)[skipped:]
    found = text_keys(array)
    expected = [twin(text) for text in given_texts[skipped:]]
    assert list(zip(found.hashes.tolist(), found.checks.tolist(), strict=True)) == expected
    assert hash_texts(array).tolist() == found.hashes.tolist()


@pytest.mark.parametrize("length", [1, 7, 8, 9, 13, 16, 17, 64, 65, 100])
def test_texts_of_one_length(length):
    given_texts = [f"{i:0{length}d}"[-length:] for i in range(50)]
    found = text_keys(pa.array(given_texts))
    assert list(zip(*map(np.ndarray.tolist, found), strict=True)) == [twin(t) for t in given_texts]


def test_many_texts_are_hashed_in_parts(monkeypatch):
    given_texts = [f"person {i}" * (i % 4) for i in range(100)]
    whole = hash_texts(pa.array(given_texts)).tolist()
    monkeypatch.setattr(hashing, "_ROWS", 7)
    assert hash_texts(pa.array(given_texts)).tolist() == whole


def test_a_null_is_the_empty_text():
    assert hash_texts(pa.array([None, "", "a", None])).tolist() == [
        twin("")[0],
        twin("")[0],
        twin("a")[0],
        twin("")[0],
    ]
    assert hash_texts(pa.array([None, None], pa.string())).tolist() == [twin("")[0]] * 2


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="not int64"):
        hash_texts(pa.array([1]))


@examples(100)
@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=20))
def test_integers_are_hashed_by_splitmix(values):
    expected = [mixed((value + 0x9E3779B97F4A7C15) & WHOLE) for value in values]
    assert hash_integers(np.array(values, np.int64)).tolist() == expected


def test_hashes_are_the_known_ones():
    # SplitMix64 started at 0 gives these first two numbers (Steele, Lea and Flood's reference).
    found = hash_integers(np.array([0, -7046029254386353131], np.int64)).tolist()
    assert found == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@pytest.mark.parametrize(
    "hashes",
    [
        hash_integers(np.arange(64_000)),
        hash_integers(np.arange(64_000) << 32),
        hash_texts(pa.array([str(i) for i in range(64_000)])),
        hash_texts(pa.array([f"user_{i:08d}" for i in range(64_000)])),
        hash_texts(pa.array([f"o{'X' * (i % 30)}{i}" for i in range(64_000)])),
    ],
    ids=["integers", "shifted", "digits", "padded", "ragged"],
)
def test_people_spread_evenly_over_blocks(hashes):
    assert len(np.unique(hashes)) == len(hashes)
    counts = np.bincount(blocks(hashes), minlength=BLOCKS)
    assert len(counts) == BLOCKS
    expected = len(hashes) / BLOCKS
    # Chi-squared with 63 degrees of freedom exceeds 120 once in 100,000 times.
    assert ((counts - expected) ** 2 / expected).sum() < 120
    assert blocks(hashes).tolist() == [int(each) % 64 for each in hashes]


def test_texts_that_share_a_word_share_no_hash():
    words = ["", "a", "aaaaaaaa", "aaaaaaab", "\0", "\0\0", "\0" * 8, "\0" * 9]
    pairs = [one + other for one in words for other in words]
    distinct = sorted(set(pairs))
    found = text_keys(pa.array(distinct))
    assert len(set(found.hashes.tolist())) == len(distinct)
    assert len(set(found.checks.tolist())) == len(distinct)


@examples(150)
@given(
    # Heads that several hashes share, and times near and as far apart as there are.
    st.lists(st.sampled_from([0, 1, 2, 1 << 40, (1 << 40) + 1, (1 << 40) + 7, WHOLE]), max_size=30),
    st.sampled_from([[0], [5, 6], [-3, 0, 40_000], [0, 1 << 39], [-(1 << 63), 0, (1 << 63) - 1]]),
    st.randoms(use_true_random=False),
)
def test_rows_are_sorted_by_hash_and_then_by_time(found, times, pick):
    hashes = np.array(found, np.uint64)
    at = np.array([pick.choice(times) for _ in found], np.int64)
    assert by_hash_and_time(hashes, at).tolist() == np.lexsort((at, hashes)).tolist()
