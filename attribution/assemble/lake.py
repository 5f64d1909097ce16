"""Touchpoints and orders that lie in a Parquet lake or in Hive, as the relations of the steps.

A table is named as Spark names it ("shop.orders"), or by where its Parquet files are
("s3://lake/orders", "/data/orders"). What its columns are called is fixed, so a table that differs
gets a view. `touchpoints` has one row for each:

    person                        whose it is
    at                            when: a timestamp, or UTC milliseconds
    event_id                      a name no other touchpoint has
    channel                       the name of the channel
    event                         what happened (exposure, click, enter ...; "order_source" is what
                                  an order says of its own source); "exposure" if not there
    session_id, content_id, streamer_id, product_id, order_id
                                  where they are known; none if not there
    session_day, session_end      of the live session: the date it starts on, and when it ends

`orders` has one row for each paid order:

    order_id, person, at          person is NULL where nobody knows
    gross_fen, net_fen, net_expected_fen
                                  whole numbers: paid, left after refunds, left in the end
    platform, category, province, buyer, erp_order_id, booked_day
                                  if wanted as segments

`lines` has one row for each line of an order, and is needed only if products, categories or a
match are asked for: order_id, product_id, category, session_id, content_id, paid_fen.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution.assemble.dialect import SPARK
from attribution.assemble.spark_steps import Relations
from attribution.columns import EARLIEST_MS, LATEST_MS, days_of
from attribution.errors import ConfigError, DataError, quoted
from attribution.journeys.definition import MONEY
from attribution.journeys.paths import checked_channels
from attribution.notes import Note, NoteKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import DataFrame, SparkSession

    from attribution.journeys.definition import JourneyDefinition

__all__ = ["lake_relations"]

_SHOWN = 200
_ID, _TIME, _DAY, _FEN = "an id: text or a whole number", "a time", "a date", "whole numbers"
_WHOLE = ("tinyint", "smallint", "int", "bigint")


class _Column(NamedTuple):
    """A column of one of the tables: of which kind, and what stands for it if it is not there."""

    name: str
    kind: str
    otherwise: str = ""


_CODED = """
SELECT t.person, t.at, t.event_id, c.code AS channel, t.event, t.session_id, t.content_id,
    t.streamer_id, t.product_id, t.session_day, t.session_end, t.order_id
FROM kept_touchpoints AS t
JOIN lake_channels AS c ON c.name = t.channel
"""

_NO_TEXT = "CAST(NULL AS STRING)"
_TOUCHPOINTS = (
    _Column("person", _ID),
    _Column("at", _TIME),
    _Column("event_id", _ID),
    _Column("channel", _ID),
    _Column("event", _ID, "'exposure'"),
    _Column("session_id", _ID, _NO_TEXT),
    _Column("content_id", _ID, _NO_TEXT),
    _Column("streamer_id", _ID, _NO_TEXT),
    _Column("product_id", _ID, _NO_TEXT),
    _Column("session_day", _DAY, "CAST(NULL AS INT)"),
    _Column("session_end", _TIME, "CAST(NULL AS BIGINT)"),
    _Column("order_id", _ID, _NO_TEXT),
)
_LINES = (
    _Column("order_id", _ID),
    _Column("product_id", _ID),
    _Column("category", _ID, _NO_TEXT),
    _Column("session_id", _ID, _NO_TEXT),
    _Column("content_id", _ID, _NO_TEXT),
    _Column("paid_fen", _FEN),
)


class _Fault(NamedTuple):
    """What a row must not be: a condition in SQL, and the words for it."""

    column: str
    condition: str
    found: str
    expected: str
    remedy: str


def _gone(*columns: str) -> list[_Fault]:
    fill = "Leave such rows out in a view, or fill them."
    return [
        _Fault(name, f"{name} IS NULL", f"without {name}", "one in every row", fill)
        for name in columns
    ]


def _negative(*columns: str) -> list[_Fault]:
    correct = "Correct them in a view; refunds belong in net_fen, which is what is left."
    return [
        _Fault(name, f"{name} < 0", "with less than nothing", "whole fen of 0 or more", correct)
        for name in columns
    ]


_TIME_FAULT = _Fault(
    "at",
    f"at < {EARLIEST_MS} OR at > {LATEST_MS}",
    "at times far from now",
    "times between the years 2000 and 2100; numbers are UTC milliseconds",
    "Convert the column in a view.",
)
_NAME_FAULT = _Fault(
    "channel", "trim(channel) = ''", "with a blank channel", "a name", "Name it in a view."
)
_FAULTS = {
    "touchpoints": [*_gone("event_id", "at", "channel"), _NAME_FAULT, _TIME_FAULT],
    "orders": [*_gone("order_id", "at", *MONEY), _TIME_FAULT, *_negative(*MONEY)],
    "lines": [*_gone("order_id", "paid_fen"), *_negative("paid_fen")],
}


@contextmanager
def lake_relations(
    session: SparkSession,
    tables: Mapping[str, str],
    definition: JourneyDefinition,
    timezone: str,
    as_of: int | None,
) -> Iterator[Relations]:
    """Make the views that the steps read, over tables that lie on the cluster.

    Parameters
    ----------
    session
        One of our own: see `own_session`.
    tables
        Where `touchpoints`, `orders` and `lines` are.
    definition
        What a journey is.
    timezone
        Of times without a zone.
    as_of
        UTC milliseconds: what is later is left out, and counted. None: the latest in the rows.

    Raises
    ------
    ConfigError
        For a table that is not named, not known or not there, or lacks a column.
    DataError
        For rows without id, time or channel, times far from now, amounts below 0, and an id that
        stands twice.
    """
    orders = (
        _Column("order_id", _ID),
        _Column("person", _ID),
        _Column("at", _TIME),
        *(_Column(name, _FEN) for name in MONEY),
        *(_Column(name, _ID) for name in definition.segments),
    )
    wanted = {"touchpoints": _TOUCHPOINTS, "orders": orders}
    if definition.products or definition.categories or definition.match != "any":
        wanted["lines"] = _LINES
    days_of(np.zeros(1, np.int64), timezone)  # refuses an unknown zone
    if odd := [name for name in tables if name not in ("touchpoints", "orders", "lines")]:
        raise ConfigError(
            f"Found the table {quoted(odd[0])}; expected touchpoints, orders and lines. Name each "
            'by where it is: {"touchpoints": "s3://lake/touchpoints", "orders": "shop.orders"}.'
        )
    if missing := [name for name in wanted if name not in tables]:
        raise ConfigError(
            f"Found no table for {missing[0]}; expected its name in Spark, or where its Parquet "
            f'files are: {{"{missing[0]}": "shop.{missing[0]}"}}.'
        )
    later = 0
    for role, columns in wanted.items():
        name = f"all_{role}"
        _selected(session, role, tables[role], columns, timezone).createOrReplaceTempView(name)
        if role != "lines":
            later += _kept(session, role, as_of)
    latest, nobody = _checked(session, {role: tables[role] for role in wanted})
    codes = _codes(session)
    checked_channels(codes["channel"])
    session.createDataFrame(pa.table(codes)).createOrReplaceTempView("lake_channels")
    for view, sql in (
        ("touchpoint_rows", _CODED),
        ("order_rows", "SELECT * FROM kept_orders"),
        *([("line_rows", "SELECT * FROM all_lines")] if "lines" in wanted else []),
    ):
        session.sql(sql).createOrReplaceTempView(view)
    notes = [Note(NoteKind.ORDERS_WITHOUT_PERSON, nobody)]
    if as_of is not None:
        moment = pd.Timestamp(as_of, unit="ms", tz="UTC").tz_convert(timezone)
        notes.insert(0, Note(NoteKind.AFTER_AS_OF, later, moment.isoformat()))
    yield Relations(
        channels=tuple(sorted({*codes["channel"]})),
        as_of=latest if as_of is None else as_of,
        notes=tuple(note for note in notes if note.count),
    )


def _table(session: SparkSession, role: str, place: str) -> DataFrame:
    from pyspark.errors import AnalysisException

    try:
        if "/" in place or "\\" in place:
            return session.read.parquet(place)
        return session.table(place)
    except AnalysisException as error:
        if "PARQUET_TYPE_ILLEGAL" in str(error):
            raise ConfigError(
                f"Spark cannot read a column of {quoted(place)} for {role}: "
                f"{str(error).splitlines()[0][:_SHOWN]} Write timestamps in microseconds."
            ) from error
        raise ConfigError(
            f"Spark finds no table or Parquet files {quoted(place)} for {role}. Write a table's "
            "name with its database, or the whole path; a temporary view of another session is "
            "not seen."
        ) from error


def _selected(
    session: SparkSession, role: str, place: str, columns: tuple[_Column, ...], timezone: str
) -> DataFrame:
    """Return the columns that are known, each as the steps want it."""
    frame = _table(session, role, place)
    kinds = dict(frame.dtypes)
    if missing := [each.name for each in columns if not each.otherwise and each.name not in kinds]:
        raise ConfigError(
            f"{role}, {place}: found no column {', '.join(missing)} among {', '.join(kinds)}; "
            f"expected {', '.join(each.name for each in columns if not each.otherwise)}. Make a "
            "view that calls them so."
        )
    selected = []
    for each in columns:
        sql = each.otherwise
        if each.name in kinds:
            sql = _as_wanted(each, kinds[each.name], timezone)
            if not sql:
                raise ConfigError(
                    f"{role}, {place}: found {kinds[each.name]} in column {each.name}; expected "
                    f"{each.kind}. Make a view that converts it."
                )
            if each.name == "event":
                sql = f"coalesce({sql}, {each.otherwise})"
        selected.append(f"{sql} AS {each.name}")
    return frame.selectExpr(*selected)


def _as_wanted(column: _Column, found: str, timezone: str) -> str:
    """Return a column as the steps want it, in SQL; empty if its type cannot be that."""
    name = column.name
    whole = found in _WHOLE or (found.startswith("decimal") and found.endswith(",0)"))
    if column.kind == _ID:
        text = found == "string" or found.startswith(("varchar", "char"))
        return f"CAST({name} AS STRING)" if text or whole else ""
    if column.kind == _TIME and found == "timestamp":
        return f"unix_millis({name})"
    if column.kind == _TIME and found == "timestamp_ntz":
        zone = SPARK.literal(timezone)
        return f"unix_millis(to_utc_timestamp(CAST({name} AS TIMESTAMP), {zone}))"
    if column.kind == _DAY:
        return f"unix_date({name})" if found == "date" else f"CAST({name} AS INT)" * whole
    return f"CAST({name} AS BIGINT)" * whole


def _kept(session: SparkSession, role: str, as_of: int | None) -> int:
    """Make the view of the rows that count, and return how many are later than `as_of`."""
    known = "(person IS NOT NULL OR order_id IS NOT NULL)" if role == "touchpoints" else "TRUE"
    until = "TRUE" if as_of is None else f"(at IS NULL OR at <= {as_of})"
    kept = session.sql(f"SELECT * FROM all_{role} WHERE {known} AND {until}")
    kept.createOrReplaceTempView(f"kept_{role}")
    if as_of is None:
        return 0
    (row,) = session.sql(f"SELECT count(*) AS n FROM all_{role} WHERE at > {as_of}").collect()
    return int(row.n)


def _checked(session: SparkSession, tables: Mapping[str, str]) -> tuple[int, int]:
    """Return the latest instant in the rows, and how many orders have no person."""
    latest, nobody = 0, 0
    for role in tables:
        faults = _FAULTS[role]
        counts = ", ".join(
            f"count_if({fault.condition}) AS fault_{nth}" for nth, fault in enumerate(faults)
        )
        view = "all_lines" if role == "lines" else f"kept_{role}"
        (row,) = session.sql(f"SELECT {counts} FROM {view}").collect()
        for nth, fault in enumerate(faults):
            if count := row[f"fault_{nth}"]:
                raise DataError(
                    f"{count:,} rows of {role} {fault.found}",
                    fault.expected,
                    fault.remedy,
                    column=fault.column,
                    source=tables[role],
                )
    for role, key in (("touchpoints", "event_id"), ("orders", "order_id")):
        (row,) = session.sql(
            "SELECT coalesce(max(at), 0) AS latest, count_if(person IS NULL) AS nobody "
            f"FROM kept_{role}"
        ).collect()
        (twice,) = session.sql(
            f"SELECT count(*) AS n FROM (SELECT {key} FROM kept_{role} GROUP BY {key} "
            "HAVING count(*) > 1) AS repeated"
        ).collect()
        if twice.n:
            raise DataError(
                f"{twice.n:,} ids that stand in more than one row of {role}",
                "an id of its own for every row",
                "Put the platform before the ids, or leave out repeated rows in a view.",
                column=key,
                source=tables[role],
            )
        latest, nobody = max(latest, row.latest), row.nobody
    return latest, nobody


def _codes(session: SparkSession) -> dict[str, Any]:
    """Return every name as it stands in the rows, the channel it names, and the channel's code."""
    names = [
        row.channel
        for row in session.sql("SELECT DISTINCT channel FROM kept_touchpoints").collect()
    ]
    channels = [name.strip() for name in names]
    code = {channel: nth for nth, channel in enumerate(sorted({*channels}))}
    return {
        "name": pa.array(names, pa.string()),
        "channel": channels,
        "code": pa.array([code[channel] for channel in channels], pa.int32()),
    }
