"""Writing: a batch is there as a whole or not at all, and equal batches are equal bytes."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from attribution.errors import AttributionError, DataError
from attribution.store import parts
from attribution.store.parts import Marker, read_markers, writing
from attribution.store.tables import TABLES
from tests.store.batches import DAY, NOVEMBER, commit, finding, findings, order, rows, touchpoint


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "store"


def files_of(folder):
    """Return every file of the store but the lock, by its place, with its bytes."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "lock"
    }


def part(folder, name, batch="b1", edition=1):
    return parquet.read_table(folder / "parts" / name / f"{batch}-{edition}.parquet")


# ---------------------------------------------------------------------- what is written


def test_a_batch_is_parts_and_a_marker(folder):
    marker = commit(
        folder,
        "b1",
        {
            "orders": [order("1"), order("2", 9_007_199_254_740_993)],
            "touchpoints": [touchpoint("e1", at=NOVEMBER - 3 * DAY)],
        },
        rejected=[finding(3), finding(3, column="paid_fen"), finding(9)],
        read=10,
    )
    assert set(files_of(folder)) == {
        "batches/b1.json",
        "parts/orders/b1-1.parquet",
        "parts/touchpoints/b1-1.parquet",
        "parts/quarantine/b1-1.parquet",
    }
    assert (marker.read, marker.accepted, marker.quarantined) == (10, 8, 2)
    assert marker.parts["orders"] == ("b1-1.parquet", 2)
    assert marker.reasons == {"orders.status: a status": 2, "orders.paid_fen: a status": 1}
    assert (marker.first_at, marker.last_at) == (NOVEMBER - 3 * DAY, NOVEMBER)
    assert read_markers(folder) == (marker,)
    written = part(folder, "orders")
    assert written.schema.equals(TABLES["orders"].schema)
    assert written["paid_fen"].to_pylist() == [100, 9_007_199_254_740_993]
    assert written["shop_id"].null_count == 2
    assert written.select(["_source", "_file", "_batch"]).to_pylist()[0] == {
        "_source": "shop",
        "_file": "a.csv",
        "_batch": "b1",
    }


def test_rows_come_back_in_order_whatever_the_runs(folder, monkeypatch):
    monkeypatch.setattr(parts, "ROW_GROUP", 64)
    sizes = [1, 63, 64, 65, 200, 0, 7]
    with (
        writing(folder) as writer,
        writer.batch("b1", "r", source="s", file="f", digest="d", mapping="m") as batch,
    ):
        start = 0
        for size in sizes:
            found = [order(str(i), i, _row=i) for i in range(start, start + size)]
            batch.add("orders", rows("orders", found or [order("x")]).slice(0, size))
            start += size
    file = folder / "parts" / "orders" / "b1-1.parquet"
    with parquet.ParquetFile(file) as opened:
        groups = [opened.metadata.row_group(i).num_rows for i in range(opened.num_row_groups)]
    assert sum(groups) == sum(sizes)
    assert max(groups) <= 64
    assert len(groups) == -(-sum(sizes) // 64)
    assert part(folder, "orders")["paid_fen"].to_pylist() == list(range(sum(sizes)))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.text(max_size=3), st.booleans()), max_size=9),
        min_size=1,
        max_size=5,
    )
)
def test_dictionaries_and_plain_text_mix(tmp_path_factory, runs):
    folder = tmp_path_factory.mktemp("store")
    with (
        writing(folder) as writer,
        writer.batch("b1", "r", source="s", file="f", digest="d", mapping="m") as batch,
    ):
        for i, run in enumerate(runs):
            texts = pa.array([text if there else None for text, there in run], pa.string())
            table = pa.table(
                {
                    "product_id": texts.fill_null("none"),
                    "brand": texts.dictionary_encode() if i % 2 else texts,
                    "category": texts if i % 2 else texts.dictionary_encode(),
                }
            )
            batch.add("products", table)
    expected = [text if there else None for run in runs for text, there in run]
    if expected:
        assert part(folder, "products")["brand"].to_pylist() == expected
        assert part(folder, "products")["category"].to_pylist() == expected
    else:
        assert writer.marker("b1").parts == {}


def test_equal_batches_are_equal_bytes(tmp_path):
    for name in ("one", "two"):
        commit(tmp_path / name, "b1", {"orders": [order("1"), order("2")]}, [finding(3, "k")])
        commit(tmp_path / name, "b2", {"touchpoints": [touchpoint("e")]}, file="b.csv")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_a_marker_survives_its_text(folder):
    marker = Marker(
        "b1",
        "r",
        2,
        3,
        "抖店",
        "a.csv",
        "d",
        "m",
        read=5,
        excluded={"测试": 1},
        parts={"orders": ("b1-2.parquet", 4)},
        key="k1",
        first_at=1,
    )
    assert Marker.read_text(marker.text()) == marker
    assert "抖店" in marker.text()


def test_an_empty_batch_is_committed(folder):
    marker = commit(folder, "b1", {})
    assert read_markers(folder) == (marker,)
    assert (marker.parts, marker.first_at, marker.read) == ({}, None, 0)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("orders", {"order_id": ["1"]}),
        ("streamers", {"streamer_id": ["1"], "phone": ["1"]}),
    ],
)
def test_what_is_no_canonical_row_is_refused(folder, name, table):
    with (
        pytest.raises(ValueError, match=r"missing|unknown"),
        writing(folder) as writer,
        writer.batch("b1", "r", source="s", file="f", digest="d", mapping="m") as batch,
    ):
        batch.add(name, pa.table(table))
    assert files_of(folder) == {}


@pytest.mark.parametrize("batch", ["../b1", "", "a/b", ".hidden", "a" * 65])
def test_a_batch_has_a_plain_name(folder, batch):
    with pytest.raises(ValueError, match="batch id"):
        commit(folder, batch, {})


# ---------------------------------------------------------------------- all or nothing


def test_a_batch_that_fails_leaves_nothing(folder):
    commit(folder, "b1", {"orders": [order("1")]})
    before = files_of(folder)

    def fail():
        with (
            writing(folder) as writer,
            writer.batch("b2", "r", source="s", file="f", digest="d", mapping="m") as batch,
        ):
            batch.add("orders", rows("orders", [order("2")] * 200_000))
            raise RuntimeError("the reader failed")

    with pytest.raises(RuntimeError, match="the reader failed"):
        fail()
    assert files_of(folder) == before


def test_nothing_is_visible_before_the_marker(folder):
    with writing(folder) as writer:
        with writer.batch("b1", "r", source="s", file="f", digest="d", mapping="m") as batch:
            batch.add("orders", rows("orders", [order("1")] * 200_000))
            assert read_markers(folder) == ()
            assert writer.marker("b1") is None
        assert [marker.batch for marker in read_markers(folder)] == ["b1"]


def test_a_batch_done_again_replaces_the_first_and_keeps_its_place(folder):
    commit(folder, "b1", {"orders": [order("1")]})
    commit(folder, "b2", {"orders": [order("2")]})
    again = commit(folder, "b1", {"touchpoints": [touchpoint("e")]}, revision="s")
    assert (again.sequence, again.edition, again.revision) == (1, 2, "s")
    assert [marker.batch for marker in read_markers(folder)] == ["b1", "b2"]
    # The old part stays for readers that have just listed it, until the next writer.
    assert (folder / "parts" / "orders" / "b1-1.parquet").exists()
    with writing(folder):
        pass
    assert set(files_of(folder)) == {
        "batches/b1.json",
        "batches/b2.json",
        "parts/orders/b2-1.parquet",
        "parts/touchpoints/b1-2.parquet",
    }


def test_what_killed_runs_leave_is_removed(folder):
    commit(folder, "b1", {"orders": [order("1")]})
    before = files_of(folder)
    for left in (
        "parts/orders/b2-1.parquet",
        "parts/orders/b2-1.parquet.tmp",
        "parts/links/b1-1.parquet",
        "batches/b2.json.tmp",
        "suppression/p1.json.tmp",
    ):
        (folder / left).parent.mkdir(exist_ok=True)
        (folder / left).write_bytes(b"half")
    with writing(folder):
        assert files_of(folder) == before


# ---------------------------------------------------------------------- one writer


def test_a_second_writer_waits_and_says_so(folder, monkeypatch):
    monkeypatch.setattr(parts, "_PATIENCE", 0.05)
    waiting, entered = threading.Event(), []

    def second():
        with writing(folder, waiting=waiting.set) as writer:
            entered.append(writer.marker("b1"))

    with writing(folder) as writer:
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(20)
        assert entered == []
        with writer.batch("b1", "r", source="s", file="f", digest="d", mapping="m"):
            pass
    thread.join(20)
    assert entered == [writer.marker("b1")]


def test_nobody_is_told_to_wait_for_nothing(folder):
    with writing(folder, waiting=lambda: pytest.fail("nobody else is writing")):
        pass


# ---------------------------------------------------------------------- bad markers, bad disks


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"batch": "b1"}',
        pytest.param("\x00" * 100, id="zeros"),
    ],
)
def test_a_marker_that_cannot_be_read_is_named_and_nothing_is_removed(folder, text):
    commit(folder, "b1", {"orders": [order("1")]})
    (folder / "batches" / "b1.json").write_text(text)
    before = files_of(folder)
    with pytest.raises(DataError) as caught, writing(folder):
        pass
    assert caught.value.source == "store/batches/b1.json"
    assert "backup" in caught.value.remedy
    assert str(folder) not in str(caught.value)
    assert files_of(folder) == before


@pytest.mark.parametrize("file", ["../../../etc/passwd.parquet", "a/b.parquet", ".parquet"])
def test_a_marker_names_no_file_outside_the_store(folder, file):
    marker = commit(folder, "b1", {"orders": [order("1")]})
    found = json.loads(marker.text())
    found["parts"]["orders"][0] = file
    (folder / "batches" / "b1.json").write_text(json.dumps(found))
    with pytest.raises(DataError, match="marker that cannot be read"):
        read_markers(folder)


def test_a_copied_marker_is_refused(folder):
    commit(folder, "b1", {"orders": [order("1")]})
    text = (folder / "batches" / "b1.json").read_text()
    (folder / "batches" / "b1 (copy).json").write_text(text)
    with pytest.raises(DataError, match=r"b1 \(copy\)\.json.*Remove the copy"):
        read_markers(folder)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.ENOSPC, "no room left on the disk"),
        (errno.EDQUOT, "no room left on the disk"),
        (errno.EROFS, "must not be written to"),
        (errno.EIO, "EIO"),
    ],
)
@pytest.mark.parametrize("step", ["write_table", "close", "replace", "fsync"])
def test_a_disk_that_refuses_leaves_the_store_intact(folder, monkeypatch, code, says, step):
    commit(folder, "b1", {"orders": [order("1")]})
    before = files_of(folder)

    def refuse(*_args, **_kwargs):
        raise OSError(code, "refused")

    with monkeypatch.context() as broken:
        if step in ("write_table", "close"):
            broken.setattr(parquet.ParquetWriter, step, refuse)
        else:
            broken.setattr(Path if step == "replace" else os, step, refuse)
        with pytest.raises(AttributionError, match=says) as caught:
            commit(folder, "b2", {"orders": [order("2")]})
    assert "intact" in str(caught.value)
    assert str(folder) not in str(caught.value)
    after = files_of(folder)
    assert {name: after[name] for name in before} == before
    assert [marker.batch for marker in read_markers(folder)] == ["b1"]
    with writing(folder):
        assert files_of(folder) == before


def test_an_error_of_the_caller_is_his_own(folder):
    with pytest.raises(FileNotFoundError), writing(folder), (folder / "missing").open():
        pass


def test_findings_are_kept_with_where_they_were_found(folder):
    commit(folder, "b1", {}, [finding(7, "k", found="xx99")], file="b.csv")
    assert part(folder, "quarantine").to_pylist() == [
        {
            "table": "orders",
            "column": "status",
            "found": "xx99",
            "expected": "a status",
            "remedy": "Map it.",
            "key": "k",
            "_source": "shop",
            "_file": "b.csv",
            "_row": 7,
            "_batch": "b1",
        }
    ]


def test_counts_add_up_over_runs(folder):
    with writing(folder) as writer:
        with writer.batch("b1", "r", source="s", file="f", digest="d", mapping="m") as batch:
            for start in (1, 4):
                batch.count(read=3, excluded={"re-ship": 1})
                batch.reject(findings([finding(start), finding(start + 1)]))
            batch.count(excluded={"test": 2})
            batch.reject(findings([finding(5, table=None, column=None)]))
        marker = writer.marker("b1")
    assert (marker.read, marker.accepted, marker.quarantined) == (6, 2, 4)
    assert marker.excluded == {"re-ship": 2, "test": 2}
    assert marker.reasons == {"orders.status: a status": 4, ": a status": 1}
