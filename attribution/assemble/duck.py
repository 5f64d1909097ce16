"""Journeys on DuckDB: the steps run on a connection that holds their inputs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from attribution.assemble.dialect import DUCKDB
from attribution.assemble.rows import channel_table
from attribution.assemble.steps import PROJECTIONS, journey_steps
from attribution.store.connection import enough_memory, leading_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    import pyarrow as pa

    from attribution.journeys.definition import JourneyDefinition

__all__ = ["assembled", "made_step"]


def assembled(
    connection: duckdb.DuckDBPyConnection,
    definition: JourneyDefinition,
    channels: Sequence[str],
    as_of: int,
) -> pa.Table:
    """Return the relation `journeys` of the touchpoints and orders that a connection holds.

    Nothing stays behind on the connection, so that it can be called again when the relations hold
    other people.

    Parameters
    ----------
    connection
        Holds `touchpoint_rows`, `order_rows` and `line_rows` as tables or views.
    definition
        What a journey is.
    channels
        Every channel, sorted; `channel` of a touchpoint is an index into it.
    as_of
        UTC milliseconds.

    Returns
    -------
    pyarrow.Table
        One row for each journey, for `journeys_of`.

    Raises
    ------
    StoreError
        If the memory does not suffice; it names the step, and what to set.
    """
    return made_step(connection, definition, channels, as_of, "journeys")


def made_step(
    connection: duckdb.DuckDBPyConnection,
    definition: JourneyDefinition,
    channels: Sequence[str],
    as_of: int,
    wanted: str,
) -> pa.Table:
    """Return what one of the steps holds; the rest as in `assembled`.

    A step that several others read is computed once, and what it does not need is not made.
    """
    steps = journey_steps(definition, DUCKDB, as_of)
    chosen, readers = leading_to(connection, steps, [wanted])
    with ExitStack() as made:
        connection.register("channel_names", channel_table(definition, channels))
        made.callback(connection.unregister, "channel_names")
        for step in chosen[:-1]:
            kind = "TABLE" if readers[step.name] > 1 and step.name not in PROJECTIONS else "VIEW"
            with enough_memory(step.name):
                connection.execute(f'CREATE TEMP {kind} "{step.name}" AS {step.sql}')
            made.callback(connection.execute, f'DROP {kind} temp."{step.name}"')
        with enough_memory(wanted):
            table: pa.Table = connection.sql(chosen[-1].sql).to_arrow_table()
            return table
