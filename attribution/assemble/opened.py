"""Journeys of a workspace's store or of files, batch by batch: of any size in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd
import pyarrow as pa

from attribution import columns as door
from attribution.assemble.store_journeys import (
    MEMORY,
    StoreJourneys,
    checked_batches,
    checked_memory,
)
from attribution.errors import ConfigError, DataError, quoted
from attribution.journeys.definition import JourneyDefinition
from attribution.names import DEFAULT_TIMEZONE
from attribution.store.channels import in_language
from attribution.store.store import filled_store
from attribution.workspace import Workspace, read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyspark.sql import SparkSession

    from attribution.assemble.stated_people import StatedPeople
    from attribution.journeys import Journeys
    from attribution.journeys.definition import Conversion, Level, Match, Money
    from attribution.store.store import Store

    Duration = str | pd.Timedelta

__all__ = ["StoreJourneys", "open_journeys", "read_store"]

Engine = Literal["duckdb", "spark"]


def open_journeys(
    source: Workspace | str | os.PathLike[str] | Mapping[str, str] | Any | Sequence[Any] = ".",
    *,
    engine: Engine = "duckdb",
    level: Level | None = None,
    lookback: Duration | None = None,
    lookback_by: Mapping[str, Duration] | None = None,
    expiry: Duration | None = None,
    same_visit: Duration | None = None,
    reuse: bool | None = None,
    conversion: Conversion | None = None,
    products: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    net_of_refunds: bool | None = None,
    match: Match | None = None,
    one_per_session: bool | None = None,
    weights: Mapping[str, float] | None = None,
    columns: Sequence[str] | None = None,
    segments: Sequence[str] | None = None,
    value: Money | str | None = None,
    language: Literal["", "zh", "en"] = "",
    as_of: str | pd.Timestamp | None = None,
    people: Any = None,
    memory: str = MEMORY,
    batches: int | None = None,
    person: str | None = None,
    at: str | None = None,
    channel: str | None = None,
    converted: str | None = None,
    tz: str = DEFAULT_TIMEZONE,
    spark: SparkSession | None = None,
    master: str = "",
    shared: str | os.PathLike[str] | None = None,
) -> Iterable[Journeys]:
    """Open the journeys of a workspace, or of files in long form, as an iterable of batches.

    `attribute`, `compare` and `tallies` take what it returns, however much there is: a batch at a
    time is in memory, and models are sums over batches. Each walk reads the source anew.

    Parameters
    ----------
    source
        A workspace or its folder. Or, with `person`, `at`, `channel` and `converted`: a file, a
        frame or a list of them, one row per touchpoint, one journey per person. Or, on Spark, the
        names of tables or Parquet files: see `attribution.assemble.lake`.
    engine
        "duckdb" on this machine, or "spark" on a cluster.
    level, lookback, lookback_by, expiry, same_visit, reuse, conversion, products, categories, \
net_of_refunds, match, one_per_session, weights, columns, segments
        What a journey is: see `JourneyDefinition`. What is not given is as [journeys] of the
        workspace has it. Of files only `lookback` means something, and there is none if not given.
    value
        Workspace: the money credited (gross_fen, net_fen, net_expected_fen). Files: the column of
        the orders' values.
    language
        Workspace: of channel names, "zh" or "en"; its own if empty.
    as_of
        Workspace: what is later is left out, and counted; without it nothing is.
    people
        Workspace: a file or a frame of who was under observation and when, also those who were
        never touched. `person` (a person_id or id_hash of the store), or `id_type` and `id_value`
        (an identifier as its platform writes it); `start` and `end`; what else it holds, such as a
        sign of intent, becomes a segment of the person's journeys. Without it a person is watched
        from his first touchpoint to the end.
    memory
        Workspace: what the engine may use before it writes to temporary files.
    batches
        Workspace: how many; about 1.5 million touchpoints and orders in each if not given.
    person, at, channel, converted, tz
        Files: see `attribution.assemble.long_form.open_long_form`. Tables on Spark: `tz` is of
        days, and of times without a zone.
    spark, master
        Spark: a session of one's own, or the master of the cluster to start one on, such as
        "spark://host:7077"; without either, the session there is, or the cores of this machine.
    shared
        Spark: a folder that this machine and all workers see by the same name, where a workspace's
        rows lie while they are worked on; a temporary one of this machine if not given.

    Raises
    ------
    ConfigError
        If the folder is no workspace, a setting cannot stand or means nothing for this source, or
        there is no Spark to be had.
    DataError
        If the store is empty, or a file cannot be read or lacks a column.
    """
    settings = {
        "level": level,
        "lookback": lookback,
        "lookback_by": lookback_by,
        "expiry": expiry,
        "same_visit": same_visit,
        "reuse": reuse,
        "conversion": conversion,
        "products": products,
        "categories": categories,
        "net_of_refunds": net_of_refunds,
        "match": match,
        "one_per_session": one_per_session,
        "weights": weights,
        "columns": columns,
        "segments": segments,
        "value": value,
    }
    given: dict[str, Any] = {name: each for name, each in settings.items() if each is not None}
    if engine not in get_args(Engine):
        raise ConfigError(f"engine={quoted(engine)}: write one of {', '.join(get_args(Engine))}.")
    roles = {"person": person, "at": at, "channel": channel, "converted": converted}
    named = [name for name, column in roles.items() if column is not None]
    cluster = [name for name, item in (("master", master), ("shared", shared)) if item]
    cluster += ["spark"] * (spark is not None)
    if engine != "spark" and (cluster or isinstance(source, Mapping)):
        raise ConfigError(
            f"Found {', '.join(cluster) or 'names of tables'} with engine={quoted(engine)}; they "
            "are for a cluster. Add engine='spark', or leave them out."
        )
    of_workspaces = {
        "language": language != "",
        "as_of": as_of is not None,
        "people": people is not None,
        "memory": memory != MEMORY,
        "batches": batches is not None,
    }
    if not named and isinstance(source, Mapping):
        idle = [name for name, there in of_workspaces.items() if there and name != "as_of"]
        idle += ["shared"] * (shared is not None)
        if idle:
            raise ConfigError(
                f"Found {', '.join(idle)} for tables on a cluster; these are settings of a "
                "workspace. Leave them out."
            )
        definition = JourneyDefinition(**given)
        until = None if as_of is None else _instant(as_of, tz)
        return _on_lake(source, definition, tz, until, spark, master)
    if not named and not _is_file(source):
        if tz != DEFAULT_TIMEZONE:
            raise ConfigError(
                f"Found tz={quoted(tz)} for a workspace; its time zone stands in its "
                "attribution.toml. Leave tz out, or change `timezone` there."
            )
        if people is not None and engine == "spark":
            raise ConfigError(
                "Found people with engine='spark'; who was under observation is known on one "
                "machine only. Leave people or the engine out."
            )
        store, definition = _chosen(source, given, language, as_of)
        found = StoreJourneys(
            store,
            definition,
            checked_memory(memory),
            checked_batches(batches),
            _stated(people, source, definition, engine),
        )
        return _on_cluster(found, spark, master, shared) if engine == "spark" else found
    idle = [name for name in given if name not in ("lookback", "value")]
    idle += [name for name, there in of_workspaces.items() if there]
    if idle or engine != "duckdb":
        raise ConfigError(
            f"Found {', '.join(idle) or 'engine'} for files; these are settings of a workspace. "
            "Leave them out."
        )
    missing = [name for name in roles if name not in named]
    if missing:
        raise ConfigError(
            f"Found files without {', '.join(missing)}; expected the columns' names, such as "
            'person="user", at="ts", channel="channel", converted="converted". Name them, or name '
            "the folder of a workspace."
        )
    from attribution.assemble.long_form import open_long_form

    return open_long_form(
        source,
        person=str(person),
        at=str(at),
        channel=str(channel),
        converted=str(converted),
        value=value,
        tz=tz,
        lookback=lookback,
    )


def read_store(
    workspace: Workspace | str | os.PathLike[str] = ".",
    *,
    level: Level | None = None,
    language: Literal["", "zh", "en"] = "",
    value: Money | None = None,
    lookback: Duration | None = None,
    expiry: Duration | None = None,
    columns: Sequence[str] | None = None,
    segments: Sequence[str] | None = None,
    same_visit: Duration | None = None,
    reuse: bool | None = None,
    as_of: str | pd.Timestamp | None = None,
) -> Journeys:
    """Assemble the journeys of every paid order of a workspace, and those without an order.

    An order's time is its attribution time (a presale's deposit); a touchpoint whose person is not
    known stays outside. Money is whole fen. All journeys are in memory at once; `open_journeys`
    gives them in batches, and has every setting.

    Parameters
    ----------
    workspace
        A workspace or its folder.
    level, value, lookback, expiry, columns, segments, same_visit, reuse
        What a journey is: see `JourneyDefinition`. What is not given is as [journeys] of the
        workspace has it.
    language
        Of channel names, "zh" or "en"; the workspace's own if empty.
    as_of
        What is later is left out, and counted.

    Raises
    ------
    ConfigError
        If the folder is no workspace, or a setting cannot stand.
    DataError
        If the store is empty or cannot be read.
    """
    settings = {
        "level": level,
        "value": value,
        "lookback": lookback,
        "expiry": expiry,
        "columns": columns,
        "segments": segments,
        "same_visit": same_visit,
        "reuse": reuse,
    }
    given = {name: setting for name, setting in settings.items() if setting is not None}
    store, definition = _chosen(workspace, given, language, as_of)
    people = _stated(None, workspace, definition, "duckdb")
    return StoreJourneys(store, definition, people=people).read()


def _on_cluster(
    journeys: StoreJourneys,
    spark: SparkSession | None,
    master: str,
    shared: str | os.PathLike[str] | None,
) -> Iterable[Journeys]:
    from attribution.assemble.spark_session import started_session
    from attribution.assemble.spark_sources import store_journeys

    return store_journeys(
        started_session(master) if spark is None else spark,
        journeys.store,
        journeys.definition,
        portions=journeys.portions(),
        memory=journeys.memory,
        shared=shared,
    )


def _on_lake(
    tables: Mapping[str, str],
    definition: JourneyDefinition,
    tz: str,
    as_of: int | None,
    spark: SparkSession | None,
    master: str,
) -> Iterable[Journeys]:
    from attribution.assemble.spark_session import started_session
    from attribution.assemble.spark_sources import lake_journeys

    session = started_session(master) if spark is None else spark
    return lake_journeys(session, tables, definition, timezone=tz, as_of=as_of)


def _chosen(
    source: Any,
    given: Mapping[str, Any],
    language: Literal["", "zh", "en"],
    as_of: str | pd.Timestamp | None,
) -> tuple[Store, JourneyDefinition]:
    """Return the store to read and the definition: the workspace's, but for what is given."""
    workspace = source if isinstance(source, Workspace) else read_workspace(source)
    if language not in ("", "zh", "en"):
        raise ConfigError(f"language={quoted(language)}: write one of zh, en.")
    definition = replace(workspace.journeys, **given)
    store = filled_store(workspace)
    if language:
        store = replace(store, language=language)
    definition = in_language(definition, store.language)
    if as_of is not None:
        store = replace(store, as_of=_instant(as_of, workspace.timezone))
    return store, definition


def _stated(
    people: Any, source: Any, definition: JourneyDefinition, engine: str
) -> StatedPeople | None:
    """Return who was under observation, as a file or a frame says it, else the workspace."""
    from attribution.assemble.stated_people import read_stated

    workspace = source if isinstance(source, Workspace) else read_workspace(source)
    if people is None and engine != "spark":
        people = workspace.people
    if people is None:
        return None
    labels = (*definition.segments, *(["match"] if definition.match == "halo" else []))
    return read_stated(people, workspace, labels, os.environ)


def _is_file(source: Any) -> bool:
    """Return whether a source is no folder: a file, a list of files, or a frame."""
    if isinstance(source, Workspace):
        return False
    if isinstance(source, str | os.PathLike):
        return Path(source).is_file()
    return True


def _instant(as_of: str | pd.Timestamp, tz: str) -> int:
    if not isinstance(as_of, str | date) or pd.isna(as_of):
        raise ConfigError(
            f'as_of={quoted(as_of)}: write a time, such as "2026-11-12" or "2026-11-12 20:00".'
        )
    moment = as_of if isinstance(as_of, str) else pd.Timestamp(as_of)
    try:
        return int(door.instants(pa.table({"as_of": [moment]}), "as_of", tz).ms[0])
    except DataError as error:
        raise ConfigError(f"as_of={quoted(as_of)}: {error.remedy}") from None
