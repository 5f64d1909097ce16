"""Journeys from a workspace's store, at a level of the channel tree."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from attribution.errors import ConfigError, quoted
from attribution.intake.create import create_workspace
from attribution.intake.ingest import ingest
from attribution.journeys import Journeys
from attribution.store.channels import Level
from attribution.store.store import open_store
from attribution.workspace import FILE, Workspace, read_workspace

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["find_workspace", "read_store", "sample_workspace"]

VALUES = ("gross_fen", "net_fen", "net_expected_fen")

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


def read_store(
    workspace: Workspace | str | os.PathLike[str] = ".",
    *,
    level: Level = "streamer",
    language: Literal["", "zh", "en"] = "",
    value: str = "gross_fen",
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
        ("value", value, VALUES),
    ):
        if given not in allowed:
            raise ConfigError(f"{name}={quoted(given)}: write one of {', '.join(allowed)}.")
    store = open_store(workspace)
    if language:
        store = replace(store, language=language)
    return Journeys.from_touchpoints(
        store.query(_TOUCHPOINTS.format(channel=f"channel_{level}")),
        store.query(_ORDERS),
        lookback=lookback,
        expiry=expiry,
        columns=columns,
        value=value,
        values=[name for name in VALUES if name != value],
        segments=segments,
        same_visit=same_visit,
        reuse=reuse,
        tz=workspace.timezone,
    )


def find_workspace(start: str | os.PathLike[str] = ".") -> Path | None:
    """Return the nearest folder with an `attribution.toml`, upward from a folder; None without."""
    here = Path(start).resolve()
    return next((each for each in (here, *here.parents) if (each / FILE).is_file()), None)


def sample_workspace() -> Path:
    """Make the sample brand's workspace in a temporary folder, ingested; return the folder."""
    folder = create_workspace(tempfile.mkdtemp(prefix="attribution-sample-"))
    ingest(read_workspace(folder), environ={})
    return folder
