"""Journeys as an Arrow table and back: one row per journey, its touchpoints as lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution import columns as door
from attribution.errors import DataError, quoted
from attribution.journeys.paths import sorted_channels
from attribution.names import VALUE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fields_of", "table_of"]

# What the columns of one journey are called, and the field each of them is.
_JOURNEY = {
    "conversions": "conversions",
    "nulls": "nulls",
    "weight": "weight",
    "block": "block",
    "closed_at_ms": "closed_at",
    "day": "day",
    "order_id": "order_id",
    "open": "open",
    "watched_from_ms": "watched_from",
    "watched_until_ms": "watched_until",
    "risk_from_ms": "risk_from",
    "risk_until_ms": "risk_until",
}
_TOUCHPOINT = {"age_ms": "ages", "evidence": "evidence"}
_CHANNEL = "channel"
# Of further columns Arrow tells the type; whether a number is money stands in their metadata.
_ROLE, _MONEY, _SEGMENT = b"attribution", b"money", b"segment"
_LOOKBACK = b"lookback_ms"  # stands in the metadata of the channels


def table_of(journeys: Any) -> pa.Table:
    """Return one row per journey of a Journeys; what a touchpoint has is a list."""
    bounds = pa.array(journeys.offsets)
    names = pa.DictionaryArray.from_arrays(
        pa.array(journeys.codes), pa.array(journeys.channels, pa.string())
    )
    touch = {name: getattr(journeys, field) for name, field in _TOUCHPOINT.items()}
    data = {_CHANNEL: names} | {
        name: pa.array(column, from_pandas=True)
        for name, column in (touch | dict(journeys.touch)).items()
        if column is not None
    }
    own = {name: getattr(journeys, field) for name, field in _JOURNEY.items()}
    limit = {} if journeys.lookback is None else {_LOOKBACK: str(journeys.lookback).encode()}
    columns = [
        (
            pa.field(name, pa.large_list(array.type), metadata=limit if name == _CHANNEL else None),
            pa.LargeListArray.from_arrays(bounds, array),
        )
        for name, array in data.items()
    ]
    for part, role in ((own, None), (journeys.values, _MONEY), (journeys.segments, _SEGMENT)):
        for name, column in part.items():
            if column is not None:
                array = pa.array(column, from_pandas=True)
                told = {_ROLE: role} if role else None
                columns.append((pa.field(name, array.type, metadata=told), array))
    return pa.Table.from_arrays(
        [array for _, array in columns], schema=pa.schema([f for f, _ in columns])
    )


def fields_of(table: Any) -> dict[str, Any]:
    """Return the fields of the journeys in a table as `table_of` makes it.

    A column it does not know belongs to touchpoints if it holds lists, is money if it holds
    floating-point numbers, and else a segment.

    Raises
    ------
    DataError
        For a missing column, lists of different lengths in one row, a touchpoint without a channel,
        counts or money that are none.
    """
    table = _checked(table)
    for name in (_CHANNEL, "conversions", "nulls"):
        if name not in table.column_names:
            raise DataError(
                f"no column {name!r} among {quoted(table.column_names)}",
                "journeys as Journeys writes them to Arrow",
                "Pass the table that was made from journeys.",
            )
    table = table.unify_dictionaries()
    offsets, names = _lists(table, _CHANNEL)
    channels, codes = _codes(names, offsets)
    fields: dict[str, Any] = {
        "channels": channels,
        "offsets": offsets,
        "codes": codes,
        "values": {},
        "touch": {},
        "segments": {},
    }
    for field in table.schema:
        told = field.metadata or {}
        name, role = field.name, told.get(_ROLE)
        if name == _CHANNEL:
            fields["lookback"] = int(told[_LOOKBACK]) if _LOOKBACK in told else None
            continue
        if pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
            bounds, items = _lists(table, name)
            if not np.array_equal(bounds, offsets):
                raise DataError(
                    "lists of other lengths than the channels'",
                    "one entry for every touchpoint",
                    "Pass the table that was made from journeys.",
                    column=name,
                )
            if name in _TOUCHPOINT:
                fields[_TOUCHPOINT[name]] = _plain(items)
            else:
                fields["touch"][name] = _plain(items)
            continue
        column = _plain(table[name].combine_chunks())
        if name in ("conversions", "nulls"):
            fields[name] = door.counts(table, name)
        elif name == "weight":
            fields[name] = door.amounts(table, name)
        elif name in _JOURNEY:
            fields[_JOURNEY[name]] = column.astype(object) if name == "order_id" else column
        elif role == _MONEY or (role is None and pa.types.is_floating(field.type)):
            fields["values"][name] = door.amounts(table, name)
        else:
            fields["segments"][name] = column.astype(object)
    if VALUE not in fields["values"]:
        fields["values"] = {VALUE: np.zeros(len(table))} | fields["values"]
    return fields


def _checked(table: Any) -> pa.Table:
    try:
        read = pa.table(table)
    except (TypeError, ValueError, pa.ArrowException):
        raise DataError(
            f"a value of type {type(table).__name__}",
            "journeys as Journeys writes them to Arrow",
            "Pass the table that was made from journeys.",
        ) from None
    if _CHANNEL in read.column_names:
        kind = read.schema.field(_CHANNEL).type
        lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        inner = kind.value_type if lists else kind
        inner = inner.value_type if pa.types.is_dictionary(inner) else inner
        texts = (pa.string(), pa.large_string(), pa.string_view(), pa.null())
        if not lists or inner not in texts:
            raise DataError(
                f"{kind} values",
                "for each journey the list of its channels' names",
                "Pass the table that was made from journeys.",
                column=_CHANNEL,
            )
    return read


def _lists(table: pa.Table, name: str) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the bounds from 0 and the flat entries of a column of lists; none is an empty one."""
    column = table[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    offsets = np.append(0, np.cumsum(lengths.to_numpy(zero_copy_only=False))).astype(np.int64)
    return offsets, column.flatten()


def _codes(
    names: pa.Array, offsets: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    encoded = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
    known = [(name or "").strip() for name in encoded.dictionary.to_pylist()]
    raw = pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    nameless = np.isin(raw, [-1, *(code for code, name in enumerate(known) if not name)])
    if nameless.any():
        raise DataError(
            "a touchpoint without a channel",
            "the name of a channel",
            "Name it, or leave the touchpoint out.",
            row=int(np.searchsorted(offsets, np.argmax(nameless), side="right")),
            column=_CHANNEL,
        )
    channels, recode = sorted_channels(known)
    return channels, recode[raw] if len(raw) else np.zeros(0, np.int32)


def _plain(array: pa.Array) -> NDArray[Any]:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or array.null_count:
        return np.array(array.to_pylist(), dtype=object)
    return np.asarray(array.to_numpy(zero_copy_only=False))
