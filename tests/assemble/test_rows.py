"""Rows of journeys to the value models read: against `from_touchpoints`, and by hand."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.assemble.duck import assembled
from attribution.assemble.rows import journeys_of
from attribution.journeys import Journeys
from attribution.journeys.definition import JourneyDefinition
from attribution.numerics.hashing import blocks, hash_texts
from attribution.store.connection import open_connection
from tests.assemble.histories import CHANNELS, History, Row, histories
from tests.strategies import examples

TZ = "Asia/Shanghai"
START = 1_767_225_600_000  # 2026-01-01 08:00 in Shanghai
DAY = 86_400_000
WATCHED = ("watched_from", "watched_until", "risk_from", "risk_until")


def made(history: History, definition: JourneyDefinition) -> pa.Table:
    with closing(open_connection("UTC")) as connection:
        for name, table in history.tables().items():
            connection.register(name, table)
        return assembled(connection, definition, CHANNELS, history.as_of)


def shown(journeys: Journeys, but: tuple[str, ...] = ()) -> list[str]:
    """Return each journey as text, in an order of their own."""
    bounds = zip(journeys.offsets[:-1], journeys.offsets[1:], strict=True)
    carried = {name: column.tolist() for name, column in journeys.touch.items()}
    evidence = np.zeros(len(journeys.codes), bool)
    if journeys.evidence is not None:
        evidence = journeys.evidence
    names = ("conversions", "nulls", "block", "closed_at", "day", "open")
    columns = {name: getattr(journeys, name).tolist() for name in names if name not in but}
    watched = {name: getattr(journeys, name) for name in WATCHED}
    columns |= {name: column.tolist() for name, column in watched.items() if column is not None}
    columns |= {name: column.tolist() for name, column in journeys.values.items()}
    labels = {"order_id": journeys.order_id, **journeys.segments}
    columns |= {name: [known(each) for each in column] for name, column in labels.items()}
    out = []
    for row, (first, last) in enumerate(bounds):
        touches = [
            (
                journeys.channels[journeys.codes[nth]],
                int(journeys.ages[nth]),
                bool(evidence[nth]),
                *(known(column[nth]) for column in carried.values()),
            )
            for nth in range(first, last)
        ]
        out.append(repr(({name: column[row] for name, column in columns.items()}, touches)))
    return sorted(out)


def known(value: Any) -> Any:
    """Return None for every kind of nothing."""
    return None if pd.isna(value) else value


def later(rows: list[Row]) -> list[Row]:
    """Return rows of a history at times somebody could live in, without days of sessions."""
    none = {"session_day": None, "session_end": None}
    return [
        row | {"at": START + row["at"]} | (none if "session_day" in row else {}) for row in rows
    ]


@given(
    history=histories(),
    lookback=st.sampled_from((0, 9, 20, 60)),
    expiry=st.sampled_from((None, 0, 4, 30)),
    same_visit=st.sampled_from((0, 4, 9)),
    reuse=st.booleans(),
    segments=st.sampled_from(((), ("platform", "category"))),
    value=st.sampled_from(("gross_fen", "net_fen")),
)
@examples(30)
def test_journeys_are_those_of_the_same_rows_in_memory(
    history, lookback, expiry, same_visit, reuse, segments, value
):
    strangers = {row["order_id"] for row in history.order_rows if row["person"] is None}
    history = History(
        later([row for row in history.touchpoint_rows if row["order_id"] not in strangers]),
        later(history.order_rows),
        history.line_rows,
        START + history.as_of,
    )
    times = {
        "lookback": f"{lookback}ms",
        "expiry": None if expiry is None else f"{expiry}ms",
        "same_visit": f"{same_visit}ms",
    }
    columns = ("event_id", "product_id", "event")
    definition = JourneyDefinition(
        **times, reuse=reuse, columns=columns, segments=segments, value=value
    )
    found = journeys_of(made(history, definition), CHANNELS, definition, TZ, history.as_of)

    tables = history.tables()
    touchpoints = tables["touchpoint_rows"].to_pandas()
    expected = Journeys.from_touchpoints(
        touchpoints.assign(
            at=pd.to_datetime(touchpoints["at"], unit="ms", utc=True),
            channel=[CHANNELS[code] for code in touchpoints["channel"]],
        ).astype({"event_id": "str"}),
        tables["order_rows"]
        .to_pandas()
        .sort_values("order_id")  # of orders at one instant the store takes them so
        .assign(at=lambda orders: pd.to_datetime(orders["at"], unit="ms", utc=True)),
        **times,
        reuse=reuse,
        columns=columns,
        segments=segments,
        value=value,
        values=list(definition.further_money),
        tz=TZ,
        as_of=pd.Timestamp(history.as_of, unit="ms", tz="UTC"),
    )
    # Blocks are told by a hash of persons, which has tests of its own.
    assert shown(found, but=("block",)) == shown(expected, but=("block",))
    assert (found.watched_from is None) == reuse
    assert found.lookback == expected.lookback


def touch(person: str | None, at: int, event_id: str, **further: Any) -> Row:
    plain = {"channel": 0, "event": "click", "session_id": None, "content_id": None}
    plain |= {"streamer_id": None, "product_id": None, "session_day": None, "order_id": None}
    plain |= {"session_end": None}
    return plain | {"person": person, "at": at, "event_id": event_id} | further


def order(order_id: str, person: str | None, at: int, gross: int = 100) -> Row:
    money = {"gross_fen": gross, "net_fen": gross - 10, "net_expected_fen": gross - 20}
    labels = {"platform": "douyin", "category": None, "province": "浙江", "buyer": "new"}
    return {"order_id": order_id, "person": person, "at": at} | money | labels


def test_a_journey_belongs_to_the_day_of_its_order_or_of_its_last_touchpoint():
    late = START + 15 * 3_600_000  # 23:00 in Shanghai
    night = late + 2 * 3_600_000
    today = START // DAY
    history = History(
        [
            touch("ordered", late, "e1"),
            touch("lapsed", late, "e2"),
            touch("lapsed", night, "e3"),
            touch("live", night, "e4", session_id="douyin:r1", session_day=today),
            touch("left", late, "e5", session_id="douyin:r1", session_day=today - 7),
            touch("left", night, "e6"),
            touch("bought live", night, "e7", session_id="douyin:r1", session_day=today),
            touch(None, night, "e8", event="order_source", session_day=today, order_id="douyin:4"),
        ],
        [
            order("douyin:1", "ordered", night),
            order("douyin:2", "bought live", night + 1),
            order("douyin:3", None, night),
            order("douyin:4", None, night),
        ],
        [],
        night + 90 * DAY,
    )
    definition = JourneyDefinition(columns=["event_id"])
    found = journeys_of(made(history, definition), CHANNELS, definition, TZ)
    ids = found.touch["event_id"]
    first = [
        ids[start] if start < end else None
        for start, end in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    days = dict(zip(zip(found.order_id, first, strict=True), found.day - today, strict=True))
    assert days == {
        ("douyin:1", "e1"): 1,  # ordered after midnight
        (None, "e2"): 1,
        (None, "e4"): 0,  # seen after midnight, in a session of the day before
        (None, "e5"): 1,  # the last touchpoint counts
        ("douyin:2", "e7"): 0,
        ("douyin:3", None): 1,
        ("douyin:4", "e8"): 0,  # what an order says of its room is a touchpoint of that session
    }


@pytest.mark.parametrize(
    ("ended", "evidence", "minutes", "days"),
    [
        (None, False, 30, 0),  # within a visit
        (None, False, 31, 1),
        (90, False, 90, 0),  # while the session was on
        (90, False, 91, 1),
        (90, False, 3 * 1440, 3),  # days after it
        (5, True, 90, 0),  # the order says that it was placed there
        (None, True, 90, 0),
    ],
)
def test_an_order_belongs_to_the_session_it_was_placed_in(ended, evidence, minutes, days):
    seen = START + 15 * 3_600_000 + 45 * 60_000  # 23:45 in Shanghai
    today, at = START // DAY, seen + minutes * 60_000
    room = {
        "session_id": "douyin:r1",
        "session_day": today,
        "session_end": ended and seen + ended * 60_000,
    }
    touches = [touch("p", seen, "e1", **room)]
    if evidence:
        told = {"event": "order_source", "order_id": "douyin:1", "content_id": "douyin:v"}
        touches = [touch("p", seen, "e1"), touch("p", at, "e2", **room | told)]
    history = History(touches, [order("douyin:1", "p", at)], [], at)
    definition = JourneyDefinition()
    (day,) = journeys_of(made(history, definition), CHANNELS, definition, TZ).day
    assert day - today == days


def test_money_segments_and_weights_are_carried_and_blocks_are_the_persons():
    history = History(
        [
            touch("p", START, "b", event="enter"),
            touch("p", START, "a", event="click", channel=2),
            touch("q", START, "c", event="follow"),
        ],
        [order("douyin:1", "p", START + 5, 1_000), order("douyin:2", None, START)],
        [],
        START + DAY,
    )
    definition = JourneyDefinition(
        value="net_fen",
        segments=["province", "category"],
        weights={"enter": 0.5},
        match="halo",
        columns=["event"],
    )
    found = journeys_of(made(history, definition), CHANNELS, definition, TZ)
    rows = {each: row for row, each in enumerate(found.order_id)}
    bought, stranger, lapsed = (rows[key] for key in ("douyin:1", "douyin:2", None))
    assert list(found.values) == ["value", "gross_fen", "net_expected_fen"]
    assert [column[bought] for column in found.values.values()] == [990.0, 1_000.0, 980.0]
    assert [column[lapsed] for column in found.values.values()] == [0.0] * 3
    assert [found.segments["province"][row] for row in rows.values()].count("浙江") == 2
    assert found.segments["category"].tolist() == [None] * 3
    assert {each: found.segments["match"][row] for each, row in rows.items()} == {
        "douyin:1": "halo",
        "douyin:2": None,
        None: None,
    }
    mine = slice(*found.offsets[bought : bought + 2])
    assert found.touch["weight"][mine].tolist() == [1.0, 0.5]  # "a" comes before "b"
    assert found.touch["event"][mine].tolist() == ["click", "enter"]
    assert found.ages[mine].tolist() == [5, 5]
    assert found.open.tolist() == [row == lapsed for row in range(3)]
    owners = pa.array(["p", "\0douyin:2", "q"])
    wanted = blocks(hash_texts(owners))
    assert found.block[[bought, stranger, lapsed]].tolist() == wanted.tolist()


@given(history=histories(), seed=st.integers(0, 99))
@examples(12)
def test_the_order_and_the_chunks_of_rows_do_not_matter(history, seed):
    definition = JourneyDefinition(lookback="9ms", columns=["event"], segments=["buyer"])
    table = made(history, definition)
    shuffled = table.take(np.random.default_rng(seed).permutation(len(table)))
    split = pa.concat_tables([shuffled.slice(0, 3), shuffled.slice(3, 0), shuffled.slice(3)])
    one, other = (
        journeys_of(each, CHANNELS, definition, TZ, history.as_of) for each in (table, split)
    )
    for name in ("offsets", "codes", "ages", "conversions", "block", "closed_at", "day", *WATCHED):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert one.order_id.tolist() == other.order_id.tolist()
    assert one.touch["event"].tolist() == other.touch["event"].tolist()


@pytest.mark.parametrize("match", ["any", "halo"])
def test_no_rows_are_no_journeys(match):
    definition = JourneyDefinition(
        match=match, weights={"click": 2}, columns=["event"], segments=["buyer"]
    )
    found = journeys_of(made(History([], [], [], 0), definition), CHANNELS, definition, TZ)
    assert len(found) == 0
    assert found.channels == CHANNELS
    assert found.touch["weight"].dtype == float
