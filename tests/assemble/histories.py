"""Histories for the steps of journeys: the input relations as plain rows, made up by hypothesis."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import pyarrow as pa
from hypothesis import strategies as st

from attribution.journeys.definition import (
    CARRIED,
    MONEY,
    SEGMENTS,
    STRENGTH,
    JourneyDefinition,
)

Row = dict[str, Any]

SCHEMAS = {
    "touchpoint_rows": pa.schema(
        [
            ("person", pa.string()),
            ("at", pa.int64()),
            ("event_id", pa.string()),
            ("channel", pa.int32()),
            ("event", pa.string()),
            ("session_id", pa.string()),
            ("content_id", pa.string()),
            ("streamer_id", pa.string()),
            ("product_id", pa.string()),
            ("session_day", pa.int32()),
            ("session_end", pa.int64()),
            ("order_id", pa.string()),
        ]
    ),
    "order_rows": pa.schema(
        [
            ("order_id", pa.string()),
            ("person", pa.string()),
            ("at", pa.int64()),
            ("gross_fen", pa.int64()),
            ("net_fen", pa.int64()),
            ("net_expected_fen", pa.int64()),
            *((name, pa.string()) for name in SEGMENTS),
        ]
    ),
    "line_rows": pa.schema(
        [
            ("order_id", pa.string()),
            ("product_id", pa.string()),
            ("category", pa.string()),
            ("session_id", pa.string()),
            ("content_id", pa.string()),
            ("paid_fen", pa.int64()),
        ]
    ),
}

CHANNELS = (
    "Douyin · Live · Ann",
    "Douyin · Live · Ann · 11-11",
    "Douyin · Live · Ann · 11-11 · no explanation",
    "it's; DROP TABLE orders; --",
    "抖音 · 直播 · 晚晴",
)
PEOPLE = ("p1", "p2", "o'clock\"; DROP TABLE journeys; --", "晚晴\\")
EVENTS = ("exposure", "enter", "comment", "product_click")
BIG = 10**15  # fen, so that products of two amounts pass 64 bits


class History(NamedTuple):
    """The input relations as rows, and the instant they are looked at."""

    touchpoint_rows: list[Row]
    order_rows: list[Row]
    line_rows: list[Row]
    as_of: int

    def tables(self) -> dict[str, pa.Table]:
        """Return the relations as Arrow tables."""
        return {
            name: pa.Table.from_pylist(getattr(self, name), schema=schema)
            for name, schema in SCHEMAS.items()
        }


# Few instants, which lie as far apart as the durations below last.
INSTANTS = (0, 1, 4, 5, 9, 10, 13, 20, 25, 29, 40)
DURATIONS = ("0ms", "1ms", "4ms", "9ms", "30ms")
ROOMS, VIDEOS, STREAMERS = (
    ("douyin:r1", "douyin:r2"),
    ("douyin:v1", "taobao:v1"),
    ("ann", "bo", "unknown"),
)
PRODUCTS = ("douyin:1", "douyin:2", "taobao:1", "douyin:it's\\")
CATEGORIES = ("shoes", "it's; --")

# A seed says what stands in the rows: choices of single cells would be much alike.
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Few people, few instants: equal times, shared visits and repeated places are common."""
    pick = Random(draw(SEEDS))
    people = PEOPLE[: draw(st.sampled_from((1, 2, 3, 4)))]
    sizes = st.sampled_from((0, 1, 2, 4, 8, 16))
    touches = [_touch(pick, nth, people) for nth in range(draw(sizes))]
    orders = [_order(pick, nth, people) for nth in range(draw(sizes) // 2)]
    touches += [_evidence(pick, order, nth) for order in orders for nth in range(pick.randrange(3))]
    lines = [_line(pick, order) for order in orders for _ in range(pick.randrange(4))]
    pick.shuffle(touches)
    return History(touches, orders, lines, as_of=pick.choice((25, 40, 60)))


def _maybe(pick: Random, values: tuple[str, ...]) -> str | None:
    return pick.choice((None, *values))


def _touch(pick: Random, nth: int, people: tuple[str, ...]) -> Row:
    return {
        "person": pick.choice(people),
        "at": pick.choice(INSTANTS),
        "event_id": f"douyin:{pick.choice('azÄ')}{nth}",
        "channel": pick.randrange(len(CHANNELS)),
        "event": pick.choice(EVENTS),
        "session_id": _maybe(pick, ROOMS),
        "content_id": _maybe(pick, VIDEOS),
        "streamer_id": _maybe(pick, STREAMERS),
        "product_id": _maybe(pick, PRODUCTS),
        "session_day": pick.choice((None, 19_000, -3)),
        "session_end": pick.choice((None, 5, 20, 60)),
        "order_id": None,
    }


def _order(pick: Random, nth: int, people: tuple[str, ...]) -> Row:
    gross = pick.choice((0, 1, 100, 999, BIG))
    net = pick.choice((0, gross // 2, gross))
    return {
        "order_id": f"{pick.choice(('douyin', 'taobao'))}:{nth}'",
        "person": pick.choice((None, *people, people[0])),
        "at": pick.choice(INSTANTS),
        "gross_fen": gross,
        "net_fen": net,
        "net_expected_fen": net // 3,
    } | {name: _maybe(pick, ("new", "it's")) for name in SEGMENTS}


def _evidence(pick: Random, order: Row, nth: int) -> Row:
    """Return what an order says of its source; often it names no place."""
    row = _touch(pick, nth, (order["person"],)) | {
        "at": order["at"],
        "event_id": f"douyin:order_source:{order['order_id']}:{nth}",
        "event": "order_source",
        "order_id": order["order_id"],
    }
    placeless = dict.fromkeys(("session_id", "content_id", "streamer_id"))
    return row | pick.choice((placeless, {}, {"streamer_id": None}))


def _line(pick: Random, order: Row) -> Row:
    return {
        "order_id": order["order_id"],
        "product_id": _maybe(pick, PRODUCTS),
        "category": _maybe(pick, CATEGORIES),
        "session_id": _maybe(pick, ROOMS),
        "content_id": _maybe(pick, VIDEOS),
        "paid_fen": pick.choice((0, 1, 33, 500, BIG)),
    }


@st.composite
def definitions(draw: st.DrawFn) -> JourneyDefinition:
    """Every option, with times of a few milliseconds."""
    pick = Random(draw(SEEDS))
    names = ("exposure", "comment", "Douyin", "Douyin · Live · Ann", CHANNELS[3])
    weighted = (*EVENTS, STRENGTH[-1])
    return JourneyDefinition(
        level=draw(st.sampled_from(("streamer", "offer"))),
        lookback=pick.choice(("0ms", "9ms", "20ms", "60ms")),
        lookback_by={name: pick.choice(DURATIONS) for name in _some(pick, names)},
        expiry=pick.choice((None, *DURATIONS)),
        same_visit=pick.choice(DURATIONS),
        reuse=draw(st.booleans()),
        conversion=draw(st.sampled_from(("any", "first"))),
        products=_some(pick, ("1", "douyin:2", "it's\\")),
        categories=_some(pick, CATEGORIES),
        net_of_refunds=draw(st.booleans()),
        match=draw(st.sampled_from(("any", "matched", "halo"))),
        one_per_session=draw(st.booleans()),
        weights={name: pick.choice((0, 0.1, 1, 2.5)) for name in _some(pick, weighted)},
        columns=_some(pick, CARRIED),
        segments=_some(pick, SEGMENTS),
        value=pick.choice(MONEY),
    )


def _some(pick: Random, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return some of the values in any order; every other time none."""
    return tuple(pick.sample(values, pick.choice((0, pick.randint(0, len(values))))))
