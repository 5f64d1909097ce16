"""Rows of many people, split into buckets small enough to be sorted in cache.

A row is one word of 64 bits: its time, channel and whether it converted; sorting moves words. How
people are told apart depends on their ids, and each way is a value of its own:

- `Numbered`: whole numbers without large gaps; the high part is the bucket, 16 bits are left.
- `Integers`: any whole numbers, by a hash that no two of them share.
- `Texts`: by two hashes of 96 bits in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from attribution.errors import DataError
from attribution.numerics import hashing
from attribution.numerics.sequences import expand

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Columns = tuple[NDArray[np.unsignedinteger], ...]

__all__ = [
    "CHANNEL_BITS",
    "Bucketed",
    "Grouped",
    "Integers",
    "Numbered",
    "People",
    "Piece",
    "Texts",
    "gathered",
    "grouped",
    "joined",
    "packed",
    "rows_of",
    "split",
    "texts",
    "unpacked",
    "whole_numbers",
]

CHANNEL_BITS = 21
_EPOCH_MS = 946_684_800_000  # words count from 2000-01-01, and last until 2139
_AT = np.uint64(CHANNEL_BITS + 1)
_ROWS = 1 << 17  # of a bucket: what is sorted stays in cache
_MOST_BUCKETS = 1 << 12
_DIGIT = 16  # bits that are sorted by at a time
_HALF = np.uint64(32)


def packed(ms: Ints, channel: NDArray[np.int32], converted: NDArray[np.bool_]) -> Words:
    """Return (n,) words that hold time, channel and whether a row converted."""
    words = (ms - _EPOCH_MS).view(np.uint64) << _AT
    words |= channel.astype(np.uint64) << np.uint64(1)
    words |= converted
    return words


def unpacked(words: Words) -> tuple[Ints, Ints]:
    """Return UTC epoch milliseconds and channels; what converted is odd."""
    channel = (words >> np.uint64(1)) & np.uint64((1 << CHANNEL_BITS) - 1)
    return (words >> _AT).view(np.int64) + _EPOCH_MS, channel.view(np.int64)


# ---------------------------------------------------------------------- who is who


@dataclass(frozen=True)
class Numbered:
    """Whole numbers from `base` on, 2^shift of them to a bucket."""

    base: int
    shift: int
    count: int
    bits: ClassVar[int] = _DIGIT

    def told_apart(self, person: pa.Array) -> tuple[Words, Columns]:
        """Return each row's bucket, and the columns that tell the people in it apart."""
        offset = (_integers(person) - self.base).view(np.uint64)
        local = offset.astype(np.uint16) & np.uint16((1 << self.shift) - 1)
        return offset >> np.uint64(self.shift), (local,)

    def hashes(self, bucket: int, columns: Columns) -> Words:
        """Return a stable hash of each person."""
        first = self.base + (bucket << self.shift)
        return hashing.hash_integers(columns[0].astype(np.int64) + first)

    def hashes_of(self, person: pa.Array) -> Words:
        """Return the same hash of each row's person."""
        return hashing.hash_integers(_integers(person))


@dataclass(frozen=True)
class Integers:
    """Whole numbers with gaps."""

    count: int
    bits: ClassVar[int] = 2 * _DIGIT

    def told_apart(self, person: pa.Array) -> tuple[Words, Columns]:
        """Return each row's bucket, and the columns that tell the people in it apart."""
        keys = self.hashes_of(person)
        return _share(keys, self.count), (keys,)

    def hashes(self, bucket: int, columns: Columns) -> Words:  # noqa: ARG002
        """Return a stable hash of each person."""
        return columns[0].astype(np.uint64)

    def hashes_of(self, person: pa.Array) -> Words:
        """Return the same hash of each row's person."""
        return hashing.hash_integers(_integers(person))


@dataclass(frozen=True)
class Texts:
    """Ids of any form."""

    count: int
    bits: ClassVar[int] = 2 * _DIGIT

    def told_apart(self, person: pa.Array) -> tuple[Words, Columns]:
        """Return each row's bucket, and the columns that tell the people in it apart."""
        keys = hashing.text_keys(person)
        return _share(keys.hashes, self.count), tuple(keys)

    def hashes(self, bucket: int, columns: Columns) -> Words:  # noqa: ARG002
        """Return a stable hash of each person."""
        return columns[0].astype(np.uint64)

    def hashes_of(self, person: pa.Array) -> Words:
        """Return the same hash of each row's person."""
        return hashing.hash_texts(person)


People = Numbered | Integers | Texts


def texts(rows: int) -> Texts:
    """Return how to tell texts apart."""
    return Texts(_buckets_for(rows))


def whole_numbers(bounds: Sequence[tuple[int, int] | None], rows: int) -> Numbered | Integers:
    """Return how to tell whole numbers apart, from their bounds in each source, where known."""
    count = _buckets_for(rows)
    known = [each for each in bounds if each is not None]
    if known and len(known) == len(bounds):
        low, high = min(each[0] for each in known), max(each[1] for each in known)
        shift = ((high - low) // count).bit_length()
        # Many people to a bucket, and few of them with a row, is what a hash does better.
        if shift <= _DIGIT and high < 1 << 63:
            return Numbered(low, shift, (high - low >> shift) + 1)
    return Integers(count)


def _buckets_for(rows: int) -> int:
    return min(_MOST_BUCKETS, rows // _ROWS + 1)


def _integers(person: pa.Array) -> Ints:
    return np.asarray(person.to_numpy(zero_copy_only=False)).astype(np.int64, copy=False)


def _share(keys: Words, count: int) -> Words:
    """Return keys scaled from 64 bits to 0 ... count - 1."""
    return ((keys >> _HALF) * np.uint64(count)) >> _HALF


# ---------------------------------------------------------------------- splitting


class Piece(NamedTuple):
    """Some rows, bucket by bucket; bucket b's are `bounds[b]:bounds[b + 1]`.

    The values of the rows that converted stand apart, in the rows' order, with their buckets.
    """

    bounds: NDArray[np.int32]
    words: Words
    columns: Columns
    bucket: NDArray[np.uint16]
    value: NDArray[np.float64]


class Bucketed(NamedTuple):
    """All pieces, and all values by bucket."""

    pieces: Sequence[Piece]
    bounds: NDArray[np.int32]  # (buckets + 1, pieces)
    value: NDArray[np.float64]
    value_bounds: NDArray[np.int32]


def split(people: People, person: pa.Array, words: Words, value: NDArray[np.float64]) -> Piece:
    """Split rows by person; `value` holds those of the rows that converted."""
    bucket, columns = people.told_apart(person)
    if len(bucket) and int(bucket.max()) >= people.count:
        raise DataError(
            "an id outside the bounds that the file's footer states",
            "a file whose footer is right",
            "Write the file again.",
        )
    # A stable sort of integers this small is a radix sort.
    small: NDArray[np.unsignedinteger] = bucket.astype(np.uint16)
    if people.count <= 1 << 8:
        small = bucket.astype(np.uint8)
    order = np.argsort(small, kind="stable")
    return Piece(
        _bounds(small, people.count),
        words[order],
        tuple(column[order] for column in columns),
        small[_converted(words)].astype(np.uint16),
        value,
    )


def gathered(people: People, pieces: Sequence[Piece]) -> Bucketed:
    """Return one or more pieces, ready to be read by bucket."""
    bucket = np.concatenate([each.bucket for each in pieces])
    value = np.concatenate([each.value for each in pieces])
    return Bucketed(
        pieces,
        np.ascontiguousarray(np.stack([each.bounds for each in pieces]).T),
        value[np.argsort(bucket, kind="stable")],
        _bounds(bucket, people.count),
    )


def _bounds(bucket: NDArray[np.unsignedinteger], count: int) -> NDArray[np.int32]:
    bounds = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(bucket, minlength=count), out=bounds[1:])
    return bounds


def rows_of(rows: Bucketed, bucket: int) -> tuple[Words, Columns, NDArray[np.float64]]:
    """Return words, columns and values of a bucket, in the order of the rows."""
    low, high = rows.bounds[bucket].tolist(), rows.bounds[bucket + 1].tolist()
    inside = [slice(first, last) for first, last in zip(low, high, strict=True)]

    def taken(arrays: list[NDArray[np.unsignedinteger]]) -> NDArray[np.unsignedinteger]:
        return np.concatenate([each[part] for each, part in zip(arrays, inside, strict=True)])

    columns = range(len(rows.pieces[0].columns))
    return (
        taken([each.words for each in rows.pieces]),
        tuple(taken([each.columns[place] for each in rows.pieces]) for place in columns),
        rows.value[rows.value_bounds[bucket] : rows.value_bounds[bucket + 1]],
    )


# ---------------------------------------------------------------------- sorting


class Grouped(NamedTuple):
    """The rows of a bucket, sorted by person and time, ties as they came.

    Attributes
    ----------
    words
        (T,) the rows.
    bounds
        (n + 1,) person i's rows are `bounds[i]:bounds[i + 1]`.
    orders, values
        Places of the rows that converted, and their values.
    hashes
        (n,) a stable hash of each person.
    """

    words: Words
    bounds: Ints
    orders: Ints
    values: NDArray[np.float64]
    hashes: Words


def grouped(
    people: People, bucket: int, words: Words, columns: Columns, value: NDArray[np.float64]
) -> Grouped:
    """Sort the rows of a bucket by person and time."""
    if not len(words):
        none = np.zeros(0, np.int64)
        return Grouped(words, np.zeros(1, np.int64), none, value, words)
    at = words >> _AT
    digits = [columns[0].astype(np.uint16)]
    if people.bits > _DIGIT:
        digits.append((columns[0] >> np.uint64(_DIGIT)).astype(np.uint16))
    mixed = bool((at[1:] < at[:-1]).any())
    order = _sorted_by([_coarse(at), *digits] if mixed else digits)
    columns = tuple(column[order] for column in columns)
    starts = _starts(columns)
    if _part_people(people, order, columns, starts):
        starts = _starts(columns)
    bounds = np.append(starts, len(order))
    if mixed:
        _put_in_time(order, bounds, at)
    sorted_words = words[order]
    orders = _converted(sorted_words)
    place = np.empty(len(words), np.int32)
    place[_converted(words)] = np.arange(len(value))
    return Grouped(
        sorted_words,
        bounds,
        orders,
        value[place[order[orders]]],
        people.hashes(bucket, tuple(column[starts] for column in columns)),
    )


def _converted(words: Words) -> Ints:
    """Return which rows converted."""
    return np.flatnonzero((words.astype(np.uint8) & np.uint8(1)).view(bool))


def joined(parts: Sequence[Grouped]) -> Grouped:
    """Return several buckets as one."""
    rows = np.cumsum([0, *(len(each.words) for each in parts)]).tolist()
    return Grouped(
        np.concatenate([each.words for each in parts]),
        np.concatenate(
            [np.zeros(1, np.int64)]
            + [each.bounds[1:] + at for each, at in zip(parts, rows, strict=False)]
        ),
        np.concatenate([each.orders + at for each, at in zip(parts, rows, strict=False)]),
        np.concatenate([each.values for each in parts]),
        np.concatenate([each.hashes for each in parts]),
    )


def _sorted_by(digits: Sequence[NDArray[np.uint16]]) -> Ints:
    """Return the stable order by digits, the least significant first."""
    order = np.argsort(digits[0], kind="stable")
    for digit in digits[1:]:
        order = order[np.argsort(digit[order], kind="stable")]
    return np.asarray(order)


def _coarse(at: Words) -> NDArray[np.uint16]:
    """Return times as 16 bits, coarse enough to fit."""
    low = at.min()
    shift = max(0, int(at.max() - low).bit_length() - _DIGIT)
    return np.asarray((at - low) >> np.uint64(shift), dtype=np.uint16)


def _starts(columns: Columns) -> Ints:
    """Return where a new person begins."""
    fresh = np.ones(len(columns[0]), bool)
    fresh[1:] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        fresh[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(fresh)


def _part_people(people: People, order: Ints, columns: Columns, starts: Ints) -> bool:
    """Part, in place, people whose rows stand interleaved; return whether there were any.

    Sorting has looked at the low bits only, which different people may share.
    """
    low = columns[0][starts] & np.asarray((1 << people.bits) - 1, columns[0].dtype)
    same = np.append(low[1:] == low[:-1], False)
    if not same.any():
        return False
    same[1:] |= same[:-1]
    lengths = np.diff(np.append(starts, len(order)))[same]
    rows = expand(starts[same], lengths)
    keys = (*(column[rows] for column in columns), np.repeat(low[same], lengths))
    within = np.lexsort(keys)
    order[rows] = order[rows][within]
    for column in columns:
        column[rows] = column[rows][within]
    return True


def _put_in_time(order: Ints, bounds: Ints, at: Words) -> None:
    """Sort, in place, the rows of those people whose times do not rise."""
    sorted_at = at[order]
    falls = np.flatnonzero(sorted_at[1:] < sorted_at[:-1]) + 1
    person = np.searchsorted(bounds, falls, side="right") - 1
    late = np.unique(person[bounds[person] < falls])
    lengths = np.diff(bounds)[late]
    rows = expand(bounds[late], lengths)
    within = np.lexsort((sorted_at[rows], np.repeat(late, lengths)))
    order[rows] = order[rows[within]]
