"""When people were watched, as journeys of a store say it: two ways to find it, and on a grid."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from attribution.assemble.dialect import DUCKDB
from attribution.assemble.rows import channel_table, journeys_of
from attribution.assemble.steps import journey_steps, watch_step
from attribution.journeys import Journeys
from attribution.journeys.definition import JourneyDefinition
from attribution.journeys.watch import NEVER
from attribution.store.connection import open_connection
from tests.assemble.histories import CHANNELS, History, definitions, histories
from tests.assemble.test_rows import TZ, WATCHED
from tests.assemble.twin import Twin
from tests.strategies import examples

PLAIN = {"reuse": False, "match": "any", "one_per_session": False, "conversion": "any"}


def tables(history: History, definition: JourneyDefinition) -> tuple[pa.Table, pa.Table]:
    """Return the relations `journeys` and `watched_journeys`."""
    with closing(open_connection("UTC")) as connection:
        relations = history.tables() | {"channel_names": channel_table(definition, CHANNELS)}
        for name, table in relations.items():
            connection.register(name, table)
        steps = journey_steps(definition, DUCKDB, history.as_of)
        for step in [*steps, watch_step(definition, history.as_of)]:
            connection.execute(f'CREATE TEMP TABLE "{step.name}" AS {step.sql}')
        one, other = (
            connection.sql(f"FROM {name}").to_arrow_table()
            for name in ("journeys", "watched_journeys")
        )
        return one, other


def read(history: History, definition: JourneyDefinition) -> Journeys:
    table, _ = tables(history, definition)
    return journeys_of(table, CHANNELS, definition, TZ, history.as_of)


@given(history=histories(), definition=definitions(), seed=st.integers(0, 99))
@examples(25)
def test_the_step_for_parted_rows_finds_what_is_found_where_all_are_at_hand(
    history, definition, seed
):
    definition = replace(definition, reuse=False)
    whole, parted = tables(history, definition)
    expected = journeys_of(whole, CHANNELS, definition, TZ, history.as_of)
    side = np.random.default_rng(seed).random(len(parted)) < 0.5
    found = [
        row
        for part in (parted.filter(pa.array(side)), parted.filter(pa.array(~side)))
        for row in rows_of(journeys_of(part, CHANNELS, definition, TZ, history.as_of))
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, rows_of(expected)))


def rows_of(journeys: Journeys) -> list[list[object]]:
    columns = [journeys.order_id, journeys.closed_at, journeys.block]
    columns += [getattr(journeys, name) for name in WATCHED]
    paths = [
        tuple(journeys.ages[first:last].tolist())
        for first, last in zip(journeys.offsets[:-1], journeys.offsets[1:], strict=True)
    ]
    return [list(row) for row in zip(*(column.tolist() for column in columns), paths, strict=True)]


@given(history=histories(), definition=definitions())
@examples(25)
def test_no_touchpoint_acts_twice_whatever_its_look_back(history, definition):
    definition = replace(definition, **PLAIN)
    journeys = read(history, definition).observed
    lookback = np.full(len(journeys.codes), journeys.lookback)
    if definition.lookback_by:
        lookback = journeys.touch["lookback_ms"]
        assert (lookback <= journeys.lookback).all()
    touch = journeys.closed_at[journeys.rows] - journeys.ages
    until = np.minimum(touch + lookback, journeys.watched_until[journeys.rows])
    since = np.maximum(touch, journeys.watched_from[journeys.rows])
    assert np.maximum(until - since, 0).sum() == acted(history, definition)


def acted(history: History, definition: JourneyDefinition) -> int:
    """Return for how many milliseconds touchpoints act, one after the other.

    Each acts until the last order that takes it, or for its look-back if none does.
    """
    twin = Twin(history, definition, CHANNELS)
    visits = twin.visits_of(twin.conversions())["visits"]
    exposures = twin.exposures()
    total = 0
    for row in exposures:
        at, lookback = row["at_ms"], twin.lookback(row)
        own = [order for order in visits if order["person"] == row["person"]]
        coming = min((order for order in own if order["at_ms"] >= at), key=at_of, default=None)
        takes = [
            order["at_ms"]
            for order in own
            if coming is not None
            and order["visit_ms"] == coming["visit_ms"]
            and 0 <= order["at_ms"] - at <= lookback
        ]
        total += min(max(takes, default=at + lookback), history.as_of) - at
    return total


def at_of(order):
    return order["at_ms"]


@given(history=histories(), definition=definitions())
@examples(25)
def test_nobody_is_at_risk_of_a_first_order_after_it(history, definition):
    definition = replace(definition, **PLAIN | {"conversion": "first"})
    journeys = read(history, definition)
    orders = np.flatnonzero(journeys.conversions)
    known = orders[journeys.risk_from[orders] < NEVER]
    assert (journeys.risk_until[known] == journeys.closed_at[known]).all()
    total = (journeys.risk_until - journeys.risk_from).sum()
    twin = Twin(history, definition, CHANNELS)
    first = {row["person"]: row["at_ms"] for row in twin.conversions()}
    began: dict[str, int] = {}
    for row in twin.exposures():
        began[row["person"]] = min(row["at_ms"], began.get(row["person"], row["at_ms"]))
    assert total == sum(
        max(0, first.get(person, history.as_of) - at) for person, at in began.items()
    )


@given(history=histories(), definition=definitions())
@examples(8)
def test_each_touchpoint_says_its_own_look_back_only_where_they_differ(history, definition):
    journeys = read(history, replace(definition, **PLAIN, columns=["event"]))
    assert ("lookback_ms" in journeys.touch) == bool(definition.lookback_by)
    assert journeys.lookback == definition.longest_lookback_ms
    twin = Twin(history, definition, CHANNELS)
    for row, own in enumerate(journeys.touch.get("lookback_ms", ())):
        event = journeys.touch["event"][row]
        if event != "order_source":
            assert own == twin.lookback({"event": event, "channel": journeys.codes[row]})


@given(history=histories(), definition=definitions())
@examples(4)
def test_without_a_time_of_reading_or_with_reuse_journeys_do_not_say(history, definition):
    table, parted = tables(history, definition)
    plain = journeys_of(table, CHANNELS, definition, TZ)
    again = journeys_of(parted, CHANNELS, replace(definition, reuse=True), TZ, history.as_of)
    for journeys in (plain, again):
        assert [getattr(journeys, name) for name in WATCHED] == [None] * 4
