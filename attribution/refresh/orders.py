"""What is kept of orders: what the store's own steps make of them, and a digest to compare by.

Orders are few beside touchpoints, and hang together in many ways (numbers of an ERP, lines that
refunds name). So whenever a table that says anything of orders has changed the steps run again,
and only those orders count as changed whose row or lines have.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.refresh.index import Index, build_index
from attribution.refresh.segment import KEY, in_sorted
from attribution.store.connection import create_steps, leading_to
from attribution.store.tables import PROVENANCE
from attribution.store.views import steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from attribution.store.steps import ViewOptions

    Keys = NDArray[np.uint64]

__all__ = ["MADE", "ChangedOrders", "Orders", "build_orders", "changed_orders", "make_orders"]

# The steps whose rows are kept: orders before their person is looked up, and their lines.
MADE = ("net_orders", "order_lines")
_BATCH = 250_000

# Where a row came from says nothing of an order, and whose it is its identifier says alone.
_NOWHERE = ", ".join(
    f"CAST(NULL AS {'BIGINT' if name == '_row' else 'VARCHAR'}) AS {name}"
    for name in PROVENANCE.names
)
_NOBODY = ", ".join(
    f"CAST(NULL AS VARCHAR) AS {name}"
    for name in ("id_type", "id_value", "payer_ref", "phone_index", "addressee_key")
)
_TABLES = {
    "made_orders": f"""
        SELECT hash(platform || ':' || order_id) AS key, hash(_identifier) AS owner,
            * REPLACE ({_NOWHERE}, {_NOBODY})
        FROM net_orders
    """,
    "made_lines": f"""
        SELECT o.key, l.* REPLACE ({_NOWHERE}, CAST(NULL AS VARCHAR) AS sharer_ref)
        FROM order_lines AS l
        JOIN made_orders AS o ON o.platform = l.platform AND o.order_id = l.order_id
    """,
    "made_digests": """
        WITH sums AS (
            SELECT key, sum(CAST(hash(l) AS HUGEINT)) % 18446744073709551557 AS lines
            FROM made_lines AS l
            GROUP BY key
        )
        SELECT o.key, o.owner, hash(hash(o), s.lines) AS digest
        FROM made_orders AS o LEFT JOIN sums AS s ON s.key = o.key
    """,
}
_ROWS = {
    "orders": "SELECT * EXCLUDE (owner) FROM made_orders",
    "lines": "SELECT * FROM made_lines",
    "digests": "SELECT * FROM made_digests",
    "owned": 'SELECT owner AS key, key AS "order" FROM made_digests WHERE owner IS NOT NULL',
}


@dataclass(frozen=True)
class Orders:
    """The kept orders.

    Attributes
    ----------
    orders, lines
        By order: its row and its lines.
    digests
        By order: the key of its identifier, null without one, and a digest of row and lines.
    owned
        By identifier: its orders' keys.
    """

    orders: Index
    lines: Index
    digests: Index
    owned: Index

    @classmethod
    def opened(cls, folder: Path, segments: Mapping[str, Sequence[str]]) -> Orders:
        """Return the orders in these files of a folder."""
        return cls(**{name: Index.opened(folder, segments[name]) for name in _ROWS})

    @property
    def segments(self) -> dict[str, list[str]]:
        """Names of the files' segments, for a manifest."""
        return {each.name: list(getattr(self, each.name).segments) for each in fields(self)}

    def compacted(self, stamp: str) -> Orders:
        """Return the same in files that hold nothing else."""
        return Orders(
            **{
                each.name: getattr(self, each.name).compacted(f"{each.name}-{stamp}")
                for each in fields(self)
            }
        )

    def of(self, identifiers: Keys) -> Keys:
        """Return the keys of the orders of these identifiers."""
        return np.unique(self.owned.take(identifiers).column("order").to_numpy())


class ChangedOrders(NamedTuple):
    """The orders as they are now, and what changed: keys of orders, and of their identifiers."""

    orders: Orders
    changed: Keys
    owners: Keys


def make_orders(connection: duckdb.DuckDBPyConnection, options: ViewOptions) -> None:
    """Run the steps on a connection that has the `latest_` views they read."""
    chosen, readers = leading_to(connection, steps(options), MADE)
    create_steps(connection, chosen, readers)
    for name, sql in _TABLES.items():
        connection.execute(f"CREATE TEMP TABLE {name} AS {sql}")


def build_orders(connection: duckdb.DuckDBPyConnection, place: tuple[Path, str]) -> Orders:
    """Index all orders that `make_orders` made; the place as in `build_evidence`."""
    folder, stamp = place
    ((rows,),) = connection.sql("SELECT count(*) FROM made_orders").fetchall()
    found = {}
    for name, sql in _ROWS.items():
        schema = connection.sql(f"{sql} LIMIT 0").to_arrow_table().schema
        tables = _streamed(connection, sql)
        found[name] = build_index(folder, f"{name}-{stamp}", schema, tables, rows)
    return Orders(**found)


def changed_orders(
    connection: duckdb.DuckDBPyConnection, kept: Orders, known: pa.Table, stamp: str
) -> ChangedOrders:
    """Compare what `make_orders` made with the kept digests of the same orders, and keep it."""
    connection.register("_kept", known)
    connection.execute(
        """
        CREATE TEMP TABLE changed AS
        SELECT coalesce(k.key, n.key) AS key, k.owner AS old_owner, n.owner AS new_owner
        FROM _kept AS k FULL JOIN made_digests AS n ON n.key = k.key
        WHERE k.digest IS DISTINCT FROM n.digest OR k.owner IS DISTINCT FROM n.owner
        """
    )
    connection.unregister("_kept")
    changed = connection.sql("SELECT * FROM changed").to_arrow_table()
    keys = np.asarray(changed.column(KEY).to_numpy())
    owners = np.unique(
        np.concatenate(
            [changed.column(name).drop_null().to_numpy() for name in ("old_owner", "new_owner")]
        )
    )
    if not len(keys):
        return ChangedOrders(kept, keys, owners)
    new = {
        name: connection.sql(f"SELECT * FROM ({_ROWS[name]}) SEMI JOIN changed USING (key)")
        .to_arrow_table()
        .cast(getattr(kept, name).schema)
        for name in ("orders", "lines", "digests")
    }
    found = {
        name: getattr(kept, name).with_rows(keys, rows, f"{name}-{stamp}")
        for name, rows in new.items()
    }
    # Their owners may have other orders, which are as they were.
    others = kept.owned.take(owners)
    others = others.filter(pa.array(~in_sorted(others.column("order").to_numpy(), np.unique(keys))))
    now = new["digests"].filter(pc.is_valid(new["digests"].column("owner")))
    owned = pa.table({KEY: now.column("owner"), "order": now.column(KEY)})
    owned = pa.concat_tables([others, owned.cast(kept.owned.schema)])
    found["owned"] = kept.owned.with_rows(owners, owned, f"owned-{stamp}")
    return ChangedOrders(Orders(**found), keys, owners)


def _streamed(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[pa.Table]:
    for batch in connection.sql(sql).to_arrow_reader(_BATCH):
        yield pa.table(batch)
