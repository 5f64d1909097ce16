"""Which touchpoints each order takes: the assembly of journeys in memory.

Everything here is sorted arrays of integers and binary search: no loop over people, orders or
touchpoints. Rows are referred to by their number in the caller's frames, so that the caller can
carry any column along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics.sequences import expand, offsets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["Assembly", "already_said", "assemble"]


class Assembly(NamedTuple):
    """Journeys as row numbers: the orders' first, in their order, then those without an order.

    Attributes
    ----------
    offsets
        (n + 1,) bounds of each journey's touchpoints.
    touch
        (T,) row of each touchpoint in the touchpoint frame.
    ages
        (T,) milliseconds from the touchpoint to the journey's close.
    order
        (n,) row of the journey's order in the order frame, -1 without one.
    person
        (n,) person of each journey.
    closed_at
        (n,) UTC epoch milliseconds.
    open
        (n,) True where the journey had not expired by `as_of`.
    """

    offsets: Ints
    touch: Ints
    ages: Ints
    order: Ints
    person: Ints
    closed_at: Ints
    open: NDArray[np.bool_]


class _Timeline(NamedTuple):
    """Touchpoints and orders sorted by person and time, with one sortable key for both."""

    touch: Ints  # row in the touchpoint frame
    touch_person: Ints
    touch_at: Ints
    touch_key: Ints
    order: Ints  # row in the order frame
    order_person: Ints
    order_at: Ints
    order_key: Ints
    times: Ints  # every distinct instant, sorted

    def key(self, person: Ints, at: Ints) -> Ints:
        """Return the key of the first known instant at or after `at`."""
        rank = np.searchsorted(self.times, at, side="left")
        return np.asarray(person * (len(self.times) + 1) + rank, dtype=np.int64)


def assemble(
    touch_person: Ints,
    touch_at: Ints,
    tie_break: NDArray[np.generic],
    order_person: Ints,
    order_at: Ints,
    *,
    exposure: NDArray[np.bool_],
    lookback: int,
    expiry: int,
    same_visit: int,
    reuse: bool,
    as_of: int,
) -> Assembly:
    """Assemble journeys; durations and instants in milliseconds, people as codes from 0.

    An order takes the touchpoints with `last order of the earlier visit < touch.at <= order.at`
    and `order.at - touch.at <= lookback`. Touchpoints that no order takes form journeys that did
    not convert, cut where a gap exceeds `expiry` or an order lies between; those that are no
    exposure, but evidence about an order, do not.
    """
    line = _timeline(touch_person, touch_at, tie_break, order_person, order_at)
    low = np.searchsorted(line.touch_key, line.key(line.order_person, line.order_at - lookback))
    high = np.searchsorted(line.touch_key, line.order_key, side="right")
    if not reuse:
        low = np.maximum(low, _consumed(line, same_visit))
    low = np.minimum(low, high)

    back = np.empty_like(line.order)  # position in the sorted orders of each row of the frame
    back[line.order] = np.arange(len(line.order))
    taken = expand(low[back], (high - low)[back])
    taken_lengths = (high - low)[back]

    free = np.flatnonzero(_untaken(len(line.touch), low, high) & exposure[line.touch])
    starts = _journey_starts(line, free, expiry)
    free_lengths = np.diff(np.append(starts, len(free)))
    last = free[starts + free_lengths - 1] if len(starts) else np.zeros(0, np.int64)
    expires = line.touch_at[last] + expiry

    rows = np.concatenate([taken, free])
    lengths = np.concatenate([taken_lengths, free_lengths])
    closed_at = np.concatenate([order_at, np.minimum(expires, as_of)])
    return Assembly(
        offsets=offsets_of(lengths),
        touch=line.touch[rows],
        ages=np.repeat(closed_at, lengths) - line.touch_at[rows],
        order=np.concatenate([np.arange(len(order_at)), np.full(len(starts), -1)]),
        person=np.concatenate([order_person, line.touch_person[last]]),
        closed_at=closed_at,
        open=np.concatenate([np.zeros(len(order_at), bool), expires > as_of]),
    )


def already_said(
    evidence: NDArray[np.bool_], rows: Ints, codes: Ints, places: Sequence[Ints]
) -> NDArray[np.bool_]:
    """Mark evidence of a source that another touchpoint of the same journey stands for.

    It is the same source if they share a place (room, video, streamer; codes, -1 if unknown), or,
    where the evidence names no place, the channel.
    """
    known, nowhere = np.zeros(len(rows), bool), np.ones(len(rows), bool)
    for place in places:
        named = place >= 0
        pair = rows * (place.max(initial=0) + 1) + place
        known |= named & np.isin(pair, pair[named & ~evidence])
        nowhere &= ~named
    pair = rows * (codes.max(initial=0) + 1) + codes
    return np.asarray(evidence & (known | (nowhere & np.isin(pair, pair[~evidence]))))


def _timeline(
    touch_person: Ints,
    touch_at: Ints,
    tie_break: NDArray[np.generic],
    order_person: Ints,
    order_at: Ints,
) -> _Timeline:
    times = np.unique(np.concatenate([touch_at, order_at]))
    touch = np.lexsort((tie_break, touch_at, touch_person)).astype(np.int64)
    order = np.lexsort((order_at, order_person)).astype(np.int64)
    line = _Timeline(
        touch,
        touch_person[touch],
        touch_at[touch],
        touch[:0],
        order,
        order_person[order],
        order_at[order],
        order[:0],
        times,
    )
    return line._replace(
        touch_key=line.key(line.touch_person, line.touch_at),
        order_key=line.key(line.order_person, line.order_at),
    )


def _consumed(line: _Timeline, same_visit: int) -> Ints:
    """Return, for each order, how many touchpoints stand up to the earlier visit's last order."""
    starts = _visit_starts(line, same_visit)
    visit = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    before = first - 1  # the earlier visit's last order, if it is of the same person
    consumed = np.searchsorted(line.touch_key, line.order_key[np.maximum(before, 0)], side="right")
    same_person = (before >= 0) & (
        line.order_person[np.maximum(before, 0)] == line.order_person[first]
    )
    return np.asarray(np.where(same_person, consumed, 0)[visit], dtype=np.int64)


def _visit_starts(line: _Timeline, same_visit: int) -> NDArray[np.bool_]:
    """Mark the orders that open a visit: a person's first, then each first one too late for it.

    Whether an order opens a visit depends on where the visit before it opened. The orders that
    do are the orbit of each person's first under `following`, found by doubling: after i rounds
    every start within 2^i visits is marked.
    """
    count = len(line.order)
    starts = np.zeros(count + 1, bool)
    starts[:count] = np.append(True, np.diff(line.order_person) != 0)[:count]
    late = line.key(line.order_person, line.order_at + same_visit + 1)
    following = np.append(np.searchsorted(line.order_key, late), count)
    own = np.append(line.order_person, -1)
    following = np.where(own[following] == own, following, count)
    while True:
        reached = starts.copy()
        reached[following[starts]] = True
        reached[count] = False
        if np.array_equal(reached, starts):
            return starts[:count]
        starts, following = reached, following[following]


def _untaken(count: int, low: Ints, high: Ints) -> NDArray[np.bool_]:
    cover = np.bincount(low, minlength=count + 1) - np.bincount(high, minlength=count + 1)
    return np.asarray(np.cumsum(cover)[:count] == 0)


def _journey_starts(line: _Timeline, free: Ints, expiry: int) -> Ints:
    """Return the positions in `free` where a journey without an order begins."""
    if len(free) == 0:
        return np.zeros(0, np.int64)
    orders_before = np.searchsorted(line.order_key, line.touch_key[free], side="left")
    new_person = np.diff(line.touch_person[free]) != 0
    new_gap = np.diff(line.touch_at[free]) > expiry
    new_order = np.diff(orders_before) != 0
    return np.flatnonzero(np.append(True, new_person | new_gap | new_order))
