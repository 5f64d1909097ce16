"""Refresh: credit as of now, at the cost of what has changed since the last time.

The store's markers say which batches came and went. Of those, and of no others, the parts are read;
they say whose touchpoints, identifiers, links and orders are new. These people's rows, as they were
and as they are, are taken from what is kept, made into journeys by the same steps as everybody's,
and the old journeys' sums are taken from the kept ones, the new journeys' added. Whole numbers come
out equal to the last bit to those of a run from nothing.

Times of journeys without an order that are still open grow with the time of reading; no model
whose sums hold them may be refreshed so. None that comes with the package does.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution.assemble.duck import assembled
from attribution.assemble.inputs import inputs
from attribution.assemble.rows import journeys_of
from attribution.errors import DataError
from attribution.model import label
from attribution.models.named import default_models
from attribution.names import VALUE
from attribution.refresh.affected import affected, used_tally
from attribution.refresh.evidence import (
    Evidence,
    build_evidence,
    read_changes,
    updated,
)
from attribution.refresh.order_ties import TIED, named_keys, tied_rows
from attribution.refresh.orders import (
    ChangedOrders,
    Orders,
    build_orders,
    changed_orders,
    make_orders,
)
from attribution.refresh.people import identities_of, undated_links
from attribution.refresh.state import (
    FORM,
    Manifest,
    batches_of,
    clean,
    commit,
    digest_of,
    is_whole,
    read_manifest,
    read_table,
    remove,
    state_folder,
    write_table,
)
from attribution.refresh.sums import (
    Sums,
    added,
    empty_like,
    part_of,
    read_tallies,
    summed,
    with_channels,
    write_tallies,
)
from attribution.refresh.world import Needed, View, World, moved, needed, rows_of
from attribution.store.connection import open_connection
from attribution.store.latest import create_latest
from attribution.store.parts import layout, locked, part_file, store_errors
from attribution.store.steps import ViewOptions
from attribution.store.store import filled_store
from attribution.store.suppression import suppressed
from attribution.store.tables import PROVENANCE
from attribution.tally import Tally
from attribution.workspace import Workspace, read_workspace

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from attribution.credit import Credit
    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.store.parts import Marker
    from attribution.store.store import Store

    Keys = NDArray[np.uint64]

__all__ = ["Refreshed", "forget_kept", "refresh"]

_TRIES = 100  # of reading a store that another process keeps rewriting
_ROWS = 1_500_000  # touchpoints of a portion of a full run
_MEMORY = "2GB"
_FOLDED = 16  # files of sums by part that are added up into one
_FEW = 100_000  # identifiers, or numbers of orders
_MOST = 0.3  # of the identifiers: when more are affected a full run is quicker


@dataclass(frozen=True, eq=False)
class Refreshed:
    """The credit of a workspace's orders as of now, and what it took to know.

    Attributes
    ----------
    models
        In the order asked for.
    tallies
        Their sums, equal to those over all journeys at once.
    full
        Whether everything was read.
    why
        Why it was; empty if it was not.
    batches
        How many files' rows came, and how many went.
    people
        How many persons, and orders without one, have other journeys than before; 0 if `full`.
    rows, bytes
        Rows of files that came, and the size of the files they stand in.
    newest
        The latest instant in the rows of the store, UTC epoch ms; None where there is none.
    """

    models: tuple[Model, ...]
    tallies: tuple[Tally, ...]
    full: bool
    why: str
    batches: tuple[int, int]
    people: int
    rows: int
    bytes: int
    newest: int | None
    _parts: tuple[Path, ...]

    @cached_property
    def credits(self) -> dict[str, Credit]:
        """What each model gives each channel, by the model's label."""
        return {
            label(model): model.credit(tally)
            for model, tally in zip(self.models, self.tallies, strict=True)
        }

    def frame(self) -> pd.DataFrame:
        """Return one row for each model and channel: model, channel, conversions, value."""
        columns = ["model", "channel", "conversions", VALUE]
        frames = [
            credit.frame().assign(model=name)[columns] for name, credit in self.credits.items()
        ]
        return pd.concat(frames, ignore_index=True)

    def by_day(self) -> list[dict[int, Tally]]:
        """Return, for each model, the sums of each day, in days since 1970-01-01.

        A journey's day is that of its order in the workspace's time zone (of its last touchpoint,
        if it has no order), or that on which the live session of its last touchpoint starts.
        """
        return [part_of(tally) for tally in self._parted()[: len(self.models)]]

    def on_day(self, day: int) -> list[Tally]:
        """Return each model's sums of one day, in days since 1970-01-01."""
        return [
            part_of(tally, [day]).get(day, empty_like(tally))
            for tally in self._parted()[: len(self.models)]
        ]

    def last_day(self, latest: int) -> int | None:
        """Return the last day up to `latest`, in days since 1970-01-01, that has an order."""
        days = part_of(self._parted()[0])
        with_orders = [day for day, tally in days.items() if tally.column("conversions").sum() > 0]
        return max((day for day in with_orders if day <= latest), default=None)

    def by_block(self) -> list[dict[int, Tally]]:
        """Return, for each model, the sums of each of 64 blocks of persons."""
        return [part_of(tally) for tally in self._parted()[len(self.models) :]]

    def _parted(self) -> list[Tally]:
        return _added_up(self._parts)


class _Task(NamedTuple):
    """What is to be refreshed, by what settings, and where it is kept."""

    store: Store
    view: View
    models: tuple[Model, ...]
    folder: Path
    settings: dict[str, str]


class _Listing(NamedTuple):
    """The store at one moment."""

    markers: tuple[Marker, ...]
    hidden: pa.Array


class _Found(NamedTuple):
    """The outcome of a run: what to keep, and what to tell."""

    manifest: Manifest
    refreshed: Refreshed


def refresh(
    workspace: Workspace | str | os.PathLike[str],
    *,
    models: Sequence[Model] | None = None,
    full: bool = False,
    waiting: Callable[[], None] | None = None,
) -> Refreshed:
    """Return the credit of all paid orders of a workspace as of now.

    What is needed to do it quickly the next time is kept beside the store, in `data/store/refresh`.
    It may be deleted. A run that is killed leaves what was kept before.

    Parameters
    ----------
    workspace
        A workspace or its folder; journeys are what [journeys] of its file says.
    models
        Those compared by default if not given.
    full
        Whether to read everything anew, whatever is kept.
    waiting
        Called once if another run refreshes the same workspace for more than two seconds.

    Raises
    ------
    ConfigError
        If the folder is no workspace.
    DataError
        If the store is empty or a file of it cannot be read.
    """
    task = _task(workspace, models)
    with locked(task.folder, waiting), store_errors(task.folder):
        return _retried(task, full=full)


def forget_kept(
    workspace: Workspace | str | os.PathLike[str], waiting: Callable[[], None] | None = None
) -> None:
    """Leave nothing of a person who was forgotten in what is kept: refresh it, or remove it."""
    task = _task(workspace, None)
    if not task.folder.is_dir():
        return
    with locked(task.folder, waiting), store_errors(task.folder):
        kept = read_manifest(task.folder)
        if kept is not None and not _why_full(task, _listing(task.store), kept):
            _retried(task, full=False)
        else:
            remove(task.folder)


def _task(workspace: Workspace | str | os.PathLike[str], models: Sequence[Model] | None) -> _Task:
    if not isinstance(workspace, Workspace):
        workspace = read_workspace(workspace)
    store = filled_store(workspace)
    options = ViewOptions(None, store.timezone, store.excludes, store.language)
    view = View(options, workspace.journeys)
    chosen = tuple(default_models() if models is None else models)
    settings = _settings(store, view, chosen)
    return _Task(store, view, chosen, state_folder(store.folder), settings)


def _retried(task: _Task, *, full: bool) -> Refreshed:
    """Refresh from one listing of the store, and from a new one if the store changed under it."""
    import duckdb

    kept = read_manifest(task.folder)
    clean(task.folder, kept)
    for _ in range(_TRIES):
        listing = _listing(task.store)
        try:
            found = _once(task, listing, kept, full=full)
        except (duckdb.Error, OSError, pa.ArrowException):
            if _listing(task.store) == listing:
                raise
            continue
        # A full run reads the store twice, which must not have changed in between.
        if not found.refreshed.full or _listing(task.store) == listing:
            if found.manifest is not kept:
                commit(task.folder, found.manifest)
            return found.refreshed
    raise DataError(
        "files that were replaced again and again while they were read",
        "a store at rest",
        "Wait until `ingest` is done.",
        source=task.store.folder.name,
    )


def _listing(store: Store) -> _Listing:
    return _Listing(store.batches(), suppressed(store.folder))


def _settings(store: Store, view: View, models: Sequence[Model]) -> dict[str, str]:
    """Return a digest of each thing that decides what the sums are."""
    import duckdb

    return {
        "the package": digest_of(duckdb.__version__, layout()),
        "[journeys]": digest_of(view.definition),
        "the models": digest_of(*models),
        "[identity]": digest_of(store.rules),
        "the time zone": digest_of(store.timezone),
        "[[exclude]]": digest_of(store.excludes),
        "the language": digest_of(store.language),
    }


def _once(task: _Task, listing: _Listing, kept: Manifest | None, *, full: bool) -> _Found:
    stamp = 1 if kept is None else kept.stamp + 1
    why = "asked for" if full else _why_full(task, listing, kept)
    if not why and kept is not None:
        try:
            return _changed(task, listing, kept, stamp)
        except _NotLocalError as reason:
            why = str(reason)
    return _from_nothing(task, listing, stamp, why)


class _NotLocalError(Exception):
    """A change that only a full run can follow; says why."""


def _why_full(task: _Task, listing: _Listing, kept: Manifest | None) -> str:
    """Return why everything has to be read; empty if it has not."""
    if task.view.definition.value == "net_expected_fen":
        return "what is still to be refunded is estimated over all orders"
    if kept is None:
        return "nothing was kept of an earlier run"
    if kept.form != FORM:
        return "what is kept is of another version"
    other = [name for name, digest in task.settings.items() if kept.settings.get(name) != digest]
    if other:
        return f"changed since: {', '.join(other)}"
    if kept.undated:
        return "links without any time, whose place among others everybody's decide"
    if not is_whole(task.folder, kept):
        return "files of what is kept are missing"
    if not {*kept.suppressed} <= {*listing.hidden.to_pylist()}:
        return "somebody who was forgotten is listed no more"
    return ""


# ---------------------------------------------------------------------- everything


def _from_nothing(task: _Task, listing: _Listing, stamp: int, why: str) -> _Found:
    markers = listing.markers
    place = (task.folder, str(stamp))
    sums, used = _all_sums(task, markers)
    with closing(open_connection(task.store.timezone)) as connection:
        evidence = build_evidence(connection, task.store.folder, markers, listing.hidden, place)
        undated = undated_links(connection)
    tables = needed(task.view)
    with closing(_latest(task, listing, tables)) as connection:
        make_orders(connection, task.view.options)
        orders = build_orders(connection, place)
        places = _places(connection, tables)
    world = World(evidence, orders, places)
    manifest = _manifest(task, listing, stamp, undated, world, None)
    return _kept(task, manifest, sums, used, (), _report(task, listing, markers, why))


def _all_sums(task: _Task, markers: Sequence[Marker]) -> tuple[Sums, Tally]:
    """Return the sums over all journeys of the store, and how many touchpoints channels have."""
    rows = sum(
        marker.parts["touchpoints"][1] for marker in markers if "touchpoints" in marker.parts
    )
    used: list[Tally] = []
    portions = max(1, -(-rows // _ROWS))
    with inputs(task.store, task.view.definition, portions=portions, memory=_MEMORY) as held:

        def batches() -> Iterator[Journeys]:
            for portion in held.portions:
                with held.relations(portion) as connection:
                    table = assembled(connection, held.definition, held.channels, held.as_of)
                    counted = connection.sql(
                        "SELECT channel, count(*)::DOUBLE AS rows FROM touchpoint_rows "
                        "GROUP BY channel"
                    ).to_arrow_table()
                used.append(used_tally(held.channels, counted))
                yield _plain(journeys_of(table, held.channels, held.definition, held.timezone))

        sums = summed(batches(), task.models)
    return sums, added(used)


def _plain(journeys: Journeys) -> Journeys:
    """Return journeys with the credited money alone: of the others one is an estimate."""
    return replace(journeys, values={VALUE: journeys.values[VALUE]})


def _latest(task: _Task, listing: _Listing, tables: Needed) -> duckdb.DuckDBPyConnection:
    connection = open_connection(task.store.timezone)
    try:
        create_latest(
            connection,
            task.store.folder,
            listing.markers,
            listing.hidden,
            tables.orders | tables.places,
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _places(connection: duckdb.DuckDBPyConnection, tables: Needed) -> dict[str, pa.Table]:
    """Return the newest rows of the tables that name channels, without where they came from."""
    nowhere = ", ".join(
        f"CAST(NULL AS {'BIGINT' if name == '_row' else 'VARCHAR'}) AS {name}"
        for name in PROVENANCE.names
    )
    return {
        name: connection.sql(
            f"SELECT * REPLACE ({nowhere}) FROM latest_{name} ORDER BY ALL"  # noqa: S608
        ).to_arrow_table()
        for name in sorted(tables.places)
    }


# ---------------------------------------------------------------------- what changed


def _changed(task: _Task, listing: _Listing, kept: Manifest, stamp: int) -> _Found:
    batches = batches_of(listing.markers)
    forgotten = listing.hidden.filter(
        pc.invert(pc.is_in(listing.hidden, value_set=pa.array(kept.suppressed, pa.string())))
    )

    def same(name: str) -> bool:
        then, now = kept.batches.get(name), batches.get(name)
        if then is None or now is None or not len(forgotten):
            return then == now
        # Of a batch that was written again to forget somebody, the rest is what it was.
        return replace(then, edition=0, tables=()) == replace(now, edition=0, tables=())

    came = [marker for marker in listing.markers if not same(marker.batch)]
    gone = [batch.sequence for name, batch in kept.batches.items() if not same(name)]
    if not came and not gone and not len(forgotten):
        return _as_it_was(task, listing, kept)
    touched = {name for marker in came for name in marker.parts}
    touched |= {
        name for each, batch in kept.batches.items() if not same(each) for name in batch.tables
    }
    old = _world(task.folder, kept)
    tables = needed(task.view)
    with closing(open_connection(task.store.timezone)) as connection:
        changes = read_changes(connection, task.store.folder, came, gone, listing.hidden, forgotten)
        evidence, keys = updated(connection, old.evidence, changes, str(stamp))
    new = replace(old, evidence=evidence)
    changed = np.zeros(0, np.uint64)
    if len(forgotten) or touched & (tables.orders | tables.places):
        lost = {
            name for each, batch in kept.batches.items() if not same(each) for name in batch.tables
        }
        anew = len(forgotten) or lost & tables.orders or touched & (tables.orders - {*TIED})
        with closing(_latest(task, listing, tables)) as connection:
            batches_came = [] if anew else [marker.batch for marker in came]
            found = _changed_orders(task, connection, old.orders, batches_came, str(stamp))
            new = World(evidence, found.orders, _places(connection, tables))
        changed, keys = found.changed, np.union1d(keys, found.owners)
        if any(not new.places[name].equals(old.places[name]) for name in new.places):
            words = moved(old, new, task.view)
            of_sources = pa.array(words.sources, pa.uint64())
            whose = old.evidence.touchpoints.keys_where("source", of_sources)
            digests = old.orders.digests.take(words.orders)
            owners = digests.column("owner").drop_null().to_numpy()
            changed = np.union1d(changed, words.orders)
            keys = np.unique(np.concatenate([keys, whose, owners]))
    sums, used, people = _difference(task, (old, new), keys, changed)
    if len(forgotten):
        new = replace(
            new,
            evidence=new.evidence.compacted(f"{stamp}-rest"),
            orders=new.orders.compacted(f"{stamp}-rest"),
        )
    manifest = _manifest(task, listing, stamp, 0, new, kept)
    *totals, channels = read_tallies(task.folder / kept.totals)
    sums = Sums(
        tuple(added([a, b]) for a, b in zip(totals, sums.totals, strict=True)),
        sums.days,
        sums.blocks,
    )
    report = _report(task, listing, came, "")
    report = replace(report, batches=(len(came), len(gone)), people=people)
    return _kept(task, manifest, sums, added([channels, used]), kept.parts, report)


def _changed_orders(
    task: _Task,
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
    task: _Task, worlds: tuple[World, World], keys: Keys, changed: Keys
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
        raise _NotLocalError("most people are affected")
    rows = []
    for world in worlds:
        identities, undated = identities_of(
            world.evidence, near, task.store.rules, task.store.timezone
        )
        if undated:
            raise _NotLocalError("links without any time")
        orders = np.union1d(world.orders.of(near), changed)
        rows.append(rows_of(world, identities, near, orders, task.view))
    found = affected(rows[0], rows[1], task.view)
    came = summed([_plain(found.new)], task.models)
    return came.less(summed([_plain(found.old)], task.models)), found.used, found.people


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


# ---------------------------------------------------------------------- what is kept and told


def _manifest(
    task: _Task,
    listing: _Listing,
    stamp: int,
    undated: int,
    world: World,
    kept: Manifest | None,
) -> Manifest:
    """Write the places, and return a manifest that lists all but the sums."""
    places = {}
    old = None if kept is None else _world(task.folder, kept).places
    for name, table in world.places.items():
        if kept is not None and old is not None and table.equals(old[name]):
            places[name] = kept.places[name]
        else:
            places[name] = f"{name}-{stamp}"
            write_table(task.folder / places[name], table)
    return Manifest(
        form=FORM,
        settings=task.settings,
        batches=batches_of(listing.markers),
        suppressed=tuple(listing.hidden.to_pylist()),
        undated=undated,
        stamp=stamp,
        evidence=world.evidence.segments,
        orders=world.orders.segments,
        places=places,
        totals="",
        parts=(),
    )


def _kept(
    task: _Task,
    manifest: Manifest,
    sums: Sums,
    used: Tally,
    parts: tuple[str, ...],
    report: Refreshed,
) -> _Found:
    """Write the sums, and return manifest and report with them.

    Parameters
    ----------
    sums
        In all; and what is new by day and by block.
    used
        Touchpoints by channel.
    parts
        Files of the sums by day and block so far.
    """
    names = [used.channels[code] for code in used.codes]
    channels = tuple(sorted(names))
    totals = tuple(with_channels(tally, channels) for tally in sums.totals)
    file = f"totals-{manifest.stamp}"
    write_tallies(task.folder / file, (*totals, used))
    fresh = f"parts-{manifest.stamp}"
    if any(len(tally) for tally in (*sums.days, *sums.blocks)) or not parts:
        write_tallies(task.folder / fresh, (*sums.days, *sums.blocks))
        parts = (*parts, fresh)
    if len(parts) > _FOLDED:
        whole = _added_up([task.folder / name for name in parts])
        write_tallies(task.folder / f"{fresh}-whole", whole)
        parts = (f"{fresh}-whole",)
    manifest = replace(manifest, totals=file, parts=parts)
    files = tuple(task.folder / name for name in parts)
    return _Found(manifest, replace(report, tallies=totals, _parts=files))


def _added_up(files: Sequence[Path]) -> list[Tally]:
    return [added(each) for each in zip(*map(read_tallies, files), strict=True)]


def _as_it_was(task: _Task, listing: _Listing, kept: Manifest) -> _Found:
    *totals, _ = read_tallies(task.folder / kept.totals)
    report = _report(task, listing, (), "")
    files = tuple(task.folder / name for name in kept.parts)
    return _Found(kept, replace(report, tallies=tuple(totals), _parts=files))


def _report(task: _Task, listing: _Listing, read: Sequence[Marker], why: str) -> Refreshed:
    parts = [(name, *part) for marker in read for name, part in marker.parts.items()]
    sizes = [part_file(task.store.folder, name, file) for name, file, _ in parts]
    return Refreshed(
        models=task.models,
        tallies=(),
        full=bool(why),
        why=why,
        batches=(len(read), 0),
        people=0,
        rows=sum(rows for _, _, rows in parts),
        bytes=sum(file.stat().st_size for file in sizes),
        newest=max((m.last_at for m in listing.markers if m.last_at is not None), default=None),
        _parts=(),
    )
