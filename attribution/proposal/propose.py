"""A mapping proposed for an unknown file: its tables, columns, units and forms, with the evidence.

Names are compared with the words of `headers.toml`, cells with what such a column must look like.
Cells about persons are recognised so that they can be left out, and nothing of them is shown.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import closing
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import DataError
from attribution.mapping.blocks import DERIVED_IDS, IDENTITIES
from attribution.mapping.source_path import path_problem
from attribution.mapping.vocabulary import alike, folded, known_value, words
from attribution.proposal.fields import Fields
from attribution.proposal.forms import (
    CLOSE,
    SAME,
    Unit,
    column_score,
    kind_in_name,
    named,
    rate_form,
    seen,
    time_form,
    units_of,
    words_guess,
)
from attribution.proposal.looks import Leaf, leaves, look_at
from attribution.proposal.matching import Filled, Match, tables_of
from attribution.proposal.proposal import Aside, Guess, Proposal, ProposedBlock
from attribution.store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from attribution.sources.raw import RawBatch

__all__ = ["propose", "propose_rows"]

_SAMPLE = 2_000
_WHOLE_DOCUMENT = 1 << 24  # JSON up to this many bytes is looked at as a whole
_SIGNS = ",;，；|"
_KNOWN = 0.6  # a packaged mapping that finds less of its fields is another document's


def propose(file: Path) -> Proposal:
    """Propose a mapping for a file nobody has described yet.

    Parameters
    ----------
    file
        CSV, TSV, Excel, JSON, JSONL or Parquet; its first rows are looked at.

    Raises
    ------
    DataError
        If it cannot be read, has no rows, or its first line holds values and not names.
    """
    from attribution.sources.files import open_source

    records = _records(file)
    batches = cast("Generator[RawBatch]", open_source(file, (records,) if records else ()))
    with closing(batches):
        table = next((batch.table for batch in batches if batch.table.num_rows), None)
    if table is None:
        raise DataError(
            "no rows",
            "a header and some rows, or some records",
            "Export the data again, with rows in it.",
            source=file.name,
        )
    return propose_rows(table, file.name, records)


def propose_rows(table: pa.Table, name: str, records: str = "") -> Proposal:
    """Propose a mapping for rows as a reader gives them (`RawBatch.table`).

    Parameters
    ----------
    table
        Leaves are text; structs and lists where the source nests.
    name
        The file's name, which may say what it holds.
    records
        Where the records stood, for the mapping to repeat.

    Raises
    ------
    DataError
        If the names of its columns are no names but values.
    """
    sample = table.slice(0, _SAMPLE)
    everything = tuple(leaves(sample))
    _refuse_values_as_names([leaf.path for leaf in everything], name)
    found = tuple(leaf for leaf in everything if path_problem(leaf.path) is None)
    nameless = [leaf.path for leaf in everything if path_problem(leaf.path) is not None]
    fields = Fields(found)
    known = _known(found)
    platform, said = _platform([leaf for leaf in found if leaf.look.filled], name)
    filled, notes = tables_of(fields, name)
    blocks = [block for each in filled for block in _blocks(fields, each, platform)]
    notes += [
        f"No {block.table}: nothing says its {', '.join(lacking)}."
        for block in blocks
        if (lacking := _still_lacking(block))
    ]
    blocks = [block for block in blocks if not _still_lacking(block)]
    notes += _one_amount(filled)
    if not blocks:
        blocks = _identities(fields)
    if not blocks:
        notes.append("No table fits: its names are unknown. Write the mapping by hand.")
    cut = [leaf.path for leaf in found if leaf.look.scientific]
    if cut:
        notes.append(f"Long ids have lost digits in {', '.join(cut)}: export them as text.")
    read = {path for block in blocks for guess in block.guesses for path in _paths(guess)}
    aside = [leaf for leaf in found if leaf.path not in read and leaf.path not in fields.personal]
    return Proposal(
        file=name,
        sampled=sample.num_rows,
        platform=platform,
        platform_evidence=said,
        records=records,
        blocks=tuple(blocks),
        personal=tuple(Aside(path, why, "") for path, why in fields.personal.items()),
        unmapped=(
            *(Aside(leaf.path, "", seen(leaf.look)) for leaf in aside),
            *(Aside(path, "", "a mapping cannot write this name: rename it") for path in nameless),
        ),
        known=known,
        notes=tuple(notes),
    )


# ---------------------------------------------------------------------- a block


def _blocks(fields: Fields, filled: Filled, platform: str) -> list[ProposedBlock]:
    table, rows, matches = filled
    scope = fields.scope(rows)
    units = units_of(scope)
    order = [column.name for column in TABLES[table].columns]
    guesses = [
        guess
        for match in sorted(matches, key=lambda match: order.index(match.column))
        if (guess := _guess(fields, filled, match, units)) is not None
    ]
    guesses += _lacking(fields, table, guesses, platform)
    guesses += _further_rows(fields, table, guesses)
    guesses += _beside(fields, table, rows)
    block = ProposedBlock(table, rows, tuple(guesses))
    return [block, *_more_amounts(fields, filled, block, units)]


def _guess(fields: Fields, filled: Filled, match: Match, units: dict[str, Unit]) -> Guess | None:
    """Return the line of one column; None for an optional enumeration of unknown words."""
    column, leaf, look = TABLES[filled.table].column(match.column), match.leaf, match.leaf.look
    _, word = named(leaf, "columns", filled.table, match.column)
    if not word:
        why = "the item's own order id"
    elif alike(leaf.names[0], word) >= SAME:
        why = f'the name "{word}"'
    else:
        why = f'a name with "{word}" in it'
    score, todo = min(match.score, 0.98), ""
    if column.kind == "enum":
        return words_guess(filled.table, column, leaf, score, why)
    spec: dict[str, Any] = {"from": leaf.path}
    said, doubt = seen(look), ""
    if column.kind in ("time", "day"):
        times = [o.look for o in fields.scope(filled.rows) if _is_time(o)]
        spec["as"], said = time_form(look, times)
    elif column.kind == "fen":
        unit = units[leaf.path]
        spec["as"], said = unit.unit, unit.why
        if not unit.certain:
            doubt = "unit not stated"
            todo = f"is it {'fen (分)' if unit.unit == 'fen' else 'yuan (元)'}?"
    elif column.kind == "rate":
        spec["as"], certain, said = rate_form(leaf, column)
        if not certain:
            doubt, todo = "unit not stated", f"is it {spec['as']}?"
    empty = list(look.nothing)
    if look.zero and column.kind in ("time", "id") and not column.required:
        empty.insert(0, "0")
    if empty:
        spec["null_if"] = empty
    if look.listed and filled.table == "erp_orders" and column.name == "order_id":
        spec["split"] = next(sign for sign in _SIGNS if _holds(leaf.values, sign))
        said = "several ids in a cell"
    if not look.filled:
        score *= 0.8
    if look.scientific and column.kind == "id":
        score = score * (0.5 if look.scientific >= CLOSE else 1.0)
        todo = "some of these ids have lost digits: export them as text"
    if doubt:
        score = min(score, 0.7)
        spec["assumed"] = f"{doubt}: {said}"
    elif score < 0.6:
        spec["assumed"] = "only the name speaks for it"
    value = leaf.path if set(spec) == {"from"} else spec
    others = _alternatives(fields, filled, match)
    return Guess(column.name, leaf.path, value, score, f"{why}; {said}", others, todo)


def _alternatives(fields: Fields, filled: Filled, match: Match) -> tuple[str, ...]:
    """Return the other fields a column could be read from."""
    taken = {match.leaf.path, *(each.leaf.path for each in filled.matches)}
    close = sorted(
        (-score, leaf.path)
        for leaf in fields.scope(filled.rows)
        if leaf.path not in taken
        and (score := column_score(leaf, filled.table, match.column))
        >= max(CLOSE, match.score - 0.3)
    )
    return tuple(path for _, path in close[:3])


def _is_time(leaf: Leaf) -> bool:
    return leaf.look.time >= SAME and any(
        TABLES[table].column(column).kind == "time" and column_score(leaf, table, column) >= CLOSE
        for table, columns in words()["columns"].items()
        for column in columns
    )


def _identities(fields: Fields) -> list[ProposedBlock]:
    """Return what a list of members says: which identifiers are one person's."""
    ids = fields.ids("")
    if len(ids) < 2:
        return []
    scope = fields.scope("")
    # Of several times the first column: a list of members begins with when they joined.
    why = "the first time in the file"
    times = [leaf for leaf in scope if not leaf.within and leaf.look.time >= SAME]
    at = [
        Guess("at", leaf.path, {"from": leaf.path, "as": time_form(leaf.look, ())[0]}, 0.5, why)
        for leaf in times[:1]
    ]
    asked = "if members proved it to be theirs, link is strong"
    ids = [replace(each, todo=asked) if each.source in fields.phones else each for each in ids]
    return [ProposedBlock(IDENTITIES.name, "", (*at, *ids))]


def _still_lacking(block: ProposedBlock) -> list[str]:
    """Return the columns no row can do without, and no line of the block gives."""
    have = {"platform", DERIVED_IDS.get(block.table), *(guess.column for guess in block.guesses)}
    required = [column.name for column in TABLES[block.table].columns if column.required]
    return [name for name in required if name not in have]


def _one_amount(filled: Sequence[Filled]) -> list[str]:
    """Say where orders and lines are read from one amount, as long as each order has one row."""
    paid = {
        each.table: match.leaf.path
        for each in filled
        for match in each.matches
        if match.column == "paid_fen" and not each.rows
    }
    if "orders" in paid and paid["orders"] == paid.get("order_lines"):
        return [
            f"Orders and order_lines both read {paid['orders']}: right only while every order has "
            "one row, as in the rows looked at. Else remove one of the two."
        ]
    return []


# ---------------------------------------------------------------------- what a block lacks


def _constant(column: str, value: str, why: str, todo: str = "") -> Guess:
    """Return a constant; one with something to do is a mere assumption."""
    spec = {"value": value, "assumed": why} if todo else {"value": value}
    return Guess(column, "", spec, 0.3 if todo else SAME, why, todo=todo)


def _instead(column: str, other: Guess, why: str) -> Guess:
    spec = {"from": other.value} if isinstance(other.value, str) else dict(other.value)
    return Guess(
        column, other.source, {**spec, "assumed": why}, 0.4, why, todo=f"no {column} found"
    )


def _lacking(fields: Fields, table: str, guesses: Sequence[Guess], platform: str) -> list[Guess]:
    """Return what every row of a table needs and no field says."""
    have = {guess.column: guess for guess in guesses}
    if table == "orders":
        return _lacking_in_orders(have)
    if table == "order_lines" and "line_id" not in have:
        names = ("sku_id", "merchant_sku", "product_id", "order_id")
        other = next(name for name in names if name in have)
        why = f"no id of the line: {other} tells the lines of an order apart"
        return [_instead("line_id", have[other], why)]
    if table == "products" and "product_id" not in have:
        why = "no id of the product: the merchant's own"
        return [_instead("product_id", have["merchant_sku"], why)]
    if table == "refunds" and "status" not in have:
        todo = "did all these refunds succeed?"
        return [_constant("status", "success", "no field says the status", todo)]
    if table == "touchpoints":
        return _lacking_in_touchpoints(fields, have, platform)
    if table == "costs":
        return _lacking_in_costs(have)
    if table == "platform_claims":
        return _lacking_in_claims(have, platform)
    return []


def _lacking_in_orders(have: dict[str, Guess]) -> list[Guess]:
    found = []
    if "status" not in have:
        todo = "are all these orders paid?"
        found.append(_constant("status", "paid", "no field says the status", todo))
    if "created_at" not in have and "paid_at" in have:
        why = "no time of creation: the time of payment"
        found.append(_instead("created_at", have["paid_at"], why))
    return found


def _lacking_in_touchpoints(fields: Fields, have: dict[str, Guess], platform: str) -> list[Guess]:
    found = []
    if "event" not in have:
        todo = "what happened in a row?"
        found.append(_constant("event", "click", "no field says what happened", todo))
    if "content_form" not in have:
        form = "own_mall" if platform == "own_mall" else "unknown"
        said = _constant("content_form", form, "no field says the form", "which form is it?")
        if "utm_medium" in have:
            leaf = next(x for x in fields.leaves if x.path == have["utm_medium"].source)
            column = TABLES["touchpoints"].column("content_form")
            read = words_guess("touchpoints", column, leaf, 0.7, "utm_medium says the form")
            if read is not None and read.confidence >= CLOSE:
                spec = read.value[0] if isinstance(read.value, list) else read.value
                spec = {"from": spec} if isinstance(spec, str) else spec
                said = replace(read, value=[spec, {"value": form}])
        found.append(said)
    return found


def _lacking_in_costs(have: dict[str, Guess]) -> list[Guess]:
    found = []
    if "kind" not in have:
        source = have["amount_fen"].source
        kind = kind_in_name("costs", source)
        todo = "" if kind else "what was paid for?"
        found.append(_constant("kind", kind or "other", f"the name {source}", todo))
    if "scope_id" in have:
        source = have["scope_id"].source
        marks = {"session": ("直播", "room", "live"), "order": ("订单", "order")}
        scope = next((s for s, each in marks.items() if any(m in source for m in each)), "campaign")
        found.append(_constant("scope", scope, f"the name {source}"))
    return found


def _lacking_in_claims(have: dict[str, Guess], platform: str) -> list[Guess]:
    found = []
    if "claimer" not in have:
        found.append(_constant("claimer", platform, "the file's platform", "who claims these?"))
    if "kind" not in have:
        source = have["amount_fen"].source
        kind = kind_in_name("platform_claims", source)
        todo = "" if kind else "direct or indirect?"
        found.append(_constant("kind", kind or "other", f"the name {source}", todo))
    return found


def _further_rows(fields: Fields, table: str, guesses: Sequence[Guess]) -> list[Guess]:
    """Leave out an order's further rows, where its own fields stand in the first one only."""
    have = {guess.column: guess.source for guess in guesses}
    leaf = {leaf.path: leaf for leaf in fields.leaves}
    if table != "orders" or "paid_fen" not in have:
        return []
    ids, paid = leaf[have["order_id"]], leaf[have["paid_fen"]]
    if ids.look.distinct >= ids.look.filled or paid.values.null_count == 0:
        return []
    rule = {"from": paid.path, "in": [""], "why": "further line of an order"}
    return [Guess("skip", paid.path, [rule], 0.9, "it stands in the first row of an order only")]


def _beside(fields: Fields, table: str, rows: str) -> list[Guess]:
    """Return whose row it is, whose content, in what currency, and on which platform."""
    columns = {column.name: column for column in TABLES[table].columns}
    scope = fields.scope(rows)
    found: list[Guess] = []
    for leaf in scope:
        score, word = named(leaf, "other", "currency")
        if score >= 0.9 and any(column.kind == "fen" for column in columns.values()):
            found.append(Guess("currency", leaf.path, leaf.path, 0.9, f'the name "{word}"'))
            break
    for leaf in scope:
        score, word = named(leaf, "other", "platform")
        if score >= 0.9 and "platform" in columns and leaf.look.filled:
            guess = words_guess(table, columns["platform"], leaf, score, f'the name "{word}"')
            if guess is not None and guess.confidence >= CLOSE:
                found.append(guess)
                break
    if "_alias_type" in columns:
        found += fields.streamers(rows)
    if "id_type" in columns and table != "streamer_aliases":
        found += fields.ids(rows)
    return found


def _more_amounts(
    fields: Fields, filled: Filled, block: ProposedBlock, units: dict[str, Unit]
) -> list[ProposedBlock]:
    """Return a block more for each further amount of a wide sheet of costs or claims."""
    if filled.table not in ("costs", "platform_claims"):
        return []
    if any(guess.column == "kind" and guess.source for guess in block.guesses):
        return []  # a column says what each row's amount is
    taken = {match.leaf.path for match in filled.matches}
    out = []
    for leaf in fields.scope(filled.rows):
        kind = kind_in_name(filled.table, leaf.names[0])
        money = leaf.look.number >= 0.95 and leaf.look.long_id < CLOSE
        never = column_score(leaf, filled.table, "amount_fen") < CLOSE and filled.table != "costs"
        if leaf.path in taken or kind is None or not money or never:
            continue
        amount = _guess(fields, filled, Match(SAME, "amount_fen", leaf), units)
        if amount is None:
            continue
        shared = [g for g in block.guesses if g.column not in ("amount_fen", "kind", "rate")]
        said = _constant("kind", kind, f"the name {leaf.path}")
        out.append(ProposedBlock(filled.table, filled.rows, (amount, said, *shared)))
    return out


# ---------------------------------------------------------------------- the file as a whole


def _platform(found: Sequence[Leaf], file: str) -> tuple[str, str]:
    """Return whose data these fields with values seem to be, and what says so."""
    said = _said_platform(found)
    if said is not None:
        return said
    points: dict[str, float] = {}
    because: dict[str, str] = {}
    for platform, hints in words()["hints"].items():
        for hint in hints:
            there = [leaf.path for leaf in found if hint in leaf.path.casefold()]
            if there:
                points[platform] = points.get(platform, 0) + 1
                because.setdefault(platform, f"the field {there[0]}")
            if hint in file.casefold():
                points[platform] = points.get(platform, 0) + 2
                because.setdefault(platform, "the file's name")
    for name, share in _known(found)[:1]:
        platform = _packaged()[name].get("platform")
        if platform and share >= SAME:
            points[platform] = points.get(platform, 0) + 3
            because.setdefault(platform, f"the fields of {name}")
    if not points:
        return "other", "nothing says which: confirm"
    best = max(sorted(points), key=lambda each: points[each])
    return best, because[best]


def _said_platform(found: Sequence[Leaf]) -> tuple[str, str] | None:
    """Return the platform that most cells of a platform column name, and that column."""
    for leaf in found:
        if named(leaf, "other", "platform")[0] < 0.9:
            continue
        points: dict[str, int] = {}
        for each in pc.value_counts(leaf.values.drop_null()).to_pylist():
            platform = known_value("platform", each["values"])
            if platform is not None:
                points[platform] = points.get(platform, 0) + each["counts"]
        if points:
            best = max(sorted(points), key=lambda each: points[each])
            return best, f"the values of {leaf.path}"
    return None


def _known(found: Sequence[Leaf]) -> tuple[tuple[str, float], ...]:
    """Return the packaged mappings that read this file, those that find most fields first."""
    there = {_lists_only(leaf.path) for leaf in found}
    shares = []
    for name, document in _packaged().items():
        ways = [way for key, value in document.items() if key in TABLES for way in _ways(value)]
        if len(ways) >= 5:
            hits = sum(any(_lists_only(path) in there for path in way) for way in ways)
            shares.append((name, hits / len(ways)))
    close = [each for each in shares if each[1] >= _KNOWN]
    return tuple(sorted(close, key=lambda each: (-each[1], each[0])))


@cache
def _packaged() -> dict[str, dict[str, Any]]:
    folder = files("attribution.mapping") / "mappings"
    return {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(folder.iterdir(), key=lambda each: each.name)
        if file.name.endswith(".toml")
    }


# Keys of a mapping whose text is no path.
_NO_PATHS = (
    *("rows", "value", "as", "map", "else", "assumed", "null_if", "split"),
    *("type", "link", "role", "why", "in", "not_in", "contains"),
)


def _ways(value: Any) -> Iterable[list[str]]:
    """Yield the paths a mapping reads, the variants of one field together."""
    if isinstance(value, list):
        for each in value:
            yield from _ways(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "from":
                yield [each] if isinstance(each, str) else each
            elif key not in _NO_PATHS:
                yield from [[each]] if isinstance(each, str) else _ways(each)


def _lists_only(path: str) -> str:
    return re.sub(r"\[[^\]]*\]", "[]", path)


def _paths(guess: Guess) -> set[str]:
    more = guess.value if isinstance(guess.value, list) else []
    return {guess.source, *(way.get("from", "") for way in more)}


def _holds(values: pa.Array, sign: str) -> bool:
    return bool(pc.any(pc.match_substring(values, sign)).as_py())


def _refuse_values_as_names(names: Sequence[str], source: str) -> None:
    """Refuse a file whose first line is a row: its cells would be shown as names."""
    kinds = ("phone", "masked", "clock", "date", "long_id", "cents", "email", "masked_name")

    def is_value(*some: str) -> bool:
        look = look_at(pa.array(some, pa.string()))
        return any(getattr(look, kind) for kind in kinds)

    if is_value(*names):
        first = next(name for name in names if is_value(name))
        shape = look_at(pa.array([first], pa.string())).shapes[0]
        raise DataError(
            f"a first line that holds values (such as {shape})",
            "the names of the columns in the first line",
            "Add a header, or remove the lines above it.",
            source=source,
        )


# ---------------------------------------------------------------------- JSON


def _records(file: Path) -> str:
    """Return where a JSON document holds its records, "" where that needs no saying."""
    from attribution.sources.json_files import exact_json

    if file.suffix.lower() != ".json" or not file.is_file():
        return ""
    if file.stat().st_size > _WHOLE_DOCUMENT:
        return ""
    try:
        document = exact_json(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return ""  # its reader says what is wrong
    return _list_in(document) if isinstance(document, dict) else ""


def _list_in(document: dict[str, Any]) -> str:
    """Return the path of the only list of objects in an API's answer, "" if it is a record."""
    envelope = {folded(word) for word in words()["envelope"]["words"]}
    plain = [name for name, value in document.items() if not isinstance(value, dict | list)]
    if not all(folded(name) in envelope for name in plain):
        return ""
    for name, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return f"{name}[]"
        if isinstance(value, dict) and (inner := _list_in(value)):
            return f"{name}.{inner}"
    return ""
