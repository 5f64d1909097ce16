"""Which orders new rows can change: those they name, and all that other rows tie to these.

A row about orders names one number or several: of the order, of a line, of the ERP's order. Orders
that no chain of such rows connects have nothing to do with each other, whatever the store's steps
make of them; so the steps can be run on the rows of some numbers alone.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from attribution.refresh.segment import KEY
from attribution.store.tables import PLATFORMS, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb
    from numpy.typing import NDArray

__all__ = ["TIED", "named_keys", "tied_rows"]

_LINE = "CASE WHEN line_id IN (SELECT number FROM named_lines) THEN line_id END"
_MERGED = r"string_split_regex(merged_ids, '[,;，；|\s]+')"

# The numbers that a row of each table names. A line's ties only where a row of another table names
# it, for orders and lines may be taken for each other there: lines' numbers may be as small as 1.
TIED = {
    "orders": ("order_id",),
    "order_lines": ("order_id", _LINE),
    "order_sources": ("order_id", "line_id"),
    "erp_orders": ("erp_order_id", "order_id"),
    "erp_lines": ("erp_order_id", "order_id"),
    "refunds": ("order_id", "line_id"),
    "costs": ("scope_id",),
    "platform_claims": ("order_id", "line_id"),
}
_NAMING = ("order_sources", "refunds", "costs", "platform_claims")


def tied_rows(
    connection: duckdb.DuckDBPyConnection, came: Sequence[str], most: int
) -> dict[str, pa.Table] | None:
    """Return the newest rows of all orders that the rows of some batches can change, by table.

    Parameters
    ----------
    connection
        With `visible_` and `latest_` views of the tables in `TIED`; the numbers stay in `tied`.
    came
        Ids of the batches.
    most
        Numbers; where there are more, None is returned.
    """
    connection.register("_came", pa.table({"batch": pa.array(came, pa.string())}))
    for name, sql in (
        ("named_lines", _distinct(f"SELECT {_numbers(n)} FROM visible_{n}" for n in _NAMING)),
        ("tied", _distinct(map(_touched, TIED))),
        ("ties", _all_ties()),
    ):
        connection.execute(f"CREATE TEMP TABLE {name} AS {sql}")
    before, size = -1, _size(connection)
    while before < size <= most:
        connection.execute(
            "INSERT INTO tied SELECT DISTINCT number FROM ties WHERE tie IN "
            "(SELECT tie FROM ties SEMI JOIN tied USING (number)) EXCEPT FROM tied"
        )
        before, size = size, _size(connection)
    if size > most:
        return None
    # All numbers of a row are tied by now, or none is.
    return {
        name: connection.sql(
            f"SELECT * FROM latest_{name} WHERE "
            f"coalesce({', '.join(f'nullif({each}, {_NOTHING})' for each in numbers)}, {_NOTHING}) "
            "IN (SELECT number FROM tied)"
        ).to_arrow_table()
        for name, numbers in TIED.items()
    }


def named_keys(connection: duckdb.DuckDBPyConnection) -> NDArray[np.uint64]:
    """Return the keys that orders of the numbers in `tied` have, on whatever platform."""
    platforms = pa.table({"platform": pa.array(PLATFORMS, pa.string())})
    connection.register("_platforms", platforms)
    keys = connection.sql(
        "SELECT hash(platform || ':' || number) AS key FROM tied CROSS JOIN _platforms"
    ).to_arrow_table()
    return np.asarray(keys.column(KEY).to_numpy())


_NOTHING = "''"


def _numbers(name: str) -> str:
    """Return the numbers of a row, as rows."""
    listed = f"[{', '.join(TIED[name])}]"
    if name == "erp_orders":
        listed = f"list_concat({listed}, coalesce({_MERGED}, []))"
    return f"unnest({listed}) AS number"


def _distinct(queries: Iterable[str]) -> str:
    union = " UNION ALL ".join(queries)
    return f"SELECT DISTINCT number FROM ({union}) WHERE number <> {_NOTHING}"


def _touched(name: str) -> str:
    """Return the numbers in rows of the batches, and in other rows of the same keys."""
    key = f"hash({', '.join(TABLES[name].key)})"
    return (
        f"SELECT {_numbers(name)} FROM visible_{name} WHERE {key} IN "
        f"(SELECT {key} FROM visible_{name} WHERE _batch IN (SELECT batch FROM _came))"
    )


def _all_ties() -> str:
    """Return a number and the row that names it, for rows that name several."""
    rows = " UNION ALL ".join(
        f"SELECT '{name}' || _batch || ':' || _place AS tie, {_numbers(name)} FROM visible_{name}"
        for name, numbers in TIED.items()
        if len(numbers) > 1
    )
    return (
        f"SELECT DISTINCT tie, number FROM ({rows}) WHERE number <> {_NOTHING} "
        "QUALIFY count(*) OVER (PARTITION BY tie) > 1"
    )


def _size(connection: duckdb.DuckDBPyConnection) -> int:
    ((size,),) = connection.sql("SELECT count(*) FROM tied").fetchall()
    return int(size)
