"""What a change means for sums: the affected people's old and new journeys, and no others."""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.assemble.duck import assembled
from attribution.assemble.rows import journeys_of
from attribution.journeys import Journeys
from attribution.store.connection import open_connection
from attribution.tally import Tally, tally_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from attribution.refresh.world import View

__all__ = ["Affected", "affected", "rows_by_channel"]

_OWNER = "coalesce(r.person, r.order_id)"


class Affected(NamedTuple):
    """What goes and what comes.

    Attributes
    ----------
    people
        How many persons, and orders without one, have other rows than before.
    old, new
        Their journeys before and now, without those that stayed as they were.
    used
        Touchpoints by channel: what came, less what went.
    """

    people: int
    old: Journeys
    new: Journeys
    used: Tally


def affected(old: Mapping[str, pa.Table], new: Mapping[str, pa.Table], view: View) -> Affected:
    """Return what differs between some people's old and new rows."""
    with closing(open_connection(view.options.timezone)) as connection:
        for side, rows in (("old", old), ("new", new)):
            for name, table in rows.items():
                connection.register(f"{side}_{name}", table)
        people = _differing(connection, [*old])
        channels = _channels(connection)
        latest = _latest(connection)
        tables = [
            _assembled(connection, side, [*old], (channels, latest), view)
            for side in ("old", "new")
        ]
        left = _without_common(connection, *tables)
        before, now = (
            journeys_of(table, channels, view.definition, view.options.timezone) for table in left
        )
        used = rows_by_channel(connection, channels, "new") - rows_by_channel(
            connection, channels, "old"
        )
    return Affected(people, before, now, used)


def rows_by_channel(
    connection: duckdb.DuckDBPyConnection, channels: tuple[str, ...], side: str
) -> Tally:
    """Return how many touchpoints there are of each channel: what channels there are to know of."""
    found = connection.sql(
        f"SELECT channel, count(*)::DOUBLE AS rows FROM {side}_chosen GROUP BY channel"
    ).to_arrow_table()
    return used_tally(channels, found)


def used_tally(channels: tuple[str, ...], counted: pa.Table) -> Tally:
    """Return counts of touchpoints, columns channel (code) and rows, as a tally."""
    codes = counted.column("channel").to_numpy().astype(np.int32)
    return tally_rows(
        channels,
        ("rows",),
        ("rows",),
        np.arange(len(codes) + 1, dtype=np.int64),
        codes,
        counted.column("rows").to_numpy().astype(float)[:, None],
    )


def _differing(connection: duckdb.DuckDBPyConnection, names: list[str]) -> int:
    """Create `owners`: whoever has other rows than before; return how many."""
    parts = []
    for name in names:
        for one, two in (("old", "new"), ("new", "old")):
            rows = f"FROM {one}_{name} EXCEPT ALL FROM {two}_{name}"
            parts.append(f"SELECT {_OWNER} AS owner FROM ({rows}) AS r")
    connection.execute(
        f"CREATE TEMP TABLE owners AS SELECT DISTINCT owner FROM ({' UNION ALL '.join(parts)})"
    )
    ((count,),) = connection.sql("SELECT count(*) FROM owners").fetchall()
    return int(count)


def _channels(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    found = connection.sql(
        "SELECT DISTINCT channel FROM (SELECT channel FROM old_touchpoint_rows "
        "UNION ALL SELECT channel FROM new_touchpoint_rows)"
    ).fetchall()
    return tuple(sorted(name for (name,) in found))


def _latest(connection: duckdb.DuckDBPyConnection) -> int:
    """Return an instant that no row is later than: nothing that stays depends on which."""
    rows = " UNION ALL ".join(
        f'SELECT max("at") AS "at" FROM {side}_{name}'
        for side in ("old", "new")
        for name in ("touchpoint_rows", "order_rows")
    )
    ((latest,),) = connection.sql(f'SELECT coalesce(max("at"), 0) FROM ({rows})').fetchall()
    return int(latest)


def _assembled(
    connection: duckdb.DuckDBPyConnection,
    side: str,
    names: list[str],
    scope: tuple[tuple[str, ...], int],
    view: View,
) -> pa.Table:
    """Return the journeys of `owners` on one side; `scope` is all channels, and `as_of`."""
    channels, as_of = scope
    codes = {"name": pa.array(channels, pa.string()), "code": np.arange(len(channels))}
    connection.register("codes", pa.table(codes))
    connection.execute(
        f"CREATE TEMP TABLE {side}_chosen AS "
        "SELECT r.* REPLACE (CAST(c.code AS INTEGER) AS channel) "
        f"FROM {side}_touchpoint_rows AS r JOIN codes AS c ON c.name = r.channel "
        f"SEMI JOIN owners ON owner = {_OWNER}"
    )
    connection.execute(f"CREATE TEMP VIEW touchpoint_rows AS FROM {side}_chosen")
    for name in names[1:]:
        connection.execute(
            f"CREATE TEMP VIEW {name} AS SELECT r.* FROM {side}_{name} AS r "
            f"SEMI JOIN owners ON owner = {_OWNER}"
        )
    try:
        return assembled(connection, view.definition, channels, as_of)
    finally:
        for name in names:
            connection.execute(f"DROP VIEW {name}")
        connection.unregister("codes")


def _without_common(
    connection: duckdb.DuckDBPyConnection, old: pa.Table, new: pa.Table
) -> list[pa.Table]:
    """Return the journeys that stand in one table only, of each."""
    connection.register("old_journeys", old)
    connection.register("new_journeys", new)
    return [
        connection.sql(f"FROM {one} EXCEPT ALL FROM {two}").to_arrow_table().cast(old.schema)
        for one, two in (("old_journeys", "new_journeys"), ("new_journeys", "old_journeys"))
    ]
