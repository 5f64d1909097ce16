"""A DuckDB connection that holds the tables somebody wants, and what they are made from.

The steps from stored rows to final tables read each other many times over. As views alone, one
query would read the same parts hundreds of times; so a step that is read several times is computed
once, and only steps that lead to a wanted table are made at all.
"""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.errors import StoreError
from attribution.store.steps import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb

    from attribution.store.steps import Step

_LIMIT = re.compile(r"/([\d.]+ \w+) used")  # where DuckDB says how much there was

__all__ = [
    "create_steps",
    "enough_memory",
    "leading_to",
    "limit_memory",
    "open_connection",
    "tables_read",
]


def open_connection(timezone: str, memory: str = "") -> duckdb.DuckDBPyConnection:
    """Return an empty connection in memory, which loads nothing from anywhere.

    Parameters
    ----------
    timezone
        Of its clock.
    memory
        What it may use before it writes to temporary files, such as "2GB"; if empty, most of the
        machine's.
    """
    import duckdb

    spill = Path(tempfile.gettempdir()) / f"attribution-{secrets.token_hex(16)}"
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": spill.as_posix(),
        },
    )
    connection.execute(f"SET TimeZone = {literal(timezone)}")
    if memory:
        limit_memory(connection, memory)
    return connection


def limit_memory(connection: duckdb.DuckDBPyConnection, memory: str) -> None:
    """Let a connection use no more than this, such as "2GB", before it writes to the disk."""
    connection.execute("SET preserve_insertion_order = false")  # what needs an order says so
    connection.execute(f"SET memory_limit = {literal(memory)}")


def tables_read(connection: duckdb.DuckDBPyConnection, sql: str) -> Counter[str]:
    """Return the names a SELECT reads from, its own WITH among them, and how often; else none.

    It is parsed only: what it reads need not exist.
    """
    found = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()
    names: Counter[str] = Counter()
    open_nodes = [json.loads(text) for (text,) in found]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE":
                names[node["table_name"]] += 1
            open_nodes.extend(node.values())
        elif isinstance(node, list):
            open_nodes.extend(node)
    return names


def leading_to(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Step], wanted: Iterable[str]
) -> tuple[list[Step], Counter[str]]:
    """Return the steps that lead to the wanted tables, and how often they read each table."""
    needed, chosen, readers = {*wanted}, [], Counter[str]()
    for step in reversed(steps):
        if step.name in needed:
            read = tables_read(connection, step.sql)
            needed |= {*read}
            readers.update(read)
            chosen.append(step)
    return chosen[::-1], readers


def create_steps(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Step], readers: Counter[str]
) -> None:
    """Create steps in order: as a table if read several times, as a view if not."""
    for step in steps:
        kind = "TEMP TABLE" if readers[step.name] > 1 else "VIEW"
        with enough_memory(step.name):
            connection.execute(f'CREATE {kind} "{step.name}" AS {step.sql}')


@contextmanager
def enough_memory(step: str) -> Iterator[None]:
    """Say for which step the memory did not suffice, and what to do.

    Raises
    ------
    StoreError
        Instead of DuckDB's own error, or of Arrow's that stands for it.
    """
    import duckdb
    import pyarrow as pa

    try:
        yield
    except (duckdb.OutOfMemoryException, OSError, pa.ArrowException) as error:
        if not isinstance(error, duckdb.OutOfMemoryException) and "Out of Memory" not in str(error):
            raise
        limit = _LIMIT.search(str(error))
        raise StoreError(
            f"too little memory for the step {step!r}" + (f": {limit[1]}" if limit else ""),
            "room for what it sorts and joins",
            'Allow more: memory="2GB" does for most stores, "4GB" for large ones; the disk of '
            "temporary files must have room, too.",
        ) from error
