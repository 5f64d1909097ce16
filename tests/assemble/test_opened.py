"""Journeys of a workspace or of files: every setting, in batches or in one piece."""

from __future__ import annotations

import inspect
import random
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution.assemble.opened import StoreJourneys, open_journeys, read_store
from attribution.errors import ConfigError, DataError, StoreError
from attribution.journeys.definition import JourneyDefinition
from attribution.model import tallies
from attribution.models.named import default_models
from attribution.notes import NoteKind
from attribution.workspace import FILE, read_workspace
from tests.brand import source
from tests.store.batches import DAY, NOVEMBER, commit, identifier, order, touchpoint

HOUR = 3_600_000


def brand(folder, more=""):
    head = '[brand]\nname = "Acme"\ntimezone = "UTC"\n'
    text = head + source("shop", "generic_orders", "*.csv") + more
    (folder / FILE).write_text(text, encoding="utf-8")
    return read_workspace(folder)


@pytest.fixture
def workspace(tmp_path):
    return brand(tmp_path)


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A workspace of 40 people, known and unknown, with orders, sessions and evidence."""
    workspace, chance = brand(tmp_path_factory.mktemp("busy")), random.Random(11)
    people = [f"p{i}" for i in range(40)]
    rows = {
        "identifiers": [identifier(who) for who in people],
        "sessions": [
            {"session_id": f"r{i}", "platform": "douyin", "start_at": NOVEMBER - i * DAY, "_row": i}
            for i in range(4)
        ],
        "touchpoints": [
            touchpoint(
                f"t{i:03d}",
                chance.choice([*people, None]),
                at=NOVEMBER - chance.randrange(0, 90 * 24) * HOUR,
                content_form=chance.choice(["live", "search", "short_video"]),
                event=chance.choice(["exposure", "comment"]),
                session_id=chance.choice([None, "r0", "r1", "r2", "r3"]),
                _row=i + 1,
            )
            for i in range(300)
        ],
        "orders": [
            order(
                f"o{i:02d}",
                chance.randrange(1, 999),
                chance.choice([*people, None]),
                created_at=NOVEMBER - chance.randrange(0, 60 * 24) * HOUR,
                _row=i + 1,
            )
            for i in range(60)
        ],
        "order_lines": [
            {
                "order_id": f"o{i:02d}",
                "line_id": f"o{i:02d}",
                "platform": "douyin",
                "paid_fen": 5,
                "product_id": f"P{i % 3}",
                "category": "coat" if i % 2 else "hat",
                "room_id": chance.choice([None, "r1", "r2"]),
                "_row": i + 1,
            }
            for i in range(60)
        ],
    }
    commit(workspace.store, "b1", rows)
    return workspace


def journeys_of(journeys):
    """Return {order id: channels in time order} of the journeys with an order."""
    return {
        str(journeys.order_id[i]): [
            journeys.channels[code]
            for code in journeys.codes[journeys.offsets[i] : journeys.offsets[i + 1]]
        ]
        for i in range(len(journeys))
        if journeys.conversions[i]
    }


def test_journeys_are_those_a_plain_loop_finds(workspace):
    chance = random.Random(3)
    people = [f"p{i}" for i in range(8)]
    forms = {"live": "直播 · 未知主播", "search": "搜索", "short_video": "短视频 · 未知主播"}
    touches = [
        touchpoint(
            f"t{i:03d}",
            chance.choice([*people, None]),
            at=NOVEMBER + chance.randrange(-48, 48) * HOUR + i,
            content_form=chance.choice([*forms]),
            _row=i + 1,
        )
        for i in range(80)
    ]
    # Orders lie far apart, so that no two of one person share a visit.
    orders = [
        order(f"o{i}", 100 + i, who, created_at=NOVEMBER + i * 12 * HOUR, _row=i + 1)
        for i, who in enumerate([*people, *people, None])
    ]
    rows = {
        "orders": orders,
        "touchpoints": touches,
        "identifiers": [identifier(who) for who in people],
    }
    commit(workspace.store, "b1", rows)
    wanted, last = {}, defaultdict(lambda: -1)
    for each in orders:
        who, at = each.get("_identifier"), each["created_at"]
        mine = [
            touch
            for touch in sorted(touches, key=lambda t: t["at"])
            if who is not None
            and touch.get("_identifier") == who
            and last[who] < touch["at"] <= at
            and at - touch["at"] <= DAY
        ]
        last[who] = at
        wanted[f"douyin:{each['order_id']}"] = [
            f"抖音 · {forms[touch['content_form']]}" for touch in mine
        ]
    journeys = read_store(workspace, lookback="1D")
    assert journeys_of(journeys) == wanted
    assert sum(map(len, wanted.values())) > 15
    assert journeys.values["value"].sum() == sum(each["paid_fen"] for each in orders)
    assert {note.kind: note.count for note in journeys.notes} == {"orders_without_person": 1}


def test_levels_money_and_language_are_chosen(workspace):
    rows = {
        "orders": [order("o1", 1_000, "ann")],
        "refunds": [
            {
                "refund_id": "r",
                "order_id": "o1",
                "platform": "douyin",
                "kind": "refund_only",
                "status": "success",
                "amount_fen": 400,
                "final_at": NOVEMBER,
                "_row": 1,
            }
        ],
        "touchpoints": [
            touchpoint("t", "ann", streamer_id="s1", session_id="r1", placement="nature")
        ],
        "streamers": [{"streamer_id": "s1", "name": "晚晴", "_row": 1}],
        "identifiers": [identifier("ann")],
    }
    commit(workspace.store, "b1", rows)
    steps = ["Douyin", "Live", "晚晴", "session r1", "Natural feed"]
    levels = ("platform", "form", "streamer", "session", "placement")
    for depth, level in enumerate(levels, 1):
        journeys = read_store(workspace, level=level, language="en", value="net_fen")
        assert journeys.channels == (" · ".join(steps[:depth]),)
        assert list(journeys.values) == ["value", "gross_fen", "net_expected_fen"]
        assert journeys.values["value"].tolist() == [600.0]
        assert journeys.values["gross_fen"].tolist() == [1_000.0]
    assert read_store(workspace.folder).channels == ("抖音 · 直播 · 晚晴",)
    labelled = read_store(workspace, segments=["platform"], columns=["event", "session_id"])
    assert labelled.segments["platform"].tolist() == ["douyin"]
    assert labelled.touch["session_id"].tolist() == ["douyin:r1"]


def test_an_unpaid_order_is_no_conversion_and_a_deposit_is_when_it_counts(workspace):
    rows = {
        "orders": [
            order("unpaid", 1, "ann", status="created"),
            order(
                "presale",
                5,
                "ann",
                deposit_paid_at=NOVEMBER + HOUR,
                paid_at=NOVEMBER + 9 * DAY,
            ),
        ],
        "identifiers": [identifier("ann")],
    }
    commit(workspace.store, "b1", rows)
    journeys = read_store(workspace)
    assert journeys.order_id.tolist() == ["douyin:presale"]
    assert journeys.closed_at.tolist() == [NOVEMBER + HOUR]


def test_ids_of_two_platforms_may_be_alike(workspace):
    orders = [order("1", 3, "ann"), order("1", 4, "ann", platform="wechat", _row=2)]
    commit(workspace.store, "b1", {"orders": orders, "identifiers": [identifier("ann")]})
    assert {*read_store(workspace).order_id} == {"douyin:1", "wechat:1"}


@pytest.mark.parametrize(
    "wrong", [{"level": "streamers"}, {"value": "paid_fen"}, {"language": "fr"}]
)
def test_a_choice_that_is_none_is_refused(workspace, wrong):
    with pytest.raises(ConfigError, match="write one of"):
        read_store(workspace, **wrong)


def test_an_empty_store_says_what_to_run(workspace):
    for opened in (read_store, open_journeys):
        with pytest.raises(DataError, match="Run `attribution ingest`"):
            opened(workspace)


# ---------------------------------------------------------------------- batches


def sorted_rows(journeys):
    """Return journeys as comparable rows, whatever their order."""
    bounds = zip(journeys.offsets[:-1], journeys.offsets[1:], strict=True)
    paths = [
        [(journeys.channels[journeys.codes[i]], int(journeys.ages[i])) for i in range(a, b)]
        for a, b in bounds
    ]
    columns = (
        [str(each) for each in journeys.order_id],
        journeys.closed_at.tolist(),
        journeys.day.tolist(),
        journeys.block.tolist(),
        journeys.open.tolist(),
        *(column.tolist() for column in journeys.values.values()),
        paths,
    )
    return sorted(zip(*columns, strict=True), key=repr)


@pytest.mark.parametrize("batches", [2, 9])
def test_batches_hold_what_one_piece_holds(busy, batches):
    whole = read_store(busy)
    opened = open_journeys(busy, batches=batches)
    found = list(opened)
    assert 1 < len(found) <= batches
    assert {batch.channels for batch in found} == {whole.channels}
    assert sorted_rows(opened.read()) == sorted_rows(whole)
    assert len(whole) > 60
    assert len(whole.codes) > 100
    models = [attribution.FirstTouch(), attribution.LastTouch(), attribution.Markov(2)]
    assert tallies(opened, models) == tallies(whole, models)  # whole numbers, to the last bit


def test_no_person_stands_in_two_batches_and_any_walk_gives_the_same(busy):
    opened = open_journeys(busy, batches=5)
    first, second = list(opened), list(opened)
    assert [sorted_rows(batch) for batch in first] == [sorted_rows(batch) for batch in second]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.codes, other.codes)
        assert one.order_id.tolist() == other.order_id.tolist()


def test_models_take_batches_as_they_take_one_piece(busy):
    models = [attribution.LastTouch(), attribution.TimeDecay("3D"), attribution.Markov()]
    batches = attribution.compare(open_journeys(busy, batches=4), models)
    whole = attribution.compare(read_store(busy), models)
    pd.testing.assert_frame_equal(batches.frame(), whole.frame(), rtol=1e-9)


def test_notes_are_told_once(busy):
    notes = [batch.notes for batch in open_journeys(busy, batches=6)]
    assert [note.kind for note in notes[0]] == [NoteKind.ORDERS_WITHOUT_PERSON]
    assert set(notes[1:]) == {()}
    assert open_journeys(busy, batches=6).read().notes == notes[0] == read_store(busy).notes


def test_a_batch_holds_more_or_less_by_what_the_memory_is(busy, monkeypatch):
    monkeypatch.setattr("attribution.assemble.store_journeys._ROWS", 180)
    assert open_journeys(busy).portions() == 2  # 300 touchpoints and 60 orders
    assert open_journeys(busy, memory="1 GB").portions() == 4
    assert open_journeys(busy, memory="9TB").portions() == 2
    assert open_journeys(busy, memory="1kb").portions() == 1_000
    assert open_journeys(busy, batches=3).portions() == 3


def test_a_store_without_people_or_orders_gives_journeys_all_the_same(workspace):
    commit(workspace.store, "b1", {"streamers": [{"streamer_id": "s", "_row": 1}]})
    [empty] = open_journeys(workspace, batches=4)
    assert (len(empty), empty.channels) == (0, ())
    nothing = attribution.compare(open_journeys(workspace), default_models()).frame()
    assert nothing["conversions"].sum() == 0
    commit(workspace.store, "b2", {"orders": [order("o", 7)]})
    [alone] = open_journeys(workspace, batches=4)
    assert alone.order_id.tolist() == ["douyin:o"]
    found = attribution.compare(open_journeys(workspace), default_models()).frame()
    assert set(found.groupby("model")["value"].sum()) == {7.0}


def test_touchpoints_without_any_order_are_journeys_that_did_not_convert(workspace):
    rows = {"touchpoints": [touchpoint("t", "ann")], "identifiers": [identifier("ann")]}
    commit(workspace.store, "b1", rows)
    journeys = read_store(workspace)
    assert (journeys.nulls.sum(), journeys.conversions.sum()) == (1, 0)
    assert attribution.attribute(journeys, attribution.Markov()).frame()["conversions"].sum() == 0


def test_too_little_memory_is_said_with_the_step_and_the_remedy(busy):
    with pytest.raises(StoreError, match=r"step '\w+'.*memory=\"2GB\".*\"4GB\""):
        open_journeys(busy, memory="10KB", batches=1).read()


# ---------------------------------------------------------------------- settings

SETTINGS = {
    "level": "form",
    "lookback": "9D",
    "lookback_by": {"exposure": "1D", "抖音 · 直播": "2D"},
    "expiry": "3D",
    "same_visit": "1h",
    "reuse": True,
    "conversion": "first",
    "products": ["P1"],
    "categories": ["coat"],
    "net_of_refunds": True,
    "match": "halo",
    "one_per_session": True,
    "weights": {"exposure": 0.5},
    "columns": ["event"],
    "segments": ["buyer"],
    "value": "net_fen",
}


def test_every_setting_of_a_definition_is_an_argument():
    assert set(SETTINGS) == set(JourneyDefinition().settings())
    assert set(SETTINGS) <= set(inspect.signature(open_journeys).parameters)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_what_is_given_goes_before_what_the_workspace_says(busy, name):
    opened = open_journeys(busy, **{name: SETTINGS[name]})
    assert isinstance(opened, StoreJourneys)
    assert opened.definition == replace(busy.journeys, **{name: SETTINGS[name]})
    told = replace(busy, journeys=opened.definition)
    assert open_journeys(told).definition == opened.definition
    other = replace(busy.journeys, **{name: getattr(JourneyDefinition(), name)})
    if name != "expiry":  # none given means the workspace's
        given = dict(other.lookback_by) if name == "lookback_by" else getattr(other, name)
        assert open_journeys(told, **{name: given}).definition == other


def test_all_settings_can_be_read_together(busy):
    found = open_journeys(busy, **SETTINGS | {"level": "offer", "as_of": "2026-01-01"}).read()
    assert found.conversions.sum() > 0
    assert found.nulls.sum() > 0
    assert set(found.touch) == {"event", "weight", "lookback_ms"}
    assert set(found.segments) == {"buyer", "match"}
    assert set(found.values) == {"value", "gross_fen", "net_expected_fen"}


def test_the_workspace_s_own_definition_counts_where_nothing_is_given(tmp_path):
    workspace = brand(tmp_path, '[journeys]\nlevel = "platform"\nlookback = "12h"\n')
    rows = {
        "orders": [order("o", 5, "ann")],
        "touchpoints": [
            touchpoint("t1", "ann", at=NOVEMBER - DAY),
            touchpoint("t2", "ann", at=NOVEMBER - HOUR, _row=2),
        ],
        "identifiers": [identifier("ann")],
    }
    commit(workspace.store, "b1", rows)
    assert journeys_of(read_store(workspace)) == {"douyin:o": ["抖音"]}
    assert journeys_of(read_store(workspace, lookback="2D", level="form")) == {
        "douyin:o": ["抖音 · 直播"] * 2
    }


def test_look_backs_name_channels_in_either_language(busy):
    zh = open_journeys(busy, level="form", lookback_by={"抖音 · 直播": "1D"})
    en = open_journeys(busy, level="form", lookback_by={"Douyin · Live": "1D"})
    assert zh.definition == en.definition
    told = open_journeys(busy, level="form", lookback_by={"抖音 · 直播": "1D"}, language="en")
    assert dict(told.definition.lookback_by) == {"Douyin · Live": "1D"}
    assert told.read().lengths.sum() == zh.read().lengths.sum()
    longer = open_journeys(busy, level="form", lookback_by={"抖音 · 直播": "60D"})
    shown = [sum(map(len, journeys_of(each.read()).values())) for each in (zh, longer)]
    assert shown[0] < shown[1]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"level": "room"}, "platform, form, streamer"),
        ({"engine": "polars"}, "duckdb, spark"),
        ({"memory": "lots"}, "such as .2GB"),
        ({"memory": "0GB"}, "such as .2GB"),
        ({"memory": 2}, "such as .2GB"),
        ({"batches": 0}, "from 1 to"),
        ({"batches": True}, "from 1 to"),
        ({"batches": 10**6}, "from 1 to"),
        ({"language": "fr"}, "zh, en"),
        ({"lookback": "soon"}, "a number with a unit"),
        ({"lookback_by": {"exposures": "1D"}}, "write events"),
        ({"as_of": "some day"}, "as_of"),
        ({"as_of": 20261112}, "as_of=20261112: write a time"),
        ({"as_of": pd.NaT}, "as_of=NaT: write a time"),
        ({"lookback_by": {"抖音 · 直博": "1D"}}, "write events"),
        ({"lookback": "1000000D"}, "longer than can be reckoned with"),
        ({"person": "user"}, "without at, channel, converted"),
        ({"tz": "Asia/Tokyo"}, "attribution.toml. Leave tz out"),
        ({"segments": ["city"]}, "platform, category, province, buyer, erp_order_id, booked_day"),
    ],
)
def test_what_cannot_stand_is_refused_before_anything_is_read(busy, wrong, says):
    with pytest.raises(ConfigError, match=says):
        open_journeys(busy, **wrong)


def test_a_folder_that_is_no_workspace_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="attribution init"):
        open_journeys(tmp_path)


# ---------------------------------------------------------------------- as of


def test_what_lies_after_as_of_has_not_happened(workspace):
    rows = {
        "orders": [
            order("early", 5, "ann", created_at=NOVEMBER - DAY),
            order("late", 7, "ann", created_at=NOVEMBER + DAY, _row=2),
            order("unpaid yet", 9, "bob", created_at=NOVEMBER - DAY, paid_at=NOVEMBER + 1, _row=3),
        ],
        "touchpoints": [
            touchpoint("t1", "ann", at=NOVEMBER - 2 * DAY),
            touchpoint("t2", "ann", at=NOVEMBER, _row=2),
            touchpoint("t3", "ann", at=NOVEMBER + 1, _row=3),
        ],
        "identifiers": [identifier("ann"), identifier("bob")],
    }
    commit(workspace.store, "b1", rows)
    as_of = pd.Timestamp(NOVEMBER, unit="ms", tz="UTC")
    for given in (as_of, as_of.isoformat(), str(as_of.tz_convert("Asia/Shanghai"))):
        journeys = read_store(workspace, as_of=given)
        assert journeys_of(journeys).keys() == {"douyin:early"}
        assert journeys.nulls.sum() == 1
        assert set(journeys.closed_at.tolist()) == {NOVEMBER - DAY, NOVEMBER}
        assert journeys.open.sum() == 1
        [note] = journeys.notes
        assert (note.kind, note.count) == (NoteKind.AFTER_AS_OF, 2)
        assert note.detail == as_of.isoformat()
    assert len(journeys_of(read_store(workspace))) == 3
    assert read_store(workspace).notes == ()


def test_an_order_tells_which_explanation_sold_it(workspace):
    """Somebody came in before the sale began, and bought in it."""
    begin = NOVEMBER - HOUR
    room = {"session_id": "r1", "platform": "douyin"}
    rows = {
        "identifiers": [identifier("ann")],
        "sessions": [{**room, "start_at": begin, "end_at": begin + 3 * HOUR, "_row": 1}],
        "session_products": [
            {
                **room,
                "product_id": "p1",
                "offer": "flash sale",
                "explain_from": begin + HOUR,
                "explain_to": begin + 2 * HOUR,
                "_row": 1,
            }
        ],
        "touchpoints": [touchpoint("t1", "ann", at=begin, session_id="r1", content_form="live")],
        "orders": [
            order("in", 100, "ann", created_at=begin + HOUR + 1, _row=1),
            order("after", 7, "ann", created_at=begin + HOUR + 5, _row=2),
        ],
        "order_lines": [
            {
                "order_id": order_id,
                "line_id": order_id,
                "platform": "douyin",
                "paid_fen": 1,
                "product_id": product,
                "room_id": room_id,
                "_row": nth,
            }
            for nth, (order_id, product, room_id) in enumerate(
                [("in", "p1", "r1"), ("after", "p2", None)], 1
            )
        ],
    }
    commit(workspace.store, "b1", rows)
    journeys = open_journeys(workspace, level="offer", language="en").read()
    found = {
        order: [path[-1] for path in map(names, paths)]
        for order, paths in journeys_of(journeys).items()
    }
    assert found == {
        "douyin:in": ["no explanation", "p1 · flash sale"],
        "douyin:after": ["no explanation"],
    }
    last = attribution.attribute(journeys, attribution.LastTouch()).frame()
    sold = last[last["channel"].str.endswith("p1 · flash sale")]
    assert sold["value"].tolist() == [100]
    # Only buyers have such evidence, so models of chances do not see it.
    observed = attribution.attribute(journeys, attribution.Markov()).frame().set_index("channel")
    assert observed.loc[sold["channel"], "conversions"].tolist() == [0]
    by_session = journeys_of(open_journeys(workspace, level="session").read())
    assert {order: len(path) for order, path in by_session.items()} == {
        "douyin:in": 1,
        "douyin:after": 1,
    }


def names(channel):
    """Return the parts of a name below its session."""
    return channel.split(" · ", 4)[4:]


# ---------------------------------------------------------------------- files


LONG = """user,ts,channel,converted,value
1,2026-11-01 10:00:00,A,0,0
1,2026-11-02 10:00:00,B,1,9.5
2,2026-11-03 10:00:00,A,0,0
"""


def test_files_in_long_form_are_opened_by_their_columns(tmp_path):
    file = tmp_path / "long.csv"
    file.write_text(LONG, encoding="utf-8")
    roles = {"person": "user", "at": "ts", "channel": "channel", "converted": "converted"}
    for given in (file, str(file), [file], pd.read_csv(file)):
        opened = open_journeys(given, **roles, value="value", lookback="30D")
        credit = attribution.attribute(opened, attribution.LastTouch()).frame()
        assert credit.set_index("channel")["value"].to_dict() == {"A": 0.0, "B": 9.5}
    with pytest.raises(ConfigError, match=r"without person, at, channel, converted"):
        open_journeys(file)
    with pytest.raises(ConfigError, match=r"level, segments for files"):
        open_journeys(file, **roles, level="form", segments=["buyer"])
    with pytest.raises(ConfigError, match=r"language, as_of, memory, batches for files"):
        open_journeys(file, **roles, language="en", as_of="2026-11-11", memory="1GB", batches=0)
    with pytest.raises(DataError, match="nowhere"):
        list(open_journeys(tmp_path / "nowhere.csv", **roles))


def test_money_of_files_is_a_column_and_of_a_store_a_kind(workspace):
    commit(workspace.store, "b1", {"orders": [order("o", 7)]})
    with pytest.raises(ConfigError, match="gross_fen, net_fen, net_expected_fen"):
        open_journeys(workspace, value="value")
