"""What journeys on Spark are made of: the rows of a store, or tables that lie on the cluster."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.assemble.inputs import inputs
from attribution.assemble.lake import lake_relations
from attribution.assemble.spark import SparkJourneys
from attribution.assemble.spark_steps import Relations
from attribution.errors import ConfigError, quoted
from attribution.store.steps import literal

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    import duckdb
    from pyspark.sql import SparkSession

    from attribution.journeys.definition import JourneyDefinition
    from attribution.store.store import Store

__all__ = ["lake_journeys", "store_journeys"]


def store_journeys(
    session: SparkSession,
    store: Store,
    definition: JourneyDefinition,
    *,
    portions: int,
    memory: str,
    shared: str | os.PathLike[str] | None = None,
) -> SparkJourneys:
    """Return a store's journeys on a cluster.

    The store is read and cleaned on this machine, as for the other engine; what is left, the rows
    of touchpoints and orders, goes to Parquet files that the workers read. They are there while
    journeys are worked on, and no longer.

    Parameters
    ----------
    session
        Of Spark.
    store, definition
        What is read, and what a journey is.
    portions, memory
        How many portions this machine splits people into, and what it may use.
    shared
        A folder that all workers see by the same name; a temporary one if None, which suffices
        where the workers are on this machine.

    Raises
    ------
    ConfigError
        If the shared folder is none.
    """
    if shared is not None and not Path(shared).is_dir():
        raise ConfigError(
            f"shared={quoted(str(shared))}: found no such folder; expected one that this machine "
            "and all workers see by this name. Make it, or leave shared out if the workers are on "
            "this machine."
        )
    relations = partial(
        _store_relations,
        store=store,
        definition=definition,
        portions=portions,
        memory=memory,
        shared=None if shared is None else Path(shared),
    )
    return SparkJourneys(session, relations, definition, store.timezone)


def lake_journeys(
    session: SparkSession,
    tables: Mapping[str, str],
    definition: JourneyDefinition,
    *,
    timezone: str,
    as_of: int | None = None,
) -> SparkJourneys:
    """Return the journeys of tables that lie on the cluster: a Parquet lake, or Hive's.

    Parameters
    ----------
    session
        Of Spark; for Hive tables one with Hive support.
    tables
        Where `touchpoints`, `orders` and, if products count, `lines` are: see
        `attribution.assemble.lake`.
    definition
        What a journey is.
    timezone
        Of days, and of times without a zone.
    as_of
        UTC milliseconds; what is later is left out, and counted. None takes everything.
    """
    relations = partial(
        lake_relations, tables=tables, definition=definition, timezone=timezone, as_of=as_of
    )
    return SparkJourneys(session, relations, definition, timezone)


@contextmanager
def _store_relations(
    session: SparkSession,
    store: Store,
    definition: JourneyDefinition,
    portions: int,
    memory: str,
    shared: Path | None,
) -> Iterator[Relations]:
    with _folder(shared) as folder:
        with inputs(store, definition, portions=portions, memory=memory) as held:
            found = Relations(held.channels, held.as_of, held.notes)
            for nth, portion in enumerate(held.portions):
                names = ["touchpoint_rows", "order_rows"]
                if (portion / "line_rows.arrows").exists():
                    names.append("line_rows")
                with held.relations(portion) as connection:
                    for name in names:
                        _write(connection, name, folder / name / f"{nth:04}.parquet")
        for name in names:
            rows = session.read.parquet((folder / name).as_uri())
            rows.createOrReplaceTempView(name)
        yield found


@contextmanager
def _folder(shared: Path | None) -> Iterator[Path]:
    """Give a new folder, which goes when the block ends."""
    if shared is None:
        with tempfile.TemporaryDirectory(prefix="attribution-") as made:
            yield Path(made).resolve()
        return
    # Workers may run under another name, so the folder's rights are the usual ones.
    folder = shared.resolve() / f"attribution-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(connection: duckdb.DuckDBPyConnection, name: str, file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    connection.execute(f"COPY {name} TO {literal(file.as_posix())} (FORMAT parquet)")
