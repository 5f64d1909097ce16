"""Text as it stands in an export to ids, times, money, rates and words: exact, or refused.

Every function takes a whole column. It first tries the one cheap kernel that reads a clean
column; only if that fails is each cell judged by itself. Both ways accept the same cells and give
the same values, so what becomes of a row never depends on its neighbours.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.columns import EARLIEST_MS, LATEST_MS
from attribution.mapping.source_path import plain_text
from attribution.mapping.vocabulary import is_word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "NO_ID",
    "Code",
    "Fault",
    "Reading",
    "cells",
    "day",
    "decimal_rate",
    "epoch",
    "fen",
    "flag",
    "identifier",
    "instant",
    "person_identifier",
    "search_index",
    "shapes",
    "text",
    "whole",
    "word",
    "yuan",
]

_DAY_MS = 86_400_000
_MOST = 10**15  # money and counts stay exact in float64, sums of a few included
_FAR = np.iinfo(np.int64).max

_NUMBER = r"^[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)$"
_WHOLE = r"^[+-]?0*\d{1,16}(?:\.0*)?$"
_EPOCH = r"^-?0*(?:\d{1,18}|[1-8]\d{18})(?:\.0*)?$"
_CENTS = r"^[+-]?(?:0*\d{1,14}(?:\.\d{0,2}0*)?|\.\d{1,2}0*)$"
_SCIENTIFIC = r"^[+-]?\d+(?:\.\d+)?[eE][+-]?\d{1,3}$"
_SCIENTIFIC_ID = r"^[+-]?(?:\d+(?:\.\d+)?[eE]\+\d{1,3}|\d\.\d+[eE]\d{1,3}|\d+\.0+)$"
_QUIRK = r"^[\x{FEFF}\x{200B}]|^'|^=?\".*\"$|^=[0-9]+$"
_UNQUIRK = r"^[\x{FEFF}\x{200B}]*(?:=?\"(.*)\"|=([0-9]+)|'?([^\"]*|[^\"].*))$"
_TIME = (
    r"^(?P<year>\d{4})(?:-(?P<month>\d{1,2})-|/(?P<month2>\d{1,2})/)(?P<day>\d{1,2})"
    r"(?:[T ](?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})"
    r"(?:\.(?P<fraction>\d{1,9}))?)?)?"
    r" ?(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_SHOWABLE = r"^(?:[A-Za-z_]{1,32}|-?[0-9]{1,4})$"
_REPEATED = 3  # so many distinct ids cut in one way are no chance
_LONG_ID = 17  # digits from which three zeros at the end tell of Excel's 15
_FEW = 1000

_TEXT_REMEDY = (
    "Export the data again and bring this column in as text; the digits lost here cannot be "
    "restored."
)
# What an export writes where there is no id. The last is the UUID of nothing.
NO_ID = tuple(
    sorted(
        {
            form
            for word in ("null", "none", "n/a", "#n/a", "nan", "undefined")
            for form in (word, word.upper(), word.title(), word.capitalize())
        }
        | {"NaN", "-", "--", "---", "－", "—", "——", "无", "空", "暂无", "未知", "\\N", "\\n"}
        | {"00000000-0000-0000-0000-000000000000"}
    )
)
_TRUTHS = ("true", "True", "TRUE", "false", "False", "FALSE")
_ID_REMEDY = "Map the column that holds the id, or correct the cell at its source."
# Cells of these lengths and last bytes may be one of the words above: a look that costs nothing.
_WORD_LENGTHS, _WORD_ENDS = np.zeros(64, bool), np.zeros(256, bool)
for _word in (*NO_ID, *_TRUTHS):
    _WORD_LENGTHS[len(_word.encode())] = _WORD_ENDS[_word.encode()[-1]] = True
# Full-width signs of a number, and no other characters: a raised 2 is no digit.
_WIDE_SIGNS = {**{chr(0xFF10 + digit): str(digit) for digit in range(10)}, "．": "."}
_WIDE_SIGNS |= {"，": ",", "－": "-", "＋": "+", "￥": "¥", "％": "%"}

_YES = ("true", "True", "TRUE", "1", "yes", "Yes", "YES", "Y", "y", "是")
_NO = ("false", "False", "FALSE", "0", "no", "No", "NO", "N", "n", "否")


class Fault(NamedTuple):
    """Cells that cannot be read, and why.

    Attributes
    ----------
    rows
        (k,) positions in the column, from 0.
    found
        (k,) text: what stands there, without anything that could be personal.
    expected, remedy
        What should, and what the user can do.
    unmapped
        Whether the cell could be read and only its word means nothing.
    """

    rows: NDArray[np.int64]
    found: pa.Array
    expected: str
    remedy: str
    unmapped: bool = False


class Reading(NamedTuple):
    """A column read: values (n,), null where the cell is empty or at fault, and the faults."""

    values: pa.Array
    faults: tuple[Fault, ...] = ()


class Code(NamedTuple):
    """What a word of the source means: a word, or (`10000..20000`) any whole number between."""

    word: str
    meaning: str
    low: int | None = None
    high: int | None = None


# ---------------------------------------------------------------------- cells


def cells(leaf: pa.Array, null_if: Sequence[str] = ()) -> pa.Array:
    """Return a column as text without blanks around it, (n,); a blank cell is null."""
    array = pc.utf8_trim_whitespace(plain_text(leaf))
    lengths = pc.binary_length(array)
    if pc.min(lengths).as_py() == 0:
        array = pc.if_else(pc.equal(lengths, 0), pa.scalar(None, pa.string()), array)
    if null_if:
        array = _without(array, pc.is_in(array, pa.array(null_if, pa.string())))
    return array


def shapes(values: pa.Array) -> pa.Array:
    """Return the shape of each text: 9 for a digit, x for a letter, 字 for a Chinese character."""
    out = values.cast(pa.string())
    for pattern, sign in ((r"\pN", "9"), (r"\p{Han}", "字"), (r"[^\PL字]", "x"), (r"\pC", " ")):
        out = pc.replace_substring_regex(out, pattern, sign)
    long = pc.greater(pc.utf8_length(out), 24)
    cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(out, 0, 23), "…", "")
    return pc.if_else(long, cut, out)


def _without(array: pa.Array, hidden: pa.Array) -> pa.Array:
    return pc.if_else(hidden, pa.scalar(None, array.type), array)


def _flags(array: pa.Array) -> NDArray[np.bool_]:
    """Return booleans (n,), null as false."""
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), bool)


def _valid(array: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), bool)


def _bytes(array: pa.Array) -> NDArray[np.uint8]:
    """Return the bytes of all cells, one after the other."""
    if len(array) == 0 or array.buffers()[2] is None:
        return np.zeros(0, np.uint8)
    start, end = array.offset, array.offset + len(array)
    offsets = np.frombuffer(array.buffers()[1], np.int32)
    data = np.frombuffer(array.buffers()[2], np.uint8)
    return data[offsets[start] : offsets[end]]


def _only(array: pa.Array, first: str, last: str) -> bool:
    """Whether every byte of every cell lies between two signs."""
    data = _bytes(array)
    return len(data) == 0 or bool(data.min() >= ord(first) and data.max() <= ord(last))


def _holds(array: pa.Array, signs: str) -> bool:
    data = _bytes(array)
    return any(bool((data == sign).any()) for sign in signs.encode())


def _offsets_of(array: pa.Array) -> NDArray[np.int32]:
    """Return where each cell begins in `_bytes`, and where the last one ends, (n + 1,)."""
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset :][: len(array) + 1]
    return offsets if offsets[0] == 0 else offsets - offsets[0]


def _beginning(array: pa.Array, signs: str) -> NDArray[np.int64]:
    """Return cells that may begin with one of some signs: all that do, and perhaps others."""
    data = _bytes(array)
    if not len(data):
        return np.zeros(0, np.int64)
    first = np.zeros(256, bool)
    first[[sign.encode()[0] for sign in signs]] = True
    return np.flatnonzero(first[data[np.minimum(_offsets_of(array)[:-1], len(data) - 1)]])


def _fault(
    array: pa.Array, bad: NDArray[np.bool_] | NDArray[np.int64], expected: str, remedy: str
) -> tuple[Fault, ...]:
    """Return the fault of some cells, or none if there are none."""
    rows = np.flatnonzero(bad) if bad.dtype == bool else bad
    if not len(rows):
        return ()
    found = shapes(plain_text(array.take(pa.array(rows))))
    return (Fault(rows.astype(np.int64), pc.fill_null(found, "a list"), expected, remedy),)


def _nested(leaf: pa.Array, expected: str) -> Reading | None:
    """Return the reading of a field that holds lists or objects where one value should be."""
    if not pa.types.is_nested(leaf.type):
        return None
    faults = _fault(leaf, _valid(leaf), expected, "Name a path to a single value in the mapping.")
    return Reading(pa.nulls(len(leaf), pa.string()), faults)


# ---------------------------------------------------------------------- ids and text


def text(leaf: pa.Array, null_if: Sequence[str] = ()) -> Reading:
    """Read text."""
    return _nested(leaf, "text") or Reading(cells(leaf, null_if))


def identifier(leaf: pa.Array, null_if: Sequence[str] = ()) -> Reading:
    """Read ids: the quirks of Excel are taken off, an id that has lost digits is refused."""
    nested = _nested(leaf, "an id")
    if nested is not None:
        return nested
    if pa.types.is_floating(leaf.type):
        faults = _fault(
            leaf, _valid(leaf), "an id as text; as a decimal number it loses digits", _TEXT_REMEDY
        )
        return Reading(pa.nulls(len(leaf), pa.string()), faults)
    if pa.types.is_boolean(leaf.type):
        faults = _fault(leaf, _valid(leaf), "an id, not true or false", _ID_REMEDY)
        return Reading(pa.nulls(len(leaf), pa.string()), faults)
    array = cells(leaf, null_if)
    faults = ()
    if not _only(array, "0", "9"):
        if len(_beginning(array, "'\"=\ufeff\u200b")):
            array = _unquirked(array, null_if)
            bad = _flags(pc.starts_with(array, "="))
            faults += _fault(array, bad, "an id, not a formula", _TEXT_REMEDY)
            if bad.any():
                array = _without(array, pa.array(bad))
        array, truths = _without_words(array)
        faults += truths
        if _holds(array, ".+"):
            bad = _flags(pc.match_substring_regex(array, _SCIENTIFIC_ID))
            faults += _fault(array, bad, "an id in full, as text", _TEXT_REMEDY)
            if bad.any():
                array = _without(array, pa.array(bad))
    cut = _cut_by_excel(array)
    if cut is not None:
        faults += _fault(
            array,
            cut,
            "an id in full; here all long ids end in zeros after 15 digits",
            _TEXT_REMEDY,
        )
        array = _without(array, pa.array(cut))
    return Reading(array, faults)


def person_identifier(leaf: pa.Array, null_if: Sequence[str] = ()) -> Reading:
    """Read ids of people: as other ids, and zeros name nobody."""
    values, faults = identifier(leaf, null_if)
    if len(_beginning(values, "0")):
        zeros = pc.match_substring_regex(values, r"^0+$")
        if pc.any(zeros).as_py():
            values = _without(values, zeros)
    return Reading(values, faults)


def _without_words(array: pa.Array) -> tuple[pa.Array, tuple[Fault, ...]]:
    """Return ids without the words that mean there is none, and those that are true or false."""
    data = _bytes(array)
    if not len(data):
        return array, ()
    offsets = _offsets_of(array)
    maybe = _WORD_LENGTHS[np.minimum(np.diff(offsets), len(_WORD_LENGTHS) - 1)]
    maybe &= _WORD_ENDS[data[np.maximum(offsets[1:] - 1, 0)]]
    rows = np.flatnonzero(maybe)
    if not len(rows):
        return array, ()
    few = array.take(pa.array(rows))
    truths = rows[_flags(pc.is_in(few, pa.array(_TRUTHS)))]
    faults = _fault(array, truths, "an id, not true or false", _ID_REMEDY)
    hidden = np.zeros(len(array), bool)
    hidden[rows[_flags(pc.is_in(few, pa.array(NO_ID)))]] = True
    hidden[truths] = True
    return (_without(array, pa.array(hidden)) if hidden.any() else array), faults


def _unquirked(array: pa.Array, null_if: Sequence[str]) -> pa.Array:
    marked = pc.fill_null(pc.match_substring_regex(array, _QUIRK), False)
    if not pc.any(marked).as_py():
        return array
    plain = pc.replace_substring_regex(array.filter(marked), _UNQUIRK, r"\1\2\3")
    return cells(pc.replace_with_mask(array, marked, plain), null_if)


def _cut_by_excel(array: pa.Array) -> NDArray[np.bool_] | None:
    """Return the long ids if every one of them, three or more, ends in zeros after 15 digits."""
    data = _bytes(array)
    if not len(data):
        return None
    offsets = _offsets_of(array)
    long = np.diff(offsets) >= _LONG_ID
    last = offsets[1:] - 1
    # One look at the last signs clears nearly every column, and mostly a look at a few.
    for rows in (slice(0, _FEW), slice(None)):
        there = long[rows] & _valid(array[rows])
        if (data[last[rows][there]] != ord("0")).any():
            return None
    if not there.any():
        return None
    long = there
    cut = _flags(pc.match_substring_regex(array, r"^\d{15}0{2,}$"))
    distinct = pc.count_distinct(array.filter(pa.array(cut))).as_py() if cut.any() else 0
    return cut if distinct >= _REPEATED and bool(cut[long].all()) else None


def search_index(leaf: pa.Array, null_if: Sequence[str] = ()) -> Reading:
    """Read the search part of `$<search>$<cipher>$1$`; what is no cipher is null, never kept."""
    nested = _nested(leaf, "text")
    if nested is not None:
        return nested
    parts = pc.extract_regex(cells(leaf, null_if), r"^\$(?P<search>[^$]+)\$[^$]*\$[^$]*\$$")
    return Reading(pc.struct_field(parts, ["search"]))


# ---------------------------------------------------------------------- numbers


def whole(leaf: pa.Array, null_if: Sequence[str] = (), *, least: int | None = 0) -> Reading:
    """Read whole numbers as int64; `3.00` and `1,200` are whole."""
    number = "a whole number" if least is None else f"a whole number of {least} or more"
    return _numbers(leaf, null_if, _whole_numbers, number, least)


def fen(leaf: pa.Array, null_if: Sequence[str] = (), *, least: int | None = 0) -> Reading:
    """Read whole fen as int64."""
    number = "whole fen" if least is None else f"whole fen, {least} or more"
    return _numbers(leaf, null_if, _whole_numbers, number, least)


def yuan(leaf: pa.Array, null_if: Sequence[str] = (), *, least: int | None = 0) -> Reading:
    """Read yuan with at most two decimals as int64 fen, exactly."""
    number = "yuan with at most 2 decimals" + ("" if least is None else f", {least} or more")
    return _numbers(leaf, null_if, _cents, number, least)


def _numbers(
    leaf: pa.Array,
    null_if: Sequence[str],
    read: Callable[[pa.Array], tuple[NDArray[np.int64], NDArray[np.bool_]]],
    expected: str,
    least: int | None,
) -> Reading:
    nested = _nested(leaf, expected)
    if nested is not None:
        return Reading(pa.nulls(len(leaf), pa.int64()), nested.faults)
    array = cells(leaf, null_if)
    filled = _valid(array)
    if pa.types.is_floating(leaf.type):
        numbers, good = _from_floats(leaf, cents=read is _cents)
    else:
        numbers, good = read(array)
    bad = filled & ~(good & (numbers > -_MOST) & (numbers < _MOST))
    faults: tuple[Fault, ...] = ()
    if bad.any():
        scientific = bad & _flags(pc.match_substring_regex(array, _SCIENTIFIC))
        faults += _fault(
            array, scientific, expected, "Export the data again with this column in full, as text."
        )
        faults += _fault(
            array, bad & ~scientific, expected, "Correct the cell, or the unit in the mapping."
        )
    if least is not None:
        low = filled & ~bad & (numbers < least)
        if low.any():
            faults += _fault(
                array, low, expected, "Correct the cell, or the column in the mapping."
            )
            bad |= low
    return Reading(_masked(numbers, filled & ~bad), faults)


def _masked(numbers: NDArray[np.int64], there: NDArray[np.bool_]) -> pa.Array:
    return pa.array(numbers, mask=None if there.all() else ~there)


def _as_numpy(array: pa.Array) -> NDArray[np.int64]:
    filled = array if not array.null_count else pc.fill_null(array, 0)
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.int64)


def _whole_numbers(array: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return numbers (n,), and which cells are whole ones."""
    if _only(array, "-", "9"):
        try:
            return _as_numpy(array.cast(pa.int64())), np.ones(len(array), bool)
        except pa.ArrowInvalid:
            pass
    plain = _ungrouped(_narrow(array))
    good = pc.fill_null(pc.match_substring_regex(plain, _WHOLE), False)
    return _integers(plain, good)


def _integers(array: pa.Array, good: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    digits = pc.replace_substring_regex(array, r"^\+|\.0*$", "")
    digits = pc.replace_substring_regex(digits, r"^(-?)0+(\d)", r"\1\2")
    return _as_numpy(pc.if_else(good, digits, "0").cast(pa.int64())), _flags(good)


def _cents(array: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return hundredths (n,), and which cells have at most two decimals."""
    if _only(array, "-", "9"):
        try:
            return _hundredths(array), np.ones(len(array), bool)
        except pa.ArrowInvalid:
            pass
    # The sign of the currency may stand before or behind the minus, or 元 behind the number.
    plain = pc.replace_substring_regex(_narrow(array), r"^([+-]?)¥\s*", r"\1")
    plain = _ungrouped(pc.replace_substring_regex(plain, r"(\d\.?)\s*元$", r"\1"))
    good = pc.fill_null(pc.match_substring_regex(plain, _CENTS), False)
    plain = pc.replace_substring_regex(plain, r"^([+-]?)0+(\d)", r"\1\2")
    plain = pc.replace_substring_regex(plain, r"(\.\d\d)0+$", r"\1")
    return _hundredths(pc.if_else(good, plain, "0")), _flags(good)


def _narrow(array: pa.Array) -> pa.Array:
    """Return numbers with plain signs for full-width ones."""
    if _only(array, "\x00", "\x7f"):
        return array
    wide = pc.fill_null(pc.invert(pc.string_is_ascii(array)), False)
    few = array.filter(wide)
    for sign, plain in _WIDE_SIGNS.items():
        few = pc.replace_substring(few, sign, plain)
    return pc.replace_with_mask(array, wide, few)


def _hundredths(array: pa.Array) -> NDArray[np.int64]:
    decimals = pc.fill_null(array, "0").cast(pa.decimal128(18, 2))
    # 18 digits fit the low half of the 128 bits.
    words = np.frombuffer(decimals.buffers()[1], np.int64)
    return words[2 * decimals.offset :][: 2 * len(decimals)].reshape(-1, 2)[:, 0].copy()


def _ungrouped(array: pa.Array) -> pa.Array:
    """Return numbers without thousands separators; what is no number stays as it is."""
    numbers = pc.fill_null(pc.match_substring_regex(array, _NUMBER), False)
    return pc.if_else(numbers, pc.replace_substring(array, ",", ""), array)


def _from_floats(leaf: pa.Array, *, cents: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    values = np.asarray(leaf.to_numpy(zero_copy_only=False), np.float64)
    values = np.where(np.isfinite(values), values, np.inf)
    scale = 100.0 if cents else 1.0
    small = np.abs(values) < _MOST
    scaled = np.round(np.where(small, values, 0.0) * scale)
    # The nearest double of a decimal is what dividing its digits gives.
    good = small & (scaled / scale == values)
    return np.where(good, scaled, 0.0).astype(np.int64), good


_UNITS = {"ratio": 1.0, "percent": 100.0, "permille": 1000.0, "per_10k": 10_000.0, "number": 1.0}


def decimal_rate(
    leaf: pa.Array,
    null_if: Sequence[str] = (),
    *,
    unit: Literal["ratio", "percent", "permille", "per_10k", "number"],
) -> Reading:
    """Read rates as float64 from 0 to 1; with the unit `number`, any number of 0 or more."""
    most = np.inf if unit == "number" else _UNITS[unit]
    expected = "a number of 0 or more" if unit == "number" else f"a number from 0 to {most:g}"
    nested = _nested(leaf, expected)
    if nested is not None:
        return Reading(pa.nulls(len(leaf), pa.float64()), nested.faults)
    array = cells(leaf, null_if)
    filled = _valid(array)
    if pa.types.is_floating(leaf.type):
        numbers = np.asarray(leaf.to_numpy(zero_copy_only=False), np.float64)
    else:
        numbers = _decimals(array, unit)
    good = np.isfinite(numbers) & (numbers >= 0) & (numbers <= most)
    faults = _fault(array, filled & ~good, expected, "Correct the cell, or `as` in the mapping.")
    values = np.where(filled & good, numbers, 0.0) / _UNITS[unit]
    return Reading(pa.array(values, mask=~(filled & good)), faults)


def _decimals(array: pa.Array, unit: str) -> NDArray[np.float64]:
    """Return numbers (n,), NaN where a cell is none."""
    if _only(array, "-", "9"):
        try:
            return _floats(array)
        except pa.ArrowInvalid:
            pass
    array = _narrow(array)
    if unit == "percent":
        array = pc.replace_substring_regex(array, r"\s*%$", "")
    plain = _ungrouped(array)
    good = pc.fill_null(pc.match_substring_regex(plain, _NUMBER), False)
    plain = pc.replace_substring_regex(plain, r"^\+", "")
    numbers = _floats(pc.if_else(good, plain, "0"))
    return np.where(_flags(good), numbers, np.nan)


def _floats(array: pa.Array) -> NDArray[np.float64]:
    return np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


# ---------------------------------------------------------------------- times


_PER_SECOND = (("epoch_s", 1), ("epoch_ms", 1_000), ("epoch_us", 10**6), ("epoch_ns", 10**9))
_EPOCH_NAMES = {
    "epoch_s": "epoch seconds",
    "epoch_ms": "epoch milliseconds",
    "epoch_us": "epoch microseconds",
    "epoch_ns": "epoch nanoseconds",
}


def epoch(
    leaf: pa.Array, null_if: Sequence[str] = (), *, unit: Literal["epoch_s", "epoch_ms"]
) -> Reading:
    """Read epoch seconds or milliseconds as UTC epoch ms; 0 is "not yet", so null.

    A number that lies outside the years 2000 to 2100 is refused, and if another unit would bring
    it inside, the error says which.
    """
    expected = f"{_EPOCH_NAMES[unit]} of the years 2000 to 2100"
    nested = _nested(leaf, expected)
    if nested is not None:
        return Reading(pa.nulls(len(leaf), pa.int64()), nested.faults)
    array = cells(leaf, null_if)
    filled = _valid(array)
    if pa.types.is_floating(leaf.type):
        numbers, good = _from_floats(leaf, cents=False)
    else:
        numbers, good = _epoch_numbers(array)
    filled &= ~(good & (numbers == 0))
    scale = 1000 if unit == "epoch_s" else 1
    inside = good & (numbers >= EARLIEST_MS // scale) & (numbers <= LATEST_MS // scale)
    faults: tuple[Fault, ...] = ()
    bad = filled & ~inside
    if bad.any():
        for name, per_second in _PER_SECOND:
            other = bad & good & (numbers >= EARLIEST_MS // 1000 * per_second)
            other &= numbers // per_second <= LATEST_MS // 1000
            faults += _fault(
                array,
                other,
                f"{expected}; this looks like {_EPOCH_NAMES[name]}",
                f'Write as = "{name}" in the mapping, if all rows are so.'
                if name in ("epoch_s", "epoch_ms")
                else "Convert the column to milliseconds.",
            )
            bad &= ~other
        is_time = bad & _flags(pc.match_substring_regex(array, r"^\d{4}[-/]\d"))
        faults += _fault(
            array,
            is_time,
            f"{expected}; this is a written time",
            'Write as = "time" in the mapping.',
        )
        faults += _fault(array, bad & ~is_time, expected, "Correct the time.")
    ms = numbers * scale if scale != 1 else numbers
    return Reading(_masked(np.where(filled & inside, ms, 0), filled & inside), faults)


def _epoch_numbers(array: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if _only(array, "-", "9"):
        try:
            return _as_numpy(array.cast(pa.int64())), np.ones(len(array), bool)
        except pa.ArrowInvalid:
            pass
    good = pc.fill_null(pc.match_substring_regex(array, _EPOCH), False)
    return _integers(array, good)


def instant(leaf: pa.Array, null_if: Sequence[str] = (), *, zone: str) -> Reading:
    """Read written times as UTC epoch ms; one without a zone is a clock time in `zone`.

    A clock time that occurs twice or never (change to or from summer time) is read as the first
    of the two, and as the next that exists.
    """
    expected = "a time such as 2026-11-22 20:00:00"
    nested = _nested(leaf, expected)
    if nested is not None:
        return Reading(pa.nulls(len(leaf), pa.int64()), nested.faults)
    array = cells(leaf, null_if)
    filled = _valid(array)
    ms, good = _written(array, zone)
    inside = good & (ms >= EARLIEST_MS) & (ms <= LATEST_MS)
    faults: tuple[Fault, ...] = ()
    bad = filled & ~inside
    if bad.any():
        for unit, digits in (("epoch_s", 10), ("epoch_ms", 13)):
            number = bad & _flags(pc.match_substring_regex(array, rf"^\d{{{digits}}}$"))
            faults += _fault(
                array,
                number,
                f"{expected}; this looks like {_EPOCH_NAMES[unit]}",
                f'Write as = "{unit}" in the mapping, if all rows are so.',
            )
            bad &= ~number
        faults += _fault(array, bad & ~good, expected, "Correct the time, or the column's mapping.")
        faults += _fault(
            array, bad & good, "a time between the years 2000 and 2100", "Correct the time."
        )
    return Reading(_masked(np.where(filled & inside, ms, 0), filled & inside), faults)


def _written(array: pa.Array, zone: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return UTC epoch ms (n,), and which cells are times."""
    for kind in (pa.timestamp("ms"), pa.timestamp("ms", "UTC")):
        try:
            ms = _as_numpy(array.cast(kind).cast(pa.int64()))
        except pa.ArrowInvalid:
            continue
        return (ms if kind.tz else _to_utc(ms, zone)), np.ones(len(array), bool)
    parts = pc.extract_regex(array, _TIME)

    def number(name: str, least: int = 0) -> NDArray[np.int64]:
        values = pc.fill_null(pc.struct_field(parts, [name]), "")
        return _as_numpy(pc.if_else(pc.equal(values, ""), str(least), values).cast(pa.int64()))

    year, day_ = number("year", 2000), number("day", 1)
    month = np.maximum(number("month"), number("month2"))
    hour, minute, second = number("hour"), number("minute"), number("second")
    fraction = pc.utf8_slice_codeunits(
        pc.utf8_rpad(pc.fill_null(pc.struct_field(parts, ["fraction"]), ""), 3, "0"), 0, 3
    )
    good = _valid(parts) & (month >= 1) & (month <= 12) & (day_ >= 1)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    first, next_ = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
    good &= first.astype(np.int64) + day_ - 1 < next_.astype(np.int64)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    clock = ((hour * 60 + minute) * 60 + second) * 1000 + _as_numpy(fraction.cast(pa.int64()))
    local = (first.astype(np.int64) + day_ - 1) * _DAY_MS + clock
    zones = pc.fill_null(pc.struct_field(parts, ["zone"]), "")
    named = _flags(pc.not_equal(zones, ""))
    shift, known = _offsets(zones)
    good &= known
    return np.where(named, local - shift, _to_utc(np.where(good, local, 0), zone)), good


def _offsets(zones: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return offsets such as +08:00 in ms (n,), and which exist."""
    encoded = zones.dictionary_encode()
    shifts, known = [], []
    for name in encoded.dictionary.to_pylist():  # a handful of distinct ones
        digits = name[1:].replace(":", "").ljust(4, "0") if len(name) > 1 else "0000"
        hours, minutes = int(digits[:2]), int(digits[2:])
        shifts.append((-1 if name[:1] == "-" else 1) * (hours * 60 + minutes) * 60_000)
        known.append(hours < 24 and minutes < 60)
    at = encoded.indices.to_numpy(zero_copy_only=False)
    if not shifts:
        return np.zeros(0, np.int64), np.zeros(0, bool)
    return np.array(shifts, np.int64)[at], np.array(known)[at]


class _Zone(NamedTuple):
    """A zone's changes of clock: when (UTC ms), and the offsets (ms) around them."""

    changes: NDArray[np.int64]  # (k + 1,), the last one never comes
    offsets: NDArray[np.int64]  # (k + 1,) before each change
    clock: NDArray[np.int64]  # (k + 1,) local time at which the later offset surely holds


@lru_cache(maxsize=16)
def _zone(name: str) -> _Zone:
    from datetime import UTC, datetime

    zone = ZoneInfo(name)

    def offset(second: int) -> int:
        there = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
        return 0 if there is None else round(there.total_seconds() * 1000)

    day_s = _DAY_MS // 1000
    start, end = EARLIEST_MS // 1000 - 2 * day_s, LATEST_MS // 1000 + 2 * day_s
    changes, offsets = [], [offset(start)]
    for day_start in range(start, end, day_s):
        low, high = day_start, day_start + day_s
        if offset(high) == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        changes.append(high * 1000)
        offsets.append(offset(high))
    before = np.array(offsets, np.int64)
    after = np.append(before[1:], before[-1])
    never = _FAR - 2 * _DAY_MS
    at = np.array([*changes, never], np.int64)
    return _Zone(at, before, at + np.maximum(before, after))


def _to_utc(local: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    zone = _zone(name)
    if len(zone.changes) == 1:
        return np.asarray(local - zone.offsets[0])
    at = np.searchsorted(zone.clock, local, side="right")
    return np.asarray(np.minimum(local - zone.offsets[at], zone.changes[at]))


def day(
    leaf: pa.Array,
    null_if: Sequence[str] = (),
    *,
    unit: Literal["time", "epoch_s", "epoch_ms"],
    zone: str,
) -> Reading:
    """Read days, or times as the day they fall on in `zone`, as text yyyy-MM-dd."""
    if unit == "time":
        times, faults = instant(leaf, null_if, zone=zone)
    else:
        times, faults = epoch(leaf, null_if, unit=unit)
    changes, offsets, _ = _zone(zone)
    ms = _as_numpy(times)
    local = ms + offsets[np.searchsorted(changes, ms, side="right")]
    days, at = np.unique(local // _DAY_MS, return_inverse=True)
    names = pa.array(np.datetime_as_string(days.astype("datetime64[D]")).tolist(), pa.string())
    return Reading(names.take(pa.array(at, mask=~_valid(times))), faults)


# ---------------------------------------------------------------------- words


def word(
    leaf: pa.Array,
    null_if: Sequence[str] = (),
    *,
    codes: Sequence[Code],
    otherwise: str | None = None,
) -> Reading:
    """Read words of a known set, each as what it means.

    Parameters
    ----------
    codes
        The known words; a range takes any whole number in it that is no word of its own.
    otherwise
        What any other word means; None refuses it.
    """
    nested = _nested(leaf, "a word")
    if nested is not None:
        return nested
    encoded = cells(leaf, null_if).dictionary_encode()
    exact = {code.word: code.meaning for code in codes if code.low is None}
    ranges = [code for code in codes if code.low is not None]
    found = encoded.dictionary.to_pylist()
    # Distinct words only: a handful where the column is what the mapping says.
    meanings = [exact.get(each, _in_range(each, ranges) if ranges else None) for each in found]
    unknown = np.array([meaning is None for meaning in meanings], bool)
    if otherwise is not None:
        meanings = [otherwise if meaning is None else meaning for meaning in meanings]
        unknown[:] = False
    values = pa.array(meanings, pa.string()).take(encoded.indices)
    if not unknown.any():
        return Reading(values)
    at = encoded.indices
    bad = np.flatnonzero(_flags(pa.array(unknown).take(at)))
    which = np.flatnonzero(unknown)
    place = np.cumsum(unknown) - 1
    shown = _showable(encoded.dictionary.take(pa.array(which))).take(
        pa.array(place).take(at.take(pa.array(bad)))
    )
    known = [code.word for code in codes]
    listed = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
    return Reading(
        values,
        (
            Fault(
                bad.astype(np.int64),
                shown,
                f"one of {listed}",
                "Add the word to the map of this column in the mapping, "
                'or set else = "..." for all others.',
                unmapped=True,
            ),
        ),
    )


def _in_range(found: str, ranges: Sequence[Code]) -> str | None:
    if not (found.isascii() and found.isdigit()):
        return None
    number = int(found)
    for code in ranges:
        if code.low is not None and code.high is not None and code.low <= number <= code.high:
            return code.meaning
    return None


def _showable(words: pa.Array) -> pa.Array:
    """Return words as they may be shown: short codes and known words, all else by its shape."""
    plain = _flags(pc.match_substring_regex(words, _SHOWABLE))
    known = [is_word(each) for each in words.to_pylist()]
    return pc.if_else(pa.array(plain | np.array(known, bool)), words, shapes(words))


def flag(leaf: pa.Array, null_if: Sequence[str] = (), *, codes: Sequence[Code] = ()) -> Reading:
    """Read yes and no as booleans; codes name other words for `true` and `false`."""
    usual = [Code(each, "true") for each in _YES] + [Code(each, "false") for each in _NO]
    values, faults = word(leaf, null_if, codes=codes or usual)
    if not codes:
        remedy = "Correct the cell, or name its words in a map in the mapping."
        faults = tuple(
            each._replace(expected="yes or no, true or false, 1 or 0, 是 or 否", remedy=remedy)
            for each in faults
        )
    return Reading(pc.equal(values, "true"), faults)
