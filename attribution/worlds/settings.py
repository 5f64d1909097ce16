"""What a simulated world is made of: its channels, its people, and how the two meet."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.errors import ConfigError, quoted
from attribution.names import DEFAULT_TIMEZONE, RESERVED

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "DAY_MS",
    "Channel",
    "FlashSale",
    "Intent",
    "IntentBursts",
    "LiftTest",
    "Refunds",
    "Retargeting",
    "Seeding",
    "Sessions",
    "Synergy",
    "WorldSettings",
]

DAY_MS = 86_400_000
MOST_CHANNELS = 63  # a touchpoint's ancestry is a bit of one integer for each channel

Duration = str | pd.Timedelta
Link = Literal["additive", "multiplicative"]
Response = Literal["exponential", "delayed"]


@dataclass(frozen=True)
class Sessions:
    """Live sessions: touchpoints of their channel fall in these hours only.

    Attributes
    ----------
    start
        Of the first session, from the beginning of the world.
    length
        Of each session.
    every
        From one session's start to the next one's.
    """

    start: Duration = "20h"
    length: Duration = "3h"
    every: Duration = "1D"

    def __post_init__(self) -> None:
        _durations(self, start=0, length=1, every=1)
        if duration_ms(self.length, "length") > duration_ms(self.every, "every"):
            raise _wrong(self, "length", self.length, f"at most every={self.every!r}")


@dataclass(frozen=True)
class Channel:
    """One channel.

    Attributes
    ----------
    name
        As it stands in journeys.
    effect
        Additive link: expected orders caused by one touchpoint, were it left to act for ever.
        Multiplicative link: what a touchpoint adds to the logarithm of the order rate at once.
    popularity
        Expected touchpoints of an ordinary person over the whole observation; what intent, flash
        sales, seeding and retargeting bring is on top.
    half_life
        Time in which half of a touchpoint's effect comes about (additive) or wears off
        (multiplicative).
    order_value
        Factor on the value of the orders it causes (additive link only).
    sessions
        When it is on the air; None for always.
    """

    name: str
    effect: float
    popularity: float
    half_life: Duration = "3D"
    order_value: float = 1.0
    sessions: Sessions | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise _wrong(self, "name", self.name, "a name that is not empty")
        if self.name != self.name.strip() or self.name in RESERVED:
            raise _wrong(self, "name", self.name, "a name without blanks around it or brackets")
        _numbers(self, effect=(0, 100), popularity=(0, 1_000), order_value=(0, 1_000))
        _durations(self, half_life=1)


@dataclass(frozen=True)
class FlashSale:
    """A time in which exposure and demand surge for everybody.

    Attributes
    ----------
    start, length
        From the beginning of the world; how long.
    exposure, demand
        Factors on touchpoints of the channels and on organic orders.
    channels
        Whose touchpoints surge; empty for all.
    """

    start: Duration
    length: Duration = "2h"
    exposure: float = 3.0
    demand: float = 3.0
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _durations(self, start=0, length=1)
        _numbers(self, exposure=(0, 1_000), demand=(0, 1_000))
        _names(self, "channels")


@dataclass(frozen=True)
class Intent:
    """Lasting intent: some people order more of their own accord, and some channels find them.

    It confounds: such people are touched more and order more, without one causing the other.

    Attributes
    ----------
    share
        Of people with high intent.
    demand, exposure
        Factors on their organic orders, and on their touchpoints of `channels`.
    channels
        Channels that find them.
    sensitivity, specificity
        Of the observed sign of intent: its share "high" among people of high intent, and "low"
        among the others.
    """

    share: float = 0.0
    demand: float = 1.0
    exposure: float = 1.0
    channels: tuple[str, ...] = ()
    sensitivity: float = 0.75
    specificity: float = 0.92

    def __post_init__(self) -> None:
        _numbers(self, share=(0, 1), sensitivity=(0, 1), specificity=(0, 1))
        _numbers(self, demand=(0, 1_000), exposure=(0, 1_000))
        _names(self, "channels")


@dataclass(frozen=True)
class IntentBursts:
    """Short episodes of intent in a person's life, which nothing observed tells of.

    Attributes
    ----------
    per_person
        Expected episodes of a person over the observation.
    length
        Of an episode.
    demand, exposure
        Factors, of at least 1, on organic orders and on touchpoints of `channels` meanwhile. Of
        episodes that overlap each adds its own surplus.
    channels
        Channels that find people in such an episode.
    """

    per_person: float
    length: Duration = "2D"
    demand: float = 1.0
    exposure: float = 1.0
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _numbers(self, per_person=(0, 1_000), demand=(1, 1_000), exposure=(1, 1_000))
        _durations(self, length=1)
        _names(self, "channels")


@dataclass(frozen=True)
class Synergy:
    """A touchpoint of `channel` has `factor` times its effect after one of `partner`.

    The partner's must have come to the same person before, and after his last order. A channel
    has one partner at most.
    """

    channel: str
    partner: str
    factor: float = 2.0

    def __post_init__(self) -> None:
        _numbers(self, factor=(0, 100))


@dataclass(frozen=True)
class Seeding:
    """A touchpoint of `source` causes `visits` touchpoints of `target` on average.

    They come after an exponential time of mean `delay`; in a channel with live sessions, in the
    session that is then on, or else in the next one.
    """

    source: str
    target: str
    visits: float
    delay: Duration = "1D"

    def __post_init__(self) -> None:
        _numbers(self, visits=(0, 100))
        _durations(self, delay=1)


@dataclass(frozen=True)
class Retargeting:
    """A channel that follows people whom other channels have touched.

    Each touchpoint of the sources (empty: of every other channel) is followed by `visits`
    touchpoints of `channel` on average, evenly within the time `within`.
    """

    channel: str
    visits: float
    within: Duration = "3D"
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _numbers(self, visits=(0, 100))
        _durations(self, within=1)
        _names(self, "sources")


@dataclass(frozen=True)
class Refunds:
    """What comes back.

    Attributes
    ----------
    share
        Of orders that are refunded, in whole or in part.
    partial
        Of those, the share of which only a part comes back (evenly between nothing and all).
    delay
        Mean time from order to refund; it is gamma distributed with shape 2, so few come at once.
    """

    share: float
    partial: float = 0.2
    delay: Duration = "6D"

    def __post_init__(self) -> None:
        _numbers(self, share=(0, 1), partial=(0, 1))
        _durations(self, delay=1)


@dataclass(frozen=True)
class LiftTest:
    """An experiment on one channel, see `worlds.lift`.

    Attributes
    ----------
    channel
        The channel switched off for the people held out.
    start, end
        The time of the experiment, from the beginning of the world; None for its end.
    held_out
        Share of people held out.
    precision, least
        Its standard error is at least this share of the effect, and this many conversions: what a
        budget buys. Too few people held out make it larger.
    """

    channel: str
    start: Duration = "0D"
    end: Duration | None = None
    held_out: float = 0.5
    precision: float = 0.1
    least: float = 15.0

    def __post_init__(self) -> None:
        _durations(self, start=0)
        if self.end is not None:
            _durations(self, end=1)
        _numbers(self, held_out=(0.001, 1), precision=(0, 10), least=(0, math.inf))


@dataclass(frozen=True)
class WorldSettings:
    """A world, before anybody lives in it.

    Attributes
    ----------
    channels
        Up to 63 channels.
    organic
        Expected orders of an ordinary person that no channel causes, over the whole observation.
    name, regime, about
        What the world is called; its number among the presets; one line on what it is for.
    days
        How long everybody is watched. The world begins empty: nothing acts from before.
    start
        First day, which begins at midnight in Asia/Shanghai.
    lookback
        How long a touchpoint can act at most.
    link
        "additive": each touchpoint causes orders of its own, at the rate effect x response(age).
        "multiplicative": the order rate is organic x exp(sum of effect x 2^(-age / half-life)),
        and at most `most` times the organic rate.
    most
        See `link`: what keeps the few people who are touched all day from ordering all day.
    response
        When the effect of a touchpoint comes about: "exponential", at once and fading, or
        "delayed", a hump (gamma with shape 2) of which half has come by the half-life.
    effect_spread
        Standard deviation of the logarithm of a factor on each channel's effect, drawn anew for
        each seed; then all effects are scaled so that the sum of popularity x effect is as given.
    activity_spread
        Standard deviation of people's activity around its mean of 1, gamma distributed: a person
        twice as active is touched twice as often by every channel. At 1 many are never touched.
    saturation
        Share of effect lost with each further touchpoint: the n-th of a channel has
        (1 - saturation)^(n - 1) of the first one's.
    split_people, split_touchpoints
        Share of people who have a second id that never orders; share of such a person's
        touchpoints known by that id only.
    basket_fen, basket_spread
        Mean value of an order in fen, and the standard deviation of its logarithm.
    flash_sales, intent, bursts, synergy, seeding, retargeting, refunds, lift_tests
        What else goes on, each described by its own class.
    """

    channels: tuple[Channel, ...]
    organic: float
    name: str = "world"
    regime: str = ""
    about: str = ""
    days: int = 30
    start: str = "2026-11-01"
    lookback: Duration = "30D"
    link: Link = "additive"
    most: float = 150.0
    response: Response = "exponential"
    effect_spread: float = 0.0
    activity_spread: float = 1.0
    saturation: float = 0.0
    split_people: float = 0.0
    split_touchpoints: float = 0.5
    basket_fen: int = 12_900
    basket_spread: float = 0.6
    flash_sales: tuple[FlashSale, ...] = ()
    intent: Intent = field(default_factory=Intent)
    bursts: IntentBursts | None = None
    synergy: tuple[Synergy, ...] = ()
    seeding: tuple[Seeding, ...] = ()
    retargeting: tuple[Retargeting, ...] = ()
    refunds: Refunds | None = None
    lift_tests: tuple[LiftTest, ...] = ()

    def __post_init__(self) -> None:
        _numbers(self, organic=(0, 1_000), effect_spread=(0, 5), activity_spread=(0, 10))
        _numbers(self, most=(1, 100_000))
        _numbers(self, saturation=(0, 1), split_people=(0, 1), split_touchpoints=(0, 1))
        _numbers(self, days=(1, 3_650), basket_fen=(1, 10**9), basket_spread=(0, 5))
        for name in ("days", "basket_fen"):
            if int(getattr(self, name)) != getattr(self, name):
                raise _wrong(self, name, getattr(self, name), "a whole number")
        _durations(self, lookback=1)
        for name, allowed in (("link", get_args(Link)), ("response", get_args(Response))):
            if getattr(self, name) not in allowed:
                raise _wrong(self, name, getattr(self, name), f"one of {', '.join(allowed)}")
        try:
            pd.Timestamp(self.start, tz=DEFAULT_TIMEZONE)
        except (TypeError, ValueError):
            raise _wrong(self, "start", self.start, 'a day such as "2026-11-01"') from None
        self._check_channels()
        self._check_link()

    def _check_channels(self) -> None:
        names = self.names
        if not 1 <= len(names) <= MOST_CHANNELS:
            raise _wrong(self, "channels", f"{len(names)} channels", f"1 to {MOST_CHANNELS}")
        if len({*names}) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise _wrong(self, "channels", twice, "each name once")
        for part, name in self._mentioned():
            if name not in names:
                raise _wrong(self, part, name, f"a channel of {', '.join(names)}")
        boosted = [pair.channel for pair in self.synergy]
        if len({*boosted}) < len(boosted):
            raise _wrong(self, "synergy", boosted, "at most one partner of each channel")
        if np.abs(np.linalg.eigvals(self.offspring)).max() >= 1:
            raise _wrong(
                self,
                "seeding",
                "visits that cause ever more visits",
                "fewer visits, so that each generation is smaller than the one before",
            )
        for test in self.lift_tests:
            end = self.span if test.end is None else duration_ms(test.end, "end")
            if not duration_ms(test.start, "start") < end <= self.span:
                raise _wrong(
                    self, "lift_tests", f"{test.start} to {test.end}", f"a time in {self.days} days"
                )

    def _mentioned(self) -> list[tuple[str, str]]:
        """Return every mention of a channel, with the setting it stands in."""
        found = [("intent", name) for name in self.intent.channels]
        found += [("bursts", name) for name in (self.bursts.channels if self.bursts else ())]
        found += [("flash_sales", name) for sale in self.flash_sales for name in sale.channels]
        found += [("synergy", n) for pair in self.synergy for n in (pair.channel, pair.partner)]
        found += [("seeding", n) for seeds in self.seeding for n in (seeds.source, seeds.target)]
        found += [("retargeting", n) for each in self.retargeting for n in self.followed(each)]
        found += [("retargeting", each.channel) for each in self.retargeting]
        return found + [("lift_tests", test.channel) for test in self.lift_tests]

    def _check_link(self) -> None:
        if self.link == "additive":
            return
        if self.response != "exponential":
            raise _wrong(self, "response", self.response, "exponential with this link")
        priced = [channel.name for channel in self.channels if channel.order_value != 1]
        if priced:
            raise _wrong(
                self,
                "order_value",
                f"another value of orders of {priced[0]}",
                "1 with the multiplicative link, where no order has one cause",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels, in their order here."""
        return tuple(channel.name for channel in self.channels)

    @property
    def span(self) -> int:
        """How long everybody is watched, in milliseconds."""
        return int(self.days) * DAY_MS

    @property
    def start_ms(self) -> int:
        """When the world begins, in UTC epoch milliseconds."""
        return pd.Timestamp(self.start, tz=DEFAULT_TIMEZONE).normalize().value // 1_000_000

    @property
    def lookback_ms(self) -> int:
        """How long a touchpoint can act at most, in milliseconds."""
        return duration_ms(self.lookback, "lookback")

    @property
    def half_lives(self) -> NDArray[np.float64]:
        """Half-life of each channel in milliseconds, (channels,)."""
        return np.array([duration_ms(each.half_life, "half_life") for each in self.channels], float)

    @property
    def effects(self) -> NDArray[np.float64]:
        """Effect of each channel, (channels,)."""
        return np.array([each.effect for each in self.channels], float)

    @property
    def popularity(self) -> NDArray[np.float64]:
        """Popularity of each channel, (channels,)."""
        return np.array([each.popularity for each in self.channels], float)

    @property
    def offspring(self) -> NDArray[np.float64]:
        """Touchpoints that one touchpoint causes: (channels, channels), from row to column."""
        table = np.zeros((len(self.channels), len(self.channels)))
        at = {name: place for place, name in enumerate(self.names)}
        for seeds in self.seeding:
            table[at[seeds.source], at[seeds.target]] += seeds.visits
        for each in self.retargeting:
            for source in self.followed(each):
                table[at[source], at[each.channel]] += each.visits
        return table

    def followed(self, each: Retargeting) -> tuple[str, ...]:
        """Return the channels whose touchpoints a retargeting channel follows."""
        return each.sources or tuple(name for name in self.names if name != each.channel)


def _wrong(settings: object, name: str, found: object, expected: str) -> ConfigError:
    kind = type(settings).__name__
    return ConfigError(f"{kind}.{name}: found {quoted(found)}; expected {expected}.")


def _numbers(settings: object, **bounds: tuple[float, float]) -> None:
    for name, (low, high) in bounds.items():
        value: Any = getattr(settings, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and low <= value <= high):
            raise _wrong(settings, name, value, f"a number from {low:g} to {high:g}")


def _durations(settings: object, **least: int) -> None:
    for name, shortest in least.items():
        value = getattr(settings, name)
        try:
            found = duration_ms(value, name)
        except ConfigError as error:
            raise ConfigError(f"{type(settings).__name__}.{error}") from None
        if found < shortest:
            raise _wrong(settings, name, value, "a longer time")


def _names(settings: object, name: str) -> None:
    value = getattr(settings, name)
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise _wrong(settings, name, value, "a list of channels")
    object.__setattr__(settings, name, tuple(value))
