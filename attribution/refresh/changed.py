"""A refresh from what is kept: what came and went, whom it is about, and what that adds."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.refresh.affected import affected
from attribution.refresh.everything import latest_rows, money_alone, place_rows
from attribution.refresh.evidence import Evidence, read_changes
from attribution.refresh.keeping import Found, as_it_was, keep, manifest_of, report_of
from attribution.refresh.order_ties import TIED, named_keys, tied_rows
from attribution.refresh.orders import ChangedOrders, Orders, changed_orders, make_orders
from attribution.refresh.people import identities_of
from attribution.refresh.state import Batch, Manifest, batches_of, read_table
from attribution.refresh.sums import Sums, read_tallies, summed
from attribution.refresh.task import Listing, NotLocalError, Task
from attribution.refresh.update import updated
from attribution.refresh.world import World, moved, needed, rows_of
from attribution.store.connection import open_connection
from attribution.tally import sum_tallies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from attribution.store.parts import Marker
    from attribution.tally import Tally

    Keys = NDArray[np.uint64]

__all__ = ["changed"]

_FEW = 100_000  # identifiers, or numbers of orders
_MOST = 0.3  # of the identifiers: when more are affected a full run is quicker


class _News(NamedTuple):
    """What is otherwise in the store than when it was last read.

    Attributes
    ----------
    came, gone
        Batches that are new or other than before; those that are no more, as they were.
    forgotten
        Identifiers of people forgotten since.
    """

    came: tuple[Marker, ...]
    gone: tuple[Batch, ...]
    forgotten: pa.Array

    @property
    def lost(self) -> set[str]:
        """Tables of which rows went."""
        return {name for batch in self.gone for name in batch.tables}

    @property
    def touched(self) -> set[str]:
        """Tables of which rows came or went."""
        return self.lost | {name for marker in self.came for name in marker.parts}


class _Affected(NamedTuple):
    """Everybody's rows as they are now, and whom something is new about.

    Attributes
    ----------
    world
        The rows.
    identifiers, orders
        Keys of what changed, or may have.
    """

    world: World
    identifiers: Keys
    orders: Keys


def changed(task: Task, listing: Listing, kept: Manifest, stamp: int) -> Found:
    """Bring what is kept up to date; `stamp` numbers the files that this run writes.

    Raises
    ------
    NotLocalError
        If the change cannot be followed so.
    """
    news = _news(listing, kept)
    if not news.came and not news.gone and not len(news.forgotten):
        return as_it_was(task, listing, kept)
    old = _world(task.folder, kept)
    found = _affected(task, listing, old, news, str(stamp))
    more, used, people = _difference(task, (old, found.world), found.identifiers, found.orders)
    new = found.world
    if len(news.forgotten):
        new = replace(
            new,
            evidence=new.evidence.compacted(f"{stamp}-rest"),
            orders=new.orders.compacted(f"{stamp}-rest"),
        )
    same = {n: file for n, file in kept.places.items() if new.places[n].equals(old.places[n])}
    manifest = manifest_of(task, listing, (stamp, 0), new, same)
    *totals, channels = read_tallies(task.folder / kept.totals)
    added_up = tuple(sum_tallies(pair) for pair in zip(totals, more.totals, strict=True))
    report = replace(
        report_of(task, listing, news.came, ""),
        batches=(len(news.came), len(news.gone)),
        people=people,
    )
    sums = more._replace(totals=added_up)
    return keep(task, manifest, sums, sum_tallies([channels, used]), kept.parts, report)


def _news(listing: Listing, kept: Manifest) -> _News:
    batches = batches_of(listing.markers)
    known = pa.array(kept.suppressed, pa.string())
    forgotten = listing.hidden.filter(pc.invert(pc.is_in(listing.hidden, value_set=known)))

    def same(name: str) -> bool:
        then, now = kept.batches.get(name), batches.get(name)
        if then is None or now is None or not len(forgotten):
            return then == now
        # Of a batch that was written again to forget somebody, the rest is what it was.
        return replace(then, edition=0, tables=()) == replace(now, edition=0, tables=())

    return _News(
        tuple(marker for marker in listing.markers if not same(marker.batch)),
        tuple(batch for name, batch in kept.batches.items() if not same(name)),
        forgotten,
    )


def _affected(task: Task, listing: Listing, old: World, news: _News, stamp: str) -> _Affected:
    """Read what came, and return whom it and what went may matter to."""
    tables = needed(task.view)
    with closing(open_connection(task.store.timezone)) as connection:
        gone = [batch.sequence for batch in news.gone]
        changes = read_changes(
            connection, task.store.folder, news.came, gone, listing.hidden, news.forgotten
        )
        evidence, keys = updated(connection, old.evidence, changes, stamp)
    new = replace(old, evidence=evidence)
    if not len(news.forgotten) and not news.touched & (tables.orders | tables.places):
        return _Affected(new, keys, np.zeros(0, np.uint64))
    anew = len(news.forgotten) or news.lost & tables.orders
    anew = anew or news.touched & (tables.orders - {*TIED})
    with closing(latest_rows(task, listing, tables)) as connection:
        came = [] if anew else [marker.batch for marker in news.came]
        found = _changed_orders(task, connection, old.orders, came, stamp)
        new = replace(new, orders=found.orders, places=place_rows(connection, tables))
    orders, keys = found.changed, np.union1d(keys, found.owners)
    if any(not new.places[name].equals(old.places[name]) for name in new.places):
        words = moved(old, new, task.view)
        whose = old.evidence.touchpoints.keys_where("source", pa.array(words.sources, pa.uint64()))
        owners = old.orders.digests.take(words.orders).column("owner").drop_null().to_numpy()
        orders = np.union1d(orders, words.orders)
        keys = np.unique(np.concatenate([keys, whose, owners]))
    return _Affected(new, keys, orders)


def _changed_orders(
    task: Task,
    connection: duckdb.DuckDBPyConnection,
    kept: Orders,
    came: Sequence[str],
    stamp: str,
) -> ChangedOrders:
    """Return orders as they are now: those that batches can change, or all if none is named."""
    rows = tied_rows(connection, came, _FEW) if came else None
    if rows is None:
        make_orders(connection, task.view.options)
        known = pa.concat_tables(kept.digests.live())
        return changed_orders(connection, kept, known, stamp)
    known = kept.digests.take(named_keys(connection))
    tables = needed(task.view)
    with closing(open_connection(task.store.timezone)) as apart:
        for name in tables.orders:
            table = rows[name] if name in rows else _all_rows(connection, name)
            apart.register(f"latest_{name}", table)
        make_orders(apart, task.view.options)
        return changed_orders(apart, kept, known, stamp)


def _all_rows(connection: duckdb.DuckDBPyConnection, table: str) -> pa.Table:
    return connection.sql(f"FROM latest_{table}").to_arrow_table()


def _difference(
    task: Task, worlds: tuple[World, World], keys: Keys, changed: Keys
) -> tuple[Sums, Tally, int]:
    """Return what the change of worlds adds to sums and channels, and how many people it is about.

    Parameters
    ----------
    worlds
        Before and now.
    keys, changed
        Of identifiers and orders that something is new about.
    """
    old, new = worlds
    near = _near(old.evidence, new.evidence, keys)
    if len(near) > _FEW and len(near) > _MOST * _count(new.evidence):
        raise NotLocalError("most people are affected")
    rows = []
    for world in worlds:
        identities, undated = identities_of(
            world.evidence, near, task.store.rules, task.store.timezone
        )
        if undated:
            raise NotLocalError("links without any time")
        orders = np.union1d(world.orders.of(near), changed)
        rows.append(rows_of(world, identities, near, orders, task.view))
    found = affected(rows[0], rows[1], task.view)
    came = summed([money_alone(found.new)], task.models)
    return came.less(summed([money_alone(found.old)], task.models)), found.used, found.people


def _near(old: Evidence, new: Evidence, keys: Keys) -> Keys:
    """Return identifiers and all that links lead to, before or now."""
    near = keys
    while True:
        more = np.union1d(old.near(near), new.near(near))
        if len(more) == len(near):
            return more
        near = more


def _count(evidence: Evidence) -> int:
    """Return about how many rows of identifiers there are."""
    return sum(table.num_rows for table in evidence.identifiers.live(("key",)))


def _world(folder: Path, kept: Manifest) -> World:
    return World(
        Evidence.opened(folder, kept.evidence),
        Orders.opened(folder, kept.orders),
        {name: read_table(folder / file) for name, file in kept.places.items()},
    )
