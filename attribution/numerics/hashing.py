"""Stable 64-bit hashes of integers and texts: the same in every process, batch and machine.

They are made to spread, not to withstand somebody who wants two of them to be equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attribution.names import BLOCKS
from attribution.numerics.sequences import expand, offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

__all__ = ["TextKeys", "blocks", "by_hash_and_time", "hash_integers", "hash_texts", "text_keys"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0xD1B54A32D192ED03)
_MOST_BITS = 40  # of a span of time: 35 years in milliseconds; the others tell hashes apart
_WORD = 8  # bytes
_WIDE = 8  # words read one by one from every text; what is longer is read in one go
_ROWS = 1 << 15  # at a time, so that what is worked on stays in cache
# Keeps the first r bytes of a little-endian word.
_KEEP = np.array([(1 << 8 * r) - 1 for r in range(_WORD + 1)], np.uint64)


class TextKeys(NamedTuple):
    """Two hashes of each text, (n,) uint64 and (n,) uint32.

    Two texts that share one by chance differ in the other: both agree for one pair in 2^96.
    """

    hashes: Hashes
    checks: NDArray[np.uint32]


def hash_integers(values: NDArray[np.int64]) -> Hashes:
    """Return (n,) a hash of each integer; different integers have different hashes.

    SplitMix64 (Steele, Lea and Flood 2014): one step of its counter, then its finaliser.
    """
    return _mixed(values.view(np.uint64) + _GOLDEN)


def hash_texts(array: Any) -> Hashes:
    """Return (n,) a hash of each text of an Arrow array; a null counts as the empty text."""
    return text_keys(array).hashes


def by_hash_and_time(hashes: Hashes, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n,) rows by hash and then by time, as a stable sort by both would; only quicker.

    The head of a hash and the time are sorted as one number. Rows whose hashes have a head in
    common, which few have, are sorted again.
    """
    if not len(at):
        return np.zeros(0, np.int64)
    since = (at - at.min()).view(np.uint64)
    bits = int(since.max()).bit_length()
    if bits > _MOST_BITS:
        return np.lexsort((at, hashes))
    tail = np.uint64(bits)
    rows = np.argsort((hashes >> tail << tail) | since, kind="stable")
    found = hashes[rows]
    fresh = (found[1:] >> tail) != (found[:-1] >> tail)
    alike = (found[1:] != found[:-1]) & ~fresh
    if alike.any():
        head = np.append(0, np.cumsum(fresh))
        mixed = np.zeros(head[-1] + 1, bool)
        mixed[head[1:][alike]] = True
        place = np.flatnonzero(mixed[head])
        again = np.sort(rows[place])
        rows[place] = again[np.lexsort((at[again], hashes[again]))]
    return rows


def blocks(hashes: Hashes) -> NDArray[np.uint8]:
    """Return (n,) the block of 64 that each hash falls in."""
    return (hashes % np.uint64(BLOCKS)).astype(np.uint8)


def text_keys(array: Any) -> TextKeys:
    """Return two hashes of each text.

    With w_i the text's UTF-8 bytes as little-endian words of 8 (the last filled up with zeros) and
    x_i = w_i a, folded once (x ^ x >> 32), the hash is the finaliser of sum x_i b_i + length, and
    the check the high half of sum x_i c_i + length (each length times a constant), all modulo
    2^64 with odd a, b_i. So texts of one length that differ in one word only never share a hash.

    Parameters
    ----------
    array
        An Arrow array of type string or large_string.
    """
    kind = str(array.type)
    if kind not in {"string", "large_string"}:
        raise TypeError(f"texts to hash are of type string or large_string, not {kind}")
    count = len(array)
    hashes, checks = np.empty(count, np.uint64), np.empty(count, np.uint32)
    if not count:
        return TextKeys(hashes, checks)
    _, bounds, data = array.buffers()
    width = np.int32 if kind == "string" else np.int64
    stored = np.frombuffer(bounds, width)[array.offset : array.offset + count + 1]
    offsets: NDArray[np.int64] = stored.astype(np.int64, copy=False)
    lengths = np.diff(offsets)
    if array.null_count:
        lengths = np.where(array.is_valid().to_numpy(zero_copy_only=False), lengths, 0)
    for first in range(0, count, _ROWS):
        rows = slice(first, min(first + _ROWS, count))
        low, high = int(offsets[rows.start]), int(offsets[rows.stop])
        if high == low:
            text = np.zeros(_WORD, np.uint8)
        elif high + _WORD <= data.size:
            text = np.frombuffer(data, np.uint8, high - low + _WORD, low)
        else:  # a word may begin at the last byte
            text = np.zeros(high - low + _WORD, np.uint8)
            text[: high - low] = np.frombuffer(data, np.uint8, high - low, low)
        sums = _summed(text, offsets[rows] - low, lengths[rows])
        size = lengths[rows].astype(np.uint64)
        hashes[rows] = _mixed(sums[0] + size * _SPREAD)
        checks[rows] = (sums[1] + size * _GOLDEN) >> np.uint64(32)
    return TextKeys(hashes, checks)


def _summed(
    text: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[Hashes, Hashes]:
    """Return the sums of each text's folded words, once for the hash and once for the check."""
    words = np.ndarray((len(text) - _WORD + 1,), "<u8", text.data, strides=(1,))
    one, two = np.zeros(len(starts), np.uint64), np.zeros(len(starts), np.uint64)
    shortest, longest = int(lengths.min()), int(lengths.max())
    for place in range(min(_WIDE, -(-longest // _WORD))):
        read = place * _WORD
        if shortest == longest:  # ids often are of one length: then words stand at equal distances
            every = np.ndarray((len(starts),), "<u8", text.data, read, (shortest,)).copy()
            _add_place(one, two, every, np.array([shortest - read]), place)
            continue
        if shortest > read:
            _add_place(one, two, words[starts + read], lengths - read, place)
            continue
        rows = np.flatnonzero(lengths > read)
        part = one[rows], two[rows]
        _add_place(*part, words[starts[rows] + read], lengths[rows] - read, place)
        one[rows], two[rows] = part
    if longest > _WIDE * _WORD:
        rows = np.flatnonzero(lengths > _WIDE * _WORD)
        count = -(-lengths[rows] // _WORD) - _WIDE
        begin = offsets_of(count)[:-1]
        places = _WIDE + expand(np.zeros(len(rows), np.int64), count)
        at = np.repeat(starts[rows], count) + places * _WORD
        folded = _folded(words[at], np.repeat(lengths[rows], count) - places * _WORD)
        by = _factors(places)
        one[rows] += np.add.reduceat(folded * by[0], begin)
        two[rows] += np.add.reduceat(folded * by[1], begin)
    return one, two


def _add_place(
    one: Hashes, two: Hashes, words: Hashes, left: NDArray[np.int64], place: int
) -> None:
    """Add the words at one place to the sums."""
    folded = _folded(words, left)
    first, second = _factors(np.array([place]))
    one += folded * first[0]
    folded *= second[0]
    two += folded


def _folded(words: Hashes, left: NDArray[np.int64]) -> Hashes:
    """Return each word without the bytes past its text's end, scattered over 64 bits."""
    if int(left.min()) < _WORD:
        words = words & _KEEP[np.minimum(left, _WORD)]
    folded = words * _SPREAD
    folded ^= folded >> np.uint64(32)
    return folded


def _factors(places: NDArray[np.int64]) -> tuple[Hashes, Hashes]:
    """Return the factors of the words at these places.

    All those of the hash are odd, and of those of the check the first only: so two words of a text
    can be told back from the two sums, and texts of up to 16 bytes and one length only share both
    hashes where the check's lower half, which is not kept, differs.
    """
    number = places.astype(np.uint64) * np.uint64(2)
    one = _mixed(number + np.uint64(1)) | np.uint64(1)
    two = _mixed(number + np.uint64(2)) & ~np.uint64(1)
    return one, two | (places == 0).astype(np.uint64)


def _mixed(words: Hashes) -> Hashes:
    """Scatter the bits of each word (the finaliser of SplitMix64)."""
    words = words ^ (words >> np.uint64(30))
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words
