"""Whether a file has the columns its mapping needs; and what a renamed one may be called now."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

import pyarrow as pa

from attribution.errors import DataError
from attribution.mapping.blocks import IDENTITIES, Block, table_of
from attribution.mapping.mapping_file import completed, read_names
from attribution.mapping.source_path import Entry, Rows, parse_path
from attribution.mapping.transforms import shapes
from attribution.mapping.view import View
from attribution.mapping.vocabulary import is_header
from attribution.store.tables import TABLES

if TYPE_CHECKING:
    from attribution.mapping.blocks import Mapping

__all__ = ["check_columns"]

_CANONICAL = frozenset(column.name for table in TABLES.values() for column in table.columns)
_SHOWN_NAMES = 30
_MOST_DIGITS = 4  # in a name that is shown
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]]{0,40}")
_WITH_LINES = ("order_lines", "erp_lines")  # an order always has some


def check_columns(
    mapping: Mapping,
    schema: pa.Schema,
    values: Sequence[tuple[str, str]] = (),
    source: str | None = None,
) -> None:
    """Refuse a file that lacks what a required column is read from.

    A block of which the file has nothing at all is not meant by it; one of which it has a part
    has lost the rest, most often because the platform renamed a column.

    Parameters
    ----------
    values, source
        Constants of the source, and its name.

    Raises
    ------
    ConfigError
        If a constant does not fit the mapping.
    DataError
        Naming what is missing, what is there, and what it may be called now.
    """
    whole = completed(mapping, values, source)
    view = View(Rows.of(schema.empty_table()), dict(values))
    nested = any(pa.types.is_nested(kind) for kind in schema.types)
    lacking = [(block, *_lacking(block, view, nested=nested)) for block in whole.blocks]
    meant = [(block, missing) for block, there, missing in lacking if there]
    if not meant:
        meant = [(block, missing) for block, _, missing in lacking if missing][:1]
    for block, missing in meant:
        if missing:
            raise _missing(block, missing, schema, read_names(mapping))


def _lacking(
    block: Block, view: View, *, nested: bool
) -> tuple[bool, list[tuple[str, tuple[str, ...]]]]:
    """Return whether a file is meant to fill a block, and the required columns it cannot fill."""
    if block.rows is not None:
        rows = view.rows.each(block.rows)
        if rows is None:
            essential = nested and block.table in _WITH_LINES
            return essential, [("rows", (block.rows.text,))]
        view = replace(view, rows=rows)
    ways = [way for _, ways in block.columns for way in ways if way.paths]
    ways += [person.field for person in block.ids]
    there = any(view.leaf(way.paths) is not None for way in ways)
    # A rule may leave out every row whose fields are not there.
    for rule in block.skip:
        if "" in rule.when.among and view.leaf(rule.when.paths) is None:
            return there, []
    missing = []
    for name, ways_ in block.columns:
        if not table_of(block.table).column(name).required:
            continue
        if any(way.value is not None or view.leaf(way.paths) is not None for way in ways_):
            continue
        missing.append((name, tuple(path.text for way in ways_ for path in way.paths)))
    if block.table == IDENTITIES.name and not there:
        paths = tuple(path.text for person in block.ids for path in person.field.paths)
        missing.append(("ids", paths))
    return there, missing


def _missing(
    block: Block, missing: list[tuple[str, tuple[str, ...]]], schema: pa.Schema, read: set[str]
) -> DataError:
    names = _names(schema)
    looks_like_data = any(sum(sign.isdigit() for sign in name) > 6 for name in schema.names)
    wanted = "; ".join(f"{' or '.join(paths)} (for {name})" for name, paths in missing)
    known = {
        step.name for text in read for step in parse_path(text).steps if isinstance(step, Entry)
    }
    known |= read | _CANONICAL
    shown = [_name_shown(name, known) for name in names]
    if looks_like_data:
        remedy = "The first line holds values: put the line with the column names above it."
    else:
        # What is read for something else, or has a name of ours, was not renamed.
        new = [
            name
            for name, as_shown in zip(names, shown, strict=True)
            if name == as_shown and name not in read | _CANONICAL
        ]
        near = [
            (path, close[0])
            for _, paths in missing
            for path in paths
            if (close := get_close_matches(path, new, n=1, cutoff=0.6))
        ]
        remedy = (
            f"Has the platform renamed {near[0][0]!r} to {near[0][1]!r}? Then write the new name "
            f"beside the old one in a mapping of your own that extends this one."
            if near
            else "Check that this is the export the mapping is for; else name the columns in a "
            "mapping of your own."
        )
    rest = len(shown) - _SHOWN_NAMES
    listed = ", ".join(shown[:_SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")
    return DataError(
        f"only the columns {listed}" if shown else "no columns",
        f"for {block.name} also {wanted}",
        remedy,
        column=missing[0][0],
    )


def _name_shown(name: str, known: set[str]) -> str:
    """Return a field's name where it tells nothing of a person, else each part by its shape.

    The first line of a file without a header holds values, and so may a JSON object's keys.
    """
    if name in known or is_header(name):
        return name
    many = sum(sign.isdigit() for sign in unicodedata.normalize("NFKC", name)) > _MOST_DIGITS
    if not many and _PLAIN_NAME.fullmatch(name):
        return name
    return ".".join(
        part if not many and _is_plain(part, known) else _shape(part) for part in name.split(".")
    )


def _is_plain(part: str, known: set[str]) -> bool:
    bare = part.rstrip("[]")
    return bare in known or is_header(bare) or bool(_PLAIN_NAME.fullmatch(bare))


def _shape(text: str) -> str:
    return str(shapes(pa.array([text], pa.string()))[0])


def _names(schema: pa.Schema) -> list[str]:
    """Return the names of all fields, nested ones as paths."""
    found: list[str] = []

    def walk(prefix: str, kind: pa.DataType) -> None:
        if pa.types.is_struct(kind):
            for field in kind:
                walk(f"{prefix}.{field.name}", field.type)
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            walk(f"{prefix}[]", kind.value_type)
        else:
            found.append(prefix)

    for field in schema:
        walk(field.name, field.type)
    return found
