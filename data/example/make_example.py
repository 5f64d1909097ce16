"""Write the sample data of this folder: touchpoints.csv, orders.csv and paths.csv.

What it simulates: 28 days (25 October to 21 November 2026, Beijing time) of a fictional
live-commerce brand, Shanlan / 山岚. People meet the brand in live rooms, short videos, notes,
ads, groups and search. Some order at once, some after days, some never. Every person, order,
streamer, session and amount is invented; no real record was used.

How a journey goes: a person starts in some channel. Each touchpoint may lead to an order. The
chance grows with the *closing* strength of the channel and with the *seeding* left behind by
the earlier touchpoints of the same journey. A person who does not order may move on to another
touchpoint or leave. "Loyal" people order at a steady rate whatever touches them. One room, the
passer-by room, is scattered over people at random: it has no effect by construction.

The same files come out byte for byte on every machine. So the script draws only with `random`,
`integers` and `exponential`, weighs choices with integers, keeps time in whole seconds and money
in whole fen, sorts stably, and calls no function whose last bits depend on the processor.

Run: python data/example/make_example.py [folder]
"""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SEED = 20261122
FIRST_DAY = "2026-10-25"
DAYS = 28
MINUTE, HOUR, DAY = 60, 3_600, 86_400
END = DAYS * DAY
LOOKBACK = 30 * DAY
MAX_TOUCHES = 14

PEOPLE = 8_000  # people with an ordinary journey
LOYAL_PERCENT = 9  # of them, people who buy anyway
CROWD_ONLY = 1_350  # people seen in the passer-by room and nowhere else
ORGANIC = 180  # people who appear in orders only
SCATTER = 0.10  # passer-by touchpoints per ordinary person


class Channel(NamedTuple):
    """One channel, and where an order that follows it is placed: mostly, and sometimes."""

    zh: str
    en: str
    platform: str
    other_platform: str


class Role(NamedTuple):
    """What is planted in a channel."""

    opens: int  # weight as the first touchpoint
    follows: int  # weight as a later touchpoint
    loyal: int  # weight among loyal people
    stay: float  # chance that the next touchpoint is in the same channel
    seeding: float  # what it leaves for later touchpoints
    closing: float  # how readily it turns seeding into an order
    goes_on: float  # chance of another touchpoint when no order follows


CHANNELS = (
    Channel("抖音·品牌自播", "Douyin brand live", "douyin", "douyin"),
    Channel("抖音·晚晴直播间", "Douyin Wanqing live", "douyin", "douyin"),
    Channel("抖音·达人短视频", "Douyin creator video", "douyin", "douyin"),
    Channel("巨量千川·投流", "Qianchuan ads", "douyin", "douyin"),
    Channel("小红书·种草笔记", "RED seeding notes", "xiaohongshu", "taobao"),
    Channel("天猫·店铺自播", "Tmall store live", "taobao", "taobao"),
    Channel("快手·阿沐直播间", "Kuaishou Amu live", "kuaishou", "kuaishou"),
    Channel("天猫·站内搜索", "Tmall search", "taobao", "taobao"),
    Channel("微信社群", "WeChat groups", "wechat", "own_mall"),
    Channel("视频号·自播", "WeChat Channels live", "wechat", "wechat"),
    Channel("direct", "direct", "own_mall", "own_mall"),
    Channel("抖音·热闹直播间", "Douyin crowd live", "douyin", "taobao"),
)
# fmt: off
ROLES = (
    #    opens  follows  loyal  stay  seeding  closing  goes_on
    Role(  150,     220,   110, 0.36,    0.25,    0.40,    0.54),  # Douyin brand live
    Role(  110,     200,    40, 0.36,    0.20,    0.50,    0.52),  # Douyin Wanqing live
    Role(  230,     110,    20, 0.26,    0.90,    0.06,    0.64),  # Douyin creator video
    Role(  160,     280,    40, 0.40,    0.25,    0.17,    0.62),  # Qianchuan ads
    Role(  225,      80,    20, 0.26,    1.10,    0.03,    0.66),  # RED seeding notes
    Role(   55,     120,    70, 0.32,    0.20,    0.36,    0.52),  # Tmall store live
    Role(   85,      90,    20, 0.36,    0.30,    0.34,    0.54),  # Kuaishou Amu live
    Role(   16,     130,    80, 0.24,    0.05,    0.46,    0.46),  # Tmall search
    Role(    8,      14,   340, 0.34,    0.02,    0.02,    0.50),  # WeChat groups
    Role(   45,      55,    70, 0.32,    0.25,    0.32,    0.52),  # WeChat Channels live
    Role(   14,      70,    90, 0.28,    0.05,    0.22,    0.46),  # direct
    Role(    0,       0,     0, 0.00,    0.00,    0.00,    0.00),  # Douyin crowd live
)
# fmt: on
(BRAND, WANQING, VIDEO, ADS, RED, STORE, AMU, SEARCH, GROUPS, FINDER, DIRECT, CROWD) = range(
    len(CHANNELS)
)

# Moves that happen more often than the `follows` weights alone would give.
AFFINITY = {
    (RED, SEARCH): 190,
    (RED, WANQING): 110,
    (VIDEO, ADS): 130,
    (VIDEO, WANQING): 120,
    (VIDEO, BRAND): 90,
    (ADS, BRAND): 190,
    (GROUPS, FINDER): 120,
    (STORE, SEARCH): 60,
}

EVENTS = ("exposure", "click", "enter", "watch", "comment", "follow", "product_click", "add_cart")
# How near to an order each event is; multiplies the closing strength.
DEPTH: Floats = np.array([0.40, 0.75, 0.80, 1.00, 1.15, 1.10, 1.50, 2.20])
EVENT_WEIGHTS = {
    "live": (14, 0, 28, 24, 5, 4, 16, 9),
    "video": (38, 16, 0, 34, 4, 4, 4, 0),
    "ads": (52, 34, 0, 0, 0, 0, 11, 3),
    "notes": (40, 42, 0, 0, 6, 6, 6, 0),
    "search": (8, 46, 0, 0, 0, 0, 32, 14),
    "groups": (30, 36, 0, 0, 10, 0, 18, 6),
    "direct": (0, 0, 46, 0, 0, 2, 34, 18),
    "crowd": (78, 4, 12, 6, 0, 0, 0, 0),
}
EVENTS_OF = {
    VIDEO: "video", ADS: "ads", RED: "notes", SEARCH: "search", GROUPS: "groups",
    DIRECT: "direct", CROWD: "crowd",
}  # fmt: skip
ADD_CART = EVENTS.index("add_cart")

# Day 6 is 31 October (presale opens at 20:00), days 16 and 17 are 10 and 11 November.
STARTS_PER_DAY = (
    30, 30, 31, 32, 34, 40, 58, 42, 32, 32, 32, 34, 36, 40,
    44, 48, 50, 66, 22, 20, 20, 20, 19, 18, 18, 18, 18, 17,
)  # fmt: skip
APPETITE: Floats = np.array(
    [0.9] * 5 + [0.75, 1.7, 1.3] + [0.9] * 6 + [0.7, 0.65, 1.2, 2.4] + [0.75] * 10
)
MOMENTS: Ints = np.array(
    [6 * DAY + 20 * HOUR, 17 * DAY, 17 * DAY + 10 * HOUR, 17 * DAY + 20 * HOUR]
)
HOURS = (8, 4, 2, 1, 1, 2, 5, 10, 16, 20, 24, 26, 30, 26, 22, 22, 24, 26, 34, 56, 84, 88, 70, 30)


class Room(NamedTuple):
    """A live room: code, opening hours as (hour, hour, host) shifts, and the days it is on."""

    code: str
    shifts: tuple[tuple[int, int, str], ...]
    days: tuple[int, ...]


EVERY_DAY = tuple(range(DAYS))
ROOMS = {
    BRAND: Room("br", ((9, 17, "s03"), (17, 24, "s04")), EVERY_DAY),
    WANQING: Room(
        "wq", ((19, 24, "s01"),), (0, 2, 4, 6, 7, 9, 11, 13, 14, 16, 17, 20, 21, 23, 25, 27)
    ),
    STORE: Room("tm", ((9, 24, "s05"),), EVERY_DAY),
    AMU: Room("am", ((18, 23, "s02"),), (0, 1, 3, 5, 6, 8, 10, 12, 14, 16, 17, 19, 22, 24, 26)),
    FINDER: Room("wc", ((19, 22, "s06"),), (0, 3, 5, 6, 7, 10, 12, 14, 16, 17, 19, 21, 24, 26)),
    CROWD: Room("cr", ((14, 24, "s07"),), EVERY_DAY),
}
LONG_NIGHT = 16  # on 10 November the evening shifts run on to 02:00

# Makers of videos and notes, the first ones far more seen than the last.
MAKERS = {
    VIDEO: ("c", (40, 24, 14, 8, 5, 4, 3, 2)),
    RED: ("r", (22, 16, 12, 10, 8, 7, 6, 5, 5, 4, 3, 2)),
}

# Category: weight, list prices in yuan (cheap to dear) and how often each is bought.
CATEGORIES = {
    "accessories": (30, (49, 59, 69, 89, 119), (20, 26, 24, 18, 12)),
    "base_layer": (26, (99, 129, 159, 199, 239), (18, 28, 26, 18, 10)),
    "fleece": (20, (179, 219, 269, 329, 399), (18, 28, 26, 18, 10)),
    "trousers": (14, (199, 239, 299, 359, 429), (18, 28, 26, 18, 10)),
    "shell_jacket": (10, (399, 499, 599, 699, 899), (22, 30, 26, 14, 8)),
}
LOWEST_FEN, HIGHEST_FEN = 39_00, 899_00


class Touches(NamedTuple):
    """Touchpoints as columns; the session is an index into the channel's sessions, else -1."""

    person: Ints
    at: Ints
    channel: Ints
    event: Ints
    session: Ints


class Orders(NamedTuple):
    """Orders as columns; the channel is the one that led to the order and is not written out."""

    person: Ints
    at: Ints
    channel: Ints


class Sessions(NamedTuple):
    """The sessions of one live room in time order."""

    start: Ints
    end: Ints
    name: list[str]
    host: list[str]


def pick(rng: np.random.Generator, weights: Sequence[int], size: int) -> Ints:
    """Draw indices with integer weights."""
    edges = np.cumsum(np.array(weights, dtype=np.int64))
    return np.searchsorted(edges, rng.integers(0, int(edges[-1]), size), side="right")


def pick_rows(rng: np.random.Generator, weights: Ints, rows: Ints) -> Ints:
    """One index for each entry of `rows`, drawn with the integer weights of that row."""
    edges = np.cumsum(weights, axis=1)[rows]
    ticket = (rng.random(len(rows)) * edges[:, -1]).astype(np.int64)
    return (edges <= ticket[:, None]).sum(axis=1)


def waits(rng: np.random.Generator, mean: int, size: int) -> Ints:
    """Exponential waiting times in whole seconds, five at the least."""
    return 5 + (rng.exponential(1.0, size) * mean).astype(np.int64)


def time_of_day(rng: np.random.Generator, size: int) -> Ints:
    """Seconds after midnight, most of them between 20 and 22 o'clock."""
    return pick(rng, HOURS, size) * HOUR + rng.integers(0, HOUR, size)


def day_label(day: int) -> str:
    """Month and day of a day number, as 1111 for 11 November."""
    return str(np.datetime64(FIRST_DAY, "D") + np.timedelta64(day, "D"))[5:].replace("-", "")


def timetable() -> dict[int, Sessions]:
    """List the sessions of every live room."""
    table = {}
    for channel, room in ROOMS.items():
        rows = []
        for day in room.days:
            for number, (opens, closes, host) in enumerate(room.shifts):
                late = 2 if day == LONG_NIGHT and closes == 24 else 0
                shift = "ab"[number] if len(room.shifts) > 1 else ""
                name = f"{room.code}{day_label(day)}{shift}"
                rows.append(
                    (day * DAY + opens * HOUR, day * DAY + (closes + late) * HOUR, name, host)
                )
        start, end, name_column, host_column = zip(*rows, strict=True)
        table[channel] = Sessions(
            np.array(start), np.array(end), list(name_column), list(host_column)
        )
    return table


def to_session(
    rng: np.random.Generator, at: Ints, channel: Ints, table: dict[int, Sessions]
) -> tuple[Ints, Ints]:
    """Move touchpoints in a closed live room into its next session; return times and sessions."""
    at, session = at.copy(), np.full(len(at), -1)
    shift = rng.integers(0, 1 << 20, len(at))
    for code, sessions in table.items():
        here = np.flatnonzero(channel == code)
        found = np.searchsorted(sessions.end, at[here], side="right")
        over = found == len(sessions.end)
        found = np.minimum(found, len(sessions.end) - 1)
        start, end = sessions.start[found], sessions.end[found]
        later = start + ((shift[here] * (end - start)) >> 20)
        at[here] = np.where(over, END, np.where(at[here] >= start, at[here], later))
        session[here] = found
    return at, session


def next_time(rng: np.random.Generator, at: Ints) -> Ints:
    """Draw the next time: in the same visit, the same day, days later or at a sale's start."""
    size = len(at)
    kind = rng.random(size)
    days = 1 + (rng.exponential(1.0, size) * 2.4).astype(np.int64)
    later_day = (at // DAY + days) * DAY + time_of_day(rng, size)
    moment = np.searchsorted(MOMENTS, at, side="right")
    sale = MOMENTS[np.minimum(moment, len(MOMENTS) - 1)] + waits(rng, 35 * MINUTE, size)
    soon = (moment < len(MOMENTS)) & (sale - at < 9 * DAY)
    result = np.where(kind < 0.40, at + waits(rng, 11 * MINUTE, size), later_day)
    result = np.where((kind >= 0.40) & (kind < 0.60), at + waits(rng, 3 * HOUR, size), result)
    return np.where((kind >= 0.90) & soon, sale, result)


def next_weights() -> Ints:
    """Weights of the next channel (column) after each channel (row), apart from staying."""
    weights = np.tile(np.array([r.follows for r in ROLES], dtype=np.int64), (len(CHANNELS), 1))
    for (source, target), extra in AFFINITY.items():
        weights[source, target] += extra
    weights[:, CROWD] = 0
    return weights


def event_weights() -> Ints:
    """Weights of the events (column) in each channel (row)."""
    return np.array([EVENT_WEIGHTS[EVENTS_OF.get(c, "live")] for c in range(len(CHANNELS))])


def walk(
    rng: np.random.Generator, person: Ints, at: Ints, loyal: NDArray[np.bool_],
    table: dict[int, Sessions],
) -> tuple[Touches, Orders]:  # fmt: skip
    """Let every person go through one journey, all of them one touchpoint at a time."""
    seeding = np.array([r.seeding for r in ROLES])
    closing = np.array([r.closing for r in ROLES])
    stay = np.array([r.stay for r in ROLES])
    goes_on = np.array([r.goes_on for r in ROLES])
    onward, events = next_weights(), event_weights()
    at_loyal = [r.loyal for r in ROLES]

    size = len(person)
    channel = np.where(loyal, pick(rng, at_loyal, size), pick(rng, [r.opens for r in ROLES], size))
    browsing = rng.random(size)  # near 1: looks around for long, decides late
    seeded = np.zeros(size)
    touches: list[Touches] = []
    orders: list[Orders] = []
    for _ in range(MAX_TOUCHES):
        at, session = to_session(rng, at, channel, table)
        inside = at < END
        person, at, loyal, channel = person[inside], at[inside], loyal[inside], channel[inside]
        seeded, browsing, session = seeded[inside], browsing[inside], session[inside]
        size = len(person)
        event = pick_rows(rng, events, channel)
        touches.append(Touches(person, at, channel, event, session))

        urge = closing[channel] * DEPTH[event] * (0.40 + 0.80 * seeded) * APPETITE[at // DAY]
        urge *= 1.5 - 1.2 * browsing
        chance = np.where(loyal, 0.30, urge / (1.0 + urge))
        buys = rng.random(size) < chance
        lag = rng.random(size)
        wait = np.where(lag < 0.74, waits(rng, 9 * MINUTE, size), waits(rng, 90 * MINUTE, size))
        wait = np.where(lag >= 0.94, waits(rng, 20 * HOUR, size), wait)
        orders.append(Orders(person[buys], (at + wait)[buys], channel[buys]))

        seeded = np.minimum(seeded + seeding[channel], 2.4)
        moves = ~buys & (rng.random(size) < goes_on[channel] * (0.65 + 0.75 * browsing))
        person, at, loyal, channel = person[moves], at[moves], loyal[moves], channel[moves]
        seeded, browsing, size = seeded[moves], browsing[moves], int(moves.sum())
        elsewhere = np.where(loyal, pick(rng, at_loyal, size), pick_rows(rng, onward, channel))
        channel = np.where(rng.random(size) < stay[channel], channel, elsewhere)
        at = next_time(rng, at)
    return join_touches(touches), join_orders(orders)


def join_touches(parts: Iterable[Touches]) -> Touches:
    """Put touchpoint columns end to end."""
    return Touches(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def join_orders(parts: Iterable[Orders]) -> Orders:
    """Put order columns end to end, leaving out orders after the last day."""
    joined = Orders(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    inside = joined.at < END
    return Orders(*(column[inside] for column in joined))


def come_back(
    rng: np.random.Generator, orders: Orders, loyal: NDArray[np.bool_], chance: float,
    table: dict[int, Sessions],
) -> tuple[Touches, Orders]:  # fmt: skip
    """Give some buyers a second journey, one day to about two weeks after their order."""
    chosen = rng.random(len(orders.at)) < chance
    person, at = orders.person[chosen], orders.at[chosen]
    days = 1 + (rng.exponential(1.0, len(at)) * 4.5).astype(np.int64)
    at = (at // DAY + days) * DAY + time_of_day(rng, len(at))
    at = np.maximum(at, orders.at[chosen] + 12 * HOUR)
    return walk(rng, person, at, loyal[person], table)


def order_again(
    rng: np.random.Generator, orders: Orders, table: dict[int, Sessions]
) -> tuple[Touches, Orders]:
    """Give some orders another one within half an hour, half of these with a cart in between."""
    chosen = rng.random(len(orders.at)) < 0.035
    person, channel, at = orders.person[chosen], orders.channel[chosen], orders.at[chosen]
    wait = rng.integers(2 * MINUTE, 29 * MINUTE, len(at))
    again = Orders(person, at + wait, channel)
    between = at + wait // 2
    moved, session = to_session(rng, between, channel, table)
    cart = (rng.random(len(at)) < 0.5) & (moved == between) & (again.at < END)
    event = np.full(len(at), ADD_CART)
    carts = Touches(*(c[cart] for c in (person, between, channel, event, session)))
    return carts, join_orders([again])


def scatter_crowd(rng: np.random.Generator, table: dict[int, Sessions]) -> tuple[Touches, Orders]:
    """Put the passer-by room on people at random; a few of them buy regardless."""
    anyone = rng.integers(0, PEOPLE, int(PEOPLE * SCATTER))
    only = PEOPLE + np.concatenate(
        [np.arange(CROWD_ONLY), rng.integers(0, CROWD_ONLY, CROWD_ONLY * 2 // 5)]
    )
    person = np.concatenate([anyone, only])
    size = len(person)
    at = pick(rng, STARTS_PER_DAY, size) * DAY + time_of_day(rng, size)
    channel = np.full(size, CROWD)
    at, session = to_session(rng, at, channel, table)
    event = pick_rows(rng, event_weights(), channel)
    inside = at < END
    touches = Touches(*(c[inside] for c in (person, at, channel, event, session)))
    buyers = PEOPLE + np.flatnonzero(rng.random(CROWD_ONLY) < 0.02)
    return touches, organic_orders(rng, buyers)


def organic_orders(rng: np.random.Generator, person: Ints) -> Orders:
    """Orders that no touchpoint led to, on days in the rhythm of the season."""
    busy = [int(n * a * 10) for n, a in zip(STARTS_PER_DAY, APPETITE.tolist(), strict=True)]
    at = pick(rng, busy, len(person)) * DAY + time_of_day(rng, len(person))
    places = np.array([BRAND, SEARCH, GROUPS, DIRECT, AMU])
    return Orders(person, at, places[rng.integers(0, len(places), len(person))])


def simulate(rng: np.random.Generator, table: dict[int, Sessions]) -> tuple[Touches, Orders]:
    """All touchpoints and orders, each in time order."""
    loyal = rng.random(PEOPLE) * 100 < LOYAL_PERCENT
    start = pick(rng, STARTS_PER_DAY, PEOPLE) * DAY + time_of_day(rng, PEOPLE)
    first = walk(rng, np.arange(PEOPLE), start, loyal, table)
    second = come_back(rng, first[1], loyal, 0.24, table)
    third = come_back(rng, second[1], loyal, 0.24, table)
    crowd = scatter_crowd(rng, table)
    extra = order_again(rng, join_orders([first[1], second[1], third[1]]), table)
    organic = organic_orders(rng, PEOPLE + CROWD_ONLY + np.arange(ORGANIC))

    touches = join_touches([first[0], second[0], third[0], crowd[0], extra[0]])
    orders = join_orders([first[1], second[1], third[1], crowd[1], extra[1], organic])
    by_time = np.lexsort((touches.channel, touches.person, touches.at))
    orders_by_time = np.lexsort((orders.person, orders.at))
    return Touches(*(c[by_time] for c in touches)), Orders(*(c[orders_by_time] for c in orders))


def amounts(rng: np.random.Generator, size: int) -> tuple[Ints, list[str]]:
    """Order values in fen, with a long right tail, and the category of each order."""
    names = list(CATEGORIES)
    kind = pick(rng, [weight for weight, _, _ in CATEGORIES.values()], size)
    price = np.zeros(size, dtype=np.int64)
    for code, (_, prices, weights) in enumerate(CATEGORIES.values()):
        here = np.flatnonzero(kind == code)
        price[here] = np.array(prices)[pick(rng, weights, len(here))]
    pieces = 1 + pick(rng, (82, 14, 4), size)
    pieces = np.where(price * pieces * 100 > HIGHEST_FEN, 1, pieces)
    paid_percent = 80 + rng.integers(0, 21, size)
    fen = price * pieces * paid_percent
    fen -= np.where(rng.random(size) < 0.35, rng.integers(0, 100, size), 0)
    return np.clip(fen, LOWEST_FEN, HIGHEST_FEN), [names[k] for k in kind]


def person_names(person: Ints) -> list[str]:
    """Opaque names; the map from number to name is one-to-one."""
    return [f"p_{(int(n) * 0x9E3B5 + 0x7F3A1) & 0xFFFFF:05x}" for n in person]


def stamps(at: Ints) -> list[str]:
    """ISO 8601 with the Beijing offset, to the second."""
    moments = np.datetime64(FIRST_DAY + "T00:00:00", "s") + at.astype("timedelta64[s]")
    return [f"{text}+08:00" for text in np.datetime_as_string(moments, unit="s")]


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals, exactly."""
    return f"{fen // 100}.{fen % 100:02d}"


def path_rows(touches: Touches, orders: Orders, value: Ints) -> list[tuple[str, int, str, int]]:
    """Count identical paths: one journey per order, and what is left of each person as null."""
    own_touches: dict[int, list[int]] = defaultdict(list)
    own_orders: dict[int, list[int]] = defaultdict(list)
    for row, person in enumerate(touches.person.tolist()):
        own_touches[person].append(row)
    for row, person in enumerate(orders.person.tolist()):
        own_orders[person].append(row)
    at, order_at, fen = touches.at.tolist(), orders.at.tolist(), value.tolist()
    names = [CHANNELS[c].en for c in touches.channel.tolist()]
    conversions: Counter[str] = Counter()
    values: Counter[str] = Counter()
    nulls: Counter[str] = Counter()
    for person, rows in own_touches.items():
        left = rows
        for order in own_orders[person]:
            now = order_at[order]
            path = " > ".join(names[r] for r in left if now - LOOKBACK <= at[r] <= now)
            left = [r for r in left if at[r] > now]
            if path:
                conversions[path] += 1
                values[path] += fen[order]
        if left:
            nulls[" > ".join(names[r] for r in left)] += 1
    order_of = sorted(
        set(conversions) | set(nulls), key=lambda p: (-conversions[p], -nulls[p], len(p), p)
    )
    return [(p, conversions[p], yuan(values[p]), nulls[p]) for p in order_of]


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8 without a mark at the start, one newline character per line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def build() -> dict[str, bytes]:
    """Make the three files and return them by name."""
    rng = np.random.default_rng(SEED)
    table = timetable()
    touches, orders = simulate(rng, table)
    value, category = amounts(rng, len(orders.at))

    session, streamer = [""] * len(touches.at), [""] * len(touches.at)
    for code, sessions in table.items():
        for row in np.flatnonzero(touches.channel == code).tolist():
            known = int(touches.session[row])
            session[row], streamer[row] = sessions.name[known], sessions.host[known]
    for code, (letter, weights) in MAKERS.items():
        rows = np.flatnonzero(touches.channel == code)
        for row, maker in zip(rows.tolist(), pick(rng, weights, len(rows)).tolist(), strict=True):
            streamer[row] = f"{letter}{maker + 1:02d}"

    elsewhere = (rng.random(len(orders.at)) < 0.35).tolist()
    placed = [
        CHANNELS[c].other_platform if other else CHANNELS[c].platform
        for c, other in zip(orders.channel, elsewhere, strict=True)
    ]
    touch_rows = zip(
        person_names(touches.person),
        stamps(touches.at),
        [CHANNELS[c].en for c in touches.channel],
        [CHANNELS[c].zh for c in touches.channel],
        [EVENTS[e] for e in touches.event],
        session,
        streamer,
        [f"e{n:05d}" for n in range(1, len(touches.at) + 1)],
        strict=True,
    )
    order_rows = zip(
        [f"SL{n:05d}" for n in range(1, len(orders.at) + 1)],
        person_names(orders.person),
        stamps(orders.at),
        [yuan(int(v)) for v in value],
        placed,
        category,
        strict=True,
    )
    touch_header = ("person", "at", "channel", "channel_zh", "event", "session_id", "streamer_id",
                    "event_id")  # fmt: skip
    return {
        "touchpoints.csv": to_csv(touch_header, touch_rows),
        "orders.csv": to_csv(
            ("order_id", "person", "at", "value", "platform", "category"), order_rows
        ),
        "paths.csv": to_csv(
            ("path", "total_conversions", "total_conversion_value", "total_null"),
            path_rows(touches, orders, value),
        ),
    }


def main(folder: Path) -> None:
    """Write the files into the folder."""
    for name, content in build().items():
        (folder / name).write_bytes(content)
        rows = content.count(b"\n") - 1
        sys.stdout.write(f"{name}: {rows} rows, {len(content)} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
