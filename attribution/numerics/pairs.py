"""Pairs of the members of sets, and second-order estimates from rates of members and pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics import sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Pairs", "pairs_within", "second_order"]


class Pairs(NamedTuple):
    """Pairs of elements, each (P,): the sequence they stand in, and the two elements' places."""

    row: Ints
    first: Ints
    second: Ints


def pairs_within(offsets: Ints) -> Pairs:
    """Return all pairs of two elements of one sequence, the earlier one first."""
    size = int(offsets[-1])
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    later = offsets[1:][rows] - np.arange(size) - 1
    first = np.repeat(np.arange(size), later)
    return Pairs(rows[first], first, sequences.expand(np.arange(size) + 1, later))


def second_order(
    alone: Floats, often: Floats, pair: NDArray[np.integer], together: Floats, shared: Floats
) -> Floats:
    """Return (n, r) the sum of each member's second-order contributions over orders.

    A member c of a set of N contributes r(c) + sum over the other members j of
    (r(c, j) - r(c) - r(j)) / (2 (N - 1)).

    Parameters
    ----------
    alone
        (n, r) r(c), of each measure.
    often
        (n,) how many orders hold the member.
    pair
        (P, 2) the two members of each pair, each pair once.
    together
        (P, r) r(c, j).
    shared
        (P,) the sum of 1 / (N - 1) over the orders that hold both.
    """
    one, other = pair.T
    apart = 0.5 * shared[:, None] * (together - alone[one] - alone[other])
    members = np.concatenate([one, other])
    return alone * often[:, None] + sequences.sum_by(members, np.vstack([apart, apart]), len(alone))
