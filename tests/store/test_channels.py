"""Names of channels that people read."""

from __future__ import annotations

import pytest

from attribution.names import RESERVED
from attribution.store.channels import (
    LEVELS,
    channel_label,
    label_columns,
    labelled,
    translated,
)
from attribution.store.tables import CONTENT_FORMS, PLATFORMS, TABLES
from attribution.store.views import ViewOptions
from tests.store.planted import listed, ms, one, planted

START = ms("2026-11-11 20:00:00")
EN = ViewOptions(language="en")
ZH = ViewOptions()

ROWS = {
    "streamers": [{"streamer_id": "s1", "name": "晚晴"}],
    "sessions": [{"session_id": "r1", "streamer_id": "s1", "start_at": START}],
    "touchpoints": [
        {
            "event_id": "e",
            "at": START,
            "session_id": "r1",
            "placement": "homepage_hot",
            "traffic": "paid",
        }
    ],
}


def touch(**row):
    return {**ROWS, "touchpoints": [{"event_id": "e", "at": START, **row}]}


def test_a_name_holds_its_way_down_the_tree():
    row = one(planted(ROWS, ZH), "channels")
    assert [row[f"channel_{level}"] for level in LEVELS] == [
        "抖音",
        "抖音 · 直播",
        "抖音 · 直播 · 晚晴",
        "抖音 · 直播 · 晚晴 · 11-11 20:00场",
        "抖音 · 直播 · 晚晴 · 11-11 20:00场 · 首页推荐",
        "抖音 · 直播 · 晚晴 · 11-11 20:00场 · 无讲解",
    ]
    assert row["traffic_name"] == "付费流量"


def test_the_same_in_english():
    row = one(planted(ROWS, EN), "channels")
    assert row["channel_placement"] == ("Douyin · Live · 晚晴 · 11-11 20:00 session · Home feed")
    assert row["channel_offer"] == "Douyin · Live · 晚晴 · 11-11 20:00 session · no explanation"
    assert row["traffic_name"] == "Paid traffic"


@pytest.mark.parametrize(
    ("row", "session"),
    [
        ({}, "抖音 · 直播 · 未知主播 · 未知场次"),
        ({"streamer_id": "unknown"}, "抖音 · 直播 · 未知主播 · 未知场次"),
        ({"streamer_id": "s7"}, "抖音 · 直播 · s7 · 未知场次"),
        ({"session_id": "r9"}, "抖音 · 直播 · 未知主播 · 场次 r9"),
        (
            {"content_form": "short_video", "content_id": "v1", "streamer_id": "s1"},
            "抖音 · 短视频 · 晚晴 · 内容 v1",
        ),
        ({"content_form": "unknown", "platform": "other"}, "其他平台 · 未知形式"),
        ({"content_form": None}, "抖音 · 未知形式"),
        ({"content_form": "search"}, "抖音 · 搜索"),
        ({"content_form": "ad", "content_id": "c7"}, "抖音 · 广告 · 内容 c7"),
        ({"content_form": "ad", "streamer_id": "s1"}, "抖音 · 广告 · 晚晴 · 未知场次"),
        ({"content_form": "ad", "streamer_id": "unknown"}, "抖音 · 广告 · 未知主播 · 未知场次"),
        ({"content_form": "live_replay"}, "抖音 · 直播回放 · 未知主播 · 未知场次"),
        ({"content_form": "showcase"}, "抖音 · 橱窗 · 未知主播 · 未知场次"),
    ],
)
def test_what_is_unknown_is_said_to_be_where_there_is_someone(row, session):
    assert one(planted(touch(**row), ZH), "channels")["channel_session"] == session


def explained(*products, **row):
    """Return the rows of a session in which products are explained, and of one touchpoint."""
    return {
        **touch(session_id="r1", **row),
        "session_products": [
            {"platform": "douyin", "session_id": "r1"} | each for each in products
        ],
    }


@pytest.mark.parametrize(
    ("products", "row", "offer"),
    [
        ([{"product_id": "P1", "offer": " 秒\n杀 "}], {}, "P1 · 秒 杀"),
        ([{"product_id": "P1"}], {}, "P1"),
        (
            [
                {"product_id": "P1", "offer": "秒杀"},
                {"product_id": "P1", "offer": "秒杀", "explain_from": START + 3_600_000},
            ],
            {},
            "P1 · 秒杀 · 20:00",
        ),
        (
            [
                {"product_id": "P1", "explain_to": START + 1},
                {"product_id": "P1", "explain_from": START + 59_999},
            ],
            {},
            f"P1 · 20:00 #P1 {START}",
        ),
        # A replay shows what the session showed; a search shows nothing.
        ([{"product_id": "P1"}], {"content_form": "live_replay"}, "P1"),
        ([{"product_id": "P1"}], {"content_form": "live_replay", "at": START - 1}, "无讲解"),
    ],
)
def test_an_offer_lies_below_its_session(products, row, offer):
    products = [{"explain_from": START} | each for each in products]
    found = one(planted(explained(*products, placement="homepage_hot", **row), ZH), "channels")
    assert found["channel_offer"] == f"{found['channel_session']} · {offer}"


def test_what_explains_nothing_is_named_without_an_explanation():
    row = one(planted(touch(content_form="search"), ZH), "channels")
    assert row["channel_offer"] == "抖音 · 搜索"
    row = one(planted(touch(content_form="short_video", content_id="v1"), ZH), "channels")
    assert row["channel_offer"] == "抖音 · 短视频 · 未知主播 · 内容 v1"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_names_of_places_are_those_of_touchpoints(level, language):
    """What `labelled` gives for distinct places is what each touchpoint is called."""
    rows = explained({"product_id": "P1", "explain_from": START + 5})
    rows["streamers"], rows["sessions"] = ROWS["streamers"], ROWS["sessions"]
    rows["touchpoints"] = [
        {"event_id": f"{form}{i}", "at": START + i, "content_form": form, **more}
        for form in ("live", "short_video", "search", None)
        for i, more in enumerate(
            [{}, {"session_id": "r1"}, {"streamer_id": "unknown"}, {"placement": "nature"}]
        )
        for i in (i, i + 10)
    ]
    rows["touchpoints"] = list({row["event_id"]: row for row in rows["touchpoints"]}.values())
    world = planted(rows, ViewOptions(language=language))
    named = {row[f"channel_{level}"] for row in listed(world, "channels")}
    listed(world, "streamer_names")
    listed(world, "session_names")
    places = listed(world, labelled("explained_touchpoints", level, language))
    assert {row["name"] for row in places} == named
    keys = [tuple(row[column] for column in label_columns(level)) for row in places]
    assert len({*keys}) == len(keys)


@pytest.mark.parametrize(
    ("name", "language", "wanted"),
    [
        ("抖音 · 直播", "en", "Douyin · Live"),
        ("Douyin · Live", "zh", "抖音 · 直播"),
        ("抖音 · 直播 · 晚晴 · 未知场次", "en", "Douyin · Live · 晚晴 · unknown session"),
        # Only a form is translated as one: a streamer may be called Live.
        ("Douyin · Live · Live", "zh", "抖音 · 直播 · Live"),
        ("抖音", "zh", "抖音"),
        ("exposures", "zh", None),
        ("抖音 · 直博", "zh", None),
        ("直播", "en", None),
    ],
)
def test_a_channel_can_be_named_in_either_language(name, language, wanted):
    assert translated(name, language) == wanted


def test_every_platform_form_and_kind_of_traffic_has_a_name_of_its_own():
    traffic = TABLES["touchpoints"].column("traffic").values
    cases = [(p, f, t) for p in PLATFORMS for f in CONTENT_FORMS for t in traffic]
    rows = {
        "touchpoints": [
            {"event_id": str(i), "at": START, "platform": p, "content_form": f, "traffic": t}
            for i, (p, f, t) in enumerate(cases)
        ]
    }
    for options in (ZH, EN):
        found = listed(planted(rows, options), "channels")
        assert len({row["channel_platform"] for row in found}) == len(PLATFORMS)
        assert len({row["channel_form"] for row in found}) == len(PLATFORMS) * len(CONTENT_FORMS)
        assert len({row["traffic_name"] for row in found}) == len(traffic)
        codes = {*PLATFORMS, *CONTENT_FORMS, *traffic} - {"other", "unknown"}
        words = {w for r in found for w in r["channel_form"].split(" · ")}
        assert not codes & words


def test_no_two_sessions_of_a_streamer_share_a_name():
    year = ms("2025-11-11 20:00:00")
    starts = {"r1": START, "r2": year, "r3": START + 999, "r4": START + 60_000}
    rows = {
        "sessions": [
            {"session_id": room, "streamer_id": "s1", "start_at": at} for room, at in starts.items()
        ]
        + [{"session_id": "r5", "streamer_id": "s2", "start_at": START}],
        "touchpoints": [
            {"event_id": room, "at": START, "session_id": room} for room in (*starts, "r5")
        ],
    }
    found = {
        row["event_id"]: row["channel_session"].split(" · ")[-1]
        for row in listed(planted(rows, ZH), "channels")
    }
    assert found == {
        "r1": "2026-11-11 20:00场 #r1",
        "r2": "2025-11-11 20:00场",
        "r3": "2026-11-11 20:00场 #r3",
        "r4": "11-11 20:01场",
        "r5": "11-11 20:00场",
    }


def test_no_two_streamers_share_a_name_and_none_breaks_a_line():
    names = {"s1": "晚晴", "s2": " 晚晴 ", "s3": "a\n\tb\u202e", "s4": "  ", "s5": None}
    rows = {
        "streamers": [{"streamer_id": key, "name": name} for key, name in names.items()],
        "touchpoints": [{"event_id": key, "at": START, "streamer_id": key} for key in names],
    }
    found = {
        row["event_id"]: row["channel_streamer"].split(" · ")[-1]
        for row in listed(planted(rows, ZH), "channels")
    }
    assert found == {
        "s1": "晚晴 (s1)",
        "s2": "晚晴 (s2)",
        "s3": "a b",
        "s4": "s4",
        "s5": "s5",
    }


def test_hours_are_those_of_the_time_zone():
    rows = {**ROWS, "sessions": [{"session_id": "r1", "start_at": START}]}
    found = one(planted(rows, ViewOptions(timezone="America/New_York")), "channels")
    assert found["channel_session"].endswith("11-11 07:00场")


def test_names_hold_what_people_wrote_as_it_is():
    rows = {**ROWS, "streamers": [{"streamer_id": "s1", "name": "=1+1<b>'x'"}]}
    found = one(planted(rows, ZH), "channels")
    assert found["channel_streamer"] == "抖音 · 直播 · =1+1<b>'x'"
    assert not {*found.values()} & {*RESERVED}


def test_a_label_is_an_expression_for_a_level():
    assert channel_label("platform", "zh") in channel_label("form", "zh")
    assert "未知" not in channel_label("session", "en")
