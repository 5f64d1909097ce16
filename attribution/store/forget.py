"""Forgetting a person: whose an order is goes, that there was an order stays."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from attribution.errors import DataError
from attribution.store.parts import (
    PartWriter,
    Writer,
    clean,
    file_error,
    part_file,
    store_errors,
    writing,
)
from attribution.store.people import drop_people
from attribution.store.suppression import (
    erase,
    not_erased,
    note_erased,
    people_suppressed,
    suppress_person,
    value_tokens,
)
from attribution.store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from attribution.store.parts import Marker
    from attribution.store.store import Store

__all__ = ["finish_forgetting", "forget"]

# Tables with anything personal, and the columns by which a row of it is recognised.
_RECOGNISED = {
    "touchpoints": ("platform", "id_value", "_identifier"),
    "orders": ("platform", "id_value", "payer_ref", "_identifier"),
    "erp_orders": ("platform", "id_value", "_identifier"),
    "order_lines": ("platform", "sharer_ref"),
    "identifiers": ("id_hash",),
    "links": ("a", "b"),
}
_NAMING = ("touchpoints", "orders", "erp_orders")  # rows with an identifier as the platform has it


def forget(
    store: Store, person_id: str, waiting: Callable[[], None] | None = None
) -> dict[str, int]:
    """Erase a person: his touchpoints, identifiers and links, and whose his orders are.

    What he is recognised by is listed first: from then on no reader sees him and no ingest brings
    him back. Then every part that holds him is written anew and the old one removed. Killed on the
    way, it is finished by the next ingest, or by calling it again. The files the rows came from
    are not touched.

    A number or id that the evidence gives to several people in turn is erased for all of them.

    Parameters
    ----------
    store
        The store.
    person_id
        As `persons` lists it.
    waiting
        Called once if another run holds the store for more than two seconds.

    Returns
    -------
    dict
        Rows changed or removed, by table; empty if nothing was left of him.

    Raises
    ------
    DataError
        If there is no such person, or the disk refuses.
    """
    folder = store.folder
    with writing(folder, waiting) as writer:
        tokens = _tokens(store, person_id, writer.markers())
        with store_errors(folder):
            suppress_person(folder, person_id, tokens.to_pylist())
        changed: Counter[str] = Counter()
        for marker in writer.markers():
            changed.update(_rewrite(writer, marker, tokens))
        clean(folder, writer.markers())
        drop_people(folder)
        with store_errors(folder):
            note_erased(folder, person_id)
    store.refresh_people()
    return {name: rows for name in TABLES if (rows := changed[name])}


def finish_forgetting(store: Store, waiting: Callable[[], None] | None = None) -> None:
    """Erase whoever a killed run has listed and not erased.

    Raises
    ------
    DataError
        If the disk refuses.
    """
    for person_id in not_erased(store.folder):
        forget(store, person_id, waiting)


def _tokens(store: Store, person_id: str, markers: tuple[Marker, ...]) -> pa.Array:
    """Return what the person is recognised by: listed already, or found in the evidence."""
    listed = people_suppressed(store.folder, person_id)
    identities = store.people().identities
    his = identities.filter(pc.equal(identities.column("person_id"), person_id))
    if not len(listed) and not his.num_rows:
        raise DataError(
            "no person of that id",
            "an id that `persons` lists",
            "Look the id up with `attribution person`, and mind that it may have been forgotten.",
        )
    hashes = pa.concat_arrays([listed, *his.column("id_hash").cast(pa.string()).chunks]).unique()
    values = [_values(rows, hashes) for rows in _naming_rows(store.folder, markers)]
    return pa.concat_arrays([hashes, *values]).unique()


def _naming_rows(folder: Path, markers: tuple[Marker, ...]) -> Iterator[pa.Table]:
    for marker in markers:
        for name in _NAMING:
            if name in marker.parts:
                yield from _tables(folder, name, marker, _RECOGNISED[name])


def _values(rows: pa.Table, hashes: pa.Array) -> pa.Array:
    """Return digests of the identifiers by which his rows name him: the payer's if there is one."""
    his = rows.filter(pc.is_in(rows.column("_identifier"), value_set=hashes))
    value = his.column("id_value")
    if "payer_ref" in his.column_names:
        value = pc.coalesce(his.column("payer_ref"), value)
    platforms = his.column("platform").combine_chunks()
    return value_tokens(platforms, value.combine_chunks()).drop_null()


def _rewrite(writer: Writer, marker: Marker, tokens: pa.Array) -> dict[str, int]:
    """Write the parts of one batch that hold him anew, and replace its marker."""
    folder, edition = writer.folder, marker.edition + 1
    parts, changed = dict(marker.parts), {}
    for name in _RECOGNISED:
        if name not in parts or not _holds(folder, name, marker, tokens):
            continue
        part = PartWriter(folder, name, marker.batch, edition)
        try:
            changed[name] = 0
            for rows in _tables(folder, name, marker):
                kept, count = erase(name, rows, tokens)
                changed[name] += count
                part.add(kept)
            part.close()
        except BaseException:
            part.abandon()
            raise
        parts[name] = (part.file.name, part.rows)
        if not part.rows:
            del parts[name]
    if changed:
        writer.commit(replace(marker, edition=edition, parts=parts))
    return changed


def _holds(folder: Path, name: str, marker: Marker, tokens: pa.Array) -> bool:
    return any(
        erase(name, rows, tokens)[1] for rows in _tables(folder, name, marker, _RECOGNISED[name])
    )


def _tables(
    folder: Path, name: str, marker: Marker, columns: tuple[str, ...] | None = None
) -> Iterator[pa.Table]:
    """Yield a part's rows, a row group at a time; a column an older layout lacks is null."""
    schema, file = TABLES[name].schema, part_file(folder, name, marker.parts[name][0])
    wanted = [item for item in schema if columns is None or item.name in columns]
    try:
        with parquet.ParquetFile(file) as opened:
            there = [item.name for item in wanted if item.name in opened.schema_arrow.names]
            for batch in opened.iter_batches(columns=there):
                rows = pa.table(batch)
                yield pa.table(
                    {
                        item.name: rows.column(item.name)
                        if item.name in there
                        else pa.nulls(rows.num_rows, item.type)
                        for item in wanted
                    }
                )
    except (OSError, pa.ArrowException) as error:
        raise file_error(
            folder,
            file,
            f"a file that cannot be read ({type(error).__name__})",
            "the Parquet file that was written there",
            "Restore it from a backup, and run the same command again.",
        ) from None
