"""Rows found by a 64-bit key without reading the others, in files that are never changed.

An index is a list of segments, oldest first: the first holds rows of any keys, each later one all
current rows of some keys, so the newest segment that knows a key tells of it. (O'Neil et al., The
log-structured merge-tree, Acta Informatica 33, 1996; a segment is merged with the one before when
it has grown to a quarter of it.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.refresh.segment import GONE, KEY, Segment, in_sorted, keys_of, write_segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

__all__ = ["Index", "build_index"]

_MERGED = 4  # a segment that is not this many times larger than the next is merged with it
_BUCKETS = 64  # of keys, each sorted by itself when many rows are indexed at once
_MANY = 1 << 20  # rows from which on they are parted into buckets first


@dataclass(frozen=True)
class Index:
    """Rows by key.

    Attributes
    ----------
    folder
        Where its files lie.
    schema
        Of its rows; a column `key`, uint64, among them.
    segments
        Names of its files, oldest first: what a manifest has to list.
    """

    folder: Path
    schema: pa.Schema
    segments: tuple[str, ...]

    @classmethod
    def opened(cls, folder: Path, segments: Sequence[str]) -> Index:
        """Return the index in these files of a folder."""
        schema = Segment(folder, segments[0]).schema
        return cls(folder, schema.remove(schema.get_field_index(GONE)), tuple(segments))

    def take(self, keys: Keys) -> pa.Table:
        """Return all rows of these keys, (k,) in any order, in no particular order."""
        left = np.unique(np.asarray(keys, np.uint64))
        found = [self.schema.empty_table()]
        for segment in reversed(self._opened):
            rows = segment.take(left)
            left = left[~in_sorted(left, np.unique(keys_of(rows)))]
            found.append(self._there(rows))
        return pa.concat_tables(found)

    def has(self, keys: Keys) -> NDArray[np.bool_]:
        """Return which keys, (k,), have a row."""
        return in_sorted(np.asarray(keys, np.uint64), np.unique(keys_of(self.take(keys))))

    def keys_where(self, column: str, values: pa.Array) -> Keys:
        """Return the keys of rows that hold one of these values; it reads all there is.

        Keys of rows replaced since may be among them.
        """
        found = [
            keys_of(rows)[np.flatnonzero(pc.is_in(rows.column(column), value_set=values))]
            for segment in self._opened
            for rows in segment.scan()
        ]
        return np.unique(np.concatenate([np.zeros(0, np.uint64), *found]))

    def live(self, columns: Sequence[str] = ()) -> Iterator[pa.Table]:
        """Yield all rows, some keys at a time, in order of keys; of some columns only, if named.

        One table at least.
        """
        names = [*(columns or self.schema.names), GONE]
        largest = max(self._opened, key=lambda segment: segment.rows)
        bounds = [np.uint64(0), *largest.bounds[1:]]
        for low, high in zip(bounds, [*bounds[1:], None], strict=True):
            hidden, parts = np.zeros(0, np.uint64), []
            for segment in reversed(self._opened):
                rows = segment.between(low, high).select(names)
                keys = keys_of(rows)
                parts.append(rows.filter(pa.array(~in_sorted(keys, hidden))))
                hidden = np.union1d(hidden, keys)
            yield self._there(_in_order(pa.concat_tables(parts)))

    def with_rows(self, keys: Keys, rows: pa.Table, name: str) -> Index:
        """Return the index in which these rows are all there are of these keys.

        Parameters
        ----------
        keys
            (k,) the keys that are told anew.
        rows
            Their rows; none of another key.
        name
            Of the new segment's file; not yet in use.
        """
        if not len(keys):
            return self
        base, *kept = self._opened
        new = self._told(np.unique(np.asarray(keys, np.uint64)), rows)
        while kept and kept[-1].rows <= _MERGED * new.num_rows:
            old = pa.concat_tables(kept.pop().scan())
            others = old.filter(pa.array(~in_sorted(keys_of(old), np.unique(keys_of(new)))))
            new = _in_order(pa.concat_tables([others, new]))
        write_segment(self.folder, name, self._stored, [new])
        segments = (base.name, *(each.name for each in kept), name)
        index = Index(self.folder, self.schema, segments)
        whole = base.rows <= _MERGED * new.num_rows
        return index.compacted(f"{name}-whole") if whole else index

    def compacted(self, name: str) -> Index:
        """Return the same rows in one segment: nothing replaced is left in its file."""
        write_segment(self.folder, name, self._stored, map(_with_gone, self.live()))
        return Index(self.folder, self.schema, (name,))

    @property
    def _stored(self) -> pa.Schema:
        return self.schema.append(pa.field(GONE, pa.bool_()))

    def _told(self, keys: Keys, rows: pa.Table) -> pa.Table:
        """Return rows in order, with one for each key that says there is none."""
        rows = _with_gone(rows.select(self.schema.names).cast(self.schema))
        none = keys[~in_sorted(keys, np.unique(keys_of(rows)))]
        columns = {KEY: pa.array(none), GONE: pa.repeat(pa.scalar(True), len(none))}
        missing = pa.table(
            [columns.get(item.name, pa.nulls(len(none), item.type)) for item in self._stored],
            schema=self._stored,
        )
        return _in_order(pa.concat_tables([rows, missing]))

    def _there(self, rows: pa.Table) -> pa.Table:
        return rows.filter(pc.invert(rows.column(GONE))).drop_columns([GONE])

    @cached_property
    def _opened(self) -> tuple[Segment, ...]:
        return tuple(Segment(self.folder, name) for name in self.segments)


def build_index(
    folder: Path, name: str, schema: pa.Schema, tables: Iterable[pa.Table], rows: int
) -> Index:
    """Write rows in any order as a new index of one segment.

    Parameters
    ----------
    folder, name
        Where to write, and the name of the segment's file.
    schema
        Of the rows.
    tables
        The rows, so many at a time as fit into memory.
    rows
        About how many there are: many are parted by key on the disk first.
    """
    index = Index(folder, schema, (name,))
    tables = (table.select(schema.names).cast(schema) for table in tables)
    if rows < _MANY:
        ordered: Iterable[pa.Table] = [_in_order(pa.concat_tables([schema.empty_table(), *tables]))]
    else:
        ordered = _sorted_by_bucket(folder, name, schema, tables)
    write_segment(folder, name, index._stored, map(_with_gone, ordered))
    return index


def _sorted_by_bucket(
    folder: Path, name: str, schema: pa.Schema, tables: Iterable[pa.Table]
) -> Iterator[pa.Table]:
    """Yield the rows in order of keys, a bucket at a time, by way of a file for each bucket."""
    files = [folder / f"{name}.{bucket}.tmp" for bucket in range(_BUCKETS)]
    writers = [pa.ipc.new_stream(file, schema) for file in files]
    shift = np.uint64(64 - (_BUCKETS - 1).bit_length())
    for table in tables:
        bucket = (keys_of(table) >> shift).astype(np.uint8)
        order = np.argsort(bucket, kind="stable")
        ends = np.append(0, np.cumsum(np.bincount(bucket, minlength=_BUCKETS)))
        parted = table.take(pa.array(order)).combine_chunks()
        for writer, start, end in zip(writers, ends[:-1], ends[1:], strict=True):
            if start < end:
                writer.write_table(parted.slice(start, end - start))
    for file, writer in zip(files, writers, strict=True):
        writer.close()
        with pa.ipc.open_stream(pa.memory_map(str(file))) as reader:
            yield _in_order(reader.read_all())
        file.unlink()


def _with_gone(rows: pa.Table) -> pa.Table:
    return rows.append_column(GONE, pa.repeat(pa.scalar(False), rows.num_rows))


def _in_order(table: pa.Table) -> pa.Table:
    return table.take(pa.array(np.argsort(keys_of(table), kind="stable"))).combine_chunks()
