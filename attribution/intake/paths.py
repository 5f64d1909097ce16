"""Journeys from files: path counts, or touchpoints and orders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attribution import columns as door
from attribution.errors import DataError
from attribution.journeys import Journeys
from attribution.names import DEFAULT_TIMEZONE, VALUE
from attribution.sources.table import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import pyarrow as pa

__all__ = ["read_paths", "read_touchpoints"]

# Read as text wherever a touchpoint file has them; what else ends in "_id" is an id, too.
_TOUCH_TEXT = ("event_id", "event", "session_id", "content_id", "streamer_id")
_ID = "_id"


def read_paths(
    file: str | os.PathLike[str],
    *,
    path: str = "path",
    conversions: str = "total_conversions",
    value: str | None = "total_conversion_value",
    nulls: str | None = "total_null",
    sep: str = " > ",
) -> Journeys:
    """Read path counts from a CSV, TSV, Excel or Parquet file.

    Parameters
    ----------
    file
        See `read_table` for the kinds of file.
    path, conversions, value, nulls, sep
        As in `Journeys.from_paths`.

    Raises
    ------
    DataError
        Naming file, row, column, what was found, what was expected, and the remedy.
    """
    table = read_table(file, text=(path,))
    try:
        return Journeys.from_paths(
            table, path=path, conversions=conversions, value=value, nulls=nulls, sep=sep
        )
    except DataError as error:
        raise error.at(os.fspath(file)) from None


def read_touchpoints(
    touchpoints_file: str | os.PathLike[str],
    orders_file: str | os.PathLike[str],
    *,
    lookback: str | pd.Timedelta = "30D",
    expiry: str | pd.Timedelta | None = None,
    channel: str = "channel",
    columns: Sequence[str] = (),
    values: Sequence[str] = (),
    segments: Sequence[str] = (),
    person: str = "person",
    at: str = "at",
    order_id: str = "order_id",
    value: str = VALUE,
    same_visit: str | pd.Timedelta = "30min",
    reuse: bool = False,
    tz: str = DEFAULT_TIMEZONE,
    as_of: str | pd.Timestamp | None = None,
    people: Any = None,
) -> Journeys:
    """Read a file of touchpoints and a file of orders, and assemble their journeys.

    Persons, order ids, channels, types, segments and carried columns whose names end in `_id`
    are read as text, so that leading zeros and long ids survive.

    Parameters
    ----------
    touchpoints_file, orders_file
        See `read_table` for the kinds of file.
    lookback, expiry, channel, columns, values, segments, person, at, order_id, value, same_visit, \
reuse, tz, as_of
        As in `Journeys.from_touchpoints`.
    people
        A file, or a frame, of who was under observation and when: as in
        `Journeys.from_touchpoints`.

    Raises
    ------
    DataError
        Naming file, row, column, what was found, what was expected, and the remedy.
    """
    carried_ids = [name for name in columns if name.endswith(_ID)]
    touchpoints = read_table(touchpoints_file, text=(person, channel, *_TOUCH_TEXT, *carried_ids))
    orders = read_table(orders_file, text=(person, order_id, *segments))
    files = {"touchpoints": os.fspath(touchpoints_file), "orders": os.fspath(orders_file)}
    watched = people
    if isinstance(people, str | os.PathLike):
        watched = read_table(people, text=(person,))
        files["people"] = os.fspath(people)
        _require(watched, (person, "start", "end"), files["people"])
    money = (value, *values)
    _require(touchpoints, (person, at, channel, *columns), files["touchpoints"])
    _require(orders, (order_id, person, at, *money, *segments), files["orders"])
    try:
        return Journeys.from_touchpoints(
            touchpoints,
            orders,
            lookback=lookback,
            expiry=expiry,
            channel=channel,
            columns=columns,
            values=values,
            segments=segments,
            person=person,
            at=at,
            order_id=order_id,
            value=value,
            same_visit=same_visit,
            reuse=reuse,
            tz=tz,
            as_of=as_of,
            people=watched,
        )
    except DataError as error:
        if error.source is None and error.column in money:
            raise error.at(files["orders"]) from None
        raise (error.at(files[error.source]) if error.source in files else error) from None


def _require(table: pa.Table, names: Sequence[str], source: str) -> None:
    """Refuse a table without one of the columns; its first rows are not looked at."""
    none = table.slice(0, 0)
    try:
        for name in names:
            door.arrow(none, name)
    except DataError as error:
        raise error.at(source) from None
