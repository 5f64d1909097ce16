"""What the steps of the store's views share: a step, the options, and a few words of SQL.

A step is one idea: a name, why it is there, and one SELECT over tables and earlier steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from attribution.errors import ConfigError, quoted
from attribution.names import DEFAULT_TIMEZONE
from attribution.store.tables import PROVENANCE, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attribution.workspace import Exclude

__all__ = [
    "NOT_REVENUE",
    "Step",
    "ViewOptions",
    "day_of",
    "in_list",
    "literal",
    "local_time",
    "nulls",
    "provenance",
    "public",
    "until",
]

DAY_MS = 86_400_000

# Lines that are given away: they cost, they do not earn.
NOT_REVENUE = ("presale_gift", "zero_yuan", "lucky_bag", "sample", "gift")

_RESERVED = ("at", "from", "to")
_SQL_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "bool": "BOOLEAN", "double": "DOUBLE"}


@dataclass(frozen=True)
class Step:
    """One named idea of the store's views.

    Attributes
    ----------
    name
        The view it becomes.
    why
        What it is for, in a line.
    sql
        One SELECT over `latest_*` tables, `identities` and earlier steps.
    """

    name: str
    why: str
    sql: str


@dataclass(frozen=True)
class ViewOptions:
    """How the canonical rows are shown.

    Attributes
    ----------
    as_of
        UTC milliseconds: what is later is left out. None takes everything, and as now the latest
        instant the data support.
    timezone
        Of days and of the hours in names.
    excludes
        Rules for orders that are none; the first that holds says why.
    language
        Of names.

    Raises
    ------
    ConfigError
        If a rule has no condition, or names a column that orders do not have.
    """

    as_of: int | None = None
    timezone: str = DEFAULT_TIMEZONE
    excludes: tuple[Exclude, ...] = ()
    language: Literal["zh", "en"] = "zh"

    def __post_init__(self) -> None:
        allowed = [
            column.name
            for column in TABLES["orders"].columns
            if column.kind in ("id", "text", "enum") and not column.name.startswith("_")
        ]
        for rule in self.excludes:
            for name, _ in rule.where:
                if name not in allowed:
                    raise ConfigError(
                        f"Exclude rule {quoted(rule.why)}: found the column {quoted(name)}; "
                        f"expected one of {', '.join(allowed)}. Name a column of orders."
                    )
            if not rule.where and rule.paid_at_most_fen is None:
                raise ConfigError(
                    f"Exclude rule {quoted(rule.why)}: found no condition; expected a column of "
                    "orders or paid_at_most. Without one the rule would leave out every order."
                )


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def in_list(values: tuple[str, ...]) -> str:
    """Return values as the list behind IN; an empty one holds nothing."""
    return "(" + ", ".join(literal(value) for value in values or ("",)) + ")"


def provenance(row: str) -> str:
    """Return the provenance columns of a row, as a list for SELECT."""
    return ", ".join(f"{row}.{name}" for name in PROVENANCE.names)


def public(table: str, row: str, instead: Mapping[str, str] | None = None) -> str:
    """Return the columns of a table that a user sees, as a list for SELECT.

    Parameters
    ----------
    table, row
        The canonical table, and what the query calls its rows.
    instead
        Expressions to take for columns of these names.
    """
    instead = instead or {}
    parts = []
    for column in TABLES[table].columns:
        if column.name.startswith("_"):
            continue
        name = f'"{column.name}"' if column.name in _RESERVED else column.name
        parts.append(f"{instead.get(column.name, f'{row}.{name}')} AS {name}")
    return ", ".join(parts)


def nulls(table: str) -> dict[str, str]:
    """Return an empty value of the right type for every column of a table."""
    return {
        column.name: f"CAST(NULL AS {_SQL_TYPES[str(column.type)]})"
        for column in TABLES[table].columns
    }


def until(column: str, as_of: int | None) -> str:
    """Return the condition that an instant is no later than `as_of`; an unknown one is not."""
    return "TRUE" if as_of is None else f"({column} IS NULL OR {column} <= {as_of})"


def local_time(column: str, timezone: str, pattern: str) -> str:
    """Return an instant in UTC milliseconds as text in a time zone."""
    moment = f"make_timestamp({column} * 1000) AT TIME ZONE 'UTC' AT TIME ZONE {literal(timezone)}"
    return f"strftime({moment}, {literal(pattern)})"


def day_of(column: str, timezone: str) -> str:
    """Return the calendar day of an instant in a time zone, such as 2026-11-11."""
    return local_time(column, timezone, "%Y-%m-%d")
