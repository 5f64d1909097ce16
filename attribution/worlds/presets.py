"""Ready worlds: one for each way in which data can mislead, and one with everything."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from attribution.errors import ConfigError, quoted
from attribution.worlds.settings import (
    Channel,
    FlashSale,
    Intent,
    IntentBursts,
    LiftTest,
    Refunds,
    Retargeting,
    Seeding,
    Sessions,
    Synergy,
    WorldSettings,
)

__all__ = ["preset", "presets"]

LIVE_A, VIDEO, LIVE_B, NOTES, GROUPS, HOT, FEED, SEARCH = _NAMES = (
    "抖音/直播/晚晴",
    "抖音/短视频/好物",
    "快手/直播/阿北",
    "小红书/笔记/种草",
    "微信/社群/会员群",
    "微博/热搜/话题",
    "抖音/广告/信息流",
    "淘宝/广告/搜索",
)
_POPULARITY = (0.95, 1.1, 0.7, 0.55, 0.45, 0.5, 0.35, 0.3)
_FOUND = (FEED, SEARCH)  # they find people of high intent, and they are tested
_EFFECT = 0.0186


def presets() -> dict[str, str]:
    """Return what can be simulated by name: each preset with one line on what it is for.

    The sample brand, `simulate("sample")`, is apart: nobody knows what its channels caused.
    """
    return {name: settings.about for name, settings in _ALL.items()}


def preset(name: str) -> WorldSettings:
    """Return a preset by its name ("static_intent") or regime number ("2a").

    Raises
    ------
    ConfigError
        For a name nobody knows.
    """
    found = next((s for s in _ALL.values() if name and name in (s.name, s.regime)), None)
    if found is None:
        near = get_close_matches(name.lower(), _ALL, n=1, cutoff=0.5)
        raise ConfigError(
            f"preset={quoted(name)}: found no such preset; expected one of {', '.join(_ALL)}, or "
            f"the path of a TOML file. {f'Did you mean {near[0]!r}?' if near else ''}".rstrip()
        )
    return found


_INDEPENDENT = WorldSettings(
    name="independent",
    regime="1",
    about="Channels act independently of each other and of intent; effects differ widely.",
    channels=tuple(
        Channel(name, 0.0 if name == HOT else _EFFECT, popularity)
        for name, popularity in zip(_NAMES, _POPULARITY, strict=True)
    ),
    organic=0.0155,
    effect_spread=0.9,
    lift_tests=tuple(LiftTest(name) for name in _FOUND),
)
_INTENT = Intent(share=0.15, demand=22.0, exposure=6.0, channels=_FOUND)
_HALF_LIVES = ("12h", "14D", "1D", "7D", "3D", "12h", "2D", "8D")
_SEEDS = (
    Seeding(VIDEO, LIVE_A, 0.35, "1D"),
    Seeding(NOTES, SEARCH, 0.35, "1D"),
    Seeding(NOTES, LIVE_B, 0.25, "1D"),
)


def _lasting(settings: WorldSettings, *half_lives: str) -> WorldSettings:
    """Return the settings with these half-lives, or one for all."""
    each = half_lives if len(half_lives) > 1 else half_lives * len(settings.channels)
    channels = tuple(
        replace(channel, half_life=half_life)
        for channel, half_life in zip(settings.channels, each, strict=True)
    )
    return replace(settings, channels=channels)


def _stronger(settings: WorldSettings, factor: float) -> WorldSettings:
    """Return the settings with all effects larger: much of a slow one lies beyond the end."""
    channels = tuple(replace(each, effect=each.effect * factor) for each in settings.channels)
    return replace(settings, channels=channels)


def _world(
    name: str, regime: str, about: str, base: WorldSettings, **changes: object
) -> WorldSettings:
    return replace(base, name=name, regime=regime, about=about, **changes)  # type: ignore[arg-type]


_EQUAL = replace(
    _INDEPENDENT,
    channels=tuple(replace(channel, effect=_EFFECT * 0.9) for channel in _INDEPENDENT.channels),
    effect_spread=0.0,
)
_MULTIPLICATIVE = replace(
    _INDEPENDENT,
    channels=tuple(
        replace(channel, effect=0.0 if channel.name == HOT else 0.6)
        for channel in _INDEPENDENT.channels
    ),
    organic=0.04,
    activity_spread=0.7,
    link="multiplicative",
)

_ALL = {
    settings.name: settings
    for settings in (
        _world("equal", "0", "Every touchpoint has the same effect, whatever its channel.", _EQUAL),
        _INDEPENDENT,
        _world(
            "static_intent",
            "2a",
            "Some people order more of their own accord, and two channels find them.",
            _INDEPENDENT,
            intent=_INTENT,
        ),
        _world(
            "intent_bursts",
            "2b",
            "People have short episodes of intent in which two channels find them.",
            _INDEPENDENT,
            bursts=IntentBursts(1.0, "1D", demand=120.0, exposure=60.0, channels=_FOUND),
        ),
        _world(
            "organic",
            "3",
            "Three quarters of orders would have come without any channel.",
            _INDEPENDENT,
            organic=0.225,
        ),
        _world(
            "synergy",
            "4",
            "Two channels have four times their effect after a touchpoint of another.",
            _INDEPENDENT,
            synergy=(Synergy(LIVE_A, VIDEO, 4.0), Synergy(SEARCH, NOTES, 4.0)),
        ),
        _world(
            "short_half_life",
            "5a",
            "Effects wear off within hours (half-life 6 hours).",
            _lasting(_INDEPENDENT, "6h"),
        ),
        _world(
            "long_half_life",
            "5b",
            "Effects last for weeks (half-life 14 days).",
            _stronger(_lasting(_INDEPENDENT, "14D"), 1.6),
        ),
        _world(
            "mixed_half_lives",
            "5c",
            "Channels differ in how long their effect lasts, from 12 hours to 14 days.",
            _lasting(_INDEPENDENT, *_HALF_LIVES),
        ),
        _world(
            "split_identities",
            "6",
            "A third of people have a second id, known for half of their touchpoints.",
            _INDEPENDENT,
            split_people=0.33,
        ),
        _world(
            "seeding",
            "7",
            "Two channels bring visits to others, which then seem to have the effect.",
            _INDEPENDENT,
            seeding=_SEEDS,
        ),
        _world(
            "everything",
            "8",
            "Lasting intent, mixed half-lives, split identities and seeding at once.",
            _lasting(_INDEPENDENT, *_HALF_LIVES),
            intent=_INTENT,
            split_people=0.33,
            seeding=_SEEDS,
        ),
        _world(
            "delayed",
            "9",
            "Effects come after a delay, as a hump, instead of fading from the start.",
            _INDEPENDENT,
            response="delayed",
        ),
        _world(
            "multiplicative",
            "10",
            "Touchpoints multiply the order rate instead of adding to it.",
            _MULTIPLICATIVE,
        ),
        _world(
            "saturation",
            "11",
            "Each further touchpoint of a channel has 30 % less effect.",
            _INDEPENDENT,
            saturation=0.3,
        ),
        _world(
            "multiplicative_intent",
            "12",
            "Lasting intent in a world where touchpoints multiply the order rate.",
            _MULTIPLICATIVE,
            intent=Intent(share=0.15, demand=10.0, exposure=6.0, channels=_FOUND),
        ),
        _world(
            "live_commerce",
            "",
            "A brand's month: live sessions, flash sales, seeding, retargeting, refunds.",
            replace(
                _INDEPENDENT,
                channels=tuple(
                    replace(channel, sessions=Sessions("20h", "4h"), order_value=1.3)
                    if channel.name == LIVE_A
                    else replace(channel, sessions=Sessions("1D14h", "5h", "2D"))
                    if channel.name == LIVE_B
                    else channel
                    for channel in _INDEPENDENT.channels
                ),
            ),
            intent=_INTENT,
            flash_sales=(
                FlashSale("10D 20h", "4h", 4.0, 6.0),
                FlashSale("17D 20h", "4h", 3.0, 4.0),
            ),
            synergy=(Synergy(LIVE_A, VIDEO, 2.0),),
            seeding=_SEEDS,
            retargeting=(Retargeting(FEED, 0.08, "3D"),),
            split_people=0.2,
            refunds=Refunds(0.25),
        ),
    )
}
