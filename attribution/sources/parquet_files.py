"""Parquet: columns of any type as text leaves, a run of rows at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from attribution.errors import DataError
from attribution.sources.file_heads import refuse_doubled
from attribution.sources.nested import text_leaves
from attribution.sources.raw import RawBatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyarrow import parquet

__all__ = ["opened_parquet", "parquet_batches"]

_ROWS = 1 << 17


@contextmanager
def opened_parquet(file: Path) -> Iterator[parquet.ParquetFile]:
    """Open one Parquet file, and not a dataset: folders such as "day=1" are no columns.

    Raises
    ------
    DataError
        If it is no complete Parquet file, then or while it is read.
    """
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as opened:
            yield opened
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"a file that is no complete Parquet file ({type(error).__name__})",
            "a Parquet file",
            "Write it again, or give the file the ending of its kind.",
        ) from None


def parquet_batches(file: Path) -> Iterator[RawBatch]:
    """Yield a Parquet file in batches; one without rows if it has none.

    Raises
    ------
    DataError
        While reading, if it is no complete Parquet file, names a column twice, or has a type
        without exact text.
    """
    first = 1
    with opened_parquet(file) as opened:
        schema = opened.schema_arrow
        refuse_doubled(schema.names, "Rename or remove all but one.")
        for batch in opened.iter_batches(batch_size=_ROWS):
            yield _batch(batch, first)
            first += batch.num_rows
        if first == 1:
            yield _batch(pa.RecordBatch.from_pylist([], schema), first)


def _batch(batch: pa.RecordBatch, first: int) -> RawBatch:
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns.append(text_leaves(column))
        except DataError as error:
            raise DataError(error.found, error.expected, error.remedy, column=name) from None
    table = pa.table(columns, names=batch.schema.names)
    return RawBatch(table, np.arange(first, first + batch.num_rows))
