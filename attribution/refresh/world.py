"""Some people's rows as the store would show them, made by the store's own steps.

The steps between the store's rows and journeys are given the kept rows of these people instead of
everybody's, so nothing of what they say is written down twice.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.assemble.inputs import input_steps, place_step, relation_steps
from attribution.refresh.evidence import SOURCE_COLUMNS
from attribution.refresh.orders import MADE
from attribution.refresh.people import IDENTITY_COLUMNS
from attribution.refresh.segment import KEY
from attribution.store.connection import create_steps, leading_to, open_connection
from attribution.store.tables import PROVENANCE, TABLES
from attribution.store.views import steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    from numpy.typing import NDArray

    from attribution.journeys.definition import JourneyDefinition
    from attribution.refresh.evidence import Evidence
    from attribution.refresh.orders import Orders
    from attribution.store.steps import Step, ViewOptions

    Keys = NDArray[np.uint64]

__all__ = ["Moved", "Needed", "View", "World", "moved", "needed", "rows_of"]

_NAMES = ("streamer_names", "session_names")
# What is still to be refunded is estimated over all orders: nobody's own rows tell it.
_SHARES = pa.schema([("platform", pa.string()), ("order_id", pa.string()), ("kept", pa.float64())])
_PEOPLE = pa.schema(
    [(name, pa.int64() if name.startswith("valid") else pa.string()) for name in IDENTITY_COLUMNS]
)
_GIVEN = ("latest_touchpoints", "identities", "kept_shares", *MADE)
_PLACED = ("kept_touchpoints", "session_days", *_NAMES)  # what names channels, and no more

_TOUCHPOINTS = f"""
SELECT substr(t.event, length(s.platform) + 2) AS event_id, t._identifier, t."at",
    t.received_at, {", ".join(f"s.{name}" for name in SOURCE_COLUMNS)}
FROM _touchpoints AS t JOIN _sources AS s ON s.key = t.source
"""


class View(NamedTuple):
    """How rows are shown: the store's options, and what a journey is."""

    options: ViewOptions
    definition: JourneyDefinition


@dataclass(frozen=True)
class World:
    """Everybody's rows at one time.

    Attributes
    ----------
    evidence, orders
        As they are kept.
    places
        The newest rows of the small tables that say what channels are called and where a session
        belongs, by canonical table.
    """

    evidence: Evidence
    orders: Orders
    places: Mapping[str, pa.Table]


class Needed(NamedTuple):
    """Canonical tables whose rows decide what orders are, and what touchpoints are called."""

    orders: frozenset[str]
    places: frozenset[str]


def needed(view: View) -> Needed:
    """Return which tables matter beside touchpoints, identifiers and links."""
    found = []
    for given, wanted in (((), MADE), (_GIVEN, (*_made(view), *_NAMES))):
        chosen, readers = _leading_to(view, given, wanted)
        read = {*readers} - {step.name for step in chosen} - {*_GIVEN}
        found.append(frozenset(name.removeprefix("latest_") for name in read if _is_latest(name)))
    return Needed(*found)


def _is_latest(name: str) -> bool:
    return name.startswith("latest_")


@lru_cache(maxsize=8)
def _leading_to(
    view: View, given: tuple[str, ...], wanted: tuple[str, ...]
) -> tuple[tuple[Step, ...], dict[str, int]]:
    """Return the steps from relations that are given to those wanted, and how often each is read.

    It is the same every time, and takes longer than to look at a few people.
    """
    every = [*steps(view.options), *input_steps(view.definition)]
    with closing(open_connection(view.options.timezone)) as connection:
        left = [step for step in every if step.name not in given]
        chosen, readers = leading_to(connection, left, wanted)
    return tuple(chosen), dict(readers)


def rows_of(
    world: World, identities: pa.Table, identifiers: Keys, orders: Keys, view: View
) -> dict[str, pa.Table]:
    """Return the rows of these identifiers and orders, under the persons they are.

    They are the relations that the steps of journeys read, but that a touchpoint's channel is its
    name.
    """
    touchpoints = world.evidence.touchpoints.take(identifiers)
    known = touchpoints.filter(pc.is_valid(touchpoints.column("_identifier")))
    sources = world.evidence.sources.take(known.column("source").to_numpy())
    with closing(open_connection(view.options.timezone)) as connection:
        connection.register("_touchpoints", known)
        connection.register("_sources", sources)
        _show_touchpoints(connection, _TOUCHPOINTS)
        connection.register("identities", identities.cast(_PEOPLE))
        connection.register("net_orders", world.orders.orders.take(orders).drop_columns([KEY]))
        connection.register("order_lines", world.orders.lines.take(orders).drop_columns([KEY]))
        _make(connection, world.places, view, (_GIVEN, (*_made(view), *_NAMES)))
        _show_relations(connection, view)
        return {
            name: connection.sql(f'FROM "{name}"').to_arrow_table()
            for name in ("touchpoint_rows", "order_rows", "line_rows")
            if name == "touchpoint_rows" or name in _made(view)
        }


def _made(view: View) -> list[str]:
    """Return the names of what journeys are made of, in so far as the definition asks for it."""
    return [step.name for step in input_steps(view.definition)]


def _make(
    connection: duckdb.DuckDBPyConnection,
    places: Mapping[str, pa.Table],
    view: View,
    bounds: tuple[tuple[str, ...], tuple[str, ...]],
) -> None:
    """Create the relations wanted from those that are given already: `bounds` names both."""
    connection.register("kept_shares", _SHARES.empty_table())
    for name, table in places.items():
        connection.register(f"latest_{name}", table)
    chosen, readers = _leading_to(view, *bounds)
    # What is wanted is read again.
    create_steps(connection, chosen, Counter(readers | dict.fromkeys(bounds[1], 2)))


def _show_touchpoints(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Create `latest_touchpoints`, null where the query has no such column."""
    has = {*connection.sql(sql).columns}
    columns = ", ".join(
        f'"{item.name}"' if item.name in has else f'{_NULL[item.type]} AS "{item.name}"'
        for item in TABLES["touchpoints"].schema
    )
    connection.execute(f"CREATE TEMP TABLE latest_touchpoints AS SELECT {columns} FROM ({sql})")


_NULL = {
    pa.string(): "CAST(NULL AS VARCHAR)",
    pa.int64(): "CAST(NULL AS BIGINT)",
    pa.float64(): "CAST(NULL AS DOUBLE)",
    pa.bool_(): "CAST(NULL AS BOOLEAN)",
}


def _show_relations(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    """Create `touchpoint_rows` with names of channels: their codes hold among these people only."""
    places = place_step(view.definition, view.options.language)
    connection.execute(
        f"CREATE TEMP TABLE {places.name} AS "
        f"SELECT * EXCLUDE (name) REPLACE (name AS channel) FROM ({places.sql})"
    )
    for step in relation_steps(view.definition):
        connection.execute(f"CREATE TEMP VIEW {step.name} AS {step.sql}")


# ---------------------------------------------------------------------- what places say


class Moved(NamedTuple):
    """What other words for places change: sources of touchpoints, and orders by their key."""

    sources: Keys
    orders: Keys


_LINE_COLUMNS = (KEY, "platform", "content_form", "streamer_id", "room_id", "content_id")
_SOME_SOURCES = """
SELECT CAST(key AS VARCHAR) AS event_id, 'everybody' AS _identifier, CAST(0 AS BIGINT) AS "at", *
FROM _sources
"""
_SOME_EVIDENCE = {
    "event_id": "CAST(key AS VARCHAR)",
    "at": "CAST(0 AS BIGINT)",
    "platform": "platform",
    "event": "'order_source'",
    "content_form": "coalesce(content_form, 'unknown')",
    "streamer_id": "streamer_id",
    "session_id": "room_id",
    "content_id": "content_id",
}
_EVERYBODY = pa.Table.from_pylist(
    [{"id_hash": "everybody", "person_id": "everybody"}], schema=_PEOPLE
)
_TOLD = """
SELECT person IS NULL AS of_order,
    CAST(substr(event_id, instr(event_id, ':') + 1) AS UBIGINT) AS key,
    channel, streamer_id, session_id, session_day
FROM touchpoint_rows
"""
_MOVED = """
SELECT DISTINCT of_order, key
FROM (
    (FROM old EXCEPT FROM new) UNION ALL (FROM new EXCEPT FROM old)
    UNION ALL SELECT o.* FROM old AS o SEMI JOIN _sessions USING (session_id)
)
"""


def moved(old: World, new: World, view: View) -> Moved:
    """Return what is called otherwise, or lies elsewhere, by the places of the new world.

    Whatever happened in a session is taken to have moved if anything is told otherwise of it.
    """
    sources = pa.concat_tables(old.evidence.sources.live())
    lines = pa.concat_tables(old.orders.lines.live(_LINE_COLUMNS))
    with closing(open_connection(view.options.timezone)) as connection:
        for name, world in (("old", old), ("new", new)):
            connection.register(name, _told(sources, lines, world.places, view))
        connection.register("_sessions", _sessions(old.places, new.places))
        found = connection.sql(_MOVED).to_arrow_table()
    keys = np.asarray(found.column(KEY).to_numpy())
    of_order = np.asarray(found.column("of_order").to_numpy()).astype(bool)
    return Moved(keys[~of_order], keys[of_order])


def _told(
    sources: pa.Table, lines: pa.Table, places: Mapping[str, pa.Table], view: View
) -> pa.Table:
    """Return what the steps make of each source, and of the place of each line."""
    with closing(open_connection(view.options.timezone)) as connection:
        connection.register("_sources", sources)
        _show_touchpoints(connection, _SOME_SOURCES)
        connection.register("identities", _EVERYBODY)
        connection.register("_lines", lines)
        said = [
            f'{_SOME_EVIDENCE.get(item.name, _NULL[item.type])} AS "{item.name}"'
            for item in TABLES["touchpoints"].schema
            if item.name in PROVENANCE.names or not item.name.startswith("_")
        ]
        # Person and order stand between a touchpoint's columns and where its row came from.
        place = len(said) - len(PROVENANCE.names)
        said[place:place] = [
            "CAST(NULL AS VARCHAR) AS person_id",
            "CAST(key AS VARCHAR) AS order_id",
        ]
        evidence = f"SELECT {', '.join(said)} FROM (SELECT DISTINCT * FROM _lines)"
        connection.execute(f"CREATE TEMP TABLE order_evidence AS {evidence}")
        _make(connection, places, view, ((*_GIVEN, "order_evidence"), _PLACED))
        _show_relations(connection, view)
        return connection.sql(_TOLD).to_arrow_table()


def _sessions(old: Mapping[str, pa.Table], new: Mapping[str, pa.Table]) -> pa.Table:
    """Return the sessions of which something is told otherwise, as `platform:session_id`."""
    found = []
    for name in old:
        if "session_id" in old[name].column_names:
            both = pa.concat_tables([old[name], new[name]])
            counted = both.group_by(both.column_names).aggregate([([], "count_all")])
            single = counted.filter(pc.equal(counted.column("count_all"), 1))
            columns = single.column("platform"), single.column("session_id")
            found.append(pc.binary_join_element_wise(*columns, ":"))
    chunks = [chunk for column in found for chunk in column.chunks]
    return pa.table({"session_id": pa.chunked_array(chunks, pa.string())})
