"""Rows by key: the index holds what a plain dictionary would, however it was come by."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.refresh import index as module
from attribution.refresh.index import Index, build_index

SCHEMA = pa.schema([("key", pa.uint64()), ("word", pa.string()), ("number", pa.int64())])
KEYS = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1, 5, 1 << 58])
ROWS = st.lists(st.tuples(KEYS, st.sampled_from(["", "a", None, "雨"]), st.integers(-3, 3)))


def table(rows):
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def listed(found):
    return sorted((tuple(row.values()) for row in found.to_pylist()), key=repr)


def told(index, keys):
    return listed(index.take(np.array(keys, np.uint64)))


@given(ROWS, st.lists(st.tuples(st.lists(KEYS, max_size=4), ROWS), max_size=6), st.lists(KEYS))
def test_every_key_has_the_rows_told_of_it_last(tmp_path_factory, first, changes, asked):
    folder = tmp_path_factory.mktemp("index")
    index = build_index(folder, "base", SCHEMA, [table(first)], len(first))
    truth = defaultdict(list)
    for row in first:
        truth[row[0]].append(row)
    for turn, (keys, rows) in enumerate(changes):
        rows = [row for row in rows if row[0] in keys]
        index = index.with_rows(np.array(keys, np.uint64), table(rows), f"d{turn}")
        for key in keys:
            truth[key] = [row for row in rows if row[0] == key]
    every = sorted((row for rows in truth.values() for row in rows), key=repr)
    assert told(index, asked) == sorted((r for k in {*asked} for r in truth[k]), key=repr)
    assert listed(pa.concat_tables(index.live())) == every
    reopened = Index(folder, SCHEMA, index.segments)
    assert told(reopened, list(truth)) == every
    assert told(reopened.compacted("whole"), list(truth)) == every
    hit = index.has(np.array(asked, np.uint64)).tolist()
    assert hit == [bool(truth[key]) for key in asked]
    held = {key for key, rows in truth.items() if any(row[2] == 2 for row in rows)}
    assert held <= {int(key) for key in index.keys_where("number", pa.array([2]))}


def test_many_rows_are_parted_on_the_disk_and_come_out_alike(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    keys = rng.integers(0, 2**64, 3_000, np.uint64)
    keys = np.append(keys, keys[:500])
    rows = pa.table(
        {"key": keys, "word": [str(k) for k in keys], "number": np.arange(len(keys))},
        schema=SCHEMA,
    )
    monkeypatch.setattr(module, "_MANY", 1_000)
    index = build_index(tmp_path, "base", SCHEMA, [rows.slice(0, 700), rows.slice(700)], len(keys))
    assert listed(index.take(keys)) == listed(rows)
    assert {file.name for file in tmp_path.iterdir()} == {"base"}
    assert len(list(index.live())) == 64
    index = index.with_rows(keys[:9], rows.slice(0, 0), "d")
    assert listed(index.take(keys)) == listed(rows.filter(pa.array(~np.isin(keys, keys[:9]))))


def test_deltas_are_merged_so_that_there_are_few(tmp_path):
    keys = np.arange(4_000, dtype=np.uint64)
    rows = pa.table({"key": keys, "word": ["x"] * 4_000, "number": keys}, schema=SCHEMA)
    index = build_index(tmp_path, "base", SCHEMA, [rows], 4_000)
    for turn in range(60):
        index = index.with_rows(keys[turn : turn + 1], rows.slice(turn + 1, 0), f"d{turn}")
        assert len(index.segments) < 6
    assert index.take(keys).num_rows == 4_000 - 60


@pytest.mark.parametrize("asked", [[], [7]])
def test_what_is_not_there_has_no_rows(tmp_path, asked):
    index = build_index(tmp_path, "base", SCHEMA, [], 0)
    assert told(index, asked) == []
    assert index.take(np.array(asked, np.uint64)).schema == SCHEMA
