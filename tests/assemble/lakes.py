"""Many histories in one, and as tables that a lake might hold."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import Phase, given, settings

from tests.assemble.histories import CHANNELS, SCHEMAS, History, histories

__all__ = ["SINCE", "dated", "in_a_lake", "many_histories"]

SINCE = 1_800_000_000_000  # when a lake's history begins, UTC milliseconds


def many_histories(count: int, as_of: int) -> History:
    """Return histories side by side: each has people, orders and touchpoints of its own."""
    found: list[History] = []

    @settings(max_examples=count, phases=[Phase.generate])
    @given(history=histories())
    def gather(history: History) -> None:
        found.append(history)

    gather()
    own = ("person", "order_id", "event_id")

    def told(nth: int, row: dict[str, Any]) -> dict[str, Any]:
        return {
            name: f"{nth} {value}" if name in own and value is not None else value
            for name, value in row.items()
        }

    relations = (
        [told(nth, row) for nth, history in enumerate(found) for row in getattr(history, name)]
        for name in SCHEMAS
    )
    return History(*relations, as_of=as_of)


def in_a_lake(history: History) -> dict[str, pa.Table]:
    """Return a history as a lake's tables have it: channels by name, times of these days."""
    tables = {name: _since(table) for name, table in history.tables().items()}
    touches = tables["touchpoint_rows"]
    names = pa.array([CHANNELS[code] for code in touches["channel"].to_pylist()])
    days = [
        None if day is None else date(1970, 1, 1) + timedelta(days=day)
        for day in touches["session_day"].to_pylist()
    ]
    touches = touches.set_column(touches.schema.get_field_index("channel"), "channel", names)
    return {
        "touchpoints": touches.set_column(
            touches.schema.get_field_index("session_day"), "session_day", pa.array(days)
        ),
        "orders": tables["order_rows"],
        "lines": tables["line_rows"],
    }


def _since(table: pa.Table) -> pa.Table:
    for name in {"at", "session_end"} & {*table.column_names}:
        moved = pc.add(table[name], SINCE)
        table = table.set_column(table.schema.get_field_index(name), name, moved)
    return table


def dated(table: pa.Table, kind: pa.DataType, ahead_ms: int = 0) -> pa.Table:
    """Return a table with its times as timestamps, of a clock that is so much ahead."""
    ms = pa.array(table["at"].to_numpy() + ahead_ms).cast(pa.timestamp("ms"))
    at = ms.cast(kind) if kind.tz is None else ms.cast(pa.timestamp(kind.unit)).cast(kind)
    return table.set_column(table.schema.get_field_index("at"), "at", at)
