"""A mapping applied to rows as a source gives them: canonical rows, evidence, and what is refused.

All work is on whole columns. A row with a value that cannot be read is refused by the block it
stands in, once for each such value; the row's other blocks do not suffer by it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.identity.phones import holds_mobile
from attribution.mapping.blocks import DERIVED_IDS, IDENTITIES, Block, Field, table_of
from attribution.mapping.column import read_column
from attribution.mapping.mapping_file import completed
from attribution.mapping.people import (
    Evidence,
    Hasher,
    Seen,
    evidence_of,
    hashed_phones,
    seen,
    whose,
)
from attribution.mapping.source_path import Rows
from attribution.mapping.transforms import (
    Code,
    Fault,
    Reading,
    cells,
    identifier,
    shapes,
    word,
)
from attribution.mapping.view import View, flags
from attribution.store.tables import TABLES, Column, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.mapping.blocks import Mapping
    from attribution.sources.raw import RawBatch

__all__ = ["REJECTED", "Context", "Emission", "Hasher", "apply"]

REJECTED = pa.schema(
    [
        ("_row", pa.int64()),
        ("table", pa.string()),
        ("column", pa.string()),
        ("found", pa.string()),
        ("expected", pa.string()),
        ("remedy", pa.string()),
        ("key", pa.string()),
    ]
)

_SKEW_MS = 86_400_000
_SEASON_MS = 90 * 86_400_000
_LINES, _MONEY = ("order_lines", "erp_lines"), ("costs", "platform_claims")
_LINE_FACTS = (
    "platform",
    "erp",
    "order_id",
    "erp_order_id",
    "product_id",
    "sku_id",
    "merchant_sku",
)
_CURRENCIES = (
    *(
        "".join(signs)
        for code in ("cny", "rmb")
        for signs in product(*zip(code, code.upper(), strict=True))
    ),
    *("人民币", "¥", "￥"),
)
# Amounts that may be negative, as a reversed cost or settlement is.
_REVERSIBLE = (
    ("costs", "amount_fen"),
    ("orders", "merchant_net_fen"),
    ("order_sources", "merchant_net_fen"),
)
_HASHED_REMEDY = 'Say as = "phone" in the mapping: the number is hashed and never kept.'
_PERSONAL = ("phone_index", "addressee_key", "sharer_ref")
_ID_DIGITS = 24


@dataclass(frozen=True)
class Context:
    """Where rows come from, and how what they leave open is read.

    Attributes
    ----------
    timezone
        Zone of times that name none.
    source, file, batch
        Kept with every row.
    values
        (column, constant) pairs of the source, for columns the mapping leaves out.
    hasher
        Hashes the identifiers of people.
    """

    timezone: str
    source: str
    file: str
    batch: str
    hasher: Hasher
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Emission:
    """What became of a batch of rows.

    Attributes
    ----------
    tables
        Canonical rows by table, in the schema of the store; tables without rows are left out.
    rejected
        One row for each value that could not be read.
    excluded
        Rows a rule of the mapping left out, by its reason.
    read
        Rows of the source, those that could not even be read included.
    """

    tables: dict[str, pa.Table]
    rejected: pa.Table
    excluded: dict[str, int]
    read: int


def apply(mapping: Mapping, raw: RawBatch, context: Context) -> Emission:
    """Make canonical rows of a source's rows.

    Raises
    ------
    ConfigError
        If the source's constants do not fit the mapping, or a phone is to be hashed without a key.
    """
    whole = completed(mapping, context.values, context.source)
    source = _Source(raw, context)
    made = [_made(block, source, f"Mapping {mapping.name}, {block.name}") for block in whole.blocks]
    rejected = [source.refused(whole.blocks[0].table)] + [each.rejected for each in made]
    excluded: Counter[str] = Counter()
    tables: dict[str, list[pa.Table]] = {}
    for block, each in zip(whole.blocks, made, strict=True):
        excluded.update(each.excluded)
        if each.rows is not None and each.rows.num_rows:
            tables.setdefault(block.table, []).append(each.rows)
    out = {name: pa.concat_tables(parts) for name, parts in tables.items()}
    out |= _evidence([each.evidence for each in made], context)
    return Emission(
        out, pa.concat_tables(rejected), dict(excluded), raw.table.num_rows + len(raw.broken)
    )


# ---------------------------------------------------------------------- rows as they come


class _Source:
    """A batch of rows, each with its number in the file."""

    def __init__(self, raw: RawBatch, context: Context) -> None:
        self.context, self.raw = context, raw
        self.headers = _headers(raw.table)
        rows = Rows.of(raw.table)
        if self.headers.any():
            rows = rows.take(np.flatnonzero(~self.headers))
        self.view = View(rows, dict(context.values))

    def refused(self, table: str) -> pa.Table:
        """Return the rows that are none: broken ones, and repeated headers."""
        found = [(each.row, each.found, each.expected, each.remedy) for each in self.raw.broken]
        found += [
            (
                int(row),
                "the header a second time",
                "one header, in the first line",
                "Remove the line; files that were put together keep each its header.",
            )
            for row in self.raw.rows[self.headers]
        ]
        return pa.Table.from_pylist(
            [
                {"_row": row, "table": table, "found": a, "expected": b, "remedy": c}
                for row, a, b, c in sorted(found)
            ],
            REJECTED,
        )


def _headers(table: pa.Table) -> NDArray[np.bool_]:
    """Return the rows in which the columns hold their own names, (n,)."""
    none = np.zeros(table.num_rows, bool)
    flat = [name for name in table.column_names if name and _is_text(table.schema, name)]
    if not flat:
        return none
    # One column clears nearly every file.
    hits = np.flatnonzero(flags(pc.match_substring(table.column(flat[0]), flat[0])))
    if not len(hits):
        return none
    few = table.select(flat).take(pa.array(hits))
    filled, same = np.zeros(len(hits), int), np.zeros(len(hits), int)
    for name in flat:
        values = cells(few.column(name).combine_chunks())
        filled += flags(values.is_valid())
        same += flags(pc.equal(values, name))
    none[hits] = (same == filled) & (same >= min(2, len(flat)))
    return none


def _is_text(schema: pa.Schema, name: str) -> bool:
    fields = schema.get_all_field_indices(name)
    kind = schema.field(fields[0]).type
    return len(fields) == 1 and bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


# ---------------------------------------------------------------------- one block


@dataclass(frozen=True)
class _Made:
    """What one block made."""

    rows: pa.Table | None
    rejected: pa.Table
    excluded: dict[str, int]
    evidence: Evidence | None = None


_NOTHING = _Made(None, REJECTED.empty_table(), {})


def _made(block: Block, source: _Source, place: str) -> _Made:
    view, context = source.view, source.context
    if block.rows is not None:
        rows = view.rows.each(block.rows)
        if rows is None:
            return _NOTHING
        view = replace(view, rows=rows)
    view, parts = _split(block, view)
    view, parts, excluded = _skipped(block, view, parts)
    if not view.rows.count:
        return replace(_NOTHING, excluded=excluded)
    return _Rows(block, view, parts, source, place).made(context, excluded)


def _split(block: Block, view: View) -> tuple[View, pa.Array | None]:
    """Repeat each row for every value in its split cell, and return these values."""
    ways = [way for _, ways in block.columns for way in ways if way.split is not None]
    leaf = view.leaf(ways[0].paths) if ways else None
    if leaf is None:
        return view, None
    lists = leaf
    if not pa.types.is_list(leaf.type):
        lists = pc.split_pattern(cells(leaf, ways[0].null_if), ways[0].split)
    items = cells(lists.flatten())
    there = flags(items.is_valid())
    owners = np.asarray(pc.list_parent_indices(lists))[there]
    bare = np.setdiff1d(np.arange(view.rows.count), owners)
    order = np.argsort(np.concatenate([owners, bare]), kind="stable")
    every = pa.concat_arrays([items.filter(pa.array(there)), pa.nulls(len(bare), pa.string())])
    positions = np.concatenate([owners, bare])[order].astype(np.int64)
    return replace(view, rows=view.rows.take(positions)), every.take(pa.array(order))


def _skipped(
    block: Block, view: View, parts: pa.Array | None
) -> tuple[View, pa.Array | None, dict[str, int]]:
    excluded: Counter[str] = Counter()
    left = np.ones(view.rows.count, bool)
    for rule in block.skip:
        out = left & view.holds(rule.when)
        if out.any():
            if rule.why is not None:
                excluded[rule.why] += int(out.sum())
            left &= ~out
    if left.all():
        return view, parts, {}
    kept = np.flatnonzero(left)
    parts = None if parts is None else parts.take(pa.array(kept))
    return replace(view, rows=view.rows.take(kept)), parts, dict(excluded)


def _nth(texts: pa.Array) -> NDArray[np.int64]:
    """Return how many equal texts stand before each, (n,)."""
    codes = texts.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    sorted_codes = codes[order]
    begins = np.flatnonzero(np.append(True, sorted_codes[1:] != sorted_codes[:-1]))
    nth = np.empty(len(codes), np.int64)
    lengths = np.diff(np.append(begins, len(codes)))
    nth[order] = np.arange(len(codes)) - np.repeat(begins, lengths)
    return nth


class _Rows:
    """The rows one block makes, column by column, and what was found wrong on the way."""

    def __init__(
        self, block: Block, view: View, parts: pa.Array | None, source: _Source, place: str
    ) -> None:
        self.block, self.view, self.parts = block, view, parts
        self.source, self.place = source, place
        self.table: Table = table_of(block.table)
        self.count = view.rows.count
        self.arrays: dict[str, pa.Array] = {}
        self.faults: list[tuple[str, Fault]] = []
        rows = source.raw.rows
        self.numbers = rows[view.rows.record]

    def made(self, context: Context, excluded: dict[str, int]) -> _Made:
        for name, ways in self.block.columns:
            column = self.table.column(name)
            read = self.column(column, ways)
            self.arrays[name] = read.values
            self.faults += [(name, fault) for fault in read.faults]
        self.streamer()
        marked = self.mark()
        self.currency()
        self.clock()
        self.span()
        people = self.people()
        for column in self.table.columns:
            if DERIVED_IDS.get(self.table.name) == column.name:
                self.fill_id(column)
            if column.required:
                self.required(column)
        good = self.good()
        evidence = None
        if people:
            evidence = evidence_of(people, self.at(), good, ~marked, context.hasher)
            evidence = replace(
                evidence,
                identifiers=self.numbered(evidence.identifiers),
                links=self.numbered(evidence.links),
            )
        rows = None if self.table is IDENTITIES else self.rows(context, good)
        return _Made(rows, self.rejected(context), excluded, evidence)

    # ------------------------------------------------------------------ columns

    def column(self, column: Column, ways: tuple[Field, ...]) -> Reading:
        if len(ways) == 1:
            read = self.way(column, ways[0])
            return Reading(pa.nulls(self.count, column.type)) if read is None else read
        values = pa.nulls(self.count, column.type)
        open_ = np.ones(self.count, bool)  # neither read nor refused yet
        faults: list[Fault] = []
        for way in ways:
            read = self.way(column, way)
            if read is None:
                continue
            values = pc.coalesce(values, pc.if_else(pa.array(open_), read.values, None))
            for fault in read.faults:
                # A word that only a later way knows passes on to it.
                if fault.unmapped and way is not ways[-1]:
                    continue
                fault = _within(fault, open_)
                if len(fault.rows):
                    faults.append(fault)
                    open_[fault.rows] = False
            open_ &= ~flags(values.is_valid())
        return Reading(values, tuple(faults))

    def way(self, column: Column, way: Field) -> Reading | None:
        """Return what one way yields; None where the rows have no such field."""
        zone = self.source.context.timezone
        if way.value is not None:
            one = read_column(column, way, pa.array([way.value], pa.string()), zone)
            values = pa.repeat(one.values[0], self.count)
            return Reading(self.view.where(way.when, values))
        leaf = self.parts if way.split is not None else self.view.leaf(way.paths)
        if leaf is None:
            return None
        leaf = self.view.where(way.when, leaf)
        if way.form == "phone":
            hasher = self.source.context.hasher
            return Reading(hashed_phones(cells(leaf, way.null_if), hasher, self.place)[1])
        reversible = (self.table.name, column.name) in _REVERSIBLE
        read = read_column(column, way, leaf, zone, reversible=reversible)
        if column.name in _PERSONAL:
            return _unphoned(read, "an id that is no phone number", _HASHED_REMEDY)
        if column.kind in ("id", "text"):
            return _unphoned(read)
        return read

    def streamer(self) -> None:
        if not self.block.streamer:
            return
        names, kinds = pa.nulls(self.count, pa.string()), pa.nulls(self.count, pa.string())
        for alias in self.block.streamer:
            leaf = self.view.leaf(alias.field.paths)
            if leaf is None:
                continue
            read = _unphoned(identifier(self.view.where(alias.when, leaf), alias.field.null_if))
            self.faults += [("streamer", fault) for fault in read.faults]
            new = pc.and_(names.is_null(), read.values.is_valid())
            names = pc.if_else(new, read.values, names)
            kinds = pc.if_else(new, alias.type, kinds)
        self.arrays |= {"_alias_type": kinds, "_alias_value": names}

    def mark(self) -> NDArray[np.bool_]:
        """Note why orders are none; return which, (n,)."""
        marked = np.zeros(self.count, bool)
        if not self.block.mark:
            return marked
        why = pa.nulls(self.count, pa.string())
        for rule in self.block.mark:
            hits = self.view.holds(rule.when) & ~marked
            why = pc.if_else(pa.array(hits), rule.why, why)
            marked |= hits
        self.arrays["_excluded"] = why
        return marked

    def currency(self) -> None:
        leaf = self.view.leaf(self.block.currency)
        if leaf is None:
            return
        codes = [Code(each, "CNY") for each in _CURRENCIES]
        for fault in word(leaf, codes=codes).faults:
            remedy = "Convert the amounts to yuan first, or leave these rows out with `skip`."
            self.faults.append(("currency", fault._replace(expected="CNY", remedy=remedy)))
            self.same_order(fault.rows)

    def same_order(self, foreign: NDArray[np.int64]) -> None:
        """Refuse the other rows of orders of which some are in another currency: none is whole."""
        order = self.arrays.get("order_id")
        if order is None or not len(foreign):
            return
        asked = order.take(pa.array(foreign)).drop_null()
        others = flags(pc.is_in(order, value_set=asked))
        others[foreign] = False
        rows = np.flatnonzero(others)
        if len(rows):
            found = pa.repeat(pa.scalar("an order in two currencies"), len(rows))
            remedy = "Convert all of the order's amounts to yuan first."
            self.faults.append(("currency", Fault(rows, found, "one currency, CNY", remedy)))

    def clock(self) -> None:
        """Refuse what happened long after it was received: one of the two clocks is wrong."""
        at, received = self.arrays.get(self.table.at or ""), self.arrays.get("received_at")
        if at is None or received is None:
            return
        late = np.flatnonzero(flags(pc.greater(pc.subtract(at, received), _SKEW_MS)))
        if len(late):
            found = pa.repeat(pa.scalar("a time more than a day after it was received"), len(late))
            fault = Fault(
                late,
                found,
                "a time before received_at, or at most a day after",
                "Check the sender's clock, and the unit of both times in the mapping.",
            )
            self.faults.append((self.table.at or "", fault))

    def span(self) -> None:
        """Refuse what ends before it begins, such as a cost's days written the wrong way round."""
        first, last = self.arrays.get("from"), self.arrays.get("to")
        if first is None or last is None:
            return
        rows = np.flatnonzero(flags(pc.less(last, first)))
        if len(rows):
            found = pa.repeat(pa.scalar("an end before its begin"), len(rows))
            expected = "a time from `from` on"
            self.faults.append(("to", Fault(rows, found, expected, "Exchange the two times.")))

    def people(self) -> list[Seen]:
        hasher = self.source.context.hasher
        found = []
        for person in self.block.ids:
            leaf = self.view.leaf(person.field.paths)
            if leaf is None:
                continue
            namespace = None
            if person.namespace is not None and person.namespace.value is not None:
                namespace = pa.repeat(pa.scalar(person.namespace.value), self.count)
            elif person.namespace is not None:
                field = self.view.leaf(person.namespace.paths)
                if field is not None:
                    read = _unphoned(identifier(self.view.where(person.when, field)))
                    namespace = read.values
                    # An identifier within an app that cannot be read is nobody's.
                    filled = flags(self.view.where(person.when, leaf).is_valid())
                    inside = [_within(fault, filled) for fault in read.faults]
                    self.faults += [("namespace", fault) for fault in inside if len(fault.rows)]
            one = seen(person, self.view.where(person.when, leaf), namespace, hasher, self.place)
            self.faults += [("id_value", fault) for fault in one.faults]
            found.append(one)
        names = [column.name for column in self.table.columns]
        if "_identifier" in names and found:
            owner = whose(found, self.count)
            self.arrays |= {
                "id_type": owner.id_type,
                "id_value": owner.id_value,
                "_identifier": owner.identifier,
            }
            if "payer_ref" in names:
                self.arrays["payer_ref"] = owner.payer_ref
        return found

    def required(self, column: Column) -> None:
        values = self.arrays[column.name]
        if not values.null_count:
            return
        empty = ~flags(values.is_valid())
        for name, fault in self.faults:
            if name == column.name:
                empty[fault.rows] = False
        rows = np.flatnonzero(empty)
        if len(rows):
            fault = Fault(
                rows,
                pa.repeat(pa.scalar("an empty cell"), len(rows)),
                f"a value for {column.name}",
                "Fill it in at the source and export again, or correct its path in the mapping.",
            )
            self.faults.append((column.name, fault))

    def fill_id(self, column: Column) -> None:
        """Make the ids that a mapping leaves out; where one may be empty, those that are."""
        given = self.arrays.get(column.name)
        if given is None:
            self.arrays[column.name] = self.derived()
        elif not column.required and given.null_count:
            self.arrays[column.name] = pc.coalesce(given, self.derived())

    def derived(self) -> pa.Array:
        """Return ids made of what tells the rows apart, so that the same row keeps its id.

        Lines of one order and product are numbered. So are costs and claims of one state that
        differ in nothing but amount and streamer; what is told twice in every respect is one.
        """
        facts = self.facts()
        if self.table.name in _LINES:
            nth = _nth(facts)
        elif self.table.name in _MONEY and "amount_fen" in self.arrays:
            alike = self.with_facts(facts, "state")
            apart = self.with_facts(alike, "amount_fen", "_alias_type", "_alias_value")
            encoded = apart.dictionary_encode()
            first = pc.index_in(encoded.dictionary, value_set=apart)
            nth = _nth(alike.take(first))[encoded.indices.to_numpy(zero_copy_only=False)]
        else:
            nth = np.zeros(self.count, np.int64)
        # Hashing has no kernel; each text is hashed by itself.
        digests = [
            hashlib.sha256((f"{text}\x1f{n}" if n else text).encode()).hexdigest()
            for text, n in zip(facts.to_pylist(), nth.tolist(), strict=True)
        ]
        return pc.utf8_slice_codeunits(pa.array(digests, pa.string()), 0, _ID_DIGITS)

    def with_facts(self, texts: pa.Array, *names: str) -> pa.Array:
        """Return texts with further columns behind them."""
        more = [self.arrays[name].cast(pa.string()) for name in names if name in self.arrays]
        return pc.binary_join_element_wise(
            texts, *(pc.fill_null(each, "") for each in more), "\x1f"
        )

    def facts(self) -> pa.Array:
        """Return what tells each row apart, as one text: nothing that may change or come later."""
        moving = {self.table.newest, "updated_at", "status", "state", "_identifier", "_excluded"}
        if self.table.name in _MONEY:
            moving |= {"_alias_type", "_alias_value"}
        names = _LINE_FACTS if self.table.name in _LINES else [c.name for c in self.table.columns]
        parts = [pa.repeat(pa.scalar(f"{self.table.name}\x1f{self.block.number}"), self.count)]
        for name in names:
            column = self.table.column(name) if name in self.arrays else None
            telling = column is not None and (
                column.kind in ("id", "text", "enum", "time", "day") or name == "window_days"
            )
            if not telling or name in moving or name == DERIVED_IDS[self.table.name]:
                continue
            values = self.arrays[name].cast(pa.string())
            if self.table.column(name).kind == "time" and self.table.name in _MONEY:
                values = pc.if_else(self.of_one_order(), pa.scalar(None, pa.string()), values)
            parts.append(pc.binary_join_element_wise(pa.scalar(f"{name}="), values, ""))
        return pc.binary_join_element_wise(*parts, "\x1f", null_handling="skip")

    def of_one_order(self) -> pa.Array:
        """Return which costs and claims belong to one order; their times move, that does not."""
        nothing = pa.nulls(self.count, pa.string())
        scope = self.arrays.get("scope", nothing)
        order = self.arrays.get("order_id", nothing)
        scoped = pc.is_in(scope, value_set=pa.array(["order", "line"]))
        return pc.or_(scoped, pc.is_valid(order))

    # ------------------------------------------------------------------ what becomes of them

    def good(self) -> NDArray[np.bool_]:
        good = np.ones(self.count, bool)
        for _, fault in self.faults:
            good[fault.rows] = False
        return good

    def at(self) -> pa.Array:
        """Return when each row happened, UTC ms, null where nothing says so."""
        dated = [self.arrays[n] for n in (self.table.at, "updated_at") if n in self.arrays]
        return pc.coalesce(*dated, pa.nulls(self.count, pa.int64()))

    def numbered(self, evidence: pa.Table) -> pa.Table:
        """Return evidence with the rows' numbers in the file for their positions here."""
        place = evidence.schema.get_field_index("_row")
        numbers = pa.array(self.numbers).take(evidence.column(place).combine_chunks())
        return evidence.set_column(place, "_row", numbers)

    def provenance(self, context: Context) -> dict[str, pa.Array]:
        return {
            "_source": pa.repeat(pa.scalar(context.source), self.count),
            "_file": pa.repeat(pa.scalar(context.file), self.count),
            "_row": pa.array(self.numbers, pa.int64()),
            "_batch": pa.repeat(pa.scalar(context.batch), self.count),
        }

    def rows(self, context: Context, good: NDArray[np.bool_]) -> pa.Table:
        known = self.arrays | self.provenance(context)
        schema = self.table.schema
        columns = [
            known[field.name] if field.name in known else pa.nulls(self.count, field.type)
            for field in schema
        ]
        rows = pa.Table.from_arrays(columns, schema=schema)
        return rows if good.all() else rows.filter(pa.array(good))

    def rejected(self, context: Context) -> pa.Table:
        if not self.faults:
            return REJECTED.empty_table()
        keys = self.keys(context)
        found = []
        for name, fault in self.faults:
            rows = pa.array(fault.rows)
            count = len(fault.rows)
            found.append(
                pa.table(
                    [
                        pa.array(self.numbers[fault.rows], pa.int64()),
                        pa.repeat(pa.scalar(self.table.name), count),
                        pa.repeat(pa.scalar(name), count),
                        fault.found.cast(pa.string()),
                        pa.repeat(pa.scalar(fault.expected), count),
                        pa.repeat(pa.scalar(fault.remedy), count),
                        keys.take(rows),
                    ],
                    schema=REJECTED,
                )
            )
        return pa.concat_tables(found).sort_by([("_row", "ascending")])

    def keys(self, context: Context) -> pa.Array:
        """Return each row's key as one text, null where a part of it cannot be read."""
        if not self.table.key:
            return pa.nulls(self.count, pa.string())
        known = self.arrays | self.provenance(context)
        unread = np.zeros(self.count, bool)
        for name, fault in self.faults:
            if name in self.table.key:
                unread[fault.rows] = True
        parts = [
            pc.fill_null(known[name].cast(pa.string()), "")
            if name in known
            else pa.repeat(pa.scalar(""), self.count)
            for name in self.table.key
        ]
        joined = pc.binary_join_element_wise(*parts, "|") if len(parts) > 1 else parts[0]
        return pc.if_else(pa.array(unread), pa.scalar(None, pa.string()), joined)


def _within(fault: Fault, rows: NDArray[np.bool_]) -> Fault:
    """Return the part of a fault that concerns some rows."""
    inside = rows[fault.rows]
    if inside.all():
        return fault
    return fault._replace(rows=fault.rows[inside], found=fault.found.filter(pa.array(inside)))


def _unphoned(
    read: Reading,
    expected: str = "no phone number here",
    remedy: str = "Map the right column here, or leave this one out of the mapping.",
) -> Reading:
    """Return a reading without what is or holds a phone number: it must not be kept as it is."""
    phones = holds_mobile(read.values)
    if not phones.any():
        return read
    rows = np.flatnonzero(phones)
    fault = Fault(rows, shapes(read.values.take(pa.array(rows))), expected, remedy)
    values = pc.if_else(pa.array(phones), pa.scalar(None, pa.string()), read.values)
    return Reading(values, (*read.faults, fault))


# ---------------------------------------------------------------------- evidence


def _evidence(found: Sequence[Evidence | None], context: Context) -> dict[str, pa.Table]:
    """Return what all blocks saw of people: each identifier once in a season, and each link."""
    some = [each for each in found if each is not None]
    if not some:
        return {}
    out = {}
    seen_ = pa.concat_tables([each.identifiers for each in some])
    if seen_.num_rows:
        # Finer than any time after which a phone passes to somebody else.
        seen_ = seen_.append_column("season", pc.divide(seen_.column("at"), _SEASON_MS))
        once = seen_.group_by(["id_hash", "id_type", "namespace", "season"], use_threads=False)
        rows = once.aggregate([("at", "min"), ("at", "max"), ("_row", "min")])
        rows = rows.rename_columns(
            {"at_min": "first_seen", "at_max": "last_seen", "_row_min": "_row"}
        )
        out["identifiers"] = _stored(rows, TABLES["identifiers"], context)
    links = pa.concat_tables([each.links for each in some])
    if links.num_rows:
        once = links.group_by(["a", "b", "kind", "at"], use_threads=False)
        rows = once.aggregate([("_row", "min")]).rename_columns({"_row_min": "_row"})
        out["links"] = _stored(rows, TABLES["links"], context)
    return out


def _stored(rows: pa.Table, table: Table, context: Context) -> pa.Table:
    constant = {"_source": context.source, "_file": context.file, "_batch": context.batch}
    columns = []
    for field in table.schema:
        if field.name in constant:
            columns.append(pa.repeat(pa.scalar(constant[field.name]), rows.num_rows))
        elif field.name in rows.column_names:
            columns.append(rows.column(field.name).cast(field.type))
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.Table.from_arrays(columns, schema=table.schema)
