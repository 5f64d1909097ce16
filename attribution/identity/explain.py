"""Why these identifiers are one person, and why others are not."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import DataError
from attribution.identity.log import Placed, evidence_of, placed
from attribution.identity.rules import Rules

if TYPE_CHECKING:
    from attribution.identity.resolve import People

__all__ = ["Candidate", "Evidence", "Explanation", "Member", "Refusal", "explain"]

_DAY = 86_400_000
# How many better steps in a chain of evidence a poor one is worth avoiding.
_SINGLE, _WEAK = 1_000, 1_000_000


@dataclass(frozen=True, order=True)
class Evidence:
    """Two identifiers seen together: how strong that is, how often (at different instants), when.

    Times are UTC epoch ms.
    """

    a: str
    b: str
    kind: str
    times: int
    first_at: int
    last_at: int


@dataclass(frozen=True)
class Member:
    """An identifier of a person.

    Attributes
    ----------
    id_hash, id_type, namespace, status
        As in `identities`.
    first_seen, last_seen
        UTC epoch ms, or None.
    valid_from, valid_to
        When a phone was this person's, UTC epoch ms; None is without bound.
    chain
        The evidence that leads from the person's oldest identifier to this one, step by step;
        empty for the oldest.
    """

    id_hash: str
    id_type: str
    namespace: str | None
    status: str
    first_seen: int | None
    last_seen: int | None
    valid_from: int | None
    valid_to: int | None
    chain: tuple[Evidence, ...]


@dataclass(frozen=True)
class Refusal:
    """Evidence that leads to somebody else and joins nobody; `reason` is a key of `REASONS`."""

    evidence: Evidence
    person_id: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A person who may be the same one; `reason` is a key of `REASONS`."""

    person_id: str
    reason: str


@dataclass(frozen=True)
class Explanation:
    """A person: what he is known by, what joins that, and what does not.

    Attributes
    ----------
    person_id, status, reason
        As in `persons`.
    members
        His identifiers, the oldest first.
    refused
        Evidence that leads out of the person.
    candidates
        Persons on the review list beside him.
    """

    person_id: str
    status: str
    reason: str | None
    members: tuple[Member, ...]
    refused: tuple[Refusal, ...]
    candidates: tuple[Candidate, ...]


def explain(
    people: People,
    links: pa.Table,
    asked: str,
    at: int | None = None,
    rules: Rules | None = None,
) -> Explanation:
    """Explain a person.

    Parameters
    ----------
    people
        What `resolve` found.
    links
        The links it was given.
    asked
        A person_id, also one that has become part of another person since, or an id_hash.
    at
        When, UTC epoch ms: a phone that changed hands is then looked up in that period; by
        default in its last.
    rules
        The rules `resolve` was given.

    Raises
    ------
    DataError
        If nobody is known by that.
    """
    person_id = _person(people, asked, at)
    own = people.identities.filter(pc.equal(people.identities.column("person_id"), person_id))
    hashes = own.column("id_hash").combine_chunks()
    touching = links.filter(
        pc.or_(*(pc.is_in(links.column(end), value_set=hashes) for end in ("a", "b")))
    )
    ends = pa.concat_arrays(
        [touching.column(end).combine_chunks().cast(pa.string()) for end in ("a", "b")] + [hashes]
    )
    nearby = people.identities.filter(
        pc.is_in(people.identities.column("id_hash"), value_set=ends.unique())
    )
    seen = placed(nearby, touching, rules or Rules())
    mine = pc.equal(nearby.column("person_id"), person_id).to_numpy()
    # Put the person's own end first.
    seen = Placed(
        np.where(mine[seen.a], seen.a, seen.b), np.where(mine[seen.a], seen.b, seen.a), *seen[2:]
    )
    inside = mine[seen.a] & mine[seen.b] & (seen.a != seen.b)
    outward = mine[seen.a] & ~mine[seen.b]
    row = people.persons.filter(pc.equal(people.persons.column("person_id"), person_id))
    told = row.to_pylist()[0]
    joining = evidence_of(nearby, _where(seen, inside)).to_pylist()
    return Explanation(
        person_id,
        told["status"],
        told["reason"],
        _members(own, [_evidence(each) for each in joining]),
        _refusals(people, nearby, _where(seen, outward)),
        _candidates(people, person_id),
    )


def _where(seen: Placed, chosen: Any) -> Placed:
    return Placed(*(column[chosen] for column in seen))


def _person(people: People, asked: str, at: int | None) -> str:
    if pc.any(pc.equal(people.persons.column("person_id"), asked), min_count=0).as_py():
        return asked
    identities = people.identities
    hashes = identities.column("id_hash")
    chosen = pc.equal(hashes, asked)
    if asked.startswith("p"):
        # Once a person of his own: what he was named after belongs to somebody now.
        chosen = pc.or_(chosen, pc.ends_with(hashes, f".{asked[1:].partition('.')[0]}"))
    rows = identities.filter(chosen).select(["person_id", "valid_from", "valid_to"]).to_pylist()
    if at is not None:
        rows = [
            each
            for each in rows
            if (each["valid_from"] is None or each["valid_from"] <= at)
            and (each["valid_to"] is None or at < each["valid_to"])
        ]
    if not rows:
        raise DataError(
            "an id nobody is known by",
            'a person_id ("p" and 32 digits) or an id_hash of the table `identities`',
            "Look the id up in `persons` or `identities`; who was forgotten is in neither.",
        )
    last = max(rows, key=lambda each: -1 if each["valid_from"] is None else each["valid_from"])
    return str(last["person_id"])


def _evidence(row: dict[str, Any]) -> Evidence:
    return Evidence(*(row[name] for name in ("a", "b", "kind", "times", "first_at", "last_at")))


def _members(own: pa.Table, joining: list[Evidence]) -> tuple[Member, ...]:
    rows = own.drop_columns("person_id").to_pylist()
    late = 1 << 62

    def age(row: dict[str, Any]) -> tuple[bool, int, str]:
        first = late if row["first_seen"] is None else row["first_seen"]
        return row["valid_from"] is not None, first, row["id_hash"].rpartition(".")[2]

    rows.sort(key=age)
    chains = _chains(rows[0]["id_hash"], joining)
    return tuple(Member(**row, chain=chains.get(row["id_hash"], ())) for row in rows)


def _chains(oldest: str, joining: list[Evidence]) -> dict[str, tuple[Evidence, ...]]:
    """Return the shortest chain of evidence to each identifier, a good one before any other."""
    beside: dict[str, list[Evidence]] = {}
    for each in joining:
        for end in (each.a, each.b):
            beside.setdefault(end, []).append(each)
    chains: dict[str, tuple[Evidence, ...]] = {}
    waiting: list[tuple[int, str, tuple[Evidence, ...]]] = [(0, oldest, ())]
    while waiting:
        far, here, chain = heapq.heappop(waiting)
        if here in chains:
            continue
        chains[here] = chain
        for each in beside.get(here, []):
            there = each.b if each.a == here else each.a
            if there not in chains:
                single = each.kind == "medium" and each.last_at - each.first_at < _DAY
                step = _WEAK if each.kind == "weak" else _SINGLE if single else 1
                heapq.heappush(waiting, (far + step, there, (*chain, each)))
    return chains


def _refusals(people: People, nearby: pa.Table, outward: Placed) -> tuple[Refusal, ...]:
    refused = people.refused
    reasons = {
        (row["a"], row["b"], row["kind"]): row["reason"]
        for row in refused.filter(
            pc.is_in(refused.column("a"), value_set=nearby.column("id_hash").combine_chunks())
        ).to_pylist()
    }
    # The person told for each pair is the other one.
    rows = evidence_of(nearby, outward._replace(a=outward.b, b=outward.a)).to_pylist()
    found = []
    for row in rows:
        default = "weak" if row["kind"] == "weak" else "single"
        a, b, kind = row["a"], row["b"], row["kind"]
        reason = reasons.get((a, b, kind)) or reasons.get((b, a, kind)) or default
        found.append(Refusal(_evidence(row), row["person_id"], reason))
    return tuple(found)


def _candidates(people: People, person_id: str) -> tuple[Candidate, ...]:
    review = people.review
    found = []
    for side, other in (("person_id_a", "person_id_b"), ("person_id_b", "person_id_a")):
        rows = review.filter(pc.equal(review.column(side), person_id))
        found += [Candidate(row[other], row["reason"]) for row in rows.to_pylist()]
    return tuple(sorted(found, key=lambda each: each.person_id))
