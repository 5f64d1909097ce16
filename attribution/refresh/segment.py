"""A file of rows in order of a 64-bit key, of which a reader touches little more than it asks for.

Rows stand in blocks of some kilobytes, each an Arrow record batch, compressed, so that all there is
of a row lies on one page or two; no key stands in two blocks. Behind them come the first key of
each block, and for each chunk of many blocks a filter of a byte per key, which nearly always knows
that a key is not there (Bloom, CACM 13, 1970; all bits of a key in one word, as Putze, Sanders and
Singler, 2007). A row may say of its key that there is none: it hides what an older file has.
"""

from __future__ import annotations

import mmap
import os
import struct
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

__all__ = ["GONE", "KEY", "Segment", "in_sorted", "keys_of", "write_segment"]

KEY = "key"  # the column rows are in order of
GONE = "_gone"  # true in a row that says there is none of its key

_BLOCK = 6_144  # bytes of a block before it is compressed, about
_PAGE = 4_096  # what a disk is read by
_SIZES = struct.Struct("<2Q")  # before each block: its bytes, and those it is made from
_CODEC = "lz4_raw"
_SCANNED = 4_096  # blocks read at once where all are
_PER_WORD = 8  # keys to 64 bits of a filter
_BITS = 4  # of a key that are set there
_TAIL = struct.Struct("<6Q")


class _Chunk(NamedTuple):
    """What is written of many rows."""

    first: Keys
    filter: NDArray[np.uint64]


class Segment:
    """A file that `write_segment` wrote, opened for reading.

    Attributes
    ----------
    name
        Of the file.
    schema
        Of its rows, `GONE` among them.
    rows
        How many there are.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._file = folder / name
        with self._file.open("rb") as opened:
            opened.seek(-_TAIL.size, os.SEEK_END)
            tail = _TAIL.unpack(opened.read())
            self.rows, blocks, chunks, words, schema, begin = tail
            opened.seek(begin)
            self._first = np.fromfile(opened, np.uint64, blocks)
            self._offsets = np.fromfile(opened, np.int64, blocks + 1)
            self._chunks = np.fromfile(opened, np.uint64, chunks)
            self._words = np.fromfile(opened, np.int64, chunks + 1)
            self._filter_at, self._filter_words = opened.tell(), words
            opened.seek(words * 8, os.SEEK_CUR)
            self.schema = pa.ipc.read_schema(pa.py_buffer(opened.read(schema)))

    @property
    def bounds(self) -> list[np.uint64]:
        """Keys that part it into chunks of many rows."""
        return list(self._chunks)

    def take(self, keys: Keys) -> pa.Table:
        """Return the rows of sorted, distinct keys."""
        asked = keys[self._may_have(keys)]
        blocks = np.unique(np.searchsorted(self._first, asked, side="right") - 1)
        table = self._read(self._apart, blocks[blocks >= 0])
        return table.filter(pa.array(in_sorted(keys_of(table), asked)))

    def between(self, low: np.uint64, high: np.uint64 | None) -> pa.Table:
        """Return the rows of keys from `low` up to, and without, `high`."""
        start = max(0, int(np.searchsorted(self._first, low, side="right")) - 1)
        end = len(self._first) if high is None else int(np.searchsorted(self._first, high))
        table = self._read(self._whole, np.arange(start, end))
        keys = keys_of(table)
        return table.filter(pa.array((keys >= low) & (True if high is None else keys < high)))

    def scan(self) -> Iterator[pa.Table]:
        """Yield all rows in order, many blocks at a time."""
        for start in range(0, len(self._first), _SCANNED):
            end = min(start + _SCANNED, len(self._first))
            yield self._read(self._whole, np.arange(start, end))

    def _may_have(self, keys: Keys) -> NDArray[np.bool_]:
        """Return which keys the filters do not know to be absent."""
        chunk = np.searchsorted(self._chunks, keys, side="right") - 1
        asked = np.flatnonzero(chunk >= 0)
        begin = self._words[chunk[asked]]
        place, bits = _marks(keys[asked], self._words[chunk[asked] + 1] - begin)
        words = self._filter(len(asked))[begin + place]
        may = np.zeros(len(keys), bool)
        may[asked] = (words & bits) == bits
        return may

    def _filter(self, probes: int) -> NDArray[np.uint64]:
        """Return the filters: read as a whole if most of their pages are going to be."""
        if "_filters" in self.__dict__ or probes * _PAGE > self._filter_words * 8:
            return self._filters
        return np.frombuffer(self._apart, np.uint64, self._filter_words, self._filter_at)

    @cached_property
    def _filters(self) -> NDArray[np.uint64]:
        with self._file.open("rb") as opened:
            opened.seek(self._filter_at)
            return np.fromfile(opened, np.uint64, self._filter_words)

    def _read(self, buffer: pa.Buffer, blocks: NDArray[np.integer]) -> pa.Table:
        spans = zip(self._offsets[blocks].tolist(), self._offsets[blocks + 1].tolist(), strict=True)
        batches = [
            pa.ipc.read_record_batch(_unpacked(buffer.slice(start, end - start)), self.schema)
            for start, end in spans
        ]
        return pa.Table.from_batches(batches, self.schema).combine_chunks()

    @cached_property
    def _apart(self) -> pa.Buffer:
        """The file, for reading here and there: no page is fetched that is not asked for."""
        return pa.py_buffer(_mapped(self._file, "MADV_RANDOM"))

    @cached_property
    def _whole(self) -> pa.Buffer:
        """The file, for reading on and on."""
        return pa.py_buffer(_mapped(self._file, "MADV_SEQUENTIAL"))


def write_segment(folder: Path, name: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write rows in order of their keys; no key may stand in two of the tables.

    The file is on the disk when this returns; nothing lists it yet.
    """
    chunks: list[_Chunk] = []
    offsets, rows = [0], 0
    with (folder / name).open("wb") as opened:
        for table in tables:
            if table.num_rows:
                whole = table.select(schema.names).combine_chunks().to_batches()[0]
                bounds = _block_bounds(keys_of(whole), whole.nbytes)
                offsets += _write_blocks(opened, whole, bounds, offsets[-1])
                chunks.append(_Chunk(keys_of(whole)[bounds[:-1]], _filter_of(keys_of(whole))))
                rows += whole.num_rows
        _write_directory(opened, schema, chunks, np.array(offsets), rows)
        opened.flush()
        os.fsync(opened.fileno())


def in_sorted(values: Keys, known: Keys) -> NDArray[np.bool_]:
    """Return which values, (n,), are among sorted ones."""
    if not len(known):
        return np.zeros(len(values), bool)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.asarray(known[place] == values)


def keys_of(table: pa.Table | pa.RecordBatch) -> Keys:
    """Return the keys of rows."""
    return np.asarray(table.column(KEY).to_numpy()).astype(np.uint64, copy=False)


# ---------------------------------------------------------------------- writing


def _block_bounds(keys: Keys, size: int) -> NDArray[np.int64]:
    """Return where blocks begin and end: at about `_BLOCK` bytes, and at new keys only."""
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    step = max(1, _BLOCK * len(keys) // max(size, 1))
    wanted = np.arange(0, len(keys), step)
    return np.append(
        np.unique(begins[np.searchsorted(begins, wanted, side="right") - 1]), len(keys)
    )


def _write_blocks(
    opened: BinaryIO, rows: pa.RecordBatch, bounds: NDArray[np.int64], offset: int
) -> list[int]:
    """Write rows as blocks, and return where each ends."""
    ends: list[int] = []
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        block = _packed(rows.slice(start, end - start))
        # A block that fits into a page does not begin on one and end on the next.
        left = -offset % _PAGE
        if left < len(block) <= _PAGE and ends:
            opened.write(bytes(left))
            offset += left
            ends[-1] = offset
        opened.write(block)
        offset += len(block)
        ends.append(offset)
    return ends


def _packed(rows: pa.RecordBatch) -> bytes:
    plain = rows.serialize()
    packed = pa.compress(plain, codec=_CODEC, asbytes=True)
    return bytes(_SIZES.pack(len(packed), plain.size) + packed)


def _unpacked(block: pa.Buffer) -> pa.Buffer:
    """Return a block's record batch; what follows it up to the next block does not matter."""
    packed, size = _SIZES.unpack(block.slice(0, _SIZES.size))
    return pa.decompress(block.slice(_SIZES.size, packed), decompressed_size=size, codec=_CODEC)


def _write_directory(
    opened: BinaryIO,
    schema: pa.Schema,
    chunks: Sequence[_Chunk],
    offsets: NDArray[np.int64],
    rows: int,
) -> None:
    begin = opened.tell()
    first = np.concatenate([np.zeros(0, np.uint64), *(chunk.first for chunk in chunks)])
    sizes = [len(chunk.filter) for chunk in chunks]
    columns: list[NDArray[np.generic]] = [
        first,
        offsets.astype(np.int64),
        np.array([chunk.first[0] for chunk in chunks], np.uint64),
        np.append(0, np.cumsum(sizes)).astype(np.int64),
        *(chunk.filter for chunk in chunks),
    ]
    for column in columns:
        opened.write(column.tobytes())
    described = schema.serialize()
    opened.write(described)
    opened.write(_TAIL.pack(rows, len(first), len(chunks), sum(sizes), described.size, begin))


def _filter_of(keys: Keys) -> NDArray[np.uint64]:
    """Return the filter of sorted keys."""
    distinct = keys[np.append(True, keys[1:] != keys[:-1])]
    words = np.zeros(len(distinct) // _PER_WORD + 1, np.uint64)
    place, bits = _marks(distinct, np.full(len(distinct), len(words)))
    order = np.argsort(place)
    filled, starts = np.unique(place[order], return_index=True)
    words[filled] = np.bitwise_or.reduceat(bits[order], starts)
    return words


def _marks(keys: Keys, words: NDArray[np.int64]) -> tuple[NDArray[np.int64], Keys]:
    """Return the word of a filter that each key falls in, and its bits there."""
    mixed = keys * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    bits = np.zeros(len(keys), np.uint64)
    for nth in range(_BITS):
        bits |= np.uint64(1) << ((mixed >> np.uint64(6 * nth)) & np.uint64(63))
    return ((mixed >> np.uint64(6 * _BITS)) % words.astype(np.uint64)).astype(np.int64), bits


def _mapped(file: Path, advice: str) -> mmap.mmap:
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mapped, "madvise"):  # not every system takes advice
        mapped.madvise(getattr(mmap, advice))
    return mapped
