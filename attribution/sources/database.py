"""Rows of a database by URL and SQL: PostgreSQL, MySQL, SQLite; exact, streamed, read only."""

from __future__ import annotations

import os
import re
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from attribution.errors import ConfigError, DataError, quoted
from attribution.sources.file_heads import refuse_doubled
from attribution.sources.json_files import exact_json
from attribution.sources.nested import array_of, text_leaves, text_of
from attribution.sources.raw import Broken, RawBatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import DBAPIError

__all__ = ["read_query"]

_ROWS = 20_000
_WAIT_S = 10
# Dialect: its driver in SQLAlchemy, the extra that brings it, and what makes a session read only.
_DIALECTS = {
    "postgresql": (
        "postgresql+psycopg",
        "postgres",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    ),
    "mysql": ("mysql+pymysql", "mysql", "SET SESSION TRANSACTION READ ONLY"),
    "mariadb": ("mysql+pymysql", "mysql", "SET SESSION TRANSACTION READ ONLY"),
    "sqlite": ("sqlite", "postgres", "PRAGMA query_only = ON"),
}
_NAMES = {"postgres": "postgresql"}
# What in a statement is no code: texts, quoted names, comments.
_QUOTED = re.compile(
    r"'[^']*'|\"[^\"]*\"|`[^`]*`|(\$\w*\$).*?\1|--[^\n]*|/\*.*?\*/",
    re.DOTALL,
)
_UNREACHABLE = {"08", "28", "3D", "53", "57"}  # PostgreSQL's classes of refusals to serve
# Where a URL's query holds a password; drivers take several names for it.
_PASSWORD = re.compile(r"[?&;]\s*\w*(password|passwd|passphrase|pwd)\s*=", re.IGNORECASE)
# MySQL's numbers of errors whose message names tables and columns only.
_MYSQL_NAMES = (1044, 1049, 1051, 1054, 1142, 1146)


def read_query(
    url: str,
    sql: str,
    *,
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Iterator[RawBatch]:
    """Yield the rows of a query in batches, streamed from the server in a read-only session.

    Decimals, whole numbers and times come as exact text, times with a zone in UTC; floats stay
    float64, JSON and arrays nested with text leaves. A row with a time that is infinite or outside
    the years 1 to 9999, or a decimal that is no finite number, is broken. A result without rows
    gives one empty batch.

    Parameters
    ----------
    url
        Such as "postgresql://reader@host/database", or "env:NAME" to read it from the environment
        variable NAME, as one must with a password in its query.
    sql
        One SELECT.
    folder
        A workspace: an SQLite file is named from there, and lies inside it.

    Raises
    ------
    ConfigError
        If the URL, its driver or the statement cannot stand. No message repeats the URL.
    DataError
        If the database cannot be reached or refuses the query.
    """
    _refuse_other_statements(sql)
    engine = _engine(_inside(_url(url, environ), folder))
    read_only = _DIALECTS[engine.dialect.name][2]
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(read_only)
            connection.commit()
            if engine.dialect.name == "postgresql":
                _keep_rows_of_unfit_times(connection)
            yield from _rows(connection, sql)
    except DBAPIError as error:
        raise _refused(error) from None
    except SQLAlchemyError as error:
        raise DataError(
            f"a query that fails ({type(error).__name__})", "rows", "Try the SELECT by hand."
        ) from None
    finally:
        engine.dispose()


# ---------------------------------------------------------------------- where and what


def _url(text: str, environ: Mapping[str, str]) -> URL:
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ModuleNotFoundError:
        raise _not_installed("SQLAlchemy", "postgres") from None
    if text.startswith("env:"):
        name = text.removeprefix("env:").strip()
        if not re.fullmatch(r"\w+", name):  # perhaps a URL: not to be repeated
            raise ConfigError(
                "found env: with something else than a name behind it; expected the name of an "
                'environment variable. Write such as "env:SHOP_URL", and the URL into SHOP_URL.'
            )
        if name not in environ:
            raise ConfigError(
                f"found no environment variable {name}; expected one that holds the database's "
                f"URL. Set it, such as export {name}=postgresql://user:password@host/database."
            )
        text = environ[name]
    elif _PASSWORD.search(unquote(text)):
        raise ConfigError(
            "found a password in the query of a database URL; expected it in the environment. "
            'Write such as url = "env:SHOP_URL", and the whole URL into SHOP_URL.'
        )
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        raise ConfigError(
            "found a database URL that cannot be read; expected such as "
            "postgresql://user:password@host:5432/database. Write special characters of the "
            "password as in %40 for @."
        ) from None
    backend = url.get_backend_name()
    dialect = _NAMES.get(backend, backend)
    if dialect not in _DIALECTS:
        raise ConfigError(
            f"found a database of the kind {quoted(dialect)}; expected postgresql, mysql or "
            "sqlite. Export its table as CSV or Parquet, and name the file in `files`."
        )
    return url.set(drivername=_DIALECTS[dialect][0])


def _inside(url: URL, folder: Path | None) -> URL:
    """Return the URL of an SQLite file with its whole path; others stand as they are."""
    if folder is None or url.get_backend_name() != "sqlite" or not url.database:
        return url
    file = (folder / url.database).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise ConfigError(
            "found an SQLite file outside the workspace; expected one inside it. Copy it there, "
            "and name it from there, such as sqlite:///data/raw/shop.db."
        )
    return url.set(database=str(file))


def _engine(url: URL) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    dialect = url.get_backend_name()
    if dialect == "sqlite":
        # SQLite would make a file that is not there.
        if not url.database or not os.path.isfile(url.database):
            raise DataError(
                "no such SQLite file", "a database", "Check the path behind sqlite:///."
            )
        return create_engine(url, poolclass=NullPool)
    exact = {"json_deserializer": exact_json} if dialect == "postgresql" else {}
    try:
        return create_engine(
            url, poolclass=NullPool, connect_args={"connect_timeout": _WAIT_S}, **exact
        )
    except ModuleNotFoundError as error:
        raise _not_installed(error.name or "its driver", _DIALECTS[dialect][1]) from None


def _not_installed(what: str, extra: str) -> ConfigError:
    return ConfigError(
        f"found no {what}, which reads this database; expected it to be installed. "
        f"Run: pip install 'attribution[{extra}]'"
    )


def _refuse_other_statements(sql: str) -> None:
    code = _QUOTED.sub(" ", sql).strip().rstrip("; \t\r\n")
    first = re.match(r"\(*\s*(\w*)", code)
    word = first[1].upper() if first else ""
    if word in {"SELECT", "WITH"} and ";" not in code:
        return
    if ";" in code:
        found = "several statements"
    else:
        found = f"a statement that begins with {quoted(word[:20])}" if word else "no statement"
    raise ConfigError(f"found {found} in sql; expected one SELECT. Leave the rest out.")


def _refused(error: DBAPIError) -> DataError:
    """Say why a database refused, without values, passwords or addresses."""
    from sqlalchemy.exc import OperationalError

    cause: Any = error.orig
    state = getattr(cause, "sqlstate", None)
    number = cause.args[0] if cause is not None and cause.args else None
    told = None
    if state is not None and state[:2] in {"42", "3F"}:  # about names and grammar
        told = f"{cause.diag.message_primary} ({state})"
    elif number in _MYSQL_NAMES:
        told = f"{cause.args[1]} ({number})"
    elif type(cause).__module__ == "sqlite3" and "no such" in str(cause):
        told = str(cause)
    if told is not None:
        return DataError(
            f"a query the database refuses: {told}", "a SELECT it accepts", "Correct sql."
        )
    code = state or number
    shown = code if isinstance(code, int) or re.fullmatch(r"\w{5}", str(code)) else None
    kind = type(cause).__name__ if shown is None else f"{type(cause).__name__}, {shown}"
    if state is not None and state[:2] == "25":
        return DataError(
            f"a query that would write ({kind})", "a SELECT that only reads", "Correct sql."
        )
    served = type(cause).__module__ == "sqlite3" or (state and state[:2] not in _UNREACHABLE)
    if isinstance(error, OperationalError) and not served:
        return DataError(
            f"a database that cannot be reached ({kind})",
            "a connection",
            "Check host, port, name, user and password in the URL, and that the server runs.",
        )
    return DataError(
        f"a query that fails ({kind})",
        "rows",
        "Try the SELECT by hand; cast values that are out of range, such as at::text.",
    )


# ---------------------------------------------------------------------- rows


def _rows(connection: Connection, sql: str) -> Iterator[RawBatch]:
    # No parameters: a % or : in the statement is what it is.
    streamed = connection.execution_options(stream_results=True, no_parameters=True)
    with closing(streamed.exec_driver_sql(sql).yield_per(_ROWS)) as result:
        names = list(result.keys())
        refuse_doubled(names, "Name them in sql with AS.")
        first = 1
        for rows in result.partitions(_ROWS):
            yield _batch(names, rows, first)
            first += len(rows)
        if first == 1:
            yield _batch(names, [], first)


def _batch(names: list[str], rows: Sequence[Any], first: int) -> RawBatch:
    columns: list[pa.Array] = []
    broken: dict[int, Broken] = {}
    for name, values in zip(
        names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True
    ):
        column, unfit = _column(values)
        columns.append(column)
        for place, found in unfit.items():
            broken.setdefault(
                place,
                Broken(
                    first + place,
                    f"{found} of column {name!r}",
                    "one kind of value in a field, and finite ones",
                    "Correct the record, or leave the value out in sql, such as with NULLIF; "
                    "take it as text where only its text counts.",
                ),
            )
    table = pa.table(columns, names=names)
    numbers = np.arange(first, first + len(rows))
    if not broken:
        return RawBatch(table, numbers)
    kept = np.ones(len(rows), bool)
    kept[list(broken)] = False
    return RawBatch(
        table.filter(pa.array(kept)),
        numbers[kept],
        tuple(broken[place] for place in sorted(broken)),
    )


def _column(values: Sequence[Any]) -> tuple[pa.Array, dict[int, str]]:
    """Return a column with text leaves, and the places of values that do not fit."""
    import datetime as dt

    unfit = {}
    kinds = set(map(type, values)) - {type(None)}
    if kinds & {_Unheld, Decimal, list, tuple}:
        unfit = {place: found for place, each in enumerate(values) if (found := _unfit(each))}
        values = [None if place in unfit else each for place, each in enumerate(values)]
        kinds -= {_Unheld}
    if kinds & {dict, list, tuple}:
        array, others = array_of(values)
        return array, unfit | others
    if len(kinds) == 1 and kinds <= {bool, float, str, dt.datetime, dt.date}:
        return text_leaves(pa.array(values)), unfit
    return pa.array(list(map(text_of, values)), pa.string()), unfit


# ---------------------------------------------------------------------- values without a text


@dataclass(frozen=True)
class _Unheld:
    """What a cell has in place of a value that Python cannot hold."""

    found: str


def _unfit(value: Any) -> str | None:
    """Return what is wrong with a cell, or with an item of its list; None if nothing is."""
    if isinstance(value, _Unheld):
        return value.found
    if isinstance(value, Decimal) and not value.is_finite():
        return "a number that is infinite" if value.is_infinite() else "a number that is NaN"
    if isinstance(value, list | tuple):
        return next((found for each in value if (found := _unfit(each))), None)
    return None


def _keep_rows_of_unfit_times(connection: Connection) -> None:
    """Let a time no calendar of Python holds cost its row, and not the query."""
    driver: Any = connection.connection.driver_connection
    for name, loader in _loaders().items():
        driver.adapters.register_loader(name, loader)


@cache
def _loaders() -> dict[str, type]:
    """Return PostgreSQL's types of times, and what reads their text."""
    from psycopg.errors import DataError as Unreadable
    from psycopg.types import datetime as usual

    def patient(loader: Any) -> type:
        class Patient(loader):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                if b"infinity" in bytes(data):
                    return _INFINITE
                try:
                    return super().load(data)
                except (Unreadable, OverflowError):
                    return _BEYOND

        return Patient

    return {
        "date": patient(usual.DateLoader),
        "time": patient(usual.TimeLoader),
        "timetz": patient(usual.TimetzLoader),
        "timestamp": patient(usual.TimestampLoader),
        "timestamptz": patient(usual.TimestamptzLoader),
        "interval": patient(usual.IntervalLoader),
    }


_INFINITE = _Unheld("a time that is infinite")
_BEYOND = _Unheld("a time outside the years 1 to 9999, or the hours 0 to 23")
