"""The channel tree: platform, form, streamer, session, placement, offer, with names people read.

A name holds its way down the tree ("抖音 · 直播 · 晚晴 · 11-11 20:00场"), so a name at any level
stands for one channel. What is not known is said to be unknown, but a form that nobody hosts, such
as a search, is named without what is not known of it.

The tree forks below a session: a placement says where in its surroundings people came from, an
offer which explanation of which product was on. A name holds one of them, or a flash sale would
come apart by placement.
"""

from __future__ import annotations

from dataclasses import replace
from string import Template
from typing import Literal

from attribution.errors import ConfigError, quoted
from attribution.journeys.definition import LEVELS, STRENGTH, JourneyDefinition, Level
from attribution.store.steps import Step, ViewOptions, in_list, literal, local_time

__all__ = [
    "FORM_WORDS",
    "HOSTED_FORMS",
    "LEVELS",
    "PLATFORM_WORDS",
    "SEPARATOR",
    "Language",
    "Level",
    "channel_label",
    "channel_steps",
    "in_language",
    "label_columns",
    "labelled",
    "names_an_offer",
    "platform_name",
    "translated",
]

Language = Literal["zh", "en"]

SEPARATOR = " · "

# Forms that somebody hosts: here a streamer who is not known is missing.
HOSTED_FORMS = ("live", "live_replay", "short_video", "showcase")
# Forms in which products are explained one after another.
_EXPLAINING = ("live", "live_replay")

PLATFORM_WORDS = {
    "douyin": ("抖音", "Douyin"),
    "kuaishou": ("快手", "Kuaishou"),
    "taobao": ("淘宝", "Taobao"),
    "wechat": ("微信", "WeChat"),
    "xiaohongshu": ("小红书", "Xiaohongshu"),
    "jd": ("京东", "JD"),
    "own_mall": ("自有商城", "Own mall"),
    "offline": ("线下", "Offline"),
    "other": ("其他平台", "Other platform"),
}
FORM_WORDS = {
    "live": ("直播", "Live"),
    "live_replay": ("直播回放", "Live replay"),
    "short_video": ("短视频", "Short video"),
    "ad": ("广告", "Ad"),
    "showcase": ("橱窗", "Showcase"),
    "shop": ("店铺", "Shop"),
    "search": ("搜索", "Search"),
    "feed": ("信息流", "Feed"),
    "article": ("图文", "Article"),
    "group": ("社群", "Group"),
    "private_chat": ("私聊", "Private chat"),
    "own_mall": ("商城页面", "Mall page"),
    "offline": ("线下", "Offline"),
}
_TRAFFIC = {
    "organic": ("自然流量", "Organic traffic"),
    "paid": ("付费流量", "Paid traffic"),
    "alliance": ("联盟流量", "Alliance traffic"),
    "private": ("私域流量", "Private traffic"),
}
# Where in a live room's surroundings people came from, as Qianchuan names it.
_PLACEMENTS = {
    "nature": ("自然推荐", "Natural feed"),
    "homepage_hot": ("首页推荐", "Home feed"),
    "homepage_follow": ("首页关注", "Followed on home page"),
    "video_to_live": ("短视频引流", "From short video"),
    "general_search": ("综合搜索", "General search"),
    "others_homepage": ("个人主页", "Profile page"),
    "douyin_shopping_center": ("抖音商城", "Douyin mall"),
    "activity": ("活动页", "Event page"),
    "live_pc_qian_chuan": ("千川电脑版", "Qianchuan desktop"),
    "live_xiao_dian_qian_chuan": ("小店随心推", "Small-shop promotion"),
    "live_dou_plus": ("DOU+", "DOU+"),
}
_UNKNOWN: dict[str, tuple[str, str]] = {
    "platform": ("未知平台", "unknown platform"),
    "form": ("未知形式", "unknown form"),
    "streamer": ("未知主播", "unknown streamer"),
    "session": ("未知场次", "unknown session"),
    "placement": ("未知位置", "unknown placement"),
    "offer": ("无讲解", "no explanation"),
    "traffic": ("未知流量", "unknown traffic"),
}

# What a level's own part of a name is read from, of touchpoints.
_READS: dict[Level, tuple[str, ...]] = {
    "platform": ("platform",),
    "form": ("content_form",),
    "streamer": ("content_form", "streamer_id"),
    "session": ("platform", "session_id", "content_id"),
    "placement": ("placement",),
    "offer": ("content_form", "explanation"),
}

# Two streamers of one name are told apart by their ids.
_STREAMER_NAMES = r"""
WITH clean AS (
    SELECT streamer_id,
        coalesce(nullif(trim(regexp_replace(name, '[\s\p{C}]+', ' ', 'g')), ''), streamer_id)
            AS name
    FROM latest_streamers
)
SELECT streamer_id,
    CASE WHEN count(*) OVER (PARTITION BY name) > 1 THEN name || ' (' || streamer_id || ')'
        ELSE name END AS name
FROM clean
"""

# Hours without a year read best; where two sessions share one, the year and then the id are added.
_SESSION_NAMES = Template("""
WITH timed AS (
    SELECT s.platform, s.session_id, h.streamer_id,
        $short AS short_name, $long AS long_name
    FROM latest_sessions AS s
    LEFT JOIN session_hosts AS h ON h.platform = s.platform AND h.session_id = s.session_id
    WHERE s.start_at IS NOT NULL
),
counted AS (
    SELECT *,
        count(*) OVER (PARTITION BY platform, streamer_id, short_name) AS same_short,
        count(*) OVER (PARTITION BY platform, streamer_id, long_name) AS same_long
    FROM timed
)
SELECT platform, session_id,
    CASE
        WHEN same_short = 1 THEN $short_label
        WHEN same_long = 1 THEN $long_label
        ELSE $long_label || ' #' || session_id
    END AS name
FROM counted
""")

_CHANNELS = Template("""
SELECT
    t.platform, t.event_id, t.person_id, t.at, t.event, t.order_id,
    t.streamer_id, t.session_id, t.content_id, t.product_id, t.offer,
    $labels,
    $traffic AS traffic_name
FROM explained_touchpoints AS t
LEFT JOIN streamer_names AS n ON n.streamer_id = t.streamer_id
LEFT JOIN session_names AS s ON s.platform = t.platform AND s.session_id = t.session_id
""")


def channel_label(level: Level, language: Language) -> str:
    """Return the SQL for a touchpoint's name at a level of the tree, its way down included.

    Parameters
    ----------
    level
        One of `LEVELS`.
    language
        Of platforms, forms and of what is unknown.

    Returns
    -------
    str
        An expression over rows `t` of touchpoints (of explained_touchpoints for offers), `n` of
        streamer_names and `s` of session_names; see `label_columns`.
    """
    steps = _way(level)
    top = f" || {literal(SEPARATOR)} || ".join(_own_name(step, language) for step in steps[:2])
    if len(steps) <= 2:
        return top
    unknown = [_unknown(step, language) for step in steps[2:]]
    names = [_own_name(step, language) for step in steps[2:]]
    hosted = ", ".join([top, *names])
    known = ", ".join([top, *(f"nullif({n}, {u})" for n, u in zip(names, unknown, strict=True))])
    return (
        f"CASE WHEN coalesce(t.content_form IN {in_list(HOSTED_FORMS)}, FALSE) "
        "OR t.streamer_id IS NOT NULL "  # someone, if only an alias that nobody has mapped
        f"THEN concat_ws({literal(SEPARATOR)}, {hosted}) "
        f"ELSE concat_ws({literal(SEPARATOR)}, {known}) END"
    )


def label_columns(level: Level) -> tuple[str, ...]:
    """Return the columns of touchpoints that a name at this level depends on."""
    return tuple(dict.fromkeys(column for step in _way(level) for column in _READS[step]))


def labelled(rows: str, level: Level, language: Language) -> str:
    """Return a query for the names, `name`, of distinct rows of `label_columns`.

    It reads `streamer_names` and `session_names`.
    """
    columns = label_columns(level)
    joins = ""
    if "streamer_id" in columns:
        joins += " LEFT JOIN streamer_names AS n ON n.streamer_id = t.streamer_id"
    if "session_id" in columns:
        joins += (
            " LEFT JOIN session_names AS s"
            " ON s.platform = t.platform AND s.session_id = t.session_id"
        )
    distinct = f"SELECT DISTINCT {', '.join(columns)} FROM {rows}"  # noqa: S608 - our own names
    return f"SELECT t.*, {channel_label(level, language)} AS name FROM ({distinct}) AS t{joins}"  # noqa: S608


def translated(name: str, language: Language) -> str | None:
    """Return a channel's name, or that of a node above channels, in a language.

    The words for platforms, forms and what is unknown are known in both; the rest are names, which
    stay. None if the name does not begin with a platform, or goes on with what is no form: nothing
    in the tree is called so.
    """
    nth = 0 if language == "zh" else 1
    platform, *rest = name.split(SEPARATOR)
    found = {
        word: pair[nth] for pair in (*PLATFORM_WORDS.values(), *_UNKNOWN.values()) for word in pair
    }
    forms = found | {word: pair[nth] for pair in FORM_WORDS.values() for word in pair}
    if platform not in found or (rest and rest[0] not in forms):
        return None
    below = [forms[part] for part in rest[:1]] + [found.get(p, p) for p in rest[1:]]
    return SEPARATOR.join([found[platform], *below])


def platform_name(platform: str, language: Language) -> str:
    """Return what a platform is called; one that is none of the known ones as it is."""
    return PLATFORM_WORDS.get(platform, (platform, platform))[0 if language == "zh" else 1]


def names_an_offer(name: str) -> bool:
    """Whether a session's name at the level of offers is that of an explanation, not of none."""
    return name.rpartition(SEPARATOR)[2] not in _UNKNOWN["offer"]


def in_language(definition: JourneyDefinition, language: Language) -> JourneyDefinition:
    """Return the definition with its channels named as a store in that language names them.

    Raises
    ------
    ConfigError
        For a name in `lookback_by` that is neither an event's nor a channel's.
    """
    named = {}
    for name, duration in dict(definition.lookback_by).items():
        own = name if name in STRENGTH else translated(name, language)
        if own is None:
            raise ConfigError(
                f"lookback_by={quoted(name)}: write events ({', '.join(STRENGTH)}), or channels as "
                'reports name them, with their way down from the platform ("抖音 · 直播").'
            )
        named[own] = duration
    return replace(definition, lookback_by=named)


def channel_steps(options: ViewOptions) -> list[Step]:
    """Return the steps that name the channel of every touchpoint at every level.

    `channels` has, beside the touchpoint's own ids, a column `channel_<level>` for each of
    `LEVELS` and `traffic_name` as a cross dimension.
    """
    suffix = literal("场" if options.language == "zh" else " session")
    labels = ",\n    ".join(
        f"{channel_label(level, options.language)} AS channel_{level}" for level in LEVELS
    )
    return [
        Step("streamer_names", "a name for every streamer, no two alike", _STREAMER_NAMES),
        Step(
            "session_names",
            "a name for every session, no two of one streamer alike",
            _SESSION_NAMES.substitute(
                short=local_time("s.start_at", options.timezone, "%m-%d %H:%M"),
                long=local_time("s.start_at", options.timezone, "%Y-%m-%d %H:%M"),
                short_label=f"short_name || {suffix}",
                long_label=f"long_name || {suffix}",
            ),
        ),
        Step(
            "channels",
            "the channel of every touchpoint at every level of the tree",
            _CHANNELS.substitute(
                labels=labels,
                traffic=_word(
                    "t.traffic", _TRAFFIC, _unknown("traffic", options.language), options.language
                ),
            ),
        ),
    ]


def _way(level: Level) -> tuple[Level, ...]:
    """Return the levels down to this one."""
    above = LEVELS[: LEVELS.index(level) + 1]
    return tuple(each for each in above if each != "placement" or level == "placement")


def _own_name(level: Level, language: Language) -> str:
    unknown = _unknown(level, language)
    if level == "platform":
        return _word("t.platform", PLATFORM_WORDS, unknown, language)
    if level == "form":
        return _word("t.content_form", FORM_WORDS, unknown, language)
    if level == "streamer":
        return f"coalesce(n.name, nullif(t.streamer_id, 'unknown'), {unknown})"
    if level == "session":
        session, content = ("场次 ", "内容 ") if language == "zh" else ("session ", "content ")
        return (
            f"coalesce(s.name, {literal(session)} || t.session_id, "
            f"{literal(content)} || t.content_id, {unknown})"
        )
    if level == "offer":
        explaining = f"t.content_form IN {in_list(_EXPLAINING)}"
        return f"coalesce(t.explanation, CASE WHEN {explaining} THEN {unknown} END)"
    return _word("t.placement", _PLACEMENTS, f"coalesce(t.placement, {unknown})", language)


def _word(column: str, words: dict[str, tuple[str, str]], otherwise: str, language: str) -> str:
    nth = 0 if language == "zh" else 1
    cases = " ".join(
        f"WHEN {literal(key)} THEN {literal(names[nth])}" for key, names in words.items()
    )
    return f"CASE {column} {cases} ELSE {otherwise} END"


def _unknown(level: str, language: str) -> str:
    return literal(_UNKNOWN[level][0 if language == "zh" else 1])
