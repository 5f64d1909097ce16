"""Where a value stands in a source's row: `a.b`, `a[].b`, `a[0].b`, `a[key=value].b`.

A plain file's column is named as its header has it, whatever signs are in the name. In nested
rows (JSON) a path goes from field to field; `[]` opens a list and makes a row of each item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Each",
    "Entry",
    "Item",
    "Match",
    "Rows",
    "SourcePath",
    "parse_path",
    "path_problem",
    "plain_text",
]

_SEGMENT = re.compile(r"([^.\[\]]+)((?:\[[^\[\]]*\])*)(?:\.|$)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")


class Entry(NamedTuple):
    """A field by its name."""

    name: str


class Item(NamedTuple):
    """An item of a list by its position, from 0."""

    position: int


class Match(NamedTuple):
    """The first item of a list whose field has a value."""

    key: str
    value: str


class Each(NamedTuple):
    """Every item of a list."""


Step = Entry | Item | Match | Each


@dataclass(frozen=True)
class SourcePath:
    """A path as it is written, and its steps."""

    text: str
    steps: tuple[Step, ...]

    @property
    def lists(self) -> int:
        """How many lists it opens, so that a row holds many values."""
        return sum(isinstance(step, Each) for step in self.steps)


def parse_path(text: str) -> SourcePath:
    """Read a path; what does not follow its grammar is the name of a column, signs and all."""
    steps: list[Step] = []
    position = 0
    while position < len(text):
        segment = _SEGMENT.match(text, position)
        if segment is None or (segment.end() == len(text) and text.endswith(".")):
            return SourcePath(text, (Entry(text),))
        steps.append(Entry(segment[1]))
        for inside in _BRACKET.findall(segment[2]):
            step = _step(inside)
            if step is None:
                return SourcePath(text, (Entry(text),))
            steps.append(step)
        position = segment.end()
    return SourcePath(text, tuple(steps))


def path_problem(text: str) -> str | None:
    """Return what is wrong with a text that is neither a path nor a column's name, else None."""
    depth = 0
    for sign in text:
        depth += (sign == "[") - (sign == "]")
        if depth not in (0, 1):
            break
    if depth:
        return "a bracket that has no partner"
    if ".." in text or text.startswith("."):
        return "a dot too many"
    unread = parse_path(text).steps == (Entry(text),)
    return "[] where no list can be" if unread and "[]" in text else None


def _step(inside: str) -> Step | None:
    if not inside:
        return Each()
    if inside.isascii() and inside.isdigit():
        return Item(int(inside))
    key, equals, value = inside.partition("=")
    return Match(key, value) if key and equals else None


@dataclass(frozen=True)
class _Level:
    """A list that is open (the records themselves: none), its items, and which each row is in."""

    steps: tuple[Step, ...]
    items: pa.Table | pa.Array
    index: NDArray[np.int64] | None  # None: row i is item i


@dataclass(frozen=True)
class Rows:
    """Rows made of nested records: of each, the record and the list items it stands in.

    Attributes
    ----------
    count
        How many rows.
    """

    levels: tuple[_Level, ...]
    count: int

    @staticmethod
    def of(table: pa.Table) -> Rows:
        """Return the records of a table, one row each."""
        return Rows((_Level((), table.combine_chunks(), None),), table.num_rows)

    @property
    def record(self) -> NDArray[np.int64]:
        """(rows,) the record each row belongs to."""
        index = self.levels[0].index
        return np.arange(self.count, dtype=np.int64) if index is None else index

    def leaf(self, path: SourcePath) -> pa.Array | None:
        """Return the value of each row at a path, (rows,); None where there is no such field."""
        for level in reversed(self.levels):
            depth = len(level.steps)
            if path.steps[:depth] == level.steps:
                found = _at(level.items, path, depth)
                if found is None or level.index is None:
                    return found
                return found.take(pa.array(level.index))
        return None

    def each(self, path: SourcePath) -> Rows | None:
        """Return one row for every item of a list (of lists); None where there is no such list."""
        rows, start = self, 0
        for end, step in enumerate(path.steps, 1):
            if not isinstance(step, Each):
                continue
            items = rows.leaf(SourcePath(path.text, path.steps[: end - 1]))
            if items is None:
                return None
            values, parents = _opened(items)
            inner = rows.take(parents)
            rows = Rows((*inner.levels, _Level(path.steps[:end], values, None)), len(values))
            start = end
        return rows if start else None

    def take(self, positions: NDArray[np.int64]) -> Rows:
        """Return the rows at positions, which may repeat."""
        levels = tuple(
            _Level(
                level.steps,
                level.items,
                positions if level.index is None else level.index[positions],
            )
            for level in self.levels
        )
        return Rows(levels, len(positions))


def plain_text(values: pa.Array) -> pa.Array:
    """Return scalar values as text, exactly; null for what is nested.

    Booleans become true and false; a float that is whole has no decimal point.
    """
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        return pa.nulls(len(values), pa.string())
    if pa.types.is_floating(kind):
        whole = pc.and_kleene(pc.equal(values, pc.trunc(values)), pc.less(pc.abs(values), 2.0**53))
        whole = pc.fill_null(whole, False)
        digits = pc.if_else(whole, values, 0.0).cast(pa.int64()).cast(pa.string())
        return pc.if_else(whole, digits, values.cast(pa.string()))
    return values.cast(pa.string())


def _at(items: pa.Table | pa.Array, path: SourcePath, depth: int) -> pa.Array | None:
    steps = path.steps[depth:]
    if isinstance(items, pa.Table):
        # A header may hold the signs of a path: the whole name comes first.
        if path.text in items.column_names and not depth:
            return _column(items, path.text)
        first = steps[0]
        if not isinstance(first, Entry) or first.name not in items.column_names:
            return None
        items, steps = _column(items, first.name), steps[1:]
    for step in steps:
        if pa.types.is_null(items.type):
            return items
        found = _stepped(items, step)
        if found is None:
            return None
        items = found
    return items


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # older releases, or a column without a chunk
        array = array.chunk(0) if array.num_chunks else pa.nulls(0, array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    return array


def _stepped(items: pa.Array, step: Step) -> pa.Array | None:
    if isinstance(step, Entry):
        if not pa.types.is_struct(items.type) or items.type.get_field_index(step.name) < 0:
            return None
        return pc.struct_field(items, [step.name])
    if isinstance(step, Each):
        return None
    if not pa.types.is_nested(items.type):
        return None
    values, parents = _opened(items)
    if isinstance(step, Item):
        chosen = np.arange(len(parents)) - np.searchsorted(parents, parents) == step.position
    else:
        field = _stepped(values, Entry(step.key))
        if field is None:
            return pa.nulls(len(items)) if pa.types.is_null(values.type) else None
        hits = pc.fill_null(pc.equal(plain_text(field), step.value), False)
        chosen = hits.to_numpy(zero_copy_only=False).astype(bool)
    at = np.flatnonzero(chosen)
    owners, first = np.unique(parents[at], return_index=True)
    wanted = np.zeros(len(items), np.int64)
    absent = np.ones(len(items), bool)
    wanted[owners], absent[owners] = at[first], False
    return values.take(pa.array(wanted, mask=absent))


def _opened(items: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the items of lists, and the list each is of; a single object is a list of one."""
    if pa.types.is_list(items.type) or pa.types.is_large_list(items.type):
        values = items.flatten()
        parents = pc.list_parent_indices(items).to_numpy(zero_copy_only=False).astype(np.int64)
    else:
        values, parents = items, np.arange(len(items), dtype=np.int64)
    if values.null_count:
        there = values.is_valid()
        values = values.filter(there)
        parents = parents[there.to_numpy(zero_copy_only=False).astype(bool)]
    return values, parents
