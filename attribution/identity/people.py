"""People as tables: the outcome of `resolve`, written so that a reader can join it to his rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.identity.evidence import EARLY, KINDS, LATE
from attribution.identity.graph import Pairs, count
from attribution.identity.rules import REASONS, STATUSES
from attribution.numerics.sequences import expand

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.identity.evidence import Known
    from attribution.identity.periods import Periods

__all__ = ["CLUES", "HUB", "OK", "SHARED", "Joined", "Outcome", "People", "Refusal", "people"]

OK, SHARED, HUB, REVIEW = range(len(STATUSES))
CLUES = ("conflict", "shared", "single", "weak")  # the best reason to look at two persons first

_NAMES = tuple(REASONS)


@dataclass(frozen=True)
class People:
    """Who is who.

    Attributes
    ----------
    identities
        One row per identifier and period: id_hash, id_type, namespace, first_seen, last_seen,
        person_id, status, valid_from, valid_to; in the order of the identifiers given, later
        periods of phones behind all others. A row dated t with identifier h is the person's of
        the one row with `id_hash = h`, `valid_from` null or <= t, and `valid_to` null or > t.
        Only a phone that changed hands has more than one. Where t is not known take the row with
        `valid_to` null.
    persons
        person_id, status, identifiers (how many), first_seen, last_seen, reason.
    refused
        Links of merging strength, or to a hub, that join nobody: a, b, kind, reason.
    review
        Pairs of persons that may be one: person_id_a, person_id_b, reason.

    Notes
    -----
    Times are UTC epoch ms. `status` is one of `STATUSES` (an identity is never "review"),
    `reason` a key of `REASONS`. A person_id is "p" and the digits of the oldest identifier, so of
    two persons that become one the elder's id stays. A person who has nothing but a later period
    of a phone has that period's start behind a dot.
    """

    identities: pa.Table
    persons: pa.Table
    refused: pa.Table
    review: pa.Table


class Refusal(NamedTuple):
    """Pairs of nodes that join nobody: their kind of evidence, and why."""

    pairs: Pairs
    kind: int
    reason: str


class Joined(NamedTuple):
    """Nodes and what became of them.

    Attributes
    ----------
    thing
        (identifiers,) the node of each known identifier.
    later
        The later periods of phones, whose nodes follow.
    person, status
        (nodes,) the person of each node, and the code of its status.
    """

    thing: NDArray[np.int32]
    later: Periods
    person: NDArray[np.int32]
    status: NDArray[np.int8]


class Outcome(NamedTuple):
    """What joined nobody.

    Attributes
    ----------
    refused
        Pairs of nodes.
    unknown
        Links to identifiers that are not known: a, b, kind.
    review, clue
        (2, k) pairs of persons that may be one, and (k,) codes into `CLUES`.
    """

    refused: list[Refusal]
    unknown: pa.Table
    review: NDArray[np.int64]
    clue: NDArray[np.int64]


class _Later(NamedTuple):
    """An identifier in a later period; arrays of (r,)."""

    code: NDArray[np.int64]
    person: NDArray[np.int32]
    status: NDArray[np.int8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    last: NDArray[np.int64]


class _First(NamedTuple):
    """Identifiers in their first period: the last time they were seen in it, and its end."""

    last: NDArray[np.int64]
    end: NDArray[np.int64]


def people(
    identifiers: pa.Table, found: Known, joined: Joined, outcome: Outcome, most: int
) -> People:
    """Return the tables of people.

    Parameters
    ----------
    identifiers, found
        The identifiers as given and as read.
    joined, outcome
        What became of them and of their links.
    most
        A person of more identifiers is marked for review.
    """
    first, later = _periods(found, joined)
    person = joined.person[joined.thing]
    named, tail = _oldest(found, person, later, count(joined.person))
    review = outcome.review
    # The smaller tables first: what they need for a while is gone when the large ones are made.
    refused = _refused(identifiers, found, joined, outcome)
    return People(
        _identities(identifiers, found, joined, first, later, (named, tail)),
        _persons(found, joined, first, later, (named, tail), most),
        refused,
        pa.table(
            {
                "person_id_a": found.names(named, tail, review[0]),
                "person_id_b": found.names(named, tail, review[1]),
                "reason": _words(outcome.clue, CLUES),
            }
        ),
    )


def _periods(found: Known, joined: Joined) -> tuple[_First, _Later]:
    """Return when first periods end, and the later ones in order of hash and time."""
    periods, base = joined.later, len(joined.person) - len(joined.later.phone)
    changed = np.zeros(base, bool)
    changed[periods.phone] = True
    hashes = np.flatnonzero(changed[joined.thing])
    hashes = hashes[np.argsort(joined.thing[hashes], kind="stable")]
    # Each later period of a phone stands once for every hash of it.
    things = joined.thing[hashes]
    start = np.searchsorted(things, periods.phone)
    times = np.searchsorted(things, periods.phone, side="right") - start
    code = hashes[expand(start, times)]
    period = np.repeat(np.arange(len(periods.phone)), times)
    order = np.lexsort((period, code))
    code, period = code[order], period[order]
    goes_on = np.append(code[1:] == code[:-1], np.zeros(min(len(code), 1), bool))
    after = np.append(period[1:], period[:1])
    later = _Later(
        code,
        joined.person[base + period],
        joined.status[base + period],
        periods.start[period],
        np.where(goes_on, periods.start[after], LATE),
        np.where(goes_on, periods.before[after], found.last[code]),
    )
    last, end = found.last, np.full(len(found.last), LATE)
    second = np.flatnonzero(np.diff(code, prepend=-1))
    if len(second):
        last = last.copy()
        last[code[second]] = periods.before[period[second]]
        end[code[second]] = periods.start[period[second]]
    return _First(last, end), later


def _oldest(
    found: Known, person: NDArray[np.int32], later: _Later, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the identifier each person is named after, and the start of its period or LATE.

    A later period gives a name only where there is nothing else.
    """
    named, tail = np.full(size, LATE), np.full(size, LATE)
    earliest = np.full(size, LATE)
    np.minimum.at(earliest, person, found.first)
    oldest = np.flatnonzero(found.first == earliest[person])
    np.minimum.at(named, person[oldest], oldest)
    rest = named[later.person] == LATE
    who, code, start = later.person[rest], later.code[rest], later.start[rest]
    np.minimum.at(earliest, who, start)
    oldest = start == earliest[who]
    np.minimum.at(named, who[oldest], code[oldest])
    np.minimum.at(tail, who, start)
    return named, tail


def _identities(
    identifiers: pa.Table,
    found: Known,
    joined: Joined,
    first: _First,
    later: _Later,
    names: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> pa.Table:
    named, tail = names
    own = identifiers.select(["id_hash", "id_type", "namespace"])
    code = np.full(identifiers.num_rows, -1, np.int32)
    code[found.row] = np.arange(len(found.row))
    if len(found.row) < len(code):
        own = own.take(pa.array(np.flatnonzero(code >= 0)))
        code = code[code >= 0]
    own = own.cast(pa.schema([(name, pa.string()) for name in own.column_names]))
    node = joined.thing[code]
    person = joined.person[node]
    parts = [
        _Part(
            own,
            found.first[code],
            first.last[code],
            found.names(named, tail, person),
            joined.status[node],
            np.full(len(code), LATE),
            first.end[code],
        )
    ]
    if len(later.code):
        rows = identifiers.select(own.column_names).take(pa.array(found.row[later.code]))
        parts.append(
            _Part(
                rows.cast(own.schema),
                later.start,
                later.last,
                found.names(named, tail, later.person),
                later.status,
                later.start,
                later.end,
            )
        )
    return pa.concat_tables([part.table() for part in parts])


class _Part(NamedTuple):
    """Rows of `identities`."""

    own: pa.Table
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    person_id: pa.ChunkedArray
    status: NDArray[np.int8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def table(self) -> pa.Table:
        columns = dict(zip(self.own.column_names, self.own.columns, strict=True))
        return pa.table(
            {
                **columns,
                "first_seen": _time(self.first),
                "last_seen": _time(self.last),
                "person_id": self.person_id,
                "status": _words(self.status, STATUSES),
                "valid_from": _time(self.start),
                "valid_to": _time(self.end),
            }
        )


def _persons(
    found: Known,
    joined: Joined,
    first: _First,
    later: _Later,
    names: tuple[NDArray[np.int64], NDArray[np.int64]],
    most: int,
) -> pa.Table:
    named, tail = names
    size = len(named)
    person = joined.person[joined.thing]
    identifiers = np.bincount(person, minlength=size) + np.bincount(later.person, minlength=size)
    begun, ended = np.full(size, LATE), np.full(size, EARLY)
    for who, start, end in (
        (person, found.first, first.last),
        (later.person, later.start, later.last),
    ):
        np.minimum.at(begun, who, start)
        np.maximum.at(ended, who, end)
    status = np.zeros(size, np.int8)
    np.maximum.at(status, joined.person, joined.status)
    reason = np.array([-1, _NAMES.index("shared"), _NAMES.index("hub")], np.int8)[status]
    large = identifiers > most
    status[large], reason[large] = REVIEW, _NAMES.index("large")
    return pa.table(
        {
            "person_id": found.names(named, tail, np.arange(size)),
            "status": _words(status, STATUSES),
            "identifiers": pa.array(identifiers),
            "first_seen": _time(begun),
            "last_seen": _time(ended),
            "reason": _words(reason, _NAMES),
        }
    )


def _refused(identifiers: pa.Table, found: Known, joined: Joined, outcome: Outcome) -> pa.Table:
    """Return the links that join nobody, each once; an identifier by the first of its hashes."""
    base = len(joined.person) - len(joined.later.phone)
    shown = np.zeros(base, np.int32)
    shown[joined.thing[::-1]] = np.arange(len(joined.thing), dtype=np.int32)[::-1]
    shown = np.append(shown, shown[joined.later.phone])
    a, b = (shown[np.concatenate([each.pairs[end] for each in outcome.refused])] for end in (0, 1))
    sizes = [len(each.pairs.a) for each in outcome.refused]
    kind = np.repeat([each.kind for each in outcome.refused], sizes)
    reason = np.repeat([_NAMES.index(each.reason) for each in outcome.refused], sizes)
    order = np.lexsort((reason, kind, np.maximum(a, b), np.minimum(a, b)))
    rows = np.stack([np.minimum(a, b), np.maximum(a, b), kind, reason])[:, order]
    # A pair refused in two periods of a phone is told once.
    fresh = np.ones(rows.shape[1], bool)
    fresh[1:] = (rows[:, 1:] != rows[:, :-1]).any(axis=0)
    a, b, kind, reason = rows[:, fresh]
    hashes = identifiers.column("id_hash")
    lost = outcome.unknown
    lost = lost.group_by(lost.column_names).aggregate([])
    lost = lost.sort_by([(name, "ascending") for name in lost.column_names])
    told = pa.table(
        {
            "a": hashes.take(pa.array(found.row[a])).cast(pa.string()),
            "b": hashes.take(pa.array(found.row[b])).cast(pa.string()),
            "kind": _words(kind, KINDS),
            "reason": _words(reason, _NAMES),
        }
    )
    unknown = pa.array(["unknown"] * lost.num_rows, pa.string())
    return pa.concat_tables([told, lost.append_column("reason", unknown)])


def _words(codes: NDArray[np.integer], words: tuple[str, ...]) -> pa.Array:
    """Return the word of each code, null for -1."""
    indices = pa.array(codes.astype(np.int8), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words)).cast(pa.string())


def _time(times: NDArray[np.int64]) -> pa.Array:
    return pa.array(times, mask=(times == LATE) | (times == EARLY))
