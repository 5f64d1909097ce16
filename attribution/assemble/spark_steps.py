"""The steps of journeys in Spark SQL, over relations that a session holds as views."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from attribution.assemble.dialect import DUCKDB, SPARK
from attribution.assemble.rows import channel_table
from attribution.assemble.steps import PROJECTIONS, journey_steps, watch_step
from attribution.store.connection import leading_to, open_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from attribution.journeys.definition import JourneyDefinition
    from attribution.notes import Note

__all__ = ["Relations", "made_step"]


class Relations(NamedTuple):
    """What the views that the steps read do not say themselves.

    Attributes
    ----------
    channels
        Every channel, sorted; `channel` of a touchpoint is an index into it.
    as_of
        UTC milliseconds: as given, else the latest instant in the rows.
    notes
        What a reader must know of the rows.
    """

    channels: tuple[str, ...]
    as_of: int
    notes: tuple[Note, ...]


@contextmanager
def made_step(
    session: SparkSession,
    definition: JourneyDefinition,
    channels: Sequence[str],
    as_of: int,
    wanted: str,
) -> Iterator[DataFrame]:
    """Give what one of the steps holds, as a frame that is computed when it is used.

    A step that several others read is kept on the cluster while the frame is in use; a worker that
    dies takes its share with it, and Spark computes that again.

    Parameters
    ----------
    session
        Holds `touchpoint_rows`, `order_rows` and `line_rows` as views; see `own_session`.
    definition
        What a journey is.
    channels
        Every channel, sorted; `channel` of a touchpoint is an index into it.
    as_of
        UTC milliseconds.
    wanted
        The step: `journeys`, or `watched_journeys` for rows of one person that may lie apart.
    """
    watching = watch_step(definition, as_of)
    # Which steps are needed, and which are read often, is the same in both dialects.
    with closing(open_connection("UTC")) as parser:
        every = [*journey_steps(definition, DUCKDB, as_of), watching]
        chosen, readers = leading_to(parser, every, [wanted])
    needed = {step.name for step in chosen}
    names = session.createDataFrame(channel_table(definition, channels))
    names.createOrReplaceTempView("channel_names")
    with ExitStack() as kept:
        for step in [*journey_steps(definition, SPARK, as_of), watching]:
            if step.name not in needed:
                continue
            frame = session.sql(step.sql)
            if readers[step.name] > 1 and step.name not in PROJECTIONS:
                frame = _without_past(frame).persist()
                kept.callback(frame.unpersist)
            frame.createOrReplaceTempView(step.name)
        yield session.table(wanted)


def _without_past(frame: DataFrame) -> DataFrame:
    """Return the same rows as a frame whose plan begins with them.

    A plan holds those of all views it reads, once for each time they are read, so that plans of
    steps upon steps grow beyond what Spark can look through. The rows stay what they are, results
    of work that can be done again, so a worker may still die.
    """
    plan = frame._jdf.queryExecution()
    rows = frame.sparkSession._jsparkSession.internalCreateDataFrame(
        plan.toRdd(), frame._jdf.schema(), False
    )
    return type(frame)(rows, frame.sparkSession)
