"""The door: reading one checked column out of any frame.

A frame is a pandas DataFrame, or anything that speaks the Arrow PyCapsule interface
(pyarrow, polars, duckdb ...). Every check names the row, the column, what was expected, what
was found and what to do about it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import ConfigError, DataError, quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "EARLIEST_MS",
    "LATEST_MS",
    "Instants",
    "amounts",
    "arrow",
    "codes",
    "counts",
    "days_of",
    "duration_ms",
    "held",
    "identifiers",
    "instants",
    "names_of",
    "plain",
    "text",
]

# A zone stands after the clock: what looks like one at the end of a date is its day.
_ZONED = r"(:\d{2}|T\d{2}|T\d{4}|T\d{6})([.,]\d+)?\s*(Z|z|[+-]\d{2}(:?\d{2})?)\s*$"
_DATED = r"\s*\d{4}([-/]\d{1,2}[-/]\d{1,2}|\d{4})(\D|$)"
EARLIEST_MS = 946_684_800_000  # 2000-01-01
LATEST_MS = 4_102_444_800_000  # 2100-01-01
_DAY_MS = 86_400_000
_QUARTER_MS = 900_000
_EPOCH_UNITS = (
    (1, 1000.0, "seconds"),
    (1_000, 1.0, "milliseconds"),
    (1_000_000, 1e-3, "microseconds"),
    (1_000_000_000, 1e-6, "nanoseconds"),
)


class Instants(NamedTuple):
    """UTC epoch milliseconds, (n,), and which times had to be given a zone, (n,)."""

    ms: NDArray[np.int64]
    naive: NDArray[np.bool_]

    @property
    def without_zone(self) -> int:
        """How many times had to be given a zone."""
        return int(self.naive.sum())


def names_of(frame: Any) -> list[str]:
    """Return the column names of any frame."""
    if isinstance(frame, pd.DataFrame):
        return [str(name) for name in frame.columns]
    return list(_schema(frame).names)


def held(frame: Any) -> Any:
    """Return a frame that can be read more than once: a stream is taken into memory."""
    return frame if isinstance(frame, pd.DataFrame) else _table(frame)


def is_empty(frame: Any) -> bool:
    """Whether a frame has no row."""
    return (len(frame) if isinstance(frame, pd.DataFrame) else _table(frame).num_rows) == 0


def arrow(frame: Any, column: str) -> pa.Array:
    """Return one column as an Arrow array; NaN is null, a column of nothing else has type null.

    Raises
    ------
    DataError
        If the frame has no such column, has it twice, or mixes kinds of values in it.
    """
    names = names_of(frame)
    if names.count(column) != 1:
        raise _no_column(column, names)
    if isinstance(frame, pd.DataFrame):
        array = _from_series(frame.iloc[:, names.index(column)])
    else:
        array = _combined(_table(frame).column(column))
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    # A column without a value has the type of whatever wrote it, which says nothing.
    return array if array.null_count < len(array) else pa.nulls(len(array))


def text(frame: Any, column: str) -> pa.StringArray:
    """Return a column of strings; an empty cell stays null."""
    array = arrow(frame, column)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.string())
    if not _is_text(array.type):
        raise DataError(
            f"{array.type} values such as {quoted(_first(array))}",
            "text",
            "Name a column of text, or convert this one to text first.",
            column=column,
        )
    return array.cast(pa.large_string())


def identifiers(frame: Any, column: str) -> pa.StringArray:
    """Return ids as strings, a blank one as null.

    Whole numbers are taken, floats refused: they lose digits.
    """
    array = arrow(frame, column)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.large_string())
    if pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        raise DataError(
            f"numbers with a decimal point such as {quoted(_first(array))}",
            "ids as text or whole numbers",
            "Read this column as text: long ids lose digits as decimal numbers.",
            column=column,
        )
    if not (_is_text(array.type) or pa.types.is_integer(array.type)):
        raise DataError(
            f"{array.type} values",
            "ids as text or whole numbers",
            "Name the column that holds the id.",
            column=column,
        )
    ids = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
    return pc.if_else(pc.equal(ids, ""), pa.scalar(None, ids.type), ids)


def counts(frame: Any, column: str) -> NDArray[Any]:
    """Return counts of 0 or more: int64 if every one is whole, else float64."""
    numbers = amounts(frame, column)
    bad = np.flatnonzero(numbers < 0)
    if len(bad):
        raise DataError(
            f"{numbers[bad[0]]:g}",
            "a count of 0 or more",
            "Correct the row; returned orders belong in a value column, not in a count.",
            row=int(bad[0]) + 1,
            column=column,
        )
    if (numbers < 2.0**53).all() and (numbers == np.floor(numbers)).all():
        return numbers.astype(np.int64)
    return numbers


def amounts(frame: Any, column: str) -> NDArray[np.float64]:
    """Return finite numbers as float64, exact for whole numbers below 2^53."""
    array = arrow(frame, column)
    kind = array.type
    if _is_text(kind) or pa.types.is_null(kind):
        array = _numbers_from_text(array, column)
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise DataError(
            f"{kind} values such as {quoted(_first(array))}",
            "numbers",
            "Name a numeric column.",
            column=column,
        )
    values = _floats(array)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            "an empty cell or NaN" if np.isnan(values[row]) else f"{values[row]}",
            "a finite number",
            "Fill the cell (0 if there were none) or remove the row.",
            row=row + 1,
            column=column,
        )
    return values


def instants(frame: Any, column: str, tz: str) -> Instants:
    """Return a column of times as UTC epoch milliseconds.

    Times with a zone, times without one (read in `tz` and counted), ISO text, and whole numbers
    (epoch seconds, milliseconds, microseconds or nanoseconds, told apart by their size) are taken.
    """
    array = arrow(frame, column)
    zone = _zone(tz)
    if array.null_count:
        raise DataError(
            "an empty cell",
            "a time",
            "Fill in the time or remove the row.",
            row=_first_null(array) + 1,
            column=column,
        )
    if len(array) == 0:
        return Instants(np.zeros(0, np.int64), np.zeros(0, bool))
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        ms, naive = _from_epoch(array, column), np.zeros(len(array), bool)
    elif _is_text(array.type):
        ms, naive = _from_text(array, column, zone)
    elif pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        times = pd.Series(
            array.cast(pa.timestamp("ms", getattr(array.type, "tz", None)), safe=False).to_pandas()
        )
        ms, naive = _from_times(times, zone)
    else:
        raise DataError(
            f"{array.type} values", "times", "Name the column that holds the time.", column=column
        )
    outside = np.flatnonzero((ms < EARLIEST_MS) | (ms > LATEST_MS))
    if len(outside):
        row = int(outside[0])
        raise DataError(
            f"{quoted(array[row].as_py())}",
            "a time between the years 2000 and 2100",
            "Correct the time; for epoch numbers, check that every row uses one unit.",
            row=row + 1,
            column=column,
        )
    return Instants(ms, naive)


def codes(array: pa.Array, column: str, *, role: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return codes (n,) and names of a text column with no empty cell."""
    if array.null_count:
        raise DataError(
            "an empty cell",
            f"the {role}",
            f"Fill in the {role} or remove the row.",
            row=_first_null(array) + 1,
            column=column,
        )
    encoded = array.dictionary_encode()
    return (
        encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        encoded.dictionary.to_pylist(),
    )


def plain(frame: Any, column: str) -> NDArray[Any]:
    """Return a column as it is, as a numpy array (text as object)."""
    return np.asarray(arrow(frame, column).to_pandas())


def duration_ms(value: str | pd.Timedelta, name: str, *, least: int = 0) -> int:
    """Return a duration such as "7D", "36h" or a Timedelta in whole milliseconds; 0 is none."""
    try:
        # pandas would take a number without a unit for nanoseconds.
        text = str(value).strip()
        none = text in ("0", "0.0")
        bare = isinstance(value, int | float) or text.replace(".", "").isdigit()
        delta = pd.Timedelta(0) if none else pd.Timedelta(value)
        wrong = (bare and not none) or delta < pd.Timedelta(0)
        ms = -1 if wrong else int(delta / pd.Timedelta(1, "ms"))
    except (pd.errors.OutOfBoundsTimedelta, OverflowError):
        raise ConfigError(
            f"{name}={quoted(value)} is longer than can be reckoned with. Write at most "
            f'"{pd.Timedelta.max.days}D", such as "7D".'
        ) from None
    except (ValueError, TypeError):
        ms = -1
    if ms < least:
        raise ConfigError(
            f"{name}={quoted(value)} is not a duration of {least} ms or more. "
            'Write a number with a unit, such as "7D", "36h" or "30min".'
        )
    return ms


def days_of(ms: NDArray[np.int64], tz: str) -> NDArray[np.int32]:
    """Return the calendar day of each instant in a time zone, as days since 1970-01-01.

    Parameters
    ----------
    ms
        (n,) UTC epoch milliseconds.
    tz
        The time zone of the days, such as "Asia/Shanghai".
    """
    zone = _zone(tz)
    if len(ms) == 0:
        return np.zeros(0, np.int32)
    # Clocks are only ever set at a whole quarter of an hour.
    quarter = ms // _QUARTER_MS
    first = int(quarter.min())
    starts = np.arange(first, int(quarter.max()) + 1) * _QUARTER_MS
    local = pd.DatetimeIndex(starts.astype("datetime64[ms]")).tz_localize("UTC").tz_convert(zone)
    ahead = local.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64) - starts
    return np.asarray((ms + ahead[quarter - first]) // _DAY_MS, dtype=np.int32)


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"tz={quoted(tz)} is no known time zone. Write a name such as 'Asia/Shanghai'."
        ) from error


def _from_epoch(array: pa.Array, column: str) -> NDArray[np.int64]:
    numbers = _floats(array)
    middle = float(np.median(numbers))
    for per_second, to_ms, _unit in _EPOCH_UNITS:
        low, high = EARLIEST_MS / 1000 * per_second, LATEST_MS / 1000 * per_second
        if low <= middle <= high:
            if pa.types.is_integer(array.type):
                whole = array.to_numpy(zero_copy_only=False).astype(np.int64)
                ms = whole * 1000 if to_ms == 1000.0 else whole // (per_second // 1000)
                return np.asarray(ms, dtype=np.int64)
            # No number can be far out of range and in range once it is whole.
            return np.clip(np.round(numbers * to_ms), 0, 2.0**62).astype(np.int64)
    raise DataError(
        f"numbers around {middle:g}",
        "times, or epoch seconds or milliseconds",
        "Name the time column, or convert it to ISO text such as 2026-11-22T20:00:00+08:00.",
        column=column,
    )


def _from_text(
    array: pa.Array, column: str, zone: ZoneInfo
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Parse ISO text. Zone suffixes are looked at first: pandas refuses a mixture."""
    if pc.all(pc.match_substring_regex(array, r"^\s*(\d{10,18}|[1-8]\d{18})\s*$")).as_py():
        whole = pc.utf8_trim_whitespace(array).cast(pa.int64())
        return _from_epoch(whole, column), np.zeros(len(array), bool)
    has_zone = pc.match_substring_regex(array, _ZONED).to_numpy(zero_copy_only=False).astype(bool)
    out = np.zeros(len(array), np.int64)
    series = pd.Series(array.to_pandas())
    for chosen, utc in ((has_zone, True), (~has_zone, False)):
        if not chosen.any():
            continue
        part = series[chosen]
        times = pd.to_datetime(part, utc=utc, format="ISO8601", errors="coerce")
        times = times.where(part.str.match(_DATED))  # never "now", never half a date
        if times.isna().any():
            row = int(times.index[times.isna()][0])
            raise DataError(
                quoted(array[row].as_py()),
                "a time in ISO form, such as 2026-11-22 20:00:00",
                "Write the time as year-month-day hour:minute:second.",
                row=row + 1,
                column=column,
            )
        out[chosen] = _from_times(times.reset_index(drop=True), zone)[0]
    return out, ~has_zone


def _from_times(
    times: pd.Series[Any], zone: ZoneInfo
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    naive = times.dt.tz is None
    if naive:
        # A clock time that occurs twice or never (change to or from summer time) is read as the
        # first of the two, and as the next that exists.
        times = times.dt.tz_localize(
            zone, ambiguous=np.ones(len(times), bool), nonexistent="shift_forward"
        )
    ms = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ms]")
    return ms.astype(np.int64), np.full(len(times), naive)


def _numbers_from_text(array: pa.Array, column: str) -> pa.Array:
    numbers = pd.to_numeric(pd.Series(array.to_pandas()), errors="coerce")
    empty = array.is_null().to_numpy(zero_copy_only=False)
    bad = np.flatnonzero(numbers.isna().to_numpy() & ~empty)
    if len(bad):
        row = int(bad[0])
        raise DataError(
            quoted(array[row].as_py()),
            "a number",
            "Write digits only, without currency signs, units or thousands separators.",
            row=row + 1,
            column=column,
        )
    return pa.array(numbers.astype("float64"), from_pandas=True)


def _no_column(column: str, names: list[str]) -> DataError:
    if column in names:
        return DataError(
            f"{names.count(column)} columns of that name",
            "one",
            "Rename or remove the others.",
            column=column,
        )
    near = get_close_matches(column, names, n=1, cutoff=0.5)
    return DataError(
        f"no column {column!r} among {quoted(names)}",
        f"a column {column!r}",
        f"Did you mean {near[0]!r}? Name it in the call."
        if near
        else "Name the column that holds it.",
    )


def _schema(frame: Any) -> pa.Schema:
    if hasattr(frame, "__arrow_c_schema__"):
        return pa.schema(frame)
    return _table(frame).schema


def _table(frame: Any) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
        return pa.table(frame)
    raise DataError(
        f"{type(frame).__name__}",
        "a pandas DataFrame, or a frame that speaks the Arrow PyCapsule interface",
        "Read a file with attribution.read_paths, or wrap the data in a DataFrame.",
    )


def _from_series(series: pd.Series[Any]) -> pa.Array:
    """Return a pandas column; objects of several kinds become text, as they print."""
    try:
        array = _combined(pa.array(series, from_pandas=True))
        # Arrow reads times with and without a zone as if all were UTC; their text tells them apart.
        if series.dtype != object or not pa.types.is_timestamp(array.type):
            return array
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        pass
    empty = series.isna().to_numpy()
    items = [None if gone else str(item) for item, gone in zip(series, empty, strict=True)]
    return pa.array(items, pa.large_string())


def _combined(column: Any) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # several chunks that would overflow 32-bit offsets
        array = pa.concat_arrays([chunk.cast(pa.large_string()) for chunk in array.chunks])
    if pa.types.is_dictionary(array.type):
        names = _without_views(array.dictionary)
        array = pa.DictionaryArray.from_arrays(array.indices, names).dictionary_decode()
    return _without_views(array)


def _without_views(array: pa.Array) -> pa.Array:
    """Return text in the form that every kernel takes: few take views, which polars hands out."""
    return array.cast(pa.large_string()) if pa.types.is_string_view(array.type) else array


def _floats(array: pa.Array) -> NDArray[np.float64]:
    """Return numbers as float64, the nearest one where 2^53 is passed; null is NaN."""
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(values).astype(np.float64)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _first(array: pa.Array) -> object:
    return next((item.as_py() for item in array if item.is_valid), None)


def _first_null(array: pa.Array) -> int:
    return int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
