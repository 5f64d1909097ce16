"""A refresh from nothing: everything is read, and kept for the next time."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from attribution.assemble.duck import assembled
from attribution.assemble.inputs import inputs
from attribution.assemble.rows import journeys_of
from attribution.names import VALUE
from attribution.refresh.affected import used_tally
from attribution.refresh.evidence import build_evidence
from attribution.refresh.keeping import Found, keep, manifest_of, report_of
from attribution.refresh.orders import build_orders, make_orders
from attribution.refresh.people import undated_links
from attribution.refresh.sums import Sums, summed
from attribution.refresh.world import Needed, World, needed
from attribution.store.connection import open_connection
from attribution.store.latest import create_latest
from attribution.store.tables import PROVENANCE
from attribution.tally import sum_tallies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    import pyarrow as pa

    from attribution.journeys import Journeys
    from attribution.refresh.task import Listing, Task
    from attribution.store.parts import Marker
    from attribution.tally import Tally

__all__ = ["from_nothing", "latest_rows", "money_alone", "place_rows"]

_ROWS = 1_500_000  # touchpoints of a portion
_MEMORY = "2GB"


def from_nothing(task: Task, listing: Listing, stamp: int, why: str) -> Found:
    """Read everything, and tell `why`; `stamp` numbers the files that this run writes."""
    markers = listing.markers
    place = (task.folder, str(stamp))
    sums, used = _all_sums(task, markers)
    with closing(open_connection(task.store.timezone, _MEMORY)) as connection:
        evidence = build_evidence(connection, task.store.folder, markers, listing.hidden, place)
        undated = undated_links(connection)
    tables = needed(task.view)
    with closing(latest_rows(task, listing, tables)) as connection:
        make_orders(connection, task.view.options)
        orders = build_orders(connection, place)
        places = place_rows(connection, tables)
    world = World(evidence, orders, places)
    manifest = manifest_of(task, listing, (stamp, undated), world, {})
    return keep(task, manifest, sums, used, (), report_of(task, listing, markers, why))


def _all_sums(task: Task, markers: Sequence[Marker]) -> tuple[Sums, Tally]:
    """Return the sums over all journeys of the store, and how many touchpoints channels have."""
    rows = sum(
        marker.parts["touchpoints"][1] for marker in markers if "touchpoints" in marker.parts
    )
    used: list[Tally] = []
    portions = max(1, -(-rows // _ROWS))
    with inputs(task.store, task.view.definition, portions=portions, memory=_MEMORY) as held:

        def batches() -> Iterator[Journeys]:
            for portion in held.portions:
                with held.relations(portion) as connection:
                    table = assembled(connection, held.definition, held.channels, held.as_of)
                    counted = connection.sql(
                        "SELECT channel, count(*)::DOUBLE AS rows FROM touchpoint_rows "
                        "GROUP BY channel"
                    ).to_arrow_table()
                used.append(used_tally(held.channels, counted))
                yield money_alone(journeys_of(table, held.channels, held.definition, held.timezone))

        sums = summed(batches(), task.models)
    return sums, sum_tallies(used)


def money_alone(journeys: Journeys) -> Journeys:
    """Return journeys with the credited money alone: of the others one is an estimate."""
    return replace(journeys, values={VALUE: journeys.values[VALUE]})


def latest_rows(task: Task, listing: Listing, tables: Needed) -> duckdb.DuckDBPyConnection:
    """Return a connection with the newest rows of what orders and channels' names follow from."""
    connection = open_connection(task.store.timezone)
    try:
        create_latest(
            connection,
            task.store.folder,
            listing.markers,
            listing.hidden,
            tables.orders | tables.places,
        )
    except BaseException:
        connection.close()
        raise
    return connection


def place_rows(connection: duckdb.DuckDBPyConnection, tables: Needed) -> dict[str, pa.Table]:
    """Return the newest rows of the tables that name channels, without where they came from."""
    nowhere = ", ".join(
        f"CAST(NULL AS {'BIGINT' if name == '_row' else 'VARCHAR'}) AS {name}"
        for name in PROVENANCE.names
    )
    return {
        name: connection.sql(
            f"SELECT * REPLACE ({nowhere}) FROM latest_{name} ORDER BY ALL"  # noqa: S608
        ).to_arrow_table()
        for name in sorted(tables.places)
    }
