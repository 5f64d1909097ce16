"""The people of a store: resolved from its evidence, and kept as Parquet for the next reader."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import fields
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from attribution.names import __version__
from attribution.store.parts import locked, store_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import duckdb

    from attribution.identity.resolve import People
    from attribution.identity.rules import Rules
    from attribution.store.parts import Marker

_BATCH = 1_000_000  # links in memory as text at once

__all__ = ["drop_people", "people_folder", "read_people", "resolve_people", "write_people"]


def people_folder(
    folder: Path, markers: Sequence[Marker], suppressed: pa.Array, rules: Rules
) -> Path:
    """Return where the people of exactly this evidence, read by these rules, are kept."""
    batches = sorted((marker.batch, marker.edition) for marker in markers)
    told = repr((__version__, rules, batches, suppressed.to_pylist()))
    return folder / "people" / hashlib.sha256(told.encode()).hexdigest()[:16]


def resolve_people(connection: duckdb.DuckDBPyConnection, rules: Rules) -> People:
    """Return the people of the evidence in the views `latest_identifiers` and `latest_links`."""
    from attribution.identity.resolve import resolve

    identifiers = connection.sql(
        """
        SELECT id_hash, min(id_type) AS id_type, min(namespace) AS namespace,
            min(first_seen) AS first_seen, max(last_seen) AS last_seen
        FROM latest_identifiers
        GROUP BY id_hash, first_seen // 7776000000
        ORDER BY id_hash, first_seen
        """
    ).to_arrow_table()
    links = connection.sql('SELECT a, b, kind, "at" FROM latest_links')
    return resolve(identifiers, links.to_arrow_reader(_BATCH), rules)


def read_people(folder: Path) -> People:
    """Return the people kept in a folder that `people_folder` names."""
    from attribution.identity.resolve import People

    return People(
        **{
            each.name: parquet.read_table(folder / f"{each.name}.parquet")
            for each in fields(People)
        }
    )


def write_people(folder: Path, people: People, is_current: Callable[[], bool]) -> None:
    """Keep people for the next reader if they are current still, and drop older ones but the last.

    The last stays for readers that have just opened it. A folder appears whole or not at all.
    """
    with locked(folder.parent.parent), store_errors(folder.parent.parent):
        folder.parent.mkdir(exist_ok=True)
        for other in _aside(folder.parent):
            shutil.rmtree(other, ignore_errors=True)
        if folder.exists() or not is_current():
            return
        aside = folder.with_name(f"{folder.name}.tmp")
        aside.mkdir()
        for each in fields(people):
            file = aside / f"{each.name}.parquet"
            parquet.write_table(getattr(people, each.name), file, compression="snappy")
        aside.rename(folder)
        kept = sorted(_kept(folder.parent), key=lambda each: each.stat().st_mtime_ns)
        for other in kept[:-2]:
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)


def drop_people(folder: Path) -> None:
    """Remove all people kept in a store; the caller holds the lock."""
    people = folder / "people"
    with store_errors(folder):
        for other in (*_kept(people), *_aside(people)):
            # A name of its own first: no reader finds half a folder.
            gone = other.with_name(f"{other.name}.{os.getpid()}.tmp")
            other.rename(gone)
            shutil.rmtree(gone)


def _kept(people: Path) -> list[Path]:
    return [each for each in people.glob("*") if each.suffix != ".tmp"]


def _aside(people: Path) -> list[Path]:
    return list(people.glob("*.tmp"))
