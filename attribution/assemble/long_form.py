"""The long form: one row per touchpoint, one journey per person, of any size.

Grouping by person is what costs. So rows are read once, each batch is split by person into
buckets, and one bucket after the other is sorted in cache and becomes a batch of journeys. Until
then a row takes 10 bytes, or 16 to 20 where ids are no numbers without gaps.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from attribution import columns as door
from attribution.assemble.clock import days
from attribution.assemble.long_rows import ChannelNames, Roles, Rows, read_rows
from attribution.assemble.long_sources import sources_of
from attribution.assemble.person_buckets import (
    gathered,
    grouped,
    joined,
    packed,
    rows_of,
    split,
    texts,
    unpacked,
    whole_numbers,
)
from attribution.errors import ConfigError, DataError, quoted
from attribution.journeys import Journeys
from attribution.names import DEFAULT_TIMEZONE, VALUE
from attribution.notes import Note, NoteKind
from attribution.numerics.hashing import blocks
from attribution.numerics.memory import keep_freed_memory
from attribution.numerics.sequences import offsets_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from attribution.assemble.long_sources import Source
    from attribution.assemble.person_buckets import Grouped, People

__all__ = ["LongForm", "open_long_form"]

T = TypeVar("T", bound=np.generic)

_BUCKETS = 2  # to a batch: fewer would cost the models more than the cache saves


@dataclass(frozen=True, eq=False)
class LongForm:
    """Journeys of a long form, in batches; each walk over them reads the sources anew.

    Attributes
    ----------
    sources
        The files and frames, in order.
    roles
        Which column is what.
    tz
        Of days, and of times without a zone.
    lookback_ms
        How long before a journey's close touchpoints count; None for ever.
    """

    sources: tuple[Source, ...]
    roles: Roles
    tz: str
    lookback_ms: int | None = None

    def __iter__(self) -> Iterator[Journeys]:
        """Yield batches of journeys; all know the same channels, and no two share a person.

        Raises
        ------
        DataError
            For what cannot be read, naming file, row and column; and for a person with a row after
            the one that converted.
        """
        keep_freed_memory()
        people, names, pieces = self._people(), ChannelNames(), []
        zoneless = latest = 0
        for _, _, rows in self._rows(names):
            words = packed(rows.ms, rows.number, rows.converted)
            pieces.append(split(people, rows.person, words, rows.value))
            zoneless += rows.zoneless
            latest = max(latest, int(rows.ms.max()))
        channels, code = names.settled()
        notes = (Note(NoteKind.WITHOUT_ZONE, zoneless, self.tz),) if zoneless else ()
        if not pieces:
            yield _empty(self.lookback_ms)
            return
        held = gathered(people, pieces)
        for first in range(0, people.count, _BUCKETS):
            inside = range(first, min(first + _BUCKETS, people.count))
            found = joined([grouped(people, at, *rows_of(held, at)) for at in inside])
            if len(found.words):
                yield self._journeys(found, channels, code, latest, notes)

    def _people(self) -> People:
        """Return how people are told apart, from their type and the sources' extent."""
        kinds = {source.schema.field(self.roles.person).type for source in self.sources}
        extents = [source.extent(self.roles.person) for source in self.sources]
        rows = sum(extent.rows for extent in extents)
        if not all(_is_whole(kind) for kind in kinds):
            return texts(rows)
        return whole_numbers([extent.bounds for extent in extents if extent.rows], rows)

    def _rows(self, names: ChannelNames) -> Iterator[tuple[Source, int, Rows]]:
        """Yield each source's batches, checked, with the number of rows before them."""
        for source in self.sources:
            before = 0
            for batch in source.batches(self.roles.names, self.roles.channel):
                if batch.num_rows:
                    with _found_in(source, before):
                        rows = read_rows(batch, self.roles, names, self.tz)
                    yield source, before, rows
                before += batch.num_rows

    def _journeys(
        self,
        found: Grouped,
        channels: tuple[str, ...],
        code: NDArray[np.int32],
        latest: int,
        notes: tuple[Note, ...],
    ) -> Journeys:
        at, number = unpacked(found.words)
        lengths = np.diff(found.bounds)
        closed_at = at[found.bounds[1:] - 1]
        journey = np.searchsorted(found.bounds, found.orders, side="right") - 1
        wrong = at[found.orders] != closed_at[journey]
        wrong[1:] |= journey[1:] == journey[:-1]
        if wrong.any():
            raise self._late_row(found.hashes[journey[np.argmax(wrong)]])
        ages = np.repeat(closed_at, lengths) - at
        codes, offsets = code[number], found.bounds
        if self.lookback_ms is not None:
            kept = ages <= self.lookback_ms
            offsets = offsets_of(np.add.reduceat(kept, offsets[:-1], dtype=np.int64))
            codes, ages = codes[kept], ages[kept]
        converted = np.zeros(len(lengths), np.int64)
        converted[journey] = 1
        value = np.zeros(len(lengths))
        value[journey] = found.values
        # The one who converted can have no later row, so he is watched no longer.
        since = _kept(at[found.bounds[:-1]])
        until = _kept(np.where(converted > 0, closed_at, latest))
        return Journeys(
            channels=channels,
            offsets=_kept(offsets),
            codes=_kept(codes),
            ages=_kept(ages),
            conversions=_kept(converted),
            nulls=_kept(1 - converted),
            values={VALUE: _kept(value)},
            block=_kept(blocks(found.hashes)),
            closed_at=_kept(closed_at),
            day=_kept(days(closed_at, self.tz)),
            watched_from=since,
            watched_until=until,
            risk_from=since,
            risk_until=until,
            lookback=self.lookback_ms,
            notes=notes,
        )

    def _late_row(self, person: np.uint64) -> DataError:
        """Return what to raise for a person with a row after the one that converted."""
        people = self._people()
        places: list[tuple[Source, int, str]] = []
        times, orders = [], []
        for source, before, rows in self._rows(ChannelNames()):
            own = np.flatnonzero(people.hashes_of(rows.person) == person)
            places += [(source, before + row + 1, str(rows.person[row])) for row in own.tolist()]
            times.append(rows.ms[own])
            orders.append(rows.converted[own])
        order = np.argsort(np.concatenate(times), kind="stable")
        at, converted = np.concatenate(times)[order], np.concatenate(orders)[order]
        first = int(np.argmax(converted))
        later = (at > at[first]) | converted
        later[: first + 1] = False
        source, row, name = places[order[int(np.argmax(later))]]
        ordered, ordered_row, _ = places[order[first]]
        where = f"row {ordered_row}" + ("" if ordered is source else f" of {ordered.name}")
        return DataError(
            f"a row of person {quoted(name)} after the one that converted ({where})",
            "the converted row as a person's last: the long form holds one journey per person",
            "Give each journey a person id of its own, or read touchpoints and orders from two "
            "tables with Journeys.from_touchpoints.",
            row=row,
            column=self.roles.converted,
            source=source.name,
        )


def open_long_form(
    files: str | os.PathLike[str] | Any | Sequence[Any],
    *,
    person: str,
    at: str,
    channel: str,
    converted: str,
    value: str | None = None,
    tz: str = DEFAULT_TIMEZONE,
    lookback: str | pd.Timedelta | None = None,
) -> LongForm:
    """Open a long form: one row per touchpoint, one journey per person.

    The row that converted is its person's last: its time is the order's time, its value the
    order's value. A journey without one closes at its last touchpoint; nothing expires. Rows of
    one person and instant stay in the order they stand in. Parquet files are read a run of rows
    at a time, others whole.

    A person is under observation from his first row to the one that converted, or else to the
    latest instant in the data.

    Parameters
    ----------
    files
        A file, a frame, or a list of them. A person may stand in several.
    person
        Column of ids: whole numbers or text, the same kind in every file.
    at
        Column of times: with or without a zone, ISO text, or epoch numbers (seconds,
        milliseconds, microseconds or nanoseconds, told apart by their size).
    channel
        Column of channel names.
    converted
        Column of true and false, yes and no, or 1 and 0.
    value
        Column of the orders' values, 0 or more; without it every value is 0.
    tz
        The zone of days, and of times without a zone.
    lookback
        Touchpoints longer before the journey's close than this are left out, as "30D". All count
        if not given.

    Raises
    ------
    DataError
        If a file cannot be read, or lacks a column. Rows are checked when the journeys are read.
    ConfigError
        For an unknown time zone, no duration, or one column named twice.
    """
    roles = Roles(person, at, channel, converted, value)
    door.days_of(np.zeros(1, np.int64), tz)  # refuses an unknown zone
    for name in roles.names:
        if roles.names.count(name) > 1:
            raise ConfigError(f"column {quoted(name)} is named for two things: name one for each.")
    sources = sources_of(files, (person, channel))
    for source in sources:
        with _found_in(source, 0):
            _check_columns(source.schema, roles)
    if len({_is_whole(source.schema.field(person).type) for source in sources}) > 1:
        raise DataError(
            "whole numbers in one file and text in another",
            "ids of one kind",
            "Write the ids as text in every file, or as whole numbers.",
            column=person,
        )
    window = None if lookback is None else door.duration_ms(lookback, "lookback")
    return LongForm(sources, roles, tz, window)


def _check_columns(schema: pa.Schema, roles: Roles) -> None:
    empty = schema.empty_table()
    for name in roles.names:
        door.arrow(empty, name)  # refuses a name that is missing, or stands twice


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind))


@contextmanager
def _found_in(source: Source, before: int) -> Iterator[None]:
    """Let an error found in a batch name the source, and its row there."""
    try:
        yield
    except DataError as error:
        row = None if error.row is None else error.row + before
        raise DataError(
            error.found, error.expected, error.remedy, row, error.column, source.name
        ) from None


def _kept(column: NDArray[T]) -> NDArray[T]:
    """Return an array that nobody else holds as Journeys keep it: they need not copy it."""
    column.flags.writeable = False
    return column


def _empty(lookback: int | None) -> Journeys:
    none = np.zeros(0, np.int64)
    return Journeys(
        channels=(),
        offsets=np.zeros(1, np.int64),
        codes=np.zeros(0, np.int32),
        conversions=none,
        nulls=none,
        values={VALUE: np.zeros(0)},
        ages=none,
        block=np.zeros(0, np.uint8),
        closed_at=none,
        day=np.zeros(0, np.int32),
        watched_from=none,
        watched_until=none,
        risk_from=none,
        risk_until=none,
        lookback=lookback,
    )
