"""What came and went, brought into the kept evidence; and whom it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.refresh.evidence import TOUCHPOINT, Changes, Evidence
from attribution.refresh.segment import KEY, in_sorted

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from attribution.refresh.index import Index

    Keys = NDArray[np.uint64]

__all__ = ["Updated", "updated"]


class Updated(NamedTuple):
    """The evidence after changes, and the keys of identifiers with something new about them."""

    evidence: Evidence
    touched: Keys


def updated(
    connection: duckdb.DuckDBPyConnection, kept: Evidence, changes: Changes, stamp: str
) -> Updated:
    """Bring changes into the evidence, as further segments of its indexes."""
    hidden = _hash_of(connection, changes.forgotten)
    touchpoints, seen = _with_touchpoints(connection, kept, changes, hidden, stamp)
    identifiers, known = _with_rows(kept.identifiers, changes, "identifiers", hidden, stamp)
    links, linked = _with_links(kept.links, changes, hidden, stamp)
    rows = changes.rows["sources"]
    rows = rows.filter(pa.array(~kept.sources.has(rows.column(KEY).to_numpy())))
    sources = kept.sources.with_rows(rows.column(KEY).to_numpy(), rows, f"sources-{stamp}")
    evidence = replace(touchpoints, identifiers=identifiers, links=links, sources=sources)
    return Updated(evidence, np.unique(np.concatenate([seen, known, linked])))


def _hash_of(connection: duckdb.DuckDBPyConnection, texts: pa.Array) -> Keys:
    """Return the key of each identifier's hash."""
    connection.register("_texts", pa.table({"text": texts.cast(pa.string())}))
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
_RANKED = """
SELECT * REPLACE (coalesce(hash(_identifier), event_key) AS key),
    row_number() OVER (
        PARTITION BY event
        ORDER BY received_at DESC NULLS LAST, sequence DESC, "row" DESC, place DESC
    ) AS nth
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
    ranked = ranked.select(TOUCHPOINT.names).cast(TOUCHPOINT)
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
