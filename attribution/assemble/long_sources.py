"""Where a long form comes from: Parquet files, other files, and frames, a batch at a time."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution import columns as door
from attribution.errors import ConfigError, DataError
from attribution.sources.file_heads import head_of, unreadable_as_data_error
from attribution.sources.table import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyarrow import parquet

__all__ = ["Extent", "FileOfRows", "FrameOfRows", "Source", "sources_of"]

_PARQUET = (".parquet", ".pq")
_BATCH = 1 << 17  # rows


class Extent(NamedTuple):
    """How many rows a source has, and the bounds of a column of whole numbers, where known."""

    rows: int
    bounds: tuple[int, int] | None


@dataclass(frozen=True)
class FileOfRows:
    """A Parquet file, read one run of rows at a time."""

    name: str

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        with _opened(self.name) as opened:
            return opened.schema_arrow

    def extent(self, column: str) -> Extent:
        """Return rows and bounds as the file's footer states them."""
        with _opened(self.name) as opened:
            meta = opened.metadata
            leaves = [meta.schema.column(place).path for place in range(meta.num_columns)]
            if column not in leaves:
                return Extent(meta.num_rows, None)
            place = leaves.index(column)
            stated = [
                meta.row_group(group).column(place).statistics
                for group in range(meta.num_row_groups)
            ]
        known = [(each.min, each.max) for each in stated if each is not None and each.has_min_max]
        if not known or len(known) < len(stated):
            return Extent(meta.num_rows, None)
        return Extent(meta.num_rows, (min(low for low, _ in known), max(high for _, high in known)))

    def batches(self, columns: Sequence[str], coded: str) -> Iterator[pa.RecordBatch]:
        """Yield the named columns; text of the column `coded` as it is stored, by codes."""
        with _opened(self.name, coded) as opened:
            yield from opened.iter_batches(_BATCH, columns=list(columns), use_threads=False)


@dataclass(frozen=True)
class FrameOfRows:
    """Rows in memory; `name` is their file's, if they have one."""

    table: pa.Table
    name: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self.table.schema

    def extent(self, column: str) -> Extent:
        """Return rows and bounds."""
        values = self.table.column(column)
        if not pa.types.is_integer(values.type):
            return Extent(self.table.num_rows, None)
        found = pc.min_max(values)
        low, high = found["min"].as_py(), found["max"].as_py()
        return Extent(self.table.num_rows, None if low is None else (low, high))

    def batches(self, columns: Sequence[str], coded: str) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """Yield the named columns."""
        yield from self.table.select(list(columns)).to_batches(max_chunksize=_BATCH)


Source = FileOfRows | FrameOfRows


def sources_of(given: Any, text: Sequence[str]) -> tuple[Source, ...]:
    """Return a source for each file or frame; a list holds several.

    Files other than Parquet are read whole; their columns `text` as text.

    Raises
    ------
    DataError
        If a file cannot be read.
    ConfigError
        If there is no file.
    """
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise ConfigError("No file to read journeys from. Name one or more.")
    return tuple(_source(each, text) for each in several)


def _source(given: Any, text: Sequence[str]) -> Source:
    if not isinstance(given, str | os.PathLike):
        return FrameOfRows(_table(given))
    name = os.fspath(given)
    if Path(name).suffix.lower() in _PARQUET:
        return FileOfRows(name)
    return FrameOfRows(read_table(name, text=text), name)


def _table(frame: Any) -> pa.Table:
    held = door.held(frame)
    if not isinstance(held, pd.DataFrame):
        return held
    names = door.names_of(held)
    return pa.Table.from_arrays([door.arrow(held, name) for name in names], names=names)


@contextmanager
def _opened(name: str, coded: str | None = None) -> Iterator[parquet.ParquetFile]:
    """Open a Parquet file; an error names it."""
    from pyarrow import parquet

    with unreadable_as_data_error(name):
        head_of(Path(name), Path(name).suffix.lower(), _PARQUET)
        try:
            with parquet.ParquetFile(
                name, read_dictionary=[coded] if coded else None, pre_buffer=False
            ) as opened:
                yield opened
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"a file that is no complete Parquet file ({type(error).__name__})",
                "a Parquet file",
                "Write it again, or give the file the ending of its kind.",
            ) from None
