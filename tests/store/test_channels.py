"""Names of channels that people read."""

from __future__ import annotations

import pytest

from attribution.names import RESERVED
from attribution.store.channels import LEVELS, channel_label
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
    ]
    assert row["traffic_name"] == "付费流量"


def test_the_same_in_english():
    row = one(planted(ROWS, EN), "channels")
    assert row["channel_placement"] == ("Douyin · Live · 晚晴 · 11-11 20:00 session · Home feed")
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
