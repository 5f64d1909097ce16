"""What the cells of a column look like: shapes and shares, never the cells themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from attribution.mapping.source_path import plain_text
from attribution.mapping.transforms import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Leaf", "Look", "leaves", "look_at"]

# What exports write where there is nothing.
_NOTHING = (
    "-",
    "--",
    "/",
    "无",
    "暂无",
    "null",
    "NULL",
    "None",
    "N/A",
    "n/a",
    "0000-00-00 00:00:00",
    "1970-01-01 00:00:00",
    "1970-01-01 08:00:00",
)
_QUIRKS = r"^[\s\x{FEFF}]*(?:=?\"(?P<quoted>.*)\"|'?(?P<plain>.*?))\s*$"
_NUMBER = r"^[¥￥$€]?[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?$"
_EPOCH_DIGIT = r"(?:9[5-9]\d{7}|[1-3]\d{9}|40\d{8})"  # years 2000 to 2100
_DATE = r"\d{4}(?:-\d{1,2}-|/\d{1,2}/)\d{1,2}"  # as mappings read it


@dataclass(frozen=True)
class Look:
    """What the filled cells of a column look like; shares are of these, from 0 to 1.

    Attributes
    ----------
    rows, filled, distinct
        Counts: of cells, of those that say something, of different ones among them.
    shapes
        The most frequent shapes, at most three.
    nothing
        Words such as "-" that stand where there is nothing.
    low, high
        Range of the numbers; 0 where there are none.
    """

    rows: int
    filled: int
    distinct: int
    shapes: tuple[str, ...]
    nothing: tuple[str, ...]
    floating: bool
    number: float
    whole: float
    cents: float
    percent: float
    permille: float
    zero: float
    round_tens: float
    seconds: float
    milliseconds: float
    microseconds: float
    clock: float
    date: float
    compact_date: float
    phone: float
    masked: float
    email: float
    masked_name: float
    address: float
    yes_no: float
    long_id: float
    scientific: float
    order_number: float
    listed: float
    low: float
    high: float

    @property
    def time(self) -> float:
        """Share of what can be read as a time."""
        return max(self.seconds, self.milliseconds, self.clock, self.date)


@dataclass(frozen=True)
class Leaf:
    """A column, or a field in nested records.

    Attributes
    ----------
    path
        As a mapping names it.
    within
        The list it stands in, as `rows` of a mapping names it; "" for none.
    values
        Its cells as text, (rows,).
    look
        What they look like.
    """

    path: str
    within: str
    values: pa.Array = field(repr=False)
    look: Look

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called: its own name, and with the name above."""
        parts = [part.split("[")[0] for part in self.path.split(".")]
        nested = self.within or "." in self.path
        return (parts[-1], ".".join(parts[-2:])) if nested and len(parts) > 1 else (self.path,)


def leaves(table: pa.Table) -> list[Leaf]:
    """Return every column of a table, those inside structs and lists of structs with their path."""
    found: list[Leaf] = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0)
        found += _below(name, "", array)
    return found


def _below(path: str, within: str, array: pa.Array) -> Iterator[Leaf]:
    kind = array.type
    if pa.types.is_struct(kind):
        for part in kind:
            yield from _below(f"{path}.{part.name}", within, pc.struct_field(array, [part.name]))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        items = array.flatten()
        if pa.types.is_struct(kind.value_type) and not within:  # one list deep is enough
            yield from _below(f"{path}[]", f"{path}[]", items)
    else:
        text = _bare(plain_text(array))
        yield Leaf(path, within, text, look_at(text, floating=pa.types.is_floating(kind)))


def _bare(text: pa.Array) -> pa.Array:
    """Return cells without blanks, and without the quirks Excel puts around long ids."""
    parts = pc.extract_regex(text.cast(pa.string()), _QUIRKS)
    quoted, plain = pc.struct_field(parts, "quoted"), pc.struct_field(parts, "plain")
    bare = pc.if_else(pc.equal(quoted, ""), plain, quoted)
    return pc.if_else(pc.equal(bare, ""), pa.scalar(None, pa.string()), bare)


def look_at(text: pa.Array, *, floating: bool = False) -> Look:
    """Return what cells of text (n,) look like; null where there is none.

    `floating` says that they have been floating-point numbers.
    """
    given = text.drop_null()
    absent = pc.is_in(given, pa.array(_NOTHING, pa.string()))
    nothing = tuple(sorted(pc.unique(given.filter(absent)).to_pylist()))
    said = given.filter(pc.invert(absent))
    moments = said.filter(pc.not_equal(said, "0"))  # a time of 0 is none
    numbers = said.filter(pc.match_substring_regex(said, _NUMBER))
    amounts = pc.replace_substring_regex(numbers, "[¥￥$€,]", "").cast(pa.float64())
    counted = pc.value_counts(shapes(said)).to_pylist() if len(said) else []
    usual = sorted(counted, key=lambda each: (-each["counts"], each["values"]))
    ends = pc.min_max(amounts).as_py() if len(amounts) else {"min": 0.0, "max": 0.0}
    positive = numbers.filter(pc.greater(amounts, 0))
    return Look(
        rows=len(text),
        filled=len(said),
        distinct=pc.count_distinct(said).as_py(),
        shapes=tuple(each["values"] for each in usual[:3]),
        nothing=nothing,
        floating=floating,
        number=_share(said, _NUMBER),
        whole=_share(said, r"^[+-]?\d{1,18}$"),
        cents=_share(said, r"^[¥￥$€]?[+-]?[\d,]+\.\d{1,2}$"),
        percent=_share(said, r"^[+-]?\d+(?:\.\d+)?\s*[%％]$"),
        permille=_share(said, r"^[+-]?\d+(?:\.\d+)?\s*‰$"),
        zero=_share(said, r"^0(?:\.0+)?$"),
        round_tens=_share(positive, r"0$"),
        seconds=_share(moments, rf"^{_EPOCH_DIGIT}$"),
        milliseconds=_share(moments, rf"^{_EPOCH_DIGIT}\d{{3}}$"),
        microseconds=_share(moments, rf"^{_EPOCH_DIGIT}\d{{6}}$"),
        clock=_share(moments, rf"^{_DATE}[T ]\s*\d{{1,2}}:\d{{2}}"),
        date=_share(moments, rf"^{_DATE}$"),
        compact_date=_share(moments, r"^20\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"),
        phone=_share(said, r"^(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?:-\d{2,5})?$"),
        masked=_share(said, r"^(?:\+?86[- ]?)?(?:1\d{0,3}\*{2,}\d{0,4}|\*{2,}\d{1,4})$"),
        email=_share(said, r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
        masked_name=_share(said, r"^\p{Han}{1,3}\*+\p{Han}?$|^\*+\p{Han}{0,3}$"),
        address=_share(said, r"\p{Han}[省市区县镇].*\p{Han}?(?:路|街|号|村|弄|室|栋|幢|镇)"),
        yes_no=_share(said, r"^(?i:true|false|yes|no|y|n|0|1|是|否)$"),
        long_id=_share(said, r"^\d{15,20}$"),
        scientific=_share(said, r"^\d(?:\.\d+)?[eE]\+?\d+$"),
        order_number=_share(said, r"^#?[A-Za-z]{0,6}[-_]?\d{3,20}(?:[-_]\d+)*$"),
        listed=_share(said, r"^[\w-]{6,}(?:[,;，；][\w-]{6,})+$"),
        low=float(ends["min"]),
        high=float(ends["max"]),
    )


def _share(text: pa.Array, pattern: str) -> float:
    if not len(text):
        return 0.0
    return float(pc.mean(pc.match_substring_regex(text, pattern)).as_py())
