"""Rows of a long-form file, read and checked a batch at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution import columns as door
from attribution.assemble.clock import ahead_of_utc
from attribution.columns import EARLIEST_MS, LATEST_MS
from attribution.errors import DataError, quoted
from attribution.journeys.paths import sorted_channels
from attribution.names import RESERVED

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ChannelNames", "Roles", "Rows", "read_people", "read_rows"]

MOST_CHANNELS = 1 << 21
_PER_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_YES = ("true", "t", "yes", "y", "1", "是")
_NO = ("false", "f", "no", "n", "0", "否")
_PLAIN = (0x21, 0x7E)  # ASCII without blanks


class Roles(NamedTuple):
    """Which column is what; `value` may be None."""

    person: str
    at: str
    channel: str
    converted: str
    value: str | None

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        return [name for name in self if name is not None]


class Rows(NamedTuple):
    """One batch of n rows.

    Attributes
    ----------
    person
        (n,) ids, an array of integers or of texts.
    ms
        (n,) UTC epoch milliseconds.
    zoneless
        How many of the times had to be given a zone.
    number
        (n,) channels, as numbered by `ChannelNames`.
    converted
        (n,) whether the row is an order.
    value
        The values of the orders among the rows, in their order.
    """

    person: pa.Array
    ms: NDArray[np.int64]
    zoneless: int
    number: NDArray[np.int32]
    converted: NDArray[np.bool_]
    value: NDArray[np.float64]


class _Numbered(NamedTuple):
    """The number of each name of a dictionary, -1 for one that no row may use."""

    dictionary: pa.Array
    numbers: NDArray[np.int32]
    in_order: bool  # each name's number is its place


class ChannelNames:
    """Numbers channels as batches bring them; their order is settled once all are known."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._used = np.zeros(0, bool)
        self._last: _Numbered | None = None

    def numbers(self, column: pa.Array, name: str) -> NDArray[np.int32]:
        """Return the number of each row's channel.

        Raises
        ------
        DataError
            For an empty cell, a blank name, a name reserved for rows of results, or no text.
        """
        encoded = column
        if not (pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type)):
            encoded = door.text(pa.table({name: column}), name).dictionary_encode()
        indices = encoded.indices
        if indices.null_count:
            empty = indices.is_null().to_numpy(zero_copy_only=False)
            raise _refused(empty, name, "an empty cell", "the channel", "Name the channel.")
        names = self._numbered(encoded.dictionary)
        found = indices.to_numpy()
        if names.in_order:
            found = found.astype(np.int32)
        elif len(found):
            found = names.numbers[found]
            bad = found < 0
            if bad.any():
                raise _bad_channel(bad, name, encoded[int(np.argmax(bad))].as_py())
        if not self._used.all():
            self._used[found] = True
        return np.asarray(found, dtype=np.int32)

    def _numbered(self, dictionary: pa.Array) -> _Numbered:
        """Return the numbers of a dictionary's names; the same one often comes again."""
        if self._last is not None and self._last.dictionary.equals(dictionary):
            return self._last
        found = np.full(len(dictionary), -1, np.int32)
        for place, text in enumerate(dictionary.to_pylist()):
            name = (text or "").strip()
            if name and name not in RESERVED:
                found[place] = self._numbers.setdefault(name, len(self._numbers))
        if len(self._numbers) > MOST_CHANNELS:
            raise DataError(
                f"more than {MOST_CHANNELS:,} channels",
                "names that many people share",
                "Name a column of coarser channels.",
            )
        self._used = np.append(self._used, np.zeros(len(self._numbers) - len(self._used), bool))
        in_order = bool((found == np.arange(len(found))).all())
        self._last = _Numbered(dictionary, found, in_order)
        return self._last

    def settled(self) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """Return the channels that rows name, sorted, and the code of each number."""
        return sorted_channels(
            [name if used else "" for name, used in zip(self._numbers, self._used, strict=True)]
        )


def read_rows(batch: pa.RecordBatch, roles: Roles, channels: ChannelNames, tz: str) -> Rows:
    """Read and check one batch.

    Raises
    ------
    DataError
        Naming row (of the batch), column, what was found, what was expected, and the remedy.
    """
    converted = _converted(batch.column(roles.converted), roles.converted)
    ms, zoneless = _instants(batch.column(roles.at), roles.at, tz)
    return Rows(
        read_people(batch.column(roles.person), roles.person),
        ms,
        zoneless,
        channels.numbers(batch.column(roles.channel), roles.channel),
        converted,
        np.zeros(int(np.count_nonzero(converted)))
        if roles.value is None
        else _values(batch.column(roles.value), converted, roles.value),
    )


def read_people(column: pa.Array, name: str) -> pa.Array:
    """Return ids without a null or blank one: integers as they are, texts trimmed."""
    if pa.types.is_integer(column.type) and not column.null_count:
        return column
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not _is_plain(column):
        read = door.identifiers(pa.table({name: column}), name)
        if read.null_count:
            empty = read.is_null().to_numpy(zero_copy_only=False)
            remedy = "Remove touchpoints whose person is unknown."
            raise _refused(empty, name, "an empty cell", "the person", remedy)
        return read
    return column


def _is_plain(column: pa.Array) -> bool:
    """Whether a column is text without nulls, empty ones, or anything that could be a blank."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    if column.null_count or not len(column):
        return False
    width = np.int32 if pa.types.is_string(column.type) else np.int64
    _, bounds, data = column.buffers()
    offsets = np.frombuffer(bounds, width)[column.offset : column.offset + len(column) + 1]
    if int(np.diff(offsets).min()) == 0:
        return False
    text = np.frombuffer(data, np.uint8)[int(offsets[0]) : int(offsets[-1])]
    return _PLAIN[0] <= int(text.min()) and int(text.max()) <= _PLAIN[1]


def _instants(column: pa.Array, name: str, tz: str) -> tuple[NDArray[np.int64], int]:
    """Return UTC milliseconds, and how many times had to be given a zone."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit in _PER_MS and len(column):
        raw = column.view(pa.int64())
        if not raw.null_count:
            ms = raw.to_numpy()
            if _PER_MS[kind.unit] > 1:
                ms = ms // _PER_MS[kind.unit]
            low, high = int(ms.min()), int(ms.max())
            ahead = 0 if kind.tz else ahead_of_utc(tz, low, high)
            # What is out of the ordinary is read, or refused, by the door.
            if ahead is not None and low - ahead >= EARLIEST_MS and high - ahead <= LATEST_MS:
                return ms - ahead if ahead else ms, 0 if kind.tz else len(ms)
    times = door.instants(pa.table({name: column}), name, tz)
    return times.ms, times.without_zone


def _converted(column: pa.Array, name: str) -> NDArray[np.bool_]:
    if column.null_count:
        empty = column.is_null().to_numpy(zero_copy_only=False)
        remedy = "Fill in false where the row is no order."
        raise _refused(empty, name, "an empty cell", "true or false", remedy)
    if pa.types.is_boolean(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=bool)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        numbers = column.to_numpy()
        bad = (numbers != 0) & (numbers != 1)
        if not bad.any():
            return np.asarray(numbers == 1)
        found = quoted(numbers[np.argmax(bad)].item())
        raise _refused(bad, name, found, "true or false, or 1 and 0", "Correct the row.")
    if any(check(column.type) for check in _TEXTS):
        words = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.large_string())))
        yes, no = (
            pc.is_in(words, pa.array(each, words.type)).to_numpy(zero_copy_only=False)
            for each in (_YES, _NO)
        )
        if (yes | no).all():
            return np.asarray(yes)
        found = quoted(column[int(np.argmin(yes | no))].as_py())
        raise _refused(~(yes | no), name, found, "true or false, or 1 and 0", "Correct the row.")
    raise DataError(
        f"{column.type} values such as {quoted(column[0].as_py())}",
        "true or false, or 1 and 0",
        "Name the column that says which rows are orders.",
        column=name,
    )


def _values(column: pa.Array, converted: NDArray[np.bool_], name: str) -> NDArray[np.float64]:
    """Return the orders' values; other rows may only have none, or 0."""
    if pa.types.is_float64(column.type) and not column.null_count:
        numbers = column.to_numpy()
    else:
        numbers = _numbers(column, name)
    value = numbers[converted]
    bad = ~(np.isfinite(value) & (value >= 0))
    if bad.any():
        first = float(value[np.argmax(bad)])
        rows = np.zeros(len(numbers), bool)
        rows[np.flatnonzero(converted)[bad]] = True
        raise _refused(
            rows,
            name,
            "an empty cell or NaN" if np.isnan(first) else f"{first:g}",
            "the order's value, a finite number of 0 or more",
            "Correct the row; write 0 if the order has no value.",
        )
    if np.count_nonzero(numbers) > np.count_nonzero(value):
        stray = (numbers != 0) & ~np.isnan(numbers) & ~converted
        if stray.any():
            found = f"{float(numbers[np.argmax(stray)]):g} where nothing was ordered"
            remedy = "Mark the order's row as converted, or write 0."
            raise _refused(stray, name, found, "a value on the rows of orders only", remedy)
    return np.asarray(value, dtype=np.float64)


def _numbers(column: pa.Array, name: str) -> NDArray[np.float64]:
    """Return numbers of any type as float64, NaN for an empty cell."""
    empty = column.is_null()
    if pa.types.is_floating(column.type):
        empty = pc.or_(empty, pc.fill_null(pc.is_nan(column), True))
    filled = door.arrow(pa.table({name: column}), name)
    if pa.types.is_null(filled.type):
        return np.full(len(column), np.nan)
    number = Decimal(0) if pa.types.is_decimal(filled.type) else 0
    zero = pa.scalar(number if _is_number(filled.type) else "0", filled.type)
    numbers = door.amounts(pa.table({name: pc.fill_null(filled, zero)}), name).copy()
    numbers[empty.to_numpy(zero_copy_only=False)] = np.nan
    return numbers


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _bad_channel(bad: NDArray[np.bool_], column: str, found: str | None) -> DataError:
    name = (found or "").strip()
    if not name:
        return _refused(bad, column, "an empty cell", "the channel", "Name the channel.")
    return _refused(
        bad,
        column,
        f"a channel named {name!r}",
        "channel names other than " + " and ".join(RESERVED),
        "Rename that channel: these rows stand for orders without a channel.",
    )


def _refused(
    bad: NDArray[np.bool_], column: str, found: str, expected: str, remedy: str
) -> DataError:
    """Return what to raise for the first bad row."""
    return DataError(found, expected, remedy, row=int(np.argmax(bad)) + 1, column=column)
