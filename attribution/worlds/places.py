"""Where the touchpoints of a channel are written down, read out of the channel's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import category

from attribution.store.channels import FORM_WORDS, HOSTED_FORMS, PLATFORM_WORDS, SEPARATOR

__all__ = ["Place", "channel_name", "places"]

_PARTS = re.compile(r"\s*[/·:|]\s*")
_MORE_WORDS = {
    "视频号": "wechat", "腾讯": "wechat", "tencent": "wechat", "天猫": "taobao", "千川": "douyin",
    "磁力": "kuaishou", "商城": "own_mall", "微博": "other", "直播间": "live", "笔记": "article",
    "热搜": "search",
}  # fmt: skip
_UNKNOWN_HOST = "未知主播"


class Place(NamedTuple):
    """A place in the tree of channels: a platform, a form, and who hosts it, if anybody."""

    platform: str
    form: str
    host: str

    @property
    def name(self) -> str:
        """What a Chinese store calls it, at the level of streamers."""
        return channel_name(*self)


def channel_name(platform: str, form: str, host: str = "") -> str:
    """Return what a Chinese store calls a place at the level of streamers."""
    names = [PLATFORM_WORDS[platform][0], FORM_WORDS[form][0]]
    if form in HOSTED_FORMS:
        names.append(host or _UNKNOWN_HOST)
    return SEPARATOR.join(names)


def places(channels: Sequence[str]) -> list[Place]:
    """Give each channel a place of its own.

    A name such as `抖音/直播/晚晴` or `Kuaishou: ad` says its platform, its form and who hosts it,
    in Chinese or English; what stands for none of these is the host. Without a platform it is the
    brand's own mall. A channel that names no form, or shares place with another one (a second
    campaign of ads on one platform), is written as short videos of a host called like it.

    Parameters
    ----------
    channels
        Distinct names.

    Returns
    -------
    list[Place]
        One for each, no two alike.
    """
    found: list[Place] = []
    for channel in channels:
        place = _said(channel)
        if place in found:
            place = Place(place.platform, "short_video", _plain(channel) or "?")
        plain, number = place.host, 1
        while place in found:
            number += 1
            place = place._replace(host=f"{plain} {number}")
        found.append(place)
    return found


def _said(channel: str) -> Place:
    """Return the place that a name says."""
    platforms, forms = _keys(PLATFORM_WORDS), _keys(FORM_WORDS)
    platform = form = ""
    rest = []
    for part in _PARTS.split(channel):
        word = part.strip().lower()
        if not platform and word in platforms:
            platform = platforms[word]
        elif not form and word in forms:
            form = forms[word]
        else:
            rest.append(part)
    if not form and not rest and platform in FORM_WORDS:
        form = platform  # the mall's own pages, or offline
    if not form:
        form, rest = "short_video", [channel]
    host = (_plain("/".join(rest)) or _plain(channel) or "?") if form in HOSTED_FORMS else ""
    return Place(platform or "own_mall", form, host)


def _plain(name: str) -> str:
    """Return a name that a store shows as it is: in one piece, without control characters."""
    shown = "".join(" " if category(each).startswith("C") else each for each in name)
    parts = [" ".join(part.split()) for part in _PARTS.split(shown)]
    return "-".join(part for part in parts if part)


def _keys(words: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return the key that each word stands for, in lower case; a key stands for itself."""
    own = {word.lower(): key for key, pair in words.items() for word in (key, *pair)}
    return own | {word: key for word, key in _MORE_WORDS.items() if key in words}
