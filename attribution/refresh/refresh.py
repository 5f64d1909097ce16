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

import struct
from typing import TYPE_CHECKING

import pyarrow as pa

from attribution.errors import DataError
from attribution.refresh.changed import changed
from attribution.refresh.everything import from_nothing
from attribution.refresh.refreshed import Refreshed
from attribution.refresh.state import Manifest, clean, commit, read_manifest, remove
from attribution.refresh.task import Listing, NotLocalError, Task, listing_of, task_of, why_full
from attribution.store.parts import locked, store_errors

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from attribution.model import Model
    from attribution.refresh.keeping import Found
    from attribution.workspace import Workspace

__all__ = ["Refreshed", "forget_kept", "refresh"]

# What reading a damaged file of what is kept may raise.
_DAMAGED = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, MemoryError),
    *(struct.error, pa.ArrowException),
)
_TRIES = 100  # of reading a store that another process keeps rewriting


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
        Those compared by default if not given. A model of one's own is known by its fields and the
        text of its methods: after a change elsewhere, such as in a function it calls, ask for
        `full`. It must not read the ages of journeys that are open, which grow with time.
    full
        Whether to read everything anew, whatever is kept.
    waiting
        Called once if another run refreshes the same workspace for more than two seconds.

    Raises
    ------
    ConfigError
        If the folder is no workspace, there is no model or one twice, or one is a model of rates
        in time: its sums move with the time of reading, and cannot be kept.
    DataError
        If the store is empty or a file of it cannot be read.
    """
    task = task_of(workspace, models)
    with locked(task.folder, waiting), store_errors(task.folder):
        return _retried(task, full=full)


def forget_kept(
    workspace: Workspace | str | os.PathLike[str], waiting: Callable[[], None] | None = None
) -> None:
    """Leave nothing of a person who was forgotten in what is kept: refresh it, or remove it."""
    task = task_of(workspace, None)
    if not task.folder.is_dir():
        return
    with locked(task.folder, waiting), store_errors(task.folder):
        kept = read_manifest(task.folder)
        if kept is not None and not why_full(task, listing_of(task.store), kept):
            _retried(task, full=False)
        else:
            remove(task.folder)


def _retried(task: Task, *, full: bool) -> Refreshed:
    """Refresh from one listing of the store, and from a new one if the store changed under it."""
    import duckdb

    kept = read_manifest(task.folder)
    clean(task.folder, kept)
    for _ in range(_TRIES):
        listing = listing_of(task.store)
        try:
            found = _once(task, listing, kept, full=full)
        except (duckdb.Error, OSError, pa.ArrowException):
            if listing_of(task.store) == listing:
                raise
            continue
        # A full run reads the store twice, which must not have changed in between.
        if not found.refreshed.full or listing_of(task.store) == listing:
            if found.manifest is not kept:
                commit(task.folder, found.manifest)
            return found.refreshed
    raise DataError(
        "files that were replaced again and again while they were read",
        "a store at rest",
        "Wait until `ingest` is done.",
        source=task.store.folder.name,
    )


def _once(task: Task, listing: Listing, kept: Manifest | None, *, full: bool) -> Found:
    stamp = 1 if kept is None else kept.stamp + 1
    why = "asked for" if full else why_full(task, listing, kept)
    if not why and kept is not None:
        try:
            return changed(task, listing, kept, stamp)
        except NotLocalError as reason:
            why = str(reason)
        except _DAMAGED:
            # Of what is kept; if it is a file of the store, reading everything says so.
            why = "what is kept cannot be read"
    return from_nothing(task, listing, stamp, why)
