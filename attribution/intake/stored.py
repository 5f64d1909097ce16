"""What a report reads: the workspace it runs in, or files, and journeys from a store."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from attribution.errors import ConfigError, DataError, quoted
from attribution.intake.create import create_workspace
from attribution.intake.ingest import ingest
from attribution.journeys import Journeys
from attribution.names import DEFAULT_TIMEZONE
from attribution.store.channels import Level
from attribution.store.store import open_store
from attribution.workspace import FILE, Workspace, read_workspace

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from attribution.store.store import Store

__all__ = [
    "Origin",
    "find_workspace",
    "given_files",
    "origin_of_files",
    "origin_of_store",
    "read_store",
    "workspace_or_sample",
]

Money = Literal["gross_fen", "net_fen", "net_expected_fen"]
FEN = 100  # fen in a yuan

# Ids mean something within a platform only.
_TOUCHPOINTS = """
SELECT person_id AS person, "at", {channel} AS channel, event,
    platform || ':' || event_id AS event_id, platform || ':' || order_id AS order_id,
    streamer_id, session_id, content_id
FROM channels
WHERE person_id IS NOT NULL
ORDER BY person_id, "at", event_id
"""
_ORDERS = """
SELECT platform || ':' || order_id AS order_id, person_id AS person, attributed_at AS "at",
    gross_fen, net_fen, net_expected_fen, platform, category
FROM orders
WHERE is_paid
ORDER BY "at", order_id
"""


@dataclass(frozen=True)
class Origin:
    """Where a report's rows come from, and what follows from that for its words.

    Attributes
    ----------
    inputs
        Files, named as the user named them; or the batches of a store: source, file, sha256.
    title
        The brand; empty for files.
    language
        "zh" or "en".
    timezone
        Of calendar days, and of times written without a zone.
    minor
        How many of the unit amounts come in make one of the currency: 100 for fen, 1 for files.
    """

    inputs: tuple[str | dict[str, str], ...]
    title: str
    language: str
    timezone: str
    minor: int


def origin_of_files(
    files: Sequence[str], language: str = "", timezone: str = DEFAULT_TIMEZONE
) -> Origin:
    """Return the origin of rows from files: reported in English, if no language is given."""
    return Origin(tuple(files), "", language or "en", timezone, 1)


def origin_of_store(workspace: Workspace) -> Origin:
    """Return the origin of rows from a workspace's store.

    Raises
    ------
    DataError
        If the store cannot be read.
    """
    inputs = tuple(
        {"source": each.source, "file": each.file, "sha256": each.digest}
        for each in open_store(workspace).batches()
    )
    return Origin(inputs, workspace.brand, workspace.language, workspace.timezone, FEN)


def given_files(files: str, orders: str) -> list[str]:
    """Return the files a report is to read: [paths], [touchpoints, orders], or none.

    Raises
    ------
    ConfigError
        If there are orders but no touchpoints.
    """
    if orders and not files:
        raise ConfigError("orders is given without input. Name the file of touchpoints as input.")
    return [file for file in (files, orders) if file]


def read_store(
    workspace: Workspace | str | os.PathLike[str] = ".",
    *,
    level: Level = "streamer",
    language: Literal["", "zh", "en"] = "",
    value: Money = "gross_fen",
    lookback: str | pd.Timedelta = "30D",
    expiry: str | pd.Timedelta | None = None,
    columns: Sequence[str] = (),
    segments: Sequence[str] = (),
    same_visit: str | pd.Timedelta = "30min",
    reuse: bool = False,
) -> Journeys:
    """Assemble the journeys of every paid order of a workspace, and those without an order.

    An order's time is its attribution time (a presale's deposit); a touchpoint whose person is not
    known stays outside. Money is whole fen.

    Parameters
    ----------
    workspace
        A workspace or its folder.
    level
        Of the channel tree: platform, form, streamer, session or placement.
    language
        Of channel names, "zh" or "en"; the workspace's own if empty.
    value
        The money credited: gross_fen, net_fen (after refunds so far) or net_expected_fen; the
        other two are carried beside it.
    lookback, expiry, same_visit, reuse
        As in `Journeys.from_touchpoints`.
    columns
        Further columns of touchpoints: event, streamer_id, session_id, content_id.
    segments
        Labels of orders: platform, category.

    Raises
    ------
    ConfigError
        If the folder is no workspace, or level, language or value is none.
    DataError
        If the store is empty or cannot be read.
    """
    if not isinstance(workspace, Workspace):
        workspace = read_workspace(workspace)
    for name, given, allowed in (
        ("level", level, get_args(Level)),
        ("language", language or workspace.language, ("zh", "en")),
        ("value", value, get_args(Money)),
    ):
        if given not in allowed:
            raise ConfigError(f"{name}={quoted(given)}: write one of {', '.join(allowed)}.")
    store = _filled(workspace)
    if language:
        store = replace(store, language=language)
    # One connection: both tables show the same state of the store, and people are read once.
    with closing(store.connect()) as connection:
        touchpoints = connection.sql(
            _TOUCHPOINTS.format(channel=f"channel_{level}")
        ).to_arrow_table()
        orders = connection.sql(_ORDERS).to_arrow_table()
    return Journeys.from_touchpoints(
        touchpoints,
        orders,
        lookback=lookback,
        expiry=expiry,
        columns=columns,
        value=value,
        values=[name for name in get_args(Money) if name != value],
        segments=segments,
        same_visit=same_visit,
        reuse=reuse,
        tz=workspace.timezone,
    )


def find_workspace(start: str | os.PathLike[str] = ".") -> Path | None:
    """Return the nearest folder with an `attribution.toml`, upward from a folder; None without."""
    here = Path(start).resolve()
    return next((each for each in (here, *here.parents) if (each / FILE).is_file()), None)


@contextmanager
def workspace_or_sample(
    language: Literal["", "zh", "en"] = "", start: str | os.PathLike[str] = "."
) -> Iterator[Workspace]:
    """Give the workspace around a folder, or the sample brand's where there is none.

    The sample's is made and ingested in a temporary folder, which goes when the block ends.

    Parameters
    ----------
    language
        Of names and reports; if empty, the workspace's own, and English for the sample.
    start
        The folder, or one below the workspace.

    Raises
    ------
    ConfigError
        If the workspace's configuration cannot stand.
    DataError
        If nothing has been ingested into the workspace.
    """
    found = find_workspace(start)
    if found is not None:
        workspace = read_workspace(found)
        _filled(workspace)
        yield replace(workspace, language=language or workspace.language)
        return
    folder = Path(tempfile.mkdtemp(prefix="attribution-sample-"))
    try:
        workspace = read_workspace(create_workspace(folder))
        ingest(workspace, environ={})
        yield replace(workspace, language=language or "en")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _filled(workspace: Workspace) -> Store:
    """Return a workspace's store, which must hold something."""
    store = open_store(workspace)
    if not store.batches():
        raise DataError(
            "nothing ingested yet",
            "rows in the store",
            "Run `attribution ingest`, then this again.",
            source=FILE,
        )
    return store
