"""Which canonical tables a file fills, and which of its fields become which columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from attribution.mapping.vocabulary import alike, words
from attribution.proposal.forms import CLOSE, column_score, is_name, named
from attribution.store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attribution.proposal.fields import Fields
    from attribution.proposal.looks import Leaf

__all__ = ["Filled", "Match", "tables_of"]

_OF_LINES = ("order_lines", "erp_lines")
_OF_RECORDS = ("orders", "refunds", "erp_orders", "sessions", "products")


class Match(NamedTuple):
    """A column, the field it is read from, and how sure that is, from 0 to 1."""

    score: float
    column: str
    leaf: Leaf


class Filled(NamedTuple):
    """A table a file fills: its rows are the items of a list, or the records if that is ""."""

    table: str
    rows: str
    matches: list[Match]


class _Option(NamedTuple):
    strength: float
    filled: Filled


def tables_of(fields: Fields, file: str) -> tuple[list[Filled], list[str]]:
    """Return the tables a file fills, what it is most about first, and notes for the user.

    `file` is its name, which may say what it holds.
    """
    lists = sorted({leaf.within for leaf in fields.leaves})
    options = []
    for table in words()["needs"]:
        own = [option for rows in lists if (option := _option(fields, table, rows, file))]
        if own:
            options.append(_preferred(table, own))
    options.sort(key=lambda option: (-option.strength, option.filled.table))
    if not options:
        return [], []
    found = [options[0].filled]
    for table in words()["beside"].get(found[0].table, ()):
        read = {match.leaf.path for each in found for match in each.matches}
        found += [
            option.filled
            for option in options
            if option.filled.table == table
            and any(match.leaf.path not in read for match in option.filled.matches)
        ]
    return _levels_apart(fields, found)


def _option(fields: Fields, table: str, rows: str, file: str) -> _Option | None:
    matches = _matches(fields, table, rows, frozenset())
    if rows and not any(match.leaf.within for match in matches):
        return None
    if not _meets(table, matches):
        return None
    return _Option(_strength(table, matches, file), Filled(table, rows, matches))


def _preferred(table: str, options: list[_Option]) -> _Option:
    """Return the list that a table's rows are items of: lines those of a list, orders of none."""
    if table in _OF_RECORDS and not options[0].filled.rows:
        return options[0]
    if table in _OF_LINES:
        options = [option for option in options if option.filled.rows] or options
    return max(options, key=lambda option: option.strength)


def _matches(
    fields: Fields, table: str, rows: str, without: frozenset[tuple[str, str]]
) -> list[Match]:
    """Return the best field for each column; a field serves one column of a table only."""
    pairs = []
    for leaf in fields.scope(rows):
        for column in words()["columns"][table]:
            if (column, leaf.path) in without:
                continue
            score = column_score(leaf, table, column)
            if table in _OF_LINES and rows and leaf.within:
                score = _of_item(fields, leaf, column, score)
            if score >= CLOSE:
                # Of two fields of one name, an item's own says more of it than its record's.
                pairs.append(Match(score + 0.02 * bool(leaf.within), column, leaf))
    pairs.sort(key=lambda match: (-match.score, match.column, match.leaf.path))
    chosen: dict[str, Match] = {}
    taken: set[str] = set()
    for match in pairs:
        if match.column not in chosen and match.leaf.path not in taken:
            chosen[match.column] = match
            taken.add(match.leaf.path)
    return list(chosen.values())


def _of_item(fields: Fields, leaf: Leaf, column: str, score: float) -> float:
    """Tell an item's own order id, which is its line's, from the record's."""
    ids = ("order_id", "订单号", "订单编号", "id")
    if column not in ("order_id", "line_id") or not is_name(leaf, *ids):
        return score
    above = any(is_name(other, *ids, "tid", "oid") for other in fields.leaves if not other.within)
    if not above:
        return score
    return 0.9 if column == "line_id" else 0.0


def _meets(table: str, matches: Iterable[Match]) -> bool:
    there = {match.column for match in matches}
    return all(there & set(group) for group in words()["needs"][table])


def _strength(table: str, matches: list[Match], file: str) -> float:
    """Return how much speaks for a table: fields no other table would take count most."""
    total = 0.0
    for match in matches:
        rivals = sum(
            named(match.leaf, "columns", other, column)[0] >= match.score - 0.05
            for other, columns in words()["columns"].items()
            if other != table
            for column in columns
            if column != match.column
        )
        total += match.score**2 / (1 + 0.5 * rivals)
    stem = file.split(".")[0]
    said = max((alike(stem, word) for word in words()["files"].get(table, ())), default=0.0)
    return total + 1.5 * (said >= CLOSE)


def _levels_apart(fields: Fields, found: list[Filled]) -> tuple[list[Filled], list[str]]:
    """Keep the amounts of lines out of orders, and the other way round, where ids repeat."""
    both = [each for each in found if each.table in ("orders", "order_lines")]
    if not both or any(each.rows for each in both):
        return found, []
    ids = next((m.leaf for each in both for m in each.matches if m.column == "order_id"), None)
    if ids is None or ids.look.distinct >= ids.look.filled:
        return found, []
    levels = {leaf.path: _level(ids, leaf) for leaf in fields.scope("") if leaf.look.number}
    out, notes = [], []
    for each in found:
        wrong = {"orders": "line", "order_lines": "order"}.get(each.table)
        if wrong is None:
            out.append(each)
            continue
        money = [column.name for column in TABLES[each.table].columns if column.kind == "fen"]
        without = frozenset(
            (column, path) for column in money for path, at in levels.items() if at == wrong
        )
        again = _matches(fields, each.table, "", without)
        if _meets(each.table, again):
            out.append(Filled(each.table, "", again))
        elif each.table == "orders":
            notes.append(
                "Orders have several rows here, and every amount is a row's own: an order's total "
                "stands nowhere in this file. It makes order_lines; take orders from another."
            )
        else:
            notes.append(
                "Orders have several rows here, and every amount is the whole order's: what a "
                "line cost stands nowhere in this file. It makes orders; take lines from another."
            )
    return out, notes


def _level(ids: Leaf, leaf: Leaf) -> str:
    """Return "order" for what is the same in all rows of an order, or stands in the first only.

    "line" is for what differs between them, "" where too few orders have several rows to tell.
    """
    rows = pa.table({"id": ids.values, "value": leaf.values}).filter(pc.is_valid(ids.values))
    each = rows.group_by("id", use_threads=False).aggregate(
        [
            ("value", "count_distinct", pc.CountOptions(mode="only_valid")),
            ("value", "count"),
            ([], "count_all"),
        ]
    )
    several = each.filter(pc.greater(each["count_all"], 1))
    if several.num_rows == 0:
        return ""
    if pc.max(several["value_count_distinct"]).as_py() > 1:
        return "line"
    once = pc.all(pc.less_equal(several["value_count"], 1)).as_py()
    return "order" if once or several.num_rows > 1 else ""
