"""Where channels are written: what their names say, and that no two share a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.store.channels import FORM_WORDS, HOSTED_FORMS, PLATFORM_WORDS
from attribution.worlds.places import Place, channel_name, places


@pytest.mark.parametrize(
    ("channel", "place"),
    [
        ("抖音/直播/晚晴", Place("douyin", "live", "晚晴")),
        ("Douyin: live: Wan  Qing", Place("douyin", "live", "Wan Qing")),
        ("抖音 · 短视频 · 南星", Place("douyin", "short_video", "南星")),
        ("腾讯/广告/朋友圈", Place("wechat", "ad", "")),
        ("小红书/笔记/种草", Place("xiaohongshu", "article", "")),
        ("自有商城", Place("own_mall", "own_mall", "")),
        ("搜索", Place("own_mall", "search", "")),
        ("抖音/直播", Place("douyin", "live", "抖音-直播")),
        ("crowd/one", Place("own_mall", "short_video", "crowd-one")),
        ("快手/阿沐", Place("kuaishou", "short_video", "快手-阿沐")),
    ],
)
def test_a_name_says_where_its_channel_is_written(channel, place):
    assert places([channel]) == [place]


def test_a_second_campaign_of_one_place_is_told_apart():
    first, second, third = places(["抖音/广告/信息流", "抖音/广告/搜索", "抖音-广告-搜索"])
    assert first == Place("douyin", "ad", "")
    assert second == Place("douyin", "short_video", "抖音-广告-搜索")
    assert third == Place("own_mall", "short_video", "抖音-广告-搜索")


WORDS = [*(w for pair in (*PLATFORM_WORDS.values(), *FORM_WORDS.values()) for w in pair), "a", "b"]


@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("/".join), unique=True)
)
def test_no_two_channels_share_a_place_or_a_name(channels):
    found = places(channels)
    assert len(set(found)) == len(channels)
    assert len({place.name for place in found}) == len(channels)
    for place in found:
        assert bool(place.host) == (place.form in HOSTED_FORMS)
        assert place.name == channel_name(*place)
