"""When the people of a store were under observation, as their rows of journeys have to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.journeys.definition import MONEY
from attribution.journeys.watch import NEVER, Others, others_in_order, watch
from attribution.numerics.hashing import hash_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from attribution.journeys.definition import JourneyDefinition
    from attribution.journeys.watch import Watch

    Ints = NDArray[np.int64]

__all__ = ["Listed", "labels_of", "watch_of", "with_untouched"]


class Listed(NamedTuple):
    """Who was under observation, under the person ids of a store.

    Attributes
    ----------
    rows
        person, start_ms, end_ms and row: each person once.
    labels
        What else is known of them, as objects, by `row`.
    """

    rows: pa.Table
    labels: Mapping[str, NDArray[Any]]


def with_untouched(table: pa.Table, listed: Listed, as_of: int) -> pa.Table:
    """Return rows of the relation `journeys`, and one for each listed person who has none."""
    people = listed.rows
    idle = people.filter(pc.invert(pc.is_in(people["person"], value_set=table["person"])))
    given = {
        "person": idle["person"].cast(table.schema.field("person").type),
        "closed_at_ms": pc.min_element_wise(idle["end_ms"], as_of),
        "open": pa.array(np.zeros(len(idle), bool)),
    } | dict.fromkeys(MONEY, pa.array(np.zeros(len(idle), np.int64)))
    columns = [
        given[field.name].cast(field.type)
        if field.name in given
        else pa.nulls(len(idle), field.type)
        for field in table.schema
    ]
    return pa.concat_tables([table, pa.table(columns, schema=table.schema)])


def labels_of(person: NDArray[np.uint64], listed: Listed) -> dict[str, NDArray[Any]]:
    """Return what is known of each journey's person, (n,) each; None of who is not listed."""
    place = _places(person, listed)
    known = np.flatnonzero(place >= 0)
    row = listed.rows["row"].to_numpy()[place[known]]
    found = {}
    for name, column in listed.labels.items():
        found[name] = np.full(len(person), None, dtype=object)
        found[name][known] = column[row]
    return found


def _places(person: NDArray[np.uint64], listed: Listed) -> Ints:
    """Return (n,) the place of each person among the listed rows, -1 of one who is not listed."""
    if not len(listed.rows):
        return np.full(len(person), -1)
    known = hash_texts(listed.rows["person"].cast(pa.large_string()).combine_chunks())
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known[order], person), len(order) - 1)
    return np.where(known[order][at] == person, order[at], -1)


def watch_of(
    table: pa.Table,
    rows: Ints,
    person: NDArray[np.uint64],
    definition: JourneyDefinition,
    as_of: int,
    listed: Listed | None,
) -> Watch:
    """Return when each journey's person was watched: as listed, else from his first touchpoint.

    Parameters
    ----------
    table
        The relation `journeys` with all of a person's, or rows of `watched_journeys`.
    rows
        (n,) its rows by person and closing: the order of what is returned.
    person
        (n,) whose each of these is.
    definition
        What a journey is.
    as_of
        UTC milliseconds: nobody is watched longer.
    listed
        Who was watched when; None where nobody has said so.
    """

    def column(name: str, missing: np.int64 = -NEVER) -> Ints:
        return _filled(table[name], missing)[rows]

    closed, first = column("closed_at_ms"), column("first_ms", NEVER)
    ordered = table["order_id"].is_valid().to_numpy()[rows]
    counts = first != NEVER
    if "is_last" in table.column_names:
        last = table["is_last"].to_numpy()[rows]
        among = Others(column("closed_before_ms"), column("order_before_ms"), last)
        start, end = column("start_ms", NEVER), column("end_ms")
    else:
        among = others_in_order(person, closed, ordered)
        fresh = np.append(True, person[1:] != person[:-1])[: len(person)]
        begins, code = np.flatnonzero(fresh), np.cumsum(fresh) - 1
        start = np.minimum.reduceat(first, begins)[code]
        end = np.where(start == NEVER, NEVER, as_of)
        if listed is not None:
            place = _places(person, listed)
            known = np.flatnonzero(place >= 0)
            since, until = (listed.rows[name].to_numpy() for name in ("start_ms", "end_ms"))
            start[known] = since[place[known]]
            end[known] = np.minimum(until[place[known]], as_of)
            counts[known] = True
        if definition.conversion == "first":  # after it nobody can have another one
            earliest = np.minimum.reduceat(np.where(ordered, closed, NEVER), begins)
            end = np.minimum(end, earliest[code])
    never = start > end
    start, end = np.where(never, NEVER, start), np.where(never, NEVER, end)
    return watch(closed, ordered, start, end, counts, among)


def _filled(column: pa.ChunkedArray, missing: np.int64) -> Ints:
    filled = pc.fill_null(column, int(missing)) if column.null_count else column
    return np.asarray(filled.to_numpy().astype(np.int64, copy=False))
