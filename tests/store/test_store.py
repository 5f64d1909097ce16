"""Reading: the newest row of each key, whole numbers whole, and a store that changes underneath."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from attribution.errors import DataError
from attribution.identity.rules import Rules
from attribution.store import people as kept_people
from attribution.store.parts import read_markers, writing
from attribution.store.store import Store, open_store
from attribution.store.tables import DERIVED, PROVENANCE, TABLES
from tests.store.batches import (
    NOVEMBER,
    commit,
    finding,
    hash_of,
    identifier,
    link,
    order,
    touchpoint,
)

BIG = 9_007_199_254_740_993  # does not survive a float


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "data" / "store")


def files_of(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# ---------------------------------------------------------------------- frames


def test_a_store_that_does_not_exist_has_every_table_empty(store):
    connection = store.connect()
    for name in (*TABLES, *DERIVED):
        frame = store.table(name)
        assert len(frame) == 0
        assert connection.sql(f'SELECT count(*) FROM "{name}"').fetchall() == [(0,)]
        for column in TABLES[name].columns if name in TABLES else ():
            if not column.name.startswith("_"):
                dtype = frame[column.name].dtype
                kind = {"fen": "Int64", "int": "Int64", "time": "Int64", "bool": "boolean"}
                assert dtype == kind.get(column.kind, "float64" if column.kind == "rate" else "str")
    assert not store.folder.exists()


def test_a_frame_has_canonical_columns_then_others_then_provenance(store):
    commit(
        store.folder,
        "b1",
        {
            "orders": [
                order("7312345678901234567", BIG, "ann", is_new_buyer_shop=True, _row=4),
                order("2", _row=5),
            ]
        },
        source="抖店",
        file="八.csv",
    )
    frame = store.table("orders")
    own = [column.name for column in TABLES["orders"].columns if column.name[0] != "_"]
    assert list(frame.columns[: len(own)]) == own
    assert list(frame.columns[-4:]) == PROVENANCE.names
    assert not [name for name in frame if name[0] == "_" and name not in PROVENANCE.names]
    assert list(frame["order_id"]) == ["2", "7312345678901234567"]
    assert list(frame["paid_fen"]) == [100, BIG]
    assert frame["paid_fen"].dtype == pd.Int64Dtype()
    assert frame["paid_at"].isna().all()
    assert frame["is_new_buyer_shop"].dtype == pd.BooleanDtype()
    assert frame["is_new_buyer_shop"].tolist() == [pd.NA, True]
    assert frame["shop_id"].dtype == "str"
    assert frame[PROVENANCE.names].iloc[0].tolist() == ["抖店", "八.csv", 5, "b1"]


def test_columns_named_like_words_of_sql_are_read(store):
    commit(
        store.folder,
        "b1",
        {"costs": [{"cost_id": "c", "kind": "crew", "amount_fen": 5, "at": 1, "from": 2, "to": 3}]},
    )
    assert store.table("costs").loc[0, ["at", "from", "to"]].tolist() == [1, 2, 3]


def test_an_unknown_table_is_refused_with_the_nearest_name(store):
    with pytest.raises(DataError, match=r"no table 'order'.*Did you mean 'orders'"):
        store.table("order")
    with pytest.raises(DataError, match="no table 'latest_orders'"):
        store.table("latest_orders")


def test_rows_are_sorted_by_key_whatever_brought_them(tmp_path):
    found = [order(str(i), i) for i in range(50)]
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    commit(one.folder, "b1", {"orders": found})
    for i, run in enumerate((found[30:], found[:10][::-1], found[10:30])):
        commit(two.folder, f"b{i}", {"orders": run})
    shown = ["order_id", "paid_fen"]
    pd.testing.assert_frame_equal(one.table("orders")[shown], two.table("orders")[shown])
    assert list(one.table("orders")["order_id"]) == sorted(str(i) for i in range(50))


@pytest.mark.parametrize("name", ["brand [1]", "a*b?", "it's", "day=1", "品牌"])
def test_any_folder_will_do(tmp_path, name):
    store = Store(tmp_path / name / "data" / "store")
    commit(store.folder, "b1", {"orders": [order("1", who="ann")]})
    store.refresh_people()
    assert list(store.table("orders")["order_id"]) == ["1"]
    assert "day" not in store.table("orders")


# ---------------------------------------------------------------------- the newest row


ROWS = st.lists(
    st.tuples(
        st.sampled_from("ab"),  # order
        st.sampled_from(["x", "y", None]),  # line
        st.sampled_from([None, 1, 2]),  # updated_at
        st.integers(1, 3),  # row
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_of_rows_with_one_key_the_newest_is_kept(tmp_path_factory, batches):
    store = Store(tmp_path_factory.mktemp("store"))
    newest = {}
    paid = 0
    for sequence, batch in enumerate(batches):
        found = []
        for place, (order_id, line_id, updated_at, row) in enumerate(batch):
            paid += 1
            found.append(
                {
                    "order_id": order_id,
                    "line_id": line_id,
                    "platform": "taobao",
                    "updated_at": updated_at,
                    "_row": row,
                }
            )
            rank = (updated_at or 0, sequence, row, place)
            found[-1]["merchant_net_fen"] = paid
            key = (order_id, line_id)
            newest[key] = max(newest.get(key, ((), 0)), (rank, paid))
        commit(store.folder, f"b{sequence}", {"order_sources": found} if found else {})
    got = store.query(
        "SELECT order_id, line_id, merchant_net_fen AS paid FROM latest_order_sources"
    )
    expected = {(*key, paid) for key, (_, paid) in newest.items()}
    assert sorted(map(str, got.to_pylist())) == sorted(
        str({"order_id": a, "line_id": b, "paid": c}) for a, b, c in expected
    )


def test_without_a_key_every_row_is_kept(store):
    for batch in ("b1", "b2"):
        commit(store.folder, batch, {"identifiers": [identifier("ann"), identifier("ann")]})
    assert store.query("SELECT * FROM latest_identifiers").num_rows == 4


def test_a_batch_done_again_counts_with_its_first_place(store):
    commit(store.folder, "b1", {"products": [{"product_id": "p", "brand": "old"}]})
    commit(store.folder, "b2", {"products": [{"product_id": "p", "brand": "new"}]})
    commit(store.folder, "b1", {"products": [{"product_id": "p", "brand": "mended"}]}, revision="s")
    assert store.table("products")["brand"].tolist() == ["new"]


def test_parts_of_an_older_layout_are_read(store):
    marker = commit(
        store.folder, "b1", {"products": [{"product_id": "p", "brand": "b", "cost_fen": BIG}]}
    )
    commit(store.folder, "b2", {"products": [{"product_id": "q", "cost_fen": 1}]})
    file = store.folder / "parts" / "products" / "b1-1.parquet"
    old = parquet.read_table(file).drop_columns(["price_band"])
    parquet.write_table(old.append_column("gone", pa.array(["x"])), file)
    earlier = replace(marker, layout="00000000")
    (store.folder / "batches" / "b1.json").write_text(earlier.text())
    frame = store.table("products")
    assert frame["product_id"].tolist() == ["p", "q"]
    assert frame["cost_fen"].tolist() == [BIG, 1]
    assert frame["price_band"].isna().all()
    assert "gone" not in frame


# ---------------------------------------------------------------------- quarantine


def test_the_quarantine_says_where_and_why(store):
    commit(store.folder, "b1", {}, [finding(7, "douyin|1", found="999")], file="a.csv")
    assert store.table("quarantine").to_dict("records") == [
        {
            "source": "shop",
            "file": "a.csv",
            "row": 7,
            "table": "orders",
            "column": "status",
            "found": "999",
            "expected": "a status",
            "remedy": "Map it.",
            "key": "douyin|1",
            "_batch": "b1",
        }
    ]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a.csv", "b.csv"]),
            st.lists(st.sampled_from(["1", "2"]), max_size=2),  # accepted
            st.lists(st.sampled_from([None, "1", "2"]), max_size=3),  # rejected
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_mended_leaves_the_quarantine_and_nothing_else(tmp_path_factory, batches):
    store = Store(tmp_path_factory.mktemp("store"))
    for i, (file, accepted, rejected) in enumerate(batches):
        tables = {"orders": [order(key) for key in accepted]} if accepted else {}
        found = [finding(row, key and f"douyin|{key}") for row, key in enumerate(rejected, 1)]
        commit(store.folder, f"b{i}", tables, found, file=file)
    expected = set()
    for i, (file, _, rejected) in enumerate(batches):
        later = batches[i + 1 :]
        same_file = [batch for batch in later if batch[0] == file]
        for row, key in enumerate(rejected, 1):
            if key is None:
                mended = bool(same_file)
            else:
                mended = any(key in batch[1] for batch in later) or any(
                    key in batch[2] for batch in same_file
                )
            if not mended:
                expected.add((file, row, None if key is None else f"douyin|{key}", f"b{i}"))
    frame = store.table("quarantine")
    got = [
        (r["file"], r["row"], None if pd.isna(r["key"]) else r["key"], r["_batch"])
        for r in frame.to_dict("records")
    ]
    assert len(got) == len(set(got))
    assert set(got) == expected


def test_a_key_of_nullable_columns_is_mended_too(store):
    metrics = {"session_id": "s", "platform": "douyin", "minute": None, "views": 3}
    lost = [
        finding(1, "douyin|s|", "session_metrics", "views"),
        finding(2, "douyin|s|5", "session_metrics", "views"),
    ]
    commit(store.folder, "b1", {}, lost)
    commit(store.folder, "b2", {"session_metrics": [metrics]}, file="b.csv")
    assert store.table("quarantine")["key"].tolist() == ["douyin|s|5"]
    commit(store.folder, "b3", {"session_metrics": [metrics | {"minute": 5}]}, file="b.csv")
    assert len(store.table("quarantine")) == 0


def test_a_batch_read_again_replaces_its_findings(store):
    commit(store.folder, "b1", {}, [finding(1), finding(2, "douyin|1")])
    commit(store.folder, "b1", {"orders": [order("1")]}, [finding(2)], revision="s")
    assert store.table("quarantine")["row"].tolist() == [2]


# ---------------------------------------------------------------------- people


def a_person(folder, batch="b1"):
    commit(
        folder,
        batch,
        {
            "orders": [order("1", who="ann"), order("2", who="bob"), order("3")],
            "identifiers": [
                identifier("ann", NOVEMBER),
                identifier("ann", NOVEMBER + 5),
                identifier("bob", NOVEMBER, "member_id"),
                identifier("ann at the till", NOVEMBER - 1, "unionid"),
            ],
            "links": [link("ann", "ann at the till")],
        },
    )


def test_people_are_resolved_from_evidence(store):
    a_person(store.folder)
    people = store.table("persons").set_index("person_id")
    assert len(people) == 2
    ann = "p" + hash_of("ann at the till").split(".")[1]
    assert people.loc[ann, "identifiers"] == 2
    identities = store.table("identities").set_index("id_hash")
    assert identities.loc[hash_of("ann"), ["first_seen", "last_seen"]].tolist() == [
        NOVEMBER,
        NOVEMBER + 5,
    ]
    orders = store.table("orders").set_index("order_id")["person_id"]
    assert orders["1"] == ann
    assert orders["2"] == "p" + hash_of("bob").split(".")[1]
    assert pd.isna(orders["3"])


def test_reading_writes_nothing_and_refreshing_keeps_what_reading_finds(store, monkeypatch):
    a_person(store.folder)
    before = files_of(store.folder)
    computed = {name: store.table(name) for name in ("orders", "identities", "persons")}
    assert files_of(store.folder) == before
    store.refresh_people()

    def fail(*_):
        pytest.fail("the people were kept")

    monkeypatch.setattr("attribution.store.store.resolve_people", fail)
    for name, frame in computed.items():
        pd.testing.assert_frame_equal(store.table(name), frame)
    kept = files_of(store.folder)
    store.refresh_people()
    assert files_of(store.folder) == kept
    assert store.people().identities.num_rows == 3


def test_new_evidence_or_other_rules_are_seen_at_once(store):
    a_person(store.folder)
    store.refresh_people()
    commit(store.folder, "b2", {"links": [link("ann", "bob")]})
    assert len(store.table("persons")) == 1
    apart = replace(store, rules=Rules(split=((hash_of("ann"), hash_of("bob")),)))
    assert len(apart.table("persons")) == 2


def test_people_of_two_ingests_are_kept_and_older_ones_dropped(store):
    for i in range(4):
        commit(store.folder, f"b{i}", {"identifiers": [identifier(f"person {i}")]})
        store.refresh_people()
    assert len(list((store.folder / "people").iterdir())) == 2
    shutil.rmtree(store.folder / "people")
    assert len(store.table("persons")) == 4


def test_people_are_not_resolved_for_tables_without_any(store, monkeypatch):
    a_person(store.folder)
    monkeypatch.setattr("attribution.store.store.resolve_people", None)
    assert store.table("costs").empty
    assert store.query("SELECT 1 AS one, count(*) AS n FROM latest_orders").to_pylist() == [
        {"one": 1, "n": 3}
    ]


def test_a_half_written_snapshot_is_no_snapshot(store):
    a_person(store.folder)
    store.refresh_people()
    (kept,) = (store.folder / "people").iterdir()
    kept.rename(kept.with_name(f"{kept.name}.tmp"))
    (kept.with_name(f"{kept.name}.tmp") / "persons.parquet").unlink()
    assert len(store.table("persons")) == 2
    store.refresh_people()
    assert [each.name for each in (store.folder / "people").iterdir()] == [kept.name]


# ---------------------------------------------------------------------- a store that changes


def test_a_reader_that_meets_a_replaced_part_reads_the_new_one(store, monkeypatch):
    commit(store.folder, "b1", {"orders": [order("1", 1)]})
    listing = Store._listing
    seen = []

    def late(self):
        found = listing(self)
        if not seen:
            seen.append(found)
            commit(store.folder, "b1", {"orders": [order("1", 2)]}, revision="s")
            with writing(store.folder):
                pass  # removes the part the reader has listed
        return found

    monkeypatch.setattr(Store, "_listing", late)
    assert store.table("orders")["paid_fen"].tolist() == [2]


def test_a_connection_survives_one_more_ingest(store):
    commit(store.folder, "b1", {"products": [{"product_id": "p", "brand": "old"}]})
    connection = store.connect()
    commit(store.folder, "b1", {"products": [{"product_id": "p", "brand": "new"}]}, revision="s")
    assert connection.sql("SELECT brand FROM products").fetchall() == [("old",)]
    assert store.table("products")["brand"].tolist() == ["new"]


@pytest.mark.parametrize("damage", ["missing", "short", "garbage", "middle"])
def test_a_damaged_part_is_named(store, damage):
    commit(store.folder, "b1", {"orders": [order("1")]})
    commit(store.folder, "b2", {"orders": [order(str(i)) for i in range(2_000)]}, file="b.csv")
    file = store.folder / "parts" / "orders" / "b2-1.parquet"
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "middle":
        middle = len(content) // 4
        file.write_bytes(content[:middle] + bytes(512) + content[middle + 512 :])
    else:
        file.write_bytes(content[: len(content) // 2] if damage == "short" else b"no parquet")
    with pytest.raises(DataError) as caught:
        store.table("orders")
    assert caught.value.source == "store/parts/orders/b2-1.parquet"
    assert str(store.folder) not in str(caught.value)
    assert "b1" not in str(caught.value)


def test_an_error_in_a_query_is_the_querys(store):
    commit(store.folder, "b1", {"orders": [order("1")]})
    with pytest.raises(duckdb.Error, match="no_such_column"):
        store.query("SELECT no_such_column FROM orders")
    with pytest.raises(duckdb.Error):
        store.query("SELECT FROM WHERE")


def test_days_are_those_of_the_time_zone(tmp_path):
    sql = "SELECT strftime(to_timestamp(1762012800), '%Y-%m-%d %H') AS hour"
    for zone, hour in (("Asia/Shanghai", "2025-11-02 00"), ("America/New_York", "2025-11-01 12")):
        assert Store(tmp_path, timezone=zone).query(sql).to_pylist() == [{"hour": hour}]


def test_a_store_is_opened_by_its_workspace(tmp_path):
    (tmp_path / "attribution.toml").write_text(
        '[brand]\nname = "Shanlan"\ntimezone = "Asia/Tokyo"\nlanguage = "en"\n'
    )
    store = open_store(tmp_path)
    assert (store.timezone, store.language) == ("Asia/Tokyo", "en")
    assert store.folder == tmp_path.resolve() / "data" / "store"
    assert store.table("orders").empty


def test_batches_are_listed_in_order_of_arrival(store):
    for batch in ("b9", "b1", "b5"):
        commit(store.folder, batch, {"orders": [order(batch)]})
    assert [marker.batch for marker in store.batches()] == ["b9", "b1", "b5"]
    assert [marker.sequence for marker in read_markers(store.folder)] == [1, 2, 3]


def test_reading_while_another_process_writes(store):
    """Every table a reader sees is one the writer has committed: whole batches, in order."""
    program = (
        "import sys; from pathlib import Path; from tests.store.batches import commit, order\n"
        "for i in range(40): commit(Path(sys.argv[1]), f'b{i % 20}', {'products': ["
        "{'product_id': f'{i % 20}-{n}', 'brand': str(i)} for n in range(50)]}, revision=str(i))"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(store.folder)]) as process:
        sizes = []
        while process.poll() is None:
            frame = store.table("products")
            whole = frame.groupby(frame["product_id"].str.split("-").str[0])["brand"]
            assert (whole.min() == whole.max()).all()
            assert (whole.size() == 50).all()
            sizes.append(len(frame))
    assert process.returncode == 0
    assert sizes == sorted(sizes)
    assert len(store.table("products")) == 1000


def test_touchpoints_without_a_person_stay(store):
    commit(
        store.folder,
        "b1",
        {"touchpoints": [touchpoint("e1", "ann"), touchpoint("e2")], "orders": [order("1")]},
    )
    assert store.table("touchpoints")["event_id"].tolist() == ["e1", "e2"]


def test_kept_people_depend_on_evidence_and_rules_only(tmp_path):
    folders = []
    for name in ("one", "two"):
        a_person(tmp_path / name)
        markers = read_markers(tmp_path / name)
        none = pa.array([], pa.string())
        folders += [
            kept_people.people_folder(tmp_path / name, markers, none, rules).name
            for rules in (Rules(), Rules(device=9))
        ]
    assert folders[:2] == folders[2:]
    assert folders[0] != folders[1]
