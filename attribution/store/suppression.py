"""People who asked to be forgotten: what hides them, now and when their rows come again.

Each has a file that lists keyed hashes of his identifiers and, for columns that hold an identifier
as the platform writes it, digests of those values. An order keeps its facts and loses whose it is;
a touchpoint, an identifier and a link say nothing else and go.

The rules stand here twice: over Arrow tables for what is written, over SQL for what is read.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from attribution.store.parts import file_error, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = [
    "erase",
    "is_value",
    "not_erased",
    "note_erased",
    "people_suppressed",
    "suppress",
    "suppress_person",
    "suppressed",
    "suppression_file",
    "value_tokens",
    "visible",
]

_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VALUE = "value."  # marks the digest of a value; keyed hashes begin with the id of their key
_DIGITS = 32

# What says whose an order is.
_PERSONAL = {
    "orders": ("id_type", "id_value", "payer_ref", "phone_index", "addressee_key", "_identifier"),
    "erp_orders": ("id_type", "id_value", "_identifier"),
}
# Rows that say nothing but whose they are.
_EVIDENCE = {"touchpoints": ("_identifier",), "identifiers": ("id_hash",), "links": ("a", "b")}

# In SQL: digest of a value as `value_tokens` makes it; a hash or digest that is suppressed.
_DIGEST = f"'{_VALUE}' || left(sha256(platform || '|' || %s), {_DIGITS})"
_HIDDEN = "coalesce(%s IN (SELECT token FROM suppressed), false)"


# ---------------------------------------------------------------------- the list


def suppression_file(folder: Path, person_id: str) -> Path | None:
    """Return where a forgotten person is listed; None if this can be nobody's id."""
    if not _PERSON.fullmatch(person_id):
        return None
    return folder / "suppression" / f"{person_id}.json"


def suppress_person(folder: Path, person_id: str, tokens: Iterable[str]) -> None:
    """List a person's hashes and digests, besides what is listed already; to be erased."""
    file = suppression_file(folder, person_id)
    if file is None:
        raise ValueError(f"person id {person_id!r}")
    known = _read(folder, file)["tokens"] if file.exists() else []
    _write(file, person_id, {*known, *tokens}, erased=False)


def note_erased(folder: Path, person_id: str) -> None:
    """Note that nothing of a listed person is left in the store."""
    file = suppression_file(folder, person_id)
    if file is None:
        raise ValueError(f"person id {person_id!r}")
    _write(file, person_id, _read(folder, file)["tokens"], erased=True)


def _write(file: Path, person_id: str, tokens: Iterable[str], *, erased: bool) -> None:
    found = {"person": person_id, "erased": erased, "tokens": sorted({*tokens})}
    write_atomically(file, json.dumps(found, indent=1, sort_keys=True) + "\n")


def not_erased(folder: Path) -> list[str]:
    """Return who is listed, and was not erased yet: a run was killed on the way."""
    files = sorted((folder / "suppression").glob("*.json"))
    found = [_read(folder, file) for file in files]
    return [each["person"] for each in found if not each["erased"]]


def suppressed(folder: Path) -> pa.Array:
    """Return the hashes and digests of all forgotten people, sorted and distinct."""
    files = (folder / "suppression").glob("*.json")
    found = {token for file in files for token in _read(folder, file)["tokens"]}
    return pa.array(sorted(found), pa.string())


def people_suppressed(folder: Path, person_id: str) -> pa.Array:
    """Return the hashes and digests listed for one person; empty if he is not listed."""
    file = suppression_file(folder, person_id)
    known = _read(folder, file)["tokens"] if file is not None and file.exists() else []
    return pa.array(known, pa.string())


def _read(folder: Path, file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        known = isinstance(found["person"], str) and isinstance(found["erased"], bool)
        if not known or not all(isinstance(token, str) for token in found["tokens"]):
            raise TypeError
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise file_error(
            folder,
            file,
            f"a list that cannot be read ({type(error).__name__})",
            "what must stay forgotten",
            "Restore the file from a backup, before anything is ingested.",
        ) from None
    return found


def value_tokens(platforms: pa.Array, values: pa.Array) -> pa.Array:
    """Return digests of identifiers as a platform writes them, (n,), null where one is null.

    They recognise a value that comes again, whatever the key. Being made without one, they tell
    somebody who has a list of ids which of them were forgotten: the folder is as private as ids.
    """
    plain = pc.binary_join_element_wise(
        platforms.cast(pa.string()), values.cast(pa.string()), "|", null_handling="emit_null"
    )
    encoded = pa.chunked_array([plain]).combine_chunks().dictionary_encode()
    digests = [_VALUE + _sha(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(digests, pa.string()).take(encoded.indices)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def is_value(tokens: pa.Array) -> pa.Array:
    """Return which are digests of values, (n,)."""
    return pc.starts_with(tokens, _VALUE)


# ---------------------------------------------------------------------- what is written


def suppress(tables: Mapping[str, pa.Table], hashes: pa.Array) -> dict[str, pa.Table]:
    """Return rows of canonical tables without what would bring a forgotten person back.

    Parameters
    ----------
    tables
        Rows about to be written, by table.
    hashes
        What `suppressed` returned. Hashes under a newer key follow by the rotation links among
        the rows.
    """
    if not len(hashes):
        return dict(tables)
    tokens = _with_rotations(tables.get("links"), hashes)
    return {name: erase(name, table, tokens)[0] for name, table in tables.items()}


def _with_rotations(links: pa.Table | None, hashes: pa.Array) -> pa.Array:
    if links is None or not links.num_rows:
        return hashes
    pairs = links.filter(pc.equal(_plain(links, "kind"), "rotation"))
    a, b = _plain(pairs, "a"), _plain(pairs, "b")
    while len(a):
        known_a, known_b = pc.is_in(a, value_set=hashes), pc.is_in(b, value_set=hashes)
        more = pa.chunked_array(
            [
                *b.filter(pc.and_not(known_a, known_b)).chunks,
                *a.filter(pc.and_not(known_b, known_a)).chunks,
            ],
            pa.string(),
        )
        if not len(more):
            break
        hashes = pa.concat_arrays([hashes, more.unique()])
    return hashes


def erase(name: str, table: pa.Table, tokens: pa.Array) -> tuple[pa.Table, int]:
    """Return the rows of one table without the suppressed, and how many rows that changed."""
    if name in _EVIDENCE:
        hit = _any_in(table, _EVIDENCE[name], tokens)
        return (table.filter(pc.invert(hit)), _count(hit)) if _count(hit) else (table, 0)
    if name in _PERSONAL:
        his = _any_in(table, ("_identifier",), tokens)
        table = _blank(table, his, _PERSONAL[name])
        received = _values_in(table, "id_value", tokens)
        if "payer_ref" in table.column_names and _count(received):
            received = pc.and_(received, pc.is_valid(table.column("payer_ref")))
            table = _blank(table, received, ("id_type", "id_value"))
            return table, _count(pc.or_(his, received))
        return table, _count(his)
    if name == "order_lines":
        shared = _values_in(table, "sharer_ref", tokens)
        return _blank(table, shared, ("sharer_ref",)), _count(shared)
    return table, 0


def _plain(table: pa.Table, column: str) -> pa.ChunkedArray:
    return table.column(column).cast(pa.string())


def _none(table: pa.Table) -> pa.ChunkedArray:
    return pa.chunked_array([pa.repeat(pa.scalar(False), table.num_rows)])


def _any_in(table: pa.Table, columns: tuple[str, ...], tokens: pa.Array) -> pa.ChunkedArray:
    hit = _none(table)
    for column in columns:
        if column in table.column_names:
            hit = pc.or_(hit, pc.is_in(_plain(table, column), value_set=tokens))
    return hit


def _values_in(table: pa.Table, column: str, tokens: pa.Array) -> pa.ChunkedArray:
    values = tokens.filter(is_value(tokens))
    if not len(values) or column not in table.column_names or "platform" not in table.column_names:
        return _none(table)
    found = value_tokens(
        _plain(table, "platform").combine_chunks(), _plain(table, column).combine_chunks()
    )
    return pa.chunked_array([pc.is_in(found, value_set=values)])


def _blank(table: pa.Table, hit: pa.ChunkedArray, columns: tuple[str, ...]) -> pa.Table:
    if not _count(hit):
        return table
    for column in columns:
        if column in table.column_names:
            blank = pc.if_else(hit, pa.scalar(None, pa.string()), _plain(table, column))
            table = table.set_column(table.column_names.index(column), column, blank)
    return table


def _count(hit: pa.ChunkedArray) -> int:
    return int(pc.sum(hit, min_count=0).as_py())


# ---------------------------------------------------------------------- what is read


def visible(name: str, rows: str, tokens: pa.Array) -> str:
    """Return a SELECT over the rows of a table that hides the suppressed, as `erase` would.

    It reads a table `suppressed(token)`.

    Parameters
    ----------
    name
        The canonical table.
    rows
        The relation that holds its rows.
    tokens
        What `suppressed` returned; without any the rows stand as they are.
    """
    with_values: Any = pc.any(is_value(tokens)).as_py()
    if len(tokens) and name in _EVIDENCE:
        hidden = " OR ".join(_HIDDEN % column for column in _EVIDENCE[name])
        return f"SELECT * FROM {rows} WHERE NOT ({hidden})"
    if len(tokens) and name in _PERSONAL:
        when = dict.fromkeys(_PERSONAL[name], "_his")
        inner = f"SELECT *, {_HIDDEN % '_identifier'} AS _his"
        if with_values and name == "orders":
            received = _HIDDEN % f"({_DIGEST % 'id_value'})"
            inner += f", payer_ref IS NOT NULL AND {received} AS _received"
            when |= {"id_type": "_his OR _received", "id_value": "_his OR _received"}
        blanks = ", ".join(f"CASE WHEN NOT ({w}) THEN {c} END AS {c}" for c, w in when.items())
        extra = "_his, _received" if "_received" in inner else "_his"
        return f"SELECT * EXCLUDE ({extra}) REPLACE ({blanks}) FROM ({inner} FROM {rows})"
    if with_values and name == "order_lines":
        shared = _HIDDEN % f"({_DIGEST % 'sharer_ref'})"
        blank = f"CASE WHEN NOT {shared} THEN sharer_ref END AS sharer_ref"
        return f"SELECT * REPLACE ({blank}) FROM {rows}"
    return f"SELECT * FROM {rows}"
