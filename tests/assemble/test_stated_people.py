"""Who was under observation, as somebody says it of a store's people."""

from __future__ import annotations

import os
import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import attribution
from attribution.assemble.opened import open_journeys
from attribution.errors import ConfigError, DataError
from attribution.identity.keys import read_keyring
from attribution.journeys import Journeys
from attribution.journeys.blocks import join
from attribution.notes import NoteKind
from attribution.workspace import FILE, read_workspace
from tests.assemble.test_rows import WATCHED, known
from tests.brand import source
from tests.store.batches import DAY, NOVEMBER, commit, hash_of, identifier, order, touchpoint

HOUR = 3_600_000
START, END = NOVEMBER - 90 * DAY, NOVEMBER + 2 * DAY
PEOPLE = [f"p{nth}" for nth in range(12)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace of twelve people, some touched, some buyers, some both."""
    folder, chance = tmp_path_factory.mktemp("stated"), random.Random(5)
    head = '[brand]\nname = "Acme"\ntimezone = "UTC"\n[journeys]\nlookback = "5D"\n'
    (folder / FILE).write_text(head + source("shop", "generic_orders", "*.csv"), encoding="utf-8")
    workspace = read_workspace(folder)
    rows = {
        "identifiers": [identifier(who) for who in PEOPLE],
        "touchpoints": [
            touchpoint(
                f"t{nth:02d}",
                chance.choice(PEOPLE[:9]),
                at=NOVEMBER - chance.randrange(0, 30 * 24) * HOUR,
                content_form=chance.choice(["live", "search"]),
                _row=nth + 1,
            )
            for nth in range(60)
        ],
        "orders": [
            order(
                f"o{nth:02d}",
                nth + 1,
                chance.choice([*PEOPLE[4:], None]),
                created_at=NOVEMBER - chance.randrange(0, 30 * 24) * HOUR,
                _row=nth + 1,
            )
            for nth in range(30)
        ],
    }
    commit(workspace.store, "b1", rows)
    return workspace


@pytest.fixture(scope="module")
def ids(workspace):
    """Return the person_id of each person's hash."""
    found = attribution.open_store(workspace).people().identities.to_pandas()
    return dict(zip(found["id_hash"], found["person_id"], strict=True))


def stated(names, **columns):
    """Return a frame of people watched for 60 days and longer, each from an hour of his own."""
    size = len(names)
    hours = np.arange(size)
    plain = {
        "person": names,
        "start": pd.to_datetime(START + hours * HOUR, unit="ms", utc=True),
        "end": pd.to_datetime(NOVEMBER - 30 * DAY + hours * 4 * DAY, unit="ms", utc=True),
        "intent": [f"level {nth % 3}" for nth in range(size)],
    }
    return pd.DataFrame(plain | columns)


def rows_of(journeys):
    """Return journeys as comparable rows, whatever their order."""
    names = ("conversions", "nulls", "closed_at", "day", "block", "open", *WATCHED)
    columns = [getattr(journeys, name).tolist() for name in names]
    columns += [list(map(known, column)) for column in journeys.segments.values()]
    columns.append([known(each) for each in journeys.order_id])
    paths = [
        tuple(zip(journeys.codes[a:b].tolist(), journeys.ages[a:b].tolist(), strict=True))
        for a, b in zip(journeys.offsets[:-1], journeys.offsets[1:], strict=True)
    ]
    return sorted(map(repr, zip(*columns, paths, strict=True)))


def in_memory(workspace, people):
    """Return the journeys that the store's tables make in memory."""
    store = attribution.open_store(workspace)
    touches, orders = store.table("touchpoints"), store.table("orders")
    channels = {"live": "抖音 · 直播 · 未知主播", "search": "抖音 · 搜索"}
    return Journeys.from_touchpoints(
        touches.assign(
            person=touches["person_id"],
            at=pd.to_datetime(touches["at"].astype("int64"), unit="ms", utc=True),
            channel=touches["content_form"].map(channels),
        ),
        orders.assign(
            person=orders["person_id"],
            at=pd.to_datetime(orders["attributed_at"].astype("int64"), unit="ms", utc=True),
            order_id=orders["platform"] + ":" + orders["order_id"],
            value=orders["gross_fen"].astype(float),
        ),
        lookback="5D",
        people=people,
        tz="UTC",
    )


@pytest.mark.parametrize("batches", [1, 4])
def test_journeys_are_those_of_the_same_rows_in_memory(workspace, ids, batches):
    names = [*map(ids.get, map(hash_of, PEOPLE[2:])), "never seen", "nor he"]
    people = stated(names)
    found = open_journeys(workspace, people=people, batches=batches).read()
    expected = in_memory(workspace, people)
    assert found.channels == expected.channels
    assert rows_of(found) == rows_of(expected)
    idle = (found.lengths == 0) & (found.nulls > 0)
    assert idle.sum() == 2
    notes = {note.kind: note.count for note in found.notes}
    assert notes[NoteKind.UNLISTED_PEOPLE] == 2  # the first two
    wanted = {note.kind: note.count for note in expected.notes}
    assert wanted[NoteKind.UNLISTED_PEOPLE] == 2


def test_people_of_each_batch_are_those_of_one_piece(workspace, ids):
    people = stated([*ids.values(), "never seen"])
    whole = open_journeys(workspace, people=people).read()
    batches = list(open_journeys(workspace, people=people, batches=5))
    assert len(batches) > 1
    assert rows_of(join(batches)) == rows_of(whole)


def test_who_is_listed_before_any_row_came_is_watched_all_the_same(workspace):
    names = [f"stranger {nth}" for nth in range(40)]
    with_one = [*names, hash_of(PEOPLE[0])]
    found = list(open_journeys(workspace, people=stated(with_one), batches=9))
    total = join(found)
    assert ((total.lengths == 0) & (total.nulls > 0)).sum() == len(names)
    assert all(batch.channels == total.channels for batch in found)


def test_a_file_an_id_hash_and_an_identifier_name_the_same_people(workspace, ids, tmp_path):
    hashes = [*map(hash_of, PEOPLE)]
    expected = rows_of(
        open_journeys(workspace, people=stated([ids[each] for each in hashes])).read()
    )
    frame = stated(hashes)
    assert rows_of(open_journeys(workspace, people=frame).read()) == expected
    frame.astype({"start": "str", "end": "str"}).to_csv(tmp_path / "people.csv", index=False)
    assert rows_of(open_journeys(workspace, people=tmp_path / "people.csv").read()) == expected
    frame.to_parquet(tmp_path / "people.parquet")
    opened = open_journeys(workspace, people=str(tmp_path / "people.parquet"))
    assert rows_of(opened.read()) == expected


def test_reuse_has_labels_and_the_untouched_but_no_times(workspace, ids):
    found = open_journeys(workspace, people=stated(["x", *ids.values()]), reuse=True).read()
    assert found.watched_from is None
    assert set(found.segments["intent"]) >= {"level 0", "level 1"}
    assert ((found.lengths == 0) & (found.nulls > 0)).sum() == 1


# ---------------------------------------------------------------------- identifiers


@pytest.fixture
def keyed(tmp_path, monkeypatch):
    """A workspace whose identifiers were hashed with a key: an open id and a phone each."""
    key = "k" * 40
    monkeypatch.setenv("ATTRIBUTION_KEY", key)
    head = '[brand]\nname = "Acme"\ntimezone = "UTC"\n'
    (tmp_path / FILE).write_text(head + source("shop", "generic_orders", "*.csv"), encoding="utf-8")
    workspace = read_workspace(tmp_path)
    ring = read_keyring(os.environ, None, demo=False)

    def hashed(id_type, namespace, value):
        spaces = None if namespace is None else pa.array([namespace])
        return ring.hashes(id_type, spaces, pa.array([value]))[0].as_py()

    ann, bob = hashed("doudian_open_id", "shop", "ann"), hashed("phone", None, "+8613800138000")
    twin = hashed("doudian_open_id", "other shop", "ann")
    seen = {"first_seen": NOVEMBER, "last_seen": NOVEMBER}
    told = [(ann, "doudian_open_id", "shop"), (bob, "phone", None)]
    rows = {
        "identifiers": [
            {"id_hash": each, "id_type": kind, "namespace": space, "_row": nth + 1} | seen
            for nth, (each, kind, space) in enumerate(told)
        ],
        "touchpoints": [
            touchpoint("t1", at=NOVEMBER - DAY) | {"_identifier": ann},
            touchpoint("t2", at=NOVEMBER - DAY, _row=2) | {"_identifier": bob},
        ],
    }
    commit(workspace.store, "b1", rows)
    other = {"id_hash": twin, "id_type": "doudian_open_id", "namespace": "other shop", "_row": 1}
    return workspace, other | seen


def test_identifiers_are_found_by_their_hashes(keyed):
    workspace, _ = keyed
    people = stated(
        [""] * 3,
        id_type=["doudian_open_id", "phone", "phone"],
        id_value=["ann", "138 0013 8000", "139 0013 9000"],
    ).drop(columns="person")
    found = open_journeys(workspace, people=people).read()
    touched = found.lengths > 0
    assert touched.tolist().count(True) == 2
    assert sorted(map(str, found.segments["intent"][touched])) == ["level 0", "level 1"]
    assert found.segments["intent"][~touched].tolist() == ["level 2"]  # whom nobody knows
    assert not any(note.kind == NoteKind.UNLISTED_PEOPLE for note in found.notes)


def test_what_cannot_be_told_apart_is_named_by_its_row(keyed):
    workspace, twin = keyed
    one = {"id_type": ["phone", "doudian_open_id"], "id_value": ["13800138000", "ann"]}
    people = stated(["", ""], **one).drop(columns="person")
    open_journeys(workspace, people=people).read()
    commit(workspace.store, "b2", {"identifiers": [twin]})
    with pytest.raises(DataError, match="several persons are known by") as caught:
        open_journeys(workspace, people=people).read()
    assert (caught.value.row, caught.value.column) == (2, "id_value")
    wrong = people.assign(id_value=["12", "ann"])
    with pytest.raises(DataError, match="no phone number") as caught:
        open_journeys(workspace, people=wrong).read()
    assert (caught.value.row, caught.value.column) == (1, "id_value")
    assert "12" not in str(caught.value).replace("13", "")
    empty = people.assign(id_type=["phone", None])
    with pytest.raises(DataError, match="the kind of the identifier") as caught:
        open_journeys(workspace, people=empty)
    assert (caught.value.row, caught.value.column) == (2, "id_type")


# ---------------------------------------------------------------------- what is refused


def test_one_person_under_two_names_is_listed_twice(workspace, ids):
    who = hash_of(PEOPLE[3])
    with pytest.raises(DataError, match="each person once") as caught:
        open_journeys(workspace, people=stated(["x", ids[who], who])).read()
    assert (caught.value.source, caught.value.row, caught.value.column) == ("people", 3, "person")


def test_a_list_of_nobody_known_is_most_likely_of_other_ids(workspace):
    with pytest.raises(DataError, match="nobody whom the store knows") as caught:
        open_journeys(workspace, people=stated(["a", "b"])).read()
    assert "`persons` and `identities`" in caught.value.remedy
    assert len(open_journeys(workspace, people=stated([])).read()) > 0


def test_what_is_wrong_with_a_file_is_said_of_the_file(workspace, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("person,start,end\np1,2026-01-02,2026-01-01\n")
    with pytest.raises(DataError, match="an end before the start") as caught:
        open_journeys(workspace, people=file)
    assert (caught.value.source, caught.value.row) == (str(file), 1)
    file.write_text("who,start,end\np1,2026-01-02,2026-01-01\n")
    with pytest.raises(DataError, match="no column 'person'"):
        open_journeys(workspace, people=file)


def test_a_label_of_people_is_none_of_orders(workspace):
    people = stated(["x"], buyer=["new"])
    with pytest.raises(DataError, match="the label 'buyer' of people and of orders"):
        open_journeys(workspace, people=people, segments=["buyer"])
    with pytest.raises(DataError, match="the label 'match'"):
        open_journeys(workspace, people=stated(["x"], match=["a"]), match="halo")


def test_people_are_for_a_workspace_on_one_machine(workspace):
    with pytest.raises(ConfigError, match="people with engine='spark'"):
        open_journeys(workspace, people=stated(["x"]), engine="spark")
    roles = {"person": "a", "at": "b", "channel": "c", "converted": "d"}
    with pytest.raises(ConfigError, match="Found people for files"):
        open_journeys(stated(["x"]), people=stated(["x"]), **roles)
    with pytest.raises(ConfigError, match="Found people for tables on a cluster"):
        open_journeys({"orders": "o"}, people=stated(["x"]), engine="spark")
