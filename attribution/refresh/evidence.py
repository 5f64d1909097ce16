"""What is kept of the store's evidence of people, so that few of them can be looked at again.

Six indexes hold the visible rows of touchpoints, identifiers and links as the store's views would
give them: by whom they are about, not by who that is, so that persons may merge and part without
a row being moved.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
_TOUCHPOINT = pa.schema(
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
    "touchpoints": _TOUCHPOINT,
    "older": _TOUCHPOINT,
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
_NEWEST_FIRST = 'received_at DESC NULLS LAST, sequence DESC, "row" DESC, place DESC'
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


# ---------------------------------------------------------------------- what changes


class Updated(NamedTuple):
    """The evidence after changes, and the keys of identifiers with something new about them."""

    evidence: Evidence
    touched: Keys


def updated(
    connection: duckdb.DuckDBPyConnection, kept: Evidence, changes: Changes, stamp: str
) -> Updated:
    """Bring changes into the evidence, as further segments of its indexes."""
    hidden = hash_of(connection, changes.forgotten)
    touchpoints, seen = _with_touchpoints(connection, kept, changes, hidden, stamp)
    identifiers, known = _with_rows(kept.identifiers, changes, "identifiers", hidden, stamp)
    links, linked = _with_links(kept.links, changes, hidden, stamp)
    rows = changes.rows["sources"]
    rows = rows.filter(pa.array(~kept.sources.has(rows.column(KEY).to_numpy())))
    sources = kept.sources.with_rows(rows.column(KEY).to_numpy(), rows, f"sources-{stamp}")
    evidence = replace(touchpoints, identifiers=identifiers, links=links, sources=sources)
    return Updated(evidence, np.unique(np.concatenate([seen, known, linked])))


def hash_of(connection: duckdb.DuckDBPyConnection, texts: pa.Array) -> Keys:
    """Return the key of each identifier's hash."""
    connection.register("_texts", pa.table({"text": texts.cast(_TEXT)}))
    found = connection.sql("SELECT hash(text) AS key FROM _texts").to_arrow_table()
    connection.unregister("_texts")
    return np.asarray(found.column(KEY).to_numpy())


def _with_rows(
    index: Index, changes: Changes, name: str, hidden: Keys, stamp: str
) -> tuple[Index, Keys]:
    """Return identifiers after the changes, and the keys that were touched."""
    new = changes.rows[name]
    keys = _touched(index, new, changes, hidden)
    stays = _stays(index.take(keys), changes, ("id_hash",))
    return index.with_rows(keys, pa.concat_tables([stays, new]), f"{name}-{stamp}"), keys


def _with_links(index: Index, changes: Changes, hidden: Keys, stamp: str) -> tuple[Index, Keys]:
    new = changes.rows["links"]
    keys = _touched(index, new, changes, hidden)
    # Who was linked with somebody who is forgotten, is touched, too.
    keys = np.union1d(keys, index.take(hidden).column("other").to_numpy())
    stays = _stays(index.take(keys), changes, ("a", "b"))
    return index.with_rows(keys, pa.concat_tables([stays, new]), f"links-{stamp}"), keys


def _touched(index: Index, new: pa.Table, changes: Changes, hidden: Keys) -> Keys:
    gone = index.keys_where("sequence", changes.gone) if len(changes.gone) else hidden
    return np.unique(np.concatenate([new.column(KEY).to_numpy(), gone, hidden]))


def _stays(rows: pa.Table, changes: Changes, names: tuple[str, ...]) -> pa.Table:
    """Return the rows that neither went with their batch nor name somebody who is forgotten."""
    lost = pc.is_in(rows.column("sequence"), value_set=changes.gone)
    for name in names:
        lost = pc.or_(lost, pc.is_in(rows.column(name), value_set=changes.forgotten))
    return rows.filter(pc.invert(lost))


# In `older` an event stands under itself; whose it is follows from the identifier.
_RANKED = f"""
SELECT * REPLACE (coalesce(hash(_identifier), event_key) AS key),
    row_number() OVER (PARTITION BY event ORDER BY {_NEWEST_FIRST}) AS nth
FROM candidates
"""
# Of one event: did it move, or change in what journeys read?
_MOVED = """
SELECT coalesce(o.key, n.key) AS old_key, coalesce(n.key, o.key) AS new_key
FROM before AS o FULL JOIN after AS n USING (event)
WHERE o.key IS DISTINCT FROM n.key OR o.at IS DISTINCT FROM n.at
    OR o.source IS DISTINCT FROM n.source
"""


def _with_touchpoints(
    connection: duckdb.DuckDBPyConnection,
    kept: Evidence,
    changes: Changes,
    hidden: Keys,
    stamp: str,
) -> tuple[Evidence, Keys]:
    """Return the evidence with the newest row of each event, and whose touchpoints changed."""
    new = changes.rows["touchpoints"]
    events = [new.column("event_key").to_numpy()]
    lost = [hidden]
    if len(changes.gone):
        lost.append(kept.touchpoints.keys_where("sequence", changes.gone))
        events.append(kept.older.keys_where("sequence", changes.gone))
    if len(changes.forgotten):
        events.append(kept.older.keys_where("_identifier", changes.forgotten))
    rows = kept.touchpoints.take(np.concatenate(lost))
    going = pc.or_(
        pc.is_in(rows.column("sequence"), value_set=changes.gone),
        pc.is_in(rows.column("_identifier"), value_set=changes.forgotten),
    )
    events.append(rows.filter(going).column("event_key").to_numpy())
    asked = np.unique(np.concatenate(events))
    owners = kept.events.take(asked).column("owner").to_numpy()
    there = kept.touchpoints.take(owners)
    told = in_sorted(there.column("event_key").to_numpy(), asked)
    before = there.filter(pa.array(told))
    older = kept.older.take(asked)
    candidates = [_stays(each, changes, ("_identifier",)) for each in (before, older)]
    connection.register("candidates", pa.concat_tables([*candidates, new]))
    ranked = connection.sql(_RANKED).to_arrow_table()
    first = pc.equal(ranked.column("nth"), 1)
    ranked = ranked.select(_TOUCHPOINT.names).cast(_TOUCHPOINT)
    after, hides = ranked.filter(first), ranked.filter(pc.invert(first))
    hides = hides.set_column(0, KEY, hides.column("event_key"))
    connection.register("before", before)
    connection.register("after", after)
    moved = connection.sql(_MOVED).to_arrow_table()
    for name in ("before", "after", "candidates"):
        connection.unregister(name)
    keys = np.union1d(owners, after.column(KEY).to_numpy())
    rows = kept.touchpoints.take(keys)
    others = rows.filter(pa.array(~in_sorted(rows.column("event_key").to_numpy(), asked)))
    evidence = replace(
        kept,
        touchpoints=kept.touchpoints.with_rows(
            keys, pa.concat_tables([others, after]), f"touchpoints-{stamp}"
        ),
        older=kept.older.with_rows(
            np.union1d(older.column(KEY).to_numpy(), hides.column(KEY).to_numpy()),
            hides,
            f"older-{stamp}",
        ),
        events=kept.events.with_rows(
            asked,
            pa.table({KEY: after.column("event_key"), "owner": after.column(KEY)}),
            f"events-{stamp}",
        ),
    )
    touched = [moved.column(name).to_numpy() for name in ("old_key", "new_key")]
    return evidence, np.unique(np.concatenate(touched))
