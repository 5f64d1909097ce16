"""Small batches of canonical rows, for tests of the store."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from attribution.store.parts import writing
from attribution.store.tables import TABLES

NOVEMBER = 1_762_000_000_000  # an instant, UTC epoch ms
DAY = 86_400_000


def hash_of(name):
    """Return what a keyed hash looks like, for a person's identifier."""
    return "0." + hashlib.sha256(name.encode()).hexdigest()[:32]


def rows(name, found):
    """Return rows of a canonical table from dicts, with only the columns they have."""
    schema = TABLES[name].schema
    columns = dict.fromkeys(column for row in found for column in row)
    return pa.table(
        {
            column: pa.array([row.get(column) for row in found], schema.field(column).type)
            for column in columns
        }
    )


def order(order_id, paid_fen=100, who=None, **more):
    given = {
        "order_id": order_id,
        "platform": "douyin",
        "status": "paid",
        "created_at": NOVEMBER,
        "paid_fen": paid_fen,
        "_row": 1,
    }
    if who is not None:
        given |= {"id_type": "open_id", "id_value": f"raw-{who}", "_identifier": hash_of(who)}
    return given | more


def touchpoint(event_id, who=None, **more):
    given = {
        "event_id": event_id,
        "at": NOVEMBER - DAY,
        "platform": "douyin",
        "event": "comment",
        "content_form": "live",
        "_row": 1,
    }
    if who is not None:
        given |= {"id_type": "open_id", "id_value": f"raw-{who}", "_identifier": hash_of(who)}
    return given | more


def identifier(who, at=NOVEMBER, id_type="doudian_open_id", namespace="shop"):
    return {
        "id_hash": hash_of(who),
        "id_type": id_type,
        "namespace": namespace,
        "first_seen": at,
        "last_seen": at,
        "_row": 1,
    }


def link(a, b, kind="strong", at=NOVEMBER):
    return {"a": hash_of(a), "b": hash_of(b), "kind": kind, "at": at, "_row": 1}


def finding(row, key=None, table="orders", column="status", **more):
    return {
        "_row": row,
        "table": table,
        "column": column,
        "found": "xxxx",
        "expected": "a status",
        "remedy": "Map it.",
        "key": key,
    } | more


def findings(found):
    return pa.Table.from_pylist(
        found,
        pa.schema(
            [
                ("_row", pa.int64()),
                *((n, pa.string()) for n in found[0] if n != "_row"),
            ]
        ),
    )


def commit(
    folder, batch, tables, rejected=(), *, revision="r", source="shop", file="a.csv", read=None
):
    """Write one batch of {table: [row, ...]} and return its marker."""
    with writing(folder) as writer:
        with writer.batch(
            batch, revision, source=source, file=file, digest="d", mapping="m"
        ) as open_batch:
            for name, found in tables.items():
                open_batch.add(name, rows(name, found))
            if rejected:
                open_batch.reject(findings(list(rejected)))
            open_batch.count(read=len(rejected) if read is None else read)
        return writer.marker(batch)
