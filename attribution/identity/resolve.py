"""From evidence to persons: a pure function, so the same evidence always gives the same people.

Nothing here knows of order, of time now, or of an earlier run. Evidence that arrives later may
join persons or take them apart; taking a link away undoes what it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.identity.evidence import (
    EARLY,
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
from attribution.identity.graph import (
    ACCOUNT,
    ADDRESSEE,
    DEVICE,
    PHONE,
    Nodes,
    Pairs,
    beside,
    between,
    count,
    find_hubs,
    find_torn,
    of_kind,
)
from attribution.identity.people import (
    CLUES,
    HUB,
    OK,
    SHARED,
    Joined,
    Outcome,
    People,
    Refusal,
    people,
)
from attribution.identity.periods import Periods, Sightings, periods
from attribution.identity.rules import Rules
from attribution.numerics.components import Claims, components, join

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Codes = NDArray[np.integer]

__all__ = ["People", "Rules", "resolve"]


def resolve(
    identifiers: pa.Table, links: pa.Table | Iterable[pa.RecordBatch], rules: Rules | None = None
) -> People:
    """Find the persons behind identifiers.

    1. Identifiers under several keys are one.
    2. Strong evidence joins accounts with each other. Each of those groups has one account of an
       id type and namespace at most.
    3. A phone that passed from one such group to another is one identifier per period. So is one
       that was not seen for longer than `expiry`, alone or beside anybody.
    4. A phone, device or addressee seen with too many accounts joins nobody: status "hub".
    5. Strong evidence joins phones to accounts, unless their accounts cannot be one
       person: then they join nobody, status "shared".
    6. Medium evidence joins what it was seen to join at least twice, `independent` apart; between
       groups, whichever of their identifiers it names. It does not where a phone's accounts, even
       those seen once, cannot be one person.
    7. Weak evidence joins no two persons, and evidence of a device is weak. A device seen beside
       accounts and phones of one person only is his: who logged in on a browser visited on it
       before. Seen beside several it is nobody's. What it was seen beside other devices or
       addressees does not count.
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
    seen = read_links(found, links, rules.device_types)
    unknown = seen.unknown
    thing, seen = _things(found, seen)
    nodes = _nodes(found, thing, rules)
    seen, refused = _without_split(seen, nodes)

    tight = of_kind(seen, STRONG)
    tight = tight.where(nodes.is_account(tight.a) & nodes.is_account(tight.b))
    tied = join(nodes.size, tight.a, tight.b, nodes.claims, tight.merit)
    refused.append(Refusal(tight.where(~tied.kept), STRONG, "conflict"))

    later, seen = _in_periods(found, thing, nodes, seen, tied.labels, rules)
    nodes = nodes.with_later(later)
    new = tied.labels.max(initial=-1) + 1 + np.arange(len(later.phone))
    strong, medium, weak = (of_kind(seen, kind) for kind in (STRONG, MEDIUM, WEAK))
    labels = np.append(tied.labels, new)
    del seen, tight, tied
    persons = _joined(nodes, labels, (strong, medium, weak), rules)
    del strong, medium, weak, labels
    outcome = Outcome(refused + persons.refused, unknown, *_review(nodes, persons))
    joined = Joined(thing, later, persons.person.astype(np.int32), persons.status)
    del nodes, persons
    return people(identifiers, found, joined, outcome, rules.component)


class _Persons(NamedTuple):
    """Which person each node is of, (n,), its status, and the links that joined nobody."""

    person: NDArray[np.int64]
    status: NDArray[np.int8]
    refused: list[Refusal]
    weak: Pairs
    medium: Pairs


def _joined(
    nodes: Nodes,
    labels: NDArray[np.int64],
    evidence: tuple[Pairs, Pairs, Pairs],
    rules: Rules,
) -> _Persons:
    """Join what strong evidence between accounts left apart; steps 4 to 8 of `resolve`."""
    strong, medium, weak = evidence
    refused = []
    hub = find_hubs(nodes, evidence, rules)
    for kind, pairs in ((STRONG, strong), (MEDIUM, medium)):
        refused.append(Refusal(pairs.touching(hub), kind, "hub"))
    strong, medium, weak = (pairs.sparing(hub) for pairs in evidence)

    claims = nodes.claims.of(labels)
    shared = find_torn(nodes, beside(strong, nodes), labels, claims)
    refused.append(Refusal(strong.touching(shared), STRONG, "shared"))
    strong = strong.sparing(shared)
    loose = strong.where(~(nodes.is_account(strong.a) & nodes.is_account(strong.b)))
    joined = join(count(labels), labels[loose.a], labels[loose.b], claims, loose.merit)
    refused.append(Refusal(loose.where(~joined.kept), STRONG, "conflict"))
    labels = joined.labels[labels]

    claims = nodes.claims.of(labels)
    node, other = beside(medium, nodes)
    met = np.zeros(nodes.size, bool)
    met[node] = True
    own = np.flatnonzero(met)
    torn = find_torn(nodes, (np.append(node, own), np.append(other, own)), labels, claims) | shared
    refused.append(Refusal(medium.touching(torn), MEDIUM, "shared"))
    medium = medium.sparing(torn)
    groups = medium.of(labels)
    groups = groups.where(groups.last - groups.first >= rules.milliseconds.independent)
    joined = join(count(labels), groups.a, groups.b, claims, groups.merit)
    clashed = between(medium, labels, groups.where(~joined.kept))
    refused.append(Refusal(medium.where(clashed), MEDIUM, "conflict"))
    person = joined.labels[labels]

    shared = torn & (np.bincount(person)[person] == 1)
    person, torn = _with_devices(nodes, weak, person, shared)
    status = np.where(hub, HUB, np.where(torn, SHARED, OK)).astype(np.int8)
    return _Persons(person, status, refused, weak, medium.where(~clashed))


def _with_devices(
    nodes: Nodes, weak: Pairs, person: NDArray[np.int64], shared: Mask
) -> tuple[NDArray[np.int64], Mask]:
    """Give devices seen beside one person only to him; return persons and what is shared."""
    node, other = beside(weak, nodes)
    met = (nodes.role[node] == DEVICE) & (nodes.role[other] <= PHONE)
    node, other = node[met], other[met]
    low, high = _range(nodes.size, ((node, person[other]),))
    # A phone that is nobody's names nobody.
    low[node[shared[other]]] = EARLY
    his = (low == high)[node]
    claims = nodes.claims.of(person)
    torn = shared | find_torn(nodes, (node, other), person, claims)
    a, b = node[his], other[his]
    joined = join(count(person), person[a], person[b], claims, (a, b))
    return joined.labels[person], torn


# ---------------------------------------------------------------------- nodes


def _things(found: Known, seen: Links) -> tuple[NDArray[np.int32], Links]:
    """Return the node of each identifier: hashes of one value under several keys share one."""
    rotated = seen.kind == ROTATION
    labels = components(len(found.high), seen.a[rotated], seen.b[rotated]).astype(np.int32)
    if not rotated.any():
        return labels, seen
    seen = seen.where(~rotated)
    return labels, seen._replace(a=labels[seen.a], b=labels[seen.b])


def _nodes(found: Known, thing: NDArray[np.int32], rules: Rules) -> Nodes:
    """Return what each node is, and what it claims."""
    roles = np.zeros(len(found.id_types), np.int8)
    for code, name in enumerate(found.id_types):
        if name in rules.phone_types:
            roles[code] = PHONE
        elif name in rules.device_types:
            roles[code] = DEVICE
        elif name in rules.addressee_types:
            roles[code] = ADDRESSEE
    size = count(thing)
    group = np.zeros(size, np.int32)
    group[thing[::-1]] = found.group[::-1]
    role = roles[group // found.spaces]

    splits = np.zeros((0, 2), np.int64)
    if rules.split and size:
        hashes = pa.array([each for pair in rules.split for each in pair], pa.string())
        places = find(found, hashes).reshape(-1, 2)
        splits = thing[places[(places >= 0).all(axis=1)]].astype(np.int64)
        splits = np.unique(np.sort(splits[splits[:, 0] != splits[:, 1]], axis=1), axis=0)
    # One account of an id type and namespace; one side of each pair that is kept apart.
    accounts, ends = np.flatnonzero(role == ACCOUNT), splits.ravel()
    extra = np.repeat(np.arange(len(splits)), 2) + count(group)
    owner = np.append(accounts, ends)
    return Nodes(role, group, Claims(owner, np.append(group[accounts], extra), owner), splits)


def _without_split(seen: Links, nodes: Nodes) -> tuple[Links, list[Refusal]]:
    """Leave out links inside one node, and those the rules forbid."""
    apart = np.zeros(len(seen.a), bool)
    if len(nodes.splits):
        low, high = np.minimum(seen.a, seen.b).astype(np.int64), np.maximum(seen.a, seen.b)
        forbidden = nodes.splits[:, 0] * nodes.size + nodes.splits[:, 1]
        apart = np.isin(low * nodes.size + high, forbidden)
    refused = [
        Refusal(of_kind(seen.where(apart), kind), kind, "split") for kind in (STRONG, MEDIUM)
    ]
    return seen.where(~apart & (seen.a != seen.b)), refused


def _in_periods(
    found: Known,
    thing: NDArray[np.int32],
    nodes: Nodes,
    seen: Links,
    labels: NDArray[np.int64],
    rules: Rules,
) -> tuple[Periods, Links]:
    """Find phones that changed hands; their links go to the period they were seen in."""
    recycled, expiry, _ = rules.milliseconds
    merging = np.flatnonzero(seen.kind <= MEDIUM)
    a, b, at = seen.a[merging], seen.b[merging], seen.at[merging]
    low, high = _range(nodes.size, ((a, labels[b]), (b, labels[a])))
    # Seen beside one group only, and never alone before or after, it is his.
    doubtful = low < high
    low, high = _range(nodes.size, ((a, at), (b, at)))
    doubtful[thing[(found.first < low[thing]) | (found.last > high[thing])]] = True
    np.minimum.at(low, thing, found.first)
    np.maximum.at(high, thing, found.last)
    doubtful &= (nodes.role == PHONE) & (low < high)
    doubtful[doubtful] = high[doubtful] - low[doubtful] > min(recycled, expiry)
    del merging, a, b, at, low, high
    later = periods(
        _sightings(found, thing, seen, labels, doubtful),
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


def _sightings(
    found: Known, thing: NDArray[np.int32], seen: Links, labels: NDArray[np.int64], chosen: Mask
) -> Sightings:
    """Return when the nodes chosen were seen, by evidence of merging strength or without any."""
    parts = []
    for ends, others in ((seen.a, seen.b), (seen.b, seen.a)):
        rows = np.flatnonzero(chosen[ends])
        kind = seen.kind[rows]
        other = np.where(kind <= MEDIUM, labels[others[rows]], -1)
        parts.append((ends[rows], other, seen.at[rows], kind == STRONG))
    codes = np.flatnonzero(chosen[thing])
    for node, at in (
        (thing[codes], found.first[codes]),
        (thing[codes], found.last[codes]),
        (thing[found.again], found.again_at),
    ):
        timed = chosen[node] & (at != LATE) & (at != EARLY)
        node, at = node[timed], at[timed]
        parts.append((node, np.full(len(at), -1), at, np.zeros(len(at), bool)))
    return Sightings(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _range(
    size: int, met: tuple[tuple[Codes, NDArray[np.int64]], ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the least and the greatest number met at each node; `LATE` and `EARLY` for none."""
    low, high = np.full(size, LATE), np.full(size, EARLY)
    for ends, numbers in met:
        np.minimum.at(low, ends, numbers)
        np.maximum.at(high, ends, numbers)
    return low, high


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


# ---------------------------------------------------------------------- review


def _review(nodes: Nodes, persons: _Persons) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of persons that may be one, (2, k), and codes of the reason, (k,).

    Persons who were seen with one identifier that is nobody's are each paired with one of them.
    """
    clues = [
        (each.pairs, each.reason)
        for each in persons.refused
        if each.reason in {"conflict", "shared"}
    ]
    clues += [(persons.medium, "single"), (persons.weak, "weak")]
    reason = np.concatenate(
        [np.full(len(pairs.a), CLUES.index(name), np.int64) for pairs, name in clues]
    )
    a = persons.person[np.concatenate([pairs.a for pairs, _ in clues])]
    b = persons.person[np.concatenate([pairs.b for pairs, _ in clues])]
    size = count(persons.person)
    somebody = np.zeros(size, bool)
    somebody[persons.person[nodes.role == ACCOUNT]] = True
    direct = somebody[a] & somebody[b] & (a != b)
    single = somebody[a] != somebody[b]
    via = np.where(somebody[a], b, a)[single]
    who, why = np.where(somebody[a], a, b)[single], reason[single]
    star = np.full(size, size)
    np.minimum.at(star, via, who)
    doubt = np.full(size, len(CLUES))
    is_star = who == star[via]
    np.minimum.at(doubt, via[is_star], why[is_star])
    low = np.append(np.minimum(a, b)[direct], star[via])
    high = np.append(np.maximum(a, b)[direct], who)
    reason = np.append(reason[direct], np.maximum(why, doubt[via]))
    apart = low != high
    # Of several reasons the best one is told.
    order = np.sort((low[apart] * size + high[apart]) * len(CLUES) + reason[apart])
    pair, reason = np.divmod(order, len(CLUES))
    best = np.diff(pair, prepend=-1) != 0
    return np.stack(np.divmod(pair[best], max(size, 1))), reason[best]
