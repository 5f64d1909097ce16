"""From evidence to persons: a pure function, so the same evidence always gives the same people.

Nothing here knows of order, of time now, or of an earlier run. Evidence that arrives later may
join persons or take them apart; taking a link away undoes what it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.identity.evidence import (
    EARLY,
    KINDS,
    LATE,
    MEDIUM,
    ROTATION,
    STRONG,
    WEAK,
    Known,
    Links,
    find,
    known,
    read_links,
)
from attribution.identity.periods import Periods, Sightings, periods
from attribution.identity.rules import REASONS, STATUSES, Rules
from attribution.numerics.components import Claims, clashing, components, join
from attribution.numerics.sequences import expand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Codes = NDArray[np.integer]

__all__ = ["People", "Rules", "resolve"]

_ACCOUNT, _PHONE, _DEVICE, _ADDRESSEE = range(4)
_OK, _SHARED, _HUB, _REVIEW = range(4)
_NAMES = tuple(REASONS)
_HUB_REASON, _SHARED_REASON, _LARGE_REASON = map(_NAMES.index, ("hub", "shared", "large"))
_CLUES = ("conflict", "shared", "single", "weak")  # the best reason to look at two persons first


@dataclass(frozen=True)
class People:
    """Who is who.

    Attributes
    ----------
    identities
        One row per identifier and period: id_hash, id_type, namespace, first_seen, last_seen,
        person_id, status, valid_from, valid_to; in the order of the hashes' digits and of time.
        A row dated t with identifier h is the person's of the one row with `id_hash = h`,
        `valid_from` null or <= t, and `valid_to` null or > t. Only a phone that changed hands has
        more than one row. Where t is not known take the row with `valid_to` null.
    persons
        person_id, status, identifiers (how many), first_seen, last_seen, reason.
    refused
        Links of merging strength, or to a hub, that join nobody: a, b, kind, reason.
    review
        Pairs of persons that may be one: person_id_a, person_id_b, reason.

    Notes
    -----
    `status` is one of `STATUSES` (an identity is never "review"), `reason` one of `REASONS`.
    A person_id is "p" and the digits of the oldest identifier, so of two persons that become one
    the elder's id stays. A person who has nothing but a later period of a phone has that
    period's start behind a dot.
    """

    identities: pa.Table
    persons: pa.Table
    refused: pa.Table
    review: pa.Table


class _Pairs(NamedTuple):
    """Distinct pairs of nodes with evidence of one kind, and when it was seen; arrays of (k,)."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def where(self, chosen: Mask | NDArray[np.int64]) -> _Pairs:
        return _Pairs(*(column[chosen] for column in self))

    def of(self, labels: Codes) -> _Pairs:
        """Return the pairs of what the nodes have become part of, without those inside one."""
        a, b = labels[self.a], labels[self.b]
        apart = a != b
        return _paired(a[apart], b[apart], self.first[apart], self.last[apart])

    def touching(self, nodes: Mask) -> _Pairs:
        """Return the pairs with an end among the nodes of a mask."""
        return self.where(nodes[self.a] | nodes[self.b])

    def sparing(self, nodes: Mask) -> _Pairs:
        """Return the pairs without an end among the nodes of a mask."""
        return self.where(~nodes[self.a] & ~nodes[self.b])

    @property
    def merit(self) -> tuple[NDArray[np.int64], ...]:
        """The evidence seen over the longest time comes first, then the oldest."""
        return self.first - self.last, self.first, self.a, self.b


class _Refusal(NamedTuple):
    """Pairs that join nobody: their kind of evidence, and why."""

    pairs: _Pairs
    kind: int
    reason: str


class _Nodes(NamedTuple):
    """What is joined: identifiers, and behind them the later periods of phones.

    Attributes
    ----------
    role, group
        (n,) account, phone, device or addressee; code of id type and namespace.
    claims
        What no two nodes of one person may both hold.
    splits
        (k, 2) pairs of nodes the rules keep apart, the smaller first.
    """

    role: NDArray[np.int8]
    group: NDArray[np.int64]
    claims: Claims
    splits: NDArray[np.int64]

    @property
    def size(self) -> int:
        return len(self.role)

    def is_account(self, nodes: Codes) -> Mask:
        return np.asarray(self.role[nodes] == _ACCOUNT)

    def with_later(self, later: Periods) -> _Nodes:
        """Return the same with a node for each later period of a phone."""
        if not len(later.phone):
            return self
        new = self.size + np.arange(len(later.phone))
        handed = self.claims.handed(self.size, later.phone, new)
        both = zip(self.claims, handed, strict=True)
        return _Nodes(
            np.append(self.role, self.role[later.phone]),
            np.append(self.group, self.group[later.phone]),
            Claims(*(np.append(old, more) for old, more in both)),
            self.splits,
        )


def resolve(
    identifiers: pa.Table, links: pa.Table | Iterable[pa.RecordBatch], rules: Rules | None = None
) -> People:
    """Find the persons behind identifiers.

    1. Identifiers under several keys are one.
    2. Strong evidence joins accounts with each other. Each of those groups has one account of an
       id type and namespace at most.
    3. A phone that passed from one such group to another is one identifier per period.
    4. A phone, device or addressee seen with too many accounts joins nobody: status "hub".
    5. Strong evidence joins phones and devices to accounts, unless their accounts cannot be one
       person: then they join nobody, status "shared".
    6. Medium evidence joins what it was seen to join at least twice, `independent` apart; between
       groups, whichever of their identifiers it names. It does not where a phone's accounts, even
       those seen once, cannot be one person.
    7. Weak evidence never joins.
    8. Where a chain of joins would still bring together two accounts that cannot be one person,
       the evidence seen over the longest time is taken first and what then clashes is left out.

    Parameters
    ----------
    identifiers
        id_hash, id_type, namespace, first_seen, last_seen (UTC epoch ms).
    links
        a, b (id_hash), kind (strong, medium, weak, rotation), at (UTC epoch ms): a table, or
        record batches, which need less memory.
    rules
        The rules; by default those of `Rules`.

    Returns
    -------
    People
        The same for the same evidence in any order, however often a row is repeated.

    Raises
    ------
    DataError
        If a hash or a kind is malformed.
    """
    rules = rules or Rules()
    found = known(identifiers)
    seen = read_links(found, links)
    unknown = seen.unknown
    thing, seen = _things(found, seen)
    nodes = _nodes(found, thing, rules)
    seen, refused = _without_split(seen, nodes)

    tight = _of_kind(seen, STRONG)
    tight = tight.where(nodes.is_account(tight.a) & nodes.is_account(tight.b))
    tied = join(nodes.size, tight.a, tight.b, nodes.claims, tight.merit)
    refused.append(_Refusal(tight.where(~tied.kept), STRONG, "conflict"))

    later, seen = _in_periods(nodes, seen, tied.labels, rules)
    nodes = nodes.with_later(later)
    new = tied.labels.max(initial=-1) + 1 + np.arange(len(later.phone))
    strong, medium, weak = (_of_kind(seen, kind) for kind in (STRONG, MEDIUM, WEAK))
    del seen, tight
    joined = _joined(nodes, np.append(tied.labels, new), (strong, medium, weak), rules)
    refused += joined.refused
    review = _review(nodes, joined)
    return _people(identifiers, found, thing, later, joined, refused, review, unknown, rules)


class _Joined(NamedTuple):
    """Which person each node is of, (n,), its status, and the links that joined nobody."""

    person: NDArray[np.int64]
    status: NDArray[np.int8]
    refused: list[_Refusal]
    weak: _Pairs
    medium: _Pairs


def _joined(
    nodes: _Nodes,
    labels: NDArray[np.int64],
    evidence: tuple[_Pairs, _Pairs, _Pairs],
    rules: Rules,
) -> _Joined:
    """Join what strong evidence between accounts left apart; steps 4 to 8 of `resolve`."""
    strong, medium, weak = evidence
    refused = []
    hub = _hubs(nodes, evidence, rules)
    for kind, pairs in ((STRONG, strong), (MEDIUM, medium)):
        refused.append(_Refusal(pairs.touching(hub), kind, "hub"))
    strong, medium, weak = (pairs.sparing(hub) for pairs in evidence)

    claims = nodes.claims.of(labels)
    shared = _torn(nodes, _beside(strong, nodes), labels, claims)
    refused.append(_Refusal(strong.touching(shared), STRONG, "shared"))
    strong = strong.sparing(shared)
    loose = strong.where(~(nodes.is_account(strong.a) & nodes.is_account(strong.b)))
    joined = join(_count(labels), labels[loose.a], labels[loose.b], claims, loose.merit)
    refused.append(_Refusal(loose.where(~joined.kept), STRONG, "conflict"))
    labels = joined.labels[labels]

    claims = nodes.claims.of(labels)
    node, other = _beside(medium, nodes)
    met = np.zeros(nodes.size, bool)
    met[node] = True
    own = np.flatnonzero(met)
    torn = _torn(nodes, (np.append(node, own), np.append(other, own)), labels, claims) | shared
    refused.append(_Refusal(medium.touching(torn), MEDIUM, "shared"))
    medium = medium.sparing(torn)
    groups = medium.of(labels)
    groups = groups.where(groups.last - groups.first >= rules.milliseconds.independent)
    joined = join(_count(labels), groups.a, groups.b, claims, groups.merit)
    clashed = _between(medium, labels, groups.where(~joined.kept))
    refused.append(_Refusal(medium.where(clashed), MEDIUM, "conflict"))
    person = joined.labels[labels]

    alone = np.bincount(person)[person] == 1
    status = np.where(hub, _HUB, np.where(torn & alone, _SHARED, _OK)).astype(np.int8)
    return _Joined(person, status, refused, weak, medium.where(~clashed))


# ---------------------------------------------------------------------- nodes


def _things(found: Known, seen: Links) -> tuple[NDArray[np.int32], Links]:
    """Return the node of each identifier: hashes of one value under several keys share one."""
    rotated = seen.kind == ROTATION
    labels = components(len(found.high), seen.a[rotated], seen.b[rotated]).astype(np.int32)
    if not rotated.any():
        return labels, seen
    seen = seen.where(~rotated)
    return labels, seen._replace(a=labels[seen.a], b=labels[seen.b])


def _nodes(found: Known, thing: NDArray[np.int32], rules: Rules) -> _Nodes:
    """Return what each node is, and what it claims."""
    roles = np.zeros(len(found.id_types) + 1, np.int8)
    for code, name in enumerate(found.id_types):
        if name in rules.phone_types:
            roles[code] = _PHONE
        elif name in rules.device_types:
            roles[code] = _DEVICE
        elif name in rules.addressee_types:
            roles[code] = _ADDRESSEE
    size = _count(thing)
    kind, group = np.zeros(size, np.int32), np.zeros(size, np.int64)
    kind[thing[::-1]], group[thing[::-1]] = found.kind[::-1], found.group[::-1]
    role = roles[kind]

    splits = np.zeros((0, 2), np.int64)
    if rules.split and size:
        hashes = pa.array([each for pair in rules.split for each in pair], pa.string())
        places = find(found, hashes).reshape(-1, 2)
        splits = thing[places[(places >= 0).all(axis=1)]].astype(np.int64)
        splits = np.unique(np.sort(splits[splits[:, 0] != splits[:, 1]], axis=1), axis=0)
    # One account of an id type and namespace; one side of each pair that is kept apart.
    accounts, ends = np.flatnonzero(role == _ACCOUNT), splits.ravel()
    extra = np.repeat(np.arange(len(splits)), 2) + _count(group)
    owner = np.append(accounts, ends)
    return _Nodes(role, group, Claims(owner, np.append(group[accounts], extra), owner), splits)


def _without_split(seen: Links, nodes: _Nodes) -> tuple[Links, list[_Refusal]]:
    """Leave out links inside one node, and those the rules forbid."""
    apart = np.zeros(len(seen.a), bool)
    if len(nodes.splits):
        low, high = np.minimum(seen.a, seen.b).astype(np.int64), np.maximum(seen.a, seen.b)
        forbidden = nodes.splits[:, 0] * nodes.size + nodes.splits[:, 1]
        apart = np.isin(low * nodes.size + high, forbidden)
    refused = [
        _Refusal(_of_kind(seen.where(apart), kind), kind, "split") for kind in (STRONG, MEDIUM)
    ]
    return seen.where(~apart & (seen.a != seen.b)), refused


def _in_periods(
    nodes: _Nodes, seen: Links, labels: NDArray[np.int64], rules: Rules
) -> tuple[Periods, Links]:
    """Find phones that changed hands; their links go to the period they were seen in."""
    recycled, expiry, _ = rules.milliseconds
    merging = seen.kind <= MEDIUM
    first, last = np.full(nodes.size, LATE), np.full(nodes.size, EARLY)
    for ends in (seen.a, seen.b):
        np.minimum.at(first, ends[merging], seen.at[merging])
        np.maximum.at(last, ends[merging], seen.at[merging])
    long = (nodes.role == _PHONE) & (last > EARLY)
    long[long] = (last[long] - first[long]) > min(recycled, expiry)
    del first, last
    rows = [np.flatnonzero(merging & long[ends]) for ends in (seen.a, seen.b)]
    later = periods(
        Sightings(
            np.append(seen.a[rows[0]], seen.b[rows[1]]),
            np.append(labels[seen.b[rows[0]]], labels[seen.a[rows[1]]]),
            np.append(seen.at[rows[0]], seen.at[rows[1]]),
            np.append(seen.kind[rows[0]], seen.kind[rows[1]]) == STRONG,
        ),
        nodes.claims.of(labels),
        recycled=recycled,
        expiry=expiry,
    )
    if not len(later.phone):
        return later, seen
    changed = np.zeros(nodes.size, bool)
    changed[later.phone] = True
    return later, seen._replace(
        a=_at_time(seen.a, seen.at, changed, later), b=_at_time(seen.b, seen.at, changed, later)
    )


def _at_time(
    ends: NDArray[np.int32], at: NDArray[np.int64], changed: Mask, later: Periods
) -> NDArray[np.int32]:
    """Return the node of each end at that time."""
    rows = np.flatnonzero(changed[ends])
    old, now = ends[rows], ends[rows].copy()
    for turn in range(1, int(later.turn.max()) + 1):
        chosen = np.flatnonzero(later.turn == turn)
        start = np.full(len(changed), LATE)
        node = np.zeros(len(changed), np.int32)
        start[later.phone[chosen]] = later.start[chosen]
        node[later.phone[chosen]] = len(changed) + chosen
        reached = at[rows] >= start[old]
        now[reached] = node[old[reached]]
    ends = ends.copy()
    ends[rows] = now
    return ends


# ---------------------------------------------------------------------- links


def _count(labels: Codes) -> int:
    return int(labels.max(initial=-1)) + 1


def _paired(a: Codes, b: Codes, first: NDArray[np.int64], last: NDArray[np.int64]) -> _Pairs:
    """Return distinct pairs, the smaller node first, in their order."""
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    size = int(high.max(initial=0)) + 1
    key = low * size + high
    del low, high
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    if not len(starts):
        return _Pairs(*np.zeros((4, 0), np.int64))
    low, high = np.divmod(key[starts], size)
    return _Pairs(
        low,
        high,
        np.minimum.reduceat(first[order], starts),
        np.maximum.reduceat(last[order], starts),
    )


def _of_kind(seen: Links, kind: int) -> _Pairs:
    """Return the pairs that one kind of evidence speaks of."""
    chosen = seen.kind == kind
    at = seen.at[chosen]
    return _paired(seen.a[chosen], seen.b[chosen], at, at)


def _beside(pairs: _Pairs, nodes: _Nodes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each phone, device or addressee of the pairs, and what it was seen beside."""
    left, right = ~nodes.is_account(pairs.a), ~nodes.is_account(pairs.b)
    return (
        np.append(pairs.a[left], pairs.b[right]),
        np.append(pairs.b[left], pairs.a[right]),
    )


def _hubs(nodes: _Nodes, evidence: tuple[_Pairs, ...], rules: Rules) -> Mask:
    """Return which nodes were seen with too many accounts of one id type and namespace."""
    most = np.array([0, rules.phone_buyers_per_platform, rules.device, rules.addressee])
    rows = []
    for pairs in evidence:
        node, other = _beside(pairs, nodes)
        account = nodes.is_account(other)
        rows.append(np.stack([node[account], other[account]]))
    node, other = np.concatenate(rows, axis=1)
    del rows
    many = (np.bincount(node, minlength=nodes.size) > most[nodes.role])[node]
    node, other = np.divmod(np.unique(node[many] * nodes.size + other[many]), nodes.size)
    groups = max(_count(nodes.group), 1)
    held, times = np.unique(node * groups + nodes.group[other], return_counts=True)
    node = held // groups
    hub = np.zeros(nodes.size, bool)
    hub[node[times > most[nodes.role[node]]]] = True
    return hub


def _torn(
    nodes: _Nodes,
    beside: tuple[NDArray[np.int64], NDArray[np.int64]],
    labels: NDArray[np.int64],
    claims: Claims,
) -> Mask:
    """Return which nodes, (n,), were seen beside groups that cannot be one person."""
    node, other = beside
    several = (np.bincount(node, minlength=nodes.size) > 1)[node]
    held = claims.handed(_count(labels), labels[other[several]], node[several])
    return clashing(nodes.size, held)


def _between(pairs: _Pairs, labels: NDArray[np.int64], groups: _Pairs) -> Mask:
    """Return which pairs are between two groups that are a pair themselves."""
    a, b = labels[pairs.a], labels[pairs.b]
    size = _count(labels)
    key = np.minimum(a, b) * size + np.maximum(a, b)
    return np.isin(key, groups.a * size + groups.b)


# ---------------------------------------------------------------------- tables


def _review(nodes: _Nodes, joined: _Joined) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of persons that may be one, (2, k), and codes of the reason, (k,).

    Persons who were seen with one identifier that is nobody's are each paired with one of them.
    """
    clues = [
        (each.pairs, each.reason)
        for each in joined.refused
        if each.reason in {"conflict", "shared"}
    ]
    clues += [(joined.medium, "single"), (joined.weak, "weak")]
    reason = np.concatenate(
        [np.full(len(pairs.a), _CLUES.index(name), np.int64) for pairs, name in clues]
    )
    a = joined.person[np.concatenate([pairs.a for pairs, _ in clues])]
    b = joined.person[np.concatenate([pairs.b for pairs, _ in clues])]
    size = _count(joined.person)
    somebody = np.zeros(size, bool)
    somebody[joined.person[nodes.role == _ACCOUNT]] = True
    direct = somebody[a] & somebody[b] & (a != b)
    single = somebody[a] != somebody[b]
    via = np.where(somebody[a], b, a)[single]
    who, why = np.where(somebody[a], a, b)[single], reason[single]
    star = np.full(size, size)
    np.minimum.at(star, via, who)
    doubt = np.full(size, len(_CLUES))
    is_star = who == star[via]
    np.minimum.at(doubt, via[is_star], why[is_star])
    low = np.append(np.minimum(a, b)[direct], star[via])
    high = np.append(np.maximum(a, b)[direct], who)
    reason = np.append(reason[direct], np.maximum(why, doubt[via]))
    apart = low != high
    # Of several reasons the best one is told.
    order = np.sort((low[apart] * size + high[apart]) * len(_CLUES) + reason[apart])
    pair, reason = np.divmod(order, len(_CLUES))
    best = np.diff(pair, prepend=-1) != 0
    return np.stack(np.divmod(pair[best], max(size, 1))), reason[best]


class _Rows(NamedTuple):
    """Rows of `identities`: an identifier in a period; arrays of (r,)."""

    code: NDArray[np.int64]
    node: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def _rows(found: Known, thing: NDArray[np.int32], later: Periods) -> _Rows:
    count, size = len(thing), _count(thing)
    node = thing.astype(np.int64)
    nothing = np.full(count, LATE)
    rows = _Rows(np.arange(count), node, found.first, found.last, nothing, nothing)
    if not len(later.phone):
        return rows
    hashes = np.flatnonzero(np.isin(node, later.phone))
    # Each period of a phone stands once for every hash of it.
    hashes = hashes[np.argsort(node[hashes], kind="stable")]
    start = np.searchsorted(node[hashes], later.phone)
    times = np.searchsorted(node[hashes], later.phone, side="right") - start
    code = hashes[expand(start, times)]
    period = np.repeat(np.arange(len(later.phone)), times)
    order = np.lexsort((np.append(np.zeros(count), later.turn[period]), np.append(rows.code, code)))
    code = np.append(rows.code, code)[order]
    node = np.append(node, size + period)[order]
    begins = np.append(nothing, later.start[period])[order]
    before = np.append(nothing, later.before[period])[order]
    follows = np.append(begins[1:], LATE)
    splits = np.append(code[1:] == code[:-1], False)
    return _Rows(
        code,
        node,
        np.where(begins == LATE, found.first[code], begins),
        np.where(splits, np.append(before[1:], LATE), found.last[code]),
        begins,
        np.where(splits, follows, LATE),
    )


def _people(
    identifiers: pa.Table,
    found: Known,
    thing: NDArray[np.int32],
    later: Periods,
    joined: _Joined,
    refused: list[_Refusal],
    review: tuple[NDArray[np.int64], NDArray[np.int64]],
    unknown: pa.Table,
    rules: Rules,
) -> People:
    rows = _rows(found, thing, later)
    person = joined.person[rows.node]
    size = _count(joined.person)
    named, tail = _oldest(rows, person, size)
    count = np.bincount(person, minlength=size)
    status = np.zeros(size, np.int8)
    np.maximum.at(status, joined.person, joined.status)
    reason = np.where(status == _OK, -1, np.where(status == _HUB, _HUB_REASON, _SHARED_REASON))
    large = count > rules.component
    status[large], reason[large] = _REVIEW, _LARGE_REASON
    first, last = np.full(size, LATE), np.full(size, EARLY)
    np.minimum.at(first, person, rows.first)
    np.maximum.at(last, person, rows.last)

    in_order = np.array_equal(found.row[rows.code], np.arange(identifiers.num_rows))
    own = identifiers.select(["id_hash", "id_type", "namespace"])
    own = own if in_order else own.take(pa.array(found.row[rows.code]))
    identities = pa.table(
        {
            **dict(zip(own.column_names, map(_plain, own.columns), strict=True)),
            "first_seen": _known_time(rows.first),
            "last_seen": _known_time(rows.last),
            "person_id": found.names(named[person], tail[person]),
            "status": _words(joined.status[rows.node], STATUSES),
            "valid_from": _known_time(rows.start),
            "valid_to": _known_time(rows.end),
        }
    )
    persons = pa.table(
        {
            "person_id": found.names(named, tail),
            "status": _words(status, STATUSES),
            "identifiers": pa.array(count),
            "first_seen": _known_time(first),
            "last_seen": _known_time(last),
            "reason": _words(reason, tuple(REASONS)),
        }
    )
    pairs, why = review
    return People(
        identities,
        persons,
        _refusals(identifiers, found, thing, later, refused, unknown),
        pa.table(
            {
                "person_id_a": found.names(named[pairs[0]], tail[pairs[0]]),
                "person_id_b": found.names(named[pairs[1]], tail[pairs[1]]),
                "reason": _words(why, _CLUES),
            }
        ),
    )


def _oldest(
    rows: _Rows, person: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the identifier each person is named after, and the start of its period or LATE.

    A later period gives its name only where there is nothing else: the first period's is taken.
    """
    named, tail = np.full(size, LATE), np.full(size, LATE)
    for chosen in (rows.start == LATE, rows.start != LATE):
        open_ = chosen & (named[person] == LATE)
        who, code, first = person[open_], rows.code[open_], rows.first[open_]
        earliest = np.full(size, LATE)
        np.minimum.at(earliest, who, first)
        oldest = first == earliest[who]
        np.minimum.at(named, who[oldest], code[oldest])
        mine = np.flatnonzero(open_ & (rows.code == named[person]))[::-1]  # the first one stays
        tail[person[mine]] = rows.start[mine]
    return named, tail


def _refusals(
    identifiers: pa.Table,
    found: Known,
    thing: NDArray[np.int32],
    later: Periods,
    refused: list[_Refusal],
    unknown: pa.Table,
) -> pa.Table:
    """Return the links that join nobody, each once, by the hashes of their ends."""
    # A node is shown by the first of its hashes.
    shown = np.zeros(_count(thing), np.int64)
    shown[thing[::-1]] = np.arange(len(thing))[::-1]
    shown = np.append(shown, shown[later.phone])
    a = shown[np.concatenate([each.pairs.a for each in refused])]
    b = shown[np.concatenate([each.pairs.b for each in refused])]
    a, b = np.minimum(a, b), np.maximum(a, b)
    sizes = [len(each.pairs.a) for each in refused]
    kind = np.repeat([each.kind for each in refused], sizes)
    reason = np.repeat([_NAMES.index(each.reason) for each in refused], sizes)
    a, b, kind, reason = np.unique(np.stack([a, b, kind, reason]), axis=1)
    hashes = identifiers.column("id_hash")
    lost = (
        unknown.group_by(unknown.column_names)
        .aggregate([])
        .sort_by([(name, "ascending") for name in unknown.column_names])
    )
    return pa.concat_tables(
        [
            pa.table(
                {
                    "a": _plain(hashes.take(pa.array(found.row[a]))),
                    "b": _plain(hashes.take(pa.array(found.row[b]))),
                    "kind": _words(kind, KINDS),
                    "reason": _words(reason, _NAMES),
                }
            ),
            lost.append_column("reason", pa.array(["unknown"] * lost.num_rows, pa.string())),
        ]
    )


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if column.type == pa.string() else column.cast(pa.string())


def _words(codes: Codes, words: tuple[str, ...]) -> pa.Array:
    """Return the word of each code, null for -1."""
    indices = pa.array(codes.astype(np.int8), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words)).cast(pa.string())


def _known_time(times: NDArray[np.int64]) -> pa.Array:
    return pa.array(times, mask=(times == LATE) | (times == EARLY))
