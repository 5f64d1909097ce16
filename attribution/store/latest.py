"""The rows that count: of several with one key the newest, over all committed parts.

A table has three views: `stored_<table>`, every row the parts hold; `visible_<table>`, without the
forgotten; `latest_<table>`, one row for each key. `quarantine` lists what still needs mending.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from attribution.store.parts import QUARANTINE, layout, part_file
from attribution.store.suppression import visible
from attribution.store.tables import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import duckdb

    from attribution.store.parts import Marker

__all__ = ["create_latest", "key_text"]

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
}
_PLACE = "_place"  # of a row in its part: with its batch it names the row


def create_latest(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    markers: Sequence[Marker],
    suppressed: pa.Array,
    tables: Collection[str],
) -> None:
    """Create the views over the parts that the markers list.

    Parameters
    ----------
    connection
        Where the views come to be.
    folder, markers
        The store and its batches.
    suppressed
        Hashes and digests of forgotten people.
    tables
        Canonical tables to create `latest_<table>` for; `quarantine` for that.
    """
    batches = pa.table(
        {
            "batch": pa.array([marker.batch for marker in markers], pa.string()),
            "sequence": pa.array([marker.sequence for marker in markers], pa.int64()),
            "source": pa.array([marker.source for marker in markers], pa.string()),
            "file": pa.array([marker.file for marker in markers], pa.string()),
        }
    )
    _keep(connection, "batches", batches)
    _keep(connection, "suppressed", pa.table({"token": suppressed}))
    rejecting = _rejecting(markers) if "quarantine" in tables else []
    for name, table in TABLES.items():
        if name in tables or table in rejecting:
            rows = _stored(folder, name, table.schema, markers)
            connection.execute(f"CREATE VIEW stored_{name} AS {rows}")
            rows = visible(name, f"stored_{name}", suppressed)
            connection.execute(f"CREATE VIEW visible_{name} AS {rows}")
        if name in tables:
            _create_one_per_key(connection, table)
    if "quarantine" in tables:
        rows = _stored(folder, "quarantine", QUARANTINE, markers)
        connection.execute(f"CREATE VIEW stored_quarantine AS {rows}")
        connection.execute(f"CREATE VIEW quarantine AS {_quarantine(rejecting)}")


def _keep(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register(f"_{name}", table)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM _{name}")
    connection.unregister(f"_{name}")


# ---------------------------------------------------------------------- parts


def _stored(folder: Path, name: str, schema: pa.Schema, markers: Sequence[Marker]) -> str:
    """Return a SELECT of all rows of a table; parts of an older layout lack newer columns."""
    today = layout()
    listed = [
        (part_file(folder, name, marker.parts[name][0]), marker.layout == today)
        for marker in markers
        if name in marker.parts
    ]
    new = [file for file, is_new in listed if is_new]
    old = [file for file, is_new in listed if not is_new]
    columns = ", ".join(f'"{column}"' for column in [*schema.names, _PLACE])
    if new and not old:
        return f"SELECT {columns} FROM ({_read(new)})"
    nothing = ", ".join(
        f'NULL::{_SQL_TYPES[kind]} AS "{column}"'
        for column, kind in [*zip(schema.names, schema.types, strict=True), (_PLACE, pa.int64())]
    )
    united = [f"SELECT {nothing} WHERE false"]
    if new:
        united.append(_read(new))
    if old:
        united.append(_read(old, ", union_by_name = true"))
    return f"SELECT {columns} FROM ({' UNION ALL BY NAME '.join(united)})"


def _read(files: list[Path], also: str = "") -> str:
    listed = ", ".join(_literal(_unglobbed(file.as_posix())) for file in files)
    return (
        f"SELECT * RENAME (file_row_number AS {_PLACE}) FROM read_parquet([{listed}], "
        f"file_row_number = true, hive_partitioning = false{also})"
    )


def _unglobbed(path: str) -> str:
    """Return a path in which DuckDB finds no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# ---------------------------------------------------------------------- latest


def _create_one_per_key(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create `latest_<table>`: of rows with one key the newest, then latest batch, then last row.

    Few keys come twice, so those that may are found by their hash first, and only their rows are
    sorted. What loses is kept in a table, named by its batch and its place there: the view is then
    no more than the rows without those.
    """
    columns = ", ".join(f'"{column}"' for column in table.schema.names)
    rows, older = f"visible_{table.name}", f"older_{table.name}"
    latest = f"CREATE VIEW latest_{table.name} AS SELECT {columns} FROM {rows}"
    if table.key:
        key = ", ".join(f'"{column}"' for column in table.key)
        newest = f'"{table.newest}" DESC NULLS LAST, ' if table.newest else ""
        connection.execute(
            f"""
            CREATE TEMP TABLE {older} AS
            WITH repeated AS MATERIALIZED (
                SELECT hash({key}) AS h FROM {rows} GROUP BY h HAVING count(*) > 1
            )
            SELECT _batch AS older_batch, {_PLACE} AS older_place
            FROM {rows} JOIN batches ON _batch = batch
            WHERE hash({key}) IN (SELECT h FROM repeated)
            QUALIFY row_number() OVER (
                PARTITION BY {key} ORDER BY {newest}sequence DESC, _batch, _row DESC, {_PLACE} DESC
            ) > 1
            """
        )
        if connection.sql(f"SELECT 1 FROM {older} LIMIT 1").fetchall():
            latest += f" ANTI JOIN {older} ON _batch = older_batch AND {_PLACE} = older_place"
    connection.execute(latest)


# ---------------------------------------------------------------------- quarantine


def key_text(table: Table) -> str:
    """Return SQL for a row's key as one text, as rejected rows carry it; null with no key."""
    return " || '|' || ".join(f"coalesce(\"{column}\"::VARCHAR, '')" for column in table.key)


def _rejecting(markers: Sequence[Marker]) -> list[Table]:
    """Return the tables of which rows were rejected."""
    found = {reason.split(".")[0].split(":")[0] for marker in markers for reason in marker.reasons}
    return [table for name, table in TABLES.items() if name in found and table.key]


def _quarantine(rejecting: Sequence[Table]) -> str:
    """Return a SELECT of what still needs mending.

    A finding with a key is settled once a later batch accepted that key, or told of it anew; one
    without a key once the file it came from was read with newer content. What a snapshot no longer
    holds is settled as well.
    """
    accepted = "".join(
        f"""
            UNION ALL
            SELECT '{table.name}', {key_text(table)}, sequence
            FROM visible_{table.name} JOIN batches ON _batch = batch
            WHERE {key_text(table)} IN (SELECT "key" FROM entries WHERE "table" = '{table.name}')
        """
        for table in rejecting
    )
    return f"""
        WITH entries AS MATERIALIZED (
            SELECT q.*, sequence FROM stored_quarantine q JOIN batches ON _batch = batch
        ), accepted AS (
            SELECT "table", "key", max(sequence) AS accepted_in
            FROM (SELECT '' AS "table", '' AS "key", 0 AS sequence WHERE false {accepted})
            GROUP BY ALL
        ), read_again AS (
            SELECT source AS _source, file AS _file, max(sequence) AS read_in
            FROM batches GROUP BY ALL
        ), told AS (
            SELECT *, max(sequence) OVER (PARTITION BY _source, _file, "table", "key") AS told_in
            FROM entries
        )
        SELECT _source AS source, _file AS file, _row AS row, "table", "column", found, expected,
            remedy, "key", _batch
        FROM told
        LEFT JOIN accepted USING ("table", "key")
        JOIN read_again USING (_source, _file)
        WHERE CASE
            WHEN "key" IS NULL THEN sequence = read_in
            ELSE sequence = told_in AND coalesce(accepted_in, 0) <= sequence
        END
    """
