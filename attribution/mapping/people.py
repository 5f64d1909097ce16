"""Who a row tells of: keyed hashes of the identifiers on it, and what was seen together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import ConfigError
from attribution.identity.phones import holds_mobile
from attribution.mapping.transforms import Fault, cells, person_identifier, search_index, shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.mapping.blocks import Identifier

__all__ = [
    "Evidence",
    "Hasher",
    "Person",
    "Seen",
    "evidence_of",
    "hashed_phones",
    "seen",
    "whose",
]

_MASKED = r"[*＊]"
_PHONE_REMEDY = 'Say as = "phone" in the mapping: the number is hashed and never kept.'

_IDENTIFIERS = ("id_hash", "id_type", "namespace", "at", "_row")
_LINKS = ("a", "b", "kind", "at", "_row")


class Hasher(Protocol):
    """What turns identifiers into keyed hashes."""

    @property
    def can_hash_phones(self) -> bool:
        """Whether there is a key; without one a phone's hash could be guessed."""
        ...

    def hashes(self, id_type: str, namespace: pa.Array | None, values: pa.Array) -> pa.Array:
        """Return the hash of each identifier, (n,), null where the value is null."""
        ...

    def phones(self, values: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Return phone numbers in one form, null where there is none, and why not; both (n,)."""
        ...

    def rotations(
        self, id_type: str, namespace: pa.Array | None, values: pa.Array
    ) -> tuple[pa.Array, pa.Array]:
        """Return hashes of the same values under older keys and the newest, both (r,)."""
        ...


class Seen(NamedTuple):
    """One identifier of a block's rows.

    Attributes
    ----------
    hashes
        (n,) null in rows without it.
    values
        (n,) as the platform writes it; of a phone, its hash.
    plain
        (n,) what was hashed; never kept.
    """

    of: Identifier
    hashes: pa.Array
    values: pa.Array
    plain: pa.Array
    namespace: pa.Array | None
    faults: tuple[Fault, ...]


class Person(NamedTuple):
    """Whose each row is, all (n,)."""

    id_type: pa.Array
    id_value: pa.Array
    payer_ref: pa.Array
    identifier: pa.Array


@dataclass(frozen=True)
class Evidence:
    """Identifiers and links of a block's rows; `_row` is the position of the row, from 0."""

    identifiers: pa.Table
    links: pa.Table


def hashed_phones(values: pa.Array, hasher: Hasher, place: str) -> tuple[pa.Array, pa.Array]:
    """Return phone numbers in one form, and their hashes, both (n,); null for what is no phone.

    Raises
    ------
    ConfigError
        If there is no key.
    """
    if not hasher.can_hash_phones:
        raise ConfigError(
            f"{place}: found a phone, and no key to hash it with; expected a key of 32 characters "
            "or more in the environment variable ATTRIBUTION_KEY, or in a key file. Make one "
            'with: python -c "import secrets; print(secrets.token_urlsafe(32))", or take the '
            "phone out of the mapping."
        )
    numbers = hasher.phones(values)[0]
    return numbers, hasher.hashes("phone", None, numbers)


def seen(
    of: Identifier, leaf: pa.Array, namespace: pa.Array | None, hasher: Hasher, place: str
) -> Seen:
    """Read and hash one identifier of each row.

    What is masked is null: it could be many people's. A text that is or holds a phone number is
    never kept: its hash stands in its place.
    """
    if of.field.form == "phone":
        plain, hashes = hashed_phones(cells(leaf, of.field.null_if), hasher, place)
        if namespace is not None or of.type != "phone":
            hashes = hasher.hashes(of.type, namespace, plain)
        return Seen(of, hashes, hashes, plain, namespace, ())
    read = search_index if of.field.form == "ks_index" else person_identifier
    values, faults = read(leaf, of.field.null_if)
    masked = pc.match_substring_regex(values, _MASKED)
    if pc.any(masked).as_py():
        values = pc.if_else(masked, pa.scalar(None, pa.string()), values)
    hashes = hasher.hashes(of.type, namespace, values)
    plain, phones = values, holds_mobile(values)
    if phones.any() and hasher.can_hash_phones:
        values = pc.if_else(pa.array(phones), hashes, values)
    elif phones.any():
        rows = np.flatnonzero(phones)
        found = shapes(values.take(pa.array(rows)))
        faults += (Fault(rows, found, "an id that is no phone number", _PHONE_REMEDY),)
        values = pc.if_else(pa.array(phones), pa.scalar(None, pa.string()), values)
    return Seen(of, hashes, values, plain, namespace, faults)


def whose(people: Sequence[Seen], count: int) -> Person:
    """Return whose each row is: the payer's where there is one, else the buyer's.

    The named identifier is the buyer's; on a gift the recipient's, as the platform names him.
    """
    nothing = pa.nulls(count, pa.string())

    def first(role: str, of: str) -> pa.Array:
        out = nothing
        for each in reversed([each for each in people if each.of.role == role]):
            value = each.of.type if of == "type" else each.values
            out = pc.if_else(each.hashes.is_valid(), value, out)
        return out

    def first_hash(role: str) -> pa.Array:
        return pc.coalesce(nothing, *[each.hashes for each in people if each.of.role == role])

    payer, buyer = first_hash("payer"), first_hash("buyer")
    gift = payer.is_valid()

    def named(of: str) -> pa.Array:
        recipient = pc.if_else(gift, first("recipient", of), nothing)
        other = pc.if_else(first_hash("recipient").is_valid(), recipient, first("payer", of))
        other = pc.if_else(gift, other, nothing)
        return pc.if_else(buyer.is_valid(), first("buyer", of), other)

    return Person(named("type"), named("value"), first("payer", "value"), pc.coalesce(payer, buyer))


def evidence_of(
    people: Sequence[Seen],
    at: pa.Array,
    kept: NDArray[np.bool_],
    linked: NDArray[np.bool_],
    hasher: Hasher,
) -> Evidence:
    """Return the identifiers of the rows that are kept, and the links of those that may link.

    Each identifier of a person is linked with the first one on its row. Payer, buyer and
    recipient are never linked with each other.
    """
    identifiers, links = [], []
    for each in people:
        there = np.flatnonzero(kept & _valid(each.hashes))
        if not len(there):
            continue
        rows = pa.array(there)
        plain = each.plain.take(rows)
        space = None if each.namespace is None else each.namespace.take(rows)
        named = pa.nulls(len(there), pa.string()) if space is None else space
        kind = pa.repeat(pa.scalar(each.of.type), len(there))
        identifiers.append(
            pa.table([each.hashes.take(rows), kind, named, at.take(rows), rows], _IDENTIFIERS)
        )
        old, new = hasher.rotations(each.of.type, space, plain)
        if len(old):
            nothing = pa.nulls(len(old), pa.int64())
            kind = pa.repeat(pa.scalar("rotation"), len(old))
            links.append(pa.table([old, new, kind, nothing, nothing], _LINKS))
    for role in ("buyer", "payer", "recipient"):
        links += _links([each for each in people if each.of.role == role], at, kept & linked)
    return Evidence(_united(identifiers, _IDENTIFIERS), _united(links, _LINKS))


def _links(party: Sequence[Seen], at: pa.Array, kept: NDArray[np.bool_]) -> list[pa.Table]:
    if not party:
        return []
    found = []
    first = pc.coalesce(*[each.hashes for each in party])
    for each in party[1:]:
        apart = pc.fill_null(pc.not_equal(each.hashes, first), False)
        rows = pa.array(np.flatnonzero(kept & np.asarray(apart)))
        if not len(rows):
            continue
        a, b = first.take(rows), each.hashes.take(rows)
        a, b = pc.min_element_wise(a, b), pc.max_element_wise(a, b)
        kind = pa.repeat(pa.scalar(each.of.link), len(rows))
        found.append(pa.table([a, b, kind, at.take(rows), rows], _LINKS))
    return found


def _united(tables: list[pa.Table], names: tuple[str, ...]) -> pa.Table:
    types = {"at": pa.int64(), "_row": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    return pa.concat_tables([schema.empty_table(), *(table.cast(schema) for table in tables)])


def _valid(array: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), bool)
