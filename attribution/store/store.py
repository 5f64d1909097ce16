"""The store, read: canonical tables as frames, while another process may be writing.

A reader lists the markers once and reads only the parts they list. Should a part have been replaced
and removed meanwhile, it lists them again.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from attribution.errors import DataError, quoted
from attribution.identity.rules import Rules
from attribution.names import DEFAULT_TIMEZONE
from attribution.store.connection import (
    create_steps,
    enough_memory,
    leading_to,
    limit_memory,
    open_connection,
    tables_read,
)
from attribution.store.latest import create_latest
from attribution.store.parts import current, file_error, part_file, read_markers
from attribution.store.people import people_folder, read_people, resolve_people, write_people
from attribution.store.steps import Step, ViewOptions, literal
from attribution.store.suppression import suppressed
from attribution.store.tables import DERIVED, PROVENANCE, TABLES
from attribution.workspace import FILE, CostRules, Workspace, read_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    import duckdb

    from attribution.identity.resolve import People
    from attribution.store.parts import Marker
    from attribution.workspace import Exclude

    # Which tables are to be made, of a connection and all steps' names.
    _Wanted = Callable[[duckdb.DuckDBPyConnection, list[str]], set[str]]

__all__ = ["Store", "filled_store", "open_store"]

_TRIES = 100  # of reading a store that another process keeps rewriting
_PEOPLE = ("identities", "persons")
_Result = TypeVar("_Result")
_PANDAS = {
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=np.nan),
}


class _Listing(NamedTuple):
    """What a reader goes by: listed once, so that all it reads belongs together."""

    markers: tuple[Marker, ...]
    suppressed: tuple[str, ...]
    people: Path
    people_kept: bool

    @property
    def hidden(self) -> pa.Array:
        return pa.array(self.suppressed, pa.string())


@dataclass(frozen=True)
class Store:
    """The store of one workspace, for reading.

    Attributes
    ----------
    folder
        Where it lies; it need not exist yet.
    rules
        By which identifiers become people.
    timezone
        Of days and of the connection's clock.
    excludes
        Rules for orders that are none.
    language
        Of names.
    as_of
        UTC epoch ms beyond which nothing is read; None for everything.
    sources
        Names of the sources whose rows are shown; None for all there are.
    costs
        How costs are reckoned and spread.
    """

    folder: Path
    rules: Rules = field(default_factory=Rules)
    timezone: str = DEFAULT_TIMEZONE
    excludes: tuple[Exclude, ...] = ()
    language: Literal["zh", "en"] = "zh"
    as_of: int | None = None
    sources: tuple[str, ...] | None = None
    costs: CostRules = field(default_factory=CostRules)

    def batches(self) -> tuple[Marker, ...]:
        """Return what is known of every file whose rows are shown, in order of arrival."""
        return self._listing().markers

    def table(self, name: str) -> pd.DataFrame:
        """Return one table as a frame.

        Parameters
        ----------
        name
            A canonical table, `identities`, `persons`, `quarantine`, `excluded_orders`,
            `unmapped_aliases`, or another view of the connection.

        Returns
        -------
        DataFrame
            Canonical columns first, then derived ones, then provenance (`_source, _file, _row,
            _batch`). Ids are text, money whole fen and times UTC epoch ms, both Int64; rows are
            sorted by the table's key.

        Raises
        ------
        DataError
            If there is no such table, or a file of the store cannot be read.
        """

        def wanted(_: duckdb.DuckDBPyConnection, steps: list[str]) -> set[str]:
            _refuse_unknown(name, steps)
            return {name}

        return _frame(name, self._reading(wanted, lambda connection: _rows(connection, name)))

    def query(self, sql: str) -> pa.Table:
        """Return the result of a query over the views of `connect`.

        Raises
        ------
        DataError
            If a file of the store cannot be read.
        duckdb.Error
            If the query cannot be run.
        """

        def wanted(connection: duckdb.DuckDBPyConnection, _: list[str]) -> set[str]:
            return {*tables_read(connection, sql)}

        return self._reading(wanted, lambda connection: connection.sql(sql).to_arrow_table())

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection in memory with every table.

        Besides the tables `table` returns there are `latest_<table>`: one row for each key, with
        hidden columns, before orders, aliases and people are brought together. It shows the store
        as it is now; what takes long is computed at once. A part it reads may be removed by the
        second `ingest` after this; then connect again.
        """
        return self._retried(lambda listing: self._connection(listing, _everything))

    def reading(
        self,
        steps: Sequence[Step],
        read: Callable[[duckdb.DuckDBPyConnection], _Result],
        *,
        tables: Collection[str] = (),
        memory: str = "",
    ) -> _Result:
        """Return what is read on a connection that has steps of one's own, and no more.

        Parameters
        ----------
        steps
            Steps over the store's tables and views, each after those it reads.
        read
            Reads them; it starts anew if the store has changed meanwhile.
        tables
            Tables and views of the store that are needed beside those the steps read.
        memory
            What the connection may use, such as "2GB".

        Raises
        ------
        StoreError
            If the memory does not suffice; it names the step.
        DataError
            If a file of the store cannot be read.
        """
        wanted = {*tables, *(step.name for step in steps)}
        return self._reading(lambda *_: wanted, read, steps, memory)

    def people(self) -> People:
        """Return who is who: kept by the last `refresh_people`, or else resolved now."""
        return self._retried(self._people)

    def refresh_people(self) -> None:
        """Resolve people anew and keep them for readers; writes nothing if that was done.

        Do not call it while this process holds the store for writing.
        """
        listing = self._listing()
        if listing.markers and not listing.people_kept:
            people = self._people(listing)
            # Whoever was forgotten meanwhile must not be written again.
            write_people(listing.people, people, lambda: self._listing().people == listing.people)

    # ------------------------------------------------------------------ inside

    def _listing(self) -> _Listing:
        hidden = suppressed(self.folder)
        markers = tuple(
            marker
            for marker in current(read_markers(self.folder))
            if self.sources is None or marker.source in self.sources
        )
        people = people_folder(self.folder, markers, hidden, self.rules)
        return _Listing(markers, tuple(hidden.to_pylist()), people, people.is_dir())

    def _retried(self, read: Callable[[_Listing], _Result]) -> _Result:
        """Read by one listing of the store, and by a new one if the store has changed under it."""
        import duckdb

        for _ in range(_TRIES):
            listing = self._listing()
            try:
                return read(listing)
            except (duckdb.ParserException, duckdb.CatalogException):
                raise  # the query's own fault
            except (duckdb.Error, OSError, UnicodeError, pa.ArrowException):
                if self._listing() == listing:
                    _refuse_broken(self.folder, listing)
                    raise
        raise DataError(
            "files that were replaced again and again while they were read",
            "a store at rest",
            "Wait until `ingest` is done.",
            source=self.folder.name,
        )

    def _reading(
        self,
        wanted: _Wanted,
        read: Callable[[duckdb.DuckDBPyConnection], _Result],
        further: Sequence[Step] = (),
        memory: str = "",
    ) -> _Result:
        def once(listing: _Listing) -> _Result:
            with (
                _closing(self._connection(listing, wanted, further, memory)) as connection,
                enough_memory("reading"),
            ):
                return read(connection)

        return self._retried(once)

    def _connection(
        self,
        listing: _Listing,
        wanted: _Wanted,
        further: Sequence[Step] = (),
        memory: str = "",
    ) -> duckdb.DuckDBPyConnection:
        """Return a connection with the wanted tables and all they are made from."""
        options = ViewOptions(self.as_of, self.timezone, self.excludes, self.language)
        connection = open_connection(self.timezone)
        try:
            every = [*_all_steps(options), *further]
            tables = wanted(connection, [step.name for step in every])
            chosen, readers = leading_to(connection, every, tables)
            readers.update(step.name for step in further)  # they are read once more, by the caller
            needed = {*tables, *readers}
            people = bool(needed & {*_PEOPLE}) and not listing.people_kept
            latest = {each.removeprefix("latest_") for each in needed if each.startswith("latest_")}
            latest |= ({"identifiers", "links"} if people else set()) | (needed & {"quarantine"})
            with enough_memory("latest"):
                if memory:
                    limit_memory(connection, memory)
                create_latest(connection, self.folder, listing.markers, listing.hidden, latest)
                found = resolve_people(connection, self.rules) if people else None
            if found is not None:
                for name in _PEOPLE:
                    connection.register(name, getattr(found, name))
            elif needed & {*_PEOPLE}:
                for name in _PEOPLE:
                    file = literal((listing.people / f"{name}.parquet").as_posix())
                    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({file})")
            create_steps(connection, chosen, readers)
        except BaseException:
            connection.close()
            raise
        return connection

    def _people(self, listing: _Listing) -> People:
        if listing.people_kept:
            return read_people(listing.people)
        with _closing(open_connection(self.timezone)) as connection:
            tables = ("identifiers", "links")
            create_latest(connection, self.folder, listing.markers, listing.hidden, tables)
            return resolve_people(connection, self.rules)


def open_store(workspace: Workspace | str | os.PathLike[str]) -> Store:
    """Return the store of a workspace.

    Parameters
    ----------
    workspace
        A workspace, or its folder.

    Raises
    ------
    ConfigError
        If the folder is no workspace.
    """
    if not isinstance(workspace, Workspace):
        workspace = read_workspace(workspace)
    return Store(
        folder=workspace.store,
        rules=workspace.rules,
        timezone=workspace.timezone,
        excludes=workspace.excludes,
        language=workspace.language,
        sources=tuple(source.name for source in workspace.sources),
        costs=workspace.costs,
    )


def filled_store(workspace: Workspace) -> Store:
    """Return the store of a workspace, which must hold something.

    Raises
    ------
    DataError
        If nothing has been ingested yet.
    """
    store = open_store(workspace)
    if not store.batches():
        raise DataError(
            "nothing ingested yet",
            "rows in the store",
            "Run `attribution ingest`, then this again.",
            source=FILE,
        )
    return store


@contextmanager
def _closing(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        yield connection
    finally:
        connection.close()


def _refuse_broken(folder: Path, listing: _Listing) -> None:
    """Raise an error that names the first file of the store that cannot be read, if any."""
    parts = [
        part_file(folder, table, file)
        for marker in listing.markers
        for table, (file, _) in marker.parts.items()
    ]
    people = sorted(listing.people.glob("*.parquet")) if listing.people_kept else []
    for file in [*parts, *people]:
        try:
            with parquet.ParquetFile(file) as opened:
                for group in range(opened.num_row_groups):
                    opened.read_row_group(group).validate(full=True)
        except (OSError, UnicodeError, pa.ArrowException) as error:
            remedy = (
                "Remove the folder it lies in; it is made anew."
                if file in people
                else "Restore it from a backup; or delete the batch's marker in batches/ and "
                "ingest again: the source's rows are then read anew."
            )
            raise file_error(
                folder,
                file,
                "no such file" if isinstance(error, FileNotFoundError) else "a damaged file",
                "the Parquet file that was written there",
                remedy,
            ) from None


# ---------------------------------------------------------------------- frames


def _all_steps(options: ViewOptions) -> list[Step]:
    """Return the views' steps, and the evidence that none of them shows as it is stored."""
    from attribution.store.views import steps

    found = steps(options)
    shown = {step.name for step in found}
    plain = [
        Step(name, "Evidence, as it is stored.", f"SELECT * FROM latest_{name}")
        for name in TABLES
        if name not in shown
    ]
    return [*found, *plain]


def _everything(_: duckdb.DuckDBPyConnection, steps: list[str]) -> set[str]:
    return {*steps, *(f"latest_{name}" for name in TABLES), *_PEOPLE, "quarantine"}


def _refuse_unknown(name: str, steps: list[str]) -> None:
    known = [*TABLES, *DERIVED]
    if name not in {*_PEOPLE, *steps, "quarantine"}:
        near = get_close_matches(name, known, n=1)
        raise DataError(
            f"no table {quoted(name)}",
            "a table of the store",
            f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}.",
        )


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> pa.Table:
    """Return the rows of a view in an order that does not depend on how they were found."""
    there = connection.sql(f'SELECT * FROM "{name}" LIMIT 0').columns
    key = TABLES[name].key if name in TABLES else ()
    by = dict.fromkeys([*key, *(column for column in PROVENANCE.names if column in there)])
    order = ", ".join(f'"{each}"' for each in by) if key and {*key} <= {*there} else "ALL"
    shown = [f'"{each}"' for each in _shown(name, there)]
    return connection.sql(
        f'SELECT {", ".join(shown)} FROM "{name}" ORDER BY {order}'
    ).to_arrow_table()


def _shown(name: str, there: list[str]) -> list[str]:
    """Return the columns a user sees: canonical ones, derived ones, provenance."""
    canonical = [column.name for column in TABLES[name].columns] if name in TABLES else []
    public = [column for column in canonical if not column.startswith("_") and column in there]
    derived = [column for column in there if not column.startswith("_") and column not in public]
    return [*public, *derived, *(column for column in PROVENANCE.names if column in there)]


def _frame(name: str, table: pa.Table) -> pd.DataFrame:
    """Return rows as a frame; whole numbers stay whole, however a query has widened them."""
    kinds = {c.name: c.type for c in TABLES[name].columns} if name in TABLES else {}
    schema = pa.schema(
        [(item.name, kinds.get(item.name, _narrow(item.type))) for item in table.schema]
    )
    frame: pd.DataFrame = table.cast(schema).to_pandas(types_mapper=_PANDAS.get)
    return frame


def _narrow(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        return pa.int64()
    return pa.string() if pa.types.is_large_string(kind) else kind
