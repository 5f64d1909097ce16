"""Which evidence joined which identifiers: read off the people and the links they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.identity.evidence import EARLY, KINDS, WEAK, find, known, read_links
from attribution.identity.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Placed", "evidence_of", "merge_log", "placed"]

_ORDER = [("person_id", "ascending"), ("a", "ascending"), ("b", "ascending"), ("kind", "ascending")]


class Placed(NamedTuple):
    """Links between rows of `identities`; arrays of (m,).

    Attributes
    ----------
    a, b
        The row of each end at the link's time.
    kind
        Code into `KINDS`.
    at
        UTC epoch ms.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    kind: NDArray[np.int8]
    at: NDArray[np.int64]


def merge_log(
    identities: pa.Table, links: pa.Table | Iterable[pa.RecordBatch], rules: Rules | None = None
) -> pa.Table:
    """Return the evidence that holds each person together.

    Parameters
    ----------
    identities
        Those of `resolve`.
    links
        The links `resolve` was given.
    rules
        The rules it was given.

    Returns
    -------
    pa.Table
        person_id, a, b (id_hash), kind (strong, medium, rotation; weak for his devices), times
        (how often it was seen, at different instants), first_at, last_at; sorted. To undo one of
        these joins put its pair into `Rules.split`.
    """
    rules = rules or Rules()
    found = placed(identities, links, rules)
    person = identities.column("person_id").combine_chunks()
    codes = pc.dictionary_encode(person).indices.to_numpy(zero_copy_only=False)
    inside = (codes[found.a] == codes[found.b]) & (found.a != found.b)
    # Of weak evidence only that of a device with what is none has made it his.
    types = pa.array(rules.device_types, pa.string())
    device = pc.is_in(identities.column("id_type"), value_set=types).to_numpy()
    inside &= (found.kind != WEAK) | (device[found.a] != device[found.b])
    return evidence_of(identities, Placed(*(column[inside] for column in found)))


def evidence_of(identities: pa.Table, found: Placed) -> pa.Table:
    """Return placed links as pairs: see `merge_log`; the person is that of the first end."""
    hashes = identities.column("id_hash")
    a, b = hashes.take(pa.array(found.a)), hashes.take(pa.array(found.b))
    swap = pc.greater(a, b)
    rows = pa.table(
        {
            "person_id": identities.column("person_id").take(pa.array(found.a)),
            "a": pc.if_else(swap, b, a),
            "b": pc.if_else(swap, a, b),
            "kind": pa.array(KINDS).take(pa.array(found.kind)),
            "at": pa.array(found.at),
        }
    )
    grouped = rows.group_by(["person_id", "a", "b", "kind"]).aggregate(
        [("at", "count_distinct"), ("at", "min"), ("at", "max")]
    )
    names = ["person_id", "a", "b", "kind", "times", "first_at", "last_at"]
    return grouped.rename_columns(names).sort_by(_ORDER)


def placed(
    identities: pa.Table, links: pa.Table | Iterable[pa.RecordBatch], rules: Rules
) -> Placed:
    """Return the links between rows of `identities`, each end in the period of its time."""
    everything = known(identities)
    seen = read_links(everything, links, rules.device_types)
    code = find(everything, identities.column("id_hash"))
    start = pc.fill_null(identities.column("valid_from"), int(EARLY)).to_numpy()
    order = np.lexsort((start, code))
    code, start = code[order], start[order]
    head = np.searchsorted(code, np.arange(len(everything.high)))
    most = int(np.bincount(code).max(initial=1))
    ends = []
    for end in (seen.a, seen.b):
        place = head[end].astype(np.int64)
        for _ in range(1, most):
            after = np.minimum(place + 1, len(code) - 1)
            place = np.where((code[after] == end) & (start[after] <= seen.at), after, place)
        ends.append(order[place])
    return Placed(ends[0], ends[1], seen.kind, seen.at)
