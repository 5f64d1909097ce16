"""Channels that cannot have caused anything: touchpoints at random times of the same people.

Each channel gets a placebo. Whoever is touched often by the one is touched often by the other, but
at any time of the person's observation, before or after. So it has no effect of its own, and what
a model gives it is inclination: the channel finds people who order more of their own accord.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attribution.errors import DataError
from attribution.journeys.blocks import join
from attribution.journeys.paths import sorted_channels
from attribution.numerics import sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.journeys import Journeys

    Ints = NDArray[np.int64]

__all__ = ["PLACEBO", "persons", "with_placebos"]

PLACEBO = "(placebo) "  # before the name of the channel
_NEVER = 1 << 61


class _Drawn(NamedTuple):
    """Placebo touchpoints, (m,) each.

    Attributes
    ----------
    code
        Channel of the touchpoint that each is a copy of.
    row, person, at
        Its journey and person; when the copy comes.
    start, end
        When the person's observation starts and ends, in milliseconds.
    """

    code: Ints
    row: Ints
    person: Ints
    at: Ints
    start: Ints
    end: Ints


def persons(journeys: Journeys) -> Ints:
    """Return (n,) whose each journey is, as a number.

    Journeys do not name their people, but a person's times at risk follow each other without a
    gap. Where two people of a block meet in the same millisecond, both are taken apart.

    Raises
    ------
    DataError
        For journeys that do not say when people were watched.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    if journeys.risk_from is None or journeys.risk_until is None or journeys.block is None:
        raise DataError(
            "journeys that do not say when people were watched",
            "journeys made of touchpoints and orders with times",
            "Build them with from_touchpoints or open_journeys, without reuse.",
        )
    n = len(journeys)
    from_, until = (
        np.column_stack([journeys.block.astype(np.int64), at])
        for at in (journeys.risk_from, journeys.risk_until)
    )
    lasts = (journeys.risk_until > journeys.risk_from)[:, None]
    _, key = np.unique(np.concatenate([from_, until]), axis=0, return_inverse=True)
    begins, ends = key.ravel()[:n], key.ravel()[n:]
    keys = int(key.max(initial=-1)) + 1
    timed = lasts.ravel()
    once = (np.bincount(begins[timed], minlength=keys) == 1) & (
        np.bincount(ends[timed], minlength=keys) == 1
    )
    next_ = np.full(keys, -1)
    next_[begins[timed]] = np.flatnonzero(timed)
    linked = np.flatnonzero(timed & once[ends])
    graph = csr_array((np.ones(len(linked)), (linked, next_[ends[linked]])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def with_placebos(journeys: Journeys, seed: int = 0, copies: int = 1) -> Journeys:
    """Return the journeys with one more channel for each, `PLACEBO` and its name.

    Parameters
    ----------
    seed
        Of the times that copies of touchpoints come at.
    copies
        How many placebo touchpoints each touchpoint has.

    Raises
    ------
    DataError
        For journeys that do not say when people were watched.
    """
    seen = journeys.observed
    drawn = _drawn(seen, seed, copies)
    order = _taking(seen, drawn)
    taken = order >= 0
    names = [*seen.channels, *(PLACEBO + name for name in seen.channels)]
    channels, recode = sorted_channels(names)
    assert seen.closed_at is not None and seen.ages is not None  # noqa: PT018, S101
    row = np.concatenate([seen.rows, order[taken]])
    ages = np.concatenate([seen.ages, seen.closed_at[order[taken]] - drawn.at[taken]])
    placebos = recode[drawn.code + len(seen.channels)]
    codes = np.concatenate([recode[seen.codes], placebos[taken]])
    in_time = np.lexsort((-ages, row))
    wider = replace(
        seen,
        channels=channels,
        offsets=sequences.offsets_of(np.bincount(row, minlength=len(seen))),
        codes=codes[in_time],
        ages=ages[in_time],
        touch=_lookback(seen, len(row)),
    )
    left = _Drawn(*(column[~taken] for column in drawn._replace(code=placebos.astype(np.int64))))
    return join([wider, _untaken(wider, left)])


def _drawn(seen: Journeys, seed: int, copies: int) -> _Drawn:
    """Return copies of touchpoints, moved to any time of their person's observation."""
    person = persons(seen)
    assert seen.risk_from is not None and seen.risk_until is not None  # noqa: PT018, S101
    watched = seen.risk_until > seen.risk_from
    people = int(person.max(initial=-1)) + 1
    start, end = np.full(people, _NEVER), np.full(people, -1)
    np.minimum.at(start, person[watched], seen.risk_from[watched])
    np.maximum.at(end, person[watched], seen.risk_until[watched])
    row, code = np.tile(seen.rows, copies), np.tile(seen.codes, copies).astype(np.int64)
    timed = end[person[row]] > start[person[row]]
    row, code = row[timed], code[timed]
    who = person[row]
    rng = np.random.default_rng(seed)
    at = start[who] + (rng.random(len(who)) * (end[who] - start[who])).astype(np.int64)
    return _Drawn(code, row, who, at, start[who], end[who])


def _taking(seen: Journeys, drawn: _Drawn) -> Ints:
    """Return the journey that takes each touchpoint: -1 for one of its own.

    The next order takes it, if it comes within the look-back; else the journey without an order
    that it falls into, where it acts beside what is there.
    """
    assert seen.closed_at is not None  # noqa: S101
    assert seen.risk_from is not None and seen.risk_until is not None  # noqa: PT018, S101
    person = persons(seen)
    orders = np.flatnonzero(seen.conversions > 0)
    after, at = _neighbour(person, seen.closed_at, orders, drawn, later=True)
    lookback = _NEVER if seen.lookback is None else seen.lookback
    taken = after & (seen.closed_at[at] - drawn.at <= lookback)
    rest = np.flatnonzero((seen.conversions <= 0) & (seen.risk_until > seen.risk_from))
    before, inside = _neighbour(person, seen.risk_from, rest, drawn, later=False)
    before &= drawn.at < seen.risk_until[inside]
    return np.where(taken, at, np.where(before, inside, -1))


def _neighbour(
    person: Ints, when: Ints, rows: Ints, drawn: _Drawn, *, later: bool
) -> tuple[NDArray[np.bool_], Ints]:
    """Return whether a person has one of the rows after, or before, each instant; and which."""
    if not len(rows) or not len(drawn.at):
        return np.zeros(len(drawn.at), bool), np.zeros(len(drawn.at), np.int64)
    rows = rows[np.lexsort((when[rows], person[rows]))]
    first = min(int(drawn.at.min()), int(when[rows].min()))
    span = max(int(drawn.at.max()), int(when[rows].max())) - first + 1
    keys = person[rows] * span + when[rows] - first
    place = np.searchsorted(
        keys, drawn.person * span + drawn.at - first, "left" if later else "right"
    )
    place = place if later else place - 1
    found = rows[np.clip(place, 0, len(rows) - 1)]
    there = (place >= 0) & (place < len(rows)) & (person[found] == drawn.person)
    return there, found


def _untaken(wider: Journeys, drawn: _Drawn) -> Journeys:
    """Return a journey without an order and without time at risk for each touchpoint."""
    like = wider.take(drawn.row)
    n = len(drawn.at)
    return replace(
        like,
        offsets=np.arange(n + 1),
        codes=drawn.code.astype(np.int32),
        ages=drawn.end - drawn.at,
        touch=_lookback(wider, n),
        conversions=np.zeros_like(like.conversions),
        nulls=np.ones_like(like.nulls),
        values={name: np.zeros_like(column) for name, column in like.values.items()},
        closed_at=drawn.end,
        order_id=None if like.order_id is None else np.full(n, None, dtype=object),
        watched_from=drawn.start,
        watched_until=drawn.end,
        risk_from=drawn.end,
        risk_until=drawn.end,
    )


def _lookback(seen: Journeys, touchpoints: int) -> dict[str, Any]:
    """Return the touchpoint column of look-backs, one for all, where journeys carry one."""
    own = seen.touch.get("lookback_ms")
    if own is None:
        return {}
    return {"lookback_ms": np.full(touchpoints, int(np.max(own, initial=1)))}
