"""What is kept of the store's evidence of people, so that few of them can be looked at again.

Six indexes hold the visible rows of touchpoints, identifiers and links as the store's views would
give them: by whom they are about, not by who that is, so that persons may merge and part without
a row being moved.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.refresh.index import Index, build_index
from attribution.refresh.segment import KEY, in_sorted
from attribution.store.latest import create_latest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from attribution.store.parts import Marker

    Keys = NDArray[np.uint64]


__all__ = [
    "SOURCE_COLUMNS",
    "TABLES_KEPT",
    "TOUCHPOINT",
    "Changes",
    "Evidence",
    "build_evidence",
    "read_changes",
]

TABLES_KEPT = ("touchpoints", "identifiers", "links")

# What a touchpoint's channel and places are read from: few touchpoints differ in it from others.
SOURCE_COLUMNS = (
    "platform",
    "event",
    "content_form",
    "traffic",
    "streamer_id",
    "session_id",
    "content_id",
    "placement",
    "product_id",
    "_alias_type",
    "_alias_value",
)
_SOURCE = ", ".join(SOURCE_COLUMNS)
_BATCH = 1_000_000  # rows in memory at once

_TEXT, _WHOLE, _BITS = pa.string(), pa.int64(), pa.uint64()
# Of a touchpoint whose identifier is not known the event stands for it.
TOUCHPOINT = pa.schema(
    [
        (KEY, _BITS),
        ("event_key", _BITS),
        ("_identifier", _TEXT),
        ("event", _TEXT),
        ("at", _WHOLE),
        ("received_at", _WHOLE),
        ("source", _BITS),
        ("sequence", _WHOLE),
        ("row", _WHOLE),
        ("place", _WHOLE),
    ]
)
_SCHEMAS = {
    "touchpoints": TOUCHPOINT,
    "older": TOUCHPOINT,
    "events": pa.schema([(KEY, _BITS), ("owner", _BITS)]),
    "identifiers": pa.schema(
        [
            (KEY, _BITS),
            ("id_hash", _TEXT),
            ("id_type", _TEXT),
            ("namespace", _TEXT),
            ("first_seen", _WHOLE),
            ("last_seen", _WHOLE),
            ("sequence", _WHOLE),
        ]
    ),
    "links": pa.schema(
        [
            (KEY, _BITS),
            ("other", _BITS),
            ("a", _TEXT),
            ("b", _TEXT),
            ("kind", _TEXT),
            ("at", _WHOLE),
            ("sequence", _WHOLE),
        ]
    ),
    "sources": pa.schema([(KEY, _BITS), *((name, _TEXT) for name in SOURCE_COLUMNS)]),
}

_EVENT = "hash(platform || ':' || event_id)"
_TOUCHPOINTS = f"""
SELECT coalesce(hash(_identifier), {_EVENT}) AS key, {_EVENT} AS event_key, _identifier,
    platform || ':' || event_id AS event, "at", received_at, hash({_SOURCE}) AS source, sequence,
    _row AS "row", _place AS place
FROM visible_touchpoints JOIN batches ON _batch = batch
"""
_READS = {
    "touchpoints": f"{_TOUCHPOINTS} ANTI JOIN older_touchpoints "
    "ON _batch = older_batch AND _place = older_place",
    "older": f"SELECT * REPLACE (event_key AS key) FROM ({_TOUCHPOINTS} SEMI JOIN "
    "older_touchpoints ON _batch = older_batch AND _place = older_place)",
    "identifiers": """
        SELECT hash(id_hash) AS key, id_hash, id_type, namespace, first_seen, last_seen, sequence
        FROM visible_identifiers JOIN batches ON _batch = batch
    """,
    # A link is found from both of its ends.
    "links": """
        SELECT unnest([hash(a), hash(b)]) AS key, unnest([hash(b), hash(a)]) AS other,
            a, b, kind, "at", sequence
        FROM visible_links JOIN batches ON _batch = batch
    """,
    "sources": f"SELECT DISTINCT hash({_SOURCE}) AS key, {_SOURCE} FROM visible_touchpoints",
}


@dataclass(frozen=True)
class Evidence:
    """The kept evidence.

    Attributes
    ----------
    touchpoints
        The newest row of each event, by identifier.
    older
        Rows of events that a newer row hides, by event: they count again if that one goes.
    events
        By event: the key its touchpoint stands under.
    identifiers
        Rows of identifiers, by hash.
    links
        Links, by either end.
    sources
        What touchpoints are read as, see `SOURCE_COLUMNS`; rows no touchpoint needs any more stay.
    """

    touchpoints: Index
    older: Index
    events: Index
    identifiers: Index
    links: Index
    sources: Index

    @classmethod
    def opened(cls, folder: Path, segments: Mapping[str, Sequence[str]]) -> Evidence:
        """Return the evidence in these files of a folder."""
        return cls(**{name: Index.opened(folder, segments[name]) for name in _SCHEMAS})

    @property
    def segments(self) -> dict[str, list[str]]:
        """Names of the files' segments, for a manifest."""
        return {each.name: list(getattr(self, each.name).segments) for each in fields(self)}

    def compacted(self, stamp: str) -> Evidence:
        """Return the same in files that hold nothing else."""
        return Evidence(
            **{
                each.name: getattr(self, each.name).compacted(f"{each.name}-{stamp}")
                for each in fields(self)
            }
        )

    def near(self, keys: Keys) -> Keys:
        """Return these identifiers and all that links lead to from them, and so on."""
        near = fresh = np.unique(keys)
        while len(fresh):
            found = np.unique(self.links.take(fresh).column("other").to_numpy())
            fresh = found[~in_sorted(found, near)]
            near = np.union1d(near, fresh)
        return near


class Changes(NamedTuple):
    """What batches that came have brought, and what went.

    Attributes
    ----------
    rows
        New visible rows of `touchpoints` (all, of whatever age), identifiers, links and sources.
    gone
        Sequences of batches whose rows no longer count.
    forgotten
        Identifiers of people forgotten since.
    """

    rows: Mapping[str, pa.Table]
    gone: pa.Array
    forgotten: pa.Array


# ---------------------------------------------------------------------- reading the store


def build_evidence(
    connection: duckdb.DuckDBPyConnection,
    store: Path,
    markers: Sequence[Marker],
    hidden: pa.Array,
    place: tuple[Path, str],
) -> Evidence:
    """Index all evidence of a store.

    Parameters
    ----------
    connection
        An empty one.
    store, markers, hidden
        The store's folder, its batches, and what is suppressed.
    place
        The folder to write into, and what the files' names end in.
    """
    folder, stamp = place
    create_latest(connection, store, markers, hidden, TABLES_KEPT)
    connection.execute(
        "CREATE TEMP TABLE new_events AS "
        f"SELECT {_EVENT} AS key, coalesce(hash(_identifier), {_EVENT}) AS owner "
        "FROM latest_touchpoints"
    )
    reads = {**_READS, "events": "SELECT * FROM new_events"}
    rows = {
        name: sum(marker.parts[name][1] for marker in markers if name in marker.parts)
        for name in TABLES_KEPT
    }
    rows |= {"events": rows["touchpoints"], "older": 0, "sources": 0, "links": 2 * rows["links"]}
    return Evidence(
        **{
            name: build_index(
                folder,
                f"{name}-{stamp}",
                schema,
                _streamed(connection, reads[name], schema),
                rows[name],
            )
            for name, schema in _SCHEMAS.items()
        }
    )


def read_changes(
    connection: duckdb.DuckDBPyConnection,
    store: Path,
    came: Sequence[Marker],
    gone: Sequence[int],
    hidden: pa.Array,
    forgotten: pa.Array,
) -> Changes:
    """Read the parts of batches that came.

    Parameters
    ----------
    connection
        An empty one.
    store
        The store's folder.
    came, gone
        New batches; sequences of those whose rows no longer count.
    hidden, forgotten
        All that is suppressed, and what of it was not when the evidence was kept.
    """
    create_latest(connection, store, came, hidden, TABLES_KEPT)
    reads = {**_READS, "touchpoints": _TOUCHPOINTS}
    rows = {
        name: pa.concat_tables(
            [_SCHEMAS[name].empty_table(), *_streamed(connection, reads[name], _SCHEMAS[name])]
        )
        for name in (*TABLES_KEPT, "sources")
    }
    return Changes(rows, pa.array(gone, _WHOLE), forgotten)


def _streamed(
    connection: duckdb.DuckDBPyConnection, sql: str, schema: pa.Schema
) -> Iterator[pa.Table]:
    for batch in connection.sql(sql).to_arrow_reader(_BATCH):
        yield pa.table(batch).select(schema.names).cast(schema)
