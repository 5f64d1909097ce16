"""Writing what is kept, and telling what was done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from attribution.refresh.refreshed import Refreshed, added_up
from attribution.refresh.state import FORM, Manifest, batches_of, write_table
from attribution.refresh.sums import read_tallies, with_channels, write_tallies
from attribution.store.parts import part_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attribution.refresh.sums import Sums
    from attribution.refresh.task import Listing, Task
    from attribution.refresh.world import World
    from attribution.store.parts import Marker
    from attribution.tally import Tally

__all__ = ["Found", "as_it_was", "keep", "manifest_of", "report_of"]

_FOLDED = 16  # files of sums by part that are added up into one


class Found(NamedTuple):
    """The outcome of a run: what to keep, and what to tell."""

    manifest: Manifest
    refreshed: Refreshed


def manifest_of(
    task: Task,
    listing: Listing,
    numbers: tuple[int, int],
    world: World,
    places: Mapping[str, str],
) -> Manifest:
    """Write the places, and return a manifest that lists all but the sums.

    Parameters
    ----------
    numbers
        Of the run, and of links without any time.
    places
        Files of those that stand on the disk already.
    """
    stamp, undated = numbers
    for name in {*world.places} - {*places}:
        write_table(task.folder / f"{name}-{stamp}", world.places[name])
    places = {name: places.get(name, f"{name}-{stamp}") for name in world.places}
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
        sizes={},
        digests={},
    )


def keep(
    task: Task,
    manifest: Manifest,
    sums: Sums,
    used: Tally,
    parts: tuple[str, ...],
    report: Refreshed,
) -> Found:
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
        whole = added_up([read_tallies(task.folder / name) for name in parts])
        write_tallies(task.folder / f"{fresh}-whole", whole)
        parts = (f"{fresh}-whole",)
    manifest = replace(manifest, totals=file, parts=parts)
    # Opened now: a later run removes the files, and who has them open can still read them.
    held = tuple(read_tallies(task.folder / name) for name in parts)
    return Found(manifest, replace(report, tallies=totals, _parts=held))


def as_it_was(task: Task, listing: Listing, kept: Manifest) -> Found:
    """Return what is kept, of which nothing has changed."""
    *totals, _ = read_tallies(task.folder / kept.totals)
    report = report_of(task, listing, (), "")
    held = tuple(read_tallies(task.folder / name) for name in kept.parts)
    return Found(kept, replace(report, tallies=tuple(totals), _parts=held))


def report_of(task: Task, listing: Listing, read: Sequence[Marker], why: str) -> Refreshed:
    """Return what there is to tell of a run that read these batches, but for its sums."""
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
