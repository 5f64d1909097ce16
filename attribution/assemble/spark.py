"""Journeys that stay on a Spark cluster: assembled there, and summed up there by the same models.

Only sums come back: each partition's journeys pass through the same Python code as on one machine
(in `mapInArrow`), and what it finds is added up, first on the cluster, then here.
"""

from __future__ import annotations

import math
import pickle
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from attribution.assemble.rows import journeys_of
from attribution.assemble.spark_session import own_session, plain_errors
from attribution.assemble.spark_steps import made_step
from attribution.errors import AttributionError, ConfigError
from attribution.names import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from pyspark.sql import DataFrame, SparkSession

    from attribution.assemble.spark_steps import Relations
    from attribution.journeys import Journeys
    from attribution.journeys.definition import JourneyDefinition
    from attribution.notes import Note

    Read = Callable[[pa.Table], Journeys]

__all__ = ["SparkJourneys"]

T = TypeVar("T")

# A worker turns so many touchpoints and journeys at a time into one value.
_TOUCHPOINTS, _JOURNEYS = 2_000_000, 1_000_000
# From so many partitions on, what they found is added up on the cluster first.
_MANY = 16
_PACKED = "packed binary"


@dataclass(frozen=True, eq=False)
class SparkJourneys:
    """Journeys on a cluster: an iterable of batches, for whoever needs them here.

    `attribute`, `compare` and `tallies` do not: they have their sums made where the journeys are.
    Each walk and each sum reads the sources anew, so what is wanted of several models is best
    asked for at once.

    Attributes
    ----------
    session
        Of Spark. Its settings and views stay as they are.
    relations
        Makes the views that the steps read in a session, and takes away what it made when the work
        is done: `attribution.assemble.spark_sources`.
    definition
        What a journey is.
    timezone
        Of days.
    """

    session: SparkSession
    relations: Callable[[SparkSession], AbstractContextManager[Relations]]
    definition: JourneyDefinition
    timezone: str

    def __iter__(self) -> Iterator[Journeys]:
        """Yield the journeys batch by batch, one partition of the cluster at a time.

        The first batch carries the notes; if there is no journey at all, it is empty.
        """
        with self._journeys() as (frame, read, notes):
            given = False
            for row in _mapped(frame, partial(_each, read=read)).toLocalIterator():
                yield replace(_unpacked(row.packed), notes=() if given else notes)
                given = True
            if not given:
                yield replace(_none(frame, read), notes=notes)

    def reduced(self, work: Callable[[Iterable[Journeys]], T], add: Callable[[T, T], T]) -> T:
        """Return the sum of what `work` finds in the partitions' batches.

        Parameters
        ----------
        work
            What is wanted of some batches, at least one. It runs on the cluster, so it and what it
            returns must pickle.
        add
            The sum of two such findings, in any order.

        Raises
        ------
        AttributionError
            What `work` raises of this package's errors; ConfigError if the cluster fails.
        """
        with self._journeys() as (frame, read, _):
            packed = _mapped(frame, partial(_found, read=read, work=work))
            partitions = int(frame.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
            if partitions > _MANY:
                few = packed.repartition(math.isqrt(partitions))
                packed = _mapped(few, partial(_added, add=add))
            found = [_unpacked(row.packed) for row in packed.collect()]
            return reduce(add, found) if found else work([_none(frame, read)])

    @contextmanager
    def _journeys(self) -> Iterator[tuple[DataFrame, Read, tuple[Note, ...]]]:
        """Give the frame of journeys, what reads a table of its rows, and the notes."""
        with plain_errors():
            own = own_session(self.session)
            with self.relations(own) as held:
                read = partial(
                    journeys_of,
                    channels=held.channels,
                    definition=self.definition,
                    tz=self.timezone,
                    as_of=held.as_of,
                )
                # Rows of one person lie in several partitions; none has to know of the others
                # where orders reuse touchpoints.
                wanted = "journeys" if self.definition.reuse else "watched_journeys"
                with made_step(own, self.definition, held.channels, held.as_of, wanted) as frame:
                    yield frame, read, held.notes


def _none(frame: DataFrame, read: Read) -> Journeys:
    return read(frame.limit(0).toArrow())


def _mapped(frame: DataFrame, work: Callable[..., Iterator[pa.RecordBatch]]) -> DataFrame:
    with warnings.catch_warnings():
        # Spark has yet to declare pandas 3; no frame of pandas is made here.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        return frame.mapInArrow(partial(_guarded, work=work, version=__version__), _PACKED)


def _guarded(
    batches: Iterable[pa.RecordBatch],
    work: Callable[..., Iterator[pa.RecordBatch]],
    version: str,
) -> Iterator[pa.RecordBatch]:
    """Work on a partition; an error of this package's own is what it found."""
    try:
        if version != __version__:
            raise ConfigError(
                f"The workers have version {__version__} of this package, and {version} runs here. "
                "Install the same version on both."
            )
        yield from work(batches)
    except AttributionError as error:
        yield _packed(error)


def _each(batches: Iterable[pa.RecordBatch], read: Read) -> Iterator[pa.RecordBatch]:
    for table in _tables(batches):
        yield _packed(read(table))


def _found(
    batches: Iterable[pa.RecordBatch], read: Read, work: Callable[[Iterable[Journeys]], Any]
) -> Iterator[pa.RecordBatch]:
    tables = _tables(batches)
    first = next(tables, None)
    if first is not None:
        yield _packed(work(map(read, chain([first], tables))))


def _added(
    batches: Iterable[pa.RecordBatch], add: Callable[[Any, Any], Any]
) -> Iterator[pa.RecordBatch]:
    found = [each for batch in batches for each in batch.column(0)]
    if found:
        yield _packed(reduce(add, (_unpacked(each.as_py()) for each in found)))


def _tables(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the rows of a partition in tables of a size that one value may have."""
    held: list[pa.RecordBatch] = []
    touchpoints = journeys = 0
    for batch in batches:
        held.append(batch)
        journeys += batch.num_rows
        touchpoints += pc.sum(pc.list_value_length(batch.column("touches"))).as_py() or 0
        if touchpoints >= _TOUCHPOINTS or journeys >= _JOURNEYS:
            yield pa.Table.from_batches(held)
            held, touchpoints, journeys = [], 0, 0
    if journeys:
        yield pa.Table.from_batches(held)


def _packed(value: object) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"packed": pa.array([pickle.dumps(value, 5)], pa.binary())})


def _unpacked(packed: bytes) -> Any:
    """Return what a worker found; if that is an error, raise it here."""
    found = pickle.loads(packed)  # noqa: S301 - written by our own workers
    if isinstance(found, AttributionError):
        raise found
    return found
