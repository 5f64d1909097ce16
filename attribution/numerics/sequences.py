"""Ragged sequences of small integers: grouping equal ones, in linear time.

A batch of sequences is two arrays: `offsets`, int64, shape (n + 1,), and `codes`, shape
(offsets[-1],); sequence i is `codes[offsets[i]:offsets[i + 1]]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["distinct", "expand", "group", "offsets_of", "positions", "sum_by", "take"]

_SEEDS = (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0x8CB92BA72F3D8DD7)
_DIRECT = 1 << 26  # entries of the largest table of keys
_SPARE = 16  # how much larger than what is looked up it may be


def offsets_of(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the (n + 1,) offsets of sequences with these lengths."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def expand(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the concatenation of the ranges `starts[i] : starts[i] + lengths[i]`."""
    offsets = offsets_of(lengths)
    return np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], lengths)


def positions(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each element's position inside its sequence, from 0."""
    return np.arange(offsets[-1], dtype=np.int64) - np.repeat(offsets[:-1], np.diff(offsets))


def take(
    offsets: NDArray[np.int64], rows: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the offsets of the chosen sequences, and where their elements stand now."""
    lengths = np.diff(offsets)[rows]
    return offsets_of(lengths), expand(offsets[:-1][rows], lengths)


def sum_by(
    groups: NDArray[np.integer], amounts: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Sum the rows of `amounts` (n, c) by group; result (size, c)."""
    out = np.empty((size, amounts.shape[1]))
    for column in range(amounts.shape[1]):
        out[:, column] = np.bincount(groups, weights=amounts[:, column], minlength=size)
    return out


def distinct(keys: NDArray[np.int64], limit: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct keys, sorted, and the place of each of `keys` (n,) among them.

    The keys are from 0 up to, not including, `limit`. Where a table of all of them is not much
    larger than what is asked, it takes the place of sorting.
    """
    if limit > min(_DIRECT, _SPARE * len(keys)):
        found, place = np.unique(keys, return_inverse=True)
        return found, place
    seen = np.zeros(limit, bool)
    seen[keys] = True
    found = np.flatnonzero(seen)
    index = np.empty(limit, np.int32)
    index[found] = np.arange(len(found), dtype=np.int32)
    return found, index[keys].astype(np.int64)


def group(
    offsets: NDArray[np.int64], codes: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Group equal sequences.

    Returns
    -------
    first
        (g,) index of the first sequence of each group.
    inverse
        (n,) group of each sequence.

    Notes
    -----
    Sequences are grouped by a 64-bit hash (a sum of mixed (position, code) words) and then every
    member is compared with its group's first, so the answer is exact. A collision, which no
    real input has shown, makes another hash be tried.
    """
    lengths = np.diff(offsets)
    if len(lengths) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    where = positions(offsets).astype(np.uint64)
    for seed in _SEEDS:
        words = _mix((where * np.uint64(seed)) ^ (codes.astype(np.uint64) + np.uint64(1)))
        hashes = _segment_sums(words, offsets) + lengths.astype(np.uint64)
        _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        if _all_equal(offsets, codes, lengths, first[inverse]):
            return first, inverse
    raise AssertionError("three independent 64-bit hashes collided")  # pragma: no cover


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter the bits of each word (the finaliser of SplitMix64, Steele et al. 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _segment_sums(words: NDArray[np.uint64], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    running = np.zeros(len(words) + 1, dtype=np.uint64)
    np.cumsum(words, out=running[1:])
    return running[offsets[1:]] - running[offsets[:-1]]


def _all_equal(
    offsets: NDArray[np.int64],
    codes: NDArray[np.integer],
    lengths: NDArray[np.int64],
    representative: NDArray[np.int64],
) -> bool:
    if not np.array_equal(lengths, lengths[representative]):
        return False
    return bool(np.array_equal(codes, codes[expand(offsets[:-1][representative], lengths)]))
