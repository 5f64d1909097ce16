"""Raw rows of touchpoints and orders, read and checked column by column."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution import columns as door
from attribution.errors import ConfigError, DataError, quoted
from attribution.journeys import paths as path_text
from attribution.names import ORDER_SOURCE, VALUE
from attribution.numerics.hashing import blocks, hash_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "Orders",
    "People",
    "Touchpoints",
    "as_of_ms",
    "money_columns",
    "people",
    "read_orders",
    "read_people",
    "read_touchpoints",
]

_SAME_PLACE = ("session_id", "content_id", "streamer_id")


@dataclass(frozen=True)
class Touchpoints:
    """Every touchpoint, by row: person, UTC milliseconds, channel code, order among equals."""

    person: pa.Array
    at: NDArray[np.int64]
    naive: NDArray[np.bool_]
    channels: tuple[str, ...]
    code: NDArray[np.int32]
    tie: NDArray[np.int64]
    evidence: NDArray[np.bool_]
    carried: dict[str, NDArray[Any]]
    places: dict[str, NDArray[Any]]
    stated_order: NDArray[np.object_] | None


@dataclass(frozen=True)
class Orders:
    """Every order, by row; an order without a person has one of its own."""

    person: pa.Array
    at: NDArray[np.int64]
    naive: NDArray[np.bool_]
    order_id: NDArray[np.object_]
    nobody: NDArray[np.bool_]
    values: dict[str, NDArray[np.float64]]
    segments: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class People:
    """Who was under observation, each person once: from when to when, and what else is known."""

    person: pa.Array
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    naive: NDArray[np.bool_]
    labels: dict[str, NDArray[Any]]


def read_touchpoints(
    frame: Any, person: str, at: str, channel: str, order_id: str, columns: Sequence[str], tz: str
) -> Touchpoints:
    """Read and check touchpoints.

    The columns `event_id`, `event`, those of a place and the order's id are used if they exist.
    """
    with _found_in("touchpoints"):
        names = door.names_of(frame)
        times = door.instants(frame, at, tz)
        channels, code = _channels(frame, channel)
        count = len(code)
        tie, evidence = np.arange(count, dtype=np.int64), np.zeros(count, bool)
        if "event_id" in names:
            ids = door.arrow(frame, "event_id")
            if not pa.types.is_integer(ids.type):  # 9 comes before 10
                ids = door.identifiers(frame, "event_id")
            tie = pc.rank(ids, tiebreaker="dense").to_numpy().astype(np.int64)
        if "event" in names:
            stated = pc.fill_null(door.text(frame, "event"), "")
            evidence = pc.equal(stated, ORDER_SOURCE).to_numpy(zero_copy_only=False)
        return Touchpoints(
            _known_people(frame, person),
            times.ms,
            times.naive,
            channels,
            code,
            tie,
            evidence,
            carried={name: door.plain(frame, name) for name in columns},
            places={name: door.plain(frame, name) for name in _SAME_PLACE if name in names},
            stated_order=np.asarray(door.identifiers(frame, order_id).to_pandas(), dtype=object)
            if evidence.any() and order_id in names
            else None,
        )


def _known_people(frame: Any, person: str) -> pa.Array:
    people = door.identifiers(frame, person)
    if people.null_count:
        row = int(np.flatnonzero(people.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(
            "an empty cell",
            "the person",
            "Remove touchpoints whose person is unknown.",
            row=row + 1,
            column=person,
        )
    return people


def _channels(frame: Any, column: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    trimmed = pc.utf8_trim_whitespace(door.text(frame, column))
    raw, found = door.codes(trimmed, column, role="channel")
    if "" in found:
        row = int(np.flatnonzero(raw == found.index(""))[0])
        raise DataError(
            "an empty channel name", "the channel", "Name the channel.", row=row + 1, column=column
        )
    channels, recode = path_text.sorted_channels(found)
    return channels, recode[raw]


def read_orders(
    frame: Any,
    person: str,
    at: str,
    order_id: str,
    values: Mapping[str, str],
    segments: Sequence[str],
    tz: str,
) -> Orders:
    """Read and check orders; `values` maps our name of a money column to the frame's."""
    with _found_in("orders"):
        ids = door.identifiers(frame, order_id)
        raw, _ = door.codes(ids, order_id, role="order id")
        again = np.flatnonzero(pd.Series(raw).duplicated())
        if len(again):
            row = int(again[0])
            raise DataError(
                f"order {quoted(ids[row].as_py())} again",
                "each order id once",
                "Keep one row per order: sum its lines, or drop the repeated rows.",
                row=row + 1,
                column=order_id,
            )
        people = door.identifiers(frame, person)
        # A person of its own keeps such an order apart from every touchpoint and order.
        mark = pa.scalar("\0", pa.large_string())
        own = pc.binary_join_element_wise(mark, ids, pa.scalar("", pa.large_string()))
        times = door.instants(frame, at, tz)
        return Orders(
            pc.coalesce(people, own),
            times.ms,
            times.naive,
            np.asarray(ids.to_pandas(), dtype=object),
            people.is_null().to_numpy(zero_copy_only=False),
            values={name: door.amounts(frame, column) for name, column in values.items()},
            segments={name: _labels(frame, name) for name in segments},
        )


def read_people(frame: Any, person: str, segments: Sequence[str], tz: str) -> People:
    """Read and check who was under observation; what else stands there are labels.

    Raises
    ------
    DataError
        For a person listed twice, an observation that ends before it starts, a label that is also
        a segment of orders ...
    """
    with _found_in("people"):
        known = _known_people(frame, person)
        codes, _ = door.codes(known, person, role="person")
        again = np.flatnonzero(pd.Series(codes).duplicated())
        if len(again):
            raise DataError(
                "a person again",
                "each person once, with one start and one end",
                "Keep one row per person: from his first start to his last end.",
                row=int(again[0]) + 1,
                column=person,
            )
        start, end = door.instants(frame, "start", tz), door.instants(frame, "end", tz)
        backwards = np.flatnonzero(end.ms < start.ms)
        if len(backwards):
            raise DataError(
                "an end before the start",
                "an observation that ends after it starts",
                "Exchange the two, or correct them.",
                row=int(backwards[0]) + 1,
                column="end",
            )
        names = [name for name in door.names_of(frame) if name not in (person, "start", "end")]
        twice = sorted({*names} & {*segments})
        if twice:
            raise DataError(
                f"the label {twice[0]!r} of people and of orders",
                "each label once",
                "Rename one of them, or leave it out of `segments`.",
                column=twice[0],
            )
        labels = {name: _labels(frame, name) for name in names}
        return People(known, start.ms, end.ms, start.naive | end.naive, labels)


def _labels(frame: Any, column: str) -> NDArray[Any]:
    """Return a column as objects; what is missing is None, whatever the frame says for it."""
    labels = door.plain(frame, column).astype(object)
    labels[pd.isna(labels)] = None
    return labels


@contextmanager
def _found_in(source: str) -> Iterator[None]:
    """Let an error that names no file say which of the two frames it was found in."""
    try:
        yield
    except DataError as error:
        raise error if error.source else error.at(source) from None


def as_of_ms(
    as_of: str | pd.Timestamp | None,
    tz: str,
    touchpoints: Touchpoints,
    orders: Orders,
    watched: People | None,
) -> int:
    """Return the instant of reading: as given, else the latest in the data, never the clock."""
    if as_of is None:
        ends = watched.end.max(initial=0) if watched else 0
        return int(max(touchpoints.at.max(initial=0), orders.at.max(initial=0), ends))
    moment = as_of if isinstance(as_of, str) else pd.Timestamp(as_of)
    return int(door.instants(pa.table({"as_of": [moment]}), "as_of", tz).ms[0])


def people(*parts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return each row's person as a code, one part after the other, and each code's block."""
    encoded = pa.concat_arrays(parts).dictionary_encode()
    code = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return code, blocks(hash_texts(encoded.dictionary))


def money_columns(value: str, further: Sequence[str]) -> dict[str, str]:
    """Return our name and the frame's of every money column, `value` first."""
    if isinstance(further, str) or (VALUE in further and value != VALUE):
        raise ConfigError(
            f"values={further!r}: give a list of further money columns; {VALUE!r} is already "
            f"the name of {value!r}."
        )
    return {VALUE: value} | {name: name for name in further if name != value}
