"""Raw rows of touchpoints and orders, read and checked column by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution import columns as door
from attribution.errors import DataError, quoted
from attribution.journeys import paths as path_text
from attribution.names import BLOCKS, ORDER_SOURCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Orders", "Touchpoints", "as_of_ms", "blocks", "people", "read_orders",
           "read_touchpoints"]


@dataclass(frozen=True)
class Touchpoints:
    """Every touchpoint, by row: person, UTC milliseconds, channel code, order among equals."""

    person: pa.Array
    at: NDArray[np.int64]
    naive: int
    channels: tuple[str, ...]
    code: NDArray[np.int32]
    tie: NDArray[np.int64]
    evidence: NDArray[np.bool_]


@dataclass(frozen=True)
class Orders:
    """Every order, by row; an order without a person has one of its own."""

    person: pa.Array
    at: NDArray[np.int64]
    naive: int
    order_id: NDArray[np.object_]
    without_person: int


def read_touchpoints(frame: Any, person: str, at: str, channel: str, tz: str) -> Touchpoints:
    """Read and check touchpoints; the columns `event_id` and `event` are used if they exist."""
    try:
        people = door.identifiers(frame, person)
        if people.null_count:
            row = int(np.flatnonzero(people.is_null().to_numpy(zero_copy_only=False))[0])
            raise DataError(
                "an empty cell", "the person", "Remove touchpoints whose person is unknown.",
                row=row + 1, column=person,
            )
        times = door.instants(frame, at, tz)
        raw, found = door.codes(
            pc.utf8_trim_whitespace(door.text(frame, channel)), channel, role="channel"
        )
        found = [name.strip() for name in found]
        if "" in found:
            row = int(np.flatnonzero(raw == found.index(""))[0])
            raise DataError("an empty channel name", "the channel", "Name the channel.",
                            row=row + 1, column=channel)
        channels, recode = path_text.sorted_channels(found)
        names = door.names_of(frame)
        tie = np.arange(len(raw), dtype=np.int64)
        if "event_id" in names:
            tie = pc.rank(door.identifiers(frame, "event_id"), tiebreaker="dense").to_numpy(
                ).astype(np.int64)
        evidence = np.zeros(len(raw), bool)
        if "event" in names:
            is_evidence = pc.equal(door.text(frame, "event"), ORDER_SOURCE)
            evidence = pc.fill_null(is_evidence, False).to_numpy(zero_copy_only=False)
    except DataError as error:
        raise error if error.source else error.at("touchpoints") from None
    return Touchpoints(people, times.ms, times.without_zone, channels, recode[raw], tie, evidence)


def read_orders(frame: Any, person: str, at: str, order_id: str, tz: str) -> Orders:
    """Read and check orders."""
    try:
        ids = door.identifiers(frame, order_id)
        raw, found = door.codes(ids, order_id, role="order id")
        if len(found) < len(raw):
            seen = np.zeros(len(found), np.int64)
            np.add.at(seen, raw, 1)
            row = int(np.flatnonzero(seen[raw] > 1)[1])
            raise DataError(
                f"order {quoted(ids[row].as_py())} again", "each order id once",
                "Keep one row per order: sum its lines, or drop the repeated rows.",
                row=row + 1, column=order_id,
            )
        people = door.identifiers(frame, person)
        unknown = people.is_null().to_numpy(zero_copy_only=False)
        # A person of their own keeps such an order apart from every touchpoint and order.
        own = pa.array([f"\0{i}" if u else None for i, u in enumerate(unknown)],
                       pa.large_string()) if unknown.any() else people
        times = door.instants(frame, at, tz)
    except DataError as error:
        raise error if error.source else error.at("orders") from None
    return Orders(
        pc.coalesce(people, own), times.ms, times.without_zone,
        np.asarray(ids.to_pandas(), dtype=object), int(unknown.sum()),
    )


def as_of_ms(
    as_of: str | pd.Timestamp | None, tz: str, touchpoints: Touchpoints, orders: Orders
) -> int:
    """Return the instant of reading: as given, else the latest in the data, never the clock."""
    if as_of is None:
        return int(max(touchpoints.at.max(initial=0), orders.at.max(initial=0)))
    moment = as_of if isinstance(as_of, str) else pd.Timestamp(as_of)
    return int(door.instants(pa.table({"as_of": [moment]}), "as_of", tz).ms[0])


def people(touchpoints: pa.Array, orders: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return each row's person as a code, touchpoints first, and each code's block."""
    encoded = pa.concat_arrays([touchpoints, orders]).dictionary_encode()
    code = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return code, blocks(encoded.dictionary.to_pylist())


def blocks(names: list[str]) -> NDArray[np.uint8]:
    """Return each person's block: a hash that is the same in every process and batch."""
    hashes = pd.util.hash_array(np.array(names, dtype=object), categorize=False)
    return (hashes % BLOCKS).astype(np.uint8)
