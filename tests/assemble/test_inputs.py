"""The rows of a store that journeys are made of, against a plain reading of what was stored."""

from __future__ import annotations

import errno
import random
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from attribution.assemble.inputs import input_steps, inputs
from attribution.errors import StoreError
from attribution.journeys.definition import JourneyDefinition
from attribution.notes import NoteKind
from attribution.store.store import Store
from tests.assemble.histories import SCHEMAS
from tests.store.batches import NOVEMBER, commit, identifier, order, touchpoint

HOUR = 3_600_000
TZ = "Asia/Shanghai"
KINDS = {"string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER"}


def held(store, definition=None, portions=1):
    """Return the relations of all portions, as rows by name, and the inputs themselves."""
    definition = definition or JourneyDefinition()
    found = {}
    with inputs(store, definition, portions=portions, memory="1GB") as given:
        assert len(given.portions) == portions
        for portion in given.portions:
            with given.relations(portion) as connection:
                for name in ("touchpoint_rows", "order_rows", "line_rows"):
                    if name == "line_rows" and "line_rows" not in names(definition):
                        continue
                    rows = connection.sql(f'FROM "{name}"').to_arrow_table().to_pylist()
                    found.setdefault(name, []).append(rows)
        return (
            {name: [row for part in parts for row in part] for name, parts in found.items()},
            found,
            given,
        )


def names(definition):
    return [step.name for step in input_steps(definition)]


def by(rows, key):
    assert len({row[key] for row in rows}) == len(rows)
    return {row[key]: row for row in rows}


@pytest.fixture(scope="module")
def history():
    """Rows of 30 people: known and unknown, in sessions and out of them, on two platforms."""
    chance = random.Random(5)
    people = [f"p{i}" for i in range(30)]
    return {
        "identifiers": [identifier(who) for who in people],
        "sessions": [
            {"session_id": "r1", "platform": "douyin", "start_at": NOVEMBER - 5 * HOUR, "_row": 1},
            {
                "session_id": "r1",
                "platform": "kuaishou",
                "start_at": NOVEMBER,
                "end_at": NOVEMBER + HOUR,
                "_row": 2,
            },
            {"session_id": "r2", "platform": "douyin", "_row": 3},  # nobody knows when it began
        ],
        "session_products": [
            {
                "session_id": "r1",
                "platform": "douyin",
                "product_id": f"P{i}",
                "explain_from": NOVEMBER - 5 * HOUR + i * HOUR,
                "offer": offer,
                "_row": i + 1,
            }
            for i, offer in enumerate(["flash sale", "lucky bag", None])
        ],
        "touchpoints": [
            touchpoint(
                f"e{i % 150}",  # ids of two platforms may be alike
                chance.choice([*people, *[None] * 9]),
                platform="douyin" if i < 150 else chance.choice(["kuaishou", "taobao"]),
                at=NOVEMBER - chance.randrange(0, 12) * HOUR,
                session_id=chance.choice([None, "r1", "r2", "r3"]),
                content_id=chance.choice([None, "v1"]),
                streamer_id=chance.choice([None, "s1"]),
                product_id=chance.choice([None, "P0"]),
                content_form=chance.choice(["live", "short_video", "search"]),
                event=chance.choice(["exposure", "comment"]),
                _row=i + 1,
            )
            for i in range(240)
        ],
        "orders": [
            order(
                f"o{i}",
                100 + i,
                chance.choice([*people[:12], *[None] * 9]),
                created_at=NOVEMBER - i * HOUR,
                status="created" if i % 10 == 9 else "paid",
                is_new_buyer_shop=[True, False, None, None][i % 4],
                province=chance.choice([None, "浙江省", "浙江", "北京市", "内蒙古自治区"]),
                _row=i + 1,
            )
            for i in range(30)
        ],
        "order_lines": [
            {
                "order_id": f"o{i // 2}",
                "line_id": f"l{i}",
                "platform": "douyin",
                "product_id": chance.choice([None, "P0", "P1"]),
                "category": chance.choice([None, "hat"]),
                "paid_fen": i,
                "room_id": chance.choice([None, "r1"]),
                "video_id": chance.choice([None, "v1"]),
                "line_kind": "gift" if i % 5 == 4 else "normal",
                "_row": i + 1,
            }
            for i in range(60)
        ],
    }


@pytest.fixture(scope="module")
def store(history, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    commit(folder, "b1", history)
    return Store(folder, timezone=TZ)


def test_touchpoints_are_those_of_known_people_and_what_orders_say(store, history):
    found, _, given = held(store)
    rows = by(found["touchpoint_rows"], "event_id")
    wanted = {f"{t['platform']}:{t['event_id']}": t for t in history["touchpoints"]}
    known = {key for key, t in wanted.items() if t.get("_identifier")}
    observed = {key for key, row in rows.items() if row["event"] != "order_source"}
    assert observed == known
    assert len({rows[key]["person"] for key in known}) > 20
    started = {
        (s["platform"], s["session_id"]): day_of(s["start_at"])
        for s in history["sessions"]
        if "start_at" in s
    }
    for key in known:
        row, touch = rows[key], wanted[key]
        platform = touch["platform"]
        assert row["at"] == touch["at"]
        assert row["event"] == touch["event"]
        assert row["streamer_id"] == touch["streamer_id"]
        for name in ("session_id", "content_id", "product_id"):
            said = touch[name]
            assert row[name] == (None if said is None else f"{platform}:{said}")
        place = platform, touch["session_id"]
        assert row["session_day"] == started.get(place)
        assert row["session_end"] == (NOVEMBER + HOUR if place == ("kuaishou", "r1") else None)
        assert row["order_id"] is None
        assert given.channels[row["channel"]].startswith(
            {"douyin": "抖音", "kuaishou": "快手", "taobao": "淘宝"}[platform]
        )
    evidence = [row for row in rows.values() if row["event"] == "order_source"]
    assert evidence
    orders = by(found["order_rows"], "order_id")
    for row in evidence:
        said = orders.get(row["order_id"])
        if said is not None:  # an order that is not paid says something, too
            assert (row["person"], row["at"]) == (said["person"], said["at"])
    assert any(row["person"] is None for row in evidence)
    assert given.channels == tuple(sorted(given.channels))
    assert given.as_of == NOVEMBER


def day_of(ms):
    return (datetime.fromtimestamp(ms / 1000, ZoneInfo(TZ)).date() - date(1970, 1, 1)).days


def test_orders_are_the_paid_ones_with_their_labels(store, history):
    found, _, given = held(store)
    rows = by(found["order_rows"], "order_id")
    paid = {f"douyin:{o['order_id']}": o for o in history["orders"] if o["status"] == "paid"}
    assert rows.keys() == paid.keys()
    seen = set()
    for key in sorted(paid, key=lambda key: paid[key]["created_at"]):
        said, row = paid[key], rows[key]
        assert (row["at"], row["gross_fen"]) == (said["created_at"], row["net_fen"])
        assert row["platform"] == "douyin"
        province = said["province"]
        assert row["province"] == (
            None if province is None else province[:3] if "内" in province else province[:2]
        )
        first = None
        if row["person"] is not None:
            first = "returning" if row["person"] in seen else "new"
            seen.add(row["person"])
        stated = {True: "new", False: "returning", None: first}[said["is_new_buyer_shop"]]
        assert row["buyer"] == stated, key
    assert {row["buyer"] for row in rows.values()} == {"new", "returning", None}
    nobody = sum(row["person"] is None for row in rows.values())
    assert nobody
    assert [(note.kind, note.count) for note in given.notes] == [
        (NoteKind.ORDERS_WITHOUT_PERSON, nobody)
    ]


def test_lines_are_those_that_earn(store, history):
    found, _, _ = held(store, JourneyDefinition(match="matched"))
    paid = {row["order_id"]: row["person"] for row in found["order_rows"]}
    wanted = []
    for line in history["order_lines"]:
        owner = f"douyin:{line['order_id']}"
        if owner not in paid or line["line_kind"] == "gift":
            continue
        content = line["video_id"] or line["room_id"]
        wanted.append(
            {
                "order_id": owner,
                "person": paid[owner],
                "product_id": line["product_id"] and f"douyin:{line['product_id']}",
                "category": line["category"],
                "session_id": line["room_id"] and f"douyin:{line['room_id']}",
                "content_id": content and f"douyin:{content}",
                "paid_fen": line["paid_fen"],
            }
        )
    assert sorted(found["line_rows"], key=str) == sorted(wanted, key=str)
    assert "line_rows" not in names(JourneyDefinition())
    for asked in ({"products": ["P0"]}, {"categories": ["hat"]}, {"match": "halo"}):
        assert "line_rows" in names(JourneyDefinition(**asked))


@pytest.mark.parametrize(
    "settings", [{}, {"level": "offer"}, {"match": "matched", "columns": ["product_id"]}]
)
def test_portions_hold_all_rows_once_and_each_person_whole(store, settings):
    definition = JourneyDefinition(**settings)
    whole, _, one = held(store, definition)
    split, parts, several = held(store, definition, portions=7)
    assert (one.channels, one.as_of, one.notes) == (
        several.channels,
        several.as_of,
        several.notes,
    )
    for name, rows in whole.items():
        assert sorted(split[name], key=str) == sorted(rows, key=str)
    homes = {}
    for rows_by_portion in parts.values():
        for nth, rows in enumerate(rows_by_portion):
            for row in rows:
                owner = row["person"] or row["order_id"]
                assert homes.setdefault(owner, nth) == nth
    assert len({*homes.values()}) > 4


def test_relations_have_the_columns_the_steps_read(store):
    definition = JourneyDefinition(match="matched")
    with (
        inputs(store, definition, portions=1, memory="1GB") as given,
        given.relations(given.portions[0]) as connection,
    ):
        for name, schema in SCHEMAS.items():
            rows = connection.execute(f"DESCRIBE {name}").fetchall()
            wanted = {field.name: KINDS[str(field.type)] for field in schema}
            assert wanted.items() <= {row[0]: row[1] for row in rows}.items(), name


def test_at_the_level_of_offers_a_touchpoint_has_what_was_explained(store, history):
    found, _, given = held(store, JourneyDefinition(level="offer"))
    rows = by(found["touchpoint_rows"], "event_id")
    starts = [each["explain_from"] for each in history["session_products"]]
    offers = ["P0 · flash sale", "P1 · lucky bag", "P2"]
    met = set()
    for touch in history["touchpoints"]:
        row = rows.get(f"{touch['platform']}:{touch['event_id']}")
        if row is None or touch["content_form"] != "live":
            continue
        inside = [i for i, start in enumerate(starts) if start <= touch["at"]]
        here = (touch["platform"], touch["session_id"]) == ("douyin", "r1") and bool(inside)
        if here:
            met.add(inside[-1])
            own = touch["product_id"] or f"P{inside[-1]}"
            assert row["product_id"] == f"douyin:{own}"
        name = given.channels[row["channel"]].split(" · ", 4)[-1]
        assert name == (offers[inside[-1]] if here else "无讲解")
    assert len(met) > 1


def test_a_store_of_nothing_that_counts_gives_relations_without_rows(tmp_path):
    commit(tmp_path, "b1", {"streamers": [{"streamer_id": "s", "_row": 1}]})
    for definition in (JourneyDefinition(), JourneyDefinition(level="offer", match="halo")):
        found, _, given = held(Store(tmp_path), definition, portions=3)
        assert not any(found.values())
        assert (given.channels, given.as_of, given.notes) == ((), 0, ())


def test_nothing_stays_behind(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with inputs(store, JourneyDefinition(), portions=2, memory="1GB") as given:
        assert all(portion.is_relative_to(tmp_path) for portion in given.portions)
    assert [*tmp_path.iterdir()] == []
    with (
        pytest.raises(ZeroDivisionError),
        inputs(store, JourneyDefinition(), portions=2, memory="1GB"),
    ):
        raise ZeroDivisionError
    assert [*tmp_path.iterdir()] == []


def test_too_little_memory_names_the_step_and_what_to_set(store):
    with (
        pytest.raises(StoreError, match=r"too little memory for the step '\w+'.*memory="),
        inputs(store, JourneyDefinition(), portions=1, memory="100KB"),
    ):
        pass


def test_a_full_disk_says_so(store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("attribution.assemble.inputs._split", full)
    with (
        pytest.raises(StoreError, match=r"no room left .* TMPDIR"),
        inputs(store, JourneyDefinition(), portions=1, memory="1GB"),
    ):
        pass


def test_a_store_that_changes_meanwhile_is_read_anew(tmp_path, monkeypatch):
    commit(tmp_path, "b1", {"orders": [order("o1", 1, "ann")], "identifiers": [identifier("ann")]})
    tried = []
    from attribution.assemble import inputs as module

    split = module._split

    def once_gone(reader, name, folders):
        tried.append(name)
        if len(tried) == 1:
            commit(tmp_path, "b2", {"orders": [order("o2", 2, "ann", _row=2)]})
            raise OSError("a part that is no longer there")
        return split(reader, name, folders)

    monkeypatch.setattr(module, "_split", once_gone)
    found, _, _ = held(Store(tmp_path))
    assert {row["order_id"] for row in found["order_rows"]} == {"douyin:o1", "douyin:o2"}
    assert tried[:2] == ["kept_touchpoints"] * 2


def test_later_rows_are_left_out_and_counted(store, history):
    as_of = NOVEMBER - 3 * HOUR
    found, _, given = held(Store(store.folder, timezone=TZ, as_of=as_of))
    assert given.as_of == as_of
    assert all(row["at"] <= as_of for row in found["touchpoint_rows"] + found["order_rows"])
    note = next(note for note in given.notes if note.kind == NoteKind.AFTER_AS_OF)
    later = sum(t["at"] > as_of for t in history["touchpoints"])
    later += sum(o["created_at"] > as_of for o in history["orders"])
    assert (note.count, datetime.fromisoformat(note.detail).timestamp() * 1000) == (later, as_of)
