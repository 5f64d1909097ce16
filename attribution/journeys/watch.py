"""When people were under observation, as each of their journeys has to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = [
    "NEVER",
    "Others",
    "Watch",
    "first_touchpoints",
    "others",
    "others_in_order",
    "watch",
    "windows_of_touched",
]

# A window that never begins: of a person nobody watched.
NEVER = np.int64(2**62)


class Watch(NamedTuple):
    """What the likelihood of a rate in time needs to know of n journeys; in milliseconds.

    Attributes
    ----------
    watched_from, watched_until
        (n,) a touchpoint's action is counted with its journey between these instants: from the
        start of observation, or from an order of the same visit, which already counts what was
        before; until the order, or the end of observation where there is none. An order counts
        if it lies between them.
    risk_from, risk_until
        (n,) the time under observation that is counted with the journey. Of one person's journeys
        it adds up to all of his: each has what lies between the closing before and its own, the
        last one the rest.
    """

    watched_from: Ints
    watched_until: Ints
    risk_from: Ints
    risk_until: Ints


def windows_of_touched(
    person: Ints, first_at: Ints, touched: NDArray[np.bool_], people: int, as_of: int
) -> tuple[Ints, Ints]:
    """Return (people,) start and end of observation where nobody has stated them.

    A person is watched from his first touchpoint to `as_of`; one without touchpoints never is.

    Parameters
    ----------
    person, first_at, touched
        (n,) of each journey: whose it is, when it begins, whether it has touchpoints.
    """
    start = np.full(people, NEVER)
    np.minimum.at(start, person[touched], first_at[touched])
    return start, np.where(start == NEVER, NEVER, as_of)


class Others(NamedTuple):
    """What each of n journeys has to know of its person's others, in the order of their closing.

    Attributes
    ----------
    closed_before, order_before
        (n,) when the journey before closed, and the latest order before; `-NEVER` without one.
    last
        (n,) whether no other closes after it.
    """

    closed_before: Ints
    order_before: Ints
    last: NDArray[np.bool_]


def others(person: Ints, closed_at: Ints, ordered: NDArray[np.bool_]) -> Others:
    """Return what journeys have to know of their person's others; of equal times, row by row.

    Parameters
    ----------
    person, closed_at, ordered
        (n,) of each journey: whose it is, when it closes, whether an order closes it.
    """
    order = np.lexsort((closed_at, person))
    found = others_in_order(person[order], closed_at[order], ordered[order])
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return Others(found.closed_before[back], found.order_before[back], found.last[back])


def others_in_order(
    person: NDArray[np.integer[Any]], closed_at: Ints, ordered: NDArray[np.bool_]
) -> Others:
    """Return the same for journeys that lie by person, each person's in the order of closing."""
    fresh = np.append(True, person[1:] != person[:-1])[: len(person)]
    before = np.append(-NEVER, closed_at[:-1])[: len(person)]
    place = np.where(ordered, np.arange(len(person)), -1)
    latest = np.append(-1, np.maximum.accumulate(place))[: len(person)]
    own = latest >= np.maximum.accumulate(np.where(fresh, np.arange(len(person)), 0))
    return Others(
        closed_before=np.where(fresh, -NEVER, before),
        order_before=np.where(own, closed_at[latest], -NEVER),
        last=np.append(fresh[1:], True)[: len(person)],
    )


def watch(
    closed_at: Ints,
    ordered: NDArray[np.bool_],
    start: Ints,
    end: Ints,
    counts: NDArray[np.bool_],
    among: Others,
) -> Watch:
    """Return when each journey's person was watched.

    Parameters
    ----------
    closed_at, ordered
        (n,) of each journey: when it closes, and whether an order closes it.
    start, end
        (n,) the window in which its person was watched; `NEVER` for nobody.
    counts
        (n,) whether an order may count: without stated windows, one without touchpoints does not.
    among
        Where the journey stands among its person's others.
    """
    # Only orders of one visit share touchpoints, so only they have to leave out what was before.
    from_ = np.where(ordered, np.maximum(start, among.order_before), start)
    until = np.where(ordered, np.minimum(closed_at, end), end)
    silent = (ordered & ~counts) | (start == NEVER)
    return Watch(
        watched_from=np.where(silent, closed_at, from_),
        watched_until=np.where(silent, closed_at - 1, until),
        risk_from=np.clip(among.closed_before, start, end),
        risk_until=np.where(among.last, end, np.clip(closed_at, start, end)),
    )


def first_touchpoints(offsets: Ints, closed_at: Ints, ages: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return (n,) when each journey's first touchpoint was, and whether it has any."""
    lengths = np.diff(offsets)
    touched = lengths > 0
    first = closed_at.copy()
    first[touched] -= ages[offsets[:-1][touched]]
    return first, touched
