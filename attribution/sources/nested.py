"""Values of any shape to Arrow: text leaves, whatever a source mixes.

Leaves are text by their digits; bools stay bools, and what has been floating point stays float64.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["array_of", "text_leaves", "text_of"]

_UUID = (r"^(.{8})(.{4})(.{4})(.{4})(.{12})$", r"\1-\2-\3-\4-\5")
# What a field may hold; of as many, the first counts.
_KINDS = ("an object", "a list", "a single value")
_EXACT = 10**15  # whole numbers below it are exact in floating point, digit by digit


def text_of(value: object) -> str | None:
    """Return a single value as the text that says exactly it; nothing and "" as None.

    A float of 15 digits or more keeps its scientific form: it may have lost some.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _text_of_float(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return _text_of_bytes(bytes(value))
    return str(value)


def _text_of_float(value: float) -> str | None:
    if value != value:
        return None
    exact = Decimal(repr(value))
    if not abs(exact) < _EXACT:
        return format(exact.normalize(), "E") if exact.is_finite() else str(value)
    return format(exact.to_integral_value() if exact == int(exact) else exact, "f")


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def text_leaves(array: pa.Array) -> pa.Array:
    """Return an array of any type with text leaves: digits as they are, instants in UTC.

    Structs and lists stay; bools stay; floats are float64. An empty text and NaN are null.

    Raises
    ------
    DataError
        If a type has no exact text.
    """
    kind = array.type
    if pa.types.is_struct(kind):
        return _struct(array)
    if pa.types.is_map(kind):
        entries = pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)])
        return text_leaves(array.cast(pa.list_(entries)))
    if _is_list(kind):
        return _list(array)
    if pa.types.is_dictionary(kind):
        return text_leaves(array.dictionary_decode())
    if isinstance(array, pa.ExtensionArray):
        text = text_leaves(array.storage)
        return pc.replace_substring_regex(text, *_UUID) if kind == pa.uuid() else text
    return _leaf(array, kind)


def _struct(array: pa.StructArray) -> pa.Array:
    if array.type.num_fields == 0:
        return pa.nulls(len(array), pa.string())
    names = [each.name for each in array.type]
    children = [text_leaves(child) for child in array.flatten()]
    return pa.StructArray.from_arrays(children, names, mask=array.is_null())


def _list(array: pa.Array) -> pa.Array:
    if not isinstance(array.type, pa.ListType | pa.LargeListType):
        array = array.cast(pa.list_(array.type.value_type))
    first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
    values = text_leaves(array.values.slice(first, last - first))
    offsets = pc.subtract(array.offsets, pa.scalar(first, array.offsets.type)).cast(pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=array.is_null())


def _is_list(kind: pa.DataType) -> bool:
    return isinstance(
        kind,
        pa.ListType
        | pa.LargeListType
        | pa.FixedSizeListType
        | pa.ListViewType
        | pa.LargeListViewType,
    )


def _leaf(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        return array
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.string())
    if pa.types.is_floating(kind):
        return _floats(array, kind)
    if pa.types.is_timestamp(kind):
        return _times(array, kind)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return _bytes(array.cast(pa.binary()))
    if pa.types.is_fixed_size_binary(kind):
        return _hexadecimal(array.cast(pa.binary()))
    if pa.types.is_duration(kind):
        array = array.cast(pa.int64())
    try:
        text = array.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"values of the type {kind}",
            "text, numbers, times, or structs and lists of these",
            "Write this column as text.",
        ) from None
    return _without_empty(text)


def _without_empty(text: pa.Array) -> pa.Array:
    empty = pc.equal(text, "")
    if not pc.any(empty).as_py():
        return text
    return pc.if_else(empty, pa.scalar(None, pa.string()), text)


def _floats(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if kind != pa.float64():  # by the shortest decimal, so that 19.9 stays 19.9
        array = array.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    return pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)


def _times(array: pa.Array, kind: pa.TimestampType) -> pa.Array:
    """Return ISO text in the coarsest unit that holds the times exactly."""
    zone = None if kind.tz is None else "UTC"
    array = array.cast(pa.timestamp(kind.unit, zone))
    for unit in ("s", "ms", "us"):
        try:
            return array.cast(pa.timestamp(unit, zone)).cast(pa.string())
        except pa.ArrowInvalid:
            continue
    return array.cast(pa.string())


def _bytes(array: pa.Array) -> pa.Array:
    try:
        return _without_empty(array.cast(pa.string()))
    except pa.ArrowInvalid:
        return _hexadecimal(array)


def _hexadecimal(array: pa.Array) -> pa.Array:
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    _, ends, data = array.buffers()
    offsets = np.frombuffer(ends, np.int32)[array.offset : array.offset + len(array) + 1]
    taken = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    text = np.stack([digits[taken >> 4], digits[taken & 15]], axis=1)
    doubled = ((offsets - offsets[0]) * 2).astype(np.int32)
    whole = pa.Array.from_buffers(
        pa.string(), len(array), [None, pa.py_buffer(doubled), pa.py_buffer(text.tobytes())]
    )
    return pc.if_else(array.is_valid(), whole, pa.scalar(None, pa.string()))


# ---------------------------------------------------------------------- Python values


def array_of(values: Sequence[Any]) -> tuple[pa.Array, dict[int, str]]:
    """Return nested Python values as one array with text leaves, and which do not fit.

    A field of several kinds of single values becomes text. Where some have an object, some a list
    and some a single value, what most have counts (of as many, an object before a list before a
    single value): empty ones of another kind are null, and a value with anything else there does
    not fit. It is null, and named by its position, with what was found.
    """
    try:
        return text_leaves(pa.array(values)), {}
    except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError):
        pass
    shape = _Shape()
    for place, value in enumerate(values):
        shape.see(value, place)
    fitted, unfit = [], {}
    for place, value in enumerate(values):
        try:
            fitted.append(shape.fit(value, ""))
        except _Unfit as error:
            fitted.append(None)
            unfit[place] = str(error)
    return text_leaves(pa.array(fitted)), unfit


class _Unfit(Exception):
    """A value of another kind than its field's."""


@dataclass
class _Shape:
    """What kinds of values a field has had, and in how many of the outermost values each."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))
    last: dict[str, int] = field(default_factory=dict)
    singles: set[str] = field(default_factory=set)
    fields: dict[str, _Shape] = field(default_factory=dict)
    items: _Shape | None = None

    def see(self, value: Any, place: int) -> None:
        """Take note of one value, which stands in the outermost value at a place."""
        if isinstance(value, dict):
            if value:
                self._count("an object", place)
            for name, inner in value.items():
                self.fields.setdefault(name, _Shape()).see(inner, place)
        elif isinstance(value, list | tuple):
            if value:
                self._count("a list", place)
            self.items = self.items or _Shape()
            for inner in value:
                self.items.see(inner, place)
        elif text_of(value) is not None:
            self._count("a single value", place)
            named = next((kind for kind in (bool, float) if isinstance(value, kind)), str)
            self.singles.add(named.__name__)

    def _count(self, kind: str, place: int) -> None:
        """Count a kind once per outermost value, however long the list it stands in."""
        if self.last.get(kind) != place:
            self.last[kind] = place
            self.counts[kind] += 1

    @cached_property
    def kind(self) -> str:
        """The kind all values of the field take, known once all were seen."""
        return max(_KINDS, key=self.counts.__getitem__)  # the first of as many

    def fit(self, value: Any, at: str) -> Any:
        """Return a value in the field's kind."""
        if value is None or value in ("", [], {}, ()):
            return [] if self.kind == "a list" and value == [] else None
        kind = self.kind
        found = _kind_of(value)
        if found != kind:
            raise _Unfit(f"{found} in {_masked(at)}, where others have {kind}")
        if kind == "an object":
            return {
                name: self.fields[name].fit(inner, f"{at}.{name}" if at else name)
                for name, inner in value.items()
            }
        if kind == "a list" and self.items is not None:
            return [self.items.fit(inner, f"{at}[]") for inner in value]
        return value if self.singles in ({"bool"}, {"float"}) else _encodable(text_of(value))


def _kind_of(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else "a single value"


def _masked(path: str) -> str:
    """Return a field's path; a key may be someone's number."""
    return "".join("9" if letter.isdigit() else letter for letter in path) or "the value"


def _encodable(text: str | None) -> str | None:
    """Put the replacement character for half of a pair, as a cut emoji leaves it."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
