"""Planted rows for the views: what a test does not say is empty."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from attribution.store.connection import create_steps, leading_to
from attribution.store.tables import TABLES
from attribution.store.views import ViewOptions, steps

IDENTITIES = pa.schema(
    [
        ("id_hash", pa.string()),
        ("person_id", pa.string()),
        ("valid_from", pa.int64()),
        ("valid_to", pa.int64()),
    ]
)
DAY = 86_400_000


def _empty(name: str, schema: pa.Schema) -> str:
    words = {"string": "VARCHAR", "int64": "BIGINT", "bool": "BOOLEAN", "double": "DOUBLE"}
    columns = ", ".join(f'"{field.name}" {words[str(field.type)]}' for field in schema)
    return f"CREATE TABLE {name} ({columns});"


EMPTY = _empty("identities", IDENTITIES) + "".join(
    _empty(f"latest_{name}", table.schema) for name, table in TABLES.items()
)

# What a row has when its test does not care.
USUAL: dict[str, dict[str, Any]] = {
    "orders": {"platform": "douyin", "status": "paid", "paid_fen": 0},
    "order_lines": {"platform": "douyin", "paid_fen": 0},
    "order_sources": {"platform": "douyin"},
    "erp_orders": {"paid_fen": 0},
    "refunds": {"platform": "douyin", "status": "success", "kind": "refund_only"},
    "touchpoints": {
        "platform": "douyin",
        "event": "comment",
        "content_form": "live",
        "quality": "observed",
    },
    "costs": {"platform": "douyin", "kind": "slot_fee", "amount_fen": 100},
    "platform_claims": {"platform": "douyin", "claimer": "qianchuan"},
    "sessions": {"platform": "douyin"},
    "streamer_aliases": {"platform": "douyin"},
}


def ms(text: str, zone: str = "Asia/Shanghai") -> int:
    """Return the UTC milliseconds of a clock reading."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


class World(NamedTuple):
    """Planted rows, and how to look at them."""

    connection: duckdb.DuckDBPyConnection
    options: ViewOptions


def planted(rows: dict[str, list[dict[str, Any]]], options: ViewOptions | None = None) -> World:
    """Return a world of some rows of canonical tables and `identities`."""
    unknown = set(rows) - set(TABLES) - {"identities"}
    assert not unknown, unknown
    connection = duckdb.connect()
    connection.execute(EMPTY)
    for name, given in rows.items():
        table = TABLES.get(name)
        schema = IDENTITIES if table is None else table.schema
        full = [
            row if table is None else {**_provenance(name, i), **USUAL.get(name, {}), **row}
            for i, row in enumerate(given, 1)
        ]
        for row in full:
            assert not set(row) - set(schema.names), set(row) - set(schema.names)
        connection.register("incoming", pa.Table.from_pylist(full, schema=schema))
        into = name if table is None else f"latest_{name}"
        connection.execute(f"INSERT INTO {into} SELECT * FROM incoming")
        connection.unregister("incoming")
    return World(connection, options or ViewOptions())


def _provenance(table: str, row: int) -> dict[str, Any]:
    return {"_source": table, "_file": f"{table}.csv", "_row": row, "_batch": "b0"}


def listed(world: World, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query, or of a step sorted by its columns, as dictionaries."""
    text = query if " " in query else f"SELECT * FROM {query} ORDER BY ALL"
    wanted = re.findall(r"\b(?:FROM|JOIN|DESCRIBE) (\w+)", text)
    made = "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views()"
    there = {name for (name,) in world.connection.execute(made).fetchall()}
    chosen, readers = leading_to(world.connection, steps(world.options), wanted)
    create_steps(world.connection, [step for step in chosen if step.name not in there], readers)
    cursor = world.connection.execute(text)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def one(world: World, query: str) -> dict[str, Any]:
    """Return the only row of a query or step."""
    rows = listed(world, query)
    assert len(rows) == 1, rows
    return rows[0]
