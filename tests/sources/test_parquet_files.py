"""Parquet files in batches: every type as exact text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from attribution.errors import DataError
from attribution.sources import parquet_files as columnar
from attribution.sources.parquet_files import parquet_batches


def write(tmp_path, table):
    folder = tmp_path / "day=1"
    folder.mkdir()
    parquet.write_table(table, folder / "t.parquet")
    return folder / "t.parquet"


def test_columns_become_text_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(columnar, "_ROWS", 3)
    ids = np.arange(2**62, 2**62 + 8)
    table = pa.table(
        {
            "id": ids,
            "price": pa.array([Decimal("1.10")] * 8, pa.decimal128(30, 2)),
            "at": pa.array([dt.datetime(2026, 11, 11)] * 8, pa.timestamp("us", "Asia/Shanghai")),
            "x": np.linspace(0, 1, 8),
            "lines": [[{"sku": i}] for i in range(8)],
        }
    )
    batches = list(parquet_batches(write(tmp_path, table)))
    assert [len(batch.rows) for batch in batches] == [3, 3, 2]
    assert [row for batch in batches for row in batch.rows] == list(range(1, 9))
    rows = [row for batch in batches for row in batch.table.to_pylist()]
    assert [row["id"] for row in rows] == [str(each) for each in ids]
    assert rows[7] == {
        "id": str(ids[7]),
        "price": "1.10",
        "at": "2026-11-11 00:00:00Z",
        "x": 1.0,
        "lines": [{"sku": "7"}],
    }
    assert all("day" not in row for row in rows)


def test_a_file_without_rows_gives_its_columns(tmp_path):
    table = pa.table({"a": pa.array([], pa.int64()), "d": pa.array([], pa.date32())})
    (batch,) = parquet_batches(write(tmp_path, table))
    assert batch.table.schema == pa.schema([("a", pa.string()), ("d", pa.string())])
    assert len(batch.rows) == 0


def test_columns_of_one_name(tmp_path):
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match="2 columns named 'a'"):
        list(parquet_batches(write(tmp_path, table)))


def test_a_type_without_text_names_the_column(tmp_path, monkeypatch):
    def refuse(_array):
        raise DataError("values", "text", "Write text.")

    monkeypatch.setattr(columnar, "text_leaves", refuse)
    with pytest.raises(DataError) as caught:
        list(parquet_batches(write(tmp_path, pa.table({"a": [1]}))))
    assert caught.value.column == "a"


def test_a_file_cut_short(tmp_path):
    file = write(tmp_path, pa.table({"a": np.arange(1000)}))
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match="no complete Parquet file"):
        list(parquet_batches(file))
