"""Which possible orders happen: an order consumes the touchpoints before it.

A person's possible orders are gone through in time. One happens if what it comes from is still
there, given his last order; it then takes every touchpoint up to it. So two worlds that differ
in a few touchpoints can share all their chance, and differ only where they must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.worlds.spans import key
from attribution.worlds.worth import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

__all__ = ["PAUSE_MS", "Orders", "first_come", "last_before", "next_from"]

# Orders of one person within this time of each other would be one visit and share touchpoints.
# Here the later one does not happen, so that each order has its touchpoints to itself.
PAUSE_MS = 30 * 60_000


class Orders(NamedTuple):
    """Orders by person and time, (k,): whose, when, and which of the possible ones each is."""

    person: Ints
    at: Ints
    row: Ints


def first_come(
    person: Ints, at: Ints, people: int, happens: Callable[[Ints, Ints], Bools]
) -> Orders:
    """Return the orders that happen among possible ones.

    Parameters
    ----------
    person, at
        (m,) whose and when, by person and time.
    people
        How many there are.
    happens
        Called with rows of possible orders and the instant of their person's last order (`NEVER`
        if there was none); says which of them happen if none does in between.

    Notes
    -----
    Each round settles the next order of everybody who may still have one: as many rounds as
    anybody has orders, whatever the number of people.
    """
    rows = np.arange(len(person))
    last = np.full(people, NEVER)
    chosen = []
    while len(rows):
        before = last[person[rows]]
        rested = (before == NEVER) | (at[rows] > before + PAUSE_MS)
        likely = rows[rested & happens(rows, before)]
        fresh = np.append(True, np.diff(person[likely]) != 0)[: len(likely)]
        first = likely[fresh]
        chosen.append(first)
        last[person[first]] = at[first]
        settled = np.full(people, len(person))
        settled[person[first]] = first
        rows = rows[rows > settled[person[rows]]]
    found = np.sort(np.concatenate([np.zeros(0, np.int64), *chosen]))
    return Orders(person[found], at[found], found)


def last_before(orders: Orders, person: Ints, at: Ints) -> Ints:
    """Return when each person last ordered before an instant; `NEVER` if he had not."""
    return _order_at(orders, person, np.searchsorted(_keys(orders), key(person, at)) - 1, NEVER)


def next_from(orders: Orders, person: Ints, at: Ints, otherwise: Ints) -> Ints:
    """Return when each person next orders, from an instant on; else what is given."""
    return _order_at(orders, person, np.searchsorted(_keys(orders), key(person, at)), otherwise)


def _keys(orders: Orders) -> Ints:
    return key(orders.person, orders.at)


def _order_at(orders: Orders, person: Ints, place: Ints, otherwise: Ints | np.int64) -> Ints:
    """Return the instant of the order at a place, where it is of that person."""
    if len(orders.at) == 0:
        return np.broadcast_to(otherwise, person.shape).astype(np.int64)
    there = np.clip(place, 0, len(orders.at) - 1)
    own = (place == there) & (orders.person[there] == person)
    return np.where(own, orders.at[there], otherwise)
