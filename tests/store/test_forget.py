"""Forgetting: he is gone from every byte, his orders' facts stay, and he does not return."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import DataError
from attribution.store import forget as forgetting
from attribution.store.forget import forget
from attribution.store.parts import Writer, read_markers, writing
from attribution.store.store import Store
from attribution.store.suppression import (
    erase,
    suppress,
    suppress_person,
    suppressed,
    value_tokens,
)
from attribution.store.tables import TABLES
from tests.store.batches import (
    NOVEMBER,
    commit,
    hash_of,
    identifier,
    link,
    order,
    rows,
    touchpoint,
)

ANN, BOB = ("p" + hash_of(name).split(".")[1] for name in ("ann", "bob"))
PERSONAL = ["id_type", "id_value", "payer_ref", "phone_index", "addressee_key"]


def line(order_id, sharer=None, **more):
    given = {"line_id": order_id, "order_id": order_id, "platform": "douyin", "paid_fen": 100}
    return given | {"sharer_ref": sharer, "_row": 1} | more


def planted(folder):
    """Write three batches: Ann under two identifiers, Bob, and orders one pays for the other."""
    commit(
        folder,
        "b1",
        {
            "orders": [
                order("1", 500, "ann", phone_index="px", addressee_key="ax", shop_id="s"),
                order("2", 600, "bob", phone_index="py"),
                # Ann pays for Bob, and Bob for Ann: the row names who receives, and is the payer's.
                order("3", 700, "bob", payer_ref="raw-ann", _identifier=hash_of("ann")),
                order("4", 800, "ann", payer_ref="raw-bob", _identifier=hash_of("bob")),
                order("5", 900),
            ],
            "touchpoints": [touchpoint("e1", "ann"), touchpoint("e2", "bob"), touchpoint("e3")],
            "order_lines": [line("1"), line("2", "raw-ann"), line("5", "raw-bob")],
            "identifiers": [
                identifier("ann", NOVEMBER - 9),
                identifier("bob", NOVEMBER - 9, "member_id"),
            ],
        },
    )
    commit(
        folder,
        "b2",
        {
            "erp_orders": [
                {
                    "erp_order_id": "w1",
                    "order_id": "1",
                    "platform": "douyin",
                    "paid_fen": 500,
                    "id_type": "open_id",
                    "id_value": "raw-ann",
                    "_identifier": hash_of("ann"),
                }
            ],
            "identifiers": [identifier("ann too", id_type="unionid")],
            "links": [link("ann", "ann too"), link("bob", "bob too")],
        },
        file="b.csv",
    )
    commit(folder, "b3", {"orders": [order("6", 100, "ann too")]}, file="c.csv")


@pytest.fixture
def store(tmp_path):
    planted(tmp_path / "store")
    return Store(tmp_path / "store")


def content(folder):
    """Return all bytes of the store, undone of compression, but the list of the forgotten."""
    found = [
        str(table.to_pylist())
        for marker in read_markers(folder)
        for name in marker.parts
        for table in forgetting._tables(folder, name, marker)
    ]
    found += [
        file.read_bytes().decode("latin-1")
        for file in folder.rglob("*")
        if file.is_file() and file.parent.name != "suppression"
    ]
    return "\n".join(found)


def latest(store):
    """Return every stored table as a reader finds it, sorted."""
    return {
        name: sorted(store.query(f"SELECT * FROM latest_{name}").to_pylist(), key=repr)
        for name in TABLES
    }


def test_whose_the_orders_were_goes_and_that_they_were_stays(store):
    before = store.table("orders").set_index("order_id")
    changed = forget(store, ANN)
    assert changed == {
        "touchpoints": 1,
        "orders": 4,
        "order_lines": 1,
        "erp_orders": 1,
        "identifiers": 2,
        "links": 1,
    }
    after = store.table("orders").set_index("order_id")
    facts = ["platform", "shop_id", "status", "created_at", "paid_fen", "_source", "_row", "_batch"]
    pd.testing.assert_frame_equal(after[facts], before[facts])
    for his in ("1", "3", "6"):
        assert after.loc[his, [*PERSONAL, "person_id"]].isna().all()
    # Bob's own order is untouched; of the one he gave to Ann only her name goes.
    assert after.loc["2", "id_value"] == "raw-bob"
    assert after.loc["2", "phone_index"] == "py"
    assert after.loc["4", "payer_ref"] == "raw-bob"
    assert after.loc["4", "person_id"] == BOB
    assert pd.isna(after.loc["4", "id_value"])
    assert store.table("touchpoints")["event_id"].tolist() == ["e2", "e3"]
    lines = store.table("order_lines").set_index("order_id")["sharer_ref"]
    assert pd.isna(lines["2"])
    assert lines["5"] == "raw-bob"
    assert store.table("persons")["person_id"].tolist() == [BOB]


def test_nothing_of_him_is_left_in_any_byte(store):
    store.refresh_people()
    traces = ("raw-ann", hash_of("ann"), hash_of("ann too"), ANN[1:], "px")
    assert all(trace in content(store.folder) for trace in traces)
    forget(store, ANN)
    assert not [trace for trace in traces if trace in content(store.folder)]
    assert "raw-bob" in content(store.folder)
    listed = "".join(file.read_text() for file in (store.folder / "suppression").iterdir())
    assert "raw" not in listed


def test_parts_without_him_are_not_rewritten(store):
    files = [store.folder / "parts" / "links" / "b2-1.parquet"]
    files += [store.folder / "parts" / "orders" / f"{batch}-1.parquet" for batch in ("b1", "b3")]
    before = {file: file.read_bytes() for file in files}
    forget(store, "p" + hash_of("bob").split(".")[1])
    assert before[files[2]] == files[2].read_bytes()
    assert not files[1].exists()


def test_readers_do_not_see_him_from_the_moment_he_is_listed(store, monkeypatch):
    """What a reader is shown before the parts are rewritten is what they hold afterwards."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(forgetting, "_rewrite", killed)
        with pytest.raises(KeyboardInterrupt):
            forget(store, ANN)
    assert hash_of("ann") in content(store.folder)
    hidden = latest(store)
    assert store.table("persons")["person_id"].tolist() == [BOB]
    changed = forget(store, ANN)
    assert changed["orders"] == 4
    assert latest(store) == hidden
    assert hash_of("ann") not in content(store.folder)


@pytest.mark.parametrize("stop", range(6))
def test_killed_on_the_way_it_is_finished_by_doing_it_again(tmp_path, monkeypatch, stop):
    undisturbed, store = Store(tmp_path / "one"), Store(tmp_path / "two")
    planted(undisturbed.folder)
    planted(store.folder)
    forget(undisturbed, ANN)
    calls = []
    commit_once, close_once = Writer.commit, forgetting.PartWriter.close

    def counted(act):
        def call(*arguments):
            calls.append(act)
            if len(calls) > stop:
                raise KeyboardInterrupt
            return act(*arguments)

        return call

    with monkeypatch.context() as broken:
        broken.setattr(Writer, "commit", counted(commit_once))
        broken.setattr(forgetting.PartWriter, "close", counted(close_once))
        with pytest.raises(KeyboardInterrupt):
            forget(store, ANN)
    forget(store, ANN)
    assert latest(store) == latest(undisturbed)
    assert "raw-ann" not in content(store.folder)
    assert forget(store, ANN) == {}


@pytest.mark.parametrize("person", ["p123", "", "../../orders", "p" + "0" * 200, "13900001111"])
def test_who_is_not_there_cannot_be_forgotten(store, person):
    before = content(store.folder)
    with pytest.raises(DataError, match="no person") as caught:
        forget(store, person)
    # It may be a phone that was typed there.
    assert not person or person not in str(caught.value)
    assert content(store.folder) == before
    assert not list(store.folder.glob("suppression/*"))


def test_his_rows_come_again_and_he_does_not(store):
    forget(store, ANN)
    hidden = suppressed(store.folder)
    found = suppress(
        {
            "orders": rows("orders", [order("7", 1, "ann"), order("8", 2, "bob")]),
            "touchpoints": rows("touchpoints", [touchpoint("e8", "ann"), touchpoint("e9", "bob")]),
            "order_lines": rows("order_lines", [line("7", "raw-ann"), line("8", "raw-bob")]),
            "identifiers": rows("identifiers", [identifier("ann"), identifier("bob")]),
            "links": rows("links", [link("ann", "new phone"), link("bob", "bob too")]),
            "costs": rows("costs", [{"cost_id": "c", "kind": "ads", "amount_fen": 1}]),
        },
        hidden,
    )
    assert found["orders"]["id_value"].to_pylist() == [None, "raw-bob"]
    assert found["orders"]["paid_fen"].to_pylist() == [1, 2]
    assert found["touchpoints"]["event_id"].to_pylist() == ["e9"]
    assert found["order_lines"]["sharer_ref"].to_pylist() == [None, "raw-bob"]
    assert found["identifiers"]["id_hash"].to_pylist() == [hash_of("bob")]
    assert found["links"]["b"].to_pylist() == [hash_of("bob too")]
    assert found["costs"].num_rows == 1


def test_a_value_counts_on_its_own_platform_only(store):
    forget(store, ANN)
    found = suppress(
        {"order_lines": rows("order_lines", [line("7", "raw-ann", platform="kuaishou")])},
        suppressed(store.folder),
    )
    assert found["order_lines"]["sharer_ref"].to_pylist() == ["raw-ann"]


def test_hashes_under_a_newer_key_are_known_by_their_rotation(store):
    forget(store, ANN)
    found = suppress(
        {
            "orders": rows(
                "orders", [order("7", 1, "ann", _identifier=hash_of("newest")), order("8", 2)]
            ),
            "identifiers": rows("identifiers", [identifier("new"), identifier("newest")]),
            "links": rows(
                "links",
                [
                    link("ann", "new", "rotation"),
                    link("newest", "new", "rotation"),
                    link("bob", "bob new", "rotation"),
                ],
            ),
        },
        suppressed(store.folder),
    )
    assert found["orders"]["_identifier"].to_pylist() == [None, None]
    assert found["identifiers"].num_rows == 0
    assert found["links"]["a"].to_pylist() == [hash_of("bob")]


def test_with_nobody_forgotten_rows_stand_as_they_are(store):
    tables = {"orders": rows("orders", [order("7", 1, "ann")])}
    assert suppress(tables, suppressed(store.folder))["orders"] is tables["orders"]


def test_dictionary_encoded_rows_are_suppressed_too(store):
    forget(store, ANN)
    plain = rows("orders", [order("7", 1, "ann"), order("8", 2, "bob")])
    encoded = pa.table(
        {
            name: column.combine_chunks().dictionary_encode()
            if pa.types.is_string(column.type)
            else column
            for name, column in zip(plain.column_names, plain.columns, strict=True)
        }
    )
    found = suppress({"orders": encoded}, suppressed(store.folder))["orders"]
    expected = suppress({"orders": plain}, suppressed(store.folder))["orders"]
    assert found.to_pylist() == expected.to_pylist()


PEOPLE = st.sampled_from(["ann", "bob", "cat", None])


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(PEOPLE, PEOPLE, PEOPLE), min_size=1, max_size=8),
    st.sets(st.sampled_from(["ann", "bob"])),
)
def test_what_is_written_and_what_is_read_are_suppressed_alike(tmp_path_factory, given_rows, gone):
    store = Store(tmp_path_factory.mktemp("store"))
    tokens = [hash_of(who) for who in sorted(gone)]
    platform = pa.array(["douyin"] * len(gone), pa.string())
    values = pa.array([f"raw-{who}" for who in sorted(gone)], pa.string())
    tokens += value_tokens(platform, values).to_pylist()
    tables = {
        "orders": [
            order(str(i), i, who, payer_ref=payer and f"raw-{payer}")
            | ({"_identifier": hash_of(payer)} if payer else {})
            for i, (who, payer, _) in enumerate(given_rows)
        ],
        "touchpoints": [touchpoint(str(i), who) for i, (who, _, _) in enumerate(given_rows)],
        "order_lines": [
            line(str(i), who and f"raw-{who}") for i, (_, _, who) in enumerate(given_rows)
        ],
        "links": [link(str(a), str(b), at=i) for i, (a, b, _) in enumerate(given_rows)],
    }
    commit(store.folder, "b1", tables)
    with writing(store.folder):
        suppress_person(store.folder, "p1", tokens)
    for name, found in tables.items():
        kept = erase(name, rows(name, found), pa.array(tokens, pa.string()))[0]
        shown = ", ".join(f'"{column}"' for column in kept.column_names)
        read = store.query(f"SELECT {shown} FROM latest_{name}")
        assert sorted(map(repr, read.to_pylist())) == sorted(map(repr, kept.to_pylist()))


def test_a_damaged_list_stops_everything(store):
    forget(store, ANN)
    (file,) = (store.folder / "suppression").iterdir()
    file.write_text("{")
    for read in (lambda: suppressed(store.folder), lambda: store.table("orders")):
        with pytest.raises(DataError, match=r"store/suppression/p.*must stay forgotten"):
            read()


def test_a_damaged_part_stops_forgetting_before_it_begins(store):
    part = store.folder / "parts" / "erp_orders" / "b2-1.parquet"
    part.write_bytes(part.read_bytes()[:100])
    before = content_of_files(store.folder)
    with pytest.raises(DataError, match=r"store/parts/erp_orders/b2-1\.parquet"):
        forget(store, ANN)
    assert content_of_files(store.folder) == before


def content_of_files(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
