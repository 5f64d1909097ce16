"""Identifiers and links as numbers: hashes are found again by their bits, not by their text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = [
    "EARLY",
    "KINDS",
    "LATE",
    "MEDIUM",
    "ROTATION",
    "STRONG",
    "WEAK",
    "Known",
    "Links",
    "find",
    "known",
    "read_links",
]

KINDS = ("strong", "medium", "weak", "rotation")
STRONG, MEDIUM, WEAK, ROTATION = range(len(KINDS))

LATE = np.iinfo(np.int64).max  # stands for a time not known, where the earliest is sought
EARLY = np.iinfo(np.int64).min  # and where the latest is

_DIGITS = 32
_BATCH = 1 << 17
_FULLEST = 64  # a fuller bucket is no chance: these are no hashes
_NONE = 256


def _octets() -> NDArray[np.uint16]:
    """Return the number that two hexadecimal digits write, by the two letters as one number."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8).astype(np.int64)
    out = np.full(1 << 16, _NONE, np.uint16)
    out[digits[:, None] + (digits[None, :] << 8)] = np.arange(256).reshape(16, 16)
    return out


_OCTETS = _octets()


class Known(NamedTuple):
    """Distinct identifiers, in the order of their hashes; all arrays are (n,).

    Attributes
    ----------
    high, low
        The two halves of the hash.
    row
        The first row of the table it stands in.
    group
        Code of id type and namespace together: `spaces` to each of `id_types`.
    first, last
        UTC epoch ms; `LATE` and `EARLY` where not known.
    again, again_at
        (k,) Who stands in several rows of the table, and when a row saw him first or last.
    id_types
        Names of the id types; the last stands for none.
    spaces
        How many namespaces there are, none among them.
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    row: NDArray[np.int64]
    group: NDArray[np.int32]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    again: NDArray[np.int32]
    again_at: NDArray[np.int64]
    id_types: tuple[str, ...]
    spaces: int

    def of_type(self, id_types: tuple[str, ...]) -> NDArray[np.bool_]:
        """Return which identifiers, (n,), are of one of these id types."""
        chosen = np.array([name in id_types for name in self.id_types])
        return np.asarray(np.repeat(chosen, self.spaces)[self.group])

    def names(
        self, codes: NDArray[np.int64], tail: NDArray[np.int64], chosen: NDArray[np.integer]
    ) -> pa.ChunkedArray:
        """Return the names of the persons chosen: "p" and the digits of the hash he is named after.

        Where his tail is not `LATE` it follows behind a dot.
        """
        parts = []
        for start in range(0, max(len(chosen), 1), _BATCH):
            block = chosen[start : start + _BATCH]
            parts.append(self._names(codes[block], tail[block]))
        return pa.chunked_array(parts, pa.string())

    def _names(self, codes: NDArray[np.int64], tail: NDArray[np.int64]) -> pa.StringArray:
        words = np.stack([self.high[codes], self.low[codes]], axis=1).astype(">u8")
        letters = np.empty((len(codes), _DIGITS + 1), np.uint8)
        letters[:, 0] = ord("p")
        digits = np.frombuffer(words.tobytes().hex().encode(), np.uint8)
        letters[:, 1:] = digits.reshape(-1, _DIGITS)
        offsets: Any = np.arange(len(codes) + 1, dtype=np.int32) * (_DIGITS + 1)
        names = pa.StringArray.from_buffers(
            len(codes), pa.py_buffer(offsets), pa.py_buffer(letters)
        )
        tailed = pa.array(tail != LATE)
        if tailed.true_count:
            ends = pa.array(tail[tail != LATE]).cast(pa.string())
            full = pc.binary_join_element_wise(names.filter(tailed), ends, ".")
            names = pc.replace_with_mask(names, tailed, full)
        return names


class Links(NamedTuple):
    """Links between known identifiers; arrays of (m,), `unknown` what could not be placed."""

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    kind: NDArray[np.int8]
    at: NDArray[np.int64]
    unknown: pa.Table

    def where(self, chosen: NDArray[np.bool_]) -> Links:
        """Return the links chosen by a mask of (m,)."""
        return Links(
            self.a[chosen], self.b[chosen], self.kind[chosen], self.at[chosen], self.unknown
        )


def known(identifiers: pa.Table) -> Known:
    """Read the table of identifiers; a hash that stands there more than once counts once.

    Several rows of one hash tell more exactly when it was seen.

    Raises
    ------
    DataError
        If an `id_hash` is not ``<key id>.<32 hex digits>``.
    """
    high, low = _halves(identifiers.column("id_hash"))
    order = np.argsort(high)
    high = high[order]
    if (high[1:] == high[:-1]).any():
        # Rows of one hash in the order of the table.
        high[order] = high.copy()
        order = np.lexsort((low, high))
        high = high[order]
    low = low[order]
    first = _times(identifiers.column("first_seen"), LATE)[order]
    last = _times(identifiers.column("last_seen"), EARLY)[order]
    new = np.ones(len(order), bool)
    new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    again, again_at = np.zeros(0, np.int32), np.zeros(0, np.int64)
    if not new.all():
        starts = np.flatnonzero(new)
        lengths = np.diff(np.append(starts, len(order)))
        several = np.repeat(lengths > 1, lengths)
        again = np.tile((np.cumsum(new, dtype=np.int32) - 1)[several], 2)
        again_at = np.append(first[several], last[several])
        timed = (again_at != LATE) & (again_at != EARLY)
        again, again_at = again[timed], again_at[timed]
        high, low, order = high[starts], low[starts], order[starts]
        first, last = np.minimum.reduceat(first, starts), np.maximum.reduceat(last, starts)
    kind, id_types = _coded(identifiers.column("id_type"))
    group, names = _coded(identifiers.column("namespace"))
    group += kind * np.int32(len(names) + 1)
    return Known(
        high,
        low,
        order,
        group[order],
        first,
        last,
        again,
        again_at,
        (*id_types, ""),
        len(names) + 1,
    )


def read_links(
    found: Known, links: pa.Table | Iterable[pa.RecordBatch], devices: tuple[str, ...]
) -> Links:
    """Read links, batch by batch, so that their text need never be in memory at once.

    Parameters
    ----------
    found
        The identifiers that links may name.
    links
        A table, or record batches (a `RecordBatchReader`), with columns a, b, kind and at. A link
        without a time gets the earlier of the last times its ends were seen.
    devices
        Id types of devices: a link to one is weak, whatever it calls itself.

    Raises
    ------
    DataError
        If a kind is none of `KINDS`, or an end is no hash.
    """
    batches: Any = links.to_batches(_BATCH) if isinstance(links, pa.Table) else links
    index = _index(found)
    device = found.of_type(devices)
    parts: list[list[NDArray[Any]]] = []
    unknown = []
    for batch in batches:
        a, b = (_find(found, index, *_halves(batch.column(side))) for side in ("a", "b"))
        there = (a >= 0) & (b >= 0)
        if not there.all():
            lost = pa.Table.from_batches([batch]).select(["a", "b", "kind"])
            unknown.append(lost.filter(pa.array(~there)).cast(_LOST))
        kind = _kinds(batch.column("kind"))
        at = _times(batch.column("at"), EARLY)
        a, b, kind, at = a[there], b[there], kind[there], at[there]
        kind[(device[a] | device[b]) & (kind <= MEDIUM)] = WEAK
        parts.append([a, b, kind, at])
    if not parts:
        parts.append([np.zeros(0, name) for name in ("int32", "int32", "int8", "int64")])
    a, b, kind, at = (np.concatenate(column) for column in zip(*parts, strict=True))
    missing = np.flatnonzero(at == EARLY)
    if len(missing):
        at[missing] = np.minimum(found.last[a[missing]], found.last[b[missing]])
        at[at == EARLY] = at.max()
    return Links(a, b, kind, at, pa.concat_tables(unknown) if unknown else _LOST.empty_table())


def find(found: Known, hashes: pa.Array) -> NDArray[np.int32]:
    """Return the place of each hash among the known identifiers, -1 where it is none of them."""
    return _find(found, _index(found), *_halves(hashes))


_LOST = pa.schema([("a", pa.string()), ("b", pa.string()), ("kind", pa.string())])


def _times(column: pa.Array | pa.ChunkedArray, missing: int) -> NDArray[np.int64]:
    filled = pc.fill_null(column.cast(pa.int64()), pa.scalar(int(missing), pa.int64()))
    return np.array(filled.to_numpy(zero_copy_only=False), np.int64)


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return codes in the order of the names, one more for none, and the names."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    names = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    place = np.empty(len(names) + 1, np.int32)
    place[sorted(range(len(names)), key=lambda code: names[code])] = np.arange(len(names))
    place[len(names)] = len(names)
    codes = [
        chunk.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        for chunk in column.chunks
    ]
    return place[np.concatenate([np.zeros(0, np.int32), *codes])], tuple(sorted(names))


def _kinds(column: pa.Array) -> NDArray[np.int8]:
    text = column.cast(pa.string())
    codes = pc.index_in(text, value_set=pa.array(KINDS))
    if codes.null_count:
        raise DataError(
            "another kind of link",
            " or ".join(KINDS),
            "Ingest the file again: its links were not written by this version.",
            column="kind",
        )
    return np.array(codes.to_numpy(zero_copy_only=False), np.int8)


def _halves(column: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the 128 bits of each hash as two numbers."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    words = np.empty((len(column), 2), np.uint64)
    done = 0
    for chunk in chunks:
        for start in range(0, len(chunk), _BATCH):
            part = chunk[start : start + _BATCH]
            words[done : done + len(part)] = _words(part)
            done += len(part)
    return words[:, 0].copy(), words[:, 1].copy()


def _words(part: pa.Array) -> NDArray[np.uint64]:
    if part.null_count:
        raise _no_hash()
    part = part.cast(pa.large_string())
    _, where, data = part.buffers()
    ends = np.frombuffer(where, np.int64)[part.offset : part.offset + len(part) + 1]
    lengths = np.diff(ends)
    if not len(part):
        return np.zeros((0, 2), np.uint64)
    if lengths.min() < _DIGITS:
        raise _no_hash()
    letters = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), _DIGITS)
    octets = _OCTETS[letters[ends[1:] - _DIGITS].view("<u2")]
    if octets.max() >= _NONE:
        raise _no_hash()
    return np.asarray(octets.astype(np.uint8).view(">u8"), np.uint64)


def _no_hash() -> DataError:
    return DataError(
        "an identifier that is no hash",
        "<key id>.<32 hex digits>",
        "Ingest the file again: its identifiers were not written by this version.",
    )


class _Index(NamedTuple):
    """Where the hashes that begin with the same bits stand: (buckets + 1,) of places."""

    shift: np.uint64
    start: NDArray[np.int32]
    even: bool


def _index(found: Known) -> _Index:
    # Hashes are spread evenly, so their leading bits say nearly where they stand.
    bits = min(max(len(found.high).bit_length(), 1), 26)
    shift = np.uint64(64 - bits)
    counts = np.bincount((found.high >> shift).astype(np.int64), minlength=1 << bits)
    start = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=start[1:])
    return _Index(shift, start, int(counts.max()) <= _FULLEST)


def _find(
    found: Known, index: _Index, high: NDArray[np.uint64], low: NDArray[np.uint64]
) -> NDArray[np.int32]:
    """Return the place of each hash, -1 where it is not known."""
    place: NDArray[np.integer]
    end: NDArray[np.integer]
    if index.even:
        bucket = (high >> index.shift).astype(np.int64)
        place, end = index.start[bucket], index.start[bucket + 1]
    else:
        place = np.searchsorted(found.high, high, side="left")
        end = np.searchsorted(found.high, high, side="right")
    out = np.full(len(high), -1, np.int32)
    asked = np.arange(len(high))
    while len(asked):
        left = place < end
        asked, place, end = asked[left], place[left], end[left]
        hit = (found.high[place] == high[asked]) & (found.low[place] == low[asked])
        out[asked[hit]] = place[hit]
        miss = ~hit
        asked, place, end = asked[miss], place[miss] + 1, end[miss]
    return out
