"""Journeys on DuckDB at the edges: sizes, names, memory, and what stays behind."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from attribution.assemble.duck import assembled, made_step
from attribution.assemble.rows import journeys_of
from attribution.errors import StoreError
from attribution.journeys import Journeys
from attribution.journeys.definition import JourneyDefinition
from attribution.store.connection import open_connection
from tests.assemble.histories import CHANNELS, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

TZ = "Asia/Shanghai"
START = 1_767_225_600_000
HOUR, DAY = 3_600_000, 86_400_000
EVERYTHING = JourneyDefinition(
    lookback_by={"click": "1D", "Douyin": "3D"},
    products=["1"],
    match="halo",
    one_per_session=True,
    weights={"click": 2},
    segments=["buyer"],
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(open_connection("UTC")) as opened:
        yield opened


def hold(connection: duckdb.DuckDBPyConnection, **relations: pa.Table) -> None:
    """Put the input relations on a connection; those not given are empty."""
    for name, schema in SCHEMAS.items():
        connection.register(name, relations.get(name, schema.empty_table()))


def relation(name: str, **columns: object) -> pa.Table:
    """Return an input relation; columns not given are empty."""
    schema = SCHEMAS[name]
    given = {key: pa.array(column, schema.field(key).type) for key, column in columns.items()}
    size = len(next(iter(given.values())))
    return pa.table(
        {f.name: given.get(f.name, pa.nulls(size, f.type)) for f in schema}, schema=schema
    )


def touchpoints(
    person: object, at: np.ndarray, event: str = "click", **columns: object
) -> pa.Table:
    size = len(at)
    plain = {
        "event_id": [f"douyin:{nth}" for nth in range(size)],
        "channel": np.zeros(size, np.int32),
        "event": [event] * size,
    }
    return relation("touchpoint_rows", person=person, at=at, **(plain | columns))


def orders(person: object, at: np.ndarray) -> pa.Table:
    size = len(at)
    money = dict.fromkeys(("gross_fen", "net_fen", "net_expected_fen"), np.full(size, 100))
    ids = [f"douyin:{nth}" for nth in range(size)]
    return relation("order_rows", order_id=ids, person=person, at=at, **money)


def tables_of(connection: duckdb.DuckDBPyConnection) -> list[object]:
    return connection.execute(
        "SELECT table_name FROM information_schema.tables ORDER BY ALL"
    ).fetchall()


@pytest.mark.parametrize("definition", [JourneyDefinition(), EVERYTHING], ids=["plain", "all"])
def test_empty_relations_are_no_journeys(connection, definition):
    hold(connection)
    assert len(assembled(connection, definition, CHANNELS, START)) == 0
    assert len(assembled(connection, definition, (), START)) == 0


def test_nothing_stays_behind_so_the_next_people_can_come(connection):
    at = START + np.arange(3) * HOUR
    hold(connection, touchpoint_rows=touchpoints(["a", "a", "b"], at))
    before = tables_of(connection)
    first = assembled(connection, EVERYTHING, CHANNELS, START + DAY)
    assert tables_of(connection) == before
    hold(connection, touchpoint_rows=touchpoints(["c"] * 3, at))
    second = assembled(connection, EVERYTHING, CHANNELS, START + DAY)
    assert sorted(first["person"].to_pylist()) == ["a", "b"]
    assert second["person"].to_pylist() == ["c"]


def test_nothing_stays_behind_after_a_failure(connection):
    hold(connection)
    connection.unregister("line_rows")
    before = tables_of(connection)
    with pytest.raises(Exception, match="line_rows"):
        assembled(connection, EVERYTHING, CHANNELS, START)
    assert tables_of(connection) == before


def test_a_step_can_be_had_alone(connection):
    at = START + np.arange(3) * HOUR
    hold(
        connection,
        touchpoint_rows=touchpoints(["a", "a", "b"], at),
        order_rows=orders(["a"], np.array([START + DAY])),
    )
    before = tables_of(connection)
    held = {
        name: made_step(connection, JourneyDefinition(), CHANNELS, START + DAY, name)
        for name in ("taken", "free")
    }
    assert sorted(held["taken"]["event_id"].to_pylist()) == ["douyin:0", "douyin:1"]
    assert held["free"]["event_id"].to_pylist() == ["douyin:2"]
    assert tables_of(connection) == before


def test_names_hostile_to_sql_are_only_names(connection):
    names = ["'; DROP TABLE touchpoint_rows; --", 'a" OR 1=1', "\\", "$x", "%(y)s", "晚晴\n", "?"]
    definition = JourneyDefinition(
        products=names, categories=names, lookback_by=dict.fromkeys(names, "1D")
    )
    at = START + np.arange(len(names)) * HOUR
    hold(
        connection,
        touchpoint_rows=touchpoints(names, at, channel=np.arange(len(names))),
        order_rows=orders(names, at + 2 * DAY),
        line_rows=relation(
            "line_rows",
            order_id=[f"douyin:{nth}" for nth in range(len(names))],
            product_id=[f"douyin:{name}" for name in names[:-1]] + ["douyin:else"],
            paid_fen=np.arange(len(names)),
        ),
    )
    channels = tuple(sorted(names))
    table = assembled(connection, definition, channels, START + 9 * DAY)
    journeys = journeys_of(table, channels, definition, TZ)
    # Every order but the last counts; two days are too long for every channel named.
    assert journeys.conversions.sum() == len(names) - 1
    assert journeys.values["value"].sum() == sum(range(len(names) - 1))
    assert journeys.nulls.sum() == len(names)
    assert journeys.lengths[journeys.conversions > 0].tolist() == [0] * (len(names) - 1)


def test_one_person_with_a_hundred_thousand_touchpoints(connection):
    size, bought = 100_000, 2_000
    rng = np.random.default_rng(4)
    at = START + rng.integers(0, 400 * DAY, size)
    ordered = START + np.sort(rng.integers(0, 400 * DAY, bought))
    hold(
        connection,
        touchpoint_rows=touchpoints(["p"] * size, at),
        order_rows=orders(["p"] * bought, ordered),
    )
    definition = JourneyDefinition(lookback="2h", expiry="1h")
    table = assembled(connection, definition, CHANNELS, START + 500 * DAY)
    found = journeys_of(table, CHANNELS, definition, TZ)

    times, first = np.sort(at), [ordered[0]]
    for moment in ordered:  # the visits, one after the other
        if moment - first[-1] > 30 * 60_000:
            first.append(moment)
    visit = np.searchsorted(first, ordered, side="right") - 1
    last = np.array([ordered[visit == nth].max() for nth in range(len(first))])
    after = np.append(0, last)[visit]
    low = np.searchsorted(times, np.maximum(after + 1, ordered - 2 * HOUR))
    high = np.searchsorted(times, ordered, side="right")
    lengths = dict(zip(found.order_id, found.lengths, strict=True))
    assert [lengths[f"douyin:{nth}"] for nth in range(bought)] == np.maximum(high - low, 0).tolist()
    assert len({*visit}) < bought
    free = np.ones(size, bool)
    for start, end in zip(low, high, strict=True):
        free[start:end] = False
    assert found.lengths[found.nulls > 0].sum() == free.sum()


def test_one_order_may_take_a_hundred_thousand_touchpoints_and_keep_their_order(connection):
    size = 100_000
    at = START + np.random.default_rng(5).integers(0, DAY, size)
    hold(
        connection,
        touchpoint_rows=touchpoints(["p"] * size, at),
        order_rows=orders(["p"], np.array([START + DAY])),
    )
    definition = JourneyDefinition(reuse=True)
    table = assembled(connection, definition, CHANNELS, START + DAY)
    found = journeys_of(table, CHANNELS, definition, TZ)
    assert found.lengths.tolist() == [size]
    assert (np.diff(found.ages) <= 0).all()


def test_too_little_memory_names_the_step_and_the_setting(connection):
    size = 60_000
    hold(
        connection,
        touchpoint_rows=touchpoints(
            [f"person {nth}" for nth in range(size)], START + np.arange(size)
        ),
    )
    connection.execute("SET memory_limit = '1MB'")
    with pytest.raises(StoreError, match=r"too little memory for the step '\w+'.*memory="):
        assembled(connection, JourneyDefinition(), CHANNELS, START + DAY)


@pytest.mark.slow
def test_a_million_people_of_one_touchpoint_each(connection):
    size = 1_000_000
    at = START + np.random.default_rng(6).integers(0, 90 * DAY, size)
    people = pa.array(np.arange(size)).cast(pa.string())
    hold(
        connection,
        touchpoint_rows=touchpoints(people, at, channel=np.arange(size) % len(CHANNELS)),
        order_rows=orders(people[: size // 10], at[: size // 10] + 3 * DAY),
    )
    definition = JourneyDefinition(lookback="5D")
    table = assembled(connection, definition, CHANNELS, START + 95 * DAY)
    found = journeys_of(table, CHANNELS, definition, TZ)
    assert (found.lengths == 1).all()
    assert found.conversions.sum() == size // 10
    assert (found.ages[found.conversions[found.rows] > 0] == 3 * DAY).all()
    assert found.open.sum() == (at[size // 10 :] + 5 * DAY > START + 95 * DAY).sum()
    assert isinstance(found, Journeys)


@pytest.mark.slow
def test_open_journeys_are_assembled_within_the_memory(connection):
    size, people = 2_000_000, 1_400_000
    rng = np.random.default_rng(7)
    persons = pa.array(rng.integers(0, people, size)).cast(pa.string())
    hold(
        connection,
        touchpoint_rows=touchpoints(persons, START + rng.integers(0, 90 * DAY, size)),
    )
    connection.execute("SET memory_limit = '500MB'")
    table = assembled(connection, JourneyDefinition(), CHANNELS, START + 90 * DAY)
    found = journeys_of(table, CHANNELS, JourneyDefinition(), TZ)
    assert len(found.codes) == size
    assert found.conversions.sum() == 0
