"""Recycled phone numbers: when one number passed from one person to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics.components import Claims

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Periods", "Sightings", "periods"]


class Sightings(NamedTuple):
    """A phone seen beside somebody, or alone; arrays of (s,).

    Attributes
    ----------
    phone, other
        The phone, and the group of identifiers it was seen beside; -1 where alone.
    at
        UTC epoch ms.
    strong
        Whether strong evidence says so.
    """

    phone: NDArray[np.integer]
    other: NDArray[np.int64]
    at: NDArray[np.int64]
    strong: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Sightings:
        """Return the sightings chosen by a mask, or in an order."""
        return Sightings(
            self.phone[chosen], self.other[chosen], self.at[chosen], self.strong[chosen]
        )


class Periods(NamedTuple):
    """Later periods of phones that changed hands, in order of phone and time; arrays of (k,).

    Attributes
    ----------
    phone
        The phone.
    start
        UTC epoch ms of the first sighting of the period: it lasts until the next one's start.
    before
        UTC epoch ms of the last sighting of the period before.
    turn
        1 for a phone's second period, 2 for its third ...
    """

    phone: NDArray[np.int64]
    start: NDArray[np.int64]
    before: NDArray[np.int64]
    turn: NDArray[np.int64]


def periods(seen: Sightings, claims: Claims, *, recycled: int, expiry: int) -> Periods:
    """Split the time of phones that passed from one person to another.

    A phone may have changed hands where it was not seen for longer than `recycled`. It has if
    nobody was seen with it both before and after, and

    - those before and after cannot be one person (`claims`), or
    - strong evidence names somebody before and somebody else after, or
    - it was not seen for longer than `expiry`: whoever had it has it no more, though nobody
      else is known by it since.

    Parameters
    ----------
    seen
        When each phone was seen, beside whom or alone.
    claims
        What the groups seen beside phones hold; owners are groups.
    recycled, expiry
        Milliseconds.
    """
    least = min(recycled, expiry)
    if not len(seen.at):
        return Periods(*np.zeros((4, 0), np.int64))
    # A stretch is a run of sightings without a long gap; cuts are made between stretches only.
    seen = seen.where(_in_order(seen.phone, seen.at))
    begins, waited = _gaps(seen)
    gap = ~begins & (waited > least)
    if not gap.any():
        return Periods(*np.zeros((4, 0), np.int64))
    owner = np.cumsum(begins) - 1
    kept = (np.bincount(owner[gap], minlength=owner[-1] + 1) > 0)[owner]
    seen = seen.where(kept)
    begins, waited = _gaps(seen)
    phone = np.cumsum(begins) - 1
    stretch = np.cumsum(begins | (waited > least)) - 1
    head = np.flatnonzero(np.diff(stretch, prepend=-1))
    beside = seen.other >= 0
    owned, held, own = seen.where(beside), stretch[beside], phone[beside]
    bridged = _between(*_reach(owned.other, held, own), len(head))
    parted = _between(*_changes(own, owned, held, claims), len(head))
    cut = (
        ~begins[head] & ~bridged & (((waited[head] > recycled) & parted) | (waited[head] > expiry))
    )
    where = np.flatnonzero(cut)
    owner = phone[head[where]]
    run = np.cumsum(np.diff(owner, prepend=-1) != 0) - 1
    turn = np.arange(len(where)) - np.searchsorted(run, run) + 1
    starts = head[where]
    return Periods(seen.phone[starts].astype(np.int64), seen.at[starts], seen.at[starts - 1], turn)


def _in_order(major: NDArray[np.integer], minor: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order by two keys of 0 or more, by one sort where both fit into one number."""
    if not len(major):
        return np.zeros(0, np.int64)
    low, span = minor.min(), int(minor.max() - minor.min()) + 1
    if (int(major.max()) + 1) * span < 2**63:
        return np.argsort(major.astype(np.int64) * span + (minor - low))
    return np.lexsort((minor, major))


def _gaps(seen: Sightings) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which sightings are a phone's first, and how long after the one before they are."""
    begins = np.diff(seen.phone.astype(np.int64), prepend=-1) != 0
    return begins, np.diff(seen.at, prepend=seen.at[0])


def _between(before: NDArray[np.int64], after: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Return which stretches begin after a `before` and not after its `after`."""
    steps = np.bincount(before + 1, minlength=count + 1).astype(np.int64)
    steps -= np.bincount(after + 1, minlength=count + 1)[: len(steps)]
    return np.asarray(np.cumsum(steps)[:count] > 0)


def _reach(
    other: NDArray[np.int64], stretch: NDArray[np.int64], phone: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the last stretch in which each one was seen with each phone."""
    if not len(other):
        return stretch, stretch
    # Stretches are numbered phone by phone, so they sort phones, too.
    order = _in_order(other, stretch)
    other, stretch, phone = other[order], stretch[order], phone[order]
    new = (np.diff(phone, prepend=-1) != 0) | (np.diff(other, prepend=-1) != 0)
    starts = np.flatnonzero(new)
    return stretch[starts], stretch[np.append(starts[1:], len(order)) - 1]


def _changes(
    phone: NDArray[np.int64], seen: Sightings, stretch: NDArray[np.int64], claims: Claims
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the stretches before and after each change to somebody who cannot be the same."""
    owners = int(max(seen.other.max(initial=0), claims.owner.max(initial=0))) + 1
    rows = claims.handed(owners, seen.other, np.arange(len(phone)))
    # Whoever strong evidence names is one more group of claims, of which one may hold.
    sure = np.flatnonzero(seen.strong)
    row = np.concatenate([rows.owner, sure])
    group = np.concatenate([rows.group + 1, np.zeros(len(sure), np.int64)])
    value = np.concatenate([rows.value, seen.other[sure]])
    order = _in_order(group, stretch[row])
    row, group, value = row[order], group[order], value[order]
    changed = (
        (phone[row[1:]] == phone[row[:-1]]) & (group[1:] == group[:-1]) & (value[1:] != value[:-1])
    )
    before, after = stretch[row[:-1][changed]], stretch[row[1:][changed]]
    later = after > before
    return before[later], after[later]
