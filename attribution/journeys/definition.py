"""What a journey is: which orders count, and which touchpoints each of them takes.

A definition is a plain value. Two of the same settings are equal, hash alike and print alike, so
that what was computed by one of them can be kept under its digest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from attribution.columns import duration_ms
from attribution.errors import ConfigError, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "CARRIED",
    "LEVELS",
    "MONEY",
    "SEGMENTS",
    "STRENGTH",
    "Conversion",
    "JourneyDefinition",
    "Level",
    "Match",
    "Money",
]

Level = Literal["platform", "form", "streamer", "session", "placement", "offer"]
Money = Literal["gross_fen", "net_fen", "net_expected_fen"]
Conversion = Literal["any", "first"]
Match = Literal["any", "matched", "halo"]

LEVELS: tuple[Level, ...] = get_args(Level)
MONEY: tuple[Money, ...] = get_args(Money)
CARRIED = ("event", "event_id", "session_id", "content_id", "streamer_id", "product_id")
SEGMENTS = ("platform", "category", "province", "buyer", "erp_order_id", "booked_day")

# What a person can be seen to do, from the weakest sign of interest to the strongest.
STRENGTH = (
    "exposure",
    "enter",
    "watch",
    "like",
    "click",
    "share",
    "comment",
    "scan",
    "message",
    "follow",
    "fan_join",
    "gift",
    "product_click",
    "add_cart",
    "order_source",
)

SEPARATOR = " · "

Duration = str | pd.Timedelta


@dataclass(frozen=True)
class JourneyDefinition:
    """The settings of journeys from a store.

    Attributes
    ----------
    level
        Of the channel tree: how fine channels are.
    lookback
        Time before an order in which touchpoints count.
    lookback_by
        Other times, by event ("exposure") or channel; a mapping, or (name, duration) pairs. A
        channel's name covers all that lies below it in the tree ("抖音 · 直播" covers "抖音 ·
        直播 · 晚晴"), and the longest name that covers a touchpoint's channel counts. An event's
        time goes before a channel's: it is the closer description of what happened.
    expiry
        Silence after which a journey without an order ends; `lookback` if None.
    same_visit
        Orders of one person within this time of a visit's first order share its touchpoints.
    reuse
        Whether an order may take what an earlier visit's orders have taken.
    conversion
        Which orders count: "any", or only a person's "first" (of those that count by the settings
        below; an order whose person is not known is the first of nobody else's).
    products, categories
        An order counts only if it has a line of one of these products or categories; its worth is
        then the sum of those lines. Refunds are known of whole orders: what is left of the order
        is shared by what was paid for its lines, in whole fen. A product is named as its platform
        names it, or with the platform before it ("douyin:3588").
    net_of_refunds
        Whether orders of which nothing is left after refunds do not count.
    match
        "any": an order takes every touchpoint in its time. "matched": only those of a product of
        its lines, or of the room or video that a line came from; evidence of the order itself
        always matches; what it does not take is free. "halo": the same, but an order none of
        whose touchpoints match takes all; the label `match` of a journey says which it was
        ("matched" or "halo").
    one_per_session
        Whether what one person does in one live session counts, within a journey, as one
        touchpoint: the event of the largest weight (of equal ones the strongest, see `STRENGTH`),
        at its latest time. Journeys are cut before that, and end with what is left.
    weights
        Factors by event for every rule of thumb; 1 where none is given. An order of whose
        touchpoints none has weight is unattributed.
    columns
        Touchpoint columns to carry: see `CARRIED`.
    segments
        Labels of orders to carry: see `SEGMENTS`.
    value
        The money credited; the other two are carried beside it.

    Raises
    ------
    ConfigError
        For a setting that cannot stand; it names the setting, what was found and what is allowed.
    """

    level: Level = "streamer"
    lookback: Duration = "30D"
    lookback_by: Sequence[tuple[str, Duration]] | Mapping[str, Duration] = ()
    expiry: Duration | None = None
    same_visit: Duration = "30min"
    reuse: bool = False
    conversion: Conversion = "any"
    products: Sequence[str] = ()
    categories: Sequence[str] = ()
    net_of_refunds: bool = False
    match: Match = "any"
    one_per_session: bool = False
    weights: Sequence[tuple[str, float]] | Mapping[str, float] = ()
    columns: Sequence[str] = ()
    segments: Sequence[str] = ()
    value: Money = "gross_fen"

    def __post_init__(self) -> None:
        for name, allowed in (
            ("level", LEVELS),
            ("value", MONEY),
            ("conversion", get_args(Conversion)),
            ("match", get_args(Match)),
        ):
            if getattr(self, name) not in allowed:
                raise _wrong(name, getattr(self, name), f"one of {', '.join(allowed)}")
        for name in ("reuse", "net_of_refunds", "one_per_session"):
            if not isinstance(getattr(self, name), bool):
                raise _wrong(name, getattr(self, name), "true or false")
        for name in ("lookback", "expiry", "same_visit"):
            if name != "expiry" or self.expiry is not None:
                self._set(name, _duration(getattr(self, name), name))
        by = _pairs(self.lookback_by, "lookback_by", 'names with durations, {"exposure": "1D"}')
        self._set(
            "lookback_by", tuple((key, _duration(each, f"lookback_by[{key}]")) for key, each in by)
        )
        self._set("weights", _weights(self.weights))
        for name, known in (("columns", CARRIED), ("segments", SEGMENTS)):
            self._set(name, _names(getattr(self, name), name, known))
        for name in ("products", "categories"):
            self._set(name, _names(getattr(self, name), name, None))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def lookback_ms(self) -> int:
        """The general look-back in milliseconds."""
        return duration_ms(self.lookback, "lookback")

    @property
    def expiry_ms(self) -> int:
        """Silence that ends a journey without an order, in milliseconds."""
        return duration_ms(self.lookback if self.expiry is None else self.expiry, "expiry")

    @property
    def same_visit_ms(self) -> int:
        """How long a visit's first order gathers others, in milliseconds."""
        return duration_ms(self.same_visit, "same_visit")

    @property
    def longest_lookback_ms(self) -> int:
        """The longest time before an order in which anything counts, in milliseconds."""
        return max(self.lookback_ms, *(ms for _, ms in self._lookbacks()), 0)

    @property
    def event_lookbacks(self) -> tuple[tuple[str, int], ...]:
        """(event, milliseconds) where an event has a look-back of its own."""
        return tuple(pair for pair in self._lookbacks() if pair[0] in STRENGTH)

    @property
    def event_weights(self) -> tuple[tuple[str, float], ...]:
        """(event, factor), sorted by event."""
        return tuple((name, float(factor)) for name, factor in self._items(self.weights))

    @property
    def further_money(self) -> tuple[Money, ...]:
        """The money columns that are carried beside the credited one."""
        return tuple(name for name in MONEY if name != self.value)

    def channel_lookbacks(self, channels: Iterable[str]) -> list[int | None]:
        """Return, for each channel, the look-back of the longest name that covers it, or None.

        Parameters
        ----------
        channels
            Names of channels with their way down the tree.
        """
        known = {name: ms for name, ms in self._lookbacks() if name not in STRENGTH}
        return [_longest_cover(channel, known) for channel in channels]

    def _lookbacks(self) -> list[tuple[str, int]]:
        return [
            (name, duration_ms(each, f"lookback_by[{name}]"))
            for name, each in self._items(self.lookback_by)
        ]

    @staticmethod
    def _items(pairs: Any) -> tuple[tuple[str, Any], ...]:
        return tuple(pairs)  # sorted pairs, once the settings are checked

    def settings(self) -> dict[str, Any]:
        """Return every setting by name, as plain values."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def _longest_cover(channel: str, known: Mapping[str, int]) -> int | None:
    """Return what is known of the channel itself, or of the nearest node above it."""
    if not known:
        return None
    parts = channel.split(SEPARATOR)
    for length in range(len(parts), 0, -1):
        above = SEPARATOR.join(parts[:length])
        if above in known:
            return known[above]
    return None


def _duration(value: object, name: str) -> str:
    """Return a checked duration as text, so that equal settings print alike."""
    duration_ms(value, name)  # type: ignore[arg-type]
    return value.isoformat() if isinstance(value, pd.Timedelta) else str(value)


def _pairs(value: object, name: str, expected: str) -> tuple[tuple[str, Any], ...]:
    """Return (name, setting) pairs sorted by name, no name twice."""
    try:
        if isinstance(value, str):
            raise TypeError
        listed = list(value.items() if isinstance(value, Mapping) else value)  # type: ignore[call-overload]
        pairs = sorted(((key, each) for key, each in listed), key=lambda pair: pair[0])
    except (TypeError, ValueError):
        raise _wrong(name, value, expected) from None
    for key, _ in pairs:
        if not isinstance(key, str) or not key.strip():
            raise _wrong(name, key, "a name that is not empty")
    if len({key for key, _ in pairs}) < len(pairs):
        raise _wrong(name, value, "each name once")
    return tuple(pairs)


def _weights(value: object) -> tuple[tuple[str, float], ...]:
    pairs = _pairs(value, "weights", 'events with factors, {"exposure": 0.2}')
    for event, factor in pairs:
        if event not in STRENGTH:
            raise _wrong("weights", event, f"events, of {', '.join(STRENGTH)}")
        number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if not (number and math.isfinite(factor) and factor >= 0):
            raise _wrong(f"weights[{event}]", factor, "a number of 0 or more")
    return tuple((event, float(factor)) for event, factor in pairs)


def _names(value: object, name: str, allowed: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return names in the order given, none empty or twice, and each allowed."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise _wrong(name, value, "a list of names")
    listed = tuple(value)
    for each in listed:
        if not isinstance(each, str) or not each.strip():
            raise _wrong(name, each, "names that are not empty")
        if allowed is not None and each not in allowed:
            raise _wrong(name, each, f"names of {', '.join(allowed)}")
    if len({*listed}) < len(listed):
        raise _wrong(name, value, "each name once")
    return listed


def _wrong(name: str, found: object, allowed: str) -> ConfigError:
    return ConfigError(f"{name}={quoted(found)}: write {allowed}.")
